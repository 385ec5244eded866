//! Stream offsets have 64 bits: sequence numbers may wrap any number of times, with and without holes.

use std::convert::Infallible;
use std::ops::Range;

use tapflow_core::{CloseReason, Config, Flow, Frame, Reassembler, Repeat, Sink, Storage, Summary};
use tapflow_tests::frames::{FIN, HEADERS, SYN, TcpFrame, frame};
use tapflow_tests::scene::{Scene, check_accounts};
use tapflow_tests::{KEY, with};

/// Keeps places, not bytes.
#[derive(Default)]
struct Places {
    data: Vec<Range<u64>>,
    repeated: Vec<Range<u64>>,
    gaps: Vec<Range<u64>>,
    closed: Vec<(CloseReason, Summary)>,
}

fn add(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

impl Sink for Places {
    type Error = Infallible;

    fn data(&mut self, _: Flow, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        add(&mut self.data, offset..offset + bytes.len() as u64);
        Ok(())
    }

    fn repeated(&mut self, _: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, Infallible> {
        add(&mut self.repeated, offset..offset + bytes.len() as u64);
        Ok(Repeat::NotCompared)
    }

    fn gap(&mut self, _: Flow, range: Range<u64>) -> Result<(), Infallible> {
        add(&mut self.gaps, range);
        Ok(())
    }

    fn closed(&mut self, _: Flow, reason: CloseReason, summary: &Summary) -> Result<(), Infallible> {
        self.closed.push((reason, summary.clone()));
        Ok(())
    }
}

/// One flow whose segments differ only in their sequence numbers.
struct Stream {
    core: Reassembler<'static>,
    places: Places,
    isn: u32,
    bytes: Vec<u8>,
}

impl Stream {
    /// After a SYN; segments will have `len` bytes.
    fn begin(config: Config, isn: u32, len: usize) -> Self {
        let core = Reassembler::new(config, Storage::heap(4, 2000).unwrap()).unwrap();
        let bytes = TcpFrame::up(0, 0, &vec![7; len]).bytes();
        let mut stream = Self { core, places: Places::default(), isn, bytes };
        let syn = TcpFrame::up(isn, SYN, b"").bytes();
        let Ok(()) = stream.core.push(&frame(&syn, 1), &mut stream.places);
        stream
    }

    /// The bytes at a stream offset are sent.
    fn send(&mut self, offset: u64) {
        let sequence = self.isn.wrapping_add(1).wrapping_add(offset as u32);
        self.bytes[14 + 20 + 4..][..4].copy_from_slice(&sequence.to_be_bytes());
        let Ok(()) = self.core.push(&frame(&self.bytes, 1), &mut self.places);
    }

    fn finish(mut self) -> (Places, Reassembler<'static>) {
        let Ok(()) = self.core.finish(&mut self.places);
        check_accounts(self.core.counters());
        assert_eq!(self.core.counters().flows, 1, "one flow only");
        (self.places, self.core)
    }
}

#[test]
fn a_stream_goes_on_where_sequence_numbers_wrap() {
    for before in 0..12 {
        let mut scene = Scene::default();
        let isn = 0u32.wrapping_sub(before);
        scene.push(&TcpFrame::up(isn, SYN, b""));
        let first = isn.wrapping_add(1);
        assert_eq!(scene.push(&TcpFrame::up(first, 0, b"hello")), ["0 data 0 hello"]);
        assert_eq!(scene.push(&TcpFrame::up(first.wrapping_add(5), FIN, b"world")), ["0 data 5 world"]);
        assert_eq!(scene.push(&TcpFrame::up(first, 0, b"hello")), ["0 repeated 0 hello"]);
        assert_eq!(scene.finish(), ["0 closed end-of-input 10"]);
    }
}

#[test]
fn segments_may_come_out_of_order_where_sequence_numbers_wrap() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(u32::MAX - 5, SYN, b""));
    assert_eq!(scene.push(&TcpFrame::up(5, 0, b"world")), ["0 data 10 world"]);
    assert_eq!(scene.push(&TcpFrame::up(0, 0, b"small")), ["0 data 5 small"]);
    assert_eq!(scene.push(&TcpFrame::up(u32::MAX - 4, 0, b"hello")), ["0 data 0 hello"]);
    assert_eq!(scene.finish(), ["0 closed end-of-input 15"]);
}

