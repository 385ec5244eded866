//! WebSocket behind HTTP/1 and in HTTP/2: each message in its file.

use std::slice;

use tapflow_common::scan::http::{Anomaly, Direction, Limits};
use tapflow_tests::http::{Kept, whole, with_gaps};
use tapflow_tests::http2::{begin, data, headers, settings};

const ASKS: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n";

fn agrees(extensions: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{extensions}\r\n"
    )
}

/// A frame: RFC 6455, 5.2.
fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    assert!(payload.len() < 126);
    let mut bytes = vec![first, payload.len() as u8 | if mask.is_some() { 0x80 } else { 0 }];
    bytes.extend(mask.iter().flatten());
    let mask = mask.unwrap_or_default();
    bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    bytes
}

const MASK: Option<[u8; 4]> = Some(*b"\x37\xfa\x21\x3d");

#[test]
fn messages_of_both_sides() {
    let client = [
        ASKS.as_bytes(),
        &frame(0x81, b"Hello", MASK),
        &frame(0x02, b"two ", MASK),
        &frame(0x89, b"ping", MASK),
        &frame(0x80, b"parts", MASK),
        &frame(0x88, &1000_u16.to_be_bytes(), MASK),
    ]
    .concat();
    let server = [agrees("").as_bytes(), &frame(0x8a, b"ping", None), &frame(0x81, b"Hi", None)].concat();
    let kept = Kept::of(client, server);
    assert_eq!(kept.lines(), ["-WS-0001.txt Hello", "-WS-0002.bin two parts", "-WS-0001.txt Hi"]);
    let (request, response) = (kept.request(1), kept.response(1));
    let found = request.websocket.unwrap();
    assert_eq!((found.messages, found.control_frames, found.close), (2, 1, Some(1000)));
    assert_eq!(response.websocket.unwrap().messages, 1);
    assert_eq!((request.files.len(), response.files.len()), (2, 1));
    assert_eq!(kept.exchanges, [(Some(1), Some(1))]);
    assert!(kept.scanned.as_ref().unwrap().is_tunnel && kept.anomalies().is_empty());
}

#[test]
fn compressed_messages_with_and_without_context() {
    // RFC 7692, 7.2.3.1 and 7.2.3.2.
    let (first, second) = (b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00");
    let client = [ASKS.as_bytes(), &frame(0xc1, first, MASK), &frame(0xc1, second, MASK)].concat();
    let extensions = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";
    let server =
        [agrees(extensions).as_bytes(), &frame(0xc1, first, None), &frame(0xc1, first, None)].concat();
    let kept = Kept::of(client, server);
    let expected = ["-WS-0001.txt Hello", "-WS-0002.txt Hello", "-WS-0001.txt Hello", "-WS-0002.txt Hello"];
    assert_eq!(kept.lines(), expected);
    assert!(kept.anomalies().is_empty());
}

#[test]
fn a_message_with_a_hole_is_incomplete() {
    let server =
        [agrees("").as_bytes(), &frame(0x81, b"in the middle", None), &frame(0x81, b"next", None)].concat();
    let start = agrees("").len() as u64 + 5;
    let gap = start..start + 3;
    let mut bytes = server.clone();
    let kept = Kept::scan(
        [whole(ASKS.as_bytes()), with_gaps(&mut bytes, slice::from_ref(&gap))],
        &Limits::default(),
    );
    assert_eq!(kept.lines(), ["-WS-0001.txt in \\x00\\x00\\x00 middle", "-WS-0002.txt next"]);
    let files = &kept.response(1).files;
    assert!(!files[0].complete && files[1].complete);
    assert!(kept.response(1).anomalies.has(Anomaly::GapInBody));
}

#[test]
fn without_its_handshake_it_is_recognised_by_its_frames() {
    let client: Vec<u8> = (0..5).flat_map(|_| frame(0x81, b"question", MASK)).collect();
    let server: Vec<u8> = (0..5).flat_map(|_| frame(0x81, b"an answer", None)).collect();
    let late = |bytes| Direction { begins: false, ..whole(bytes) };
    for is_swapped in [false, true] {
        let mut directions = [late(&client), late(&server)];
        if is_swapped {
            directions.swap(0, 1);
        }
        let kept = Kept::scan(directions, &Limits::default());
        assert_eq!(kept.scanned.as_ref().unwrap().client, usize::from(is_swapped));
        assert_eq!(kept.lines().len(), 10);
        assert!(kept.lines().contains(&"-WS-0005.txt an answer".to_owned()));
    }
}

#[test]
fn in_a_stream_of_http_2() {
    // RFC 8441, 5.1; messages and frames of HTTP/2 have other borders.
    let connect = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":path", "/chat"),
        (":authority", "a"),
    ];
    let message = frame(0x81, b"Hello", MASK);
    let client =
        [begin(), headers(1, 0, &connect), data(1, 0, &message[..4]), data(1, 1, &message[4..])].concat();
    let server =
        [settings(), headers(1, 0, &[(":status", "200")]), data(1, 1, &frame(0x82, b"Hi", None))].concat();
    let kept = Kept::of(client, server);
    assert_eq!(kept.lines(), ["-WS-0001.txt Hello", "-WS-0001.bin Hi"]);
    assert!(kept.anomalies().is_empty());
}
