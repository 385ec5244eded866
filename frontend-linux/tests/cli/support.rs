//! Runs the program in a directory that goes when the test ends.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

#[cfg(unix)]
use nix::unistd::geteuid;
use tapflow_tests::frames::{ACK, FIN, SYN, TcpFrame};
#[cfg(unix)]
use tapflow_tests::not_tested;
use tapflow_tests::program;
use tempfile::TempDir;

/// The program of the package that is tested.
const PROGRAM: &str =
    match (option_env!("CARGO_BIN_EXE_tapflow"), option_env!("CARGO_BIN_EXE_tapflow-windows")) {
        (Some(program), _) | (None, Some(program)) => program,
        (None, None) => panic!("cargo names the program"),
    };

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The exit status; `None` after a fatal signal.
    pub(crate) status: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Run {
    /// Asserts the exit status, showing messages when it is another.
    pub(crate) fn ends_with(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{}", self.err);
        self
    }

    /// Asserts that standard error holds all of these.
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in:\n{}", self.err);
        }
        self
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        // What an emulated kernel lacks is told in every run there, and is no part of what a test is about.
        let about_kernel = |line: &str| line.starts_with("tapflow: running without a sandbox: this kernel");
        let err = String::from_utf8(output.stderr).unwrap();
        let err = err.split_inclusive('\n').filter(|line| !about_kernel(line)).collect();
        Self { status: output.status.code(), out: output.stdout, err }
    }
}

/// The path of a capture of `tests/data`.
pub(crate) fn capture(name: &str) -> PathBuf {
    program::absolute(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(name))
}

/// The bytes of a capture of `tests/data`.
pub(crate) fn capture_bytes(name: &str) -> Vec<u8> {
    fs::read(capture(name)).unwrap()
}

/// A new directory, in memory where there is plenty of it: a run waits at its end for the disk, which other programs may
/// use as well.
fn scratch() -> std::io::Result<TempDir> {
    #[cfg(target_os = "linux")]
    if std::env::var_os("TMPDIR").is_none() {
        use nix::sys::statvfs::{FsFlags, statvfs};
        const PLENTY: u128 = 2 << 30;
        let is_plenty = |memory: &Path| {
            statvfs(memory).is_ok_and(|facts| {
                let free = u128::from(facts.blocks_available()) * u128::from(facts.fragment_size());
                free >= PLENTY && !facts.flags().contains(FsFlags::ST_NOEXEC)
            })
        };
        let memory = Path::new("/dev/shm");
        if is_plenty(memory) {
            return TempDir::new_in(memory);
        }
    }
    TempDir::new()
}

/// A directory to run in.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self(scratch().unwrap());
        // Other users may come in.
        #[cfg(unix)]
        fs::set_permissions(place.0.path(), fs::Permissions::from_mode(0o777)).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// The program, to run here. `@NAME` is a capture of `tests/data`.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.prepare(program::command(PROGRAM), args)
    }

    /// The program, to run here under another name, as [`Self::command`].
    #[cfg(windows)]
    pub(crate) fn command_as(&self, name: &str, args: &[&str]) -> Command {
        let program = self.path(name);
        if !program.exists() {
            fs::copy(PROGRAM, &program).unwrap();
        }
        self.prepare(Command::new(program), args)
    }

    fn prepare(&self, mut command: Command, args: &[&str]) -> Command {
        command.current_dir(self.0.path()).stdin(Stdio::null());
        for arg in args {
            match arg.strip_prefix('@') {
                Some(name) => command.arg(capture(name)),
                None => command.arg(arg),
            };
        }
        command
    }

    /// Runs the program here.
    pub(crate) fn tapflow(&self, args: &[&str]) -> Run {
        program::output(&mut self.command(args)).into()
    }

    /// Runs the program here with `input` on standard input.
    pub(crate) fn tapflow_with(&self, args: &[&str], input: &[u8]) -> Run {
        let mut child = self.start(args);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // It may leave before it has read everything.
        let feeder = std::thread::spawn(move || stdin.write_all(&input).is_ok());
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        output.into()
    }

    /// Starts the program here with pipes on all three sides. No signal is ignored, as some would be where
    /// the tests run in the background.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        let program = program::command(PROGRAM);
        let command = if cfg!(windows) {
            program
        } else {
            let mut env = Command::new("env");
            env.arg("--default-signal=INT,HUP,TERM").arg(program.get_program()).args(program.get_args());
            env
        };
        let mut command = self.prepare(command, args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs a line of shell here, in which `$tapflow` is the program and `$data` the folder of captures.
    #[cfg(unix)]
    pub(crate) fn shell(&self, line: &str) -> Run {
        self.shell_of(&["sh", "-c", line])
    }

    #[cfg(unix)]
    fn shell_of(&self, words: &[&str]) -> Run {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(self.0.path()).stdin(Stdio::null());
        command.env("tapflow", program::words(PROGRAM)).env("data", capture(""));
        command.output().unwrap().into()
    }

    /// Runs a line of shell as a user whom permissions bind: `None` as root without `setpriv`.
    #[cfg(unix)]
    pub(crate) fn shell_unprivileged(&self, line: &str) -> Option<Run> {
        if !geteuid().is_root() {
            return Some(self.shell(line));
        }
        // Where the program is built may be closed to others. By another program: a file that this one writes cannot be
        // run while a child which another test starts has it, too.
        let copied = Command::new("cp").args([Path::new(PROGRAM), &self.path("program")]).status();
        assert!(copied.unwrap().success());
        let line = format!("tapflow='{}'; {line}", program::words("./program"));
        let other = ["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", &line];
        have("setpriv").then(|| self.shell_of(&[&["setpriv"], &other[..]].concat()))
    }

    /// Runs a line of shell in a mount namespace of its own: `None` where the system allows none.
    #[cfg(unix)]
    pub(crate) fn shell_with_mounts(&self, line: &str) -> Option<Run> {
        let user: &[&str] = if geteuid().is_root() { &["--mount"] } else { &["--mount", "--map-root-user"] };
        let unshare = [&["unshare"], user].concat();
        let probe = "mkdir -p probe && mount -t tmpfs tmpfs probe";
        let allowed = have("unshare")
            && self.shell_of(&[&unshare[..], &["sh", "-c", probe]].concat()).status == Some(0);
        if !allowed {
            not_tested("mount namespaces are not allowed here");
            return None;
        }
        Some(self.shell_of(&[&unshare[..], &["sh", "-c", line]].concat()))
    }

    /// All files below a folder by their relative names, reports and their parts left out; links as what they name.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path(folder), "", &mut files);
        files.retain(|name, _| {
            !(name.starts_with("report") && name.trim_end_matches(".part").ends_with(".xml"))
        });
        files
    }

    /// The report in a folder: well-formed XML with its root closed, or the test fails.
    pub(crate) fn report(&self, folder: &str) -> String {
        self.report_file(&format!("{folder}/report.xml"))
    }

    pub(crate) fn report_file(&self, name: &str) -> String {
        let text = fs::read_to_string(self.path(name)).unwrap();
        let document = roxmltree::Document::parse(&text).unwrap();
        assert_eq!(document.root_element().tag_name().name(), "dfxml");
        text
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap();
            files.insert(name, target.to_str().unwrap().as_bytes().to_vec());
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

/// The streams of captures that are read without a fault, by file name.
pub(crate) fn streams(captures: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let place = Place::new();
    let files: Vec<String> = captures.iter().map(|name| format!("@{name}")).collect();
    let mut args = vec!["-q", "-o", "o", "-l"];
    args.extend(files.iter().map(String::as_str));
    place.tapflow(&args).ends_with(0);
    place.files("o")
}

#[cfg(unix)]
fn have(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        not_tested(&format!("there is no {program} here"));
    }
    found
}

