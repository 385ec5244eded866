//! How connections begin: what the peers agree on in their handshake (RFC 9293, 3.5), not what came last.
//!
//! Attempts with the same addresses and ports stand beside each other until one of them is answered, and beside an
//! older connection until the answer is acknowledged. Of two answers to one SYN the acknowledged one counts. Where
//! numbers are used again, the complete handshake is the new connection.

use heapless::Vec;

use super::{MAX_SAME_KEY, Reassembler};
use crate::connection::{ConnectionKey, Direction, State};
use crate::decode::Segment;
use crate::frame::Timestamp;
use crate::matching::Fit;
use crate::sink::{CloseReason, Sink};
use crate::stream::{Stream, StreamFlags};

/// Attempts with the same addresses and ports that wait for an answer. The first ones stay, and the last.
const MAX_ATTEMPTS: usize = 4;

/// A handshake with the numbers of the one before is a new one after a silence of this length, in nanoseconds;
/// otherwise its segments are copies that came late. The shortest time after which a SYN comes again (RFC 6298, 2.1).
const SILENCE: u64 = Timestamp::SECOND;

impl Reassembler<'_> {
    /// Looks after the connections with the key of one that begins. A SYN alone does not end an open one: anybody may
    /// have sent it, and the receiver only asks whether it is meant (RFC 9293, 3.10.7.4). Answers whether one stands
    /// beside it.
    pub(super) fn make_way<S: Sink>(
        &mut self,
        key: &ConnectionKey,
        segment: &Segment<'_>,
        sink: &mut S,
    ) -> Result<bool, S::Error> {
        let older: Vec<u32, MAX_SAME_KEY> =
            self.table.entries_of(key).map(|(index, _)| index).take(MAX_SAME_KEY).collect();
        let (mut beside, mut attempts, mut last) = (false, 0, None);
        for index in older {
            let connection = self.table.get(index);
            let refused = connection.streams.iter().all(|stream| stream.data == 0);
            match connection.state {
                State::Closing if refused && segment.flags.syn => {
                    self.retire(index, CloseReason::PortReuse, sink)?;
                }
                State::HalfOpen | State::Open => {
                    beside = true;
                    if connection.is_attempt() {
                        attempts += 1;
                        last = last.or(Some(index));
                    }
                }
                _ => {}
            }
        }
        if let Some(last) = last.filter(|_| attempts >= MAX_ATTEMPTS) {
            self.retire(last, CloseReason::PortReuse, sink)?;
        }
        Ok(beside)
    }

    /// A connection that begins with the answer to a SYN that came again, or with the end of such a handshake, knows
    /// the numbers of those.
    pub(super) fn begin_as_before(&mut self, index: u32, direction: Direction, segment: &Segment<'_>) {
        if !segment.flags.ack {
            return;
        }
        let other = direction.other();
        let key = self.table.get(index).key;
        let before = |connection: &&mut u32| {
            let stream = &self.table.get(**connection).streams[other.index()];
            stream.flags.has(StreamFlags::AGAIN) && stream.base() == segment.acknowledgement
        };
        let mut older: Vec<u32, MAX_SAME_KEY> = self
            .table
            .entries_of(&key)
            .map(|(older, _)| older)
            .filter(|older| *older != index)
            .take(MAX_SAME_KEY)
            .collect();
        let Some(&mut older) = older.iter_mut().find(before) else { return };
        let streams = self.table.get(older).streams;
        let again = StreamFlags::AGAIN | StreamFlags::SILENT;
        let renewed = self.is_renewal(older, direction, segment);
        for stream in &mut self.table.get_mut(older).streams {
            stream.flags.clear(again);
        }
        let connection = self.table.get_mut(index);
        connection.streams[other.index()].begin_as(&streams[other.index()]);
        if renewed {
            connection.streams[direction.index()].begin_as(&streams[direction.index()]);
        }
    }

    /// Whether a segment ends a second handshake with the numbers of a connection's own.
    #[inline]
    pub(super) fn is_renewal(&self, index: u32, direction: Direction, segment: &Segment<'_>) -> bool {
        let (stream, other) = self.table.get(index).directed(direction);
        stream.flags.has(StreamFlags::AGAIN)
            && other.flags.has(StreamFlags::AGAIN)
            && (stream.flags.has(StreamFlags::SILENT) || other.flags.has(StreamFlags::SILENT))
            && segment.flags.ack
            && !segment.flags.syn
            && !segment.flags.rst
            && segment.sequence == stream.base()
            && segment.acknowledgement == other.base()
    }

    /// A SYN that a connection knows came again at `time` of the capture. After the handshake it may begin a new
    /// connection: the answer, or what follows, says so. Where the capture's time was set back, it is a copy.
    pub(super) fn note_again(
        &mut self,
        index: u32,
        direction: Direction,
        segment: &Segment<'_>,
        time: Timestamp,
    ) {
        let connection = self.table.get_mut(index);
        let silent = time.since(connection.last()) >= SILENCE;
        let state = connection.state;
        let (stream, other) = connection.directed_mut(direction);
        // What neither side has gone beyond is sent again.
        let beyond =
            |one: &Stream, other: &Stream| one.acknowledgement().is_some_and(|at| at != other.base());
        let silent = silent && (state == State::Closing || beyond(stream, other) || beyond(other, stream));
        if !stream.has_syn() || stream.base() != segment.sequence.wrapping_add(1) {
            return;
        }
        if !segment.flags.ack {
            let refused = state == State::Closing && (!other.is_based() || stream.is_unanswered(other));
            if state != State::HalfOpen && !refused {
                let silent = if silent { StreamFlags::SILENT } else { 0 };
                stream.flags.set(StreamFlags::AGAIN | silent);
            }
        } else if other.flags.has(StreamFlags::AGAIN) && other.flags.has(StreamFlags::SILENT) {
            stream.flags.set(StreamFlags::AGAIN);
        }
    }

    /// Takes the acknowledgement and window of a segment, unless it says nothing about this connection: before it is
    /// established, only what was sent can be acknowledged (RFC 9293, 3.5.1). `settled` where it is, and the start
    /// of the other stream is certain. Answers whether it did.
    #[inline]
    pub(super) fn take_acknowledgement(
        &mut self,
        index: u32,
        direction: Direction,
        segment: &Segment<'_>,
        fit: Fit,
        settled: bool,
    ) -> bool {
        if settled && !segment.flags.syn && fit != Fit::Stray {
            if segment.flags.ack && !segment.flags.rst {
                let stream = &mut self.table.get_mut(index).streams[direction.index()];
                stream.acknowledge(segment.acknowledgement, segment.window);
            }
            return true;
        }
        self.take_early_acknowledgement(index, direction, segment, fit)
    }

    /// The same where the connection may not be established, or not agree on where a stream begins.
    #[inline(never)]
    fn take_early_acknowledgement(
        &mut self,
        index: u32,
        direction: Direction,
        segment: &Segment<'_>,
        fit: Fit,
    ) -> bool {
        let max_jump = self.config.max_jump;
        let connection = self.table.get_mut(index);
        let (state, opening) = (connection.state, connection.is_opening());
        let control = segment.control();
        let [up, down] = &mut connection.streams;
        let (stream, other) = if direction == Direction::Up { (up, down) } else { (down, up) };
        let scales = other.answers_scale();
        if segment.flags.syn {
            if !stream.has_syn() && stream.is_blank(&self.pool) {
                stream.forget_acknowledgement();
                if segment.flags.ack && other.has_syn() && state == State::HalfOpen {
                    other.note_unaccepted(segment.acknowledgement);
                }
            }
        } else if segment.flags.ack && !segment.flags.rst {
            if opening && other.is_crowded(&self.pool) {
                other.settle_crowd(segment.acknowledgement);
            }
            let known = stream.is_based() && fit == Fit::Touches;
            let stray = opening
                && other.has_syn()
                && !known
                && !other.accepts(segment.acknowledgement, &self.pool, 0);
            if stray || fit == Fit::Stray {
                self.counters.stray_acknowledgements += 1;
                return false;
            }
        }
        stream.note_acknowledgement(&control, scales);
        if segment.flags.ack && !segment.flags.rst {
            if other.rival().is_some() && !segment.flags.syn {
                other.settle_start(segment.acknowledgement, max_jump);
            }
            if !segment.flags.syn {
                other.note_accepted(segment.acknowledgement);
            }
        }
        true
    }

    /// Where the stream begins, once a segment carries a part of it. Answers whether the segment is taken: a FIN
    /// before the SYN of its side ends nothing.
    #[inline(never)]
    pub(super) fn find_start(
        &mut self,
        index: u32,
        direction: Direction,
        segment: &Segment<'_>,
        sequence: u32,
    ) -> bool {
        let connection = self.table.get(index);
        let (stream, other) = connection.directed(direction);
        if stream.is_based() && stream.extent(&self.pool) > 0 {
            return true;
        }
        let content = segment.flags.syn || segment.payload_len > 0;
        let early = !content && connection.is_opening() && other.has_syn();
        let agreed = segment.payload_len > 0 && stream.agrees_on(sequence, other, &self.pool);
        let tentative = stream.is_tentative(&self.pool);
        let window = self.config.rebase_window;
        let max_jump = self.config.max_jump;
        let stream = &mut self.table.get_mut(index).streams[direction.index()];
        if !stream.is_based() {
            if early {
                self.counters.invalid_fins += 1;
                return false;
            }
            stream.set_base(sequence, segment.flags.syn);
        } else if segment.flags.syn {
            if tentative {
                stream.restart(sequence, true);
            }
        } else if tentative {
            if content && stream.base().wrapping_sub(sequence) > window {
                stream.restart(sequence, false);
            }
        } else if agreed {
            stream.restart(sequence, true);
        } else {
            stream.settle_start(sequence, max_jump);
            stream.flags.clear(StreamFlags::RIVAL);
        }
        true
    }

    /// A second SYN+ACK with another sequence number: it counts if the client acknowledges it, or the data continue
    /// it. Answers whether the stream begins there.
    pub(super) fn answer_again(&mut self, index: u32, direction: Direction, segment: &Segment<'_>) -> bool {
        let base = segment.sequence.wrapping_add(1);
        let streams = &mut self.table.get_mut(index).streams;
        let acknowledged = streams[direction.other().index()].acknowledgement();
        let stream = &mut streams[direction.index()];
        let blank = stream.is_blank(&self.pool);
        if blank && acknowledged == Some(base) {
            stream.restart(base, true);
            return true;
        }
        if blank && acknowledged != Some(stream.base()) {
            stream.set_rival(base);
        } else {
            self.counters.invalid_syns += 1;
        }
        self.counters.payload_bytes += segment.payload.len() as u64;
        self.counters.out_of_window_bytes += segment.payload.len() as u64;
        false
    }

    /// A connection that began beside older ones with the same addresses and ports is established: those have ended
    /// without a word.
    #[cold]
    pub(super) fn supersede<S: Sink>(&mut self, index: u32, sink: &mut S) -> Result<(), S::Error> {
        let connection = self.table.get_mut(index);
        connection.set_beside(false);
        let (key, session) = (connection.key, connection.session);
        let older: Vec<u32, MAX_SAME_KEY> = self
            .table
            .entries_of(&key)
            .filter(|(_, entry)| {
                entry.session < session && matches!(entry.state, State::HalfOpen | State::Open)
            })
            .map(|(index, _)| index)
            .take(MAX_SAME_KEY)
            .collect();
        for index in older {
            if self.table.get(index).is_attempt() {
                self.retire(index, CloseReason::PortReuse, sink)?;
            } else {
                self.end(index, CloseReason::PortReuse, true, sink)?;
            }
        }
        Ok(())
    }
}
