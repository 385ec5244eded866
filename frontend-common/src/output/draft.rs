//! Files that get their name when they are whole.
//!
//! A [`Draft`] is written beside its place, as `NAME.part`, and takes the place with one rename: nothing ever shows half
//! of it under its name, and what stood there before stays until then. A run that is killed leaves the part.
//!
//! Pipes and devices that the user named, and what `/dev` and `/proc` lead to, are written as they are. So is a file in
//! a directory in which no other can be made.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Who chose the place of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// The user named it: links are followed, pipes and devices are written.
    User,
    /// It is a usual name in the output directory. What others put there is refused: links, pipes, devices.
    Program,
}

/// A file on its way to its place.
#[derive(Debug)]
pub struct Draft {
    file: File,
    place: Place,
    /// Nothing in it is worth to stay if the run does not begin.
    provisional: bool,
    /// It is flushed to the disk when it is complete.
    flushes: bool,
}

#[derive(Debug)]
enum Place {
    /// It is written at `part` and belongs at `path`.
    Beside { part: PathBuf, path: PathBuf },
    /// It is an ordinary file at its place.
    There,
    /// Not an ordinary file.
    Stream,
}

impl Draft {
    /// Makes a file for the place `path`, which is standard output for `-` if the user chose it. It goes when it is dropped, unless it is [kept](Self::keep) before.
    ///
    /// # Errors
    /// What the system says; what is at the place or beside it and must not be replaced; another run writes it.
    pub fn create(path: &Path, chosen_by: ChosenBy) -> io::Result<Self> {
        if chosen_by == ChosenBy::User && path.as_os_str() == "-" {
            let file = standard_output()?;
            return Ok(Self { file, place: Place::Stream, provisional: true, flushes: false });
        }
        let facts = match fs::symlink_metadata(path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::beside(path.to_owned()),
            Err(error) => return Err(error),
        };
        let kind = facts.file_type();
        if kind.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if chosen_by == ChosenBy::User {
            return Self::followed(path);
        }
        let refused = if kind.is_symlink() {
            "it is a symbolic link, which is not followed; remove it"
        } else if !kind.is_file() {
            "a pipe, device or socket is in its place; remove it"
        } else if has_other_names(&facts) {
            "a file with another name (a hard link) is in its place; remove it"
        } else {
            return Self::beside(path.to_owned());
        };
        Err(io::Error::other(refused))
    }

    /// For a place where something is, perhaps a link.
    fn followed(path: &Path) -> io::Result<Self> {
        match fs::canonicalize(path) {
            Ok(target) if target.is_file() && !is_of_system(path) => Self::beside(target),
            // Also where a link leads nowhere: the file is made there.
            _ => {
                let file = File::create(path)?;
                let is_file = file.metadata()?.is_file();
                let place = if is_file { Place::There } else { Place::Stream };
                Ok(Self { file, place, provisional: true, flushes: false })
            }
        }
    }

    fn beside(path: PathBuf) -> io::Result<Self> {
        let part = part_of(&path);
        match make(&part) {
            Ok(file) => {
                Ok(Self { file, place: Place::Beside { part, path }, provisional: true, flushes: false })
            }
            // Nothing can be made beside it. The file itself may be there and may be written.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied
                        | io::ErrorKind::ReadOnlyFilesystem
                        | io::ErrorKind::InvalidFilename
                ) =>
            {
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(true);
                do_not_follow(&mut options);
                let file = options.open(&path)?;
                Ok(Self { file, place: Place::There, provisional: true, flushes: false })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether this is an ordinary file, which has a length and positions.
    #[must_use]
    pub fn is_file(&self) -> bool {
        !matches!(self.place, Place::Stream)
    }

    /// The file.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// The run begins: the file stays, whatever comes. If it `flushes`, it is on disk before it has its name
    /// (`--fsync`).
    pub fn keep(&mut self, flushes: bool) {
        (self.provisional, self.flushes) = (false, flushes);
    }

    /// Everything is in it: it is on disk after this, if that is asked for.
    ///
    /// # Errors
    /// What the system says.
    pub fn complete(&mut self) -> io::Result<()> {
        if self.flushes && self.is_file() { self.file.sync_all() } else { Ok(()) }
    }

    /// Gives the file its name. Nothing happens where it has that already.
    ///
    /// # Errors
    /// What the system says. The part stays where it is then.
    pub fn publish(&mut self) -> io::Result<()> {
        self.provisional = false;
        if let Place::Beside { part, path } = &self.place {
            fs::rename(part, path)?;
            self.place = Place::There;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let (true, Place::Beside { part, .. }) = (self.provisional, &self.place) {
            let _ = fs::remove_file(part);
        }
    }
}

/// The directory in which a file gets its name, which the user has given; none for what keeps its name.
#[must_use]
pub fn folder_of(path: &Path) -> Option<PathBuf> {
    if path.as_os_str() == "-" {
        return None;
    }
    let is_named = match path.canonicalize() {
        Ok(target) => target.is_file() && !is_of_system(path),
        Err(_) => true,
    };
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    is_named.then(|| parent.unwrap_or(Path::new(".")).to_owned())
}

/// Standard output, as a file that can be closed.
fn standard_output() -> io::Result<File> {
    #[cfg(unix)]
    let duplicate = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned();
    #[cfg(windows)]
    let duplicate = std::os::windows::io::AsHandle::as_handle(&io::stdout()).try_clone_to_owned();
    duplicate.map(File::from)
}

/// Whether a path is the system's own, behind which there may be anything.
fn is_of_system(path: &Path) -> bool {
    path.starts_with("/dev") || path.starts_with("/proc")
}

/// Where the file of a place is written.
#[must_use]
pub fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, ToOwned::to_owned);
    name.push(".part");
    path.with_file_name(name)
}

/// Makes a part. One that a run has left which is over goes before.
fn make(part: &Path) -> io::Result<File> {
    let create = || OpenOptions::new().read(true).write(true).create_new(true).open(part);
    let file = match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove(part)?;
            create()?
        }
        other => other?,
    };
    // Not every file system has locks.
    #[cfg(unix)]
    let _ = file.try_lock();
    Ok(file)
}

