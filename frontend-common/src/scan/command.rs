//! A program that is run for each complete file: `tcp_cmd`, `http_cmd`.
//!
//! No shell is involved: the command line is split into words, once, and the file's name is one argument after
//! them, whatever characters are in it. A bounded number of programs runs at a time; the end of each one is awaited.
//! A [`Launcher`] starts them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::launcher::Launcher;
use super::{Connection, Scanner};
use crate::retention::DiskQuota;

pub use super::launcher::CommandLine;

/// Programs that run at a time.
pub const AT_ONCE: usize = 10;
/// Failures that are told one by one; more are counted.
const TOLD: usize = 5;

/// Runs a program for files.
#[derive(Debug)]
pub struct Runner {
    /// The setting, for messages.
    name: &'static str,
    program: String,
    shared: Arc<Shared>,
}

/// What the runner shares with the thread that takes note of ends.
#[derive(Debug)]
struct Shared {
    launcher: Box<dyn Launcher>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The books of what is deleted.
    disk: Option<DiskQuota>,
    /// The files of the programs that run, by the programs' numbers.
    running: HashMap<u64, PathBuf>,
    /// Programs started so far.
    started: u64,
    /// The thread that takes note of ends has begun.
    has_begun: bool,
    /// It is not needed any more.
    is_over: bool,
    /// Why no more programs can be started.
    fault: Option<String>,
    failed: u64,
    told: Vec<String>,
}

impl Runner {
    /// A runner that messages call `name`. What programs read is not deleted from `disk` meanwhile. No thread begins
    /// before the first file.
    #[must_use]
    pub fn new(
        name: &'static str,
        command: &CommandLine,
        launcher: Box<dyn Launcher>,
        disk: Option<DiskQuota>,
    ) -> Self {
        let state = Mutex::new(State { disk, ..State::default() });
        let shared = Shared { launcher, state, changed: Condvar::new() };
        Self { name, program: command.program.clone(), shared: Arc::new(shared) }
    }

    /// Runs the program for a file, after waiting for another one where too many run.
    pub fn run(&self, path: &Path) {
        let shared = &self.shared;
        let mut state = shared.state();
        while state.running.len() >= AT_ONCE {
            state = shared.wait(state);
        }
        if !state.has_begun && state.fault.is_none() {
            let noting = Arc::clone(shared);
            match thread::Builder::new().name("programs".to_owned()).spawn(move || noting.note_ends()) {
                Ok(_) => state.has_begun = true,
                Err(error) => state.fault = Some(format!("cannot start a thread: {error}")),
            }
        }
        if let Some(disk) = &state.disk {
            disk.pin(path);
        }
        if let Some(fault) = &state.fault {
            let fault = io::Error::other(fault.clone());
            return state.ended(path, Err(fault));
        }
        let number = state.started;
        state.started += 1;
        match shared.launcher.start(number, path) {
            Ok(()) => {
                state.running.insert(number, path.to_owned());
                shared.changed.notify_all();
            }
            Err(error) => state.ended(path, Err(error)),
        }
    }

