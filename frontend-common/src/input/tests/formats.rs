//! Files that are joined, old variants of pcap, and the formats snoop and ERF.

use super::*;

/// The remarks about an input that is read to its end.
fn remarks(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.to_vec().into();
    let mut source = crate::input::from_memory("a", bytes, Arc::default()).unwrap();
    while source.next().unwrap().is_some() {}
    source.remarks()
}

#[test]
fn joined_captures_are_read_as_one_and_the_place_is_named() {
    let (frames, first) = small_pcap();
    let mut nanoseconds = pcap::header(Endian::Big, 0xa1b2_3c4d, 113);
    nanoseconds.extend(pcap::record(Endian::Big, [9, 7, 2, 2], b"hi"));
    let joined = [&first[..], &nanoseconds, &first].concat();
    let other = Got { link: 113, ..whole(9_000_000_007, b"hi") };
    let outcome = read(&joined);
    assert_eq!(outcome.text(), "");
    assert_eq!(outcome.frames, [&frames[..], &[other], &frames].concat());
    let place = first.len();
    assert_eq!(
        remarks(&joined),
        [format!(
            "byte {place}: another capture file begins here (2 files follow the first); it is read as part of this one"
        )]
    );
    assert_eq!(remarks(&first), [""; 0]);
}

#[test]
fn captures_of_both_formats_are_joined_in_either_order() {
    let (frames, old) = small_pcap();
    let new = pcapng::small();
    let others = read(&new).frames;
    for (joined, expected) in [
        ([&old[..], &new].concat(), [&frames[..], &others].concat()),
        ([&new[..], &old].concat(), [&others[..], &frames].concat()),
    ] {
        let outcome = read(&joined);
        assert_eq!((outcome.text(), outcome.frames), (String::new(), expected));
    }
}

#[test]
fn empty_records_and_absurd_lengths_are_no_joined_captures() {
    let mut file = pcap::header(Endian::Little, pcap::MICROSECONDS, 1);
    file.extend(pcap::record(Endian::Little, [1, 0, 0, 60], b""));
    file.extend(pcap::record(Endian::Little, [2, 0, 1, 60], b"x"));
    assert_eq!(read(&file).frames.len(), 2);
    file.extend(pcap::record(Endian::Little, [3, 0, u32::MAX, 60], b"beyond"));
    assert!(matches!(read(&file).kind(), Some(InputErrorKind::AbsurdLength { .. })));
}

#[test]
fn longer_record_headers_under_the_usual_magic_are_recognised_by_the_records() {
    for endian in ENDIANS {
        for (extra, interface) in [(8_usize, 2), (4, 0)] {
            let mut file = pcap::header(endian, pcap::MICROSECONDS, 1);
            for second in 1..=3 {
                file.extend(endian.u32s(&[second, 5, 60, 60]));
                file.extend(&[&endian.u32(2)[..], &[0, 8, 1, 0]].concat()[..extra]);
                file.extend([second as u8; 60]);
            }
            let outcome = from_memory(&file);
            let expected = [1, 2, 3].map(|second: u8| Got {
                interface,
                ..whole(u64::from(second) * 1_000_000_000 + 5000, &[second; 60])
            });
            assert_eq!((outcome.text(), outcome.frames), (String::new(), expected.to_vec()));
        }
    }
}

/// A snoop file with Ethernet frames: second, wire length, bytes, and bytes of padding behind them.
fn snoop(link: u32, records: &[(u32, u32, &[u8], usize)]) -> Vec<u8> {
    let mut file = b"snoop\0\0\0".to_vec();
    file.extend(Endian::Big.u32s(&[2, link]));
    for (second, wire_len, bytes, padding) in records {
        let length = 24 + bytes.len() + padding;
        file.extend(Endian::Big.u32s(&[*wire_len, bytes.len() as u32, length as u32, 0, *second, 6]));
        file.extend(*bytes);
        file.extend(vec![0; *padding]);
    }
    file
}

#[test]
fn snoop_files_give_their_packets_without_padding() {
    let file = snoop(4, &[(1, 3, b"abc", 1), (2, 1514, b"de", 2), (3, 0, b"", 0)]);
    let cut = Got { wire_len: 1514, ..whole(2_000_006_000, b"de") };
    let expected = [whole(1_000_006_000, b"abc"), cut, whole(3_000_006_000, b"")];
    let outcome = read(&file);
    assert_eq!((outcome.text(), outcome.frames), (String::new(), expected.to_vec()));
    let unknown = read(&snoop(99, &[(1, 3, b"abc", 1)])).text();
    assert!(unknown.contains("the snoop link type 99 is not supported"), "{unknown}");
}

#[test]
fn a_damaged_snoop_file_gives_what_is_before_the_damage() {
    let file = snoop(4, &[(1, 4, b"abcd", 0), (2, 4, b"efgh", 0)]);
    damage(&file, |length, outcome| {
        let whole = length.map_or(0, |length| length.saturating_sub(16) / 28);
        assert!(outcome.frames.len() >= whole, "{length:?}");
    });
    let mut short = file.clone();
    short[16 + 8..16 + 12].copy_from_slice(&27_u32.to_be_bytes());
    assert!(read(&short).text().contains("a record is shorter than the packet in it"));
}

/// An ERF record: seconds, type, payload. Half a second is added to the time.
fn erf(seconds: u32, kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0, 0, 0x80];
    record.extend(seconds.to_le_bytes());
    record.extend([kind, 4]);
    record.extend((16 + payload.len() as u16).to_be_bytes());
    record.extend([0, 0]);
    record.extend((payload.len() as u16).to_be_bytes());
    record.extend(payload);
    record
}

#[test]
fn erf_files_give_whole_records_and_no_padding() {
    let records = [erf(1_700_000_000, 2, b"abcdef"), erf(0, 48, &[0; 8]), erf(1_700_000_001, 2, b"gh")];
    let outcome = read(&records.concat());
    let expected = [0, 2].map(|index: usize| {
        let time = 1_700_000_000_500_000_000 + (index as u64 / 2) * 1_000_000_000;
        Got { link: 197, ..whole(time, &records[index]) }
    });
    assert_eq!((outcome.text(), outcome.frames), (String::new(), expected.to_vec()));
    for no_erf in [&erf(5, 2, b"abc")[..], &[2; 200], b"plain text that is longer than a header\n"] {
        assert!(matches!(read(no_erf).kind(), Some(InputErrorKind::NotACapture { .. })), "{no_erf:?}");
    }
}

#[test]
fn no_bytes_of_an_erf_file_panic() {
    let file = [erf(1_700_000_000, 2, b"abcdef"), erf(1_700_000_001, 2, b"gh")].concat();
    damage(&file, |_, _| {});
}
