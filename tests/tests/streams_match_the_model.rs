//! Any sequence of segments gives what a plain vector per flow gives: every order, overlap, cut by a
//! snap length, with and without SYN, at every start number including those just below 2^32.

use std::convert::Infallible;

use proptest::prelude::*;
use tapflow_core::{
    Config, Frame, InOrder, InOrderConfig, InOrderStorage, OverlapPolicy, Reassembler, Sink, Storage,
};
use tapflow_tests::frames::{CLIENT, HEADERS, SYN, TcpFrame, frame};
use tapflow_tests::model::Model;
use tapflow_tests::recorder::Recorder;
use tapflow_tests::scene::check_accounts;
use tapflow_tests::{KEY, with};

/// A segment of the client: bytes `[at, at + len)` of its stream, of which `captured` were captured;
/// a changed one has other bytes than the stream.
#[derive(Clone, Debug)]
struct Piece {
    at: u32,
    len: u32,
    captured: u32,
    changed: bool,
}

fn piece() -> impl Strategy<Value = Piece> {
    (0..3000u32, 1..400u32, prop_oneof![4 => Just(u32::MAX), 1 => 0..400u32], prop::bool::weighted(0.1))
        .prop_map(|(at, len, captured, changed)| Piece { at, len, captured: captured.min(len), changed })
}

fn start() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), (u32::MAX - 4000)..=u32::MAX]
}

fn byte_at(offset: u32, changed: bool) -> u8 {
    (offset.wrapping_mul(31) >> 3) as u8 ^ if changed { 0x55 } else { 0 }
}

fn payload(piece: &Piece) -> Vec<u8> {
    (piece.at..piece.at + piece.len).map(|offset| byte_at(offset, piece.changed)).collect()
}

/// Pushes the piece's frame, cut to what was captured.
fn push<S: Sink>(
    reassembler: &mut Reassembler<'_>,
    sink: &mut S,
    isn: u32,
    piece: &Piece,
) -> Result<(), S::Error> {
    let bytes = TcpFrame::up(isn.wrapping_add(1).wrapping_add(piece.at), 0, &payload(piece)).bytes();
    let whole = frame(&bytes, 1);
    let cut = &bytes[..HEADERS + piece.captured as usize];
    reassembler.push(&Frame { bytes: cut, ..whole }, sink)
}

fn reassembler(islands: usize, config: Config) -> Reassembler<'static> {
    Reassembler::new(config, Storage::heap(4, islands).unwrap()).unwrap()
}

