//! The system's limit of open files.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit as far as this process may, and answers it; `None` where the system does not tell.
pub(crate) fn raise_open_files() -> Option<usize> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let limit =
        if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    usize::try_from(limit).ok()
}
