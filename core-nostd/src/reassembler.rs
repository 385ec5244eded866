//! The core as its callers use it: frames in, events out.
//!
//! A segment is looked up in the table; it continues its connection, begins a new one, or belongs to
//! none. Time is the capture's: the same frames give the same events, always.

mod batch;
mod clock;
mod datagrams;
mod ending;
mod fast_path;
mod handshake;
mod inside;

use clock::Clock;
use fast_path::{InOrderSegment, Lookup};
use managed::ManagedSlice;

use crate::config::{Check, Config};
use crate::connection::{Connection, ConnectionKey, Direction, State, Table};
use crate::counters::Counters;
use crate::decode::{Outcome, Segment};
use crate::flow::Opened;
use crate::fragment::{Fragments, Packets};
use crate::frame::{Frame, Timestamp};
use crate::matching::{Fit, Found, Matcher, begins};
use crate::overlap::Target;
use crate::sink::{CloseReason, Sink, for_frames};
use crate::storage::{Storage, StorageError};
use crate::stream::{IslandPool, Placement, Placer, StreamFlags};

/// Expiry and the order of activity are kept to this precision, in nanoseconds.
const TICK: u64 = Timestamp::SECOND / 4;

/// Puts the bytes of TCP connections back at their places.
///
/// ```
/// use tapflow_core::{Config, Flow, Frame, LinkType, Reassembler, Sink, StaticStorage, Timestamp};
///
/// struct Print;
/// impl Sink for Print {
///     type Error = core::convert::Infallible;
///     fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
///         println!("flow {} at {offset}: {bytes:?}", flow.number);
///         Ok(())
///     }
/// }
///
/// let mut memory = StaticStorage::<16, 16, 32>::new();
/// let mut reassembler = Reassembler::new(Config::new([0; 16]), memory.storage())?;
/// let frame = Frame { link: LinkType::ETHERNET, time: Timestamp::new(1, 0), wire_len: 4, bytes: &[0; 4] };
/// let Ok(()) = reassembler.push(&frame, &mut Print);
/// let Ok(()) = reassembler.finish(&mut Print);
/// assert_eq!(reassembler.counters().rejected_frames(), 1);
/// # Ok::<(), tapflow_core::StorageError>(())
/// ```
///
/// A sink's error ends the call at once; [`finish`](Self::finish) may still be called after it, and
/// tells the flows that are left.
pub struct Reassembler<'a> {
    config: Config,
    table: Table<'a>,
    pool: IslandPool<'a>,
    fragments: Fragments<'a>,
    /// Where compressed payload is expanded.
    expanded: ManagedSlice<'a, u8>,
    counters: Counters,
    clock: Clock,
    next_expiry: u64,
    new_connections: bool,
    targets: &'a [Target],
}

/// Connections with the same addresses and ports that are kept: a jump in sequence numbers begins a
/// new one, and segments may come back to an old one.
const MAX_SAME_KEY: usize = 8;

/// A byte asks whether the other side is there only after a silence, in nanoseconds: of a second at least, on the
/// systems in use.
const PROBE_SILENCE: u64 = Timestamp::SECOND / 2;

impl<'a> Reassembler<'a> {
    /// A reassembler in the caller's memory.
    ///
    /// # Errors
    /// When the storage has no room for a connection, or its sizes do not fit together.
    pub fn new(config: Config, storage: Storage<'a>) -> Result<Self, StorageError> {
        storage.check()?;
        let half = i32::MAX as u32;
        let config = Config {
            max_jump: config.max_jump.clamp(1, half),
            rebase_window: config.rebase_window.min(half),
            ..config
        };
        Ok(Self {
            table: Table::new(storage.connections, storage.buckets, config.hash_key),
            pool: IslandPool::new(storage.islands, &config.hash_key),
            fragments: Fragments::new(storage.fragments),
            expanded: storage.expanded,
            config,
            counters: Counters::default(),
            clock: Clock::default(),
            next_expiry: 0,
            new_connections: true,
            targets: &[],
        })
    }

