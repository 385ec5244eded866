//! tapflow for Linux: the command line, what the system has to give, and the exit status.
//!
//! Exit status: 0 for a good run, 1 when something went wrong (what was accepted is kept), 2 for a
//! command line that cannot be obeyed, 128 and the signal's number after a signal.

mod filter;
mod host;
mod limits;
mod signals;

use std::io::{self, Write};
use std::process::ExitCode;

use tapflow_common::cli::{self, Action, Options, Program, USAGE_EXIT_CODE};
use tapflow_common::input::FilterCompiler;
use tapflow_common::pipeline::{self, System};
use tapflow_common::report::{Host, Usage};

const PROGRAM: Program = Program { name: "tapflow", version: env!("CARGO_PKG_VERSION") };

fn main() -> ExitCode {
    match cli::parse(std::env::args_os(), &PROGRAM) {
        Ok(Action::Run(options)) => run(&options),
        Ok(Action::Print(text)) => print(&text),
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(USAGE_EXIT_CODE)
        }
    }
}

fn run(options: &Options) -> ExitCode {
    let signals = match signals::Signals::catch() {
        Ok(signals) => signals,
        Err(error) => {
            complain(&format!("cannot catch signals: {error}"));
            return ExitCode::FAILURE;
        }
    };
    if !options.verbosity.is_quiet() {
        options.notes.iter().for_each(|note| complain(note));
    }
    let outcome = pipeline::run(options, &Linux::default(), signals.stop());
    let signal = signals.caught();
    if let Some(signal) = signal
        && !options.verbosity.is_quiet()
    {
        complain(&format!("stopped by signal {signal}; everything read before it was used"));
    }
    let _ = io::stderr().write_all(outcome.summary.as_bytes());
    match signal {
        Some(signal) => ExitCode::from(128 + signal),
        None if outcome.errors.is_empty() => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}

/// Prints a message. That nobody can read it is no reason to fail.
fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "{}: {message}", PROGRAM.name);
}

/// Prints help or version; a reader that closes the pipe early has read enough.
fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("standard output: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// What a run needs of this system.
#[derive(Default)]
struct Linux {
    filters: filter::Libpcap,
}

impl System for Linux {
    fn filters(&self) -> &dyn FilterCompiler {
        &self.filters
    }

    fn host(&self) -> Host {
        host::host()
    }

    fn usage(&self) -> Option<Usage> {
        host::usage()
    }

    fn open_file_limit(&self) -> Option<usize> {
        limits::raise_open_files()
    }

    fn say(&self, message: &str) {
        complain(message);
    }

    fn libraries(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
