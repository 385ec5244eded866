//! Any bytes as a body in each content coding, and in two on each other.

use tapflow_common::scan::http::{Allowance, Limits};

use super::{Material, Script};
use crate::http::{Kept, whole};

const CODINGS: [&str; 5] = ["gzip", "deflate", "br", "zstd", "compress"];
const ALLOWANCE: Allowance = Allowance { free: 100_000, ratio: 20, most: 1 << 20 };

/// A byte for the first coding, one for a second, the body. The decoder ends, within its limits, and gives the
/// same whether the body comes in one piece or in chunks.
pub fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let codings: Vec<_> =
        [script.byte(), script.byte()].iter().filter_map(|byte| CODINGS.get(usize::from(*byte))).collect();
    let piece = usize::from(script.byte()) + 1;
    let codings = codings.into_iter().copied().collect::<Vec<_>>().join(",");
    let body = script.0;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {codings}\r\n");
    let mut at_once = format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    at_once.extend_from_slice(body);
    let mut in_chunks = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for part in body.chunks(piece) {
        in_chunks.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        in_chunks.extend_from_slice(part);
        in_chunks.extend_from_slice(b"\r\n");
    }
    in_chunks.extend_from_slice(b"0\r\n\r\n");
    let limits = Limits { allowance: ALLOWANCE, ..Limits::default() };
    let client = whole(b"GET / HTTP/1.1\r\n\r\n");
    let [at_once, in_chunks] =
        [at_once, in_chunks].map(|server| Kept::scan([client, whole(&server)], &limits));
    let most = ALLOWANCE.free + body.len() as u64 * (ALLOWANCE.ratio + 2);
    for kept in [&at_once, &in_chunks] {
        assert!(kept.response(1).decoded_length <= most);
    }
    let is_bomb = |kept: &Kept| kept.anomalies().contains(&"bomb");
    if !is_bomb(&at_once) && !is_bomb(&in_chunks) {
        assert!(at_once.bodies == in_chunks.bodies, "{codings}");
    }
}

/// Every coding before what a capture's streams hold, whatever that is, and before data in that coding.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    let Some(stream) = material.streams.iter().find(|stream| stream.len() > 100) else { return Vec::new() };
    let text = &stream[..stream.len().min(2000)];
    let body = |stream: &[u8]| {
        let start = stream.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        Some(stream.get(start..)?.iter().take(4000).copied().collect::<Vec<u8>>())
    };
    let mut seeds: Vec<Vec<u8>> = material
        .streams
        .iter()
        .take(4)
        .filter_map(|stream| Some([vec![0, 9, 0], body(stream)?].concat()))
        .collect();
    // Data of zlib, and of deflate, without any compression: RFC 1951, 3.2.4.
    let stored = |prefix: &[u8]| {
        let length = text.len() as u16;
        [&[1, 9, 200], prefix, &[1], &length.to_le_bytes(), &(!length).to_le_bytes(), text].concat()
    };
    seeds.extend([stored(&[0x78, 1]), stored(&[])]);
    // Codes of nine bits of compress.
    let mut codes = vec![4, 9, 30, 0x1f, 0x9d, 0x90];
    let bits: Vec<u8> = text
        .iter()
        .take(200)
        .flat_map(|byte| (0..9).map(move |bit| byte.checked_shr(bit).unwrap_or(0) & 1))
        .collect();
    codes.extend(bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |sum, bit| sum << 1 | bit)));
    seeds.push(codes);
    seeds
}
