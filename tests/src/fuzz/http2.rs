//! Any bytes as a direction of HTTP/2.

use std::ops::Range;

use tapflow_common::http2::{Event, MAX_LIST, Reader, Side, Streams};

use super::{Material, Script};
use crate::http2::PREFACE;

/// Who sends, how large pieces are, where a gap is, then the bytes. Losses follow each other; what is found does not depend on
/// the pieces; fields are within their limit; every stream is handed out once.
pub fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let (kind, size) = (script.byte(), usize::from(script.byte()) + 1);
    let (start, length) = (usize::from(script.u16()), u64::from(script.byte()));
    let rest = script.0;
    let (before, after) = rest.split_at(start.min(rest.len()));
    let found = |size: usize| {
        let mut reader = match kind % 3 {
            0 => Reader::client(0),
            1 => Reader::server(0),
            _ => Reader::late(0),
        };
        let mut events = Vec::new();
        let mut out = |event| events.push(event);
        before.chunks(size).for_each(|piece| reader.push(piece, &mut out));
        reader.gap(length, &mut out);
        after.chunks(size).for_each(|piece| reader.push(piece, &mut out));
        reader.finish(&mut out);
        assert_eq!(reader.offset(), rest.len() as u64 + length);
        events
    };
    let events = found(1 << 20);
    assert_eq!(events, found(size));
    let mut lost = 0..0;
    let (mut streams, mut over) = (Streams::default(), 0);
    for event in events {
        match &event {
            Event::Lost(range) => {
                let Range { start, end } = *range;
                assert!(start >= lost.end && end >= start);
                lost = range.clone();
            }
            Event::Headers(block) => {
                let length = |text: &Option<std::sync::Arc<[u8]>>| text.as_ref().map_or(0, |text| text.len());
                let fields = block.fields.iter().map(|field| 32 + length(&field.name) + length(&field.value));
                assert!(fields.sum::<usize>() <= MAX_LIST && block.range.start <= block.range.end);
            }
            _ => {}
        }
        streams.take(Side::Server, event, &mut |_| over += 1);
    }
    streams.finish(&mut |_| over += 1);
    assert!(over <= rest.len());
}

/// Streams of HTTP/2, from the client and from the server.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    let is_short = |stream: &&Vec<u8>| stream.len() < 16_000;
    let seed = |stream: &Vec<u8>| {
        let kind = if stream.starts_with(PREFACE) { 0 } else { 1 };
        [&[kind, 99, 0, 200, 3], stream.as_slice()].concat()
    };
    let has_preface = material.streams.iter().any(|stream| stream.starts_with(PREFACE));
    material.streams.iter().filter(|_| has_preface).filter(is_short).take(4).map(seed).collect()
}
