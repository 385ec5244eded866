//! The in-order adaptor: `data` and `gap` of each flow ascend without overlap from 0 to the span,
//! whatever order the segments come in, however many flows there are, and however little memory.

use proptest::prelude::*;
use tapflow_core::{
    Config, Flow, InOrder, InOrderConfig, InOrderStorage, Reassembler, Sink, StaticInOrderStorage,
    StaticStorage, Storage,
};
use tapflow_tests::frames::{SYN, TcpFrame, frame};
use tapflow_tests::recorder::Recorder;
use tapflow_tests::scene::{Lines, check_accounts};
use tapflow_tests::{KEY, with};

const PAGE: usize = 2048;
const NOTHING: [&str; 0] = [];

/// A reassembler with an adaptor that has so many pages.
struct Ordered {
    core: Reassembler<'static>,
    sink: InOrder<'static, Lines>,
}

impl Ordered {
    /// Clients of `flows` ports have sent SYN 99.
    fn new(pages: usize, flows: u16) -> Self {
        Self::with(Config::new(KEY), 64, pages, flows)
    }

    fn with(config: Config, islands: usize, pages: usize, flows: u16) -> Self {
        let core = Reassembler::new(config, Storage::heap(16, islands).unwrap()).unwrap();
        let lines = Lines { recorder: Recorder::adapted(true), ..Lines::default() };
        let sink =
            InOrder::new(lines, InOrderStorage::heap(16, pages * PAGE).unwrap(), InOrderConfig::new(KEY));
        let mut ordered = Self { core, sink };
        for port in 0..flows {
            ordered.push(&TcpFrame::up(99, SYN, b"").client_port(port));
        }
        ordered
    }

    fn push(&mut self, segment: &TcpFrame) -> Vec<String> {
        let Ok(()) = self.core.push(&frame(&segment.bytes(), 1), &mut self.sink);
        self.told()
    }

    fn finish(&mut self) -> Vec<String> {
        let Ok(()) = self.core.finish(&mut self.sink);
        check_accounts(self.core.counters());
        self.told()
    }

    /// The slot of a flow that is open.
    fn slot_of(&self, number: u64) -> u32 {
        self.sink.inner().recorder.slot_of(number).expect("an open flow")
    }

    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sink.inner_mut().lines)
    }
}

/// A segment of the client with this port, whose stream begins at 100, by stream offset.
fn at(port: u16, offset: u32, payload: &str) -> TcpFrame {
    TcpFrame::up(100 + offset, 0, payload.as_bytes()).client_port(port)
}

#[test]
fn bytes_in_order_are_passed_on_at_once() {
    let mut scene = Ordered::new(4, 1);
    assert_eq!(scene.push(&at(0, 0, "hello")), ["0 data 0 hello"]);
    assert_eq!(scene.push(&at(0, 5, " world")), ["0 data 5  world"]);
}

#[test]
fn bytes_beyond_a_hole_wait_for_it() {
    let mut scene = Ordered::new(4, 1);
    assert_eq!(scene.push(&at(0, 5, "world")), NOTHING);
    assert_eq!(scene.push(&at(0, 11, "!")), NOTHING);
    assert_eq!(scene.push(&at(0, 0, "hello")), ["0 data 0 hello", "0 data 5 world"]);
    assert_eq!(scene.push(&at(0, 10, " ")), ["0 data 10  ", "0 data 11 !"]);
}

#[test]
fn flows_do_not_wait_for_each_other() {
    let mut scene = Ordered::new(4, 2);
    assert_eq!(scene.push(&at(0, 5, "world")), NOTHING);
    assert_eq!(scene.push(&at(1, 0, "other")), ["1 data 0 other"]);
    assert_eq!(scene.push(&at(1, 9, "waits")), NOTHING);
    assert_eq!(scene.push(&at(0, 0, "hello")), ["0 data 0 hello", "0 data 5 world"]);
}

#[test]
fn a_hole_that_is_never_filled_is_a_gap_when_the_flow_closes() {
    let mut scene = Ordered::new(4, 1);
    scene.push(&at(0, 5, "world"));
    scene.push(&at(0, 12, "!"));
    assert_eq!(
        scene.finish(),
        ["0 gap 0..5", "0 data 5 world", "0 gap 10..12", "0 data 12 !", "0 closed end-of-input 13"]
    );
}

#[test]
fn the_caller_may_skip_a_hole() {
    let mut scene = Ordered::new(4, 1);
    scene.push(&at(0, 5, "world"));
    let flow = Flow { slot: scene.slot_of(0), number: 0 };
    let Ok(()) = scene.sink.skip(Flow { number: 7, ..flow });
    assert_eq!(scene.told(), NOTHING, "another flow had this slot");
    let Ok(()) = scene.sink.skip(flow);
    assert_eq!(scene.told(), ["0 gap 0..5", "0 data 5 world"]);
    let Ok(()) = scene.sink.skip(flow);
    assert_eq!(scene.told(), NOTHING, "there is no hole");
}

