//! Preparing a run: everything is opened first, in one thread; then the other stages are started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tapflow_core::Timestamp;
use tapflow_core::decode::{self, MAX_TUNNEL_PORTS};

use super::budget::Budget;
use super::confine::{Needs, hand_over_outputs, open_inputs, uses_directory, written};
use super::errors::Errors;
use super::system::{Sandbox, System};
use super::whole::Run;
use super::{Say, earlier, input_digests, page};
use crate::cli::{DiskFull, Existing, Options, PICTURES, ReportTarget};
use crate::input::{self, Filter, Merge};
use crate::naming::Template;
use crate::output::alerts::Alerts;
use crate::output::beneath::Beneath;
use crate::output::draft::ChosenBy;
use crate::output::durable::{FileSystems, Flush};
use crate::output::earlier::next_path;
use crate::output::pcap::FlowCaptures;
use crate::output::root::{OutputRoot, Sharing};
use crate::output::unprocessed::UnprocessedFile;
use crate::output::{FileStore, StoreConfig, directory};
use crate::report::{Har, JsonLines, Pictures, Report, RunInfo, TABLES, Tables};
use crate::retention::DiskQuota;
use crate::retention::Rotation;
use crate::scan::command::{CommandLine, Runner};
use crate::scan::hash::Digests;
use crate::scan::http::{Http, HttpOptions, Limits};
use crate::scan::launcher::{InProcess, Launcher};
use crate::scan::tls::{self, Keys, Tls, TlsOptions};
use crate::scan::{ScannerName, Scanners};
use crate::stage::batches::batches;
use crate::stage::finished::Finishing;
use crate::stage::outlet::Outlet;
use crate::stage::outputs::{Opener, Outputs, open_tables};
use crate::stage::reporter::{Reporter, ReporterConfig};
use crate::stage::writer::Writer;
use crate::stage::{Stop, scanner, spawn};
use crate::traffic::{DEFAULT_HOSTS, Meter};

/// Batches under way to a writer, and to the reporter.
const QUEUE: usize = 8;
/// Descriptors for everything but flow files: standard streams, report, input, libraries.
const OTHER_DESCRIPTORS: usize = 24;
/// Files open at once at most; more gain nothing.
const MAX_OPEN: usize = 1 << 16;
/// Bounds of the work for a connection of TLS where all secrets are tried (`--tls-try`).
const MANY_TRIES: tls::Limits = tls::Limits { tries: 1 << 20, work: 1 << 30 };
/// Writers at most: more do not help, the core is one thread.
const MAX_WRITERS: usize = 8;

