//! How connections end: as their peers accept it (RFC 9293, 3.6).
//!
//! A connection that has ended stays open for sinks for a while. What goes on where it ended takes the end back, and
//! what comes again is compared: an injected RST or FIN neither cuts a stream nor hides the bytes that lost.

use super::Reassembler;
use crate::connection::{Direction, State};
use crate::decode::Segment;
use crate::sink::{CloseReason, Sink};
use crate::stream::StreamFlags;

impl Reassembler<'_> {
    /// Moves the connection on after a segment was taken in; its stream ended at `before`.
    #[inline]
    pub(super) fn change_state<S: Sink>(
        &mut self,
        index: u32,
        direction: Direction,
        segment: &Segment<'_>,
        before: u64,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let mut connection = self.table.get(index);
        if connection.state == State::Closing {
            let goes_on = self.extent(index, direction) != before;
            if !self.takes_back(index, direction, segment, goes_on, sink)? {
                return Ok(());
            }
            connection = self.table.get(index);
        }
        let [up, down] = &connection.streams;
        match connection.state {
            State::HalfOpen | State::Open if connection.has_fins(&self.pool) => self.end_by_fins(index, sink),
            State::HalfOpen
                if !segment.flags.syn && (segment.payload_len > 0 || (up.is_based() && down.is_based())) =>
            {
                let beside = connection.is_beside();
                self.table.set_state(index, State::Open);
                if beside { self.supersede(index, sink) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Whether a segment of a connection that has ended takes the end back.
    #[inline(never)]
    fn takes_back<S: Sink>(
        &mut self,
        index: u32,
        direction: Direction,
        segment: &Segment<'_>,
        goes_on: bool,
        sink: &mut S,
    ) -> Result<bool, S::Error> {
        let connection = self.table.get(index);
        let (own, other) = connection.directed(direction);
        let reason = connection.closing_reason();
        let takes_back = match reason {
            // The same SYN again after a refusal, or an answer: the attempt goes on.
            CloseReason::Reset
                if segment.flags.syn
                    && (own.data + other.data == 0 || !segment.flags.ack && own.is_unanswered(other))
                    && !own.flags.has(StreamFlags::AGAIN) =>
            {
                self.table.set_state(index, State::HalfOpen);
                return Ok(false);
            }
            CloseReason::Reset => {
                let acknowledges = segment.flags.ack && other.is_since_reset(segment.acknowledgement);
                own.flags.has(StreamFlags::RESET) && (goes_on || segment.flags.fin || acknowledges)
            }
            CloseReason::Finished => !connection.has_fins(&self.pool),
            _ => goes_on,
        };
        if takes_back {
            self.reopen(index);
        } else if reason == CloseReason::Finished && self.config.close_at_once {
            self.end_by_fins(index, sink)?;
        }
        Ok(takes_back)
    }

    /// Both sides have sent a FIN.
    fn end_by_fins<S: Sink>(&mut self, index: u32, sink: &mut S) -> Result<(), S::Error> {
        let connection = self.table.get(index);
        let [up, down] = &connection.streams;
        let finished = if connection.key.is_reflexive() {
            up.is_finished(up)
        } else {
            up.is_finished(down) && down.is_finished(up)
        };
        self.end(index, CloseReason::Finished, finished, sink)
    }

    /// The connection has ended. Where that is certain, `closed` may be called at once.
    pub(super) fn end<S: Sink>(
        &mut self,
        index: u32,
        reason: CloseReason,
        certain: bool,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if certain && self.config.close_at_once {
            self.close(index, reason, sink)?;
            self.linger(index);
            return Ok(());
        }
        if self.table.get(index).state == State::Closing {
            return Ok(());
        }
        self.table.get_mut(index).set_closing_reason(reason);
        self.table.set_state(index, State::Closing);
        while self.table.closing() > self.config.max_closing.max(1)
            && let Some(oldest) = self.table.oldest_closing()
        {
            self.close(oldest, reason, sink)?;
            self.linger(oldest);
        }
        Ok(())
    }

    /// The end was none.
    #[cold]
    fn reopen(&mut self, index: u32) {
        self.counters.reopened += 1;
        self.table.set_state(index, State::Open);
        let connection = self.table.get_mut(index);
        connection.set_reopened();
        for stream in &mut connection.streams {
            stream.flags.clear(StreamFlags::RESET);
        }
    }

    /// An RST ends the connection if it is in the window (RFC 9293, 3.10.7). What is under way is still taken in.
    pub(super) fn reset<S: Sink>(
        &mut self,
        index: u32,
        direction: Direction,
        segment: &Segment<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.counters.payload_bytes += segment.payload.len() as u64;
        self.counters.reset_bytes += segment.payload.len() as u64;
        let connection = self.table.get(index);
        let stream = &connection.streams[direction.index()];
        let other = &connection.streams[direction.other().index()];
        let valid = if stream.is_based() {
            let offset = stream.offset_of(segment.sequence, &self.pool);
            // The receiver expects what it acknowledged last, or what it was sent since.
            let expected = other
                .acknowledgement()
                .map_or(i64::MAX, |number| stream.offset_of(number, &self.pool))
                .min(stream.next as i64);
            let limit = stream.extent(&self.pool) + u64::from(other.receive_window());
            offset >= expected - 1 && offset <= limit as i64
        } else if segment.flags.ack {
            let offset = other.offset_of(segment.acknowledgement, &self.pool);
            offset >= 0 && offset <= other.extent(&self.pool) as i64 + 1
        } else {
            other.acknowledgement() == Some(segment.sequence)
        };
        if !valid {
            self.counters.invalid_resets += 1;
        } else if connection.state != State::Closing {
            let [up, down] = &mut self.table.get_mut(index).streams;
            let (own, other) = if direction == Direction::Up { (up, down) } else { (down, up) };
            own.flags.set(StreamFlags::RESET);
            other.note_reset(&self.pool);
            self.end(index, CloseReason::Reset, false, sink)?;
        }
        Ok(())
    }

    /// Offset past the last byte of a stream.
    #[inline]
    pub(super) fn extent(&self, index: u32, direction: Direction) -> u64 {
        self.table.get(index).streams[direction.index()].extent(&self.pool)
    }
}
