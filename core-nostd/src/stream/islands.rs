//! Islands: ranges of bytes seen beyond a hole, in a pool that the caller supplies.
//!
//! Ranges that touch become one island, unless the receiver's overlap policy depends on where segments began
//! and ended: then an island is what is left of one segment.
//!
//! A stream's islands are an [ordered set](crate::ordered). The highest one, where nearly all segments go, is reached
//! in one step. Any other is found, added or removed in a number of steps that grows with the logarithm of the
//! number of the stream's islands, in whatever order its segments come.

use core::cmp::Ordering;

use managed::ManagedSlice;
use zerocopy::FromZeros;

use crate::ordered::{Entry, Link, Links, Pool};
use crate::overlap::{OverlapPolicy, Relation, keep_new};

/// One range of stream offsets `[start, end)`; storage only, see [`Storage`](crate::Storage). An
/// empty one marks bytes that are known to exist and were not captured.
#[derive(Clone, Copy, Debug, Default, FromZeros)]
#[repr(C)]
pub struct Island {
    start: u64,
    end: u64,
    links: Links,
}

impl Island {
    pub(crate) const UNUSED: Self = Self { start: 0, end: 0, links: [0; 2] };
}

impl Entry for Island {
    /// Islands do not overlap, but an empty one may be where another begins.
    fn order(&self, other: &Self) -> Ordering {
        self.start.cmp(&other.start).then(self.end.cmp(&other.end))
    }

    fn links(&self) -> Links {
        self.links
    }

    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// No island was free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IslandsExhausted;

/// All islands of a reassembler.
pub(crate) struct IslandPool<'a> {
    pool: Pool<'a, Island>,
}

/// A stream's islands. 6 bytes, as a stream has none to give away.
#[derive(Clone, Copy, Debug, Default, FromZeros)]
#[repr(C, packed(2))]
pub(crate) struct IslandList {
    set: Link,
    pub(crate) len: u16,
}

impl IslandList {
    pub(crate) const EMPTY: Self = Self { set: 0, len: 0 };

    pub(crate) const fn is_empty(self) -> bool {
        self.set == 0
    }
}

impl<'a> IslandPool<'a> {
    /// All islands are free; `key` as in [`Config::hash_key`](crate::Config::hash_key).
    pub(crate) fn new(slots: ManagedSlice<'a, Island>, key: &[u8; 16]) -> Self {
        Self { pool: Pool::new(slots, key) }
    }

    fn range(&self, link: Link) -> (u64, u64) {
        let island = self.pool.entry(link);
        (island.start, island.end)
    }

    /// The lowest island.
    pub(crate) fn lowest(&self, list: IslandList) -> Option<(u64, u64)> {
        self.pool.lowest(list.set).map(|link| self.range(link))
    }

    /// The end of the highest island.
    pub(crate) fn end(&self, list: IslandList) -> Option<u64> {
        (list.set != 0).then(|| self.pool.entry(list.set).end)
    }

    /// Whether `[start, end)` has bytes between the start of the lowest island and the end of the highest.
    #[inline]
    pub(crate) fn reaches(&self, list: IslandList, start: u64, end: u64) -> bool {
        self.end(list).is_some_and(|highest| start < highest)
            && self.lowest(list).is_some_and(|(lowest, _)| lowest < end)
    }