impl<'o> Run<'o> {
    /// Opens everything that the options name, then starts the threads.
    ///
    /// # Errors
    /// What cannot be opened or started, and why.
    pub(super) fn prepare(
        options: &'o Options,
        system: &'o dyn System,
        stop: &'o Stop,
        say: Say<'o>,
    ) -> Result<Self, String> {
        let template = Template::parse(options.template.as_deref(), &options.names)
            .map_err(|error| error.to_string())?;
        let template = Arc::new(template);
        let mut filter = match &options.filter {
            Some(expression) => Some(Filter::new(system.filters(), expression)?),
            None => None,
        };
        let keys = open_keys(options, say)?;
        let device = options.live.as_ref().map(|settings| system.open_live(settings)).transpose()?;
        let sources = match &device {
            Some(device) => vec![OsString::from(device.name())],
            None => options.inputs.iter().map(|input| input.path.clone().into_os_string()).collect(),
        };
        options.rights.umask.map_or(Ok(()), |mode| system.set_umask(mode))?;
        let lock = options.lock.as_ref().map(|name| system.lock(name)).transpose()?;
        let rights = &options.rights;
        if rights.user.is_some() || !rights.no_sandbox {
            // Names in it are looked up while that is possible.
            filter.iter_mut().for_each(Filter::compile_known);
        }
        // Where the system keeps both may be out of reach later.
        let (memory, processors) = (system.memory(), system.processors());
        let (mut files, mut hashed) = (Vec::new(), Vec::new());
        if let Some(user) = &rights.user {
            files = open_inputs(options)?;
            if !options.scan.input_algorithms.is_empty() {
                hashed = open_inputs(options)?;
            }
            let owner = system.enter(user, rights.root.as_deref())?;
            hand_over_outputs(options, &owner)?;
            system.become_user(&owner)?;
        }
        let disk = options.max_disk.map(|limit| {
            DiskQuota::new(options.output_dir.clone(), limit.bytes, limit.full == DiskFull::Delete)
        });
        let lock_of_output = lock_output(options)?;
        earlier::still_free(options)?;
        let file_systems = if options.flush == Flush::Never {
            FileSystems::default()
        } else {
            FileSystems::of(written(options))
        };
        let flushes = options.flush == Flush::EachFile;
        let beneath = Beneath::new(options.output_dir.clone());
        let Opened { mut outputs, rotation, opener, mut lines, rest } =
            open_outputs(options, system, &sources, disk.as_ref())?;
        let mut rest = rest.map(|rest| rest.with_disk(disk.clone()).flushed(flushes));
        let report_path = outputs.report.as_ref().map(|report| report.path().to_owned());
        // What starts programs begins before the sandbox does.
        let (scanners, alerts) = scanners(options, system, &beneath, disk.as_ref(), keys.as_ref())?;
        if !rights.no_sandbox {
            let receive = device.as_ref().and_then(|device| device.descriptor()).into_iter().collect();
            match system.confine(&Needs { receive, ..Needs::of(options) })? {
                Sandbox::None(reason) if !options.verbosity.is_quiet() => say(&reason),
                // A capture may see anything, for weeks.
                Sandbox::Part(reason)
                    if options.verbosity.is_verbose()
                        || options.live.is_some() && !options.verbosity.is_quiet() =>
                {
                    say(&reason);
                }
                _ => {}
            }
        }

        // Everything that needs rights is open; no thread has begun. What can fail was
        // tried: what an earlier run left may go.
        outputs.begin(flushes)?;
        earlier::overwrite(options, say)?;
        lines.iter_mut().try_for_each(|lines| lines.begin(flushes)).map_err(|error| error.to_string())?;
        let (to_reporter, batches_of_reporter) = sync_channel(QUEUE);
        let reports = Some(to_reporter.clone());
        let writer_count = if options.files || options.captures {
            writer_count(processors, descriptors(options, system), !scanners.is_empty())
        } else {
            1
        };
        let (disk_of_reporter, pages) = (disk.clone(), page::index(options));
        let config =
            ReporterConfig { outputs, opener, lines, pages, disk: disk_of_reporter, writers: writer_count };
        let reporter = Reporter::new(config, stop.clone());
        let reporter = spawn("reporter", move || reporter.run(&batches_of_reporter))?;
        let cleaner = disk.clone().filter(DiskQuota::deletes);
        let cleaner = cleaner.map(|disk| spawn("disk cleaner", move || disk.run_cleaner())).transpose()?;
        let finishing = Finishing {
            shape: (options.report != ReportTarget::None).then_some(options.report_shape),
            keeps: options.json_lines.is_some()
                || options.scan.har.is_some()
                || options.page.is_some()
                || options.csv.is_some()
                || disk.is_some(),
            // Scanners take flows of several messages together.
            joins: scanners.is_empty(),
        };
        let (to_scanners, scanning) = if scanners.is_empty() {
            (None, None)
        } else {
            let (to_scanners, messages) = sync_channel(QUEUE);
            let thread = scanner::start(scanners, finishing, processors, messages, to_reporter.clone())?;
            (Some(to_scanners), Some(thread))
        };
        let outlet = || match &to_scanners {
            Some(to_scanners) => Outlet::to_scanners(to_scanners.clone()),
            None => Outlet::to_reporter(to_reporter.clone(), finishing),
        };
        let config_of_stores = store_config(options, system, beneath, Arc::clone(&template), writer_count);
        let (mut writers, mut senders) = (Vec::new(), Vec::new());
        for _ in 0..writer_count {
            let store = options.files.then(|| store(options, &config_of_stores, alerts.clone(), &disk));
            let captures = options.captures.then(|| captures(&config_of_stores, &template, &disk));
            let (sender, batches) = batches(QUEUE);
            // The first one has the frames that belong to none.
            let rest = rest.take();
            let writer = Writer::new(store, captures, rest, wants_http(options), outlet(), stop.clone())
                .shortening(options.max_hole.shortens());
            writers.push(spawn("writer", move || writer.run(&batches))?);
            senders.push(sender);
        }
        let started = Instant::now();
        let hashes = !options.scan.input_algorithms.is_empty();
        let inputs = || options.inputs.iter().map(|input| input.path.clone()).collect();
        let input_digests = hashes
            .then(|| {
                input_digests::start(inputs(), hashed, options.scan.input_algorithms.clone(), stop.clone())
            })
            .transpose()?;
        let mut decode = decode::Settings::new();
        decode.check_fcs = options.check_fcs;
        decode.checksums = options.checksums;
        decode.tunnel_ports = options.tunnel_ports.iter().copied().take(MAX_TUNNEL_PORTS).collect();
        let hosts = options.scan.netviz().map(|netviz| netviz.hosts);
        let hosts = hosts.or(options.page.as_ref().map(|_| DEFAULT_HOSTS));
        let meter = hosts.map(|hosts| Meter::new(&decode, hosts));
        Ok(Self {
            options,
            system,
            stop,
            started,
            template,
            budget: Budget::new(options, memory),
            decode,
            meter,
            ended_traffic: None,
            filter,
            device,
            lock,
            unreadable: Vec::new(),
            keys,
            files,
            say,
            errors: Errors::new(say),
            writers,
            senders,
            scanning,
            alerts,
            reports,
            report_path,
            sources,
            rotation,
            disk,
            _lock_of_output: lock_of_output,
            file_systems,
            cleaner,
            mark: 0,
            is_bounded: false,
            next_statistics: options.statistics_interval.map(|interval| started + interval),
            reporter: Some(reporter),
            input_digests,
        })
    }
}

