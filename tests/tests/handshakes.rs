//! The handshake is what both sides agreed on, in whatever order its segments were captured; a complete one is a new
//! connection, also with numbers that were used before.

use tapflow_core::{Config, Timestamp};
use tapflow_tests::frames::{FIN, RST, SYN, TcpFrame};
use tapflow_tests::scene::Scene;
use tapflow_tests::{KEY, with};

const NOTHING: [&str; 0] = [];
const REQUEST: &[u8] = b"request";
const RESPONSE: &[u8] = b"response";

fn syn(isn: u32) -> TcpFrame {
    TcpFrame::up(isn, SYN, b"")
}

fn answer(isn: u32, to: u32) -> TcpFrame {
    TcpFrame::down(isn, SYN, b"").acknowledging(to.wrapping_add(1))
}

/// The contents of all flows with data, by direction, in the order in which they opened.
fn contents(scene: &Scene) -> [Vec<String>; 2] {
    let of = |port| {
        let records = scene.recorder().flows.values().filter(|record| record.opened.key.source_port == port);
        let text =
            |bytes: &Vec<Option<u8>>| bytes.iter().map(|byte| char::from(byte.unwrap_or(b'_'))).collect();
        records.map(|record| text(&record.bytes)).filter(|text: &String| !text.is_empty()).collect()
    };
    [of(40000), of(80)]
}

/// Both directions are one flow each with what the endpoints read, and no byte is taken for a lost one.
fn assert_exact(mut scene: Scene, what: &str) {
    scene.finish();
    let [up, down] = contents(&scene);
    assert_eq!((up, down), (vec!["request".to_owned()], vec!["response".to_owned()]), "{what}");
    let c = scene.counters();
    assert_eq!((c.gap_bytes, c.acknowledged_unseen_bytes), (0, 0), "{what}");
}

/// All ways to merge two lists that keep the order of each.
fn merged<T: Clone>(a: &[T], b: &[T]) -> Vec<Vec<T>> {
    match (a, b) {
        ([], rest) | (rest, []) => vec![rest.to_vec()],
        ([first_a, rest_a @ ..], [first_b, rest_b @ ..]) => {
            let with = |first: &T, rest: Vec<Vec<T>>| {
                rest.into_iter().map(|rest| [vec![first.clone()], rest].concat()).collect::<Vec<_>>()
            };
            [with(first_a, merged(rest_a, b)), with(first_b, merged(a, rest_b))].concat()
        }
    }
}

/// One side of a connection (RFC 9293): what it has read decides which segments it takes.
struct Endpoint {
    next: u32,
    expects: Option<u32>,
    read: Vec<u8>,
}

impl Endpoint {
    fn take(&mut self, segment: &TcpFrame) {
        if segment.flags & SYN != 0 {
            // In SYN-SENT: the answer has to acknowledge the own SYN; any later one is out of the window.
            if segment.acknowledgement == self.next && self.expects.is_none() {
                self.expects = Some(segment.sequence.wrapping_add(1));
            }
        } else if self.expects == Some(segment.sequence) {
            self.read.extend(&segment.payload);
            self.expects = Some(segment.sequence.wrapping_add(segment.payload.len() as u32));
        }
    }
}

const ISNS: [u32; 8] = [5000, 777_000, 4000, 5001, 70_000_000, 2_500_000_000, u32::MAX, u32::MAX - 800_000];

#[test]
fn of_two_answers_the_one_that_the_client_acknowledges_counts_in_any_order() {
    for first in ISNS {
        for second in ISNS.into_iter().filter(|second| *second != first) {
            for accepted in [first, second] {
                // A client that sees both takes the first one that reaches it.
                let arriving = [answer(accepted, 999), answer(first ^ second ^ accepted, 999)];
                let response = TcpFrame::down(accepted.wrapping_add(1), 0, RESPONSE).acknowledging(1007);
                let mut client = Endpoint { next: 1000, expects: None, read: vec![] };
                arriving.iter().chain([&response]).for_each(|segment| client.take(segment));
                assert_eq!(client.read, RESPONSE);
                let up = [
                    syn(999),
                    TcpFrame::up(1000, 0, b"").acknowledging(accepted.wrapping_add(1)),
                    TcpFrame::up(1000, 0, REQUEST).acknowledging(accepted.wrapping_add(1)),
                ];
                let down = [answer(first, 999), answer(second, 999), response];
                for order in merged(&up, &down) {
                    if !is_causal(&order) {
                        continue;
                    }
                    let mut scene = Scene::default();
                    for segment in &order {
                        scene.push(segment);
                    }
                    assert_exact(scene, &format!("{first} {second} {accepted} {order:?}"));
                }
            }
        }
    }
}

