//! The short way of the segment that most segments are.

use super::Reassembler;
use crate::config::Check;
use crate::connection::{ConnectionKey, Direction, State};
use crate::decode::{Segment, TcpFlags};
use crate::fragment::Packets;
use crate::sink::Sink;

impl Reassembler<'_> {
    /// The usual segment continues an open connection of which nothing is missing, and says nothing but that. This
    /// does for it what [`Self::segment`] would do, for speed alone; answers whether it was one.
    #[inline]
    pub(super) fn usual<S: Sink>(
        &mut self,
        packets: &Packets,
        key: &ConnectionKey,
        direction: Direction,
        segment: &Segment<'_>,
        sink: &mut S,
    ) -> Result<bool, S::Error> {
        let refuses = self.config.paws == Check::Refuse || self.config.window == Check::Refuse;
        let whole = segment.payload.len() == segment.payload_len as usize;
        if segment.flags != TcpFlags::ACK_ONLY || !whole || refuses {
            return Ok(false);
        }
        let Some((index, connection)) = self.table.entries_of(key).next() else { return Ok(false) };
        let (own, other) = connection.directed(direction);
        let usual = connection.state == State::Open
            && own.is_opened()
            && own.is_seamless()
            && other.is_seamless()
            && own.continues(segment.sequence);
        if !usual {
            return Ok(false);
        }
        self.refresh(index);
        let connection = self.table.get_mut(index);
        sink.segment(&connection.side(index, direction, packets.datagram), segment)?;
        let (stream, other) = connection.directed_mut(direction);
        self.counters.paws_failures += u64::from(stream.is_outdated(other, segment, packets.clock));
        stream.note_packet(packets);
        self.counters.beyond_window_segments += u64::from(stream.beyond_window(other, segment) > 0);
        stream.note_acknowledgement(segment, false);
        if segment.payload.is_empty() {
            return Ok(true);
        }
        let (offset, len) = (stream.next, segment.payload.len() as u64);
        stream.next += len;
        stream.data += len;
        self.counters.payload_bytes += len;
        self.counters.data_bytes += len;
        sink.data(stream.flow(index * 2 + direction.index() as u32), offset, segment.payload)?;
        Ok(true)
    }
}
