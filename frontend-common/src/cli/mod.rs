//! The command line: tcpflow's options and a few more, from arguments to [`Options`].
//!
//! [`parse`] decides what the process does: run, or print and leave. It touches nothing outside its
//! arguments. Options stand anywhere among the other words, short ones may be bundled, long ones cut
//! short; the words are a filter expression, or files with `-l`.

mod bounds;
mod command;
mod help;
mod live;
mod options;
mod values;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ArgMatches;
use clap::parser::ValueSource;
use tapflow_core::decode::{MAX_TUNNEL_PORTS, UdpTunnel};
use tapflow_core::{Config, OverlapPolicy, Target};

pub use command::command;
pub use options::{
    ConsoleOrder, DiskFull, Input, InputRole, LongHole, MAX_CONNECTIONS, MaxDisk, MaxHole, Options,
    ReportTarget, Rights, Rotate, ScanOptions,
};

use command::id;
use values::{NameLetter, Overlap, Setting};

use crate::naming::{NameFlags, Template};
use crate::output::console::{ConsoleOptions, Form};
use crate::report::{Shape, VERBOSE, Verbosity};
use crate::scan::command::CommandLine;
use crate::scan::hash::Algorithm;
use crate::scan::{Choice, SCANNERS, ScannerName};

/// Exit status after a [`CliError`]. tcpflow has 1; here 1 is for runs that fail, 2 for those that never
/// began.
pub const USAGE_EXIT_CODE: u8 = 2;

/// Seconds that bytes on the console wait for missing ones unless `--hole-timeout` says otherwise.
const DEFAULT_HOLE_TIMEOUT: u64 = 10;

/// The program that is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// The name under which users know it.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// The name under which the program does as tcpflow does, where programs look at what it prints.
const TCPFLOW: &str = "tcpflow";
/// The version of tcpflow whose behaviour that is.
const TCPFLOW_VERSION: &str = "1.6.1";

impl Program {
    /// The same program as it was called: by its own name, or through a link as `tcpflow`.
    #[must_use]
    pub fn called(self, path: Option<&OsStr>) -> Self {
        let stem = path.map(Path::new).and_then(Path::file_stem);
        if stem.is_some_and(|stem| stem == TCPFLOW) { Self { name: TCPFLOW, ..self } } else { self }
    }

    /// Whether it was called as `tcpflow`.
    #[must_use]
    pub fn is_tcpflow(&self) -> bool {
        self.name == TCPFLOW
    }
}

/// What the process has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Process captures.
    Run(Box<Options>),
    /// Print this to standard output and leave with 0.
    Print(String),
    /// Print this to standard output and leave with 1, as tcpflow does.
    Imitate(String),
    /// Print the system's interfaces and leave.
    ListInterfaces,
    /// Print the types of timestamps of an interface, or of the system's choice, and leave.
    ListTimestampTypes(Option<String>),
}

/// A command line that cannot be obeyed. Its text has the reason and what to do, without the
/// program's name in front and without a line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError(String);

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CliError {}

/// Understands a command line, as `std::env::args_os` gives it: the program's own name comes first.
///
/// # Errors
/// [`CliError`] for options that do not exist, are not built yet, lack their argument or have a wrong
/// one, and when there is nothing to read.
pub fn parse(args: impl IntoIterator<Item = OsString>, program: &Program) -> Result<Action, CliError> {
    let args: Vec<OsString> = args.into_iter().collect();
    let mut command = command(program.name, program.version);
    let matches = command.try_get_matches_from_mut(&args).map_err(|error| reword(&error))?;

    if matches.get_flag(id::VERSION) {
        return Ok(if program.is_tcpflow() {
            Action::Imitate(format!("TCPFLOW {TCPFLOW_VERSION}\n"))
        } else {
            Action::Print(format!("{} {}\n", program.name, program.version))
        });
    }
    let usage = matches.get_count(id::USAGE);
    if matches.get_flag(id::HELP) || usage > 1 {
        return Ok(Action::Print(help::long(command)));
    }
    if usage == 1 {
        return Ok(Action::Print(help::short(&command)));
    }
    if matches.get_flag(id::INTERFACES) {
        return Ok(Action::ListInterfaces);
    }
    if matches.get_flag(id::TIMESTAMPS) {
        return Ok(Action::ListTimestampTypes(matches.get_one(id::INTERFACE).cloned()));
    }
    if matches.get_flag(id::SCANNERS) {
        return Ok(Action::Print(help::scanners()));
    }
    Ok(Action::Run(Box::new(options(&matches, args, program)?)))
}

