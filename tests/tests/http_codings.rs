//! Content codings undone: each of them, on each other, damaged, missing, lying, and bombs.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::slice;

use flate2::Compression;
use tapflow_common::scan::http::{Allowance, Limits};
use tapflow_tests::http::{Kept, whole, with_gaps};
use tapflow_tests::not_tested;
use tapflow_tests::program::is_installed;

const GET: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// Text that compresses, but not to nothing.
fn text() -> Vec<u8> {
    let mut number = 1_u64;
    let mut words = String::new();
    while words.len() < 400_000 {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        words += &format!("{} ", number >> 54);
    }
    words.into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    flate2::read::DeflateEncoder::new(bytes, Compression::default()).read_to_end(&mut encoded).unwrap();
    encoded
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    brotli::CompressorReader::new(bytes, 4096, 5, 22).read_to_end(&mut encoded).unwrap();
    encoded
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

/// A response with a body in these codings, with a length or in chunks of a prime size.
fn response(codings: &str, body: &[u8], in_chunks: bool) -> Vec<u8> {
    let mut response = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {codings}\r\n").into_bytes();
    if !in_chunks {
        response.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        response.extend_from_slice(body);
        return response;
    }
    response.extend(b"Transfer-Encoding: chunked\r\n\r\n");
    for chunk in body.chunks(97) {
        response.extend(format!("{:x}\r\n", chunk.len()).bytes());
        response.extend_from_slice(chunk);
        response.extend(b"\r\n");
    }
    response.extend(b"0\r\n\r\n");
    response
}

fn scan(codings: &str, body: &[u8]) -> Kept {
    Kept::of(GET, response(codings, body, false))
}

/// A body that scans to `text()` without any complaint, at once and in chunks.
fn assert_decodes(codings: &str, body: &[u8]) {
    for in_chunks in [false, true] {
        let kept = Kept::of(GET, response(codings, body, in_chunks));
        assert!(kept.body("-HTTPBODY-001") == text(), "{codings}, in chunks: {in_chunks}");
        assert_eq!(kept.anomalies(), [""; 0], "{codings}");
        let message = kept.response(1);
        assert_eq!((message.raw_length, message.decoded_length), (body.len() as u64, text().len() as u64));
    }
}

#[test]
fn each_coding_is_undone() {
    for name in ["gzip", "x-gzip", "GZIP"] {
        assert_decodes(name, &gzip(&text()));
    }
    assert_decodes("deflate", &zlib(&text()));
    assert_decodes("deflate", &deflate(&text()));
    assert_decodes("br", &brotli(&text()));
    assert_decodes("zstd", &zstd(&text()));
}

#[test]
fn several_members_and_frames_are_one_body() {
    let (text, half) = (text(), text().len() / 2);
    assert_decodes("gzip", &[gzip(&text[..half]), gzip(&text[half..])].concat());
    assert_decodes("zstd", &[zstd(&text[..half]), zstd(&text[half..])].concat());
}

/// As the program `compress` writes it, with codes of up to 16, 12 and 10 bits, and with tables that it clears.
#[test]
fn compress_is_undone() {
    if !is_installed("compress") {
        not_tested("content coding compress: the program is not installed (apt-get install ncompress)");
        return;
    }
    for bits in ["16", "12", "10"] {
        let mut child = Command::new("compress")
            .args(["-c", "-b", bits])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(&text()).unwrap());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.stdout.len() > 1000);
        assert_decodes("compress", &output.stdout);
        assert_decodes("x-compress", &output.stdout);
    }
}

#[test]
fn codings_on_each_other_up_to_a_limit() {
    assert_decodes("gzip, br", &brotli(&gzip(&text())));
    assert_decodes("identity, deflate, gzip", &gzip(&zlib(&text())));
    assert_decodes("gzip,gzip,gzip,gzip", &gzip(&gzip(&gzip(&gzip(&text())))));
    let five = gzip(&gzip(&gzip(&gzip(&gzip(&text())))));
    let kept = scan("gzip,gzip,gzip,gzip,gzip", &five);
    assert!(kept.body("-HTTPBODY-001") == five);
    assert_eq!(kept.anomalies(), ["too_many_codings"]);
}

#[test]
fn a_transfer_coding_is_undone_too() {
    let body = gzip(&text());
    let mut server =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n{:x}\r\n", body.len())
            .into_bytes();
    server.extend_from_slice(&body);
    server.extend(b"\r\n0\r\n\r\n");
    let kept = Kept::of(GET, server);
    assert!(kept.body("-HTTPBODY-001") == text());
    assert_eq!(kept.anomalies(), [""; 0]);
}

