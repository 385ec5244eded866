//! What a receiver would drop: segments with an outdated timestamp (PAWS), bytes beyond the window it announced. They are
//! counted and taken, or refused; and urgent data, in line or apart.

use tapflow_core::{
    Check, Config, InOrder, InOrderConfig, InOrderStorage, Reassembler, Storage, Timestamp, Urgent,
};
use tapflow_tests::frames::{FIN, SYN, TcpFrame, frame};
use tapflow_tests::recorder::Recorder;
use tapflow_tests::scene::{Lines, Scene};
use tapflow_tests::{KEY, with};

const NOTHING: [&str; 0] = [];

/// A scene after a handshake with these window scales and clocks; streams begin at 100 and 200.
fn handshake(config: Config, scales: [Option<u8>; 2], clock: Option<u32>) -> Scene {
    let mut scene = Scene::new(config);
    let [up, down] = scales;
    let syn = TcpFrame { window_scale: up, timestamp: clock, ..TcpFrame::up(99, SYN, b"") };
    let answer =
        TcpFrame { window_scale: down, timestamp: clock, window: 1000, ..TcpFrame::down(199, SYN, b"") };
    scene.push(&syn);
    scene.push(&answer.acknowledging(100));
    scene.push(&TcpFrame { timestamp: clock, ..TcpFrame::up(100, 0, b"").acknowledging(200) });
    scene
}

fn refusing() -> Config {
    with(Config::new(KEY), |c| {
        c.paws = Check::Refuse;
        c.window = Check::Refuse;
    })
}

fn up(offset: u32, payload: &[u8]) -> TcpFrame {
    TcpFrame::up(100 + offset, 0, payload).acknowledging(200)
}

/// The server has everything below an offset, and room for so many bytes, in units of its scale.
fn window(offset: u32, window: u16) -> TcpFrame {
    TcpFrame { window, ..TcpFrame::down(200, 0, b"").acknowledging(100 + offset) }
}

#[test]
fn an_older_clock_than_one_accepted_is_counted_and_taken() {
    let mut scene = handshake(Config::new(KEY), [None; 2], Some(1000));
    scene.push(&up(0, b"new").timestamp(1010));
    scene.push(&window(3, 1000));
    assert_eq!(scene.push(&up(3, b"old").timestamp(1009)), ["0 data 3 old"]);
    assert_eq!(scene.counters().paws_failures, 1);
}

#[test]
fn refused_it_is_not_part_of_the_stream() {
    let mut scene = handshake(refusing(), [None; 2], Some(1000));
    scene.push(&up(0, b"new").timestamp(1010));
    scene.push(&window(3, 1000));
    assert_eq!(scene.push(&up(3, b"old").timestamp(1009)), NOTHING);
    assert_eq!(scene.push(&up(3, b"!").timestamp(1010)), ["0 data 3 !"]);
    assert_eq!((scene.counters().paws_failures, scene.counters().refused_bytes), (1, 3));
    assert_eq!(scene.push(&TcpFrame { flags: FIN, ..up(4, b"") }.timestamp(900)), NOTHING, "nor is its FIN");
    scene.finish();
    assert!(!scene.recorder().flows[&0].closed.as_ref().unwrap().1.fin);
}

#[test]
fn segments_that_overtake_each_other_are_not_outdated() {
    let mut scene = handshake(refusing(), [None; 2], Some(1000));
    scene.push(&up(5, b"world").timestamp(1020));
    assert_eq!(scene.push(&up(0, b"hello").timestamp(1010)), ["0 data 0 hello"]);
    assert_eq!(scene.counters().paws_failures, 0);
}

#[test]
fn clocks_wrap_and_after_24_days_they_say_nothing() {
    let mut scene = handshake(refusing(), [None; 2], Some(u32::MAX - 5));
    scene.push(&up(0, b"a").timestamp(u32::MAX));
    scene.push(&window(1, 1000));
    scene.push(&up(1, b"b").timestamp(3));
    scene.push(&window(2, 1000));
    assert_eq!(scene.push(&up(2, b"c").timestamp(u32::MAX)), NOTHING);
    scene.at(1 + 24 * 24 * 3600);
    assert_eq!(scene.push(&up(2, b"d").timestamp(1)), ["0 data 2 d"]);
}

#[test]
fn a_reset_needs_no_clock() {
    let mut scene = handshake(refusing(), [None; 2], Some(1000));
    scene.push(&TcpFrame { flags: 4, ..up(0, b"") }.timestamp(1));
    assert_eq!(scene.counters().paws_failures, 0);
    assert_eq!(scene.finish()[0], "0 closed reset 0");
}

#[test]
fn bytes_beyond_the_announced_window_are_counted_and_taken() {
    let mut scene = handshake(Config::new(KEY), [None; 2], None);
    scene.push(&window(0, 10));
    assert_eq!(scene.push(&up(0, b"0123456789ab")), ["0 data 0 0123456789ab"]);
    assert_eq!(scene.counters().beyond_window_segments, 1);
}

