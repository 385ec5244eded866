//! Which flows wait: by how long, by how long their hole has been acknowledged, and by how much memory they use.
//!
//! Two lists in the order of time, and a heap whose root is a flow with the most pages. All three are threaded
//! through the flows' entries; a step costs nothing or the logarithm of the number of flows that wait.

use zerocopy::FromZeros;

use super::memory::Delivery;

/// The neighbours of a flow in a list, plus 1.
#[derive(Clone, Copy, Debug, Default, FromZeros)]
#[repr(C)]
pub(super) struct Neighbours {
    older: u32,
    newer: u32,
    /// Whether the flow is on the list.
    listed: u32,
}

impl Neighbours {
    pub(super) const EMPTY: Self = Self { older: 0, newer: 0, listed: 0 };

    pub(super) fn is_listed(&self) -> bool {
        self.listed != 0
    }
}

/// Which of a flow's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Flows with bytes that wait, by when their lowest hole began to block.
    Blocked,
    /// Flows whose lowest hole is acknowledged, by when that was.
    Acknowledged,
}

/// The ends of a list, plus 1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queue {
    oldest: u32,
    newest: u32,
}

impl Queue {
    pub(super) fn oldest(self) -> Option<u32> {
        self.oldest.checked_sub(1)
    }

    /// Puts a flow at the end.
    pub(super) fn push(&mut self, flows: &mut [Delivery], which: Which, slot: u32) {
        self.remove(flows, which, slot);
        *flows[slot as usize].neighbours(which) = Neighbours { older: self.newest, newer: 0, listed: 1 };
        match self.newest {
            0 => self.oldest = slot + 1,
            newest => flows[newest as usize - 1].neighbours(which).newer = slot + 1,
        }
        self.newest = slot + 1;
    }

    /// Takes a flow out, if it is listed.
    pub(super) fn remove(&mut self, flows: &mut [Delivery], which: Which, slot: u32) {
        let Neighbours { older, newer, listed } = *flows[slot as usize].neighbours(which);
        if listed == 0 {
            return;
        }
        match older {
            0 => self.oldest = newer,
            older => flows[older as usize - 1].neighbours(which).newer = newer,
        }
        match newer {
            0 => self.newest = older,
            newer => flows[newer as usize - 1].neighbours(which).older = older,
        }
        *flows[slot as usize].neighbours(which) = Neighbours::EMPTY;
    }
}

/// The flows that wait, one with the most pages first: entry `n` of the heap is in the `n`th flow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heap {
    len: u32,
}

impl Heap {
    /// A flow with the most pages.
    pub(super) fn largest(self, flows: &[Delivery]) -> Option<u32> {
        (self.len > 0).then(|| flows[0].heap_entry)
    }

    /// The number of pages of `slot` has changed.
    pub(super) fn update(&mut self, flows: &mut [Delivery], slot: u32) {
        let flow = &flows[slot as usize];
        match (flow.heap_place, flow.pages) {
            (0, 0) => {}
            (0, _) => {
                self.len += 1;
                set(flows, self.len - 1, slot);
                self.settle(flows, self.len - 1);
            }
            (place, 0) => {
                flows[slot as usize].heap_place = 0;
                self.len -= 1;
                if place - 1 < self.len {
                    let moved = flows[self.len as usize].heap_entry;
                    set(flows, place - 1, moved);
                    self.settle(flows, place - 1);
                }
            }
            (place, _) => self.settle(flows, place - 1),
        }
    }

    /// Moves the entry at `place` to where it belongs.
    fn settle(self, flows: &mut [Delivery], mut place: u32) {
        let pages = |flows: &[Delivery], place: u32| flows[flows[place as usize].heap_entry as usize].pages;
        while place > 0 && pages(flows, (place - 1) / 2) < pages(flows, place) {
            swap(flows, place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        loop {
            let children = [2 * place + 1, 2 * place + 2];
            let below = children.into_iter().filter(|child| *child < self.len);
            let Some(child) = below.max_by_key(|child| pages(flows, *child)) else { return };
            if pages(flows, child) <= pages(flows, place) {
                return;
            }
            swap(flows, place, child);
            place = child;
        }
    }
}

fn set(flows: &mut [Delivery], place: u32, slot: u32) {
    flows[place as usize].heap_entry = slot;
    flows[slot as usize].heap_place = place + 1;
}

fn swap(flows: &mut [Delivery], a: u32, b: u32) {
    let (first, second) = (flows[a as usize].heap_entry, flows[b as usize].heap_entry);
    set(flows, a, second);
    set(flows, b, first);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_the_most_pages_whatever_changes() {
        let mut flows = [Delivery::default(); 40];
        let mut heap = Heap::default();
        let mut random = 7u32;
        for _ in 0..4000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let slot = (random >> 8) % 40;
            flows[slot as usize].pages = if random >> 31 == 0 { 0 } else { (random >> 16) % 9 };
            heap.update(&mut flows, slot);
            let most = flows.iter().map(|flow| flow.pages).max().unwrap_or(0);
            let told = heap.largest(&flows).map_or(0, |slot| flows[slot as usize].pages);
            assert_eq!(told, most);
            assert_eq!(heap.len as usize, flows.iter().filter(|flow| flow.pages > 0).count());
        }
    }

    #[test]
    fn a_queue_keeps_the_order_of_the_last_push() {
        let mut flows = [Delivery::default(); 4];
        let mut queue = Queue::default();
        for slot in [2, 0, 3, 2] {
            queue.push(&mut flows, Which::Blocked, slot);
        }
        let mut order = [0; 3];
        for place in &mut order {
            *place = queue.oldest().expect("three are listed");
            queue.remove(&mut flows, Which::Blocked, *place);
        }
        assert_eq!((order, queue.oldest()), ([0, 3, 2], None));
    }
}
