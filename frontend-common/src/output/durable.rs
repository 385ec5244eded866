//! Written means on disk: errors that the system finds only when it closes a file or flushes it.
//!
//! Network file systems, quotas and disks that are larger on paper than in fact take bytes that they cannot keep, and say
//! so later. [`FileSystems`] asks for that at the end of a run; `finish` does for a single file.

use std::fs::File;
use std::io;
use std::path::PathBuf;

/// When what is written is flushed to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flush {
    /// When the system likes (`--no-sync`).
    Never,
    /// Everything, at the end of the run.
    #[default]
    AtEnd,
    /// Also each file before it is reported as written (`--fsync`).
    EachFile,
}

/// Closes a file that is complete, flushed to the disk before if `flushes`.
///
/// # Errors
/// Bytes that were written before have no room, or could not be written.
pub(crate) fn finish(file: File, flushes: bool) -> io::Result<()> {
    if flushes {
        file.sync_all()?;
    }
    #[cfg(unix)]
    match nix::unistd::close(file) {
        // It is closed all the same.
        Ok(()) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
    #[cfg(not(unix))]
    {
        drop(file);
        Ok(())
    }
}

/// The file systems to which a run writes, opened before anything is written: errors are counted from then on. Other
/// systems than Linux have no call for all of a file system.
#[derive(Debug, Default)]
pub struct FileSystems {
    #[cfg(target_os = "linux")]
    all: Vec<(PathBuf, u64, File)>,
}

impl FileSystems {
    /// Those of these directories which are on a disk. A directory that cannot be read is passed over.
    #[must_use]
    pub fn of(directories: impl IntoIterator<Item = PathBuf>) -> Self {
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::MetadataExt;
            let mut all: Vec<(PathBuf, u64, File)> = Vec::new();
            for path in directories {
                let Ok(file) = File::open(&path) else { continue };
                let Ok(facts) = file.metadata() else { continue };
                if !is_in_memory(&file) && all.iter().all(|(_, device, _)| *device != facts.dev()) {
                    all.push((path, facts.dev(), file));
                }
            }
            Self { all }
        }
        #[cfg(not(target_os = "linux"))]
        {
            directories.into_iter().for_each(drop);
            Self {}
        }
    }

    /// Has all of them write what they hold, and waits for it: what went wrong since they were opened, or since this was
    /// asked last, each with a directory. Kernels before 5.8 do not tell of everything.
    #[must_use]
    pub fn flush(&self) -> Vec<String> {
        #[cfg(target_os = "linux")]
        {
            let failed = |(path, _, file): &(PathBuf, u64, File)| {
                let error =
                    rustix::io::retry_on_intr(|| rustix::fs::syncfs(file)).err().map(io::Error::from)?;
                Some(format!(
                    "{}: not everything that was written is on the disk: {error}; files may have zeros or be cut there: \
                     check the disk, make room, and run again into another directory",
                    path.display()
                ))
            };
            self.all.iter().filter_map(failed).collect()
        }
        #[cfg(not(target_os = "linux"))]
        Vec::new()
    }
}

/// Whether a file system has no disk behind it.
#[cfg(target_os = "linux")]
fn is_in_memory(file: &File) -> bool {
    /// Of `linux/magic.h`: tmpfs, ramfs.
    const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
    rustix::fs::fstatfs(file).is_ok_and(|facts| IN_MEMORY.contains(&(facts.f_type as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_closed_with_its_result() {
        for flushes in [false, true] {
            finish(tempfile::tempfile().expect("a file"), flushes).expect("closed");
        }
    }

    #[test]
    fn directories_of_one_file_system_are_one_and_those_that_are_not_there_none() {
        let directory = tempfile::tempdir().expect("a directory");
        let inner = directory.path().join("inner");
        std::fs::create_dir(&inner).expect("made");
        let all = [directory.path().to_owned(), inner, directory.path().join("missing")];
        let file_systems = FileSystems::of(all);
        #[cfg(target_os = "linux")]
        assert!(file_systems.all.len() <= 1);
        assert_eq!(file_systems.flush(), Vec::<String>::new());
    }
}
