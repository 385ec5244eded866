//! A fragment of an IP datagram, or of a frame of 802.11 or CAPWAP, and what was peeled around it, so that decoding can go on once the
//! datagram is whole.

use core::net::{IpAddr, Ipv4Addr};

use super::{ChecksumErrors, Layer, Next, Reject, RejectReason, capwap, ip, ipv6, peel::Peel};
use crate::flow::LinkInfo;

/// What a fragment is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PartKind {
    Ipv4,
    Ipv6,
    /// A frame of 802.11.
    Wifi,
    /// A datagram of CAPWAP.
    Capwap,
}

/// What the header of a fragment says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The identification: 16 bits of IPv4 and CAPWAP, 32 bits of IPv6, of 802.11 made of several fields.
    pub(crate) id: u32,
    /// Where its payload begins in the payload of the datagram, in bytes. Of 802.11 its number, as its header says
    /// no more: all fragments but the last have the same length (IEEE 802.11-2020, 10.4).
    pub(crate) offset: u16,
    /// Whether more fragments follow.
    pub(crate) more: bool,
    /// The protocol of the datagram's payload. In IPv6 only the one of the fragment at offset 0 counts
    /// (RFC 8200, 4.5).
    pub(crate) protocol: u8,
    pub(crate) kind: PartKind,
    /// Where the header that says all this starts in the frame.
    pub(super) header: u32,
}

impl Part {
    pub(super) const fn layer(self) -> Layer {
        match self.kind {
            PartKind::Ipv4 => Layer::Ipv4,
            PartKind::Ipv6 => Layer::Ipv6Extension,
            PartKind::Wifi => Layer::Wifi,
            PartKind::Capwap => Layer::Capwap,
        }
    }

    /// The header that the datagram's payload begins with; `None` for one that leads to no TCP.
    pub(crate) fn next(self) -> Option<Next> {
        match self.kind {
            PartKind::Ipv4 => ip::by_protocol(self.protocol),
            PartKind::Ipv6 => ipv6::by_protocol(self.protocol),
            PartKind::Wifi => Some(Next::Llc),
            PartKind::Capwap => Some(capwap::carried(self.protocol)),
        }
    }
}

/// What was peeled down to the payload of an IP datagram: everything that decoding it needs.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// Addresses of the datagram.
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// What the link layer said.
    pub(crate) link: LinkInfo,
    /// As in [`Segment::domain`](super::Segment::domain).
    pub(crate) domain: u32,
    /// The header that the datagram's payload begins with.
    pub(super) next: Next,
    /// Headers peeled.
    pub(super) headers: usize,
    /// How many more tunnels are decoded.
    pub(super) tunnels_left: u8,
    /// Where the payload of this fragment starts in its frame.
    pub(crate) offset: usize,
}

impl Context {
    /// Nothing was peeled.
    pub(crate) const NONE: Self = Self {
        source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        destination: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        link: LinkInfo::NONE,
        domain: 0,
        next: Next::Tcp,
        headers: 0,
        tunnels_left: 0,
        offset: 0,
    };

    /// What was peeled so far: so many headers; `next` follows.
    pub(super) fn new(peel: &Peel<'_>, next: Next, headers: usize) -> Self {
        let (source, destination) = peel.addresses();
        Self {
            source,
            destination,
            link: peel.link(),
            domain: peel.domain,
            next,
            headers,
            tunnels_left: peel.tunnels_left,
            offset: peel.offset,
        }
    }

    /// Whether there is an IP header around.
    pub(super) const fn is_in_ip(&self) -> bool {
        !self.source.is_unspecified() || !self.destination.is_unspecified()
    }

    /// Whether only a whole datagram can tell that there is no TCP in it.
    pub(crate) const fn is_tcp(&self) -> bool {
        matches!(self.next, Next::Tcp)
    }
}

/// One fragment, its payload borrowed.
#[derive(Clone, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) context: Context,
    pub(crate) part: Part,
    /// What was captured of its payload.
    pub(crate) payload: &'a [u8],
    /// The payload's length by the header.
    pub(crate) len: usize,
    pub(crate) checksum_errors: ChecksumErrors,
}

impl<'a> Piece<'a> {
    /// The rest of `peel` as the payload of a fragment, behind so many headers.
    #[cold]
    pub(super) fn new(peel: &Peel<'a>, part: Part, headers: usize) -> Self {
        let context = Context::new(peel, part.next().unwrap_or(Next::Tcp), headers);
        Self { context, part, payload: peel.bytes, len: peel.len, checksum_errors: peel.checksum_errors }
    }

    /// The same at another place of its datagram.
    pub(crate) fn placed(&self, offset: u16) -> Self {
        Self { part: Part { offset, ..self.part }, ..self.clone() }
    }

    /// A rejection of this fragment.
    pub(crate) fn reject(&self, reason: RejectReason) -> Reject {
        Reject { layer: self.part.layer(), reason, offset: self.part.header as usize }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::examples::*;
    use super::super::{Outcome, RejectReason, Settings, dissect, resume};
    use super::Piece;
    use crate::frame::{Frame, LinkType, Timestamp};

    fn piece(link: LinkType, bytes: &[u8]) -> Piece<'_> {
        let frame = Frame { link, time: Timestamp(0), wire_len: bytes.len() as u32, bytes };
        match dissect(&frame, &Settings::default()) {
            Outcome::Piece(piece) => piece,
            _ => panic!("a fragment is expected"),
        }
    }

    #[test]
    fn the_first_fragment_tells_how_to_go_on_in_the_whole() {
        let mut bytes = ethernet(&[0x81, 0, 0x60, 5, 8, 0]);
        // 16 bytes of payload, and more to follow.
        bytes[18 + 3] = 36;
        bytes[18 + 6] = 0x20;
        let piece = piece(LinkType::ETHERNET, &bytes);
        assert_eq!((piece.part.id, piece.part.offset, piece.part.more, piece.part.protocol), (1, 0, true, 6));
        assert_eq!((piece.payload, piece.len), (&TCP[..16], 16));
        let whole = join(&[&TCP, PAYLOAD]);
        let Outcome::Segment(segment) = resume(&piece.context, &whole, whole.len(), &Settings::default())
        else {
            panic!("a segment is expected");
        };
        assert_eq!((segment.link.vlans.as_slice(), segment.domain), (&[5][..], 5));
        assert_eq!(segment.link.source_mac, Some(SOURCE_MAC));
        assert_eq!(segment.link.destination_mac, Some(DESTINATION_MAC));
        is_hello(Ok(segment));
    }

    #[test]
    fn a_whole_that_is_too_short_for_its_headers_is_rejected() {
        let bytes = ipv6_with(44, &join(&[&[6, 0, 0, 1, 0, 0, 0, 9], &TCP[..8]]));
        let piece = piece(LinkType::IPV6, &bytes);
        assert_eq!((piece.part.id, piece.part.offset, piece.part.more), (9, 0, true));
        let rejected = |bytes: &[u8], len| match resume(&piece.context, bytes, len, &Settings::default()) {
            Outcome::Reject(reject) => (reject.reason, reject.offset),
            _ => panic!("a rejection is expected"),
        };
        assert_eq!(rejected(&TCP[..16], 16), (RejectReason::BadLength, 48));
        assert_eq!(rejected(&TCP[..16], 25), (RejectReason::Truncated, 48));
    }
}
