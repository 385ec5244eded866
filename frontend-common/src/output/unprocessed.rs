//! The frames that are in no connection (`-w`), in one file: pcap, or pcapng where link types differ.
//!
//! A file begins as pcap with the link type of its first frame. When another link type comes it is made pcapng where
//! it is. What cannot be changed (a pipe, standard output) is pcapng from the start, and so is a file whose name ends
//! in `.pcapng`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tapflow_core::LinkType;
use tapflow_core::capture::{FileHeader, FrameHeader};

use super::error::{Action, OutputError};
use super::gather::{read_at, write_at};
use super::pcap::{FrameFacts, SNAP_LENGTH, frame_header};
use crate::retention::DiskQuota;

/// Bytes that are written at once.
const BUFFER: usize = 256 << 10;
/// Bytes of a pcap file that are in memory at once when it is made pcapng.
const PART: u64 = 1 << 20;

/// The file of `-w`.
#[derive(Debug)]
pub struct UnprocessedFile {
    path: PathBuf,
    output: Output,
    format: Format,
    /// Not written yet.
    buffer: Vec<u8>,
    /// Bytes in the file.
    end: u64,
    frames: u64,
    /// Frames whose time the format cannot hold.
    late: u64,
    /// The link type of the capture, for a file without frames.
    link: Option<LinkType>,
    disk: Option<DiskQuota>,
    /// It is flushed to the disk when it is complete.
    flushes: bool,
}

#[derive(Debug)]
enum Output {
    File { file: File, seekable: bool },
    Standard,
}

#[derive(Debug)]
enum Format {
    /// Nothing is written yet.
    Undecided,
    Pcap(LinkType),
    /// The interfaces, by their numbers.
    Pcapng(Vec<LinkType>),
}

impl UnprocessedFile {
    /// Makes the file; `-` is standard output. One that is there is overwritten.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn create(path: &Path) -> Result<Self, OutputError> {
        let output = if path.as_os_str() == "-" {
            Output::Standard
        } else {
            let error = |source| OutputError::new(Action::Create, path, source);
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(true);
            let file = match options.open(path) {
                Ok(file) => file,
                // Devices and pipes may be for writing only.
                Err(_) => File::create(path).map_err(error)?,
            };
            let seekable = file.metadata().map_err(error)?.is_file();
            Output::File { file, seekable }
        };
        let named_so = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("pcapng"));
        let plain = matches!(output, Output::File { seekable: true, .. }) && !named_so;
        let format = if plain { Format::Undecided } else { Format::Pcapng(Vec::new()) };
        let mut file = Self {
            path: path.to_owned(),
            output,
            format,
            buffer: Vec::new(),
            end: 0,
            frames: 0,
            late: 0,
            link: None,
            disk: None,
            flushes: false,
        };
        if !plain {
            section(&mut file.buffer);
        }
        Ok(file)
    }

    /// Counts what it takes in `disk`.
    #[must_use]
    pub fn with_disk(mut self, disk: Option<DiskQuota>) -> Self {
        if let (Some(disk), Output::File { seekable: true, .. }) = (&disk, &self.output) {
            disk.made(&self.path);
        }
        self.disk = disk;
        self
    }

    /// Whether the file is flushed to the disk when it is complete (`--fsync`).
    #[must_use]
    pub fn flushed(self, flushes: bool) -> Self {
        Self { flushes, ..self }
    }

    /// Completes the file and goes on in one of the same name in another directory: the counts of the first. Standard
    /// output goes on as it is.
    ///
    /// # Errors
    /// [`OutputError`] of either.
    pub fn go_on(&mut self, directory: &Path) -> Result<Option<(u64, u64)>, OutputError> {
        let (Output::File { .. }, Some(name)) = (&self.output, self.path.file_name()) else {
            return Ok(None);
        };
        let path = directory.join(name);
        self.finish()?;
        let next = Self::create(&path)?.with_disk(self.disk.take()).flushed(self.flushes);
        let link = self.link;
        let ended = std::mem::replace(self, next);
        self.link = link;
        Ok(Some(ended.counts()))
    }

    /// How the user named it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Frames so far, and those whose time the format cannot hold.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.frames, self.late)
    }

    /// The link type of the capture: a file without frames has it too.
    pub fn begin(&mut self, link: LinkType) {
        self.link.get_or_insert(link);
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// [`OutputError`]. What was written before is kept.
    pub fn frame(&mut self, frame: FrameFacts, bytes: &[u8]) -> Result<(), OutputError> {
        match &self.format {
            Format::Undecided => match FileHeader::encode(frame.link, SNAP_LENGTH) {
                Some(header) => {
                    self.buffer.extend_from_slice(&header);
                    self.format = Format::Pcap(frame.link);
                }
                None => {
                    section(&mut self.buffer);
                    self.format = Format::Pcapng(Vec::new());
                }
            },
            Format::Pcap(link) if *link != frame.link => self.convert(*link)?,
            _ => {}
        }
        match &mut self.format {
            Format::Pcapng(links) => {
                let interface = interface(&mut self.buffer, links, frame.link);
                packet(&mut self.buffer, interface, &frame, bytes);
            }
            _ => {
                let (header, in_time) = frame_header(&frame, bytes.len());
                self.late += u64::from(!in_time);
                self.buffer.extend_from_slice(&header);
                self.buffer.extend_from_slice(bytes);
            }
        }
        self.frames += 1;
        if self.buffer.len() >= BUFFER { self.write() } else { Ok(()) }
    }

    /// Writes what is pending, so that others can see it.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn flush(&mut self) -> Result<(), OutputError> {
        self.write()?;
        match &self.output {
            Output::Standard => io::stdout().flush().map_err(|error| self.error(Action::Write, error)),
            Output::File { .. } => Ok(()),
        }
    }

    /// Completes the file.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn finish(&mut self) -> Result<(), OutputError> {
        if let Format::Undecided = self.format {
            let link = self.link.unwrap_or(LinkType::ETHERNET);
            self.buffer.extend(FileHeader::encode(link, SNAP_LENGTH).into_iter().flatten());
            self.format = Format::Pcap(link);
        }
        self.flush()?;
        match &self.output {
            Output::File { file, seekable: true } if self.flushes => {
                file.sync_all().map_err(|error| self.error(Action::Close, error))
            }
            _ => Ok(()),
        }
    }

    fn error(&self, action: Action, source: io::Error) -> OutputError {
        let path = if self.path.as_os_str() == "-" { Path::new("standard output") } else { &self.path };
        OutputError::new(action, path, source)
    }

    fn write(&mut self) -> Result<(), OutputError> {
        let buffer = std::mem::take(&mut self.buffer);
        if let (Some(disk), Output::File { seekable: true, .. }) = (&self.disk, &self.output) {
            disk.ask_for_flow(buffer.len() as u64).map_err(|error| self.error(Action::Write, error))?;
        }
        let result = match &mut self.output {
            Output::Standard => io::stdout().write_all(&buffer),
            Output::File { file, seekable: true } => write_at(file, &buffer, self.end),
            Output::File { file, seekable: false } => file.write_all(&buffer),
        };
        self.end += buffer.len() as u64;
        if let (Some(disk), Output::File { seekable: true, .. }) = (&self.disk, &self.output) {
            disk.add(&self.path, buffer.len() as u64);
        }
        self.buffer = buffer;
        self.buffer.clear();
        result.map_err(|error| self.error(Action::Write, error))
    }

    /// Makes the file, whose frames have this link type, pcapng.
    fn convert(&mut self, link: LinkType) -> Result<(), OutputError> {
        self.write()?;
        let Output::File { file, .. } = &self.output else { return Ok(()) };
        self.end = convert(file, self.end, link).map_err(|error| self.error(Action::Write, error))?;
        self.format = Format::Pcapng(vec![link]);
        Ok(())
    }
}

