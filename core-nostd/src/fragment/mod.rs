//! Fragments of IP datagrams, and of frames of 802.11 and CAPWAP, put together in the caller's memory.
//!
//! Fragments are held until their datagram is whole, then decoding goes on in it. What does not become whole
//! is given up: after the timeout by the capture's clock, or, the oldest first, when there is no room;
//! always counted and told. Overlaps are decided byte by byte ([`FragmentPolicy`]); in IPv6 they end the
//! datagram. A fragment that a snap length cut holds the place of all its bytes, and gives those that were
//! captured: what is whole on the wire is used as far as it was captured.

mod datagram;
mod extents;
mod policy;
mod storage;

pub use datagram::{Datagram, DropReason, DroppedDatagram};
pub use extents::Extent;
pub use policy::FragmentPolicy;
pub use storage::{FragmentStorage, StaticFragmentStorage};

pub(crate) use datagram::Packets;

use core::ops::Range;

use managed::ManagedSlice;

use crate::config::Config;
use crate::decode::{Context, PartKind, Piece, RejectReason};
use crate::frame::Timestamp;
use datagram::Key;
use extents::{Bytes, ExtentPool, Overlap};

/// Where the payload of a fragment lies.
#[derive(Clone, Debug)]
pub(crate) enum Source<'b> {
    /// In a frame.
    Frame(&'b [u8]),
    /// In the bytes of the datagram with this index, which is whole and carries a tunnel.
    Whole(u32, Range<usize>),
}

/// What came of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is held, or nothing new.
    Held(Anomalies),
    /// It makes the datagram whole, which is no longer found by its key and has to be
    /// [released](Fragments::release).
    Whole(Anomalies),
    /// It is not used.
    Refused(RejectReason),
    /// It ends its datagram, which is still there, to be told and [refused](Fragments::refuse).
    Ends(DropReason, RejectReason),
    /// There are not enough extents.
    NoExtents,
}

/// What is odd about a fragment that is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Anomalies {
    /// It came before.
    pub(crate) duplicate: bool,
    /// It shares bytes with another one.
    pub(crate) overlap: bool,
    /// Some of these bytes differ.
    pub(crate) conflict: bool,
}

/// How long fragments of 802.11 are waited for: twice as long as a receiver does (`dot11MaxReceiveLifetime`, 512
/// units of 1024 microseconds).
const WIFI_TIMEOUT: u64 = Timestamp::SECOND;

/// The oldest and the newest datagram of one kind, plus 1.
#[derive(Clone, Copy, Default)]
struct Ages {
    oldest: u32,
    newest: u32,
}

/// All datagrams that are being put together.
pub(crate) struct Fragments<'a> {
    datagrams: ManagedSlice<'a, Datagram>,
    bytes: ManagedSlice<'a, u8>,
    /// Bytes for each datagram.
    share: usize,
    extents: ExtentPool<'a>,
    /// IPv4 and CAPWAP, IPv6, 802.11, as their timeouts differ: each list is in the order of its ends.
    ages: [Ages; 3],
    /// First free entry that was in use before, plus 1.
    free: u32,
    /// Entries below this one have been in use.
    touched: u32,
    len: u32,
}

impl<'a> Fragments<'a> {
    pub(crate) fn new(mut storage: FragmentStorage<'a>) -> Self {
        storage.datagrams.iter_mut().for_each(|datagram| *datagram = Datagram::default());
        Self {
            share: storage.share(),
            datagrams: storage.datagrams,
            bytes: storage.bytes,
            extents: ExtentPool::new(storage.extents),
            ages: [Ages::default(); 3],
            free: 0,
            touched: 0,
            len: 0,
        }
    }

