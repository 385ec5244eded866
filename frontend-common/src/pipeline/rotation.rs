//! Numbered output directories (`--rotate`): when the next one begins, and when one is complete.
//!
//! A connection belongs to the directory that was the present one when it began, with all of its files. A directory
//! is complete when another one is the present one and its last connection has ended.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use tapflow_core::Timestamp;

use super::run::nanoseconds;
use crate::cli::Rotate;
use crate::output::disk::directory;

/// The directories of a run, on the side of the core.
pub(super) struct Rotation {
    root: PathBuf,
    every: Option<u64>,
    size: u64,
    number: u32,
    /// Directories made.
    made: u64,
    /// When the present one ends, once there was a packet.
    end: Option<u64>,
    /// Bytes that went into the present one, as the disk has them.
    bytes: u64,
    /// What is open in each directory; without an entry it is nothing.
    open: BTreeMap<u32, u64>,
    /// The directory that was the present one, until somebody asks, and whether it is complete, which was told.
    ended: Option<u32>,
    is_told: bool,
    error: Option<String>,
}

impl Rotation {
    /// Makes the first directory: its number follows those that are there.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn begin(root: PathBuf, by: Rotate) -> Result<Self, String> {
        let known = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
        let last = fs::read_dir(&root)
            .map(|entries| entries.filter_map(Result::ok).filter_map(known).max().unwrap_or(0))
            .map_err(|error| format!("cannot look into {}: {error}", root.display()))?;
        let mut rotation = Self {
            root,
            every: by.every.map(nanoseconds),
            size: by.size.unwrap_or(u64::MAX),
            number: last,
            made: 0,
            end: None,
            bytes: 0,
            open: BTreeMap::new(),
            ended: None,
            is_told: false,
            error: None,
        };
        rotation.number = rotation.make()?;
        Ok(rotation)
    }

    /// Makes the next directory that nobody else has made.
    fn make(&mut self) -> Result<u32, String> {
        let mut number = self.number;
        loop {
            number = number.checked_add(1).ok_or("there are no more numbers for directories")?;
            let path = directory(&self.root, number);
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(format!("cannot make {}: {error}", path.display())),
                Ok(()) => {
                    self.made += 1;
                    return Ok(number);
                }
            }
        }
    }

    /// The number of the present directory.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// How many there were.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// The path of the present one.
    pub(super) fn path(&self) -> PathBuf {
        directory(&self.root, self.number)
    }

    /// Bytes go into the present directory.
    #[inline]
    pub(super) fn count(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Time passes. Answers whether another directory is the present one now.
    #[inline]
    pub(super) fn time(&mut self, now: Timestamp) -> bool {
        self.is_due(now) && self.pass(now)
    }

    /// Whether something ends at this time, if it is believed.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.end.is_none_or(|end| now.0 >= end) || self.bytes >= self.size
    }

    #[cold]
    fn pass(&mut self, now: Timestamp) -> bool {
        let next = self.every.map_or(u64::MAX, |every| (now.0 / every + 1).saturating_mul(every));
        let is_first = self.end.replace(next).is_none();
        if is_first && self.bytes < self.size {
            return false;
        }
        self.next()
    }

    /// Goes on in the next directory. One that cannot be made leaves the present one, which is told.
    pub(super) fn next(&mut self) -> bool {
        if self.error.is_some() {
            return false;
        }
        match self.make() {
            Ok(number) => {
                (self.ended, self.is_told) = (Some(self.number), false);
                self.number = number;
                self.bytes = 0;
                true
            }
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
    }

    /// The directory that was the present one before, once; and whether it is complete and nobody was told.
    pub(super) fn take_ended(&mut self) -> Option<(u32, bool)> {
        let ended = self.ended.take()?;
        Some((ended, !self.is_told && !self.open.contains_key(&ended)))
    }

    /// Why there is no next directory.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Something begins in a directory.
    pub(super) fn enter(&mut self, number: u32) {
        *self.open.entry(number).or_default() += 1;
    }

    /// Something in a directory ends. Answers whether that one is complete now.
    pub(super) fn leave(&mut self, number: u32) -> bool {
        let Some(open) = self.open.get_mut(&number) else { return false };
        *open -= 1;
        if *open > 0 {
            return false;
        }
        self.open.remove(&number);
        self.is_told |= self.ended == Some(number);
        number != self.number
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rotation(by: Rotate) -> (tempfile::TempDir, Rotation) {
        let root = tempfile::tempdir().expect("a directory");
        let rotation = Rotation::begin(root.path().to_owned(), by).expect("made");
        (root, rotation)
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::new(seconds, 0)
    }

    #[test]
    fn directories_end_at_multiples_of_the_time_and_none_is_empty_for_silence() {
        let hour = Rotate { every: Some(Duration::from_secs(3600)), size: None };
        let (_root, mut rotation) = rotation(hour);
        let numbers: Vec<_> = [7000, 7199, 7200, 7201, 7000, 20_000, 21_599, 21_600]
            .map(|seconds| (rotation.time(at(seconds)), rotation.number()))
            .into();
        let expected =
            [(false, 1), (false, 1), (true, 2), (false, 2), (false, 2), (true, 3), (false, 3), (true, 4)];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn a_directory_that_has_its_size_is_followed_by_the_next() {
        let (_root, mut rotation) = rotation(Rotate { every: None, size: Some(100) });
        assert!(!rotation.time(at(1)));
        rotation.count(99);
        assert!(!rotation.time(at(2)));
        rotation.count(1);
        assert!(rotation.time(at(2)));
        assert!(!rotation.time(at(3)));
    }

    #[test]
    fn numbers_follow_those_that_are_there_whoever_makes_them() {
        let root = tempfile::tempdir().expect("a directory");
        for name in ["000007", "3", "other"] {
            fs::create_dir(root.path().join(name)).expect("made");
        }
        let mut rotation = Rotation::begin(root.path().to_owned(), Rotate::default()).expect("made");
        assert_eq!(rotation.path(), root.path().join("000008"));
        fs::create_dir(root.path().join("000009")).expect("made");
        assert!(rotation.next());
        assert_eq!(
            (rotation.number(), rotation.take_ended(), rotation.take_ended()),
            (10, Some((8, true)), None)
        );
    }

    #[test]
    fn a_directory_is_complete_when_it_is_not_the_present_one_and_nothing_in_it_is_open() {
        let (_root, mut rotation) = rotation(Rotate::default());
        rotation.enter(1);
        assert!(!rotation.leave(1));
        rotation.enter(1);
        rotation.enter(1);
        rotation.next();
        rotation.enter(2);
        assert!(!rotation.leave(1));
        assert!(rotation.leave(1));
        assert_eq!(rotation.take_ended(), Some((1, false)));
        assert!(!rotation.leave(2));
    }
}
