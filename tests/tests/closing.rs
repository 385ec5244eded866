//! The end of a connection: FIN, RST, port reuse, and what comes after.

use tapflow_core::{CloseReason, Config, Timestamp};
use tapflow_tests::frames::{ACK, FIN, RST, SERVER, SYN, TcpFrame};
use tapflow_tests::scene::Scene;
use tapflow_tests::{KEY, with};

const NOTHING: [&str; 0] = [];

/// Sinks are told the end as soon as it is certain.
fn at_once() -> Scene {
    Scene::new(with(Config::new(KEY), |c| c.close_at_once = true))
}

fn connected() -> Scene {
    let mut scene = at_once();
    scene.handshake(40000);
    scene
}

/// "up" and "down" were sent, and both sides' FIN, which were acknowledged.
fn ended() -> Scene {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, FIN, b"up").acknowledging(200));
    scene.push(&TcpFrame::down(200, FIN, b"down").acknowledging(103));
    scene.push(&TcpFrame::up(103, 0, b"").acknowledging(205));
    assert_eq!(scene.counters().closed_for(CloseReason::Finished), 1);
    scene
}

// FIN

#[test]
fn a_connection_is_finished_when_both_fins_are_acknowledged() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, 0, b"up").acknowledging(200));
    assert_eq!(scene.push(&TcpFrame::up(102, FIN, b"").acknowledging(200)), NOTHING);
    assert_eq!(scene.push(&TcpFrame::down(200, FIN, b"").acknowledging(103)), NOTHING);
    assert_eq!(
        scene.push(&TcpFrame::up(103, 0, b"").acknowledging(201)),
        ["0 closed finished 2", "1 closed finished 0"]
    );
    assert_eq!((scene.counters().stray_segments, scene.counters().after_close_segments), (0, 0));
}

#[test]
fn after_the_fin_of_one_side_the_other_goes_on() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, FIN, b"request").acknowledging(200));
    for piece in 0..10 {
        let told = scene.at(1 + u64::from(piece) * 1000).push(&TcpFrame::down(200 + piece * 4, 0, b"body"));
        assert_eq!(told, [format!("1 data {} body", piece * 4)]);
    }
    assert_eq!(scene.push(&TcpFrame::down(240, FIN, b"").acknowledging(108)), NOTHING);
    assert_eq!(
        scene.push(&TcpFrame::up(108, 0, b"").acknowledging(241)),
        ["0 closed finished 7", "1 closed finished 40"]
    );
}

#[test]
fn a_fin_beyond_a_hole_waits_for_the_hole() {
    let mut scene = connected();
    scene.push(&TcpFrame::down(200, FIN, b"").acknowledging(100));
    scene.push(&TcpFrame::up(105, FIN, b"world").acknowledging(201));
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"hello").acknowledging(201)), ["0 data 0 hello"]);
    assert_eq!(
        scene.push(&TcpFrame::down(201, 0, b"").acknowledging(111)),
        ["0 closed finished 10", "1 closed finished 0"]
    );
}

#[test]
fn a_hole_before_the_fins_is_a_gap_after_the_closing_time() {
    let mut scene = Scene::new(with(Config::new(KEY), |c| c.closing = 30 * Timestamp::SECOND));
    scene.handshake(40000);
    scene.at(100).push(&TcpFrame::up(105, FIN, b"world").acknowledging(200));
    scene.push(&TcpFrame::down(200, FIN, b"").acknowledging(111));
    assert!(scene.advance(129).is_empty());
    assert_eq!(scene.advance(130), ["0 gap 0..5", "0 closed finished 10", "1 closed finished 0"]);
}

#[test]
fn a_fin_alone_beyond_a_hole_tells_how_long_the_stream_is() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(105, FIN, b"").acknowledging(200));
    assert_eq!(scene.finish()[..2], ["0 gap 0..5", "0 closed end-of-input 5"]);
}

#[test]
fn a_fin_before_bytes_that_were_seen_is_ignored() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, 0, b"hello").acknowledging(200));
    scene.push(&TcpFrame::down(200, FIN, b"").acknowledging(105));
    for sequence in [50, 99, 100, 104] {
        assert_eq!(scene.push(&TcpFrame::up(sequence, FIN, b"")), NOTHING);
    }
    scene.push(&TcpFrame::up(120, 0, b"x"));
    assert_eq!(scene.push(&TcpFrame::up(110, FIN, b"")), NOTHING);
    assert_eq!(scene.counters().invalid_fins, 5);
    scene.finish();
    assert!(!scene.recorder().flows[&0].closed.as_ref().unwrap().1.fin);
}

