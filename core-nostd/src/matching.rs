//! Which connection a segment belongs to.
//!
//! Connections with the same addresses and ports may stand beside each other: after port reuse the old
//! one lingers, after a jump in sequence numbers both are open. The one that fits best takes the
//! segment, the newest where several fit as well. The table is only read.

use crate::config::Config;
use crate::connection::{Connection, ConnectionKey, Direction, State, Table};
use crate::decode::Segment;
use crate::frame::Timestamp;
use crate::stream::{IslandPool, Stream, StreamFlags};

/// The longest hole, in bytes, that leads to an older connection while a newer one is open: a window of
/// lost segments. What is further away has jumped.
const OLDER_HOLE: u32 = 1 << 20;

/// How a segment fits a connection that has its addresses and ports; better ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// Not at all: too much would be missing before it.
    Sparse,
    /// Not at all: it jumps.
    No,
    /// It carries nothing and fits none; it is counted with the newest.
    Stray,
    /// It repeats bytes of a closed connection, but acknowledges what that one never sent.
    Repeats,
    /// It is short of a jump.
    Near,
    /// A second SYN+ACK for the same SYN, with another sequence number.
    SecondAnswer,
    /// The SYN of a direction whose first bytes were seen before: the stream begins this many bytes earlier.
    LateSyn(u32),
    /// It overlaps or continues what was seen, or it is the same SYN.
    Touches,
}

/// How the acknowledgement of a segment fits what the other side of a connection has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answers {
    /// It jumps.
    No,
    /// It is short of a jump.
    Near,
    /// There is nothing to compare.
    Unknown,
    /// It is one of what was sent.
    Fits,
}

/// What the table has for a segment.
#[derive(Default)]
pub(crate) struct Found {
    /// The connection that takes it, and why.
    pub(crate) best: Option<(u32, Fit)>,
    /// The newest connection with its addresses and ports.
    pub(crate) newest: Option<u32>,
    /// The least recently active one.
    pub(crate) idlest: Option<(u32, Timestamp)>,
    /// Whether a SYN came again to one of several connections, or to the only one.
    pub(crate) again: bool,
    /// How many there are, unless `best` touches.
    pub(crate) same_key: usize,
    /// It would belong to one in which too much is missing then.
    pub(crate) is_sparse: bool,
}

/// All that is needed to tell.
pub(crate) struct Matcher<'m, 'a> {
    pub(crate) table: &'m Table<'a>,
    pub(crate) pool: &'m IslandPool<'a>,
    pub(crate) config: &'m Config,
}

impl Matcher<'_, '_> {
    /// Looks for the connection of a segment. What carries neither SYN nor data goes to the newest one
    /// where nothing fits.
    pub(crate) fn find(
        &self,
        key: &ConnectionKey,
        hash: u32,
        direction: Direction,
        segment: &Segment<'_>,
    ) -> Found {
        let mut found = Found::default();
        let mut answers = Answers::No;
        let mut max_jump = self.config.max_jump;
        let mut entries = self.table.entries_by(hash, |other| other == key);
        let mut next = entries.next();
        while let Some((index, connection)) = next {
            next = entries.next();
            let fit = if segment.flags.syn {
                self.fit_of_syn(connection, direction, segment)
            } else {
                self.fit(connection, direction, segment, max_jump)
            };
            if connection.state != State::Lingering {
                max_jump = max_jump.min(OLDER_HOLE);
            }
            let renewed = || connection.streams.iter().any(|stream| stream.flags.has(StreamFlags::AGAIN));
            if found.newest.is_none() && next.is_none() && !renewed() {
                // Most connections are the only one of their key.
                if fit > Fit::No {
                    found.best = Some((index, fit));
                }
                if fit == Fit::Touches {
                    return found;
                }
            } else if fit > Fit::No {
                found.again |= renewed();
                let this = self.answers(connection, direction, segment);
                if this == Answers::No && begins(segment) && renewed() {
                    // The handshake came again with other numbers, and its connection is not wanted.
                    continue;
                }
                if (this, fit) > (answers, found.best.map_or(Fit::No, |(_, fit)| fit)) {
                    found.best = Some((index, fit));
                    answers = this;
                }
                if fit == Fit::Touches && (this == Answers::Fits || !segment.flags.ack) {
                    return found;
                }
            }
            found.same_key += 1;
            found.is_sparse |= fit == Fit::Sparse;
            found.newest = found.newest.or(Some(index));
            if found.idlest.is_none_or(|(_, last)| connection.last() <= last) {
                found.idlest = Some((index, connection.last()));
            }
        }
        if found.best.is_none() && !begins(segment) {
            found.best = found.newest.map(|index| (index, Fit::Stray));
        }
        found
    }

    /// How a segment without SYN fits. An open connection takes anything short of a jump of `max_jump`
    /// bytes, a closed one what repeats its bytes.
    fn fit(
        &self,
        connection: &Connection,
        direction: Direction,
        segment: &Segment<'_>,
        max_jump: u32,
    ) -> Fit {
        let (stream, other) = connection.directed(direction);
        let closed = connection.state == State::Lingering;
        if !stream.is_based() {
            return if closed || self.is_foreign(connection, other, segment) { Fit::No } else { Fit::Near };
        }
        if stream.data == 0
            && !closed
            && let Some(fit) = self.fit_of_first(stream, other, segment, max_jump)
        {
            return fit;
        }
        let offset = stream.offset_of(segment.sequence, self.pool);
        let end = offset + i64::from(segment.payload_len);
        let extent = stream.extent(self.pool) as i64;
        if closed && begins(segment) {
            let repeats = offset >= 0 && end <= extent || stream.is_probe(other, segment);
            return match repeats {
                false => Fit::No,
                true if self.answers(connection, direction, segment) > Answers::No => Fit::Touches,
                true => Fit::Repeats,
            };
        }
        // A FIN takes one sequence number.
        if end >= 0 && offset <= extent + 1 {
            return Fit::Touches;
        }
        let ended = || {
            connection.state == State::Closing
                && stream.is_complete()
                && self.is_beyond_end(connection, direction, segment, offset - extent)
        };
        if closed || ended() || Stream::is_jump(offset, extent, max_jump) {
            return Fit::No;
        }
        let is_sparse = offset > extent && stream.is_too_sparse(offset, self.config.max_hole);
        if is_sparse { Fit::Sparse } else { Fit::Near }
    }

