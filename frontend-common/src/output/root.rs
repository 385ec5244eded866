//! The output directory as a whole: one run at a time writes to it.

use std::fs::{File, TryLockError};
use std::path::Path;

/// Whether a run has the output directory for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The report and what belongs to it are in it.
    Alone,
    /// Only files of flows are in it, of which none has the name of another one.
    WithOthers,
}

/// The output directory, locked as long as this lives, also where the run is killed.
///
/// The lock is of the directory itself on Unix; elsewhere it is a file among the user's temporary ones. File systems
/// without locks have none.
#[derive(Debug)]
pub struct OutputRoot {
    _lock: Option<File>,
}

impl OutputRoot {
    /// Locks a directory that is there.
    ///
    /// # Errors
    /// Another run writes to it: a message with what to do.
    pub fn lock(path: &Path, sharing: Sharing) -> Result<Self, String> {
        match try_lock(path, sharing) {
            Ok(lock) => Ok(Self { _lock: lock }),
            Err(Taken) => Err(format!(
                "another run writes to {}: wait until it has ended or choose another directory with -o; runs share one \
                 where all of them have their reports elsewhere (-X)",
                path.display()
            )),
        }
    }
}

/// Another run has the lock.
struct Taken;

#[cfg(unix)]
fn try_lock(path: &Path, sharing: Sharing) -> Result<Option<File>, Taken> {
    // A directory that cannot be read cannot be locked.
    let Ok(directory) = File::open(path) else { return Ok(None) };
    let locked = match sharing {
        Sharing::Alone => directory.try_lock(),
        Sharing::WithOthers => directory.try_lock_shared(),
    };
    match locked {
        Err(TryLockError::WouldBlock) => Err(Taken),
        // NFS has no locks of directories.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(directory)),
    }
}

/// The file in which the lock of a directory is.
#[cfg(not(unix))]
fn try_lock(path: &Path, sharing: Sharing) -> Result<Option<File>, Taken> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let Ok(path) = path.canonicalize() else { return Ok(None) };
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    let name = std::env::temp_dir().join(format!("tapflow-{:016x}.lock", hasher.finish()));
    // It stays there, empty: to remove it would race with others that open it.
    let Ok(file) = File::options().read(true).write(true).create(true).truncate(false).open(name) else {
        return Ok(None);
    };
    let locked = match sharing {
        Sharing::Alone => file.try_lock(),
        Sharing::WithOthers => file.try_lock_shared(),
    };
    match locked {
        Err(TryLockError::WouldBlock) => Err(Taken),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(file)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_alone_or_several_that_share() {
        let directory = tempfile::tempdir().expect("a directory");
        let lock = |sharing| OutputRoot::lock(directory.path(), sharing);
        let alone = lock(Sharing::Alone).expect("free");
        for sharing in [Sharing::Alone, Sharing::WithOthers] {
            let error = lock(sharing).expect_err("taken");
            assert!(error.contains(&directory.path().display().to_string()), "{error}");
        }
        drop(alone);
        let shared = [(); 2].map(|()| lock(Sharing::WithOthers).expect("shared"));
        lock(Sharing::Alone).expect_err("taken");
        drop(shared);
        lock(Sharing::Alone).expect("free again");
    }
}
