//! Whole runs: conversations, options and faults of the file system, and what is left in the directory.
//!
//! The first bytes of an input choose options and faults; the others are the steps of up to four conversations, which
//! become a capture. A second core, without the front-end, says which bytes the files have.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tapflow_common::run::{Outcome, Stop, run as run_program};
use tapflow_core::{Config, Frame, LinkType, Reassembler, Storage, Timestamp};

use super::{Material, Script};
use crate::KEY;
use crate::frames::{ACK, FIN, RST, SYN, TcpFrame};
use crate::machine::{Machine, options};
use crate::recorder::Recorder;

/// Steps of an input that are played.
const STEPS: usize = 60;

/// Options, each of which an input has or has not.
const CHOICES: [&[&str]; 14] = [
    &["-e", "http"],
    &["--hash", "md5,sha256"],
    &["-w", "rest.pcap"],
    &["--har", "a.har"],
    &["--jsonl", "a.jsonl"],
    &["-I"],
    &["-Fk"],
    &["-b", "700"],
    &["--rotate", "20s"],
    &["--max-connections", "16"],
    &["--idle-timeout", "5"],
    &["--overlap", "last"],
    &["--urgent", "drop"],
    &["--max-disk", "1M"],
];

/// What of [`CHOICES`] leaves every flow in one file, with all of its bytes.
const PLAIN: u16 = 0b0000_0000_0001_1111;

/// What an HTTP conversation is made of.
const TEXTS: [&[u8]; 10] = [
    b"GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"Content-Encoding: gzip\r\n",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcbH\xcd\xc9\xc9\x07\x00\x86\xa6\x106\x05\x00\x00\x00",
    b"HTTP/1.0 200\r\n\r\n",
];

/// The file of a report is whole, every line of JSON is one, and in a run without faults and without bounds the files of
/// flows have the bytes that the core gives.
pub fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let chosen = script.u16();
    let fault = script.byte();
    let processors = 1 + usize::from(script.byte() % 4);
    let frames = conversations(&mut script);
    let scratch = tempfile::tempdir().expect("a directory for the run");
    let at = |name: &str| scratch.path().join(name);
    fs::write(at("a.pcap"), capture(&frames, fault)).expect("a capture");
    prepare(scratch.path(), fault);
    let outcome = start(scratch.path(), chosen, processors);
    assert!(fault < 8 || outcome.errors.is_empty() || chosen & 1 << 13 != 0, "{:?}", outcome.errors);
    check_documents(scratch.path());
    if fault >= 8 && chosen & !PLAIN == 0 {
        compare(&frames, &at("out"));
    }
}

