//! A writer's thread: applies the operations of its flows to its files, and sends each flow on when its file is closed.
//!
//! After an error of the file system the writer goes on without writing: it closes what is open, so
//! that every flow is reported with what reached the disk.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use tapflow_core::Summary;

use super::batches::{Batch, BatchReceiver};
use super::message::{Closing, Ending, Notice, Operation};
use super::outlet::Outlet;
use super::stop::Stop;
use crate::flow::{FlowFacts, Gaps, Timeline};
use crate::output::pcap::FlowCaptures;
use crate::output::unprocessed::UnprocessedFile;
use crate::output::{Closed, FileStore, OutputError};
use crate::scan::{Findings, FinishedFlow};

/// One writer. Without a store it only passes on facts.
pub(crate) struct Writer {
    store: Option<FileStore>,
    captures: Option<FlowCaptures>,
    unprocessed: Option<UnprocessedFile>,
    timed: bool,
    /// The bound of holes beyond which they are shortened, where they are to be.
    max_hole: Option<u64>,
    /// Open flows, where there is no store that knows them.
    flows: FxHashMap<u64, Arc<FlowFacts>>,
    /// Of open flows that have some.
    gaps: FxHashMap<u64, Gaps>,
    timelines: FxHashMap<u64, Timeline>,
    /// What parts of operations are parts of. Its own count of references: see [`Operation::Block`].
    block: Bytes,
    /// Sends at the end of each batch.
    outlet: Outlet,
    stop: Stop,
    failed: bool,
}

impl Writer {
    /// Creates a writer. If `timed`, flows get timelines.
    pub(crate) fn new(
        store: Option<FileStore>,
        captures: Option<FlowCaptures>,
        unprocessed: Option<UnprocessedFile>,
        timed: bool,
        outlet: Outlet,
        stop: Stop,
    ) -> Self {
        Self {
            store,
            captures,
            unprocessed,
            timed,
            max_hole: None,
            flows: FxHashMap::default(),
            gaps: FxHashMap::default(),
            timelines: FxHashMap::default(),
            block: Bytes::new(),
            outlet,
            stop,
            failed: false,
        }
    }

    /// Shortens holes beyond `max_hole` bytes.
    pub(crate) fn shortening(self, max_hole: Option<u64>) -> Self {
        Self { max_hole, ..self }
    }

    /// Works until the core's side hangs up.
    pub(crate) fn run(mut self, batches: &BatchReceiver) {
        batches.each(|batch| {
            let Batch { operations, endings, spare } = batch;
            let mut endings = endings.drain(..);
            for operation in operations.drain(..) {
                let done = match operation {
                    Operation::Close { flow } => {
                        endings.next().map_or(Ok(()), |ending| self.ended(flow, ending, spare))
                    }
                    other => self.apply(other),
                };
                if let Err(error) = done {
                    self.fail(error);
                }
            }
            self.outlet.send();
        });
        self.finish();
    }

    /// Flows that the core did not close, after a failure elsewhere, still get their bytes on disk.
    fn finish(mut self) {
        if let Some(store) = self.store.take() {
            let finished = store.finish(|_, _| {});
            if let Some(error) = finished.error.or(finished.not_closed) {
                self.fail(error);
            }
        }
        if let Some(captures) = self.captures.take() {
            self.outlet.notice(Notice::Captured(captures.counts().clone()));
            if let Err(error) = captures.finish() {
                self.fail(error);
            }
        }
        if let Some(mut unprocessed) = self.unprocessed.take() {
            let result = unprocessed.finish();
            let (frames, late) = unprocessed.counts();
            self.outlet.notice(Notice::Unprocessed { path: unprocessed.path().to_owned(), frames, late });
            if let Err(error) = result {
                self.fail(error);
            }
        }
        self.outlet.send();
    }

    fn fail(&mut self, error: OutputError) {
        if !self.failed {
            self.failed = true;
            self.stop.ask();
            self.outlet.notice(Notice::Failed(error));
        }
    }