/// Pushes a SYN, if there is one, and the pieces, and ends the run. Answers what the stream should be.
fn play<S: Sink<Error = Infallible>>(
    core: &mut Reassembler<'_>,
    sink: &mut S,
    isn: u32,
    with_syn: bool,
    pieces: &[Piece],
    policy: OverlapPolicy,
) -> Model {
    let mut model = Model::new(policy);
    if with_syn {
        let syn = TcpFrame::up(isn, SYN, &[]).bytes();
        let Ok(()) = core.push(&frame(&syn, 1), sink);
    }
    for piece in pieces {
        let Ok(()) = push(core, sink, isn, piece);
        model.place(piece.at as usize, &payload(piece)[..piece.captured as usize], piece.len as usize);
    }
    let Ok(()) = core.finish(sink);
    model
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: tapflow_tests::cases(2000), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn with_a_syn_first(isn in start(), pieces in prop::collection::vec(piece(), 1..40)) {
        let mut core = reassembler(1000, Config::new(KEY));
        let mut sink = Recorder::default();
        let model = play(&mut core, &mut sink, isn, true, &pieces, OverlapPolicy::First);
        let record = &sink.flows[&0];
        let mut bytes = record.bytes.clone();
        bytes.resize(model.bytes.len(), None);
        prop_assert_eq!(&bytes, &model.bytes);
        prop_assert_eq!(record.repeated, model.repeated);
        prop_assert_eq!(record.closed.as_ref().unwrap().1.span, model.bytes.len() as u64);
        check_accounts(core.counters());
    }

    #[test]
    fn without_a_syn_the_stream_begins_at_the_lowest_byte(
        isn in start(), pieces in prop::collection::vec(piece(), 1..40),
        syn_after in prop::option::of(0..40usize),
    ) {
        let mut core = reassembler(1000, Config::new(KEY));
        let mut sink = Recorder::default();
        let lowest = pieces.iter().map(|piece| piece.at).min().unwrap();
        let begins = if syn_after.is_some_and(|after| after < pieces.len()) { 0 } else { lowest };
        let mut model = Model::default();
        for (index, piece) in pieces.iter().enumerate() {
            let Ok(()) = push(&mut core, &mut sink, isn, piece);
            model.place((piece.at - begins) as usize, &payload(piece)[..piece.captured as usize], piece.len as usize);
            if syn_after == Some(index) {
                let syn = TcpFrame::up(isn, SYN, &[]).bytes();
                let Ok(()) = core.push(&frame(&syn, 1), &mut sink);
            }
        }
        let Ok(()) = core.finish(&mut sink);
        prop_assert_eq!(sink.flows.len(), 1);
        let record = &sink.flows[&0];
        let mut bytes = record.bytes.clone();
        bytes.resize(model.bytes.len(), None);
        prop_assert_eq!(&bytes, &model.bytes);
        prop_assert_eq!(record.repeated, model.repeated);
        check_accounts(core.counters());
    }

    /// Whatever the receiver does with overlaps, and also where boundaries of segments are all there is to tell.
    #[test]
    fn under_every_overlap_policy(
        isn in start(), policy in prop::sample::select(&OverlapPolicy::ALL[..]),
        mut pieces in prop::collection::vec(piece(), 1..40), near: bool,
    ) {
        let mut core = reassembler(1000, with(Config::new(KEY), |c| c.overlap = policy));
        let mut sink = Recorder::default();
        let mut model = Model::new(policy);
        let syn = TcpFrame::up(isn, SYN, &[]).bytes();
        let Ok(()) = core.push(&frame(&syn, 1), &mut sink);
        for (index, piece) in pieces.iter_mut().enumerate() {
            if near {
                (piece.at, piece.len) = (1 + piece.at % 20, 1 + piece.len % 12);
                piece.captured = piece.captured.min(piece.len);
            }
            // Every segment has bytes of its own.
            let payload = vec![index as u8; piece.len as usize];
            let bytes = TcpFrame::up(isn.wrapping_add(1 + piece.at), 0, &payload).bytes();
            let whole = frame(&bytes, 1);
            let cut = &bytes[..HEADERS + piece.captured as usize];
            let Ok(()) = core.push(&Frame { bytes: cut, ..whole }, &mut sink);
            model.place(piece.at as usize, &payload[..piece.captured as usize], piece.len as usize);
        }
        prop_assert_eq!(core.counters().boundaries_lost, 0);
        let Ok(()) = core.finish(&mut sink);
        let record = &sink.flows[&0];
        let mut bytes = record.bytes.clone();
        bytes.resize(model.bytes.len(), None);
        prop_assert_eq!(&bytes, &model.bytes);
        prop_assert_eq!((record.repeated, record.replaced), (model.repeated, model.replaced));
        prop_assert_eq!(core.counters().replaced_bytes, model.replaced);
        check_accounts(core.counters());
    }

    /// With hardly any room for boundaries some are lost, and nothing else.
    #[test]
    fn with_too_few_islands_for_boundaries(
        isn in start(), islands in 0..4usize, policy in prop::sample::select(&OverlapPolicy::ALL[..]),
        pieces in prop::collection::vec(piece(), 1..40),
    ) {
        let mut core = reassembler(islands, with(Config::new(KEY), |c| c.overlap = policy));
        let mut sink = Recorder::default();
        let model = play(&mut core, &mut sink, isn, true, &pieces, policy);
        let record = &sink.flows[&0];
        prop_assert_eq!(record.closed.as_ref().unwrap().1.span, model.bytes.len() as u64);
        check_accounts(core.counters());
    }

    /// With hardly any island, bytes may come late, but the accounts stay true and nothing is wrong.
    #[test]
    fn with_too_few_islands(isn in start(), islands in 0..4usize, pieces in prop::collection::vec(piece(), 1..40)) {
        let mut core = reassembler(islands, Config::new(KEY));
        let mut sink = Recorder::default();
        let model = play(&mut core, &mut sink, isn, true, &pieces, OverlapPolicy::First);
        let record = &sink.flows[&0];
        prop_assert_eq!(record.closed.as_ref().unwrap().1.span, model.bytes.len() as u64);
        for (told, expected) in record.bytes.iter().zip(&model.bytes) {
            if record.late == 0 {
                prop_assert_eq!(told, expected);
            }
        }
        check_accounts(core.counters());
    }

    /// The adaptor passes the same bytes on in ascending order, whatever its memory.
    #[test]
    fn in_order(
        isn in start(), memory in prop_oneof![0..6usize, Just(64)], with_syn: bool,
        policy in prop::sample::select(&OverlapPolicy::ALL[..]), pieces in prop::collection::vec(piece(), 1..40),
    ) {
        let mut core = reassembler(1000, with(Config::new(KEY), |c| c.overlap = policy));
        let storage = InOrderStorage::heap(4, memory * 2048).unwrap();
        let mut sink = InOrder::new(Recorder::adapted(with_syn), storage, InOrderConfig::new(KEY));
        let model = play(&mut core, &mut sink, isn, with_syn, &pieces, policy);
        let record = &sink.into_inner().flows[&0];
        let span = record.closed.as_ref().unwrap().1.span;
        if with_syn {
            prop_assert_eq!(span, model.bytes.len() as u64);
            if record.late == 0 && (memory == 64 || policy == OverlapPolicy::First) {
                let mut bytes = record.bytes.clone();
                bytes.resize(model.bytes.len(), None);
                prop_assert_eq!(&bytes, &model.bytes);
            }
            if memory == 64 {
                prop_assert_eq!(record.late, 0);
            }
        }
        check_accounts(core.counters());
    }
}

#[test]
fn the_client_of_the_frames_is_the_client() {
    let mut core = reassembler(4, Config::new(KEY));
    let mut sink = Recorder::default();
    let syn = TcpFrame::up(7, SYN, &[]).bytes();
    let Ok(()) = core.push(&frame(&syn, 1), &mut sink);
    assert_eq!(sink.flows[&0].opened.key.source_port, CLIENT.1);
    assert!(sink.flows[&0].opened.client);
}
