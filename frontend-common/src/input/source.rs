//! A capture file as a [`Source`]: opened, recognised, read to its end or its first fault.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tapflow_core::LinkType;

use super::error::{Fault, Faults, InputError, InputErrorKind};
use super::packets::{Record, Step};
use super::pool::BLOCK;
use super::record_prefetch::{Lengths, PrefetchFormat, RecordPrefetch};
use super::sniff::looks_like;
use super::stream::Feed;
use super::unpack::{self, Counted};
use super::whole::WholeFile;
use super::window::Window;
use super::{Packet, Packets, Progress, Secrets, Source, TOGETHER, erf, pcap, pcapng, snoop};
use crate::codec;

/// Opens a capture, or standard input for `-`. Formats are recognised by content.
///
/// Once `stop` is true, a source that waits for input ends as if the input had ended.
///
/// # Errors
/// The file cannot be opened. What its content lacks is told by the first [`Source::next`].
pub fn open(path: &Path, stop: Arc<AtomicBool>) -> Result<Box<dyn Source + Send>, InputError> {
    Ok(Box::new(Capture::of_path(path, BLOCK, stop)?))
}

/// Reads a capture that lies in memory; messages call it `name`. Otherwise like [`open`].
///
/// # Errors
/// The thread that decompresses cannot be started.
pub fn from_memory(
    name: &str,
    bytes: Bytes,
    stop: Arc<AtomicBool>,
) -> Result<Box<dyn Source + Send>, InputError> {
    match Capture::of_memory(name.to_owned(), bytes, stop) {
        Ok(capture) => Ok(Box::new(capture)),
        Err(kind) => Err(Fault::of_file(None, kind).named(name, false)),
    }
}

/// Whether a capture can be opened, as far as that can be told without reading it. Pipes and devices
/// are not touched.
///
/// # Errors
/// Those of [`open`].
pub fn check(path: &Path) -> Result<(), InputError> {
    let openable = || -> io::Result<()> {
        if path.as_os_str() == STDIN {
            return Ok(());
        }
        let facts = fs::metadata(path)?;
        if facts.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if facts.is_file() { File::open(path).map(drop) } else { Ok(()) }
    };
    openable().map_err(|error| Fault::of_file(None, error.into()).named(&path.display().to_string(), false))
}

/// The name that stands for standard input.
pub(super) const STDIN: &str = "-";
/// Bytes of a file by which it is known what it is.
const START: usize = 4096;
/// Bytes read at a time of what is decompressed, and of pipes.
const READ: usize = 1 << 18;

/// What the bytes of the present part are read as.
enum Format {
    /// Not yet known.
    Unknown,
    Pcap(pcap::Reader),
    Pcapng(pcapng::Reader),
    Snoop(snoop::Reader),
    Erf,
    /// Nothing more can be read of this part.
    Over,
}

pub(super) struct Capture {
    name: String,
    window: Window,
    format: Format,
    /// The member of an archive that is being read.
    part: Option<String>,
    faults: Faults,
    /// Where further capture files begin in this one: the first place, and how many there are.
    joined: Option<(u64, u64)>,
    links: Vec<LinkType>,
    lengths: Lengths,
    /// The records that were read last: they lie in the window's block.
    records: Vec<Record>,
    /// The present part has ended, but for the records that were read last.
    ended: bool,
    done: bool,
    /// Takes secrets of TLS.
    secrets: Option<Secrets>,
    /// Bytes of the file that were read, where a thread reads it.
    taken: Option<Arc<AtomicU64>>,
    total: Option<u64>,
}

impl Capture {
    /// As [`open`]; an ordinary file that is not compressed is read in blocks of `block` bytes.
    pub(super) fn of_path(path: &Path, block: usize, stop: Arc<AtomicBool>) -> Result<Self, InputError> {
        let is_stdin = path.as_os_str() == STDIN;
        let name = if is_stdin { "standard input".into() } else { path.display().to_string() };
        Self::open(path, name.clone(), block, stop)
            .map_err(|kind| Fault::of_file(None, kind).named(&name, false))
    }

