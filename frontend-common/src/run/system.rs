//! What a run needs of the operating system.

use std::fs::File;
use std::io;
use std::path::Path;

use super::confine::{Needs, Owner};
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
    /// Why the system does not list them.
    fn interfaces(&self) -> Result<Vec<Interface>, String> {
        Err(NO_CAPTURE.to_owned())
    }

    /// The types of timestamps that an interface has; of the one that the system chooses without a name.
    ///
    /// # Errors
    /// Why the system does not list them.
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

    /// Looks up the user that the run becomes, then changes the root directory, if there is one to change to.
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

    /// Creates what starts a program for files below the directory `below`, where [`confine`](Self::confine) takes away the
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
    /// Why it cannot be opened.
    fn lock(&self, _name: &str) -> Result<Box<dyn ConsoleLock>, String> {
        Err("this system has no named semaphores; leave -L out".to_owned())
    }

    /// Names and versions of libraries, for the report.
    fn libraries(&self) -> Vec<(String, String)>;

    /// Memory that the run may take, in bytes, if the system says.
    fn memory(&self) -> Option<u64> {
        None
    }

    /// Processors that the run may use. The output is the same with any number.
    fn processors(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }
}

/// The result of [`System::confine`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// Everything was taken away.
    Whole,
    /// Something stays that the kernel cannot take away: what.
    Part(String),
    /// The kernel can take away nothing: why.
    None(String),
    /// There is none for this system.
    NotBuilt,
}
