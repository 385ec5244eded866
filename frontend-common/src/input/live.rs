//! Live capture: an open interface as a [`Source`], with a bounded buffer between the kernel and the core.
//!
//! ```text
//! kernel's ring ─► capture thread ─► blocks ─► core
//! ```
//!
//! A [`LiveDevice`] is what a front-end opens. A thread takes frames out of it, copies each once into a block of
//! memory, behind a header of its own, and hands blocks over as they are filled, or as soon as the wire is quiet.
//! Blocks are used again when the last slice of them is gone, so nothing is allocated per frame. When all
//! `BLOCKS` are in use, by frames that wait for the core or by bytes that wait for the disk, the thread waits
//! too; then the kernel's buffer fills, the kernel drops, and [`Source::counts`] tells how much.
//!
//! After a stop all frames that the kernel had taken by then are delivered.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{io, thread};

use bytes::{BufMut, Bytes, BytesMut};
use tapflow_core::{Frame, LinkType, Timestamp};

use super::{InputError, InputErrorKind, Packet, Progress, Source};

/// Bytes of a block.
const BLOCK: usize = 1 << 20;
/// Blocks at most.
const BLOCKS: usize = 64;
/// Parts of blocks that wait for the core; when there are as many, blocks are filled before they follow.
const PARTS: usize = 16;
/// Bytes before each frame in a block: its time, its length on the wire, its length here.
const HEADER: usize = 16;
/// How long the thread waits for a frame before it looks around.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long it waits for a block to come back before it looks again.
const NAP: Duration = Duration::from_millis(1);
/// How long after a stop frames may stay away before nothing more is expected.
const QUIET: Duration = Duration::from_millis(50);
/// Between two looks at the system's counts.
const INTERVAL: Duration = Duration::from_secs(1);
/// Frames may come this much after their timestamp.
const DELAY: Duration = Duration::from_secs(1);

/// How an interface is to be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveSettings {
    /// Its name; none for the system's choice.
    pub interface: Option<String>,
    /// Whether it takes frames that are not for this host (`-p` says no).
    pub promiscuous: bool,
    /// Bytes taken of each frame at most (`--snaplen`).
    pub snap_length: u32,
    /// Bytes of the kernel's buffer (`--buffer-size`).
    pub kernel_buffer: u32,
    /// How long the kernel may hold a frame back to hand over several at once (`--read-timeout`); 0 for each frame
    /// at once.
    pub read_timeout: Duration,
    /// Whose clock stamps packets (`--timestamp-type`); none for the kernel's.
    pub timestamp_type: Option<String>,
    /// A filter expression, for the kernel to apply.
    pub filter: Option<String>,
}

/// What the system counts of a capture, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveCounts {
    /// Frames that the kernel took, also those it then dropped (libpcap's `ps_recv`).
    pub received: u64,
    /// Frames that it dropped because its buffer was full (`ps_drop`).
    pub dropped: u64,
    /// Frames that the interface or its driver dropped (`ps_ifdrop`), where the system tells.
    pub dropped_by_interface: u64,
    /// Packets that the host sends to itself are received twice, as sent and as received, and captured once: on `lo`
    /// and `any` of Linux.
    pub own_twice: bool,
}

impl LiveCounts {
    /// Adds what came between two looks at the device's counts, which begin again at 0 after 2^32.
    pub(super) fn add(&mut self, last: [u32; 3], now: [u32; 3]) {
        let [received, dropped, by_interface] =
            [0, 1, 2].map(|at: usize| u64::from(now[at].wrapping_sub(last[at])));
        self.received += received;
        self.dropped += dropped;
        self.dropped_by_interface += by_interface;
    }

    /// What was added after `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            received: self.received.saturating_sub(before.received),
            dropped: self.dropped.saturating_sub(before.dropped),
            dropped_by_interface: self.dropped_by_interface.saturating_sub(before.dropped_by_interface),
            own_twice: self.own_twice,
        }
    }
}

/// A frame as a [`LiveDevice`] gives it.
#[derive(Clone, Copy, Debug)]
pub struct LiveFrame<'a> {
    /// When it was captured.
    pub time: Timestamp,
    /// Its length on the wire, in bytes.
    pub wire_len: u32,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

/// An interface that is open.
pub trait LiveDevice: Send {
    /// The interface's name.
    fn name(&self) -> &str;

    /// How its frames begin.
    fn link(&self) -> LinkType;

    /// Waits for a frame, but not much longer than `patience`; then gives `take` those that are at hand, or a part
    /// of them, and answers how many.
    ///
    /// # Errors
    /// Nothing more comes: why, and what to do.
    fn receive(&mut self, patience: Duration, take: &mut dyn FnMut(LiveFrame<'_>)) -> Result<usize, String>;

    /// What the system counts, each modulo 2^32.
    ///
    /// # Errors
    /// The system does not tell.
    fn counts(&mut self) -> Result<[u32; 3], String>;

    /// The descriptor of the socket that frames come from, on systems that number them.
    fn descriptor(&self) -> Option<i32> {
        None
    }
}

/// A kind of timestamps that an interface has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimestampType {
    /// Its name, for `--timestamp-type`.
    pub name: String,
    /// What it is.
    pub description: String,
}

/// An interface that can be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name, for `-i`.
    pub name: String,
    /// What the system calls it.
    pub description: Option<String>,
    /// Its addresses.
    pub addresses: Vec<std::net::IpAddr>,
    /// Whether it is up.
    pub up: bool,
}

