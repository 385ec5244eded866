//! The short way of the segment that most segments are.

use super::Reassembler;
use crate::config::Check;
use crate::connection::{ConnectionKey, Direction, State};
use crate::decode::{Control, Segment, TcpFlags, Usual};
use crate::flow::Side;
use crate::fragment::Packets;
use crate::sink::Sink;

/// Where the table has a segment's connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place<K> {
    pub(super) key: K,
    pub(super) hash: u32,
    pub(super) direction: Direction,
}

/// A segment that can continue a connection and do nothing else.
pub(super) struct Continuation<'s> {
    control: Control,
    payload: &'s [u8],
}

impl<'s> Continuation<'s> {
    #[inline]
    pub(super) fn of(segment: &Segment<'s>) -> Option<Self> {
        let whole = segment.payload.len() == segment.payload_len as usize;
        (segment.flags == TcpFlags::ACK_ONLY && whole)
            .then(|| Self { control: segment.control(), payload: segment.payload })
    }

    /// Of plain ones.
    #[inline(always)]
    pub(super) fn of_usual(usual: &Usual, payload: &'s [u8]) -> Self {
        let control = Control {
            sequence: usual.sequence,
            acknowledgement: usual.acknowledgement,
            flags: TcpFlags::ACK_ONLY,
            window: usual.window,
            window_scale: None,
            timestamp: usual.timestamp(),
            payload_len: payload.len() as u32,
        };
        Self { control, payload }
    }
}

impl Reassembler<'_> {
    /// The usual segment continues an open connection of which nothing is missing, and says nothing but that. This
    /// does for it what [`Self::unusual`] would do, for speed alone; answers whether it was one. `tell` tells the
    /// sink of the segment.
    #[inline(always)]
    pub(super) fn usual<S: Sink, K>(
        &mut self,
        packets: &Packets,
        place: &Place<K>,
        is: impl Fn(&ConnectionKey) -> bool,
        segment: &Continuation<'_>,
        tell: impl FnOnce(&mut S, &Side) -> Result<(), S::Error>,
        sink: &mut S,
    ) -> Result<bool, S::Error> {
        let Continuation { control, payload } = segment;
        if self.config.paws == Check::Refuse || self.config.window == Check::Refuse {
            return Ok(false);
        }
        let direction = place.direction;
        let Some((index, connection)) = self.table.entries_by(place.hash, is).next() else {
            return Ok(false);
        };
        let (own, other) = connection.directed(direction);
        let usual = connection.state == State::Open
            && own.is_opened()
            && own.is_seamless()
            && other.is_seamless()
            && own.continues(control.sequence);
        if !usual {
            return Ok(false);
        }
        if self.is_stale(connection) {
            self.table.touch(index);
        }
        let connection = self.table.get_mut(index);
        tell(sink, &connection.side(index, direction, packets.datagram))?;
        let (stream, other) = connection.directed_mut(direction);
        self.counters.paws_failures += u64::from(stream.is_outdated(other, control, packets.clock));
        stream.note_packet(packets);
        self.counters.beyond_window_segments += u64::from(stream.beyond_window(other, control) > 0);
        stream.acknowledge(control.acknowledgement, control.window);
        if payload.is_empty() {
            return Ok(true);
        }
        let (offset, len) = (stream.next, payload.len() as u64);
        stream.next += len;
        stream.data += len;
        self.counters.payload_bytes += len;
        self.counters.data_bytes += len;
        sink.data(stream.flow(index * 2 + direction.index() as u32), offset, payload)?;
        Ok(true)
    }
}