    /// The islands with bytes in `[start, end)` in ascending order; empty ones within may be among them.
    pub(crate) fn within(
        &self,
        list: IslandList,
        start: u64,
        end: u64,
    ) -> impl Iterator<Item = (u64, u64)> + '_ {
        let within = move |link: &Link| self.pool.entry(*link).start < end;
        let mut next = self.pool.seek(list.set, |island| island.end > start).filter(within);
        core::iter::from_fn(move || {
            let link = next?;
            next = self.pool.after(list.set, link).filter(within);
            Some(self.range(link))
        })
    }

    /// Moves every island up by `by` bytes.
    pub(crate) fn shift(&mut self, list: IslandList, by: u64) {
        // The highest first: so they are in order at every moment.
        let mut next = (list.set != 0).then_some(list.set);
        while let Some(link) = next {
            next = self.pool.before(list.set, link);
            let island = self.pool.entry_mut(link);
            island.start += by;
            island.end += by;
        }
    }

    /// Removes the lowest island.
    pub(crate) fn pop(&mut self, list: &mut IslandList) -> Option<(u64, u64)> {
        let (link, rest) = self.pool.pop(list.set)?;
        list.set = rest;
        list.len -= 1;
        let range = self.range(link);
        self.pool.give(link);
        Some(range)
    }

    /// Adds `[start, end)`, joined with every island that it overlaps or touches.
    ///
    /// # Errors
    /// When a new island is needed and the pool or `max` is exhausted; nothing has changed then.
    pub(crate) fn insert(
        &mut self,
        list: &mut IslandList,
        start: u64,
        end: u64,
        max: u16,
    ) -> Result<(), IslandsExhausted> {
        if list.set == 0 {
            return self.add(list, start, end, max);
        }
        let highest = self.pool.entry_mut(list.set);
        if start > highest.end {
            return self.add(list, start, end, max);
        }
        if start >= highest.start {
            highest.end = highest.end.max(end);
            return Ok(());
        }
        // A single hole is the usual case.
        let single = list.len == 1;
        let found = if single { None } else { self.pool.seek(list.set, |island| island.end >= start) };
        let link = found.unwrap_or(list.set);
        let (island_start, mut island_end) = self.range(link);
        if end < island_start {
            return self.add(list, start, end, max);
        }
        island_end = island_end.max(end);
        while let Some(follower) = self.pool.after(list.set, link) {
            let (follower_start, follower_end) = self.range(follower);
            if follower_start > island_end {
                break;
            }
            island_end = island_end.max(follower_end);
            self.remove(list, follower);
        }
        let island = self.pool.entry_mut(link);
        (island.start, island.end) = (island_start.min(start), island_end);
        Ok(())
    }

    /// Adds the segment `[start, end)` as islands of its own, in the place of what it wins from others.
    ///
    /// # Errors
    /// When a new island is needed and the pool or `max` is exhausted; a part may have been added then, and
    /// [`Self::insert`] of the same bytes completes it.
    pub(crate) fn insert_apart(
        &mut self,
        list: &mut IslandList,
        start: u64,
        end: u64,
        max: u16,
        policy: OverlapPolicy,
    ) -> Result<(), IslandsExhausted> {
        let highest = self.end(*list);
        if highest.is_none_or(|highest| highest < start || (highest == start && start < end)) {
            return self.add(list, start, end, max);
        }
        let mut at = start;
        let mut next = self.pool.seek(list.set, |island| island.end >= start);
        while let Some(link) = next {
            let (island_start, island_end) = self.range(link);
            if start == end && island_start <= start {
                return Ok(());
            }
            if island_start >= end {
                break;
            }
            next = self.pool.after(list.set, link);
            if island_start == island_end && island_start >= start {
                self.remove(list, link);
                continue;
            }
            if island_end <= start {
                continue;
            }
            if !keep_new(policy, Relation::new(start, end, island_start, island_end)) {
                if at < island_start {
                    self.add(list, at, island_start, max)?;
                }
                at = island_end;
                continue;
            }
            match (island_start < start, island_end > end) {
                (true, true) => return Ok(()),
                (true, false) => self.pool.entry_mut(link).end = start,
                (false, true) => {
                    self.pool.entry_mut(link).start = end;
                    return self.add(list, at, end, max);
                }
                (false, false) => self.remove(list, link),
            }
        }
        if at < end || start == end { self.add(list, at, end, max) } else { Ok(()) }
    }

    /// Adds an island that overlaps no other.
    fn add(&mut self, list: &mut IslandList, start: u64, end: u64, max: u16) -> Result<(), IslandsExhausted> {
        if list.len >= max {
            return Err(IslandsExhausted);
        }
        let link = self.pool.take().ok_or(IslandsExhausted)?;
        *self.pool.entry_mut(link) = Island { start, end, ..Island::UNUSED };
        list.set = self.pool.insert(list.set, link);
        list.len += 1;
        Ok(())
    }

    /// Takes out the island `link`.
    fn remove(&mut self, list: &mut IslandList, link: Link) {
        list.set = self.pool.remove(list.set, link);
        list.len -= 1;
        self.pool.give(link);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    fn insert_all(ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut slots = [Island::default(); 8];
        let mut pool = IslandPool::new(ManagedSlice::Borrowed(&mut slots), &[7; 16]);
        let mut list = IslandList::default();
        for &(start, end) in ranges {
            pool.insert(&mut list, start, end, 8).unwrap();
        }
        let islands: Vec<_> = pool.within(list, 0, u64::MAX).collect();
        assert_eq!(islands.len(), usize::from(list.len));
        islands
    }

    #[test]
    fn islands_come_out_in_ascending_order() {
        assert_eq!(
            insert_all(&[(10, 20), (50, 60), (30, 40), (1, 2)]),
            [(1, 2), (10, 20), (30, 40), (50, 60)]
        );
    }

    #[test]
    fn touching_and_overlapping_islands_join() {
        assert_eq!(insert_all(&[(10, 20), (20, 30)]), [(10, 30)]);
        assert_eq!(insert_all(&[(10, 20), (40, 50), (60, 70), (15, 65)]), [(10, 70)]);
        assert_eq!(insert_all(&[(10, 20), (30, 40), (50, 60), (5, 12)]), [(5, 20), (30, 40), (50, 60)]);
        assert_eq!(insert_all(&[(10, 20), (30, 40), (20, 30)]), [(10, 40)]);
    }

    #[test]
    fn a_full_pool_and_a_full_share_are_told_apart_from_room() {
        let mut slots = [Island::default(); 2];
        let mut pool = IslandPool::new(ManagedSlice::Borrowed(&mut slots), &[7; 16]);
        let mut list = IslandList::default();
        pool.insert(&mut list, 10, 20, 1).unwrap();
        assert_eq!(pool.insert(&mut list, 30, 40, 1), Err(IslandsExhausted));
        pool.insert(&mut list, 30, 40, 9).unwrap();
        assert_eq!(pool.insert(&mut list, 50, 60, 9), Err(IslandsExhausted));
        assert_eq!(pool.pop(&mut list), Some((10, 20)));
        pool.insert(&mut list, 50, 60, 9).unwrap();
        assert_eq!(pool.within(list, 0, u64::MAX).collect::<Vec<_>>(), [(30, 40), (50, 60)]);
    }

    #[test]
    fn popped_islands_leave_an_empty_list() {
        let mut slots = [Island::default(); 2];
        let mut pool = IslandPool::new(ManagedSlice::Borrowed(&mut slots), &[7; 16]);
        let mut list = IslandList::default();
        pool.insert(&mut list, 10, 20, 9).unwrap();
        assert_eq!(pool.lowest(list), Some((10, 20)));
        assert_eq!(pool.pop(&mut list), Some((10, 20)));
        assert_eq!(pool.pop(&mut list), None);
        assert!(list.is_empty());
    }

    #[test]
    fn of_all_islands_those_within_a_range_come_out() {
        let mut slots = [Island::default(); 8];
        let mut pool = IslandPool::new(ManagedSlice::Borrowed(&mut slots), &[7; 16]);
        let mut list = IslandList::default();
        for start in [70, 10, 50, 30] {
            pool.insert(&mut list, start, start + 10, 8).unwrap();
        }
        for (start, end, expected) in [
            (0, 10, &[][..]),
            (0, 11, &[(10, 20)]),
            (19, 31, &[(10, 20), (30, 40)]),
            (20, 30, &[]),
            (35, 36, &[(30, 40)]),
            (40, 71, &[(50, 60), (70, 80)]),
            (80, 90, &[]),
        ] {
            assert_eq!(pool.within(list, start, end).collect::<Vec<_>>(), expected, "{start}..{end}");
            let reached = start < 80 && end > 10;
            assert_eq!(pool.reaches(list, start, end), reached, "{start}..{end}");
        }
        pool.shift(list, 5);
        assert_eq!(pool.within(list, 30, 56).collect::<Vec<_>>(), [(35, 45), (55, 65)]);
    }

    #[test]
    fn steps_are_few_in_whatever_order_islands_come() {
        for (name, order) in hostile_orders(1_000) {
            count_steps(name, 1, &order, 250);
        }
        // Two streams, as one has no more than 65,535 islands.
        for (name, order) in hostile_orders(50_000) {
            count_steps(name, 2, &order, 400);
        }
    }

    /// The numbers below `count`: ascending, descending, scattered, and from both ends in turn.
    fn hostile_orders(count: u64) -> [(&'static str, Vec<u64>); 4] {
        let mut scattered: Vec<u64> = (0..count).collect();
        scattered.sort_by_key(|n| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20);
        [
            ("ascending", (0..count).collect()),
            ("descending", (0..count).rev().collect()),
            ("scattered", scattered),
            ("alternating", (0..count).map(|n| if n % 2 == 0 { n / 2 } else { count - 1 - n / 2 }).collect()),
        ]
    }

    /// Adds an island for each number to each of several streams, finds each, joins every fourth with the next one
    /// and removes what is left from the front. No call looks at islands more often than `most` times, and all calls
    /// for one island do not either.
    fn count_steps(name: &str, streams: usize, order: &[u64], most: u64) {
        let mut slots = std::vec![Island::default(); streams * order.len()];
        let mut pool = IslandPool::new(ManagedSlice::Borrowed(&mut slots), &[7; 16]);
        let mut lists = std::vec![IslandList::default(); streams];
        let mut highest = 0;
        let mut before = 0;
        let mut counted = |pool: &IslandPool<'_>| {
            let now = pool.pool.steps();
            highest = highest.max(now - core::mem::replace(&mut before, now));
        };
        for n in order {
            for list in &mut lists {
                pool.insert(list, 10 * n, 10 * n + 5, u16::MAX).unwrap();
                counted(&pool);
            }
        }
        for n in order {
            for list in &lists {
                assert_eq!(pool.within(*list, 10 * n, 10 * n + 7).count(), 1);
                counted(&pool);
            }
        }
        for n in order.iter().filter(|n| *n % 4 == 0) {
            for list in &mut lists {
                pool.insert(list, 10 * n + 5, 10 * n + 10, u16::MAX).unwrap();
                counted(&pool);
            }
        }
        for list in &mut lists {
            assert_eq!(usize::from(list.len), order.len() - order.len() / 4);
            let mut last = None;
            while let Some((start, end)) = pool.pop(list) {
                counted(&pool);
                assert!(last < Some(start), "{name}");
                assert_eq!(end - start, if start % 40 == 0 { 15 } else { 5 }, "{name}");
                last = Some(start);
            }
            assert!(list.is_empty() && list.len == 0);
        }
        let each = pool.pool.steps() / (order.len() * streams) as u64;
        assert!(highest <= most && each <= most, "{name}, {} islands: {highest}, {each}", order.len());
    }
}