    fn apply(&mut self, operation: Operation) -> Result<(), OutputError> {
        match operation {
            Operation::Open(facts, name) => {
                match &mut self.store {
                    Some(store) => store.open(facts, name),
                    None => {
                        self.flows.insert(facts.number, facts);
                    }
                }
                Ok(())
            }
            Operation::Block(block) => {
                self.block = Bytes::from_owner(block);
                Ok(())
            }
            Operation::Data { flow, offset, part, time } => {
                let bytes = self.slice(part);
                if self.timed {
                    self.timelines.entry(flow).or_default().note(offset, time);
                }
                match &mut self.store {
                    Some(store) if !self.failed => store.data(flow, offset, bytes, time),
                    _ => Ok(()),
                }
            }
            Operation::Urgent { flow, offset, part, time } => {
                let bytes = self.slice(part);
                match &mut self.store {
                    Some(store) if !self.failed => store.leave_out(flow, offset, bytes, time),
                    _ => Ok(()),
                }
            }
            Operation::Repeated { flow, offset, part, time } => {
                let bytes = self.slice(part);
                match &mut self.store {
                    Some(store) if !self.failed => store.repeated(flow, offset, &bytes, time).map(drop),
                    _ => Ok(()),
                }
            }
            Operation::Replaced { flow, offset, part, time } => {
                let bytes = self.slice(part);
                match &mut self.store {
                    Some(store) if !self.failed => store.replaced(flow, offset, &bytes, time).map(drop),
                    _ => Ok(()),
                }
            }
            Operation::Rebased { flow, by } => {
                if let Some(gaps) = self.gaps.get_mut(&flow) {
                    gaps.shift(by);
                }
                if let Some(timeline) = self.timelines.get_mut(&flow) {
                    timeline.shift(by);
                }
                match &mut self.store {
                    Some(store) if !self.failed => store.rebased(flow, by),
                    _ => Ok(()),
                }
            }
            Operation::Gap { flow, range, is_kept } => {
                let gaps = self.gaps.entry(flow).or_default();
                if is_kept {
                    gaps.push(range)
                } else {
                    gaps.miss(range)
                }
                Ok(())
            }
            Operation::Flush if self.failed => Ok(()),
            Operation::Flush => {
                let files = self.store.as_mut().map_or(Ok(()), FileStore::flush);
                let captures = self.captures.as_mut().map_or(Ok(()), FlowCaptures::flush);
                let unprocessed = self.unprocessed.as_mut().map_or(Ok(()), UnprocessedFile::flush);
                files.and(captures).and(unprocessed)
            }
            Operation::Capture { side, facts } => {
                self.captures.iter_mut().for_each(|captures| captures.open(side, Arc::clone(&facts)));
                Ok(())
            }
            Operation::Frame { side, frame, part } => {
                let bytes = self.slice(part);
                match &mut self.captures {
                    Some(captures) if !self.failed => captures.frame(side, frame, bytes),
                    _ => Ok(()),
                }
            }
            Operation::Captured { side } => {
                let closed = self.captures.as_mut().map_or(Ok(()), |captures| captures.close(side));
                if self.failed { Ok(()) } else { closed }
            }
            Operation::Unprocessed { frame, part } => {
                let bytes = self.slice(part);
                match &mut self.unprocessed {
                    Some(unprocessed) if !self.failed => unprocessed.frame(frame, &bytes),
                    _ => Ok(()),
                }
            }
            Operation::Directory(path) => {
                let Some(unprocessed) = self.unprocessed.as_mut().filter(|_| !self.failed) else {
                    return Ok(());
                };
                let ended = unprocessed.go_on(&path)?;
                if let Some((frames, late)) = ended {
                    self.outlet.notice(Notice::Unprocessed { path, frames, late });
                }
                Ok(())
            }
            Operation::Complete { directory, at } => {
                self.outlet.notice(Notice::Complete { directory, at });
                Ok(())
            }
            Operation::Mark { mark, at } => {
                self.outlet.notice(Notice::Mark { mark, at });
                Ok(())
            }
            Operation::Link(link) => {
                self.unprocessed.iter_mut().for_each(|unprocessed| unprocessed.begin(link));
                Ok(())
            }
            // With its ending: see `ended`.
            Operation::Close { .. } => Ok(()),
        }
    }

    /// A flow ends. The memory of its facts goes to `spare`.
    fn ended(
        &mut self,
        flow: u64,
        ending: Ending,
        spare: &mut Vec<Arc<FlowFacts>>,
    ) -> Result<(), OutputError> {
        let Ending { facts, order, pair, reason, summary, is_sparse, keepalives, trace } = ending;
        let gaps = self.gaps.remove(&flow).unwrap_or_default();
        let (facts, closed, result) = match facts {
            Some(facts) => (facts, Closed::default(), Ok(())),
            None => {
                let shared = match &self.store {
                    Some(store) => store.facts(flow),
                    None => self.flows.remove(&flow),
                };
                let Some(shared) = shared else { return Ok(()) };
                let facts = FlowFacts::clone(&shared);
                spare.push(shared);
                let (closed, result) = self.close(flow, &gaps, &summary);
                (facts, closed, result)
            }
        };
        let flow = FinishedFlow {
            facts,
            reason,
            summary,
            file: closed.file,
            gaps,
            is_sparse,
            keepalives,
            trace,
            conflicts: closed.conflicts,
            replaced: closed.replaced,
            timeline: self.timelines.remove(&flow).unwrap_or_default(),
            contents: closed.contents,
            found: Findings::default(),
        };
        self.outlet.flow(Closing { order, pair, beyond_limit: closed.beyond_limit }, flow);
        result
    }

    fn slice(&self, part: Range<usize>) -> Bytes {
        debug_assert!(part.end <= self.block.len());
        self.block.slice(part)
    }

    /// Closes a flow's file; after an error, whatever of it reached the disk.
    fn close(&mut self, flow: u64, gaps: &Gaps, summary: &Summary) -> (Closed, Result<(), OutputError>) {
        let failed = self.failed;
        let room = self.max_hole.map(|max| max.saturating_add(summary.vouched()));
        let Some(store) = &mut self.store else { return (Closed::default(), Ok(())) };
        match store.close_with(flow, gaps, room) {
            Ok(closed) => (closed, Ok(())),
            Err(_) if failed => (store.close(flow).unwrap_or_default(), Ok(())),
            Err(error) => (store.close(flow).unwrap_or_default(), Err(error)),
        }
    }
}
