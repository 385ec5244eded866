//! The command line: tcpflow's options and a few more, from arguments to [`Options`].
//!
//! [`parse_within`] decides what the process does: run, or print something and exit. Options stand anywhere among the
//! other words, short ones may be bundled, long ones cut short; the words are files and a filter expression.

mod flags;
mod help;
mod line;
mod options;
mod surroundings;
mod values;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Command;

pub use options::{
    ConsoleOrder, DiskFull, Existing, Input, InputOrder, InputRole, LongHole, MAX_CONNECTIONS, MaxDisk,
    MaxHole, NetvizOptions, Options, PICTURES, ReportTarget, Rights, Rotate, ScanOptions,
};

use crate::report::TABLES;
pub use surroundings::{Nowhere, Surroundings};

use line::Line;

/// Exit status after a [`CliError`]. tcpflow has 1; here 1 is for runs that fail, 2 for those that never
/// began.
pub const USAGE_EXIT_CODE: u8 = 2;

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
    /// Print this to standard error, because nothing was asked for, and exit with [`USAGE_EXIT_CODE`].
    Explain(String),
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

/// Understands a command line, as `std::env::args_os` gives it: the program's own name comes first. Nothing outside of
/// it is looked at: words that are not options are a filter expression, which may be wrong.
///
/// # Errors
/// [`CliError`] for options that do not exist, lack their argument or have a wrong one, and for options that cannot be
/// used together.
pub fn parse(args: impl IntoIterator<Item = OsString>, program: &Program) -> Result<Action, CliError> {
    parse_within(args, program, &Nowhere)
}

/// The same, within `surroundings`: words can be files, and a filter expression is checked.
///
/// # Errors
/// The same, and for a wrong filter expression, and for a word that can be a file or belong to the filter.
pub fn parse_within(
    args: impl IntoIterator<Item = OsString>,
    program: &Program,
    surroundings: &dyn Surroundings,
) -> Result<Action, CliError> {
    let args: Vec<OsString> = args.into_iter().collect();
    let mut command = command(program.name, program.version);
    let matches = command.try_get_matches_from_mut(&args).map_err(|error| reword(&error))?;

    let line = Line::new(&matches, program, &args, surroundings);
    // The last in the table goes first: -V before --help before -h before the lists.
    match flags::all().rev().find_map(|flag| flag.action(&line, &command)) {
        Some(action) => Ok(action),
        None if args.len() <= 1 && !program.is_tcpflow() && !surroundings.input_is_piped() => {
            Ok(Action::Explain(help::introduction(&command)))
        }
        None => Ok(Action::Run(Box::new(options(&line)?))),
    }
}

/// The command line of a program with this name and version.
#[must_use]
pub fn command(name: &'static str, version: &'static str) -> Command {
    Command::new(name)
        .version(version)
        .about("Records TCP streams: writes each direction of each connection to its own file.")
        .override_usage(format!(
            "{name} [OPTIONS] FILE... [FILTER...]\n       {name} -i IF [OPTIONS] [FILTER...]"
        ))
        .max_term_width(100)
        .disable_help_flag(true)
        .disable_version_flag(true)
        // As getopt_long does: the last of a repeated option counts, long names may be cut short.
        .args_override_self(true)
        .infer_long_args(true)
        .args(flags::args())
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

fn options(line: &Line<'_>) -> Result<Options, CliError> {
    let mut options = Options {
        command_line: line.words.to_vec(),
        as_tcpflow: line.program.is_tcpflow(),
        ..Options::default()
    };
    for flag in flags::all() {
        flag.apply(line, &mut options)?;
    }
    for flag in flags::all() {
        flag.settle(line, &mut options)?;
    }
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
    let pictures = match inside {
        true => options.scan.netviz().map(|_| PathBuf::from(PICTURES)),
        false => options.pictures_path(),
    };
    let named = named.into_iter().chain([
        (options.scan.har.clone(), "--har"),
        (pictures, "-e netviz"),
        (options.page.clone(), "--page"),
    ]);
    let tables = TABLES.map(|name| (options.csv.as_ref().map(|folder| folder.join(name)), "--csv"));
    let named = named.chain(tables);
    let mut known: Vec<(PathBuf, &str)> = Vec::new();
    let mut on_standard_output = options.console.is_some().then_some("the console (-c, -C)");
    for (path, name) in named.filter_map(|(path, name)| Some((path?, name))) {
        if path.as_os_str() == "-" {
            let name = if name == "the report" { "-X" } else { name };
            if let Some(other) = on_standard_output.replace(name) {
                return Err(CliError(format!(
                    "{name} - and {other} would mix on standard output; give {name} a file"
                )));
            }
        }
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

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
