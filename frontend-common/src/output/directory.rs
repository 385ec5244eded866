//! The output directory: makes the folders that names need, and refuses to go through symbolic links that stand in
//! their way, whoever planted them.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::beneath::Beneath;
use super::error::{Action, OutputError};

/// Folders remembered as made; then the memory starts anew.
const REMEMBERED: usize = 65_536;

/// The output directory of one writer, with the folders below it that are known to be folders.
#[derive(Debug)]
pub struct Directory {
    beneath: Beneath,
    /// What stands before names.
    prefix: OsString,
    folders: HashSet<Box<str>>,
    /// The one of them that the last name was in; empty for the output directory itself.
    last: String,
    /// How many names before that were in it too.
    repeats: u32,
    /// The same folder, opened once that pays: a file is made in it without a walk along the path.
    #[cfg(target_os = "linux")]
    handle: Option<std::os::fd::OwnedFd>,
}

/// How many names follow each other in a folder before it is opened.
#[cfg(target_os = "linux")]
const OFTEN: u32 = 8;

impl Directory {
    /// A directory that exists already (see [`prepare`]).
    #[must_use]
    pub fn new(beneath: impl Into<Beneath>) -> Self {
        let beneath = beneath.into();
        let root = beneath.root();
        // `./NAME` says no more than NAME.
        let prefix = if root.as_os_str() == "." { OsString::new() } else { root.join("").into_os_string() };
        Self {
            beneath,
            prefix,
            folders: HashSet::new(),
            last: String::new(),
            repeats: 0,
            #[cfg(target_os = "linux")]
            handle: None,
        }
    }

    /// The path of a file with a name that [`relative`](crate::naming::path::relative) gave.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        let mut path = OsString::with_capacity(self.prefix.len() + name.len());
        path.push(&self.prefix);
        path.push(name);
        path.into()
    }

    /// Makes the folders of `name`.
    ///
    /// # Errors
    /// [`OutputError`] where one cannot be made, or where a file or symbolic link has its name.
    pub fn make_folders(&mut self, name: &str) -> Result<(), OutputError> {
        let (folders, _) = split(name);
        if self.last == folders {
            self.repeats = self.repeats.saturating_add(1);
            return Ok(());
        }
        if !folders.is_empty() && !self.folders.contains(folders) {
            self.make(folders)?;
        }
        folders.clone_into(&mut self.last);
        self.repeats = 0;
        #[cfg(target_os = "linux")]
        {
            self.handle = None;
        }
        Ok(())
    }

    /// Makes a file that was not there, whose folders are there, for reading and writing. `may_hold` says whether there
    /// is a descriptor for the folder.
    pub(super) fn create(&mut self, name: &str, may_hold: bool) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{Mode, OFlags, openat};
            use rustix::io::retry_on_intr;
            let (folders, file) = split(name);
            let is_often = self.repeats >= OFTEN && self.last == folders && !folders.is_empty();
            if may_hold && is_often && self.handle.is_none() {
                self.handle = self.beneath.folder(folders);
            }
            if let Some(handle) = self.handle.as_ref().filter(|_| self.last == folders) {
                let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                match retry_on_intr(|| openat(handle, file, flags, Mode::from_raw_mode(0o666))) {
                    Ok(file) => return Ok(file.into()),
                    // Somebody removed the folder. Others may have made it again.
                    Err(rustix::io::Errno::NOENT) => self.handle = None,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = may_hold;
        self.beneath.create(Path::new(name))
    }

    /// Descriptors in use.
    pub(super) fn held(&self) -> usize {
        #[cfg(target_os = "linux")]
        return usize::from(self.handle.is_some());
        #[cfg(not(target_os = "linux"))]
        0
    }

    /// Makes folders that are not known to be there.
    fn make(&mut self, folders: &str) -> Result<(), OutputError> {
        if self.folders.len() >= REMEMBERED {
            self.folders.clear();
        }
        for (end, _) in folders.match_indices('/').chain([(folders.len(), "/")]) {
            let Some(folder) = folders.get(..end) else { continue };
            if self.folders.contains(folder) {
                continue;
            }
            self.beneath.make_folder(folder).map_err(|source| {
                OutputError::new(Action::MakeFolder, self.beneath.root().join(folder), source)
            })?;
            self.folders.insert(folder.into());
        }
        Ok(())
    }
}

/// The folders of a name, without the last `/`, and the file.
fn split(name: &str) -> (&str, &str) {
    match name.bytes().rposition(|byte| byte == b'/') {
        Some(at) => (name.get(..at).unwrap_or_default(), name.get(at + 1..).unwrap_or_default()),
        None => ("", name),
    }
}

/// Makes the output directory, with the directories above it; one that exists is left alone.
///
/// # Errors
/// [`OutputError`] where it cannot be made or is something else.
pub fn prepare(root: &Path) -> Result<(), OutputError> {
    let made = match fs::create_dir_all(root) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(io::ErrorKind::NotADirectory.into())
        }
        other => other,
    };
    made.map_err(|source| OutputError::new(Action::MakeFolder, root.to_owned(), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_and_files_in_their_place_are_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut output = Directory::new(directory.path().to_owned());
        output.make_folders("a/b/c/file").expect("folders");
        assert!(directory.path().join("a/b/c").is_dir());
        fs::write(directory.path().join("f"), "").expect("a file");
        let error = output.make_folders("f/file").expect_err("a file is in the way").to_string();
        assert!(error.contains(&*directory.path().join("f").to_string_lossy()), "{error}");
    }

    #[test]
    fn files_are_made_whatever_folder_the_last_ones_were_in() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut output = Directory::new(directory.path().to_owned());
        let names = (0..40).map(|n| format!("{}{n}", ["", "a/", "a/b/"][n / 10 % 3]));
        for name in names.collect::<Vec<_>>() {
            output.make_folders(&name).expect("folders");
            output.create(&name, true).expect("made");
            assert!(directory.path().join(&name).is_file());
            let again = output.create(&name, true).expect_err("it is there");
            assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        }
    }

    #[test]
    fn a_folder_that_was_made_again_is_used() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut output = Directory::new(directory.path().to_owned());
        for n in 0..30 {
            let name = format!("a/{n}");
            output.make_folders(&name).expect("folders");
            output.create(&name, true).expect("made");
            if n == 20 {
                fs::remove_dir_all(directory.path().join("a")).expect("removed");
                fs::create_dir(directory.path().join("a")).expect("made again");
            }
        }
        assert_eq!(fs::read_dir(directory.path().join("a")).expect("a folder").count(), 9);
    }

    #[cfg(unix)]
    #[test]
    fn a_planted_link_to_a_folder_is_not_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let outside = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink(outside.path(), directory.path().join("000")).expect("a link");
        let error =
            Directory::new(directory.path().to_owned()).make_folders("000/b/file").expect_err("a link");
        assert!(error.to_string().contains("symbolic link"), "{error}");
        assert!(!outside.path().join("b").exists());
    }

    #[test]
    fn the_output_directory_is_made_with_those_above_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().join("x/y");
        prepare(&root).expect("made");
        prepare(&root).expect("still there");
        fs::write(directory.path().join("f"), "").expect("a file");
        assert!(prepare(&directory.path().join("f")).is_err());
        assert!(prepare(&directory.path().join("f/g")).is_err());
    }
}
