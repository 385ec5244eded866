//! Reading what lookups will need, several at a time.
//!
//! Each pass reads one thing of every key and depends on the pass before only, so that the processor waits for
//! all of them at once. Nobody uses what was read: it is in the cache then.

use core::hint::black_box;

use super::{Connection, Ipv4Key, Table};

/// How many keys at a time.
pub(crate) const AHEAD: usize = 32;

/// Entries of one bucket that are read.
const CHAIN: usize = 2;

impl Table<'_> {
    /// Reads the buckets of up to [`AHEAD`] keys with their hashes, their entries, and the entries that have to be
    /// written when those become the most recently active of their list.
    #[inline]
    pub(crate) fn look_ahead(&self, keys: impl Iterator<Item = (Ipv4Key, u32)> + Clone) {
        let mut entries = [0; AHEAD];
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
        let mut neighbours = [(0, 0); AHEAD];
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
