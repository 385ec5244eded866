//! Captures made by hand, and what is read of them: from memory and as streams of several paces, which
//! must agree to the last frame and the last word of the error.

mod archives;
mod compressed;
mod files;
mod formats;
mod live;
mod merge;
mod pcap;
mod pcapng;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::source::Capture;
use super::whole::WholeFile;
use super::{InputError, InputErrorKind, Packet, Source};
use crate::codec::Format;

/// One frame as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Got {
    link: u32,
    /// Nanoseconds.
    time: u64,
    wire_len: u32,
    interface: u32,
    bytes: Vec<u8>,
}

/// An Ethernet frame that was captured whole.
fn whole(time: u64, bytes: &[u8]) -> Got {
    Got { link: 1, time, wire_len: bytes.len() as u32, interface: 0, bytes: bytes.to_vec() }
}

/// Everything that a source has.
#[derive(Debug)]
struct Outcome {
    frames: Vec<Got>,
    error: Option<InputError>,
}

impl Outcome {
    fn text(&self) -> String {
        self.error.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    fn kind(self) -> Option<InputErrorKind> {
        self.error.map(|error| error.kind)
    }
}

/// A frame as a source gave it.
fn got(packet: &Packet<'_>) -> Got {
    // The block holds the bytes of the frame, or this panics.
    let bytes = packet.block.slice_ref(packet.frame.bytes);
    Got {
        link: packet.frame.link.0,
        time: packet.frame.time.0,
        wire_len: packet.frame.wire_len,
        interface: packet.interface,
        bytes: bytes.to_vec(),
    }
}

fn drain(mut source: impl Source) -> Outcome {
    let mut frames = Vec::new();
    let error = loop {
        match source.next() {
            Ok(None) => break None,
            Err(error) => break Some(error),
            Ok(Some(packet)) => frames.push(got(&packet)),
        }
    };
    assert!(matches!(source.next(), Ok(None)), "nothing follows the end or the error");
    Outcome { frames, error }
}

/// The same, some at a time.
fn drain_together(mut source: impl Source) -> Outcome {
    let mut frames = Vec::new();
    let error = loop {
        let before = frames.len();
        match source.next_few() {
            Err(error) => break Some(error),
            Ok(packets) => frames.extend(packets.map(|packet| got(&packet))),
        }
        if frames.len() == before {
            break None;
        }
    };
    Outcome { frames, error }
}

/// Gives at most `pace` bytes at a time.
struct Slow<'a> {
    bytes: &'a [u8],
    pace: usize,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.pace);
        (&mut self.bytes).read(&mut buffer[..length])
    }
}

fn stop() -> Arc<AtomicBool> {
    Arc::default()
}

fn from_memory(bytes: &[u8]) -> Outcome {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    drain(Capture::of_memory("a".into(), bytes, stop()).expect("threads can be started"))
}

fn from_stream(bytes: &[u8], pace: usize) -> Outcome {
    let input = BufReader::new(Owned(bytes.to_vec(), 0, pace));
    drain(Capture::of_stream("a".into(), input, None, stop()).expect("threads can be started"))
}

/// A file that had this length when it was opened, in blocks of `size` bytes.
fn blocks(bytes: &[u8], length: u64, size: usize) -> Capture {
    let file = WholeFile::new(file(bytes), length);
    Capture::of_blocks("a".into(), file, size, stop()).expect("threads can be started")
}

fn from_file(bytes: &[u8], size: usize) -> Outcome {
    drain_together(blocks(bytes, bytes.len() as u64, size))
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    io::Write::write_all(&mut file, bytes).and_then(|()| io::Seek::rewind(&mut file)).expect("written");
    file
}

/// As [`Slow`], for a thread.
struct Owned(Vec<u8>, usize, usize);

impl Read for Owned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = Slow { bytes: &self.0[self.1..], pace: self.2 }.read(buffer)?;
        self.1 += count;
        Ok(count)
    }
}

/// What is read of `bytes`, the same in every way of reading.
fn read(bytes: &[u8]) -> Outcome {
    let read = from_memory(bytes);
    for pace in [1, 7, 1000] {
        let other = from_stream(bytes, pace);
        assert_eq!(read.frames, other.frames, "{pace} bytes at a time");
        assert_eq!(read.text(), other.text(), "{pace} bytes at a time");
    }
    if Format::recognise(bytes).is_some() {
        return read;
    }
    let sizes = [1, 90, 1000, 1 << 20];
    let blocks = sizes.map(|size| (format!("in blocks of {size} bytes"), from_file(bytes, size)));
    for (how, other) in blocks {
        assert_eq!(read.frames, other.frames, "{how}");
        assert_eq!(read.text(), other.text(), "{how}");
    }
    read
}

/// Numbers in one of the byte orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endian {
    Little,
    Big,
}

const ENDIANS: [Endian; 2] = [Endian::Little, Endian::Big];

impl Endian {
    fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn u32s(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| self.u32(*value)).collect()
    }
}

/// Two frames in a pcap file, and the bytes of the file.
fn small_pcap() -> (Vec<Got>, Vec<u8>) {
    let mut file = pcap::header(Endian::Little, pcap::MICROSECONDS, 1);
    let frames: Vec<Got> = (0..4_u8).map(|n| whole(u64::from(n) * 1_000_000_000 + 5000, &[n; 70])).collect();
    for frame in &frames {
        let seconds = (frame.time / 1_000_000_000) as u32;
        file.extend(pcap::record(Endian::Little, [seconds, 5, 70, 70], &frame.bytes));
    }
    (frames, file)
}

/// Reads `file` cut off before every byte, and with every byte changed: `check` gets the length that is
/// left, or `None` for a change.
fn damage(file: &[u8], check: impl Fn(Option<usize>, Outcome)) {
    let is_plain = Format::recognise(file).is_none();
    for length in 0..file.len() {
        check(Some(length), from_memory(&file[..length]));
        check(Some(length), from_stream(&file[..length], 5));
        if is_plain {
            check(Some(length), from_file(&file[..length], 100));
        }
    }
    for at in 0..file.len() {
        for change in [1, 0x80, 0xff] {
            let mut changed = file.to_vec();
            changed[at] ^= change;
            check(None, from_memory(&changed));
            if is_plain {
                check(None, from_file(&changed, 1 << 20));
            }
        }
    }
}
