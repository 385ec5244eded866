//! Inputs that come in the order of their bytes: pipes, standard input, compressed files, and plain ones.
//!
//! A thread reads (and decompresses) ahead into blocks and hands over what has come, so that a
//! slow writer is followed without delay, a stop is noticed while a read blocks, and decompression has a
//! core of its own. A block is freed when the last slice of it is dropped; the thread is at most
//! [`AHEAD`] pieces ahead.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::error::{Fault, InputErrorKind};
use super::pool::Pool;
use super::unpack::broken;
use super::whole::WholeFile;

/// Bytes allocated at a time for what comes in pieces of any size.
const BLOCK: usize = 1 << 20;
/// A block with less room than this is not read into again.
const ROOM: usize = 1 << 15;
/// Pieces that wait to be used.
const AHEAD: usize = 8;
/// How long a stop may go unnoticed.
const STOP_DELAY: Duration = Duration::from_millis(50);

/// What the reading thread says.
#[derive(Debug)]
enum Piece {
    /// Bytes that follow on those before.
    Data(Bytes),
    /// A new member of an archive begins.
    Part(String),
    /// What follows lies compressed in the input.
    Unpacked,
    /// No more can be read of this part.
    Failed(Fault),
    /// Nothing follows.
    End,
}

/// Where the consumer is in what the thread says.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Within a part.
    Open,
    /// Behind a part's last byte that can be read.
    Over,
    /// A part of this name follows.
    Before(String),
    /// Behind the last part.
    Ended,
    /// A stop was asked for.
    Stopped,
}

/// The receiving end of a reading thread.
#[derive(Debug)]
pub(crate) struct Feed {
    pieces: Receiver<Piece>,
    stop: Arc<AtomicBool>,
    /// What came while nobody had to wait for it.
    early: Option<Piece>,
    state: State,
    fault: Option<Fault>,
    unpacked: bool,
    /// Whether all bytes belong to parts of an archive; `None` before the first of either.
    in_parts: Option<bool>,
}

impl Feed {
    /// Starts a thread that calls `read` with the place for its bytes; `taken` counts those of the input.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(
        stop: Arc<AtomicBool>,
        taken: Arc<AtomicU64>,
        read: impl FnOnce(&mut Blocks) -> Result<(), Halt> + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, pieces) = sync_channel(AHEAD);
        thread::Builder::new().name("input".into()).spawn(move || {
            let mut blocks = Blocks { pieces: sender, room: BytesMut::new(), taken };
            // Where sending fails, the source was dropped and nobody listens.
            if let Err(Halt::Fault(fault)) = read(&mut blocks) {
                let _ = blocks.fault(fault);
            }
            let _ = blocks.send(Piece::End);
        })?;
        Ok(Self {
            pieces,
            stop,
            early: None,
            state: State::Open,
            fault: None,
            unpacked: false,
            in_parts: None,
        })
    }

    /// The next bytes of this part; `None` at its end, after a fault and after a stop.
    pub(crate) fn next_block(&mut self) -> Option<Bytes> {
        while self.state == State::Open {
            self.state = match self.receive() {
                Ok(Piece::Data(bytes)) => {
                    self.in_parts.get_or_insert(false);
                    return Some(bytes);
                }
                Ok(Piece::Unpacked) => {
                    self.unpacked = true;
                    State::Open
                }
                Ok(Piece::Part(name)) => State::Before(name),
                Ok(Piece::Failed(fault)) => {
                    self.fault = Some(fault);
                    State::Over
                }
                Ok(Piece::End) => State::Ended,
                Err(state) => state,
            };
        }
        None
    }

    /// Goes on to the next part, past all that is left of this one: its name.
    pub(crate) fn next_part(&mut self) -> Option<String> {
        // What is left may be endless.
        if self.in_parts == Some(false) {
            return None;
        }
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Before(name) => {
                    self.in_parts = Some(true);
                    self.fault = None;
                    self.state = State::Open;
                    return Some(name);
                }
                state @ (State::Ended | State::Stopped) => {
                    self.state = state;
                    return None;
                }
                State::Open | State::Over => {}
            }
            self.state = match self.receive() {
                Ok(Piece::Data(_) | Piece::Failed(_) | Piece::Unpacked) => State::Over,
                Ok(Piece::Part(name)) => State::Before(name),
                Ok(Piece::End) => State::Ended,
                Err(state) => state,
            };
        }
    }

    /// Whether this part has ended and another one follows.
    pub(crate) fn part_follows(&self) -> bool {
        matches!(self.state, State::Before(_))
    }

    /// The reason why the part ended early, once.
    pub(crate) fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Whether the end came because it was asked for.
    pub(crate) fn stopped(&self) -> bool {
        self.state == State::Stopped
    }

    /// Whether the bytes lay compressed in the input.
    pub(crate) fn unpacked(&self) -> bool {
        self.unpacked
    }

    /// Whether more is expected and does not come within `patience`.
    pub(crate) fn waits(&mut self, patience: Duration) -> bool {
        if self.state == State::Open && self.early.is_none() {
            self.early = self.pieces.recv_timeout(patience).ok();
        }
        self.state == State::Open && self.early.is_none()
    }

    /// Waits for what the thread says next; the state to take where it says no more.
    fn receive(&mut self) -> Result<Piece, State> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(State::Stopped);
            }
            if let Some(piece) = self.early.take() {
                return Ok(piece);
            }
            match self.pieces.recv_timeout(STOP_DELAY) {
                Ok(piece) => return Ok(piece),
                Err(RecvTimeoutError::Timeout) => {}
                // The thread ends with a word unless it panicked, which is a defect of a decoder.
                Err(RecvTimeoutError::Disconnected) => {
                    let error = io::Error::other("the reading thread ended without a word");
                    self.fault = Some(Fault::of_file(None, InputErrorKind::Io(error)));
                    return Err(State::Ended);
                }
            }
        }
    }
}

