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
