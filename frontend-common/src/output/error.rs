//! What goes wrong with output files: which file, why, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::naming::path::NameError;

/// What was being done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Making a folder.
    MakeFolder,
    /// Making the file.
    Create,
    /// Opening it again.
    Reopen,
    /// Writing.
    Write,
    /// Reading back what was written.
    Read,
    /// Setting its times.
    SetTimes,
    /// Closing it, when all of it has to be on disk.
    Close,
}

/// An output file that could not be made, written or read. What was written before is still there.
#[derive(Debug)]
pub enum OutputError {
    /// The operating system refused.
    Io {
        /// What was being done.
        action: Action,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The template gave a name that cannot be used.
    Name(NameError),
    /// An event of a flow that was not opened, or was closed: its number.
    NotOpen(u64),
}

impl OutputError {
    pub(crate) fn new(action: Action, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }

    /// The file it is about, where there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. } => Some(path),
            Self::Name(_) | Self::NotOpen(_) => None,
        }
    }
}

impl From<NameError> for OutputError {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (action, path, source) = match self {
            Self::Name(error) => return error.fmt(f),
            Self::NotOpen(number) => return write!(f, "flow {number} has no open file"),
            Self::Io { action, path, source } => (action, path, source),
        };
        let verb = match action {
            Action::MakeFolder => "make the directory",
            Action::Create => "create",
            Action::Reopen => "open",
            Action::Write => "write",
            Action::Read => "read",
            Action::SetTimes => "set the times of",
            Action::Close => "close",
        };
        write!(f, "cannot {verb} {}: {source}", path.display())?;
        match advice(source) {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for OutputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Name(error) => Some(error),
            Self::NotOpen(_) => None,
        }
    }
}

fn advice(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind as Kind;
    if too_many_open(error) {
        return Some("allow more open files (ulimit -n) or use fewer (-f)");
    }
    match error.kind() {
        Kind::StorageFull => {
            Some("make room or choose another place with -o; what was written so far is kept")
        }
        Kind::QuotaExceeded => Some("the quota is used up: make room or choose another place with -o"),
        Kind::FileTooLarge => Some("keep fewer bytes of each flow with -b, or raise the limit (ulimit -f)"),
        Kind::ReadOnlyFilesystem => Some("choose a place that can be written with -o"),
        Kind::PermissionDenied => Some("choose another place with -o, or change its permissions"),
        Kind::NotADirectory => Some("choose a directory with -o"),
        Kind::NotFound => Some(
            "was it removed while it was being written? if it was never there, choose another place with -o",
        ),
        _ => None,
    }
}

/// Whether the process, or the system, has no descriptor left.
pub(crate) fn too_many_open(error: &io::Error) -> bool {
    #[cfg(unix)]
    let codes = [rustix::io::Errno::MFILE.raw_os_error(), rustix::io::Errno::NFILE.raw_os_error()];
    #[cfg(not(unix))]
    let codes = [4]; // ERROR_TOO_MANY_OPEN_FILES
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}