#[test]
fn the_start_moves_down_across_the_wrap() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(2, 0, b"world"));
    assert_eq!(scene.push(&TcpFrame::up(u32::MAX - 2, 0, b"hello")), ["0 rebased 5", "0 data 0 hello"]);
}

#[test]
fn more_than_4_gib_in_order() {
    const LEN: usize = 64_000;
    const COUNT: u64 = (5 << 30) / LEN as u64;
    let mut stream = Stream::begin(Config::new(KEY), 0xfedc_ba98, LEN);
    for piece in 0..COUNT {
        stream.send(piece * LEN as u64);
    }
    stream.send((COUNT - 1) * LEN as u64);
    let (places, _) = stream.finish();
    let span = COUNT * LEN as u64;
    assert!(span > 1 << 32);
    assert_eq!(places.data, std::iter::once(0..span).collect::<Vec<_>>());
    assert_eq!(places.repeated, std::iter::once(span - LEN as u64..span).collect::<Vec<_>>());
    assert_eq!(places.closed[0].1.span, span);
}

#[test]
fn more_than_4_gib_beyond_a_hole_that_is_never_filled() {
    const LEN: usize = 64_000;
    const COUNT: u64 = (9 << 30) / LEN as u64;
    let mut stream = Stream::begin(Config::new(KEY), 5, LEN);
    stream.send(0);
    for piece in 2..COUNT {
        stream.send(piece * LEN as u64);
    }
    let (places, core) = stream.finish();
    assert_eq!(places.gaps, std::iter::once(64_000..128_000).collect::<Vec<_>>());
    assert_eq!(places.data, [0..64_000, 128_000..COUNT * LEN as u64]);
    assert_eq!(core.counters().out_of_window_bytes, 0);
}

#[test]
fn more_than_4_gib_in_steps_just_short_of_a_jump() {
    let step = u64::from(Config::DEFAULT_MAX_JUMP) + 9;
    let mut stream = Stream::begin(Config::new(KEY), u32::MAX, 10);
    for piece in 0..1000 {
        stream.send(piece * step);
    }
    stream.send(999 * step - 5);
    let (places, _) = stream.finish();
    assert_eq!(places.data.len(), 1001);
    assert_eq!(places.data[999], 999 * step..999 * step + 10);
    assert_eq!(places.data[1000], 999 * step - 5..999 * step);
    assert_eq!(places.repeated, std::iter::once(999 * step..999 * step + 5).collect::<Vec<_>>());
    assert_eq!(places.closed[0].1.span, 999 * step + 10);
    assert!(999 * step > 3 << 32);
}

#[test]
fn the_largest_jump_that_can_be_allowed_reaches_almost_2_gib() {
    let config = with(Config::new(KEY), |c| c.max_jump = u32::MAX);
    let step = (1 << 31) - 2;
    let mut stream = Stream::begin(config, 0, 1);
    for piece in 0..10 {
        stream.send(piece * step);
    }
    let (places, _) = stream.finish();
    assert_eq!(places.closed[0].1.span, 9 * step + 1);
    assert_eq!(places.closed[0].1.data, 10);
}

#[test]
fn a_length_on_the_wire_beyond_any_window_does_not_reach_sequence_numbers() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(99, SYN, b""));
    let mut bytes = TcpFrame::up(100, 0, b"hello").bytes();
    bytes[16..18].fill(0); // total length 0: what the wire had
    let whole = frame(&bytes, 1);
    scene.push_frame(&Frame { wire_len: u32::MAX, ..whole });
    let told = scene.push_frame(&Frame { wire_len: HEADERS as u32, ..frame(&bytes[..HEADERS], 1) });
    assert!(told.is_empty());
    scene.finish();
    assert!(scene.recorder().flows[&0].closed.as_ref().is_some_and(|(_, summary)| summary.span <= 1 << 30));
}
