//! Who is it: the connection table.
//!
//! Fixed capacity, keyed hash, one entry for both directions. Every entry is on one of three lists
//! by its state, the longest untouched first, so that expiry and eviction take one step. Entries
//! that were never used are untouched memory.

mod key;
mod list;
mod prefetch;

pub(crate) use key::{ConnectionKey, Direction, Ipv4Key};
use list::{Links, List};
pub(crate) use prefetch::BATCH;

use managed::ManagedSlice;
use zerocopy::FromZeros;

use crate::flow::Side;
use crate::frame::Timestamp;
use crate::sink::CloseReason;
use crate::stream::{IslandPool, Stream, StreamFlags};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromZeros)]
#[repr(u8)]
pub(crate) enum State {
    /// The entry is not in use.
    #[default]
    Free,
    /// A SYN, or SYN and SYN+ACK, and nothing since.
    HalfOpen,
    /// Data may flow.
    Open,
    /// Ended by RST, by FINs, or by another connection in its place; what was on its way is still taken in, and
    /// `closed` is called later.
    Closing,
    /// `closed` was called; late packets are absorbed for the linger time.
    Lingering,
}

/// One connection: storage only, see [`Storage`](crate::Storage). 256 bytes.
#[derive(Clone, Copy, Debug, Default, FromZeros)]
#[repr(C)]
pub struct Connection {
    pub(crate) key: ConnectionKey,
    pub(crate) session: u64,
    links: Links,
    /// Next entry with the same hash bucket, plus 1.
    chain: u32,
    pub(crate) state: State,
    /// The direction whose sender opened the connection, whether it began beside an older one, whether an end of it
    /// was taken back, and why it is closing.
    opener_and_reason: u8,
    pub(crate) rebases: [u8; 2],
    pub(crate) streams: [Stream; 2],
}

const _: () = assert!(size_of::<Connection>() <= 256);

impl Connection {
    /// Not in use: all zero.
    pub(crate) const EMPTY: Self = Self {
        key: ConnectionKey::NONE,
        session: 0,
        links: Links::NONE,
        chain: 0,
        state: State::Free,
        opener_and_reason: 0,
        rebases: [0; 2],
        streams: [Stream::NEW; 2],
    };

    /// When its last packet was captured.
    pub(crate) fn last(&self) -> Timestamp {
        self.streams[0].last.max(self.streams[1].last)
    }

    /// The stream of a direction, and that of the other one.
    pub(crate) fn directed(&self, direction: Direction) -> (&Stream, &Stream) {
        let [up, down] = &self.streams;
        if direction == Direction::Up { (up, down) } else { (down, up) }
    }

    /// The stream of a direction, to be changed, and that of the other one.
    pub(crate) fn directed_mut(&mut self, direction: Direction) -> (&mut Stream, &Stream) {
        let [up, down] = &mut self.streams;
        if direction == Direction::Up { (up, down) } else { (down, up) }
    }

    /// Who sends in a direction, for sinks; the connection is at `index` in the table.
    #[inline]
    pub(crate) fn side(&self, index: u32, direction: Direction, datagram: Option<u32>) -> Side {
        let slot = index * 2 + direction.index() as u32;
        Side { slot, session: self.session, client: direction == self.opener(), datagram }
    }

    /// The direction from the side that opened the connection.
    pub(crate) fn opener(&self) -> Direction {
        Direction::from_index(self.opener_and_reason >> 7)
    }

    /// Why it is closing, once its state is [`State::Closing`].
    pub(crate) fn closing_reason(&self) -> CloseReason {
        let index = usize::from(self.opener_and_reason & 0x1f);
        CloseReason::ALL.get(index).copied().unwrap_or(CloseReason::EndOfInput)
    }

    pub(crate) fn set_closing_reason(&mut self, reason: CloseReason) {
        self.opener_and_reason = self.opener_and_reason & 0xe0 | reason as u8;
    }

    /// Whether its SYN came while another connection with its addresses and ports was open. That one ends when the
    /// other side answers, or data follows.
    pub(crate) fn is_beside(&self) -> bool {
        self.opener_and_reason & 0x40 != 0
    }