#[test]
fn a_fin_that_comes_again_is_the_same_one() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, FIN, b"hello").acknowledging(200));
    assert_eq!(scene.push(&TcpFrame::up(100, FIN, b"hello")), ["0 repeated 0 hello"]);
    assert_eq!(scene.push(&TcpFrame::up(105, FIN, b"")), NOTHING);
    assert_eq!(scene.counters().invalid_fins, 0);
}

#[test]
fn data_beyond_a_fin_is_kept_and_counted() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, FIN, b"hello"));
    assert_eq!(scene.push(&TcpFrame::up(105, 0, b" world")), ["0 data 5  world"]);
    assert_eq!(scene.counters().data_after_fin, 1);
    assert_eq!(scene.finish()[0], "0 closed end-of-input 11");
}

#[test]
fn an_acknowledged_fin_is_the_end_whatever_lies_beyond() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(1100, 0, b"forged").acknowledging(200));
    scene.push(&TcpFrame::up(100, FIN, b"hello").acknowledging(200));
    scene.push(&TcpFrame::down(200, FIN, b"").acknowledging(106));
    assert_eq!(
        scene.push(&TcpFrame::up(106, 0, b"").acknowledging(201)),
        ["0 gap 5..1000", "0 closed finished 1006", "1 closed finished 0"]
    );
    assert_eq!(scene.counters().acknowledged_unseen_bytes, 0);
}

#[test]
fn of_two_fins_the_acknowledged_one_counts() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(110, FIN, b"").acknowledging(200));
    scene.push(&TcpFrame::up(100, FIN, b"hello").acknowledging(200));
    scene.push(&TcpFrame::down(200, FIN, b"").acknowledging(106));
    assert_eq!(
        scene.push(&TcpFrame::up(106, 0, b"").acknowledging(201)),
        ["0 closed finished 5", "1 closed finished 0"]
    );
}

#[test]
fn a_probe_with_the_number_of_an_acknowledged_fin_is_no_data() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, FIN, b"").acknowledging(200));
    scene.push(&TcpFrame::down(200, 0, b"").acknowledging(101));
    assert_eq!(scene.at(100).push(&TcpFrame::up(100, 0, b"0").acknowledging(200)), NOTHING);
    assert_eq!((scene.counters().data_bytes, scene.counters().keepalives), (0, 1));
}

// After the end

#[test]
fn retransmissions_after_the_end_open_nothing_and_tell_nothing() {
    let mut scene = ended();
    assert_eq!(scene.push(&TcpFrame::up(100, FIN, b"up").acknowledging(200)), NOTHING);
    assert_eq!(scene.push(&TcpFrame::down(200, 0, b"DOWN").acknowledging(103)), NOTHING);
    assert_eq!(scene.push(&TcpFrame::down(202, 0, b"wn").acknowledging(103)), NOTHING);
    assert_eq!(scene.push(&TcpFrame::up(99, SYN, b"")), NOTHING);
    assert_eq!(scene.push(&TcpFrame::down(199, SYN, b"").acknowledging(100)), NOTHING);
    assert_eq!(scene.push(&TcpFrame::up(102, FIN, b"").acknowledging(205)), NOTHING);
    assert_eq!(scene.push(&TcpFrame::up(103, RST, b"")), NOTHING);
    let c = scene.counters();
    assert_eq!((c.after_close_bytes, c.after_close_segments, c.connections), (8, 6, 1));
    assert_eq!(scene.finish(), NOTHING);
}

#[test]
fn new_bytes_after_the_end_are_not_lost() {
    let mut scene = ended();
    assert_eq!(
        scene.push(&TcpFrame::up(100, 0, b"up and more").acknowledging(205)),
        ["2 opened session 1 client", "2 data 0 up and more"]
    );
}

#[test]
fn a_syn_after_the_end_is_a_new_connection() {
    let mut scene = ended();
    assert_eq!(scene.push(&TcpFrame::up(5000, SYN, b"")), ["2 opened session 1 client syn"]);
    assert_eq!(scene.push(&TcpFrame::up(5001, 0, b"again")), ["2 data 0 again"]);
}

