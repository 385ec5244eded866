//! `tapflow-bench-instructions SCENARIO`: pushes segments through the core, to be counted by callgrind or qemu.
//!
//! Only [`count_all`] and [`decode_all`] are to be counted: `tests/bench/instructions` says how. What it costs beside
//! the core is a loop and a sink that adds lengths.

use std::convert::Infallible;
use std::hint::black_box;
use std::process::ExitCode;

use tapflow_core::{Config, Flow, Frame, LinkType, Reassembler, Sink, Storage, Timestamp};

// Without the rest of its crate, which has the whole program in it.
#[allow(dead_code, unreachable_pub)]
#[path = "../src/frames.rs"]
mod frames;

use frames::{ACK, CLIENT, SYN, TcpFrame};

/// Segments that are counted.
const SEGMENTS: u32 = 10_000;
/// Bytes of each.
const LENGTH: u32 = 1448;
/// Capture time between two frames, in nanoseconds.
const STEP: u64 = 1000;

/// A name, how many connections take turns, and whether each group of eight segments comes in reverse.
const SCENARIOS: [(&str, usize, bool); 4] = [
    ("in-order", 1, false),
    ("out-of-order", 1, true),
    ("thousand-connections", 1000, false),
    ("decode-only", 0, false),
];

#[derive(Default)]
struct Count(u64);

impl Sink for Count {
    type Error = Infallible;

    fn data(&mut self, _: Flow, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        black_box(offset);
        self.0 += bytes.len() as u64;
        Ok(())
    }
}

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some((_, connections, reversed)) = SCENARIOS.into_iter().find(|(known, ..)| *known == name) else {
        let names = SCENARIOS.map(|(name, ..)| name).join(" ");
        eprintln!("usage: tapflow-bench-instructions SCENARIO\nscenarios: {names}");
        return ExitCode::from(2);
    };
    let storage = Storage::heap(connections.max(1), 1 << 10).expect("memory");
    // A fixed key: the same buckets in every run.
    let mut core = Reassembler::new(Config::new([0; 16]), storage).expect("a storage that fits");
    let mut sink = Count::default();
    let mut time = 0;
    let client = |number: usize| ([10, 0, (number >> 8) as u8, number as u8], CLIENT.1);
    let turns = connections.max(1) as u32;
    let order = |index: u32| if reversed { index ^ 7 } else { index };
    let payload = vec![b'x'; LENGTH as usize];
    for number in 0..connections {
        let source = client(number);
        push_all(
            &mut core,
            &mut sink,
            &[TcpFrame { source, ..TcpFrame::up(0, SYN, b"") }.bytes()],
            &mut time,
        );
        let answer = TcpFrame { destination: source, ..TcpFrame::down(0, SYN, b"") }.acknowledging(1);
        push_all(&mut core, &mut sink, &[answer.bytes()], &mut time);
        let last = TcpFrame { source, sequence: 1, ..TcpFrame::up(0, ACK, b"") }.acknowledging(1);
        push_all(&mut core, &mut sink, &[last.bytes()], &mut time);
    }
    let frames: Vec<Vec<u8>> = (0..SEGMENTS)
        .map(|index| {
            let destination = client((index % turns) as usize);
            TcpFrame { destination, ..TcpFrame::down(1 + LENGTH * order(index / turns), ACK, &payload) }
                .bytes()
        })
        .collect();
    if connections == 0 {
        mark();
        decode_all(&frames);
        mark();
        return ExitCode::SUCCESS;
    }
    mark();
    count_all(&mut core, &mut sink, &frames, &mut time);
    mark();
    assert_eq!(sink.0, u64::from(SEGMENTS / turns * turns) * u64::from(LENGTH));
    ExitCode::SUCCESS
}

/// What an emulator sees: it counts what comes between two of these.
fn mark() {
    #[cfg(unix)]
    black_box(std::os::unix::process::parent_id());
}

/// What is counted.
#[inline(never)]
fn count_all(core: &mut Reassembler<'_>, sink: &mut Count, frames: &[Vec<u8>], time: &mut u64) {
    push_all(core, sink, frames, time);
}

/// What is counted where nothing is reassembled.
#[inline(never)]
fn decode_all(frames: &[Vec<u8>]) {
    for bytes in frames {
        let wire_len = bytes.len() as u32;
        let frame = Frame { link: LinkType::ETHERNET, time: Timestamp(0), wire_len, bytes };
        let segment = tapflow_core::decode::decode(&frame);
        assert!(black_box(segment).is_ok());
    }
}

#[inline(never)]
fn push_all(core: &mut Reassembler<'_>, sink: &mut Count, frames: &[Vec<u8>], time: &mut u64) {
    for frames in frames.chunks(Reassembler::BATCH) {
        let together: Vec<_> = frames
            .iter()
            .map(|bytes| {
                *time += STEP;
                let wire_len = bytes.len() as u32;
                Frame { link: LinkType::ETHERNET, time: Timestamp(*time), wire_len, bytes }
            })
            .collect();
        let Ok(()) = core.push_batch(&together, sink);
    }
}
