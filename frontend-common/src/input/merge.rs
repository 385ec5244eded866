//! Several captures as one: their packets in the order of their times.
//!
//! Of each file the first packet is read beforehand. A file is opened once the packets before it are used up to that
//! time, and closed behind its last one: files that follow each other are read one after the other, and only those that
//! overlap, as from two taps, are open together. At each step the packet comes that is first among the next ones of the
//! open files, so that a file whose packets are not in order within itself keeps its own order. Packets of one time come
//! in the order of the files.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicBool};
use std::time::Duration;

use tapflow_core::{LinkType, Timestamp};

use super::error::Fault;
use super::pool::BLOCK;
use super::source::{Capture, STDIN};
use super::{InputError, Packet, Packets, Progress, Secrets, Source, TOGETHER};

/// Files that are open together at most: each has a descriptor, a thread and a few blocks of memory.
const MOST_OPEN: usize = 64;
/// Bytes of the blocks of files that are read beside others.
const SMALL_BLOCK: usize = BLOCK / 4;
/// Bytes of a file among which its first packet is looked for.
const FIRST_BYTES: u64 = 1 << 16;

/// A capture that is to be read.
#[derive(Debug)]
pub struct Given {
    /// The file; `-` is standard input.
    pub path: PathBuf,
    /// The same, where it was opened before.
    pub file: Option<File>,
}

impl Given {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The bytes of the file, where it is an ordinary one that has some.
    fn length(&self) -> Option<u64> {
        let facts = match &self.file {
            Some(file) => file.metadata(),
            None if self.path.as_os_str() == STDIN => return None,
            None => self.path.metadata(),
        };
        facts.ok().filter(|facts| facts.is_file()).map(|facts| facts.len()).filter(|length| *length > 0)
    }

    fn open(self, block: usize, stop: Arc<AtomicBool>) -> Result<Capture, InputError> {
        match self.file {
            Some(file) => Capture::of_opened(&self.path.display().to_string(), file, block, stop),
            None => Capture::of_path(&self.path, block, stop),
        }
    }

    /// When the first packet was captured, where the file has one. Only its first bytes are read, and more of them if
    /// there is no packet in these: compressed ones may give nothing yet.
    ///
    /// # Errors
    /// The file cannot be read.
    fn start(&self) -> io::Result<Option<Timestamp>> {
        for count in [FIRST_BYTES, FIRST_BYTES << 6] {
            let mut bytes = Vec::new();
            self.first_bytes(count, &mut bytes)?;
            let Ok(mut capture) = Capture::of_memory(String::new(), bytes.into(), Arc::default()) else {
                continue;
            };
            if let Ok(Some(packet)) = capture.next() {
                return Ok(Some(packet.frame.time));
            }
        }
        Ok(None)
    }

    fn first_bytes(&self, count: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
        match &self.file {
            Some(file) => {
                let mut file = file;
                let result = Read::by_ref(&mut file).take(count).read_to_end(bytes);
                file.seek(SeekFrom::Start(0))?;
                result.map(drop)
            }
            None => File::open(&self.path)?.take(count).read_to_end(bytes).map(drop),
        }
    }
}

/// A file whose time has not come.
#[derive(Debug)]
struct Waiting {
    start: Timestamp,
    given: Given,
    /// Why its time is not known: the file cannot be read.
    fault: Option<io::Error>,
}

/// A file that is being read.
struct Reading {
    capture: Capture,
    /// Of the next record among those that the capture has read last.
    at: usize,
    packets: u64,
    name: Arc<String>,
}

impl Reading {
    /// When the next packet was captured, once there is one.
    fn head(&self) -> Option<Timestamp> {
        self.capture.records().get(self.at).map(|record| record.time)
    }
}

/// What happens to a file of a [`Merge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The file of this name is read from now on.
    Begun(String),
    /// Nothing more comes of this file.
    Ended(Ended),
    /// The file, and what is remarkable about its place among the others.
    Remark(String, String),
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// As messages name it.
    pub name: String,
    /// Packets that were read.
    pub packets: u64,
    /// The link types met, each once.
    pub links: Vec<LinkType>,
    /// As of [`Source::remarks`].
    pub remarks: Vec<String>,
}

/// Captures that are read as one.
pub struct Merge {
    waiting: VecDeque<Waiting>,
    /// In the order in which they began.
    open: Vec<Reading>,
    /// The place among the open ones of the file whose packets were handed over last.
    current: usize,
    /// The name of the file that ended last, or that begins first.
    name: String,
    turns: VecDeque<Turn>,
    stop: Arc<AtomicBool>,
    most_open: usize,
    /// Takes secrets of TLS.
    secrets: Option<Secrets>,
    /// That more files overlap than may be open was said.
    is_crowded: bool,
    /// What came before ended then: packets that are older are remarkable, once.
    after: Option<Timestamp>,
    /// The latest time met so far, as far as the last packet of each step shows it.
    latest: Option<Timestamp>,
    /// Bytes of the files that have ended.
    done: u64,
    total: Option<u64>,
    ended: bool,
}

