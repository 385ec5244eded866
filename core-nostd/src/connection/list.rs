//! Intrusive doubly linked lists through the table's entries, oldest first.

use zerocopy::FromZeros;

use super::Connection;

/// An entry's neighbours in its list, plus 1; 0 at the ends.
#[derive(Clone, Copy, Debug, Default, FromZeros)]
#[repr(C)]
pub(super) struct Links {
    older: u32,
    newer: u32,
}

impl Links {
    pub(super) const NONE: Self = Self { older: 0, newer: 0 };

    /// The older and the newer neighbour, plus 1.
    pub(super) fn neighbours(self) -> (u32, u32) {
        (self.older, self.newer)
    }
}

/// The ends of a list, plus 1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct List {
    oldest: u32,
    newest: u32,
    len: u32,
}

impl List {
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn oldest(&self) -> Option<u32> {
        self.oldest.checked_sub(1)
    }

    /// Adds an entry that is on no list, as the newest.
    pub(super) fn push(&mut self, entries: &mut [Connection], index: u32) {
        entries[index as usize].links = Links { older: self.newest, newer: 0 };
        match self.newest {
            0 => self.oldest = index + 1,
            newest => entries[newest as usize - 1].links.newer = index + 1,
        }
        self.newest = index + 1;
        self.len += 1;
    }

    /// Takes out an entry that is on this list.
    pub(super) fn remove(&mut self, entries: &mut [Connection], index: u32) {
        let Links { older, newer } = entries[index as usize].links;
        match older {
            0 => self.oldest = newer,
            older => entries[older as usize - 1].links.newer = newer,
        }
        match newer {
            0 => self.newest = older,
            newer => entries[newer as usize - 1].links.older = older,
        }
        self.len -= 1;
    }

    /// Makes an entry of this list the newest.
    pub(super) fn refresh(&mut self, entries: &mut [Connection], index: u32) {
        if self.newest != index + 1 {
            self.remove(entries, index);
            self.push(entries, index);
        }
    }
}
