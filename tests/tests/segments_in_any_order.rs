//! Every byte at its place: out of order, repeated, overlapping, cut short, in SYN and FIN, before the
//! first byte seen. The first copy of a byte stays.

use tapflow_core::Config;
use tapflow_tests::frames::{FIN, SYN, TcpFrame};
use tapflow_tests::scene::Scene;
use tapflow_tests::{KEY, with};

const NOTHING: [&str; 0] = [];

/// A segment of the client, whose stream begins at 100, by stream offset.
fn at(offset: u32, payload: &str) -> TcpFrame {
    TcpFrame::up(100 + offset, 0, payload.as_bytes())
}

fn connected() -> Scene {
    let mut scene = Scene::default();
    scene.handshake(40000);
    scene
}

fn connected_with(islands: usize, config: Config) -> Scene {
    let mut scene = Scene::with(config, 8, islands);
    scene.handshake(40000);
    scene
}

// Order

#[test]
fn bytes_beyond_a_hole_are_told_at_once_at_their_place() {
    let mut scene = connected();
    assert_eq!(scene.push(&at(5, "world")), ["0 data 5 world"]);
    assert_eq!(scene.push(&at(0, "hello")), ["0 data 0 hello"]);
    assert_eq!(scene.push(&at(10, "!")), ["0 data 10 !"]);
    assert_eq!(scene.counters().out_of_order_segments, 1);
    assert_eq!(scene.finish(), ["0 closed end-of-input 11", "1 closed end-of-input 0"]);
}

#[test]
fn a_duplicate_is_told_as_repeated() {
    let mut scene = connected();
    scene.push(&at(0, "hello"));
    assert_eq!(scene.push(&at(0, "hello")), ["0 repeated 0 hello"]);
    scene.push(&at(9, "island"));
    assert_eq!(scene.push(&at(9, "island")), ["0 repeated 9 island"]);
    assert_eq!(scene.counters().repeated_bytes, 11);
}

#[test]
fn of_an_overlapping_segment_only_the_new_part_is_data() {
    let mut scene = connected();
    scene.push(&at(0, "hello"));
    assert_eq!(scene.push(&at(3, "lo world")), ["0 repeated 3 lo", "0 data 5  world"]);
}

#[test]
fn a_segment_over_several_islands_is_split_at_their_edges() {
    let mut scene = connected();
    scene.push(&at(2, "cd"));
    scene.push(&at(6, "gh"));
    assert_eq!(
        scene.push(&at(0, "abcdefghij")),
        ["0 data 0 ab", "0 repeated 2 cd", "0 data 4 ef", "0 repeated 6 gh", "0 data 8 ij"]
    );
    assert_eq!(scene.finish(), ["0 closed end-of-input 10", "1 closed end-of-input 0"]);
}

#[test]
fn a_hole_never_filled_is_told_as_a_gap_at_the_end() {
    let mut scene = connected();
    scene.push(&at(0, "a"));
    scene.push(&at(5, "b"));
    scene.push(&at(9, "c"));
    assert_eq!(
        scene.finish(),
        ["0 gap 1..5", "0 gap 6..9", "0 closed end-of-input 10", "1 closed end-of-input 0"]
    );
    assert_eq!(scene.counters().gap_bytes, 7);
}

// Copies that differ

#[test]
fn the_first_copy_of_a_byte_stays_and_a_later_one_that_differs_is_a_conflict() {
    let mut scene = connected();
    scene.push(&at(0, "hello"));
    assert_eq!(scene.push(&at(0, "HELLO")), ["0 repeated 0 HELLO", "0 conflict 0 HELLO"]);
    assert_eq!(scene.push(&at(3, "LO world")), ["0 repeated 3 LO", "0 conflict 3 LO", "0 data 5  world"]);
    assert_eq!(scene.recorder().stream_from(40000), b"hello world");
    assert_eq!(scene.counters().conflicts, 2);
}

#[test]
fn the_same_holds_beyond_a_hole() {
    let mut scene = connected();
    scene.push(&at(5, "world"));
    assert_eq!(
        scene.push(&at(0, "helloWORLD")),
        ["0 data 0 hello", "0 repeated 5 WORLD", "0 conflict 5 WORLD"]
    );
}

// Keepalives

/// The server has everything up to this offset.
fn acknowledged(offset: u32) -> TcpFrame {
    TcpFrame::down(200, 0, b"").acknowledging(100 + offset)
}

