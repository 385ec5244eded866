//! What was never captured: bodies with any byte missing, and holes that are longer than all that was captured.

use std::fs;

use tapflow_tests::frames::{SYN, TcpFrame};

use super::receivers::capture;
use super::support::Place;

const UP: &str = "010.000.000.001.40000-010.000.000.002.00080";
const DOWN: &str = "010.000.000.002.00080-010.000.000.001.40000";
/// A little less than the jump that begins a new stream.
const JUMP: u32 = 16_000_000;

/// The segments of a server: each with its offset in the stream.
fn served(segments: impl IntoIterator<Item = (u32, Vec<u8>)>) -> Vec<u8> {
    let request = TcpFrame::up(100, 0, b"GET / HTTP/1.1\r\n\r\n").acknowledging(200);
    let mut all = vec![
        (1, TcpFrame::up(99, SYN, b"")),
        (1, TcpFrame::down(199, SYN, b"").acknowledging(100)),
        (1, request),
    ];
    let down = |(offset, payload): (u32, Vec<u8>)| {
        let frame = TcpFrame::down(200 + offset, 0, &payload);
        (2, if payload.starts_with(b"piece") { frame.urgent(2) } else { frame })
    };
    all.extend(segments.into_iter().map(down));
    capture(&all)
}

/// Responses, the first of them with this many gaps of a byte; then one with none, and one with one.
fn responses(gaps: u32) -> Vec<u8> {
    let mut segments = Vec::new();
    let mut at = 0;
    for gaps in [gaps, 0, 1] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 3 * gaps + 2);
        segments.push((at, head.as_bytes().to_vec()));
        at += head.len() as u32;
        for _ in 0..gaps {
            segments.push((at, b"ab".to_vec()));
            at += 3;
        }
        segments.push((at, b"yz".to_vec()));
        at += 2;
    }
    served(segments)
}

#[test]
fn a_body_with_a_missing_byte_is_incomplete_however_many_gaps_are_before_it() {
    for gaps in [0, 1, 999, 1000, 1001, 6000] {
        let place = Place::new();
        place.put("a.pcap", responses(gaps));
        let args = ["-r", "a.pcap", "-o", "o", "-e", "http", "--hash", "md5", "--jsonl", "l", "--har", "h"];
        place.tapflow(&args).ends_with(0).says(&[&format!("in {} gap", gaps + 1)]);
        let report = place.report("o");
        let complete = |message: u32| {
            let body = format!("<tcpflow:http_body message=\"{message}\" complete=\"");
            &report.split(&body).nth(1).unwrap()[..1] == "1"
        };
        assert_eq!([1, 2, 3].map(complete), [gaps == 0, true, false], "{gaps}");
        let not_listed = gaps.saturating_sub(999);
        let listed = format!("<tcpflow:gaps bytes=\"{}\" not_listed=\"{not_listed}\">", gaps + 1);
        assert_eq!(report.contains(&listed), not_listed > 0, "{gaps}");
        let lines = fs::read_to_string(place.path("l")).unwrap();
        assert_eq!(lines.contains(&format!("\"not_listed\":{not_listed}}}")), not_listed > 0, "{gaps}");
        let har = fs::read_to_string(place.path("h")).unwrap();
        assert_eq!(har.matches("incomplete, gap_in_body").count(), if gaps == 0 { 1 } else { 2 });
        let first = &place.files("o")[&format!("{DOWN}-HTTPBODY-001")];
        assert_eq!(first.len() as u32, 3 * gaps + 2);
        assert!(first.chunks(3).all(|part| matches!(part, b"ab\0" | b"yz")));
    }
}

/// The beginning of the stream of [`jumps`].
const BEGIN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n0!23";
/// The length of its head.
const HEAD: usize = BEGIN.len() - 4;

/// A response and then eight bytes after each of many jumps, of which the second is urgent.
fn jumps(count: u32) -> Vec<u8> {
    let start = BEGIN.len() as u32;
    served(
        std::iter::once((0, BEGIN.to_vec()))
            .chain((1..=count).map(|n| (start + n * JUMP, format!("piece{n:03}").into()))),
    )
}

