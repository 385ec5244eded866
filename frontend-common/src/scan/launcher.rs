//! Where the programs of [`command`](super::command) are started: in this process, or in another one that was begun
//! before there were capture bytes to read.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// A program and its first arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    pub(super) program: String,
    arguments: Vec<String>,
}

impl CommandLine {
    /// Splits a command line as a POSIX shell does, without substitutions.
    ///
    /// # Errors
    /// There is no word in it, or a quote that is not closed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = shlex::split(text).ok_or("a quote is not closed")?.into_iter();
        let program = words.next().ok_or("a program is wanted, with its first arguments")?;
        Ok(Self { program, arguments: words.collect() })
    }

    /// Runs the program for a file and waits for its end.
    fn run(&self, file: &Path) -> io::Result<ExitStatus> {
        // A name cannot be taken for an option: it begins with the output directory, or with `./` here.
        let file = if file.as_os_str().as_encoded_bytes().starts_with(b"-") {
            Path::new(".").join(file)
        } else {
            file.to_owned()
        };
        Command::new(&self.program).args(&self.arguments).arg(file).stdin(Stdio::null()).status()
    }
}

/// How a program ended: the number under which it was started, and its status or why it was not started.
pub type End = (u64, io::Result<ExitStatus>);

/// Starts programs and reports their ends.
pub trait Launcher: Debug + Send + Sync {
    /// Starts the program for a file, under a number that no running program has.
    ///
    /// # Errors
    /// No program can be started any more. A program that cannot be started for this file is an [`End`].
    fn start(&self, number: u64, file: &Path) -> io::Result<()>;

    /// Waits until a program ends. Called by one thread at a time, while a program runs.
    ///
    /// # Errors
    /// No more ends are reported.
    fn next_end(&self) -> io::Result<End>;
}

/// Starts programs in this process, each in a thread that waits for its end.
#[derive(Debug)]
pub struct InProcess {
    command: CommandLine,
    ended: Sender<End>,
    ends: Mutex<Receiver<End>>,
}

impl InProcess {
    /// Starts this program.
    #[must_use]
    pub fn new(command: CommandLine) -> Self {
        let (ended, ends) = channel();
        Self { command, ended, ends: Mutex::new(ends) }
    }
}

impl Launcher for InProcess {
    fn start(&self, number: u64, file: &Path) -> io::Result<()> {
        let (command, ended, file) = (self.command.clone(), self.ended.clone(), PathBuf::from(file));
        let work = move || {
            // Fails where nothing waits for the end any more.
            let _ = ended.send((number, command.run(&file)));
        };
        thread::Builder::new().name("program".to_owned()).spawn(work)?;
        Ok(())
    }

    fn next_end(&self) -> io::Result<End> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.recv().map_err(io::Error::other)
    }
}