/// Reports which inputs cannot be opened, before anything is created and hours may pass. Returns their indexes.
pub(super) fn check_inputs(options: &Options, errors: &mut Errors<'_>) -> Vec<usize> {
    let mut unreadable = Vec::new();
    for (index, input) in options.inputs.iter().enumerate() {
        if let Err(error) = input::check(&input.path) {
            errors.add(error);
            unreadable.push(index);
        }
    }
    unreadable
}

/// Makes the output directory and locks it against other runs.
fn lock_output(options: &Options) -> Result<Option<OutputRoot>, String> {
    if !uses_directory(options) {
        return Ok(None);
    }
    directory::prepare(&options.output_dir).map_err(|error| error.to_string())?;
    let has_report = options.report == ReportTarget::Default
        || options.rotate.is_some()
        || options.scan.netviz().is_some();
    let sharing = if has_report { Sharing::Alone } else { Sharing::WithOthers };
    OutputRoot::lock(&options.output_dir, sharing).map(Some)
}

/// Who chose the place of the report: names that the user gave may be links, such as /dev/stdout.
pub(super) fn report_chosen_by(options: &Options) -> ChosenBy {
    if options.report == ReportTarget::Default { ChosenBy::Program } else { ChosenBy::User }
}

/// What is open before anything is read.
struct Opened {
    outputs: Outputs,
    rotation: Option<Rotation>,
    opener: Option<(u32, Opener)>,
    /// Lines on standard output, with numbered directories.
    lines: Option<JsonLines>,
    rest: Option<UnprocessedFile>,
}

