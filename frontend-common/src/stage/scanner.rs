//! The threads of the scanners: they receive finished flows from the writers, and send them to the reporter.
//!
//! ```text
//! writers ─► pairing ─► scanning (threads) ─► reporter
//! ```
//!
//! Every channel is bounded, and no thread waits for one that comes before it: a full channel holds up the writers,
//! and they hold up the core. Memory does not depend on the number of flows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustc_hash::FxHashMap;

use super::finished::Finishing;
use super::message::{Closing, Notice, ReporterBatch, ReporterMessage, ScannerMessage};
use super::thread::spawn;
use crate::scan::{Connection, ScannedFlow, Scanner, Scanners};

/// Jobs that wait.
const QUEUE: usize = 8;
/// Connections in a job: a thread that wakes up has something to do.
const BATCH: usize = 32;
/// Bytes of flow files that are in memory in a job, and for one thread, unless a single connection has more.
const TOGETHER: u64 = 1 << 20;
/// Flows that may be done before one that closed earlier is.
const AHEAD: u64 = 4096;
/// Bytes of facts of flows that wait for flows that closed earlier, at most.
const WAITING: u64 = 64 << 20;
/// Bytes of facts of flows in a batch, before it is sent.
const MESSAGE: u64 = 1 << 20;
/// Errors about single connections that are reported; more are counted.
const REPORTED: u64 = 10;

/// A flow to scan.
type Waiting = (Closing, ScannedFlow);

/// Connections to scan, each with its flows in the order in which they closed.
type Job = Vec<Vec<Waiting>>;

/// The place of a job's first connection.
fn order(job: &Job) -> u64 {
    job.iter().flatten().map(|(closing, _)| closing.order).min().unwrap_or(0)
}

/// What the scanning threads share.
struct Shared {
    scanners: Scanners,
    finishing: Finishing,
    jobs: Mutex<Receiver<Job>>,
    under_way: UnderWay,
    errors: Mutex<u64>,
}

/// Starts the threads. All messages from `writers` go to `reporter`, flows in the form that `finishing` says.
///
/// # Errors
/// A thread cannot be started.
pub(crate) fn start(
    scanners: Scanners,
    finishing: Finishing,
    threads: usize,
    writers: Receiver<Vec<ScannerMessage>>,
    reporter: SyncSender<ReporterBatch>,
) -> Result<JoinHandle<()>, String> {
    let (sender, jobs) = sync_channel(QUEUE);
    let shared = Arc::new(Shared {
        scanners,
        finishing,
        jobs: Mutex::new(jobs),
        under_way: UnderWay::default(),
        errors: Mutex::new(0),
    });
    let mut workers = Vec::new();
    for _ in 0..threads.max(1) {
        let (shared, reporter) = (Arc::clone(&shared), reporter.clone());
        workers.push(spawn("scanner", move || scan(&shared, &reporter))?);
    }
    spawn("scanners", move || {
        pair(writers, &sender, &reporter);
        drop(sender);
        let mut faults = workers.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
        for batch in shared.late() {
            let _ = reporter.send(batch);
        }
        for scanner in &shared.scanners {
            if let Err(error) = scanner.finish() {
                let _ = reporter.send(Notice::Error(error).into());
            }
        }
        let more = shared.errors.lock().unwrap_or_else(PoisonError::into_inner).saturating_sub(REPORTED);
        if more > 0 {
            let _ = reporter.send(Notice::Error(format!("{more} more such errors of scanners")).into());
        }
        while faults > 0 {
            faults -= 1;
            let fault = "internal error: a scanner's thread panicked".to_owned();
            let _ = reporter.send(Notice::Error(fault).into());
        }
    })
}

