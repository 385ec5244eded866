//! Time is the packets' own: idle connections expire by it, closed ones linger by it. A full table
//! closes the oldest ending connection, then the oldest half-open one, then the least recently active one.

use tapflow_core::{CloseReason, Config, Timestamp};
use tapflow_tests::frames::{FIN, RST, SYN, TcpFrame};
use tapflow_tests::scene::Scene;
use tapflow_tests::{KEY, with};

fn idle_after(seconds: u64) -> Config {
    with(Config::new(KEY), |c| c.idle_timeout = Some(seconds * Timestamp::SECOND))
}

fn syn(port: u16) -> TcpFrame {
    TcpFrame::up(99, SYN, b"").client_port(port)
}

fn data(port: u16) -> TcpFrame {
    TcpFrame::up(100, 0, b"data").client_port(port)
}

/// Sinks are told the end as soon as it is certain.
fn at_once() -> Config {
    with(Config::new(KEY), |c| c.close_at_once = true)
}

/// SYN, data and FIN of both sides: the connection ends and lingers.
fn end(scene: &mut Scene, port: u16) {
    scene.handshake(port);
    scene.push(&TcpFrame::up(100, FIN, b"up").acknowledging(200).client_port(port));
    scene.push(&TcpFrame::down(200, FIN, b"down").acknowledging(103).client_port(port));
    let told = scene.push(&TcpFrame::up(103, 0, b"").acknowledging(205).client_port(port));
    assert!(told.iter().any(|line| line.contains("closed finished")), "{told:?}");
}

#[test]
fn a_connection_without_packets_expires_when_a_later_packet_tells_the_time() {
    let mut scene = Scene::new(idle_after(10));
    scene.at(100).push(&data(1));
    assert_eq!(scene.at(109).push(&syn(2)), ["1 opened session 1 client syn"]);
    assert_eq!(scene.at(110).push(&syn(3)), ["0 closed idle 4", "2 opened session 2 client syn"]);
    assert_eq!(scene.counters().closed_for(CloseReason::Idle), 1);
}

#[test]
fn time_may_be_told_without_packets() {
    let mut scene = Scene::new(idle_after(10));
    scene.at(100).push(&data(1));
    assert!(scene.advance(109).is_empty());
    assert_eq!(scene.advance(110), ["0 closed idle 4"]);
    assert!(scene.advance(1000).is_empty());
}

#[test]
fn packets_of_either_direction_keep_a_connection() {
    let mut scene = Scene::new(idle_after(10));
    scene.at(100).push(&data(1));
    assert!(scene.at(109).push(&TcpFrame::down(200, 0, b"").acknowledging(104).client_port(1)).is_empty());
    assert!(scene.at(118).push(&TcpFrame::up(104, 0, b"").client_port(1)).is_empty());
    assert!(scene.advance(127).is_empty());
    assert_eq!(scene.advance(128), ["0 closed idle 4"]);
}

#[test]
fn without_a_timeout_a_connection_stays() {
    let mut scene = Scene::default();
    scene.at(100).push(&data(1));
    assert!(scene.advance(1_000_000_000).is_empty());
    assert_eq!(scene.finish(), ["0 closed end-of-input 4"]);
}

#[test]
fn connections_expire_in_the_order_of_their_last_packets() {
    let mut scene = Scene::new(idle_after(10));
    for port in [1, 2, 3] {
        scene.at(100 + u64::from(port)).push(&data(port));
    }
    scene.at(104).push(&data(1));
    assert_eq!(scene.advance(112), ["1 closed idle 4"]);
    assert_eq!(scene.advance(1000), ["2 closed idle 4", "0 closed idle 4"]);
}

#[test]
fn half_open_connections_expire_too() {
    let mut scene = Scene::new(idle_after(10));
    scene.at(100).push(&syn(1));
    scene.at(105).push(&syn(1));
    assert!(scene.advance(114).is_empty());
    assert_eq!(scene.advance(115), ["0 closed idle 0"]);
}

#[test]
fn the_bytes_beyond_a_hole_and_the_hole_are_told_before_an_idle_connection_closes() {
    let mut scene = Scene::new(idle_after(10));
    scene.at(100).push(&syn(1));
    scene.push(&TcpFrame::up(105, 0, b"five").client_port(1));
    assert_eq!(scene.advance(200), ["0 gap 0..5", "0 closed idle 9"]);
}

/// A walk over the table at every step would take hours here.
#[test]
fn looking_for_expired_connections_takes_one_step_however_many_are_open() {
    let mut scene = Scene::with(idle_after(10_000_000), 60_000, 8);
    for port in 0..60_000 {
        scene.push(&data(port));
    }
    for second in 2..2_000_000 {
        assert!(scene.advance(second).is_empty());
    }
    assert_eq!(scene.advance(20_000_000).len(), 60_000);
}

#[test]
fn a_clock_that_runs_backwards_expires_nothing_and_breaks_nothing() {
    let mut scene = Scene::new(idle_after(10));
    scene.at(100).push(&data(1));
    scene.at(5).push(&data(2));
    assert!(scene.at(0).push(&TcpFrame::up(104, 0, b"").client_port(1)).is_empty());
    assert!(scene.advance(109).is_empty());
    assert_eq!(scene.advance(110), ["0 closed idle 4", "1 closed idle 4"]);
    assert_eq!(scene.recorder().flows[&1].opened.time, Timestamp::new(5, 0));
}

