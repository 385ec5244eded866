//! Any traffic at all: every flag, order, time, overlap, port reuse and jump, in tables and pools that
//! are far too small. The recorder holds every event to the contract; accounts stay true; two runs tell the same.

use proptest::prelude::*;
use tapflow_core::{
    Check, Config, Frame, InOrder, InOrderConfig, InOrderStorage, LinkType, OverlapPolicy, Reassembler, Sink,
    Storage, Timestamp, Urgent,
};
use tapflow_tests::frames::{TcpFrame, frame};
use tapflow_tests::recorder::Recorder;
use tapflow_tests::scene::{Lines, check_accounts};
use tapflow_tests::{KEY, with};

/// What happens at the tap.
#[derive(Clone, Debug)]
enum Step {
    /// A segment, of which a snap length leaves so many payload bytes.
    Segment { segment: TcpFrame, captured: usize, seconds: i64 },
    /// Any bytes.
    Bytes { bytes: Vec<u8>, link: u32, wire_len: u32 },
    /// Time passes.
    Quiet { seconds: u64 },
    /// New connections are wanted or not.
    Accept(bool),
    /// The input ends, and another one begins.
    Finish,
}

/// All distances are small, as the recorder keeps a place for every byte.
///
/// Sequence numbers around a few places, among them the wrap, and some that are far from all.
fn number() -> impl Strategy<Value = u32> {
    let near =
        (prop_oneof![8 => Just(0u32), 2 => Just(3000), 2 => Just(20_000), 1 => Just(1 << 31)], 0..300u32)
            .prop_map(|(place, offset)| place.wrapping_add(offset).wrapping_sub(100));
    prop_oneof![30 => near, 1 => any::<u32>()]
}

fn flags() -> impl Strategy<Value = u8> {
    prop_oneof![
        10 => Just(16u8),
        2 => Just(2u8),
        2 => Just(18u8),
        2 => Just(17u8),
        1 => Just(4u8),
        1 => Just(20u8),
        1 => Just(48u8),
        1 => any::<u8>(),
    ]
}

