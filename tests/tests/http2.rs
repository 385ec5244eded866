//! HTTP/2, and gRPC in it, as messages of the same model as HTTP/1: bodies, exchanges, what is lost.

use std::io::Write;
use std::slice;

use tapflow_common::scan::http::{Anomaly, Direction, Framing, Limits, Role, Start};
use tapflow_tests::http::{Kept, whole, with_gaps};
use tapflow_tests::http2::{END, WHOLE, begin, block, data, frame, get, headers, settings};

const OK: &[(&str, &str)] = &[(":status", "200"), ("content-type", "text/plain")];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A server's side with two streams whose frames are interleaved.
fn interleaved() -> Vec<u8> {
    [
        settings(),
        headers(1, 0, OK),
        headers(3, 0, OK),
        data(1, 0, b"first "),
        data(3, 0, b"second "),
        // Padded.
        data(1, END | 0x08, b"\x03half\0\0\0"),
        data(3, END, b"half"),
    ]
    .concat()
}

#[test]
fn bodies_of_interleaved_streams() {
    let client = [begin(), get(1, "/a"), get(3, "/b")].concat();
    let kept = Kept::of(client, interleaved());
    assert_eq!(kept.lines(), ["-HTTPBODY-001.txt first half", "-HTTPBODY-002.txt second half"]);
    assert_eq!(kept.exchanges, [(Some(1), Some(1)), (Some(2), Some(2))]);
    assert_eq!(kept.anomalies(), [""; 0]);
    let request = kept.request(1);
    assert_eq!((request.head.method(), request.head.host()), (Some("GET"), Some("a.test")));
    assert!(matches!(&request.head.start, Start::Request { target, .. } if target.as_str() == "/a"));
    let response = kept.response(2);
    assert_eq!((response.head.version.as_str(), response.framing), ("HTTP/2", Framing::Frames));
    assert_eq!((response.raw_length, response.complete, response.http2.unwrap().stream), (11, true, 3));
    // The runs are those of the body in its flow, without headers and padding.
    let server = interleaved();
    let runs = &response.runs.listed;
    let body: Vec<u8> =
        runs.iter().flat_map(|run| &server[run.start as usize..run.end as usize]).copied().collect();
    assert_eq!(body, b"second half");
}

#[test]
fn codings_forms_and_continuation_are_those_of_http_1() {
    let form =
        "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n\r\nfile\r\n--B--\r\n";
    let post = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/up"),
        ("content-type", "multipart/form-data; boundary=B"),
    ];
    let fields = block(&post, 0);
    let (first, second) = fields.split_at(20);
    let client =
        [begin(), frame(1, 0, 1, first), frame(9, WHOLE, 1, second), data(1, END, form.as_bytes())].concat();
    let coded = gzip(b"hello, hello, hello");
    let head = [(":status", "200"), ("content-type", "text/html"), ("content-encoding", "gzip")];
    let server = [settings(), headers(1, 0, &head), data(1, END, &coded)].concat();
    let kept = Kept::of(client, server);
    assert_eq!(kept.body("-HTTPREQ-001-PART-001"), b"file");
    assert_eq!(kept.body("-HTTPBODY-001.html"), b"hello, hello, hello");
    assert_eq!(kept.request(1).files[1].suggested_name.as_deref(), Some("x.txt"));
    assert_eq!(kept.anomalies(), [""; 0]);
}

#[test]
fn interim_responses_trailers_and_resets() {
    let client = [begin(), get(1, "/"), get(3, "/"), frame(3, 0, 3, &8_u32.to_be_bytes())].concat();
    let server = [
        settings(),
        headers(1, 0, &[(":status", "103"), ("link", "x")]),
        headers(1, 0, OK),
        data(1, 0, b"body"),
        headers(1, END, &[("x-sum", "1")]),
        headers(3, 0, OK),
        data(3, 0, b"part"),
    ]
    .concat();
    let kept = Kept::of(client, server);
    assert_eq!(kept.lines(), ["-HTTPBODY-002.txt body", "-HTTPBODY-003.txt part"]);
    assert_eq!(kept.exchanges, [(Some(1), Some(2)), (Some(2), Some(3))]);
    assert_eq!(kept.response(1).head.status(), Some(103));
    assert_eq!(kept.response(2).trailers[0].name, "x-sum");
    assert_eq!(kept.request(2).http2.unwrap().reset, Some(8));
    let cut = kept.response(3);
    assert!(!cut.complete && cut.anomalies.has(Anomaly::BodyCutOff));
}