/// Makes everything that is written beside the files of flows, in the first directory where they are numbered.
fn open_outputs(
    options: &Options,
    system: &dyn System,
    sources: &[OsString],
    disk: Option<&DiskQuota>,
) -> Result<Opened, String> {
    let Some(by) = options.rotate else {
        let report = open_report(options, system, sources.to_vec())?;
        let har = match options.scan.har.as_ref().filter(|_| options.files) {
            Some(path) => Some(open_har(options, path)?),
            None => None,
        };
        let pictures = open_pictures(options, sources)?;
        let page = page::open(options, sources)?;
        let tables = options.csv.as_ref().map(|folder| open_csv(options, folder)).transpose()?;
        let outputs = Outputs { report, lines: open_lines(options)?, har, pictures, page, tables };
        let rest = open_rest(options)?;
        return Ok(Opened { outputs, rotation: None, opener: None, lines: None, rest });
    };
    let rotation = Rotation::begin(options.output_dir.clone(), by, options.index)?;
    let report = match &options.report {
        ReportTarget::None => None,
        ReportTarget::Default => Some(PathBuf::from("report.xml")),
        ReportTarget::File(name) => Some(name.clone()),
    };
    let opener = Opener {
        root: options.output_dir.clone(),
        shape: options.report_shape,
        report,
        lines: options.json_lines.clone().filter(|path| path.as_os_str() != "-"),
        har: options.scan.har.clone().filter(|_| options.files),
        pictures: options.scan.netviz().map(|netviz| (PathBuf::from(PICTURES), netviz.dump)),
        page: options.page.clone().map(|name| (name, page::config(options, sources))),
        tables: options.csv.clone(),
        info: run_info(options, system, sources.to_vec()),
        flushes: options.flush == Flush::EachFile,
    };
    let outputs = opener.open(rotation.number(), disk)?;
    let is_stdout = |path: &&PathBuf| path.as_os_str() == "-";
    let lines = match options.json_lines.as_ref().filter(is_stdout) {
        Some(path) => Some(JsonLines::create(path, ChosenBy::User).map_err(|error| error.to_string())?),
        None => None,
    };
    let rest = match &options.rest {
        Some(path) if is_stdout(&path) => UnprocessedFile::create(path).map(Some),
        Some(name) => UnprocessedFile::create(&rotation.path().join(name)).map(Some),
        None => Ok(None),
    };
    let rest = rest.map_err(|error| error.to_string())?;
    let opener = Some((rotation.number(), opener));
    Ok(Opened { outputs, rotation: Some(rotation), opener, lines, rest })
}

fn open_report(
    options: &Options,
    system: &dyn System,
    sources: Vec<OsString>,
) -> Result<Option<Report>, String> {
    let Some(path) = options.report_path() else { return Ok(None) };
    if is_input(options, &path) {
        let path = path.display();
        return Err(format!("cannot write the report {path}: it is an input; name another file with -X"));
    }
    let info = run_info(options, system, sources);
    Report::create(&path, report_chosen_by(options), options.report_shape, &info)
        .map(Some)
        .map_err(|error| format!("{error}; choose another place with -o, or for the report with -X"))
}

/// What a report that begins now says of the run.
pub(super) fn run_info(options: &Options, system: &dyn System, sources: Vec<OsString>) -> RunInfo {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    RunInfo {
        command_line: options.command_line.clone(),
        sources,
        libraries: system.libraries(),
        host: system.host(),
        start: Timestamp::new(now.as_secs(), 0),
        earlier: options.earlier.clone(),
        time_shift: options.time_shift,
    }
}

/// Makes the file of `--jsonl`, unless it is an input.
fn open_lines(options: &Options) -> Result<Option<JsonLines>, String> {
    let Some(path) = &options.json_lines else { return Ok(None) };
    if is_input(options, path) {
        return Err(format!(
            "cannot write {}: it is an input; name another file with --jsonl",
            path.display()
        ));
    }
    JsonLines::create(path, ChosenBy::User).map(Some).map_err(|error| error.to_string())
}

/// Whether an input would be written over.
pub(super) fn is_input(options: &Options, path: &Path) -> bool {
    options.inputs.iter().any(|input| !input.is_stdin() && is_same_file(&input.path, path))
}

