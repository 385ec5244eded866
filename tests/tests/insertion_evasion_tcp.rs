//! Every attack at the TCP level in Ptacek and Newsham, "Insertion, Evasion, and Denial of Service: Eluding Network
//! Intrusion Detection" (1998), and what tapflow makes of it. Names in comments are those of the paper's tests, as
//! fragrouter numbers them too. Where the outcome depends on the receiver, the test shows the option that follows it.
//!
//! The client sends `ATTACK`; what an attacker wants an observer to read instead differs from test to test.

use tapflow_core::{Check, CloseReason, Config, OverlapPolicy};
use tapflow_tests::frames::{ACK, FIN, RST, SYN, TcpFrame};
use tapflow_tests::scene::Scene;
use tapflow_tests::{KEY, with};

const TEXT: &[u8] = b"ATTACK";

/// A segment of the client, whose stream begins at 100, with the server's last acknowledged byte.
fn up(offset: u32, payload: &[u8]) -> TcpFrame {
    TcpFrame::up(100u32.wrapping_add(offset), 0, payload).acknowledging(200)
}

/// The server has everything below an offset.
fn acknowledge(offset: u32) -> TcpFrame {
    TcpFrame::down(200, 0, b"").acknowledging(100 + offset)
}

/// `ATTACK` in segments of one byte, each acknowledged.
fn bytes_of_text() -> Vec<TcpFrame> {
    (0..).zip(TEXT).map(|(offset, byte)| up(offset, &[*byte])).collect()
}

/// A scene after a handshake.
fn connected(config: Config) -> Scene {
    let mut scene = Scene::new(config);
    scene.handshake(40000);
    scene
}

fn push_all(scene: &mut Scene, segments: &[TcpFrame]) {
    for segment in segments {
        scene.push(segment);
    }
}

/// The client's streams, in the order in which they began; `.` is a byte never seen.
fn streams(scene: &mut Scene) -> Vec<String> {
    scene.finish();
    let flows = scene.recorder().flows.values().filter(|flow| flow.opened.key.source_port == 40000);
    flows.map(|flow| flow.bytes.iter().map(|byte| byte.map_or('.', char::from)).collect()).collect()
}

fn stream(scene: &mut Scene) -> String {
    let streams = streams(scene);
    assert_eq!(streams.len(), 1, "one stream: {streams:?}");
    streams.into_iter().next().unwrap_or_default()
}

/// tcp-1: the string in segments of one byte, after a FIN and a RST that the receiver does not accept. (With bad
/// checksums they are another test's subject; here their numbers are wrong.)
#[test]
fn fin_and_rst_out_of_place_before_one_byte_segments_end_nothing() {
    let mut scene = connected(Config::new(KEY));
    scene.push(&TcpFrame { flags: FIN | ACK, ..up(1 << 30, b"") });
    scene.push(&TcpFrame { flags: RST, ..up(1 << 30, b"") });
    push_all(&mut scene, &bytes_of_text());
    assert_eq!(stream(&mut scene), "ATTACK");
    assert_eq!((scene.counters().invalid_fins, scene.counters().invalid_resets), (1, 1));
}

/// tcp-2: as tcp-1 without them, and the sequence numbers wrap within the string.
#[test]
fn sequence_numbers_that_wrap_go_on() {
    let mut scene = Scene::default();
    let start = u32::MAX - 2;
    scene.push(&TcpFrame::up(start.wrapping_sub(1), SYN, b""));
    for (at, byte) in (0..).zip(TEXT) {
        scene.push(&TcpFrame::up(start.wrapping_add(at), 0, &[*byte]));
    }
    assert_eq!(stream(&mut scene), "ATTACK");
}

/// tcp-3: every segment of one byte, one of them twice.
#[test]
fn a_duplicate_changes_nothing() {
    let mut scene = connected(Config::new(KEY));
    let segments = bytes_of_text();
    push_all(&mut scene, &segments[..5]);
    scene.push(&segments[4]);
    push_all(&mut scene, &segments[5..]);
    assert_eq!(stream(&mut scene), "ATTACK");
    assert_eq!((scene.counters().repeated_bytes, scene.counters().conflicts), (1, 0));
}

