//! HTTP with gaps: what is not all there is never complete, and work that does not grow faster than what was captured.

use std::ops::Range;

use tapflow_common::scan::http::{Anomaly, Direction, Limits, Scanned};
use tapflow_tests::http::{Kept, whole, with_gaps};

const GET: &str = "GET / HTTP/1.1\r\n\r\n";

/// A response with a body of `pieces` times three bytes, and its head's length.
fn response(pieces: usize) -> (Vec<u8>, usize) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 3 * pieces);
    (head.clone().into_bytes().into_iter().chain(b"abc".repeat(pieces)).collect(), head.len())
}

#[test]
fn any_missing_byte_makes_a_body_incomplete_however_many_gaps_there_are() {
    for gaps in [0, 1, 2, 10, 1000, 1001, 100_000] {
        let pieces = gaps.max(3);
        let (first, head) = response(pieces);
        let (second, _) = response(2);
        let start = first.len();
        let mut server = [&first[..], &second, &second].concat();
        let mut all: Vec<Range<u64>> =
            (0..gaps).map(|n| head + 3 * n + 1).map(|at| at as u64..at as u64 + 1).collect();
        // One more, in the last byte of the last body.
        all.push(server.len() as u64 - 1..server.len() as u64);
        let client = GET.repeat(3);
        let kept = Kept::scan([whole(client.as_bytes()), with_gaps(&mut server, &all)], &Limits::default());
        let facts = [1, 2, 3].map(|number| {
            let message = kept.response(number);
            (message.complete, message.missing, message.files[0].complete)
        });
        let first = (gaps == 0, gaps as u64, gaps == 0);
        assert_eq!(facts, [first, (true, 0, true), (false, 1, false)], "{gaps}");
        // The same of bytes without those in gaps.
        if gaps < 2000 {
            let skipped: Vec<u64> = (0..=all.len() as u64).collect();
            let is_captured = |at: &u64| !all.iter().any(|gap| gap.contains(at));
            let captured = (0..server.len() as u64).filter(is_captured).map(|at| server[at as usize]);
            let captured: Vec<u8> = captured.collect();
            let compact = Direction { bytes: &captured, skipped: &skipped, ..with_gaps(&mut server, &all) };
            let compact = Kept::scan([whole(client.as_bytes()), compact], &Limits::default());
            assert_eq!((compact.messages, compact.bodies), (kept.messages, kept.bodies));
        }
        // In an area of which nothing is known nothing is complete.
        let area = 0..start as u64;
        let unknown = Direction { unknown: Some(&area), ..with_gaps(&mut server, &all) };
        let kept = Kept::scan([whole(client.as_bytes()), unknown], &Limits::default());
        assert!(kept.response(1).anomalies.has(Anomaly::GapsUnknown));
        assert!(!kept.response(2).anomalies.has(Anomaly::GapsUnknown));
    }
}

fn scanned(client: &[u8], server: &[u8]) -> Scanned {
    Kept::scan([whole(client), whole(server)], &Limits::default()).scanned.unwrap_or_default()
}

#[test]
fn the_search_for_a_message_takes_steps_in_proportion_to_the_bytes() {
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".as_slice();
    for count in [1000, 20_000] {
        let spaces = " ".repeat(5 * count);
        let clients = [
            " HTTP/1.".repeat(count) + &spaces + "\n",
            "\x01 HTTP/1.".repeat(count),
            "\x01 HTTP/1.1\n".repeat(count),
            "\x01 GET / HTTP/1.1 ".repeat(count) + "\n",
        ];
        for client in clients {
            let scanned = scanned(client.as_bytes(), ok);
            let bytes = (client.len() + ok.len()) as u64;
            assert!(!scanned.is_given_up && scanned.steps <= 16 * bytes, "{} of {bytes}", scanned.steps);
        }
        let servers = [
            "HTTP/1.".repeat(count),
            "HTTP/1.1".repeat(count) + "\n",
            ("HTTP/1.1 1".to_owned() + &"0".repeat(40)).repeat(count) + "\n",
            ("HTTP/1.1 ".to_owned() + &" ".repeat(40)).repeat(count) + "\n",
            "HTTP/1.1 200\x0c".repeat(count) + "x\n",
            "HTTP/1.1 200 OK\n\n".repeat(count),
        ];
        for server in servers {
            let scanned = scanned(GET.as_bytes(), server.as_bytes());
            let bytes = (GET.len() + server.len()) as u64;
            assert!(!scanned.is_given_up && scanned.steps <= 16 * bytes, "{} of {bytes}", scanned.steps);
        }
    }
}

#[test]
fn messages_are_found_again_wherever_they_begin_in_a_line() {
    let client = "tail GET /1 HTTP/1.1\r\n\r\n\x01 HTTP/1.1\n end of a bodyPOST /2 HTTP/1.0 \r\n\r\n";
    let server = "HTTP/1.HTTP/1.1 20HTTP/1.1 204\r\n\r\nxHTTP/1.1 HTTP/1.1   304 Not\r\n\r\n";
    let inside = |text: &'static str| Direction { begins: false, ..whole(text.as_bytes()) };
    let kept = Kept::scan([inside(client), inside(server)], &Limits::default());
    let targets: Vec<_> = kept.messages.iter().filter_map(|message| message.head.method()).collect();
    let statuses: Vec<_> = kept.messages.iter().filter_map(|message| message.head.status()).collect();
    assert_eq!((targets, statuses), (vec!["GET", "POST"], vec![204, 304]));
}

#[test]
fn a_connection_that_takes_too_much_work_is_given_up_and_says_so() {
    let server = "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n".to_owned() + &"x".repeat(10_000);
    let (client, server) = (GET.repeat(500), server.repeat(500));
    let limits = Limits { steps: 0, ..Limits::default() };
    let kept = Kept::scan([whole(client.as_bytes()), whole(server.as_bytes())], &limits);
    assert!(kept.scanned.as_ref().is_some_and(|scanned| scanned.is_given_up));
    assert!(kept.messages.len() > 100 && kept.messages.len() < 1000);
}
