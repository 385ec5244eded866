//! Timestamps that go back, jump, or are absurd: what expires, and what does not.

use tapflow_core::{Config, DropReason, Frame, Timestamp};
use tapflow_tests::fragments::split;
use tapflow_tests::frames::{ACK, FIN, SYN, TcpFrame, frame};
use tapflow_tests::scene::Scene;
use tapflow_tests::{KEY, with};

/// A day in the next century, in seconds.
const ABSURD: u64 = 4_102_444_800;

fn idle_after(seconds: u64) -> Scene {
    Scene::new(with(Config::new(KEY), |c| c.idle_timeout = Some(seconds * Timestamp::SECOND)))
}

/// Captures a segment with this timestamp, and without telling the core anything else of the time.
fn push(scene: &mut Scene, segment: &TcpFrame, second: u64) -> Vec<String> {
    scene.push_frame(&frame(&segment.bytes(), second))
}

fn data(port: u16, sequence: u32) -> TcpFrame {
    TcpFrame::up(sequence, ACK, b"x").client_port(port)
}

fn closes(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.contains("closed")).count()
}

#[test]
fn one_absurd_timestamp_expires_nothing_and_stops_no_expiry() {
    let mut scene = idle_after(60);
    push(&mut scene, &data(1, 1), 1000);
    push(&mut scene, &data(2, 1), 1001);
    let lines = push(&mut scene, &data(3, 1), ABSURD);
    assert_eq!(closes(&lines), 0);
    // The others go on, second by second; 1 is silent, and expires in its time.
    for second in 1002..1060 {
        assert_eq!(closes(&push(&mut scene, &data(2, second - 1000), u64::from(second))), 0, "{second}");
    }
    assert_eq!(push(&mut scene, &data(2, 60), 1060)[0], "0 closed idle 1");
    // So does the connection with the absurd timestamp, some time after.
    let mut lines = Vec::new();
    for second in 1061..1200 {
        lines.extend(push(&mut scene, &data(2, second - 1000), u64::from(second)));
    }
    assert_eq!(closes(&lines), 1);
    assert!(lines.contains(&"2 closed idle 1".to_owned()));
    assert_eq!((scene.counters().time_jumps, scene.counters().time_backwards), (1, 0));
}

#[test]
fn a_first_absurd_timestamp_stops_nothing() {
    let mut scene = idle_after(60);
    push(&mut scene, &data(1, 1), ABSURD);
    let mut lines = Vec::new();
    for second in 0..100 {
        lines.extend(push(&mut scene, &data(2, 1 + second), 1000 + u64::from(second)));
    }
    assert!(lines.contains(&"0 closed idle 1".to_owned()), "{lines:?}");
    assert_eq!(scene.counters().time_resets, 1);
}

#[test]
fn a_capture_read_after_a_later_one_keeps_its_own_time() {
    let mut scene = idle_after(60);
    for second in 0..5 {
        push(&mut scene, &data(1, 1 + second), 9000 + u64::from(second));
    }
    let mut lines = Vec::new();
    for second in 0..50 {
        lines.extend(push(&mut scene, &data(2, 1 + second), 1000 + u64::from(second)));
    }
    assert_eq!(closes(&lines), 0, "50 seconds have passed");
    for second in 50..100 {
        lines.extend(push(&mut scene, &data(2, 1 + second), 1000 + u64::from(second)));
    }
    assert_eq!(closes(&lines), 1, "and 60 since the first connection was silent");
    assert!(lines.contains(&"0 closed idle 5".to_owned()));
}

#[test]
fn two_clocks_that_alternate_look_like_time_that_passed_once() {
    let mut scene = idle_after(60);
    let mut lines = Vec::new();
    for turn in 0..200 {
        let (port, base) = if turn / 5 % 2 == 0 { (1, 1000) } else { (2, 9000) };
        lines.extend(push(&mut scene, &data(port, 1 + turn), base + u64::from(turn) / 10));
    }
    assert_eq!(closes(&lines), 1, "as it looked at the first change");
    assert!(scene.counters().time_resets > 0);
}

