//! A jump in sequence numbers, by `max_jump` bytes or more, begins a new connection; segments may come
//! back to an older one. At most eight with the same addresses and ports are kept.

use tapflow_core::{CloseReason, Config};
use tapflow_tests::frames::{FIN, RST, SYN, TcpFrame};
use tapflow_tests::scene::Scene;
use tapflow_tests::{KEY, with};

const MIB: u32 = 1 << 20;

fn jump_of(max_jump: u32) -> Scene {
    Scene::new(with(Config::new(KEY), |c| c.max_jump = max_jump))
}

#[test]
fn a_step_short_of_a_jump_is_a_hole() {
    let mut scene = jump_of(1000);
    scene.push(&TcpFrame::up(100, 0, b"one"));
    assert_eq!(scene.push(&TcpFrame::up(103 + 999, 0, b"two")), ["0 data 1002 two"]);
    assert_eq!(scene.finish(), ["0 gap 3..1002", "0 closed end-of-input 1005"]);
}

#[test]
fn a_jump_forward_begins_a_new_connection() {
    let mut scene = jump_of(1000);
    scene.push(&TcpFrame::up(100, 0, b"one"));
    assert_eq!(
        scene.push(&TcpFrame::up(103 + 1000, 0, b"two")),
        ["1 opened session 1 client", "1 data 0 two"]
    );
    assert_eq!(scene.finish(), ["0 closed end-of-input 3", "1 closed end-of-input 3"]);
}

#[test]
fn the_default_is_16_mib() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(100, 0, b"one"));
    assert_eq!(scene.push(&TcpFrame::up(103 + 16 * MIB, 0, b"two")).len(), 2);
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(100, 0, b"one"));
    assert_eq!(scene.push(&TcpFrame::up(102 + 16 * MIB, 0, b"two")).len(), 1);
}

#[test]
fn a_jump_is_measured_from_the_last_byte_seen() {
    let mut scene = jump_of(1000);
    scene.push(&TcpFrame::up(99, SYN, b""));
    for step in 1..50 {
        assert_eq!(scene.push(&TcpFrame::up(100 + step * 900, 0, b"x")).len(), 1);
    }
    assert_eq!(scene.counters().connections, 1);
}

#[test]
fn a_jump_back_begins_a_new_connection() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(17 * MIB, 0, b"one"));
    assert_eq!(scene.push(&TcpFrame::up(MIB, 0, b"two")), ["1 opened session 1 client", "1 data 0 two"]);
}

#[test]
fn bytes_not_so_far_before_the_start_are_out_of_the_window() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(17 * MIB, 0, b"one"));
    assert!(scene.push(&TcpFrame::up(15 * MIB, 0, b"two")).is_empty());
    assert_eq!(scene.counters().out_of_window_bytes, 3);
}

#[test]
fn segments_come_back_to_the_older_connection() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(100, 0, b"one"));
    scene.push(&TcpFrame::up(100 * MIB, 0, b"far"));
    assert_eq!(scene.push(&TcpFrame::up(103, 0, b"two")), ["0 data 3 two"]);
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"one")), ["0 repeated 0 one"]);
    assert_eq!(scene.push(&TcpFrame::up(100 * MIB + 3, 0, b"farther")), ["1 data 3 farther"]);
    assert_eq!(scene.push(&TcpFrame::up(116, 0, b"beyond a hole")), ["0 data 16 beyond a hole"]);
    assert_eq!(scene.push(&TcpFrame::up(106, 0, b"the hole's")), ["0 data 6 the hole\\'s"]);
    assert_eq!(scene.counters().connections, 2);
    scene.finish();
}

#[test]
fn only_a_hole_short_of_a_mebibyte_leads_to_the_older_connection() {
    for (hole, expected) in
        [(MIB - 1, &["0 data 1048578 two"][..]), (MIB, &["2 opened session 2 client", "2 data 0 two"])]
    {
        let mut scene = Scene::default();
        scene.push(&TcpFrame::up(100, 0, b"one"));
        scene.push(&TcpFrame::up(100 * MIB, 0, b"far"));
        assert_eq!(scene.push(&TcpFrame::up(103 + hole, 0, b"two")), expected);
    }
}

