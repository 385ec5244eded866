//! Bad input is ordinary input: no bytes, lengths or times make the core panic or grow.

use proptest::prelude::*;
use tapflow_core::decode::LINK_TYPES;
use tapflow_core::{Config, Frame, LinkType, Reassembler, Storage, Timestamp};
use tapflow_tests::frames::{ACK, SYN, TcpFrame, frame};
use tapflow_tests::recorder::Recorder;
use tapflow_tests::scene::{Scene, check_accounts};
use tapflow_tests::{KEY, with};

fn link() -> impl Strategy<Value = LinkType> {
    prop_oneof![9 => prop::sample::select(LINK_TYPES.to_vec()), 1 => any::<u32>().prop_map(LinkType)]
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), 0..1000u64].prop_map(Timestamp)
}

fn small(config: Config) -> Reassembler<'static> {
    Reassembler::new(config, Storage::heap(3, 3).unwrap()).unwrap()
}

fn expiring() -> Config {
    with(Config::new(KEY), |c| c.idle_timeout = Some(5 * Timestamp::SECOND))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: tapflow_tests::cases(2000), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes_as_frames(
        frames in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), link(), time(), any::<u32>()), 1..20),
    ) {
        let mut core = small(expiring());
        let mut sink = Recorder::default();
        for (bytes, link, time, wire_len) in &frames {
            let Ok(()) = core.push(&Frame { link: *link, time: *time, wire_len: *wire_len, bytes }, &mut sink);
        }
        let Ok(()) = core.finish(&mut sink);
        check_accounts(core.counters());
        prop_assert_eq!(core.counters().frames + core.counters().inner_frames, core.counters().segments + core.counters().rejected_frames());
        prop_assert_eq!(core.counters().rejected_frames(), sink.rejected);
    }

    /// Bytes of a proper segment, some of them changed, cut anywhere, with any length on the wire that
    /// does not ask the recorder for gigabytes.
    #[test]
    fn segments_with_some_bytes_changed(
        changes in prop::collection::vec((0..80usize, any::<u8>()), 0..6),
        cuts in prop::collection::vec((0..100usize, 0..3000u32, time()), 1..10),
        sequence: u32,
    ) {
        let mut core = small(with(expiring(), |c| c.max_jump = 5000));
        let mut sink = Recorder::default();
        let mut bytes = TcpFrame::up(sequence, SYN | ACK, b"some payload of a segment").bytes();
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        for (captured, wire_len, time) in cuts {
            let bytes = &bytes[..captured.min(bytes.len())];
            let Ok(()) = core.push(&Frame { link: LinkType::ETHERNET, time, wire_len, bytes }, &mut sink);
        }
        let Ok(()) = core.finish(&mut sink);
        check_accounts(core.counters());
        prop_assert!(sink.all_closed());
    }
}

#[test]
fn the_last_time_there_is_stops_nothing() {
    let mut core = small(expiring());
    let mut sink = Recorder::default();
    for (port, time) in [(1, u64::MAX), (2, 0), (3, u64::MAX), (4, u64::MAX), (5, 1)] {
        let bytes = TcpFrame::up(1, 0, b"hello").client_port(port).bytes();
        let whole = frame(&bytes, 0);
        let Ok(()) = core.push(&Frame { time: Timestamp(time), ..whole }, &mut sink);
    }
    let Ok(()) = core.finish(&mut sink);
    assert_eq!(sink.flows.len(), 5);
    assert_eq!(core.counters().data_bytes, 25);
}

#[test]
fn a_flow_that_is_all_holes_takes_its_share_of_islands_and_no_more() {
    let mut scene = Scene::with(with(Config::new(KEY), |c| c.max_islands = 10), 4, 1000);
    scene.push(&TcpFrame::up(99, SYN, b""));
    for hole in 0..10_000 {
        scene.push(&TcpFrame::up(101 + 2 * hole, 0, b"x"));
    }
    assert_eq!(scene.counters().islands_exhausted, 10_000 - 10);
    scene.finish();
}

#[test]
fn every_other_byte_backwards_ends_soon() {
    let mut scene = Scene::with(Config::new(KEY), 4, 5000);
    scene.push(&TcpFrame::up(99, SYN, b""));
    for hole in (0..4000).rev() {
        scene.push(&TcpFrame::up(101 + 2 * hole, 0, b"x"));
    }
    for hole in 0..4000 {
        scene.push(&TcpFrame::up(100 + 2 * hole, 0, b"y"));
    }
    scene.finish();
    assert_eq!(scene.counters().gap_bytes, 0);
    assert_eq!(scene.recorder().flows[&0].bytes.len(), 8000);
}
