//! The frames that are in no connection (`-w`), in one file: pcap, or pcapng where link types differ.
//!
//! A file begins as pcap with the link type of its first frame. When another link type comes it is written anew as
//! pcapng, beside the old one, and takes its place. What cannot be written anew (a pipe, standard output) is pcapng
//! from the start, and so is a file whose name ends in `.pcapng`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tapflow_core::LinkType;
use tapflow_core::capture::FileHeader;

use super::error::{Action, OutputError};
use super::gather::{read_at, write_at};
use super::pcap::{FrameFacts, SNAP_LENGTH, frame_header};

/// Bytes that are written at once.
const BUFFER: usize = 256 << 10;

/// The file of `-w`.
#[derive(Debug)]
pub struct RestFile {
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

impl RestFile {
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
        };
        if !plain {
            section(&mut file.buffer);
        }
        Ok(file)
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
        self.flush()
    }

    fn error(&self, action: Action, source: io::Error) -> OutputError {
        let path = if self.path.as_os_str() == "-" { Path::new("standard output") } else { &self.path };
        OutputError::new(action, path, source)
    }

    fn write(&mut self) -> Result<(), OutputError> {
        let buffer = std::mem::take(&mut self.buffer);
        let result = match &mut self.output {
            Output::Standard => io::stdout().write_all(&buffer),
            Output::File { file, seekable: true } => write_at(file, &buffer, self.end),
            Output::File { file, seekable: false } => file.write_all(&buffer),
        };
        self.end += buffer.len() as u64;
        self.buffer = buffer;
        self.buffer.clear();
        result.map_err(|error| self.error(Action::Write, error))
    }

    /// Writes the file, whose frames have this link type, anew as pcapng.
    fn convert(&mut self, link: LinkType) -> Result<(), OutputError> {
        self.write()?;
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let beside = PathBuf::from(name);
        let Output::File { file, .. } = &self.output else { return Ok(()) };
        let converted = converted(file, self.end, link, &beside);
        let (file, end) = converted.and_then(|made| std::fs::rename(&beside, &self.path).map(|()| made)).map_err(
            |error| {
                let _ = std::fs::remove_file(&beside);
                let why = "to hold more than one link type it would have to be written anew; give -w a name that ends in .pcapng";
                self.error(Action::Write, io::Error::new(error.kind(), format!("{error} ({why})")))
            },
        )?;
        self.output = Output::File { file, seekable: true };
        self.end = end;
        self.format = Format::Pcapng(vec![link]);
        Ok(())
    }
}

/// A pcap file of our own, written anew as pcapng under another name; it and its length.
fn converted(old: &File, length: u64, link: LinkType, path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    let mut buffer = Vec::new();
    section(&mut buffer);
    let interface = interface(&mut buffer, &mut Vec::new(), link);
    let mut header = [0; FileHeader::LEN];
    read_at(old, &mut header, 0)?;
    let header = FileHeader::parse(&header).map_err(io::Error::other)?;
    let (mut at, mut end, mut bytes) = (FileHeader::LEN as u64, 0, Vec::new());
    while at < length {
        let mut fields = [0; 16];
        read_at(old, &mut fields, at)?;
        let Some(fields) = header.frame(&fields) else { break };
        bytes.resize(fields.captured as usize, 0);
        read_at(old, &mut bytes, at + 16)?;
        at += 16 + bytes.len() as u64;
        let facts = FrameFacts { link, time: fields.time, wire_len: fields.wire_len };
        packet(&mut buffer, interface, &facts, &bytes);
        if buffer.len() >= BUFFER || at >= length {
            write_at(&file, &buffer, end)?;
            end += buffer.len() as u64;
            buffer.clear();
        }
    }
    write_at(&file, &buffer, end)?;
    end += buffer.len() as u64;
    Ok((file, end))
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
        let mut rest = RestFile::create(&path).expect("made");
        rest.begin(LinkType::LINUX_SLL);
        rest.finish().expect("written");
        assert_eq!(
            std::fs::read(path).expect("there"),
            FileHeader::encode(LinkType::LINUX_SLL, SNAP_LENGTH).expect("fits")
        );
    }

    #[test]
    fn a_second_link_type_turns_the_file_into_pcapng_with_everything_that_was_in_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let [turned, straight] = ["turned", "straight.pcapng"].map(|name| {
            let path = directory.path().join(name);
            let mut rest = RestFile::create(&path).expect("made");
            for (link, time, bytes) in [
                (LinkType::ETHERNET, 1_700_000_000_000_000_001, "first"),
                (LinkType::ETHERNET, 2, ""),
                (LinkType::RAW, 3, "third"),
                (LinkType::ETHERNET, 4, "last"),
            ] {
                rest.frame(facts(link, time), bytes.as_bytes()).expect("written");
            }
            rest.finish().expect("written");
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