#[test]
fn a_keepalive_of_any_byte_or_none_is_no_conflict_and_is_counted_with_its_answer() {
    for text in ["o", "\0", "X", ""] {
        let mut scene = connected();
        scene.push(&at(0, "hello"));
        scene.push(&acknowledged(5));
        for number in 1..4 {
            assert_eq!(scene.push(&at(4, text).acknowledging(200)), NOTHING);
            assert_eq!(scene.push(&acknowledged(5)), NOTHING);
            // A second acknowledgement answers nothing.
            assert_eq!(scene.push(&acknowledged(5)), NOTHING);
            let c = scene.counters();
            assert_eq!((c.keepalives, c.keepalive_answers), (number, number), "{text:?}");
        }
        assert_eq!(scene.push(&at(5, " world")), ["0 data 5  world"]);
        let c = scene.counters();
        assert_eq!((c.conflicts, c.repeated_bytes, c.out_of_order_segments), (0, 0, 0));
        assert_eq!(c.out_of_window_bytes, 3 * text.len() as u64);
    }
}

#[test]
fn a_byte_that_the_receiver_has_not_acknowledged_is_a_retransmission() {
    let mut scene = connected();
    scene.push(&at(0, "hello"));
    scene.push(&acknowledged(4));
    assert_eq!(scene.push(&at(4, "X")), ["0 repeated 4 X", "0 conflict 4 X"]);
    // Two bytes are none either.
    scene.push(&acknowledged(5));
    assert_eq!(scene.push(&at(3, "XX")), ["0 repeated 3 XX", "0 conflict 3 XX"]);
    // Nor is one before the last.
    assert_eq!(scene.push(&at(3, "X")), ["0 repeated 3 X", "0 conflict 3 X"]);
    assert_eq!((scene.counters().keepalives, scene.counters().conflicts), (0, 3));
}

#[test]
fn both_sides_may_ask_at_once() {
    let mut scene = connected();
    scene.push(&at(0, "hello"));
    scene.push(&TcpFrame::down(200, 0, b"hi").acknowledging(105));
    scene.push(&at(5, "").acknowledging(202));
    scene.push(&at(4, "").acknowledging(202));
    scene.push(&TcpFrame::down(201, 0, b"").acknowledging(105));
    scene.push(&at(5, "").acknowledging(202));
    let c = scene.counters();
    assert_eq!((c.keepalives, c.keepalive_answers), (2, 1));
}

#[test]
fn a_keepalive_before_the_first_byte_is_out_of_the_window() {
    let mut scene = connected();
    assert_eq!(scene.push(&TcpFrame::up(99, 0, b"\0").acknowledging(200)), NOTHING);
    let c = scene.counters();
    assert_eq!((c.keepalives, c.out_of_window_bytes), (1, 1));
    assert_eq!(scene.push(&at(0, "hello")), ["0 data 0 hello"]);
}

// Data in SYN and FIN

#[test]
fn data_in_a_syn_is_the_beginning_of_the_stream() {
    let mut scene = Scene::default();
    assert_eq!(
        scene.push(&TcpFrame::up(99, SYN, b"early")),
        ["0 opened session 0 client syn", "0 data 0 early"]
    );
    assert_eq!(
        scene.push(&TcpFrame::down(199, SYN, b"answer").acknowledging(105)),
        ["1 opened session 0 syn", "1 data 0 answer"]
    );
    assert_eq!(scene.push(&at(5, " more")), ["0 data 5  more"]);
}

#[test]
fn data_in_a_syn_that_was_not_acknowledged_comes_again_without_the_syn() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(99, SYN, b"early"));
    scene.push(&TcpFrame::down(199, SYN, b"").acknowledging(100));
    assert_eq!(scene.push(&at(0, "early bird")), ["0 replaced 0 early", "0 data 5  bird"]);
}

#[test]
fn a_syn_that_comes_again_with_data_brings_the_data_once() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(99, SYN, b"early"));
    assert_eq!(scene.push(&TcpFrame::up(99, SYN, b"early")), ["0 repeated 0 early"]);
    assert_eq!(scene.push(&TcpFrame::up(99, SYN, b"")), NOTHING);
}

