//! Which bytes of a datagram are there, and which fragment each run of them is from.
//!
//! A datagram has a list of extents, in ascending order, which neither overlap nor are joined: an
//! overlap policy compares a new fragment with what is left of each old one. All lists share one pool.

use core::ops::Range;

use managed::ManagedSlice;
use zerocopy::FromZeros;

use super::policy::FragmentPolicy;
use crate::overlap::Relation;

/// A part of a datagram that one fragment brought: storage only, see
/// [`FragmentStorage`](crate::FragmentStorage). 12 bytes.
#[derive(Clone, Copy, Debug, Default, FromZeros)]
#[repr(C)]
pub struct Extent {
    start: u16,
    end: u16,
    /// End of what was captured of it: before `end` where a snap length cut the fragment.
    captured: u16,
    _padding: u16,
    /// The next one of the list, or of the free ones, plus 1.
    next: u32,
}

impl Extent {
    pub(super) const UNUSED: Self = Self { start: 0, end: 0, captured: 0, _padding: 0, next: 0 };
}

/// A list of extents.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ExtentList {
    /// Plus 1.
    first: u32,
    /// Plus 1.
    last: u32,
    pub(super) len: u32,
}

/// All extents.
pub(super) struct ExtentPool<'a> {
    nodes: ManagedSlice<'a, Extent>,
    /// First free one that was in use before, plus 1.
    free: u32,
    /// Those below this one have been in use.
    touched: u32,
    available: u32,
}

/// How a new fragment lies in a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The last extent that ends before the fragment begins or where it does, plus 1.
    before: u32,
    /// Extents that share bytes with it.
    pub(super) overlaps: u32,
    /// Whether the only such extent has the same start and end.
    pub(super) same: bool,
    /// End of what was captured of that one.
    pub(super) captured: u16,
}

/// What is done with a part of a new fragment.
pub(super) trait Bytes {
    /// Part of what was captured of the fragment and of an old one: whether the bytes are the same.
    fn same(&mut self, part: Range<u16>) -> bool;
    /// Part of what was captured of the fragment is now part of the datagram.
    fn keep(&mut self, part: Range<u16>);
}

/// What came of adding a fragment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Overlap {
    /// Bytes that were there already.
    pub(super) bytes: u32,
    /// Whether some of them were other ones.
    pub(super) conflict: bool,
}

impl ExtentList {
    pub(super) const EMPTY: Self = Self { first: 0, last: 0, len: 0 };
}

impl<'a> ExtentPool<'a> {
    pub(super) fn new(nodes: ManagedSlice<'a, Extent>) -> Self {
        let available = u32::try_from(nodes.len()).unwrap_or(u32::MAX - 1);
        Self { nodes, free: 0, touched: 0, available }
    }

    pub(super) fn available(&self) -> u32 {
        self.available
    }

    /// Finds where a fragment belongs.
    pub(super) fn place(&self, list: ExtentList, fragment: &Range<u16>) -> Place {
        let mut place = Place { before: 0, overlaps: 0, same: false, captured: 0 };
        // The common case: it comes after all others.
        if let Some(last) = self.get(list.last)
            && last.end <= fragment.start
        {
            place.before = list.last;
            return place;
        }
        let mut link = list.first;
        while let Some(extent) = self.get(link) {
            if extent.start >= fragment.end {
                break;
            }
            if extent.end <= fragment.start {
                place.before = link;
            } else {
                place.overlaps += 1;
                place.same =
                    place.overlaps == 1 && (extent.start, extent.end) == (fragment.start, fragment.end);
                place.captured = extent.captured;
            }
            link = extent.next;
        }
        place
    }

