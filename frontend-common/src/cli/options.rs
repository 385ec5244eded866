//! What the user asked for, as plain values: nothing here knows how it was typed.
//!
//! A front-end gets one [`Options`] from [`parse`](super::parse); every value in it has been checked as
//! far as that is possible without looking at the file system.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use tapflow_core::decode::{Checksums, UdpTunnel};
use tapflow_core::{Check, FragmentPolicy, OverlapPolicy, Target, Urgent};

use crate::input::live::LiveSettings;
use crate::naming::NameFlags;
use crate::output::console::ConsoleOptions;
use crate::output::durable::Flush;
use crate::report::{Shape, Verbosity};
pub use crate::retention::Rotate;
use crate::scan::command::CommandLine;
use crate::scan::hash::Algorithm;
use crate::scan::{Choice, ScannerName};
use crate::traffic::DEFAULT_HOSTS;

/// The name of the file of the scanner `netviz`.
pub const PICTURES: &str = "report.pdf";

/// Connections that the table holds unless `--max-connections` says otherwise, where there is memory for them.
pub const MAX_CONNECTIONS: usize = 1 << 19;

/// One run.
///
/// The default is where [`parse`](super::parse) starts: each option then sets its fields, with its own default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What to read: first all that is read for its flows, in the order given, then all that only completes
    /// them. Empty for a live capture, and only then.
    pub inputs: Vec<Input>,
    /// The order in which inputs are read (`--input-order`).
    pub input_order: InputOrder,
    /// An interface to capture from (`-i`), with its filter.
    pub live: Option<LiveSettings>,
    /// Seconds that are added to all timestamps (`-S tdelta`).
    pub time_shift: i64,
    /// How often statistics are printed (`--stats-interval`); none for never.
    pub statistics_interval: Option<Duration>,
    /// A filter expression (pcap-filter(7)) for files; frames that it does not match are passed over.
    pub filter: Option<String>,
    /// Whether VLANs and tunnels tell no connections apart (`--ignore-encapsulation`).
    pub ignore_encapsulation: bool,
    /// Where else tunnels in UDP are looked for (`--tunnel-port`); at most
    /// [`MAX_TUNNEL_PORTS`](tapflow_core::decode::MAX_TUNNEL_PORTS).
    pub tunnel_ports: Vec<(UdpTunnel, u16)>,
    /// Whether 802.11 frames with a wrong check sum are refused (`-S check_fcs`).
    pub check_fcs: bool,
    /// Where files go (`-o`); `.` when not given. Made when missing.
    pub output_dir: PathBuf,
    /// What becomes of the results of earlier runs in that directory (`--overwrite`, `--fresh`).
    pub existing: Existing,
    /// Reports and other results of earlier runs that are in that directory: known once the run begins.
    pub earlier: Vec<String>,
    /// The name of the report in that directory; another one than the usual where that is taken.
    pub report_name: String,
    /// When output goes on in the next directory below that one (`--rotate`); none for a single one.
    pub rotate: Option<Rotate>,
    /// How much may be written (`--max-disk`).
    pub max_disk: Option<MaxDisk>,
    /// When what is written is flushed to the disk (`--fsync`, `--no-sync`).
    pub flush: Flush,
    /// Whether each flow gets a file: not with `-c`, `-C` or `-FX`.
    pub files: bool,
    /// The name template of `-T`, unparsed; none for the usual names.
    pub template: Option<String>,
    /// What `-F` adds to names.
    pub names: NameFlags,
    /// Whether each side of a connection gets a capture file with its frames (`-K`).
    pub captures: bool,
    /// A capture file for the frames that are in no connection (`-w`); `-` is standard output.
    pub rest: Option<PathBuf>,
    /// Whether each file gets an index `NAME.findx` (`-I`).
    pub index: bool,
    /// Stream bytes kept of each flow (`-b`); none for all.
    pub max_bytes: Option<u64>,
    /// A jump of the sequence number by this many bytes or more starts a new stream (`-m`).
    /// No jump is larger than 2^31, so all larger sizes mean the same.
    pub max_jump: u32,
    /// How much may be missing in a stream (`--max-hole`).
    pub max_hole: MaxHole,
    /// Which copy counts where segments overlap (`--overlap`).
    pub overlap: OverlapPolicy,
    /// The same for receivers in networks.
    pub targets: Vec<Target>,
    /// Whether urgent data is part of streams (`--urgent`).
    pub urgent: Urgent,
    /// What becomes of segments with outdated timestamps (`--paws`).
    pub paws: Check,
    /// What becomes of bytes beyond the receiver's window (`--window`).
    pub window: Check,
    /// Print flows to standard output (`-c`, `-C`).
    pub console: Option<ConsoleOptions>,
    /// The order in which pieces are printed (`--order`).
    pub console_order: ConsoleOrder,
    /// How long bytes of a console in stream order wait for missing ones; none for as long as it takes.
    pub hole_timeout: Option<Duration>,
    /// A semaphore to hold while a piece is printed (`-L`).
    pub lock: Option<String>,
    /// Where the report goes.
    pub report: ReportTarget,
    /// Whose elements it has (`--dfxml-compat`).
    pub report_shape: Shape,
    /// A file with a line for each connection (`--jsonl`); `-` is standard output.
    pub json_lines: Option<PathBuf>,
    /// The run as a page (`--page`).
    pub page: Option<PathBuf>,
    /// Small pictures are in it (`--page-images`).
    pub page_images: bool,
    /// The directory of the tables (`--csv`), made when missing; with `--rotate` its name in each directory.
    pub csv: Option<PathBuf>,
    /// Files open at once (`-f`); none for what the system allows.
    pub max_open_files: Option<NonZeroUsize>,
    /// Connections that the table holds (`--max-connections`); none for what the memory allows.
    pub max_connections: Option<usize>,
    /// Connections without packets for this long, by the capture's clock, are closed; none for never.
    pub idle_timeout: Option<Duration>,
    /// What happens where IP fragments overlap (`--fragment-policy`).
    pub fragment_policy: FragmentPolicy,
    /// Bytes of memory for fragments (`--fragment-memory`), 0 to reject them; none for what fits the other
    /// limits.
    pub fragment_memory: Option<u64>,
    /// What is done about wrong checksums (`--checksums`).
    pub checksums: Checksums,
    /// What is done with finished flows.
    pub scan: ScanOptions,
    /// What the run may do.
    pub rights: Rights,
    /// How much is said on standard error.
    pub verbosity: Verbosity,
    /// Whether the program was called as `tcpflow`.
    pub as_tcpflow: bool,
    /// The whole command line as typed, the program first: for the report.
    pub command_line: Vec<OsString>,
    /// Options that do nothing in this combination, a sentence each: for standard error unless quiet.
    pub notes: Vec<String>,
}

