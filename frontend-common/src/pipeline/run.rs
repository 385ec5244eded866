//! The thread of the core: reads frames, pushes them, starts and ends the other stages.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tapflow_core::decode::{self, MAX_TUNNEL_PORTS, Reject, RejectReason};
use tapflow_core::{
    Config, Counters, FragmentStorage, Frame, InOrder, InOrderConfig, InOrderCounters, InOrderStorage,
    LinkType, Reassembler, Storage, Timestamp,
};

use super::complaints::Complaints;
use super::dispatch::{Batch, Dispatch};
use super::printer::Printer;
use super::reporter::{Reporter, Totals};
use super::tee::{Tee, Watched};
use super::writer::{Told, Writer};
use super::{Outcome, Say, Stop, System, scanning, spawn};
use crate::cli::{ConsoleOrder, Input, InputRole, Options, ReportTarget};
use crate::input::{self, Filter, Source};
use crate::messages::{Progress, RejectKind, RunSummary};
use crate::output::console::Console;
use crate::output::{FileStore, StoreConfig, Template, path};
use crate::report::{Har, JsonLines, Report, RunInfo, RunTotals};
use crate::scan::alert::Alerts;
use crate::scan::command::Runner;
use crate::scan::hash::Digests;
use crate::scan::http::{Http, HttpOptions, Limits};
use crate::scan::wifiviz::Wireless;
use crate::scan::{ScannerName, Scanners};

/// Batches under way to a writer, and to the reporter.
const QUEUE: usize = 8;
/// Packets between two looks at the progress line.
const LOOK: u64 = 4096;
/// How long nothing comes from a pipe before everything read so far is shown.
const PATIENCE: Duration = Duration::from_millis(20);
/// Descriptors for everything but flow files: standard streams, report, input, libraries.
const OTHER_DESCRIPTORS: usize = 24;
/// Memory of the in-order console for bytes beyond holes.
const CONSOLE_MEMORY: usize = 64 << 20;
/// The part of it that one connection may have.
const CONSOLE_SHARE: usize = CONSOLE_MEMORY / 4;
/// Files open at once at most; more gain nothing.
const MAX_OPEN: usize = 1 << 16;
/// Writers at most: more do not help, the core is one thread.
const MAX_WRITERS: usize = 8;

/// Runs: reads all inputs, writes everything that `options` asks for.
///
/// Everything that goes wrong is in the [`Outcome`]; what was accepted before is on disk then, and the
/// report is closed.
#[must_use]
pub fn run(options: &Options, system: &dyn System, stop: &Stop, say: Say<'_>) -> Outcome {
    let mut complaints = Complaints::new(say);
    let unreadable = check_inputs(options, &mut complaints);
    if unreadable.len() == options.inputs.len() {
        return Outcome { errors: complaints.into_list(), summary: String::new() };
    }
    match Run::prepare(options, system, stop, say) {
        Ok(run) => Run { unreadable, complaints, ..run }.all(),
        Err(error) => {
            complaints.add(error);
            Outcome { errors: complaints.into_list(), summary: String::new() }
        }
    }
}

/// A run with everything open.
struct Run<'o> {
    options: &'o Options,
    system: &'o dyn System,
    say: Say<'o>,
    stop: &'o Stop,
    started: Instant,
    template: Arc<Template>,
    decode: decode::Settings,
    filter: Option<Filter<'o>>,
    /// Numbers of inputs that cannot be opened, which has been told.
    unreadable: Vec<usize>,
    complaints: Complaints<'o>,
    writers: Vec<JoinHandle<()>>,
    senders: Vec<SyncSender<Batch>>,
    /// The threads of the scanners, where there are any.
    scanning: Option<JoinHandle<()>>,
    alerts: Option<Alerts>,
    reporter: JoinHandle<(Option<Report>, Totals)>,
}

