//! Frames whose headers a thread has read already: whoever has them pushed does not wait for a byte of the capture.
//!
//! The thread owns a source, and hands over what it read in batches, whose memory comes back. It is ahead by a few batches,
//! and by no more than one where their blocks are large; it ends with the source, and when nobody listens any more.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tapflow_core::{LinkType, Look, Looker};

use super::error::Fault;
use super::packets::Record;
use super::{InputError, InputErrorKind, Packet, Packets, Progress, Source, TOGETHER};

/// Frames in a batch, all of them in one block: as few as one can wake somebody for, in 100 KiB.
const BATCH: usize = 1024;
/// Batches that wait to be used.
const DEPTH: usize = 4;
/// Bytes in the blocks of batches that are under way: with more, the thread waits. Of usual captures there are not as many.
const HELD: usize = 64 << 20;

/// What was read at once, and what is known of the source behind it.
#[derive(Debug, Default)]
struct Batch {
    block: Bytes,
    /// The length of the block, also when it is given back.
    held: usize,
    records: Vec<Record>,
    looks: Vec<Look>,
    progress: Progress,
    links: Vec<LinkType>,
    /// Why nothing follows: the end, or an error.
    end: Option<Result<(), InputError>>,
}

impl Batch {
    fn has_room(&self, block: &Bytes) -> bool {
        let is_same = (block.as_ptr(), block.len()) == (self.block.as_ptr(), self.block.len());
        self.records.is_empty() || is_same && self.records.len() < BATCH
    }

    fn add(&mut self, packet: &Packet<'_>, looker: &Looker) {
        if self.records.is_empty() {
            self.block = packet.block.clone();
            self.held = self.block.len();
        }
        self.records.push(Record::of(packet));
        self.looks.push(looker.look(&packet.frame));
    }

    /// Its memory, for others.
    fn emptied(mut self) -> Self {
        self.block = Bytes::new();
        self.records.clear();
        self.looks.clear();
        self
    }
}

/// A source that is read ahead.
#[derive(Debug)]
pub(super) struct ReadAhead {
    name: String,
    full: Receiver<Batch>,
    empty: Sender<Batch>,
    batch: Batch,
    /// Records of the batch that were handed over.
    used: usize,
    progress: Progress,
    links: Vec<LinkType>,
}

impl ReadAhead {
    /// Starts a thread that reads `source`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(source: impl Source + Send + 'static, looker: Looker) -> io::Result<Self> {
        let (to_user, full) = sync_channel(DEPTH);
        let (empty, from_user) = channel();
        let (name, progress) = (source.name().to_owned(), source.progress());
        let reading = Reading { source, looker, full: to_user, empty: from_user, spare: Vec::new(), held: 0 };
        thread::Builder::new().name("headers".into()).spawn(move || reading.run())?;
        Ok(Self { name, full, empty, batch: Batch::default(), used: 0, progress, links: Vec::new() })
    }

    /// Goes on to the next batch when this one is used up, unless it is the last.
    fn fill(&mut self, patience: Option<Duration>) -> Result<(), RecvTimeoutError> {
        if self.used < self.batch.records.len() || self.batch.end.is_some() {
            return Ok(());
        }
        if self.used > 0 {
            self.used = 0;
            // Before anybody waits for the next one, as that may have to wait for this one's memory.
            let _ = self.empty.send(std::mem::take(&mut self.batch).emptied());
        }
        self.batch = match patience {
            Some(patience) => self.full.recv_timeout(patience)?,
            None => self.full.recv()?,
        };
        self.progress = self.batch.progress;
        if self.links.len() < self.batch.links.len() {
            self.links.clone_from(&self.batch.links);
        }
        Ok(())
    }

    fn take(&mut self, most: usize) -> Result<Packets<'_>, InputError> {
        if self.fill(None).is_err() {
            // The thread ends with a word unless it panicked.
            let error = InputErrorKind::Io(io::Error::other("the reading thread ended without a word"));
            self.batch.end = Some(Err(Fault::of_file(None, error).named(&self.name, false)));
        }
        let Batch { block, records, looks, end, .. } = &mut self.batch;
        if self.used == records.len()
            && let Some(end) = end
        {
            std::mem::replace(end, Ok(()))?;
        }
        let next = (self.used + most).min(records.len());
        let some = std::mem::replace(&mut self.used, next)..next;
        Ok(Packets::looked_at(block, &records[some.clone()], &looks[some]))
    }
}

impl Source for ReadAhead {
    fn next(&mut self) -> Result<Option<Packet<'_>>, InputError> {
        self.take(1).map(|mut packets| packets.next())
    }

    fn next_few(&mut self) -> Result<Packets<'_>, InputError> {
        self.take(TOGETHER)
    }

    fn waits(&mut self, patience: Duration) -> bool {
        self.fill(Some(patience)) == Err(RecvTimeoutError::Timeout)
    }

    fn progress(&self) -> Progress {
        self.progress
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn link_types(&self) -> &[LinkType] {
        &self.links
    }
}

/// The thread.
struct Reading<S> {
    source: S,
    looker: Looker,
    full: SyncSender<Batch>,
    empty: Receiver<Batch>,
    /// Batches that came back.
    spare: Vec<Batch>,
    /// Bytes in the blocks of those that are under way.
    held: usize,
}

impl<S: Source> Reading<S> {
    /// Hands over a batch; whether it is wanted.
    fn send(&mut self, batch: Batch) -> bool {
        self.held += batch.held;
        self.full.send(batch).is_ok()
    }

    fn came_back(&mut self, batch: Batch) {
        self.held -= batch.held;
        self.spare.push(batch);
    }

    /// Waits until no more is under way than may be; whether somebody is there to wait for.
    fn wait(&mut self) -> bool {
        while let Ok(batch) = self.empty.try_recv() {
            self.came_back(batch);
        }
        while self.held > HELD {
            let Ok(batch) = self.empty.recv() else { return false };
            self.came_back(batch);
        }
        true
    }

    /// Reads everything, as long as somebody wants it.
    fn run(mut self) {
        let mut batch = Batch::default();
        while self.wait() {
            let progress = self.source.progress();
            let (mut is_over, mut whole) = (true, None);
            let read = self.source.next_few().map(|packets| {
                for packet in packets {
                    is_over = false;
                    if !batch.has_room(packet.block) {
                        batch.progress = progress;
                        whole = Some(std::mem::replace(&mut batch, self.spare.pop().unwrap_or_default()));
                    }
                    batch.add(&packet, &self.looker);
                }
            });
            if let Some(whole) = whole
                && !self.send(whole)
            {
                return;
            }
            // Types only become more.
            let links = self.source.link_types();
            if batch.links.len() < links.len() {
                links.clone_into(&mut batch.links);
            }
            batch.end = match read {
                Ok(()) if is_over => Some(Ok(())),
                Ok(()) => None,
                Err(error) => Some(Err(error)),
            };
            if batch.end.is_some() {
                batch.progress = self.source.progress();
                self.send(batch);
                return;
            }
        }
    }
}