    /// The counts so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether segments of unknown connections begin new ones (the default), or are counted only.
    pub fn accept_new_connections(&mut self, accept: bool) {
        self.new_connections = accept;
    }

    /// Networks whose hosts have another overlap policy than [`Config::overlap`]: the longest prefix that contains
    /// a flow's destination counts, for connections that begin from now on.
    pub fn set_targets(&mut self, targets: &'a [Target]) {
        self.targets = targets;
    }

    /// What a frame, or one of the frames inside, came to.
    #[inline]
    fn outcome<S: Sink>(
        &mut self,
        frame: &Frame<'_>,
        packets: &Packets,
        outcome: Outcome<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        match outcome {
            Outcome::Segment(mut segment) => self.segment(packets, &mut segment, sink),
            Outcome::Piece(piece) => self.piece(frame, &piece, packets, sink),
            Outcome::Reject(reject) => {
                self.counters.reject(&reject);
                sink.rejected(frame, &reject)
            }
            Outcome::Packed(packed) => self.packed(frame, packets, &packed, sink),
            // Never inside of each other.
            Outcome::Several(_) => Ok(()),
        }
    }

    /// Tells the time, so that connections can expire while no frames come. It is believed, unlike that of a
    /// single frame; a time in the past does nothing.
    ///
    /// # Errors
    /// The sink's.
    pub fn advance<S: Sink>(&mut self, now: Timestamp, sink: &mut S) -> Result<(), S::Error> {
        self.clock.set_forward(now);
        self.expire(sink)
    }