#[test]
fn bytes_for_a_hole_that_was_skipped_come_late_and_stay_a_gap() {
    let mut scene = Ordered::new(4, 1);
    scene.push(&at(0, 5, "world"));
    let flow = Flow { slot: scene.slot_of(0), number: 0 };
    let Ok(()) = scene.sink.skip(flow);
    scene.told();
    assert_eq!(scene.push(&at(0, 0, "hello")), ["0 late 0 hello"]);
    assert_eq!(scene.push(&at(0, 10, "!")), ["0 data 10 !"]);
    assert_eq!(scene.finish(), ["0 closed end-of-input 11"]);
    let summary = &scene.sink.inner().recorder.flows[&0].closed.as_ref().unwrap().1;
    assert_eq!((summary.data, summary.gaps), (6, 5));
}

#[test]
fn without_room_the_flow_that_has_waited_longest_skips_its_hole() {
    let mut scene = Ordered::new(2, 3);
    assert_eq!(scene.push(&at(1, 5, "first")), NOTHING);
    assert_eq!(scene.push(&at(0, 5, "second")), NOTHING);
    assert_eq!(scene.push(&at(2, 5, "third")), ["1 gap 0..5", "1 data 5 first"]);
    assert_eq!(scene.push(&at(1, 20, "fourth")), ["0 gap 0..5", "0 data 5 second"]);
    assert_eq!(scene.push(&at(2, 0, "hello")), ["2 data 0 hello", "2 data 5 third"]);
}

#[test]
fn without_any_memory_every_hole_is_a_gap_at_once() {
    let mut scene = Ordered::new(0, 1);
    assert_eq!(scene.push(&at(0, 5, "world")), ["0 gap 0..5", "0 data 5 world"]);
    assert_eq!(scene.push(&at(0, 0, "hello")), ["0 late 0 hello"]);
    assert_eq!(scene.finish(), ["0 closed end-of-input 10"]);
}

#[test]
fn a_segment_larger_than_all_memory_skips_its_hole() {
    let mut scene = Ordered::new(1, 1);
    let large = "x".repeat(PAGE + 1);
    assert_eq!(scene.push(&at(0, 5, &large)), ["0 gap 0..5".to_owned(), format!("0 data 5 {large}")]);
}

#[test]
fn small_segments_that_follow_each_other_share_a_page() {
    let mut scene = Ordered::new(1, 1);
    for offset in 1..2000 {
        assert_eq!(scene.push(&at(0, offset, "x")), NOTHING);
    }
    assert_eq!(scene.push(&at(0, 0, "y"))[0], "0 data 0 y");
    assert_eq!(scene.finish(), ["0 closed end-of-input 2000"]);
}

#[test]
fn a_hole_that_the_reassembler_gives_up_is_skipped() {
    let mut scene = Ordered::with(Config::new(KEY), 1, 4, 1);
    assert_eq!(scene.push(&at(0, 5, "b")), NOTHING);
    assert_eq!(scene.push(&at(0, 9, "c")), ["0 gap 0..5", "0 data 5 b"]);
    assert_eq!(scene.push(&at(0, 6, "...")), ["0 data 6 ...", "0 data 9 c"]);
}

#[test]
fn a_copy_of_bytes_that_wait_is_compared() {
    let mut scene = Ordered::new(4, 1);
    scene.push(&at(0, 5, "world"));
    assert_eq!(scene.push(&at(0, 5, "world")), NOTHING);
    assert_eq!(scene.push(&at(0, 6, "ORL")), ["0 conflict 6 ORL"]);
    assert_eq!(scene.push(&at(0, 0, "hello")), ["0 data 0 hello", "0 data 5 world"]);
}

#[test]
fn a_copy_of_bytes_passed_on_is_compared_by_the_sink_within() {
    let mut scene = Ordered::new(4, 1);
    scene.push(&at(0, 0, "hello"));
    assert_eq!(scene.push(&at(0, 0, "HELLO")), ["0 repeated 0 HELLO", "0 conflict 0 HELLO"]);
}

#[test]
fn a_start_that_moves_before_anything_was_passed_on_loses_nothing() {
    let mut scene = Ordered::new(4, 0);
    // Cut short to nothing: the flow is known, its bytes are not.
    let segment = TcpFrame::up(110, 0, b"third").bytes();
    let whole = frame(&segment, 1);
    let cut = &segment[..segment.len() - 5];
    let Ok(()) = scene.core.push(&tapflow_core::Frame { bytes: cut, ..whole }, &mut scene.sink);
    assert_eq!(scene.told(), ["0 opened session 0 client"]);
    assert_eq!(scene.push(&TcpFrame::up(105, 0, b"other")), ["0 rebased 5", "0 data 0 other"]);
    assert_eq!(scene.push(&TcpFrame::up(110, 0, b"third")), ["0 data 5 third"]);
}

