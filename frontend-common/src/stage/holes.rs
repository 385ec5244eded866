//! What gaps may cost a run: memory to know them one by one, and time to digest the zeros that files have for them.
//!
//! Both are counted in the core's thread, in the order of the capture, so that the same input gives the same output
//! with any number of threads.

use tapflow_core::Summary;

/// Gaps of open flows that are kept one by one, 16 bytes each.
const KEPT: u32 = 2 << 20;
/// The same for one flow.
const OF_FLOW: u32 = 1 << 20;
/// Bytes of holes that digests read through in every run, in addition to [`PER_WIRE_BYTE`].
const FREE: u64 = 256 << 20;
/// Bytes of holes for each byte on the wire, as [`Summary::vouched`] counts them: captures with losses, and those that
/// were cut to a snap length, never come near it.
const PER_WIRE_BYTE: u64 = 4;

/// What is left of it.
#[derive(Debug)]
pub(crate) struct HoleBudget {
    kept: u32,
    zeros: u64,
    /// The bound beyond which holes are shortened, where they are.
    max_hole: Option<u64>,
}

impl HoleBudget {
    /// `max_hole` is the bound beyond which holes are shortened, where they are.
    pub(crate) fn new(max_hole: Option<u64>) -> Self {
        Self { kept: 0, zeros: FREE, max_hole }
    }

    /// Whether one more gap of a flow, which has `of_flow` that are kept, is kept as well.
    pub(crate) fn keep(&mut self, of_flow: &mut u32) -> bool {
        let keeps = self.kept < KEPT && *of_flow < OF_FLOW;
        if keeps {
            self.kept += 1;
            *of_flow += 1;
        }
        keeps
    }

    /// A flow with `of_flow` kept gaps ends. Returns whether its holes are too long to be digested.
    pub(crate) fn end(&mut self, of_flow: u32, summary: &Summary) -> bool {
        let vouched = summary.vouched();
        self.kept -= of_flow;
        self.zeros = self.zeros.saturating_add(vouched.saturating_mul(PER_WIRE_BYTE));
        let most = self.max_hole.map_or(u64::MAX, |max| max.saturating_add(vouched));
        match self.zeros.checked_sub(summary.gaps.min(most)) {
            Some(left) => {
                self.zeros = left;
                false
            }
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(gaps: u64, wire_bytes: u64, captured_bytes: u64) -> Summary {
        {
            let mut c = Summary::default();
            c.gaps = gaps;
            c.wire_bytes = wire_bytes;
            c.captured_bytes = captured_bytes;
            c
        }
    }

    #[test]
    fn a_flood_of_jumps_digests_a_bounded_number_of_zeros_and_takes_nothing_from_ordinary_flows() {
        let mut budget = HoleBudget::new(None);
        let digested = (0..1000).filter(|_| !budget.end(0, &summary(16 << 20, 400, 400))).count();
        assert_eq!(digested, 16);
        // Half of it was lost, or all but the headers were cut off.
        assert!(!budget.end(0, &summary(1 << 20, 1 << 20, 1 << 20)));
        assert!(!budget.end(0, &summary(1 << 30, 1 << 30, 66 << 20)));
        // Lengths on the wire that no datagram can have count for nothing.
        assert!(budget.end(0, &summary(4 << 30, 4 << 30, 100)));
        // Shortened, they cost less.
        let mut budget = HoleBudget::new(Some(1 << 20));
        let digested = (0..1000).filter(|_| !budget.end(0, &summary(16 << 20, 400, 400))).count();
        assert!((256..260).contains(&digested), "{digested}");
    }

    #[test]
    fn gaps_of_flows_that_ended_make_room() {
        let mut budget = HoleBudget::new(None);
        let mut flows = [0; 3];
        for flow in &mut flows {
            (0..OF_FLOW + 5).for_each(|_| {
                budget.keep(flow);
            });
        }
        assert_eq!(flows, [OF_FLOW, OF_FLOW, 0]);
        budget.end(flows[0], &summary(0, 0, 0));
        assert!(budget.keep(&mut flows[2]));
    }
}
