//! The messages of one direction, one after the other: heads found, resynchronised where bytes are missing or
//! make no sense. Where a body ends is told by whoever knows both directions.

use std::ops::Range;

use memchr::memrchr;
use tapflow_core::Timestamp;

use super::facts::{Anomalies, Anomaly};
use super::head::{self, Head, MAX_HEAD, Role};
use super::stream::Direction;

/// Bytes that are searched together.
const SPAN: u64 = 4 * MAX_HEAD;

/// A head that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) head: Head,
    pub(super) range: Range<u64>,
    pub(super) number: u64,
    /// All of the head was captured.
    pub(super) whole: bool,
    /// Messages before it may have been lost.
    pub(super) after_loss: bool,
    pub(super) anomalies: Anomalies,
    pub(super) first_time: Option<Timestamp>,
}

/// Reads one direction.
pub(super) struct Reader<'a> {
    pub(super) direction: Direction<'a>,
    role: Role,
    at: u64,
    number: u64,
    lost: bool,
    /// Bytes of no message right before `at`.
    stray: u64,
    next: Option<Found>,
    /// Bytes looked at, those that were looked at twice counted twice.
    pub(super) steps: u64,
}

impl<'a> Reader<'a> {
    /// Reads a direction from the stream offset `at` on.
    pub(super) fn new(direction: Direction<'a>, role: Role, at: u64) -> Self {
        Self { direction, role, at, number: 0, lost: !direction.begins, stray: 0, next: None, steps: 0 }
    }

    /// The next message is behind this.
    pub(super) fn seek(&mut self, at: u64) {
        debug_assert!(self.next.is_none() && at >= self.at);
        self.at = at;
    }

    /// Where the next message may begin.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Messages so far.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Nothing more is read.
    pub(super) fn stop(&mut self) {
        self.next = None;
        self.at = self.direction.len();
    }

    /// Bytes of no message met since the last call.
    pub(super) fn take_stray(&mut self) -> u64 {
        std::mem::take(&mut self.stray)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.next.is_none() && self.at >= self.direction.len()
    }

    /// Whether bytes follow that begin no message, behind empty lines.
    pub(super) fn has_other_bytes(&self) -> bool {
        let bytes = self.direction.seen(self.at, MAX_HEAD);
        let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
        start < bytes.len() && !head::begins(self.role, &bytes[start..])
    }

    /// Whether a message begins right here.
    pub(super) fn begins_here(&self) -> bool {
        head::begins(self.role, &self.direction.seen(self.at, MAX_HEAD))
    }

    /// The next head, which stays the next.
    pub(super) fn peek(&mut self) -> Option<&Found> {
        if self.next.is_none() {
            self.next = self.find();
        }
        self.next.as_ref()
    }

    /// The next head. Its body begins behind it; the next one is found behind what [`Self::seek`] is told.
    pub(super) fn next(&mut self) -> Option<Found> {
        self.peek();
        self.next.take()
    }

    fn find(&mut self) -> Option<Found> {
        let mut anomalies = Anomalies::default();
        let mut seeks = false;
        loop {
            self.steps += 1;
            let end = self.direction.len();
            if self.at >= end || self.direction.has_failed() {
                self.at = end;
                return None;
            }
            let seen = self.direction.seen_until(self.at);
            if seen <= self.at {
                // A gap.
                self.at = self.direction.next_gap(self.at).end;
                (self.lost, seeks) = (true, true);
                continue;
            }
            if let Some(b'\r' | b'\n') = self.direction.seen(self.at, 1).first() {
                self.at += 1;
                continue;
            }
            let window = self.direction.seen(self.at, MAX_HEAD);
            if !head::begins(self.role, &window) {
                let skipped = self.search(seen);
                self.at += skipped;
                self.stray += skipped;
                self.lost = true;
                if !seeks {
                    anomalies.add(Anomaly::Stray);
                }
                continue;
            }
            let start = self.at;
            let length = head::length(&window);
            self.steps += length.unwrap_or(window.len()) as u64;
            let (length, whole) = match length {
                Some(length) => (length as u64, true),
                None if self.at + (window.len() as u64) < seen => {
                    // No head is that long.
                    self.at += window.len() as u64;
                    self.stray += window.len() as u64;
                    self.lost = true;
                    anomalies.add(Anomaly::Stray);
                    continue;
                }
                None => (window.len() as u64, false),
            };
            let Some(head) = head::parse(self.role, &self.direction.slice(start..start + length)) else {
                self.at += length;
                self.stray += length;
                continue;
            };
            self.at = start + length;
            if !whole {
                anomalies.add(if self.at < end { Anomaly::GapInHead } else { Anomaly::HeadCutOff });
            }
            self.number += 1;
            return Some(Found {
                head,
                range: start..start + length,
                number: self.number,
                whole,
                after_loss: std::mem::replace(&mut self.lost, !whole),
                anomalies,
                first_time: self.direction.time(start),
            });
        }
    }

    /// How many bytes are before the next message, or before `seen` where none begins. They are looked at in parts,
    /// the next of which begins with the line that the one before has not all of.
    fn search(&mut self, seen: u64) -> u64 {
        let mut at = self.at;
        loop {
            let end = seen.min(at.saturating_add(SPAN));
            let part = self.direction.slice(at..end);
            if let Some(found) = head::find(self.role, &part, &mut self.steps) {
                return at + found as u64 - self.at;
            }
            if end == seen || part.is_empty() {
                return seen - self.at;
            }
            // No line of a head is longer.
            let line = memrchr(b'\n', &part).map_or(SPAN - MAX_HEAD, |at| at as u64 + 1);
            at += line;
        }
    }
}