impl Merge {
    /// One input of any kind: its packets come as they are. Where packets that were read `after` this time are followed
    /// by older ones, that is a [`Turn::Remark`].
    #[must_use]
    pub fn one(given: Given, after: Option<Timestamp>, stop: Arc<AtomicBool>) -> Self {
        let total = given.length();
        let waiting = VecDeque::from([Waiting { start: Timestamp::default(), given, fault: None }]);
        Self::new(waiting, after, total, 1, stop)
    }

    /// Ordinary files, in the order of their packets' times. At most a quarter of `descriptors` are open at once.
    #[must_use]
    pub fn by_time(given: Vec<Given>, descriptors: Option<usize>, stop: Arc<AtomicBool>) -> Self {
        let total = given.iter().filter_map(Given::length).sum();
        let mut waiting: Vec<Waiting> = Vec::with_capacity(given.len());
        for given in given {
            if stop.load(atomic::Ordering::Relaxed) {
                break;
            }
            let (start, fault) = match given.start() {
                Ok(start) => (start.unwrap_or_default(), None),
                Err(fault) => (Timestamp::default(), Some(fault)),
            };
            waiting.push(Waiting { start, given, fault });
        }
        // Stable: those of one time stay as they were given, unless their names count.
        waiting.sort_by(|a, b| {
            let names = || natural(&a.given.name(), &b.given.name());
            a.start.cmp(&b.start).then_with(|| if a.start.0 == 0 { Ordering::Equal } else { names() })
        });
        let most_open = Self::most_open(descriptors);
        Self::new(waiting.into(), None, Some(total), most_open, stop)
    }

    /// How many files are open together at most where a process may have this many descriptors.
    #[must_use]
    pub fn most_open(descriptors: Option<usize>) -> usize {
        descriptors.map_or(MOST_OPEN, |most| (most / 4).clamp(1, MOST_OPEN))
    }

    fn new(
        waiting: VecDeque<Waiting>,
        after: Option<Timestamp>,
        total: Option<u64>,
        most_open: usize,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let name = waiting.front().map(|first| first.given.name()).unwrap_or_default();
        Self {
            waiting,
            open: Vec::new(),
            current: 0,
            name,
            turns: VecDeque::new(),
            stop,
            most_open,
            secrets: None,
            is_crowded: false,
            after,
            latest: None,
            done: 0,
            total,
            ended: false,
        }
    }

    /// The latest time of its packets so far.
    #[must_use]
    pub fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    /// Reads no further: what is open has ended.
    pub fn leave(&mut self) {
        self.waiting.clear();
        while !self.open.is_empty() {
            self.close(0);
        }
        self.ended = true;
    }

