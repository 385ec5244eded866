//! Tags between a switch and what extends it: VN-tag (Cisco, proposed as 802.1Qbh) and E-tag (802.1BR, 9.3).
//!
//! Both say from which port to which; that differs by direction and tells no connections apart.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16, big_endian::U32};

use super::{
    Layer, Reject,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct VnTag {
    /// Direction, pointer, destination; looped, reserved, version, source.
    interfaces: U32,
    inner: U16,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct ETag {
    /// Priority, drop eligibility, ingress channel.
    ingress: U16,
    /// Group and channel.
    channel: U16,
    extensions: U16,
    inner: U16,
}

/// Takes a VN-tag; answers the type or length after it.
#[cold]
pub(super) fn vn_tag(peel: &mut Peel<'_>) -> Result<u16, Reject> {
    let tag: &VnTag = peel.peek(Layer::Vlan)?;
    peel.enter(Layer::Vlan, TunnelKind::VnTag, Some(tag.interfaces.get() & 0x3fff_0fff), Identity::None)?;
    peel.advance(size_of::<VnTag>(), Layer::Vlan)?;
    Ok(tag.inner.get())
}

/// Takes an E-tag; answers the type or length after it.
#[cold]
pub(super) fn e_tag(peel: &mut Peel<'_>) -> Result<u16, Reject> {
    let tag: &ETag = peel.peek(Layer::Vlan)?;
    let channel = u32::from(tag.channel.get() & 0x3fff);
    peel.enter(Layer::Vlan, TunnelKind::ETag, Some(channel), Identity::None)?;
    peel.advance(size_of::<ETag>(), Layer::Vlan)?;
    Ok(tag.inner.get())
}