#[test]
fn a_pushed_response_has_the_request_that_was_promised() {
    let promise =
        block(&[(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/style")], 0);
    let server = [
        settings(),
        frame(5, WHOLE, 1, &[&2_u32.to_be_bytes()[..], &promise].concat()),
        headers(1, END, OK),
        headers(2, 0, OK),
        data(2, END, b"pushed"),
    ]
    .concat();
    let kept = Kept::of([begin(), get(1, "/")].concat(), server);
    assert_eq!(kept.lines(), ["-HTTPBODY-003.txt pushed"]);
    let promised = kept.messages.iter().find(|message| message.http2.unwrap().is_pushed).expect("a promise");
    assert_eq!((promised.role, promised.number), (Role::Client, 1));
    assert!(kept.exchanges.contains(&(Some(1), Some(3))));
}

#[test]
fn an_upgrade_goes_on_with_the_numbers_of_http_1() {
    let upgrade = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n";
    let client = [upgrade.as_bytes(), &begin(), &get(3, "/b")].concat();
    let switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    let server = [
        switching.as_bytes(),
        &settings(),
        &headers(1, 0, OK),
        &data(1, END, b"of the upgrade"),
        &headers(3, 0, OK),
        &data(3, END, b"second"),
    ]
    .concat();
    let kept = Kept::of(client, server);
    assert_eq!(kept.lines(), ["-HTTPBODY-002.txt of the upgrade", "-HTTPBODY-003.txt second"]);
    assert_eq!(kept.exchanges, [(Some(1), Some(2)), (Some(2), Some(3))]);
    assert_eq!(kept.request(1).head.version, "HTTP/1.1");
}

#[test]
fn behind_connect_and_in_one_direction_alone() {
    let connect = "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n";
    let client = [connect.as_bytes(), &begin(), &get(1, "/")].concat();
    let server =
        [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &settings(), &headers(1, 0, OK), &data(1, END, b"x")]
            .concat();
    assert_eq!(Kept::of(client, server).lines(), ["-HTTPBODY-002.txt x"]);
    let server = interleaved();
    let alone = [Direction { begins: false, ..Direction::EMPTY }, whole(&server)];
    let kept = Kept::scan(alone, &Limits::default());
    assert_eq!(kept.lines().len(), 2);
    assert_eq!(kept.scanned.unwrap().client, 0);
}

/// Every range of a server's side left out: whatever is written is as it was sent, or marked.
#[test]
fn with_any_bytes_missing_no_whole_body_is_wrong() {
    let client = [begin(), get(1, "/a"), get(3, "/b")].concat();
    let server = interleaved();
    for start in 0..server.len() as u64 {
        for length in [1, 5, 9, 17, 40] {
            let gap = start..(start + length).min(server.len() as u64);
            let gaps = slice::from_ref(&gap);
            let mut bytes = server.clone();
            let directions = [whole(&client), with_gaps(&mut bytes, gaps)];
            let kept = Kept::scan(directions, &Limits::default());
            for message in
                kept.messages.iter().filter(|message| message.role == Role::Server && message.complete)
            {
                for file in message.files.iter().filter(|file| file.complete) {
                    let body = kept.body(&file.name);
                    assert!(
                        body == b"first half" || body == b"second half",
                        "without {gap:?}: {}",
                        body.escape_ascii()
                    );
                }
            }
        }
    }
}

#[test]
fn the_length_of_the_head_says_that_no_frame_is_missing() {
    let client = [begin(), get(1, "/"), get(3, "/")].concat();
    let head = [(":status", "200"), ("content-length", "8")];
    let parts = [
        [settings(), headers(1, 0, &head), headers(3, 0, OK), data(1, 0, b"four")].concat(),
        data(3, 0, b"lost"),
        [data(1, END, b"more"), data(3, END, b"end")].concat(),
    ];
    let (start, end) = (parts[0].len() as u64, (parts[0].len() + parts[1].len()) as u64);
    let mut server = parts.concat();
    let gap = start..end;
    let kept =
        Kept::scan([whole(&client), with_gaps(&mut server, slice::from_ref(&gap))], &Limits::default());
    assert_eq!(kept.body("-HTTPBODY-001"), b"fourmore");
    assert!(kept.response(1).complete && !kept.response(1).anomalies.has(Anomaly::FramesLost));
    assert!(!kept.response(2).complete && kept.response(2).anomalies.has(Anomaly::FramesLost));
}

#[test]
fn begun_late_what_is_not_known_is_not_guessed() {
    let request = |stream| frame(1, END | WHOLE, stream, b"\x82\x84\xbe\xbf");
    let first = frame(
        1,
        END | WHOLE,
        1,
        &[b"\x82\x84".as_slice(), &block(&[("x-a", "1"), (":authority", "a.test")], 0x40)].concat(),
    );
    let client = [begin(), first.clone(), request(3), request(5)].concat();
    let server =
        [settings(), headers(1, END, OK), headers(3, 0, OK), data(3, END, b"three"), headers(5, END, OK)]
            .concat();
    let late = |bytes: &[u8], at: usize| bytes[at..].to_vec();
    let client_late = late(&client, begin().len() + first.len());
    let server_late = late(&server, settings().len());
    let kept = Kept::scan(
        [
            Direction { begins: false, ..whole(&client_late) },
            Direction { begins: false, ..whole(&server_late) },
        ],
        &Limits::default(),
    );
    assert_eq!(kept.lines(), ["-HTTPBODY-002.txt three"]);
    let request = kept.request(1);
    assert_eq!((request.head.method(), request.head.host()), (Some("GET"), None));
    assert!(request.anomalies.has(Anomaly::UnknownFields) && request.http2.unwrap().unknown_fields == 2);
}

#[test]
fn messages_of_grpc_each_in_its_file() {
    let message =
        |flags: u8, bytes: &[u8]| [&[flags], &(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
    let head = [
        (":method", "POST"),
        (":path", "/pkg.Svc/Do"),
        ("content-type", "application/grpc"),
        ("grpc-encoding", "gzip"),
    ];
    let request = [message(0, b"plain"), message(1, &gzip(b"compressed")), message(0, b"")].concat();
    let (first, second) = request.split_at(7);
    let client = [begin(), headers(1, 0, &head), data(1, 0, first), data(1, END, second)].concat();
    let answer = [(":status", "200"), ("content-type", "application/grpc+proto")];
    let server = [
        settings(),
        headers(1, 0, &answer),
        data(1, 0, &message(0, b"yes")),
        headers(1, END, &[("grpc-status", "5"), ("grpc-message", "not found")]),
    ]
    .concat();
    let kept = Kept::of(client, server);
    assert_eq!(kept.body("-GRPC-001-0001"), b"plain");
    assert_eq!(kept.body("-GRPC-001-0002"), b"compressed");
    let (request, response) = (kept.request(1).grpc.clone().unwrap(), kept.response(1).grpc.clone().unwrap());
    assert_eq!((request.messages, request.status), (3, None));
    assert_eq!(
        (response.messages, response.status.as_deref(), response.message.as_deref()),
        (1, Some("5"), Some("not found"))
    );
    assert_eq!(kept.anomalies(), [""; 0]);
}

#[test]
fn grpc_web_has_its_trailers_in_the_body_and_may_be_base64() {
    // "hi" and the trailers, each in base64 of its own.
    let body = "AAAAAAJoaQ==gAAAAA9ncnBjLXN0YXR1czogMA0K";
    let server = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web-text\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let kept = Kept::of("POST /a HTTP/1.1\r\nHost: a\r\n\r\n", server);
    assert_eq!(kept.body("-GRPC-001-0001"), b"hi");
    assert_eq!(kept.response(1).grpc.as_ref().unwrap().status.as_deref(), Some("0"));
}

#[test]
fn a_bomb_of_header_fields_is_given_up_within_its_steps() {
    let mut client = begin();
    let large = "v".repeat(120);
    client.extend(frame(1, END | WHOLE, 1, &block(&[("n", &large)], 0x40)));
    // Each byte is a field of 121 bytes.
    for stream in 1..3000 {
        client.extend(frame(1, END | WHOLE, 2 * stream + 1, &[0xbe; 1000]));
    }
    let limits = Limits { steps: 1, ..Limits::default() };
    let kept = Kept::scan([whole(&client), Direction::EMPTY], &limits);
    let scanned = kept.scanned.unwrap();
    assert!(scanned.is_given_up && scanned.steps < (2 << 20) + 2 * client.len() as u64, "{scanned:?}");
}