impl Options {
    /// The file of the report, if there is to be one; with `--rotate` only its name counts.
    #[must_use]
    pub fn report_path(&self) -> Option<PathBuf> {
        match &self.report {
            ReportTarget::None => None,
            ReportTarget::Default => Some(self.output_dir.join(&self.report_name)),
            ReportTarget::File(path) => Some(path.clone()),
        }
    }

    /// The file of the scanner `netviz`, if that is on; with `--rotate` only its name counts.
    #[must_use]
    pub fn pictures_path(&self) -> Option<PathBuf> {
        self.scan.netviz().map(|_| self.output_dir.join(PICTURES))
    }

    /// Where a live capture writes, for a message; none where it prints, or where tcpflow's messages are expected.
    #[must_use]
    pub fn destination(&self) -> Option<String> {
        if self.as_tcpflow || !(self.files || self.captures || self.report == ReportTarget::Default) {
            return None;
        }
        let path = std::path::absolute(&self.output_dir).unwrap_or_else(|_| self.output_dir.clone());
        let below = if self.rotate.is_some() { "numbered directories below " } else { "" };
        Some(format!("{below}{}", path.display()))
    }
}

/// What becomes of the results of earlier runs in the output directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// They stay: the report gets a name that is free.
    #[default]
    Keep,
    /// The files that earlier reports list go, with these reports (`--overwrite`).
    Overwrite,
    /// There must be none (`--fresh`).
    Refuse,
    /// The report replaces an earlier one, as tcpflow's does.
    Replace,
}

/// How much may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxDisk {
    /// Bytes of everything.
    pub bytes: u64,
    /// What is done then.
    pub full: DiskFull,
}

/// What is done when as much is written as may be (`--disk-full`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskFull {
    /// The run ends.
    #[default]
    Stop,
    /// The oldest of what it has written goes.
    Delete,
}

/// How much may be missing in a stream, beyond what its packets vouch for
/// ([`Summary::vouched`](tapflow_core::Summary::vouched)), and what is done beyond that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxHole {
    /// Bytes missing at most.
    pub bytes: u64,
    /// What is done when more are missing.
    pub then: LongHole,
}

