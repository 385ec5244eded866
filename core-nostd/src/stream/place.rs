//! Placement: a segment's payload split into bytes that are new, repeated, late or out of window.
//!
//! Events come in ascending offsets, those for bytes that take the place of others first. A segment cut short by a snap length leaves its tail as a hole
//! that a retransmission may fill and that is told as a gap otherwise.

use super::{IslandPool, Stream, StreamFlags};
use crate::config::{Config, Urgent};
use crate::counters::Counters;
use crate::flow::Flow;
use crate::overlap::{Relation, keep_new};
use crate::sink::{Repeat, Sink};

/// Payload on its way into a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement<'a> {
    /// Sequence number of the first payload byte.
    pub(crate) sequence: u32,
    /// The captured bytes.
    pub(crate) captured: &'a [u8],
    /// The payload's length by the headers, at least `captured.len()`.
    pub(crate) len: u32,
    /// Whether a part of its segment was placed before it, and counted.
    pub(crate) continues: bool,
}

/// One stream with all that placing bytes in it needs.
pub(crate) struct Placer<'p, 'a, S> {
    pub(crate) stream: &'p mut Stream,
    pub(crate) rebases: &'p mut u8,
    pub(crate) flow: Flow,
    pub(crate) pool: &'p mut IslandPool<'a>,
    pub(crate) config: &'p Config,
    pub(crate) counters: &'p mut Counters,
    pub(crate) sink: &'p mut S,
    /// Whether new bytes are told as urgent.
    pub(crate) urgent: bool,
}

impl<S: Sink> Placer<'_, '_, S> {
    /// Places payload.
    #[inline]
    pub(crate) fn place(&mut self, placement: Placement<'_>) -> Result<(), S::Error> {
        let Placement { sequence, captured, len, continues } = placement;
        let offset = self.stream.offset_of(sequence, self.pool);
        self.counters.payload_bytes += captured.len() as u64;
        if captured.len() < len as usize {
            self.counters.truncated_segments += u64::from(!continues);
            self.counters.truncated_bytes += u64::from(len) - captured.len() as u64;
        }
        if offset == self.stream.next as i64
            && self.stream.islands.is_empty()
            && captured.len() == len as usize
            && !self.stream.flags.has(StreamFlags::FIN)
        {
            return self.append(captured);
        }
        self.place_anywhere(offset, placement)
    }

    /// Places payload that does not simply continue the stream.
    #[inline(never)]
    fn place_anywhere(&mut self, offset: i64, placement: Placement<'_>) -> Result<(), S::Error> {
        let Placement { captured, len, continues, .. } = placement;
        if len == 0 {
            return Ok(());
        }
        // A further part is counted with the first.
        if !continues && !self.urgent && offset != self.stream.next as i64 {
            self.counters.out_of_order_segments += 1;
            self.stream.out_of_order = self.stream.out_of_order.saturating_add(1);
        }
        let (start, captured, end) = self.split_at_start(offset, captured, len)?;
        if !captured.is_empty() {
            let covered = start + captured.len() as u64;
            let told = self.tell(start, captured);
            if told.is_err() {
                self.mark(start, covered);
                return told;
            }
            self.cover(start, covered)?;
        }
        if start + (captured.len() as u64) < end {
            self.cover(end, end)?;
        }
        Ok(())
    }

    /// Payload may lie beyond a FIN. Then the FIN is the end only if the receiver accepts it, and not if it has
    /// `acknowledged` more than the FIN.
    #[inline(never)]
    pub(crate) fn go_beyond_fin(&mut self, sequence: u32, len: u32, acknowledged: Option<u32>) {
        let Some(fin) = self.stream.fin_offset(self.pool) else { return };
        let end = self.stream.offset_of(sequence, self.pool).saturating_add(i64::from(len));
        let extent = self.stream.extent(self.pool) as i64;
        if end <= fin {
            return;
        }
        self.counters.data_after_fin += u64::from(extent <= fin);
        if acknowledged.is_some_and(|number| number.wrapping_sub(self.stream.fin) as i32 > 1) {
            self.stream.flags.clear(StreamFlags::FIN);
        }
    }

