//! Ordered sets of entries in a slice that the caller supplies, shared by any number of sets.
//!
//! A set is a treap (Seidel and Aragon, "Randomized Search Trees", 1996): a binary search tree in which an entry also
//! stands above all entries of a lower priority. Priorities are as good as random, so the expected depth grows
//! with the logarithm of the number of entries, whatever the order in which they come. An entry's priority is a
//! keyed hash of its place in the slice: it needs no memory, and a sender who does not know the key cannot choose
//! orders that make a set deep.
//!
//! The handle of a set is the link of its highest entry, as most new entries go there: that end is reached
//! in one step. The highest entry has nothing above it, so its higher link is that of the root.

use core::cmp::Ordering;

use managed::ManagedSlice;

/// The place of an entry in the slice, plus 1; 0 is none.
pub(crate) type Link = u32;

/// The links of an entry to the lower and to the higher ones below it in the tree.
pub(crate) type Links = [Link; 2];

const LOWER: usize = 0;
const HIGHER: usize = 1;

/// An entry of a slice of sets. Its order may change while it is in a set if it keeps its place among the others.
pub(crate) trait Entry {
    /// The order of two entries of a set; never `Equal` for two of one set.
    fn order(&self, other: &Self) -> Ordering;

    /// Where the tree keeps its links.
    fn links(&self) -> Links;

    /// The same, to be changed.
    fn links_mut(&mut self) -> &mut Links;
}

/// The entries of all sets, and the free ones.
pub(crate) struct Pool<'a, E> {
    entries: ManagedSlice<'a, E>,
    /// First free entry that was in use before.
    free: Link,
    /// Entries below this place have been in use; the rest is untouched memory.
    touched: u32,
    key: [u32; 2],
    /// Entries looked at.
    #[cfg(test)]
    steps: core::cell::Cell<u64>,
}

/// Where a link to an entry is kept: a side of another entry, or, with no other entry, the root.
type Place = (Link, usize);

const ROOT: Place = (0, LOWER);

impl<'a, E: Entry> Pool<'a, E> {
    /// All entries are free. `key` decides the shape of the trees, and nothing else.
    pub(crate) fn new(entries: ManagedSlice<'a, E>, key: &[u8; 16]) -> Self {
        let [a, b, c, d] =
            [0, 4, 8, 12].map(|at| u32::from_le_bytes([key[at], key[at + 1], key[at + 2], key[at + 3]]));
        Self {
            entries,
            free: 0,
            touched: 0,
            key: [a ^ c, b ^ d.rotate_left(16)],
            #[cfg(test)]
            steps: core::cell::Cell::new(0),
        }
    }

    /// The number of entries in all sets and of free ones.
    pub(crate) fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// The entry at a link that is not 0.
    pub(crate) fn entry(&self, link: Link) -> &E {
        #[cfg(test)]
        self.steps.set(self.steps.get() + 1);
        &self.entries[link as usize - 1]
    }

    /// The same, to be changed.
    pub(crate) fn entry_mut(&mut self, link: Link) -> &mut E {
        #[cfg(test)]
        self.steps.set(self.steps.get() + 1);
        &mut self.entries[link as usize - 1]
    }

    /// Takes a free entry, which is in no set then; what is in it is undefined.
    pub(crate) fn take(&mut self) -> Option<Link> {
        if self.free != 0 {
            let link = self.free;
            self.free = self.entry(link).links()[HIGHER];
            return Some(link);
        }
        if (self.touched as usize) < self.entries.len() {
            self.touched += 1;
            return Some(self.touched);
        }
        None
    }

    /// Frees an entry that is in no set.
    pub(crate) fn give(&mut self, link: Link) {
        let free = self.free;
        self.entry_mut(link).links_mut()[HIGHER] = free;
        self.free = link;
    }

    /// How many entries were looked at so far, those looked at again included.
    #[cfg(test)]
    pub(crate) fn steps(&self) -> u64 {
        self.steps.get()
    }

    fn root(&self, set: Link) -> Link {
        if set == 0 { 0 } else { self.entry(set).links()[HIGHER] }
    }

    /// The lowest entry of a set.
    pub(crate) fn lowest(&self, set: Link) -> Option<Link> {
        let mut at = self.root(set);
        let mut lowest = None;
        while at != 0 {
            lowest = Some(at);
            at = self.entry(at).links()[LOWER];
        }
        lowest
    }

