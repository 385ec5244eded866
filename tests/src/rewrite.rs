//! Captures made from captures: cut into two files as a recorder that changes files leaves them, or
//! without what follows the datagrams in their frames.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tapflow_common::input::{self};
use tapflow_core::decode::decode;
use tapflow_core::{Frame, LinkType, Timestamp};

struct Record {
    link: LinkType,
    time: Timestamp,
    wire_len: u32,
    bytes: Vec<u8>,
}

/// Writes the first and the second half of a capture's records into `directory`. `None` where pcap
/// cannot hold them: there are none, or they are of several link types.
///
/// # Panics
/// When a file cannot be read or written.
#[must_use]
pub fn halves(capture: &Path, directory: &Path) -> Option<[PathBuf; 2]> {
    let records = records(capture)?;
    let (first, second) = records.split_at(records.len() / 2);
    Some([
        write(&directory.join("first.pcap"), first, &records),
        write(&directory.join("second.pcap"), second, &records),
    ])
}

/// Writes a capture without padding, check sequences and whatever else follows the datagrams with TCP in
/// its frames. `None` if nothing does, or pcap cannot hold the records.
///
/// # Panics
/// When a file cannot be read or written.
#[must_use]
pub fn without_padding(capture: &Path, directory: &Path) -> Option<PathBuf> {
    let mut records = records(capture)?;
    let mut padding = 0;
    for record in &mut records {
        let Record { link, time, wire_len, ref bytes } = *record;
        let Ok(segment) = decode(&Frame { link, time, wire_len, bytes }) else { continue };
        let (frame, payload) = (bytes.as_ptr_range(), segment.payload.as_ptr_range());
        // A payload that was cut reaches the end of what was captured.
        if payload.end >= frame.start && payload.end < frame.end {
            let length = payload.end.addr() - frame.start.addr();
            padding += bytes.len() - length;
            record.bytes.truncate(length);
            record.wire_len = u32::try_from(length).expect("a length that pcap can hold");
        }
    }
    (padding > 0).then(|| write(&directory.join("without-padding.pcap"), &records, &records))
}

fn records(capture: &Path) -> Option<Vec<Record>> {
    let mut source = input::open(capture, Arc::new(AtomicBool::new(false))).unwrap();
    let mut records = Vec::new();
    while let Ok(Some(packet)) = source.next() {
        let Frame { link, time, wire_len, bytes } = packet.frame;
        records.push(Record { link, time, wire_len, bytes: bytes.to_vec() });
    }
    let link = records.first()?.link;
    records.iter().all(|record| record.link == link).then_some(records)
}

/// Writes a pcap file: of nanoseconds if any of `all` has them, else of microseconds.
fn write(path: &Path, records: &[Record], all: &[Record]) -> PathBuf {
    let unit = if all.iter().any(|record| record.time.subsec_nanos() % 1000 != 0) { 1 } else { 1000 };
    let magic: u32 = if unit == 1 { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let mut bytes = Vec::new();
    let mut words = |words: [u32; 4], data: &[u8]| {
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend_from_slice(data);
    };
    let link = all.first().map_or(0, |record| record.link.0);
    words([magic, 0x0004_0002, 0, 0], &[262_144, link].map(u32::to_le_bytes).concat());
    for Record { time, wire_len, bytes, .. } in records {
        let seconds = u32::try_from(time.seconds()).expect("a time that pcap can hold");
        let captured = u32::try_from(bytes.len()).expect("a length that pcap can hold");
        words([seconds, time.subsec_nanos() / unit, captured, *wire_len], bytes);
    }
    std::fs::write(path, bytes).unwrap();
    path.to_owned()
}