#[test]
fn a_closed_connection_lingers_for_the_time_of_the_configuration() {
    let mut scene = Scene::new(with(at_once(), |c| c.linger = 30 * Timestamp::SECOND));
    scene.at(100);
    end(&mut scene, 1);
    assert!(scene.at(129).push(&TcpFrame::up(100, FIN, b"up").client_port(1)).is_empty());
    assert_eq!(scene.counters().after_close_bytes, 2);
    // What was absorbed starts the time anew (RFC 9293, 3.10.7.8).
    assert!(scene.at(158).push(&TcpFrame::up(100, FIN, b"up").client_port(1)).is_empty());
    assert_eq!(
        scene.at(188).push(&TcpFrame::up(100, FIN, b"up").client_port(1)),
        ["2 opened session 1 client", "2 data 0 up"]
    );
}

#[test]
fn lingering_connections_go_in_the_order_of_their_last_packets() {
    let mut scene = Scene::with(with(at_once(), |c| c.linger = 10 * Timestamp::SECOND), 3, 8);
    scene.at(100);
    end(&mut scene, 1);
    scene.at(101);
    end(&mut scene, 2);
    scene.at(105).push(&TcpFrame::up(100, FIN, b"up").client_port(1));
    scene.advance(111);
    // The second one is gone, the first one still absorbs.
    assert!(scene.push(&TcpFrame::up(100, FIN, b"up").client_port(1)).is_empty());
    assert_eq!(scene.push(&TcpFrame::up(100, FIN, b"up").client_port(2)).len(), 2);
}

#[test]
fn a_full_table_evicts_ended_then_half_open_then_least_recently_active_connections() {
    let mut scene = Scene::with(at_once(), 6, 8);
    scene.at(1).push(&data(1));
    scene.at(2).push(&data(2));
    scene.at(3).push(&syn(3));
    scene.at(4).push(&syn(4));
    scene.at(5);
    end(&mut scene, 5); // flows 4 and 5
    scene.at(6);
    end(&mut scene, 6); // flows 6 and 7
    let mut evicted_by = |port| {
        let mut told = scene.at(10 + u64::from(port)).push(&data(port));
        told.retain(|line| line.contains("closed"));
        told
    };
    let none: [&str; 0] = [];
    assert_eq!(evicted_by(7), none, "5 is evicted; it was closed already");
    assert_eq!(evicted_by(8), none, "6 is evicted; it was closed already");
    assert_eq!(evicted_by(9), ["2 closed evicted-half-open 0"]);
    assert_eq!(evicted_by(10), ["3 closed evicted-half-open 0"]);
    assert_eq!(evicted_by(11), ["0 closed evicted-least-active 4"]);
    assert_eq!(evicted_by(12), ["1 closed evicted-least-active 4"]);
    assert_eq!(scene.counters().closed_for(CloseReason::EvictedHalfOpen), 2);
    assert_eq!(scene.counters().closed_for(CloseReason::EvictedLeastActive), 2);
    assert_eq!(scene.counters().max_connections, 6);
    scene.finish();
}

#[test]
fn of_half_open_connections_the_one_whose_syn_is_oldest_is_evicted() {
    let mut scene = Scene::with(Config::new(KEY), 2, 8);
    scene.at(1).push(&syn(1));
    scene.at(2).push(&syn(2));
    scene.at(3).push(&syn(1));
    assert_eq!(scene.at(4).push(&syn(3))[0], "1 closed evicted-half-open 0");
    assert_eq!(scene.at(5).push(&syn(4))[0], "0 closed evicted-half-open 0");
}

#[test]
fn of_open_connections_the_least_recently_active_one_is_evicted() {
    let mut scene = Scene::with(Config::new(KEY), 2, 8);
    scene.at(1).push(&data(1));
    scene.at(2).push(&data(2));
    scene.at(3).push(&TcpFrame::down(9, 0, b"").acknowledging(104).client_port(1));
    assert_eq!(scene.at(4).push(&data(3))[0], "1 closed evicted-least-active 4");
}

#[test]
fn a_connection_that_was_reset_is_evicted_first_and_told_as_reset() {
    let mut scene = Scene::with(Config::new(KEY), 2, 8);
    scene.at(1).push(&syn(1));
    scene.at(2).push(&data(2));
    scene.at(3).push(&TcpFrame::up(104, RST, b"").client_port(2));
    assert_eq!(scene.at(4).push(&data(3))[0], "1 closed reset 4");
}

#[test]
fn a_flood_of_syns_does_not_touch_an_open_connection() {
    let mut scene = Scene::with(Config::new(KEY), 100, 8);
    scene.handshake(1);
    for (second, port) in (2..20_000).enumerate() {
        scene.at(second as u64).push(&syn(port));
    }
    assert_eq!(scene.push(&data(1)), ["0 data 0 data"]);
    assert_eq!(scene.counters().max_connections, 100);
}

#[test]
fn bytes_of_an_evicted_connection_that_goes_on_begin_a_new_one() {
    let mut scene = Scene::with(Config::new(KEY), 1, 8);
    scene.push(&data(1));
    scene.push(&data(2));
    assert_eq!(
        scene.push(&TcpFrame::up(104, 0, b"more").client_port(1)),
        ["1 closed evicted-least-active 4", "2 opened session 2 client", "2 data 0 more"]
    );
}