impl<'o> Run<'o> {
    fn prepare(
        options: &'o Options,
        system: &'o dyn System,
        stop: &'o Stop,
        say: Say<'o>,
    ) -> Result<Self, String> {
        let template = Template::parse(options.template.as_deref(), &options.names)
            .map_err(|error| error.to_string())?;
        let template = Arc::new(template);
        let filter = match &options.filter {
            Some(expression) => Some(Filter::new(system.filters(), expression)?),
            None => None,
        };
        let report = open_report(options, system)?;
        let (scanners, alerts) = scanners(options, system)?;
        let (told, finished) = sync_channel(QUEUE);
        let har = match options.scan.har.as_ref().filter(|_| options.files) {
            Some(path) => Some(open_har(options, path)?),
            None => None,
        };
        let reporter = start_reporter(report, open_lines(options)?, har, finished, stop)?;
        let (told, scanning) = if scanners.is_empty() {
            (told, None)
        } else {
            let (to_scanners, finished) = sync_channel(QUEUE);
            (to_scanners, Some(scanning::start(scanners, system.processors(), finished, told)?))
        };
        let writer_count =
            if options.files { system.processors().saturating_sub(1).clamp(1, MAX_WRITERS) } else { 1 };
        let (mut writers, mut senders) = (Vec::new(), Vec::new());
        for _ in 0..writer_count {
            let store =
                options.files.then(|| store(options, system, &template, writer_count, alerts.clone()));
            let (sender, batches) = sync_channel(QUEUE);
            let writer = Writer::new(store, wants_http(options), told.clone(), stop.clone());
            writers.push(spawn("writer", move || writer.run(&batches))?);
            senders.push(sender);
        }
        let started = Instant::now();
        Ok(Self {
            options,
            system,
            stop,
            started,
            template,
            decode: decode::Settings {
                check_fcs: options.check_fcs,
                checksums: options.checksums,
                tunnel_ports: options.tunnel_ports.iter().copied().take(MAX_TUNNEL_PORTS).collect(),
                ..decode::Settings::default()
            },
            filter,
            unreadable: Vec::new(),
            say,
            complaints: Complaints::new(say),
            writers,
            senders,
            scanning,
            alerts,
            reporter,
        })
    }

    fn all(mut self) -> Outcome {
        let connections = self.options.max_connections;
        let config = Config {
            hash_key: random_key(),
            idle_timeout: self.options.idle_timeout.map(nanoseconds),
            max_jump: self.options.max_jump,
            overlap: self.options.overlap,
            urgent: self.options.urgent,
            paws: self.options.paws,
            window: self.options.window,
            max_inactive: u32::try_from(connections / 2).unwrap_or(u32::MAX),
            fragment_policy: self.options.fragment_policy,
            decode: self.decode.clone(),
            ignore_encapsulation: self.options.ignore_encapsulation,
            ..Config::default()
        };
        let Some(fragments) = FragmentStorage::heap(datagrams(self.options)) else {
            self.complaints.add("there is not as much memory as --fragment-memory asks for".to_owned());
            return self.end(&Counters::default(), Read::default());
        };
        let core = Storage::heap(connections, connections.max(1 << 16))
            .map(|storage| Reassembler::new(config, Storage { fragments, ..storage }));
        let Some(Ok(mut core)) = core else {
            self.complaints.add(format!("--max-connections {connections}: there is not that much memory"));
            return self.end(&Counters::default(), Read::default());
        };
        let targets = self.options.targets.clone();
        core.set_targets(&targets);
        let read = self.read(&mut core);
        let counters = core.counters().clone();
        self.end(&counters, read)
    }

