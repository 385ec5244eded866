//! The largest of many: exact until there are too many, then with a bounded error.

use std::collections::{HashMap, hash_map};
use std::hash::Hash;

use foldhash::fast::RandomState;

use super::BothWays;

/// One of those that were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked<K> {
    /// Which one.
    pub key: K,
    /// What was counted. At least this much was there, and at most [`Ranking::error`] bytes more.
    pub counts: BothWays,
}

/// Those with most bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking<K> {
    /// The largest first, in both directions together; equal ones by their key.
    pub entries: Vec<Ranked<K>>,
    /// Bytes that may be missing of each entry, and the most that any of those may have that are not listed. 0 where
    /// all are listed, and everything is exact.
    pub error: u64,
}

impl<K> Default for Ranking<K> {
    fn default() -> Self {
        Self { entries: Vec::new(), error: 0 }
    }
}

struct Entry {
    counts: BothWays,
    /// Bytes that it may have had before it was entered.
    missed: u64,
}

impl Entry {
    /// The most that it may have had.
    fn bound(&self) -> u64 {
        self.counts.bytes().saturating_add(self.missed)
    }
}

/// Counts by key. When there is no room for another one, the smaller half goes: what any of those may have had at most
/// is what each that comes later may have had before. So an entry never has more than was counted, and what it
/// misses is bounded: by about twice all bytes divided by the number of entries.
pub(super) struct Ranks<K> {
    entries: HashMap<K, Entry, RandomState>,
    capacity: usize,
    error: u64,
}

impl<K: Copy + Eq + Hash> Ranks<K> {
    /// Room for `capacity` keys.
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::default(), capacity: capacity.max(2), error: 0 }
    }

    pub(super) fn add(&mut self, key: K, counts: BothWays) {
        let is_full = self.entries.len() >= self.capacity;
        match self.entries.entry(key) {
            hash_map::Entry::Occupied(mut entry) => entry.get_mut().counts.add(counts),
            hash_map::Entry::Vacant(place) if !is_full => {
                place.insert(Entry { counts, missed: self.error });
            }
            hash_map::Entry::Vacant(_) => {
                self.thin_out();
                self.entries.insert(key, Entry { counts, missed: self.error });
            }
        }
    }

    /// Drops at least half. What stays depends on the counts alone.
    #[cold]
    fn thin_out(&mut self) {
        let mut bounds: Vec<u64> = self.entries.values().map(Entry::bound).collect();
        let middle = bounds.len() / 2;
        let (_, median, _) = bounds.select_nth_unstable(middle);
        let median = *median;
        self.entries.retain(|_, entry| entry.bound() > median);
        self.error = self.error.max(median);
    }

    pub(super) fn finish<T: From<K> + Ord>(self) -> Ranking<T> {
        let ranked = |(key, entry): (K, Entry)| Ranked { key: T::from(key), counts: entry.counts };
        let mut entries: Vec<_> = self.entries.into_iter().map(ranked).collect();
        entries.sort_unstable_by(|a, b| b.counts.bytes().cmp(&a.counts.bytes()).then(a.key.cmp(&b.key)));
        Ranking { entries, error: self.error }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Count;
    use super::*;

    fn sent(bytes: u64) -> BothWays {
        BothWays { sent: Count { packets: 1, bytes }, received: Count::default() }
    }

    #[test]
    fn what_fits_is_exact() {
        let mut ranks = Ranks::new(100);
        for round in 0..3 {
            (0..100_u64).for_each(|key| ranks.add(key, sent(key + round)));
        }
        let ranking: Ranking<u64> = ranks.finish();
        assert_eq!((ranking.entries.len(), ranking.error), (100, 0));
        assert_eq!((ranking.entries[0].key, ranking.entries[0].counts.bytes()), (99, 300));
        assert_eq!(ranking.entries[99].key, 0);
    }

    #[test]
    fn the_largest_of_too_many_stay_and_miss_no_more_than_the_stated_error() {
        let mut ranks = Ranks::new(64);
        let mut exact = std::collections::BTreeMap::<u64, u64>::new();
        let mut state = 1_u64;
        for step in 0..200_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // One of ten large ones, or one of very many.
            let key = if step % 4 == 0 { (state >> 40) % 10 } else { 1_000 + (state >> 33) };
            let bytes = 40 + (state >> 20) % 1_400;
            ranks.add(key, sent(bytes));
            *exact.entry(key).or_default() += bytes;
        }
        let total: u64 = exact.values().sum();
        let ranking: Ranking<u64> = ranks.finish();
        assert!(ranking.entries.len() <= 64);
        assert!(ranking.error > 0 && ranking.error <= total / 16, "{} of {total}", ranking.error);
        let listed: std::collections::BTreeMap<_, _> =
            ranking.entries.iter().map(|entry| (entry.key, entry.counts.bytes())).collect();
        for (key, bytes) in &exact {
            let counted = listed.get(key).copied().unwrap_or(0);
            assert!(counted <= *bytes && *bytes <= counted + ranking.error, "{key}");
        }
        assert!((0..10).all(|key| listed.contains_key(&key)));
    }

    #[test]
    fn many_equal_ones_leave_room_for_what_comes() {
        let mut ranks = Ranks::new(8);
        (0..1_000_u64).for_each(|key| ranks.add(key, sent(60)));
        assert!(ranks.entries.len() <= 8);
        let ranking: Ranking<u64> = ranks.finish();
        assert!(ranking.error >= 60);
    }
}
