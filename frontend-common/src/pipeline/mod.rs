//! One run: inputs through the core into files, console and report.
//!
//! ```text
//! input ─► core (this thread) ─► operations, sharded by name ─► writers (threads) ─► reporter (thread)
//!                │                                                files, indexes        report, totals
//!                └► console
//! ```
//!
//! Operations travel in batches through bounded channels. An error in any stage ends the run: what was
//! accepted stays, the report is closed, the message names the file. A stop, as a signal asks for,
//! ends the run the way the end of the input does.

mod dispatch;
mod printer;
mod reporter;
mod run;
mod tee;
mod writer;

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use run::run;

use crate::input::FilterCompiler;
use crate::report::{Host, Usage};

/// What a run needs of the operating system.
pub trait System {
    /// Compiles filter expressions.
    fn filters(&self) -> &dyn FilterCompiler;

    /// The machine and the user, for the report.
    fn host(&self) -> Host;

    /// Resources used so far, for the report.
    fn usage(&self) -> Option<Usage>;

    /// How many files this process may have open, where there is a limit.
    fn open_file_limit(&self) -> Option<usize>;

    /// Names and versions of libraries, for the report.
    fn libraries(&self) -> Vec<(String, String)>;
}

/// Asks a run to end; clones ask the same run.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// The flag itself, for a signal handler.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Asks.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What went wrong, each with the file that it is about; empty for a good run.
    pub errors: Vec<String>,
    /// The summary for standard error; empty when quiet.
    pub summary: String,
}

/// The arguments as one would type them, for messages.
#[must_use]
pub fn program_name(arguments: &[OsString]) -> String {
    let first = arguments.first().map(std::path::Path::new);
    let name = first.and_then(|path| path.file_stem()).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "tapflow".to_owned())
}
