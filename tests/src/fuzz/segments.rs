//! Segments of one stream in any order, with any overlaps, under each policy, against the naive model.

use crate::{KEY, with};
use tapflow_core::{
    Config, InOrder, InOrderConfig, InOrderStorage, OverlapPolicy, Reassembler, Sink, Storage,
};

use super::{Material, Script};
use crate::frames::{HEADERS, SYN, TcpFrame, frame};
use crate::model::Model;
use crate::recorder::{Record, Recorder};
use crate::scene::check_accounts;

/// Segments of an input that are played.
const SEGMENTS: usize = 100;

/// At random access and in order the stream is that of the model.
pub fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let policy = OverlapPolicy::ALL[usize::from(script.byte()) % OverlapPolicy::ALL.len()];
    let isn = if script.byte() & 1 == 0 { script.u32() } else { u32::MAX - u32::from(script.byte()) };
    let mut model = Model::new(policy);
    let mut frames = vec![(TcpFrame::up(isn, SYN, b"").bytes(), 0)];
    while !script.0.is_empty() && frames.len() <= SEGMENTS {
        let offset = usize::from(script.u16() % 1024);
        let len = 1 + usize::from(script.byte());
        let cut = script.byte();
        let missing = if cut < 32 { usize::from(cut).min(len) } else { 0 };
        // Every segment has bytes of its own.
        let payload = vec![frames.len() as u8; len];
        model.place(offset, &payload[..len - missing], len);
        let sequence = isn.wrapping_add(1 + offset as u32);
        frames.push((TcpFrame::up(sequence, 0, &payload).bytes(), missing));
    }
    let mut random_access = Recorder::default();
    play(policy, &frames, &mut random_access);
    compare(&model, &random_access.flows[&0]);
    let storage = InOrderStorage::heap(4, 1 << 20).expect("memory");
    let mut in_order = InOrder::new(Recorder::adapted(true), storage, InOrderConfig::new(KEY));
    play(policy, &frames, &mut in_order);
    let recorder = in_order.into_inner();
    assert_eq!(recorder.flows[&0].bytes, random_access.flows[&0].bytes, "both deliveries");
}

fn play<S: Sink<Error = std::convert::Infallible>>(
    policy: OverlapPolicy,
    frames: &[(Vec<u8>, usize)],
    sink: &mut S,
) {
    let config = with(Config::new(KEY), |c| c.overlap = policy);
    let storage = Storage::heap(2, 2 * SEGMENTS * SEGMENTS).expect("memory");
    let mut core = Reassembler::new(config, storage).expect("a storage that fits");
    for (bytes, missing) in frames {
        let whole = frame(bytes, 1);
        debug_assert!(bytes.len() - missing >= HEADERS);
        let bytes = &bytes[..bytes.len() - missing];
        let Ok(()) = core.push(&tapflow_core::Frame { bytes, ..whole }, sink);
    }
    let Ok(()) = core.finish(sink);
    assert_eq!(core.counters().boundaries_lost, 0);
    check_accounts(core.counters());
}

fn compare(model: &Model, record: &Record) {
    let mut bytes = record.bytes.clone();
    bytes.resize(model.bytes.len(), None);
    assert_eq!(bytes, model.bytes);
    assert_eq!((record.repeated, record.replaced), (model.repeated, model.replaced));
}

/// Beginnings of streams, which are as good as any numbers.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    super::short_streams(material)
}
