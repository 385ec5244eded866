//! The tables of HPACK: the static one, and a dynamic one that knows what it does not know.
//!
//! Entries are numbered from the newest on, so those that were inserted since a loss have their right numbers whatever
//! was inserted before. What is behind them is unknown: a reference to it gives an unknown field, never a wrong one.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

/// A table of a size beyond this is kept to this size, in bytes; what would be behind it is unknown.
pub const MAX_TABLE: usize = 64 << 10;
/// The size of a table before the encoder changes it, in bytes: RFC 9113, 6.5.2.
const DEFAULT: usize = 4096;
/// What an entry takes beside its strings: RFC 7541, 4.1.
pub(super) const OVERHEAD: usize = 32;

/// A string of a field, shared between the table and the fields that refer to it. `None` where it is not known.
pub(super) type Shared = Option<Arc<[u8]>>;

/// An entry: name and value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Shared,
    pub(super) value: Shared,
}

impl Entry {
    /// What it takes, in bytes; at least that, where a string is not known.
    fn size(&self) -> usize {
        let length = |text: &Shared| text.as_ref().map_or(0, |text| text.len());
        OVERHEAD + length(&self.name) + length(&self.value)
    }
}

/// What is at an index.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Entry(Entry),
    /// Something that was inserted before a loss.
    Unknown,
    /// Nothing can be there.
    Nothing,
}

/// The dynamic table of one direction.
#[derive(Debug)]
pub(super) struct Table {
    /// The newest first.
    entries: VecDeque<Entry>,
    /// What they take, in bytes.
    size: usize,
    /// What the encoder allows them to take.
    limit: usize,
    /// There may be others behind `entries`.
    is_open: bool,
}

/// The static table as entries.
static STATIC: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let shared = |text: &str| Some(Arc::from(text.as_bytes()));
    FIELDS.iter().map(|(name, value)| Entry { name: shared(name), value: shared(value) }).collect()
});

impl Table {
    /// The table of a connection that begins.
    pub(super) fn new() -> Self {
        Self { entries: VecDeque::new(), size: 0, limit: DEFAULT, is_open: false }
    }

    /// Header blocks were lost: nothing is known of the table any more, its size neither.
    pub(super) fn forget(&mut self) {
        self.entries.clear();
        (self.size, self.limit, self.is_open) = (0, usize::MAX, true);
    }

    /// The entry at an index from 1 on: RFC 7541, 2.3.3.
    pub(super) fn get(&self, index: u64) -> Found {
        let Some(index) = usize::try_from(index).ok().and_then(|index| index.checked_sub(1)) else {
            return Found::Nothing;
        };
        let entry = match index.checked_sub(STATIC.len()) {
            None => STATIC.get(index),
            Some(index) => self.entries.get(index),
        };
        // No table has more entries than fit the largest size that a peer can allow.
        match entry {
            Some(entry) => Found::Entry(entry.clone()),
            None if self.is_open && index <= u32::MAX as usize / OVERHEAD => Found::Unknown,
            None => Found::Nothing,
        }
    }

    /// A new entry: RFC 7541, 4.4. One that is larger than the table empties it.
    pub(super) fn insert(&mut self, entry: Entry) {
        self.size += entry.size();
        self.entries.push_front(entry);
        self.shrink();
    }

    /// The encoder changes the size: RFC 7541, 6.3.
    pub(super) fn resize(&mut self, limit: usize) {
        self.limit = limit;
        self.shrink();
        if limit < OVERHEAD {
            // There is no room for anything older.
            self.is_open = false;
        }
    }

    fn shrink(&mut self) {
        let limit = self.limit.min(MAX_TABLE);
        while self.size > limit {
            let Some(oldest) = self.entries.pop_back() else { break };
            self.size -= oldest.size();
            self.is_open |= limit < self.limit;
        }
    }
}

/// RFC 7541, appendix A.
const FIELDS: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, value: &str) -> Entry {
        Entry { name: Some(name.as_bytes().into()), value: Some(value.as_bytes().into()) }
    }

    #[test]
    fn the_oldest_entries_give_way_and_a_large_one_empties_the_table() {
        let mut table = Table::new();
        table.resize(100);
        for name in ["a", "b", "c"] {
            table.insert(entry(name, "1"));
        }
        // 34 bytes each: two have room.
        assert_eq!(table.get(62), Found::Entry(entry("c", "1")));
        assert_eq!(table.get(63), Found::Entry(entry("b", "1")));
        assert_eq!(table.get(64), Found::Nothing);
        table.insert(entry(&"x".repeat(100), ""));
        assert_eq!(table.get(62), Found::Nothing);
        assert_eq!(table.get(61), Found::Entry(entry("www-authenticate", "")));
        assert_eq!(table.get(0), Found::Nothing);
    }

    #[test]
    fn behind_a_loss_new_entries_are_known_and_older_ones_are_not() {
        let mut table = Table::new();
        table.insert(entry("old", "1"));
        table.forget();
        table.insert(entry("new", "1"));
        assert_eq!(table.get(62), Found::Entry(entry("new", "1")));
        assert_eq!(table.get(63), Found::Unknown);
        table.resize(0);
        table.resize(4096);
        assert_eq!(table.get(62), Found::Nothing, "an empty table is known again");
    }

    #[test]
    fn a_huge_table_is_kept_to_its_bound_and_the_rest_is_unknown() {
        let mut table = Table::new();
        table.resize(1 << 30);
        for number in 0..MAX_TABLE / OVERHEAD {
            table.insert(entry(&number.to_string(), ""));
        }
        assert!(table.size <= MAX_TABLE);
        let known = table.entries.len() as u64;
        assert!(matches!(table.get(61 + known), Found::Entry(_)));
        assert_eq!(table.get(62 + known), Found::Unknown);
    }
}
