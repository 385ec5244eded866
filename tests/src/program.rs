//! Programs run in a directory of their own, within a time limit, and what they leave there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// What a program said and how it ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The exit code; 128 and the number after a signal, as a shell counts.
    pub code: i32,
    /// Whether it ran until the time limit, and was ended then.
    pub timed_out: bool,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, as text.
    pub stderr: String,
}

/// A file that a program left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// When it was modified: nanoseconds since 1970.
    pub modified: u128,
}

/// Files by name, with `/` between directories.
pub type Tree = BTreeMap<String, Left>;

/// The command that starts a program which cargo built: behind the words of `TAPFLOW_RUNNER`, as where the tests run
/// in an emulator and the system cannot start what is built for another machine.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let program = absolute(program.as_ref().as_ref());
    let runner = std::env::var("TAPFLOW_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(first) = words.next() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(words).arg(program);
    command
}

/// A path as programs on another drive of Windows have it; elsewhere as it is.
#[must_use]
pub fn absolute(path: &Path) -> PathBuf {
    if cfg!(windows) && path.has_root() {
        std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
    } else {
        path.to_owned()
    }
}

/// The same for a line of shell, in which it needs no quotes.
///
/// # Panics
/// When the path of the program has blanks in it, or is not Unicode.
#[must_use]
pub fn words(program: &str) -> String {
    assert!(
        !program.contains(char::is_whitespace),
        "{program}: tests with a shell need a path without blanks"
    );
    let command = command(program);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_str().expect("Unicode")).collect::<Vec<_>>().join(" ")
}

/// Runs a program to its end, reading what it says.
///
/// Of some thousand programs Wine does not start one: there is an error, or the status is 1 or 66 and nothing was said.
/// Such a one is started again on Windows, twice at most, which is told. One that crashes has another status.
///
/// # Panics
/// When it cannot be started: a test without its program must fail.
pub fn output(command: &mut Command) -> Output {
    for _ in 1..3 {
        let done = command.output();
        let has_begun = match &done {
            Ok(Output { status, stdout, stderr }) => {
                !matches!(status.code(), Some(1 | 66)) || !stdout.is_empty() || !stderr.is_empty()
            }
            Err(_) => false,
        };
        if has_begun || !cfg!(windows) {
            return done.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        }
        eprintln!("{command:?} did not begin: {done:?}");
    }
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs a program in a directory until it ends, `limit` at most.
///
/// # Panics
/// When it cannot be started: a test without its program must fail.
pub fn run<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
    directory: &Path,
    input: Option<&Path>,
    limit: Duration,
) -> Finished {
    finish(Command::new(program), arguments, directory, input, limit)
}

/// Does as [`run`] does with a [`command`].
///
/// # Panics
/// When it cannot be started: a test without its program must fail.
pub fn finish<A: AsRef<OsStr>>(
    mut command: Command,
    arguments: impl IntoIterator<Item = A>,
    directory: &Path,
    input: Option<&Path>,
    limit: Duration,
) -> Finished {
    // Files, unlike pipes, take any amount of output while nobody reads.
    let (mut stdout, mut stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let mut child = command
        .args(arguments)
        .current_dir(directory)
        .stdin(input.map_or_else(Stdio::null, |path| File::open(path).unwrap().into()))
        .stdout(stdout.try_clone().unwrap())
        .stderr(stderr.try_clone().unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let started = Instant::now();
    let mut timed_out = false;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if !timed_out && started.elapsed() > limit {
            timed_out = true;
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(1));
    };
    Finished {
        code: status
            .code()
            .or_else(|| signal(status).map(|signal| 128 + signal))
            .expect("a code or a signal"),
        timed_out,
        stdout: content(&mut stdout),
        stderr: String::from_utf8_lossy(&content(&mut stderr)).into_owned(),
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

fn content(file: &mut File) -> Vec<u8> {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Whether a program of this name is installed.
#[must_use]
pub fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|directory| directory.join(program).is_file())
}

/// All files under a directory.
///
/// # Panics
/// When something there cannot be read.
#[must_use]
pub fn tree(directory: &Path) -> Tree {
    let mut tree = Tree::new();
    collect(directory, "", &mut tree);
    tree
}

fn collect(directory: &Path, prefix: &str, tree: &mut Tree) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), tree);
            continue;
        }
        let modified = entry.metadata().unwrap().modified().unwrap();
        let modified = modified.duration_since(UNIX_EPOCH).unwrap().as_nanos();
        tree.insert(name, Left { bytes: fs::read(entry.path()).unwrap(), modified });
    }
}

/// Does the work for every item, on all processors, and gives the results in the order of the items.
///
/// # Panics
/// When the work panics.
pub fn on_all_processors<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    let result = work(item);
                    done.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