    /// Closes and forgets what has waited long enough.
    #[inline]
    fn expire<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        let now = self.clock.now();
        sink.time(now)?;
        if now.0 < self.next_expiry { Ok(()) } else { self.expire_at(now, sink) }
    }

    #[inline(never)]
    fn expire_at<S: Sink>(&mut self, now: Timestamp, sink: &mut S) -> Result<(), S::Error> {
        self.next_expiry = now.0.saturating_add(TICK);
        self.expire_datagrams(sink)?;
        while let Some(index) = self.due(Table::oldest_closing, self.config.closing) {
            self.retire(index, CloseReason::Finished, sink)?;
        }
        while let Some(index) = self.due(Table::oldest_lingering, self.config.linger) {
            self.retire(index, CloseReason::Finished, sink)?;
        }
        if let Some(idle) = self.config.idle_timeout {
            while let Some(index) = self.due(Table::oldest_half_open, idle) {
                self.retire(index, CloseReason::Idle, sink)?;
            }
            while let Some(index) = self.due(Table::least_active, idle) {
                self.retire(index, CloseReason::Idle, sink)?;
            }
        }
        Ok(())
    }

    /// The oldest connection of a list, if it was silent for `timeout`. Those whose last packet claims a time
    /// that nobody believes are passed over, as if it had come now.
    fn due(&mut self, oldest: impl Fn(&Table<'a>) -> Option<u32>, timeout: u64) -> Option<u32> {
        let (now, horizon) = (self.clock.now(), self.clock.horizon(self.config.max_clock_step));
        loop {
            let index = oldest(&self.table)?;
            let last = self.table.get(index).last();
            if last <= horizon {
                return (now.since(last) >= timeout).then_some(index);
            }
            for stream in &mut self.table.get_mut(index).streams {
                stream.last = stream.last.min(now);
            }
            self.table.touch(index);
        }
    }

    /// Closes everything that is still open. The reassembler is empty afterwards and may go on.
    ///
    /// # Errors
    /// The sink's.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        sink.time(self.clock.now())?;
        self.finish_datagrams(sink)?;
        for index in 0..self.table.touched() {
            if self.table.get(index).state != State::Free {
                self.retire(index, CloseReason::EndOfInput, sink)?;
            }
        }
        Ok(())
    }

    fn segment<S: Sink>(
        &mut self,
        packets: &Packets,
        segment: &mut Segment<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        // RST is looked at before SYN (RFC 9293, 3.10.7).
        segment.flags.syn &= !segment.flags.rst;
        let segment = &*segment;
        self.counters.segments += 1;
        self.counters.ipv4_checksum_errors += u64::from(segment.checksum_errors.ipv4);
        self.counters.tcp_checksum_errors += u64::from(segment.checksum_errors.tcp);
        let domain = if self.config.ignore_encapsulation { 0 } else { segment.domain };
        let (key, direction) = ConnectionKey::new(&segment.key, domain);
        let lookup = Lookup { key, hash: self.table.hash(&key), direction };
        if let Some(in_order) = InOrderSegment::of(segment)
            && self.try_in_order(
                packets,
                &lookup,
                |other| *other == key,
                &in_order,
                |sink: &mut S, side| for_frames(sink, |frames| frames.segment(side, segment)),
                sink,
            )?
        {
            return Ok(());
        }
        self.segment_arrives(packets, &lookup, segment, sink)
    }

    /// Takes any segment, as RFC 9293, 3.10.7 (SEGMENT ARRIVES) says for both ends of its connection.
    fn segment_arrives<S: Sink>(
        &mut self,
        packets: &Packets,
        lookup: &Lookup<ConnectionKey>,
        segment: &Segment<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let Lookup { key, hash, direction } = *lookup;
        let matcher = Matcher { table: &self.table, pool: &self.pool, config: &self.config };
        let found = matcher.find(&key, hash, direction, segment);
        let (index, fit) = match found.best {
            Some((index, _)) if found.again && self.is_renewal(index, direction, segment) => {
                match self.begin(lookup, segment, &found, true, sink)? {
                    Some(index) => (index, Fit::Touches),
                    None => return Ok(()),
                }
            }
            Some(best) => best,
            None => match self.begin(lookup, segment, &found, false, sink)? {
                Some(index) => (index, Fit::Touches),
                None => return Ok(()),
            },
        };
        self.refresh(index);
        if segment.flags.syn && fit == Fit::Touches {
            self.note_again(index, direction, segment, packets.time);
        }
        let connection = self.table.get_mut(index);
        let side = connection.side(index, direction, packets.datagram);
        for_frames(sink, |frames| frames.segment(&side, segment))?;
        let state = connection.state;
        let quiet = segment.payload_len == 1 && packets.clock.since(connection.last()) >= PROBE_SILENCE;
        let (stream, other) = connection.directed_mut(direction);
        if state == State::Lingering {
            stream.last = stream.last.max(packets.clock);
            // The last acknowledgement of a connection that ended well is nothing to tell.
            if segment.payload_len > 0 || segment.flags.syn || segment.flags.rst {
                self.counters.after_close_segments += 1;
            }
            self.counters.payload_bytes += segment.payload.len() as u64;
            self.counters.after_close_bytes += segment.payload.len() as u64;
            return Ok(());
        }
        let outdated = stream.is_outdated(other, &segment.control(), packets.clock);
        // All others neither are keepalives nor follow one.
        let probes = segment.payload_len <= 1 || stream.is_probed() || other.is_probed();
        let keepalive = probes && stream.is_keepalive(other, segment, quiet);
        let answer = probes && !keepalive && stream.answers_keepalive(other, segment);
        stream.note_packet(packets);
        let settled = state == State::Open && other.is_settled();
        let beyond = stream.beyond_window(other, &segment.control());
        let kept;
        self.counters.paws_failures += u64::from(outdated);
        self.counters.beyond_window_segments += u64::from(beyond > 0);
        let refused = match (self.config.paws, self.config.window) {
            (Check::Refuse, _) if outdated => Some(None),
            (_, Check::Refuse) if beyond > 0 => Some(Some(beyond)),
            _ => None,
        };
        let segment = match refused {
            None => segment,
            Some(refused) => {
                let Some(acceptable) = self.acceptable(segment, refused) else { return Ok(()) };
                kept = acceptable;
                &kept
            }
        };
        let acknowledges = self.take_acknowledgement(index, direction, segment, fit, settled);
        if segment.flags.rst {
            return self.reset(index, direction, segment, sink);
        }
        if fit == Fit::SecondAnswer && !self.answer_again(index, direction, segment) {
            return Ok(());
        }
        if quiet && self.ignores_probe(index, direction, segment) {
            return self.note_keepalive(index, direction, true, false, sink);
        }
        if probes {
            self.note_keepalive(index, direction, keepalive, answer, sink)?;
        }
        let probe;
        let segment = if keepalive && segment.payload_len > 0 {
            self.counters.payload_bytes += segment.payload.len() as u64;
            self.counters.out_of_window_bytes += segment.payload.len() as u64;
            probe = Segment { payload: &[], payload_len: 0, ..segment.clone() };
            &probe
        } else {
            segment
        };
        let before = if state == State::Closing { self.extent(index, direction) } else { 0 };
        self.take_in(index, direction, packets.time, segment, fit, sink)?;
        if !segment.flags.ack {
            self.counters.no_ack_segments += u64::from(segment.payload_len > 0 && !segment.flags.syn);
        } else if acknowledges {
            self.acknowledge(index, direction, segment.acknowledgement, sink)?;
        }
        self.change_state(index, direction, segment, before, sink)
    }

    /// Counts a keepalive or the answer to one, if it is one, and remembers whether the next segment may answer.
    #[cold]
    #[inline(never)]
    fn note_keepalive<S: Sink>(
        &mut self,
        index: u32,
        direction: Direction,
        keepalive: bool,
        answer: bool,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let connection = self.table.get_mut(index);
        connection.streams[direction.other().index()].flags.clear(StreamFlags::PROBED);
        let stream = &mut connection.streams[direction.index()];
        stream.flags.clear(StreamFlags::PROBED);
        if keepalive {
            stream.flags.set(StreamFlags::PROBED);
        }
        if !keepalive && !answer {
            return Ok(());
        }
        self.counters.keepalives += u64::from(keepalive);
        self.counters.keepalive_answers += u64::from(answer);
        let slot = index * 2 + direction.index() as u32;
        if stream.is_opened() { sink.keepalive(stream.flow(slot), answer) } else { Ok(()) }
    }

    /// Counts the byte of a segment behind a FIN that only asks whether the other side is there. Answers whether it is
    /// one.
    #[cold]
    fn ignores_probe(&mut self, index: u32, direction: Direction, segment: &Segment<'_>) -> bool {
        let (stream, other) = self.table.get(index).directed(direction);
        let is_probe = stream.is_probe(other, segment);
        if is_probe {
            self.counters.payload_bytes += segment.payload.len() as u64;
            self.counters.out_of_window_bytes += segment.payload.len() as u64;
        }
        is_probe
    }

    /// What the receiver would accept of a segment: nothing, or all but so many bytes. `None` where nothing is left.
    #[cold]
    fn acceptable<'s>(&mut self, segment: &Segment<'s>, refused: Option<u32>) -> Option<Segment<'s>> {
        let len = segment.payload_len - refused.unwrap_or(segment.payload_len);
        let captured = segment.payload.len().min(len as usize);
        let refused = (segment.payload.len() - captured) as u64;
        self.counters.payload_bytes += refused;
        self.counters.refused_bytes += refused;
        if len == 0 {
            return None;
        }
        let mut kept = segment.clone();
        (kept.payload, kept.payload_len) = (&segment.payload[..captured], len);
        // What follows the bytes that are dropped is not in order any more.
        kept.flags.fin = false;
        Some(kept)
    }

    /// Keeps the table's order of activity, once in a tick for each connection.
    fn refresh(&mut self, index: u32) {
        if self.is_stale(self.table.get(index)) {
            self.table.touch(index);
        }
    }

    /// Whether a connection's place in the order of activity is of another tick.
    #[inline]
    fn is_stale(&self, connection: &Connection) -> bool {
        connection.last().0 / TICK != self.clock.now().0 / TICK
    }

    /// Enters a new connection into the table, unless the segment says nothing that begins one; `renews` if it is
    /// the end of a handshake.
    fn begin<S: Sink>(
        &mut self,
        lookup: &Lookup<ConnectionKey>,
        segment: &Segment<'_>,
        found: &Found,
        renews: bool,
        sink: &mut S,
    ) -> Result<Option<u32>, S::Error> {
        let Lookup { key, direction, .. } = *lookup;
        if !begins(segment) && !renews {
            self.counters.stray_segments += 1;
            self.counters.payload_bytes += segment.payload.len() as u64;
            self.counters.reset_bytes += segment.payload.len() as u64;
            return Ok(None);
        }
        if !self.new_connections {
            self.counters.unwanted_segments += 1;
            self.counters.payload_bytes += segment.payload.len() as u64;
            self.counters.unwanted_bytes += segment.payload.len() as u64;
            return Ok(None);
        }
        let beside = (segment.flags.syn || renews) && self.make_way(&key, segment, sink)?;
        if found.same_key >= MAX_SAME_KEY
            && let Some((index, _)) = found.idlest
            && self.table.get(index).state != State::Free
        {
            self.retire(index, CloseReason::Jump, sink)?;
        }
        // A SYN+ACK seen first comes from the side that did not open the connection.
        let opener = if segment.flags.syn && segment.flags.ack { direction.other() } else { direction };
        while self.table.inactive() >= self.config.max_inactive.max(1) {
            self.evict(sink)?;
        }
        loop {
            if let Ok(index) = self.table.insert(key, opener, self.counters.connections) {
                self.counters.connections += 1;
                self.counters.split_streams += u64::from(found.is_sparse && !segment.flags.syn);
                self.counters.max_connections =
                    self.counters.max_connections.max(u64::from(self.table.len()));
                let connection = self.table.get_mut(index);
                connection.set_beside(beside);
                self.begin_as_before(index, direction, segment);
                let streams = &mut self.table.get_mut(index).streams;
                for (direction, receiver) in
                    [(direction, segment.key.destination), (direction.other(), segment.key.source)]
                {
                    let policy = Target::policy_of(self.targets, receiver).unwrap_or(self.config.overlap);
                    streams[direction.index()].set_overlap_policy(policy);
                }
                return Ok(Some(index));
            }
            self.evict(sink)?;
        }
    }

    /// Makes room for one connection: the oldest closed one, else the oldest half-open one, else the
    /// least recently active one.
    fn evict<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        if let Some(index) = self.table.oldest_lingering().or(self.table.oldest_closing()) {
            self.retire(index, CloseReason::Finished, sink)
        } else if let Some(index) = self.table.oldest_half_open() {
            self.retire(index, CloseReason::EvictedHalfOpen, sink)
        } else if let Some(index) = self.table.least_active() {
            self.retire(index, CloseReason::EvictedLeastActive, sink)
        } else {
            Ok(())
        }
    }

    /// Places what the segment carries: SYN, payload, FIN.
    fn take_in<S: Sink>(
        &mut self,
        index: u32,
        direction: Direction,
        time: Timestamp,
        segment: &Segment<'_>,
        fit: Fit,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let slot = index * 2 + direction.index() as u32;
        let sequence = segment.sequence.wrapping_add(u32::from(segment.flags.syn));
        let content = segment.flags.syn || segment.payload_len > 0;
        let mut connection = self.table.get_mut(index);
        if connection.streams[direction.index()].data == 0 && (content || segment.flags.fin) {
            if !self.find_start(index, direction, segment, sequence) {
                return Ok(());
            }
            connection = self.table.get_mut(index);
        }
        let (session, opener) = (connection.session, connection.opener());
        let acknowledged = connection.streams[direction.other().index()].acknowledgement();
        let stream = &mut connection.streams[direction.index()];
        if content && !stream.is_opened() {
            stream.number = self.counters.flows;
            stream.flags.set(StreamFlags::OPENED);
            self.counters.flows += 1;
            let opened = Opened {
                key: segment.key,
                link: segment.link.clone(),
                time,
                session,
                client: direction == opener,
                syn: stream.has_syn(),
            };
            sink.opened(stream.flow(slot), &opened)?;
        }
        let mut placer = Placer {
            flow: stream.flow(slot),
            stream,
            rebases: &mut connection.rebases[direction.index()],
            pool: &mut self.pool,
            config: &self.config,
            counters: &mut self.counters,
            sink,
            urgent: false,
        };
        match fit {
            Fit::LateSyn(by) if placer.rebase(u64::from(by), &[])? => {
                placer.stream.flags.set(StreamFlags::SYN);
            }
            Fit::LateSyn(_) => {}
            _ if segment.flags.syn => placer.stream.flags.set(StreamFlags::SYN),
            _ => {}
        }
        if segment.payload_len > 0 {
            let (captured, len) = (segment.payload, segment.payload_len);
            if placer.stream.flags.has(StreamFlags::FIN) {
                placer.go_beyond_fin(sequence, len, acknowledged);
            }
            let placement = Placement { sequence, captured, len, continues: false };
            if segment.flags.urg {
                placer.counters.urgent_segments += 1;
                placer.place_urgent(placement, segment.urgent_pointer)?;
            } else {
                placer.place(placement)?;
            }
        }
        if segment.flags.fin {
            placer.finish_at(sequence, segment.payload_len, acknowledged);
        }
        Ok(())
    }

    /// Tells that the receiver has bytes that the capture does not, where others wait for them.
    fn acknowledge<S: Sink>(
        &mut self,
        index: u32,
        direction: Direction,
        number: u32,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let slot = index * 2 + direction.other().index() as u32;
        let stream = &self.table.get(index).streams[direction.other().index()];
        if !stream.has_islands() || !stream.is_opened() {
            return Ok(());
        }
        // More than was sent is nonsense, and a FIN is no byte.
        let number = number.wrapping_sub(u32::from(stream.is_fin_accepted(Some(number))));
        let offset = stream.offset_of(number, &self.pool).min(stream.extent(&self.pool) as i64);
        if offset > stream.next as i64 { sink.acknowledged(stream.flow(slot), offset as u64) } else { Ok(()) }
    }

    /// Closes a connection, unless the sink knows it already, and takes it out of the table.
    fn retire<S: Sink>(&mut self, index: u32, reason: CloseReason, sink: &mut S) -> Result<(), S::Error> {
        self.close(index, reason, sink)?;
        self.table.remove(index);
        for_frames(sink, |frames| frames.connection_removed(index * 2))
    }

    /// A closed connection stays for the linger time.
    fn linger(&mut self, index: u32) {
        self.table.set_state(index, State::Lingering);
        let now = self.clock.now();
        let stream = &mut self.table.get_mut(index).streams[0];
        stream.last = stream.last.max(now);
    }

    /// Tells the sink the end of both flows: for `reason`, unless the connection is closing for another one.
    /// After an error the connection is still closing, and what was not told is told by the next call.
    fn close<S: Sink>(&mut self, index: u32, reason: CloseReason, sink: &mut S) -> Result<(), S::Error> {
        let reason = match self.table.get(index).state {
            State::Free | State::Lingering => return Ok(()),
            State::Closing => self.table.get(index).closing_reason(),
            State::HalfOpen | State::Open => {
                self.table.get_mut(index).set_closing_reason(reason);
                self.table.set_state(index, State::Closing);
                reason
            }
        };
        let connection = self.table.get_mut(index);
        let (opener, reopened) = (connection.opener(), connection.is_reopened());
        let acknowledged = Direction::BOTH.map(|d| connection.streams[d.other().index()].acknowledgement());
        for direction in [opener, opener.other()] {
            let stream = &mut connection.streams[direction.index()];
            if !stream.is_opened() {
                continue;
            }
            let flow = stream.flow(index * 2 + direction.index() as u32);
            let (span, unseen) = Placer {
                stream,
                rebases: &mut connection.rebases[direction.index()],
                flow,
                pool: &mut self.pool,
                config: &self.config,
                counters: &mut self.counters,
                sink,
                urgent: false,
            }
            .close(acknowledged[direction.index()])?;
            let stream = &mut connection.streams[direction.index()];
            stream.flags.clear(StreamFlags::OPENED);
            let mut summary = stream.summary(span, unseen, reopened);
            summary.last = self.clock.by_capture(summary.last);
            sink.closed(flow, reason, &summary)?;
        }
        self.counters.closed[reason as usize] += 1;
        Ok(())
    }
}