    /// Whether it went on after an end.
    pub(crate) fn is_reopened(&self) -> bool {
        self.opener_and_reason & 0x20 != 0
    }

    pub(crate) fn set_reopened(&mut self) {
        self.opener_and_reason |= 0x20;
    }

    /// Both sides have sent a FIN that is the end. A socket connected to itself has one direction.
    #[inline]
    pub(crate) fn has_fins(&self, pool: &IslandPool<'_>) -> bool {
        let [up, down] = &self.streams;
        if !up.flags.has(StreamFlags::FIN) {
            return false;
        }
        if self.key.is_reflexive() {
            return up.has_ended(up, pool);
        }
        down.flags.has(StreamFlags::FIN) && up.has_ended(down, pool) && down.has_ended(up, pool)
    }

    /// The handshake is not complete, as far as was seen: an RST in between may not have counted.
    pub(crate) fn is_opening(&self) -> bool {
        let blank = || self.streams.iter().all(|stream| stream.data == 0);
        self.state == State::HalfOpen || self.state == State::Closing && blank()
    }

    /// Nothing but the first steps of a handshake was seen.
    pub(crate) fn is_attempt(&self) -> bool {
        self.state == State::HalfOpen && self.streams.iter().all(|stream| stream.data == 0)
    }

    pub(crate) fn set_beside(&mut self, beside: bool) {
        self.opener_and_reason = self.opener_and_reason & !0x40 | u8::from(beside) << 6;
    }
}

/// The table is full; something has to be evicted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableFull;

/// All connections.
pub(crate) struct Table<'a> {
    entries: ManagedSlice<'a, Connection>,
    /// First entry of each bucket, plus 1; the length is a power of two.
    buckets: ManagedSlice<'a, u32>,
    hash_key: [u64; 2],
    half_open: List,
    open: List,
    closing: List,
    lingering: List,
    /// First free entry that was in use before, plus 1.
    free: u32,
    /// Entries below this one have been in use.
    touched: u32,
    len: u32,
}

