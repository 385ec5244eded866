//! Files made by hand, byte by byte, and devices that fail.

extern crate std;

use std::string::ToString;
use std::vec::Vec;

use embedded_io::{ErrorKind, ErrorType, Read, Write};

use super::*;
use crate::frame::{Frame, LinkType, Timestamp};

const MODIFIED: u32 = 0xa1b2_cd34;

/// Numbers of 32 bits one after another, in one of the byte orders.
fn numbers(big_endian: bool, fields: &[u32]) -> Vec<u8> {
    let bytes = |field: &u32| if big_endian { field.to_be_bytes() } else { field.to_le_bytes() };
    fields.iter().flat_map(bytes).collect()
}

/// The header of a file of version 2.4, snap length 1500.
fn file(big_endian: bool, magic: u32, link: u32) -> Vec<u8> {
    let version = if big_endian { 2 << 16 | 4 } else { 4 << 16 | 2 };
    numbers(big_endian, &[magic, version, 0, 0, 1500, link])
}

/// A file with the frames `abc`, at 7.123456 s, and `de` of 60 bytes, at 8 s.
fn two_frames() -> Vec<u8> {
    let mut bytes = file(false, format::MICROSECONDS, 1);
    bytes.extend(numbers(false, &[7, 123_456, 3, 3]));
    bytes.extend(b"abc");
    bytes.extend(numbers(false, &[8, 0, 2, 60]));
    bytes.extend(b"de");
    bytes
}

type Told = (u64, u32, Vec<u8>);

/// Time, length on the wire and bytes of all frames; then the error's words, if one ended the file.
fn read(file: &[u8], room: usize) -> (Vec<Told>, std::string::String) {
    let mut frames = Vec::new();
    let mut buffer = std::vec![0; room];
    let mut reader = match CaptureReader::new(file) {
        Ok(reader) => reader,
        Err(error) => return (frames, error.to_string()),
    };
    loop {
        match reader.next(&mut buffer) {
            Ok(Some(frame)) => frames.push((frame.time.0, frame.wire_len, frame.bytes.to_vec())),
            Ok(None) => return (frames, "".to_string()),
            Err(error) => {
                assert!(reader.next(&mut buffer).is_ok_and(|next| next.is_none()), "an error ends the file");
                return (frames, error.to_string());
            }
        }
    }
}

#[test]
fn both_byte_orders_and_all_formats_give_the_same_frames() {
    let formats = [(format::MICROSECONDS, 5), (format::NANOSECONDS, 5000), (MODIFIED, 5)];
    for (big_endian, (magic, fraction)) in
        [false, true].into_iter().flat_map(|order| formats.map(|f| (order, f)))
    {
        let mut bytes = file(big_endian, magic, 0x5400_0001);
        for _ in 0..2 {
            bytes.extend(numbers(big_endian, &[9, fraction, 3, 60]));
            if magic == MODIFIED {
                bytes.extend([0; 8]);
            }
            bytes.extend(b"abc");
        }
        let frame = (9_000_005_000, 60, b"abc".to_vec());
        assert_eq!(read(&bytes, 1500), (std::vec![frame; 2], "".to_string()));
        let reader = CaptureReader::new(&bytes[..]).unwrap();
        assert_eq!((reader.link(), reader.header().snap_length), (LinkType::ETHERNET, 1500));
    }
}

#[test]
fn a_file_without_frames_has_none() {
    assert_eq!(read(&file(false, format::NANOSECONDS, 1), 10), (std::vec![], "".to_string()));
}

#[test]
fn a_frame_that_is_longer_than_the_buffer_is_cut_and_counted() {
    let bytes = two_frames();
    let mut reader = CaptureReader::new(&bytes[..]).unwrap();
    let mut buffer = [0; 2];
    let frame = reader.next(&mut buffer).unwrap().unwrap();
    assert_eq!((frame.bytes, frame.wire_len), (b"ab".as_slice(), 3));
    let frame = reader.next(&mut buffer).unwrap().unwrap();
    assert_eq!((frame.bytes, frame.wire_len), (b"de".as_slice(), 60));
    assert_eq!((reader.cut_frames(), reader.offset()), (1, bytes.len() as u64));
}

/// Wherever the file is cut, the frames before the cut are given, and the error names the place.
#[test]
fn a_file_that_is_cut_short_ends_behind_its_last_whole_frame() {
    let bytes = two_frames();
    let (frames, _) = read(&bytes, 1500);
    for end in 0..bytes.len() {
        let (given, error) = read(&bytes[..end], 1500);
        let (whole, begin) = match end {
            0..24 => (0, 0),
            24..43 => (0, 24),
            _ => (1, 43),
        };
        assert_eq!(given, frames[..whole]);
        let needed = match end - begin {
            _ if begin == 0 => 24,
            0..16 => 16,
            _ => {
                if begin == 24 {
                    19
                } else {
                    18
                }
            }
        };
        let words = std::format!(
            "byte {begin}: the capture is cut off after {} of {needed} bytes; all before it was read",
            end - begin
        );
        assert_eq!(error, if end - begin == 0 && begin > 0 { "" } else { &words }, "cut at {end}");
    }
}

#[test]
fn what_is_passed_over_can_be_cut_short_too() {
    let bytes = two_frames();
    let (frames, error) = read(&bytes[..bytes.len() - 1], 0);
    assert_eq!(frames.len(), 1);
    assert_eq!(error, "byte 43: the capture is cut off after 17 of 18 bytes; all before it was read");
}