/// tcp-4: one segment twice, the second time with other bytes, after the receiver has read the first.
#[test]
fn a_duplicate_with_other_bytes_is_a_conflict_and_loses_under_every_policy() {
    for overlap in OverlapPolicy::ALL {
        let mut scene = connected(with(Config::new(KEY), |c| c.overlap = overlap));
        let segments = bytes_of_text();
        push_all(&mut scene, &segments[..5]);
        assert_eq!(scene.push(&up(4, b"X")), ["0 repeated 4 X", "0 conflict 4 X"]);
        push_all(&mut scene, &segments[5..]);
        assert_eq!(stream(&mut scene), "ATTACK", "{overlap:?}");
        assert_eq!(scene.counters().conflicts, 1);
    }
}

/// tcp-5: segments of two bytes, before each one of one byte that covers its second half with something harmless.
/// The receiver has neither read yet: which wins is its policy.
#[test]
fn forward_overlap_is_resolved_as_the_receiver_does() {
    for overlap in OverlapPolicy::ALL {
        let mut scene = connected(with(Config::new(KEY), |c| c.overlap = overlap));
        for at in [0u32, 2, 4] {
            let both = &TEXT[at as usize..at as usize + 2];
            scene.push(&up(at + 1, b"_"));
            scene.push(&up(at, both));
        }
        use OverlapPolicy::*;
        // The new segment begins before the old one and ends with it.
        let expected = if matches!(overlap, First | Vista) { "A_T_C_" } else { "ATTACK" };
        assert_eq!(stream(&mut scene), expected, "{overlap:?}");
        assert_eq!(scene.counters().conflicts, 3, "the observer knows, whatever the policy");
    }
}

/// tcp-6: in the middle of the string the numbers jump by 1000: the receiver waits for what is missing.
#[test]
fn a_jump_within_the_window_is_a_gap() {
    let mut scene = connected(Config::new(KEY));
    push_all(&mut scene, &bytes_of_text()[..3]);
    scene.push(&up(1003, b"ACK"));
    let told = stream(&mut scene);
    assert_eq!((&told[..3], &told[1003..]), ("ATT", "ACK"));
    assert_eq!(scene.counters().gap_bytes, 1000);
}

/// tcp-7: between the segments others of the same connection, with numbers far away.
#[test]
fn segments_far_from_the_window_are_another_stream_or_refused() {
    let interleaved = |scene: &mut Scene| {
        for segment in bytes_of_text() {
            scene.push(&segment);
            scene.push(&TcpFrame { sequence: segment.sequence.wrapping_add(1 << 30), ..up(0, b"\0") });
        }
    };
    let mut scene = connected(Config::new(KEY));
    interleaved(&mut scene);
    let told = streams(&mut scene);
    assert_eq!(told[0], "ATTACK");
    assert!(told[1..].iter().all(|other| other.chars().all(|byte| byte == '\0' || byte == '.')));
    // Nearer ones, short of a jump, are beyond the window that the receiver announced.
    let mut scene = connected(with(Config::new(KEY), |c| c.window = Check::Refuse));
    for segment in bytes_of_text() {
        scene.push(&segment);
        scene.push(&TcpFrame { sequence: segment.sequence.wrapping_add(1 << 20), ..up(0, b"\0") });
    }
    assert_eq!(stream(&mut scene), "ATTACK");
    assert_eq!((scene.counters().beyond_window_segments, scene.counters().refused_bytes), (6, 6));
}

/// tcp-8: one segment out of order.
#[test]
fn one_segment_out_of_order_finds_its_place() {
    let mut scene = connected(Config::new(KEY));
    let mut segments = bytes_of_text();
    segments.swap(2, 3);
    push_all(&mut scene, &segments);
    assert_eq!(stream(&mut scene), "ATTACK");
}

/// tcp-9: all segments out of order.
#[test]
fn every_order_of_segments_gives_the_same_stream() {
    let mut order: Vec<usize> = (0..6).collect();
    for _ in 0..720 {
        let mut scene = connected(Config::new(KEY));
        let segments = bytes_of_text();
        order.iter().for_each(|at| {
            scene.push(&segments[*at]);
        });
        assert_eq!(stream(&mut scene), "ATTACK", "{order:?}");
        // The next permutation.
        if let Some(pivot) = (0..5).rev().find(|at| order[*at] < order[at + 1]) {
            let larger = (0..6).rev().find(|at| order[*at] > order[pivot]).unwrap_or(5);
            order.swap(pivot, larger);
            order[pivot + 1..].reverse();
        }
    }
}

/// tcbc-1: no handshake at all. The receiver knows no connection; the observer may have missed it.
#[test]
fn data_without_a_handshake_is_kept_and_told_apart() {
    let mut scene = Scene::default();
    push_all(&mut scene, &bytes_of_text());
    assert_eq!(stream(&mut scene), "ATTACK");
    assert!(
        !scene.recorder().flows[&0].closed.as_ref().unwrap().1.syn,
        "the report says that no SYN was seen"
    );
}

