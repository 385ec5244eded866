//! The in-order adaptor when holes stay open: by loss in the capture, by senders that never fill them, by flows that
//! want all the memory. Every hole that is skipped is a gap, and has its cause counted.

use tapflow_core::{
    Config, Flow, Frame, InOrder, InOrderConfig, InOrderStorage, Reassembler, SkipCause, Storage, Timestamp,
};
use tapflow_tests::frames::{FIN, SYN, TcpFrame, frame};
use tapflow_tests::recorder::Recorder;
use tapflow_tests::scene::{Lines, check_accounts};
use tapflow_tests::{KEY, with};

const PAGE: usize = 2048;
const NOTHING: [&str; 0] = [];
const MILLISECOND: u64 = 1_000_000;

struct Stage {
    core: Reassembler<'static>,
    sink: InOrder<'static, Lines>,
    /// Capture time in ms.
    now: u64,
}

impl Stage {
    /// Room for so many pages; clients of `flows` ports have sent SYN 99.
    fn new(pages: usize, flows: u16, config: InOrderConfig) -> Self {
        let core = Reassembler::new(Config::new(KEY), Storage::heap(256, 4096).unwrap()).unwrap();
        let lines = Lines { recorder: Recorder::adapted(true), ..Lines::default() };
        let storage = InOrderStorage::heap(256, pages * PAGE).unwrap();
        let mut stage = Self { core, sink: InOrder::new(lines, storage, config), now: 1000 };
        for port in 0..flows {
            stage.push(&TcpFrame::up(99, SYN, b"").client_port(port));
        }
        stage
    }

    fn push(&mut self, segment: &TcpFrame) -> Vec<String> {
        let bytes = segment.bytes();
        let time = Timestamp(self.now * MILLISECOND);
        let Ok(()) = self.core.push(&Frame { time, ..frame(&bytes, 0) }, &mut self.sink);
        self.told()
    }

    /// So many milliseconds pass without frames.
    fn wait(&mut self, milliseconds: u64) -> Vec<String> {
        self.now += milliseconds;
        let Ok(()) = self.core.advance(Timestamp(self.now * MILLISECOND), &mut self.sink);
        self.told()
    }

    fn finish(&mut self) -> Vec<String> {
        let Ok(()) = self.core.finish(&mut self.sink);
        check_accounts(self.core.counters());
        self.told()
    }

    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sink.inner_mut().lines)
    }

    fn skips(&self, cause: SkipCause) -> (u64, u64) {
        (self.sink.counters().skips_for(cause), self.sink.counters().skipped_bytes_for(cause))
    }

    fn flow(&self, number: u64) -> Flow {
        Flow { slot: self.sink.inner().recorder.slot_of(number).expect("an open flow"), number }
    }
}

/// A segment of the client with this port, whose stream begins at 100, by stream offset.
fn at(port: u16, offset: u32, payload: &[u8]) -> TcpFrame {
    TcpFrame::up(100 + offset, 0, payload).client_port(port)
}

/// The server acknowledges everything below an offset.
fn acknowledged(port: u16, offset: u32) -> TcpFrame {
    TcpFrame::down(200, 0, b"").acknowledging(100 + offset).client_port(port)
}

#[test]
fn a_hole_that_blocks_for_the_timeout_is_skipped_and_the_next_one_has_its_own_time() {
    let mut stage = Stage::new(8, 1, InOrderConfig::new(KEY));
    stage.push(&at(0, 5, b"world"));
    stage.wait(4000);
    assert_eq!(stage.push(&at(0, 20, b"later")), NOTHING);
    assert_eq!(stage.wait(5999), NOTHING);
    assert_eq!(stage.wait(1), ["0 gap 0..5", "0 data 5 world"]);
    assert_eq!(stage.wait(9999), NOTHING);
    assert_eq!(stage.wait(1), ["0 gap 10..20", "0 data 20 later"]);
    assert_eq!(stage.skips(SkipCause::Timeout), (2, 15));
}

#[test]
fn the_time_of_other_flows_frames_counts_as_well() {
    let mut stage = Stage::new(8, 2, InOrderConfig::new(KEY));
    stage.push(&at(0, 5, b"world"));
    stage.now += 10_000;
    assert_eq!(stage.push(&at(1, 0, b"other")), ["0 gap 0..5", "0 data 5 world", "1 data 0 other"]);
}

#[test]
fn without_a_timeout_a_hole_blocks_until_the_flow_closes() {
    let config = with(InOrderConfig::new(KEY), |c| {
        c.timeout = None;
        c.acknowledged_grace = None;
    });
    let mut stage = Stage::new(8, 1, config);
    stage.push(&at(0, 5, b"world"));
    stage.push(&acknowledged(0, 10));
    assert_eq!(stage.wait(1_000_000), NOTHING);
    assert_eq!(stage.finish()[..2], ["0 gap 0..5", "0 data 5 world"]);
    assert_eq!(stage.skips(SkipCause::Closed), (1, 5));
    assert_eq!(stage.skips(SkipCause::GivenUp), (0, 0));
}

