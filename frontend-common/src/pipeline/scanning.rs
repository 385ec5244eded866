//! The threads of the scanners: between the writers, who tell of each finished flow, and the reporter, who
//! puts the flows in order.
//!
//! ```text
//! writers ─► pairing ─► scanning (threads) ─► reporter
//! ```
//!
//! Every channel is bounded, and nobody waits for somebody behind: what cannot be taken holds up the writers,
//! and they hold up the core. Memory does not depend on how many flows there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustc_hash::FxHashMap;

use super::finished::Finishing;
use super::spawn;
use super::writer::{Message, Told};
use crate::scan::{Connection, ScannedFlow, Scanners};

/// Jobs that wait.
const QUEUE: usize = 8;
/// Connections in a job: a thread that wakes up has something to do.
const BATCH: usize = 32;
/// Bytes of flow files that are in memory in a job, and for one thread, unless a single connection has more.
const TOGETHER: u64 = 1 << 20;
/// Flows that may be done before one that closed earlier is.
const AHEAD: u64 = 4096;
/// Bytes that are known of flows and wait for others that closed earlier, at most.
const WAITING: u64 = 64 << 20;
/// Bytes that are known of the flows of a message, before it goes on its way.
const MESSAGE: u64 = 1 << 20;
/// Complaints about single connections that are told; more are counted.
const TOLD: u64 = 10;

/// A flow on its way, with what the reporter wants to know of it.
type Waiting = (u64, u64, ScannedFlow);

/// Connections to scan, each with its flows in the order in which they closed.
type Job = Vec<Vec<Waiting>>;

/// The place of a job's first connection.
fn order(job: &Job) -> u64 {
    job.iter().flatten().map(|(order, ..)| *order).min().unwrap_or(0)
}

/// What the scanning threads share.
struct Shared {
    scanners: Scanners,
    finishing: Finishing,
    jobs: Mutex<Receiver<Job>>,
    under_way: UnderWay,
    complaints: Mutex<u64>,
}

/// Starts the threads. `told` comes from the writers, `reporter` gets everything of it, of flows what `finishing` says.
pub(super) fn start(
    scanners: Scanners,
    finishing: Finishing,
    threads: usize,
    told: Receiver<Message>,
    reporter: SyncSender<Message>,
) -> Result<JoinHandle<()>, String> {
    let (sender, jobs) = sync_channel(QUEUE);
    let shared = Arc::new(Shared {
        scanners,
        finishing,
        jobs: Mutex::new(jobs),
        under_way: UnderWay::default(),
        complaints: Mutex::new(0),
    });
    let mut workers = Vec::new();
    for _ in 0..threads.max(1) {
        let (shared, reporter) = (Arc::clone(&shared), reporter.clone());
        workers.push(spawn("scanner", move || scan(&shared, &reporter))?);
    }
    spawn("scanners", move || {
        pair(told, &sender, &reporter);
        drop(sender);
        let mut faults = workers.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
        for scanner in &shared.scanners {
            if let Err(error) = scanner.finish() {
                let _ = reporter.send(Told::Complaint(error).into());
            }
        }
        let untold = shared.complaints.lock().unwrap_or_else(PoisonError::into_inner).saturating_sub(TOLD);
        if untold > 0 {
            let _ = reporter.send(Told::Complaint(format!("{untold} more such errors of scanners")).into());
        }
        while faults > 0 {
            faults -= 1;
            let fault = "internal error: a scanner's thread panicked".to_owned();
            let _ = reporter.send(Told::Complaint(fault).into());
        }
    })
}

/// Brings the two flows of a connection together: they come from two writers, in any order.
fn pair(told: Receiver<Message>, jobs: &SyncSender<Job>, reporter: &SyncSender<Message>) {
    let mut halves: FxHashMap<u64, Waiting> = FxHashMap::default();
    let (mut job, mut held) = (Job::new(), 0);
    loop {
        let message = match told.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                // Nothing waits for connections that may not come.
                held = 0;
                if !job.is_empty() && jobs.send(std::mem::take(&mut job)).is_err() {
                    return;
                }
                let Ok(message) = told.recv() else { break };
                message
            }
        };
        for told in message.told {
            match told {
                Told::Flow { order, pair, flow, beyond_limit } => {
                    let session = flow.facts.opened.session;
                    let own = (order, beyond_limit, ScannedFlow::new(flow));
                    held += own.2.weight();
                    match halves.remove(&session) {
                        _ if !pair => job.push(vec![own]),
                        Some(other) if other.0 < order => job.push(vec![other, own]),
                        Some(other) => job.push(vec![own, other]),
                        None => {
                            halves.insert(session, own);
                        }
                    }
                }
                other => {
                    let _ = reporter.send(other.into());
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
    // A writer that died has kept the other half.
    job.extend(halves.into_values().map(|half| vec![half]));
    let _ = jobs.send(job);
}

/// One of the scanning threads: takes connections until there are no more.
fn scan(shared: &Shared, reporter: &SyncSender<Message>) {
    loop {
        let (job, turn) = {
            let jobs = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            let Ok(job) = jobs.recv() else { return };
            let turn = shared.under_way.begin(order(&job));
            (job, turn)
        };
        let told = shared.scan(job, &mut |message| {
            turn.pass(message.weight());
            let _ = reporter.send(message);
        });
        turn.pass(told.weight());
        turn.end();
        let _ = reporter.send(told);
    }
}

impl Shared {
    /// All scanners look at a job's connections: at as many together as are small enough to be in memory at once. What
    /// is much to be told goes to `pass` at once, the rest is the answer.
    fn scan(&self, job: Job, pass: &mut dyn FnMut(Message)) -> Message {
        let mut message = Message::default();
        let (mut group, mut held) = (Job::new(), 0);
        for flows in job {
            let size: u64 = flows.iter().map(|(.., flow)| flow.size()).sum();
            if held + size > TOGETHER {
                self.scan_group(std::mem::take(&mut group), &mut message);
                held = 0;
                if message.weight() > MESSAGE {
                    pass(std::mem::take(&mut message));
                }
            }
            held += size;
            group.push(flows);
        }
        self.scan_group(group, &mut message);
        message
    }

    fn scan_group(&self, group: Job, message: &mut Message) {
        let (mut places, mut connections) = (Vec::new(), Vec::with_capacity(group.len()));
        for flows in group {
            let pair = flows.len() == 2;
            places.extend(flows.iter().map(|(order, beyond_limit, _)| (*order, *beyond_limit, pair)));
            connections.push(Connection { flows: flows.into_iter().map(|(.., flow)| flow).collect() });
        }
        for scanner in &self.scanners {
            scanner.scan_all(&mut connections, &mut |error| {
                if self.may_tell() {
                    message.told.push(Told::Complaint(error));
                }
            });
        }
        let flows = connections.into_iter().flat_map(|connection| connection.flows);
        for ((order, beyond_limit, pair), scanned) in places.into_iter().zip(flows) {
            self.finishing.finish(order, pair, *scanned.flow, beyond_limit, message);
        }
    }

    fn may_tell(&self) -> bool {
        let mut count = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        *count <= TOLD
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
    /// Waits until so many bytes may be passed on: those of the first are needed at once, others have to wait for it.
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
    fn nobody_gets_far_ahead_of_a_slow_one() {
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
