//! The program around a run, the same for every front-end: command line, messages, exit status.
//!
//! Exit status: 0 for a good run, 1 when something went wrong (what was accepted is kept), 2 for a
//! command line that cannot be obeyed; after an interruption whatever the front-end says.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use tapflow_core::LinkType;

use crate::cli::{self, Action, Options, Program, Surroundings, USAGE_EXIT_CODE};
use crate::input::live::{Interface, TimestampType};
use crate::input::{Filter, expression};
use crate::report::{for_terminal, lines_for_terminal};
use crate::run::{self, Stop, System};

/// How the system told the run to end early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// What it was, to stand after "stopped by".
    pub name: String,
    /// The exit status that says so.
    pub exit_code: u8,
}

/// Tells whether an interruption came.
pub type Interruptions = Box<dyn Fn() -> Option<Interruption>>;

/// Obeys the command line `args`, the program's own name first.
///
/// `catch` is called once, before a run: from then on an interruption asks the [`Stop`] it was given.
/// Errors, warnings and the summary go to standard error.
pub fn main(
    program: &Program,
    args: impl IntoIterator<Item = OsString>,
    system: &dyn System,
    catch: impl FnOnce(&Stop) -> io::Result<Interruptions>,
) -> ExitCode {
    let complain = |message: &str| {
        // A message that nobody can read is no reason to fail.
        let _ = writeln!(io::stderr(), "{}: {}", program.name, for_terminal(message));
    };
    match cli::parse_within(args, program, &Here(system)) {
        Ok(Action::Run(options)) => run(program, &options, system, catch, complain),
        Ok(Action::Imitate(text)) => {
            print(&text, complain);
            ExitCode::FAILURE
        }
        Ok(Action::Explain(text)) => {
            let _ = io::stderr().write_all(text.as_bytes());
            ExitCode::from(USAGE_EXIT_CODE)
        }
        Ok(Action::Print(text)) => print(&text, complain),
        Ok(Action::ListInterfaces) => match system.interfaces() {
            Ok(interfaces) => print(&list(&interfaces), complain),
            Err(error) => {
                complain(&error);
                ExitCode::FAILURE
            }
        },
        Ok(Action::ListTimestampTypes(interface)) => match system.timestamp_types(interface.as_deref()) {
            Ok(types) => print(&list_types(&types), complain),
            Err(error) => {
                complain(&error);
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(USAGE_EXIT_CODE)
        }
    }
}

/// The system around a command line.
struct Here<'a>(&'a dyn System);

impl Surroundings for Here<'_> {
    fn is_file(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|facts| !facts.is_dir())
    }

    fn filter_fault(&self, expression: &str) -> Option<String> {
        let filters = self.0.filters();
        // A missing compiler is no fault of the expression: the run fails with its reason.
        if filters.is_missing() || Filter::new(filters, expression).is_ok() {
            return None;
        }
        let compile = |text: &str| filters.compile(LinkType::ETHERNET, text).map(drop);
        let reason = compile(expression).err().unwrap_or_default();
        Some(expression::explain(expression, &reason, &|text| compile(text).is_ok()))
    }

    fn input_is_piped(&self) -> bool {
        is_piped(io::stdin())
    }
}

/// Whether standard input is a pipe or a file: neither a terminal nor a device such as `/dev/null`.
#[cfg(unix)]
fn is_piped(input: io::Stdin) -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;
    let facts = input.as_fd().try_clone_to_owned().and_then(|input| File::from(input).metadata());
    facts.is_ok_and(|facts| facts.is_file() || facts.file_type().is_fifo())
}

/// Whether standard input is a file. Pipes look like other devices here: they need `-r -`.
#[cfg(windows)]
fn is_piped(input: io::Stdin) -> bool {
    use std::os::windows::io::AsHandle;
    let facts = input.as_handle().try_clone_to_owned().and_then(|input| File::from(input).metadata());
    facts.is_ok_and(|facts| facts.is_file())
}

fn run(
    program: &Program,
    options: &Options,
    system: &dyn System,
    catch: impl FnOnce(&Stop) -> io::Result<Interruptions>,
    complain: impl Fn(&str),
) -> ExitCode {
    let stop = if options.live.is_some() { Stop::live() } else { Stop::default() };
    let interruptions = match catch(&stop) {
        Ok(interruptions) => interruptions,
        Err(error) => {
            complain(&format!("cannot catch interruptions: {error}"));
            return ExitCode::FAILURE;
        }
    };
    if !options.verbosity.is_quiet() {
        options.notes.iter().for_each(|note| complain(note));
    }
    if program.is_tcpflow()
        && options.rotate.is_none()
        && let Some(path) = options.report_path()
    {
        let _ = writeln!(io::stderr(), "reportfilename: {}", for_terminal(&path.display().to_string()));
    }
    let outcome = run::run(options, system, &stop, &complain);
    let interruption = interruptions();
    if let Some(interruption) = &interruption
        && !options.verbosity.is_quiet()
    {
        if program.is_tcpflow() {
            complain("terminating orderly");
        }
        complain(&format!("stopped by {}; everything read before it was used", interruption.name));
    }
    let _ = io::stderr().write_all(lines_for_terminal(&outcome.summary).as_bytes());
    match interruption {
        // A live capture has no other end.
        Some(interruption) if options.live.is_none() => ExitCode::from(interruption.exit_code),
        _ if outcome.errors.is_empty() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The interfaces, a line each: name, whether it is up, addresses, what the system calls it.
fn list(interfaces: &[Interface]) -> String {
    let width = interfaces.iter().map(|interface| interface.name.chars().count()).max().unwrap_or(0);
    let line = |interface: &Interface| {
        let mut text = format!("{:width$}  {:4}", interface.name, if interface.up { "up" } else { "down" });
        for address in &interface.addresses {
            text.push_str(&format!("  {address}"));
        }
        if let Some(description) = &interface.description {
            text.push_str(&format!("  ({description})"));
        }
        for_terminal(&text).into_owned() + "\n"
    };
    interfaces.iter().map(line).collect()
}

/// Types of timestamps, a line each.
fn list_types(types: &[TimestampType]) -> String {
    let width = types.iter().map(|kind| kind.name.len()).max().unwrap_or(0);
    let line = |kind: &TimestampType| format!("{:width$}  {}", kind.name, kind.description);
    types.iter().map(|kind| for_terminal(&line(kind)).into_owned() + "\n").collect()
}

/// Prints help or version; a reader that closes the pipe early has read enough.
fn print(text: &str, complain: impl Fn(&str)) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("standard output: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
