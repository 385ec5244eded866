//! A writer's thread: does the operations of its flows on its files, and passes on what each flow
//! came to.
//!
//! After an error of the file system the writer goes on without writing: it closes what is open, so
//! that every flow is reported with what reached the disk.

use std::sync::mpsc::{Receiver, SyncSender};

use rustc_hash::FxHashMap;

use super::Stop;
use super::dispatch::{Batch, Operation};
use crate::facts::{FinishedFlow, FlowFacts, Ranges};
use crate::output::{Closed, FileStore, OutputError};

/// What writers tell the reporter.
#[derive(Debug)]
pub(super) enum Told {
    /// The flow that closed as number `order`.
    Flow { order: u64, flow: Box<FinishedFlow>, beyond_limit: u64 },
    /// What went wrong first.
    Failed(OutputError),
}

/// One writer. Without a store it only passes on the facts.
pub(super) struct Writer {
    store: Option<FileStore>,
    flows: FxHashMap<u64, Live>,
    reporter: SyncSender<Told>,
    stop: Stop,
    failed: bool,
}

struct Live {
    facts: Box<FlowFacts>,
    gaps: Ranges,
}

impl Writer {
    pub(super) fn new(store: Option<FileStore>, reporter: SyncSender<Told>, stop: Stop) -> Self {
        Self { store, flows: FxHashMap::default(), reporter, stop, failed: false }
    }

    /// Works until the core's side hangs up.
    pub(super) fn run(mut self, batches: &Receiver<Batch>) {
        for batch in batches {
            for operation in batch {
                if let Err(error) = self.apply(operation) {
                    self.fail(error);
                }
            }
        }
        self.finish();
    }

    /// Flows that the core did not close, after a failure elsewhere, still get their bytes on disk.
    fn finish(mut self) {
        let Some(store) = self.store.take() else { return };
        let finished = store.finish(|_, _| {});
        if let Some(error) = finished.error.or(finished.times_not_set) {
            self.fail(error);
        }
    }

    fn fail(&mut self, error: OutputError) {
        if !self.failed {
            self.failed = true;
            self.stop.ask();
            // The reporter outlives the writers; if it is gone there is nobody to tell.
            let _ = self.reporter.send(Told::Failed(error));
        }
    }

    fn apply(&mut self, operation: Operation) -> Result<(), OutputError> {
        match operation {
            Operation::Open(facts) => {
                let number = facts.flow.number;
                if let (Some(store), false) = (&mut self.store, self.failed) {
                    store.open(FlowFacts::clone(&facts));
                }
                self.flows.insert(number, Live { facts, gaps: Ranges::default() });
                Ok(())
            }
            Operation::Data { flow, offset, bytes, time } => match &mut self.store {
                Some(store) if !self.failed => store.data(flow, offset, bytes, time),
                _ => Ok(()),
            },
            Operation::Repeated { flow, offset, bytes, time } => match &mut self.store {
                Some(store) if !self.failed => store.repeated(flow, offset, &bytes, time).map(drop),
                _ => Ok(()),
            },
            Operation::Rebased { flow, by } => {
                if let Some(live) = self.flows.get_mut(&flow) {
                    live.gaps.shift(by);
                }
                match &mut self.store {
                    Some(store) if !self.failed => store.rebased(flow, by),
                    _ => Ok(()),
                }
            }
            Operation::Gap { flow, range } => {
                if let Some(live) = self.flows.get_mut(&flow) {
                    live.gaps.push(range);
                }
                Ok(())
            }
            Operation::Close { flow, order, reason, summary } => {
                let (closed, result) = self.close(flow);
                if let Some(Live { facts, gaps }) = self.flows.remove(&flow) {
                    let flow = Box::new(FinishedFlow {
                        facts: *facts,
                        reason,
                        summary: *summary,
                        file: closed.file,
                        gaps,
                        conflicts: closed.conflicts,
                    });
                    let beyond_limit = closed.beyond_limit;
                    let _ = self.reporter.send(Told::Flow { order, flow, beyond_limit });
                }
                result
            }
        }
    }

    /// Closes a flow's file; after an error, whatever of it reached the disk.
    fn close(&mut self, flow: u64) -> (Closed, Result<(), OutputError>) {
        let failed = self.failed;
        let Some(store) = &mut self.store else { return (Closed::default(), Ok(())) };
        match store.close(flow) {
            Ok(closed) => (closed, Ok(())),
            Err(_) if failed => (store.close(flow).unwrap_or_default(), Ok(())),
            Err(error) => (store.close(flow).unwrap_or_default(), Err(error)),
        }
    }
}
