//! Events of the core in, operations for writers out.

use std::ops::Range;

use bytes::Bytes;
use tapflow_core::{
    CloseReason, Config, Flow, FlowKey, Frame, LinkType, Opened, Reassembler, Sink, Storage, Summary,
    Timestamp,
};

use super::super::batches::{BatchReceiver, batches};
use super::super::dispatch::{Dispatch, DispatchConfig};
use super::super::message::Ending;
use super::{script, template};

/// A dispatch for this number of writers.
fn dispatch(writers: usize, frames: bool) -> (Dispatch, Vec<BatchReceiver>) {
    let (senders, receivers) = (0..writers).map(|_| batches(100)).unzip();
    let dispatch = Dispatch::new(DispatchConfig {
        template: template(),
        senders,
        processors: writers,
        wants_data: true,
        max_bytes: None,
        max_hole: None,
        captures: frames,
        unprocessed: frames,
        follows: false,
        rotation: None,
    });
    (dispatch, receivers)
}

/// Everything that each writer received, as text, and how flows ended.
fn received(mut dispatch: Dispatch, receivers: &[BatchReceiver]) -> (Vec<Vec<String>>, Vec<Ending>) {
    dispatch.flush().expect("sent");
    drop(dispatch);
    let mut endings = Vec::new();
    let scripts = receivers.iter().map(|receiver| {
        let mut operations = Vec::new();
        receiver.each(|batch| {
            operations.append(&mut batch.operations);
            endings.append(&mut batch.endings);
        });
        script(&operations)
    });
    (scripts.collect(), endings)
}

fn opened(port: u16, session: u64) -> Opened {
    let key = FlowKey {
        source: [10, 0, 0, 1].into(),
        destination: [10, 0, 0, 2].into(),
        source_port: port,
        destination_port: 80,
    };
    let mut opened = Opened::new(key, Timestamp::new(1, 0), session, true);
    opened.syn = true;
    opened
}

/// Announces a frame that is this part of a block.
fn frame(dispatch: &mut Dispatch, block: &Bytes, part: Range<usize>) {
    dispatch.set_source_block(block).expect("sent");
    dispatch.frame(&raw(&block[part])).expect("sent");
}

/// An IP packet, or what should be one.
fn raw(bytes: &[u8]) -> Frame<'_> {
    Frame { link: LinkType::RAW, time: Timestamp::new(1, 0), wire_len: bytes.len() as u32, bytes }
}

const FLOW: Flow = Flow { slot: 0, number: 7 };

#[test]
fn bytes_are_ranges_of_a_block_that_the_writer_gets_once() {
    let (mut dispatch, receivers) = dispatch(1, false);
    let block = Bytes::from_static(b"..abc..de");
    frame(&mut dispatch, &block, 0..5);
    dispatch.opened(FLOW, &opened(1, 0)).expect("sent");
    dispatch.data(FLOW, 0, &block[2..5]).expect("sent");
    frame(&mut dispatch, &block, 5..9);
    dispatch.data(FLOW, 3, &block[7..9]).expect("sent");
    dispatch.gap(FLOW, 5..9).expect("sent");
    let other = Bytes::from_static(b"f");
    frame(&mut dispatch, &other, 0..1);
    dispatch.data(FLOW, 9, &other).expect("sent");
    dispatch.closed(FLOW, CloseReason::Finished, &Summary::default()).expect("sent");
    let (scripts, _) = received(dispatch, &receivers);
    let expected = [
        "open 7",
        "block",
        "data 7 0 abc",
        "data 7 3 de",
        "gap 7 5..9 true",
        "block",
        "data 7 9 f",
        "close 7",
    ];
    assert_eq!(scripts[0], expected);
}

#[test]
fn bytes_outside_of_the_block_are_copied() {
    let (mut dispatch, receivers) = dispatch(1, false);
    let block = Bytes::from_static(b"abc");
    frame(&mut dispatch, &block, 0..3);
    dispatch.opened(FLOW, &opened(1, 0)).expect("sent");
    dispatch.data(FLOW, 0, b"xy").expect("sent");
    dispatch.data(FLOW, 2, &block).expect("sent");
    let (scripts, _) = received(dispatch, &receivers);
    assert_eq!(scripts[0], ["open 7", "block", "data 7 0 xy", "block", "data 7 2 abc"]);
}