/// Converts our own pcap file of `length` bytes to pcapng in place. Returns the new length. Everything grows, so what comes
/// last moves first, to its place behind all that has still to be read.
fn convert(file: &File, length: u64, link: LinkType) -> io::Result<u64> {
    let mut first = Vec::new();
    section(&mut first);
    interface(&mut first, &mut Vec::new(), link);

    // Where each part of some frames begins, and will begin.
    let mut parts = vec![(FileHeader::LEN as u64, first.len() as u64)];
    let (mut at, mut to) = parts[0];
    while at < length {
        let captured = u64::from(frame_at(file, at)?.captured);
        at += 16 + captured;
        to += 32 + captured.next_multiple_of(4);
        if parts.last().is_none_or(|(start, _)| at - start >= PART) {
            parts.push((at, to));
        }
    }
    // Nothing is changed unless there is room for all.
    make_room(file, length, to)?;
    let mut end = length;
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (start, place) in parts.into_iter().rev() {
        old.resize(usize::try_from(end - start).map_err(|_| io::ErrorKind::OutOfMemory)?, 0);
        read_at(file, &mut old, start)?;
        new.clear();
        let mut rest = old.as_slice();
        while let Some((head, after)) = rest.split_first_chunk::<16>() {
            let fields = own_frame(head)?;
            let (bytes, next) = after.split_at_checked(fields.captured as usize).unwrap_or((after, &[]));
            packet(&mut new, 0, &FrameFacts { link, time: fields.time, wire_len: fields.wire_len }, bytes);
            rest = next;
        }
        write_at(file, &new, place)?;
        end = start;
    }
    write_at(file, &first, 0)?;
    Ok(to)
}

/// Fails if the disk has no room for a file of `length` bytes to grow so far.
fn make_room(file: &File, length: u64, to: u64) -> io::Result<()> {
    #[cfg(unix)]
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), length, to - length) {
        // Not every file system can.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
        other => return Ok(other?),
    }
    file.set_len(to.max(length))
}

/// The header of a frame in a file of our own.
fn frame_at(file: &File, at: u64) -> io::Result<FrameHeader> {
    let mut fields = [0; 16];
    read_at(file, &mut fields, at)?;
    own_frame(&fields)
}

