//! Where bytes wait: pages of the caller's memory, in one ascending list for each flow.

use managed::ManagedSlice;
use zerocopy::FromZeros;

use crate::flow::Flow;

/// One page's place in a flow; storage only.
#[derive(Clone, Copy, Debug, Default, FromZeros)]
#[repr(C)]
pub struct Page {
    start: u64,
    len: u32,
    /// The next page of the flow, plus 1; the last one's is the first. Of a free page: the next free one.
    next: u32,
}

impl Page {
    const EMPTY: Self = Self { start: 0, len: 0, next: 0 };
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
    /// The last page that waits, plus 1.
    last: u32,
    /// Neighbours among the flows that wait, plus 1.
    older: u32,
    newer: u32,
    _reserved: u32,
}

impl Delivery {
    const EMPTY: Self = Self { next: 0, late: 0, number: 0, last: 0, older: 0, newer: 0, _reserved: 0 };
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
    storage: InOrderStorage<'a>,
    page_size: usize,
    free: u32,
    touched: u32,
    free_pages: usize,
    oldest: u32,
    newest: u32,
}

impl<'a> Memory<'a> {
    pub(super) fn new(storage: InOrderStorage<'a>) -> Self {
        let pages = storage.pages.len();
        let page_size = storage.bytes.len().checked_div(pages).unwrap_or(0).min(u32::MAX as usize);
        let free_pages = if page_size == 0 { 0 } else { pages };
        Self { storage, page_size, free: 0, touched: 0, free_pages, oldest: 0, newest: 0 }
    }

    /// Forgets what its slot held before.
    pub(super) fn begin(&mut self, flow: Flow) {
        self.forget(flow.slot);
        if let Some(delivery) = self.flow(flow.slot) {
            *delivery = Delivery { number: flow.number, ..Delivery::default() };
        }
    }

    /// Frees the pages of a slot.
    pub(super) fn forget(&mut self, slot: u32) {
        while self.pop(slot).is_some() {}
    }

    pub(super) fn flow(&mut self, slot: u32) -> Option<&mut Delivery> {
        self.storage.flows.get_mut(slot as usize)
    }

    /// The flow that has waited longest.
    pub(super) fn oldest(&self) -> Option<u32> {
        self.oldest.checked_sub(1)
    }

    /// Whether `len` bytes at `offset` can be held.
    pub(super) fn has_room(&self, slot: u32, offset: u64, len: usize) -> bool {
        let beyond = len.saturating_sub(self.room_in_last(slot, offset));
        self.page_size != 0 && beyond.div_ceil(self.page_size) <= self.free_pages
    }

    /// The room left in the flow's last page, if `offset` continues it.
    fn room_in_last(&self, slot: u32, offset: u64) -> usize {
        let link = self.storage.flows.get(slot as usize).map_or(0, |delivery| delivery.last);
        match (link as usize).checked_sub(1).and_then(|at| self.storage.pages.get(at)) {
            Some(page) if page.start + u64::from(page.len) == offset => self.page_size - page.len as usize,
            _ => 0,
        }
    }

    fn page(&mut self, link: u32) -> &mut Page {
        &mut self.storage.pages[link as usize - 1]
    }

    fn delivery(&mut self, slot: u32) -> &mut Delivery {
        &mut self.storage.flows[slot as usize]
    }

    /// Keeps bytes; [`Self::has_room`] has said yes, and no page of the flow overlaps them.
    pub(super) fn hold(&mut self, slot: u32, mut offset: u64, mut bytes: &[u8]) {
        if self.delivery(slot).last == 0 {
            self.start_waiting(slot);
        } else {
            let taken = self.extend_last(slot, offset, bytes);
            offset += taken as u64;
            bytes = &bytes[taken..];
        }
        for chunk in bytes.chunks(self.page_size) {
            let link = self.take();
            let at = (link as usize - 1) * self.page_size;
            self.storage.bytes[at..at + chunk.len()].copy_from_slice(chunk);
            *self.page(link) = Page { start: offset, len: chunk.len() as u32, next: link };
            self.link(slot, link);
            offset += chunk.len() as u64;
        }
    }

