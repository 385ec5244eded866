//! Keepalives: segments that only ask whether the other side is there, and the answers (RFC 9293, 3.8.4).

use super::{Stream, StreamFlags};
use crate::decode::Segment;

impl Stream {
    /// Whether a segment is a probe: it has no byte or one of any value just before the next one, and the other side
    /// has acknowledged all up to there, so that it discards that byte. Where nothing is known of the other side, a
    /// byte is one only after a silence (`quiet`).
    pub(crate) fn is_keepalive(&self, other: &Self, segment: &Segment<'_>, quiet: bool) -> bool {
        let flags = &segment.flags;
        if segment.payload_len > 1 || flags.syn || flags.fin || flags.rst || flags.urg || !self.is_based() {
            return false;
        }
        let next = segment.sequence.wrapping_add(1);
        let is_acknowledged = match other.acknowledgement() {
            Some(number) => number == next,
            None => segment.payload_len == 0 || quiet,
        };
        is_acknowledged && self.continues(next)
    }

    /// Whether the last segment of the connection was a keepalive of this side.
    pub(crate) fn is_probed(&self) -> bool {
        self.flags.has(StreamFlags::PROBED)
    }

    /// Whether a segment answers a probe of the other side, and does nothing else.
    pub(crate) fn answers_keepalive(&self, other: &Self, segment: &Segment<'_>) -> bool {
        let flags = &segment.flags;
        other.is_probed()
            && segment.payload_len == 0
            && flags.ack
            && !(flags.syn || flags.fin || flags.rst)
            && (!self.is_based() || self.continues(segment.sequence))
            && self.acknowledgement().is_none_or(|number| number == segment.acknowledgement)
    }
}