/// Why reading ends before the input does.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Nobody wants more.
    Unwanted,
    /// It cannot be read.
    Fault(Fault),
}

/// Where the reading thread puts what it reads.
#[derive(Debug)]
pub(crate) struct Blocks {
    pieces: SyncSender<Piece>,
    room: BytesMut,
    /// Bytes of the input that were read, for the places of faults.
    taken: Arc<AtomicU64>,
}

impl Blocks {
    /// Hands on everything that `input` has.
    ///
    /// # Errors
    /// [`Halt::Unwanted`], and the error of `input` as a fault.
    pub(crate) fn copy(&mut self, input: &mut dyn Read) -> Result<(), Halt> {
        loop {
            if self.room.len() < ROOM {
                self.room = BytesMut::zeroed(BLOCK);
            }
            match input.read(&mut self.room) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    let bytes = self.room.split_to(count.min(self.room.len())).freeze();
                    self.send(Piece::Data(bytes))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(error)),
            }
        }
    }

    /// Hands on everything that an ordinary file has, in blocks of `size` bytes.
    ///
    /// # Errors
    /// [`Halt::Unwanted`], and the error of the file as a fault.
    pub(super) fn copy_file(&mut self, mut file: WholeFile, size: usize) -> Result<(), Halt> {
        let pool = Pool::new(size);
        loop {
            let mut block = pool.take();
            match file.read(block.room()) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    block.fill(count);
                    self.taken.fetch_add(count as u64, Ordering::Relaxed);
                    self.send(Piece::Data(block.freeze()))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(error)),
            }
        }
    }

    /// Begins a new part.
    ///
    /// # Errors
    /// [`Halt::Unwanted`].
    pub(crate) fn part(&mut self, name: String) -> Result<(), Halt> {
        self.send(Piece::Part(name))
    }

    /// Says that what follows lay compressed in the input.
    ///
    /// # Errors
    /// [`Halt::Unwanted`].
    pub(crate) fn unpacked(&mut self) -> Result<(), Halt> {
        self.send(Piece::Unpacked)
    }

    /// Ends the present part with a fault.
    ///
    /// # Errors
    /// [`Halt::Unwanted`].
    pub(crate) fn fault(&mut self, mut fault: Fault) -> Result<(), Halt> {
        fault.offset.get_or_insert(self.taken.load(Ordering::Relaxed));
        self.send(Piece::Failed(fault))
    }

    fn send(&mut self, piece: Piece) -> Result<(), Halt> {
        self.pieces.send(piece).map_err(|_| Halt::Unwanted)
    }
}