#[test]
fn a_start_that_moves_after_bytes_were_passed_on_is_a_gap_before_them() {
    let mut scene = Ordered::new(4, 0);
    scene.push(&TcpFrame::up(110, 0, b"world"));
    assert_eq!(scene.push(&TcpFrame::up(105, 0, b"hello")), ["0 rebased 5", "0 gap 0..5", "0 late 0 hello"]);
    assert_eq!(scene.push(&TcpFrame::up(115, 0, b"!")), ["0 data 10 !"]);
    assert_eq!(scene.finish(), ["0 closed end-of-input 11"]);
}

#[test]
fn static_memory_serves_as_well_and_may_be_used_again() {
    let mut memory = StaticStorage::<4, 4, 8>::new();
    let mut waiting = StaticInOrderStorage::<8, 2, 16>::new();
    for _ in 0..3 {
        let mut core = Reassembler::new(Config::new(KEY), memory.storage()).unwrap();
        let lines = Lines { recorder: Recorder::adapted(true), ..Lines::default() };
        let mut sink = InOrder::new(lines, waiting.storage(), InOrderConfig::new(KEY));
        for segment in [at(0, 0, "a"), at(0, 2, "c"), at(1, 0, "x"), at(1, 20, "0123456789abcdef")] {
            let Ok(()) = core.push(&frame(&segment.bytes(), 1), &mut sink);
        }
        assert_eq!(sink.inner().lines.len(), 4, "two opened, two data; two wait");
        // The adaptor is dropped while bytes wait.
    }
}

/// A piece of one of several streams.
#[derive(Clone, Debug)]
struct Piece {
    port: u16,
    offset: u32,
    len: u32,
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let piece = (0..5u16, 0..6000u32, 1..1400u32).prop_map(|(port, offset, len)| Piece { port, offset, len });
    prop::collection::vec(piece, 1..120)
}

fn byte_at(port: u16, offset: u32) -> u8 {
    (offset.wrapping_mul(31) >> 3) as u8 ^ port as u8
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: tapflow_tests::cases(600), failure_persistence: None, ..ProptestConfig::default()
    })]

    /// The recorder panics where `data` and `gap` do not ascend without overlap, or do not add up to the span.
    #[test]
    fn interleaved_flows_ascend_whatever_the_memory(
        pieces in pieces(), pages in prop_oneof![0..8usize, Just(100)], islands in prop_oneof![0..6usize, Just(1000)],
        largest in 1..100u16,
    ) {
        let config = with(Config::new(KEY), |c| c.max_islands = largest);
        let mut scene = Ordered::with(config, islands, pages, 5);
        for piece in &pieces {
            let payload: Vec<u8> =
                (piece.offset..piece.offset + piece.len).map(|offset| byte_at(piece.port, offset)).collect();
            let segment = TcpFrame::up(100 + piece.offset, 0, &payload).client_port(piece.port);
            scene.push(&segment);
        }
        scene.finish();
        let recorder = &scene.sink.inner().recorder;
        prop_assert!(recorder.all_closed());
        for record in recorder.flows.values() {
            let port = record.opened.key.source_port;
            for (offset, byte) in record.bytes.iter().enumerate() {
                prop_assert!(byte.is_none_or(|byte| byte == byte_at(port, offset as u32)));
            }
            prop_assert_eq!(record.conflicts, 0);
            if pages == 100 && islands == 1000 && largest >= 60 {
                prop_assert_eq!(record.late, 0);
                let seen = pieces.iter().filter(|piece| piece.port == port);
                for piece in seen {
                    let range = piece.offset as usize..(piece.offset + piece.len) as usize;
                    prop_assert!(record.bytes[range].iter().all(Option::is_some));
                }
            }
        }
    }
}

/// A sink that fails when it is asked to.
struct Failing(bool);

impl Sink for Failing {
    type Error = &'static str;

    fn data(&mut self, _: Flow, _: u64, _: &[u8]) -> Result<(), &'static str> {
        if self.0 { Err("no room") } else { Ok(()) }
    }
}

#[test]
fn an_error_of_the_sink_within_ends_the_call() {
    let mut core = Reassembler::new(Config::new(KEY), Storage::heap(4, 4).unwrap()).unwrap();
    let mut sink =
        InOrder::new(Failing(false), InOrderStorage::heap(4, 4 * PAGE).unwrap(), InOrderConfig::new(KEY));
    core.push(&frame(&TcpFrame::up(99, SYN, b"").bytes(), 1), &mut sink).unwrap();
    core.push(&frame(&at(40000, 5, "world").bytes(), 1), &mut sink).unwrap();
    sink.inner_mut().0 = true;
    assert_eq!(core.push(&frame(&at(40000, 0, "hello").bytes(), 1), &mut sink), Err("no room"));
    assert_eq!(core.finish(&mut sink), Ok(()));
}