/// The SYN is captured before its answers: what comes before a SYN is of a connection that began before.
fn is_causal(order: &[TcpFrame]) -> bool {
    order[0].flags == SYN
}

#[test]
fn of_two_answers_seen_from_the_server_alone_the_one_that_the_data_continue_counts() {
    for first in ISNS {
        for second in ISNS.into_iter().filter(|second| *second != first) {
            for accepted in [first, second] {
                let mut scene = Scene::default();
                scene.push(&syn(999));
                scene.push(&answer(first, 999));
                scene.push(&answer(second, 999));
                scene.push(&TcpFrame::down(accepted.wrapping_add(1), 0, RESPONSE).acknowledging(1000));
                scene.push(&TcpFrame::up(1000, 0, REQUEST).acknowledging(accepted.wrapping_add(9)));
                assert_exact(scene, &format!("{first} {second} {accepted}"));
            }
        }
    }
}

#[test]
fn of_many_answers_the_acknowledged_one_counts_though_it_is_neither_the_first_nor_the_last() {
    for accepted in 0..5u32 {
        let isn = |number: u32| 1000 + number * 800_000_000;
        let mut scene = Scene::default();
        scene.push(&syn(999));
        for number in 0..5 {
            scene.push(&answer(isn(number), 999));
        }
        scene.push(&TcpFrame::up(1000, 0, REQUEST).acknowledging(isn(accepted) + 1));
        scene.push(&TcpFrame::down(isn(accepted) + 1, 0, RESPONSE).acknowledging(1007));
        assert_exact(scene, &format!("{accepted}"));
    }
}

#[test]
fn of_several_syns_the_one_that_the_server_answers_counts() {
    for first in ISNS {
        for second in ISNS.into_iter().filter(|second| *second != first) {
            for accepted in [first, second] {
                let next = accepted.wrapping_add(1);
                let up = [syn(first), syn(second)];
                let down = [answer(199, accepted)];
                for order in merged(&up, &down) {
                    let causal = order.iter().position(|s| s.sequence == accepted && s.flags == SYN)
                        < order.iter().position(|s| s.flags != SYN);
                    if !causal {
                        continue;
                    }
                    let mut scene = Scene::default();
                    for segment in &order {
                        scene.push(segment);
                    }
                    scene.push(&TcpFrame::up(next, 0, b"").acknowledging(200));
                    scene.push(&TcpFrame::up(next, 0, REQUEST).acknowledging(200));
                    scene.push(&TcpFrame::down(200, 0, RESPONSE).acknowledging(next.wrapping_add(7)));
                    assert_exact(scene, &format!("{first} {second} {accepted} {order:?}"));
                }
            }
        }
    }
}

#[test]
fn what_comes_before_the_answer_and_is_not_synchronised_does_not_say_where_the_stream_begins() {
    let strays = [
        TcpFrame::down(0, RST, b""),
        TcpFrame::down(0, RST, b"").acknowledging(1000),
        TcpFrame::down(0, FIN, b"").acknowledging(1000),
        TcpFrame::down(0, FIN, b""),
        TcpFrame::down(900_000, 0, b"").acknowledging(20_000),
        TcpFrame::down(900_000, 0, b"").acknowledging(3_000_000_000),
        TcpFrame::down(900_000, 0, b"older").acknowledging(3_000_000_000),
    ];
    for stray in &strays {
        for later in &strays {
            let mut scene = Scene::default();
            scene.push(&syn(999));
            scene.push(stray);
            scene.push(later);
            scene.push(&answer(26_000, 999));
            scene.push(&TcpFrame::up(1000, 0, REQUEST).acknowledging(26_001));
            scene.push(&TcpFrame::down(26_001, 0, RESPONSE).acknowledging(1007));
            scene.finish();
            let [up, mut down] = contents(&scene);
            down.retain(|text| text != "older" && text != "olderolder");
            assert_eq!((up, down), (vec!["request".into()], vec!["response".into()]), "{stray:?} {later:?}");
            let c = scene.counters();
            assert_eq!((c.gap_bytes, c.acknowledged_unseen_bytes), (0, 0), "{stray:?} {later:?}");
        }
    }
}