fn remove(part: &Path) -> io::Result<()> {
    let in_the_way = |what: &str| io::Error::other(format!("{}: {what}", part.display()));
    if !fs::symlink_metadata(part)?.is_file() {
        return Err(in_the_way("something else than a file is in the way; remove it"));
    }
    // Elsewhere a lock would keep others from reading.
    if cfg!(unix) {
        let mut options = OpenOptions::new();
        options.read(true);
        do_not_follow(&mut options);
        let taken = options.open(part).and_then(|file| match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(in_the_way("another run is writing it")),
            _ => Ok(()),
        });
        taken?;
    }
    fs::remove_file(part)
}

/// A link or a pipe may have taken the place of what was looked at.
#[cfg(unix)]
fn do_not_follow(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
}

#[cfg(not(unix))]
fn do_not_follow(_: &mut OpenOptions) {}

/// Whether a file has several names. Systems that do not tell make links hard to plant.
#[cfg(unix)]
fn has_other_names(facts: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    facts.nlink() > 1
}

#[cfg(not(unix))]
fn has_other_names(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("report.xml");
        (directory, path)
    }

    fn text(path: &Path) -> Option<String> {
        fs::read_to_string(path).ok()
    }

    #[test]
    fn what_was_there_stays_until_the_next_one_is_whole() {
        let (_directory, path) = place();
        fs::write(&path, "old").expect("written");
        let mut draft = Draft::create(&path, ChosenBy::Program).expect("made");
        draft.file().write_all(b"new").expect("written");
        assert_eq!((text(&path), text(&part_of(&path))), (Some("old".into()), Some("new".into())));
        draft.publish().expect("renamed");
        draft.publish().expect("nothing to do");
        drop(draft);
        assert_eq!((text(&path), text(&part_of(&path))), (Some("new".into()), None));
    }

    #[test]
    fn a_run_that_does_not_begin_leaves_nothing_and_one_that_is_killed_leaves_its_part() {
        let (_directory, path) = place();
        drop(Draft::create(&path, ChosenBy::User).expect("made"));
        assert_eq!((text(&path), text(&part_of(&path))), (None, None));

        let mut draft = Draft::create(&path, ChosenBy::User).expect("made");
        draft.keep(false);
        draft.file().write_all(b"half").expect("written");
        drop(draft);
        assert_eq!((text(&path), text(&part_of(&path))), (None, Some("half".into())));
        // The next one begins anew.
        Draft::create(&path, ChosenBy::User).expect("made").publish().expect("renamed");
        assert_eq!((text(&path), text(&part_of(&path))), (Some(String::new()), None));
    }

    #[cfg(unix)]
    #[test]
    fn two_runs_do_not_write_one_file() {
        let (_directory, path) = place();
        let draft = Draft::create(&path, ChosenBy::User).expect("made");
        let error = Draft::create(&path, ChosenBy::User).expect_err("it is taken").to_string();
        assert!(error.ends_with("report.xml.part: another run is writing it"), "{error}");
        drop(draft);
        Draft::create(&path, ChosenBy::User).expect("free again");
    }

    #[cfg(unix)]
    #[test]
    fn links_pipes_and_devices_are_refused_where_nobody_named_them() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let (directory, path) = place();
        let victim = directory.path().join("victim");
        fs::write(&victim, "precious").expect("written");
        let refused = |what: &str| {
            let error = Draft::create(&path, ChosenBy::Program).expect_err("refused").to_string();
            assert!(error.contains(what), "{error}");
            fs::remove_file(&path).expect("removed");
        };
        std::os::unix::fs::symlink(&victim, &path).expect("linked");
        refused("symbolic link");
        fs::hard_link(&victim, &path).expect("linked");
        refused("hard link");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("made");
        refused("a pipe, device or socket");
        // Beside it nothing is followed for anybody.
        std::os::unix::fs::symlink(&victim, part_of(&path)).expect("linked");
        for chosen_by in [ChosenBy::Program, ChosenBy::User] {
            let error = Draft::create(&path, chosen_by).expect_err("refused").to_string();
            assert!(error.contains("in the way"), "{error}");
        }
        assert_eq!(text(&victim).as_deref(), Some("precious"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_the_user_names_leads_to_the_file_and_other_names_of_a_file_keep_their_content() {
        let (directory, path) = place();
        let [target, other] = ["target", "other"].map(|name| directory.path().join(name));
        fs::write(&target, "old").expect("written");
        fs::hard_link(&target, &other).expect("linked");
        std::os::unix::fs::symlink("target", &path).expect("linked");
        let mut draft = Draft::create(&path, ChosenBy::User).expect("made");
        draft.file().write_all(b"new").expect("written");
        draft.publish().expect("renamed");
        assert!(path.is_symlink());
        assert_eq!((text(&target), text(&other)), (Some("new".into()), Some("old".into())));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_that_the_user_names_is_written_as_it_is() {
        let mut draft = Draft::create(Path::new("/dev/null"), ChosenBy::User).expect("opened");
        assert!(!draft.is_file());
        draft.file().write_all(b"all").and_then(|()| draft.publish()).expect("written");
    }
}