    pub(crate) fn none() -> Self {
        Self::new(FragmentStorage::none())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Datagrams held.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// How many bytes of the fragment can be part of a datagram. Others can follow only on a multiple of
    /// 8 bytes: what stands beyond it is cut off, as Linux does; in IPv6 it is an error (RFC 8200, 4.5).
    pub(crate) fn usable_len(piece: &Piece<'_>) -> Result<usize, RejectReason> {
        let part = &piece.part;
        let beyond = if part.more && part.kind != PartKind::Wifi { piece.len % 8 } else { 0 };
        let len = piece.len - beyond;
        // The IPv4 header counts in the length of a datagram.
        let limit = if part.kind == PartKind::Ipv4 { 0xffff - 20 } else { 0xffff };
        if len == 0 || part.kind == PartKind::Ipv6 && beyond > 0 {
            Err(RejectReason::BadLength)
        } else if usize::from(part.offset) + len > limit {
            Err(RejectReason::FragmentTooLong)
        } else {
            Ok(len)
        }
    }

    /// Where a fragment of 802.11 lies in the datagram `index`: its number times the length that all but the last
    /// have.
    pub(crate) fn place(&mut self, index: u32, piece: &Piece<'_>) -> Result<u16, RejectReason> {
        let (number, len) = (piece.part.offset, u16::try_from(piece.len).unwrap_or(u16::MAX));
        let Some(datagram) = self.datagrams.get_mut(index as usize) else {
            return Err(RejectReason::Fragment);
        };
        if piece.part.more && datagram.unit == 0 {
            datagram.unit = len;
        }
        match datagram.unit {
            // The last one came first: it cannot be placed.
            0 => Err(RejectReason::Fragment),
            unit if piece.part.more && unit != len || len > unit => Err(RejectReason::FragmentMismatch),
            unit => number.checked_mul(unit).ok_or(RejectReason::FragmentTooLong),
        }
    }

    /// The datagram of a fragment.
    pub(crate) fn find(&self, piece: &Piece<'_>, config: &Config) -> Option<u32> {
        let key = Key::new(piece);
        let mut link = self.datagrams.get(self.bucket(&key, config)?)?.bucket;
        while let Some(datagram) = self.at(link) {
            if datagram.key == Some(key) {
                return Some(link - 1);
            }
            link = datagram.chain;
        }
        None
    }

    /// Makes an entry for the datagram of a fragment; `None` if all are in use.
    pub(crate) fn begin(&mut self, piece: &Piece<'_>, now: Timestamp, config: &Config) -> Option<u32> {
        let key = Key::new(piece);
        let bucket = self.bucket(&key, config)?;
        let index = if let Some(index) = self.free.checked_sub(1) {
            self.free = self.datagrams.get(index as usize)?.chain;
            index
        } else if (self.touched as usize) < self.datagrams.len() {
            self.touched += 1;
            self.touched - 1
        } else {
            return None;
        };
        let chain = core::mem::replace(&mut self.datagrams.get_mut(bucket)?.bucket, index + 1);
        let ages = &mut self.ages[by_age(piece.part.kind)];
        let older = core::mem::replace(&mut ages.newest, index + 1);
        match older.checked_sub(1) {
            Some(older) => self.datagrams[older as usize].newer = index + 1,
            None => ages.oldest = index + 1,
        }
        let entry = &mut self.datagrams[index as usize];
        *entry = Datagram {
            key: Some(key),
            kind: piece.part.kind,
            context: piece.context.clone(),
            born: now,
            bucket: entry.bucket,
            chain,
            older,
            ..Datagram::default()
        };
        self.len += 1;
        Some(index)
    }

    /// Adds the first `len` bytes of a fragment to the datagram `index`. The packets of that are counted in any case but the last
    /// two of [`Added`].
    pub(crate) fn add(
        &mut self,
        index: u32,
        piece: &Piece<'_>,
        len: usize,
        source: Source<'_>,
        packets: &Packets,
        config: &Config,
    ) -> Added {
        let part = &piece.part;
        let fragment = part.offset..part.offset.saturating_add(u16::try_from(len).unwrap_or(u16::MAX));
        let captured = match &source {
            Source::Frame(bytes) => bytes.len(),
            Source::Whole(_, range) => range.len(),
        };
        let captured =
            part.offset.saturating_add(u16::try_from(captured).unwrap_or(u16::MAX)).min(fragment.end);
        let Some(datagram) = self.datagrams.get_mut(index as usize) else {
            return Added::Refused(RejectReason::Fragment);
        };
        if let Some(reason) = datagram.refused {
            return self.add_refused(index, &fragment, part.more, packets, reason);
        }
        let end = datagram.end.or((!part.more).then_some(fragment.end));
        if end.is_some_and(|end| fragment.end > end || !part.more && fragment.end != end)
            || !part.more && fragment.end < datagram.highest
        {
            return Added::Refused(RejectReason::FragmentMismatch);
        }
        if usize::from(fragment.end) > self.share {
            return Added::Ends(DropReason::TooLarge, RejectReason::Fragment);
        }
        let place = self.extents.place(datagram.extents, &fragment);
        if datagram.extents.len + place.overlaps + 2 > u32::from(config.max_fragments.max(4)) {
            return Added::Ends(DropReason::TooLarge, RejectReason::Fragment);
        }
        if self.extents.available() < place.overlaps + 2 {
            return Added::NoExtents;
        }
        let base = index as usize * self.share;
        let mut bytes =
            Move { bytes: &mut self.bytes, base, source, share: self.share, start: fragment.start };
        let discards = match part.kind {
            PartKind::Ipv6 => true,
            PartKind::Wifi => false,
            PartKind::Ipv4 | PartKind::Capwap => config.fragment_policy == FragmentPolicy::Discard,
        };
        // A sequence number of 802.11 comes again soon: what is new is of the frame that is being sent.
        let is_wifi = part.kind == PartKind::Wifi;
        let mut policy = if is_wifi { FragmentPolicy::Last } else { config.fragment_policy };
        if discards {
            // What comes twice is harmless (RFC 8200, 4.5), as far as it was captured twice: the longer copy stays.
            let both = fragment.start..captured.min(place.captured);
            if place.overlaps > 0 && (!place.same || !both.is_empty() && !bytes.same(both)) {
                return Added::Ends(DropReason::Overlap, RejectReason::FragmentOverlap);
            }
            let is_longer = captured > place.captured;
            policy = if is_longer { FragmentPolicy::Last } else { FragmentPolicy::First };
        }
        let Overlap { bytes: shared, conflict } =
            self.extents.add(&mut datagram.extents, place, &fragment, captured, policy, &mut bytes);
        datagram.covered += u32::from(fragment.end - fragment.start) - shared;
        datagram.highest = datagram.highest.max(fragment.end);
        datagram.end = end;
        datagram.packets.add(packets);
        if part.offset == 0 {
            datagram.context = piece.context.clone();
        }
        let duplicate = place.same && !conflict;
        let anomalies = Anomalies { duplicate, overlap: place.overlaps > 0 && !duplicate, conflict };
        if datagram.end.map(u32::from) == Some(datagram.covered) {
            self.take_out(index, config);
            Added::Whole(anomalies)
        } else {
            Added::Held(anomalies)
        }
    }

    /// A fragment of a datagram that is not wanted: once all are there, the entry is free.
    fn add_refused(
        &mut self,
        index: u32,
        fragment: &Range<u16>,
        more: bool,
        packets: &Packets,
        reason: RejectReason,
    ) -> Added {
        let datagram = &mut self.datagrams[index as usize];
        datagram.covered = datagram.covered.saturating_add(u32::from(fragment.end - fragment.start));
        datagram.packets.add(packets);
        if !more {
            datagram.end = Some(fragment.end);
        }
        Added::Refused(reason)
    }

    /// Nothing of the datagram is wanted any more. Its entry stays to know its other fragments.
    pub(crate) fn refuse(&mut self, index: u32, reason: RejectReason) {
        if let Some(datagram) = self.datagrams.get_mut(index as usize) {
            datagram.refused = Some(reason);
            self.extents.clear(&mut datagram.extents);
        }
    }

    /// Whether the datagram was refused.
    pub(crate) fn is_refused(&self, index: u32) -> bool {
        self.get(index).is_none_or(|datagram| datagram.refused.is_some())
    }

    /// Removes a datagram that was refused, once all of its fragments have come.
    pub(crate) fn forget_refused(&mut self, index: u32, config: &Config) {
        let over = |datagram: &Datagram| {
            datagram.refused.is_some() && datagram.end.is_some_and(|end| datagram.covered >= u32::from(end))
        };
        if self.get(index).is_some_and(over) {
            self.take_out(index, config);
            self.release(index);
        }
    }

    /// The payload of a datagram from its start to the first byte that is missing or was not captured, and
    /// the length it has by its fragments: of all of it, or up to the first hole where the end is unknown.
    pub(crate) fn payload(&self, index: u32) -> Option<(&Context, &[u8], usize)> {
        let datagram = self.get(index)?;
        let (contiguous, captured) = self.extents.beginning(datagram.extents);
        let start = index as usize * self.share;
        let bytes = self.bytes.get(start..start + usize::from(captured))?;
        Some((&datagram.context, bytes, usize::from(datagram.end.unwrap_or(contiguous))))
    }

    pub(crate) fn get(&self, index: u32) -> Option<&Datagram> {
        self.datagrams.get(index as usize)
    }

    /// The oldest datagram but `index`.
    pub(crate) fn oldest_but(&self, index: Option<u32>) -> Option<u32> {
        let skip = index.map_or(0, |index| index + 1);
        let candidates = self.ages.map(|ages| {
            let link = if ages.oldest == skip { self.at(skip).map_or(0, |d| d.newer) } else { ages.oldest };
            self.at(link).map(|datagram| (datagram.born, link - 1))
        });
        candidates.into_iter().flatten().min().map(|(_, index)| index)
    }

    /// A datagram whose time is over.
    pub(crate) fn due(&self, now: Timestamp, config: &Config) -> Option<u32> {
        let timeouts = [config.fragment_timeout_ipv4, config.fragment_timeout_ipv6, WIFI_TIMEOUT];
        self.ages.iter().zip(timeouts).find_map(|(ages, timeout)| {
            let datagram = self.at(ages.oldest)?;
            (now.since(datagram.born) >= timeout).then_some(ages.oldest - 1)
        })
    }

    /// The oldest datagrams have arrived now, if their frames claim a time beyond `horizon`.
    pub(crate) fn limit_ages(&mut self, horizon: Timestamp, now: Timestamp) {
        for ages in self.ages {
            if let Some(datagram) =
                ages.oldest.checked_sub(1).and_then(|i| self.datagrams.get_mut(i as usize))
                && datagram.born > horizon
            {
                datagram.born = now;
            }
        }
    }

    /// Takes a datagram out of the table; its bytes stay until it is released.
    pub(crate) fn take_out(&mut self, index: u32, config: &Config) {
        let Some(Datagram { key: Some(key), kind, chain, older, newer, .. }) = self.get(index) else {
            return;
        };
        let (key, kind, chain, older, newer) = (*key, *kind, *chain, *older, *newer);
        let Some(bucket) = self.bucket(&key, config) else { return };
        let mut link = self.datagrams[bucket].bucket;
        if link == index + 1 {
            self.datagrams[bucket].bucket = chain;
        }
        while let Some(place) = link.checked_sub(1) {
            link = self.datagrams[place as usize].chain;
            if link == index + 1 {
                self.datagrams[place as usize].chain = chain;
                break;
            }
        }
        let ages = &mut self.ages[by_age(kind)];
        match older.checked_sub(1) {
            Some(older) => self.datagrams[older as usize].newer = newer,
            None => ages.oldest = newer,
        }
        match newer.checked_sub(1) {
            Some(newer) => self.datagrams[newer as usize].older = older,
            None => ages.newest = older,
        }
        self.datagrams[index as usize].key = None;
        self.len -= 1;
    }

    /// Frees the entry of a datagram that was taken out.
    pub(crate) fn release(&mut self, index: u32) {
        let free = core::mem::replace(&mut self.free, index + 1);
        if let Some(datagram) = self.datagrams.get_mut(index as usize) {
            self.extents.clear(&mut datagram.extents);
            datagram.chain = free;
        }
    }

    fn at(&self, link: u32) -> Option<&Datagram> {
        self.datagrams.get(link.checked_sub(1)? as usize)
    }

    fn bucket(&self, key: &Key, config: &Config) -> Option<usize> {
        key.hash(&config.hash_key).checked_rem(self.datagrams.len())
    }
}

/// The list of ages that a datagram is in.
fn by_age(kind: PartKind) -> usize {
    match kind {
        PartKind::Ipv4 | PartKind::Capwap => 0,
        PartKind::Ipv6 => 1,
        PartKind::Wifi => 2,
    }
}

/// Moves the bytes of a fragment into its datagram.
struct Move<'s, 'b> {
    bytes: &'s mut [u8],
    /// Where the datagram's bytes are.
    base: usize,
    source: Source<'b>,
    share: usize,
    /// Where the fragment begins in the datagram.
    start: u16,
}

impl Move<'_, '_> {
    fn places(&self, part: &Range<u16>) -> (Range<usize>, Range<usize>) {
        let (from, to) = (usize::from(part.start), usize::from(part.end));
        let start = usize::from(self.start);
        let place = self.base + from..self.base + to;
        match &self.source {
            Source::Frame(_) => (place, from - start..to - start),
            Source::Whole(index, range) => {
                let base = *index as usize * self.share + range.start;
                (place, base + from - start..base + to - start)
            }
        }
    }
}

impl Bytes for Move<'_, '_> {
    fn same(&mut self, part: Range<u16>) -> bool {
        let (old, new) = self.places(&part);
        let new = match &self.source {
            Source::Frame(bytes) => bytes.get(new),
            Source::Whole(..) => self.bytes.get(new),
        };
        self.bytes.get(old) == new
    }

    fn keep(&mut self, part: Range<u16>) {
        let (place, from) = self.places(&part);
        match &self.source {
            Source::Frame(bytes) => {
                if let (Some(place), Some(bytes)) = (self.bytes.get_mut(place), bytes.get(from)) {
                    place.copy_from_slice(bytes);
                }
            }
            // Bounds: both lie in the share of their datagram.
            Source::Whole(..) if from.end <= self.bytes.len() && place.end <= self.bytes.len() => {
                self.bytes.copy_within(from, place.start);
            }
            Source::Whole(..) => {}
        }
    }
}