#[test]
fn a_flow_without_data_is_closed_with_its_facts_and_never_opened() {
    let (mut dispatch, receivers) = dispatch(1, false);
    dispatch.opened(FLOW, &opened(1, 0)).expect("sent");
    dispatch.closed(FLOW, CloseReason::Finished, &Summary::default()).expect("sent");
    assert_eq!((dispatch.open_flows(), dispatch.closed_flows()), (0, 1));
    let (scripts, endings) = received(dispatch, &receivers);
    assert_eq!(scripts[0], ["close 7"]);
    assert_eq!(endings[0].facts.as_ref().map(|facts| facts.number), Some(7));
}

#[test]
fn both_flows_of_a_connection_close_as_a_pair_and_one_alone_does_not() {
    let (mut dispatch, receivers) = dispatch(1, false);
    let flows = [0, 1, 2].map(|slot| Flow { slot, number: u64::from(slot) });
    for flow in flows {
        dispatch.opened(flow, &opened(1, u64::from(flow.slot) / 2)).expect("sent");
    }
    for flow in flows {
        dispatch.closed(flow, CloseReason::Finished, &Summary::default()).expect("sent");
    }
    let (_, endings) = received(dispatch, &receivers);
    let endings: Vec<_> = endings.iter().map(|ending| (ending.order, ending.pair)).collect();
    assert_eq!(endings, [(0, true), (1, true), (2, false)]);
}

#[test]
fn flows_of_one_name_have_one_writer_and_other_names_use_the_others() {
    let (mut dispatch, receivers) = dispatch(4, false);
    let block = Bytes::from_static(b"a");
    frame(&mut dispatch, &block, 0..1);
    for number in 0..40 {
        let flow = Flow { slot: number as u32 * 2, number };
        dispatch.opened(flow, &opened((number % 10) as u16, number)).expect("sent");
        dispatch.data(flow, 0, &block).expect("sent");
    }
    let (scripts, _) = received(dispatch, &receivers);
    assert!(scripts.iter().all(|script| !script.is_empty()));
    for name in 0..10 {
        let has =
            |script: &&Vec<String>| (0..4).any(|time| script.contains(&format!("open {}", name + 10 * time)));
        assert_eq!(scripts.iter().filter(has).count(), 1, "writers of port {name}");
    }
}

#[test]
fn a_mark_comes_behind_everything_that_was_sent_to_every_writer() {
    let (mut dispatch, receivers) = dispatch(2, false);
    dispatch.opened(FLOW, &opened(1, 0)).expect("sent");
    dispatch.closed(FLOW, CloseReason::Finished, &Summary::default()).expect("sent");
    dispatch.mark(3).expect("sent");
    let (scripts, _) = received(dispatch, &receivers);
    assert!(scripts.iter().all(|script| script.ends_with(&["flush".to_owned(), "mark 3 1".to_owned()])));
}

/// An IPv4 packet with a SYN and nothing else.
fn syn() -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    packet.extend([0, 1, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]);
    packet
}

#[test]
fn a_frame_goes_to_the_side_of_its_segment_or_to_the_unprocessed_ones() {
    let (mut dispatch, receivers) = dispatch(1, true);
    let storage = Storage::heap(4, 64).expect("memory");
    let mut core = Reassembler::new(Config::new([0; 16]), storage).expect("room");
    let block = Bytes::from([syn(), b"no packet".to_vec()].concat());
    for part in [0..40, 40..49] {
        dispatch.set_source_block(&block).expect("sent");
        core.push(&raw(&block[part]), &mut dispatch).expect("sent");
    }
    core.finish(&mut dispatch).expect("sent");
    let (scripts, _) = received(dispatch, &receivers);
    let link = format!("link {}", LinkType::RAW.0);
    let (frames, rest) = scripts[0].split_at(4);
    assert_eq!(frames, [link.as_str(), "capture 0", "block", "frame 0 40 bytes"]);
    assert_eq!(rest, ["close 0", "captured 0", "unprocessed 9 bytes"]);
}
