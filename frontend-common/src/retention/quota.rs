//! How much of the disk a run has taken, and room that is made by deleting the oldest of it (`--max-disk`).
//!
//! Everything that writes is counted here. Bytes are counted as file systems give them away: a file takes a block
//! ([`BLOCK`]) more than what is in it, holes take nothing. Only what this run has made is counted and deleted. What
//! can be deleted are whole directories whose connections have all ended, and of directories that are no longer the
//! present one the files of connections that have ended.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::format::count;

/// What a file takes beside its bytes.
pub const BLOCK: u64 = 4096;
/// The part of the bound that is kept free, where something can be deleted.
const FREE: u64 = 16;
/// Bytes that may be written beyond the bound: of flows, those in flight when it is reached; where the oldest is deleted,
/// of everything until it is.
const BEYOND: u64 = 32 << 20;
/// The same for reports, which name what was written.
const REPORTS_BEYOND: u64 = 56 << 20;
/// How long a thread waits before it checks again without a notification.
const PATIENCE: Duration = Duration::from_millis(100);

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Directories that are gone.
    pub directories: u64,
    /// Files, with those in these directories.
    pub files: u64,
    /// Bytes that they took.
    pub bytes: u64,
}

/// There is no room for something that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    /// It is the first in this run, and has to be reported.
    pub is_first: bool,
    limit: u64,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "there is no room for it within --max-disk {}; it is left out, with what follows",
            self.limit
        )
    }
}

/// What one run has written. Clones share the counts.
#[derive(Clone, Debug)]
pub struct DiskQuota(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    limit: u64,
    deletes: bool,
    used: AtomicU64,
    /// There was no room for something, which was left out.
    refused: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
    /// One sweeps at a time.
    reclaiming: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The directories of this run that are there, by number; the last one is the present one.
    directories: BTreeMap<u32, Place>,
    /// Files that are still written or read, and those that belong to a directory rather than to a connection.
    open: HashSet<PathBuf>,
    /// Files that programs read, which may last longer than everything else in a directory.
    pinned: HashSet<PathBuf>,
    deleted: Deleted,
    /// Messages that were not reported yet.
    news: Vec<String>,
    error: Option<String>,
    /// Up to which mark everything that was under way is done.
    done: u64,
    over: bool,
}

#[derive(Debug, Default)]
struct Place {
    bytes: u64,
    complete: bool,
    /// It cannot be deleted, which was reported.
    stuck: bool,
}

impl DiskQuota {
    /// For a run that writes below `root` and may take `limit` bytes.
    #[must_use]
    pub fn new(root: PathBuf, limit: u64, deletes: bool) -> Self {
        Self(Arc::new(Shared {
            root,
            limit,
            deletes,
            used: AtomicU64::new(0),
            refused: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Condvar::new(),
            reclaiming: Mutex::new(()),
        }))
    }

    /// Whether the oldest is deleted when room is short.
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.0.deletes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `bytes` more are in a file.
    pub fn add(&self, path: &Path, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let used = self.0.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.0.deletes {
            let number = self.number(path).unwrap_or(0);
            let mut state = self.state();
            // Writers may be in a directory before `directory_opened` is called.
            let is_next = state.directories.keys().next_back().is_none_or(|last| number > *last);
            let place = if is_next && number > 0 {
                Some(state.directories.entry(number).or_default())
            } else {
                state.directories.get_mut(&number)
            };
            if let Some(place) = place {
                place.bytes += bytes;
            }
            drop(state);
            if used > self.high() {
                self.0.changed.notify_all();
            }
        }
    }

    /// A file of a directory takes `bytes` less than was said.
    pub fn give_back(&self, number: u32, bytes: u64) {
        if self.0.deletes
            && let Some(place) = self.state().directories.get_mut(&number)
        {
            place.bytes = place.bytes.saturating_sub(bytes);
        }
        self.less(bytes);
    }

    /// A file is not to be deleted before it is [let go](Self::let_go).
    pub fn hold(&self, path: &Path) {
        if self.0.deletes {
            self.state().open.insert(path.to_owned());
        }
    }

    /// A file was made, and is held.
    pub fn made(&self, path: &Path) {
        self.hold(path);
        self.add(path, BLOCK);
    }

    /// A file is no longer needed, nor are those whose names begin with its name.
    pub fn let_go(&self, path: &Path) {
        if self.0.deletes {
            self.state().open.remove(path);
        }
    }

    /// A program reads a file, which is not to be deleted before [`unpin`](Self::unpin).
    pub fn pin(&self, path: &Path) {
        if self.0.deletes {
            self.state().pinned.insert(path.to_owned());
        }
    }

