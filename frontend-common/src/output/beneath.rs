//! Files and folders below the output directory, made in no other place.
//!
//! Linux resolves their names below the directory that was opened when the run began (openat2(2), `RESOLVE_BENEATH`
//! without links): another program that can write there cannot lead a new file elsewhere, not even between a check and its
//! use.
//! Elsewhere, and on kernels before 5.6, names are paths.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
use std::{os::fd::OwnedFd, sync::Arc};

/// The output directory as a place to make files in. Clones share its descriptor.
#[derive(Clone, Debug)]
pub struct Beneath {
    root: PathBuf,
    #[cfg(target_os = "linux")]
    handle: Option<Arc<OwnedFd>>,
}

impl<P: Into<PathBuf>> From<P> for Beneath {
    fn from(root: P) -> Self {
        Self::new(root.into())
    }
}

impl Beneath {
    /// A directory that exists already.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            handle: linux::open_root(&root).map(Arc::new),
            root,
        }
    }

    /// Its path as the user gave it.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes a file that was not there, for reading and writing. Its folders are there.
    ///
    /// # Errors
    /// What the system says; where a link leads out of the way to it.
    pub fn create(&self, name: &Path) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        if let Some(file) = self.handle.as_ref().and_then(|handle| linux::create(handle, name)) {
            return file;
        }
        File::options().read(true).write(true).create_new(true).open(self.path(name))
    }

    /// Makes a file at a path that begins with [`root`](Self::root).
    ///
    /// # Errors
    /// Those of [`create`](Self::create).
    pub fn create_at(&self, path: &Path) -> io::Result<File> {
        // Paths in the current directory have no `./` before them.
        self.create(path.strip_prefix(&self.root).unwrap_or(path))
    }

    /// Makes a folder, unless it is there. The one that it is in is there.
    ///
    /// # Errors
    /// What the system says; a link or a file has its name.
    pub(super) fn make_folder(&self, folder: &str) -> io::Result<()> {
        let made = self.make_new_folder(folder);
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let kind = fs::symlink_metadata(self.path(Path::new(folder)))?.file_type();
                if kind.is_dir() {
                    Ok(())
                } else if kind.is_symlink() {
                    Err(io::Error::new(
                        io::ErrorKind::AlreadyExists,
                        "it is a symbolic link, which is not followed",
                    ))
                } else {
                    Err(io::ErrorKind::NotADirectory.into())
                }
            }
            other => other,
        }
    }

    fn make_new_folder(&self, folder: &str) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Some(made) = self.handle.as_ref().and_then(|handle| linux::make_folder(handle, folder)) {
            return made;
        }
        fs::create_dir(self.path(Path::new(folder)))
    }

    /// A folder below it, as a place to make files in; `None` where paths have to do.
    #[cfg(target_os = "linux")]
    pub(super) fn folder(&self, folder: &str) -> Option<OwnedFd> {
        linux::folder(self.handle.as_ref()?, Path::new(folder))?.ok()
    }

    fn path(&self, name: &Path) -> PathBuf {
        if self.root.as_os_str() == "." { name.to_owned() } else { self.root.join(name) }
    }
}

/// Each answers `None` where the kernel does not resolve names below a directory, or a sandbox does not let it.
#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::path::Path;

    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
    use rustix::io::Errno;

    /// A rename somewhere on the way makes the kernel give up; so often it is asked again.
    const ATTEMPTS: usize = 32;

    pub(super) fn open_root(root: &Path) -> Option<OwnedFd> {
        openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()
    }

    pub(super) fn create(root: &OwnedFd, name: &Path) -> Option<io::Result<File>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        Some(open(root, name, flags, Mode::from_raw_mode(0o666))?.map(File::from))
    }

    pub(super) fn folder(root: &OwnedFd, name: &Path) -> Option<io::Result<OwnedFd>> {
        open(root, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }

    pub(super) fn make_folder(root: &OwnedFd, name: &str) -> Option<io::Result<()>> {
        let mode = Mode::from_raw_mode(0o777);
        let made = match name.rsplit_once('/') {
            None => mkdirat(root, name, mode),
            Some((parent, name)) => match folder(root, Path::new(parent))? {
                Ok(parent) => mkdirat(parent.as_fd(), name, mode),
                Err(error) => return Some(Err(error)),
            },
        };
        Some(made.map_err(io::Error::from))
    }

    fn open(root: &OwnedFd, name: &Path, flags: OFlags, mode: Mode) -> Option<io::Result<OwnedFd>> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        for _ in 0..ATTEMPTS {
            return match openat2(root, name, flags, mode, resolve) {
                Err(Errno::AGAIN | Errno::INTR) => continue,
                Err(Errno::NOSYS | Errno::PERM) => None,
                Err(Errno::XDEV | Errno::LOOP) => {
                    Some(Err(io::Error::other("a symbolic link is on the way to it, which is not followed")))
                }
                other => Some(other.map_err(io::Error::from)),
            };
        }
        Some(Err(io::ErrorKind::ResourceBusy.into()))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_became_a_link_leads_nowhere() {
        let scratch = tempfile::tempdir().expect("a directory");
        let [root, elsewhere] = ["o", "elsewhere"].map(|name| scratch.path().join(name));
        [&root, &elsewhere].into_iter().for_each(|folder| fs::create_dir(folder).expect("made"));
        let beneath = Beneath::new(root.clone());
        beneath.make_folder("a").and_then(|()| beneath.make_folder("a/b")).expect("made");
        beneath.create(Path::new("a/b/file")).expect("made");
        fs::remove_dir_all(root.join("a")).expect("removed");
        std::os::unix::fs::symlink(&elsewhere, root.join("a")).expect("linked");
        // Made again between a check and its use.
        if beneath.folder(".").is_none() {
            return;
        }
        for made in [
            beneath.create(Path::new("a/file")).map(drop),
            beneath.create_at(&root.join("a/file")).map(drop),
            beneath.make_folder("a/b"),
            beneath.create(Path::new("../file")).map(drop),
        ] {
            let error = made.expect_err("refused").to_string();
            assert!(error.contains("symbolic link is on the way"), "{error}");
        }
        assert!(beneath.make_folder("a").expect_err("refused").to_string().contains("it is a symbolic link"));
        assert_eq!(fs::read_dir(&elsewhere).expect("there").count(), 0);
    }

    #[test]
    fn an_output_directory_that_was_moved_away_keeps_what_belongs_in_it() {
        let scratch = tempfile::tempdir().expect("a directory");
        let [root, moved] = ["o", "moved"].map(|name| scratch.path().join(name));
        fs::create_dir(&root).expect("made");
        let beneath = Beneath::new(root.clone());
        if beneath.folder(".").is_none() {
            return;
        }
        fs::rename(&root, &moved).and_then(|()| fs::create_dir(&root)).expect("moved");
        beneath.create(Path::new("file")).expect("made");
        assert!(moved.join("file").exists() && !root.join("file").exists());
    }
}