    /// Waits for all programs.
    ///
    /// # Errors
    /// How many failed, and the first of them.
    pub fn wait(&self) -> Result<(), String> {
        let mut state = self.shared.state();
        while !state.running.is_empty() {
            state = self.shared.wait(state);
        }
        if state.failed == 0 {
            return Ok(());
        }
        let (name, program, failed) = (self.name, &self.program, state.failed);
        let told = std::mem::take(&mut state.told).join("; ");
        state.failed = 0;
        let more = if failed > TOLD as u64 { "; …" } else { "" };
        Err(format!("{name}: {program} failed for {failed} files: {told}{more}"))
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of the ends of programs, until the runner is gone.
    fn note_ends(&self) {
        loop {
            let mut state = self.state();
            while state.running.is_empty() {
                if state.is_over {
                    return;
                }
                state = self.wait(state);
            }
            drop(state);
            let end = self.launcher.next_end();
            let mut state = self.state();
            match end {
                Ok((number, result)) => {
                    if let Some(path) = state.running.remove(&number) {
                        state.ended(&path, result);
                    }
                }
                Err(error) => {
                    let fault = error.to_string();
                    for path in std::mem::take(&mut state.running).into_values() {
                        state.ended(&path, Err(io::Error::other(fault.clone())));
                    }
                    state.fault = Some(fault);
                }
            }
            drop(state);
            self.changed.notify_all();
        }
    }
}

impl State {
    fn ended(&mut self, path: &Path, result: io::Result<ExitStatus>) {
        if let Some(disk) = &self.disk {
            disk.unpin(path);
        }
        let reason = match result {
            Ok(status) if status.success() => return,
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        self.failed += 1;
        if self.told.len() < TOLD {
            self.told.push(format!("{}: {reason}", path.display()));
        }
    }
}

/// `tcp_cmd`: the program gets every flow's file.
impl Scanner for Runner {
    fn scan(&self, connection: &mut Connection) -> Result<(), String> {
        for file in connection.flows.iter().filter_map(|scanned| scanned.flow.file.as_ref()) {
            self.run(&file.path);
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), String> {
        self.wait()
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::launcher::{End, InProcess};
    use super::*;

    fn runner(command_line: &str) -> Runner {
        let command = CommandLine::parse(command_line).expect("words");
        Runner::new("tcp_cmd", &command, Box::new(InProcess::new(command.clone())), None)
    }

    /// Programs begin, and then where they were started is gone.
    #[derive(Debug, Default)]
    struct Gone(Mutex<u64>);

    impl Launcher for Gone {
        fn start(&self, _: u64, _: &Path) -> io::Result<()> {
            *self.0.lock().unwrap() += 1;
            Ok(())
        }

        fn next_end(&self) -> io::Result<End> {
            while *self.0.lock().unwrap() < 3 {
                thread::yield_now();
            }
            Err(io::Error::other("gone"))
        }
    }

    #[test]
    fn where_nothing_starts_programs_any_more_each_file_is_a_failure() {
        let command = CommandLine::parse("true").expect("words");
        let runner = Runner::new("tcp_cmd", &command, Box::<Gone>::default(), None);
        (0..3).for_each(|number| runner.run(Path::new(&format!("file{number}"))));
        assert!(runner.wait().unwrap_err().starts_with("tcp_cmd: true failed for 3 files: file"));
        runner.run(Path::new("one more"));
        assert_eq!(runner.wait(), Err("tcp_cmd: true failed for 1 files: one more: gone".to_owned()));
    }

    #[test]
    fn the_name_is_one_argument_whatever_is_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let odd = directory.path().join("a b'; touch evil; $(touch evil) \"");
        std::fs::write(&odd, "x").unwrap();
        let remover = runner("rm --");
        remover.run(&odd);
        assert_eq!(remover.wait(), Ok(()));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn failures_are_counted_and_the_first_ones_told() {
        let runner = runner("false");
        (0..25).for_each(|number| runner.run(Path::new(&format!("file{number}"))));
        let error = runner.wait().unwrap_err();
        assert!(error.starts_with("tcp_cmd: false failed for 25 files: file"), "{error}");
        assert_eq!(error.matches("exit status: 1").count(), TOLD, "{error}");
        assert!(error.ends_with("; …"), "{error}");
        assert_eq!(runner.wait(), Ok(()));
    }

    #[test]
    fn a_program_that_does_not_exist_is_a_failure() {
        let runner = runner("/nonexistent/program 'with an argument'");
        runner.run(Path::new("file"));
        assert!(runner.wait().unwrap_err().contains("for 1 files: file: No such file"));
        assert!(CommandLine::parse("a 'b").is_err());
        assert!(CommandLine::parse(" ").is_err());
    }
}