    /// The program that read a file has ended.
    pub fn unpin(&self, path: &Path) {
        if self.0.deletes && self.state().pinned.remove(path) {
            self.0.changed.notify_all();
        }
    }

    /// A directory is the present one from now on.
    pub fn directory_opened(&self, number: u32) {
        self.state().directories.entry(number).or_default();
        self.add(&self.directory(number), BLOCK);
    }

    /// Nothing more comes into a directory.
    pub fn complete(&self, number: u32) {
        let mut state = self.state();
        if let Some(place) = state.directories.get_mut(&number) {
            place.complete = true;
        }
        // What its files were kept for is over.
        let directory = self.directory(number);
        state.open.retain(|path| !path.starts_with(&directory));
        drop(state);
        self.0.changed.notify_all();
    }

    /// Everything that was in flight when `mark` was set is done.
    pub fn done(&self, mark: u64) {
        let mut state = self.state();
        state.done = state.done.max(mark);
        drop(state);
        self.0.changed.notify_all();
    }

    /// Whether everything up to `mark` is done; waits a little for it.
    #[must_use]
    pub fn is_done(&self, mark: u64) -> bool {
        let state = self.state();
        if state.done >= mark {
            return true;
        }
        let waited = self.0.changed.wait_timeout(state, PATIENCE);
        waited.unwrap_or_else(PoisonError::into_inner).0.done >= mark
    }