#[test]
fn an_unknown_coding_is_kept_and_what_is_above_it_undone() {
    let kept = scan("aes128gcm", b"secret");
    assert_eq!(
        (kept.lines(), kept.anomalies()),
        (vec!["-HTTPBODY-001 secret".to_owned()], vec!["unknown_coding"])
    );
    let kept = scan("aes128gcm, gzip", &gzip(b"secret"));
    assert_eq!(
        (kept.lines(), kept.anomalies()),
        (vec!["-HTTPBODY-001 secret".to_owned()], vec!["unknown_coding"])
    );
}

#[test]
fn what_is_not_coded_at_all_is_kept_as_it_is() {
    for coding in ["gzip", "deflate", "zstd", "compress", "br"] {
        let kept = scan(coding, b"<html>not coded</html>");
        assert_eq!(kept.lines(), ["-HTTPBODY-001 <html>not coded</html>"], "{coding}");
        assert_eq!(kept.anomalies(), ["not_coded"], "{coding}");
    }
    // Coded once and called twice, or too short to tell.
    assert!(scan("gzip, gzip", &gzip(&text())).body("-HTTPBODY-001") == text());
    assert_eq!(scan("gzip", b"a").lines(), ["-HTTPBODY-001 a"]);
}

#[test]
fn data_in_another_coding_than_the_head_names_is_decoded() {
    let text = text();
    type Encode = fn(&[u8]) -> Vec<u8>;
    let encodings: [(&str, Encode); 5] =
        [("gzip", gzip), ("zlib", zlib), ("bare", deflate), ("br", brotli), ("zstd", zstd)];
    for named in ["gzip", "deflate", "br", "zstd"] {
        for (actual, encode) in encodings {
            // Brotli has no mark: it is recognised by its name only.
            let is_own = actual == named || named == "deflate" && matches!(actual, "zlib" | "bare");
            if is_own || actual == "br" || named == "br" && matches!(actual, "zlib" | "bare") {
                continue;
            }
            for length in [40, 3000, text.len()] {
                let kept = scan(named, &encode(&text[..length]));
                assert!(kept.body("-HTTPBODY-001") == &text[..length], "{named} is {actual}, {length} bytes");
                assert_eq!(kept.anomalies(), ["other_coding"], "{named} is {actual}, {length} bytes");
            }
        }
    }
}

