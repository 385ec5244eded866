//! More files than descriptors: files stay known while only the last used ones are open.
//!
//! At most `max_open` descriptors are in use. Opening one more closes the least recently used; so
//! does a refusal of the operating system for want of descriptors. A file that was closed is opened
//! again without truncation, not through a symbolic link, and only if it is still the same file.
//! Whenever a file is closed it gets the times that it is to have, so that it need not be opened again
//! for that. Every operation is O(1).

use std::ffi::OsString;
use std::fs::{File, FileTimes, OpenOptions};
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tapflow_core::Timestamp;

use super::error::{Action, OutputError, too_many_open};
use super::path::Directory;

/// No entry.
const NONE: u32 = u32::MAX;

/// A file of [`Files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(u32);

#[derive(Debug)]
pub(super) struct Files {
    directory: Directory,
    /// The path of the file that is made, so that there is one allocation for all.
    path: OsString,
    entries: Vec<Entry>,
    free: Vec<u32>,
    max_open: usize,
    open: usize,
    /// Ends of the list of open entries, linked by `older` and `newer`.
    oldest: u32,
    newest: u32,
    /// The first file whose times could not be set; its contents are complete.
    pub(super) times_not_set: Option<OutputError>,
}

#[derive(Debug)]
struct Entry {
    /// Below the output directory.
    name: Box<str>,
    file: Option<File>,
    /// Which file it was when it was closed.
    identity: Option<(u64, u64)>,
    /// The times that it gets when it is closed.
    time: Option<Timestamp>,
    older: u32,
    newer: u32,
}

impl Files {
    pub(super) fn new(directory: Directory, max_open: usize) -> Self {
        Self {
            directory,
            path: OsString::new(),
            entries: Vec::new(),
            free: Vec::new(),
            max_open: max_open.max(1),
            open: 0,
            oldest: NONE,
            newest: NONE,
            times_not_set: None,
        }
    }

    /// Makes a file that was not there, with its folders; `None` where something has that name. `time`
    /// is what its times are set to.
    pub(super) fn create(
        &mut self,
        name: &str,
        time: Option<Timestamp>,
    ) -> Result<Option<FileId>, OutputError> {
        self.directory.make_folders(name)?;
        let mut path = mem::take(&mut self.path);
        self.directory.put_path(name, &mut path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let opened = self.open_with(&options, Path::new(&path));
        self.path = path;
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(OutputError::new(Action::Create, self.directory.path(name), error)),
        };
        let entry =
            Entry { name: name.into(), file: Some(file), identity: None, time, older: NONE, newer: NONE };
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at as usize] = entry;
                at
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        self.link(at);
        Ok(Some(FileId(at)))
    }

    /// The open file, which is now the most recently used.
    pub(super) fn file(&mut self, id: FileId) -> Result<&File, OutputError> {
        let at = id.0;
        if self.entries[at as usize].file.is_some() {
            if self.newest != at {
                self.unlink(at);
                self.link(at);
            }
        } else {
            let file = self.reopen(id)?;
            self.entries[at as usize].file = Some(file);
            self.link(at);
        }
        match &self.entries[at as usize].file {
            Some(file) => Ok(file),
            None => Err(self.error(id, Action::Reopen, io::ErrorKind::NotFound.into())),
        }
    }

    /// Forgets a file, closing it if it is open.
    pub(super) fn close(&mut self, id: FileId) {
        if let Some(file) = self.entries[id.0 as usize].file.take() {
            self.unlink(id.0);
            self.set_times(id, &file);
        }
        let entry = &mut self.entries[id.0 as usize];
        entry.name = Box::default();
        self.free.push(id.0);
    }

    /// Removes a file that [`create`](Self::create) has just made, and forgets it.
    pub(super) fn remove(&mut self, id: FileId) -> Result<(), OutputError> {
        let path = self.path(id);
        self.close(id);
        std::fs::remove_file(&path).map_err(|error| OutputError::new(Action::Create, path, error))
    }

    pub(super) fn path(&self, id: FileId) -> PathBuf {
        self.directory.path(&self.entries[id.0 as usize].name)
    }

    /// The path of a file of this name.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.directory.path(name)
    }

    pub(super) fn error(&self, id: FileId, action: Action, source: io::Error) -> OutputError {
        OutputError::new(action, self.path(id), source)
    }

    fn reopen(&mut self, id: FileId) -> Result<File, OutputError> {
        let path = self.path(id);
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        do_not_follow(&mut options);
        let opened = self.open_with(&options, &path).and_then(|file| {
            if identity(&file)? == self.entries[id.0 as usize].identity {
                Ok(file)
            } else {
                Err(io::Error::other("another file has taken its place"))
            }
        });
        opened.map_err(|error| OutputError::new(Action::Reopen, path, error))
    }

    /// Opens a file, closing others until there is a descriptor for it.
    fn open_with(&mut self, options: &OpenOptions, path: &Path) -> io::Result<File> {
        while self.open >= self.max_open {
            self.close_oldest()?;
        }
        loop {
            match options.open(path) {
                Err(error) if too_many_open(&error) && self.open > 0 => {
                    self.close_oldest()?;
                    // What the system refuses now it would refuse again.
                    self.max_open = self.open.max(1);
                }
                other => return other,
            }
        }
    }

    fn close_oldest(&mut self) -> io::Result<()> {
        let at = self.oldest;
        let Some(file) = self.entries.get_mut(at as usize).and_then(|entry| entry.file.take()) else {
            return Ok(());
        };
        self.unlink(at);
        self.set_times(FileId(at), &file);
        self.entries[at as usize].identity = identity(&file)?;
        Ok(())
    }

    fn set_times(&mut self, id: FileId, file: &File) {
        let Some(time) = self.entries[id.0 as usize].time else { return };
        let time = UNIX_EPOCH.checked_add(Duration::from_nanos(time.0)).unwrap_or(UNIX_EPOCH);
        if let Err(error) = file.set_times(FileTimes::new().set_accessed(time).set_modified(time))
            && self.times_not_set.is_none()
        {
            self.times_not_set = Some(self.error(id, Action::SetTimes, error));
        }
    }

    fn link(&mut self, at: u32) {
        let older = self.newest;
        let entry = &mut self.entries[at as usize];
        (entry.older, entry.newer) = (older, NONE);
        match self.entries.get_mut(older as usize) {
            Some(older) => older.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
        self.open += 1;
    }

    fn unlink(&mut self, at: u32) {
        let Entry { older, newer, .. } = self.entries[at as usize];
        match self.entries.get_mut(older as usize) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
        match self.entries.get_mut(newer as usize) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
        self.open -= 1;
    }
}