/// Frames of an interface.
pub struct Live {
    name: String,
    link: [LinkType; 1],
    parts: Receiver<Part>,
    /// The part that is being read, and where.
    block: Bytes,
    position: usize,
    /// A part that came while nobody had to wait for it.
    early: Option<Part>,
    done: bool,
    bytes: u64,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread says.
enum Part {
    /// Frames, each behind its header.
    Frames(Bytes),
    /// Nothing more comes.
    Failed(String),
}

/// What the thread and the source share.
#[derive(Default)]
struct Shared {
    /// Nobody listens any more.
    gone: AtomicBool,
    /// Parts on their way.
    waiting: AtomicUsize,
    /// The thread waits for blocks.
    starved: AtomicBool,
    counts: Mutex<LiveCounts>,
}

impl Live {
    /// Starts to take frames from `device`, until `stop` is true.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(device: Box<dyn LiveDevice>, stop: Arc<AtomicBool>) -> io::Result<Self> {
        let (name, link) = (device.name().to_owned(), device.link());
        let shared = Arc::new(Shared::default());
        // More than there can be parts: sending never waits.
        let (sender, parts) = sync_channel(PARTS + BLOCKS + 2);
        let taker = Taker {
            device,
            room: Room { blocks: Vec::new(), current: 0 },
            parts: sender,
            shared: Arc::clone(&shared),
            stop,
            taken: 0,
            uncounted: false,
            last: [0; 3],
            looked: Instant::now(),
        };
        let thread = thread::Builder::new().name("capture".into()).spawn(move || taker.run())?;
        Ok(Self {
            name,
            link: [link],
            parts,
            block: Bytes::new(),
            position: 0,
            early: None,
            done: false,
            bytes: 0,
            shared,
            thread: Some(thread),
        })
    }

    /// Waits for the next part. False when it does not come in time.
    fn wait(&mut self, patience: Duration) -> bool {
        if self.early.is_some() || self.done {
            return true;
        }
        let part = match self.parts.try_recv() {
            Ok(part) => Ok(part),
            // The thread cannot go on before somebody lets go of blocks.
            Err(_) if self.shared.starved.load(Ordering::Acquire) => return false,
            Err(_) => self.parts.recv_timeout(patience),
        };
        match part {
            Ok(part) => self.early = Some(part),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => self.done = true,
        }
        true
    }
}

impl Source for Live {
    #[inline]
    fn next(&mut self) -> Result<Option<Packet<'_>>, InputError> {
        while self.block.len() - self.position < HEADER {
            while !self.wait(PATIENCE) {}
            match self.early.take() {
                Some(Part::Frames(block)) => {
                    self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
                    (self.block, self.position) = (block, 0);
                }
                Some(Part::Failed(reason)) => {
                    self.done = true;
                    let kind = InputErrorKind::Live { reason };
                    let file = self.name.clone();
                    return Err(InputError { file, offset: None, unpacked: false, further: 0, kind });
                }
                None => return Ok(None),
            }
        }
        let (time, wire_len, length) = read_header(&self.block, self.position);
        let start = self.position + HEADER;
        self.position = start + length;
        self.bytes += length as u64;
        let bytes = self.block.get(start..self.position).unwrap_or_default();
        let frame = Frame { link: self.link[0], time, wire_len, bytes };
        Ok(Some(Packet { frame, block: &self.block, interface: 0, number: 0, input: None }))
    }

    fn waits(&mut self, patience: Duration) -> bool {
        self.block.len() - self.position < HEADER && !self.wait(patience)
    }

    fn progress(&self) -> Progress {
        Progress { done: self.bytes, total: None }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn link_types(&self) -> &[LinkType] {
        &self.link
    }

    fn now(&self) -> Option<Timestamp> {
        // The clock that stamps frames, as far as it is known.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(DELAY);
        Some(Timestamp::new(now.as_secs(), now.subsec_nanos()))
    }

    fn counts(&self) -> Option<LiveCounts> {
        let counts = *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let own_twice = cfg!(target_os = "linux") && matches!(&*self.name, "lo" | "any");
        Some(LiveCounts { own_twice, ..counts })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.gone.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so, and ended the parts.
            let _ = thread.join();
        }
    }
}

fn put_header(block: &mut BytesMut, frame: &LiveFrame<'_>) {
    block.put_u64_ne(frame.time.0);
    block.put_u32_ne(frame.wire_len);
    block.put_u32_ne(frame.bytes.len() as u32);
}

