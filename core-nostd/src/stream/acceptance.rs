//! Whether the receiver would accept a segment: its timestamp and the receiver's window.
//!
//! What a receiver drops is not part of its stream, and a sender who knows that can show the observer other bytes
//! than the receiver. The observer knows of the receiver what it saw it say, which may be late or incomplete: so these
//! are anomalies to count, unless the caller wants them refused.

use super::{Stream, StreamFlags};
use crate::decode::Control;
use crate::frame::Timestamp;

/// Silence after which a timestamp says nothing any more (RFC 7323, 5.5): 24 days, in nanoseconds.
const OUTDATED: u64 = 24 * 24 * 3600 * Timestamp::SECOND;

impl Stream {
    /// Whether the segment's timestamp is older than the last one that the receiver accepted, so that it drops the
    /// segment (RFC 7323, 5.3). Otherwise remembers it. `other` is the direction of the receiver, and `self` has not
    /// counted the packet yet.
    #[inline]
    pub(crate) fn is_outdated(&mut self, other: &Self, segment: &Control, now: Timestamp) -> bool {
        let Some(value) = segment.timestamp.filter(|_| !segment.flags.rst) else { return false };
        let known =
            self.flags.has(StreamFlags::TIMESTAMP) && !segment.flags.syn && now.since(self.last) < OUTDATED;
        if known && (value.wrapping_sub(self.timestamp) as i32) < 0 {
            return true;
        }
        // Only what reaches down to the last acknowledgement moves the receiver's memory (RFC 7323, 4.3): segments
        // that overtook others do not make those outdated.
        let expected = other.acknowledgement().unwrap_or(self.base.wrapping_add(self.next as u32));
        if !known || segment.sequence.wrapping_sub(expected) as i32 <= 0 {
            self.timestamp = value;
            self.flags.set(StreamFlags::TIMESTAMP);
        }
        false
    }

    /// How many of the segment's bytes lie beyond the window that the receiver, the sender of `other`, has
    /// announced: it drops them (RFC 9293, 3.10.7.4). 0 where the window is not known, as its scale may not be.
    #[inline]
    pub(crate) fn beyond_window(&self, other: &Self, segment: &Control) -> u32 {
        if segment.payload_len == 0 || !self.has_syn() || !other.has_syn() {
            return 0;
        }
        let Some(acknowledged) = other.acknowledgement() else { return 0 };
        let shift = match (self.window_shift(), other.window_shift()) {
            (Some(_), Some(shift)) => shift,
            _ => 0,
        };
        let edge = acknowledged.wrapping_add(u32::from(other.window) << shift);
        let start = segment.sequence.wrapping_add(u32::from(segment.flags.syn));
        // A scaled window is rounded down.
        let limit = edge.wrapping_add((1 << shift) - 1);
        let beyond = start.wrapping_add(segment.payload_len).wrapping_sub(limit) as i32;
        // One byte at the edge asks whether the window is still closed (RFC 9293, 3.8.6.1).
        let probe = segment.payload_len == 1 && start == edge;
        if beyond <= 0 || probe { 0 } else { beyond.unsigned_abs().min(segment.payload_len) }
    }
}