fn segment() -> impl Strategy<Value = TcpFrame> {
    let fields = (
        any::<bool>(),
        0..4u16,
        number(),
        number(),
        flags(),
        prop::collection::vec(any::<u8>(), 0..120),
        any::<u16>(),
        prop::option::of(any::<u8>()),
        (prop::option::of(0..40u32), 0..140u16),
    );
    fields.prop_map(|(down, port, sequence, acknowledgement, flags, payload, window, window_scale, more)| {
        let (timestamp, urgent_pointer) = more;
        let segment = if down { TcpFrame::down } else { TcpFrame::up }(sequence, flags, &payload);
        let segment =
            TcpFrame { acknowledgement, window, window_scale, timestamp, urgent_pointer, ..segment };
        // Port 80 on the client's side and its address: the server talks to itself.
        if port == 3 {
            TcpFrame { source: segment.destination, ..segment }
        } else {
            segment.client_port(port)
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![20 => Just(0i64), 3 => -5..20i64, 1 => 0..500i64];
    let captured = prop_oneof![6 => Just(usize::MAX), 1 => 0..120usize];
    prop_oneof![
        60 => (segment(), captured, seconds)
            .prop_map(|(segment, captured, seconds)| Step::Segment { segment, captured, seconds }),
        1 => (prop::collection::vec(any::<u8>(), 0..80), prop_oneof![Just(1), Just(101), any::<u32>()], any::<u32>())
            .prop_map(|(bytes, link, wire_len)| Step::Bytes { bytes, link, wire_len }),
        1 => (0..300u64).prop_map(|seconds| Step::Quiet { seconds }),
        1 => prop::bool::weighted(0.8).prop_map(Step::Accept),
        1 => Just(Step::Finish),
    ]
}

#[derive(Clone, Debug)]
struct Setting {
    connections: usize,
    islands: usize,
    pages: usize,
    config: Config,
}

fn setting() -> impl Strategy<Value = Setting> {
    let sizes = (1..6usize, prop_oneof![0..8usize, Just(500)], 0..6usize);
    let limits = (
        prop_oneof![Just(0), 1..300u32, Just(5000), Just(30_000)],
        prop_oneof![Just(0), 0..200u32, Just(30_000)],
        0..6u8,
        prop_oneof![0..6u16, Just(u16::MAX)],
        prop_oneof![0..4u32, Just(u32::MAX)],
    );
    let times = (prop::option::of(0..60u64), 0..60u64);
    let check = || prop_oneof![Just(Check::Count), Just(Check::Refuse)];
    let urgent = prop_oneof![Just(Urgent::Inline), Just(Urgent::Apart)];
    let receiver = (prop::sample::select(&OverlapPolicy::ALL[..]), urgent, check(), check());
    (sizes, limits, times, receiver).prop_map(|(sizes, limits, (idle, linger), receiver)| {
        let (overlap, urgent, paws, window) = receiver;
        let (connections, islands, pages) = sizes;
        let (max_jump, rebase_window, max_rebases, max_islands, max_inactive) = limits;
        let config = with(Config::new(KEY), |c| {
            c.idle_timeout = idle.map(|seconds| seconds * Timestamp::SECOND);
            c.linger = linger * Timestamp::SECOND;
            c.max_inactive = max_inactive;
            c.max_jump = max_jump;
            c.rebase_window = rebase_window;
            c.max_rebases = max_rebases;
            c.max_islands = max_islands;
            c.overlap = overlap;
            c.urgent = urgent;
            c.paws = paws;
            c.window = window;
        });
        Setting { connections, islands, pages, config }
    })
}

/// Plays the steps, frame by frame. Answers the core at the end.
fn play<S: Sink<Error = std::convert::Infallible>>(
    setting: &Setting,
    steps: &[Step],
    hash_key: [u8; 16],
    sink: &mut S,
) -> Reassembler<'static> {
    let config = with(setting.config.clone(), |c| c.hash_key = hash_key);
    let storage = Storage::heap(setting.connections, setting.islands).unwrap();
    let mut core = Reassembler::new(config, storage).unwrap();
    let mut now = 1000u64;
    for step in steps {
        match step {
            Step::Segment { segment, captured, seconds } => {
                now = now.saturating_add_signed(*seconds);
                let bytes = segment.bytes();
                let missing = segment.payload.len().saturating_sub(*captured);
                let whole = frame(&bytes, now);
                let Ok(()) = core.push(&Frame { bytes: &bytes[..bytes.len() - missing], ..whole }, sink);
            }
            Step::Bytes { bytes, link, wire_len } => {
                let frame = Frame { link: LinkType(*link), wire_len: *wire_len, ..frame(bytes, now) };
                let Ok(()) = core.push(&frame, sink);
            }
            Step::Quiet { seconds } => {
                now += seconds;
                let Ok(()) = core.advance(Timestamp::new(now, 0), sink);
            }
            Step::Accept(accept) => core.accept_new_connections(*accept),
            Step::Finish => {
                let Ok(()) = core.finish(sink);
            }
        }
    }
    let Ok(()) = core.finish(sink);
    core
}

/// The same with all frames between two other steps at once.
fn play_together(setting: &Setting, steps: &[Step], sink: &mut Lines) -> Reassembler<'static> {
    let storage = Storage::heap(setting.connections, setting.islands).unwrap();
    let mut core = Reassembler::new(setting.config.clone(), storage).unwrap();
    let mut now = 1000u64;
    let is_frame = |step: &Step| matches!(step, Step::Segment { .. } | Step::Bytes { .. });
    for steps in steps.chunk_by(|one, other| is_frame(one) && is_frame(other)) {
        let mut frames = Vec::new();
        for step in steps {
            match step {
                Step::Segment { segment, captured, seconds } => {
                    now = now.saturating_add_signed(*seconds);
                    let missing = segment.payload.len().saturating_sub(*captured);
                    let (mut bytes, whole) = (segment.bytes(), segment.bytes().len());
                    bytes.truncate(whole - missing);
                    frames.push((LinkType::ETHERNET, now, whole as u32, bytes));
                }
                Step::Bytes { bytes, link, wire_len } => {
                    frames.push((LinkType(*link), now, *wire_len, bytes.clone()));
                }
                Step::Quiet { seconds } => {
                    now += seconds;
                    let Ok(()) = core.advance(Timestamp::new(now, 0), sink);
                }
                Step::Accept(accept) => core.accept_new_connections(*accept),
                Step::Finish => {
                    let Ok(()) = core.finish(sink);
                }
            }
        }
        let frame =
            |(link, time, wire_len, bytes)| Frame { link, time: Timestamp::new(time, 0), wire_len, bytes };
        let frames: Vec<_> =
            frames.iter().map(|(link, time, len, bytes)| frame((*link, *time, *len, &bytes[..]))).collect();
        let Ok(()) = core.push_batch(&frames, sink);
    }
    let Ok(()) = core.finish(sink);
    core
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: tapflow_tests::cases(3000), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn keeps_the_contract_and_the_accounts(setting in setting(), steps in prop::collection::vec(step(), 1..120)) {
        let mut sink = Lines::default();
        let core = play(&setting, &steps, [0; 16], &mut sink);
        check_accounts(core.counters());
        let c = core.counters();
        prop_assert!(sink.recorder.all_closed());
        let sum = |of: fn(&tapflow_core::Summary) -> u64| -> u64 {
            sink.recorder.flows.values().filter_map(|record| record.closed.as_ref()).map(|(_, s)| of(s)).sum()
        };
        prop_assert_eq!(c.flows, sink.recorder.flows.len() as u64);
        prop_assert_eq!(c.data_bytes, sum(|s| s.data));
        prop_assert_eq!(c.gap_bytes, sum(|s| s.gaps));
        prop_assert_eq!(c.repeated_bytes, sum(|s| s.repeated));
        prop_assert_eq!(c.acknowledged_unseen_bytes, sum(|s| s.acknowledged_unseen));
        prop_assert_eq!(c.late_bytes, sink.recorder.flows.values().map(|record| record.late).sum::<u64>());
        prop_assert_eq!(c.conflicts, sink.recorder.flows.values().map(|record| record.conflicts).sum::<u64>());
        prop_assert_eq!(c.closed.iter().sum::<u64>(), c.connections);
        prop_assert!(c.max_connections <= setting.connections as u64);
        prop_assert_eq!(c.frames, c.segments + c.rejected_frames());
    }

    #[test]
    fn tells_the_same_with_any_hash_key(
        setting in setting(), steps in prop::collection::vec(step(), 1..80), key: [u8; 16],
    ) {
        let (mut one, mut other) = (Lines::default(), Lines::default());
        let first = play(&setting, &steps, [0; 16], &mut one);
        let second = play(&setting, &steps, key, &mut other);
        prop_assert_eq!(one.lines, other.lines);
        prop_assert_eq!(first.counters(), second.counters());
    }

    #[test]
    fn tells_the_same_of_frames_that_come_together(
        setting in setting(), steps in prop::collection::vec(step(), 1..120),
    ) {
        let (mut alone, mut together) = (Lines::default(), Lines::default());
        let first = play(&setting, &steps, [0; 16], &mut alone);
        let second = play_together(&setting, &steps, &mut together);
        prop_assert_eq!(alone.lines, together.lines);
        prop_assert_eq!(first.counters(), second.counters());
    }

    #[test]
    fn ascends_inside_of_the_adaptor(setting in setting(), steps in prop::collection::vec(step(), 1..120)) {
        let storage = InOrderStorage::heap(setting.connections, setting.pages * 2048).unwrap();
        let lines = Lines { recorder: Recorder::adapted(true), ..Lines::default() };
        let mut sink = InOrder::new(lines, storage, InOrderConfig::new(KEY));
        let core = play(&setting, &steps, [0; 16], &mut sink);
        check_accounts(core.counters());
        prop_assert!(sink.inner().recorder.all_closed());
    }
}