#[test]
fn long_holes_take_no_room_and_their_zeros_are_not_digested_without_bound() {
    let place = Place::new();
    place.put("a.pcap", jumps(40));
    let args = ["-r", "a.pcap", "-o", "o", "-a", "-q", "--urgent", "drop", "-I", "--max-hole", "none"];
    place.tapflow(&args).ends_with(0);
    assert!(place.report("o").contains("<tcpflow:no_hashdigest reason=\"holes\"/>"));
    assert!(place.report("o").contains("name=\"flows_without_digests\">1<"));
    assert_eq!(
        fs::metadata(place.path("o").join(DOWN)).unwrap().len(),
        BEGIN.len() as u64 + 40 * (u64::from(JUMP) - 1) + 8
    );
    // Eight pieces of a page each, of the stream and of the body.
    #[cfg(unix)]
    for entry in fs::read_dir(place.path("o")).unwrap() {
        use std::os::unix::fs::MetadataExt;
        let facts = entry.unwrap().metadata().unwrap();
        assert!(facts.blocks() * 512 < 4 << 20, "{} blocks of {} bytes", facts.blocks(), facts.len());
    }
}

#[test]
fn a_stream_in_which_too_much_is_missing_goes_on_in_a_new_file() {
    let place = Place::new();
    place.put("a.pcap", jumps(12));
    let run = place.tapflow(&["-r", "a.pcap", "-o", "o", "--max-hole", "40M"]).ends_with(0);
    run.says(&["4 new streams behind long holes (--max-hole)"]);
    assert!(place.report("o").contains("<tcpflow:counter name=\"split_streams\">4</tcpflow:counter>"));
    let lengths: Vec<u64> = fs::read_dir(place.path("o"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .collect();
    assert!(lengths.iter().all(|length| *length < 40 << 20) && lengths.len() == 7, "{lengths:?}");
}

#[test]
fn long_holes_are_shortened_and_the_report_says_where() {
    let place = Place::new();
    place.put("a.pcap", jumps(3));
    let args =
        ["-r", "a.pcap", "-o", "o", "-a", "-I", "-q", "--max-hole", "1000,shorten", "--jsonl", "lines"];
    place.tapflow(&args).ends_with(0);
    let (files, report) = (place.files("o"), place.report("o"));
    let stream = &files[DOWN];
    // The bound, and what the packets had on the wire.
    let wire = 54 + 54 + BEGIN.len() + 3 * (54 + 8);
    let longest = (1000 + wire) / 3;
    let zeros = vec![0; longest];
    let expected = [BEGIN, &zeros, b"piece001", &zeros, b"piece002", &zeros, b"piece003"].concat();
    assert!(*stream == expected, "{} bytes instead of {}", stream.len(), expected.len());
    assert!(files[&format!("{DOWN}-HTTPBODY-001.txt")] == expected[HEAD..]);
    let left_out = u64::from(JUMP) - longest as u64;
    assert!(
        report.contains(&format!("<tcpflow:shortened_holes bytes=\"{}\">", 3 * left_out - 2 * 8)),
        "{report}"
    );
    assert!(report.contains(&format!("<byte_run file_offset=\"{}\" len=\"8\"/>", BEGIN.len() + longest)));
    assert!(!report.contains("no_hashdigest"));
    let index = String::from_utf8(files[&format!("{DOWN}.findx")].clone()).unwrap();
    let places: Vec<usize> =
        index.lines().map(|line| line.split('|').next().unwrap().parse().unwrap()).collect();
    let at = |n: usize| BEGIN.len() + n * (longest + 8) - 8;
    assert_eq!(places[1..], [1, 2, 3].map(at));
    assert!(fs::read_to_string(place.path("lines")).unwrap().contains("\"shortened_holes\":{\"bytes\":"));
    assert_eq!(files[UP], b"GET / HTTP/1.1\r\n\r\n");
}