    /// Reads with the sinks that the options ask for.
    fn read(&mut self, core: &mut Reassembler<'_>) -> Read {
        let template = self.template.clone();
        let mut dispatch = Dispatch::new(&template, std::mem::take(&mut self.senders), self.options.files);
        let wireless = self.options.scan.scanners.has(ScannerName::Wifiviz).then(Wireless::default);
        let mut read = Read { wireless, ..Read::default() };
        match &self.options.console {
            None => {
                self.inputs(core, &mut dispatch, &mut read);
            }
            Some(console) => {
                let console = Console::new(io::stdout().lock(), *console);
                let prefix = console_prefix(&self.options.output_dir);
                let printer = Printer::new(console, &template, prefix, self.options.max_bytes);
                match (
                    self.options.console_order,
                    InOrderStorage::heap(self.options.max_connections, CONSOLE_MEMORY),
                ) {
                    (ConsoleOrder::Stream, Some(storage)) => {
                        let timeout = self.options.hole_timeout.map(nanoseconds);
                        let config = InOrderConfig {
                            timeout,
                            max_per_connection: CONSOLE_SHARE,
                            ..InOrderConfig::default()
                        };
                        let printer = InOrder::with_config(printer, storage, config);
                        let mut sink = Tee { files: &mut dispatch, printer };
                        self.inputs(core, &mut sink, &mut read);
                        read.console = sink.printer.counters().clone();
                        self.end_printing(sink.printer.into_inner(), &mut read);
                    }
                    (ConsoleOrder::Stream, None) => {
                        self.complaints
                            .add("there is not enough memory to put the console in stream order".to_owned());
                    }
                    (ConsoleOrder::Arrival, _) => {
                        let mut sink = Tee { files: &mut dispatch, printer };
                        self.inputs(core, &mut sink, &mut read);
                        self.end_printing(sink.printer, &mut read);
                    }
                }
            }
        }
        read.rejects = std::mem::take(&mut dispatch.rejects);
        read.gaps = dispatch.gaps;
        read.max_open_flows = dispatch.max_open_flows;
        read
    }

    fn end_printing<W: Write>(&mut self, mut printer: Printer<'_, W>, read: &mut Read) {
        printer.flush();
        read.beyond_limit += printer.beyond_limit;
        match printer.error() {
            // The reader has seen enough.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => read.quiet = true,
            Some(error) => self.complaints.add(format!("standard output: {error}")),
            None => {}
        }
    }

    /// Says more, when more is wanted.
    fn explain(&self, progress: &mut Progress, message: impl FnOnce() -> String) {
        if self.options.verbosity.is_verbose() {
            progress.clear();
            (self.say)(&message());
        }
    }

    /// Every input in turn; then whatever is open is closed.
    fn inputs<S: Watched>(&mut self, core: &mut Reassembler<'_>, sink: &mut S, read: &mut Read) {
        let inputs: Vec<&Input> = self.options.inputs.iter().collect();
        let mut progress = Progress::new(total_size(&inputs), !self.options.verbosity.is_quiet());
        for (index, input) in inputs.iter().enumerate() {
            if self.stop.is_asked() || sink.is_over() {
                read.ended_in = Some(input.path.display().to_string());
                break;
            }
            if self.unreadable.contains(&index) {
                continue;
            }
            let mut source = match input::open(&input.path, self.stop.flag()) {
                Ok(source) => source,
                Err(error) => {
                    progress.clear();
                    self.complaints.add(error);
                    continue;
                }
            };
            core.accept_new_connections(input.role == InputRole::Read);
            self.explain(&mut progress, || format!("reading {}", source.name()));
            let packets = read.packets;
            let ended = self.input(&mut *source, core, sink, read, &mut progress);
            self.explain(&mut progress, || {
                format!("{} packets read from {}", read.packets - packets, source.name())
            });
            for kind in source.link_types().iter().filter_map(|link| undecoded(*link)) {
                progress.clear();
                let name = source.name();
                self.complaints
                    .add(format_args!("{name}: packets {kind} cannot be decoded; all others were used"));
            }
            if ended.is_err() || self.stop.is_asked() || sink.is_over() {
                read.ended_in = Some(source.name().to_owned());
                break;
            }
        }
        progress.clear();
        // When a writer is gone its message has been told; what is left is closed all the same.
        let _ = core.finish(sink);
        let _ = sink.hand_over();
    }

