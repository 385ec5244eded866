//! HTTP messages: where they begin and end, which response answers which request, and what servers that break
//! the rules still mean.

use std::slice;

use tapflow_common::scan::http::{Anomaly, Direction, Framing, Limits, Start};
use tapflow_core::Timestamp;
use tapflow_tests::http::{Kept, whole, with_gaps};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// What the scanner makes of responses to as many GETs.
fn answers(count: usize, server: &str) -> Kept {
    Kept::of(GET.repeat(count), server)
}

#[test]
fn a_length_ends_a_body() {
    let kept = answers(
        2,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone",
    );
    assert_eq!(kept.lines(), ["-HTTPBODY-001.txt hello", "-HTTPBODY-002 gone"]);
    assert_eq!(kept.exchanges, [(Some(1), Some(1)), (Some(2), Some(2))]);
    assert_eq!(kept.response(2).head.status(), Some(404));
    assert_eq!(kept.anomalies(), [""; 0]);
}

#[test]
fn the_facts_of_a_message() {
    let kept = answers(1, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let message = kept.response(1);
    assert_eq!(
        (message.head_range.clone(), message.runs.listed.as_slice()),
        (0..38, slice::from_ref(&(38..43)))
    );
    assert_eq!((message.raw_length, message.decoded_length, message.complete), (5, 5, true));
    assert_eq!(message.framing, Framing::Length(5));
    let request = kept.request(1);
    assert_eq!((request.head.method(), request.head.field("host")), (Some("GET"), Some("a")));
}

#[test]
fn chunks_with_extensions_and_trailers() {
    let kept = answers(
        2,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;name=value\r\nhello\r\n00001\r\n!\r\n0\r\nX-After: yes\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n.",
    );
    assert_eq!(kept.lines(), ["-HTTPBODY-001 hello!", "-HTTPBODY-002 ."]);
    let message = kept.response(1);
    assert_eq!(message.runs.listed, [61..66, 75..76]);
    let trailers: Vec<_> =
        message.trailers.iter().map(|field| (&*field.name, field.value.as_str())).collect();
    assert_eq!(trailers, [("X-After", "yes")]);
    assert!(message.complete);
}

#[test]
fn chunks_with_bare_line_feeds_and_without_line_ends() {
    let kept = answers(1, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n1 \n!\n2\r\n??0\n\n");
    assert_eq!(kept.lines(), ["-HTTPBODY-001 hello!??"]);
    assert!(kept.response(1).complete);
}

#[test]
fn what_is_called_chunked_but_is_not() {
    let kept = answers(1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n<html>");
    assert_eq!(kept.lines(), ["-HTTPBODY-001 <html>"]);
    assert_eq!(kept.anomalies(), ["not_chunked"]);
}

#[test]
fn a_broken_chunk_ends_the_body_and_the_next_response_is_found() {
    let kept = answers(
        2,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n.",
    );
    assert_eq!(kept.lines(), ["-HTTPBODY-001 hello", "-HTTPBODY-002 ."]);
    assert!(!kept.response(1).complete);
    assert_eq!(kept.anomalies(), ["stray_bytes", "bad_chunk"]);
    assert_eq!(kept.scanned.unwrap().counts.stray_bytes, 5);
}

#[test]
fn without_a_length_the_close_ends_a_body() {
    let server = "HTTP/1.0 200 OK\r\n\r\nall of it";
    let kept = answers(1, server);
    assert_eq!(kept.lines(), ["-HTTPBODY-001 all of it"]);
    assert!(kept.response(1).complete);
    let cut = Direction { ends: false, ..whole(server.as_bytes()) };
    let kept = Kept::scan([whole(GET.as_bytes()), cut], &Limits::default());
    assert!(!kept.response(1).complete, "no FIN was seen");
}

#[test]
fn head_and_statuses_without_body() {
    let client = format!("HEAD / HTTP/1.1\r\n\r\n{GET}{GET}{GET}");
    let length = "Content-Length: 5\r\n\r\n";
    let server = format!(
        "HTTP/1.1 200 OK\r\n{length}HTTP/1.1 204 No\r\n{length}HTTP/1.1 304 Same\r\n{length}HTTP/1.1 200 OK\r\n{length}hello"
    );
    let kept = Kept::of(client, server);
    assert_eq!(kept.lines(), ["-HTTPBODY-004 hello"]);
    assert_eq!(kept.exchanges.len(), 4);
}

#[test]
fn interim_responses_count_but_do_not_answer() {
    let client = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc";
    let server = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let kept = Kept::of(client, server);
    assert_eq!(kept.lines(), ["-HTTPREQ-001 abc", "-HTTPBODY-003 ok"]);
    assert_eq!(kept.exchanges, [(Some(1), Some(3))]);
}

#[test]
fn a_refused_expectation_has_no_body() {
    let client = format!("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 300\r\n\r\n{GET}");
    let refused = "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n";
    let kept = Kept::of(client, refused.repeat(2));
    assert_eq!(kept.lines(), [""; 0]);
    assert_eq!(kept.exchanges, [(Some(1), Some(1)), (Some(2), Some(2))]);
}

#[test]
fn a_body_that_was_expected_may_look_like_the_beginning_of_a_request() {
    let ok = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let post = |framing: &str, body: &str| {
        format!("POST / HTTP/1.1\r\nExpect: 100-continue\r\n{framing}\r\n\r\n{body}")
    };
    for body in ["hello", "hello world", "GET / HTTP/1.1\r\n", "T"] {
        let length = format!("Content-Length: {}", body.len());
        for next in ["", GET] {
            let kept = Kept::of(format!("{}{next}", post(&length, body)), ok.repeat(2));
            assert_eq!(
                kept.lines(),
                [format!("-HTTPREQ-001 {}", body.escape_default())],
                "{body:?} {next:?}"
            );
            let requests = kept.messages.iter().filter(|message| message.head.method().is_some()).count();
            assert_eq!(requests, if next.is_empty() { 1 } else { 2 }, "{body:?} {next:?}");
        }
    }
    let chunked = post("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n");
    assert_eq!(Kept::of(chunked + GET, ok.repeat(2)).lines(), ["-HTTPREQ-001 hello"]);
}

#[test]
fn a_bare_carriage_return_is_a_blank() {
    for odd in ["X: a\r", "X: a\rb", "X: \r\ra"] {
        let server = format!("HTTP/1.1 200 OK\r\n{odd}\r\nContent-Length: 3\r\n\r\n");
        let kept = Kept::of(GET.repeat(2), format!("{server}one{server}two"));
        assert_eq!(kept.lines(), ["-HTTPBODY-001 one", "-HTTPBODY-002 two"], "{odd:?}");
        let client = format!("POST / HTTP/1.1\r\n{odd}\r\nContent-Length: 3\r\n\r\none{GET}");
        assert_eq!(Kept::of(client, "").lines(), ["-HTTPREQ-001 one"], "{odd:?}");
    }
}

#[test]
fn a_chunk_size_may_have_any_number_of_zeros_before_it() {
    let server =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000000005\r\nhello\r\n0\r\n\r\n";
    assert_eq!(answers(1, server).lines(), ["-HTTPBODY-001 hello"]);
}

#[test]
fn after_connect_and_upgrades_it_is_no_http() {
    let tunnel = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    let kept = Kept::of(
        "CONNECT a:443 HTTP/1.1\r\n\r\n\u{16}\u{3}\u{1}",
        format!("HTTP/1.1 200 Established\r\n\r\n{tunnel}"),
    );
    assert_eq!((kept.lines().len(), kept.messages.len()), (0, 2));
    assert!(kept.scanned.unwrap().is_tunnel);
    let client = format!("CONNECT a:443 HTTP/1.1\r\n\r\n{GET}");
    let refused = Kept::of(&client, format!("HTTP/1.1 407 Who\r\nContent-Length: 1\r\n\r\n?{tunnel}"));
    assert_eq!(refused.lines(), ["-HTTPBODY-001 ?", "-HTTPBODY-002 abc"]);
    let client = format!("GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n{GET}");
    let upgraded = Kept::of(&client, format!("HTTP/1.1 101 Switching\r\n\r\n{tunnel}"));
    assert_eq!((upgraded.lines().len(), upgraded.messages.len()), (0, 2));
    assert!(upgraded.scanned.unwrap().is_tunnel);
}

#[test]
fn http_goes_on_in_a_tunnel_that_carries_http() {
    let client = "CONNECT a:80 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
    let established = "HTTP/1.1 200 Connection established\r\n\r\n";
    let kept = Kept::of(client, format!("{established}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    assert_eq!(kept.lines(), ["-HTTPBODY-002 hi"]);
    assert_eq!(kept.exchanges, [(Some(1), Some(1)), (Some(2), Some(2))]);
    assert!(!kept.scanned.unwrap().is_tunnel);
}

#[test]
fn http_behind_the_handshake_of_a_socks_proxy() {
    let request = b"GET /2 HTTP/1.1\r\n\r\n";
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let handshakes: [(&[u8], &[u8]); 2] = [
        (&[5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 1, 0, 80], &[5, 0, 5, 0, 0, 1, 192, 0, 2, 1, 0, 80]),
        (&[4, 1, 0, 80, 0, 0, 0, 1, 0, b'a', 0], &[0, 90, 0, 0, 0, 0, 0, 0]),
    ];
    for (sent, answered) in handshakes {
        let (client, server) = ([sent, request].concat(), [answered, response].concat());
        let kept = Kept::of(&client, &server);
        assert_eq!(kept.lines(), ["-HTTPBODY-001 hi"]);
        assert_eq!(kept.request(1).head_range.start, sent.len() as u64);
        assert_eq!(kept.scanned.as_ref().unwrap().counts.stray_bytes, 0);
        let kept = Kept::scan([whole(&server), whole(&client)], &Limits::default());
        assert_eq!((kept.lines().len(), kept.scanned.unwrap().client), (1, 1));
    }
}

#[test]
fn a_request_body_without_a_length_is_counted() {
    let server = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".repeat(2);
    let kept = Kept::of(format!("POST / HTTP/1.0\r\n\r\na=1\n{GET}"), &server);
    assert!(kept.request(1).anomalies.has(Anomaly::BodyWithoutLength));
    assert!(!kept.request(2).anomalies.has(Anomaly::BodyWithoutLength));
    assert_eq!(kept.scanned.unwrap().counts.stray_bytes, 4);
    let kept = Kept::of(format!("{GET}\r\n{GET}"), &server);
    assert_eq!(kept.anomalies(), [""; 0]);
}

#[test]
fn status_lines_that_browsers_take() {
    let lines = [
        ("HTTP/1.1 099 Odd", 99),
        ("HTTP/1.1 000", 0),
        ("HTTP/1.1 200", 200),
        ("http/1.1 404 not found", 404),
        ("HTTP/2.0 200 OK", 200),
        ("HTTP/2 200", 200),
        ("HTTP 200 OK", 200),
    ];
    for (line, status) in lines {
        let kept = answers(1, &format!("{line}\r\nContent-Length: 2\r\n\r\nhi"));
        assert_eq!(kept.response(1).head.status(), Some(status), "{line}");
        assert_eq!(kept.exchanges, [(Some(1), Some(1))], "{line}");
    }
    for line in
        ["HTTP/1.1 20 OK", "HTTP/1.1 OK", "HTTP/x 200", "HTTP/1.1.1 200 OK", "HTTPS 200 OK", "HTTP/1. 200"]
    {
        let kept = Kept::of("", format!("{line}\r\nContent-Length: 2\r\n\r\nhi"));
        assert!(kept.messages.is_empty(), "{line}");
    }
}

#[test]
fn bytes_of_a_field_that_are_not_utf8_can_be_had_back() {
    let client = b"GET /\xc4\xe3 HTTP/1.1\r\nA: \xe9t\xe9\r\nB: \xc3\xa9\r\n\r\n";
    let kept = Kept::of(client, "");
    let fields = &kept.request(1).head.fields;
    assert_eq!((fields[0].value.as_str(), fields[0].value.is_latin1()), ("\u{e9}t\u{e9}", true));
    assert_eq!((fields[1].value.as_str(), fields[1].value.is_latin1()), ("\u{e9}", false));
    assert_eq!(fields[0].value.bytes().as_ref(), b"\xe9t\xe9");
    assert_eq!(fields[1].value.bytes().as_ref(), b"\xc3\xa9");
    let Start::Request { target, .. } = &kept.request(1).head.start else { panic!("a request") };
    assert_eq!(target.bytes().as_ref(), b"/\xc4\xe3");
}

#[test]
fn a_tunnel_of_which_only_the_client_was_captured() {
    let kept = Kept::of("CONNECT a:443 HTTP/1.1\r\n\r\n\x16\x03\x01 GET / HTTP/1.1\r\n\r\n", "");
    assert_eq!((kept.messages.len(), kept.scanned.unwrap().is_tunnel), (1, true));
}

#[test]
fn either_side_alone_is_enough() {
    let server = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let kept = Kept::of("", server.repeat(2));
    assert_eq!(kept.lines(), ["-HTTPBODY-001 ok", "-HTTPBODY-002 ok"]);
    assert_eq!(kept.exchanges, [(None, Some(1)), (None, Some(2))]);
    let kept = Kept::of("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n", "");
    assert_eq!(kept.lines(), ["-HTTPREQ-001 abc"]);
    assert_eq!(kept.exchanges, [(Some(1), None), (Some(2), None)]);
}

#[test]
fn the_client_is_told_by_what_is_said() {
    let server = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let kept = Kept::scan([whole(server.as_bytes()), whole(GET.as_bytes())], &Limits::default());
    assert_eq!(kept.scanned.as_ref().unwrap().client, 1);
    assert_eq!(kept.lines(), ["-HTTPBODY-001 ok"]);
}

#[test]
fn what_is_no_http_is_none() {
    for (client, server) in [
        ("EHLO mail\r\n", "220 mail ESMTP\r\n"),
        ("GET key\r\n", "$5\r\nhello\r\n"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\0\0\0\x04\0\0\0\0\0"),
        ("OPTIONS rtsp://a RTSP/1.0\r\n\r\n", "RTSP/1.0 200 OK\r\n\r\n"),
        ("\x16\x03\x01\x02\0\x01", "\x16\x03\x03"),
        ("", ""),
    ] {
        let kept = Kept::of(client, server);
        assert_eq!((kept.scanned, kept.messages.len()), (None, 0), "{client:?}");
    }
}

#[test]
fn a_request_without_version_is_answered_by_a_body_alone() {
    let kept = Kept::of("GET /page\r\n", "<html>HTTP/1.1 200 OK</html>");
    assert_eq!(kept.lines(), ["-HTTPBODY-001 <html>HTTP/1.1 200 OK</html>"]);
    assert_eq!(kept.request(1).head.version, "HTTP/0.9");
}

#[test]
fn heads_as_real_servers_send_them() {
    let ok = "Content-Length: 2\r\n\r\nok";
    for (head, status, version, reason) in [
        ("HTTP/1.1 200\r\n", 200, "HTTP/1.1", ""),
        ("HTTP/1.1  200   Fine \r\n", 200, "HTTP/1.1", "Fine"),
        ("\r\n\r\nHTTP/1.1 200 OK\r\n", 200, "HTTP/1.1", "OK"),
        ("ICY 200 OK\r\n", 200, "ICY", "OK"),
        ("HTTP/1.2 201 \u{e9}\r\n", 201, "HTTP/1.2", "\u{e9}"),
        ("HTTP/1.1 999 No\n", 999, "HTTP/1.1", "No"),
        ("HTTP/1.1 200 OK\r\nno colon here\r\n", 200, "HTTP/1.1", "OK"),
        ("HTTP/1.1 200 OK\r\nBad Name : x\r\nNul: a\0b\r\n", 200, "HTTP/1.1", "OK"),
    ] {
        let kept = Kept::of(GET, format!("{head}{ok}"));
        assert_eq!(kept.lines(), ["-HTTPBODY-001 ok"], "{head:?}");
        let message = kept.response(1);
        assert_eq!(message.head.status(), Some(status), "{head:?}");
        assert_eq!(message.head.version, version, "{head:?}");
        let is_reason = matches!(&message.head.start, tapflow_common::scan::http::Start::Response { reason: found, .. } if found == reason);
        assert!(is_reason, "{head:?}: {:?}", message.head.start);
    }
}

#[test]
fn folded_fields_and_blanks_before_colons() {
    let head = "HTTP/1.1 200 OK\r\nX-Long: one\r\n two\r\n\tthree\r\nContent-Length : 2\r\n\r\nok";
    let kept = Kept::of("GET /a b HTTP/1.1\r\nX-Long: one\r\n two\r\n\r\n", head);
    assert_eq!(kept.lines(), ["-HTTPBODY-001 ok"]);
    assert_eq!(kept.response(1).head.field("x-long"), Some("one two three"));
    assert_eq!(kept.request(1).head.field("x-long"), Some("one two"));
}

#[test]
fn lengths_that_are_repeated_differ_or_are_none() {
    let server = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\nhelloHTTP/1.1 204 None\r\n\r\n");
    for (fields, anomalies) in [
        ("Content-Length: 5\r\nContent-Length: 5\r\n", &[][..]),
        ("Content-Length: 5, 5\r\n", &[]),
        ("Content-Length: 7\r\nContent-Length: 5\r\n", &["lengths_differ"]),
        ("Content-Length: 5\r\nContent-Length: 9\r\n", &["lengths_differ"]),
        ("Content-Length: five\r\nContent-Length: 5\r\n", &["invalid_length"]),
    ] {
        let kept = answers(2, &server(fields));
        assert_eq!(kept.lines(), ["-HTTPBODY-001 hello"], "{fields:?}");
        assert_eq!(kept.anomalies(), anomalies, "{fields:?}");
        assert_eq!(kept.exchanges.len(), 2, "{fields:?}");
    }
    let kept = answers(1, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nall");
    assert_eq!(
        (kept.lines(), kept.anomalies()),
        (vec!["-HTTPBODY-001 all".to_owned()], vec!["invalid_length"])
    );
}

#[test]
fn chunks_win_over_a_length() {
    let kept = answers(
        1,
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    );
    assert_eq!(kept.lines(), ["-HTTPBODY-001 ok"]);
    assert_eq!(kept.anomalies(), ["length_and_transfer_coding"]);
}

#[test]
fn bodies_longer_than_their_length_do_not_hide_the_next_response() {
    let kept = answers(
        2,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and moreHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n.",
    );
    assert_eq!(kept.lines(), ["-HTTPBODY-001 ok", "-HTTPBODY-002 ."]);
    assert_eq!(kept.anomalies(), ["stray_bytes"]);
}

#[test]
fn a_stream_that_ends_early() {
    let server = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel";
    let kept = answers(1, server);
    assert_eq!(kept.lines(), ["-HTTPBODY-001 hel"]);
    assert!(!kept.response(1).complete);
    assert_eq!(kept.anomalies(), ["body_cut_off"]);
    let kept = answers(1, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Le");
    assert_eq!(kept.anomalies(), ["head_cut_off"]);
    assert_eq!(kept.response(1).head.fields.len(), 1);
    let kept = answers(1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    assert_eq!(
        (kept.lines(), kept.anomalies()),
        (vec!["-HTTPBODY-001 hel".to_owned()], vec!["body_cut_off"])
    );
}

/// Scans responses of which a part is missing.
fn with_gap(client: &str, server: &str, gap: std::ops::Range<u64>) -> Kept {
    let mut bytes = server.as_bytes().to_vec();
    Kept::scan([whole(client.as_bytes()), with_gaps(&mut bytes, slice::from_ref(&gap))], &Limits::default())
}

#[test]
fn a_gap_in_a_body_leaves_a_hole() {
    let server =
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n.";
    let kept = with_gap(&GET.repeat(2), server, 39..41);
    assert_eq!(kept.lines(), [r"-HTTPBODY-001 h\x00\x00lo", "-HTTPBODY-002 ."]);
    let message = kept.response(1);
    assert_eq!((message.raw_length, message.missing, message.complete), (5, 2, false));
    assert_eq!(kept.anomalies(), ["gap_in_body"]);
}

#[test]
fn a_gap_in_a_chunk_and_one_over_its_line() {
    let server = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n.";
    let kept = with_gap(&GET.repeat(2), server, 51..53);
    assert_eq!(kept.lines(), [r"-HTTPBODY-001 h\x00\x00loworld", "-HTTPBODY-002 ."]);
    let kept = with_gap(&GET.repeat(2), server, 54..59);
    assert_eq!(kept.lines(), [r"-HTTPBODY-001 hell\x00", "-HTTPBODY-002 ."]);
    assert_eq!(kept.anomalies(), ["gap_in_body"]);
}

#[test]
fn a_gap_in_a_head_loses_one_message() {
    let one = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1";
    let kept = with_gap(&GET.repeat(3), &one.repeat(3), 60..70);
    assert_eq!(kept.lines(), ["-HTTPBODY-001 1", "-HTTPBODY-003 1"]);
    assert_eq!(kept.anomalies(), ["gap_in_head"]);
    // One that begins in a gap is not even counted.
    let kept = with_gap(&GET.repeat(3), &one.repeat(3), 30..70);
    assert_eq!(kept.messages.iter().filter(|message| message.head.status().is_some()).count(), 2);
}

#[test]
fn a_capture_that_begins_inside_of_a_body() {
    let server = "the end of a bodyHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let inside = Direction { begins: false, ..whole(server.as_bytes()) };
    let client = "tail of an uploadGET / HTTP/1.1\r\n\r\n";
    let client = Direction { begins: false, ..whole(client.as_bytes()) };
    let kept = Kept::scan([inside, client], &Limits::default());
    assert_eq!(kept.lines(), ["-HTTPBODY-001 ok"]);
    assert_eq!(kept.scanned.as_ref().map(|scanned| scanned.client), Some(1));
    assert_eq!(kept.exchanges, [(Some(1), Some(1))]);
}

/// Times at which the parts of a stream were captured, in milliseconds: offset and time.
fn times(places: &'static [(u64, u64)]) -> impl Fn(u64) -> Option<Timestamp> {
    move |offset| {
        let (_, time) = places.iter().rev().find(|(start, _)| *start <= offset)?;
        Some(Timestamp::new(0, (time * 1_000_000) as u32))
    }
}

#[test]
fn times_of_messages_and_of_bodies() {
    let server = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let (asked, answered) = (times(&[(0, 10), (20, 11)]), times(&[(0, 20), (38, 30), (41, 40)]));
    let client = Direction { times: &asked, ..whole(GET.as_bytes()) };
    let server = Direction { times: &answered, ..whole(server.as_bytes()) };
    let kept = Kept::scan([client, server], &Limits::default());
    let milliseconds = |time: Option<Timestamp>| time.map(|time| time.subsec_nanos() / 1_000_000);
    assert_eq!(milliseconds(kept.times[0]), Some(30), "the body's first byte");
    let [request, response] = [kept.request(1), kept.response(1)];
    assert_eq!((milliseconds(request.first_time), milliseconds(request.last_time)), (Some(10), Some(11)));
    assert_eq!((milliseconds(response.first_time), milliseconds(response.last_time)), (Some(20), Some(40)));
}

#[test]
fn a_response_that_nobody_asked_for() {
    let timeout =
        "HTTP/1.1 408 Timeout\r\nContent-Length: 1\r\n\r\n!HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let (asked, answered) = (times(&[(0, 500)]), times(&[(0, 100), (44, 510)]));
    let client = Direction { times: &asked, ..whole(b"HEAD / HTTP/1.1\r\n\r\n") };
    let server = Direction { times: &answered, ..whole(timeout.as_bytes()) };
    let kept = Kept::scan([client, server], &Limits::default());
    assert_eq!(kept.exchanges, [(None, Some(1)), (Some(1), Some(2))]);
}

#[test]
fn after_lost_responses_times_tell_which_request_is_answered() {
    let mut server = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1".repeat(3).into_bytes();
    let gap = 39..78;
    let client = GET.repeat(3);
    let (asked, answered) = (times(&[(0, 10), (27, 30), (54, 50)]), times(&[(0, 20), (39, 40), (78, 60)]));
    let client = Direction { times: &asked, ..whole(client.as_bytes()) };
    let server = Direction { times: &answered, ..with_gaps(&mut server, slice::from_ref(&gap)) };
    let kept = Kept::scan([client, server], &Limits::default());
    assert_eq!(kept.exchanges, [(Some(1), Some(1)), (Some(2), None), (Some(3), Some(2))]);
}