#[test]
fn retransmissions_of_the_old_connection_do_not_reach_the_new_one() {
    for isn in [5000, 90, 3_000_000_000, u32::MAX - 100] {
        let mut scene = ended();
        scene.push(&TcpFrame::up(isn, SYN, b""));
        scene.push(&TcpFrame::down(3_000_000_199, SYN, b"").acknowledging(isn.wrapping_add(1)));
        let next = isn.wrapping_add(1);
        scene.push(&TcpFrame::up(next, 0, b"ab").acknowledging(3_000_000_200));
        assert_eq!(scene.push(&TcpFrame::up(100, FIN, b"UP").acknowledging(200)), NOTHING, "{isn}");
        assert_eq!(scene.push(&TcpFrame::down(200, FIN, b"DOWN").acknowledging(103)), NOTHING, "{isn}");
        assert_eq!(scene.push(&TcpFrame::up(102, FIN, b"").acknowledging(205)), NOTHING, "{isn}");
        let more = TcpFrame::up(next.wrapping_add(2), 0, b"cd").acknowledging(3_000_000_200);
        assert_eq!(scene.push(&more), ["2 data 2 cd"], "{isn}");
        assert_eq!(scene.counters().after_close_bytes, 6, "{isn}");
        assert_eq!(scene.counters().connections, 2, "{isn}");
        assert_eq!(scene.finish(), ["2 closed end-of-input 4", "3 closed end-of-input 0"], "{isn}");
    }
}

#[test]
fn bytes_of_the_new_connection_beyond_a_hole_are_not_taken_for_old_ones() {
    let mut scene = ended();
    scene.push(&TcpFrame::up(90, SYN, b""));
    scene.push(&TcpFrame::down(3_000_000_199, SYN, b"").acknowledging(91));
    // Where the old connection had "up"; the acknowledgement tells them apart.
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"UP").acknowledging(3_000_000_200)), ["2 data 9 UP"]);
    assert_eq!(scene.counters().after_close_bytes, 0);
}

#[test]
fn a_syn_just_before_the_start_of_an_ended_connection_is_a_new_one() {
    let mut scene = at_once();
    scene.push(&TcpFrame::up(100, FIN, b"up").acknowledging(200));
    scene.push(&TcpFrame::down(200, FIN, b"down").acknowledging(103));
    scene.push(&TcpFrame::up(103, 0, b"").acknowledging(205));
    assert_eq!(scene.push(&TcpFrame::up(50, SYN, b"")), ["2 opened session 1 client syn"]);
}

// Port reuse

#[test]
fn a_new_handshake_with_other_sequence_numbers_ends_the_connection_before_it_when_it_is_complete() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(105, 0, b"island"));
    assert_eq!(scene.push(&TcpFrame::up(5000, SYN, b"")), ["2 opened session 1 client syn"]);
    let answer = TcpFrame::down(6000, SYN, b"").acknowledging(5001);
    assert_eq!(scene.push(&answer), ["3 opened session 1 syn"]);
    assert_eq!(
        scene.push(&TcpFrame::up(5001, 0, b"").acknowledging(6001)),
        ["0 gap 0..5", "0 closed port-reuse 11", "1 closed port-reuse 0"]
    );
    assert_eq!(scene.push(&TcpFrame::up(105, 0, b"island").acknowledging(200)), NOTHING);
    assert_eq!(scene.counters().closed_for(CloseReason::PortReuse), 1);
}

#[test]
fn a_syn_that_nobody_answers_ends_nothing_however_many_there_are() {
    let mut scene = connected();
    for number in 1..100 {
        scene.push(&TcpFrame::up(5000 * number, SYN, b""));
    }
    // Some of them wait for an answer.
    assert_eq!(scene.counters().max_connections, 5);
    assert_eq!(scene.push(&TcpFrame::down(200, 0, b"still").acknowledging(100)), ["1 data 0 still"]);
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"here").acknowledging(205)), ["0 data 0 here"]);
}

#[test]
fn of_a_capture_of_one_side_data_after_the_syn_ends_the_connection_before_it() {
    let mut scene = at_once();
    scene.push(&TcpFrame::up(100, 0, b"old"));
    assert_eq!(scene.push(&TcpFrame::up(5000, SYN, b"")), ["1 opened session 1 client syn"]);
    assert_eq!(scene.push(&TcpFrame::up(5001, 0, b"new")), ["1 data 0 new", "0 closed port-reuse 3"]);
}

#[test]
fn a_connection_replaced_long_after_its_last_packet_still_absorbs() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, 0, b"old").acknowledging(200));
    scene.at(10_000).push(&TcpFrame::up(5000, SYN, b""));
    scene.push(&TcpFrame::down(6000, SYN, b"").acknowledging(5001));
    scene.push(&TcpFrame::up(5001, 0, b"").acknowledging(6001));
    scene.advance(10_050);
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"old").acknowledging(200)), NOTHING);
    assert_eq!(scene.counters().after_close_bytes, 3);
}