    /// The lowest entry of a set that `reaches`, where all entries above one that does so do as well.
    pub(crate) fn seek(&self, set: Link, reaches: impl Fn(&E) -> bool) -> Option<Link> {
        let mut at = self.root(set);
        let mut found = None;
        while at != 0 {
            let entry = self.entry(at);
            if reaches(entry) {
                found = Some(at);
                at = entry.links()[LOWER];
            } else if at == set {
                break;
            } else {
                at = entry.links()[HIGHER];
            }
        }
        found
    }

    /// The entry after the one at `link`.
    #[inline]
    pub(crate) fn after(&self, set: Link, link: Link) -> Option<Link> {
        if link == set { None } else { self.after_other(set, link) }
    }

    /// The entry after one that is not the highest.
    fn after_other(&self, set: Link, link: Link) -> Option<Link> {
        match self.entry(link).links()[HIGHER] {
            0 => self.seek(set, |entry| entry.order(self.entry(link)).is_gt()),
            mut at => loop {
                match self.entry(at).links()[LOWER] {
                    0 => return Some(at),
                    lower => at = lower,
                }
            },
        }
    }

    /// The entry before the one at `link`.
    pub(crate) fn before(&self, set: Link, link: Link) -> Option<Link> {
        let mut at = self.root(set);
        let mut found = None;
        while at != 0 {
            let entry = self.entry(at);
            if entry.order(self.entry(link)).is_lt() {
                found = Some(at);
                at = entry.links()[HIGHER];
            } else {
                at = entry.links()[LOWER];
            }
        }
        found
    }

    /// Puts the entry at `link`, which is in no set, into one. Answers the set's new handle.
    #[must_use]
    pub(crate) fn insert(&mut self, set: Link, link: Link) -> Link {
        if set == 0 {
            *self.entry_mut(link).links_mut() = [0, link];
            return link;
        }
        let highest = self.entry(link).order(self.entry(set)).is_gt();
        let mut root = self.open(set);
        let priority = self.priority(link);
        let (mut place, mut at) = (ROOT, root);
        while at != 0 && self.priority(at) > priority {
            let side = if highest { HIGHER } else { self.side(at, link) };
            place = (at, side);
            at = self.entry(at).links()[side];
        }
        self.put(&mut root, place, link);
        // What was here comes below, on both sides: each entry goes on to be compared on the other side of it.
        *self.entry_mut(link).links_mut() = [0; 2];
        let mut places: [Place; 2] = [(link, LOWER), (link, HIGHER)];
        if highest {
            self.put(&mut root, places[LOWER], at);
            at = 0;
        }
        while at != 0 {
            let onward = self.side(at, link);
            self.put(&mut root, places[1 - onward], at);
            places[1 - onward] = (at, onward);
            at = self.entry(at).links()[onward];
            self.put(&mut root, (places[1 - onward].0, onward), 0);
        }
        self.close(if highest { link } else { set }, root)
    }

    /// Takes the entry at `link` out of a set. Answers the set's new handle.
    #[must_use]
    pub(crate) fn remove(&mut self, set: Link, link: Link) -> Link {
        let mut root = self.open(set);
        let (mut place, mut at) = (ROOT, root);
        while at != link && at != 0 {
            let side = self.side(at, link);
            place = (at, side);
            at = self.entry(at).links()[side];
        }
        let [mut lower, mut higher] = self.entry(link).links();
        while lower != 0 && higher != 0 {
            if self.priority(lower) > self.priority(higher) {
                self.put(&mut root, place, lower);
                place = (lower, HIGHER);
                lower = self.entry(lower).links()[HIGHER];
            } else {
                self.put(&mut root, place, higher);
                place = (higher, LOWER);
                higher = self.entry(higher).links()[LOWER];
            }
        }
        self.put(&mut root, place, lower | higher);
        let mut highest = set;
        if link == set {
            (highest, at) = (0, root);
            while at != 0 {
                highest = at;
                at = self.entry(at).links()[HIGHER];
            }
        }
        self.close(highest, root)
    }

    /// Takes the lowest entry out of a set. Answers the entry and the set's new handle.
    #[must_use]
    pub(crate) fn pop(&mut self, set: Link) -> Option<(Link, Link)> {
        let (mut above, mut lowest) = (0, self.root(set));
        if lowest == 0 {
            return None;
        }
        loop {
            match self.entry(lowest).links()[LOWER] {
                0 => break,
                lower => (above, lowest) = (lowest, lower),
            }
        }
        if lowest == set {
            return Some((lowest, 0));
        }
        let rest = self.entry(lowest).links()[HIGHER];
        if above == 0 {
            self.entry_mut(set).links_mut()[HIGHER] = rest;
        } else {
            self.entry_mut(above).links_mut()[LOWER] = rest;
        }
        Some((lowest, set))
    }