/// Runs the program with the options of `chosen` in the directory `scratch`.
fn start(scratch: &Path, chosen: u16, processors: usize) -> Outcome {
    let path = |name: &str| scratch.join(name).to_string_lossy().into_owned();
    let mut words: Vec<String> = vec!["-r".to_owned(), path("a.pcap"), "-o".to_owned(), path("out")];
    // With numbered directories each has files of its own, which have names without a directory.
    let rotates =
        CHOICES.iter().zip(0..).any(|(choice, bit)| choice[0] == "--rotate" && chosen >> bit & 1 == 1);
    for (choice, bit) in CHOICES.iter().zip(0..) {
        if chosen >> bit & 1 == 1 {
            let word =
                |word: &&str| if word.contains('.') && !rotates { path(word) } else { (*word).to_owned() };
            words.extend(choice.iter().map(word));
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run_program(&options(&words), &Machine(processors), &Stop::default(), &|_| {})
}

/// The conversations of a script: times, and segments on Ethernet.
fn conversations(script: &mut Script<'_>) -> Vec<(Timestamp, Vec<u8>)> {
    let mut frames = Vec::new();
    let mut time = 1_000_000_000_000_u64;
    // What each side of each conversation sends next.
    let mut next = [[1000_u32, 5000]; 4];
    while !script.0.is_empty() && frames.len() < STEPS {
        let step = script.byte();
        let (conversation, side) = (usize::from(step >> 1 & 3), usize::from(step & 1));
        let what = script.byte();
        let sequence = next[conversation][side];
        let acknowledgement = next[conversation][1 - side];
        let payload: Vec<u8> = match what % 16 {
            0..6 => TEXTS[usize::from(what / 16) % TEXTS.len()].to_vec(),
            6..9 => script.bytes(usize::from(what)).to_vec(),
            _ => Vec::new(),
        };
        let (flags, sequence, moved) = match what % 16 {
            9 => (SYN, sequence.wrapping_sub(1), 0),
            10 => (FIN | ACK, sequence, 1),
            11 => (RST | ACK, sequence, 0),
            12 => (ACK, sequence, u32::from(script.byte())), // bytes that were not captured
            13 => (ACK, sequence.wrapping_sub(u32::from(script.byte())), 0),
            14 => {
                time += u64::from(script.byte()) * 1_000_000_000;
                (ACK, sequence, 0)
            }
            15 => {
                next[conversation] = [script.u32(), script.u32()];
                (SYN, next[conversation][side].wrapping_sub(1), 0)
            }
            _ => (ACK, sequence, payload.len() as u32),
        };
        next[conversation][side] = next[conversation][side].wrapping_add(moved);
        let port = 40_000 + conversation as u16;
        let frame = if side == 0 { TcpFrame::up } else { TcpFrame::down }(sequence, flags, &payload);
        let frame = if flags & ACK != 0 { frame.acknowledging(acknowledgement) } else { frame };
        time += 1_000_000;
        frames.push((
            Timestamp::new(time / 1_000_000_000, (time % 1_000_000_000) as u32),
            frame.client_port(port).bytes(),
        ));
    }
    frames
}

/// A pcap file; with fault 0 its last record is cut short, with fault 1 something follows that is no record.
fn capture(frames: &[(Timestamp, Vec<u8>)], fault: u8) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 0x0004_0000, 1] {
        file.extend(word.to_le_bytes());
    }
    for (time, bytes) in frames {
        let length = bytes.len() as u32;
        for word in [time.seconds() as u32, time.subsec_nanos(), length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(bytes);
    }
    match fault {
        0 => file.truncate(file.len().saturating_sub(7).max(24)),
        1 => file.extend([0xff; 40]),
        _ => {}
    }
    file
}

/// Puts things where the run wants its files.
fn prepare(scratch: &Path, fault: u8) {
    let flow = "010.000.000.001.40000-010.000.000.002.00080";
    let out = scratch.join("out");
    let made = match fault {
        2 => fs::write(&out, "a file"),
        3 => fs::create_dir_all(out.join(flow)),
        4 => fs::create_dir_all(out.join("report.xml")),
        5 => fs::create_dir_all(scratch.join("a.jsonl")),
        6 => fs::create_dir_all(scratch.join("a.har"))
            .and_then(|()| fs::create_dir_all(scratch.join("rest.pcap"))),
        7 => fs::create_dir_all(out.join("000001")).and_then(|()| fs::write(out.join(flow), "earlier")),
        _ => Ok(()),
    };
    made.expect("what stands in the way");
}

/// Reports and lines that have their final names are whole.
fn check_documents(directory: &Path) {
    for entry in fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            check_documents(&entry);
            continue;
        }
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = fs::read(&entry).expect("a file");
        if name == "report.xml" {
            assert!(bytes.ends_with(b"</dfxml>\n"), "{}", entry.display());
        } else if name == "a.har" {
            serde_json::from_slice::<serde_json::Value>(&bytes).expect("HAR is JSON");
        } else if name == "a.jsonl" {
            for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                serde_json::from_slice::<serde_json::Value>(line).expect("each line is JSON");
            }
        }
    }
}

/// The files of flows are those of the core: their contents, in any order, as names are not its subject.
fn compare(frames: &[(Timestamp, Vec<u8>)], out: &Path) {
    let storage = Storage::heap(64, 1024).expect("memory");
    let mut core = Reassembler::new(Config::new(KEY), storage).expect("a storage that fits");
    let mut recorder = Recorder::default();
    for (time, bytes) in frames {
        let frame = Frame { link: LinkType::ETHERNET, time: *time, wire_len: bytes.len() as u32, bytes };
        let Ok(()) = core.push(&frame, &mut recorder);
    }
    let Ok(()) = core.finish(&mut recorder);
    let streams = recorder.flows.into_values().filter(|flow| flow.data > 0);
    let expected: BTreeSet<Vec<u8>> =
        streams.map(|flow| flow.bytes.into_iter().map(Option::unwrap_or_default).collect()).collect();
    let found: BTreeSet<Vec<u8>> = fs::read_dir(out)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.is_file() && !name.contains("-HTTP") && !name.starts_with("report")
        })
        .map(|path| fs::read(path).expect("a file"))
        .collect();
    assert_eq!(found, expected);
}

/// The beginning of a stream: as good as any steps.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    super::short_streams(material).into_iter().take(1).collect()
}
