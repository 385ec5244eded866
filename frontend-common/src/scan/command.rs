//! A program that is run for each complete file: `tcp_cmd`, `http_cmd`.
//!
//! No shell is involved: the command line is split into words, once, and the file's name is one argument after
//! them, whatever characters are in it. A bounded number of programs runs at a time; every one is waited for.
//!
//! They are started by a thread of the [`Runner`], which begins when that one is made: what the program gives up
//! afterwards, for itself and the threads that it starts then, the programs still have.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Connection, Scanner};
use crate::output::disk::Disk;

/// Programs that run at a time.
pub const AT_ONCE: usize = 10;
/// How long a program that has ended may count as running, where somebody waits for its file.
const PATIENCE: Duration = Duration::from_millis(100);
/// Failures that are told one by one; more are counted.
const TOLD: usize = 5;

/// A program and its first arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    program: String,
    arguments: Vec<String>,
}

impl CommandLine {
    /// Splits a command line as a POSIX shell would, without substitutions.
    ///
    /// # Errors
    /// There is no word in it, or a quote that is not closed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = shlex::split(text).ok_or("a quote is not closed")?.into_iter();
        let program = words.next().ok_or("a program is wanted, with its first arguments")?;
        Ok(Self { program, arguments: words.collect() })
    }
}

/// Runs a program for files.
#[derive(Debug)]
pub struct Runner {
    /// The setting, for messages.
    name: &'static str,
    command: CommandLine,
    state: Arc<Mutex<State>>,
    starter: Mutex<Starter>,
}

/// The thread that starts programs: what to start, and what came of it. It ends when nobody asks any more.
#[derive(Debug)]
struct Starter {
    commands: SyncSender<Command>,
    started: Receiver<io::Result<Child>>,
}

impl Starter {
    /// Where something waits for programs to end, the thread looks after them, too.
    fn begin(state: Option<Arc<Mutex<State>>>) -> io::Result<Self> {
        let (commands, todo) = sync_channel::<Command>(0);
        let (done, started) = sync_channel(1);
        let work = move || {
            loop {
                let next = match &state {
                    Some(_) => todo.recv_timeout(PATIENCE),
                    None => todo.recv().map_err(|_| RecvTimeoutError::Disconnected),
                };
                match next {
                    Ok(mut command) => {
                        if done.send(command.spawn()).is_err() {
                            return;
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        if let Some(mut state) = state.as_ref().and_then(|state| state.try_lock().ok()) {
                            state.reap_ended();
                        }
                    }
                }
            }
        };
        std::thread::Builder::new().name("programs".to_owned()).spawn(work)?;
        Ok(Self { commands, started })
    }

    fn start(&self, command: Command) -> io::Result<Child> {
        let gone = || io::Error::other("the thread that starts programs has ended");
        self.commands.send(command).map_err(|_| gone())?;
        self.started.recv().map_err(|_| gone())?
    }
}

#[derive(Debug, Default)]
struct State {
    /// Who deletes what nobody needs.
    disk: Option<Disk>,
    running: VecDeque<(Child, PathBuf)>,
    failed: u64,
    told: Vec<String>,
}

impl Runner {
    /// A runner that messages call `name`. What programs read is not deleted from `disk` meanwhile.
    ///
    /// # Errors
    /// Its thread cannot be started.
    pub fn new(name: &'static str, command: CommandLine, disk: Option<Disk>) -> Result<Self, String> {
        let deletes = disk.as_ref().is_some_and(Disk::deletes);
        let state = Arc::new(Mutex::new(State { disk, ..State::default() }));
        let starter = Starter::begin(deletes.then(|| Arc::clone(&state)))
            .map_err(|error| format!("cannot start the thread that runs the programs of {name}: {error}"))?;
        Ok(Self { name, command, state, starter: Mutex::new(starter) })
    }

    /// Runs the program for a file, after waiting for another one where too many run.
    pub fn run(&self, path: &Path) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.reap_ended();
        while state.running.len() >= AT_ONCE {
            state.wait_for_oldest();
        }
        // A name cannot be taken for an option: it begins with the output directory, or with `./` here.
        let file = if path.as_os_str().as_encoded_bytes().starts_with(b"-") {
            Path::new(".").join(path)
        } else {
            path.to_owned()
        };
        let mut command = Command::new(&self.command.program);
        command.args(&self.command.arguments).arg(&file).stdin(Stdio::null());
        if let Some(disk) = &state.disk {
            disk.lend(path);
        }
        let child = self.starter.lock().unwrap_or_else(PoisonError::into_inner).start(command);
        match child {
            Ok(child) => state.running.push_back((child, path.to_owned())),
            Err(error) => state.ended(path, Err(error)),
        }
    }

    /// Waits for all programs.
    ///
    /// # Errors
    /// How many failed, and the first of them.
    pub fn wait(&self) -> Result<(), String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.running.is_empty() {
            state.wait_for_oldest();
        }
        if state.failed == 0 {
            return Ok(());
        }
        let (name, program, failed) = (self.name, &self.command.program, state.failed);
        let told = std::mem::take(&mut state.told).join("; ");
        state.failed = 0;
        let more = if failed > TOLD as u64 { "; …" } else { "" };
        Err(format!("{name}: {program} failed for {failed} files: {told}{more}"))
    }
}

impl State {
    /// Takes note of programs that have ended, without waiting.
    fn reap_ended(&mut self) {
        for _ in 0..self.running.len() {
            let Some((mut child, path)) = self.running.pop_front() else { return };
            match child.try_wait() {
                Ok(None) => self.running.push_back((child, path)),
                Ok(Some(status)) => self.ended(&path, Ok(status)),
                Err(error) => self.ended(&path, Err(error)),
            }
        }
    }

    fn wait_for_oldest(&mut self) {
        let Some((mut child, path)) = self.running.pop_front() else { return };
        self.ended(&path, child.wait());
    }

    fn ended(&mut self, path: &Path, result: io::Result<ExitStatus>) {
        if let Some(disk) = &self.disk {
            disk.returned(path);
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
mod tests {
    use super::*;

    fn runner(command_line: &str) -> Runner {
        Runner::new("tcp_cmd", CommandLine::parse(command_line).expect("words"), None).expect("a thread")
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
