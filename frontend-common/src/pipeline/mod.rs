//! One run: inputs through the core into files, console and report.
//!
//! ```text
//! input ─► core (this thread) ─► operations, sharded by name ─► writers ─► scanners ─► reporter
//!                │                                              files      digests     report, totals
//!                └► console                                     (threads)  (threads)   (thread)
//! ```
//!
//! Operations travel in batches through bounded channels. Scanners are there when something is asked of them. An error in any stage ends the run: what was
//! accepted stays, the report is closed, the message names the file. A stop, as a signal asks for,
//! ends the run the way the end of the input does.

mod batches;
mod bounds;
mod budget;
mod complaints;
mod confine;
mod dispatch;
mod ending;
mod finished;
mod frames;
mod holes;
mod originals;
mod outputs;
mod prepare;
mod printer;
mod reading;
mod renewing;
mod reporter;
mod rotation;
mod run;
mod scanning;
mod tee;
mod writer;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use confine::{Needs, Owner};
pub use run::run;

use crate::input::FilterCompiler;
use crate::input::live::{Interface, LiveDevice, LiveSettings, TimestampType};
use crate::output::console::ConsoleLock;
use crate::report::{Host, Usage};
use crate::scan::command::CommandLine;
use crate::scan::launcher::{InProcess, Launcher};

/// Why there is no live capture, where there is none.
const NO_CAPTURE: &str = "live capture is not built for this system yet; record with another program, such as \
                          Wireshark, then read with -r FILE";

/// What a run needs of the operating system.
pub trait System {
    /// Compiles filter expressions.
    fn filters(&self) -> &dyn FilterCompiler;

    /// The interfaces that can be captured from.
    ///
    /// # Errors
    /// The system does not tell: why.
    fn interfaces(&self) -> Result<Vec<Interface>, String> {
        Err(NO_CAPTURE.to_owned())
    }

    /// The types of timestamps that an interface has; of the one that the system chooses without a name.
    ///
    /// # Errors
    /// The system does not tell.
    fn timestamp_types(&self, _interface: Option<&str>) -> Result<Vec<TimestampType>, String> {
        Err(NO_CAPTURE.to_owned())
    }

    /// Opens an interface.
    ///
    /// # Errors
    /// It cannot be opened: why, and what to do.
    fn open_live(&self, _settings: &LiveSettings) -> Result<Box<dyn LiveDevice>, String> {
        Err(NO_CAPTURE.to_owned())
    }

    /// Looks up the user whom the run is to become, then changes the root directory, if there is one to change to.
    /// Called when interfaces and inputs are open and nothing else is.
    ///
    /// # Errors
    /// There is no such user, or the root directory cannot be changed.
    fn enter(&self, user: &str, _root: Option<&Path>) -> Result<Owner, String> {
        Err(format!("-U {user}: this is not built for this system; leave out -U and -z"))
    }

    /// Becomes a user, so that there is no way back. Called before any thread begins.
    ///
    /// # Errors
    /// Some right would stay.
    fn become_user(&self, owner: &Owner) -> Result<(), String> {
        Err(format!("-U {}: this is not built for this system; leave out -U and -z", owner.name))
    }

    /// What starts a program for files below the directory `below`, where [`confine`](Self::confine) takes away the
    /// right to start programs. Called before threads begin and before anything of a capture is read.
    ///
    /// # Errors
    /// The system's.
    fn launcher(&self, command: &CommandLine, _below: &Path) -> io::Result<Box<dyn Launcher>> {
        Ok(Box::new(InProcess::new(command.clone())))
    }

    /// Takes every right away from the process, as far as the kernel can, that is not among `needs`. Called before
    /// threads begin.
    ///
    /// # Errors
    /// The kernel can and does not, or a thread has begun.
    fn confine(&self, _needs: &Needs) -> Result<Sandbox, String> {
        Ok(Sandbox::NotBuilt)
    }

    /// Takes permissions away from all files that are made from now on (`--umask`).
    ///
    /// # Errors
    /// The system has no such permissions.
    fn set_umask(&self, _mode: u32) -> Result<(), String> {
        Err("--umask: this is not built for this system; leave it out".to_owned())
    }

    /// The machine and the user, for the report.
    fn host(&self) -> Host;

    /// Resources used so far, for the report.
    fn usage(&self) -> Option<Usage>;

    /// How many files this process may have open, where there is a limit.
    fn open_file_limit(&self) -> Option<usize>;

    /// The descriptor of this number, which the caller of the program opened.
    ///
    /// # Errors
    /// It is not open, or the system has no such descriptors.
    fn descriptor(&self, number: i32) -> io::Result<File>;

    /// The semaphore of this name, made if it is not there (`-L`).
    ///
    /// # Errors
    /// It cannot be had: why.
    fn lock(&self, _name: &str) -> Result<Box<dyn ConsoleLock>, String> {
        Err("this system has no named semaphores; leave -L out".to_owned())
    }

    /// Names and versions of libraries, for the report.
    fn libraries(&self) -> Vec<(String, String)>;

    /// Memory that the run may take, in bytes, where the system tells.
    fn memory(&self) -> Option<u64> {
        None
    }

    /// Processors that the run may use. The output is the same with any number.
    fn processors(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

/// What [`System::confine`] came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// Everything was taken away.
    Whole,
    /// Something the kernel cannot take away: what.
    Part(String),
    /// The kernel can take away nothing: why.
    None(String),
    /// There is none for this system.
    NotBuilt,
}

/// Puts a message for the user on standard error, under the program's name.
pub type Say<'a> = &'a dyn Fn(&str);

/// Asks a run to end, and for what it can do while it goes on; clones ask the same run.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    end: Arc<AtomicBool>,
    statistics: Arc<AtomicBool>,
    /// Only runs without an end of their own have more than one report.
    report: Option<Arc<AtomicBool>>,
}

impl Stop {
    /// For a live capture, which can be asked for another report.
    #[must_use]
    pub fn live() -> Self {
        Self { report: Some(Arc::default()), ..Self::default() }
    }

    /// The flag itself, for a signal handler.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.end)
    }

    /// The flag that asks for statistics, which the run takes down.
    #[must_use]
    pub fn statistics_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.statistics)
    }

    /// The flag that asks for the end of the report and for the next one, where there can be one.
    #[must_use]
    pub fn report_flag(&self) -> Option<Arc<AtomicBool>> {
        self.report.clone()
    }

    /// Asks.
    pub fn ask(&self) {
        self.end.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    /// Whether somebody wants statistics, once.
    fn take_statistics(&self) -> bool {
        self.statistics.load(Ordering::Relaxed) && self.statistics.swap(false, Ordering::Relaxed)
    }

    /// Whether somebody wants another report, once.
    fn take_report(&self) -> bool {
        let taken =
            |flag: &Arc<AtomicBool>| flag.load(Ordering::Relaxed) && flag.swap(false, Ordering::Relaxed);
        self.report.as_ref().is_some_and(taken)
    }
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What went wrong, each with the file that it is about; empty for a good run. The user has been
    /// told each of them when it happened.
    pub errors: Vec<String>,
    /// The summary for standard error; empty when quiet.
    pub summary: String,
}

/// Starts a thread that messages call `name`.
fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<std::thread::JoinHandle<T>, String> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| format!("cannot start the thread of the {name}: {error}"))
}