#[test]
fn a_hole_that_the_receiver_acknowledged_is_skipped_after_a_short_grace() {
    let mut stage = Stage::new(8, 1, InOrderConfig::new(KEY));
    stage.push(&at(0, 5, b"world"));
    stage.push(&acknowledged(0, 10));
    assert_eq!(stage.wait(99), NOTHING);
    assert_eq!(stage.wait(1), ["0 gap 0..5", "0 data 5 world"]);
    assert_eq!(stage.skips(SkipCause::Acknowledged), (1, 5));
}

#[test]
fn with_no_grace_it_is_skipped_at_once() {
    let config = with(InOrderConfig::new(KEY), |c| c.acknowledged_grace = Some(0));
    let mut stage = Stage::new(8, 1, config);
    stage.push(&at(0, 5, b"world"));
    assert_eq!(stage.push(&acknowledged(0, 10)), ["0 gap 0..5", "0 data 5 world"]);
}

#[test]
fn a_capture_that_has_the_acknowledgement_before_the_segment_loses_nothing() {
    let mut stage = Stage::new(8, 1, InOrderConfig::new(KEY));
    stage.push(&at(0, 5, b"world"));
    stage.push(&acknowledged(0, 10));
    stage.wait(50);
    assert_eq!(stage.push(&at(0, 0, b"hello")), ["0 data 0 hello", "0 data 5 world"]);
    // The next hole is not acknowledged.
    stage.push(&at(0, 20, b"!"));
    assert_eq!(stage.wait(200), NOTHING);
}

#[test]
fn only_what_was_acknowledged_is_skipped() {
    let mut stage = Stage::new(8, 1, InOrderConfig::new(KEY));
    stage.push(&at(0, 8, b"world"));
    stage.push(&acknowledged(0, 5));
    assert_eq!(stage.wait(100), ["0 gap 0..5"]);
    assert_eq!(stage.push(&at(0, 5, b"...")), ["0 data 5 ...", "0 data 8 world"]);
}

#[test]
fn bytes_on_both_sides_of_where_the_skip_ended_are_late_and_in_time() {
    let mut stage = Stage::new(8, 1, InOrderConfig::new(KEY));
    stage.push(&at(0, 8, b"world"));
    stage.push(&acknowledged(0, 5));
    stage.wait(100);
    assert_eq!(stage.push(&at(0, 3, b"lo...")), ["0 late 3 lo", "0 data 5 ...", "0 data 8 world"]);
}

#[test]
fn each_acknowledgement_has_its_own_grace() {
    let mut stage = Stage::new(8, 1, InOrderConfig::new(KEY));
    stage.push(&at(0, 5, b"world"));
    stage.push(&at(0, 15, b"again"));
    stage.push(&acknowledged(0, 10));
    stage.wait(90);
    stage.push(&acknowledged(0, 20));
    assert_eq!(stage.wait(10), ["0 gap 0..5", "0 data 5 world"]);
    assert_eq!(stage.wait(99), NOTHING);
    assert_eq!(stage.wait(1), ["0 gap 10..15", "0 data 15 again"]);
}

#[test]
fn an_acknowledgement_of_more_than_was_seen_skips_no_more_than_what_blocks() {
    let mut stage = Stage::new(8, 1, InOrderConfig::new(KEY));
    stage.push(&at(0, 5, b"world"));
    stage.push(&acknowledged(0, 1 << 30));
    assert_eq!(stage.wait(100), ["0 gap 0..5", "0 data 5 world"]);
    assert_eq!(stage.push(&at(0, 10, b"!")), ["0 data 10 !"]);
}

#[test]
fn bytes_for_a_hole_that_was_skipped_are_late_and_counted() {
    let mut stage = Stage::new(8, 1, InOrderConfig::new(KEY));
    stage.push(&at(0, 5, b"world"));
    stage.wait(10_000);
    assert_eq!(stage.push(&at(0, 0, b"hello")), ["0 late 0 hello"]);
    assert_eq!(stage.sink.counters().late_bytes, 5);
}

#[test]
fn every_other_cause_has_its_counter_too() {
    let config = with(Config::new(KEY), |c| c.max_islands = 1);
    let core = Reassembler::new(config, Storage::heap(256, 4096).unwrap()).unwrap();
    let mut stage = Stage { core, ..Stage::new(8, 0, InOrderConfig::new(KEY)) };
    stage.push(&TcpFrame::up(99, SYN, b"").client_port(0));
    stage.push(&at(0, 5, b"b"));
    stage.push(&at(0, 9, b"c"));
    assert_eq!(stage.skips(SkipCause::GivenUp), (1, 5));
    let flow = stage.flow(0);
    let Ok(()) = stage.sink.skip(flow);
    assert_eq!(stage.skips(SkipCause::Asked), (1, 3));
    stage.push(&TcpFrame::up(110, 0, b"world").client_port(1));
    stage.push(&TcpFrame::up(105, 0, b"hello").client_port(1));
    assert_eq!(stage.skips(SkipCause::Rebased), (1, 5));
}

