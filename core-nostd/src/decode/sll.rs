//! Linux "cooked" captures (`LINKTYPE_LINUX_SLL`, `LINKTYPE_LINUX_SLL2`), which have the sender's
//! address only.

use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    big_endian::{U16, U32},
};

use super::{Layer, Next, Reject, RejectReason, ethernet, peel::Peel, wifi::Radio};

/// Protocol numbers of Linux: every protocol and the Ethernet loopback, which stand before a whole Ethernet
/// frame, and 802.2 LLC.
const ALL: u16 = 0x0003;
const LOOPBACK: u16 = 0x0060;
const LLC: u16 = 0x0004;

/// Hardware types whose protocol field is not an EtherType: Frame Relay, three kinds of 802.11, Netlink.
const FRAME_RELAY: u16 = 770;
const IEEE802_11: u16 = 801;
const PRISM: u16 = 802;
const RADIOTAP: u16 = 803;
const NETLINK: u16 = 824;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Sll {
    packet_type: U16,
    hardware: U16,
    address_len: U16,
    address: [u8; 8],
    protocol: U16,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Sll2 {
    protocol: U16,
    reserved: U16,
    interface: U32,
    hardware: U16,
    packet_type: u8,
    address_len: u8,
    address: [u8; 8],
}

#[inline]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let header: &Sll = peel.header(Layer::Link)?;
    note_sender(peel, header.address_len.get(), &header.address);
    follow(peel, header.hardware.get(), header.protocol.get())
}

#[inline]
pub(super) fn peel_v2(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let header: &Sll2 = peel.header(Layer::Link)?;
    note_sender(peel, header.address_len.into(), &header.address);
    follow(peel, header.hardware.get(), header.protocol.get())
}

#[inline]
fn note_sender<'a>(peel: &mut Peel<'a>, len: u16, address: &'a [u8; 8]) {
    if len == 6 {
        peel.sender = address.first_chunk();
    }
}

#[inline]
fn follow(peel: &mut Peel<'_>, hardware: u16, protocol: u16) -> Result<Next, Reject> {
    let not_ip = Err(Reject { layer: Layer::Link, reason: RejectReason::NotIp(protocol.into()), offset: 0 });
    match hardware {
        FRAME_RELAY => return Ok(Next::FrameRelay),
        IEEE802_11 => return Ok(Next::Wifi(Radio::default())),
        PRISM => return Ok(Next::Prism),
        RADIOTAP => return Ok(Next::Radiotap),
        NETLINK => return not_ip,
        _ => {}
    }
    match protocol {
        protocol if protocol >= ethernet::MIN_TYPE => ethernet::follow(peel, protocol, Layer::Link, 0),
        ALL | LOOPBACK => Ok(Next::Ethernet),
        LLC => Ok(Next::Llc),
        _ => not_ip,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    /// A header with this hardware type, address length and protocol.
    fn sll(hardware: [u8; 2], len: u8, protocol: [u8; 2], rest: &[u8]) -> Vec<u8> {
        join(&[&[0, 4], &hardware, &[0, len], &SOURCE_MAC, &[0, 0], &protocol, rest])
    }

    fn sll2(hardware: [u8; 2], len: u8, protocol: [u8; 2], rest: &[u8]) -> Vec<u8> {
        join(&[&protocol, &[0, 0, 0, 0, 0, 3], &hardware, &[4, len], &SOURCE_MAC, &[0, 0], rest])
    }

    #[test]
    fn both_versions_carry_ip_and_the_senders_address() {
        for (link, bytes) in [
            (LinkType::LINUX_SLL, sll([0, 1], 6, [8, 0], &ipv4())),
            (LinkType::LINUX_SLL, sll([0, 1], 6, [0x86, 0xdd], &ipv6())),
            (LinkType::LINUX_SLL2, sll2([0, 1], 6, [8, 0], &ipv4())),
            (LinkType::LINUX_SLL2, sll2([0, 1], 6, [0x86, 0xdd], &ipv6())),
        ] {
            let segment = whole(link, &bytes).expect("a segment");
            assert_eq!(segment.link.source_mac, Some(SOURCE_MAC));
            assert_eq!(segment.link.destination_mac, None);
            is_hello(Ok(segment));
        }
    }

    #[test]
    fn a_device_without_addresses_has_none() {
        let bytes = sll2([0xff, 0xfe], 0, [8, 0], &ipv4());
        let segment = whole(LinkType::LINUX_SLL2, &bytes).expect("a segment");
        assert_eq!(segment.link.source_mac, None);
        is_hello(Ok(segment));
    }

    #[test]
    fn tags_and_llc_may_follow() {
        let tagged = sll([0, 1], 6, [0x81, 0], &join(&[&[0, 5, 8, 0], &ipv4()]));
        let segment = whole(LinkType::LINUX_SLL, &tagged).expect("a segment");
        assert_eq!(segment.link.vlans, [5]);
        is_hello(Ok(segment));
        let llc = sll([0, 1], 6, [0, 4], &join(&[&[6, 6, 3], &ipv4()]));
        is_hello(whole(LinkType::LINUX_SLL, &llc));
    }

    #[test]
    fn a_whole_ethernet_frame_may_follow() {
        for protocol in [[0, 3], [0, 0x60]] {
            let bytes = sll([0, 1], 6, protocol, &ethernet(&[8, 0]));
            let segment = whole(LinkType::LINUX_SLL, &bytes).expect("a segment");
            assert_eq!(segment.link.destination_mac, Some(DESTINATION_MAC));
            is_hello(Ok(segment));
            is_hello(whole(LinkType::LINUX_SLL2, &sll2([0, 1], 6, protocol, &ethernet(&[8, 0]))));
        }
    }

    #[test]
    fn what_devices_of_802_11_and_frame_relay_capture_is_no_ethertype() {
        let data = wifi(0x08, 1, &join(&[&SNAP_IPV4, &ipv4()]));
        let radiotap = join(&[&[0, 0, 9, 0, 2, 0, 0, 0, 0], &data]);
        let prism = join(&[&[0x44, 0, 0, 0, 144, 0, 0, 0], &[0; 136], &data]);
        let frame_relay = join(&[&[0x18, 0x41, 3, 0xcc], &ipv4()]);
        for (hardware, rest) in [(770, frame_relay), (801, data), (802, prism), (803, radiotap)] {
            let hardware = u16::to_be_bytes(hardware);
            is_hello(whole(LinkType::LINUX_SLL, &sll(hardware, 6, [8, 0], &rest)));
            is_hello(whole(LinkType::LINUX_SLL2, &sll2(hardware, 6, [0, 4], &rest)));
        }
    }

    #[test]
    fn the_protocol_field_of_netlink_is_no_ethertype() {
        let reject = rejected(LinkType::LINUX_SLL, &sll([3, 0x38], 0, [8, 0], &ipv4()));
        assert_eq!(reject.reason, RejectReason::NotIp(0x0800));
    }

    #[test]
    fn a_protocol_number_below_the_ethertypes_is_not_ip() {
        let reject = rejected(LinkType::LINUX_SLL, &sll([0, 1], 6, [0, 1], &ipv4()));
        assert_eq!(reject.reason, RejectReason::NotIp(1));
    }
}
