//! One line of statistics while a run goes on.

use std::time::Duration;

use tapflow_core::Counters;

use crate::format::count;
use crate::input::live::LiveCounts;

/// What a run came to in its first `elapsed`, with `open` flows now; of a live capture, what the system counts too.
#[must_use]
pub fn statistics(elapsed: Duration, counters: &Counters, open: u64, live: Option<&LiveCounts>) -> String {
    let mut text = format!(
        "after {} s: {}, {}, {} ({open} open), {}",
        elapsed.as_secs(),
        count(counters.frames, "packet"),
        count(counters.connections, "connection"),
        count(counters.flows, "flow"),
        count(counters.data_bytes, "byte"),
    );
    if let Some(live) = live {
        text.push_str("; ");
        text.push_str(&captured(live).join(", "));
    }
    text
}

/// What the system counts, also where nothing was dropped.
pub(super) fn captured(live: &LiveCounts) -> Vec<String> {
    let mut items = vec![
        format!("{} received", count(live.received, "packet")),
        format!("{} dropped by the kernel", live.dropped),
        format!("{} by the interface", live.dropped_by_interface),
    ];
    if live.own_twice {
        items.push("packets from this host to itself received twice and captured once".to_owned());
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_one_line_with_what_the_kernel_dropped() {
        let mut counters = Counters::default();
        counters.frames = 10;
        counters.connections = 1;
        counters.flows = 2;
        counters.data_bytes = 300;
        let elapsed = Duration::from_millis(61_900);
        let text = "after 61 s: 10 packets, 1 connection, 2 flows (1 open), 300 bytes";
        assert_eq!(statistics(elapsed, &counters, 1, None), text);
        let live = LiveCounts { received: 12, dropped: 2, ..LiveCounts::default() };
        assert_eq!(
            statistics(elapsed, &counters, 1, Some(&live)),
            format!("{text}; 12 packets received, 2 dropped by the kernel, 0 by the interface")
        );
        let live = LiveCounts { own_twice: true, ..live };
        assert!(statistics(elapsed, &counters, 1, Some(&live)).ends_with("received twice and captured once"));
    }
}