#[test]
fn a_start_taken_from_a_fin_yields_to_the_syn() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(1000, 0, REQUEST).acknowledging(26_001));
    scene.push(&TcpFrame::down(7, FIN, b"").acknowledging(1007));
    scene.push(&answer(26_000, 999));
    scene.push(&TcpFrame::down(26_001, 0, RESPONSE).acknowledging(1007));
    assert_exact(scene, "FIN first");
}

#[test]
fn of_data_in_a_syn_that_the_answer_does_not_acknowledge_the_retransmission_counts() {
    for accepted in 0..=7u32 {
        let mut scene = Scene::default();
        scene.push(&TcpFrame::up(999, SYN, b"REQUEST"));
        scene.push(&answer(199, 999 + accepted));
        let rest = &REQUEST[accepted as usize..];
        scene.push(&TcpFrame::up(1000 + accepted, 0, rest).acknowledging(200));
        scene.push(&TcpFrame::up(1007, 0, b"!").acknowledging(200));
        scene.finish();
        let expected = [&b"REQUEST"[..accepted as usize], rest, b"!"].concat();
        assert_eq!(contents(&scene)[0], [String::from_utf8(expected).unwrap()], "{accepted}");
    }
}

#[test]
fn a_simultaneous_open_is_one_connection_in_any_order() {
    let up = [syn(999), syn(999).acknowledging(200), TcpFrame::up(1000, 0, REQUEST).acknowledging(200)];
    let down = [
        TcpFrame::down(199, SYN, b""),
        TcpFrame::down(199, SYN, b"").acknowledging(1000),
        TcpFrame::down(200, 0, RESPONSE).acknowledging(1000),
    ];
    for order in merged(&up, &down) {
        let mut scene = Scene::default();
        for segment in &order {
            scene.push(segment);
        }
        assert_eq!(scene.counters().connections, 1, "{order:?}");
        assert_exact(scene, &format!("{order:?}"));
    }
}

// Numbers that were used before

/// How a connection before another one with the same ports ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Fins,
    Rst,
    None,
}

/// A whole connection.
fn conversation(scene: &mut Scene, [client, server]: [u32; 2], number: usize, end: End) {
    let (up, down) = (client.wrapping_add(1), server.wrapping_add(1));
    let (request, response) = (format!("request {number}"), format!("response {number}"));
    let (sent, replied) = (up.wrapping_add(9), down.wrapping_add(10));
    scene.push(&syn(client));
    scene.push(&answer(server, client));
    scene.push(&TcpFrame::up(up, 0, b"").acknowledging(down));
    scene.push(&TcpFrame::up(up, 0, request.as_bytes()).acknowledging(down));
    scene.push(&TcpFrame::down(down, 0, response.as_bytes()).acknowledging(sent));
    scene.push(&TcpFrame::up(sent, 0, b"").acknowledging(replied));
    match end {
        End::Fins => {
            scene.push(&TcpFrame::up(sent, FIN, b"").acknowledging(replied));
            scene.push(&TcpFrame::down(replied, FIN, b"").acknowledging(sent.wrapping_add(1)));
            scene.push(&TcpFrame::up(sent.wrapping_add(1), 0, b"").acknowledging(replied.wrapping_add(1)));
        }
        End::Rst => {
            scene.push(&TcpFrame::up(sent, RST, b""));
        }
        End::None => {}
    }
}

