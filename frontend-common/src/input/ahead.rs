//! Frames whose headers a thread has read already: whoever has them pushed does not wait for a byte of the capture.
//!
//! The thread owns a source, and hands over what it read in batches, whose memory comes back. It ends with the source, and
//! when nobody listens any more.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
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

/// What was read at once, and what is known of the source behind it.
#[derive(Debug, Default)]
struct Batch {
    block: Bytes,
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
        }
        self.records.push(Record::of(packet));
        self.looks.push(looker.look(&packet.frame));
    }

    /// The memory of it, for others.
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
    empty: SyncSender<Batch>,
    batch: Batch,
    /// Records of the batch that were handed over.
    used: usize,
}

impl ReadAhead {
    /// Starts a thread that reads `source`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(source: impl Source + Send + 'static, looker: Looker) -> io::Result<Self> {
        let (to_user, full) = sync_channel(DEPTH);
        // Those that wait, the one that is used and the one that is being filled.
        let (empty, from_user) = sync_channel(DEPTH + 2);
        let (name, progress) = (source.name().to_owned(), source.progress());
        let reading = Reading { source, looker, full: to_user, empty: from_user };
        thread::Builder::new().name("headers".into()).spawn(move || reading.run())?;
        Ok(Self { name, full, empty, batch: Batch { progress, ..Batch::default() }, used: 0 })
    }

    /// Goes on to the next batch when this one is used up, unless it is the last.
    fn fill(&mut self, patience: Option<Duration>) -> Result<(), RecvTimeoutError> {
        if self.used < self.batch.records.len() || self.batch.end.is_some() {
            return Ok(());
        }
        let next = match patience {
            Some(patience) => self.full.recv_timeout(patience)?,
            None => self.full.recv()?,
        };
        self.used = 0;
        // Where there are enough of them, or nobody reads any more, it is let go.
        let _ = self.empty.try_send(std::mem::replace(&mut self.batch, next).emptied());
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
        self.batch.progress
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn link_types(&self) -> &[LinkType] {
        &self.batch.links
    }
}

/// The thread.
struct Reading<S> {
    source: S,
    looker: Looker,
    full: SyncSender<Batch>,
    empty: Receiver<Batch>,
}

impl<S: Source> Reading<S> {
    /// Reads everything, as long as somebody wants it.
    fn run(mut self) {
        let mut batch = Batch::default();
        loop {
            let progress = self.source.progress();
            let mut is_over = true;
            let read = self.source.next_few().map(|mut packets| {
                packets.all(|packet| {
                    is_over = false;
                    let mut is_wanted = true;
                    if !batch.has_room(packet.block) {
                        batch.progress = progress;
                        let next = self.empty.try_recv().unwrap_or_default();
                        is_wanted = self.full.send(std::mem::replace(&mut batch, next)).is_ok();
                    }
                    batch.add(&packet, &self.looker);
                    is_wanted
                })
            });
            // Types only become more.
            let links = self.source.link_types();
            if batch.links.len() < links.len() {
                links.clone_into(&mut batch.links);
            }
            batch.end = match read {
                Ok(false) => return,
                Ok(true) if is_over => Some(Ok(())),
                Ok(true) => None,
                Err(error) => Some(Err(error)),
            };
            if batch.end.is_some() {
                batch.progress = self.source.progress();
                let _ = self.full.send(batch);
                return;
            }
        }
    }
}
