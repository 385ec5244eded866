//! IP payload compression (RFC 3173). Decoding ends at the compressed payload and goes on in the expanded one,
//! for which somebody has to have room.
//!
//! The compression parameter index says how it was compressed: 2 is DEFLATE (RFC 2394), negotiated ones are
//! not known and DEFLATE in practice. What does not expand is rejected. Only with the feature `ipcomp`.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{
    Layer, Reject, RejectReason, ip,
    peel::{Identity, Peel},
    piece::Context,
};
use crate::tunnel::TunnelKind;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct IpComp {
    next: u8,
    flags: u8,
    index: U16,
}

/// Compressed payload, and what was peeled around it.
pub(crate) struct Packed<'a> {
    pub(crate) context: Context,
    #[cfg_attr(not(feature = "ipcomp"), allow(dead_code))]
    bytes: &'a [u8],
    compressed: Reject,
}

impl<'a> Packed<'a> {
    /// Takes the header that comes next.
    ///
    /// # Errors
    /// Where the header or the payload is cut short, and where the payload leads to no TCP.
    #[cold]
    pub(super) fn new(mut peel: Peel<'a>, headers: usize) -> Result<Self, Reject> {
        let compressed = peel.reject(Layer::IpSec, RejectReason::Compressed);
        let header: &IpComp = peel.peek(Layer::IpSec)?;
        let Some(next) = ip::by_protocol(header.next) else {
            return Err(peel.reject(Layer::IpSec, RejectReason::NotTcp(header.next)));
        };
        let index = header.index.get().into();
        peel.enter(Layer::IpSec, TunnelKind::IpComp, Some(index), Identity::None)?;
        peel.advance(size_of::<IpComp>(), Layer::IpSec)?;
        if peel.bytes.len() < peel.len {
            return Err(peel.reject(Layer::IpSec, RejectReason::Truncated));
        }
        Ok(Self { context: Context::new(&peel, next, headers + 1), bytes: peel.bytes, compressed })
    }

    /// A rejection of the payload as it is.
    pub(crate) const fn reject(&self) -> Reject {
        self.compressed
    }

    /// Expands the payload into `room`. Answers its length; `None` where there is not enough room, or it is
    /// not DEFLATE.
    #[cfg(feature = "ipcomp")]
    #[inline(never)]
    pub(crate) fn expand(&self, room: &mut [u8]) -> Option<usize> {
        use miniz_oxide::inflate::TINFLStatus;
        use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
        let mut state = DecompressorOxide::new();
        match decompress(&mut state, self.bytes, room, 0, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF) {
            (TINFLStatus::Done, _, len) if len > 0 => Some(len),
            _ => None,
        }
    }

    /// Expands nothing.
    #[cfg(not(feature = "ipcomp"))]
    pub(crate) fn expand(&self, _room: &mut [u8]) -> Option<usize> {
        None
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    #[cfg(feature = "ipcomp")]
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    #[test]
    fn compressed_payload_alone_is_rejected_as_that() {
        let reject = rejected(IPV4, &around(108, &[4, 0, 0, 2, 1, 2, 3, 4]));
        assert_eq!(
            (reject.layer.name(), reject.reason, reject.offset),
            ("IPsec", RejectReason::Compressed, 20)
        );
        let reject = rejected(IPV4, &around(108, &[1, 0, 0, 2, 1, 2, 3, 4]));
        assert_eq!(reject.reason, RejectReason::NotTcp(1));
    }

    #[cfg(feature = "ipcomp")]
    #[test]
    fn deflate_is_expanded_as_far_as_there_is_room() {
        use super::super::{Outcome, Settings, dissect, resume};
        use crate::frame::{Frame, Timestamp};
        // One block that is stored as it is.
        let datagram = ipv4();
        let len = datagram.len() as u8;
        let bytes = around(108, &join(&[&[4, 0, 0xee, 0xd1, 1, len, 0, !len, 0xff], &datagram]));
        let frame = Frame { link: IPV4, time: Timestamp(0), wire_len: bytes.len() as u32, bytes: &bytes };
        let Outcome::Packed(packed) = dissect(&frame, &Settings::default()) else { panic!("compressed") };
        assert_eq!(packed.expand(&mut [0; 44]), None);
        let mut room = [0; 100];
        let len = packed.expand(&mut room).expect("room");
        let Outcome::Segment(segment) = resume(&packed.context, &room[..len], len, &Settings::default())
        else {
            panic!("a segment")
        };
        let kinds: std::vec::Vec<_> = segment.link.tunnels.iter().map(|tunnel| tunnel.kind).collect();
        assert_eq!(kinds, [TunnelKind::IpComp, TunnelKind::IpInIp]);
        is_hello(Ok(segment));
    }
}
