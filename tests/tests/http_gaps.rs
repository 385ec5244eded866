//! HTTP with gaps: what is not all there is never complete, and work that does not grow faster than what was captured.

use std::fs::File;
use std::io::Write;
use std::ops::Range;

use tapflow_common::scan::http::{Anomaly, Direction, Limits, Scanned, Source};
use tapflow_common::scan::{WINDOW, Windows};
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

fn written(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("written");
    file
}

/// Responses of all kinds, longer than several windows, and bytes of none.
fn long_stream() -> Vec<u8> {
    let long = WINDOW as usize;
    let mut server = response(long).0;
    for number in 0..3000 {
        let body = "x".repeat(number % 700);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        server.extend_from_slice(&[head, body].concat().into_bytes());
    }
    server.extend_from_slice(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for size in [1, 100_000, long, 5, 2 * long + 7] {
        server.extend_from_slice(&[format!("{size:x}\r\n").as_bytes(), &b"c".repeat(size), b"\r\n"].concat());
    }
    server.extend_from_slice(b"0\r\nTrailer: t\r\n\r\n");
    // Lines that are no heads, one of them longer than what is searched together.
    server.extend_from_slice(&b"stray HTTP/1.1 line\r\n".repeat(long / 16));
    server.extend_from_slice(&b"y".repeat(long + 9));
    server.extend_from_slice(b"\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nab");
    server
}

#[test]
fn a_stream_that_is_read_in_windows_gives_what_it_gives_in_memory_and_is_read_a_few_times_at_most() {
    let (mut server, client) = (long_stream(), GET.repeat(3002));
    let length = server.len() as u64;
    let limits = Limits::default();
    for gaps in [vec![], vec![WINDOW - 5..WINDOW + 5, 3 * WINDOW..3 * WINDOW + 90_000, length - 1..length]] {
        let held = with_gaps(&mut server, &gaps);
        let in_memory = Kept::scan([whole(client.as_bytes()), held], &limits);
        let windows = Windows::new(written(held.bytes), length);
        let read = Direction { bytes: &[], source: Some(&windows), ..held };
        let in_windows = Kept::scan([whole(client.as_bytes()), read], &limits);
        assert_eq!(in_windows.messages.len(), in_memory.messages.len());
        assert!(in_windows.messages == in_memory.messages && in_windows.bodies == in_memory.bodies);
        assert!(windows.taken() <= 4 * length, "{} of {length}", windows.taken());
        assert!(!windows.has_failed());
    }
}

#[test]
fn what_is_behind_the_end_of_a_file_that_was_cut_short_is_missing() {
    let (first, _) = response(10);
    let (second, head) = response(WINDOW as usize);
    let server = [&first[..], &second, &first].concat();
    let file = written(&server);
    let left = 2 * WINDOW + 77;
    file.set_len(left).expect("cut short");
    let windows = Windows::new(file, server.len() as u64);
    let read = Direction { source: Some(&windows), ..Direction::EMPTY };
    let kept = Kept::scan([whole(GET.repeat(3).as_bytes()), read], &Limits::default());
    assert!(windows.has_failed());
    assert!(kept.response(1).complete);
    let cut = kept.response(2);
    let body = left - (first.len() + head) as u64;
    assert!(!cut.complete && !cut.files[0].complete && cut.anomalies.has(Anomaly::GapInBody));
    assert_eq!(cut.missing, 3 * WINDOW - body);
    let counts = kept.scanned.expect("HTTP").counts;
    assert_eq!((counts.requests, counts.responses), (3, 2), "nothing is found behind the end");
}
