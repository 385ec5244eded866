//! Rings: FDDI (ANSI X3.139, RFC 1390) and Token Ring (IEEE 802.5, RFC 1042). Both carry 802.2 LLC.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::{Layer, Next, Reject, RejectReason, peel::Peel};

/// Frame control of FDDI: asynchronous LLC frames are 0x50 to 0x57.
const FDDI_LLC: u8 = 0x50;
const FDDI_TYPE: u8 = 0xf8;

/// Frame control of Token Ring.
const TOKEN_RING_LLC: u8 = 0x40;
const TOKEN_RING_TYPE: u8 = 0xc0;
/// In the sender's address: the route follows.
const ROUTED: u8 = 0x80;
/// Of the first byte of the route: its length.
const ROUTE_LENGTH: u8 = 0x1f;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Addresses {
    destination: [u8; 6],
    source: [u8; 6],
}

pub(super) fn peel_fddi(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let &[control] = peel.header::<[u8; 1]>(Layer::Link)?;
    addresses(peel)?;
    by_control(control & FDDI_TYPE == FDDI_LLC, offset)
}

pub(super) fn peel_token_ring(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let &[_access, control] = peel.header::<[u8; 2]>(Layer::Link)?;
    let addresses = addresses(peel)?;
    if addresses.source[0] & ROUTED != 0 {
        let route = peel.peek::<[u8; 1]>(Layer::Link)?[0] & ROUTE_LENGTH;
        if route < 2 {
            return Err(peel.reject(Layer::Link, RejectReason::BadLength));
        }
        peel.advance(route.into(), Layer::Link)?;
    }
    by_control(control & TOKEN_RING_TYPE == TOKEN_RING_LLC, offset)
}

fn addresses<'a>(peel: &mut Peel<'a>) -> Result<&'a Addresses, Reject> {
    let addresses: &Addresses = peel.header(Layer::Link)?;
    (peel.sender, peel.receiver) = (Some(&addresses.source), Some(&addresses.destination));
    Ok(addresses)
}

fn by_control(llc: bool, offset: usize) -> Result<Next, Reject> {
    if llc {
        Ok(Next::Llc)
    } else {
        Err(Reject { layer: Layer::Link, reason: RejectReason::Control, offset })
    }
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    #[test]
    fn llc_of_both_rings_carries_ip_and_a_route_is_skipped() {
        let data = join(&[&SNAP_IPV4, &ipv4()]);
        let fddi = join(&[&[0x57], &MACS, &data]);
        let segment = whole(LinkType::FDDI, &fddi).expect("a segment");
        assert_eq!(
            (segment.link.source_mac, segment.link.destination_mac),
            (Some(SOURCE_MAC), Some(DESTINATION_MAC))
        );
        is_hello(Ok(segment));
        is_hello(whole(LinkType::IEEE802_5, &join(&[&[0x10, 0x40], &MACS, &data])));
        let mut routed = join(&[&[0x10, 0x40], &MACS, &[0x06, 0x30, 0, 1, 0, 2], &data]);
        routed[8] |= 0x80;
        is_hello(whole(LinkType::IEEE802_5, &routed));
    }

    #[test]
    fn what_runs_the_ring_is_control() {
        assert_eq!(rejected(LinkType::FDDI, &[0x41; 40]).reason, RejectReason::Control);
        assert_eq!(
            rejected(LinkType::IEEE802_5, &[0x10, 0x00, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6]).reason,
            RejectReason::Control
        );
    }
}
