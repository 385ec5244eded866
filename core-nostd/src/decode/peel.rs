//! What is left of a frame while its headers are peeled, and what they said so far.
//!
//! Every step forward goes through [`Peel::advance`] or [`Peel::header`], which refuse to leave the
//! slice; `bytes` never exceeds `len`.

use core::net::{IpAddr, Ipv4Addr};

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::{Layer, LinkInfo, Reject, RejectReason};
use crate::flow::FlowKey;
use crate::frame::Frame;

/// Set in the domain of three or more VLAN tags, which is a hash; two tags fill 24 bits.
const HASHED_DOMAIN: u32 = 1 << 31;

pub(super) struct Peel<'a> {
    /// What was captured from the next header on.
    pub(super) bytes: &'a [u8],
    /// Where `bytes` starts in the frame.
    pub(super) offset: usize,
    /// How long `bytes` would be had all of it been captured.
    pub(super) len: usize,
    /// Whether a header said `len`, not the capture.
    declared: bool,
    pub(super) key: FlowKey,
    pub(super) link: LinkInfo,
    pub(super) domain: u32,
}

impl<'a> Peel<'a> {
    #[inline]
    pub(super) fn new(frame: &Frame<'a>) -> Self {
        const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            bytes: frame.bytes,
            offset: 0,
            len: frame.bytes.len().max(frame.wire_len as usize),
            declared: false,
            key: FlowKey { source: UNKNOWN, destination: UNKNOWN, source_port: 0, destination_port: 0 },
            link: LinkInfo::default(),
            domain: 0,
        }
    }

    /// The header that `bytes` starts with, left in place.
    #[inline]
    pub(super) fn peek<T>(&self, layer: Layer) -> Result<&'a T, Reject>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        match T::ref_from_prefix(self.bytes) {
            Ok((header, _)) => Ok(header),
            Err(_) => Err(self.too_short(size_of::<T>(), layer)),
        }
    }

    /// Takes the header that `bytes` starts with.
    #[inline]
    pub(super) fn header<T>(&mut self, layer: Layer) -> Result<&'a T, Reject>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        let header = self.peek(layer)?;
        self.advance(size_of::<T>(), layer)?;
        Ok(header)
    }

    /// Takes `size` bytes, a header of `layer`.
    #[inline]
    pub(super) fn advance(&mut self, size: usize, layer: Layer) -> Result<&'a [u8], Reject> {
        let Some((header, rest)) = self.bytes.split_at_checked(size) else {
            return Err(self.too_short(size, layer));
        };
        self.bytes = rest;
        self.offset += size;
        self.len -= size;
        Ok(header)
    }

    /// A header says that it and what it carries are `len` bytes: what was captured beyond is padding.
    #[inline]
    pub(super) fn set_len(&mut self, len: usize) {
        self.bytes = self.bytes.get(..len).unwrap_or(self.bytes);
        self.len = len;
        self.declared = true;
    }

    /// A link header says that `len` bytes follow. It cannot make the frame longer than it was.
    #[inline]
    pub(super) fn limit_len(&mut self, len: usize) {
        if len < self.len {
            self.set_len(len);
        }
    }

    /// Notes a VLAN identifier, from the outside in.
    #[inline]
    pub(super) fn push_vlan(&mut self, id: u16) {
        // Identifiers beyond the list's capacity are in the domain only.
        let _ = self.link.vlans.push(id);
        let id = u32::from(id);
        if id == 0 {
            return;
        }
        self.domain = match self.domain {
            outer @ 0..=0xfff => outer << 12 | id,
            outer => (outer.rotate_left(13) ^ id).wrapping_mul(0x9e37_79b1) | HASHED_DOMAIN,
        };
    }

    /// A rejection where `bytes` starts.
    #[inline]
    pub(super) fn reject(&self, layer: Layer, reason: RejectReason) -> Reject {
        Reject { layer, reason, offset: self.offset }
    }

    #[cold]
    fn too_short(&self, size: usize, layer: Layer) -> Reject {
        let by_header = self.declared && self.len < size;
        self.reject(layer, if by_header { RejectReason::BadLength } else { RejectReason::Truncated })
    }
}