/// clap's message in one line: the reason and its tip, without usage and pointers to other pages.
fn reword(error: &clap::Error) -> CliError {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let (reason, rest) = text.split_once('\n').unwrap_or((text, ""));
    let tip = rest.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    CliError(match tip {
        // The tip for every unknown option, to pass it as a word, helps nobody here.
        Some(tip) if !tip.starts_with("to pass ") => format!("{reason}; {tip}"),
        _ if error.kind() == clap::error::ErrorKind::UnknownArgument => format!("{reason}; see -h"),
        _ => reason.to_owned(),
    })
}

fn options(
    matches: &ArgMatches,
    command_line: Vec<OsString>,
    program: &Program,
) -> Result<Options, CliError> {
    let words: Vec<&OsString> = matches.get_many(id::WORDS).unwrap_or_default().collect();
    let inputs = inputs(matches, &words)?;
    let filter = if matches.get_flag(id::FILES) { None } else { filter(&words)? };
    let console = console(matches);
    let NameLetters { names, no_files, md5 } = names(matches);
    let template: Option<String> = matches.get_one(id::TEMPLATE).cloned();
    Template::parse(template.as_deref(), &names)
        .map_err(|error| CliError(format!("-T '{}': {error}", template.as_deref().unwrap_or_default())))?;
    let settings = settings(matches);
    let scanners = scanners(matches, md5);
    let captures = matches.get_flag(id::CAPTURES) && !no_files;
    let files = console.is_none() && !no_files && !captures && scanners.has(ScannerName::Tcpdemux);
    let scan = ScanOptions {
        input_algorithms: input_algorithms(matches),
        algorithms: algorithms(matches, &scanners),
        tcp_command: settings.tcp_command.clone(),
        tcp_alert: settings.tcp_alert,
        http_command: settings.http_command.clone(),
        http_alert: settings.http_alert,
        keep_coded: matches.get_flag(id::CODED),
        har: path(matches, id::HAR),
        scanners,
    };
    let (overlap, targets) = overlap(matches);
    let live = live::settings(matches, filter.as_ref(), settings.read_timeout);
    let filter = filter.filter(|_| live.is_none());
    let idle_timeout = matches.get_one(id::IDLE_TIMEOUT).copied().or(settings.tcp_timeout);
    let idle_default = if live.is_some() { live::IDLE_TIMEOUT } else { 0 };

    let rotate = bounds::rotate(matches, console.is_some())?;
    let options = Options {
        max_disk: bounds::max_disk(matches, rotate.as_ref())?,
        flush: bounds::flush(matches),
        rotate,
        inputs,
        live,
        time_shift: settings.time_shift,
        statistics_interval: matches
            .get_one(id::STATISTICS)
            .copied()
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
        filter,
        ignore_encapsulation: matches.get_flag(id::IGNORE_ENCAPSULATION),
        tunnel_ports: tunnel_ports(matches)?,
        check_fcs: settings.check_fcs,
        output_dir: path(matches, id::OUTPUT).unwrap_or_else(|| PathBuf::from(".")),
        files,
        template,
        names,
        captures,
        rights: rights(matches)?,
        rest: rest(matches, console.is_some())?,
        index: matches.get_flag(id::INDEX) && files,
        max_bytes: matches.get_one(id::MAX_BYTES).copied(),
        max_jump: matches
            .get_one(id::MAX_JUMP)
            .map_or(Config::DEFAULT_MAX_JUMP, |bytes: &u64| (*bytes).try_into().unwrap_or(u32::MAX)),
        max_hole: matches.get_one(id::MAX_HOLE).copied().unwrap_or_default(),
        overlap,
        targets,
        urgent: matches.get_one(id::URGENT).copied().unwrap_or_default(),
        paws: matches.get_one(id::PAWS).copied().unwrap_or_default(),
        window: matches.get_one(id::WINDOW).copied().unwrap_or_default(),
        report: match path(matches, id::REPORT) {
            _ if !settings.report => ReportTarget::None,
            Some(file) => ReportTarget::File(file),
            None if console.is_some() => ReportTarget::None,
            None => ReportTarget::Default,
        },
        report_shape: if matches.get_flag(id::COMPAT) || program.is_tcpflow() {
            Shape::Tcpflow
        } else {
            Shape::Dfxml
        },
        json_lines: json_lines(matches, console.is_some())?,
        max_open_files: matches.get_one::<usize>(id::MAX_OPEN_FILES).and_then(|n| NonZeroUsize::new(*n)),
        max_connections: matches.get_one(id::MAX_CONNECTIONS).copied(),
        idle_timeout: Some(idle_timeout.unwrap_or(idle_default))
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
        fragment_policy: matches.get_one(id::FRAGMENT_POLICY).copied().unwrap_or_default(),
        fragment_memory: matches.get_one(id::FRAGMENT_MEMORY).copied(),
        checksums: matches.get_one(id::CHECKSUMS).copied().unwrap_or_default(),
        verbosity: verbosity(matches),
        console_order: matches.get_one(id::ORDER).copied().unwrap_or_default(),
        hole_timeout: Some(matches.get_one(id::HOLE_TIMEOUT).copied().unwrap_or(DEFAULT_HOLE_TIMEOUT))
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
        lock: matches.get_one(id::LOCK).cloned().filter(|_| console.is_some()),
        notes: notes(matches, console, files, captures, &scan, &settings),
        scan,
        console,
        command_line,
    };
    outputs_differ(&options)?;
    Ok(options)
}