    /// Places payload whose urgent data ends just before `pointer`. All systems take the byte before it for the
    /// urgent one (RFC 6093, 3.2); a pointer beyond the segment will come again with that byte.
    #[cold]
    pub(crate) fn place_urgent(&mut self, whole: Placement<'_>, pointer: u16) -> Result<(), S::Error> {
        let end = u32::from(pointer);
        if self.config.urgent == Urgent::Inline || end == 0 || end > whole.len {
            return self.place(whole);
        }
        let captured = whole.captured.len();
        for (from, to, urgent) in [(0, end - 1, false), (end - 1, end, true), (end, whole.len, false)] {
            if from < to {
                self.urgent = urgent;
                let range = captured.min(from as usize)..captured.min(to as usize);
                self.place(Placement {
                    sequence: whole.sequence.wrapping_add(from),
                    captured: &whole.captured[range],
                    len: to - from,
                    continues: from > 0,
                })?;
            }
        }
        self.urgent = false;
        Ok(())
    }

    /// The segment continues the stream and nothing lies beyond: the common case.
    fn append(&mut self, bytes: &[u8]) -> Result<(), S::Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let offset = self.stream.next;
        self.stream.next += bytes.len() as u64;
        tell_data(self.urgent, self.stream, self.counters, self.sink, self.flow, offset, bytes)
    }

    /// Handles what lies before offset 0: the stream begins earlier, or the bytes are out of window.
    /// Answers the remaining bytes, their offset, and where the segment ends by its headers.
    fn split_at_start<'b>(
        &mut self,
        offset: i64,
        bytes: &'b [u8],
        len: u32,
    ) -> Result<(u64, &'b [u8], u64), S::Error> {
        let end = offset.saturating_add(i64::from(len));
        if offset >= 0 {
            return Ok((offset as u64, bytes, end as u64));
        }
        let before = offset.unsigned_abs();
        let (head, rest) = bytes.split_at(bytes.len().min(usize::try_from(before).unwrap_or(usize::MAX)));
        if self.rebase(before, head)? {
            return Ok((head.len() as u64, rest, u64::from(len)));
        }
        self.counters.out_of_window_bytes += head.len() as u64;
        Ok((0, rest, end.max(0) as u64))
    }

    /// Moves offset 0 down by `by` bytes, of which `head` are the first, if no SYN fixes the
    /// stream's start and it is still near. Answers whether it did. What was seen becomes an island, so
    /// no hole in it may have been given up.
    pub(crate) fn rebase(&mut self, by: u64, head: &[u8]) -> Result<bool, S::Error> {
        let window = u64::from(self.config.rebase_window);
        let far = by > window || self.stream.extent(self.pool) > window;
        let fixed = self.stream.flags.has(StreamFlags::SYN | StreamFlags::GAVE_UP);
        if fixed || far || *self.rebases >= self.config.max_rebases {
            return Ok(false);
        }
        *self.rebases += 1;
        self.counters.rebased += 1;
        self.pool.shift(self.stream.islands, by);
        self.stream.base = self.stream.base.wrapping_sub(by as u32);
        let seen = by..by + self.stream.next;
        self.stream.next = head.len() as u64;
        self.sink.rebased(self.flow, by)?;
        if !head.is_empty() {
            tell_data(self.urgent, self.stream, self.counters, self.sink, self.flow, 0, head)?;
        }
        if !seen.is_empty() {
            self.cover(seen.start, seen.end)?;
        }
        self.absorb();
        Ok(true)
    }

    /// Tells the sink which of the bytes at `start` are new and which are not. Bytes of the segment that
    /// were not captured decide nothing.
    fn tell(&mut self, start: u64, bytes: &[u8]) -> Result<(), S::Error> {
        let Self { stream, pool, counters, sink, flow, urgent, .. } = self;
        let end = start + bytes.len() as u64;
        let policy = stream.overlap_policy();
        let slice = |from: u64, to: u64| &bytes[(from - start) as usize..(to - start) as usize];
        let wins =
            |island_start, island_end| keep_new(policy, Relation::new(start, end, island_start, island_end));
        let reaches_islands = pool.reaches(stream.islands, start, end);
        // Before the hole is filled: a sink that passes bytes on in order has those beyond it still.
        if reaches_islands && policy.can_replace() {
            for (island_start, island_end) in pool.within(stream.islands, start, end) {
                let (from, to) = (start.max(island_start), end.min(island_end));
                if from < to && wins(island_start, island_end) {
                    tell_replaced(stream, counters, *sink, *flow, from, slice(from, to))?;
                }
            }
        }
        let mut at = start;
        if stream.flags.has(StreamFlags::UNACCEPTED)
            && let Some(unaccepted) = stream.replace_unaccepted(start, end)
        {
            if at < unaccepted.start {
                tell_repeated(stream, counters, *sink, *flow, at, slice(at, unaccepted.start))?;
            }
            let bytes = slice(unaccepted.start, unaccepted.end);
            tell_replaced(stream, counters, *sink, *flow, unaccepted.start, bytes)?;
            at = unaccepted.end;
        }
        if at < stream.next && at < end {
            let to = end.min(stream.next);
            if stream.flags.has(StreamFlags::GAVE_UP) {
                counters.late_bytes += to - at;
                sink.late(*flow, at, slice(at, to))?;
            } else {
                tell_repeated(stream, counters, *sink, *flow, at, slice(at, to))?;
            }
            at = to;
        }
        if reaches_islands {
            for (island_start, island_end) in pool.within(stream.islands, at, end) {
                if island_end <= at || island_start == island_end {
                    continue;
                }
                if at >= end {
                    break;
                }
                if at < island_start {
                    let to = end.min(island_start);
                    tell_data(*urgent, stream, counters, *sink, *flow, at, slice(at, to))?;
                    at = to;
                }
                if at < end {
                    let to = end.min(island_end);
                    if !wins(island_start, island_end) {
                        tell_repeated(stream, counters, *sink, *flow, at, slice(at, to))?;
                    }
                    at = to;
                }
            }
        }
        if at < end {
            tell_data(*urgent, stream, counters, *sink, *flow, at, slice(at, end))?;
        }
        Ok(())
    }

    /// Marks `[start, end)` as seen, and gives up holes until there is room for that.
    fn cover(&mut self, start: u64, end: u64) -> Result<(), S::Error> {
        while !self.mark(start, end) {
            self.counters.islands_exhausted += 1;
            self.stream.flags.set(StreamFlags::GAVE_UP);
            let lowest = self.pool.lowest(self.stream.islands).map_or(start, |(island, _)| island.min(start));
            self.give_up(lowest)?;
            self.absorb();
        }
        Ok(())
    }

    /// Marks `[start, end)` as seen. Answers whether there was room.
    fn mark(&mut self, start: u64, end: u64) -> bool {
        if start > self.stream.next {
            let (policy, max) = (self.stream.overlap_policy(), self.config.max_islands);
            let (pool, islands) = (&mut *self.pool, &mut self.stream.islands);
            if policy.needs_boundaries() {
                if pool.insert_apart(islands, start, end, max, policy).is_ok() {
                    return true;
                }
                // Bytes are worth more than boundaries.
                self.counters.boundaries_lost += 1;
            }
            return pool.insert(islands, start, end, max).is_ok();
        }
        self.stream.next = self.stream.next.max(end);
        self.absorb();
        true
    }

    /// Islands that the contiguous part has reached become part of it.
    fn absorb(&mut self) {
        while let Some((start, end)) = self.pool.lowest(self.stream.islands) {
            if start > self.stream.next {
                return;
            }
            self.stream.next = self.stream.next.max(end);
            self.pool.pop(&mut self.stream.islands);
        }
    }

    /// The hole between the contiguous part and `to` will not be filled.
    fn give_up(&mut self, to: u64) -> Result<(), S::Error> {
        let hole = self.stream.next..to;
        self.stream.next = to;
        self.counters.gap_bytes += to - hole.start;
        self.sink.gap(self.flow, hole)
    }

    /// A FIN just after the payload at `sequence` of `len` bytes; the other side has `acknowledged` that number. It
    /// counts unless bytes in order lie beyond it, it is a jump away, or another one stands against it: one that is
    /// acknowledged, or that the stream has reached.
    pub(crate) fn finish_at(&mut self, sequence: u32, len: u32, acknowledged: Option<u32>) {
        let number = sequence.wrapping_add(len);
        let fin = self.stream.offset_of(sequence, self.pool).saturating_add(i64::from(len));
        let known = self.stream.fin_offset(self.pool);
        // A retransmitted FIN is the same one.
        if known == Some(fin) {
            return;
        }
        let (next, extent) = (self.stream.next as i64, self.stream.extent(self.pool) as i64);
        let impossible = fin < next || fin - extent >= i64::from(self.config.max_jump);
        let accepted = acknowledged == Some(number.wrapping_add(1));
        let refused = known.is_some_and(|known| {
            let inside = fin > next && fin < extent && known >= extent;
            !accepted && (known == next || inside || self.stream.is_fin_accepted(acknowledged))
        });
        // Before bytes beyond a hole, only an acknowledgement makes it the end.
        self.counters.invalid_fins += u64::from(impossible || refused || fin < extent);
        if !impossible && !refused {
            self.stream.fin = number;
            self.stream.flags.set(StreamFlags::FIN);
        }
    }

    /// Tells every remaining hole as a gap and frees the islands. Answers the stream's span and how
    /// many bytes `acknowledged` by the other side were never seen.
    pub(crate) fn close(&mut self, acknowledged: Option<u32>) -> Result<(u64, u64), S::Error> {
        let extent = self.stream.extent(self.pool);
        let fin = self.stream.fin_offset(self.pool).unwrap_or(0);
        let span = extent.max(fin.max(0) as u64);
        // The acknowledgement of a FIN is one more than the stream's length; a FIN may have been missed.
        let accepted = self.stream.is_fin_accepted(acknowledged);
        if fin < extent as i64 && !accepted {
            self.stream.flags.clear(StreamFlags::FIN);
        }
        let acknowledged = acknowledged.map_or(0, |sequence| {
            let number = sequence.wrapping_sub(u32::from(accepted));
            self.stream.offset_of(number, self.pool).max(0) as u64
        });
        let beyond = acknowledged.saturating_sub(span);
        let mut unseen = if beyond > 1 && beyond < u64::from(self.config.max_jump) { beyond } else { 0 };
        while self.stream.next < span {
            let hole_end = self.pool.lowest(self.stream.islands).map_or(span, |(start, _)| start);
            if hole_end > self.stream.next {
                unseen += acknowledged.min(hole_end).saturating_sub(self.stream.next);
                self.give_up(hole_end)?;
            }
            self.absorb();
        }
        while self.pool.pop(&mut self.stream.islands).is_some() {}
        self.counters.acknowledged_unseen_bytes += unseen;
        Ok((span, unseen))
    }
}

