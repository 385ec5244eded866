//! More files than descriptors: files stay known while only the last used ones are open.
//!
//! At most `max_open` descriptors are in use. Opening one more closes the least recently used; so
//! does a refusal of the operating system for want of descriptors. A file that was closed is opened
//! again without truncation, not through a symbolic link, and only if it is still the same file.
//! What it is called is not kept but made again of its flow's facts when it is needed. Whenever a file is closed it gets the times that it is to have, so that it need not be opened again
//! for that. Every operation is O(1).

use std::fs::{File, FileTimes, OpenOptions};
use std::io;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use super::directory::Directory;
use super::durable::finish;
use super::error::{Action, OutputError, too_many_open};
use super::index::SUFFIX;
use crate::flow::FlowFacts;
use crate::naming::Template;

/// No entry.
const NONE: u32 = u32::MAX;

/// Descriptors of which none is for a folder.
const FEW: usize = 8;

/// A file of [`Files`]: its place in the list of entries, plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(NonZeroU32);

impl FileId {
    fn new(at: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(at))
    }

    fn at(self) -> u32 {
        self.0.get() - 1
    }
}

/// What the name of a file is made of.
#[derive(Clone, Debug)]
pub(super) struct FileName {
    pub(super) facts: Arc<FlowFacts>,
    pub(super) count: u32,
    /// The index beside the file of a flow: it has [`SUFFIX`] and no times of its own.
    pub(super) is_index: bool,
}

#[derive(Debug)]
pub(super) struct Files {
    directory: Directory,
    template: Arc<Template>,
    /// A file with its place and the name as it was meant: most are closed soon after they are made.
    remembered: Option<(FileId, String, Option<Box<str>>)>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    max_open: usize,
    open: usize,
    /// Ends of the list of open entries, linked by `older` and `newer`.
    oldest: u32,
    newest: u32,
    /// Whether each file is flushed to the disk before it closes.
    flushes: bool,
    /// The first file whose times could not be set, or that could not be closed well.
    pub(super) not_closed: Option<OutputError>,
}

#[derive(Debug)]
struct Entry {
    /// `None` once it is forgotten.
    name: Option<FileName>,
    file: Option<File>,
    /// Which file it was when it was closed.
    identity: Option<Identity>,
    older: u32,
    newer: u32,
}

#[cfg(unix)]
const _: () = assert!(size_of::<Entry>() <= 48);

impl Files {
    /// Files below `directory`, named by `template`.
    pub(super) fn new(directory: Directory, template: Arc<Template>, max_open: usize, flushes: bool) -> Self {
        Self {
            directory,
            template,
            remembered: None,
            entries: Vec::new(),
            free: Vec::new(),
            max_open: max_open.max(1),
            open: 0,
            oldest: NONE,
            newest: NONE,
            flushes,
            not_closed: None,
        }
    }

