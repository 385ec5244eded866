//! Operations in, files and messages out.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use bytes::Bytes;
use tapflow_core::Timestamp;

use super::super::batches::{Batch, batches};
use super::super::message::{Notice, Operation, ReporterBatch, ReporterMessage, ScannerMessage};
use super::super::outlet::Outlet;
use super::super::stop::Stop;
use super::super::writer::Writer;
use super::{FOR_REPORT, ending, template};
use crate::flow::testing::{facts, facts_of_port};
use crate::output::{FileStore, StoreConfig};

const NAME: &str = "010.001.002.003.01234-192.168.005.006.00080";

fn store(directory: &Path) -> FileStore {
    FileStore::new(StoreConfig::new(directory.to_owned(), template(), 10))
}

/// Has a writer work off a batch.
fn write(store: Option<FileStore>, outlet: Outlet, stop: &Stop, batch: Batch) {
    let (sender, receiver) = batches(1);
    sender.send(batch).expect("sent");
    drop(sender);
    Writer::new(store, None, None, false, outlet, stop.clone()).run(&receiver);
}

/// A flow with three bytes, from its beginning to its end.
fn three_bytes(number: u64, port: u16) -> Vec<Operation> {
    vec![
        Operation::Open(Arc::new(facts_of_port(number, port)), u32::from(port)),
        Operation::Block(Bytes::from_static(b"..abc")),
        Operation::Data { flow: number, offset: 0, part: 2..5, time: Timestamp::new(1, 0) },
        Operation::Close { flow: number },
    ]
}

fn messages(receiver: &Receiver<ReporterBatch>) -> Vec<ReporterMessage> {
    receiver.try_iter().flat_map(|batch| batch.messages).collect()
}

#[test]
fn a_flow_becomes_a_file_and_its_text_for_the_report() {
    let directory = tempfile::tempdir().expect("a directory");
    let (sender, receiver) = sync_channel(10);
    let batch =
        Batch { operations: three_bytes(0, 1234), endings: vec![ending(0, None)], ..Batch::default() };
    write(Some(store(directory.path())), Outlet::to_reporter(sender, FOR_REPORT), &Stop::default(), batch);
    assert_eq!(fs::read(directory.path().join(NAME)).expect("a file"), b"abc");
    let batch = receiver.recv().expect("a batch");
    let [ReporterMessage::Flows { order: 0, flows }] = batch.messages.as_slice() else {
        panic!("{:?}", batch.messages)
    };
    assert_eq!((flows.flows, flows.counts.files, flows.counts.file_bytes), (1, 1, 3));
    assert_eq!(flows.text, batch.text.len());
    assert!(String::from_utf8_lossy(&batch.text).contains(NAME));
}

#[test]
fn flows_that_close_one_after_the_other_travel_together() {
    let (sender, receiver) = sync_channel(10);
    let endings = [0, 1, 3].map(|order| ending(order, Some(facts(order))));
    let operations = [0, 1, 3].map(|flow| Operation::Close { flow });
    let batch = Batch { operations: operations.into(), endings: endings.into(), ..Batch::default() };
    write(None, Outlet::to_reporter(sender, FOR_REPORT), &Stop::default(), batch);
    let flows = messages(&receiver).into_iter().map(|message| match message {
        ReporterMessage::Flows { order, flows } => (order, flows.flows),
        other => panic!("{other:?}"),
    });
    assert_eq!(flows.collect::<Vec<_>>(), [(0, 2), (3, 1)]);
}

#[test]
fn scanners_get_flows_and_all_other_messages() {
    let (sender, receiver) = sync_channel(10);
    let operations = vec![Operation::Close { flow: 4 }, Operation::Mark { mark: 1, at: 2 }];
    let batch = Batch { operations, endings: vec![ending(9, Some(facts(4)))], ..Batch::default() };
    write(None, Outlet::to_scanners(sender), &Stop::default(), batch);
    let messages = receiver.recv().expect("messages");
    let [ScannerMessage::Flow(closing, flow), ScannerMessage::Notice(Notice::Mark { mark: 1, at: 2 })] =
        messages.as_slice()
    else {
        panic!("{messages:?}")
    };
    assert_eq!((closing.order, flow.facts.number), (9, 4));
}

#[test]
fn the_first_error_stops_the_run_and_every_flow_is_still_reported() {
    let directory = tempfile::tempdir().expect("a directory");
    // No file can be made in a directory that is a file.
    let place = directory.path().join("file");
    fs::write(&place, "").expect("written");
    let (sender, receiver) = sync_channel(10);
    let operations = [three_bytes(0, 1), three_bytes(1, 2)].into_iter().flatten().collect();
    let endings = [0, 1].map(|order| ending(order, None));
    let stop = Stop::default();
    write(
        Some(store(&place)),
        Outlet::to_reporter(sender, FOR_REPORT),
        &stop,
        Batch { operations, endings: endings.into(), ..Batch::default() },
    );
    assert!(stop.is_asked());
    let (mut failures, mut flows) = (0, 0);
    for message in messages(&receiver) {
        match message {
            ReporterMessage::Notice(Notice::Failed(error)) => {
                failures += 1;
                assert!(error.to_string().contains("file"), "{error}");
            }
            ReporterMessage::Flows { flows: reported, .. } => flows += reported.flows,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((failures, flows), (1, 2));
}