#[test]
fn a_complete_handshake_is_a_new_connection_whatever_numbers_it_has() {
    let numbers: [fn(u32) -> u32; 4] = [
        |_| 1000,
        |number| 1000 + number * 70_000,
        |number| 1000 + number * 1_300_000_000,
        |number| 3_000_000 - number * 70_000,
    ];
    for client in numbers {
        for server in numbers {
            for end in [End::Fins, End::Rst, End::None] {
                for pause in [1, 5, 59, 61, 3600] {
                    for close_at_once in [false, true] {
                        let mut scene =
                            Scene::new(with(Config::new(KEY), |c| c.close_at_once = close_at_once));
                        for number in 0..3u32 {
                            scene.at(10 + u64::from(number) * pause);
                            conversation(&mut scene, [client(number), server(number)], number as usize, end);
                        }
                        scene.finish();
                        let [up, down] = contents(&scene);
                        let case = format!("{:?} {end:?} {pause}", [client(1), server(1)]);
                        assert_eq!(up, ["request 0", "request 1", "request 2"], "{case}");
                        assert_eq!(down, ["response 0", "response 1", "response 2"], "{case}");
                        let c = scene.counters();
                        assert_eq!((c.acknowledged_unseen_bytes, c.after_close_bytes), (0, 0), "{case}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_copy_of_a_whole_connection_soon_after_it_is_no_new_one() {
    for end in [End::Fins, End::Rst, End::None] {
        let mut scene = Scene::default();
        conversation(&mut scene, [99, 199], 0, end);
        conversation(&mut scene, [99, 199], 0, end);
        scene.finish();
        assert_eq!(scene.counters().connections, 1, "{end:?}");
        assert_eq!(contents(&scene), [vec!["request 0".to_owned()], vec!["response 0".to_owned()]]);
    }
}

#[test]
fn both_connections_through_a_proxy_that_answers_for_the_server_are_exact() {
    let mut scene = Scene::default();
    scene.push(&syn(999));
    scene.push(&answer(5000, 999));
    scene.push(&TcpFrame::up(1000, 0, b"").acknowledging(5001));
    // The proxy goes on to the server with the client's number.
    scene.push(&syn(999));
    scene.push(&answer(900_000, 999));
    scene.push(&TcpFrame::up(1000, 0, b"").acknowledging(900_001));
    scene.push(&TcpFrame::up(1000, 0, REQUEST).acknowledging(5001));
    scene.push(&TcpFrame::up(1000, 0, REQUEST).acknowledging(900_001));
    scene.push(&TcpFrame::down(900_001, 0, RESPONSE).acknowledging(1007));
    scene.push(&TcpFrame::down(5001, 0, RESPONSE).acknowledging(1007));
    scene.finish();
    assert_eq!(contents(&scene), [vec!["request".to_owned(); 2], vec!["response".to_owned(); 2]]);
    assert_eq!((scene.counters().gap_bytes, scene.counters().acknowledged_unseen_bytes), (0, 0));
}

#[test]
fn a_new_handshake_that_is_not_wanted_leaves_the_older_connection_alone() {
    let mut scene = Scene::default();
    conversation(&mut scene, [1000, 2000], 0, End::Fins);
    scene.core().accept_new_connections(false);
    scene.at(100);
    conversation(&mut scene, [1000, 900_000_000], 1, End::Fins);
    scene.finish();
    assert_eq!(contents(&scene), [vec!["request 0".to_owned()], vec!["response 0".to_owned()]]);
    assert_eq!(scene.counters().conflicts, 0);
}

// Acknowledgements of other connections

#[test]
fn an_acknowledgement_of_an_older_connection_is_no_capture_loss() {
    for stray in [1000 + 20, 1000 + 28_240, 1000 + (1 << 20), 3_000_000_000] {
        let mut scene = Scene::default();
        scene.push(&syn(999));
        // The server still knows an older connection and asks (RFC 9293, 3.5.1); the client ends that one.
        scene.push(&TcpFrame::down(70_000, 0, b"").acknowledging(stray));
        scene.push(&TcpFrame::up(stray, RST, b""));
        scene.at(2).push(&syn(999));
        scene.push(&answer(199, 999));
        scene.push(&TcpFrame::up(1000, 0, REQUEST).acknowledging(200));
        scene.push(&TcpFrame::down(200, 0, RESPONSE).acknowledging(1007));
        assert_exact(scene, &format!("{stray}"));
    }
}

#[test]
fn what_the_capture_lost_after_the_handshake_is_still_told() {
    let mut scene = Scene::default();
    scene.handshake(40000);
    scene.push(&TcpFrame::down(200, 0, RESPONSE).acknowledging(1100));
    scene.finish();
    assert_eq!(scene.counters().acknowledged_unseen_bytes, 1000);
}

// Ends

#[test]
fn a_fin_that_nobody_acknowledges_neither_splits_the_stream_nor_hides_the_conflict() {
    let mut scene = Scene::default();
    scene.handshake(40000);
    scene.push(&TcpFrame::up(100, 0, REQUEST).acknowledging(200));
    scene.push(&TcpFrame::down(200, FIN, b"FORGED").acknowledging(107));
    scene.push(&TcpFrame::down(200, 0, RESPONSE).acknowledging(107));
    scene.push(&TcpFrame::up(107, FIN, b"").acknowledging(208));
    scene.push(&TcpFrame::down(208, FIN, b"").acknowledging(108));
    scene.push(&TcpFrame::up(108, 0, b"").acknowledging(209));
    scene.finish();
    assert_eq!(contents(&scene), [vec!["request".to_owned()], vec!["FORGEDse".to_owned()]]);
    assert_eq!((scene.counters().conflicts, scene.counters().data_after_fin), (1, 1));
    assert_eq!(scene.counters().connections, 1);
}

#[test]
fn what_goes_on_where_a_connection_ended_belongs_to_it_however_late() {
    for end in [End::Fins, End::Rst] {
        for counts_fin in [false, true] {
            let mut scene = Scene::new(with(Config::new(KEY), |c| c.closing = u64::MAX));
            conversation(&mut scene, [99, 199], 0, end);
            let fin = u32::from(counts_fin && end == End::Fins);
            scene.at(100_000).push(&TcpFrame::up(109 + fin, 0, b" more").acknowledging(210));
            scene.push(&TcpFrame::down(210 + fin, 0, b" too").acknowledging(114 + fin));
            scene.finish();
            // The number of a FIN keeps its place.
            let between = if fin > 0 { "_" } else { "" };
            assert_eq!(
                contents(&scene),
                [vec![format!("request 0{between} more")], vec![format!("response 0{between} too")]]
            );
            assert_eq!((scene.counters().connections, scene.counters().reopened), (1, 1), "{end:?}");
            assert!(scene.recorder().flows.values().all(|flow| flow.closed.as_ref().unwrap().1.reopened));
        }
    }
}

#[test]
fn acknowledgements_of_the_side_that_seemed_to_reset_take_the_end_back() {
    let mut scene = Scene::default();
    scene.handshake(40000);
    scene.push(&TcpFrame::up(100, RST, b""));
    scene.push(&TcpFrame::down(200, 0, RESPONSE).acknowledging(100));
    assert_eq!(scene.counters().reopened, 0, "that was under way");
    scene.push(&TcpFrame::up(100, 0, b"").acknowledging(208));
    assert_eq!(scene.counters().reopened, 1);
    assert_eq!(scene.finish()[1], "1 closed end-of-input 8");
}

#[test]
fn of_more_ended_connections_than_are_kept_open_the_oldest_is_told() {
    let config = with(Config::new(KEY), |c| {
        c.closing = u64::MAX;
        c.max_closing = 2;
    });
    let mut scene = Scene::new(config);
    let mut told = Vec::new();
    for port in 1..=4 {
        scene.at(u64::from(port)).handshake(port);
        told.push(scene.push(&TcpFrame::up(100, RST, b"").client_port(port)));
    }
    assert_eq!(told[1], NOTHING);
    assert_eq!(told[2], ["0 closed reset 0", "1 closed reset 0"]);
    assert_eq!(told[3], ["2 closed reset 0", "3 closed reset 0"]);
    // Those linger.
    assert_eq!(scene.push(&TcpFrame::up(99, SYN, b"").client_port(1)), NOTHING);
    assert_eq!(Config::new(KEY).closing, 60 * Timestamp::SECOND);
}
