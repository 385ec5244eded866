//! Files, pipes, and what is no capture.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use tapflow_core::LinkType;

use super::super::{Shortened, open};
use super::*;

fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    fs::write(&path, bytes).expect("a file");
    (directory, path)
}

fn error(path: &Path) -> InputError {
    match open(path, stop()) {
        Err(error) => error,
        Ok(mut source) => source.next().map(|packet| packet.map(|_| ())).expect_err("not a capture"),
    }
}

#[test]
fn a_file_that_is_cut_short_while_it_is_read_is_an_error_behind_all_that_is_left() {
    let (frames, bytes) = small_pcap();
    let length = bytes.len() as u64;
    for (more, size) in [(1, 1 << 20), (100, 100), (100_000, 4096), (100_000, 1 << 20)] {
        for gone in [0, 1, 70, 86, 90] {
            let left = &bytes[..bytes.len() - gone];
            let read = drain_together(blocks(left, length + more, size));
            // Between two records as well as within one.
            let expected = Shortened { length: length + more, present: left.len() as u64 };
            assert_eq!(read.frames, frames[..frames.len() - gone.div_ceil(86)]);
            assert!(matches!(read.kind(), Some(InputErrorKind::Shortened(found)) if found == expected));
        }
    }
}

/// What is read of a file that had this length when its length was looked up.
fn opened(bytes: &[u8], length: u64) -> Outcome {
    let capture = Capture::of_file("a".into(), super::file(bytes), length, super::super::pool::BLOCK, stop());
    drain_together(capture.expect("threads can be started"))
}

#[test]
fn files_of_every_kind_and_size_that_are_cut_short_are_named_with_what_is_missing() {
    let (_, small) = small_pcap();
    let record = pcap::record(Endian::Little, [0, 5, 70, 70], &[7; 70]);
    let large = [&small[..24], &record.repeat(10_000)].concat();
    for (bytes, frames) in [(&small, 4), (&large, 10_000)] {
        for packed in [bytes.clone(), compressed::gzip(bytes)] {
            let length = packed.len() as u64;
            let whole = opened(&packed, length);
            assert_eq!((whole.text(), whole.frames.len()), (String::new(), frames));
            let cut = opened(&packed, length + 4096);
            assert_eq!(cut.frames.len(), frames);
            let text = cut.text();
            assert!(text.starts_with("a: byte ") && text.contains(&format!("{length} of the ")), "{text}");
        }
    }
}

#[test]
fn a_file_that_gets_longer_while_it_is_read_gives_all_that_is_there() {
    let (frames, bytes) = small_pcap();
    for (fewer, size) in [(1, 1 << 20), (100, 100), (200, 50)] {
        let length = bytes.len() as u64 - fewer;
        for read in [drain_together(blocks(&bytes, length, size)), opened(&bytes, length)] {
            assert_eq!(read.text(), "", "{fewer} bytes more, in blocks of {size}");
            assert_eq!(read.frames, frames, "{fewer} bytes more, in blocks of {size}");
        }
    }
}

#[test]
fn frames_are_slices_of_the_blocks_that_were_read() {
    let (frames, bytes) = small_pcap();
    let (_directory, path) = file(&bytes);
    let mut source = open(&path, stop()).expect("a file");
    let mut blocks = Vec::new();
    let mut kept = Vec::new();
    while let Some(packet) = source.next().expect("a good file") {
        blocks.push((packet.block.as_ptr(), packet.block.len()));
        kept.push(packet.block.slice_ref(packet.frame.bytes));
    }
    assert_eq!(blocks, [(blocks[0].0, bytes.len()); 4], "every frame lies in the one block of the file");
    drop(source);
    // The bytes outlive the source.
    assert!(kept.iter().zip(&frames).all(|(bytes, frame)| *bytes == frame.bytes));
}

#[test]
fn progress_goes_from_nothing_to_the_length_of_the_file() {
    let (_, bytes) = small_pcap();
    let packed = compressed::gzip(&bytes);
    for bytes in [&bytes, &packed] {
        let (_directory, path) = file(bytes);
        let mut source = open(&path, stop()).expect("a file");
        assert_eq!(source.name(), path.display().to_string());
        assert_eq!(source.progress().total, Some(bytes.len() as u64));
        let mut last = source.progress().done;
        while source.next().expect("a good file").is_some() {
            assert!(source.progress().done >= last);
            last = source.progress().done;
        }
        assert_eq!(source.progress().done, bytes.len() as u64);
        assert_eq!(source.link_types(), [LinkType::ETHERNET]);
    }
}