fn own_frame(fields: &[u8; 16]) -> io::Result<FrameHeader> {
    let own =
        FileHeader::encode(LinkType::ETHERNET, SNAP_LENGTH).and_then(|own| FileHeader::parse(&own).ok());
    own.and_then(|own| own.frame(fields)).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// A section header block (draft-ietf-opsawg-pcapng, 4.1).
fn section(out: &mut Vec<u8>) {
    block(out, 0x0a0d_0d0a, |body| {
        body.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        body.extend_from_slice(&[1, 0, 0, 0]);
        // The section's length is not known.
        body.extend_from_slice(&u64::MAX.to_le_bytes());
    });
}

/// The number of the interface with this link type, described (4.2) where it is new.
fn interface(out: &mut Vec<u8>, links: &mut Vec<LinkType>, link: LinkType) -> u32 {
    if let Some(number) = links.iter().position(|known| *known == link) {
        return number as u32;
    }
    links.push(link);
    block(out, 1, |body| {
        body.extend_from_slice(&(link.0 as u16).to_le_bytes());
        body.extend_from_slice(&[0; 2]);
        body.extend_from_slice(&SNAP_LENGTH.to_le_bytes());
        // if_tsresol: nanoseconds; end of options.
        body.extend_from_slice(&[9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    });
    (links.len() - 1) as u32
}

/// An enhanced packet block (4.3).
fn packet(out: &mut Vec<u8>, interface: u32, frame: &FrameFacts, bytes: &[u8]) {
    block(out, 6, |body| {
        let (high, low) = ((frame.time.0 >> 32) as u32, frame.time.0 as u32);
        for field in [interface, high, low, bytes.len() as u32, frame.wire_len] {
            body.extend_from_slice(&field.to_le_bytes());
        }
        body.extend_from_slice(bytes);
    });
}

/// A block: its type, its length, what is in it, its length again.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    body(out);
    while !(out.len() - start).is_multiple_of(4) {
        out.push(0);
    }
    let length = ((out.len() - start + 4) as u32).to_le_bytes();
    out.extend_from_slice(&length);
    if let Some(place) = out.get_mut(start + 4..start + 8) {
        place.copy_from_slice(&length);
    }
}

#[cfg(test)]
mod tests {
    use tapflow_core::Timestamp;

    use super::*;

    fn facts(link: LinkType, nanoseconds: u64) -> FrameFacts {
        FrameFacts { link, time: Timestamp(nanoseconds), wire_len: 60 }
    }

    #[test]
    fn a_file_without_frames_has_the_link_type_of_the_capture() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("rest");
        let mut unprocessed = UnprocessedFile::create(&path).expect("made");
        unprocessed.begin(LinkType::LINUX_SLL);
        unprocessed.finish().expect("written");
        assert_eq!(
            std::fs::read(path).expect("there"),
            FileHeader::encode(LinkType::LINUX_SLL, SNAP_LENGTH).expect("fits")
        );
    }

    #[test]
    fn a_long_file_is_made_pcapng_in_parts() {
        let directory = tempfile::tempdir().expect("a directory");
        let [turned, straight] = ["turned", "straight.pcapng"].map(|name| {
            let path = directory.path().join(name);
            let mut unprocessed = UnprocessedFile::create(&path).expect("made");
            for number in 0..100_000_u32 {
                let bytes = vec![number as u8; number as usize % 90];
                unprocessed.frame(facts(LinkType::ETHERNET, u64::from(number)), &bytes).expect("written");
            }
            unprocessed.frame(facts(LinkType::RAW, 1), b"last").expect("written");
            unprocessed.finish().expect("written");
            std::fs::read(path).expect("there")
        });
        assert!(turned.len() > 4 * PART as usize);
        assert!(turned == straight);
    }

    #[test]
    fn a_second_link_type_turns_the_file_into_pcapng_with_everything_that_was_in_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let [turned, straight] = ["turned", "straight.pcapng"].map(|name| {
            let path = directory.path().join(name);
            let mut unprocessed = UnprocessedFile::create(&path).expect("made");
            for (link, time, bytes) in [
                (LinkType::ETHERNET, 1_700_000_000_000_000_001, "first"),
                (LinkType::ETHERNET, 2, ""),
                (LinkType::RAW, 3, "third"),
                (LinkType::ETHERNET, 4, "last"),
            ] {
                unprocessed.frame(facts(link, time), bytes.as_bytes()).expect("written");
            }
            unprocessed.finish().expect("written");
            std::fs::read(path).expect("there")
        });
        // The interface of the third frame is described where it comes; everything else is the same.
        assert_eq!(turned, straight);
        let mut kinds = Vec::new();
        let mut at = 0;
        while let Some(head) = turned.get(at..at + 8) {
            kinds.push(head[0]);
            at += u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        }
        assert_eq!((kinds, at), (vec![0x0a, 1, 6, 6, 1, 6, 6], turned.len()));
    }
}
