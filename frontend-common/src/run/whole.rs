//! A run with everything open, in the thread of the core.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tapflow_core::decode;
use tapflow_core::{Config, FragmentStorage, Reassembler, Storage};

use super::budget::Budget;
use super::errors::Errors;
use super::input_digests::InputDigestsResults;
use super::reader::Reading;
use super::system::System;
use super::{Outcome, Say};
use crate::cli::{Input, Options};
use crate::input::Filter;
use crate::input::live::LiveDevice;
use crate::naming::Template;
use crate::output::alerts::Alerts;
use crate::output::console::ConsoleLock;
use crate::output::durable::FileSystems;
use crate::output::root::OutputRoot;
use crate::report::Shape;
use crate::retention::DiskQuota;
use crate::retention::Rotation;
use crate::scan::tls::Keys;
use crate::stage::Stop;
use crate::stage::batches::BatchSender;
use crate::stage::message::ReporterBatch;
use crate::stage::reporter::Reported;
use crate::traffic::{Meter, Traffic};

/// A run with everything open.
pub(super) struct Run<'o> {
    pub(super) options: &'o Options,
    pub(super) system: &'o dyn System,
    pub(super) say: Say<'o>,
    pub(super) stop: &'o Stop,
    pub(super) started: Instant,
    pub(super) template: Arc<Template>,
    pub(super) budget: Budget,
    pub(super) decode: decode::Settings,
    pub(super) filter: Option<Filter<'o>>,
    /// The interface to capture from.
    pub(super) device: Option<Box<dyn LiveDevice>>,
    /// Held while a piece is printed (`-L`).
    pub(super) lock: Option<Box<dyn ConsoleLock>>,
    /// Indexes of inputs that cannot be opened, which was reported.
    pub(super) unreadable: Vec<usize>,
    /// Secrets of TLS, where it is scanned.
    pub(super) keys: Option<Arc<Keys>>,
    /// Inputs that were opened before rights were given up, by index.
    pub(super) files: Vec<Option<File>>,
    pub(super) errors: Errors<'o>,
    pub(super) writers: Vec<JoinHandle<()>>,
    pub(super) senders: Vec<BatchSender>,
    /// The threads of the scanners, if there are any.
    pub(super) scanning: Option<JoinHandle<()>>,
    pub(super) alerts: Option<Alerts>,
    /// To the reporter, for the next report and the next directory.
    pub(super) reports: Option<SyncSender<ReporterBatch>>,
    /// The first report, if there is one.
    pub(super) report_path: Option<PathBuf>,
    /// What is read, for reports.
    pub(super) sources: Vec<OsString>,
    /// The numbered directories, before reading begins.
    pub(super) rotation: Option<Rotation>,
    /// Counts what is written (`--max-disk`).
    pub(super) disk: Option<DiskQuota>,
    /// The cleanup thread.
    pub(super) cleaner: Option<JoinHandle<()>>,
    /// The lock of the output directory.
    pub(super) _lock_of_output: Option<OutputRoot>,
    /// What is flushed at the end.
    pub(super) file_systems: FileSystems,
    /// Marks sent through the stages so far.
    pub(super) mark: u64,
    /// The limit of `--max-disk` ends the run, which was reported.
    pub(super) is_bounded: bool,
    /// When statistics are due (`--stats-interval`).
    pub(super) next_statistics: Option<Instant>,
    pub(super) reporter: Option<JoinHandle<Reported>>,
    /// Digests of the inputs (`--hash-inputs`).
    pub(super) input_digests: Option<JoinHandle<InputDigestsResults>>,
    /// Counts all frames (`-e netviz`).
    pub(super) meter: Option<Meter>,
    /// What the frames of the directory that has just ended add up to.
    pub(super) ended_traffic: Option<Traffic>,
}

/// Connections that have ended and are kept open: what goes on where one ended belongs to it.
const MAX_CLOSING: u32 = 4096;

impl Run<'_> {
    pub(super) fn all(mut self) -> Outcome {
        let connections = self.budget.connections;
        let endless = self.options.live.is_some()
            || self.options.rotate.is_some()
            || self.options.max_disk.is_some()
            || self.options.inputs.iter().any(Input::is_stdin);
        let mut config = Config::new(random_key());
        config.idle_timeout = self.options.idle_timeout.map(nanoseconds);
        config.max_jump = self.options.max_jump;
        config.max_hole = self.options.max_hole.splits().unwrap_or(u64::MAX);
        config.overlap = self.options.overlap;
        config.urgent = self.options.urgent;
        config.paws = self.options.paws;
        config.window = self.options.window;
        // A file is read at once, and ends. A stream may go on for weeks: its results are wanted meanwhile, and
        // so are complete directories.
        config.closing = if endless { config.closing } else { u64::MAX };
        config.max_closing = MAX_CLOSING;
        // tcpflow's report has its flows in this order.
        config.close_at_once = endless || self.options.report_shape == Shape::Tcpflow;
        config.max_inactive = u32::try_from(connections / 4).unwrap_or(u32::MAX);
        config.fragment_policy = self.options.fragment_policy;
        config.decode = self.decode.clone();
        config.ignore_encapsulation = self.options.ignore_encapsulation;
        let Some(fragments) = FragmentStorage::heap(datagrams(self.options, connections)) else {
            self.errors.add("there is not as much memory as --fragment-memory asks for".to_owned());
            return self.end(Reading::default());
        };
        let core = Storage::heap(connections, connections.max(1 << 16))
            .map(|storage| Reassembler::new(config, storage.with_fragments(fragments)));
        let Some(Ok(mut core)) = core else {
            self.errors.add(format!("--max-connections {connections}: there is not that much memory"));
            return self.end(Reading::default());
        };
        let targets = self.options.targets.clone();
        core.set_targets(&targets);
        let mut read = self.read(&mut core);
        read.totals.counters = core.counters().clone();
        self.end(read)
    }
}

pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The number of fragmented datagrams that may be incomplete at once: as `--fragment-memory` says, else by the
/// number of connections.
fn datagrams(options: &Options, connections: usize) -> usize {
    match options.fragment_memory {
        Some(0) => 0,
        Some(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX).div_ceil(FragmentStorage::MAX_DATAGRAM),
        None => (connections / 512).clamp(16, 1024),
    }
}

/// A key that a sender cannot guess, for the core's tables and trees.
pub(super) fn random_key() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let half = || RandomState::new().hash_one(0u8).to_ne_bytes();
    let mut key = [0; 16];
    key[..8].copy_from_slice(&half());
    key[8..].copy_from_slice(&half());
    key
}
