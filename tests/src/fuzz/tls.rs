//! Any two streams with any gaps and any key log, as TLS.

use std::borrow::Cow;
use std::ops::Range;

use tapflow_common::tls::{KeyLog, Limits, Output, Source, decrypt, recognise};

use super::{Material, Script};

/// A stream with gaps, which are never read.
struct Stream {
    bytes: Vec<u8>,
    gaps: Vec<Range<u64>>,
}

impl Source for Stream {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn next_gap(&self, offset: u64) -> Range<u64> {
        let end = self.len();
        self.gaps.iter().find(|gap| gap.end > offset).cloned().unwrap_or(end..end)
    }

    fn read(&self, range: Range<u64>) -> Cow<'_, [u8]> {
        assert!(
            self.gaps.iter().all(|gap| range.end <= gap.start || gap.end <= range.start || range.is_empty())
        );
        Cow::Borrowed(&self.bytes[range.start as usize..range.end as usize])
    }
}

/// Where plaintext and gaps end on the wire, in each direction.
#[derive(Default)]
struct Order {
    ends: [u64; 2],
    data: [u64; 2],
}

impl Output for Order {
    fn data(&mut self, side: usize, record: Range<u64>, plain: &[u8]) {
        assert!(
            record.start >= self.ends[side] && plain.len() as u64 <= record.end - record.start + (1 << 14)
        );
        self.ends[side] = record.end;
        self.data[side] += plain.len() as u64;
    }

    fn gap(&mut self, side: usize, wire: Range<u64>, length: u64, _is_exact: bool) {
        assert!(wire.start >= self.ends[side] && length <= wire.end - wire.start);
        self.ends[side] = wire.end;
    }
}

/// The lengths of a key log and of the client's stream, numbers that make gaps, then all three. Records are in order and
/// come out once; counts agree; work is bounded.
pub fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let (keys, length) = (usize::from(script.u16()), usize::from(script.u16()));
    let holes = [(); 2].map(|()| (usize::from(script.byte()), usize::from(script.byte())));
    let mut log = KeyLog::default();
    log.add(script.bytes(keys));
    let bytes = [script.bytes(length).to_vec(), script.0.to_vec()];
    let streams = [0, 1].map(|index| {
        let ((every, wide), bytes) = (holes[index], bytes[index].clone());
        let mut gaps = Vec::new();
        let mut at = every * 29;
        while every > 0 && at < bytes.len() {
            let end = (at + wide * 7 + 1).min(bytes.len());
            gaps.push(at as u64..end as u64);
            at = end + every * 29;
        }
        Stream { bytes, gaps }
    });
    let sources = [&streams[0] as &dyn Source, &streams[1]];
    let Some(start) = recognise(sources) else { return };
    let (mut order, limits) = (Order::default(), Limits { tries: 64, work: 1 << 20 });
    let facts = decrypt(sources, start, &log, limits, &mut order, &mut |_, _| {});
    for (side, data) in facts.sides.iter().zip(order.data) {
        assert!(side.data == data && side.data_records <= side.decrypted);
        assert!(side.decrypted == 0 || !log.is_empty());
    }
    let trials: u64 = facts.sides.iter().map(|side| side.trials).sum();
    let total: u64 = streams.iter().map(Stream::len).sum();
    assert!(trials <= (limits.work + Limits::WORK * total) / 64 + 2 * limits.tries);
}

/// Connections of TLS with the key log of the capture, whole and with gaps.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    let short = |stream: &&Vec<u8>| stream.len() < 16_000 && matches!(stream.as_slice(), [20..=23, 3, ..]);
    let streams: Vec<_> = material.streams.iter().filter(short).take(4).collect();
    let keys = &material.keys[..material.keys.len().min(4000)];
    let seed = |pair: &[&Vec<u8>], gaps: [u8; 4]| {
        let client = pair.first().map_or(&[][..], |stream| stream.as_slice());
        let server = pair.get(1).map_or(&[][..], |stream| stream.as_slice());
        let lengths = [keys.len() as u16, client.len() as u16].map(u16::to_be_bytes).concat();
        [&lengths[..], &gaps, keys, client, server].concat()
    };
    streams.chunks(2).flat_map(|pair| [seed(pair, [0; 4]), seed(pair, [40, 20, 50, 90])]).collect()
}
