//! Prefetching table entries for a batch of segments.
//!
//! Each pass loads one item for every key and depends on the previous pass only, so that the cache misses of a pass
//! overlap. The loaded values are discarded: their purpose is to be in the cache.

use core::hint::black_box;

use super::{Connection, Ipv4Key, Table};

/// How many keys are prefetched together, at most.
pub(crate) const BATCH: usize = 32;

/// Entries of one bucket that are loaded.
const CHAIN: usize = 2;

impl Table<'_> {
    /// Loads the buckets of up to [`BATCH`] keys with their hashes, the entries there, and the neighbours of these in
    /// the list of activity, which are written when an entry moves to its end.
    #[inline]
    pub(crate) fn prefetch(&self, keys: impl Iterator<Item = (Ipv4Key, u32)> + Clone) {
        let mut entries = [0; BATCH];
        for (link, (_, hash)) in entries.iter_mut().zip(keys.clone()) {
            *link = self.buckets[self.bucket(hash)];
        }
        for _ in 1..CHAIN {
            for (link, (key, _)) in entries.iter_mut().zip(keys.clone()) {
                if let Some(entry) = self.linked(*link)
                    && !key.is(&entry.key)
                {
                    *link = entry.chain;
                }
            }
        }
        let mut neighbours = [(0, 0); BATCH];
        for (neighbours, link) in neighbours.iter_mut().zip(entries) {
            if let Some(entry) = self.linked(link) {
                *neighbours = entry.links.neighbours();
                // One of each 64 bytes, however the table is aligned.
                let [up, down] = &entry.streams;
                black_box((up.next, up.is_opened(), down.captured_bytes, down.is_opened()));
            }
        }
        for (older, newer) in neighbours {
            black_box(self.linked(older).map(|entry| entry.links));
            black_box(self.linked(newer).map(|entry| entry.links));
        }
    }

    /// The entry of a link, which is its index plus 1.
    fn linked(&self, link: u32) -> Option<&Connection> {
        self.entries.get((link as usize).wrapping_sub(1))
    }
}