/// Brings the two flows of a connection together: they come from two writers, in any order.
fn pair(
    writers: Receiver<Vec<ScannerMessage>>,
    jobs: &SyncSender<Job>,
    reporter: &SyncSender<ReporterBatch>,
) {
    let mut halves: FxHashMap<u64, Waiting> = FxHashMap::default();
    let (mut job, mut held) = (Job::new(), 0);
    loop {
        let messages = match writers.try_recv() {
            Ok(messages) => messages,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                // No connection waits for others that may not come.
                held = 0;
                if !job.is_empty() && jobs.send(std::mem::take(&mut job)).is_err() {
                    return;
                }
                let Ok(messages) = writers.recv() else { break };
                messages
            }
        };
        for message in messages {
            match message {
                ScannerMessage::Flow(closing, flow) => {
                    let session = flow.facts.opened.session;
                    let own = (closing, ScannedFlow::new(flow));
                    held += own.1.weight();
                    match halves.remove(&session) {
                        _ if !closing.pair => job.push(vec![own]),
                        Some(other) if other.0.order < closing.order => job.push(vec![other, own]),
                        Some(other) => job.push(vec![own, other]),
                        None => {
                            halves.insert(session, own);
                        }
                    }
                }
                ScannerMessage::Notice(notice) => {
                    let _ = reporter.send(notice.into());
                }
            }
            if job.len() >= BATCH || held >= TOGETHER {
                held = 0;
                if !job.is_empty() && jobs.send(std::mem::take(&mut job)).is_err() {
                    return;
                }
            }
        }
    }
    // A writer that panicked has kept the other half.
    job.extend(halves.into_values().map(|half| vec![half]));
    let _ = jobs.send(job);
}

/// One of the scanning threads: takes connections until there are no more.
fn scan(shared: &Shared, reporter: &SyncSender<ReporterBatch>) {
    loop {
        let (job, turn) = {
            let jobs = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            let Ok(job) = jobs.recv() else { return };
            let turn = shared.under_way.begin(order(&job));
            (job, turn)
        };
        let last = shared.scan(job, &mut |batch| {
            turn.pass(batch.weight());
            let _ = reporter.send(batch);
        });
        turn.pass(last.weight());
        turn.end();
        let _ = reporter.send(last);
    }
}

impl Shared {
    /// All scanners scan a job's connections, as many together as are small enough to be in memory at once. Batches that
    /// are full go to `pass`; returns the last one.
    fn scan(&self, job: Job, pass: &mut dyn FnMut(ReporterBatch)) -> ReporterBatch {
        let mut batch = ReporterBatch::default();
        let (mut group, mut held) = (Job::new(), 0);
        for flows in job {
            let size: u64 = flows.iter().map(|(_, flow)| flow.size()).sum();
            if held + size > TOGETHER {
                self.scan_group(std::mem::take(&mut group), &mut batch);
                held = 0;
                if batch.weight() > MESSAGE {
                    pass(std::mem::take(&mut batch));
                }
            }
            held += size;
            group.push(flows);
        }
        self.scan_group(group, &mut batch);
        batch
    }

    fn scan_group(&self, group: Job, batch: &mut ReporterBatch) {
        let (mut closings, mut connections) = (Vec::new(), Vec::with_capacity(group.len()));
        for flows in group {
            // A writer that panicked leaves one flow of a pair.
            let pair = flows.len() == 2;
            closings.extend(flows.iter().map(|(closing, _)| Closing { pair, ..*closing }));
            let flows = flows.into_iter().map(|(_, flow)| flow).collect();
            connections.push(Connection { flows, is_plaintext: false });
        }
        for scanner in &self.scanners {
            self.scan_all(&**scanner, &mut connections, batch);
        }
        self.scan_derived(&mut connections, batch);
        let flows = connections.into_iter().flat_map(|connection| connection.flows);
        for (closing, scanned) in closings.into_iter().zip(flows) {
            self.finishing.finish(closing, *scanned.flow, batch);
        }
    }

    /// What scanners find in connections that they have put off.
    fn late(&self) -> Vec<ReporterBatch> {
        let mut batches = Vec::new();
        for scanner in &self.scanners {
            let mut batch = ReporterBatch::default();
            let connections = scanner.late(&mut |error| self.report(error, &mut batch));
            batches.push(batch);
            for connection in connections {
                let mut batch = ReporterBatch::default();
                let mut connections = [connection];
                self.scan_derived(&mut connections, &mut batch);
                let flows: Vec<_> = connections.into_iter().flat_map(|connection| connection.flows).collect();
                let pair = flows.len() == 2;
                flows.into_iter().for_each(|scanned| self.finishing.late(*scanned.flow, pair, &mut batch));
                batches.push(batch);
            }
        }
        batches
    }