    fn input<S: Watched>(
        &mut self,
        source: &mut dyn Source,
        core: &mut Reassembler<'_>,
        sink: &mut S,
        read: &mut Read,
        progress: &mut Progress,
    ) -> Result<(), S::Error> {
        let before = read.bytes;
        let may_wait = source.progress().total.is_none();
        loop {
            if may_wait && source.waits(PATIENCE) {
                sink.rest()?;
                progress.update(before + source.progress().done);
            }
            let packet = match source.next() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(error) => {
                    progress.clear();
                    self.complaints.add(error);
                    break;
                }
            };
            read.packets += 1;
            let look = read.packets.is_multiple_of(LOOK);
            let wanted = match &mut self.filter {
                Some(filter) => match filter.accepts(&packet.frame) {
                    Ok(wanted) => wanted,
                    Err(error) => {
                        progress.clear();
                        self.complaints.add(format_args!("{}: {error}", source.name()));
                        break;
                    }
                },
                None => true,
            };
            if wanted {
                if let Some(wireless) = &mut read.wireless {
                    wireless.look(&packet.frame, &self.decode);
                }
                sink.frame(packet.block, packet.frame.time);
                core.push(&packet.frame, sink)?;
            } else {
                read.filtered += 1;
            }
            if self.stop.is_asked() || sink.is_over() {
                break;
            }
            if look {
                progress.update(before + source.progress().done);
            }
        }
        read.bytes = before + source.progress().done;
        Ok(())
    }

    /// Ends the threads, closes the report, adds up.
    fn end(mut self, counters: &Counters, read: Read) -> Outcome {
        drop(std::mem::take(&mut self.senders));
        for writer in self.writers {
            if writer.join().is_err() {
                self.complaints.add("a writer stopped by a fault of the program".to_owned());
            }
        }
        if self.scanning.is_some_and(|scanning| scanning.join().is_err()) {
            self.complaints.add("the scanners stopped by a fault of the program".to_owned());
        }
        if let Some(error) = self.alerts.as_ref().and_then(Alerts::failure) {
            self.complaints.add(format_args!("tcp_alert_fd: {error}"));
        }
        let (report, totals) = match self.reporter.join() {
            Ok(done) => done,
            Err(_) => {
                self.complaints.add("the reporter stopped by a fault of the program".to_owned());
                (None, Totals::default())
            }
        };
        totals.errors.iter().for_each(|error| self.complaints.add(error));
        let directory = &self.options.output_dir;
        if self.options.files && !directory.exists() {
            let name = directory.display();
            self.complaints
                .add(format_args!("{name}: removed during the run, with all that was written there"));
        }
        let counters = Counters {
            conflicts: counters.conflicts + totals.conflicts + totals.replaced,
            replaced_conflicts: counters.replaced_conflicts + totals.replaced,
            ..counters.clone()
        };
        let quiet = read.quiet && self.complaints.is_empty();
        let ended_in = read.ended_in.filter(|_| !read.quiet);
        let mut errors = self.complaints.list().to_vec();
        errors.extend(ended_in.iter().map(|input| format!("ended early, in {input}")));
        let summary = RunSummary {
            counters,
            ended_in,
            rejects: read.rejects,
            filtered: read.filtered,
            files: totals.files,
            file_bytes: totals.file_bytes,
            gaps: read.gaps,
            console: read.console,
            conflict_bytes: totals.conflict_bytes,
            replaced_conflict_bytes: totals.replaced_bytes,
            beyond_limit: read.beyond_limit + totals.beyond_limit,
            http: totals.http.clone(),
        };
        if let Some(mut report) = report {
            let totals = RunTotals {
                packets: read.packets,
                max_open_flows: read.max_open_flows,
                rejected: summary.rejects.by_name(),
                counters: summary.counts(),
                wireless: read.wireless,
                errors,
                elapsed: self.started.elapsed(),
                usage: self.system.usage(),
            };
            if let Err(error) = report.finish(&totals) {
                self.complaints.add(error);
            }
        }
        let text = if quiet { String::new() } else { summary.text(self.options.verbosity) };
        Outcome { errors: self.complaints.into_list(), summary: text }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What reading came to.
#[derive(Default)]
struct Read {
    packets: u64,
    filtered: u64,
    bytes: u64,
    rejects: crate::messages::RejectCounts,
    gaps: u64,
    max_open_flows: u64,
    beyond_limit: u64,
    /// Wireless networks, where they are looked for.
    wireless: Option<Wireless>,
    /// What putting the console in order came to.
    console: InOrderCounters,
    /// The input in which the run was stopped.
    ended_in: Option<String>,
    /// The console's reader went away: no more words.
    quiet: bool,
}

/// How many fragmented datagrams may be incomplete at once: as `--fragment-memory` says, else by the
/// number of connections.
fn datagrams(options: &Options) -> usize {
    match options.fragment_memory {
        Some(0) => 0,
        Some(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX).div_ceil(FragmentStorage::MAX_DATAGRAM),
        None => (options.max_connections / 512).clamp(16, 1024),
    }
}

/// Tells which inputs cannot be opened, before anything is made and hours may pass: their numbers.
fn check_inputs(options: &Options, complaints: &mut Complaints<'_>) -> Vec<usize> {
    let mut unreadable = Vec::new();
    for (index, input) in options.inputs.iter().enumerate() {
        if let Err(error) = input::check(&input.path) {
            complaints.add(error);
            unreadable.push(index);
        }
    }
    unreadable
}

/// What a frame of this link type is called where such frames are not decoded.
fn undecoded(link: LinkType) -> Option<RejectKind> {
    let frame = Frame { link, time: Timestamp::default(), wire_len: 0, bytes: &[] };
    match decode::decode(&frame) {
        Err(Reject { layer, reason: reason @ RejectReason::UnknownLinkType(_), .. }) => {
            Some(RejectKind { layer, reason })
        }
        _ => None,
    }
}

fn open_report(options: &Options, system: &dyn System) -> Result<Option<Report>, String> {
    let path = match &options.report {
        ReportTarget::None => None,
        ReportTarget::Default => Some(options.output_dir.join("report.xml")),
        ReportTarget::File(path) => Some(path.clone()),
    };
    if options.files || options.report == ReportTarget::Default {
        path::prepare(&options.output_dir).map_err(|error| error.to_string())?;
    }
    let Some(path) = path else { return Ok(None) };
    // Names that the user gave may be links, such as /dev/stdout. In the output directory nobody gave it.
    let refusal = if options.report == ReportTarget::Default && path.is_symlink() {
        Some("it is a symbolic link, which is not followed; remove it or name another file with -X")
    } else if options.inputs.iter().any(|input| !input.is_stdin() && is_same_file(&input.path, &path)) {
        Some("it is an input; name another file with -X")
    } else {
        None
    };
    if let Some(reason) = refusal {
        return Err(format!("cannot write the report {}: {reason}", path.display()));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let info = RunInfo {
        command_line: options.command_line.clone(),
        sources: options.inputs.iter().map(|input| input.path.clone().into_os_string()).collect(),
        libraries: system.libraries(),
        host: system.host(),
        start: Timestamp::new(now.as_secs(), 0),
    };
    Report::create(&path, options.report_shape, &info)
        .map(Some)
        .map_err(|error| format!("{error}; choose another place with -o, or for the report with -X"))
}

/// Makes the file of `--jsonl`, unless it is an input.
fn open_lines(options: &Options) -> Result<Option<JsonLines>, String> {
    let Some(path) = &options.json_lines else { return Ok(None) };
    if options.inputs.iter().any(|input| !input.is_stdin() && is_same_file(&input.path, path)) {
        return Err(format!(
            "cannot write {}: it is an input; name another file with --jsonl",
            path.display()
        ));
    }
    JsonLines::create(path).map(Some).map_err(|error| error.to_string())
}

/// Whether two paths lead to one file.
fn is_same_file(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |path| std::fs::metadata(path).ok().map(|facts| (facts.dev(), facts.ino()));
        identity(a).is_some_and(|a| identity(b) == Some(a))
    }
    #[cfg(not(unix))]
    {
        let identity = |path| std::fs::canonicalize(path).ok();
        identity(a).is_some_and(|a| identity(b) == Some(a))
    }
}

fn store(
    options: &Options,
    system: &dyn System,
    template: &Arc<Template>,
    stores: usize,
    alerts: Option<Alerts>,
) -> FileStore {
    let system_limit =
        system.open_file_limit().map_or(usize::MAX, |limit| limit.saturating_sub(OTHER_DESCRIPTORS));
    let asked = options.max_open_files.map_or(usize::MAX, std::num::NonZeroUsize::get);
    let max_open = (system_limit.min(asked).min(MAX_OPEN) / stores).max(1);
    let config = StoreConfig::new(options.output_dir.clone(), Arc::clone(template), max_open);
    FileStore::new(StoreConfig {
        limit: options.max_bytes,
        index: options.index,
        alerts,
        keep: reads_contents(options),
        ..config
    })
}

/// The scanners that the options ask for, in the order in which they look at a connection, and whoever is told
/// of flow files. Programs come last: they may do with a file what they like.
fn scanners(options: &Options, system: &dyn System) -> Result<(Scanners, Option<Alerts>), String> {
    let mut scanners = Scanners::new();
    let scan = &options.scan;
    if !options.files {
        return Ok((scanners, None));
    }
    if !scan.algorithms.is_empty() {
        scanners.push(Box::new(Digests::new(scan.algorithms.clone())));
    }
    if wants_http(options) {
        let saves = scan.scanners.has(ScannerName::Http);
        let command = scan.http_command.clone().map(|command| Runner::new("http_cmd", command));
        let alerts = scan.http_alert.map(|number| alerts(system, "http_alert_fd", number)).transpose()?;
        scanners.push(Box::new(Http::new(HttpOptions {
            files: saves,
            har: scan.har.is_some(),
            limits: Limits { decode: !scan.keep_coded, ..Limits::default() },
            algorithms: scan.algorithms.clone(),
            command: command.filter(|_| saves),
            alerts: alerts.filter(|_| saves),
        })));
    }
    let alerts = scan.tcp_alert.map(|number| alerts(system, "tcp_alert_fd", number)).transpose()?;
    if let Some(alerts) = &alerts {
        scanners.push(Box::new(alerts.clone()));
    }
    if let Some(command) = &scan.tcp_command {
        scanners.push(Box::new(Runner::new("tcp_cmd", command.clone())));
    }
    Ok((scanners, alerts))
}

/// Whether a scanner reads what is in the files.
fn reads_contents(options: &Options) -> bool {
    wants_http(options) || !options.scan.algorithms.is_empty()
}

/// Whether somebody wants to know of HTTP.
fn wants_http(options: &Options) -> bool {
    options.files && (options.scan.scanners.has(ScannerName::Http) || options.scan.har.is_some())
}

/// Makes the HAR file, unless it is an input.
fn open_har(options: &Options, path: &Path) -> Result<Har, String> {
    if options.inputs.iter().any(|input| !input.is_stdin() && is_same_file(&input.path, path)) {
        return Err(format!("cannot write {}: it is an input; name another file with --har", path.display()));
    }
    Har::create(path).map_err(|error| format!("cannot write the HAR file {error}"))
}

fn alerts(system: &dyn System, name: &str, number: i32) -> Result<Alerts, String> {
    let file = system.descriptor(number).map_err(|error| {
        format!("-S {name}={number}: {error}; open it for writing before, as in {number}>FILE")
    })?;
    Ok(Alerts::new(file))
}

fn start_reporter(
    report: Option<Report>,
    lines: Option<JsonLines>,
    har: Option<Har>,
    finished: Receiver<Vec<Told>>,
    stop: &Stop,
) -> Result<JoinHandle<(Option<Report>, Totals)>, String> {
    let reporter = Reporter::new(report, lines, har, stop.clone());
    spawn("reporter", move || reporter.run(&finished))
}

/// What stands before names on the console: the output directory, unless it is the current one.
fn console_prefix(directory: &Path) -> String {
    if directory == Path::new(".") { String::new() } else { format!("{}/", directory.display()) }
}

/// Bytes of all inputs, where each tells.
fn total_size(inputs: &[&Input]) -> Option<u64> {
    let size = |input: &&Input| {
        let facts = std::fs::metadata(&input.path).ok()?;
        (facts.is_file() && !input.is_stdin()).then_some(facts.len())
    };
    inputs.iter().map(size).sum()
}

/// A key for the connection table that nobody can guess.
fn random_key() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let half = || RandomState::new().hash_one(0u8).to_ne_bytes();
    let mut key = [0; 16];
    key[..8].copy_from_slice(&half());
    key[8..].copy_from_slice(&half());
    key
}
