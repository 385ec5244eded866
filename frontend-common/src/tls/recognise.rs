//! Whether two directions are TLS, by their bytes alone: from their beginning, or behind what asks for TLS in plain
//! text, as STARTTLS and proxies do.

use super::record::{HEADER, Header, Source, Step, kind, search, seen_until, step};

/// Bytes at the start of a direction in which a hello is searched: more than a record has.
const PRELUDE: u64 = 20 << 10;

/// Where TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The direction of the client.
    pub client: usize,
    /// The first record of each direction, in the order in which they were given.
    pub at: [u64; 2],
}

/// What is at the start of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    Client(u64),
    Server(u64),
    /// Records without a hello.
    Records(u64),
    Nothing,
}

/// Recognises TLS. Directions without a hello are recognised where several records follow each other in both.
#[must_use]
pub fn recognise(sources: [&dyn Source; 2]) -> Option<Start> {
    let openings = sources.map(opening);
    let at = |opening: Opening| match opening {
        Opening::Client(at) | Opening::Server(at) | Opening::Records(at) => Some(at),
        Opening::Nothing => None,
    };
    let start = |client| Start { client, at: openings.map(|opening| at(opening).unwrap_or(0)) };
    match openings {
        [Opening::Client(_), Opening::Client(_)] | [Opening::Server(_), Opening::Server(_)] => None,
        [Opening::Client(_), _] | [_, Opening::Server(_)] => Some(start(0)),
        [_, Opening::Client(_)] | [Opening::Server(_), _] => Some(start(1)),
        [Opening::Records(_), Opening::Records(_)] => Some(start(0)),
        [Opening::Records(_), Opening::Nothing] if sources[1].is_empty() => Some(start(0)),
        [Opening::Nothing, Opening::Records(_)] if sources[0].is_empty() => Some(start(1)),
        _ => None,
    }
}

fn opening(source: &dyn Source) -> Opening {
    let begin = if seen_until(source, 0) > 0 { 0 } else { source.next_gap(0).end };
    let end = seen_until(source, begin).min(begin + PRELUDE);
    let bytes = source.read(begin..end);
    if let Some(kind) = hello(&bytes) {
        return if kind == 1 { Opening::Client(begin) } else { Opening::Server(begin) };
    }
    if is_ssl2(&bytes) {
        return Opening::Client(begin);
    }
    if begin == 0 && is_chained(source, begin) {
        return Opening::Records(begin);
    }
    // Only a whole beginning can ask for TLS in plain text.
    let mut rest = &bytes[..];
    while let Some(next) = rest.iter().skip(1).position(|byte| *byte == kind::HANDSHAKE) {
        rest = rest.get(next + 1..).unwrap_or_default();
        let place = begin + (bytes.len() - rest.len()) as u64;
        match hello(rest) {
            Some(1) => return Opening::Client(place),
            Some(_) => return Opening::Server(place),
            None => {}
        }
    }
    // The capture begins within a record.
    match search(source, begin, &|header| header.version >> 8 == 3) {
        Some((place, _)) if place - begin <= PRELUDE && is_chained(source, place) => Opening::Records(place),
        _ => Opening::Nothing,
    }
}

/// The type of the hello that is in the record with which these bytes begin.
fn hello(bytes: &[u8]) -> Option<u8> {
    let header = Header::parse(bytes).filter(|header| header.kind == kind::HANDSHAKE)?;
    let [kind @ (1 | 2), high, middle, low, major, minor] = *bytes.get(HEADER as usize..)?.first_chunk()?
    else {
        return None;
    };
    let length = u32::from_be_bytes([0, high, middle, low]);
    let is_version = (major == 3 && minor <= 4) || major == 0x7f;
    // A hello may take several records, and other messages may follow it in its own.
    (is_version && (38..1 << 17).contains(&length) && header.length >= 4).then_some(kind)
}

/// A ClientHello of SSL 2.0 that offers later versions.
fn is_ssl2(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(0x80..=0x8f))
        && bytes.get(2..4) == Some(&[1, 3])
        && super::hello::ClientHello::parse_ssl2(bytes).is_some()
}

/// Whether several records follow each other from a place on, up to an end or a gap.
fn is_chained(source: &dyn Source, place: u64) -> bool {
    let (mut at, mut count) = (place, 0);
    loop {
        match step(source, at) {
            Step::Record { range, .. } | Step::Torn { range, .. } => (at, count) = (range.end, count + 1),
            Step::Lost => return count >= 2 && seen_until(source, at).saturating_sub(at) < HEADER,
            Step::End => return count >= 2 || (count == 1 && at == source.len()),
        }
        if count >= 3 {
            return true;
        }
    }
}
