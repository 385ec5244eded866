//! Numbered output directories (`--rotate`): when the next one begins, and when one is complete.
//!
//! A connection belongs to the directory that was the present one when it began, with all of its files. A directory
//! is complete when another one is the present one and its last connection has ended.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tapflow_core::Timestamp;

use super::quota::{BLOCK, directory};

/// Packets may be out of order by this number of nanoseconds.
const DISORDER: u64 = 10 * Timestamp::SECOND;

/// When output goes on in the next directory: whichever comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotate {
    /// At multiples of this time since 1970, on the packets' clock.
    pub every: Option<Duration>,
    /// Once this number of bytes of streams and packets is in the present one.
    pub size: Option<u64>,
}

/// The directories of a run, in the core's thread.
pub(crate) struct Rotation {
    root: PathBuf,
    every: Option<u64>,
    size: u64,
    number: u32,
    /// What a file takes beside its bytes, with its index.
    block: u64,
    /// Directories created.
    made: u64,
    /// When the present one ends, once there was a packet.
    end: Option<u64>,
    /// The end before it, where only a packet says so that it has come.
    doubted: Option<u64>,
    /// Bytes that went into the present one, as the disk has them.
    bytes: u64,
    /// What is open in each directory; without an entry it is nothing.
    open: BTreeMap<u32, u64>,
    /// The previous directory, until [`take_ended`](Self::take_ended).
    ended: Option<u32>,
    /// Whether [`leave`](Self::leave) has returned that it is complete.
    is_announced: bool,
    error: Option<String>,
}

impl Rotation {
    /// Creates the first directory: its number follows those that are there. If `index`, files of flows have
    /// another file beside them.
    ///
    /// # Errors
    /// It cannot be created.
    pub(crate) fn begin(root: PathBuf, by: Rotate, index: bool) -> Result<Self, String> {
        let known = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
        let last = fs::read_dir(&root)
            .map(|entries| entries.filter_map(Result::ok).filter_map(known).max().unwrap_or(0))
            .map_err(|error| format!("cannot look into {}: {error}", root.display()))?;
        let mut rotation = Self {
            root,
            every: by.every.map(nanoseconds),
            size: by.size.unwrap_or(u64::MAX),
            number: last,
            block: BLOCK * (1 + u64::from(index)),
            made: 0,
            end: None,
            doubted: None,
            bytes: 0,
            open: BTreeMap::new(),
            ended: None,
            is_announced: false,
            error: None,
        };
        rotation.number = rotation.make()?;
        Ok(rotation)
    }

    /// Creates the next directory that does not exist.
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
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The number of directories created.
    pub(crate) fn made(&self) -> u64 {
        self.made
    }

    /// The path of the present one.
    pub(crate) fn path(&self) -> PathBuf {
        directory(&self.root, self.number)
    }

    /// Bytes go into a directory, into a new file if `first`. Those of earlier directories make the present one no
    /// larger.
    #[inline]
    pub(crate) fn count(&mut self, directory: u32, bytes: u64, first: bool) {
        if directory == self.number {
            self.bytes += bytes + if first { self.block } else { 0 };
        }
    }

    /// The time of the next packet. Returns whether another directory is the present one from it on.
    #[inline]
    pub(crate) fn frame(&mut self, at: Timestamp) -> bool {
        (self.is_due(at) || self.doubted.is_some()) && self.pass(at.0)
    }

    /// Whether something ends with a packet of this time.
    #[inline]
    pub(crate) fn is_due(&self, at: Timestamp) -> bool {
        self.end.is_none_or(|end| at.0 >= end) || self.bytes >= self.size
    }

    #[cold]
    fn pass(&mut self, at: u64) -> bool {
        // Further back than packets are out of order: the time before was wrong.
        if let Some(old) = self.doubted.take_if(|old| at.saturating_add(DISORDER) < *old) {
            self.end = Some(old);
        }
        match self.end {
            Some(end) if at >= end => {
                self.doubted.get_or_insert(end);
                self.end = Some(self.boundary(at));
                self.next()
            }
            Some(_) => self.bytes >= self.size && self.next(),
            None => {
                self.end = Some(self.boundary(at));
                self.bytes >= self.size && self.next()
            }
        }
    }

    /// The core's time passes, which takes more than one packet's word for a long step. Returns whether another
    /// directory is the present one now, as after long silence.
    #[inline]
    pub(crate) fn time(&mut self, now: Timestamp) -> bool {
        let (Some(end), Some(every)) = (self.end, self.every) else { return false };
        let now = now.0;
        match self.doubted {
            Some(old) if now < old => false,
            Some(_) => {
                self.doubted = None;
                self.end = Some(self.boundary(now));
                false
            }
            None if now >= end => {
                self.end = Some(self.boundary(now));
                self.next()
            }
            None => {
                // The clock was set back.
                if end - now > every {
                    self.end = Some(self.boundary(now));
                }
                false
            }
        }
    }

