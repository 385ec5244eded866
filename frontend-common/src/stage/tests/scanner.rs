//! Finished flows in, connections to scanners, messages for the reporter out.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use super::super::message::{Closing, Notice, ReporterBatch, ReporterMessage, ScannerMessage};
use super::super::scanner::start;
use super::{FOR_REPORT, finished};
use crate::scan::{Connection, Scanner};

/// Keeps the numbers of the flows of each connection, and fails.
struct Recorder {
    seen: Arc<Mutex<Vec<Vec<u64>>>>,
}

impl Scanner for Recorder {
    fn scan(&self, connection: &mut Connection) -> Result<(), String> {
        let numbers = connection.flows.iter().map(|scanned| scanned.flow.facts.number).collect();
        self.seen.lock().expect("whole").push(numbers);
        Err("wrong".to_owned())
    }
}

fn flow(number: u64, order: u64, pair: bool) -> ScannerMessage {
    ScannerMessage::Flow(Closing { order, pair, beyond_limit: 0 }, Box::new(finished(number)))
}

/// Scans what the messages contain: flows of each connection, and everything that the reporter receives.
fn scan(messages: Vec<Vec<ScannerMessage>>) -> (Vec<Vec<u64>>, Vec<ReporterMessage>) {
    let seen = Arc::<Mutex<Vec<Vec<u64>>>>::default();
    let (sender, receiver) = sync_channel(100);
    let (to_reporter, reports): (_, Receiver<ReporterBatch>) = sync_channel(100);
    let recorder = Recorder { seen: Arc::clone(&seen) };
    let thread = start(vec![Box::new(recorder)], FOR_REPORT, 2, receiver, to_reporter).expect("started");
    messages.into_iter().for_each(|messages| sender.send(messages).expect("sent"));
    drop(sender);
    thread.join().expect("no panic");
    let mut seen = seen.lock().expect("whole").clone();
    seen.sort();
    (seen, reports.into_iter().flat_map(|batch| batch.messages).collect())
}

fn errors(messages: &[ReporterMessage]) -> Vec<&str> {
    let error = |message| match message {
        &ReporterMessage::Notice(Notice::Error(ref text)) => Some(text.as_str()),
        _ => None,
    };
    messages.iter().filter_map(error).collect()
}

#[test]
fn the_flows_of_a_connection_are_scanned_together_in_the_order_in_which_they_closed() {
    let (seen, _) = scan(vec![vec![flow(1, 0, true), flow(4, 2, false)], vec![flow(0, 1, true)]]);
    assert_eq!(seen, [vec![1, 0], vec![4]]);
}

#[test]
fn every_flow_reaches_the_reporter_also_without_the_other_one_of_its_pair() {
    let (_, messages) = scan(vec![vec![flow(0, 0, true), flow(2, 1, false)]]);
    let flows = messages.iter().map(|message| match message {
        ReporterMessage::Flows { flows, .. } | ReporterMessage::Late(flows) => flows.flows,
        ReporterMessage::Notice(_) => 0,
    });
    assert_eq!(flows.sum::<u64>(), 2);
}

#[test]
fn other_messages_are_passed_on() {
    let (_, messages) = scan(vec![vec![ScannerMessage::Notice(Notice::Mark { mark: 3, at: 0 })]]);
    assert!(matches!(messages.as_slice(), [ReporterMessage::Notice(Notice::Mark { mark: 3, at: 0 })]));
}

#[test]
fn errors_of_single_connections_are_reported_up_to_a_number_and_counted_then() {
    let flows = (0..15).map(|number| flow(2 * number, number, false)).collect();
    let (_, messages) = scan(vec![flows]);
    let errors = errors(&messages);
    assert_eq!(errors.len(), 11);
    assert_eq!(errors.last(), Some(&"5 more such errors of scanners"));
}