#[test]
fn what_cannot_be_opened_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    assert!(matches!(error(directory.path()).kind, InputErrorKind::Directory));
    let missing = directory.path().join("missing");
    assert!(matches!(error(&missing).kind, InputErrorKind::Missing));
    assert!(error(&missing).to_string().starts_with(&format!("{}: no such file", missing.display())));
    let denied = InputErrorKind::from(io::Error::from(io::ErrorKind::PermissionDenied));
    assert!(matches!(denied, InputErrorKind::Permission));
}

#[test]
fn what_is_no_capture_is_told_by_what_it_looks_like() {
    let cases: [(&[u8], &str); 15] = [
        (b"", "the input is empty"),
        (b"hello, world\n", "text"),
        ("h\u{e9}llo, w\u{f6}rld, this is text\n".as_bytes(), "text"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"<!DOCTYPE html>", "HTML"),
        (b"\x7fELF\x02", "a program"),
        (b"GMBU\0\x02", "a Microsoft NetMon capture (editcap converts it)"),
        (b"\xaa\xaa\xaa\xaa\x18\0", "a 5View capture (editcap converts it)"),
        (b"+---------+---------------+----------+\r\n", "a K12 text capture (editcap converts it)"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"7z\xbc\xaf\x27\x1c\0", "a 7z archive"),
        (b"\x1f\x9d\x90", "compress data"),
        (&[0; 100], "zeros"),
        (b"\xd4\xc3\xb2", "unknown data"),
        (b"\x01\x02\x03\x04\xff\xfe", "unknown data"),
    ];
    for (bytes, expected) in cases {
        let text = read(bytes).text();
        assert!(text.contains(expected), "{bytes:?}: {text}");
        let (_directory, path) = file(bytes);
        assert!(error(&path).to_string().contains(expected), "{bytes:?}");
    }
}

#[test]
fn a_slow_writer_is_followed_frame_by_frame() {
    let (frames, bytes) = small_pcap();
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let mut source =
        Capture::of_stream("pipe".into(), BufReader::new(reader), None, stop()).expect("a thread");
    writer.write_all(&bytes[..24]).expect("a pipe");
    for (record, frame) in bytes[24..].chunks(86).zip(&frames) {
        writer.write_all(record).expect("a pipe");
        let packet = source.next().expect("a good stream").expect("a frame, before the next one is written");
        assert_eq!(packet.frame.bytes, frame.bytes);
    }
    drop(writer);
    assert!(source.next().expect("a good end").is_none());
}

#[test]
fn a_stop_ends_the_wait_for_input() {
    let (_, pcap) = small_pcap();
    let pcapng = pcapng::small();
    // Within headers, records and blocks, and between them.
    for (bytes, length) in [0, 10, 20, 24, 30, 50, 110]
        .map(|length| (&pcap, length))
        .into_iter()
        .chain([20, 26, 28, 40, 48, 60, 70, 88].map(|length| (&pcapng, length)))
    {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        writer.write_all(&bytes[..length]).expect("a pipe");
        let stop = stop();
        let input = BufReader::new(reader);
        let mut source = Capture::of_stream("pipe".into(), input, None, stop.clone()).expect("a thread");
        if length == 110 {
            assert!(source.next().expect("a frame").is_some());
        }
        let asked = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            stop.store(true, Ordering::Relaxed);
        });
        let read = drain(source);
        assert_eq!((read.frames.len(), read.text()), (0, String::new()), "{length}");
        asked.join().expect("a thread");
        drop(writer);
    }
}

#[test]
fn a_read_error_is_told_after_the_frames_before_it() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is on fire"))
        }
    }
    let (frames, bytes) = small_pcap();
    let input = BufReader::new(io::Cursor::new(bytes).chain(Failing));
    let read = drain(Capture::of_stream("a".into(), input, None, stop()).expect("a thread"));
    assert_eq!(read.frames, frames);
    assert_eq!(read.text(), "a: byte 368: cannot be read: the disk is on fire");
}