#[test]
fn bytes_that_are_no_coded_data_are_not_taken_for_bare_deflate() {
    let numbers: Vec<u8> = (0..6000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let bodies: [&[u8]; 6] = [
        b"{\"a\": [1, 2, 3]}",
        b"<html>hello</html>",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\xff\xd8\xff\xe0",
        &numbers,
        b"K",
    ];
    for named in ["gzip", "zstd", "compress"] {
        for body in bodies {
            let kept = scan(named, body);
            assert!(
                kept.body("-HTTPBODY-001") == body,
                "{named}: {}",
                body[..body.len().min(20)].escape_ascii()
            );
            assert_eq!(kept.anomalies(), ["not_coded"]);
        }
    }
}

#[test]
fn damaged_data_gives_what_could_be_decoded() {
    for (coding, body) in [
        ("gzip", gzip(&text())),
        ("deflate", zlib(&text())),
        ("br", brotli(&text())),
        ("zstd", zstd(&text())),
    ] {
        let cut = &body[..body.len() * 3 / 4];
        let kept = scan(coding, cut);
        let decoded = kept.body("-HTTPBODY-001");
        assert!(
            decoded.len() > text().len() / 4 && text().starts_with(decoded),
            "{coding}: {}",
            decoded.len()
        );
        assert_eq!(kept.anomalies(), ["damaged"], "{coding}");
        assert!(kept.response(1).decode_error.as_ref().unwrap().starts_with(coding));
    }
    let mut body = gzip(&text());
    let end = body.len() - 6;
    body[end] ^= 1;
    let kept = scan("gzip", &body);
    assert!(kept.body("-HTTPBODY-001") == text(), "only the check value is wrong");
    assert_eq!(kept.anomalies(), ["damaged"]);
    assert_eq!(scan("gzip", &gzip(b"hello")[..12]).anomalies(), ["damaged"]);
}

/// What became of a body: its files, what was odd, its decoded length and why decoding ended.
type Became = (Vec<(String, Vec<u8>)>, Vec<&'static str>, u64, Option<String>);

/// A body in gzip, sent in one piece, so that it can be decoded at once, or in more pieces than are kept for that.
fn came_to(body: &[u8], pieces: bool) -> Became {
    let mut server = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n".to_vec();
    if pieces {
        server.extend(b"Transfer-Encoding: chunked\r\n\r\n");
        body.iter().for_each(|byte| server.extend([b'1', b'\n', *byte, b'\n']));
        server.extend(b"0\r\n\r\n");
    } else {
        server.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        server.extend_from_slice(body);
    }
    let kept = Kept::of(GET, server);
    let message = kept.response(1);
    let (length, error) = (message.decoded_length, message.decode_error.clone());
    (kept.bodies.clone(), kept.anomalies(), length, error)
}

#[test]
fn what_is_decoded_at_once_is_what_comes_piece_by_piece() {
    let text = text()[..20_000].to_vec();
    let good = gzip(&text);
    assert!(good.len() > 4096, "more pieces than are kept");
    let (header, trailer) = (&good[..10], &good[good.len() - 8..]);
    let with_fields = |flags: u8, fields: &[u8]| {
        let mut head = header.to_vec();
        head[3] = flags;
        [&head, fields, &good[10..]].concat()
    };
    let mut bodies = vec![
        good.clone(),
        with_fields(8, b"name\0"),
        with_fields(0x14, b"\x03\0abccomment\0"),
        // The check of a header, which is wrong, and a flag that does not exist.
        with_fields(2, b"ab"),
        with_fields(0x80, b""),
        // The same twice, other things behind it, and before its trailer.
        good.repeat(2),
        [&good[..], b"more"].concat(),
        [&good[..], trailer].concat(),
        [&good[..good.len() - 8], b"12345678", trailer].concat(),
        [&gzip(b"")[..], &good].concat(),
        [&good[..], &gzip(b"")].concat(),
        good[..good.len() - 1].to_vec(),
        good[..good.len() - 8].to_vec(),
    ];
    // A wrong bit at many places.
    bodies.extend((0..300).map(|at| {
        let mut body = good.clone();
        let place = if at < 30 { at } else { body.len() - 1 - (at * 7919) % body.len() };
        body[place] ^= 1 << (at % 8);
        body
    }));
    for (number, body) in bodies.iter().enumerate() {
        assert!(came_to(body, false) == came_to(body, true), "body {number}");
    }
    assert!(came_to(&good, false).0[0].1 == text);
}

#[test]
fn a_gap_in_coded_data_ends_what_is_decoded() {
    let mut server = response("gzip", &gzip(&text()), false);
    let gap = 60_000..60_010;
    let kept = Kept::scan([whole(GET), with_gaps(&mut server, slice::from_ref(&gap))], &Limits::default());
    let decoded = kept.body("-HTTPBODY-001");
    assert!(decoded.len() > 10_000 && text().starts_with(decoded));
    assert_eq!(kept.anomalies(), ["gap_in_body"]);
}

#[test]
fn without_decoding_bodies_stay_coded() {
    let body = gzip(&text());
    let limits = Limits { decode: false, ..Limits::default() };
    let kept = Kept::scan([whole(GET), whole(&response("gzip", &body, true))], &limits);
    assert!(kept.body("-HTTPBODY-001") == body);
    assert_eq!(kept.anomalies(), [""; 0]);
}

const SMALL: Allowance = Allowance { free: 1 << 20, ratio: 10, most: 64 << 20 };

#[test]
fn a_bomb_is_cut_at_the_limit_and_told() {
    let zeros = vec![0; 16 << 20];
    for (coding, body) in
        [("gzip", gzip(&zeros)), ("br", brotli(&zeros)), ("zstd", zstd(&zeros)), ("deflate", zlib(&zeros))]
    {
        let limits = Limits { allowance: SMALL, ..Limits::default() };
        let kept = Kept::scan([whole(GET), whole(&response(coding, &body, false))], &limits);
        // The bytes behind those that ended it count no more.
        let most = SMALL.free + body.len() as u64 * SMALL.ratio;
        let kept_bytes = kept.body("-HTTPBODY-001").len() as u64;
        assert!((SMALL.free..=most).contains(&kept_bytes), "{coding}: {kept_bytes}");
        assert_eq!(kept.anomalies(), ["bomb"], "{coding}");
    }
}

#[test]
fn many_small_bombs_are_one_bomb() {
    let body = gzip(&vec![0; 1 << 20]);
    let server = response("gzip", &body, false).repeat(10);
    let limits = Limits { allowance: SMALL, ..Limits::default() };
    let kept = Kept::scan([whole(&GET.repeat(10)), whole(&server)], &limits);
    let decoded: usize = kept.bodies.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!((4 << 20..5 << 20).contains(&decoded), "{decoded}");
    assert_eq!(kept.anomalies(), ["bomb"]);
}

/// A bomb inside of a bomb costs no more than one.
#[test]
fn bombs_in_each_other_cost_no_more() {
    let bomb = gzip(&gzip(&gzip(&vec![0; 64 << 20])));
    let limits = Limits { allowance: SMALL, ..Limits::default() };
    let kept = Kept::scan([whole(GET), whole(&response("gzip,gzip,gzip", &bomb, false))], &limits);
    assert_eq!(kept.anomalies(), ["bomb"]);
    assert!(kept.bodies.iter().all(|(_, bytes)| bytes.len() < 3 << 20));
}

#[test]
fn compressible_pages_are_no_bombs() {
    let page = vec![b' '; 30 << 20];
    let kept = scan("gzip", &gzip(&page));
    assert!(kept.body("-HTTPBODY-001") == page);
    assert_eq!(kept.anomalies(), [""; 0]);
}