fn read_header(block: &[u8], at: usize) -> (Timestamp, u32, usize) {
    let number = |at: usize| {
        let bytes = block.get(at..).and_then(|bytes| bytes.first_chunk()).copied();
        u32::from_ne_bytes(bytes.unwrap_or_default())
    };
    let time = block.get(at..).and_then(|bytes| bytes.first_chunk()).copied();
    (Timestamp(u64::from_ne_bytes(time.unwrap_or_default())), number(at + 8), number(at + 12) as usize)
}

/// The capture thread.
struct Taker {
    device: Box<dyn LiveDevice>,
    room: Room,
    parts: SyncSender<Part>,
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    /// Frames taken.
    taken: u64,
    /// Some came since the device's counts were looked at.
    uncounted: bool,
    /// The device's counts when they were looked at last.
    last: [u32; 3],
    looked: Instant,
}

impl Taker {
    fn run(mut self) {
        let end = loop {
            if self.shared.gone.load(Ordering::Relaxed) {
                break Ok(());
            }
            if self.stop.load(Ordering::Relaxed) {
                break self.rest();
            }
            if let Err(reason) = self.receive(PATIENCE) {
                break Err(reason);
            }
            if self.looked.elapsed() >= INTERVAL {
                self.count();
            }
        };
        self.count();
        self.hand_over();
        if let Err(reason) = end {
            // Without a listener there is nobody to tell.
            let _ = self.parts.send(Part::Failed(reason));
        }
    }

    /// Takes what the kernel had when the stop came.
    fn rest(&mut self) -> Result<(), String> {
        self.count();
        let counts = *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
        // Libpcap passes over some of the frames that the kernel counts; then quiet ends it.
        let expected = counts.received.saturating_sub(counts.dropped);
        while self.taken < expected && !self.shared.gone.load(Ordering::Relaxed) {
            if self.receive(QUIET)? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Takes the frames that are at hand, and hands them over unless more than enough wait already.
    fn receive(&mut self, patience: Duration) -> Result<usize, String> {
        let (room, parts, shared) = (&mut self.room, &self.parts, &*self.shared);
        let taken = self.device.receive(patience, &mut |frame| room.put(&frame, parts, shared))?;
        self.taken += taken as u64;
        if taken == 0 && self.uncounted {
            self.count();
        }
        self.uncounted = taken > 0;
        if taken == 0 || self.shared.waiting.load(Ordering::Relaxed) < PARTS {
            self.hand_over();
        }
        Ok(taken)
    }

    fn hand_over(&mut self) {
        self.room.hand_over(&self.parts, &self.shared);
    }

    /// Adds up the device's counts.
    fn count(&mut self) {
        self.looked = Instant::now();
        // A system that does not tell has told before, or never.
        let Ok(counts) = self.device.counts() else { return };
        let last = std::mem::replace(&mut self.last, counts);
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).add(last, counts);
    }
}

/// The blocks, one of which is being filled.
struct Room {
    /// What is left of each; the part that is handed over is split off.
    blocks: Vec<BytesMut>,
    current: usize,
}

impl Room {
    /// Copies a frame into a block.
    #[inline]
    fn put(&mut self, frame: &LiveFrame<'_>, parts: &SyncSender<Part>, shared: &Shared) {
        let needed = HEADER + frame.bytes.len();
        let has_room =
            self.blocks.get(self.current).is_some_and(|block| block.capacity() - block.len() >= needed);
        if !has_room && !self.next_block(needed, parts, shared) {
            return;
        }
        if let Some(block) = self.blocks.get_mut(self.current) {
            put_header(block, frame);
            block.extend_from_slice(frame.bytes);
        }
    }

    fn hand_over(&mut self, parts: &SyncSender<Part>, shared: &Shared) {
        let Some(block) = self.blocks.get_mut(self.current).filter(|block| !block.is_empty()) else { return };
        shared.waiting.fetch_add(1, Ordering::Relaxed);
        // Fails where nobody listens any more.
        let _ = parts.send(Part::Frames(block.split().freeze()));
    }

    /// Goes on to a block that nobody uses. False when nobody listens any more.
    #[cold]
    fn next_block(&mut self, needed: usize, parts: &SyncSender<Part>, shared: &Shared) -> bool {
        self.hand_over(parts, shared);
        let size = BLOCK.max(needed);
        loop {
            // The first that is free: the fewer are used, the more of them stay in the processor's caches.
            if let Some(free) = self.blocks.iter_mut().position(|block| block.try_reclaim(size)) {
                self.current = free;
                break;
            }
            if self.blocks.len() < BLOCKS {
                self.blocks.push(BytesMut::with_capacity(size));
                self.current = self.blocks.len() - 1;
                break;
            }
            if shared.gone.load(Ordering::Relaxed) {
                return false;
            }
            shared.starved.store(true, Ordering::Release);
            thread::sleep(NAP);
        }
        shared.starved.store(false, Ordering::Release);
        true
    }
}
