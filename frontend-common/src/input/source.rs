//! A capture file as a [`Source`]: opened, recognised, read to its end or its first fault.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use tapflow_core::{Frame, LinkType};

use super::error::{Fault, Faults, InputError, InputErrorKind};
use super::stream::Feed;
use super::window::Window;
use super::{Packet, Progress, Record, Source, mapped, pcap, pcapng};

/// Opens a capture, or standard input for `-`. Formats are recognised by content.
///
/// Once `stop` is true, a source that waits for input ends as if the input had ended.
///
/// # Errors
/// The file cannot be opened. What its content lacks is told by the first [`Source::next`].
pub fn open(path: &Path, stop: Arc<AtomicBool>) -> Result<Box<dyn Source + Send>, InputError> {
    let name = path.display().to_string();
    match Capture::open(path, name.clone(), stop) {
        Ok(capture) => Ok(Box::new(capture)),
        Err(kind) => Err(Fault::of_file(None, kind).named(&name, false)),
    }
}

/// What the bytes of the present part are read as.
enum Format {
    /// Not yet known.
    Unknown,
    Pcap(pcap::Reader),
    Pcapng(pcapng::Reader),
    /// Nothing more can be read of this part.
    Over,
}

struct Capture {
    name: String,
    window: Window,
    format: Format,
    /// The member of an archive that is being read.
    part: Option<String>,
    faults: Faults,
    links: Vec<LinkType>,
    unpacked: bool,
    done: bool,
    total: Option<u64>,
}

impl Capture {
    fn open(path: &Path, name: String, stop: Arc<AtomicBool>) -> Result<Self, InputErrorKind> {
        if path.as_os_str() == "-" {
            let window = Window::of_feed(Feed::start(stop, |blocks| blocks.copy(&mut io::stdin()))?);
            return Ok(Self::new(name, window, None));
        }
        // Asked before opening: not every system opens a directory.
        let facts = fs::metadata(path)?;
        if facts.is_dir() {
            return Err(InputErrorKind::Directory);
        }
        let mut file = File::open(path)?;
        if facts.is_file()
            && facts.len() > 0
            && let Ok(bytes) = mapped::map(&file)
        {
            return Ok(Self::of_bytes(name, bytes));
        }
        let window = Window::of_feed(Feed::start(stop, move |blocks| blocks.copy(&mut file))?);
        Ok(Self::new(name, window, None))
    }

    fn of_bytes(name: String, bytes: Bytes) -> Self {
        let total = bytes.len() as u64;
        Self::new(name, Window::of_bytes(bytes), Some(total))
    }

    fn new(name: String, window: Window, total: Option<u64>) -> Self {
        Self {
            name,
            window,
            format: Format::Unknown,
            part: None,
            faults: Faults::default(),
            links: Vec::new(),
            unpacked: false,
            done: false,
            total,
        }
    }

    /// The next record of the present part, or `None` at its end.
    #[inline]
    fn record(&mut self) -> Result<Option<Record>, Fault> {
        loop {
            match &mut self.format {
                Format::Pcap(reader) => return reader.next(&mut self.window),
                Format::Pcapng(reader) => return reader.next(&mut self.window, &mut self.faults),
                Format::Over => return Ok(None),
                Format::Unknown => self.format = begin(&mut self.window)?,
            }
        }
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

impl Source for Capture {
    #[inline]
    fn next(&mut self) -> Result<Option<Packet<'_>>, InputError> {
        let record = loop {
            if self.done {
                return Ok(None);
            }
            match self.record() {
                Ok(Some(record)) => break record,
                Ok(None) => {}
                Err(fault) => self.faults.add(fault),
            }
            if !self.next_part() {
                self.done = true;
                return self.faults.take(&self.name, self.unpacked).map_or(Ok(None), Err);
            }
        };
        if self.links.last() != Some(&record.link) {
            self.met(record.link);
        }
        let block = self.window.block();
        let bytes = block.get(record.start..record.start + record.length).unwrap_or_default();
        let frame = Frame { link: record.link, time: record.time, wire_len: record.wire_len, bytes };
        Ok(Some(Packet { frame, block, interface: record.interface }))
    }

    fn progress(&self) -> Progress {
        Progress { done: self.window.offset(), total: self.total }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn link_types(&self) -> &[LinkType] {
        &self.links
    }
}

/// Recognises a capture by its first bytes.
fn begin(window: &mut Window) -> Result<Format, Fault> {
    let bytes = window.peek(4);
    match bytes.first_chunk::<4>() {
        Some(magic) if pcap::recognise(*magic) => Ok(Format::Pcap(pcap::Reader::new(window)?)),
        Some(magic) if pcapng::recognise(*magic) => Ok(Format::Pcapng(pcapng::Reader::new())),
        Some(_) => Err(Fault::at(0, InputErrorKind::NotACapture { looks_like: "nothing known" })),
        None => Err(Fault::at(0, InputErrorKind::Empty)),
    }
}
