//! Where bytes wait: pages of the caller's memory, in one [ordered set](crate::ordered) for each flow.

use core::cmp::Ordering;

use managed::ManagedSlice;
use zerocopy::FromZeros;

use super::waiting::{Heap, Neighbours, Queue, Which};
use crate::flow::Flow;
use crate::frame::Timestamp;
use crate::ordered::{Entry, Link, Links, Pool};

/// One page's place in a flow; storage only.
#[derive(Clone, Copy, Debug, Default, FromZeros)]
#[repr(C)]
pub struct Page {
    start: u64,
    len: u32,
    /// 1 where the bytes are urgent data.
    urgent: u32,
    links: Links,
}

impl Page {
    const EMPTY: Self = Self { start: 0, len: 0, urgent: 0, links: [0; 2] };

    fn end(&self) -> u64 {
        self.start + u64::from(self.len)
    }
}

impl Entry for Page {
    /// Pages of one flow do not overlap.
    fn order(&self, other: &Self) -> Ordering {
        self.start.cmp(&other.start)
    }

    fn links(&self) -> Links {
        self.links
    }

    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// What is known of one flow; storage only.
#[derive(Clone, Copy, Debug, Default, FromZeros)]
#[repr(C)]
pub struct Delivery {
    /// The offset that the inner sink gets next.
    pub(super) next: u64,
    /// Bytes that arrived after their place had been told as a gap.
    pub(super) late: u64,
    pub(super) number: u64,
    /// When the lowest hole began to block.
    pub(super) since: Timestamp,
    /// The receiver has acknowledged everything below, at the time that follows, and below the second one later.
    pub(super) acknowledged: u64,
    pub(super) acknowledged_since: Timestamp,
    pub(super) acknowledged_later: u64,
    blocked: Neighbours,
    pending: Neighbours,
    /// The pages that wait.
    last: Link,
    /// Pages that wait.
    pub(super) pages: u32,
    pub(super) heap_entry: u32,
    pub(super) heap_place: u32,
}

impl Delivery {
    const EMPTY: Self = Self {
        next: 0,
        late: 0,
        number: 0,
        since: Timestamp(0),
        acknowledged: 0,
        acknowledged_since: Timestamp(0),
        acknowledged_later: 0,
        blocked: Neighbours::EMPTY,
        pending: Neighbours::EMPTY,
        last: 0,
        pages: 0,
        heap_entry: 0,
        heap_place: 0,
    };

    pub(super) fn neighbours(&mut self, which: Which) -> &mut Neighbours {
        match which {
            Which::Blocked => &mut self.blocked,
            Which::Acknowledged => &mut self.pending,
        }
    }
}

/// The memory of an [`InOrder`](super::InOrder) adaptor: zeroed or [`Default`] values.
pub struct InOrderStorage<'a> {
    /// One for each flow slot: twice as many as the reassembler's connections.
    pub flows: ManagedSlice<'a, Delivery>,
    /// Pages; all have the same size, `bytes.len() / pages.len()`.
    pub pages: ManagedSlice<'a, Page>,
    /// The bytes of the pages.
    pub bytes: ManagedSlice<'a, u8>,
}

#[cfg(feature = "alloc")]
impl InOrderStorage<'static> {
    /// Zeroed memory from the heap: for the flows of `connections` connections, and `bytes` bytes in
    /// pages of 2 KiB. `None` if there is not that much.
    #[must_use]
    pub fn heap(connections: usize, bytes: usize) -> Option<Self> {
        const PAGE: usize = 2048;
        Some(Self {
            flows: ManagedSlice::Owned(Delivery::new_vec_zeroed(connections.checked_mul(2)?).ok()?),
            pages: ManagedSlice::Owned(Page::new_vec_zeroed(bytes / PAGE).ok()?),
            bytes: ManagedSlice::Owned(u8::new_vec_zeroed(bytes / PAGE * PAGE).ok()?),
        })
    }
}

/// Storage in one static value, for programs without a heap: `FLOWS` is twice the number of connections,
/// `PAGE` the size of each of the `PAGES` pages in bytes.
pub struct StaticInOrderStorage<const FLOWS: usize, const PAGES: usize, const PAGE: usize> {
    flows: [Delivery; FLOWS],
    pages: [Page; PAGES],
    bytes: [[u8; PAGE]; PAGES],
}

