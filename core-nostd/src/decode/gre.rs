//! GRE: version 0 (RFC 2784, with the key and sequence number of RFC 2890 and the routing of RFC 1701) and
//! version 1 (RFC 2637, PPTP).
//!
//! Besides EtherTypes it carries Ethernet (transparent bridging, NVGRE of RFC 7637), PPP, what WCCP redirects
//! (draft-mclaggan-wccp-v2rev1, 4.12), ERSPAN, and 802.11 frames between Aruba's access points and controllers.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16, big_endian::U32};

use super::{
    Layer, Next, Reject, RejectReason, ethernet, ip,
    look::looks_like_ip,
    peel::{Identity, Peel},
    tag,
};
use crate::tunnel::TunnelKind;

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
/// In version 1.
const ACKNOWLEDGEMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

const ETHERNET: u16 = 0x6558;
const PPP: u16 = 0x880b;
const WCCP: u16 = 0x883e;
const FRAME_RELAY: u16 = 0x6559;
/// Cisco's metadata, behind the type of what follows it.
const METADATA: u16 = 0x8909;
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
/// One number for each access point tunnel.
const ARUBA: core::ops::RangeInclusive<u16> = 0x8200..=0x83ff;
/// Sent to see whether the other end is there; nothing is inside.
const KEEPALIVE: u16 = 0;

/// NVGRE's network identifiers start here (RFC 7637, 3.3).
const FIRST_SUBNET: u32 = 0x1000;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Gre {
    flags: U16,
    protocol: U16,
}

/// A source route entry of RFC 1701; a length of 0 ends the list.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Route {
    family: U16,
    offset: u8,
    length: u8,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let header: &Gre = peel.peek(Layer::Gre)?;
    let (flags, protocol) = (header.flags.get(), header.protocol.get());
    match flags & VERSION {
        0 => {}
        1 if flags & KEY != 0 && protocol == PPP => return peel_pptp(peel, flags),
        _ => return Err(peel.reject(Layer::Gre, RejectReason::BadVersion)),
    }
    let mut ahead = peel.clone();
    ahead.advance(size_of::<Gre>(), Layer::Gre)?;
    if flags & (CHECKSUM | ROUTING) != 0 {
        ahead.advance(4, Layer::Gre)?;
    }
    let key = if flags & KEY != 0 { Some(ahead.header::<U32>(Layer::Gre)?.get()) } else { None };
    if flags & SEQUENCE != 0 {
        ahead.advance(4, Layer::Gre)?;
    }
    if flags & ROUTING != 0 {
        loop {
            let route: &Route = ahead.header(Layer::Gre)?;
            if route.length == 0 {
                break;
            }
            ahead.advance(route.length.into(), Layer::Gre)?;
        }
    }
    let size = ahead.offset - offset;
    if let ERSPAN | ERSPAN_III = protocol {
        // ERSPAN is its own tunnel, and GRE says what is in it by its flags.
        peel.advance(size, Layer::Gre)?;
        return Ok(Next::Erspan { header: flags & SEQUENCE != 0 });
    }
    let identity = match key {
        Some(key) if protocol == ETHERNET && key >> 8 >= FIRST_SUBNET => Identity::Number(key >> 8),
        // A key may be another one in the other direction.
        _ => Identity::Addresses,
    };
    peel.enter(Layer::Gre, TunnelKind::Gre, key, identity)?;
    peel.advance(size, Layer::Gre)?;
    match protocol {
        ETHERNET => Ok(Next::Ethernet),
        PPP => Ok(Next::Ppp),
        FRAME_RELAY => Ok(Next::FrameRelay),
        METADATA if cfg!(feature = "rare") => {
            let inner = peel.header::<U16>(Layer::Tag)?.get();
            tag::skip_metadata(peel)?;
            ethernet::follow(peel, inner, Layer::Tag, offset)
        }
        WCCP => {
            // Version 2 puts four bytes before the datagram, whose first nibble is 4 where the alternative
            // bucket was used.
            let behind = peel.bytes.get(4..).unwrap_or_default();
            let is_ip = looks_like_ip(peel.bytes, peel.len);
            let is_version = peel.bytes.first().is_some_and(|byte| matches!(byte >> 4, 4 | 6));
            if !is_ip && (!is_version || looks_like_ip(behind, peel.len.saturating_sub(4))) {
                peel.advance(4, Layer::Gre)?;
            }
            ip::by_version(peel, Layer::Gre)
        }
        protocol if ARUBA.contains(&protocol) => Ok(Next::Wifi(super::wifi::Radio::default())),
        KEEPALIVE => Err(Reject { layer: Layer::Gre, reason: RejectReason::Empty, offset }),
        protocol if protocol < ethernet::MIN_TYPE => {
            Err(Reject { layer: Layer::Gre, reason: RejectReason::NotIp(protocol.into()), offset })
        }
        protocol => ethernet::follow(peel, protocol, Layer::Gre, offset),
    }
}

