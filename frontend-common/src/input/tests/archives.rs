//! Zip archives: every method, streamed or not, with members that are no captures.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::compressed::{gzip, lzma};
use super::*;

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// A member whose header tells everything.
fn member(name: &str, method: u16, flags: u16, packed: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut header = b"PK\x03\x04\x14\x00".to_vec();
    header.extend([flags.to_le_bytes(), method.to_le_bytes(), [0; 2], [0; 2]].concat());
    header.extend([crc(bytes), packed.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat());
    header.extend([(name.len() as u16).to_le_bytes(), [0; 2]].concat());
    [&header, name.as_bytes(), packed].concat()
}

/// A member as a writer to a pipe makes it: checksum and lengths behind the data.
fn streamed(name: &str, bytes: &[u8], signature: bool, wide: bool) -> Vec<u8> {
    let packed = deflate(bytes);
    let mut header = b"PK\x03\x04\x14\x00\x08\x00\x08\x00\0\0\0\0".to_vec();
    let extra: &[u8] =
        if wide { &[1, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] } else { &[] };
    header.extend([0; 12]);
    header.extend([(name.len() as u16).to_le_bytes(), (extra.len() as u16).to_le_bytes()].concat());
    let mut all = [&header, name.as_bytes(), extra, &packed].concat();
    if signature {
        all.extend(b"PK\x07\x08");
    }
    all.extend(crc(bytes).to_le_bytes());
    for length in [packed.len(), bytes.len()] {
        all.extend(&(length as u64).to_le_bytes()[..if wide { 8 } else { 4 }]);
    }
    all
}

fn times(frames: &[Got], count: usize) -> Vec<Got> {
    std::iter::repeat_n(frames, count).flatten().cloned().collect()
}

const DIRECTORY: &[u8] = b"PK\x01\x02 a directory that is not looked at";

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [&members.concat(), DIRECTORY].concat()
}

#[test]
fn every_method_gives_the_same_frames() {
    let (frames, file) = small_pcap();
    let alone = lzma(&file);
    let zip_lzma = [&[9, 20, 5, 0][..], &alone[..5], &alone[13..]].concat();
    let methods: [(u16, u16, Vec<u8>); 5] = [
        (0, 0, file.clone()),
        (8, 0, deflate(&file)),
        // Up to lengths of 258 bytes, deflate64 is the same.
        (9, 0, deflate(&file)),
        (14, 2, zip_lzma),
        (93, 0, ::zstd::encode_all(&file[..], 1).expect("memory")),
    ];
    for (method, flags, packed) in methods {
        let read = read(&archive(&[member("a.pcap", method, flags, &packed, &file)]));
        assert_eq!(
            (read.frames.as_slice(), read.text()),
            (frames.as_slice(), String::new()),
            "method {method}"
        );
    }
}

#[test]
fn each_member_is_a_capture_of_its_own() {
    let (frames, file) = small_pcap();
    let nested = archive(&[member("inner.pcap", 0, 0, &file, &file)]);
    let packed = gzip(&file);
    let zip = archive(&[
        member("captures/", 0, 0, b"", b""),
        member("captures/a.pcap", 8, 0, &deflate(&file), &file),
        streamed("b.pcap", &file, true, false),
        streamed("c.pcap", &file, false, false),
        streamed("d.pcap", &file, true, true),
        member("__MACOSX/._a.pcap", 0, 0, b"finder", b"finder"),
        member("e.pcap.gz", 0, 0, &packed, &packed),
        member("f.zip", 8, 0, &deflate(&nested), &nested),
        member("g.pcap", 0, 0, &file, &file),
    ]);
    let read = read(&zip);
    assert_eq!(read.text(), "");
    assert_eq!(read.frames, times(&frames, 7));
}

#[test]
fn members_that_are_no_captures_are_told_after_the_frames_of_all_others() {
    let (frames, file) = small_pcap();
    let mut wrong = member("wrong.pcap", 0, 0, &file, &file);
    wrong[14] ^= 1;
    let cases = [
        (member("README", 0, 0, b"hello", b"hello"), "a: README: not a capture: it looks like text"),
        (member("empty", 0, 0, b"", b""), "a: empty: byte 35: the input is empty"),
        (member("secret", 8, 1, b"secret", b"secret"), "a: secret: byte 46: the member is encrypted"),
        (member("ppmd", 98, 0, b"packed", b"bytes"), "a: ppmd: byte 44: zip's method 98 is not supported"),
        (member("bad", 8, 0, &[0xff; 20], b"bytes"), "a: bad: "),
        (
            member("cut.pcap", 0, 0, &file[..30], &file[..30]),
            "a: cut.pcap: byte 24 after decompression: the last record is cut off",
        ),
    ];
    for (bad, expected) in cases {
        let read = read(&archive(&[bad, member("good.pcap", 0, 0, &file, &file)]));
        assert_eq!(read.frames, frames, "{expected}");
        let text = read.text().replace(char::is_numeric, "0");
        assert!(text.starts_with(&expected.replace(char::is_numeric, "0")), "{}", read.text());
    }
    let read = read(&archive(&[wrong, member("good.pcap", 0, 0, &file, &file)]));
    assert_eq!(read.frames, times(&frames, 2));
    assert!(read.text().contains("wrong.pcap") && read.text().contains("checksum"), "{}", read.text());
}

#[test]
fn control_characters_of_names_do_not_reach_the_terminal() {
    let text = read(&archive(&[member("\x1b[31mred\n", 0, 0, b"hello", b"hello")])).text();
    assert!(text.starts_with("a: \u{fffd}[31mred\u{fffd}: not a capture"), "{text}");
}

#[test]
fn an_archive_that_is_cut_off_or_damaged_gives_what_comes_before() {
    let (frames, file) = small_pcap();
    let zip = archive(&[
        member("a.pcap", 8, 0, &deflate(&file), &file),
        streamed("b.pcap", &file, true, false),
        member("c.pcap", 0, 0, &file, &file),
    ]);
    let all = times(&frames, 3);
    damage(&zip, |left, read| match left {
        Some(length) => {
            assert!(all.starts_with(&read.frames), "{length} bytes");
            let whole = zip.len() - length <= DIRECTORY.len() - 4;
            assert_eq!(read.error.is_none(), whole, "{length} bytes: {}", read.text());
        }
        None => assert!(read.frames.len() <= zip.len()),
    });
}