/// Makes sure that no two of the files that are written beside those of flows are one. Pipes and devices may be.
fn outputs_differ(options: &Options) -> Result<(), CliError> {
    // With numbered directories these are names in each of them.
    let inside = options.rotate.is_some();
    let report = match (&options.report, inside) {
        (ReportTarget::Default, true) => Some(PathBuf::from("report.xml")),
        _ => options.report_path(),
    };
    let lines = options.json_lines.clone();
    let named = [(report, "the report"), (options.rest.clone(), "-w"), (lines, "--jsonl")];
    let named = named.into_iter().chain([(options.scan.har.clone(), "--har")]);
    let mut known: Vec<(PathBuf, &str)> = Vec::new();
    for (path, name) in named.filter_map(|(path, name)| Some((path?, name))) {
        let is_special =
            path.as_os_str() == "-" || !inside && path.metadata().is_ok_and(|facts| !facts.is_file());
        let whole = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        if let Some((_, other)) = known.iter().find(|(known, _)| *known == whole && !is_special) {
            return Err(CliError(format!("{other} and {name} would write one file, {}", path.display())));
        }
        known.push((whole, name));
    }
    Ok(())
}

fn inputs(matches: &ArgMatches, words: &[&OsString]) -> Result<Vec<Input>, CliError> {
    let as_files = matches.get_flag(id::FILES);
    if as_files && words.is_empty() {
        return Err(CliError("-l needs the files to read, such as: -l *.pcap".to_owned()));
    }
    let all = |id| matches.get_many::<PathBuf>(id).unwrap_or_default().cloned();
    let listed = words.iter().filter(|_| as_files).map(PathBuf::from);
    let input = |role| move |path| Input { path, role };
    let mut inputs: Vec<Input> = all(id::READ).chain(listed).map(input(InputRole::Read)).collect();
    let completing: Vec<Input> = all(id::COMPLETE).map(input(InputRole::Complete)).collect();

    if inputs.is_empty() && !completing.is_empty() {
        return Err(CliError(
            "nothing to read: -R FILE only completes flows; give the capture in which they begin with -r FILE"
                .to_owned(),
        ));
    }
    inputs.extend(completing);
    if inputs.iter().filter(|input| input.is_stdin()).count() > 1 {
        return Err(CliError("standard input (-) can be read only once".to_owned()));
    }
    Ok(inputs)
}