impl<'a> Table<'a> {
    pub(crate) fn new(
        entries: ManagedSlice<'a, Connection>,
        buckets: ManagedSlice<'a, u32>,
        hash_key: [u8; 16],
    ) -> Self {
        let none = List::default();
        Self {
            entries,
            buckets,
            hash_key: halves(&hash_key),
            half_open: none,
            open: none,
            closing: none,
            lingering: none,
            free: 0,
            touched: 0,
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Connections that are half-open, closing or lingering.
    pub(crate) fn inactive(&self) -> u32 {
        self.half_open.len() + self.closing.len() + self.lingering.len()
    }

    /// Entries that have been in use at some time; all live ones are below it.
    pub(crate) fn touched(&self) -> u32 {
        self.touched
    }

    pub(crate) fn get(&self, index: u32) -> &Connection {
        &self.entries[index as usize]
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> &mut Connection {
        &mut self.entries[index as usize]
    }

    /// The hash by which entries of `key` are found.
    #[inline]
    pub(crate) fn hash(&self, key: &ConnectionKey) -> u32 {
        key.hash(self.hash_key)
    }

    /// What hashes depend on besides the key.
    #[inline]
    pub(crate) fn hash_key(&self) -> [u64; 2] {
        self.hash_key
    }

    #[inline]
    fn bucket(&self, hash: u32) -> usize {
        hash as usize & (self.buckets.len() - 1)
    }

    /// By the table's own hash: one that a caller brings may be wrong.
    fn bucket_of(&self, key: &ConnectionKey) -> usize {
        self.bucket(self.hash(key))
    }

    /// The entries of `key`, the newest first.
    pub(crate) fn entries_of<'t>(
        &'t self,
        key: &'t ConnectionKey,
    ) -> impl Iterator<Item = (u32, &'t Connection)> {
        self.entries_by(self.hash(key), move |other| other == key)
    }

    /// The entries whose key has this hash and `is` the one, the newest first.
    #[inline]
    pub(crate) fn entries_by(
        &self,
        hash: u32,
        is: impl Fn(&ConnectionKey) -> bool,
    ) -> impl Iterator<Item = (u32, &Connection)> {
        let mut link = self.buckets[self.bucket(hash)];
        core::iter::from_fn(move || {
            while link != 0 {
                let index = link - 1;
                let entry = self.get(index);
                link = entry.chain;
                if is(&entry.key) {
                    return Some((index, entry));
                }
            }
            None
        })
    }

    /// Adds a half-open connection.
    pub(crate) fn insert(
        &mut self,
        key: ConnectionKey,
        opener: Direction,
        session: u64,
    ) -> Result<u32, TableFull> {
        let index = if self.free != 0 {
            let index = self.free - 1;
            self.free = self.get(index).chain;
            index
        } else if (self.touched as usize) < self.entries.len() {
            self.touched += 1;
            self.touched - 1
        } else {
            return Err(TableFull);
        };
        let bucket = self.bucket_of(&key);
        let chain = core::mem::replace(&mut self.buckets[bucket], index + 1);
        *self.get_mut(index) = Connection {
            key,
            session,
            chain,
            state: State::HalfOpen,
            opener_and_reason: (opener.index() as u8) << 7,
            ..Connection::default()
        };
        self.half_open.push(&mut self.entries, index);
        self.len += 1;
        Ok(index)
    }

    /// Takes an entry out of the table.
    pub(crate) fn remove(&mut self, index: u32) {
        let (key, chain, state) = (self.get(index).key, self.get(index).chain, self.get(index).state);
        let bucket = self.bucket_of(&key);
        let mut link = self.buckets[bucket];
        if link == index + 1 {
            self.buckets[bucket] = chain;
        } else {
            while link != 0 && self.get(link - 1).chain != index + 1 {
                link = self.get(link - 1).chain;
            }
            if link != 0 {
                self.get_mut(link - 1).chain = chain;
            }
        }
        if let Some((list, entries)) = self.list(state) {
            list.remove(entries, index);
        }
        let free = core::mem::replace(&mut self.free, index + 1);
        let entry = self.get_mut(index);
        entry.state = State::Free;
        entry.chain = free;
        self.len -= 1;
    }

    fn list(&mut self, state: State) -> Option<(&mut List, &mut [Connection])> {
        let list = match state {
            State::Free => return None,
            State::HalfOpen => &mut self.half_open,
            State::Open => &mut self.open,
            State::Closing => &mut self.closing,
            State::Lingering => &mut self.lingering,
        };
        Some((list, &mut self.entries))
    }

    /// Moves an entry to the end of the list of `state`.
    pub(crate) fn set_state(&mut self, index: u32, state: State) {
        let old = self.get(index).state;
        if let Some((list, entries)) = self.list(old) {
            list.remove(entries, index);
        }
        self.get_mut(index).state = state;
        if let Some((list, entries)) = self.list(state) {
            list.push(entries, index);
        }
    }

    /// Makes an entry the most recently active of its list.
    pub(crate) fn touch(&mut self, index: u32) {
        let state = self.get(index).state;
        if let Some((list, entries)) = self.list(state) {
            list.refresh(entries, index);
        }
    }

    /// The longest untouched half-open connection.
    pub(crate) fn oldest_half_open(&self) -> Option<u32> {
        self.half_open.oldest()
    }

    /// The least recently active open connection.
    pub(crate) fn least_active(&self) -> Option<u32> {
        self.open.oldest()
    }

    /// The longest untouched closing connection.
    pub(crate) fn oldest_closing(&self) -> Option<u32> {
        self.closing.oldest()
    }

    /// How many are closing.
    pub(crate) fn closing(&self) -> u32 {
        self.closing.len()
    }

    /// The longest untouched lingering connection.
    pub(crate) fn oldest_lingering(&self) -> Option<u32> {
        self.lingering.oldest()
    }
}

fn halves(key: &[u8; 16]) -> [u64; 2] {
    let half = |at| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&key[at..at + 8]);
        u64::from_le_bytes(bytes)
    };
    [half(0), half(8)]
}
