//! A whole run allocates as it gets going; after that nothing for each packet, and nothing for each flow that has no
//! data. A flow with a file has a few allocations: its name, its pieces, what is known of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use tapflow_common::cli::Options;
use tapflow_common::run::{Stop, run};
use tapflow_tests::frames::{ACK, FIN, RST, SYN, TcpFrame};
use tapflow_tests::machine::{Machine, options};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, which counts for all threads: a run has several.
struct Counting;

// SAFETY: every method passes its arguments unchanged to the system's allocator, whose contract is the same; the
// counter needs neither allocation nor destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and the block came from the system.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A pcap file of Ethernet frames, 10 milliseconds apart: connections that have ended are forgotten after a minute.
fn write_capture(path: &Path, frames: impl Iterator<Item = TcpFrame>) {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    for (number, frame) in frames.enumerate() {
        let bytes = frame.bytes();
        let (seconds, micros) = (1_700_000_000 + number as u32 / 100, number as u32 % 100 * 10_000);
        for word in [seconds, micros, bytes.len() as u32, bytes.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(bytes);
    }
    fs::write(path, file).unwrap();
}

/// How many times a run with these options allocates that reads `count` of what `frames` makes.
fn allocations<I: Iterator<Item = TcpFrame>>(
    arguments: &[&str],
    count: u32,
    frames: impl Fn(u32) -> I,
) -> u64 {
    let scratch = tempfile::tempdir().unwrap();
    let capture = scratch.path().join("capture.pcap");
    write_capture(&capture, frames(count));
    let arguments = [&["-r", capture.to_str().unwrap()], arguments].concat();
    let options = Options { output_dir: scratch.path().join("out"), ..options(&arguments) };
    fs::create_dir(&options.output_dir).unwrap();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let outcome = run(&options, &Machine(2), &Stop::default(), &|_| {});
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert_eq!(outcome.errors, Vec::<String>::new());
    allocations
}

/// Allocations for each of `count` more, after `count`.
fn for_each<I: Iterator<Item = TcpFrame>>(arguments: &[&str], count: u32, frames: impl Fn(u32) -> I) -> f64 {
    let (few, many) = (allocations(arguments, count, &frames), allocations(arguments, 2 * count, &frames));
    many.saturating_sub(few) as f64 / f64::from(count)
}

/// One connection with so many segments.
fn packets(count: u32) -> impl Iterator<Item = TcpFrame> {
    let opening = [TcpFrame::up(0, SYN, b""), TcpFrame::down(0, SYN, b"").acknowledging(1)];
    let segment = |number| TcpFrame::up(1 + 100 * number, ACK, &[b'x'; 100]).acknowledging(1);
    opening.into_iter().chain((0..count).map(segment))
}

/// So many connections that are refused.
fn refused(count: u32) -> impl Iterator<Item = TcpFrame> {
    (0..count).flat_map(|number| {
        let port = 1024 + (number % 60_000) as u16;
        [
            TcpFrame::up(number, SYN, b"").client_port(port),
            TcpFrame::down(0, RST, b"").client_port(port).acknowledging(number + 1),
        ]
    })
}

/// So many short connections.
fn short(count: u32) -> impl Iterator<Item = TcpFrame> {
    (0..count).flat_map(|number| {
        let port = 1024 + (number % 60_000) as u16;
        [
            TcpFrame::up(0, SYN, b""),
            TcpFrame::down(0, SYN, b"").acknowledging(1),
            TcpFrame::up(1, FIN, b"request").acknowledging(1),
            TcpFrame::down(1, FIN, b"answer").acknowledging(9),
            TcpFrame::up(9, ACK, b"").acknowledging(8),
        ]
        .map(|frame| frame.client_port(port))
    })
}

/// One test: what others allocate at the same time would count.
#[test]
fn allocations_do_not_grow_with_packets_or_with_flows_without_data() {
    for arguments in [&["-FX"][..], &[], &["-a"], &["-I"]] {
        let each = for_each(arguments, 20_000, packets);
        assert!(each < 0.1, "{arguments:?}: {each} allocations for each packet");
    }
    // Memory for as many as are under way to the writers, at most 20,480 of the four here, is used again.
    let all = allocations(&[], 100_000, refused);
    assert!(all < 40_000, "{all} allocations for 100,000 refused connections");
    let each = for_each(&["-Fk"], 4_000, short) / 2.0;
    assert!(each < 12.0, "{each} allocations for each file");
}