    /// Makes a file that was not there, with its folders; `None` where something is at its place, which is what
    /// `name` comes to.
    pub(super) fn create(&mut self, place: &str, name: FileName) -> Result<Option<FileId>, OutputError> {
        self.directory.make_folders(place)?;
        let may_hold = self.max_open > FEW;
        let opened = self.open_with(|directory| directory.create(place, may_hold));
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(OutputError::new(Action::Create, self.directory.path(place), error)),
        };
        let entry = Entry { name: Some(name), file: Some(file), identity: None, older: NONE, newer: NONE };
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
        Ok(Some(FileId::new(at)))
    }

    /// Keeps at hand what a file is called.
    pub(super) fn remember(&mut self, id: FileId, place: String, original: Option<Box<str>>) {
        self.remembered = Some((id, place, original));
    }

    /// The open file, which is now the most recently used.
    pub(super) fn file(&mut self, id: FileId) -> Result<&File, OutputError> {
        let at = id.at();
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
        if let Some(file) = self.entries[id.at() as usize].file.take() {
            self.unlink(id.at());
            self.finish(id, file);
        }
        self.entries[id.at() as usize].name = None;
        self.remembered.take_if(|(remembered, ..)| *remembered == id);
        self.free.push(id.at());
    }

    /// Removes a file that [`create`](Self::create) has just made, and forgets it.
    pub(super) fn remove(&mut self, id: FileId) -> Result<(), OutputError> {
        let path = self.path(id);
        self.close(id);
        std::fs::remove_file(&path).map_err(|error| OutputError::new(Action::Create, path, error))
    }

    pub(super) fn path(&self, id: FileId) -> PathBuf {
        self.names(id).0
    }

    /// Where a file is, and the name as it was meant where that is another one.
    pub(super) fn names(&self, id: FileId) -> (PathBuf, Option<Box<str>>) {
        if let Some((_, place, original)) =
            self.remembered.as_ref().filter(|(remembered, ..)| *remembered == id)
        {
            return (self.directory.path(place), original.clone());
        }
        let Some(name) = &self.entries[id.at() as usize].name else { return Default::default() };
        let mut text = String::new();
        self.template.expand(&name.facts, name.count, &mut text);
        // It was allowed when the file was made.
        let (mut place, original) = self.template.place(&text).unwrap_or((text, None));
        if name.is_index {
            place.push_str(SUFFIX);
        }
        (self.directory.path(&place), original)
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
        let opened = self.open_with(|_| options.open(&path)).and_then(|file| {
            if identity(&file)? == self.entries[id.at() as usize].identity {
                Ok(file)
            } else {
                Err(io::Error::other("another file has taken its place"))
            }
        });
        opened.map_err(|error| OutputError::new(Action::Reopen, path, error))
    }

    /// Opens a file, closing others until there is a descriptor for it.
    fn open_with(&mut self, open: impl Fn(&mut Directory) -> io::Result<File>) -> io::Result<File> {
        while self.open > 0 && self.open + self.directory.held() >= self.max_open {
            self.close_oldest()?;
        }
        loop {
            match open(&mut self.directory) {
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
        self.entries[at as usize].identity = identity(&file)?;
        self.finish(FileId::new(at), file);
        Ok(())
    }

    /// Sets the times of a file and closes it.
    fn finish(&mut self, id: FileId, file: File) {
        self.set_times(id, &file);
        if let Err(error) = finish(file, self.flushes) {
            self.failed(id, Action::Close, error);
        }
    }

    fn failed(&mut self, id: FileId, action: Action, error: io::Error) {
        if self.not_closed.is_none() {
            self.not_closed = Some(self.error(id, action, error));
        }
    }

    fn set_times(&mut self, id: FileId, file: &File) {
        let name = self.entries[id.at() as usize].name.as_ref().filter(|name| !name.is_index);
        let Some(time) = name.map(|name| name.facts.opened.time) else { return };
        let time = UNIX_EPOCH.checked_add(Duration::from_nanos(time.0)).unwrap_or(UNIX_EPOCH);
        if let Err(error) = file.set_times(FileTimes::new().set_accessed(time).set_modified(time)) {
            self.failed(id, Action::SetTimes, error);
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

/// What tells a file from all others as long as it exists: device and number, where it has one.
type Identity = (u64, NonZeroU64);

#[cfg(unix)]
fn identity(file: &File) -> io::Result<Option<Identity>> {
    use std::os::unix::fs::MetadataExt;
    file.metadata().map(|metadata| Some((metadata.dev(), NonZeroU64::new(metadata.ino())?)))
}

/// std does not tell on Windows, where an open directory entry is harder to replace anyway.
#[cfg(not(unix))]
fn identity(_: &File) -> io::Result<Option<Identity>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::gather::{read_at, write_at};
    use super::*;
    use crate::flow::testing::facts;
    use crate::naming::NameFlags;

    fn files(directory: &tempfile::TempDir, max_open: usize) -> Files {
        let template = Template::parse(Some("%N"), &NameFlags::default()).expect("a template");
        Files::new(Directory::new(directory.path().to_owned()), template.into(), max_open, false)
    }

    /// The file `NNN` of the flow with this number.
    fn create(files: &mut Files, number: u64) -> Option<FileId> {
        let name = FileName { facts: facts(number).into(), count: 0, is_index: false };
        files.create(&format!("{number:03}"), name).expect("no error")
    }

    #[test]
    fn a_name_that_exists_is_not_touched() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("007"), "old").expect("a file");
        assert_eq!(create(&mut files(&directory, 1), 7), None);
        assert_eq!(std::fs::read(directory.path().join("007")).expect("there"), b"old");
    }

    #[test]
    fn the_name_of_a_file_is_known_as_long_as_it_is_open() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = files(&directory, 1);
        let ids = [7, 8].map(|number| create(&mut files, number).expect("new"));
        let name = FileName { facts: facts(7).into(), count: 2, is_index: true };
        let index = files.create("007c2.findx", name).expect("no error").expect("new");
        files.remember(ids[1], "stored".to_owned(), Some("meant".into()));
        let names = [ids[0], ids[1], index].map(|id| files.names(id));
        let at = |name: &str| directory.path().join(name);
        assert_eq!(
            names,
            [(at("007"), None), (at("stored"), Some("meant".into())), (at("007c2.findx"), None)]
        );
        files.close(ids[1]);
        let again = create(&mut files, 9).expect("new");
        assert_eq!((again, files.path(again)), (ids[1], at("009")));
    }

    #[test]
    fn never_more_than_max_open_and_the_least_recently_used_goes() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = files(&directory, 2);
        let ids = [0, 1, 2].map(|number| create(&mut files, number).expect("new"));
        assert_eq!(files.open, 2);
        write_at(files.file(ids[0]).expect("again"), b"zero", 0).expect("written");
        let open: Vec<_> = ids.iter().map(|id| files.entries[id.at() as usize].file.is_some()).collect();
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
    fn a_folder_that_is_held_leaves_room_for_a_file_however_few_descriptors_are_left() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = files(&directory, 20);
        for number in 0..40 {
            if number == 30 {
                // As after a refusal of the system.
                files.max_open = 1;
            }
            let name = FileName { facts: facts(number).into(), count: 0, is_index: false };
            let made = files.create(&format!("a/{number:03}"), name).expect("no error").expect("new");
            files.file(made).expect("open");
            assert!(files.open + files.directory.held() <= if number < 30 { 20 } else { 2 });
        }
    }

    #[test]
    fn a_file_has_its_time_however_often_its_descriptor_was_needed_elsewhere() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut files = files(&directory, 1);
        let ids = [1, 2].map(|number| create(&mut files, number).expect("new"));
        for id in [ids[0], ids[1], ids[0]] {
            write_at(files.file(id).expect("again"), b"later", 0).expect("written");
        }
        let paths = ids.map(|id| files.path(id));
        for id in ids {
            files.close(id);
        }
        for path in paths {
            let metadata = std::fs::metadata(path).expect("there");
            let modified = metadata.modified().expect("a time").duration_since(UNIX_EPOCH).expect("later");
            // Windows counts in units of 100 ns.
            let unit = if cfg!(windows) { 100 } else { 1 };
            assert_eq!(modified.as_nanos() / unit, u128::from(facts(0).opened.time.0) / unit);
        }
        assert!(files.not_closed.is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_was_replaced_is_not_written() {
        use std::path::Path;

        let directory = tempfile::tempdir().expect("a directory");
        let victim = directory.path().join("victim");
        std::fs::write(&victim, "precious").expect("a file");
        type Replace = fn(&Path, &Path) -> io::Result<()>;
        let link: Replace = |victim, name| std::os::unix::fs::symlink(victim, name);
        let hard: Replace = |victim, name| std::fs::hard_link(victim, name);
        for (number, replace) in [(1, link), (3, hard)] {
            let mut files = files(&directory, 1);
            let id = create(&mut files, number).expect("new");
            create(&mut files, number + 1).expect("new");
            std::fs::remove_file(files.path(id)).expect("removed");
            replace(&victim, &files.path(id)).expect("planted");
            let error = files.file(id).expect_err("not ours").to_string();
            assert!(error.contains(&format!("{number:03}")), "{error}");
        }
        assert_eq!(std::fs::read(victim).expect("there"), b"precious");
    }
}