    /// When a directory that is the present one at this time ends.
    fn boundary(&self, at: u64) -> u64 {
        self.every.map_or(u64::MAX, |every| (at / every + 1).saturating_mul(every))
    }

    /// Goes on in the next directory. If it cannot be created the present one stays: see [`error`](Self::error).
    pub(crate) fn next(&mut self) -> bool {
        if self.error.is_some() {
            return false;
        }
        match self.make() {
            Ok(number) => {
                (self.ended, self.is_announced) = (Some(self.number), false);
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

    /// Whether there is a previous directory that [`take_ended`](Self::take_ended) has not returned.
    #[inline]
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The previous directory, once; and whether it is complete without an announcement by [`leave`](Self::leave).
    pub(crate) fn take_ended(&mut self) -> Option<(u32, bool)> {
        let ended = self.ended.take()?;
        Some((ended, !self.is_announced && !self.open.contains_key(&ended)))
    }

    /// Why there is no next directory.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Something begins in a directory.
    pub(crate) fn enter(&mut self, number: u32) {
        *self.open.entry(number).or_default() += 1;
    }

    /// Something in a directory ends. Returns whether that one is complete now.
    pub(crate) fn leave(&mut self, number: u32) -> bool {
        let Some(open) = self.open.get_mut(&number) else { return false };
        *open -= 1;
        if *open > 0 {
            return false;
        }
        self.open.remove(&number);
        self.is_announced |= self.ended == Some(number);
        number != self.number
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation(by: Rotate) -> (tempfile::TempDir, Rotation) {
        let root = tempfile::tempdir().expect("a directory");
        let rotation = Rotation::begin(root.path().to_owned(), by, false).expect("made");
        (root, rotation)
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::new(seconds, 0)
    }

    const HOUR: Rotate = Rotate { every: Some(Duration::from_secs(3600)), size: None };

    /// The directories in which packets of these times are, where the core believes what is not too far ahead, and
    /// anything at its third word.
    fn numbers(seconds: &[u64]) -> Vec<u32> {
        let (_root, mut rotation) = rotation(HOUR);
        let (mut clock, mut words) = (seconds[0], 0);
        let mut number = |&seconds: &u64| {
            rotation.frame(at(seconds));
            let is_near = seconds <= clock + 10 && seconds + 10 >= clock;
            words = if is_near { 0 } else { words + 1 };
            if is_near {
                clock = clock.max(seconds);
            } else if words == 3 {
                clock = seconds;
            }
            rotation.time(at(clock));
            rotation.number()
        };
        seconds.iter().map(&mut number).collect()
    }

    #[test]
    fn directories_end_at_multiples_of_the_time() {
        assert_eq!(numbers(&[7190, 7199, 7200, 7201, 7199, 7200, 7209]), [1, 1, 2, 2, 2, 2, 2]);
    }

    #[test]
    fn none_is_empty_for_silence_and_the_first_packet_after_it_is_in_the_next() {
        assert_eq!(numbers(&[7000, 20_000, 20_001, 20_002, 20_003, 21_600]), [1, 2, 2, 2, 2, 3]);
    }

    #[test]
    fn a_wrong_time_does_not_end_them_all() {
        let absurd = 4_000_000_000;
        assert_eq!(numbers(&[7000, absurd, 7001, 7002, 7199, 7200, 7201]), [1, 2, 2, 2, 2, 3, 3]);
        assert_eq!(numbers(&[7195, absurd, 7196, 7205, 7206, 10_800]), [1, 2, 2, 2, 2, 3]);
        assert_eq!(numbers(&[absurd, 7195, 7196, 7197, 7199, 7200]), [1, 1, 1, 1, 1, 2]);
    }

    #[test]
    fn silence_ends_them_too() {
        let (_root, mut rotation) = rotation(HOUR);
        assert!(!rotation.frame(at(7000)) && !rotation.time(at(7100)));
        assert!(rotation.time(at(7200)) && !rotation.time(at(7300)));
    }

    #[test]
    fn a_directory_that_has_its_size_is_followed_by_the_next() {
        let (_root, mut rotation) = rotation(Rotate { every: None, size: Some(100) });
        assert!(!rotation.frame(at(1)));
        rotation.count(rotation.number(), 99, false);
        assert!(!rotation.frame(at(2)));
        rotation.count(rotation.number(), 1, false);
        assert!(rotation.frame(at(2)));
        assert!(!rotation.frame(at(3)));
        // A file takes a block at least.
        rotation.count(rotation.number(), 0, true);
        assert!(rotation.frame(at(3)));
    }

    #[test]
    fn numbers_follow_those_that_are_there() {
        let root = tempfile::tempdir().expect("a directory");
        for name in ["000007", "3", "other"] {
            fs::create_dir(root.path().join(name)).expect("made");
        }
        let mut rotation = Rotation::begin(root.path().to_owned(), Rotate::default(), false).expect("made");
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