    /// Whether as much is written as may be, or more, or something had no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.used() >= self.0.limit || self.0.refused.load(Ordering::Relaxed)
    }

    /// Asks for room for `bytes` more of what can be left out: bodies, entries of HAR files. Deletes for it, where that
    /// is asked for.
    ///
    /// # Errors
    /// There is none. The run ends then.
    pub fn ask(&self, bytes: u64) -> Result<(), NoRoom> {
        let fits = |limit: u64| self.used().saturating_add(bytes) <= limit;
        if fits(self.0.limit) {
            return Ok(());
        }
        if self.0.deletes {
            self.reclaim();
            if fits(self.0.limit.saturating_add(BEYOND)) {
                return Ok(());
            }
        }
        Err(NoRoom { is_first: !self.0.refused.swap(true, Ordering::Relaxed), limit: self.0.limit })
    }

    /// Asks for room for `bytes` more of a flow that is in flight when the bound is reached.
    ///
    /// # Errors
    /// There is none. The run ends then.
    pub fn ask_for_flow(&self, bytes: u64) -> io::Result<()> {
        self.ask_beyond(bytes, BEYOND)
    }

    /// The same for what reports say of flows.
    ///
    /// # Errors
    /// There is none. The run ends then.
    pub fn ask_for_report(&self, bytes: u64) -> io::Result<()> {
        self.ask_beyond(bytes, REPORTS_BEYOND)
    }

    fn ask_beyond(&self, bytes: u64, beyond: u64) -> io::Result<()> {
        // What is deleted may come back a little later.
        let beyond = if self.0.deletes { REPORTS_BEYOND } else { beyond };
        let fits = || self.used().saturating_add(bytes) <= self.0.limit.saturating_add(beyond);
        if fits() || self.0.deletes && self.reclaim() && fits() {
            return Ok(());
        }
        self.0.refused.store(true, Ordering::Relaxed);
        Err(io::Error::other(format!("there is no room for it within --max-disk {}", self.0.limit)))
    }

    /// Asks for room for `bytes` more in a file outside of the output directory, which [goes](Self::gone) before the
    /// run is over.
    ///
    /// # Errors
    /// There is none. The run ends then.
    pub fn ask_for_temporary(&self, bytes: u64) -> Result<(), NoRoom> {
        self.ask(bytes)?;
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// A file outside of the output directory with `bytes` bytes is gone.
    pub fn gone(&self, bytes: u64) {
        self.less(bytes);
    }

    /// Bytes taken now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Bytes beyond which something is deleted.
    fn high(&self) -> u64 {
        self.0.limit - self.0.limit / FREE
    }

    /// What was deleted so far.
    #[must_use]
    pub fn deleted(&self) -> Deleted {
        self.state().deleted
    }

    /// What was not reported yet: deletions, and the first one that failed.
    pub fn news(&self) -> (Vec<String>, Option<String>) {
        let mut state = self.state();
        (std::mem::take(&mut state.news), state.error.take())
    }

    /// The loop of the cleanup thread: deletes whenever room is short, until the run is over, and once after that.
    pub fn run_cleaner(&self) {
        loop {
            let state = self.state();
            if state.over {
                drop(state);
                self.reclaim();
                return;
            }
            if self.used() <= self.high() {
                drop(self.0.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner));
                continue;
            }
            drop(state);
            if !self.reclaim() {
                let state = self.state();
                if !state.over {
                    drop(
                        self.0.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner),
                    );
                }
            }
        }
    }

    /// The run is over.
    pub fn end(&self) {
        self.state().over = true;
        self.0.changed.notify_all();
    }

    /// Deletes the oldest until there is room again. Returns whether something was deleted.
    pub fn reclaim(&self) -> bool {
        let _one = self.0.reclaiming.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut any, mut last) = (false, None);
        while self.used() > self.high() {
            let next = {
                let state = self.state();
                let present = state.directories.keys().next_back().copied();
                let is_later = |number: u32| last.is_none_or(|last| number > last) && Some(number) != present;
                let later = |(number, place): (&u32, &Place)| {
                    let is_free = || {
                        let directory = self.directory(*number);
                        !state.pinned.iter().any(|path| path.starts_with(&directory))
                    };
                    (is_later(*number) && !place.stuck).then(|| (*number, place.complete && is_free()))
                };
                state.directories.iter().find_map(later)
            };
            let Some((number, complete)) = next else { break };
            any |= if complete { self.delete(number) } else { self.reclaim_partial(number) };
            last = Some(number);
        }
        any
    }

    /// Deletes a directory with everything in it.
    fn delete(&self, number: u32) -> bool {
        let path = self.directory(number);
        let files = files_below(&path);
        let removed = match fs::remove_dir_all(&path) {
            // Another program has deleted it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        let mut state = self.state();
        if let Err(error) = removed {
            if let Some(place) = state.directories.get_mut(&number) {
                place.stuck = true;
            }
            state.error.get_or_insert(format!("cannot delete {}: {error}", path.display()));
            return false;
        }
        let bytes = state.directories.remove(&number).map_or(0, |place| place.bytes);
        state.deleted.directories += 1;
        self.freed(&mut state, files, bytes);
        state.news.push(format!(
            "deleted {}: {}, {} (--max-disk)",
            path.display(),
            count(files, "file"),
            count(bytes, "byte")
        ));
        true
    }

    /// Deletes the files of connections that have ended, in a directory where others are open.
    fn reclaim_partial(&self, number: u32) -> bool {
        let path = self.directory(number);
        let (mut files, mut bytes) = (0, 0);
        let mut folders = vec![path.clone()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.filter_map(Result::ok) {
                let Ok(kind) = entry.file_type() else { continue };
                let file = entry.path();
                if kind.is_dir() {
                    folders.push(file);
                    continue;
                }
                let size = entry.metadata().map_or(0, |facts| taken(&facts));
                // Locked while the file is deleted, so that no thread opens it in between.
                let state = self.state();
                let is_needed = state.pinned.contains(&file) || is_needed(&state.open, &file);
                if !is_needed && fs::remove_file(&file).is_ok() {
                    files += 1;
                    bytes += size + BLOCK;
                }
            }
        }
        if files == 0 {
            return false;
        }
        let mut state = self.state();
        let known = state.directories.get_mut(&number).map_or(0, |place| {
            let bytes = bytes.min(place.bytes);
            place.bytes -= bytes;
            bytes
        });
        self.freed(&mut state, files, known);
        state.news.push(format!(
            "deleted files of ended connections in {}: {}, {} (--max-disk)",
            path.display(),
            count(files, "file"),
            count(known, "byte")
        ));
        true
    }

    fn freed(&self, state: &mut State, files: u64, bytes: u64) {
        state.deleted.files += files;
        state.deleted.bytes += bytes;
        self.less(bytes);
    }

    fn less(&self, bytes: u64) {
        let less = |used: u64| Some(used.saturating_sub(bytes));
        let _ = self.0.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// The path of a directory.
    #[must_use]
    pub fn directory(&self, number: u32) -> PathBuf {
        directory(&self.0.root, number)
    }

    fn number(&self, path: &Path) -> Option<u32> {
        // Paths in the current directory have no `./` before them.
        let below = path.strip_prefix(&self.0.root).unwrap_or(path);
        below.components().next()?.as_os_str().to_str()?.parse().ok()
    }
}

/// The directory of a number below the output directory.
#[must_use]
pub fn directory(root: &Path, number: u32) -> PathBuf {
    let name = format!("{number:06}");
    if root.as_os_str() == "." { PathBuf::from(name) } else { root.join(name) }
}

/// Whether a file is open, or belongs to one that is: its index, its bodies.
fn is_needed(open: &HashSet<PathBuf>, path: &Path) -> bool {
    if open.contains(path) {
        return true;
    }
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    name.match_indices(['-', '.']).any(|(at, _)| open.contains(&path.with_file_name(&name[..at])))
}

/// Files in a directory and below.
fn files_below(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let below = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files_below(&entry.path()),
        _ => 1,
    };
    entries.filter_map(Result::ok).map(below).sum()
}