impl<const FLOWS: usize, const PAGES: usize, const PAGE: usize> StaticInOrderStorage<FLOWS, PAGES, PAGE> {
    /// Empty storage.
    #[must_use]
    pub const fn new() -> Self {
        Self { flows: [Delivery::EMPTY; FLOWS], pages: [Page::EMPTY; PAGES], bytes: [[0; PAGE]; PAGES] }
    }

    /// Lends the memory. What an earlier adaptor left in it does not matter.
    pub fn storage(&mut self) -> InOrderStorage<'_> {
        self.flows.fill(Delivery::EMPTY);
        InOrderStorage {
            flows: ManagedSlice::Borrowed(&mut self.flows),
            pages: ManagedSlice::Borrowed(&mut self.pages),
            bytes: ManagedSlice::Borrowed(self.bytes.as_flattened_mut()),
        }
    }
}

impl<const FLOWS: usize, const PAGES: usize, const PAGE: usize> Default
    for StaticInOrderStorage<FLOWS, PAGES, PAGE>
{
    fn default() -> Self {
        Self::new()
    }
}

/// The storage in use.
pub(super) struct Memory<'a> {
    flows: ManagedSlice<'a, Delivery>,
    pages: Pool<'a, Page>,
    bytes: ManagedSlice<'a, u8>,
    page_size: usize,
    free_pages: usize,
    blocked: Queue,
    pending: Queue,
    heap: Heap,
}

/// Bytes that wait on one page.
pub(super) struct Held<'m> {
    pub(super) start: u64,
    pub(super) bytes: &'m [u8],
    pub(super) urgent: bool,
}

impl<'a> Memory<'a> {
    /// All pages are free; `key` as in [`InOrderConfig::hash_key`](super::InOrderConfig::hash_key).
    pub(super) fn new(storage: InOrderStorage<'a>, key: &[u8; 16]) -> Self {
        let InOrderStorage { flows, pages, bytes } = storage;
        let page_size = bytes.len().checked_div(pages.len()).unwrap_or(0).min(u32::MAX as usize);
        let free_pages = if page_size == 0 { 0 } else { pages.len() };
        let pages = Pool::new(pages, key);
        let (blocked, pending, heap) = (Queue::default(), Queue::default(), Heap::default());
        Self { flows, pages, bytes, page_size, free_pages, blocked, pending, heap }
    }

    /// Forgets what its slot held before.
    pub(super) fn begin(&mut self, flow: Flow) {
        self.forget(flow.slot);
        if let Some(delivery) = self.flow(flow.slot) {
            // The entry's place in the heap's array belongs to whichever flow has it.
            let heap_entry = delivery.heap_entry;
            *delivery = Delivery { number: flow.number, heap_entry, ..Delivery::default() };
        }
    }

    /// Frees the pages of a slot.
    pub(super) fn forget(&mut self, slot: u32) {
        while self.pop(slot).is_some() {}
        self.set_acknowledged(slot, None);
    }

    pub(super) fn flow(&mut self, slot: u32) -> Option<&mut Delivery> {
        self.flows.get_mut(slot as usize)
    }

    /// The flow whose hole has blocked longest.
    pub(super) fn longest_blocked(&self) -> Option<u32> {
        self.blocked.oldest()
    }

    /// The flow whose hole has been acknowledged longest.
    pub(super) fn longest_acknowledged(&self) -> Option<u32> {
        self.pending.oldest()
    }

    /// A flow with the most pages, the longest blocked if it is one.
    pub(super) fn largest(&self) -> Option<(u32, usize)> {
        let largest = self.heap.largest(&self.flows)?;
        let pages = self.pages_of(largest);
        let oldest = self.blocked.oldest().filter(|oldest| self.pages_of(*oldest) == pages);
        Some((oldest.unwrap_or(largest), pages))
    }

    pub(super) fn pages_of(&self, slot: u32) -> usize {
        self.flows.get(slot as usize).map_or(0, |delivery| delivery.pages as usize)
    }

    /// A new hole blocks the flow: it goes to the end of those that wait.
    pub(super) fn block(&mut self, slot: u32, now: Timestamp) {
        if let Some(delivery) = self.flows.get_mut(slot as usize) {
            delivery.since = now;
            self.blocked.push(&mut self.flows, Which::Blocked, slot);
        }
    }

