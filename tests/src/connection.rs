//! Captures as connections for the HTTP scanner.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tapflow_common::input;
use tapflow_common::scan::http::{Direction, Limits};
use tapflow_core::{Config, FragmentStorage, Reassembler, Storage};

use crate::KEY;
use crate::http::Kept;
use crate::recorder::{Record, Recorder};

/// Both directions of a connection, as the HTTP scanner reads them.
#[derive(Debug)]
pub struct Connection {
    /// Their bytes, zeros in gaps.
    pub streams: [Vec<u8>; 2],
    gaps: [Vec<std::ops::Range<u64>>; 2],
    known: [(bool, bool); 2],
}

impl Connection {
    /// The connection of these records: one, or the client's and the server's.
    #[must_use]
    pub fn new(records: &[&Record]) -> Self {
        let stream = |index: usize| match records.get(index) {
            Some(record) => record.bytes.iter().map(|byte| byte.unwrap_or(0)).collect(),
            None => Vec::new(),
        };
        let gaps = |index: usize| {
            let mut gaps = records.get(index).map(|record| record.gaps.clone()).unwrap_or_default();
            gaps.sort_by_key(|gap| gap.start);
            gaps
        };
        let known = |index: usize| match records.get(index) {
            Some(record) => {
                (record.opened.syn, record.closed.as_ref().is_some_and(|(_, summary)| summary.fin))
            }
            None => (true, true),
        };
        Self { streams: [0, 1].map(stream), gaps: [0, 1].map(gaps), known: [0, 1].map(known) }
    }

    /// What the HTTP scanner finds in it.
    #[must_use]
    pub fn scan(&self) -> Kept {
        let direction = |index: usize| Direction {
            bytes: &self.streams[index],
            gaps: &self.gaps[index],
            begins: self.known[index].0 && self.gaps[index].first().is_none_or(|gap| gap.start > 0),
            ends: self.known[index].1,
            ..Direction::EMPTY
        };
        Kept::scan([0, 1].map(direction), &Limits::default())
    }
}

/// The streams of a capture.
///
/// # Panics
/// When the file is no capture.
#[must_use]
pub fn records(path: &std::path::Path) -> Recorder {
    let mut source = input::open(path, Arc::new(AtomicBool::new(false))).expect("a capture");
    let storage = Storage::heap(100_000, 100_000)
        .expect("it fits")
        .with_fragments(FragmentStorage::heap(1000).expect("it fits"));
    let mut core = Reassembler::new(Config::new(KEY), storage).expect("it fits");
    let mut sink = Recorder::default();
    while let Ok(Some(packet)) = source.next() {
        let Ok(()) = core.push(&packet.frame, &mut sink);
    }
    let Ok(()) = core.finish(&mut sink);
    sink
}
