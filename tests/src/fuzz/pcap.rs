//! A pcap file through the reader of the core, beside the one of the program, and written again.
//!
//! The first byte chooses the room for a frame and how many bytes the input gives at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use embedded_io::{ErrorType, Read};
use tapflow_common::input;
use tapflow_core::Frame;
use tapflow_core::capture::{
    CaptureErrorKind, CaptureReader, CaptureWriteErrorKind, CaptureWriter, FileHeader,
};

use super::Material;

/// Room for a frame, whose longest is in no seed.
const ROOMS: [usize; 4] = [1 << 14, 100, 1, 0];
/// The longest file that becomes a seed.
const SEED: usize = 1 << 13;

/// Gives so many bytes at once.
struct Pieces<'a>(&'a [u8], usize);

impl ErrorType for Pieces<'_> {
    type Error = std::convert::Infallible;
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
        let count = buffer.len().min(self.1);
        self.0.read(&mut buffer[..count])
    }
}

/// A frame, and its time, which says more than the frame's own where it is cut.
type Told = (u64, u32, Vec<u8>);

fn told(frame: &Frame<'_>) -> Told {
    (frame.time.0, frame.wire_len, frame.bytes.to_vec())
}

/// Both readers give the same frames and the same place of a fault; what is written is read again.
pub fn run(bytes: &[u8]) {
    let Some((&choice, file)) = bytes.split_first() else { return };
    let room = ROOMS[usize::from(choice) % ROOMS.len()];
    let pieces = Pieces(file, 1 + usize::from(choice) / ROOMS.len());
    let mut buffer = vec![0; room];
    let mut reader = match CaptureReader::new(pieces) {
        Ok(reader) => reader,
        Err(error) => {
            let known = file.first_chunk().is_some_and(|magic| FileHeader::recognise(*magic));
            let not_known = matches!(error.kind, CaptureErrorKind::Header(_));
            assert!(file.len() < FileHeader::LEN || !known || not_known, "{error}");
            return;
        }
    };
    let link = reader.link();
    let mut frames = Vec::new();
    let fault = loop {
        match reader.next(&mut buffer) {
            Ok(Some(frame)) => frames.push(told(&frame)),
            Ok(None) => break None,
            Err(error) => break Some(error.offset),
        }
    };
    assert!(reader.next(&mut buffer).is_ok_and(|frame| frame.is_none()), "a reader that has ended goes on");
    assert_eq!(fault.is_none(), reader.offset() == file.len() as u64);
    beside_the_program(file, room, &frames, fault);

    let mut card = Vec::new();
    let mut writer = CaptureWriter::new(&mut card, link, room as u32).expect("a card and a link type");
    for (time, wire_len, bytes) in &frames {
        let frame = Frame { link, time: tapflow_core::Timestamp(*time), wire_len: *wire_len, bytes };
        match writer.write(&frame).map_err(|error| error.kind) {
            Ok(()) => {}
            // Behind the last second there is a fraction of more than one.
            Err(CaptureWriteErrorKind::Time(time)) => return assert_eq!(time.seconds() >> 32, 1),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(writer.offset(), card.len() as u64);
    let mut reader = CaptureReader::new(&card[..]).expect("a file of its own");
    for frame in &frames {
        let again = reader.next(&mut buffer).expect("no fault").expect("as many frames");
        assert_eq!(told(&again), *frame);
    }
    assert!(reader.next(&mut buffer).is_ok_and(|frame| frame.is_none()));
}

/// The program reads the same frames, unless it recognises what a reader of one frame at a time cannot: longer frame
/// headers under the usual magic number, or a second file behind the first.
fn beside_the_program(file: &[u8], room: usize, frames: &[Told], fault: Option<u64>) {
    let (start, rest) = file.split_at(FileHeader::LEN.min(file.len()));
    let header =
        start.try_into().ok().and_then(|start| FileHeader::parse(start).ok()).expect("a known header");
    if header.with_variant_of(rest) != header {
        return;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut source = input::from_memory("input", Bytes::copy_from_slice(file), stop).expect("a known header");
    let mut others = Vec::new();
    let other_fault = loop {
        match source.next() {
            Ok(Some(packet)) => {
                let (time, wire_len, mut bytes) = told(&packet.frame);
                bytes.truncate(room);
                others.push((time, wire_len, bytes));
            }
            Ok(None) => break None,
            Err(error) => break error.offset,
        }
    };
    if source.remarks().is_empty() {
        assert_eq!((frames, fault), (others.as_slice(), other_fault));
    }
}

/// Short files, whole and with a room in which most frames are cut.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    let short = Some(&material.file).filter(|file| file.len() <= SEED);
    short.into_iter().flat_map(|file| [0xfc_u8, 1].map(|choice| [&[choice], &file[..]].concat())).collect()
}
