//! Names that stay inside the output directory.
//!
//! [`relative`] turns an expanded template into a relative path or refuses it; nothing it returns
//! climbs (`..`), starts at a root, or holds bytes that a directory listing cannot show. [`portable`](super::portable)
//! makes names of it that every system can store. [`Directory`]
//! is the output directory: it makes the folders that names need and refuses to go through symbolic
//! links that stand in their way, whoever planted them.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{Action, OutputError};

/// Longest name of a file or folder, in bytes; what nearly every file system allows.
pub const MAX_COMPONENT: usize = 255;

/// Folders remembered as made; then the memory starts anew.
const REMEMBERED: usize = 65_536;

/// Why a name cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing is left of the name, or it ends in `/`.
    Empty(String),
    /// A component is `..`.
    Climbs(String),
    /// A control character.
    Control(String),
    /// A component has more than [`MAX_COMPONENT`] bytes.
    TooLong(String),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(name) => write!(f, "the name \"{}\" has no file in it", name.escape_debug()),
            Self::Climbs(name) => {
                write!(f, "the name \"{}\" leaves the output directory", name.escape_debug())
            }
            Self::Control(name) => write!(f, "the name \"{}\" has control characters", name.escape_debug()),
            Self::TooLong(name) => {
                write!(f, "the name \"{}\" has a part of more than 255 bytes", name.escape_debug())
            }
        }?;
        f.write_str("; change the template (-T)")
    }
}

impl std::error::Error for NameError {}

/// The relative path that `name` stands for: `/` separates folders, empty and `.` components are
/// dropped (a leading `/` too: names are always below the output directory).
///
/// # Errors
/// [`NameError`] where that is not a file below the output directory.
pub fn relative(name: &str) -> Result<String, NameError> {
    if !name.bytes().all(|byte| matches!(byte, b' '..=b'~')) && name.chars().any(char::is_control) {
        return Err(NameError::Control(name.to_owned()));
    }
    let mut path = String::with_capacity(name.len());
    let mut last = "";
    for component in name.split('/') {
        last = component;
        match component {
            "" | "." => continue,
            ".." => return Err(NameError::Climbs(name.to_owned())),
            long if long.len() > MAX_COMPONENT => return Err(NameError::TooLong(name.to_owned())),
            _ => {}
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(component);
    }
    if matches!(last, "" | ".") {
        return Err(NameError::Empty(name.to_owned()));
    }
    Ok(path)
}

/// The output directory of one writer, with the folders below it that are known to be folders.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    folders: HashSet<Box<str>>,
}

impl Directory {
    /// A directory that exists already (see [`prepare`]).
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root, folders: HashSet::new() }
    }

    /// The path of a file with a name that [`relative`] gave.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        // `./NAME` says no more than NAME.
        if self.root.as_os_str() == "." { PathBuf::from(name) } else { self.root.join(name) }
    }

    /// Puts the same into `path`, whatever it was before.
    pub(super) fn put_path(&self, name: &str, path: &mut OsString) {
        path.clear();
        if self.root.as_os_str() != "." {
            path.push(&self.root);
            path.push("/");
        }
        path.push(name);
    }

    /// Makes the folders of `name`.
    ///
    /// # Errors
    /// [`OutputError`] where one cannot be made, or where a file or symbolic link has its name.
    pub fn make_folders(&mut self, name: &str) -> Result<(), OutputError> {
        let Some((folders, _)) = name.rsplit_once('/') else { return Ok(()) };
        if self.folders.contains(folders) {
            return Ok(());
        }
        if self.folders.len() >= REMEMBERED {
            self.folders.clear();
        }
        for (end, _) in folders.match_indices('/').chain([(folders.len(), "/")]) {
            let Some(folder) = folders.get(..end) else { continue };
            if self.folders.contains(folder) {
                continue;
            }
            let path = self.root.join(folder);
            make_folder(&path).map_err(|source| OutputError::new(Action::MakeFolder, path, source))?;
            self.folders.insert(folder.into());
        }
        Ok(())
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let kind = fs::symlink_metadata(path)?.file_type();
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
    fn names_become_relative_paths() {
        for (name, path) in [
            ("a", "a"),
            ("a//b", "a/b"),
            ("./a", "a"),
            ("/tmp/a", "tmp/a"),
            ("a b/..c/d..", "a b/..c/d.."),
            ("fe80::1.00080-::1.00001", "fe80::1.00080-::1.00001"),
        ] {
            assert_eq!(relative(name).as_deref(), Ok(path));
        }
    }

    #[test]
    fn names_that_are_no_files_below_the_directory_are_refused() {
        for name in ["", "/", ".", "a/", "a/."] {
            assert_eq!(relative(name), Err(NameError::Empty(name.into())));
        }
        for name in ["..", "../a", "a/../b", "a/.."] {
            assert_eq!(relative(name), Err(NameError::Climbs(name.into())));
        }
        for name in ["a\0", "\x1b[31m", "a\nb", "\u{85}"] {
            assert_eq!(relative(name), Err(NameError::Control(name.into())));
        }
        let long = "x".repeat(256);
        assert_eq!(relative(&long), Err(NameError::TooLong(long.clone())));
        assert!(relative(&long[1..]).is_ok());
    }

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