    /// Fills the room left in the flow's last page, if `offset` continues it. Answers how much it took.
    fn extend_last(&mut self, slot: u32, offset: u64, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room_in_last(slot, offset));
        if taken > 0 {
            let (page_size, link) = (self.page_size, self.delivery(slot).last);
            let page = self.page(link);
            let at = (link as usize - 1) * page_size + page.len as usize;
            page.len += taken as u32;
            self.storage.bytes[at..at + taken].copy_from_slice(&bytes[..taken]);
        }
        taken
    }

    fn take(&mut self) -> u32 {
        self.free_pages -= 1;
        if self.free == 0 {
            self.touched += 1;
            return self.touched;
        }
        let link = self.free;
        self.free = self.page(link).next;
        link
    }

    /// Puts a page at its place in the flow's list; most go to the end.
    fn link(&mut self, slot: u32, link: u32) {
        let last = self.delivery(slot).last;
        if last == 0 {
            self.delivery(slot).last = link;
            return;
        }
        let start = self.page(link).start;
        let mut before = last;
        if self.page(last).start < start {
            self.delivery(slot).last = link;
        } else {
            while self.page(before).next != last && {
                let next = self.page(before).next;
                self.page(next).start < start
            } {
                before = self.page(before).next;
            }
        }
        let next = core::mem::replace(&mut self.page(before).next, link);
        self.page(link).next = next;
    }

    fn first(&self, slot: u32) -> Option<u32> {
        let last = self.storage.flows.get(slot as usize)?.last.checked_sub(1)?;
        self.storage.pages.get(last as usize).map(|page| page.next)
    }

    /// Offset of the lowest byte that waits.
    pub(super) fn lowest(&self, slot: u32) -> Option<u64> {
        self.first(slot).map(|link| self.storage.pages[link as usize - 1].start)
    }

    /// Takes the lowest page out; its bytes are valid until the next call that holds bytes.
    pub(super) fn pop(&mut self, slot: u32) -> Option<(u64, &[u8])> {
        let link = self.first(slot)?;
        let Page { start, len, next } = *self.page(link);
        let last = self.delivery(slot).last;
        if link == last {
            self.delivery(slot).last = 0;
            self.stop_waiting(slot);
        } else {
            self.page(last).next = next;
        }
        self.page(link).next = self.free;
        self.free = link;
        self.free_pages += 1;
        let at = (link as usize - 1) * self.page_size;
        Some((start, &self.storage.bytes[at..at + len as usize]))
    }

    /// The waiting bytes of `[offset, offset + len)`, or `None` where some of them do not wait.
    pub(super) fn same(&self, slot: u32, offset: u64, bytes: &[u8]) -> Option<bool> {
        let first = self.first(slot)?;
        let end = offset + bytes.len() as u64;
        let (mut link, mut compared, mut same) = (first, 0, true);
        loop {
            let page = self.storage.pages[link as usize - 1];
            let (from, to) = (page.start.max(offset), (page.start + u64::from(page.len)).min(end));
            if from < to {
                let at = (link as usize - 1) * self.page_size;
                let held = &self.storage.bytes[at..at + page.len as usize];
                same &= held[(from - page.start) as usize..(to - page.start) as usize]
                    == bytes[(from - offset) as usize..(to - offset) as usize];
                compared += to - from;
            }
            link = page.next;
            if link == first || page.start >= end {
                return (compared == bytes.len() as u64).then_some(same);
            }
        }
    }

    /// The bytes that wait from `offset` to the end of their page.
    pub(super) fn held(&mut self, slot: u32, offset: u64) -> Option<&mut [u8]> {
        let first = self.first(slot)?;
        let mut link = first;
        loop {
            let page = *self.page(link);
            if page.start <= offset && offset - page.start < u64::from(page.len) {
                let at = (link as usize - 1) * self.page_size;
                let skipped = (offset - page.start) as usize;
                return self.storage.bytes.get_mut(at + skipped..at + page.len as usize);
            }
            link = page.next;
            if link == first || page.start > offset {
                return None;
            }
        }
    }

    /// Moves what waits up by `by` bytes.
    pub(super) fn shift(&mut self, slot: u32, by: u64) {
        let Some(first) = self.first(slot) else { return };
        let mut link = first;
        loop {
            let page = self.page(link);
            page.start += by;
            link = page.next;
            if link == first {
                return;
            }
        }
    }

    fn start_waiting(&mut self, slot: u32) {
        let older = core::mem::replace(&mut self.newest, slot + 1);
        let delivery = self.delivery(slot);
        (delivery.older, delivery.newer) = (older, 0);
        match older {
            0 => self.oldest = slot + 1,
            older => self.delivery(older - 1).newer = slot + 1,
        }
    }

    fn stop_waiting(&mut self, slot: u32) {
        let (older, newer) = (self.delivery(slot).older, self.delivery(slot).newer);
        match older {
            0 => self.oldest = newer,
            older => self.delivery(older - 1).newer = newer,
        }
        match newer {
            0 => self.newest = older,
            newer => self.delivery(newer - 1).older = older,
        }
    }
}