fn tunnel_ports(matches: &ArgMatches) -> Result<Vec<(UdpTunnel, u16)>, CliError> {
    let ports: Vec<_> = matches.get_many(id::TUNNEL_PORT).unwrap_or_default().copied().collect();
    if ports.len() > MAX_TUNNEL_PORTS {
        return Err(CliError(format!("--tunnel-port can be given {MAX_TUNNEL_PORTS} times at most")));
    }
    Ok(ports)
}

fn filter(words: &[&OsString]) -> Result<Option<String>, CliError> {
    let mut filter = String::new();
    for word in words {
        let word = word.to_str().ok_or_else(|| {
            CliError(format!("'{}' in the filter expression is not valid text (UTF-8)", word.display()))
        })?;
        if !filter.is_empty() {
            filter.push(' ');
        }
        filter.push_str(word);
    }
    Ok(Some(filter).filter(|text| !text.trim().is_empty()))
}

fn console(matches: &ArgMatches) -> Option<ConsoleOptions> {
    let bare = matches.get_flag(id::BARE);
    if !bare && !matches.get_flag(id::CONSOLE) {
        return None;
    }
    Some(ConsoleOptions {
        headers: !bare,
        form: if matches.get_flag(id::HEX) {
            Form::Hex
        } else if matches.get_flag(id::JSON) {
            Form::Json
        } else if matches.get_flag(id::BINARY) {
            Form::Binary
        } else {
            Form::Printable
        },
        colour: matches.get_flag(id::COLOUR),
        newline: !matches.get_flag(id::NO_NEWLINE),
    })
}

/// What `-F` says.
#[derive(Default)]
struct NameLetters {
    names: NameFlags,
    no_files: bool,
    md5: bool,
}

fn names(matches: &ArgMatches) -> NameLetters {
    let template_at = matches.index_of(id::TEMPLATE).unwrap_or(0);
    let mut said = NameLetters::default();
    said.names.portable = matches.get_flag(id::PORTABLE);
    let places = matches.indices_of(id::NAMES).into_iter().flatten();
    let values = matches.get_many::<Vec<NameLetter>>(id::NAMES).unwrap_or_default();
    for (place, letters) in places.zip(values) {
        for letter in letters {
            match letter {
                NameLetter::Count => said.names.count = true,
                NameLetter::NoFiles => said.no_files = true,
                NameLetter::Md5 => said.md5 = true,
                NameLetter::Prefix(prefix) if place > template_at => said.names.prefixes.push(*prefix),
                NameLetter::Prefix(_) => {}
            }
        }
    }
    said
}

/// The scanners that are on after `-a`, `-e`, `-E` and `-x`, in the order in which they were given.
fn scanners(matches: &ArgMatches, md5: bool) -> Choice {
    type Change = fn(&mut Choice, &[ScannerName]);
    let mut changes: Vec<(usize, Change, Vec<ScannerName>)> = Vec::new();
    let options: [(&str, Change); 3] =
        [(id::ENABLE, Choice::enable), (id::ONLY, Choice::only), (id::DISABLE, Choice::disable)];
    for (id, change) in options {
        let places = matches.indices_of(id).into_iter().flatten();
        let names = matches.get_many::<Vec<ScannerName>>(id).unwrap_or_default();
        changes.extend(places.zip(names).map(|(place, names)| (place, change, names.clone())));
    }
    if matches.get_flag(id::ALL) {
        let place = matches.index_of(id::ALL).unwrap_or(0);
        changes.push((place, Choice::enable, SCANNERS.to_vec()));
    }
    changes.sort_by_key(|(place, ..)| *place);
    let mut choice = Choice::default();
    if md5 {
        choice.enable(&[ScannerName::Md5]);
    }
    for (_, change, names) in changes {
        change(&mut choice, &names);
    }
    choice
}

