//! PKTAP (`LINKTYPE_PKTAP`): what macOS puts before the frames of several interfaces. Older captures have it under
//! a number for private use (`DLT_USER2`), where its header has to be valid.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, little_endian::U32};

use super::{Layer, Next, Reject, RejectReason, first, peel::Peel};
use crate::frame::LinkType;

/// The shortest header of any version, and the longest that is taken for one.
const SIZES: core::ops::RangeInclusive<usize> = 108..=1024;
/// A packet follows.
const PACKET: u32 = 1;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Pktap {
    length: U32,
    next: U32,
    /// Link type of what follows.
    link: U32,
    interface: [u8; 24],
    flags: U32,
    family: U32,
    /// Lengths of the link layer's header and trailer in what follows.
    before: U32,
    after: U32,
}

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let header: &Pktap = peel.peek(Layer::Link)?;
    let Some(size) = usize::try_from(header.length.get()).ok().filter(|size| SIZES.contains(size)) else {
        return Err(peel.reject(Layer::Link, RejectReason::BadLength));
    };
    if header.next.get() != PACKET {
        return Err(peel.reject(Layer::Link, RejectReason::Empty));
    }
    let next = first(LinkType(header.link.get()))?;
    peel.advance(size, Layer::Link)?;
    Ok(next)
}

/// The number for private use.
pub(super) fn peel_private(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let private = LinkType::PKTAP_PRIVATE.0;
    let unknown = Reject { layer: Layer::Link, reason: RejectReason::UnknownLinkType(private), offset: 0 };
    match Pktap::ref_from_prefix(peel.bytes) {
        Ok((header, _))
            if header.next.get() == PACKET
                && usize::try_from(header.length.get()).is_ok_and(|size| SIZES.contains(&size))
                && header.link.get() != private =>
        {
            self::peel(peel).map_err(|reject| match reject.reason {
                RejectReason::UnknownLinkType(_) => unknown,
                _ => reject,
            })
        }
        Err(_) if peel.bytes.len() < peel.len => Err(peel.reject(Layer::Link, RejectReason::Truncated)),
        _ => Err(unknown),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    use std::vec::Vec;

    fn pktap(size: u8, next: u8, link: u8, rest: &[u8]) -> Vec<u8> {
        let mut header = join(&[&[size, 0, 0, 0, next, 0, 0, 0, link, 0, 0, 0], b"en0"]);
        header.resize(usize::from(size), 0);
        join(&[&header, rest])
    }

    #[test]
    fn the_link_type_of_each_interface_is_in_the_header() {
        for link in [LinkType::PKTAP, LinkType::PKTAP_PRIVATE] {
            for size in [108, 156] {
                is_hello(whole(link, &pktap(size, 1, 1, &ethernet(&[8, 0]))));
                is_hello(whole(link, &pktap(size, 1, 12, &ipv4())));
                is_hello(whole(link, &pktap(size, 1, 0, &join(&[&[30, 0, 0, 0], &ipv6()]))));
            }
        }
    }

    #[test]
    fn headers_without_packet_and_of_impossible_length_are_rejected() {
        let reason = |link, bytes: &[u8]| rejected(link, bytes).reason;
        assert_eq!(reason(LinkType::PKTAP, &pktap(108, 0, 1, &ipv4())), RejectReason::Empty);
        assert_eq!(reason(LinkType::PKTAP, &pktap(107, 1, 1, &ipv4())), RejectReason::BadLength);
        assert_eq!(reason(LinkType::PKTAP, &pktap(108, 1, 189, &ipv4())), RejectReason::UnknownLinkType(189));
        for bytes in [pktap(108, 1, 189, &ipv4()), pktap(108, 1, 149, &ipv4()), pktap(60, 1, 1, &ipv4())] {
            assert_eq!(reason(LinkType::PKTAP_PRIVATE, &bytes), RejectReason::UnknownLinkType(149));
        }
    }
}