impl Default for MaxHole {
    /// Four jumps of the default size: more than a capture that loses packets misses of one connection beyond what it
    /// has of it.
    fn default() -> Self {
        Self { bytes: 4 << 24, then: LongHole::Split }
    }
}

impl MaxHole {
    /// The bound beyond which a new stream begins, where that is to be.
    #[must_use]
    pub fn splits(self) -> Option<u64> {
        (self.then == LongHole::Split && self.bytes < u64::MAX).then_some(self.bytes)
    }

    /// The bound beyond which holes are shortened, where they are to be.
    #[must_use]
    pub fn shortens(self) -> Option<u64> {
        (self.then == LongHole::Shorten).then_some(self.bytes)
    }
}

/// What becomes of a stream in which too much is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LongHole {
    /// A new stream begins behind the hole, as after a jump.
    #[default]
    Split,
    /// The longest holes are shorter in the file than in the stream.
    Shorten,
}

/// What a run may do once everything is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// The user to become (`-U`).
    pub user: Option<String>,
    /// The root directory (`-z`), only with a user.
    pub root: Option<PathBuf>,
    /// Everything stays allowed (`--no-sandbox`).
    pub no_sandbox: bool,
    /// Permissions that no new file gets (`--umask`); none for those that the caller has taken away.
    pub umask: Option<u32>,
}

/// What is done with finished flows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanOptions {
    /// The scanners that are on.
    pub scanners: Choice,
    /// Digests of flow files, none without the scanner `md5` or `--hash`.
    pub algorithms: Vec<Algorithm>,
    /// Digests of every input file.
    pub input_algorithms: Vec<Algorithm>,
    /// A program to run for each flow's file, its words split (`-S tcp_cmd`).
    pub tcp_command: Option<CommandLine>,
    /// A descriptor that is told of each flow's file (`-S tcp_alert_fd`).
    pub tcp_alert: Option<i32>,
    /// A program to run for each file with an HTTP body (`-S http_cmd`).
    pub http_command: Option<CommandLine>,
    /// A descriptor that is told of each file with an HTTP body (`-S http_alert_fd`).
    pub http_alert: Option<i32>,
    /// HTTP bodies stay coded (`-Z`).
    pub keep_coded: bool,
    /// The HAR file (`--har`).
    pub har: Option<PathBuf>,
    /// Files with secrets of TLS (`--keylog`).
    pub key_logs: Vec<PathBuf>,
    /// All secrets are tried on connections of TLS without a hello (`--tls-try`).
    pub tls_try: bool,
    /// What the scanner `netviz` does where it is on.
    pub netviz_options: NetvizOptions,
}

impl ScanOptions {
    /// What the scanner `netviz` does, if it is on.
    #[must_use]
    pub fn netviz(&self) -> Option<NetvizOptions> {
        self.scanners.has(ScannerName::Netviz).then_some(self.netviz_options)
    }
}

/// What `report.pdf` is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetvizOptions {
    /// Hosts that are counted exactly (`-S netviz_histogram_size`).
    pub hosts: usize,
    /// The bytes of all hosts go to standard output too (`-S netviz_histogram_dump`).
    pub dump: bool,
}

impl Default for NetvizOptions {
    fn default() -> Self {
        Self { hosts: DEFAULT_HOSTS, dump: false }
    }
}

/// A capture to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The file; `-` is standard input.
    pub path: PathBuf,
    /// What its packets are for.
    pub role: InputRole,
}

impl Input {
    /// Whether this is standard input.
    #[must_use]
    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }
}

/// The order in which inputs are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputOrder {
    /// All files are one capture: their packets come in the order of their times.
    #[default]
    Time,
    /// One after the other, as given.
    Given,
}

/// What the packets of an input are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputRole {
    /// All flows (`-r`, `-l`).
    Read,
    /// Only flows that began in an input with [`InputRole::Read`] (`-R`).
    Complete,
}

/// The order of pieces on the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsoleOrder {
    /// Each flow in the order of its stream.
    #[default]
    Stream,
    /// As captured.
    Arrival,
}

/// Where the report goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReportTarget {
    /// [`Options::report_name`] in the output directory.
    #[default]
    Default,
    /// This file (`-X`), relative to the current directory.
    File(PathBuf),
    /// Nowhere: on the console without `-X`, or `-S enable_report=NO`.
    None,
}