/// Enhanced GRE: the key is a length and a call, which is another one in the other direction.
fn peel_pptp(peel: &mut Peel<'_>, flags: u16) -> Result<Next, Reject> {
    let &[_, _, _, _, high, low, call_high, call_low] = peel.peek::<[u8; 8]>(Layer::Gre)?;
    let call = u16::from_be_bytes([call_high, call_low]);
    peel.enter(Layer::Gre, TunnelKind::Gre, Some(call.into()), Identity::Addresses)?;
    let offset = peel.offset;
    let fields = [SEQUENCE, ACKNOWLEDGEMENT].iter().filter(|flag| flags & **flag != 0).count();
    peel.advance(8 + 4 * fields, Layer::Gre)?;
    if flags & SEQUENCE == 0 {
        return Err(Reject { layer: Layer::Gre, reason: RejectReason::Empty, offset });
    }
    peel.limit_len(u16::from_be_bytes([high, low]).into());
    Ok(Next::Ppp)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    /// GRE with these fields before `rest`.
    fn gre(fields: &[u8], rest: &[u8]) -> std::vec::Vec<u8> {
        around(47, &join(&[fields, rest]))
    }

    #[test]
    fn checksum_key_sequence_and_routing_are_skipped() {
        for fields in [
            &[0, 0, 8, 0][..],
            &[0x80, 0, 8, 0, 1, 2, 0, 0],
            &[0x30, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x40, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0, 4, 9, 9, 9, 9, 0, 0, 0, 0],
        ] {
            is_hello(whole(IPV4, &gre(fields, &ipv4())));
        }
    }

    #[test]
    fn the_outer_addresses_tell_apart_whoever_sends_and_the_key_does_not() {
        let keyed = gre(&[0x20, 0, 8, 0, 0, 0, 0, 9], &ipv4());
        let (listed, domain) = tunnels(IPV4, &keyed);
        assert_eq!(listed, tunnel(TunnelKind::Gre, 9));
        assert_ne!(domain, 0);
        let mut other_key = keyed.clone();
        other_key[27] = 10;
        assert_eq!(tunnels(IPV4, &other_key).1, domain);
        let mut back = keyed.clone();
        back[12..16].copy_from_slice(&keyed[16..20]);
        back[16..20].copy_from_slice(&keyed[12..16]);
        assert_eq!(tunnels(IPV4, &back).1, domain);
        let mut elsewhere = keyed;
        elsewhere[19] = 77;
        assert_ne!(tunnels(IPV4, &elsewhere).1, domain);
    }

    #[test]
    fn the_subnet_of_nvgre_tells_apart_and_its_endpoints_do_not() {
        let of = |subnet: u8, host: u8| {
            let mut bytes = gre(&[0x20, 0, 0x65, 0x58, 0, subnet, 0, 7], &ethernet(&[8, 0]));
            bytes[19] = host;
            tunnels(IPV4, &bytes).1
        };
        assert_eq!(of(0x50, 2), of(0x50, 3));
        assert_ne!(of(0x50, 2), of(0x51, 2));
    }

    #[test]
    fn pptp_carries_ppp_of_the_length_it_says_or_an_acknowledgement() {
        let ppp = join(&[&[0xff, 3, 0, 0x21], &ipv4()]);
        let data = gre(&[0x30, 0x81, 0x88, 0x0b, 0, 49, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2], &ppp);
        assert_eq!(tunnels(IPV4, &data).0, tunnel(TunnelKind::Gre, 9));
        let acknowledgement = gre(&[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 9, 0, 0, 0, 2], &[]);
        assert_eq!(rejected(IPV4, &acknowledgement).reason, RejectReason::Empty);
    }

    #[test]
    fn wccp_puts_a_redirect_header_first_or_nothing() {
        is_hello(whole(IPV4, &gre(&[0, 0, 0x88, 0x3e], &ipv4())));
        is_hello(whole(IPV4, &gre(&[0, 0, 0x88, 0x3e, 5, 0x59, 0, 0x48], &ipv4())));
        // The first nibble of a header that says that the alternative bucket was used is 4.
        is_hello(whole(IPV4, &gre(&[0, 0, 0x88, 0x3e, 0x45, 0x59, 0, 0x48], &ipv4())));
        is_hello(whole(IPV4, &gre(&[0, 0, 0x88, 0x3e, 5, 0x59, 0, 0x48], &ipv6())));
    }

    #[test]
    fn what_ethernet_carries_is_carried_too() {
        is_hello(whole(IPV4, &gre(&[0, 0, 0x65, 0x59, 0x18, 0x41, 3, 0xcc], &ipv4())));
        // Cisco's metadata stands behind the type of what follows it.
        is_hello(whole(IPV4, &gre(&[0, 0, 0x89, 0x09, 8, 0, 1, 1, 0, 1, 0, 100], &ipv4())));
        is_hello(whole(IPV4, &gre(&[0, 0, 0x89, 0x88, 1, 2, 3, 4, 5, 6, 8, 0], &ipv4())));
        let data = wifi(0x08, 1, &join(&[&SNAP_IPV4, &ipv4()]));
        is_hello(whole(IPV4, &gre(&[0, 0, 0x24, 0x52], &data)));
    }

    #[test]
    fn access_points_of_aruba_send_802_11() {
        let data = wifi(0x08, 1, &join(&[&SNAP_IPV4, &ipv4()]));
        let segment = whole(IPV4, &gre(&[0, 0, 0x82, 0], &data)).map(|segment| segment.link.source_mac);
        assert_eq!(segment, Ok(Some(SOURCE_MAC)));
    }

    #[test]
    fn keepalives_unknown_versions_and_protocols_are_rejected() {
        for (fields, expected) in [
            ([0, 0, 0, 0], RejectReason::Empty),
            ([0, 2, 8, 0], RejectReason::BadVersion),
            ([0, 1, 8, 0], RejectReason::BadVersion),
            ([0, 0, 0, 0xfe], RejectReason::NotIp(0xfe)),
            ([0, 0, 8, 6], RejectReason::NotIp(0x0806)),
        ] {
            let reject = rejected(IPV4, &gre(&fields, &ipv4()));
            assert_eq!((reject.layer.name(), reject.reason, reject.offset), ("GRE", expected, 20));
        }
    }
}