    /// Adds a fragment of which the bytes before `captured` were captured. There must be
    /// `place.overlaps + 2` extents available.
    pub(super) fn add(
        &mut self,
        list: &mut ExtentList,
        place: Place,
        fragment: &Range<u16>,
        captured: u16,
        policy: FragmentPolicy,
        bytes: &mut impl Bytes,
    ) -> Overlap {
        let mut overlap = Overlap::default();
        let mut writer = Writer { pool: self, list, tail: place.before };
        let mut link = writer.following();
        // Of the new fragment: where what is not yet decided begins, and what is kept before that.
        let (mut at, mut run) = (fragment.start, fragment.start..fragment.start);
        while let Some(old) = writer.pool.get(link).filter(|old| old.start < fragment.end) {
            let next = old.next;
            writer.remove(link);
            let shared = old.start.max(fragment.start)..old.end.min(fragment.end);
            overlap.bytes += u32::from(shared.end - shared.start);
            let both = shared.start..shared.end.min(captured).min(old.captured);
            if !both.is_empty() && !bytes.same(both) {
                overlap.conflict = true;
            }
            if at < shared.start {
                run.end = shared.start;
            }
            if policy.keep_new(Relation::new(
                fragment.start.into(),
                fragment.end.into(),
                old.start.into(),
                old.end.into(),
            )) {
                if old.start < shared.start {
                    writer.push(old.part(old.start..shared.start));
                    run = shared.start..shared.start;
                }
                run.end = shared.end;
                if shared.end < old.end {
                    writer.push_new(&run, captured, bytes);
                    run = old.end..old.end;
                    writer.push(old.part(shared.end..old.end));
                }
            } else {
                writer.push_new(&run, captured, bytes);
                writer.push(old);
                run = shared.end..shared.end;
            }
            at = shared.end;
            link = next;
        }
        if at < fragment.end {
            run.end = fragment.end;
        }
        writer.push_new(&run, captured, bytes);
        writer.finish(link);
        overlap
    }

    /// How many bytes from the start on belong to fragments without a hole, and how many of them were
    /// captured before the first one that was not.
    pub(super) fn beginning(&self, list: ExtentList) -> (u16, u16) {
        let (mut end, mut captured) = (0, 0);
        let mut link = list.first;
        while let Some(extent) = self.get(link).filter(|extent| extent.start == end) {
            if captured == end {
                captured = extent.captured;
            }
            end = extent.end;
            link = extent.next;
        }
        (end, captured)
    }

    /// Gives back a whole list.
    pub(super) fn clear(&mut self, list: &mut ExtentList) {
        let free = self.free;
        if let Some(last) = self.get_mut(list.last) {
            last.next = free;
            self.free = list.first;
            self.available += list.len;
        }
        *list = ExtentList::default();
    }

    fn get(&self, link: u32) -> Option<Extent> {
        self.nodes.get(link.checked_sub(1)? as usize).copied()
    }

    fn get_mut(&mut self, link: u32) -> Option<&mut Extent> {
        self.nodes.get_mut(link.checked_sub(1)? as usize)
    }

    /// A free extent as a link; 0 if there is none.
    fn take(&mut self) -> u32 {
        let link = if self.free != 0 {
            let link = self.free;
            self.free = self.get(link).map_or(0, |extent| extent.next);
            link
        } else if (self.touched as usize) < self.nodes.len() {
            self.touched += 1;
            self.touched
        } else {
            return 0;
        };
        self.available -= 1;
        link
    }
}

impl Extent {
    fn part(self, part: Range<u16>) -> Self {
        Self { start: part.start, end: part.end, captured: self.captured.clamp(part.start, part.end), ..self }
    }
}

/// Writes a list anew from some extent on.
struct Writer<'p, 'a> {
    pool: &'p mut ExtentPool<'a>,
    list: &'p mut ExtentList,
    /// The last extent written, plus 1.
    tail: u32,
}

impl Writer<'_, '_> {
    fn following(&self) -> u32 {
        self.pool.get(self.tail).map_or(self.list.first, |before| before.next)
    }

    fn remove(&mut self, link: u32) {
        let free = core::mem::replace(&mut self.pool.free, link);
        if let Some(extent) = self.pool.get_mut(link) {
            extent.next = free;
        }
        self.pool.available += 1;
        self.list.len -= 1;
    }

    fn push(&mut self, extent: Extent) {
        let link = self.pool.take();
        if let Some(node) = self.pool.get_mut(link) {
            *node = Extent { next: 0, ..extent };
            self.link(link);
            self.tail = link;
            self.list.len += 1;
        }
    }

    fn push_new(&mut self, run: &Range<u16>, captured: u16, bytes: &mut impl Bytes) {
        if run.is_empty() {
            return;
        }
        let captured = captured.clamp(run.start, run.end);
        if run.start < captured {
            bytes.keep(run.start..captured);
        }
        self.push(Extent { start: run.start, end: run.end, captured, ..Extent::default() });
    }

    fn link(&mut self, next: u32) {
        match self.pool.get_mut(self.tail) {
            Some(tail) => tail.next = next,
            None => self.list.first = next,
        }
    }

    /// The extents from `link` on follow.
    fn finish(mut self, link: u32) {
        self.link(link);
        if link == 0 {
            self.list.last = self.tail;
        }
    }
}
