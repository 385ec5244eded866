//! Linux "cooked" captures (`LINKTYPE_LINUX_SLL`, `LINKTYPE_LINUX_SLL2`), which have the sender's
//! address only.

use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    big_endian::{U16, U32},
};

use super::{Layer, Next, Reject, RejectReason, ethernet, peel::Peel};

/// The protocol number that stands for 802.2 LLC.
const LLC: u16 = 0x0004;

/// Hardware types whose protocol field is not an EtherType: Frame Relay, three kinds of 802.11, Netlink.
const FOREIGN: [u16; 5] = [770, 801, 802, 803, 824];

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
    let foreign = FOREIGN.contains(&hardware);
    if protocol >= ethernet::MIN_TYPE && !foreign {
        ethernet::follow(peel, protocol, Layer::Link, 0)
    } else if protocol == LLC && !foreign {
        Ok(Next::Llc)
    } else {
        Err(Reject { layer: Layer::Link, reason: RejectReason::NotIp(protocol.into()), offset: 0 })
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
