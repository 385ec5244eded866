//! VXLAN (RFC 7348), with the group policy of draft-smith-vxlan-group-policy, and its generic protocol
//! extension (draft-ietf-nvo3-vxlan-gpe).
//!
//! The network identifier is the same in both directions, whichever endpoints carry it.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U32};

use super::{
    Layer, Next, Reject, RejectReason,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

/// The network identifier is valid.
const IDENTIFIED: u8 = 0x08;
/// A group policy stands in the two bytes before the identifier.
const POLICY: u8 = 0x80;
/// Do not learn, and applied: flags of the policy.
const POLICY_FLAGS: u8 = 0x48;

/// Of the extension: the version, the next protocol is valid, operations and management.
const VERSION: u8 = 0x30;
const PROTOCOL: u8 = 0x04;
const MANAGEMENT: u8 = 0x01;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Vxlan {
    flags: u8,
    reserved: [u8; 2],
    /// Of the extension.
    protocol: u8,
    /// 24 bits of network identifier, 8 reserved ones.
    network: U32,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let header: &Vxlan = peel.peek(Layer::Vxlan)?;
    let policy_fits = match header.flags {
        IDENTIFIED => header.reserved == [0, 0] && header.protocol == 0,
        flags if flags == IDENTIFIED | POLICY => header.reserved[0] & !POLICY_FLAGS == 0,
        _ => false,
    };
    if !policy_fits || header.network.get() & 0xff != 0 {
        return Err(plain);
    }
    enter(peel, header)?;
    Ok(Next::Ethernet)
}

#[cold]
pub(super) fn peel_gpe(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let offset = peel.offset;
    let header: &Vxlan = peel.peek(Layer::Vxlan)?;
    if header.flags & VERSION != 0 || header.reserved != [0, 0] || header.flags & IDENTIFIED == 0 {
        return Err(plain);
    }
    if header.flags & MANAGEMENT != 0 {
        return Err(peel.reject(Layer::Vxlan, RejectReason::Control));
    }
    enter(peel, header)?;
    match header.protocol {
        _ if header.flags & PROTOCOL == 0 => Ok(Next::Ethernet),
        1 => Ok(Next::Ipv4),
        2 => Ok(Next::Ipv6),
        3 => Ok(Next::Ethernet),
        4 if cfg!(feature = "rare") => Ok(Next::Nsh),
        5 => Ok(Next::Mpls),
        other => Err(Reject { layer: Layer::Vxlan, reason: RejectReason::NotIp(other.into()), offset }),
    }
}

fn enter<'a>(peel: &mut Peel<'a>, header: &'a Vxlan) -> Result<(), Reject> {
    let network = header.network.get() >> 8;
    peel.enter(Layer::Vxlan, TunnelKind::Vxlan, Some(network), Identity::Number(network))?;
    peel.advance(size_of::<Vxlan>(), Layer::Vxlan)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    const PLAIN: [u8; 8] = [8, 0, 0, 0, 0, 0, 9, 0];

    fn vxlan(port: u16, header: &[u8; 8], rest: &[u8]) -> std::vec::Vec<u8> {
        udp(port, &join(&[header, rest]))
    }

    #[test]
    fn the_network_tells_apart_and_the_endpoints_do_not() {
        let bytes = vxlan(4789, &PLAIN, &ethernet(&[8, 0]));
        let (listed, domain) = tunnels(IPV4, &bytes);
        assert_eq!(listed, tunnel(TunnelKind::Vxlan, 9));
        let mut elsewhere = bytes.clone();
        elsewhere[19] = 77;
        assert_eq!(tunnels(IPV4, &elsewhere).1, domain);
        let other = vxlan(8472, &[8, 0, 0, 0, 0, 0, 10, 0], &ethernet(&[8, 0]));
        assert_ne!(tunnels(IPV4, &other).1, domain);
    }

    #[test]
    fn a_group_policy_may_stand_in_the_header() {
        is_hello(whole(IPV4, &vxlan(4789, &[0x88, 0x48, 1, 2, 0, 0, 9, 0], &ethernet(&[8, 0]))));
    }

    #[test]
    fn any_bit_out_of_place_makes_it_plain_udp() {
        for (at, value) in [(0, 0), (0, 0x0c), (1, 1), (2, 1), (3, 1), (7, 1)] {
            let mut header = PLAIN;
            header[at] = value;
            let reject = rejected(IPV4, &vxlan(4789, &header, &ethernet(&[8, 0])));
            assert_eq!(
                (reject.layer.name(), reject.reason, reject.offset),
                ("UDP", RejectReason::NotTcp(17), 20)
            );
        }
        assert_eq!(rejected(IPV4, &vxlan(4788, &PLAIN, &ethernet(&[8, 0]))).reason, RejectReason::NotTcp(17));
    }

    #[test]
    fn the_extension_says_what_is_inside() {
        for (protocol, rest) in
            [(1, ipv4()), (2, ipv6()), (3, ethernet(&[8, 0])), (5, join(&[&[0, 1, 1, 64], &ipv4()]))]
        {
            is_hello(whole(IPV4, &vxlan(4790, &[0x0c, 0, 0, protocol, 0, 0, 9, 0], &rest)));
        }
        for (flags, protocol, reason) in [
            (0x0c, 6, RejectReason::NotIp(6)),
            (0x0d, 1, RejectReason::Control),
            (0x1c, 1, RejectReason::NotTcp(17)),
        ] {
            let bytes = vxlan(4790, &[flags, 0, 0, protocol, 0, 0, 9, 0], &ipv4());
            assert_eq!(rejected(IPV4, &bytes).reason, reason);
        }
    }
}