/// Whether two paths lead to one file.
pub(super) fn is_same_file(a: &Path, b: &Path) -> bool {
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

/// Where a writer puts streams.
fn store(
    options: &Options,
    config: &StoreConfig,
    alerts: Option<Alerts>,
    disk: &Option<DiskQuota>,
) -> FileStore {
    FileStore::new(StoreConfig {
        limit: options.max_bytes,
        index: options.index,
        alerts,
        disk: disk.clone(),
        keep: reads_contents(options),
        ..config.clone()
    })
}

/// Where a writer puts the frames of connections.
fn captures(config: &StoreConfig, template: &Template, disk: &Option<DiskQuota>) -> FlowCaptures {
    let template = Arc::new(template.clone().with_ending(".pcap"));
    FlowCaptures::new(FileStore::new(StoreConfig { disk: disk.clone(), template, ..config.clone() }))
}

/// What each of `stores` stores is given: its share of what all of them may take.
fn store_config(
    options: &Options,
    system: &dyn System,
    directory: Beneath,
    template: Arc<Template>,
    stores: usize,
) -> StoreConfig {
    let max_open = (descriptors(options, system) / stores).max(1);
    let config = StoreConfig::new(directory, template, max_open);
    StoreConfig {
        pending_bytes: config.pending_bytes / stores as u64,
        pending_pieces: config.pending_pieces / stores,
        flushes: options.flush == Flush::EachFile,
        ..config
    }
}

/// Descriptors for the files of all stores.
fn descriptors(options: &Options, system: &dyn System) -> usize {
    let limit = system.open_file_limit();
    let inputs = options.inputs.len().min(Merge::most_open(limit)).saturating_sub(1);
    let system_limit = limit.map_or(usize::MAX, |limit| limit.saturating_sub(OTHER_DESCRIPTORS + inputs));
    let asked = options.max_open_files.map_or(usize::MAX, std::num::NonZeroUsize::get);
    system_limit.min(asked).clamp(1, MAX_OPEN)
}

/// How many writers there are. Flows are spread over them by name, a few large ones unevenly: with two for each
/// processor none of those rests while another has too much to do. Where files are scanned too, which takes longer
/// than to write them, more threads than processors would only change places. Each needs a descriptor.
fn writer_count(processors: usize, descriptors: usize, scans: bool) -> usize {
    let wanted = match processors {
        0 | 1 => 1,
        _ if scans => processors / 2,
        _ => processors.saturating_mul(2),
    };
    wanted.min(descriptors).clamp(1, MAX_WRITERS)
}

/// Makes the file of `-w`, unless it is an input.
fn open_rest(options: &Options) -> Result<Option<UnprocessedFile>, String> {
    let Some(path) = &options.rest else { return Ok(None) };
    if is_input(options, path) {
        return Err(format!("cannot write {}: it is an input; name another file with -w", path.display()));
    }
    UnprocessedFile::create(path).map(Some).map_err(|error| error.to_string())
}

/// The scanners that the options ask for, in the order in which they scan a connection, and the receiver of alerts
/// of flow files. Programs come last: they may do with a file what they like.
fn scanners(
    options: &Options,
    system: &dyn System,
    beneath: &Beneath,
    disk: Option<&DiskQuota>,
    keys: Option<&Arc<Keys>>,
) -> Result<(Scanners, Option<Alerts>), String> {
    let mut scanners = Scanners::new();
    let scan = &options.scan;
    if !options.files {
        return Ok((scanners, None));
    }
    if let Some(keys) = keys {
        let limits = if scan.tls_try { MANY_TRIES } else { tls::Limits::default() };
        scanners.push(Box::new(Tls::new(TlsOptions {
            keys: Arc::clone(keys),
            limits,
            disk: disk.cloned(),
            directory: Some(beneath.clone()),
            flushes: options.flush == Flush::EachFile,
            // Directories that are full are complete.
            puts_off: options.rotate.is_none(),
            follows: options.live.is_some(),
        })));
    }
    if wants_http(options) {
        let saves = scan.scanners.has(ScannerName::Http);
        let command = scan.http_command.clone().filter(|_| saves);
        let command =
            command.map(|command| runner("http_cmd", &command, options, system, disk)).transpose()?;
        let alerts = scan.http_alert.map(|number| alerts(system, "http_alert_fd", number)).transpose()?;
        scanners.push(Box::new(Http::new(HttpOptions {
            files: saves,
            har: scan.har.is_some(),
            limits: Limits { decode: !scan.keep_coded, ..Limits::default() },
            algorithms: scan.algorithms.clone(),
            command,
            alerts: alerts.filter(|_| saves),
            disk: disk.cloned(),
            directory: Some(beneath.clone()),
            flushes: options.flush == Flush::EachFile,
        })));
    }
    if !scan.algorithms.is_empty() {
        scanners.push(Box::new(Digests::new(scan.algorithms.clone())));
    }
    let alerts = scan.tcp_alert.map(|number| alerts(system, "tcp_alert_fd", number)).transpose()?;
    if let Some(alerts) = &alerts {
        scanners.push(Box::new(alerts.clone()));
    }
    if let Some(command) = &scan.tcp_command {
        scanners.push(Box::new(runner("tcp_cmd", command, options, system, disk)?));
    }
    Ok((scanners, alerts))
}

/// Runs a program for files, outside of what the run gives up.
fn runner(
    name: &'static str,
    command: &CommandLine,
    options: &Options,
    system: &dyn System,
    disk: Option<&DiskQuota>,
) -> Result<Runner, String> {
    let launcher: Box<dyn Launcher> = if options.rights.no_sandbox {
        Box::new(InProcess::new(command.clone()))
    } else {
        let launcher = system.launcher(command, &options.output_dir);
        launcher.map_err(|error| format!("{name}: cannot begin the process that starts programs: {error}"))?
    };
    Ok(Runner::new(name, command, launcher, disk.cloned()))
}

/// The secrets of the key logs, and what is remarkable about them. `None` where TLS is not scanned.
fn open_keys(options: &Options, say: Say<'_>) -> Result<Option<Arc<Keys>>, String> {
    if !wants_tls(options) {
        return Ok(None);
    }
    let keys = Keys::default();
    for path in &options.scan.key_logs {
        let remarks = keys.open(path)?;
        if !options.verbosity.is_quiet() {
            remarks.iter().for_each(|remark| say(&format!("{}: {remark}", path.display())));
        }
    }
    Ok(Some(Arc::new(keys)))
}

/// Whether TLS is scanned.
fn wants_tls(options: &Options) -> bool {
    options.files && (options.scan.scanners.has(ScannerName::Tls) || !options.scan.key_logs.is_empty())
}

/// Whether a scanner reads what is in the files.
fn reads_contents(options: &Options) -> bool {
    wants_http(options) || wants_tls(options) || !options.scan.algorithms.is_empty()
}

/// Whether HTTP is scanned.
fn wants_http(options: &Options) -> bool {
    let wants = options.scan.scanners.has(ScannerName::Http);
    options.files && (wants || options.scan.har.is_some() || options.csv.is_some())
}

/// Makes the tables in `folder`, unless one is an input.
fn open_csv(options: &Options, folder: &Path) -> Result<Tables, String> {
    for path in TABLES.map(|name| folder.join(name)) {
        if options.inputs.iter().any(|input| !input.is_stdin() && is_same_file(&input.path, &path)) {
            let path = path.display();
            return Err(format!("cannot write {path}: it is an input; name another directory with --csv"));
        }
    }
    open_tables(folder)
}

/// Makes the file of `-e netviz`, unless it is an input.
fn open_pictures(options: &Options, sources: &[OsString]) -> Result<Option<Pictures>, String> {
    let (Some(path), Some(netviz)) = (options.pictures_path(), options.scan.netviz()) else {
        return Ok(None);
    };
    if is_input(options, &path) {
        return Err(format!("cannot write {}: it is an input; choose another place with -o", path.display()));
    }
    // One that is there stays. An empty one was made for the user whom the run becomes.
    let is_taken = path.symlink_metadata().is_ok_and(|facts| facts.is_file() && facts.len() > 0);
    let path = if is_taken && options.existing == Existing::Keep { next_path(&path)? } else { path };
    Pictures::create(&path, sources, netviz.dump).map(Some)
}

/// Makes the HAR file, unless it is an input.
fn open_har(options: &Options, path: &Path) -> Result<Har, String> {
    if is_input(options, path) {
        return Err(format!("cannot write {}: it is an input; name another file with --har", path.display()));
    }
    Har::create(path, ChosenBy::User).map_err(|error| format!("cannot write the HAR file {error}"))
}

fn alerts(system: &dyn System, name: &str, number: i32) -> Result<Alerts, String> {
    let file = system.descriptor(number).map_err(|error| {
        format!("-S {name}={number}: {error}; open it for writing before, as in {number}>FILE")
    })?;
    Ok(Alerts::new(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_writers_for_each_processor_but_no_more_than_descriptors() {
        for (processors, descriptors, writers) in
            [(1, 1000, 1), (2, 1000, 4), (3, 1000, 6), (64, 1000, MAX_WRITERS), (2, 1, 1), (64, 3, 3)]
        {
            assert_eq!(writer_count(processors, descriptors, false), writers);
        }
        for (processors, writers) in [(1, 1), (2, 1), (3, 1), (4, 2), (64, MAX_WRITERS)] {
            assert_eq!(writer_count(processors, 1000, true), writers, "half of them scan");
        }
    }
}