/// tcbc-2: between the segments SYNs with the same addresses and ports.
#[test]
fn repeated_syns_of_the_same_number_change_nothing() {
    let mut scene = connected(Config::new(KEY));
    for segment in bytes_of_text() {
        scene.push(&segment);
        scene.push(&TcpFrame::up(99, SYN, b""));
    }
    assert_eq!(stream(&mut scene), "ATTACK");
}

/// tcbc-2 with SYNs of another number: the receiver answers them with a challenge (RFC 9293, 3.10.7.4), not with a SYN
/// of its own. They stand beside the connection, which goes on.
#[test]
fn syns_of_other_numbers_take_nothing_from_the_stream() {
    let mut scene = connected(Config::new(KEY));
    for (number, segment) in (1..).zip(bytes_of_text()) {
        scene.push(&TcpFrame::up(number * 1_000_000, SYN, b""));
        scene.push(&acknowledge(number - 1));
        scene.push(&segment);
    }
    let told = streams(&mut scene);
    assert_eq!(told[0], "ATTACK");
    assert!(told[1..].iter().all(String::is_empty));
    assert_eq!(scene.counters().after_close_bytes + scene.counters().out_of_window_bytes, 0);
}

/// tcbc-3: harmless bytes without a handshake, then a handshake on the same ports, then the string.
#[test]
fn a_handshake_after_data_begins_a_stream_of_its_own() {
    let mut scene = Scene::default();
    for at in 0..6 {
        scene.push(&TcpFrame::up(3_000_000_000 + at, 0, b"\0").acknowledging(700));
    }
    scene.handshake(40000);
    push_all(&mut scene, &bytes_of_text());
    assert_eq!(streams(&mut scene), ["\0\0\0\0\0\0", "ATTACK"]);
}

/// tcbc-3 where the harmless bytes have the numbers that the handshake will have: the SYN says that they are older.
#[test]
fn bytes_before_a_handshake_of_the_same_numbers_are_what_the_observer_saw_first() {
    let mut scene = Scene::default();
    scene.push(&up(0, b"______"));
    scene.handshake(40000);
    push_all(&mut scene, &bytes_of_text());
    assert_eq!(stream(&mut scene), "______");
    assert_eq!(scene.counters().conflicts, 6, "and every byte of the string is told as a conflict");
}

/// tcbt-1: the connection is reset, opened again with other numbers, and the string sent.
#[test]
fn a_connection_after_a_reset_has_its_own_stream() {
    let mut scene = connected(Config::new(KEY));
    scene.push(&up(0, b"decoy"));
    scene.push(&acknowledge(5));
    scene.push(&TcpFrame { flags: RST | ACK, ..up(5, b"") });
    scene.push(&TcpFrame::up(2_000_000_099, SYN, b""));
    scene.push(&TcpFrame::down(899, SYN, b"").acknowledging(2_000_000_100));
    for (at, byte) in (0..).zip(TEXT) {
        scene.push(&TcpFrame::up(2_000_000_100 + at, 0, &[*byte]).acknowledging(900));
    }
    assert_eq!(streams(&mut scene), ["decoy", "ATTACK"]);
    assert_eq!(scene.counters().closed_for(CloseReason::Reset), 1);
}

/// tcbt-2: a RST in the middle that the receiver does not accept, as its number is outside the window; the string
/// goes on.
#[test]
fn a_reset_that_the_receiver_does_not_accept_ends_nothing() {
    for offset in [0u32.wrapping_sub(2), 1 << 24, 1 << 31] {
        let mut scene = connected(Config::new(KEY));
        push_all(&mut scene, &bytes_of_text()[..3]);
        scene.push(&acknowledge(3));
        scene.push(&TcpFrame { flags: RST, ..up(offset, b"") });
        push_all(&mut scene, &bytes_of_text()[3..]);
        assert_eq!(stream(&mut scene), "ATTACK", "{offset}");
        assert_eq!(scene.counters().invalid_resets, 1);
    }
}

/// The same with a RST in the window: receivers after RFC 5961 want the exact number, older ones do not. What follows
/// is still taken in, so that neither kind hides anything.
#[test]
fn after_a_reset_in_the_window_what_comes_is_still_taken_in() {
    let mut scene = connected(Config::new(KEY));
    push_all(&mut scene, &bytes_of_text()[..3]);
    scene.push(&TcpFrame { flags: RST, ..up(3, b"") });
    push_all(&mut scene, &bytes_of_text()[3..]);
    assert_eq!(stream(&mut scene), "ATTACK");
    assert_eq!(scene.counters().reopened, 1);
}