/// The digests that are wanted, each once: MD5 for the scanner of that name, and those of `--hash`.
fn algorithms(matches: &ArgMatches, scanners: &Choice) -> Vec<Algorithm> {
    let mut algorithms = hashes(matches);
    if scanners.has(ScannerName::Md5) && !algorithms.contains(&Algorithm::Md5) {
        algorithms.insert(0, Algorithm::Md5);
    }
    algorithms
}

/// The digests that are wanted of the inputs: those of `--hash`, or else SHA-256.
fn input_algorithms(matches: &ArgMatches) -> Vec<Algorithm> {
    if !matches.get_flag(id::HASH_INPUTS) {
        return Vec::new();
    }
    let mut algorithms = hashes(matches);
    if algorithms.is_empty() {
        algorithms.push(Algorithm::Sha256);
    }
    algorithms
}

/// The algorithms of `--hash`, each once.
fn hashes(matches: &ArgMatches) -> Vec<Algorithm> {
    let given = matches.get_many::<Vec<Algorithm>>(id::HASH).unwrap_or_default();
    let mut algorithms: Vec<_> = given.flatten().copied().collect();
    algorithms.sort_unstable();
    algorithms.dedup();
    algorithms
}

/// The policy of all receivers, and of those in networks.
fn overlap(matches: &ArgMatches) -> (OverlapPolicy, Vec<Target>) {
    let (mut all, mut targets) = (OverlapPolicy::default(), Vec::new());
    for overlap in matches.get_many(id::OVERLAP).unwrap_or_default() {
        match *overlap {
            Overlap::All(policy) => all = policy,
            Overlap::Network(target) => targets.push(target),
        }
    }
    (all, targets)
}

/// The values of `-S`; the last of a name counts.
#[derive(Default)]
struct Settings {
    report: bool,
    tcp_timeout: Option<u64>,
    check_fcs: bool,
    tcp_command: Option<CommandLine>,
    tcp_alert: Option<i32>,
    http_command: Option<CommandLine>,
    http_alert: Option<i32>,
    read_timeout: Option<u64>,
    time_shift: i64,
    /// Settings of a scanner that is not built.
    netviz: Vec<&'static str>,
}

fn settings(matches: &ArgMatches) -> Settings {
    let mut settings = Settings { report: true, check_fcs: true, ..Settings::default() };
    for setting in matches.get_many(id::SET).unwrap_or_default() {
        match setting {
            Setting::EnableReport(on) => settings.report = *on,
            Setting::CheckFcs(on) => settings.check_fcs = *on,
            Setting::TcpTimeout(seconds) => settings.tcp_timeout = Some(*seconds),
            Setting::TcpCommand(command) => settings.tcp_command = command.clone(),
            Setting::TcpAlert(descriptor) => settings.tcp_alert = *descriptor,
            Setting::HttpCommand(command) => settings.http_command = command.clone(),
            Setting::HttpAlert(descriptor) => settings.http_alert = *descriptor,
            Setting::PacketBufferTimeout(milliseconds) => settings.read_timeout = Some(*milliseconds),
            Setting::TimeShift(seconds) => settings.time_shift = *seconds,
            Setting::Netviz(name) => settings.netviz.push(name),
        }
    }
    settings
}

fn verbosity(matches: &ArgMatches) -> Verbosity {
    if matches.get_flag(id::QUIET) {
        Verbosity(0)
    } else if matches.get_flag(id::VERBOSE) {
        Verbosity(VERBOSE)
    } else {
        matches.get_one(id::DEBUG).copied().map_or_else(Verbosity::default, Verbosity)
    }
}