    /// Whether a segment that lies `beyond` bytes behind a FIN that the stream has reached is no part of it. It is one if
    /// the receiver has not accepted the FIN, the segment is in the window, and its acknowledgement is near to what the
    /// other side sent.
    #[cold]
    #[inline(never)]
    fn is_beyond_end(
        &self,
        connection: &Connection,
        direction: Direction,
        segment: &Segment<'_>,
        beyond: i64,
    ) -> bool {
        let (stream, other) = connection.directed(direction);
        stream.is_fin_accepted(other.acknowledgement())
            || beyond > i64::from(other.receive_window())
            || self.answers(connection, direction, segment) == Answers::No
    }

    /// How the first segment after the handshake fits, where it says itself where the stream begins.
    #[inline(never)]
    fn fit_of_first(
        &self,
        stream: &Stream,
        other: &Stream,
        segment: &Segment<'_>,
        max_jump: u32,
    ) -> Option<Fit> {
        if stream.is_blank(self.pool) {
            let start = stream.start_before(segment.sequence);
            let rival = start != stream.base() && segment.sequence.wrapping_sub(start) < max_jump;
            if rival || stream.agrees_on(segment.sequence, other, self.pool) {
                return Some(Fit::Touches);
            }
        }
        (stream.is_tentative(self.pool) && begins(segment)).then_some(Fit::Near)
    }

    /// Whether data from a side that has not sent its SYN yet acknowledge another SYN than that of the other side:
    /// they are of an older connection.
    fn is_foreign(&self, connection: &Connection, other: &Stream, segment: &Segment<'_>) -> bool {
        connection.is_opening()
            && begins(segment)
            && segment.flags.ack
            && other.has_syn()
            && !other.accepts(segment.acknowledgement, self.pool, OLDER_HOLE)
    }

    /// How a SYN fits. One that acknowledges something answers the SYN of the other side, whose number it says.
    fn fit_of_syn(&self, connection: &Connection, direction: Direction, segment: &Segment<'_>) -> Fit {
        let (stream, other) = connection.directed(direction);
        let base = segment.sequence.wrapping_add(1);
        if segment.flags.ack && !self.answers_start(other, segment.acknowledgement) {
            return Fit::No;
        }
        if !stream.is_based() || stream.is_tentative(self.pool) {
            // The first SYN of this direction: the other side's acknowledgements must not contradict it.
            let contradicts = !segment.flags.ack
                && other
                    .acknowledgement()
                    .is_some_and(|number| number.wrapping_sub(base) >= self.config.max_jump);
            return match connection.state {
                State::Lingering => Fit::No,
                _ if contradicts => Fit::No,
                _ if segment.flags.ack && other.has_syn() => Fit::Touches,
                _ => Fit::Near,
            };
        }
        match stream.base().wrapping_sub(base) {
            0 => Fit::Touches,
            // The handshake comes again with another number of this side.
            _ if other.flags.has(StreamFlags::AGAIN) && segment.flags.ack && stream.has_syn() => Fit::No,
            _ if connection.state == State::Lingering => Fit::No,
            // The handshake was complete, or data came.
            _ if connection.state == State::Closing
                && (!stream.is_blank(self.pool) || other.acknowledgement() == Some(stream.base())) =>
            {
                Fit::No
            }
            before if !stream.has_syn() && before <= self.config.rebase_window => Fit::LateSyn(before),
            _ if segment.flags.ack && other.has_syn() => Fit::SecondAnswer,
            _ => Fit::No,
        }
    }

    /// Whether a SYN that acknowledges `number` answers the SYN of `other`, with or without the data in it.
    fn answers_start(&self, other: &Stream, number: u32) -> bool {
        if !other.is_based() {
            return true;
        }
        if other.has_syn() {
            return other.accepts(number, self.pool, 0);
        }
        // Data came first, or only the SYN is missing.
        let ahead = self.config.rebase_window.max(OLDER_HOLE);
        other.base().wrapping_sub(number) <= ahead || other.accepts(number, self.pool, 0)
    }

    /// How the acknowledgement number fits what the other side sent.
    fn answers(&self, connection: &Connection, direction: Direction, segment: &Segment<'_>) -> Answers {
        let other = &connection.streams[direction.other().index()];
        let near = self.config.max_jump.max(Config::DEFAULT_MAX_JUMP);
        if !segment.flags.ack || !other.is_based() {
            Answers::Unknown
        } else if other.accepts(segment.acknowledgement, self.pool, 0) {
            Answers::Fits
        } else if other.is_crowded(self.pool) {
            Answers::Unknown
        } else {
            let offset = other.offset_of(segment.acknowledgement, self.pool);
            match Stream::is_jump(offset, other.extent(self.pool) as i64, near) {
                true => Answers::No,
                false => Answers::Near,
            }
        }
    }
}

/// Whether the segment can begin a connection: it has a SYN, or data outside of an RST.
pub(crate) fn begins(segment: &Segment<'_>) -> bool {
    segment.flags.syn || (segment.payload_len > 0 && !segment.flags.rst)
}
