//! From the bytes of a frame to a TCP segment, without state.
//!
//! One loop peels headers up to a fixed number and ends in a [`Segment`] or a [`Reject`]. Lengths come
//! from the headers, bounded by what was captured: never padding, never past the slice. Total: any
//! byte string gives an answer.
//!
//! smoltcp's accessors panic where a buffer is too short. Here they read only the fixed header, from an
//! array that holds the whole of it; what varies in length goes through smoltcp's own checks first.

mod ethernet;
mod ipoib;
mod ipv4;
mod ipv6;
mod llc;
mod null;
mod peel;
mod piece;
mod ppp;
mod pppoe;
mod segment;
mod sll;
mod tcp;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod robustness;

pub use segment::{Layer, Reject, RejectReason, Segment, TcpFlags};

#[allow(unused_imports)]
pub(crate) use piece::{Context, Piece};

use crate::frame::{Frame, LinkType};
use peel::Peel;
use piece::Part;

/// Headers inside each other, a stack of VLAN tags being one. Real traffic stays below ten.
const MAX_HEADERS: usize = 64;

/// The header that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Ethernet,
    Null,
    Sll,
    Sll2,
    Ipoib,
    Llc,
    Pppoe,
    Ppp,
    PppHdlc,
    PppWithDirection,
    /// IPv4 or IPv6, as the first nibble says.
    Ip,
    Ipv4,
    Ipv6,
    /// An IPv6 extension header with this protocol number.
    Ipv6Extension(u8),
    Tcp,
    /// Not a header: the rest is a part of a datagram.
    Part(Part),
}

impl Next {
    const fn layer(self) -> Layer {
        match self {
            Self::Ethernet | Self::Null | Self::Sll | Self::Sll2 | Self::Ipoib | Self::Ip => Layer::Link,
            Self::Llc => Layer::Llc,
            Self::Pppoe => Layer::Pppoe,
            Self::Ppp | Self::PppHdlc | Self::PppWithDirection => Layer::Ppp,
            Self::Ipv4 => Layer::Ipv4,
            Self::Ipv6 => Layer::Ipv6,
            Self::Ipv6Extension(_) => Layer::Ipv6Extension,
            Self::Tcp => Layer::Tcp,
            Self::Part(part) => part.layer(),
        }
    }
}

/// What a frame comes to.
// The variants are large where they are common.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Outcome<'a> {
    /// A segment.
    Segment(Segment<'a>),
    /// A fragment of an IP datagram that may carry TCP.
    Piece(Piece<'a>),
    /// Neither.
    Reject(Reject),
}

/// Takes a frame apart.
///
/// Checksums are not looked at: captures on the sending host have them unset. A fragment of a datagram is
/// rejected, as it cannot stand for the whole; a [`Reassembler`](crate::Reassembler) puts it together.
///
/// # Errors
/// A [`Reject`] says at which layer, why, and where in the frame.
#[inline]
pub fn decode<'a>(frame: &Frame<'a>) -> Result<Segment<'a>, Reject> {
    match dissect(frame) {
        Outcome::Segment(segment) => Ok(segment),
        Outcome::Piece(piece) => Err(piece.reject(RejectReason::Fragment)),
        Outcome::Reject(reject) => Err(reject),
    }
}

/// Takes a frame apart, down to a segment or to a fragment.
#[inline]
pub(crate) fn dissect<'a>(frame: &Frame<'a>) -> Outcome<'a> {
    match first(frame.link) {
        Ok(next) => peel_all(Peel::new(frame), next, 0),
        Err(reject) => Outcome::Reject(reject),
    }
}

/// Goes on inside a datagram that was put together: `bytes` are what there is of its payload, `len` is how
/// long that was.
#[allow(dead_code)]
pub(crate) fn resume<'a>(context: &'a Context, bytes: &'a [u8], len: usize) -> Outcome<'a> {
    peel_all(Peel::resumed(context, bytes, len), context.next, context.headers)
}

/// The loop. `headers` were peeled before.
#[inline]
fn peel_all<'a>(mut peel: Peel<'a>, mut next: Next, headers: usize) -> Outcome<'a> {
    for headers in headers..MAX_HEADERS {
        let result = match next {
            Next::Ethernet => ethernet::peel(&mut peel),
            Next::Null => null::peel(&mut peel),
            Next::Sll => sll::peel(&mut peel),
            Next::Sll2 => sll::peel_v2(&mut peel),
            Next::Ipoib => ipoib::peel(&mut peel),
            Next::Llc => llc::peel(&mut peel),
            Next::Pppoe => pppoe::peel(&mut peel),
            Next::Ppp => ppp::peel(&mut peel),
            Next::PppHdlc => ppp::peel_hdlc(&mut peel),
            Next::PppWithDirection => ppp::peel_with_direction(&mut peel),
            Next::Ip => by_version(&peel),
            Next::Ipv4 => ipv4::peel(&mut peel),
            Next::Ipv6 => ipv6::peel(&mut peel),
            Next::Ipv6Extension(kind) => ipv6::peel_extension(&mut peel, kind),
            Next::Tcp => match tcp::finish(&peel) {
                Ok(segment) => return Outcome::Segment(segment),
                Err(reject) => Err(reject),
            },
            Next::Part(part) => return Outcome::Piece(Piece::new(&peel, part, headers)),
        };
        match result {
            Ok(header) => next = header,
            Err(reject) => return Outcome::Reject(reject),
        }
    }
    Outcome::Reject(peel.reject(next.layer(), RejectReason::TooDeep))
}

/// What a frame of this link type starts with.
#[inline]
fn first(link: LinkType) -> Result<Next, Reject> {
    Ok(match link {
        LinkType::ETHERNET => Next::Ethernet,
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => Next::Ip,
        LinkType::IPV4 => Next::Ipv4,
        LinkType::IPV6 => Next::Ipv6,
        LinkType::NULL | LinkType::LOOP => Next::Null,
        LinkType::LINUX_SLL => Next::Sll,
        LinkType::LINUX_SLL2 => Next::Sll2,
        LinkType::PPP => Next::Ppp,
        LinkType::PPP_HDLC => Next::PppHdlc,
        LinkType::PPP_WITH_DIR => Next::PppWithDirection,
        LinkType::PPP_ETHER => Next::Pppoe,
        LinkType::IPOIB => Next::Ipoib,
        LinkType(other) => {
            let reason = RejectReason::UnknownLinkType(other);
            return Err(Reject { layer: Layer::Link, reason, offset: 0 });
        }
    })
}

/// Raw IP: the first nibble is the version.
#[inline]
fn by_version(peel: &Peel<'_>) -> Result<Next, Reject> {
    match peel.bytes.first().map(|byte| byte >> 4) {
        Some(4) => Ok(Next::Ipv4),
        Some(6) => Ok(Next::Ipv6),
        Some(_) => Err(peel.reject(Layer::Link, RejectReason::BadVersion)),
        None => Err(peel.reject(Layer::Link, RejectReason::Truncated)),
    }
}
