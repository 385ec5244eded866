//! Tags between a switch and what extends it: VN-tag (Cisco, proposed as 802.1Qbh) and E-tag (802.1BR, 9.3); and
//! tags that a frame gets on its way: security groups, times, sequence numbers.
//!
//! The first two say from which port to which; that differs by direction. No tag is part of a connection's identity.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16, big_endian::U32};

use super::{
    Layer, Reject, RejectReason,
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

/// Takes `size` bytes of a tag; answers the type or length after it.
#[cold]
pub(super) fn inner(peel: &mut Peel<'_>, size: usize) -> Result<u16, Reject> {
    let mut ahead = peel.clone();
    ahead.advance(size, Layer::Tag)?;
    let inner = ahead.header::<U16>(Layer::Tag)?.get();
    peel.advance(size + 2, Layer::Tag)?;
    Ok(inner)
}

/// Takes Cisco's metadata: a version, the length of its options in words of four bytes, the options, of which there
/// is one at least.
#[cold]
pub(super) fn skip_metadata(peel: &mut Peel<'_>) -> Result<(), Reject> {
    let &[_version, words] = peel.peek::<[u8; 2]>(Layer::Tag)?;
    peel.advance(2 + usize::from(words.max(1)) * 4, Layer::Tag)?;
    Ok(())
}

/// Takes the timestamp of Arista's switches (subtype 1): its version says whether seconds have 32 bits or 16, and
/// of which clock they are.
#[cold]
pub(super) fn arista(peel: &mut Peel<'_>) -> Result<u16, Reject> {
    let time = match peel.peek::<[u8; 4]>(Layer::Tag)? {
        [0, 1, 0 | 1, 0x10] => 8,
        [0, 1, 0 | 1, 0x20] => 6,
        _ => return Err(peel.reject(Layer::Tag, RejectReason::BadVersion)),
    };
    inner(peel, 4 + time)
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    #[test]
    fn both_tags_are_listed_tell_nothing_apart_and_may_precede_a_vlan() {
        let vn = ethernet(&[0x89, 0x26, 0x80, 1, 0, 2, 0x81, 0, 0, 5, 8, 0]);
        assert_eq!(tunnels(LinkType::ETHERNET, &vn), (tunnel(TunnelKind::VnTag, 0x0001_0002), 5));
        let e = ethernet(&[0x89, 0x3f, 0xe0, 1, 0x10, 2, 0, 0, 8, 0]);
        assert_eq!(tunnels(LinkType::ETHERNET, &e), (tunnel(TunnelKind::ETag, 0x1002), 0));
    }

    #[test]
    fn what_follows_and_is_not_ip_is_rejected_at_the_tag() {
        let reject = rejected(LinkType::ETHERNET, &ethernet(&[0x89, 0x26, 0, 1, 0, 2, 8, 6]));
        assert_eq!((reject.reason, reject.offset), (RejectReason::NotIp(0x0806), 14));
    }
}
