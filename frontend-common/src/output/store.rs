//! The files of one writer: streams in, files out.
//!
//! A [`FileStore`] takes the events of its flows in the order in which the core told them. It keeps
//! the pieces as they come, without copying them, and writes many with one call; when memory runs
//! towards its bounds, the flows that have waited longest are written first. Several stores may work
//! on one directory if each name (expanded with count 0) belongs to one of them.
//!
//! - A flow's file is made when its first data is written, under the first name that is free. Flows
//!   of the same name get their counts in the order of their first data.
//! - The first copy of a byte stays unless a later one is said to count; copies are compared and differences
//!   recorded.
//! - Bytes that are left out (urgent data) are no part of the file: when the flow closes, what follows moves down.
//! - Bytes never seen are holes in the file. The file ends with the last byte seen.
//! - After an error of one flow the others can still be written and closed.

use std::collections::HashMap;
use std::hash::RandomState;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use tapflow_core::{Repeat, Timestamp};

mod config;
mod copies;
mod flow;
mod waiting;

pub use config::StoreConfig;
use copies::{record, without};
use flow::State;
use waiting::Waiting;

use super::close_up::{Layout, close_up, longest};
use super::directory::Directory;
use super::error::{Action, OutputError};
use super::files::{FileId, FileName, Files};
use super::gather::{PIECES, Piece, joined, read_start, shift_up, write_at, write_pieces};
use super::index::{self, close_up_text, rebase_text};
use crate::flow::{FileFacts, FlowFacts, Gaps, Ranges, Shortened};
use crate::naming::Template;
use crate::output::alerts::Alerts;
use crate::retention::{BLOCK, DiskQuota};

/// Pending bytes of one flow that are written at once.
const FLOW_BYTES: u64 = 256 << 10;
/// Index lines in memory before all of them are written.
const INDEX_LINES: usize = 1 << 18;
/// Names whose next free count is remembered.
const REMEMBERED_COUNTS: usize = 100_000;
/// Bytes of one flow that can be left out; more of them stay.
const LEFT_OUT: usize = 1 << 20;
/// Bytes that go through memory at a time when a file is read back.
const BUFFER: usize = 64 << 10;

/// What a closed flow left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// Its file, if it had data.
    pub file: Option<FileFacts>,
    /// Repeated bytes that differed from the first copy, which stayed.
    pub conflicts: Ranges,
    /// Bytes that lost against a later, differing copy, which took their place.
    pub replaced: Ranges,
    /// Bytes of data that lay beyond the limit and were not written.
    pub beyond_limit: u64,
    /// What is in the file, where all of it was at hand and [`StoreConfig::keep`] asks for it.
    pub contents: Option<Bytes>,
}

/// What a store did.
#[derive(Debug, Default)]
pub struct Finished {
    /// Files made, without indexes.
    pub files: u64,
    /// The first file that could not be closed well.
    pub not_closed: Option<OutputError>,
    /// The first error of flows that [`FileStore::finish`] had to close.
    pub error: Option<OutputError>,
}

/// The files of one writer.
#[derive(Debug)]
pub struct FileStore {
    template: Arc<Template>,
    limit: u64,
    index: bool,
    max_pending_bytes: u64,
    max_pending_pieces: usize,
    /// Data of all flows that passes before a flow's oldest pending piece is written. Pieces may be small
    /// parts of large blocks of input, which they keep in memory.
    max_age: u64,
    files: Files,
    numbers: FxHashMap<u64, u32>,
    flows: Vec<State>,
    free: Vec<u32>,
    waiting: Waiting,
    index_lines: usize,
    /// Bytes of data taken so far.
    passed: u64,
    /// For each name with count 0, as a hash, the flow with data that will have it next. Where two names have one
    /// hash, a file is made a little earlier than it would have to be.
    unnamed: FxHashMap<u32, u32>,
    /// What names are hashed with where nobody else has done it.
    hasher: RandomState,
    /// For names that are taken, the count to try next.
    counts: HashMap<Box<str>, u32>,
    text: String,
    buffer: Vec<u8>,
    alerts: Option<Alerts>,
    disk: Option<DiskQuota>,
    keep: bool,
    finished: Finished,
}