#[test]
fn one_connection_has_no_more_than_its_share_and_others_keep_theirs() {
    let config = with(InOrderConfig::new(KEY), |c| c.max_per_connection = 2 * PAGE);
    let mut stage = Stage::new(8, 2, config);
    stage.push(&at(1, 5, b"waits"));
    let page = [b'x'; PAGE];
    assert_eq!(stage.push(&at(0, 10, &page)), NOTHING);
    assert_eq!(stage.push(&at(0, 10_000, &page)), NOTHING);
    let told = stage.push(&at(0, 20_000, &page));
    assert_eq!((told.len(), told[0].as_str()), (2, "0 gap 0..10"));
    assert_eq!(stage.skips(SkipCause::ConnectionLimit), (1, 10));
    // Both directions share the limit: the larger one gives way.
    stage.push(&TcpFrame::down(199, SYN, b"").client_port(0));
    let told = stage.push(&TcpFrame::down(205, 0, b"other side").client_port(0));
    assert_eq!(told[0], "0 gap 2058..10000");
    assert_eq!(stage.push(&at(1, 0, b"hello")), ["1 data 0 hello", "1 data 5 waits"]);
}

/// Hostile flows open holes and never fill them, as fast as they can; each holds as much as it gets. The victim's
/// bytes wait for a segment that comes last. Measured: the victim's holes skipped, at every share.
#[test]
fn hostile_flows_push_out_nothing_of_a_flow_within_its_share() {
    let payload = [b'v'; PAGE];
    for hostile in [1_u16, 3, 9, 31] {
        for pages in [usize::from(hostile) + 1, 64, 100] {
            let share = pages / (usize::from(hostile) + 1);
            let mut stage = Stage::new(pages, hostile + 1, InOrderConfig::new(KEY));
            // Half of the attack comes before the victim, the rest while it waits.
            let attack = |stage: &mut Stage, rounds: std::ops::Range<u32>| {
                for round in rounds {
                    for port in 1..=hostile {
                        let size = 1 + (round * 7919 + u32::from(port) * 131) as usize % (3 * PAGE);
                        stage.push(&at(port, 10 + round * 10_000, &vec![b'h'; size]));
                    }
                }
            };
            attack(&mut stage, 0..40);
            for page in 0..share {
                assert_eq!(
                    stage
                        .push(&at(0, 1 + (page * PAGE) as u32, &payload))
                        .iter()
                        .filter(|line| line.starts_with("0 "))
                        .count(),
                    0
                );
                attack(&mut stage, 40 + 10 * page as u32..50 + 10 * page as u32);
            }
            attack(&mut stage, 400..440);
            let waits = stage.sink.waiting(stage.flow(0));
            assert_eq!(waits, (share * PAGE) as u64, "{hostile} hostile flows, {pages} pages");
            let told = stage.push(&at(0, 0, b"!"));
            assert_eq!(told.len(), 1 + share, "the victim's stream has no gap");
            assert!(stage.skips(SkipCause::Pressure).0 > 0, "memory was short");
            stage.finish();
        }
    }
}

/// A flow that wants more than its share loses no more than what is beyond it.
#[test]
fn a_flow_beyond_its_share_keeps_its_share() {
    let (pages, hostile) = (60, 5);
    let mut stage = Stage::new(pages, hostile + 1, InOrderConfig::new(KEY));
    let payload = [b'v'; PAGE];
    let share = pages / (usize::from(hostile) + 1);
    let mut least = usize::MAX;
    for round in 0..300 {
        for port in 0..=hostile {
            stage.push(&at(port, 10 + round * 5000, &payload));
        }
        if round > 100 {
            let held = stage.sink.waiting(stage.flow(0)) as usize / PAGE;
            least = least.min(held);
        }
    }
    assert!(least >= share - 1, "{least} of {share} pages");
}

#[test]
fn everything_that_waits_is_told_when_flows_end() {
    let mut stage = Stage::new(64, 3, InOrderConfig::new(KEY));
    for port in 0..3 {
        stage.push(&at(port, 5, b"world"));
        stage.push(&TcpFrame::up(120, FIN, b"").client_port(port));
    }
    let told = stage.finish();
    assert_eq!(told.iter().filter(|line| line.contains("data 5 world")).count(), 3);
    assert_eq!(stage.skips(SkipCause::Closed), (6, 45));
}