#[test]
fn syn_data_and_fin_may_be_one_segment() {
    let mut scene = Scene::default();
    assert_eq!(
        scene.push(&TcpFrame::up(99, SYN | FIN, b"all")),
        ["0 opened session 0 client syn", "0 data 0 all"]
    );
    assert_eq!(
        scene.push(&TcpFrame::down(199, SYN | FIN, b"done").acknowledging(104)),
        ["1 opened session 0 syn", "1 data 0 done"]
    );
    assert_eq!(scene.finish(), ["0 closed finished 3", "1 closed finished 4"]);
}

#[test]
fn data_in_a_fin_is_the_end_of_the_stream() {
    let mut scene = connected();
    scene.push(&at(0, "hello"));
    assert_eq!(scene.push(&TcpFrame::up(105, FIN, b" world")), ["0 data 5  world"]);
    scene.finish();
    let (_, summary) = scene.recorder().flows[&0].closed.clone().unwrap();
    assert_eq!((summary.span, summary.syn, summary.fin), (11, true, true));
}

// Streams that begin before the capture

#[test]
fn without_a_syn_the_stream_begins_at_the_first_byte_seen() {
    let mut scene = Scene::default();
    assert_eq!(scene.push(&TcpFrame::up(5000, 0, b"hello")), ["0 opened session 0 client", "0 data 0 hello"]);
}

#[test]
fn bytes_before_the_first_one_seen_move_the_start() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(5010, 0, b"third"));
    assert_eq!(scene.push(&TcpFrame::up(5000, 0, b"first")), ["0 rebased 10", "0 data 0 first"]);
    assert_eq!(scene.push(&TcpFrame::up(5005, 0, b"other")), ["0 data 5 other"]);
    assert_eq!(scene.push(&TcpFrame::up(5015, 0, b"!")), ["0 data 15 !"]);
    assert_eq!(scene.recorder().stream_from(40000), b"firstotherthird!");
    assert_eq!(scene.counters().rebased, 1);
}

#[test]
fn a_segment_over_the_first_byte_moves_the_start_and_repeats_the_rest() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(5003, 0, b"lo"));
    assert_eq!(
        scene.push(&TcpFrame::up(5000, 0, b"hello wo")),
        ["0 rebased 3", "0 data 0 hel", "0 repeated 3 lo", "0 data 5  wo"]
    );
}

#[test]
fn the_start_moves_only_within_the_window_and_so_often() {
    let config = with(Config::new(KEY), |c| {
        c.rebase_window = 100;
        c.max_rebases = 2;
    });
    let mut scene = Scene::new(config);
    scene.push(&TcpFrame::up(5000, 0, b"x"));
    assert_eq!(scene.push(&TcpFrame::up(4899, 0, b"far")), NOTHING);
    assert_eq!(scene.push(&TcpFrame::up(4990, 0, b"1"))[0], "0 rebased 10");
    assert_eq!(scene.push(&TcpFrame::up(4980, 0, b"2"))[0], "0 rebased 10");
    assert_eq!(scene.push(&TcpFrame::up(4970, 0, b"3")), NOTHING);
    assert_eq!(scene.counters().out_of_window_bytes, 4);
}

#[test]
fn before_a_syn_there_is_nothing() {
    let mut scene = connected();
    assert_eq!(scene.push(&TcpFrame::up(90, 0, b"before")), NOTHING);
    assert_eq!(scene.push(&TcpFrame::up(96, 0, b"nonehello")), ["0 data 0 hello"]);
    assert_eq!(scene.counters().out_of_window_bytes, 10);
}

#[test]
fn a_fin_seen_first_does_not_hide_the_bytes_before_it() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::down(200, 0, b"x").acknowledging(111));
    assert_eq!(scene.push(&TcpFrame::up(110, FIN, b"")), NOTHING);
    assert_eq!(
        scene.push(&TcpFrame::up(100, 0, b"hello")),
        ["1 opened session 0", "1 rebased 10", "1 data 0 hello"]
    );
    assert_eq!(scene.push(&TcpFrame::up(105, 0, b"world")), ["1 data 5 world"]);
    scene.finish();
    assert_eq!(scene.recorder().flows[&1].closed.as_ref().unwrap().1.gaps, 0);
}

// A SYN that comes late

