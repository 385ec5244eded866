//! Islands: ranges of bytes seen beyond a hole, in a pool that the caller supplies.
//!
//! Ranges that touch become one island, unless the receiver's overlap policy depends on where segments began
//! and ended: then an island is what is left of one segment.
//!
//! A stream's islands form a circular list in ascending order, entered at the last one: the ends of
//! the list, where nearly all segments go, are reached in one step. A walk is bounded by the
//! number of islands a stream may have.

use managed::ManagedSlice;
use zerocopy::FromZeros;

use crate::overlap::{OverlapPolicy, Relation, keep_new};

/// One range of stream offsets `[start, end)`; storage only, see [`Storage`](crate::Storage). An
/// empty one marks bytes that are known to exist and were not captured.
#[derive(Clone, Copy, Debug, Default, FromZeros)]
#[repr(C)]
pub struct Island {
    start: u64,
    end: u64,
    /// Place of the next one in the pool, plus 1; the last one's is the first.
    next: u32,
    _reserved: u32,
}

impl Island {
    pub(crate) const UNUSED: Self = Self { start: 0, end: 0, next: 0, _reserved: 0 };
}

/// No island was free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IslandsExhausted;

/// All islands of a reassembler.
pub(crate) struct IslandPool<'a> {
    slots: ManagedSlice<'a, Island>,
    /// First free slot that was in use before, plus 1.
    free: u32,
    /// Slots below this one have been in use; the rest is untouched memory.
    touched: u32,
}

/// A stream's list: empty when `last` is 0. 6 bytes, as a stream has none to give away.
#[derive(Clone, Copy, Debug, Default, FromZeros)]
#[repr(C, packed(2))]
pub(crate) struct IslandList {
    last: u32,
    pub(crate) len: u16,
}

impl IslandList {
    pub(crate) const EMPTY: Self = Self { last: 0, len: 0 };

    pub(crate) const fn is_empty(self) -> bool {
        self.last == 0
    }
}

impl<'a> IslandPool<'a> {
    pub(crate) fn new(slots: ManagedSlice<'a, Island>) -> Self {
        Self { slots, free: 0, touched: 0 }
    }

    fn at(&mut self, link: u32) -> &mut Island {
        &mut self.slots[link as usize - 1]
    }

    fn take(&mut self) -> Result<u32, IslandsExhausted> {
        if self.free != 0 {
            let link = self.free;
            self.free = self.at(link).next;
            return Ok(link);
        }
        if (self.touched as usize) < self.slots.len() {
            self.touched += 1;
            return Ok(self.touched);
        }
        Err(IslandsExhausted)
    }

    fn give(&mut self, link: u32) {
        self.at(link).next = self.free;
        self.free = link;
    }

    fn first(&self, list: IslandList) -> u32 {
        if list.last == 0 { 0 } else { self.slots[list.last as usize - 1].next }
    }

    /// The lowest island.
    pub(crate) fn lowest(&self, list: IslandList) -> Option<(u64, u64)> {
        let first = self.first(list);
        (first != 0).then(|| self.slots[first as usize - 1]).map(|island| (island.start, island.end))
    }

    /// The end of the highest island.
    pub(crate) fn end(&self, list: IslandList) -> Option<u64> {
        (list.last != 0).then(|| self.slots[list.last as usize - 1].end)
    }

