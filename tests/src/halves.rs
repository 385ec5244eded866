//! A capture cut into two files by time, as a recorder that changes files leaves it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tapflow_common::input;
use tapflow_core::Timestamp;

/// Writes the first and the second half of a capture's records as two pcap files of microseconds (or nanoseconds, where it has any)
/// into `directory`. `None` if it holds no packet or several link types, for which pcap has no place.
///
/// # Panics
/// When a file cannot be read or written.
#[must_use]
pub fn halves(capture: &Path, directory: &Path) -> Option<[PathBuf; 2]> {
    let mut source = input::open(capture, Arc::new(AtomicBool::new(false))).unwrap();
    let mut records = Vec::new();
    while let Ok(Some(packet)) = source.next() {
        let frame = packet.frame;
        records.push((frame.link, frame.time, frame.wire_len, frame.bytes.to_vec()));
    }
    let link = records.first()?.0;
    if records.iter().any(|record| record.0 != link) {
        return None;
    }
    let nanoseconds = records.iter().any(|record| record.1.subsec_nanos() % 1000 != 0);
    let (first, second) = records.split_at(records.len() / 2);
    Some([("first.pcap", first), ("second.pcap", second)].map(|(name, records)| {
        let magic: u32 = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        let mut bytes = Vec::new();
        let word = |value: u32, bytes: &mut Vec<u8>| bytes.extend_from_slice(&value.to_le_bytes());
        for value in [magic, 0x0004_0002, 0, 0, 262_144, link.0] {
            word(value, &mut bytes);
        }
        for (_, time, wire_len, data) in records {
            let fraction = |time: Timestamp| time.subsec_nanos() / if nanoseconds { 1 } else { 1000 };
            let seconds = u32::try_from(time.seconds()).expect("a time that pcap can hold");
            let captured = u32::try_from(data.len()).expect("a length that pcap can hold");
            for value in [seconds, fraction(*time), captured, *wire_len] {
                word(value, &mut bytes);
            }
            bytes.extend_from_slice(data);
        }
        let path = directory.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }))
}