impl FileStore {
    /// A store without flows.
    #[must_use]
    pub fn new(config: StoreConfig) -> Self {
        Self {
            template: Arc::clone(&config.template),
            limit: config.limit.unwrap_or(u64::MAX),
            index: config.index,
            max_pending_bytes: config.pending_bytes,
            max_pending_pieces: config.pending_pieces,
            max_age: config.pending_bytes.saturating_mul(2),
            files: Files::new(
                Directory::new(config.directory),
                config.template,
                config.max_open,
                config.flushes,
            ),
            numbers: FxHashMap::default(),
            flows: Vec::new(),
            free: Vec::new(),
            waiting: Waiting::new(),
            index_lines: 0,
            passed: 0,
            unnamed: FxHashMap::default(),
            hasher: RandomState::new(),
            counts: HashMap::new(),
            text: String::new(),
            buffer: Vec::new(),
            alerts: config.alerts,
            disk: config.disk,
            keep: config.keep,
            finished: Finished::default(),
        }
    }

    /// A flow begins. Nothing is on disk until it has data. `name` is the same for flows that have the same name with
    /// count 0, and with few exceptions only for them: see [`Template::hash`].
    pub fn open(&mut self, facts: impl Into<Arc<FlowFacts>>, name: u32) {
        let facts = facts.into();
        self.open_as(facts.number, facts, name);
    }

    /// The same under another number than the flow's own.
    pub(super) fn open_as(&mut self, number: u64, facts: impl Into<Arc<FlowFacts>>, name: u32) {
        let state = State::new(facts.into(), name, self.index);
        let at = match self.free.pop() {
            Some(at) => {
                self.flows[at as usize] = state;
                at
            }
            None => {
                self.flows.push(state);
                (self.flows.len() - 1) as u32
            }
        };
        self.numbers.insert(number, at);
    }

    /// What [`open`](Self::open) wants to know of a flow's name, where nobody has found that out.
    pub(super) fn name_of(&mut self, facts: &FlowFacts) -> u32 {
        self.template.hash(facts, &self.hasher, &mut self.text) as u32
    }

    /// What is known of an open flow.
    #[must_use]
    pub fn facts(&self, number: u64) -> Option<Arc<FlowFacts>> {
        let at = self.numbers.get(&number)?;
        self.flows.get(*at as usize)?.facts.clone()
    }

    /// New bytes of a flow at a stream offset, captured at `time`.
    ///
    /// # Errors
    /// [`OutputError`] of this flow or of another one that had to be written. A flow that had an error
    /// takes no more bytes.
    pub fn data(
        &mut self,
        number: u64,
        offset: u64,
        mut bytes: Bytes,
        time: Timestamp,
    ) -> Result<(), OutputError> {
        let at = self.find(number)?;
        let len = bytes.len() as u64;
        if len == 0 || self.flows[at as usize].failed {
            return Ok(());
        }
        self.passed += len;
        let kept = len.min(self.limit.saturating_sub(offset));
        bytes.truncate(kept as usize);
        // An error of another flow must not lose these bytes: it is told when they are safe.
        let mut result = if self.flows[at as usize].has_data { Ok(()) } else { self.first_data(at) };
        let flow = &mut self.flows[at as usize];
        if kept < len {
            flow.rare().beyond_limit += len - kept;
        }
        let (mut pieces, mut waits) = (0, 0);
        if kept > 0 {
            (pieces, waits) = self.waiting.add(&mut flow.place, at, Piece { offset, bytes }, self.passed);
        }
        result = result.and(self.note(at, offset, len, kept, time, false));
        if pieces >= PIECES || waits >= FLOW_BYTES {
            result = result.and(self.write(at));
        }
        while let Some((flow, since)) = self.waiting.longest()
            && (self.waiting.bytes > self.max_pending_bytes
                || self.waiting.pieces > self.max_pending_pieces
                || self.passed - since > self.max_age)
        {
            result = result.and(self.write(flow));
        }
        result
    }

    /// New bytes of a flow that are not to be in its file. Until it closes, their place is a hole.
    ///
    /// # Errors
    /// [`OutputError`] as of [`Self::data`].
    pub fn leave_out(
        &mut self,
        number: u64,
        offset: u64,
        bytes: Bytes,
        time: Timestamp,
    ) -> Result<(), OutputError> {
        let at = self.find(number)?;
        let left_out = &mut self.flows[at as usize].rare().left_out;
        if left_out.len() + bytes.len() > LEFT_OUT {
            return self.data(number, offset, bytes, time);
        }
        left_out.extend(offset..offset + bytes.len() as u64);
        Ok(())
    }

