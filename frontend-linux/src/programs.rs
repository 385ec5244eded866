//! The process that starts the programs of `tcp_cmd` and `http_cmd`.
//!
//! It is forked before anything of a capture is read, and has none of the run's descriptors and no capabilities. The run
//! sends it names of files, and nothing else: it knows the program itself, and takes only files below the output
//! directory. So a run that an attacker has taken over starts no other program, and none for another file.
//!
//! Both sides send messages over a pair of stream sockets. A request is a number (8 bytes), the length of the name (4)
//! and the name; the report of an end is the number (8), what kind of end it is (1), and the status or the system's
//! error (4). All numbers have the processor's order of bytes. The end of the stream ends the process.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::unistd::Pid;
use tapflow_common::scan::command::{AT_ONCE, CommandLine};
use tapflow_common::scan::launcher::{End, InProcess, Launcher};

use crate::privileges;

/// The longest name in a request.
const MAX_NAME: usize = 64 << 10;
/// Descriptors that the caller of the program left open for others are looked for below.
const INHERITED: i32 = 1024;

// How a program ended.
const STATUS: u8 = 0;
const ERROR: u8 = 1;

/// The run's side.
#[derive(Debug)]
struct Process {
    /// As a file: it is read and written with the calls that files have.
    socket: Option<File>,
    id: Pid,
}

/// Forks the process that starts this program, for files below the directory `below`. No thread may have begun.
///
/// # Errors
/// The system's.
#[allow(unsafe_code)]
pub(crate) fn begin(command: &CommandLine, below: &Path) -> io::Result<Box<dyn Launcher>> {
    let (ours, theirs) = UnixStream::pair()?;
    // SAFETY: this process has no other thread, so the child finds no lock taken and may do whatever this one may.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // Nothing may go back to the caller, which would be a second run.
            let served = catch_unwind(AssertUnwindSafe(|| {
                serve(File::from(OwnedFd::from(theirs)), command.clone(), below)
            }));
            let code = i32::from(!matches!(served, Ok(Ok(()))));
            // SAFETY: ends the process without what it shares with the run: buffers and functions for the exit.
            unsafe { libc::_exit(code) }
        }
        id => {
            let socket = Some(File::from(OwnedFd::from(ours)));
            Ok(Box::new(Process { socket, id: Pid::from_raw(id) }))
        }
    }
}

impl Process {
    fn socket(&self) -> io::Result<&File> {
        self.socket.as_ref().ok_or_else(gone)
    }
}

fn gone() -> io::Error {
    io::Error::other("the process that starts programs has ended")
}

impl Launcher for Process {
    fn start(&self, number: u64, file: &Path) -> io::Result<()> {
        let name = file.as_os_str().as_bytes();
        let length = u32::try_from(name.len()).map_err(io::Error::other)?;
        let request = [&number.to_ne_bytes()[..], &length.to_ne_bytes(), name].concat();
        self.socket()?.write_all(&request).map_err(|_| gone())
    }

    fn next_end(&self) -> io::Result<End> {
        let mut socket = self.socket()?;
        let (mut number, mut kind, mut value) = ([0; 8], [0; 1], [0; 4]);
        for part in [&mut number[..], &mut kind, &mut value] {
            socket.read_exact(part).map_err(|_| gone())?;
        }
        let value = i32::from_ne_bytes(value);
        let end = match kind {
            [STATUS] => Ok(ExitStatus::from_raw(value)),
            _ if value != 0 => Err(io::Error::from_raw_os_error(value)),
            _ => Err(io::Error::other("the program cannot be started for this file")),
        };
        Ok((u64::from_ne_bytes(number), end))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.socket = None;
        // It has seen the end of the stream, unless it ended before.
        let _ = nix::sys::wait::waitpid(self.id, None);
    }
}

/// The other side: starts programs until the run closes its end of the stream.
fn serve(socket: File, command: CommandLine, below: &Path) -> io::Result<()> {
    close_own(&socket);
    privileges::drop_capabilities()?;
    let launcher = Arc::new(InProcess::new(command));
    let running = Arc::new(AtomicUsize::new(0));
    let socket = Arc::new(socket);
    let reporting = (Arc::clone(&launcher), Arc::clone(&running), Arc::clone(&socket));
    std::thread::Builder::new().name("ends".to_owned()).spawn(move || {
        let (launcher, running, socket) = reporting;
        while let Ok((number, end)) = launcher.next_end() {
            running.fetch_sub(1, Ordering::Relaxed);
            if (&*socket).write_all(&report(number, &end)).is_err() {
                return;
            }
        }
    })?;
    let mut requests = &*socket;
    while let Some((number, file)) = request(&mut requests)? {
        let started = if !is_below(below, &file) {
            Err(io::Error::from_raw_os_error(libc::EPERM))
        } else if running.load(Ordering::Relaxed) >= AT_ONCE {
            Err(io::Error::from_raw_os_error(libc::EAGAIN))
        } else {
            running.fetch_add(1, Ordering::Relaxed);
            launcher.start(number, &file).inspect_err(|_| {
                running.fetch_sub(1, Ordering::Relaxed);
            })
        };
        if let Err(error) = started {
            (&*socket).write_all(&report(number, &Err(error)))?;
        }
    }
    Ok(())
}

