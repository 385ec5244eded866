//! Which connection a segment belongs to.
//!
//! Connections with the same addresses and ports may stand beside each other: after port reuse the old
//! one lingers, after a jump in sequence numbers both are open. The one that fits best takes the
//! segment, the newest where several fit as well. The table is only read.

use crate::config::Config;
use crate::connection::{Connection, ConnectionKey, Direction, State, Table};
use crate::decode::Segment;
use crate::frame::Timestamp;
use crate::stream::IslandPool;

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

/// What the table has for a segment.
#[derive(Default)]
pub(crate) struct Found {
    /// The connection that takes it, and why.
    pub(crate) best: Option<(u32, Fit)>,
    /// The newest connection with its addresses and ports.
    pub(crate) newest: Option<u32>,
    /// The least recently active one.
    pub(crate) idlest: Option<(u32, Timestamp)>,
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
        let mut max_jump = self.config.max_jump;
        for (index, connection) in self.table.entries_by(hash, |other| other == key) {
            let fit = if segment.flags.syn {
                self.fit_of_syn(connection, direction, segment)
            } else {
                self.fit(connection, direction, segment, max_jump)
            };
            if connection.state != State::Lingering {
                max_jump = max_jump.min(OLDER_HOLE);
            }
            if fit > found.best.map_or(Fit::No, |(_, fit)| fit) {
                found.best = Some((index, fit));
            }
            if fit == Fit::Touches {
                return found;
            }
            found.same_key += 1;
            found.is_sparse |= fit == Fit::Sparse;
            found.newest = found.newest.or(Some(index));
            if found.idlest.is_none_or(|(_, last)| connection.last() <= last) {
                found.idlest = Some((index, connection.last()));
            }
        }
        if found.best.is_none() && !begins(segment) {
            found.best = found.newest.map(|index| (index, Fit::Near));
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
        let stream = &connection.streams[direction.index()];
        let closed = connection.state == State::Lingering;
        if !stream.is_based() {
            return if closed { Fit::No } else { Fit::Near };
        }
        let offset = stream.offset_of(segment.sequence, self.pool);
        let end = offset + i64::from(segment.payload_len);
        let extent = stream.extent(self.pool) as i64;
        if closed && begins(segment) {
            return match offset >= 0 && end <= extent {
                false => Fit::No,
                true if self.acknowledges(connection, direction, segment) => Fit::Touches,
                true => Fit::Repeats,
            };
        }
        // A FIN takes one sequence number.
        if end >= 0 && offset <= extent + 1 {
            return Fit::Touches;
        }
        if closed || stream.is_jump(segment.sequence, self.pool, max_jump) {
            return Fit::No;
        }
        let is_sparse = offset > extent && stream.is_too_sparse(offset, self.config.max_hole);
        if is_sparse { Fit::Sparse } else { Fit::Near }
    }

    /// How a SYN fits.
    fn fit_of_syn(&self, connection: &Connection, direction: Direction, segment: &Segment<'_>) -> Fit {
        let stream = &connection.streams[direction.index()];
        let other = &connection.streams[direction.other().index()];
        let base = segment.sequence.wrapping_add(1);
        if !stream.is_based() {
            // The first SYN of this direction: the other side's acknowledgements must not contradict it.
            let contradicts = !segment.flags.ack
                && other
                    .acknowledgement()
                    .is_some_and(|number| number.wrapping_sub(base) >= self.config.max_jump);
            return if contradicts || connection.state == State::Lingering { Fit::No } else { Fit::Near };
        }
        match stream.base().wrapping_sub(base) {
            0 => Fit::Touches,
            _ if connection.state == State::Lingering => Fit::No,
            before if !stream.has_syn() && before <= self.config.rebase_window => Fit::LateSyn(before),
            _ if segment.flags.ack && other.has_syn() && segment.acknowledgement == other.base() => {
                Fit::SecondAnswer
            }
            _ => Fit::No,
        }
    }

    /// Whether the acknowledgement number is near to what the other side sent.
    fn acknowledges(&self, connection: &Connection, direction: Direction, segment: &Segment<'_>) -> bool {
        let other = &connection.streams[direction.other().index()];
        let near = self.config.max_jump.max(Config::DEFAULT_MAX_JUMP);
        !segment.flags.ack || !other.is_based() || !other.is_jump(segment.acknowledgement, self.pool, near)
    }
}

/// Whether the segment can begin a connection: it has a SYN, or data outside of an RST.
pub(crate) fn begins(segment: &Segment<'_>) -> bool {
    segment.flags.syn || (segment.payload_len > 0 && !segment.flags.rst)
}