#[test]
fn a_new_attempt_that_goes_on_replaces_one_without_data() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(99, SYN, b""));
    assert_eq!(scene.push(&TcpFrame::up(777, SYN, b"")), ["1 opened session 1 client syn"]);
    assert_eq!(scene.push(&TcpFrame::up(778, 0, b"hello")), ["1 data 0 hello", "0 closed port-reuse 0"]);
}

#[test]
fn a_syn_that_contradicts_the_acknowledgements_of_the_other_side_is_a_new_connection() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::down(200, 0, b"data").acknowledging(1_000_000_000));
    assert_eq!(scene.push(&TcpFrame::up(3_000_000_000, SYN, b"")), ["1 opened session 1 client syn"]);
}

// Two answers

#[test]
fn of_two_answers_to_one_syn_the_acknowledged_one_stays() {
    let mut scene = connected();
    assert_eq!(scene.push(&TcpFrame::down(7_000_000, SYN, b"forged").acknowledging(100)), NOTHING);
    assert_eq!(scene.push(&TcpFrame::down(200, 0, b"true").acknowledging(100)), ["1 data 0 true"]);
    let c = scene.counters();
    assert_eq!((c.invalid_syns, c.out_of_window_bytes, c.connections), (1, 6, 1));
    scene.finish();
}

#[test]
fn of_two_answers_to_one_syn_the_later_one_counts_before_an_acknowledgement() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(99, SYN, b""));
    scene.push(&TcpFrame::down(199, SYN, b"").acknowledging(100));
    assert_eq!(scene.push(&TcpFrame::down(7_000_000, SYN, b"").acknowledging(100)), NOTHING);
    scene.push(&TcpFrame::up(100, 0, b"").acknowledging(7_000_001));
    assert_eq!(scene.push(&TcpFrame::down(7_000_001, 0, b"hello").acknowledging(100)), ["1 data 0 hello"]);
    assert_eq!(scene.counters().connections, 1);
    scene.finish();
}

// RST

/// Whether an RST of the client with this sequence number closes a connection in which the client
/// has sent 1000 bytes and the server has announced a window of 0x8000 scaled by 2.
fn resets(sequence: u32) -> bool {
    let mut scene = Scene::default();
    let scaled = |frame: TcpFrame| TcpFrame { window: 0x8000, window_scale: Some(2), ..frame };
    scene.push(&scaled(TcpFrame::up(99, SYN, b"")));
    scene.push(&scaled(TcpFrame::down(199, SYN, b"").acknowledging(100)));
    scene.push(&TcpFrame::up(100, 0, &[b'x'; 1000]).acknowledging(200));
    scene.push(&TcpFrame { window: 0x8000, ..TcpFrame::down(200, 0, b"").acknowledging(1100) });
    assert_eq!(scene.push(&TcpFrame::up(sequence, RST, b"")), NOTHING);
    let told = scene.advance(1000);
    assert_eq!(scene.counters().invalid_resets, u64::from(told.is_empty()));
    assert!(told.is_empty() || told == ["0 closed reset 1000", "1 closed reset 0"], "{told:?}");
    !told.is_empty()
}

#[test]
fn an_rst_counts_only_in_the_window() {
    assert!(resets(1100));
    assert!(resets(1100 + 5));
    assert!(resets(1100 + 0x8000 * 4));
    assert!(!resets(1100 + 0x8000 * 4 + 1));
    assert!(!resets(1098));
    assert!(!resets(100));
    assert!(!resets(1100u32.wrapping_sub(1 << 31)));
    assert!(!resets(0));
}

#[test]
fn an_rst_at_what_the_receiver_acknowledged_counts_even_if_more_was_sent() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, 0, b"hello").acknowledging(200));
    scene.push(&TcpFrame::down(200, 0, b"").acknowledging(105));
    scene.push(&TcpFrame::up(105, 0, b"in flight").acknowledging(200));
    scene.push(&TcpFrame::up(105, RST, b""));
    assert_eq!(scene.finish()[0], "0 closed reset 14");
}

#[test]
fn an_rst_that_answers_a_syn_must_acknowledge_it() {
    let refused = |acknowledgement| {
        let mut scene = Scene::default();
        scene.push(&TcpFrame::up(99, SYN, b""));
        assert_eq!(scene.push(&TcpFrame::down(0, RST, b"").acknowledging(acknowledgement)), NOTHING);
        scene.advance(1000)
    };
    assert_eq!(refused(100), ["0 closed reset 0"]);
    assert_eq!(refused(99), NOTHING);
    assert_eq!(refused(5000), NOTHING);
}

