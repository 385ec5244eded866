//! What a segment costs the core, in nanoseconds, beside a plain copy of the same payloads.
//!
//! `cargo bench -p tapflow-bench`. Each benchmark is a round of frames that lie in memory one after
//! the other, as in a mapped capture; between two rounds, which is not timed, every sequence number
//! moves on. The sink counts bytes: what it would do with them is not the core's cost. The copy goes
//! into a buffer that stays in the cache.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tapflow_core::{Config, Flow, Frame, LinkType, Reassembler, Sink, Storage, Timestamp};

// Without the rest of its crate, which has the whole program in it.
#[allow(dead_code, unreachable_pub)]
#[path = "../src/frames.rs"]
mod frames;

use frames::{ACK, CLIENT, HEADERS, SERVER, SYN, TcpFrame};

/// Where the sequence number of a frame is.
const SEQUENCE: usize = 14 + 20 + 4;
/// Capture time between two frames, in nanoseconds.
const STEP: u64 = 1000;

/// Counts.
#[derive(Default)]
struct Count {
    data: u64,
    repeated_or_lost: u64,
}

impl Sink for Count {
    type Error = Infallible;

    fn data(&mut self, _: Flow, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        black_box((offset, bytes.as_ptr()));
        self.data += bytes.len() as u64;
        Ok(())
    }

    fn repeated(&mut self, _: Flow, _: u64, bytes: &[u8]) -> Result<tapflow_core::Repeat, Infallible> {
        self.repeated_or_lost += bytes.len() as u64;
        Ok(tapflow_core::Repeat::NotCompared)
    }

    fn gap(&mut self, _: Flow, range: std::ops::Range<u64>) -> Result<(), Infallible> {
        self.repeated_or_lost += range.end - range.start;
        Ok(())
    }
}

/// Frames of equal length, one after the other.
struct Frames {
    bytes: Vec<u8>,
    length: usize,
}

impl Frames {
    fn new(frames: impl Iterator<Item = TcpFrame>) -> Self {
        let (mut bytes, mut length) = (Vec::new(), 1);
        for frame in frames {
            let frame = frame.bytes();
            length = frame.len();
            bytes.extend(frame);
        }
        Self { bytes, length }
    }

    fn len(&self) -> usize {
        self.bytes.len() / self.length
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.length)
    }

    fn move_on(&mut self, by: u32) {
        for frame in self.bytes.chunks_exact_mut(self.length) {
            let field = frame[SEQUENCE..].first_chunk_mut().expect("a whole header");
            *field = u32::from_be_bytes(*field).wrapping_add(by).to_be_bytes();
        }
    }
}

/// A reassembler with connections that are open, and its clock.
struct Bench {
    core: Reassembler<'static>,
    sink: Count,
    time: u64,
}

impl Bench {
    fn push(&mut self, bytes: &[u8]) {
        let frame = self.frame(bytes);
        let Ok(()) = self.core.push(&frame, &mut self.sink);
    }

    /// A frame, some time after the one before.
    fn frame<'f>(&mut self, bytes: &'f [u8]) -> Frame<'f> {
        self.time += STEP;
        let wire_len = bytes.len() as u32;
        Frame { link: LinkType::ETHERNET, time: Timestamp(self.time), wire_len, bytes }
    }

    /// Connections from these addresses and ports, each after its handshake; client and server begin at 0.
    fn open(clients: &[([u8; 4], u16)]) -> Self {
        let storage = Storage::heap(clients.len(), 1 << 16).expect("memory");
        let core = Reassembler::new(Config::new([0; 16]), storage).expect("a storage that fits");
        let mut bench = Self { core, sink: Count::default(), time: 0 };
        for &client in clients {
            let up = |flags| TcpFrame { source: client, ..TcpFrame::up(0, flags, b"") };
            let down = TcpFrame { destination: client, ..TcpFrame::down(0, SYN, b"") };
            bench.push(&up(SYN).bytes());
            bench.push(&down.acknowledging(1).bytes());
            bench.push(&TcpFrame { sequence: 1, ..up(ACK) }.acknowledging(1).bytes());
        }
        bench
    }

    /// Times rounds. Every byte of them must come out as data.
    fn rounds(&mut self, frames: &mut Frames, by: u32, rounds: u64) -> Duration {
        let before = self.sink.data;
        let mut spent = Duration::ZERO;
        for _ in 0..rounds {
            let mut ahead = Vec::with_capacity(Reassembler::BATCH);
            let start = Instant::now();
            for chunk in frames.bytes.chunks(frames.length * Reassembler::BATCH) {
                ahead.clear();
                ahead.extend(chunk.chunks_exact(frames.length).map(|bytes| self.frame(bytes)));
                let Ok(()) = self.core.push_batch(&ahead, &mut self.sink);
            }
            spent += start.elapsed();
            frames.move_on(by);
        }
        let payload = (frames.length - HEADERS) * frames.len();
        assert_eq!(self.sink.data - before, payload as u64 * rounds);
        assert_eq!(self.sink.repeated_or_lost, 0);
        spent
    }
}