/// What is waited for takes less, also in an emulator on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(120);

/// Waits until something is so; fails after [`LIMIT`].
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for the end of a program; fails, and kills it, after [`LIMIT`].
pub(crate) fn end_of(mut child: Child) -> Run {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the program does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap().into()
}

/// The capture of [`half_read`].
pub(crate) const HALF_READ: &str = "http-plain.pcap";

/// Starts a run that has read the first 30 records of [`HALF_READ`] and waits for more.
pub(crate) fn half_read(place: &Place, args: &[&str]) -> (Child, ChildStdin) {
    let bytes = capture_bytes(HALF_READ);
    let mut child = place.start(&[args, &["-o", "o", "-r", "-"]].concat());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&bytes[..record_offsets(&bytes)[30]]).unwrap();
    wait_until("the files of what was read", || place.path("o").exists() && place.files("o").len() == 2);
    (child, stdin)
}

/// The files of the first 30 records, from a run that came to its end.
pub(crate) fn half(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let bytes = capture_bytes(HALF_READ);
    place.put("half.pcap", &bytes[..record_offsets(&bytes)[30]]);
    place.tapflow(&["-o", "half", "-r", "half.pcap"]).ends_with(0);
    place.files("half")
}

/// Offsets of the records of a little-endian pcap, and its length.
pub(crate) fn record_offsets(pcap: &[u8]) -> Vec<usize> {
    let mut offsets = vec![24];
    while let Some(length) = pcap.get(offsets[offsets.len() - 1] + 8..).and_then(|rest| rest.first_chunk()) {
        offsets.push(offsets[offsets.len() - 1] + 16 + u32::from_le_bytes(*length) as usize);
    }
    offsets
}

/// Ten o'clock and a half on some day.
pub(crate) const HALF_PAST: u64 = 1_700_044_200;

/// A capture with a frame at each time.
pub(crate) fn pcap(frames: &[(u64, TcpFrame)]) -> Vec<u8> {
    let mut capture = header();
    for (time, frame) in frames {
        record(&mut capture, *time, frame);
    }
    capture
}

pub(crate) fn header() -> Vec<u8> {
    let words: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0xffff, 1];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

pub(crate) fn record(capture: &mut Vec<u8>, time: u64, frame: &TcpFrame) {
    let bytes = frame.bytes();
    for word in [time as u32, 0, bytes.len() as u32, bytes.len() as u32] {
        capture.extend_from_slice(&word.to_le_bytes());
    }
    capture.extend_from_slice(&bytes);
}

/// A connection of the client's `port`: pieces of its server, at these times; the first with the handshake, the last
/// with the end.
pub(crate) fn connection(port: u16, pieces: &[(u64, &[u8])]) -> Vec<(u64, TcpFrame)> {
    let (mut frames, mut sent) = (Vec::new(), 1);
    let mut last = 0;
    for (time, piece) in pieces {
        last = *time;
        if sent == 1 {
            frames.push((last, TcpFrame::up(0, SYN, b"")));
            frames.push((last, TcpFrame::down(0, SYN, b"").acknowledging(1)));
            frames.push((last, TcpFrame::up(1, ACK, b"ask").acknowledging(1)));
        }
        frames.push((last, TcpFrame::down(sent, ACK, piece).acknowledging(4)));
        sent += piece.len() as u32;
    }
    frames.push((last, TcpFrame::down(sent, FIN, b"").acknowledging(4)));
    frames.push((last, TcpFrame::up(4, FIN, b"").acknowledging(sent + 1)));
    frames.push((last, TcpFrame::down(sent + 1, ACK, b"").acknowledging(5)));
    frames.into_iter().map(|(time, frame)| (time, frame.client_port(port))).collect()
}
