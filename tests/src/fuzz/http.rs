//! Any two streams with any gaps, as HTTP.

use std::ops::Range;

use tapflow_common::scan::http::{Allowance, Direction, Limits, Role};
use tapflow_core::Timestamp;

use super::{Material, Script};
use crate::http::Kept;

/// Little enough that a bomb is met.
const ALLOWANCE: Allowance = Allowance { free: 100_000, ratio: 20, most: 1 << 20 };

/// The length of the client's stream, numbers that make gaps, then both streams. Messages lie inside of their
/// stream, in order and apart; bodies stay within their limits; counts agree with what was told.
pub fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let (flags, length) = (script.byte(), usize::from(script.u16()));
    let mut holes = [(); 2].map(|()| (usize::from(script.byte()), usize::from(script.byte())));
    let mut streams = [script.bytes(length).to_vec(), script.0.to_vec()];
    let mut gaps: [Vec<Range<u64>>; 2] = Default::default();
    for index in [0, 1] {
        let (every, wide) = &mut holes[index];
        let mut at = *every * 7;
        while *every > 0 && at < streams[index].len() {
            let end = (at + *wide + 1).min(streams[index].len() + 3);
            gaps[index].push(at as u64..end as u64);
            let inside = end.min(streams[index].len());
            streams[index][at..inside].fill(0);
            at = end + *every * 7;
        }
    }
    let times = |offset: u64| (flags & 4 != 0).then(|| Timestamp(offset.wrapping_mul(1 << 22)));
    let direction = |index: usize| Direction {
        bytes: &streams[index],
        gaps: &gaps[index],
        begins: flags & 1 == 0,
        ends: flags & 2 == 0,
        times: &times,
        ..Direction::EMPTY
    };
    let limits =
        Limits { decode: flags & 8 == 0, allowance: ALLOWANCE, bodies: 1000, parts: 10, ..Limits::default() };
    let kept = Kept::scan([direction(0), direction(1)], &limits);
    check(&kept, &streams);
}

/// What holds for any connection.
fn check(kept: &Kept, streams: &[Vec<u8>; 2]) {
    let Some(scanned) = &kept.scanned else {
        assert!(kept.messages.is_empty() && kept.bodies.is_empty());
        return;
    };
    let mut ends = [0, 0];
    let mut numbers = [0, 0];
    for message in &kept.messages {
        let is_pushed = message.http2.is_some_and(|http2| http2.is_pushed);
        let side = match message.role {
            Role::Client if !is_pushed => scanned.client,
            _ => 1 - scanned.client,
        };
        let stream = streams[side].len() as u64;
        assert!(message.head_range.end <= stream);
        // Messages of HTTP/2 are told as they end, and their frames are among those of others.
        if message.http2.is_none() {
            assert!(message.head_range.start >= ends[side]);
            assert!(message.number == numbers[side] + 1);
        }
        numbers[side] = message.number;
        let mut at = if message.http2.is_some() { 0 } else { message.head_range.end };
        for run in &message.runs.listed {
            assert!(run.start >= at && run.start < run.end && run.end <= stream, "{run:?}");
            at = run.end;
        }
        assert_eq!(message.runs.bytes, message.raw_length);
        assert!(message.missing <= message.raw_length);
        assert!(!message.complete || message.missing == 0);
        ends[side] = at;
    }
    let coded = streams.iter().map(|stream| stream.len() as u64).sum::<u64>();
    let decoded = kept.bodies.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
    assert_eq!((kept.bodies.len() as u64, decoded), (scanned.counts.bodies, scanned.counts.body_bytes));
    // Parts and messages come in addition to the whole of a body; what is held back is handed on beyond the limits.
    let most = ALLOWANCE.free * 4 + coded * (ALLOWANCE.ratio + 2);
    assert!(decoded <= 4 * most, "{coded} bytes became {decoded}");
    let messages = kept.messages.len() as u64;
    assert_eq!(messages, scanned.counts.requests + scanned.counts.responses);
}

/// Each two streams that follow each other, and each alone; few of them hold HTTP.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    let short = |stream: &&Vec<u8>| {
        stream.len() < 16_000 && stream.windows(7).any(|part| part == b"HTTP/1." || part == b"HTTP/2.")
    };
    let streams: Vec<_> = material.streams.iter().filter(short).take(8).collect();
    let pairs = streams.chunks(2).map(|pair| {
        let client = pair.first().map_or(&[][..], |stream| stream.as_slice());
        let server = pair.get(1).map_or(&[][..], |stream| stream.as_slice());
        let mut seed = vec![0];
        seed.extend((client.len() as u16).to_be_bytes());
        seed.extend([0; 4]);
        seed.extend_from_slice(client);
        seed.extend_from_slice(server);
        seed
    });
    pairs.collect()
}
