//! The fast path: a segment that continues an open connection in order.

use super::Reassembler;
use crate::config::Check;
use crate::connection::{ConnectionKey, Direction, State};
use crate::decode::{Control, FastHeader, Segment, TcpFlags};
use crate::flow::Side;
use crate::fragment::Packets;
use crate::sink::Sink;

/// The key under which the table has a segment's connection, its hash, and the segment's direction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lookup<K> {
    pub(super) key: K,
    pub(super) hash: u32,
    pub(super) direction: Direction,
}

/// A segment with no flag but ACK, captured whole: all it can do in order is to continue its connection.
pub(super) struct InOrderSegment<'s> {
    control: Control,
    payload: &'s [u8],
}

impl<'s> InOrderSegment<'s> {
    /// `None` if the segment has other flags or was cut short.
    #[inline]
    pub(super) fn of(segment: &Segment<'s>) -> Option<Self> {
        let whole = segment.payload.len() == segment.payload_len as usize;
        (segment.flags == TcpFlags::ACK_ONLY && whole)
            .then(|| Self { control: segment.control(), payload: segment.payload })
    }

    /// Of a header with [`FastHeader::is_ack_only`], and its payload.
    #[inline(always)]
    pub(super) fn of_header(header: &FastHeader, payload: &'s [u8]) -> Self {
        let control = Control {
            sequence: header.sequence,
            acknowledgement: header.acknowledgement,
            flags: TcpFlags::ACK_ONLY,
            window: header.window,
            window_scale: None,
            timestamp: header.timestamp(),
            payload_len: payload.len() as u32,
        };
        Self { control, payload }
    }
}

impl Reassembler<'_> {
    /// Takes the segment if it continues an open connection whose streams have no holes, and returns whether it did. The
    /// effect is that of [`Self::segment_arrives`], at a lower cost. `report` makes the sink's call for the segment.
    #[inline(always)]
    pub(super) fn try_in_order<S: Sink, K>(
        &mut self,
        packets: &Packets,
        lookup: &Lookup<K>,
        is: impl Fn(&ConnectionKey) -> bool,
        segment: &InOrderSegment<'_>,
        report: impl FnOnce(&mut S, &Side) -> Result<(), S::Error>,
        sink: &mut S,
    ) -> Result<bool, S::Error> {
        let InOrderSegment { control, payload } = segment;
        if self.config.paws == Check::Refuse || self.config.window == Check::Refuse {
            return Ok(false);
        }
        let direction = lookup.direction;
        let Some((index, connection)) = self.table.entries_by(lookup.hash, is).next() else {
            return Ok(false);
        };
        let (own, other) = connection.directed(direction);
        let in_order = connection.state == State::Open
            && own.is_opened()
            && own.is_seamless()
            && other.is_seamless()
            && own.continues(control.sequence);
        if !in_order {
            return Ok(false);
        }
        if self.is_stale(connection) {
            self.table.touch(index);
        }
        let connection = self.table.get_mut(index);
        report(sink, &connection.side(index, direction, packets.datagram))?;
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