    /// Notes that everything below an offset was acknowledged at a time, or forgets it.
    pub(super) fn set_acknowledged(&mut self, slot: u32, at: Option<(u64, Timestamp)>) {
        let Some(delivery) = self.flows.get_mut(slot as usize) else { return };
        if let Some((offset, now)) = at {
            (delivery.acknowledged, delivery.acknowledged_since) = (offset, now);
            delivery.acknowledged_later = 0;
            self.pending.push(&mut self.flows, Which::Acknowledged, slot);
        } else if delivery.pending.is_listed() {
            (delivery.acknowledged, delivery.acknowledged_later) = (0, 0);
            self.pending.remove(&mut self.flows, Which::Acknowledged, slot);
        }
    }

    /// Pages in use.
    pub(super) fn used_pages(&self) -> usize {
        if self.page_size == 0 { 0 } else { self.pages.capacity() - self.free_pages }
    }

    pub(super) fn free_pages(&self) -> usize {
        self.free_pages
    }

    pub(super) fn page_size(&self) -> usize {
        self.page_size
    }

    /// Pages that `len` bytes at `offset` need beside those that are there; `None` without any memory.
    pub(super) fn needed(&self, slot: u32, offset: u64, len: usize, urgent: bool) -> Option<usize> {
        if self.page_size == 0 {
            return None;
        }
        let beyond = len.saturating_sub(self.room_in_last(slot, offset, urgent));
        Some(beyond.div_ceil(self.page_size))
    }

    /// The room left in the flow's last page, if `offset` continues it.
    fn room_in_last(&self, slot: u32, offset: u64, urgent: bool) -> usize {
        let link = self.flows.get(slot as usize).map_or(0, |delivery| delivery.last);
        match (link != 0).then(|| self.pages.entry(link)) {
            Some(page) if page.end() == offset && page.urgent == u32::from(urgent) => {
                self.page_size - page.len as usize
            }
            _ => 0,
        }
    }

    fn delivery(&mut self, slot: u32) -> &mut Delivery {
        &mut self.flows[slot as usize]
    }

    /// Keeps bytes; there are as many free pages as [`Self::needed`] says, and no page of the flow overlaps them.
    pub(super) fn hold(&mut self, slot: u32, mut offset: u64, mut bytes: &[u8], urgent: bool) {
        if self.delivery(slot).last != 0 {
            let taken = self.extend_last(slot, offset, bytes, urgent);
            offset += taken as u64;
            bytes = &bytes[taken..];
        }
        for chunk in bytes.chunks(self.page_size) {
            let Some(link) = self.pages.take() else { break };
            let at = (link as usize - 1) * self.page_size;
            self.bytes[at..at + chunk.len()].copy_from_slice(chunk);
            let (len, urgent) = (chunk.len() as u32, u32::from(urgent));
            *self.pages.entry_mut(link) = Page { start: offset, len, urgent, ..Page::EMPTY };
            let last = self.delivery(slot).last;
            self.delivery(slot).last = self.pages.insert(last, link);
            self.delivery(slot).pages += 1;
            self.free_pages -= 1;
            offset += chunk.len() as u64;
        }
        self.heap.update(&mut self.flows, slot);
    }

    /// Fills the room left in the flow's last page, if `offset` continues it. Answers how much it took.
    fn extend_last(&mut self, slot: u32, offset: u64, bytes: &[u8], urgent: bool) -> usize {
        let taken = bytes.len().min(self.room_in_last(slot, offset, urgent));
        if taken > 0 {
            let (page_size, link) = (self.page_size, self.delivery(slot).last);
            let page = self.pages.entry_mut(link);
            let at = (link as usize - 1) * page_size + page.len as usize;
            page.len += taken as u32;
            self.bytes[at..at + taken].copy_from_slice(&bytes[..taken]);
        }
        taken
    }

    /// The pages of a flow that wait.
    fn waits(&self, slot: u32) -> Link {
        self.flows.get(slot as usize).map_or(0, |delivery| delivery.last)
    }

    /// Offset of the lowest byte that waits.
    pub(super) fn lowest(&self, slot: u32) -> Option<u64> {
        self.pages.lowest(self.waits(slot)).map(|link| self.pages.entry(link).start)
    }