#[test]
fn refused_they_are_cut_off_with_the_fin_behind_them() {
    let mut scene = handshake(refusing(), [None; 2], None);
    scene.push(&window(0, 10));
    let last = TcpFrame { flags: FIN | 16, ..up(0, b"0123456789ab") };
    assert_eq!(scene.push(&last), ["0 data 0 0123456789"]);
    assert_eq!(scene.push(&up(12, b"far")), NOTHING);
    assert_eq!((scene.counters().beyond_window_segments, scene.counters().refused_bytes), (2, 5));
    scene.push(&window(10, 10));
    assert_eq!(scene.push(&up(10, b"xy")), ["0 data 10 xy"]);
    assert_eq!(scene.finish()[0], "0 closed end-of-input 12");
}

#[test]
fn the_window_is_scaled_when_both_sides_said_so_but_not_in_the_syn() {
    // Scaled windows are rounded down, by 127 bytes at most.
    for (scales, room) in [([Some(7), Some(7)], 1280 + 127), ([None, Some(7)], 10), ([Some(7), None], 10)] {
        let mut scene = handshake(refusing(), scales, None);
        // The SYN's window is 1000 bytes.
        assert_eq!(scene.push(&up(0, &[b'x'; 900])).len(), 1);
        scene.push(&window(900, 10));
        scene.push(&up(900, &[b'x'; 5000]));
        assert_eq!(scene.counters().data_bytes, 900 + room, "{scales:?}");
        assert_eq!(scene.counters().beyond_window_segments, 1);
    }
}

#[test]
fn a_probe_of_a_closed_window_is_no_anomaly() {
    let mut scene = handshake(Config::new(KEY), [None; 2], None);
    scene.push(&up(0, b"0123456789"));
    scene.push(&window(10, 0));
    scene.push(&up(10, b"?"));
    assert_eq!(scene.counters().beyond_window_segments, 0);
}

#[test]
fn an_older_acknowledgement_does_not_close_the_window_again() {
    let mut scene = handshake(Config::new(KEY), [None; 2], None);
    scene.push(&up(0, b"0123456789"));
    scene.push(&window(10, 100));
    scene.push(&window(5, 0));
    scene.push(&up(10, b"more"));
    assert_eq!(scene.counters().beyond_window_segments, 0);
}

#[test]
fn without_both_syns_the_window_is_not_known() {
    let mut scene = Scene::new(refusing());
    scene.push(&TcpFrame { window: 1, ..TcpFrame::down(200, 0, b"hello").acknowledging(100) });
    assert_eq!(scene.push(&up(0, b"much more")).last().unwrap(), "1 data 0 much more");
}

fn apart() -> Config {
    with(Config::new(KEY), |c| c.urgent = Urgent::Apart)
}

#[test]
fn urgent_data_is_data_unless_it_is_wanted_apart() {
    let mut scene = handshake(Config::new(KEY), [None; 2], None);
    assert_eq!(scene.push(&up(0, b"login!").urgent(6)), ["0 data 0 login!"]);
    assert_eq!((scene.counters().urgent_segments, scene.counters().urgent_bytes), (1, 0));
}

#[test]
fn apart_it_is_the_byte_before_the_pointer() {
    for (pointer, expected) in [
        (1, &["0 urgent 0 l", "0 data 1 ogin!"][..]),
        (3, &["0 data 0 lo", "0 urgent 2 g", "0 data 3 in!"]),
        (6, &["0 data 0 login", "0 urgent 5 !"]),
        (0, &["0 data 0 login!"]),
        (7, &["0 data 0 login!"]),
    ] {
        let mut scene = handshake(apart(), [None; 2], None);
        assert_eq!(scene.push(&up(0, b"login!").urgent(pointer)), expected);
        assert_eq!(scene.counters().urgent_segments, 1);
        assert_eq!(scene.push(&up(6, b".")), ["0 data 6 ."]);
        scene.finish();
    }
}

#[test]
fn apart_beyond_a_hole_and_cut_by_a_snap_length_it_counts_as_one_segment() {
    let mut scene = handshake(apart(), [None; 2], None);
    assert_eq!(scene.push(&up(5, b"abcdef").urgent(3)), ["0 data 5 ab", "0 urgent 7 c", "0 data 8 def"]);
    assert_eq!(scene.push_cut(&up(20, b"abcdef").urgent(3), 1), ["0 data 20 a"]);
    let counters = scene.counters();
    assert_eq!(counters.out_of_order_segments, 2);
    assert_eq!((counters.truncated_segments, counters.truncated_bytes), (1, 5));
    assert_eq!(scene.push(&up(5, b"abcdef")), ["0 repeated 5 abcdef"]);
    scene.finish();
}

#[test]
fn in_order_urgent_data_waits_its_turn() {
    let mut core = Reassembler::new(apart(), Storage::heap(4, 64).unwrap()).unwrap();
    let lines = Lines { recorder: Recorder::adapted(true), ..Lines::default() };
    let mut sink = InOrder::new(lines, InOrderStorage::heap(4, 1 << 16).unwrap(), InOrderConfig::new(KEY));
    for segment in
        [TcpFrame::up(99, SYN, b""), up(5, b"wor"), up(8, b"!").urgent(1), up(9, b"ld"), up(0, b"hello")]
    {
        let bytes = segment.bytes();
        let Ok(()) = core.push(&tapflow_core::Frame { time: Timestamp(1), ..frame(&bytes, 0) }, &mut sink);
    }
    assert_eq!(sink.inner().lines[1..], ["0 data 0 hello", "0 data 5 wor", "0 urgent 8 !", "0 data 9 ld"]);
}