#[test]
fn a_syn_after_the_data_fixes_the_start() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(105, 0, b"world"));
    assert_eq!(scene.push(&TcpFrame::up(99, SYN, b"")), ["0 rebased 5"]);
    assert_eq!(scene.push(&TcpFrame::up(94, 0, b"beforehel")), ["0 data 0 hel"]);
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"hello")), ["0 repeated 0 hel", "0 data 3 lo"]);
    assert_eq!(scene.counters().connections, 1);
}

#[test]
fn a_syn_just_before_the_first_byte_moves_nothing() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(100, 0, b"hello"));
    assert_eq!(scene.push(&TcpFrame::up(99, SYN, b"")), NOTHING);
    assert_eq!(scene.push(&TcpFrame::up(95, 0, b"none!")), NOTHING);
    assert_eq!(scene.counters().out_of_window_bytes, 5);
}

#[test]
fn a_late_syn_may_bring_data() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(105, 0, b"world"));
    assert_eq!(scene.push(&TcpFrame::up(99, SYN, b"hello")), ["0 rebased 5", "0 data 0 hello"]);
}

#[test]
fn a_syn_far_before_the_data_is_another_connection() {
    let mut scene = Scene::new(with(Config::new(KEY), |c| c.rebase_window = 1000));
    scene.push(&TcpFrame::up(5000, 0, b"hello"));
    assert_eq!(scene.push(&TcpFrame::up(3000, SYN, b"")), ["1 opened session 1 client syn"]);
}

// Segments cut short by a snap length

#[test]
fn the_missing_tail_of_a_segment_is_a_gap() {
    let mut scene = connected();
    assert_eq!(scene.push_cut(&at(0, "hello world"), 5), ["0 data 0 hello"]);
    assert_eq!(scene.push_cut(&at(11, "more"), 4), ["0 data 11 more"]);
    let c = scene.counters();
    assert_eq!((c.truncated_segments, c.truncated_bytes), (1, 6));
    assert_eq!(scene.finish()[..2], ["0 gap 5..11", "0 closed end-of-input 15"]);
}

#[test]
fn a_missing_tail_at_the_end_of_a_stream_is_a_gap_too() {
    let mut scene = connected();
    assert_eq!(scene.push_cut(&at(0, "hello world"), 0), NOTHING);
    assert_eq!(scene.finish()[..2], ["0 gap 0..11", "0 closed end-of-input 11"]);
}

#[test]
fn a_retransmission_that_was_captured_whole_fills_a_missing_tail() {
    let mut scene = connected();
    scene.push_cut(&at(0, "hello world"), 5);
    assert_eq!(scene.push(&at(0, "hello world")), ["0 repeated 0 hello", "0 data 5  world"]);
    assert_eq!(scene.finish()[0], "0 closed end-of-input 11");
}

#[test]
fn a_segment_over_the_end_of_a_missing_tail_is_one_piece() {
    let mut scene = connected();
    scene.push_cut(&at(0, "hello world"), 5);
    assert_eq!(scene.push(&at(5, " world!")), ["0 data 5  world!"]);
}

#[test]
fn the_fin_of_a_segment_cut_short_stands_after_its_missing_tail() {
    let mut scene = connected();
    scene.push_cut(&TcpFrame::up(100, FIN, b"hello world"), 5);
    scene.push(&TcpFrame::down(200, FIN, b"").acknowledging(112));
    assert_eq!(scene.finish()[..2], ["0 gap 5..11", "0 closed finished 11"]);
}

#[test]
fn the_missing_tail_before_the_first_byte_seen_is_a_hole() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(110, 0, b"third"));
    assert_eq!(scene.push_cut(&TcpFrame::up(100, 0, b"firstother"), 5), ["0 rebased 10", "0 data 0 first"]);
    assert_eq!(scene.push(&TcpFrame::up(105, 0, b"other")), ["0 data 5 other"]);
    assert_eq!(scene.finish(), ["0 closed end-of-input 15"]);
}

// Memory for islands

#[test]
fn where_no_island_is_free_the_lowest_hole_is_given_up() {
    let mut scene = connected_with(1, Config::new(KEY));
    scene.push(&at(2, "c"));
    assert_eq!(scene.push(&at(5, "f")), ["0 data 5 f", "0 gap 0..2"]);
    assert_eq!(scene.counters().islands_exhausted, 1);
    assert_eq!(scene.push(&at(0, "ab")), ["0 late 0 ab"]);
    assert_eq!(scene.push(&at(3, "de")), ["0 data 3 de"]);
    assert_eq!(scene.push(&at(6, "g")), ["0 data 6 g"]);
    assert_eq!(scene.finish()[0], "0 closed end-of-input 7");
    assert_eq!(scene.counters().late_bytes, 2);
}