/// insert-3: segments without the ACK flag, which receivers drop in a connection. They are kept, as captures of one
/// side and odd senders have them; where they hide others that follow, the conflict is told.
#[test]
fn segments_without_the_ack_flag_are_kept_and_their_conflicts_told() {
    let mut scene = connected(Config::new(KEY));
    scene.push(&TcpFrame::up(100, 0, b"______"));
    push_all(&mut scene, &bytes_of_text());
    assert_eq!(stream(&mut scene), "______");
    assert_eq!(scene.counters().conflicts, 6);
    assert_eq!(scene.counters().no_ack_segments, 1);
}

/// The same without any flag at all.
#[test]
fn segments_without_any_flag_are_counted() {
    let mut scene = connected(Config::new(KEY));
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"AT")), ["0 data 0 AT"]);
    assert_eq!(scene.counters().no_ack_segments, 1);
    // The first of a connection whose beginning was missed needs none to be kept.
    let mut scene = Scene::default();
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"AT")).len(), 2);
}

/// An acknowledgement of what the other side never sent: receivers drop the segment and answer (RFC 9293, 3.10.7.4).
/// It is kept, and counts for nothing but itself.
#[test]
fn a_wrong_acknowledgement_does_not_end_holes_of_the_other_side() {
    let mut scene = connected(Config::new(KEY));
    scene.push(&TcpFrame::down(200, 0, b"hello").acknowledging(100));
    scene.push(&TcpFrame::up(100, 0, b"ATTACK").acknowledging(200 + (1 << 29)));
    assert_eq!(stream(&mut scene), "ATTACK");
    assert_eq!(scene.counters().acknowledged_unseen_bytes, 0, "nobody loses what was never sent");
}

/// insert: an outdated timestamp, which the receiver drops (PAWS).
#[test]
fn a_segment_that_the_receiver_drops_for_its_timestamp_is_counted_or_refused() {
    for (paws, expected) in [(Check::Count, "A_____"), (Check::Refuse, "ATTACK")] {
        let mut scene = Scene::new(with(Config::new(KEY), |c| c.paws = paws));
        scene.push(&TcpFrame::up(99, SYN, b"").timestamp(1000));
        scene.push(&TcpFrame::down(199, SYN, b"").acknowledging(100).timestamp(1000));
        scene.push(&up(0, b"A").timestamp(1001));
        scene.push(&acknowledge(1).timestamp(1001));
        scene.push(&up(1, b"_____").timestamp(500));
        for (at, byte) in (1..).zip(&TEXT[1..]) {
            scene.push(&up(at, &[*byte]).timestamp(1002));
        }
        assert_eq!(stream(&mut scene), expected);
        assert_eq!(scene.counters().paws_failures, 1);
    }
}

/// insert: bytes beyond the window, which the receiver drops.
#[test]
fn bytes_that_the_receiver_has_no_room_for_are_counted_or_refused() {
    for (window, expected) in [(Check::Count, "ATT___"), (Check::Refuse, "ATTACK")] {
        let mut scene = connected(with(Config::new(KEY), |c| c.window = window));
        scene.push(&TcpFrame { window: 3, ..acknowledge(0) });
        scene.push(&up(0, b"ATT___"));
        scene.push(&acknowledge(3));
        scene.push(&up(3, b"ACK"));
        assert_eq!(stream(&mut scene), expected);
        assert_eq!(scene.counters().beyond_window_segments, 1);
    }
}

/// evade: data in the SYN, which the receiver keeps (RFC 9293, 3.10.7.4) and an observer may not.
#[test]
fn data_in_the_syn_is_part_of_the_stream() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(99, SYN, b"ATT"));
    scene.push(&TcpFrame::down(199, SYN, b"").acknowledging(103));
    scene.push(&up(3, b"ACK"));
    assert_eq!(stream(&mut scene), "ATTACK");
}

/// evade: data in the FIN, and what comes for a hole after it.
#[test]
fn data_in_the_fin_and_below_it_is_part_of_the_stream() {
    let mut scene = connected(Config::new(KEY));
    scene.push(&TcpFrame { flags: FIN | ACK, ..up(3, b"ACK") });
    scene.push(&up(0, b"ATT"));
    assert_eq!(stream(&mut scene), "ATTACK");
}