    /// A capture that was opened before; messages call it `name`. Otherwise as [`of_path`](Self::of_path).
    pub(super) fn of_opened(
        name: &str,
        file: File,
        block: usize,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, InputError> {
        let opened = file.metadata().map_err(InputErrorKind::from).and_then(|facts| {
            if facts.is_file() {
                Self::of_file(name.to_owned(), file, facts.len(), block, stop)
            } else {
                Self::of_stream(name.to_owned(), BufReader::with_capacity(READ, file), None, stop)
            }
        });
        opened.map_err(|kind| Fault::of_file(None, kind).named(name, false))
    }

    fn open(path: &Path, name: String, block: usize, stop: Arc<AtomicBool>) -> Result<Self, InputErrorKind> {
        if path.as_os_str() == STDIN {
            return Self::of_stream(name, BufReader::with_capacity(READ, io::stdin()), None, stop);
        }
        // Asked before opening: not every system opens a directory.
        let facts = fs::metadata(path)?;
        if facts.is_dir() {
            return Err(InputErrorKind::Directory);
        }
        if !facts.is_file() {
            let file = Opened { path: path.to_owned(), file: None };
            return Self::of_stream(name, BufReader::with_capacity(READ, file), None, stop);
        }
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Self::of_file(name, file, length, block, stop)
    }

    /// An ordinary file that had this length when it was opened. It is read, not mapped: another program may cut it
    /// short at any time.
    pub(super) fn of_file(
        name: String,
        file: File,
        length: u64,
        block: usize,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, InputErrorKind> {
        let mut file = WholeFile::new(file, length);
        if length <= BLOCK as u64 {
            // A thread would cost more than it gains, unless the file is still growing.
            let mut bytes = Vec::with_capacity(BLOCK.min(length as usize + 1));
            let result = file.by_ref().take(length + 1).read_to_end(&mut bytes);
            if length > 0 && bytes.len() as u64 <= length {
                return Self::of_short_file(name, bytes, result.err(), stop);
            }
        } else {
            let mut start = Vec::with_capacity(START);
            file.by_ref().take(START as u64).read_to_end(&mut start)?;
            if !compressed(&start) {
                return Self::of_blocks(name, file.again()?, block, stop);
            }
        }
        let total = (length > 0).then_some(length);
        Self::of_stream(name, BufReader::with_capacity(READ, file.again()?), total, stop)
    }

    /// The bytes of a file that was read at once, and what ended that early.
    fn of_short_file(
        name: String,
        bytes: Vec<u8>,
        error: Option<io::Error>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, InputErrorKind> {
        let length = bytes.len() as u64;
        match error {
            Some(error) if bytes.is_empty() => Err(error.into()),
            error => {
                let mut capture = Self::of_memory(name, bytes.into(), stop)?;
                let fault = error.map(|error| Fault::of_file(Some(length), error.into()));
                fault.into_iter().for_each(|fault| capture.faults.add(fault));
                Ok(capture)
            }
        }
    }

    /// An ordinary file that is not compressed, read by a thread in blocks of `size` bytes.
    pub(super) fn of_blocks(
        name: String,
        file: WholeFile,
        size: usize,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, InputErrorKind> {
        let total = Some(file.length());
        let feed = Feed::start(stop, Arc::default(), move |blocks| blocks.copy_file(file, size))?;
        Ok(Self::new(name, Window::of_feed(feed), None, total))
    }

    /// An input that lies in memory: read where it lies if it is not compressed.
    pub(super) fn of_memory(
        name: String,
        bytes: Bytes,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, InputErrorKind> {
        let total = Some(bytes.len() as u64);
        if compressed(&bytes) {
            return Self::of_stream(name, Cursor::new(bytes), total, stop);
        }
        Ok(Self::new(name, Window::of_bytes(bytes), None, total))
    }

    /// An input that is read, and decompressed, by a thread.
    pub(super) fn of_stream(
        name: String,
        input: impl BufRead + Send + 'static,
        total: Option<u64>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, InputErrorKind> {
        let taken = Arc::new(AtomicU64::new(0));
        let mut input = Counted::new(input, taken.clone());
        let feed = Feed::start(stop, taken.clone(), move |blocks| unpack::unpack(&mut input, 0, blocks))?;
        Ok(Self::new(name, Window::of_feed(feed), Some(taken), total))
    }

    fn new(name: String, window: Window, taken: Option<Arc<AtomicU64>>, total: Option<u64>) -> Self {
        Self {
            name,
            window,
            format: Format::Unknown,
            part: None,
            faults: Faults::default(),
            joined: None,
            links: Vec::new(),
            lengths: Lengths::default(),
            records: Vec::with_capacity(TOGETHER),
            ended: false,
            done: false,
            secrets: None,
            taken,
            total,
        }
    }

    /// Reads the next record of the present part; false at its end.
    #[inline]
    fn record(&mut self) -> Result<bool, Fault> {
        let mut record = Record::NONE;
        let step = loop {
            let step = match &mut self.format {
                Format::Pcap(reader) => reader.next(&mut self.window, &mut record)?,
                Format::Pcapng(reader) => reader.next(&mut self.window, &mut record, &mut self.faults)?,
                Format::Snoop(reader) => reader.next(&mut self.window, &mut record)?,
                Format::Erf => erf::next(&mut self.window, &mut record)?,
                Format::Over => return Ok(false),
                Format::Unknown => {
                    self.format = begin(&mut self.window, self.part.is_some())?;
                    if let Format::Pcapng(reader) = &mut self.format {
                        reader.keep_secrets(self.secrets.clone());
                    }
                    continue;
                }
            };
            if step != Step::Joined {
                break step;
            }
            let (_, count) = self.joined.get_or_insert((self.window.offset(), 0));
            *count += 1;
            self.format = Format::Unknown;
        };
        let is_one = step == Step::Record;
        if is_one {
            if self.links.last() != Some(&record.link) {
                self.met(record.link);
            }
            self.records.push(record);
        }
        Ok(is_one)
    }

    /// Reads those that lie in the same block as the one before.
    #[inline]
    fn more(&mut self, most: usize) -> Result<(), Fault> {
        let before = self.records.len();
        let read = match &mut self.format {
            Format::Pcap(reader) => {
                reader.more(&mut self.window, &mut self.records, most);
                Ok(())
            }
            Format::Pcapng(reader) => {
                reader.more(&mut self.window, &mut self.records, most, &mut self.faults)
            }
            // One at a time: these are rare.
            Format::Snoop(_) | Format::Erf | Format::Unknown | Format::Over => Ok(()),
        };
        for place in before..self.records.len() {
            let link = self.records[place].link;
            if self.links.last() != Some(&link) {
                self.met(link);
            }
        }
        read
    }

    /// Reads records: at least one unless there are no more, and at most so many.
    #[inline]
    pub(super) fn read(&mut self, most: usize) -> Result<(), InputError> {
        self.records.clear();
        while !self.done {
            while !self.ended {
                let is_one = self.record().and_then(|is_one| match is_one {
                    true => self.more(most).map(|()| true),
                    false => Ok(false),
                });
                match is_one {
                    Ok(true) => return Ok(()),
                    Ok(false) => self.ended = true,
                    Err(fault) => {
                        self.faults.add(fault);
                        self.ended = true;
                    }
                }
            }
            if !self.records.is_empty() {
                break;
            }
            self.ended = false;
            if !self.next_part() {
                self.done = true;
                return self.faults.take(&self.name, self.window.unpacked()).map_or(Ok(()), Err);
            }
        }
        Ok(())
    }

    /// The records that were read last.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Some of the packets that were read last.
    #[inline]
    pub(super) fn packets(&self, some: Range<usize>) -> Packets<'_> {
        let format = match &self.format {
            // The way behind them begins where the next records do.
            _ if some.end != self.records.len() => PrefetchFormat::None,
            Format::Pcap(reader) => PrefetchFormat::Pcap(reader),
            Format::Pcapng(reader) => PrefetchFormat::Pcapng(reader),
            Format::Snoop(_) | Format::Erf | Format::Unknown | Format::Over => PrefetchFormat::None,
        };
        let prefetch = RecordPrefetch::new(self.window.position(), format, &self.lengths);
        Packets::new(self.window.block(), self.records.get(some).unwrap_or_default(), prefetch)
    }

    /// Leaves the part that has ended; whether another one follows.
    fn next_part(&mut self) -> bool {
        if let Some(part) = &self.part {
            self.faults.locate(part);
        }
        self.format = Format::Over;
        self.part = self.window.next_part();
        if self.part.is_some() {
            self.format = Format::Unknown;
        }
        self.part.is_some()
    }

    #[cold]
    fn met(&mut self, link: LinkType) {
        if !self.links.contains(&link) {
            self.links.push(link);
        }
    }
}

/// Whether these are the bytes of a compressed file, or of an archive.
fn compressed(bytes: &[u8]) -> bool {
    codec::Format::recognise(bytes.get(..codec::PREFIX).unwrap_or(bytes)).is_some()
}

/// A file that is opened by the first read: a named pipe may wait there until it has a writer, which
/// only the reading thread may do.
struct Opened {
    path: PathBuf,
    file: Option<File>,
}

impl Read for Opened {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.read(bytes),
            none => none.insert(File::open(&self.path)?).read(bytes),
        }
    }
}

impl Source for Capture {
    #[inline]
    fn next(&mut self) -> Result<Option<Packet<'_>>, InputError> {
        self.read(1)?;
        Ok(self.records.first().map(|record| record.packet(self.window.block())))
    }

    fn next_few(&mut self) -> Result<Packets<'_>, InputError> {
        self.read(TOGETHER)?;
        Ok(self.packets(0..self.records.len()))
    }

    fn waits(&mut self, patience: Duration) -> bool {
        let at_hand = self.window.at_hand();
        let complete = match &self.format {
            Format::Pcap(reader) => reader.holds_record(at_hand),
            Format::Pcapng(reader) => reader.holds_block(at_hand),
            Format::Snoop(reader) => reader.holds_record(at_hand),
            Format::Erf => erf::holds_record(at_hand),
            Format::Unknown | Format::Over => false,
        };
        !complete && !self.done && self.window.waits(patience)
    }

    fn progress(&self) -> Progress {
        let done = match &self.taken {
            Some(taken) => taken.load(Ordering::Relaxed),
            None => self.window.offset(),
        };
        Progress { done, total: self.total }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn link_types(&self) -> &[LinkType] {
        &self.links
    }

    fn keep_secrets(&mut self, keep: Secrets) {
        self.secrets = Some(keep);
    }

    fn remarks(&mut self) -> Vec<String> {
        let Some((first, count)) = self.joined.take() else { return Vec::new() };
        let more = match count {
            1 => String::new(),
            count => format!(" ({count} files follow the first)"),
        };
        vec![format!("byte {first}: another capture file begins here{more}; it is read as part of this one")]
    }
}

/// Recognises a capture by its first bytes.
fn begin(window: &mut Window, is_member: bool) -> Result<Format, Fault> {
    let magic = window.peek(4).first_chunk().copied();
    match magic {
        Some(magic) if pcap::recognise(magic) => {
            Ok(pcap::Reader::new(window)?.map_or(Format::Over, Format::Pcap))
        }
        Some(magic) if pcapng::recognise(magic) => Ok(Format::Pcapng(pcapng::Reader::new())),
        _ if snoop::recognise(window.peek(8)) => {
            Ok(snoop::Reader::new(window)?.map_or(Format::Over, Format::Snoop))
        }
        _ if erf::recognise(window.peek(START)) => Ok(Format::Erf),
        _ => unknown(window, is_member),
    }
}

/// Why an input is not a capture; no fault where it is nothing at all and need not be.
fn unknown(window: &mut Window, is_member: bool) -> Result<Format, Fault> {
    let bytes = window.peek(512);
    let (is_empty, kind) = (bytes.is_empty(), InputErrorKind::NotACapture { looks_like: looks_like(bytes) });
    // What kept the bytes from coming says more than that they are missing.
    match window.shortage(512) {
        Err(fault) if !matches!(fault.kind, InputErrorKind::TruncatedRecord { .. }) => Err(fault),
        _ if !is_empty => Err(Fault::of_file(None, kind)),
        // What comes before the first member of an archive. Empty members are told by the archive.
        _ if is_member || window.part_follows() || window.stopped() => Ok(Format::Over),
        _ => Err(Fault::of_file(None, InputErrorKind::Empty)),
    }
}