/// The `index`th client.
fn client(index: usize) -> ([u8; 4], u16) {
    let [a, b, c, d] = ((10 << 24) + (index / 50_000) as u32).to_be_bytes();
    ([a, b, c, d], 10_000 + (index % 50_000) as u16)
}

/// The numbers below `count`, far from any order: multiples of a prime that does not divide it.
fn scattered(count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |index| index * 7_368_787 % count)
}

/// Two benchmarks: the core, and the copy.
fn pair(c: &mut Criterion, name: &str, mut bench: Bench, mut frames: Frames, by: u32) {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(frames.len() as u64));
    // A round of gigabytes takes a good part of a second.
    let samples = if frames.bytes.len() < 1 << 30 { 20 } else { 10 };
    group.sample_size(samples).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    let payload = frames.length - HEADERS;
    group.bench_function(BenchmarkId::new("reassemble", payload), |b| {
        b.iter_custom(|rounds| bench.rounds(&mut frames, by, rounds));
    });
    let mut buffer = vec![0; 1 << 16];
    group.bench_function(BenchmarkId::new("copy", payload), |b| {
        b.iter(|| {
            let mut at = 0;
            for frame in frames.iter() {
                buffer[at..at + payload].copy_from_slice(&frame[HEADERS..]);
                black_box(&mut buffer);
                at = (at + payload) % ((1 << 16) - payload);
            }
        });
    });
    group.finish();
}

/// One connection, 1448 bytes a segment.
fn one(c: &mut Criterion, name: &str, order: impl Fn(u32) -> u32) {
    const SEGMENTS: u32 = 1024;
    const LENGTH: u32 = 1448;
    let payload = vec![b'x'; LENGTH as usize];
    let frames = (0..SEGMENTS).map(|index| TcpFrame::down(1 + LENGTH * order(index), ACK, &payload));
    pair(c, name, Bench::open(&[CLIENT]), Frames::new(frames), SEGMENTS * LENGTH);
}

fn in_order(c: &mut Criterion) {
    one(c, "in order", |index| index);
}

/// Groups of eight in reverse: seven segments wait beyond a hole.
fn out_of_order(c: &mut Criterion) {
    one(c, "out of order", |index| index ^ 7);
}

/// `length` bytes from every server in turn, the connections in no order.
fn many(c: &mut Criterion, name: &str, count: usize, length: u32) {
    let clients: Vec<_> = (0..count).map(client).collect();
    let payload = vec![b'x'; length as usize];
    let frames = scattered(count)
        .map(|index| TcpFrame { destination: client(index), ..TcpFrame::down(1, ACK, &payload) });
    pair(c, name, Bench::open(&clients), Frames::new(frames), length);
}

fn many_connections(c: &mut Criterion) {
    assert_ne!(client(0), SERVER);
    many(c, "10,000 connections", 10_000, 1448);
    many(c, "10,000 connections", 10_000, 64);
    many(c, "1,000,000 connections", 1_000_000, 64);
    many(c, "1,000,000 connections", 1_000_000, 1448);
}

criterion_group!(benches, in_order, out_of_order, many_connections);
criterion_main!(benches);