/// Bytes on disk.
fn taken(facts: &fs::Metadata) -> u64 {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        // A sparse file takes less than its length; one that is so short that it has no block is in its directory.
        match facts.blocks() {
            0 => facts.len(),
            blocks => facts.len().min(blocks.saturating_mul(512)),
        }
    }
    #[cfg(not(unix))]
    facts.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_left_out_has_room_up_to_the_bound_and_the_run_ends_with_the_first_that_has_none() {
        let disk = DiskQuota::new(PathBuf::from("o"), 1000, false);
        disk.add(Path::new("o/a"), 600);
        disk.ask(400).expect("room");
        assert!(!disk.is_full());
        let [first, second] = [(); 2].map(|()| disk.ask(401).expect_err("no room").is_first);
        assert!(first && !second && disk.is_full());
    }

    #[test]
    fn flows_and_reports_have_a_little_room_beyond_the_bound_and_temporary_files_count_until_they_go() {
        let disk = DiskQuota::new(PathBuf::from("o"), 1000, false);
        disk.ask_for_temporary(600).expect("room");
        assert!(disk.ask(401).is_err());
        disk.gone(600);
        disk.add(Path::new("o/a"), 1000);
        disk.ask_for_flow(BEYOND).expect("in flight");
        assert!(disk.ask_for_flow(BEYOND + 1).is_err() && disk.is_full());
        disk.ask_for_report(BEYOND + 1).expect("what was written is named");
        assert!(disk.ask_for_report(REPORTS_BEYOND + 1).is_err());
    }

    #[test]
    fn where_the_oldest_is_deleted_a_little_may_be_beyond_the_bound() {
        let root = tempfile::tempdir().expect("a directory");
        let disk = DiskQuota::new(root.path().to_owned(), 1 << 20, true);
        disk.directory_opened(1);
        disk.add(&root.path().join("000001/a"), 1 << 20);
        disk.ask(1 << 20).expect("the present directory stays");
        assert!(disk.ask(BEYOND).is_err() && disk.is_full());
    }

    #[test]
    fn the_oldest_goes_but_for_what_is_open_and_the_books_stay_right() {
        let root = tempfile::tempdir().expect("a directory");
        let disk = DiskQuota::new(root.path().to_owned(), 16 * 1000, true);
        let put = |name: &str, bytes: u64| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("a directory")).expect("made");
            fs::write(&path, vec![0; bytes as usize]).expect("written");
            disk.made(&path);
            disk.add(&path, bytes);
            path
        };
        for name in ["000001/done", "000001/open", "000001/open-HTTPBODY-001.html", "000001/open.findx"] {
            put(name, 100);
        }
        let done = root.path().join("000001/done");
        disk.let_go(&done);
        put("000002/a", 100);
        disk.complete(2);
        put("000003/present", 100);
        assert!(disk.is_full() && disk.reclaim());
        assert!(!done.exists() && !root.path().join("000002").exists());
        for name in ["000001/open", "000001/open-HTTPBODY-001.html", "000001/open.findx", "000003/present"] {
            assert!(root.path().join(name).exists(), "{name}");
        }
        assert_eq!(disk.deleted().directories, 1);
        assert_eq!((disk.deleted().files, disk.used()), (2, 4 * (BLOCK + 100)));
        // Nothing more can go until the connection has ended.
        assert!(!disk.reclaim());
        disk.complete(1);
        assert!(disk.reclaim());
        assert_eq!((disk.deleted().directories, disk.used()), (2, BLOCK + 100));
    }

    #[test]
    fn what_a_run_wrote_last_leaves_no_more_than_the_bound() {
        let root = tempfile::tempdir().expect("a directory");
        let disk = DiskQuota::new(root.path().to_owned(), 16 * 1000, true);
        for number in 1..=3 {
            let directory = disk.directory(number);
            disk.directory_opened(number);
            fs::create_dir(&directory).expect("made");
            fs::write(directory.join("file"), [0; 4000]).expect("written");
            disk.add(&directory.join("file"), 4000);
        }
        // The cleaner begins after the run is over.
        disk.complete(1);
        disk.end();
        disk.run_cleaner();
        assert!(disk.used() <= 16 * 1000 && !disk.directory(1).exists() && disk.directory(2).exists());
    }
}