    /// Bytes came again at a place that `data` has filled; compares them with the first copy.
    ///
    /// # Errors
    /// [`OutputError`] where the first copy cannot be read back.
    pub fn repeated(
        &mut self,
        number: u64,
        offset: u64,
        bytes: &Bytes,
        time: Timestamp,
    ) -> Result<Repeat, OutputError> {
        let at = self.find(number)?;
        if bytes.is_empty() || self.flows[at as usize].failed {
            return Ok(Repeat::NotCompared);
        }
        let len = bytes.len() as u64;
        let kept = len.min(self.limit.saturating_sub(offset));
        self.note(at, offset, len, kept, time, true)?;
        let bytes = bytes.get(..kept as usize).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(Repeat::NotCompared);
        }
        let mut differing = self.compare(at, offset, bytes)?;
        let flow = &mut self.flows[at as usize];
        let left_out = flow.left_out();
        if !left_out.is_empty() {
            // There is no first copy of these.
            differing = differing.into_iter().flat_map(|range| without(&range, left_out)).collect();
        }
        Ok(record(differing, move || &mut flow.rare().conflicts))
    }

    /// Bytes came again at a place that `data` has filled, and count from now on: puts them there.
    ///
    /// # Errors
    /// [`OutputError`] where the earlier copy cannot be read back or written over.
    pub fn replaced(
        &mut self,
        number: u64,
        offset: u64,
        bytes: &Bytes,
        time: Timestamp,
    ) -> Result<Repeat, OutputError> {
        let at = self.find(number)?;
        if bytes.is_empty() || self.flows[at as usize].failed {
            return Ok(Repeat::NotCompared);
        }
        let len = bytes.len() as u64;
        let kept = len.min(self.limit.saturating_sub(offset));
        self.note(at, offset, len, kept, time, true)?;
        let bytes = bytes.slice(..kept as usize);
        if bytes.is_empty() {
            return Ok(Repeat::NotCompared);
        }
        let differing = self.compare(at, offset, &bytes)?;
        if differing.is_empty() {
            return Ok(Repeat::Same);
        }
        // Pending pieces do not overlap: they go first.
        self.write(at)?;
        let result = self.write_now(at, &mut [Piece { offset, bytes }]);
        let flow = &mut self.flows[at as usize];
        flow.failed |= result.is_err();
        result.map(|()| record(differing, move || &mut flow.rare().replaced))
    }

    /// The flow begins `by` bytes before what was its offset 0: moves what it has up.
    ///
    /// # Errors
    /// [`OutputError`] where its file cannot be read or written.
    pub fn rebased(&mut self, number: u64, by: u64) -> Result<(), OutputError> {
        let at = self.find(number)?;
        let limit = self.limit;
        let flow = &mut self.flows[at as usize];
        if let Some(rare) = flow.known() {
            rare.conflicts.shift(by);
            rare.replaced.shift(by);
            rare.left_out.iter_mut().for_each(|offset| *offset += by);
        }
        let dropped = self.waiting.shift(flow.place, by, limit);
        if dropped > 0 {
            flow.rare().beyond_limit += dropped;
        }
        if flow.failed {
            return Ok(());
        }
        let result = self.rebase_file(at, by).and_then(|()| self.rebase_index(at, by));
        self.flows[at as usize].failed |= result.is_err();
        result
    }

    /// The flow ends: writes what is pending and sets the file's times to that of its first packet.
    ///
    /// # Errors
    /// [`OutputError`] where something could not be written. The flow is still there then: a second
    /// call closes it and tells what its file came to.
    pub fn close(&mut self, number: u64) -> Result<Closed, OutputError> {
        self.close_with(number, &Gaps::default(), None)
    }

    /// The same for a flow of which the gaps are known: they stay holes where bytes move, and those that are long are
    /// shortened where all of them have more than `room` bytes.
    ///
    /// # Errors
    /// Those of [`Self::close`].
    pub fn close_with(&mut self, number: u64, gaps: &Gaps, room: Option<u64>) -> Result<Closed, OutputError> {
        let at = self.find(number)?;
        let flow = &self.flows[at as usize];
        let is_at_hand = self.keep && flow.has_data && flow.written == 0 && flow.left_out().is_empty();
        let contents = if is_at_hand { joined(self.waiting.at(flow.place)) } else { None };
        if self.flows[at as usize].has_data {
            self.write(at)?;
            self.write_index(at)?;
            self.close_up(at, gaps, room.unwrap_or(u64::MAX))?;
        }
        self.numbers.remove(&number);
        self.free.push(at);
        let flow = &mut self.flows[at as usize];
        let (file, written, rare) = (flow.file.take(), flow.written, flow.take());
        flow.facts = None;
        let closed = Closed {
            file: file.map(|id| {
                let (path, original) = self.files.names(id);
                FileFacts {
                    path,
                    original,
                    size: written,
                    left_out: rare.left_out,
                    shortened: rare.shortened,
                }
            }),
            conflicts: rare.conflicts,
            replaced: rare.replaced,
            beyond_limit: rare.beyond_limit,
            contents,
        };
        for id in [file, rare.index.and_then(|index| index.file)].into_iter().flatten() {
            self.files.close(id);
        }
        Ok(closed)
    }

    /// Nobody needs the file of a closed flow any more.
    pub(super) fn let_go(&self, closed: &Closed) {
        if let (Some(disk), Some(file)) = (&self.disk, &closed.file) {
            disk.let_go(&file.path);
        }
    }

    /// Writes everything that is pending, so that others can see it.
    ///
    /// # Errors
    /// The first [`OutputError`]; the other flows are written all the same.
    pub fn flush(&mut self) -> Result<(), OutputError> {
        let mut result = Ok(());
        while let Some((flow, _)) = self.waiting.longest() {
            result = result.and(self.write(flow));
        }
        result.and(self.write_indexes())
    }

    /// Closes the flows that are still open, in the order of their numbers, and tells of each.
    pub fn finish(mut self, mut each: impl FnMut(u64, Closed)) -> Finished {
        let mut numbers: Vec<_> = self.numbers.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            let mut closed = self.close(number);
            if let Err(error) = closed {
                self.finished.error.get_or_insert(error);
                closed = self.close(number);
            }
            if let Ok(closed) = closed {
                each(number, closed);
            }
        }
        self.finished.not_closed = self.files.not_closed.take();
        self.finished
    }

    fn find(&self, number: u64) -> Result<u32, OutputError> {
        self.numbers.get(&number).copied().ok_or(OutputError::NotOpen(number))
    }

    /// Gives the flow its turn for a name: one of the same name that waits for its file gets it now.
    fn first_data(&mut self, at: u32) -> Result<(), OutputError> {
        let flow = &mut self.flows[at as usize];
        flow.has_data = true;
        let name = flow.name;
        if let Some(earlier) = self.unnamed.get(&name).copied() {
            self.create(earlier)?;
        }
        self.unnamed.insert(name, at);
        Ok(())
    }

    /// The flow's file, made if it is not there.
    fn create(&mut self, at: u32) -> Result<FileId, OutputError> {
        if let Some(id) = self.flows[at as usize].file {
            return Ok(id);
        }
        let created = self.create_new(at);
        let flow = &mut self.flows[at as usize];
        match &created {
            Ok((id, _)) => {
                flow.file = Some(*id);
                self.finished.files += 1;
                if let Some(alerts) = &self.alerts {
                    alerts.open(&self.files.path(*id));
                }
            }
            Err(_) => flow.failed = true,
        }
        let (id, index) = created?;
        if let Some(state) = flow.index() {
            state.file = index;
        }
        Ok(id)
    }

    fn create_new(&mut self, at: u32) -> Result<(FileId, Option<FileId>), OutputError> {
        let State { facts, name, .. } = &self.flows[at as usize];
        let Some(facts) = facts else { return Err(OutputError::NotOpen(at.into())) };
        if self.unnamed.get(name) == Some(&at) {
            self.unnamed.remove(name);
        }
        self.text.clear();
        self.template.expand(facts, 0, &mut self.text);
        let mut count = if self.counts.is_empty() {
            0
        } else {
            self.counts.get(self.text.as_str()).copied().unwrap_or(0)
        };
        loop {
            if count > 0 {
                self.text.clear();
                self.template.expand(facts, count, &mut self.text);
            }
            let (path, original) = self.template.place(&self.text)?;
            if let Some(disk) = &self.disk {
                let blocks = BLOCK * (1 + u64::from(self.index));
                disk.ask_for_flow(blocks).map_err(|error| OutputError::new(Action::Create, &path, error))?;
                // Before it is there, so that nobody deletes it.
                disk.hold(&self.files.place(&path));
            }
            let name = FileName { facts: Arc::clone(facts), count, is_index: false };
            if let Some(created) = create_with_index(&mut self.files, &path, name, self.index)? {
                self.files.remember(created.0, path, original);
                if count > 0 {
                    if self.counts.len() >= REMEMBERED_COUNTS {
                        self.counts.clear();
                    }
                    self.text.clear();
                    self.template.expand(facts, 0, &mut self.text);
                    self.counts.insert(self.text.as_str().into(), count + 1);
                }
                if let Some(disk) = &self.disk {
                    disk.add(&self.files.path(created.0), BLOCK * (1 + u64::from(self.index)));
                }
                return Ok(created);
            }
            count = count.checked_add(1).ok_or_else(|| {
                OutputError::new(Action::Create, path, io::Error::other("no connection count is left for it"))
            })?;
        }
    }

    /// Writes the flow's pending pieces, making its file where it has none. They are gone afterwards,
    /// also when the flow has failed.
    fn write(&mut self, at: u32) -> Result<(), OutputError> {
        let flow = &mut self.flows[at as usize];
        let mut pieces = self.waiting.take(&mut flow.place);
        let result = if flow.failed { Ok(()) } else { self.write_now(at, &mut pieces) };
        self.flows[at as usize].failed |= result.is_err();
        self.waiting.reuse(pieces);
        result
    }

    fn write_now(&mut self, at: u32, pieces: &mut [Piece]) -> Result<(), OutputError> {
        let id = self.create(at)?;
        if pieces.is_empty() {
            return Ok(());
        }
        let length = pieces.iter().map(|piece| piece.bytes.len() as u64).sum();
        self.ask(id, length)?;
        let (reached, result) = write_pieces(self.files.file(id)?, pieces);
        if let Some(disk) = &self.disk {
            disk.add(&self.files.path(id), length);
        }
        let flow = &mut self.flows[at as usize];
        flow.written = flow.written.max(reached);
        result.map_err(|error| self.files.error(id, Action::Write, error))
    }

    /// Asks for room for `length` more bytes in a file.
    fn ask(&self, id: FileId, length: u64) -> Result<(), OutputError> {
        let asked = self.disk.as_ref().map_or(Ok(()), |disk| disk.ask_for_flow(length));
        asked.map_err(|error| self.files.error(id, Action::Write, error))
    }

    /// Moves what is in the file up by `by` bytes, within the limit.
    fn rebase_file(&mut self, at: u32, by: u64) -> Result<(), OutputError> {
        let flow = &mut self.flows[at as usize];
        let Some(id) = flow.file.filter(|_| flow.written > 0) else { return Ok(()) };
        let moved = flow.written.min(self.limit.saturating_sub(by));
        if moved < flow.written {
            flow.rare().beyond_limit += flow.written - moved;
        }
        let length = if moved > 0 { moved + by } else { 0 };
        let shrinks = length < flow.written;
        flow.written = length;
        self.buffer.resize(BUFFER, 0);
        let file = self.files.file(id)?;
        let result = shift_up(file, moved, by, &mut self.buffer)
            .and_then(|()| if shrinks { file.set_len(length) } else { Ok(()) });
        result.map_err(|error| self.files.error(id, Action::Write, error))
    }

    /// Takes bytes that are left out, and holes beyond `room` bytes, out of the file and the index: what follows moves
    /// down.
    fn close_up(&mut self, at: u32, gaps: &Gaps, room: u64) -> Result<(), OutputError> {
        let flow = &mut self.flows[at as usize];
        let (file, written, failed) = (flow.file, flow.written, flow.failed);
        let (Some(id), false) = (file, failed) else { return Ok(()) };
        let longest = longest(gaps.ranges(), written, room);
        if flow.left_out().is_empty() && longest == u64::MAX {
            return Ok(());
        }
        let left_out = &mut flow.rare().left_out;
        left_out.sort_unstable();
        left_out.dedup();
        left_out.retain(|offset| *offset < written);
        self.buffer.resize(BUFFER, 0);
        let layout = Layout { written, left_out, gaps: gaps.ranges(), longest };
        let shortened = layout.shortened();
        let moved = close_up(self.files.file(id)?, layout, &mut self.buffer);
        // Not again where it failed, so that the second call can close the flow.
        match &moved {
            Ok(length) => {
                flow.written = *length;
                flow.rare().shortened = shortened;
            }
            Err(_) => flow.failed = true,
        }
        moved.map_err(|error| self.files.error(id, Action::Write, error))?;
        let rewritten = self.rewrite_index(at, close_up_text);
        self.flows[at as usize].failed |= rewritten.is_err();
        rewritten
    }

    fn rebase_index(&mut self, at: u32, by: u64) -> Result<(), OutputError> {
        let limit = self.limit;
        let Some(index) = self.flows[at as usize].index() else { return Ok(()) };
        index.rebase(by, limit);
        self.rewrite_index(at, |text, _, _| rebase_text(text, by, limit))
    }

    /// Puts another text into the file of the flow's index, if there is one: made of the text and of what is left out.
    fn rewrite_index(
        &mut self,
        at: u32,
        rewrite: impl FnOnce(&str, &[u64], &Shortened) -> String,
    ) -> Result<(), OutputError> {
        let flow = &mut self.flows[at as usize];
        let Some(index) = flow.index() else { return Ok(()) };
        let (Some(id), length @ 1..) = (index.file, index.on_disk) else { return Ok(()) };
        let read = read_start(self.files.file(id)?, length);
        let text = read.map_err(|error| self.files.error(id, Action::Read, error))?;
        let text = match flow.known() {
            Some(rare) => rewrite(&String::from_utf8_lossy(&text), &rare.left_out, &rare.shortened),
            None => return Ok(()),
        };
        let file = self.files.file(id)?;
        let written = write_at(file, text.as_bytes(), 0).and_then(|()| file.set_len(text.len() as u64));
        written.map_err(|error| self.files.error(id, Action::Write, error))?;
        if let Some(index) = flow.index() {
            index.on_disk = text.len() as u64;
        }
        Ok(())
    }

    /// Notes a piece in the flow's index, and writes lines where there are too many in memory.
    fn note(
        &mut self,
        at: u32,
        offset: u64,
        len: u64,
        kept: u64,
        time: Timestamp,
        repeated: bool,
    ) -> Result<(), OutputError> {
        let Some(index) = self.flows[at as usize].index() else { return Ok(()) };
        self.index_lines += usize::from(index.note(offset, len, kept, time, repeated));
        if index.pending() >= index::LINES {
            self.write_index(at)?;
        }
        if self.index_lines >= INDEX_LINES {
            self.write_indexes()?;
        }
        Ok(())
    }

    /// Appends the lines in memory to the flow's index; a flow that has failed loses them. After an
    /// error the flow goes on without index.
    fn write_index(&mut self, at: u32) -> Result<(), OutputError> {
        let flow = &mut self.flows[at as usize];
        let failed = flow.failed;
        let Some(index) = flow.index().filter(|index| index.pending() > 0) else { return Ok(()) };
        self.index_lines -= index.pending();
        let mut text = String::new();
        index.take_text(&mut text);
        let result = if failed { Ok(()) } else { self.append_index(at, &text) };
        if result.is_err()
            && let Some(index) = self.flows[at as usize].rare().index.take()
            && let Some(id) = index.file
        {
            self.files.close(id);
        }
        result
    }

    fn append_index(&mut self, at: u32, text: &str) -> Result<(), OutputError> {
        self.create(at)?;
        let Some(id) = self.flows[at as usize].index().and_then(|index| index.file) else { return Ok(()) };
        self.ask(id, text.len() as u64)?;
        let Some(index) = self.flows[at as usize].index() else { return Ok(()) };
        let written = write_at(self.files.file(id)?, text.as_bytes(), index.on_disk);
        index.on_disk += text.len() as u64;
        if let Some(disk) = &self.disk {
            disk.add(&self.files.path(id), text.len() as u64);
        }
        written.map_err(|error| self.files.error(id, Action::Write, error))
    }

    fn write_indexes(&mut self) -> Result<(), OutputError> {
        let mut result = Ok(());
        for at in 0..self.flows.len() as u32 {
            result = result.and(self.write_index(at));
        }
        result
    }
}

/// Makes a file and its index, or neither: `None` where one of the names is taken.
fn create_with_index(
    files: &mut Files,
    path: &str,
    name: FileName,
    index: bool,
) -> Result<Option<(FileId, Option<FileId>)>, OutputError> {
    let index_name = index.then(|| FileName { is_index: true, ..name.clone() });
    let Some(file) = files.create(path, name)? else { return Ok(None) };
    let Some(index_name) = index_name else { return Ok(Some((file, None))) };
    match files.create(&format!("{path}{}", index::SUFFIX), index_name) {
        Ok(Some(index)) => Ok(Some((file, Some(index)))),
        Ok(None) => files.remove(file).map(|()| None),
        Err(error) => {
            files.close(file);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests;
