//! IP where addresses are longer than those of Ethernet: Fibre Channel (`LINKTYPE_IP_OVER_FC`, RFC 2625) with LLC
//! behind its network header, and FireWire as Apple captures it (`LINKTYPE_APPLE_IP_OVER_IEEE1394`).

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{Layer, Next, Reject, ethernet, peel::Peel};

/// Two bytes that say what kind of address follows, and a MAC address.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Address {
    kind: [u8; 2],
    mac: [u8; 6],
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct FireWire {
    destination: [u8; 8],
    source: [u8; 8],
    ether_type: U16,
}

pub(super) fn peel_channel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let [destination, source] = peel.header::<[Address; 2]>(Layer::Link)?;
    (peel.receiver, peel.sender) = (Some(&destination.mac), Some(&source.mac));
    Ok(Next::Llc)
}

pub(super) fn peel_fire_wire(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let header: &FireWire = peel.header(Layer::Link)?;
    ethernet::follow(peel, header.ether_type.get(), Layer::Link, offset)
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    #[test]
    fn addresses_of_fibre_channel_hold_those_of_ethernet() {
        let header = join(&[&[0x10, 0], &DESTINATION_MAC, &[0x10, 0], &SOURCE_MAC]);
        let bytes = join(&[&header, &SNAP_IPV4, &ipv4()]);
        let segment = whole(LinkType::IP_OVER_FC, &bytes).expect("a segment");
        assert_eq!(
            (segment.link.source_mac, segment.link.destination_mac),
            (Some(SOURCE_MAC), Some(DESTINATION_MAC))
        );
        is_hello(Ok(segment));
    }

    #[test]
    fn a_type_follows_the_addresses_of_fire_wire() {
        is_hello(whole(LinkType::APPLE_IP_OVER_IEEE1394, &join(&[&[0xff; 16], &[8, 0], &ipv4()])));
        is_hello(whole(LinkType::APPLE_IP_OVER_IEEE1394, &join(&[&[1; 16], &[0x86, 0xdd], &ipv6()])));
        let arp = join(&[&[1; 16], &[8, 6], &[0; 28]]);
        assert_eq!(rejected(LinkType::APPLE_IP_OVER_IEEE1394, &arp).reason, RejectReason::NotIp(0x0806));
    }
}
