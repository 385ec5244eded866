//! tapflow while it captures.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tapflow_tests::program;

use super::network::{Namespace, Running, wait};

pub(super) const TAPFLOW: &str = env!("CARGO_BIN_EXE_tapflow");

/// A capture that goes on; its files are in `out` of a directory of its own.
pub(super) struct Capture {
    running: Option<Running>,
    pub(super) directory: tempfile::TempDir,
}

/// How a capture ended.
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) said: String,
}

impl Capture {
    /// Starts one, and waits until it listens.
    pub(super) fn start(host: &Namespace, arguments: &[&str]) -> Self {
        Self::of_command(host.command(TAPFLOW), arguments, Stdio::null())
    }

    /// The same with a command that runs tapflow, and a place for what it prints.
    pub(super) fn of_command(mut command: Command, arguments: &[&str], stdout: Stdio) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let words = File::create(directory.path().join("words")).unwrap();
        command.args(arguments).current_dir(directory.path()).stdin(Stdio::null());
        let child = command.stdout(stdout).stderr(words).spawn().unwrap();
        let mut capture = Self { running: Some(Running(child)), directory };
        wait("tapflow listens", || {
            let child = &mut capture.running.as_mut().unwrap().0;
            assert!(child.try_wait().unwrap().is_none(), "{}", capture.directory_words());
            capture.said().contains("listening on")
        });
        capture
    }

    fn directory_words(&self) -> String {
        fs::read_to_string(self.directory.path().join("words")).unwrap_or_default()
    }

    /// What it has said so far.
    pub(super) fn said(&self) -> String {
        self.directory_words()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn signal(&self, signal: Signal) {
        let child = &self.running.as_ref().unwrap().0;
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    }

    /// The program.
    pub(super) fn child(&self) -> &std::process::Child {
        &self.running.as_ref().unwrap().0
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self) -> Ended {
        let mut running = self.running.take().unwrap();
        let mut status = None;
        wait("tapflow ends", || {
            status = running.0.try_wait().unwrap();
            status.is_some()
        });
        Ended { code: status.and_then(|status| status.code()).unwrap_or(-1), said: self.said() }
    }

    /// Ends it with SIGINT. What was sent before must be in it.
    pub(super) fn end(&mut self) -> Ended {
        self.signal(Signal::SIGINT);
        self.wait()
    }

    /// Ends it; it must have gone well, without a frame dropped.
    pub(super) fn end_well(&mut self) {
        let Ended { code, said } = self.end();
        assert_eq!(code, 0, "{said}");
        assert!(said.contains(", 0 dropped by the kernel, 0 by the interface"), "{said}");
        valid(&self.path("out/report.xml"));
    }

    /// The file of the flow from this port.
    pub(super) fn server_side(&self, port: u16) -> Vec<u8> {
        self.only(|name| {
            name.split('-').next().is_some_and(|source| source.ends_with(&format!(".{port:05}")))
        })
    }

    /// The file of the flow to this port.
    pub(super) fn client_side(&self, port: u16) -> Vec<u8> {
        self.only(|name| {
            name.split('-').nth(1).is_some_and(|target| target.ends_with(&format!(".{port:05}")))
        })
    }

    /// The only file with such a name.
    fn only(&self, is_it: impl Fn(&str) -> bool) -> Vec<u8> {
        let files = self.files();
        let mut found = files.into_iter().filter(|(name, _)| is_it(name));
        let (_, bytes) = found.next().unwrap_or_else(|| panic!("a file; {}", self.said()));
        assert!(found.next().is_none(), "one file; {}", self.said());
        bytes
    }

    /// All files of flows.
    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let out = self.path("out");
        if !out.exists() {
            return Vec::new();
        }
        let tree = program::tree(&out).into_iter().map(|(name, left)| (name, left.bytes));
        tree.filter(|(name, _)| !name.ends_with(".xml")).collect()
    }

    /// The report as it is now, closed or not.
    pub(super) fn report(&self, name: &str) -> String {
        let path = self.path("out").join(name);
        // It has its name when it is whole.
        let part = path.with_file_name(format!("{}.part", path.file_name().unwrap_or_default().display()));
        fs::read_to_string(path).or_else(|_| fs::read_to_string(part)).unwrap_or_default()
    }
}

/// A report is closed, and valid by the schema where that is at hand (`TAPFLOW_DFXML`).
pub(super) fn valid(report: &Path) {
    let text = fs::read_to_string(report).unwrap();
    roxmltree::Document::parse(&text).unwrap();
    if let Some(schemas) = std::env::var_os("TAPFLOW_DFXML") {
        let schema = Path::new(&schemas).join("dfxml.xsd");
        let arguments = ["--noout".as_ref(), "--schema".as_ref(), schema.as_os_str(), report.as_os_str()];
        let checked = Command::new("xmllint").args(arguments).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}