#[test]
fn time_that_jumps_and_stays_has_passed() {
    let mut scene = idle_after(60);
    push(&mut scene, &data(1, 1), 1000);
    let mut lines = Vec::new();
    for second in 0..3 {
        lines.extend(push(&mut scene, &data(2, 1 + second), 8000 + u64::from(second)));
    }
    assert_eq!(closes(&lines), 1, "after the third frame");
    assert_eq!((scene.counters().time_jumps, scene.counters().time_resets), (0, 0));
    let mut lines = scene.finish();
    assert!(lines.remove(0).contains("1 closed end-of-input"));
    // The report has the times that the frames had.
    let (_, summary) = scene.recorder().flows[&1].closed.as_ref().unwrap();
    assert_eq!(summary.last, Timestamp::new(8002, 0));
}

#[test]
fn a_connection_with_long_silences_ends_when_its_frames_say() {
    let mut scene = Scene::default();
    for minute in 0..10 {
        push(&mut scene, &data(1, 1 + minute), 1000 + 60 * u64::from(minute));
    }
    scene.finish();
    let (_, summary) = scene.recorder().flows[&0].closed.as_ref().unwrap();
    assert_eq!(summary.last, Timestamp::new(1540, 0));
}

#[test]
fn a_closed_connection_lingers_through_an_absurd_timestamp() {
    let at_once = || Scene::new(with(Config::new(KEY), |c| c.close_at_once = true));
    let mut scene = at_once();
    let all = |scene: &mut Scene, second| {
        for segment in [
            TcpFrame::up(99, SYN, b""),
            TcpFrame::down(199, SYN, b"").acknowledging(100),
            TcpFrame::up(100, FIN, b"bye").acknowledging(200),
            TcpFrame::down(200, FIN, b"").acknowledging(104),
            TcpFrame::up(104, 0, b"").acknowledging(201),
        ] {
            push(scene, &segment, second);
        }
    };
    all(&mut scene, 1000);
    push(&mut scene, &data(7, 1), ABSURD);
    push(&mut scene, &data(7, 2), 1001);
    let again = TcpFrame::up(100, FIN, b"bye").acknowledging(200);
    assert_eq!(push(&mut scene, &again, 1002), [""; 0], "absorbed");
    assert_eq!(scene.counters().after_close_segments, 1);
    // One that itself claims an absurd time lingers no longer than others.
    let mut scene = at_once();
    all(&mut scene, 1000);
    push(&mut scene, &again, ABSURD);
    for second in 1001..1130 {
        push(&mut scene, &data(7, second), u64::from(second));
    }
    assert_eq!(push(&mut scene, &again, 1130)[0], "3 opened session 2 client", "a new connection");
}

#[test]
fn fragments_wait_through_an_absurd_timestamp_and_no_longer_than_their_time() {
    let mut scene = Scene::default();
    let pieces = split(&TcpFrame::up(100, ACK, b"a segment in two fragments"), 24);
    let push_piece = |scene: &mut Scene, at: usize, second| {
        let bytes = pieces[at].bytes();
        scene.push_frame(&pieces[at].frame(&bytes, second))
    };
    push_piece(&mut scene, 0, 1000);
    push(&mut scene, &data(7, 1), ABSURD);
    push(&mut scene, &data(7, 2), 1001);
    assert_eq!(push_piece(&mut scene, 1, 1002).len(), 2);
    // A fragment with an absurd timestamp does not stay for ever, and holds up no others.
    push_piece(&mut scene, 0, ABSURD);
    for second in 1003..1100 {
        push(&mut scene, &data(7, second), u64::from(second));
    }
    assert_eq!(scene.counters().dropped_for(DropReason::TimedOut), 1);
}

#[test]
fn the_same_frames_give_the_same_events_whatever_their_times() {
    let run = || {
        let mut scene = idle_after(5);
        let mut lines = Vec::new();
        let mut state = 1u64;
        for number in 0..2000u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let time = Timestamp(state >> (state % 40));
            let bytes = data(1 + (state >> 60) as u16, number).bytes();
            let whole = frame(&bytes, 0);
            lines.extend(scene.push_frame(&Frame { time, ..whole }));
        }
        lines.extend(scene.finish());
        lines
    };
    assert_eq!(run(), run());
}