#[test]
fn of_too_many_the_least_recently_active_is_closed() {
    let mut scene = Scene::with(Config::new(KEY), 64, 64);
    scene.at(1).push(&TcpFrame::up(0, 0, b"x"));
    for number in 1..8 {
        let told = scene.at(u64::from(number) * 10).push(&TcpFrame::up(number * 100 * MIB, 0, b"x"));
        assert_eq!(told.len(), 2, "{told:?}");
    }
    // The first one is active: it stays.
    assert_eq!(scene.at(100).push(&TcpFrame::up(1, 0, b"y")), ["0 data 1 y"]);
    assert_eq!(
        scene.at(110).push(&TcpFrame::up(800 * MIB, 0, b"x")),
        ["1 closed jump 1", "8 opened session 8 client", "8 data 0 x"]
    );
    assert_eq!(scene.at(120).push(&TcpFrame::up(2, 0, b"z")), ["0 data 2 z"]);
    assert_eq!(scene.counters().closed_for(CloseReason::Jump), 1);
    assert_eq!(scene.finish().len(), 8);
}

#[test]
fn with_jumps_of_one_byte_every_hole_begins_a_new_connection() {
    for max_jump in [0, 1] {
        let mut scene = jump_of(max_jump);
        scene.push(&TcpFrame::up(100, 0, b"one"));
        assert_eq!(scene.push(&TcpFrame::up(103, 0, b"two")), ["0 data 3 two"]);
        assert_eq!(scene.push(&TcpFrame::up(108, 0, b"four")).len(), 2);
    }
}

#[test]
fn segments_without_data_never_begin_a_connection_and_a_far_fin_ends_none() {
    let mut scene = Scene::default();
    scene.handshake(40000);
    scene.push(&TcpFrame::up(100, 0, b"one"));
    let none: [&str; 0] = [];
    assert_eq!(scene.push(&TcpFrame::up(900 * MIB, 0, b"").acknowledging(200)), none);
    assert_eq!(scene.push(&TcpFrame::up(900 * MIB, FIN, b"").acknowledging(200)), none);
    assert_eq!(scene.push(&TcpFrame::up(900 * MIB, RST, b"")), none);
    assert_eq!(scene.push(&TcpFrame::up(103, 0, b"two")), ["0 data 3 two"]);
    assert_eq!(scene.counters().invalid_fins, 1);
    assert_eq!(scene.counters().invalid_resets, 1);
    assert_eq!(scene.finish(), ["0 closed end-of-input 6", "1 closed end-of-input 0"]);
}

#[test]
fn a_stream_may_miss_what_its_packets_vouch_for_and_the_bound_beyond_it() {
    let config = with(Config::new(KEY), |c| c.max_hole = 2000);
    let mut scene = Scene::new(config.clone());
    scene.push(&TcpFrame::up(100, 0, b"one"));
    // 57 bytes were on the wire.
    assert_eq!(scene.push(&TcpFrame::up(103 + 2057, 0, b"two")).len(), 1);
    // Two packets of 57 bytes are there by now, and 2057 bytes are missing.
    assert_eq!(scene.push(&TcpFrame::up(106 + 2057 + 57, 0, b"six")).len(), 1);
    assert_eq!(
        scene.push(&TcpFrame::up(109 + 2057 + 57 + 58, 0, b"new")),
        ["1 opened session 1 client", "1 data 0 new"]
    );
    // What fills a hole makes room for others, and nothing in a stream ever is too far.
    assert_eq!(scene.push(&TcpFrame::up(110, 0, b"late")), ["0 data 10 late"]);
    assert_eq!(scene.counters().split_streams, 1);
    let mut cut = Scene::new(config);
    cut.push_cut(&TcpFrame::up(100, 0, &[1; 1400]), 60);
    for piece in 1..50 {
        cut.push_cut(&TcpFrame::up(100 + 1400 * piece, 0, &[1; 1400]), 60);
    }
    assert_eq!((cut.counters().connections, cut.counters().split_streams), (1, 0));
}
