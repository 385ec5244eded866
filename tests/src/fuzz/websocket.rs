//! Any bytes as a direction of WebSocket.

use tapflow_common::websocket::{Allowance, Deflate, Event, Reader};

use super::{Material, Script};

/// Little enough that a bomb is met.
const ALLOWANCE: Allowance = Allowance { free: 100_000, ratio: 20 };

/// What was agreed on, how large pieces are, where a gap is, then the bytes. What is found does not depend on the pieces;
/// messages begin and end in turns, and grow within the allowance.
pub fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let (flags, size) = (script.byte(), usize::from(script.byte()) + 1);
    let (start, length) = (usize::from(script.u16()), u64::from(script.byte()));
    let rest = script.0;
    let (before, after) = rest.split_at(start.min(rest.len()));
    let found = |size: usize| {
        let deflate = (flags & 1 != 0).then_some(Deflate { keeps_context: flags & 2 == 0 });
        let mut reader = match flags & 4 {
            0 => Reader::new(0, flags & 8 == 0, deflate, ALLOWANCE),
            _ => Reader::late(0, flags & 8 == 0, ALLOWANCE),
        };
        let (mut is_open, mut ended, mut data) = (false, Vec::new(), Vec::new());
        let mut out = |event: Event<'_>| match event {
            Event::Begin { .. } => {
                assert!(!is_open, "one message at a time");
                is_open = true;
            }
            Event::Data(bytes) => {
                assert!(is_open);
                data.extend_from_slice(bytes);
            }
            Event::Hole(length) => data.resize(data.len() + length as usize, 0),
            Event::End(end) => {
                assert!(is_open);
                is_open = false;
                ended.push(end);
            }
            Event::Control { payload, .. } => assert!(payload.len() <= 125),
            Event::Lost(range) => assert!(range.start <= range.end),
        };
        before.chunks(size).for_each(|piece| reader.push(piece, &mut out));
        reader.gap(length, &mut out);
        after.chunks(size).for_each(|piece| reader.push(piece, &mut out));
        reader.finish(&mut out);
        assert!(!is_open && reader.offset() == rest.len() as u64 + length);
        (ended, data)
    };
    let (ended, data) = found(1 << 20);
    assert_eq!((&ended, &data), (&found(size).0, &found(size).1));
    assert!(data.len() as u64 <= ALLOWANCE.free + (ALLOWANCE.ratio + 1) * (rest.len() as u64 + length));
}

/// What follows the handshake of an upgrade.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    let behind = |stream: &Vec<u8>| {
        let is_upgrade = stream.windows(9).any(|part| part.eq_ignore_ascii_case(b"websocket"));
        let end = stream.windows(4).position(|part| part == b"\r\n\r\n").filter(|_| is_upgrade)?;
        let is_server = stream.starts_with(b"HTTP/");
        Some([&[1 | u8::from(is_server) << 3, 99, 0, 200, 3], stream.get(end + 4..)?].concat())
    };
    material.streams.iter().filter(|stream| stream.len() < 16_000).filter_map(behind).take(4).collect()
}