#[test]
fn an_absurd_length_is_damage() {
    let mut bytes = two_frames();
    bytes.extend(numbers(false, &[9, 0, MAX_CAPTURED + 1, 60]));
    bytes.extend([0; 100]);
    let (frames, error) = read(&bytes, 1500);
    assert_eq!(frames.len(), 2);
    assert_eq!(
        error,
        "byte 61: a frame claims 268435457 bytes, at most 268435456 are possible; all before it was read"
    );
}

#[test]
fn other_files_are_told_apart() {
    let (_, error) = read(&numbers(true, &[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, 0, 0]), 10);
    assert_eq!(error, "byte 0: not a pcap file");
    let (_, error) = read(&numbers(false, &[format::NANOSECONDS, 5 << 16 | 2, 0, 0, 0, 1]), 10);
    assert_eq!(error, "byte 0: version 2.5 of the pcap format is not known");
}

/// A device that gives a byte at a time, is interrupted before each, and ends with an error.
struct Serial<'a>(&'a [u8], bool);

impl ErrorType for Serial<'_> {
    type Error = ErrorKind;
}

impl Read for Serial<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.1 = !self.1;
        if self.1 {
            return Err(ErrorKind::Interrupted);
        }
        let ([first, rest @ ..], Some(place)) = (self.0, buffer.first_mut()) else {
            return Err(ErrorKind::TimedOut);
        };
        (*place, self.0) = (*first, rest);
        Ok(1)
    }
}

#[test]
fn a_device_may_be_slow_and_its_error_is_told_with_the_place() {
    let bytes = two_frames();
    let mut reader = CaptureReader::new(Serial(&bytes, false)).unwrap();
    let mut buffer = [0; 1];
    assert_eq!(reader.next(&mut buffer).unwrap().unwrap().bytes, b"a");
    assert_eq!(reader.next(&mut buffer).unwrap().unwrap().bytes, b"d");
    let error = reader.next(&mut buffer).unwrap_err();
    assert_eq!((error.offset, error.kind), (61, CaptureErrorKind::Input(ErrorKind::TimedOut)));
    assert!(reader.next(&mut buffer).unwrap().is_none());
}

const FRAME: Frame<'_> =
    Frame { link: LinkType::RAW, time: Timestamp(7_000_000_009), wire_len: 60, bytes: b"abcdef" };

#[test]
fn frames_are_written_with_nanoseconds_and_cut_to_the_snap_length() {
    let mut card = [0xff; 24 + 16 + 4 + 16];
    let mut writer = CaptureWriter::new(&mut card[..], LinkType::RAW, 4).unwrap();
    assert_eq!(writer.offset(), 24);
    writer.write(&FRAME).unwrap();
    writer.write(&Frame { bytes: b"", ..FRAME }).unwrap();
    writer.flush().unwrap();
    assert_eq!(writer.offset(), 60);
    assert!(writer.into_inner().is_empty());
    let mut expected = numbers(false, &[0xa1b2_3c4d, 4 << 16 | 2, 0, 0, 4, 101]);
    expected.extend(numbers(false, &[7, 9, 4, 60]));
    expected.extend(b"abcd");
    expected.extend(numbers(false, &[7, 9, 0, 60]));
    assert_eq!(card[..], expected);
}

#[test]
fn what_the_format_cannot_hold_is_refused_and_leaves_the_file_whole() {
    let mut card = [0; 100];
    let error = CaptureWriter::new(&mut card[..], LinkType(1 << 16), 4).err().unwrap();
    assert_eq!(error.to_string(), "byte 0: a pcap file of one link type cannot hold link type 65536");
    let mut writer = CaptureWriter::new(&mut card[..], LinkType::RAW, 1500).unwrap();
    let error = writer.write(&Frame { link: LinkType::ETHERNET, ..FRAME }).unwrap_err();
    assert_eq!(error.kind, CaptureWriteErrorKind::Link(LinkType::ETHERNET));
    let late = Timestamp::new(1 << 32, 0);
    let error = writer.write(&Frame { time: late, ..FRAME }).unwrap_err();
    assert_eq!(error.to_string(), "byte 24: a pcap file cannot hold a time of 4294967296 s");
    writer.write(&FRAME).unwrap();
    assert_eq!(writer.offset(), 46);
}

/// A card that takes a byte at a time, so many of them; then it fails or takes nothing.
struct Card(usize, Option<ErrorKind>);

impl ErrorType for Card {
    type Error = ErrorKind;
}

impl Write for Card {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        match (self.0.checked_sub(1), self.1) {
            (Some(left), _) => self.0 = left,
            (None, Some(error)) => return Err(error),
            (None, None) => return Ok(0),
        }
        Ok(bytes.len().min(1))
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.1.map_or(Ok(()), Err)
    }
}

#[test]
fn a_card_that_fails_leaves_whole_frames_up_to_a_known_place() {
    for (error, expected) in [
        (None, CaptureWriteErrorKind::Full),
        (Some(ErrorKind::OutOfMemory), CaptureWriteErrorKind::Output(ErrorKind::OutOfMemory)),
    ] {
        assert_eq!(CaptureWriter::new(Card(23, error), LinkType::RAW, 9).err().unwrap().kind, expected);
        let mut writer = CaptureWriter::new(Card(24 + 22 + 21, error), LinkType::RAW, 9).unwrap();
        writer.write(&FRAME).unwrap();
        let failure = writer.write(&FRAME).unwrap_err();
        assert_eq!((failure.offset, failure.kind), (46, expected));
        let failure = writer.write(&FRAME).unwrap_err();
        assert_eq!((failure.offset, failure.kind), (46, CaptureWriteErrorKind::Broken));
        assert_eq!(
            writer.flush().err().map(|failure| failure.kind),
            error.map(CaptureWriteErrorKind::Output)
        );
    }
}