#[test]
fn after_a_refusal_the_same_syn_may_be_sent_again() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(99, SYN, b""));
    scene.push(&TcpFrame::down(0, RST, b"").acknowledging(100));
    scene.push(&TcpFrame::up(99, SYN, b""));
    assert_eq!(scene.push(&TcpFrame::down(199, SYN, b"").acknowledging(100)), ["1 opened session 0 syn"]);
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"hello").acknowledging(200)), ["0 data 0 hello"]);
    assert_eq!(scene.advance(1000), NOTHING);
    assert_eq!(scene.finish()[0], "0 closed end-of-input 5");
}

#[test]
fn after_a_refusal_a_new_syn_is_a_new_connection() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(99, SYN, b""));
    scene.push(&TcpFrame::down(0, RST, b"").acknowledging(100));
    assert_eq!(
        scene.push(&TcpFrame::up(5000, SYN, b"")),
        ["0 closed reset 0", "1 opened session 1 client syn"]
    );
}

#[test]
fn the_payload_of_an_rst_is_no_part_of_the_stream() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, 0, b"hello").acknowledging(200));
    assert_eq!(scene.push(&TcpFrame::up(105, RST, b"no memory")), NOTHING);
    assert_eq!(scene.counters().reset_bytes, 9);
    assert_eq!(scene.finish()[0], "0 closed reset 5");
}

#[test]
fn data_still_under_way_when_an_rst_comes_is_taken_in() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(105, 0, b"world").acknowledging(200));
    scene.push(&TcpFrame::up(110, RST, b""));
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"hello").acknowledging(200)), ["0 data 0 hello"]);
    assert_eq!(scene.push(&TcpFrame::down(200, 0, b"late").acknowledging(100)), ["1 data 0 late"]);
    assert_eq!(scene.finish(), ["0 closed reset 10", "1 closed reset 4"]);
}

#[test]
fn an_old_copy_of_the_syn_does_not_undo_an_rst() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, 0, b"hello").acknowledging(200));
    scene.push(&TcpFrame::up(105, RST, b""));
    scene.push(&TcpFrame::up(99, SYN, b""));
    assert_eq!(scene.finish()[0], "0 closed reset 5");
}

#[test]
fn an_rst_beside_a_syn_goes_before_it() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, 0, b"hello").acknowledging(200));
    assert_eq!(scene.push(&TcpFrame::up(7_000_000, SYN | RST, b"")), NOTHING);
    assert_eq!(scene.counters().invalid_resets, 1);
    scene.push(&TcpFrame::up(105, SYN | RST, b""));
    assert_eq!(scene.finish()[0], "0 closed reset 5");
}

#[test]
fn an_rst_after_a_fin_closes_as_reset() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, FIN, b"up").acknowledging(200));
    scene.push(&TcpFrame::up(103, RST, b""));
    assert_eq!(scene.finish()[0], "0 closed reset 2");
}

#[test]
fn a_connection_that_goes_on_after_an_rst_is_kept_whole() {
    let mut scene = connected();
    scene.push(&TcpFrame::up(100, RST, b""));
    for piece in 0..100 {
        let told = scene.at(1 + u64::from(piece) * 30).push(&TcpFrame::up(100 + piece, 0, b"x"));
        assert_eq!(told, [format!("0 data {piece} x")]);
    }
    assert_eq!(scene.finish()[0], "0 closed end-of-input 100");
    assert_eq!(scene.counters().reopened, 1);
    assert!(scene.recorder().flows[&0].closed.as_ref().unwrap().1.reopened);
}

// One end only

#[test]
fn a_socket_connected_to_itself_is_one_flow_that_ends_with_its_fin() {
    let mut scene = at_once();
    let own = |sequence, flags, payload: &[u8]| TcpFrame {
        source: SERVER,
        destination: SERVER,
        ..TcpFrame::up(sequence, flags, payload)
    };
    assert_eq!(scene.push(&own(99, SYN, b"")), ["0 opened session 0 client syn"]);
    assert_eq!(scene.push(&own(99, SYN, b"").acknowledging(100)), NOTHING);
    assert_eq!(scene.push(&own(100, ACK, b"hello").acknowledging(100)), ["0 data 0 hello"]);
    assert_eq!(scene.push(&own(105, FIN, b"").acknowledging(105)), NOTHING);
    assert_eq!(scene.push(&own(106, 0, b"").acknowledging(106)), ["0 closed finished 5"]);
    assert_eq!(scene.finish(), NOTHING);
}

#[test]
fn a_capture_of_one_direction_gives_that_direction() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::down(199, SYN, b"").acknowledging(100));
    scene.push(&TcpFrame::down(200, 0, b"hello").acknowledging(105));
    scene.push(&TcpFrame::down(205, FIN, b"").acknowledging(106));
    assert_eq!(scene.finish(), ["0 closed end-of-input 5"]);
}