fn tell_data<S: Sink>(
    urgent: bool,
    stream: &mut Stream,
    counters: &mut Counters,
    sink: &mut S,
    flow: Flow,
    offset: u64,
    bytes: &[u8],
) -> Result<(), S::Error> {
    stream.data += bytes.len() as u64;
    counters.data_bytes += bytes.len() as u64;
    if urgent {
        counters.urgent_bytes += bytes.len() as u64;
        return sink.urgent(flow, offset, bytes);
    }
    sink.data(flow, offset, bytes)
}

fn tell_replaced<S: Sink>(
    stream: &mut Stream,
    counters: &mut Counters,
    sink: &mut S,
    flow: Flow,
    offset: u64,
    bytes: &[u8],
) -> Result<(), S::Error> {
    stream.repeated += bytes.len() as u64;
    counters.repeated_bytes += bytes.len() as u64;
    counters.replaced_bytes += bytes.len() as u64;
    if sink.replaced(flow, offset, bytes)? == Repeat::Differs {
        counters.conflicts += 1;
        counters.replaced_conflicts += 1;
    }
    Ok(())
}

fn tell_repeated<S: Sink>(
    stream: &mut Stream,
    counters: &mut Counters,
    sink: &mut S,
    flow: Flow,
    offset: u64,
    bytes: &[u8],
) -> Result<(), S::Error> {
    stream.repeated += bytes.len() as u64;
    counters.repeated_bytes += bytes.len() as u64;
    if sink.repeated(flow, offset, bytes)? == Repeat::Differs {
        counters.conflicts += 1;
        sink.conflict(flow, offset, bytes)?;
    }
    Ok(())
}