#[test]
fn a_flow_that_has_its_share_of_islands_gives_up_its_own_hole() {
    let mut scene = connected_with(64, with(Config::new(KEY), |c| c.max_islands = 2));
    scene.push(&at(2, "c"));
    scene.push(&at(5, "f"));
    assert_eq!(scene.push(&at(8, "i")), ["0 data 8 i", "0 gap 0..2"]);
}

#[test]
fn the_byte_in_order_is_never_refused() {
    for islands in 0..3 {
        let mut scene = connected_with(islands, Config::new(KEY));
        // Another flow takes all islands.
        for hole in 0..4 {
            scene.push(&TcpFrame::down(210 + hole * 10, 0, b"x").acknowledging(100));
        }
        for offset in (0..100).step_by(10) {
            assert_eq!(scene.push(&at(offset, "0123456789")), [format!("0 data {offset} 0123456789")]);
        }
        scene.finish();
    }
}

#[test]
fn without_any_island_bytes_beyond_a_hole_are_still_told() {
    let mut scene = connected_with(0, Config::new(KEY));
    assert_eq!(scene.push(&at(5, "world")), ["0 data 5 world", "0 gap 0..5"]);
    assert_eq!(scene.push(&at(0, "hello")), ["0 late 0 hello"]);
    assert_eq!(scene.push(&at(10, "!")), ["0 data 10 !"]);
}

#[test]
fn a_stream_that_gave_up_a_hole_begins_no_earlier() {
    let mut scene = Scene::with(Config::new(KEY), 8, 0);
    scene.push(&at(10, "k"));
    assert_eq!(scene.push(&at(13, "n")), ["0 data 3 n", "0 gap 1..3"]);
    assert_eq!(scene.push(&at(8, "ijklm")), ["0 late 0 klm"]);
    assert_eq!(scene.counters().out_of_window_bytes, 2);
    scene.finish();
}

#[test]
fn islands_come_back_when_their_flow_closes() {
    let mut scene = Scene::with(Config::new(KEY), 1, 2);
    for port in 0..100 {
        scene.handshake(port);
        for offset in [10, 20] {
            let told = scene.push(&at(offset, "x").client_port(port));
            assert_eq!(told.len(), 1, "{told:?}");
        }
    }
    assert_eq!(scene.counters().islands_exhausted, 0);
}

// Bytes that only the receiver saw

#[test]
fn acknowledged_bytes_in_a_hole_were_lost_by_the_capture() {
    let mut scene = connected();
    scene.push(&at(0, "hello"));
    scene.push(&at(11, "more"));
    scene.push(&TcpFrame::down(200, 0, b"").acknowledging(115));
    scene.finish();
    let (_, summary) = scene.recorder().flows[&0].closed.clone().unwrap();
    assert_eq!((summary.acknowledged_unseen, summary.gaps), (6, 6));
    assert_eq!(scene.counters().acknowledged_unseen_bytes, 6);
}

#[test]
fn acknowledged_bytes_beyond_the_last_one_seen_were_lost_by_the_capture() {
    let mut scene = connected();
    scene.push(&at(0, "hello"));
    scene.push(&TcpFrame::down(200, 0, b"").acknowledging(125));
    scene.finish();
    let (_, summary) = scene.recorder().flows[&0].closed.clone().unwrap();
    assert_eq!((summary.acknowledged_unseen, summary.span), (20, 5));
}

#[test]
fn bytes_in_a_hole_that_nobody_acknowledged_are_not_the_capture_s_loss() {
    let mut scene = connected();
    scene.push(&at(11, "more"));
    scene.push(&TcpFrame::down(200, 0, b"").acknowledging(100));
    scene.finish();
    assert_eq!(scene.counters().acknowledged_unseen_bytes, 0);
    assert_eq!(scene.counters().gap_bytes, 11);
}

#[test]
fn the_acknowledgement_of_a_fin_is_no_loss() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, FIN, b"hello"));
    scene.push(&TcpFrame::down(200, FIN, b"").acknowledging(106));
    assert_eq!(scene.counters().acknowledged_unseen_bytes, 0);
}