    /// The next packets, all of one file.
    fn step(&mut self, most: usize) -> Result<Packets<'_>, InputError> {
        let Some((place, count)) = self.advance(most)? else { return Ok(Packets::default()) };
        let reading = &mut self.open[place];
        let from = reading.at;
        reading.at += count;
        let before = reading.packets;
        reading.packets += count as u64;
        self.current = place;
        Ok(reading.capture.packets(from..from + count).counted(before, &reading.name))
    }
    /// Opens files and reads on until the next packet is known: of which file, and how many of its packets come before
    /// those of the others. Nothing where a turn comes first, and at the end.
    fn advance(&mut self, most: usize) -> Result<Option<(usize, usize)>, InputError> {
        while !self.ended && self.turns.is_empty() {
            if self.stop.load(atomic::Ordering::Relaxed) {
                self.waiting.clear();
            }
            if let Some(place) = self.open.iter().position(|reading| reading.head().is_none()) {
                self.read(place, most)?;
                continue;
            }
            let first = (0..self.open.len()).min_by_key(|place| self.open[*place].head());
            let next = self.waiting.front().map(|waiting| waiting.start);
            let Some(place) = first else {
                if next.is_none() {
                    self.ended = true;
                    break;
                }
                self.open_next()?;
                continue;
            };
            if next.is_some_and(|next| self.open[place].head().is_some_and(|head| next < head)) {
                if self.open.len() < self.most_open {
                    self.open_next()?;
                    continue;
                }
                self.crowd();
            }
            if !self.turns.is_empty() {
                break;
            }
            return Ok(Some((place, self.run(place, next, most))));
        }
        Ok(None)
    }

    /// How many packets of a file come before those of all others.
    fn run(&self, place: usize, next: Option<Timestamp>, most: usize) -> usize {
        let reading = &self.open[place];
        let records = reading.capture.records().get(reading.at..).unwrap_or_default();
        let records = records.get(..most).unwrap_or(records);
        let next = next.filter(|_| self.open.len() < self.most_open);
        if self.open.len() == 1 && next.is_none() {
            return records.len();
        }
        let others = self.open.iter().enumerate().filter(|(other, _)| *other != place);
        let other = others.filter_map(|(other, reading)| Some((reading.head()?, other))).min();
        let comes = |time: Timestamp| {
            next.is_none_or(|next| time <= next) && other.is_none_or(|other| (time, place) < other)
        };
        // The first one does, unless more files overlap than can be open.
        records.iter().take_while(|record| comes(record.time)).count().max(1)
    }

    /// Opens the file that begins next.
    fn open_next(&mut self) -> Result<(), InputError> {
        let Some(Waiting { given, fault, .. }) = self.waiting.pop_front() else { return Ok(()) };
        if let Some(fault) = fault {
            return Err(Fault::of_file(None, fault.into()).named(&given.name(), false));
        }
        let block = if self.open.is_empty() { BLOCK } else { SMALL_BLOCK };
        let mut capture = given.open(block, self.stop.clone())?;
        if let Some(secrets) = &self.secrets {
            capture.keep_secrets(secrets.clone());
        }
        self.turns.push_back(Turn::Begun(capture.name().to_owned()));
        let name = Arc::new(capture.name().to_owned());
        self.open.push(Reading { capture, at: 0, packets: 0, name });
        Ok(())
    }

    /// Reads the next records of a file, which has ended if there are none.
    fn read(&mut self, place: usize, most: usize) -> Result<(), InputError> {
        let reading = &mut self.open[place];
        reading.at = 0;
        let result = reading.capture.read(most);
        if reading.capture.records().is_empty() {
            self.close(place);
        } else if let Some(last) = reading.capture.records().last().map(|record| record.time) {
            self.look_back(place);
            self.latest = self.latest.max(Some(last));
        }
        result
    }

    /// Says, once, that what comes is older than what came before.
    fn look_back(&mut self, place: usize) {
        let reading = &self.open[place];
        let (Some(after), Some(head)) = (self.after.take(), reading.head()) else { return };
        if head < after {
            let seconds = after.0.saturating_sub(head.0).div_ceil(Timestamp::SECOND);
            let remark = format!(
                "its packets begin {seconds} s before the last of what was read before it, and what comes from a pipe \
                 cannot be put in order: connections may be split; save it to a file first, or give it first"
            );
            self.turns.push_back(Turn::Remark(reading.capture.name().to_owned(), remark));
        }
    }

    /// Says, once, that more files overlap than can be open.
    fn crowd(&mut self) {
        if self.is_crowded {
            return;
        }
        self.is_crowded = true;
        let name = self.waiting.front().map(|waiting| waiting.given.name()).unwrap_or_default();
        let remark = format!(
            "more than {} captures overlap in time; this one and those that begin after it wait until another one has \
             ended, so that connections may be split: merge some of them first, for example with mergecap",
            self.most_open
        );
        self.turns.push_back(Turn::Remark(name, remark));
    }

    fn close(&mut self, place: usize) {
        let Reading { mut capture, packets, .. } = self.open.remove(place);
        self.done += capture.progress().done;
        self.current = 0;
        capture.name().clone_into(&mut self.name);
        self.turns.push_back(Turn::Ended(Ended {
            packets,
            links: capture.link_types().to_vec(),
            remarks: capture.remarks(),
            name: capture.name().to_owned(),
        }));
    }
}

impl Source for Merge {
    fn keep_secrets(&mut self, keep: Secrets) {
        self.secrets = Some(keep);
    }

    fn next(&mut self) -> Result<Option<Packet<'_>>, InputError> {
        Ok(self.step(1)?.next())
    }

    fn next_few(&mut self) -> Result<Packets<'_>, InputError> {
        self.step(TOGETHER)
    }

    fn turn(&mut self) -> Option<Turn> {
        self.turns.pop_front()
    }

    fn waits(&mut self, patience: Duration) -> bool {
        match &mut self.open[..] {
            [reading] if reading.head().is_none() && self.turns.is_empty() => reading.capture.waits(patience),
            _ => false,
        }
    }

    fn progress(&self) -> Progress {
        let open: u64 = self.open.iter().map(|reading| reading.capture.progress().done).sum();
        Progress { done: self.done + open, total: self.total }
    }

    fn name(&self) -> &str {
        self.open.get(self.current).map_or(&self.name, |reading| reading.capture.name())
    }

    fn link_types(&self) -> &[LinkType] {
        self.open.first().map_or(&[], |reading| reading.capture.link_types())
    }
}

/// Compares names as people count: `cap.pcap2` comes before `cap.pcap10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let (Some(one), Some(other)) = (left.first(), right.first()) {
        let (digits, others) = (number(left), number(right));
        let order = if digits.is_empty() || others.is_empty() {
            (left, right) = (&left[1..], &right[1..]);
            one.cmp(other)
        } else {
            (left, right) = (&left[digits.len()..], &right[others.len()..]);
            let value =
                |digits: &'_ [u8]| digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
            let (digits, others) = (&digits[value(digits)..], &others[value(others)..]);
            digits.len().cmp(&others.len()).then_with(|| digits.cmp(others))
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits that bytes begin with.
fn number(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    &bytes[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_compared_as_numbers() {
        let mut names =
            ["cap.pcap10", "cap.pcap", "cap.pcap2", "cap.pcap1", "b2/a10", "b10/a2", "cap.pcap02"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(
            names,
            ["b2/a10", "b10/a2", "cap.pcap", "cap.pcap1", "cap.pcap02", "cap.pcap2", "cap.pcap10"]
        );
    }
}