    /// Scans the plaintext of connections as other connections are scanned.
    fn scan_derived(&self, connections: &mut [Connection], batch: &mut ReporterBatch) {
        let (places, mut derived): (Vec<_>, Vec<_>) = connections
            .iter_mut()
            .enumerate()
            .filter_map(|(place, connection)| Some((place, connection.take_derived()?)))
            .unzip();
        if derived.is_empty() {
            return;
        }
        for scanner in self.scanners.iter().filter(|scanner| scanner.scans_derived()) {
            self.scan_all(&**scanner, &mut derived, batch);
        }
        for (place, derived) in places.into_iter().zip(derived) {
            connections[place].put_derived(derived);
        }
    }

    fn scan_all(&self, scanner: &dyn Scanner, connections: &mut [Connection], batch: &mut ReporterBatch) {
        scanner.scan_all(connections, &mut |error| self.report(error, batch));
    }

    fn report(&self, error: String, batch: &mut ReporterBatch) {
        if self.may_report() {
            batch.messages.push(ReporterMessage::Notice(Notice::Error(error)));
        }
    }

    fn may_report(&self) -> bool {
        let mut count = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        *count <= REPORTED
    }
}

/// The connections that are being scanned, by the order of their flows: so that the reporter never has to
/// keep many flows because of one that takes long.
#[derive(Default)]
struct UnderWay {
    orders: Mutex<Orders>,
    changed: Condvar,
}

#[derive(Default)]
struct Orders {
    under_way: BTreeSet<u64>,
    /// Bytes that were passed on for others that are not the first.
    waiting: BTreeMap<u64, u64>,
}

impl UnderWay {
    fn begin(&self, order: u64) -> Turn<'_> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).under_way.insert(order);
        Turn { under_way: self, order }
    }
}

/// A connection that is being scanned; also a scanner that panics gives its turn back.
struct Turn<'u> {
    under_way: &'u UnderWay,
    order: u64,
}

impl Turn<'_> {
    /// Waits until `weight` bytes may be passed on. Those of the first connection never wait; others wait for it.
    fn pass(&self, weight: u64) {
        let mut orders = self.under_way.orders.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let first = orders.under_way.first().copied().unwrap_or(self.order);
            orders.waiting.retain(|order, _| *order > first);
            if first >= self.order {
                return;
            }
            if orders.waiting.values().sum::<u64>().saturating_add(weight) <= WAITING {
                *orders.waiting.entry(self.order).or_default() += weight;
                return;
            }
            orders = self.under_way.changed.wait(orders).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends it, and waits until those that are far behind it have ended.
    fn end(self) {
        let (under_way, order) = (self.under_way, self.order);
        drop(self);
        let mut orders = under_way.orders.lock().unwrap_or_else(PoisonError::into_inner);
        while orders.under_way.first().is_some_and(|first| first.saturating_add(AHEAD) < order) {
            orders = under_way.changed.wait(orders).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut orders = self.under_way.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.under_way.remove(&self.order);
        drop(orders);
        self.under_way.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_connection_gets_far_ahead_of_a_slow_one() {
        let under_way = Arc::new(UnderWay::default());
        let slow = under_way.begin(0);
        under_way.begin(AHEAD).end();
        let other = Arc::clone(&under_way);
        let waiting = std::thread::spawn(move || other.begin(AHEAD + 1).end());
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!waiting.is_finished());
        slow.end();
        waiting.join().unwrap();
    }

    #[test]
    fn what_waits_for_a_slow_one_is_bounded_and_the_first_never_waits() {
        let under_way = Arc::new(UnderWay::default());
        let slow = under_way.begin(0);
        slow.pass(u64::MAX);
        let second = under_way.begin(1);
        second.pass(WAITING - 5);
        second.end();
        let other = Arc::clone(&under_way);
        let waiting = std::thread::spawn(move || {
            let third = other.begin(2);
            third.pass(5);
            third.pass(1);
        });
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!waiting.is_finished());
        slow.end();
        waiting.join().unwrap();
    }
}