/// A symbolic link, or a pipe nobody reads, may have taken the file's place.
#[cfg(unix)]
fn do_not_follow(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
}

/// `FILE_FLAG_OPEN_REPARSE_POINT`: opens a symbolic link itself, which cannot be written.
#[cfg(not(unix))]
fn do_not_follow(options: &mut OpenOptions) {
    use std::os::windows::fs::OpenOptionsExt;
    options.custom_flags(0x0020_0000);
}

/// What tells a file from all others as long as it exists.
#[cfg(unix)]
fn identity(file: &File) -> io::Result<Option<(u64, u64)>> {
    use std::os::unix::fs::MetadataExt;
    file.metadata().map(|metadata| Some((metadata.dev(), metadata.ino())))
}

/// std does not tell on Windows, where an open directory entry is harder to replace anyway.
#[cfg(not(unix))]
fn identity(_: &File) -> io::Result<Option<(u64, u64)>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::gather::{read_at, write_at};
    use super::*;

    fn files(directory: &tempfile::TempDir, max_open: usize) -> Files {
        Files::new(Directory::new(directory.path().to_owned()), max_open)
    }

    fn create(files: &mut Files, name: &str) -> FileId {
        files.create(name, None).expect("created").expect("new")
    }

    #[test]
    fn a_name_that_exists_is_not_touched() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("a"), "old").expect("a file");
        assert_eq!(files(&directory, 1).create("a", None).expect("no error"), None);
        assert_eq!(std::fs::read(directory.path().join("a")).expect("there"), b"old");
    }

    #[test]
    fn never_more_than_max_open_and_the_least_recently_used_goes() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = files(&directory, 2);
        let ids: Vec<_> = (0..3).map(|n| create(&mut files, &n.to_string())).collect();
        assert_eq!(files.open, 2);
        write_at(files.file(ids[0]).expect("again"), b"zero", 0).expect("written");
        let open: Vec<_> = ids.iter().map(|id| files.entries[id.0 as usize].file.is_some()).collect();
        assert_eq!(open, [true, false, true]);
        let mut bytes = [0; 4];
        for id in &ids[1..] {
            files.file(*id).expect("again");
        }
        read_at(files.file(ids[0]).expect("again"), &mut bytes, 0).expect("kept");
        assert_eq!(&bytes, b"zero");
        for id in ids {
            files.close(id);
        }
        assert_eq!((files.open, files.oldest, files.newest), (0, NONE, NONE));
    }

    #[test]
    fn a_file_has_its_time_however_often_its_descriptor_was_needed_elsewhere() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = files(&directory, 1);
        let time = |n| Timestamp::new(1_000_000_000 + n, 5);
        let make = |files: &mut Files, n: u64| files.create(&n.to_string(), Some(time(n))).expect("made");
        let ids = [1, 2].map(|n| make(&mut files, n).expect("new"));
        for id in [ids[0], ids[1], ids[0]] {
            write_at(files.file(id).expect("again"), b"later", 0).expect("written");
        }
        for id in ids {
            files.close(id);
        }
        for n in [1_u64, 2] {
            let facts = std::fs::metadata(directory.path().join(n.to_string())).expect("there");
            let modified = facts.modified().expect("a time").duration_since(UNIX_EPOCH).expect("later");
            assert_eq!(modified, Duration::from_nanos(time(n).0));
        }
        assert!(files.times_not_set.is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_was_replaced_is_not_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let victim = directory.path().join("victim");
        std::fs::write(&victim, "precious").expect("a file");
        type Replace = fn(&Path, &Path) -> io::Result<()>;
        let link: Replace = |victim, name| std::os::unix::fs::symlink(victim, name);
        let hard: Replace = |victim, name| std::fs::hard_link(victim, name);
        for (name, replace) in [("soft", link), ("hard", hard)] {
            let mut files = files(&directory, 1);
            let id = create(&mut files, name);
            create(&mut files, &format!("{name}-other"));
            std::fs::remove_file(files.path(id)).expect("removed");
            replace(&victim, &files.path(id)).expect("planted");
            let error = files.file(id).expect_err("not ours").to_string();
            assert!(error.contains(name), "{error}");
        }
        assert_eq!(std::fs::read(victim).expect("there"), b"precious");
    }
}