/// evade: a FIN that the receiver has not reached does not end the stream before the bytes below it.
#[test]
fn a_fin_beyond_a_hole_waits_for_the_hole() {
    let mut scene = connected(Config::new(KEY));
    scene.push(&TcpFrame { flags: FIN | ACK, ..up(6, b"") });
    push_all(&mut scene, &bytes_of_text());
    assert_eq!(stream(&mut scene), "ATTACK");
    assert_eq!(scene.counters().gap_bytes, 0);
}

/// insert: bytes beyond an accepted FIN, which the receiver drops. Kept and counted: the FIN may be the lie.
#[test]
fn bytes_beyond_a_fin_are_kept_and_counted() {
    let mut scene = connected(Config::new(KEY));
    scene.push(&TcpFrame { flags: FIN | ACK, ..up(0, b"ATT") });
    scene.push(&up(3, b"ACK"));
    assert_eq!(stream(&mut scene), "ATTACK");
    assert_eq!(scene.counters().data_after_fin, 1);
}

/// evade: SYN and RST in one segment are a reset.
#[test]
fn syn_and_rst_together_begin_nothing() {
    let mut scene = Scene::default();
    assert!(scene.push(&TcpFrame::up(99, SYN | RST, b"ATTACK")).is_empty());
    assert_eq!(scene.counters().stray_segments, 1);
    scene.finish();
}

/// Desynchronisation: a second SYN+ACK with another number, before the client has acknowledged the first.
#[test]
fn a_second_syn_ack_counts_only_until_the_first_is_acknowledged() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(99, SYN, b""));
    scene.push(&TcpFrame::down(199, SYN, b"").acknowledging(100));
    scene.push(&TcpFrame::up(100, 0, b"").acknowledging(200));
    scene.push(&TcpFrame::down(77_000, SYN, b"").acknowledging(100));
    push_all(&mut scene, &bytes_of_text());
    assert_eq!(scene.push(&TcpFrame::down(200, 0, b"yes").acknowledging(106)), ["1 data 0 yes"]);
    assert_eq!(scene.counters().invalid_syns, 1);
    assert_eq!(stream(&mut scene), "ATTACK");
}

/// Overlaps of every kind beyond a hole: see `overlap_policies.rs`. Here one that replaces bytes twice over.
#[test]
fn bytes_that_wait_can_be_replaced_more_than_once() {
    let mut scene = connected(with(Config::new(KEY), |c| c.overlap = OverlapPolicy::Last));
    for text in [b"xxxxx", b"yyyyy", b"TTACK"] {
        scene.push(&up(1, text));
    }
    scene.push(&up(0, b"A"));
    assert_eq!(stream(&mut scene), "ATTACK");
    assert_eq!(scene.counters().replaced_conflicts, 2);
}

/// Denial of service: SYNs without end. What is open stays; see `eviction_and_expiry.rs` and `in_order_under_attack.rs`
/// for the bounds.
#[test]
fn a_flood_of_syns_does_not_take_the_stream() {
    let mut scene = Scene::with(with(Config::new(KEY), |c| c.max_inactive = 16), 32, 64);
    scene.handshake(40000);
    for (at, segment) in (0..).zip(bytes_of_text()) {
        scene.push(&segment);
        for port in 0..200 {
            let source = ([10, 9, at, port], 1);
            scene.push(&TcpFrame { source, ..TcpFrame::up(u32::from(port) * 1000, SYN, b"") });
        }
    }
    assert_eq!(stream(&mut scene), "ATTACK");
}

/// Denial of service: connections with data and holes, more than the table has room for. The stream is cut into
/// pieces, and loses none of them; every eviction is counted.
#[test]
fn a_flood_of_connections_with_data_cuts_the_stream_and_loses_nothing() {
    let mut scene = Scene::with(Config::new(KEY), 32, 64);
    scene.handshake(40000);
    for (at, segment) in (0..).zip(bytes_of_text()) {
        scene.push(&segment);
        for port in 0..200 {
            let source = ([10, 9, at, port], 1);
            scene.push(&TcpFrame { source, ..TcpFrame::up(u32::from(port) * 1000, SYN, b"") });
            scene.push(&TcpFrame { source, ..TcpFrame::up(u32::from(port) * 1000 + 9, 0, b"hole") });
        }
    }
    assert_eq!(streams(&mut scene).concat(), "ATTACK");
    assert!(scene.counters().closed_for(CloseReason::EvictedLeastActive) > 1000);
}
