//! A writer's thread: does the operations of its flows on its files, and passes on what each flow
//! came to.
//!
//! After an error of the file system the writer goes on without writing: it closes what is open, so
//! that every flow is reported with what reached the disk.

use std::mem;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use tapflow_core::Summary;

use super::Stop;
use super::batches::{Batch, BatchReceiver};
use super::dispatch::{Ending, Operation};
use super::finished::{Finished, Finishing};
use super::renewing::{Renewal, Rotated};
use crate::flow::{FlowFacts, Gaps, Timeline};
use crate::output::pcap::{CaptureCounts, FlowCaptures};
use crate::output::rest::RestFile;
use crate::output::{Closed, FileStore, OutputError};
use crate::scan::{Findings, FinishedFlow};

/// What writers tell scanners and the reporter.
#[derive(Debug)]
pub(super) enum Told {
    /// The flow that closed as number `order`, one of a `pair` or alone.
    Flow { order: u64, pair: bool, flow: Box<FinishedFlow>, beyond_limit: u64 },
    /// The same for the reporter; where there are several, `order` is the number of the first.
    Finished { order: u64, flow: Finished },
    /// What came into capture files of connections, at the end.
    Captured(CaptureCounts),
    /// What came into the file of all other frames, at the end.
    Rest { path: PathBuf, frames: u64, late: u64 },
    /// What went wrong first.
    Failed(OutputError),
    /// Another report follows.
    Renewed(Box<Renewal>),
    /// Another directory is the present one.
    Rotated(Box<Rotated>),
    /// Of one writer: the connections of a directory have all ended, with the first `at` flows that closed.
    Complete { directory: u32, at: u64 },
    /// Of one writer: everything that came before the mark is written; `at` flows had closed then.
    Mark { mark: u64, at: u64 },
    /// What went wrong with scanners.
    Complaint(String),
}

/// What is told at once.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) told: Vec<Told>,
    /// What the report says of its flows, one after the other.
    pub(super) text: Vec<u8>,
}

impl Message {
    /// Memory that it takes, as far as that differs much, in bytes.
    pub(super) fn weight(&self) -> u64 {
        let facts = self.told.iter().map(|told| match told {
            Told::Finished { flow, .. } => flow.facts,
            _ => 0,
        });
        (self.text.len() + facts.sum::<usize>()) as u64
    }
}

impl From<Told> for Message {
    fn from(told: Told) -> Self {
        Self { told: vec![told], text: Vec::new() }
    }
}

/// One writer. Without a store it only passes on the facts.
pub(super) struct Writer {
    store: Option<FileStore>,
    captures: Option<FlowCaptures>,
    rest: Option<RestFile>,
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
    /// For the reporter, at the end of the batch.
    message: Message,
    reporter: SyncSender<Message>,
    /// What the reporter wants of flows, where no scanner comes before it.
    finishing: Option<Finishing>,
    stop: Stop,
    failed: bool,
}

impl Writer {
    /// `timed` asks for timelines. `finishing` is what the reporter wants of flows, unless scanners want them first.
    pub(super) fn new(
        store: Option<FileStore>,
        captures: Option<FlowCaptures>,
        rest: Option<RestFile>,
        timed: bool,
        reporter: SyncSender<Message>,
        finishing: Option<Finishing>,
        stop: Stop,
    ) -> Self {
        Self {
            store,
            captures,
            rest,
            timed,
            max_hole: None,
            flows: FxHashMap::default(),
            gaps: FxHashMap::default(),
            timelines: FxHashMap::default(),
            block: Bytes::new(),
            message: Message::default(),
            reporter,
            finishing,
            stop,
            failed: false,
        }
    }

    /// Shortens holes beyond `max_hole` bytes.
    pub(super) fn shortening(self, max_hole: Option<u64>) -> Self {
        Self { max_hole, ..self }
    }

    /// Works until the core's side hangs up.
    pub(super) fn run(mut self, batches: &BatchReceiver) {
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
            self.tell();
        });
        self.finish();
    }

    /// The reporter outlives the writers; if it is gone there is nobody to tell.
    fn tell(&mut self) {
        if !self.message.told.is_empty() {
            // The next one is about as long.
            let (told, text) = (self.message.told.len(), self.message.text.len());
            let (told, text) = (Vec::with_capacity(told), Vec::with_capacity(text + text / 8));
            let _ = self.reporter.send(mem::replace(&mut self.message, Message { told, text }));
        }
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
            self.message.told.push(Told::Captured(captures.counts().clone()));
            if let Err(error) = captures.finish() {
                self.fail(error);
            }
        }
        if let Some(mut rest) = self.rest.take() {
            let result = rest.finish();
            let (frames, late) = rest.counts();
            self.message.told.push(Told::Rest { path: rest.path().to_owned(), frames, late });
            if let Err(error) = result {
                self.fail(error);
            }
        }
        self.tell();
    }

    fn fail(&mut self, error: OutputError) {
        if !self.failed {
            self.failed = true;
            self.stop.ask();
            self.message.told.push(Told::Failed(error));
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
                let rest = self.rest.as_mut().map_or(Ok(()), RestFile::flush);
                files.and(captures).and(rest)
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
            Operation::Rest { frame, part } => {
                let bytes = self.slice(part);
                match &mut self.rest {
                    Some(rest) if !self.failed => rest.frame(frame, &bytes),
                    _ => Ok(()),
                }
            }
            Operation::Directory(path) => {
                let Some(rest) = self.rest.as_mut().filter(|_| !self.failed) else { return Ok(()) };
                let ended = rest.go_on(&path)?;
                self.message.told.extend(ended.map(|(frames, late)| Told::Rest { path, frames, late }));
                Ok(())
            }
            Operation::Complete { directory, at } => {
                self.message.told.push(Told::Complete { directory, at });
                Ok(())
            }
            Operation::Mark { mark, at } => {
                self.message.told.push(Told::Mark { mark, at });
                Ok(())
            }
            Operation::Link(link) => {
                self.rest.iter_mut().for_each(|rest| rest.begin(link));
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
        let Ending { facts, order, pair, reason, summary, is_sparse } = ending;
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
            conflicts: closed.conflicts,
            replaced: closed.replaced,
            timeline: self.timelines.remove(&flow).unwrap_or_default(),
            contents: closed.contents,
            found: Findings::default(),
        };
        let beyond_limit = closed.beyond_limit;
        match self.finishing {
            Some(finishing) => finishing.finish(order, pair, flow, beyond_limit, &mut self.message),
            None => self.message.told.push(Told::Flow { order, pair, flow: Box::new(flow), beyond_limit }),
        }
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