    /// Takes the lowest page out; its bytes are valid until the next call that holds bytes.
    pub(super) fn pop(&mut self, slot: u32) -> Option<Held<'_>> {
        let (link, last) = self.pages.pop(self.waits(slot))?;
        let Page { start, len, urgent, .. } = *self.pages.entry(link);
        self.pages.give(link);
        self.free_pages += 1;
        self.delivery(slot).last = last;
        self.delivery(slot).pages -= 1;
        if last == 0 {
            self.blocked.remove(&mut self.flows, Which::Blocked, slot);
        }
        self.heap.update(&mut self.flows, slot);
        let at = (link as usize - 1) * self.page_size;
        Some(Held { start, bytes: &self.bytes[at..at + len as usize], urgent: urgent != 0 })
    }

    /// The waiting bytes of `[offset, offset + len)`, or `None` where some of them do not wait.
    pub(super) fn same(&self, slot: u32, offset: u64, bytes: &[u8]) -> Option<bool> {
        let end = offset + bytes.len() as u64;
        let last = self.waits(slot);
        let (mut compared, mut same) = (0, true);
        let mut next = self.pages.seek(last, |page| page.end() > offset);
        while let Some(link) = next {
            let page = self.pages.entry(link);
            let (from, to) = (page.start.max(offset), page.end().min(end));
            if from >= to {
                break;
            }
            let at = (link as usize - 1) * self.page_size;
            let held = &self.bytes[at..at + page.len as usize];
            same &= held[(from - page.start) as usize..(to - page.start) as usize]
                == bytes[(from - offset) as usize..(to - offset) as usize];
            compared += to - from;
            next = self.pages.after(last, link);
        }
        (compared == bytes.len() as u64).then_some(same)
    }

    /// The bytes that wait from `offset` to the end of their page.
    pub(super) fn held(&mut self, slot: u32, offset: u64) -> Option<&mut [u8]> {
        let link = self.pages.seek(self.waits(slot), |page| page.end() > offset)?;
        let page = self.pages.entry(link);
        let skipped = usize::try_from(offset.checked_sub(page.start)?).ok()?;
        let at = (link as usize - 1) * self.page_size;
        self.bytes.get_mut(at + skipped..at + page.len as usize)
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self, slot: u32) -> u64 {
        let last = self.waits(slot);
        let links = core::iter::successors(self.pages.lowest(last), |link| self.pages.after(last, *link));
        links.map(|link| u64::from(self.pages.entry(link).len)).sum()
    }

    /// Moves what waits up by `by` bytes.
    pub(super) fn shift(&mut self, slot: u32, by: u64) {
        if let Some(delivery) = self.flow(slot).filter(|delivery| delivery.pending.is_listed()) {
            delivery.acknowledged += by;
            delivery.acknowledged_later += by;
        }
        // The highest first: so the pages are in order at every moment.
        let last = self.waits(slot);
        let mut next = (last != 0).then_some(last);
        while let Some(link) = next {
            next = self.pages.before(last, link);
            self.pages.entry_mut(link).start += by;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec;
    use std::vec::Vec;

    use super::*;

    /// Each page holds one byte, as no two are next to each other: the worst that a sender can do.
    #[test]
    fn steps_are_few_in_whatever_order_bytes_come() {
        const COUNT: u64 = 20_000;
        const MOST: u64 = 200;
        let mut scattered: Vec<u64> = (0..COUNT).collect();
        scattered.sort_by_key(|n| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20);
        let descending = (0..COUNT).rev().collect();
        for order in [(0..COUNT).collect(), descending, scattered] {
            let mut flows = [Delivery::default(); 2];
            let (mut pages, mut bytes) = (vec![Page::default(); COUNT as usize], vec![0; 4 * COUNT as usize]);
            let storage = InOrderStorage {
                flows: ManagedSlice::Borrowed(&mut flows),
                pages: ManagedSlice::Borrowed(&mut pages),
                bytes: ManagedSlice::Borrowed(&mut bytes),
            };
            let mut memory = Memory::new(storage, &[7; 16]);
            let (mut before, mut highest) = (0, 0);
            let mut counted = |memory: &Memory<'_>| {
                let now = memory.pages.steps();
                highest = highest.max(now - core::mem::replace(&mut before, now));
            };
            for n in &order {
                memory.hold(1, 2 * n, &[*n as u8], false);
                counted(&memory);
            }
            for n in &order {
                assert_eq!(memory.same(1, 2 * n, &[*n as u8]), Some(true));
                counted(&memory);
                assert_eq!(memory.held(1, 2 * n + 1), None);
                counted(&memory);
            }
            for n in 0..COUNT {
                assert_eq!(memory.lowest(1), Some(2 * n));
                assert_eq!(memory.pop(1).map(|held| (held.start, held.bytes[0])), Some((2 * n, n as u8)));
                counted(&memory);
            }
            assert_eq!((memory.lowest(1), memory.free_pages()), (None, COUNT as usize));
            assert!(highest <= MOST, "{highest} steps");
        }
    }
}