/// Options without effect here; tcpflow takes them silently, so they are no errors.
fn notes(
    matches: &ArgMatches,
    console: Option<ConsoleOptions>,
    files: bool,
    captures: bool,
    scan: &ScanOptions,
    settings: &Settings,
) -> Vec<String> {
    const FOR_CONSOLE: [(&str, &str); 9] = [
        ("-B", id::BINARY),
        ("-s", id::STRIP),
        ("-D", id::HEX),
        ("-J", id::JSON),
        ("-g", id::COLOUR),
        ("-0", id::NO_NEWLINE),
        ("-L", id::LOCK),
        ("--order", id::ORDER),
        ("--hole-timeout", id::HOLE_TIMEOUT),
    ];
    let mut notes = Vec::new();
    live::notes(matches, &mut notes);
    if console.is_none() {
        for (name, _) in FOR_CONSOLE.iter().filter(|(_, id)| given(matches, id)) {
            notes.push(format!("{name} has no effect without -c or -C"));
        }
    }
    if matches.get_flag(id::CAPTURES) && !captures {
        notes.push("-K has no effect: -FX asks for no files".to_owned());
    }
    if !files && matches.get_flag(id::INDEX) {
        notes.push("-I has no effect: no files are written".to_owned());
    }
    if scan.scanners.has(ScannerName::Netviz) {
        notes.push("netviz is not built yet: there will be no report.pdf".to_owned());
    }
    let report = settings.report && (console.is_none() || given(matches, id::REPORT));
    if scan.scanners.has(ScannerName::Wifiviz) && !report {
        notes.push("wifiviz has no effect: no report is written".to_owned());
    }
    if !scan.input_algorithms.is_empty() && !report {
        notes.push("--hash-inputs has no effect: no report is written".to_owned());
    }
    for name in &settings.netviz {
        notes.push(format!("-S {name} has no effect: netviz is not built yet"));
    }
    if !scan.scanners.has(ScannerName::Http) {
        for (name, given) in [
            ("-Z", scan.keep_coded && scan.har.is_none()),
            ("-S http_cmd", scan.http_command.is_some()),
            ("-S http_alert_fd", scan.http_alert.is_some()),
        ] {
            if given {
                notes.push(format!("{name} has no effect without -e http"));
            }
        }
    }
    if !files {
        for (name, wanted) in [
            ("digests (-FM, -e md5, --hash)", !scan.algorithms.is_empty()),
            ("-S tcp_cmd", scan.tcp_command.is_some()),
            ("-S tcp_alert_fd", scan.tcp_alert.is_some()),
            ("HTTP bodies (-e http)", scan.scanners.has(ScannerName::Http)),
            ("--har", scan.har.is_some()),
        ] {
            if wanted {
                notes.push(format!("no files are written, so there is nothing for {name}"));
            }
        }
    }
    notes
}

fn rights(matches: &ArgMatches) -> Result<Rights, CliError> {
    let rights = Rights {
        user: matches.get_one(id::USER).cloned(),
        root: path(matches, id::ROOT),
        no_sandbox: matches.get_flag(id::NO_SANDBOX),
        umask: matches.get_one(id::UMASK).copied(),
    };
    if rights.root.is_some() && rights.user.is_none() {
        return Err(CliError("-z needs -U: root can leave any root directory".to_owned()));
    }
    Ok(rights)
}

fn rest(matches: &ArgMatches, printing: bool) -> Result<Option<PathBuf>, CliError> {
    let is_stdout = |file: &PathBuf| file.as_os_str() == "-";
    let file = path(matches, id::REST);
    if file.as_ref().is_some_and(is_stdout) {
        let other = match path(matches, id::JSON_LINES) {
            _ if printing => Some("the console (-c, -C)"),
            Some(lines) if is_stdout(&lines) => Some("--jsonl -"),
            _ => None,
        };
        if let Some(other) = other {
            return Err(CliError(format!("-w - and {other} would mix; give -w a file")));
        }
    }
    Ok(file)
}

fn json_lines(matches: &ArgMatches, printing: bool) -> Result<Option<PathBuf>, CliError> {
    let file = path(matches, id::JSON_LINES);
    if printing && file.as_ref().is_some_and(|file| file.as_os_str() == "-") {
        return Err(CliError("--jsonl - and the console (-c, -C) would mix; give --jsonl a file".to_owned()));
    }
    Ok(file)
}

fn path(matches: &ArgMatches, id: &str) -> Option<PathBuf> {
    matches.get_one(id).cloned()
}

/// Whether the option stood on the command line.
fn given(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

#[cfg(test)]
mod tests;