    /// The priority of the entry at `link`: a mixing function that maps no two links to one number, of the shape
    /// that ends MurmurHash3.
    fn priority(&self, link: Link) -> u32 {
        let mixed = link ^ self.key[0];
        let mixed = (mixed ^ mixed >> 16).wrapping_mul(0x85eb_ca6b) ^ self.key[1];
        let mixed = (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35);
        mixed ^ mixed >> 16
    }

    /// The side of the entry `at` on which the one at `link` belongs.
    fn side(&self, at: Link, link: Link) -> usize {
        if self.entry(at).order(self.entry(link)).is_lt() { HIGHER } else { LOWER }
    }

    /// Answers the root, and makes the highest entry one as all others until [`Self::close`].
    fn open(&mut self, set: Link) -> Link {
        core::mem::take(&mut self.entry_mut(set).links_mut()[HIGHER])
    }

    fn close(&mut self, highest: Link, root: Link) -> Link {
        if highest != 0 {
            self.entry_mut(highest).links_mut()[HIGHER] = root;
        }
        highest
    }

    fn put(&mut self, root: &mut Link, (above, side): Place, link: Link) {
        if above == 0 {
            *root = link;
        } else {
            self.entry_mut(above).links_mut()[side] = link;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    use super::*;

    #[derive(Clone, Copy, Default)]
    struct Number {
        number: u32,
        links: Links,
    }

    impl Entry for Number {
        fn order(&self, other: &Self) -> Ordering {
            self.number.cmp(&other.number)
        }

        fn links(&self) -> Links {
            self.links
        }

        fn links_mut(&mut self) -> &mut Links {
            &mut self.links
        }
    }

    fn ascending(pool: &Pool<'_, Number>, set: Link) -> Vec<u32> {
        let links = core::iter::successors(pool.lowest(set), |link| pool.after(set, *link));
        links.map(|link| pool.entry(link).number).collect()
    }

    fn descending(pool: &Pool<'_, Number>, set: Link) -> Vec<u32> {
        let highest = (set != 0).then_some(set);
        let links = core::iter::successors(highest, |link| pool.before(set, *link));
        links.map(|link| pool.entry(link).number).collect()
    }

    #[test]
    fn sets_in_one_pool_stay_in_order_whatever_is_added_and_removed() {
        let mut entries = [Number::default(); 60];
        let mut pool = Pool::new(ManagedSlice::Borrowed(&mut entries), b"of no importance");
        let mut sets = [0; 3];
        let mut models = [const { BTreeSet::new() }; 3];
        let mut random = 7u32;
        for _ in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (which, number) = ((random >> 8) as usize % 3, (random >> 16) % 50);
            let (set, model) = (&mut sets[which], &mut models[which]);
            let found = pool.seek(*set, |entry| entry.number >= number);
            assert_eq!(found.map(|link| pool.entry(link).number), model.range(number..).next().copied());
            let same = found.filter(|link| pool.entry(*link).number == number);
            match (random >> 28, same) {
                (0..2, _) => {
                    let popped = pool.pop(*set).map(|(link, rest)| {
                        *set = rest;
                        pool.give(link);
                        pool.entry(link).number
                    });
                    assert_eq!(popped, model.pop_first());
                }
                (_, Some(link)) => {
                    *set = pool.remove(*set, link);
                    pool.give(link);
                    model.remove(&number);
                }
                (_, None) => {
                    let Some(link) = pool.take() else { continue };
                    pool.entry_mut(link).number = number;
                    *set = pool.insert(*set, link);
                    model.insert(number);
                }
            }
            assert!(ascending(&pool, *set).iter().eq(model.iter()));
            assert!(descending(&pool, *set).iter().eq(model.iter().rev()));
        }
    }

    #[test]
    fn no_two_priorities_are_the_same() {
        let mut entries: [Number; 0] = [];
        let pool = Pool::new(ManagedSlice::Borrowed(&mut entries), b"of no importance");
        let priorities: BTreeSet<_> = (0..5000).map(|link| pool.priority(link)).collect();
        assert_eq!(priorities.len(), 5000);
    }
}