/// Reads a request; `None` where the stream ends.
fn request(from: &mut impl Read) -> io::Result<Option<(u64, PathBuf)>> {
    let (mut number, mut length) = ([0; 8], [0; 4]);
    match from.read_exact(&mut number) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    from.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_ne_bytes(length)).map_err(io::Error::other)?;
    if length > MAX_NAME {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut name = vec![0; length];
    from.read_exact(&mut name)?;
    Ok(Some((u64::from_ne_bytes(number), std::ffi::OsString::from_vec(name).into())))
}

/// The report of an end.
fn report(number: u64, end: &io::Result<ExitStatus>) -> Vec<u8> {
    let (kind, value) = match end {
        Ok(status) => (STATUS, status.into_raw()),
        Err(error) => (ERROR, error.raw_os_error().unwrap_or(0)),
    };
    [&number.to_ne_bytes()[..], &[kind], &value.to_ne_bytes()].concat()
}

/// Whether a name is that of a file below a directory, by its parts.
fn is_below(directory: &Path, file: &Path) -> bool {
    fn parts(path: &Path) -> impl Iterator<Item = Component<'_>> {
        path.components().filter(|part| *part != Component::CurDir)
    }
    let mut rest = parts(file);
    if !parts(directory).all(|part| rest.next() == Some(part)) {
        return false;
    }
    let mut rest = rest.peekable();
    rest.peek().is_some() && rest.all(|part| matches!(part, Component::Normal(_)))
}

/// Closes the descriptors of the run, which all are closed where a program is run, but for `socket`. Those that the
/// caller of the program left open for programs stay.
#[allow(unsafe_code)]
fn close_own(socket: &File) {
    for descriptor in 3..INHERITED {
        // SAFETY: asks for the flags of a descriptor, if there is one of this number.
        let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
        if descriptor != socket.as_raw_fd() && flags != -1 && flags & libc::FD_CLOEXEC != 0 {
            // SAFETY: what has this descriptor in the run is never used in this process, nor dropped: it does not
            // return from `begin`.
            unsafe { libc::close(descriptor) };
        }
    }
    if let Ok(first) = libc::c_uint::try_from(INHERITED.max(socket.as_raw_fd().saturating_add(1))) {
        // SAFETY: as above. A kernel before 5.9 does not have the call; at the start of a run no such descriptors are open.
        unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_directory_are_taken() {
        for (directory, file) in [
            ("o", "o/a"),
            ("./o", "o/a/b"),
            ("/x/o", "/x/o/a"),
            (".", "a"),
            (".", "./-a"),
            ("../o", "../o/a"),
            ("o/", "o/./a"),
        ] {
            assert!(is_below(Path::new(directory), Path::new(file)), "{directory} {file}");
        }
        for (directory, file) in [
            ("o", "o"),
            ("o", ""),
            ("o", "a"),
            ("o", "oa/b"),
            ("o", "o/../a"),
            ("o", "/o/a"),
            ("/x/o", "/x/o/../../etc/passwd"),
            (".", "/etc/passwd"),
            (".", "../a"),
            (".", ""),
        ] {
            assert!(!is_below(Path::new(directory), Path::new(file)), "{directory} {file}");
        }
    }

    #[test]
    fn requests_are_read_as_they_were_written_and_bad_ones_are_errors() {
        let written =
            |length: u32, name: &[u8]| [&7u64.to_ne_bytes()[..], &length.to_ne_bytes(), name].concat();
        let read = |bytes: Vec<u8>| request(&mut &bytes[..]);
        assert_eq!(read(written(2, b"\xffb")).expect("read"), Some((7, PathBuf::from(name(b"\xffb")))));
        assert_eq!(read(Vec::new()).expect("the end"), None);
        assert!(read(written(3, b"ab")).is_err());
        assert!(read(written(u32::MAX, b"ab")).is_err());
    }

    fn name(bytes: &[u8]) -> &std::ffi::OsStr {
        std::ffi::OsStr::from_bytes(bytes)
    }
}
