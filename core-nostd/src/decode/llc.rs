//! 802.2 LLC, with SNAP (RFC 1042) or with the old service access point of IP.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{Layer, Next, Reject, RejectReason, ethernet, isl, look::looks_like_ethernet, peel::Peel};

/// Service access points, destination and source, and the control byte of an unnumbered frame.
const SNAP: [u8; 3] = [0xaa, 0xaa, 0x03];
const IP: [u8; 3] = [0x06, 0x06, 0x03];
/// Network layer protocols of ISO and others (RFC 2684, 5.2; RFC 2427).
const NETWORK: [u8; 3] = [0xfe, 0xfe, 0x03];

/// Network layer protocol identifiers: IPv4, IPv6, PPP (RFC 2364), SNAP.
const NETWORK_IPV4: u8 = 0xcc;
const NETWORK_IPV6: u8 = 0x8e;
const NETWORK_PPP: u8 = 0xcf;
const NETWORK_SNAP: u8 = 0x80;

/// Organisations whose protocol numbers are EtherTypes: RFC 1042 and 802.1H.
const ETHER_TYPES: [[u8; 3]; 2] = [[0, 0, 0], [0, 0, 0xf8]];

/// 802.1, whose numbers say what is bridged; Ethernet with and without check sequence (RFC 2427, 4.2).
const BRIDGED: [u8; 3] = [0, 0x80, 0xc2];
const BRIDGED_ETHERNET: [u16; 2] = [0x0001, 0x0007];

/// The SNAP header, after LLC.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Snap {
    organisation: [u8; 3],
    protocol: U16,
}

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let llc: &[u8; 3] = peel.header(Layer::Llc)?;
    match *llc {
        IP => Ok(Next::Ipv4),
        SNAP => follow_snap(peel, offset),
        NETWORK => follow_network(peel, offset),
        [destination, source, _] => {
            let protocol = u16::from_be_bytes([destination, source]);
            Err(Reject { layer: Layer::Llc, reason: RejectReason::NotIp(protocol.into()), offset })
        }
    }
}

/// Goes on by the network layer protocol identifier that comes next; the header that announced it is at `offset`.
#[cold]
pub(super) fn follow_network(peel: &mut Peel<'_>, offset: usize) -> Result<Next, Reject> {
    let &[protocol] = peel.header::<[u8; 1]>(Layer::Llc)?;
    match protocol {
        NETWORK_IPV4 => Ok(Next::Ipv4),
        NETWORK_IPV6 => Ok(Next::Ipv6),
        NETWORK_PPP => Ok(Next::Ppp),
        NETWORK_SNAP => follow_snap(peel, offset),
        // As an access point of ISO, of which this is one.
        _ => Err(Reject { layer: Layer::Llc, reason: RejectReason::NotIp(0xfefe), offset }),
    }
}

/// Goes on by the SNAP header that comes next; the header that announced it is at `offset`.
pub(super) fn follow_snap(peel: &mut Peel<'_>, offset: usize) -> Result<Next, Reject> {
    let snap: &Snap = peel.header(Layer::Llc)?;
    let protocol = snap.protocol.get();
    if snap.organisation == BRIDGED && BRIDGED_ETHERNET.contains(&protocol) {
        // ATM aligns the frame (RFC 2684, 5.3).
        if let [0, 0, frame @ ..] = peel.bytes
            && !looks_like_ethernet(peel.bytes)
            && looks_like_ethernet(frame)
        {
            peel.advance(2, Layer::Llc)?;
        }
        return Ok(Next::Ethernet);
    }
    if !ETHER_TYPES.contains(&snap.organisation) || protocol < ethernet::MIN_TYPE {
        if cfg!(feature = "rare")
            && let Some(next) = isl::follow(peel, protocol, offset)?
        {
            return Ok(next);
        }
        return Err(Reject { layer: Layer::Llc, reason: RejectReason::NotIp(protocol.into()), offset });
    }
    ethernet::follow(peel, protocol, Layer::Llc, offset)
}

#[cfg(test)]
mod tests {
    use super::super::examples::*;
    use super::super::{Layer, Reject, RejectReason};
    use crate::frame::LinkType;

    #[test]
    fn snap_of_rfc_1042_and_of_802_1h_carries_ip() {
        is_hello(whole(LinkType::ETHERNET, &ethernet(&[0, 53, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0])));
        is_hello(whole(LinkType::ETHERNET, &ethernet(&[0, 53, 0xaa, 0xaa, 3, 0, 0, 0xf8, 8, 0])));
    }

    #[test]
    fn snap_may_carry_a_tag() {
        let bytes = ethernet(&[0, 57, 0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0, 0, 7, 8, 0]);
        let segment = whole(LinkType::ETHERNET, &bytes).expect("a segment");
        assert_eq!(segment.link.vlans, [7]);
        is_hello(Ok(segment));
    }

    #[test]
    fn the_access_point_of_ip_carries_ipv4() {
        is_hello(whole(LinkType::ETHERNET, &ethernet(&[0, 48, 6, 6, 3])));
    }

    #[test]
    fn network_layer_protocols_of_iso_carry_ip_and_ppp() {
        for (protocol, rest) in [
            (0xcc, ipv4()),
            (0x8e, ipv6()),
            (0xcf, join(&[&[0, 0x21], &ipv4()])),
            (0x80, join(&[&[0, 0, 0, 8, 0], &ipv4()])),
        ] {
            let bytes = join(&[&MACS, &[0, 80, 0xfe, 0xfe, 3, protocol], &rest, &[0; 40]]);
            is_hello(whole(LinkType::ETHERNET, &bytes));
        }
        let routing = join(&[&MACS, &[0, 40, 0xfe, 0xfe, 3, 0x83], &[0; 40]]);
        assert_eq!(rejected(LinkType::ETHERNET, &routing).reason, RejectReason::NotIp(0xfefe));
    }

    #[test]
    fn other_access_points_and_organisations_are_not_ip() {
        let spanning_tree = ethernet(&[0, 48, 0x42, 0x42, 3]);
        let reject = rejected(LinkType::ETHERNET, &spanning_tree);
        assert_eq!(reject, Reject { layer: Layer::Llc, reason: RejectReason::NotIp(0x4242), offset: 14 });
        let cisco = ethernet(&[0, 53, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0]);
        let reject = rejected(LinkType::ETHERNET, &cisco);
        assert_eq!(reject.reason, RejectReason::NotIp(0x2000));
    }

    #[test]
    fn a_length_that_holds_no_llc_header_is_impossible() {
        let reject = rejected(LinkType::ETHERNET, &ethernet(&[0, 2, 6, 6, 3]));
        assert_eq!(reject, Reject { layer: Layer::Llc, reason: RejectReason::BadLength, offset: 14 });
    }
}
