//! pcap: every variant, every fault.

use super::*;

pub(super) const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

pub(super) fn header(endian: Endian, magic: u32, link: u32) -> Vec<u8> {
    version(endian, magic, link, 2, 4)
}

fn version(endian: Endian, magic: u32, link: u32, major: u16, minor: u16) -> Vec<u8> {
    let version = [endian.u16(major), endian.u16(minor)].concat();
    [&endian.u32(magic)[..], &version, &endian.u32s(&[0, 0, 65535, link])].concat()
}

/// `fields`: seconds, fraction, captured length, length on the wire.
pub(super) fn record(endian: Endian, fields: [u32; 4], bytes: &[u8]) -> Vec<u8> {
    [&endian.u32s(&fields), bytes].concat()
}

#[test]
fn both_byte_orders_and_both_resolutions_give_the_same_frames() {
    for endian in ENDIANS {
        for (magic, fraction) in [(MICROSECONDS, 123_456), (NANOSECONDS, 123_456_000)] {
            let mut file = header(endian, magic, 1);
            file.extend(record(endian, [7, fraction, 3, 3], b"abc"));
            file.extend(record(endian, [8, 0, 2, 1514], b"de"));
            let read = read(&file);
            let cut = Got { wire_len: 1514, ..whole(8_000_000_000, b"de") };
            assert_eq!(read.frames, [whole(7_123_456_000, b"abc"), cut], "{endian:?} {magic:x}");
            assert_eq!(read.text(), "");
        }
    }
}

#[test]
fn nanoseconds_are_kept() {
    let mut file = header(Endian::Big, NANOSECONDS, 1);
    file.extend(record(Endian::Big, [u32::MAX, 999_999_999, 1, 1], b"x"));
    assert_eq!(read(&file).frames, [whole(4_294_967_295_999_999_999, b"x")]);
}

#[test]
fn fractions_above_a_second_are_added_to_it() {
    for (magic, time) in [(MICROSECONDS, 1_000_000_000 + 4_294_967_295_000), (NANOSECONDS, 5_294_967_295)] {
        let mut file = header(Endian::Little, magic, 1);
        file.extend(record(Endian::Little, [1, u32::MAX, 1, 1], b"x"));
        assert_eq!(read(&file).frames, [whole(time, b"x")]);
    }
}

#[test]
fn the_modified_format_has_longer_record_headers() {
    for endian in ENDIANS {
        let mut file = header(endian, MODIFIED, 113);
        for interface in [3_u32, 4] {
            file.extend(endian.u32s(&[1, 2, 3, 3, interface, 0x0008_0000]));
            file.extend(b"abc");
        }
        let frame = |interface| Got { link: 113, interface, ..whole(1_000_002_000, b"abc") };
        assert_eq!(read(&file).frames, [frame(3), frame(4)]);
    }
}

#[test]
fn archaic_versions_have_the_lengths_the_other_way_round() {
    for (minor, lengths) in [(2, [60, 3]), (3, [60, 3]), (3, [3, 60]), (4, [3, 60])] {
        let mut file = version(Endian::Little, MICROSECONDS, 1, 2, minor);
        file.extend(record(Endian::Little, [1, 0, lengths[0], lengths[1]], b"abc"));
        let expected = Got { wire_len: 60, ..whole(1_000_000_000, b"abc") };
        assert_eq!(read(&file).frames, [expected], "version 2.{minor}");
    }
}

#[test]
fn the_frame_check_sequence_bits_are_not_part_of_the_link_type() {
    let mut file = header(Endian::Little, MICROSECONDS, 0x5400_0001);
    file.extend(record(Endian::Little, [1, 0, 1, 1], b"x"));
    assert_eq!(read(&file).frames, [whole(1_000_000_000, b"x")]);
}

#[test]
fn the_snapshot_length_does_not_limit_what_was_captured() {
    for snapshot in [0, 1, u32::MAX] {
        let mut file = header(Endian::Little, MICROSECONDS, 1);
        file[16..20].copy_from_slice(&Endian::Little.u32(snapshot));
        file.extend(record(Endian::Little, [1, 0, 5, 5], b"abcde"));
        assert_eq!(read(&file).frames, [whole(1_000_000_000, b"abcde")]);
    }
}

#[test]
fn a_file_without_frames_is_a_good_file() {
    let read = read(&header(Endian::Little, MICROSECONDS, 1));
    assert!(read.frames.is_empty() && read.error.is_none());
}

#[test]
fn empty_frames_and_frames_longer_than_a_block_are_read() {
    let long: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    let mut file = header(Endian::Little, MICROSECONDS, 1);
    for bytes in [&[][..], &long, &[], b"x"] {
        let length = bytes.len() as u32;
        file.extend(record(Endian::Little, [1, 0, length, length], bytes));
    }
    let time = 1_000_000_000;
    let expected = [whole(time, &[]), whole(time, &long), whole(time, &[]), whole(time, b"x")];
    assert_eq!(from_memory(&file).frames, expected);
    assert_eq!(from_stream(&file, 9999).frames, expected);
}

#[test]
fn a_length_that_no_record_has_ends_the_file_after_all_good_records() {
    let (mut frames, mut file) = small_pcap();
    let place = file.len();
    file.extend(record(Endian::Little, [1, 0, (256 << 20) + 1, 60], &[0; 100]));
    let read = read(&file);
    assert_eq!(read.frames, frames);
    let expected =
        format!("a: byte {place}: a record claims 268435457 bytes, at most 268435456 are possible");
    assert!(read.text().starts_with(&expected), "{}", read.text());
    // In front of all good ones.
    file.drain(24..place);
    frames.clear();
    assert_eq!(super::read(&file).frames, frames);
}

#[test]
fn a_long_length_that_the_file_does_not_have_costs_no_memory() {
    let mut file = header(Endian::Little, MICROSECONDS, 1);
    file.extend(record(Endian::Little, [1, 0, 256 << 20, 60], b"abc"));
    let expected = "a: byte 24: the last record is cut off after 19 of 268435472 bytes";
    let read = read(&file);
    assert!(read.text().starts_with(expected), "{}", read.text());
}

#[test]
fn an_unknown_version_is_told() {
    for (major, minor) in [(1, 0), (2, 5), (3, 0)] {
        let file = version(Endian::Big, MICROSECONDS, 1, major, minor);
        match read(&file).kind() {
            Some(InputErrorKind::UnknownVersion { major: a, minor: b }) => assert_eq!((a, b), (major, minor)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_cut_is_told_after_every_record_before_it() {
    let (frames, file) = small_pcap();
    damage(&file, |left, read| {
        let Some(length) = left else {
            assert!(read.frames.len() <= file.len() / 16);
            return;
        };
        let text = read.text();
        let records = length.saturating_sub(24) / 86;
        assert_eq!(read.frames, frames[..records], "{length} bytes");
        match read.kind() {
            None => assert!(length >= 24 && (length - 24) % 86 == 0, "{length} bytes"),
            Some(InputErrorKind::Empty) => assert_eq!(length, 0),
            Some(InputErrorKind::NotACapture { .. }) => assert!(length < 4),
            Some(InputErrorKind::TruncatedHeader { needed: 24, present }) => {
                assert_eq!(present, length as u64);
            }
            Some(InputErrorKind::TruncatedRecord { needed, present }) => {
                assert_eq!(present as usize, (length - 24) % 86);
                assert_eq!(needed, if present < 16 { 16 } else { 86 });
                assert!(text.starts_with(&format!("a: byte {}: ", 24 + records * 86)), "{text}");
            }
            other => panic!("{other:?}"),
        }
    });
}