    /// All islands in ascending order.
    pub(crate) fn iter(&self, list: IslandList) -> impl Iterator<Item = (u64, u64)> + '_ {
        let mut link = self.first(list);
        core::iter::from_fn(move || {
            let island = self.slots.get((link as usize).checked_sub(1)?)?;
            link = if link == list.last { 0 } else { island.next };
            Some((island.start, island.end))
        })
    }

    /// Moves every island up by `by` bytes.
    pub(crate) fn shift(&mut self, list: IslandList, by: u64) {
        let mut link = self.first(list);
        for _ in 0..list.len {
            let island = self.at(link);
            island.start += by;
            island.end += by;
            link = island.next;
        }
    }

    /// Removes the lowest island.
    pub(crate) fn pop(&mut self, list: &mut IslandList) -> Option<(u64, u64)> {
        let first = self.first(*list);
        if first == 0 {
            return None;
        }
        let island = *self.at(first);
        if first == list.last {
            list.last = 0;
        } else {
            let last = list.last;
            self.at(last).next = island.next;
        }
        list.len -= 1;
        self.give(first);
        Some((island.start, island.end))
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
        if list.last == 0 {
            let link = self.new_island(list, start, end, max)?;
            self.at(link).next = link;
            list.last = link;
            return Ok(());
        }
        let last = list.last;
        let tail = *self.at(last);
        if start > tail.end {
            let link = self.new_island(list, start, end, max)?;
            self.at(link).next = tail.next;
            self.at(last).next = link;
            list.last = link;
            return Ok(());
        }
        if start >= tail.start {
            self.at(last).end = tail.end.max(end);
            return Ok(());
        }
        // `start` is below the last island's start, so the walk ends there at the latest.
        let (mut before, mut link) = (last, tail.next);
        while self.at(link).end < start {
            (before, link) = (link, self.at(link).next);
        }
        if end < self.at(link).start {
            let new = self.new_island(list, start, end, max)?;
            self.at(new).next = link;
            self.at(before).next = new;
            return Ok(());
        }
        let island = self.at(link);
        island.start = island.start.min(start);
        island.end = island.end.max(end);
        self.join_followers(list, link);
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
        let last = list.last;
        if last == 0 || self.at(last).end < start || (self.at(last).end == start && start < end) {
            let first = self.first(*list);
            return self.add_between(list, (last, first), start, end, max, true);
        }
        let (mut before, mut link) = (last, self.at(last).next);
        let mut left = list.len;
        let mut at = start;
        while left > 0 {
            let island = *self.at(link);
            let within = island.start <= start && start <= island.end;
            if start == end && within {
                return Ok(());
            }
            if island.start >= end {
                break;
            }
            left -= 1;
            let empty = island.start == island.end;
            if empty && island.start >= start {
                self.remove(list, before, link);
                link = island.next;
                continue;
            }
            if island.end <= start {
                (before, link) = (link, island.next);
                continue;
            }
            if !keep_new(policy, Relation::new(start, end, island.start, island.end)) {
                if at < island.start {
                    self.add_between(list, (before, link), at, island.start, max, false)?;
                }
                at = island.end;
                (before, link) = (link, island.next);
                continue;
            }
            match (island.start < start, island.end > end) {
                (true, true) => return Ok(()),
                (true, false) => {
                    self.at(link).end = start;
                    (before, link) = (link, island.next);
                }
                (false, true) => {
                    self.at(link).start = end;
                    return self.add_between(list, (before, link), at, end, max, false);
                }
                (false, false) => {
                    self.remove(list, before, link);
                    link = island.next;
                }
            }
        }
        if at < end || start == end {
            self.add_between(list, (before, link), at, end, max, left == 0)?;
        }
        Ok(())
    }

    /// Adds an island between two that follow each other, at the end of the list if it is to be the `last`.
    fn add_between(
        &mut self,
        list: &mut IslandList,
        (before, after): (u32, u32),
        start: u64,
        end: u64,
        max: u16,
        last: bool,
    ) -> Result<(), IslandsExhausted> {
        let link = self.new_island(list, start, end, max)?;
        if list.last == 0 {
            self.at(link).next = link;
            list.last = link;
            return Ok(());
        }
        self.at(link).next = after;
        self.at(before).next = link;
        if last {
            list.last = link;
        }
        Ok(())
    }

    /// Takes out the island `link`, which comes after `before`.
    fn remove(&mut self, list: &mut IslandList, before: u32, link: u32) {
        if before == link {
            list.last = 0;
        } else {
            let next = self.at(link).next;
            self.at(before).next = next;
            if list.last == link {
                list.last = before;
            }
        }
        list.len -= 1;
        self.give(link);
    }

    fn new_island(
        &mut self,
        list: &mut IslandList,
        start: u64,
        end: u64,
        max: u16,
    ) -> Result<u32, IslandsExhausted> {
        if list.len >= max {
            return Err(IslandsExhausted);
        }
        let link = self.take()?;
        *self.at(link) = Island { start, end, next: 0, _reserved: 0 };
        list.len += 1;
        Ok(link)
    }

    /// Swallows the islands after `link` that it now reaches.
    fn join_followers(&mut self, list: &mut IslandList, link: u32) {
        while link != list.last {
            let island = *self.at(link);
            let follower = *self.at(island.next);
            if follower.start > island.end {
                return;
            }
            if island.next == list.last {
                list.last = link;
            }
            self.give(island.next);
            list.len -= 1;
            let joined = self.at(link);
            joined.end = island.end.max(follower.end);
            joined.next = follower.next;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    fn insert_all(ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut slots = [Island::default(); 8];
        let mut pool = IslandPool::new(ManagedSlice::Borrowed(&mut slots));
        let mut list = IslandList::default();
        for &(start, end) in ranges {
            pool.insert(&mut list, start, end, 8).unwrap();
        }
        let islands: Vec<_> = pool.iter(list).collect();
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
        let mut pool = IslandPool::new(ManagedSlice::Borrowed(&mut slots));
        let mut list = IslandList::default();
        pool.insert(&mut list, 10, 20, 1).unwrap();
        assert_eq!(pool.insert(&mut list, 30, 40, 1), Err(IslandsExhausted));
        pool.insert(&mut list, 30, 40, 9).unwrap();
        assert_eq!(pool.insert(&mut list, 50, 60, 9), Err(IslandsExhausted));
        assert_eq!(pool.pop(&mut list), Some((10, 20)));
        pool.insert(&mut list, 50, 60, 9).unwrap();
        assert_eq!(pool.iter(list).collect::<Vec<_>>(), [(30, 40), (50, 60)]);
    }

    #[test]
    fn popped_islands_leave_an_empty_list() {
        let mut slots = [Island::default(); 2];
        let mut pool = IslandPool::new(ManagedSlice::Borrowed(&mut slots));
        let mut list = IslandList::default();
        pool.insert(&mut list, 10, 20, 9).unwrap();
        assert_eq!(pool.lowest(list), Some((10, 20)));
        assert_eq!(pool.pop(&mut list), Some((10, 20)));
        assert_eq!(pool.pop(&mut list), None);
        assert!(list.is_empty());
    }
}
