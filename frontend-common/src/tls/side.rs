//! One direction of a connection: its records one after the other, unencrypted at first, then with the keys of a
//! [`Ladder`].

use std::ops::Range;

use super::connection::Output;
use super::facts::{Reason, SideFacts};
use super::generation::{Generation, Ladder, Sealed};
use super::hello::Version;
use super::inflate::Inflate;
use super::messages::{self, Assembler, Message};
use super::record::{self, Header, Source, Step, kind, search};

/// Generations of keys that a record is tried with where it does not open with the current ones.
const AHEAD: usize = 2;
/// Records that fail one after the other without one that was ever opened: the keys are wrong.
const FAILURES: u64 = 16;

/// Work that may still be done for a connection, in bytes that are decrypted to find a record's number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) left: u64,
}

impl Work {
    /// Takes the work of one trial. `None` where there is none left.
    pub(super) fn take(&mut self, bytes: u64) -> Option<()> {
        // A trial costs something, however few bytes it has.
        self.left = self.left.checked_sub(bytes + 64)?;
        Some(())
    }
}

/// A hole, or records that do not open: the place and number of the next record are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    /// Where a record would have begun.
    pub(super) from: u64,
    /// The number that it would have had.
    pub(super) number: u64,
    /// It began as a record that was there and could not be opened.
    pub(super) refused: bool,
}

/// What was met.
pub(super) enum Event {
    /// A handshake message.
    Message(Message),
    /// What follows has other keys, up to TLS 1.2.
    ChangeCipherSpec,
    /// An encrypted record, where keys have not been set.
    Protected,
    /// The end, or what cannot be read.
    End,
}

/// One direction.
pub(super) struct Side<'s> {
    pub(super) place: usize,
    pub(super) source: &'s dyn Source,
    pub(super) at: u64,
    /// The number of the next record.
    pub(super) number: u64,
    /// The keys; without them records are unencrypted.
    pub(super) ladder: Option<Ladder>,
    /// What decompresses records.
    pub(super) inflate: Option<Inflate>,
    pub(super) hole: Option<Hole>,
    /// The version of TLS 1.3 that it is, where that is known.
    pub(super) version: Option<Version>,
    pub(super) facts: SideFacts,
    pub(super) reason: Option<Reason>,
    assembler: Assembler,
    plain: Vec<u8>,
    failures: u64,
    /// The nonce and number of the last record that carried a nonce.
    pub(super) last_nonce: Option<(u64, u64)>,
}

impl<'s> Side<'s> {
    pub(super) fn new(place: usize, source: &'s dyn Source, at: u64) -> Self {
        Self {
            place,
            source,
            at,
            number: 0,
            ladder: None,
            inflate: None,
            hole: None,
            version: None,
            facts: SideFacts::default(),
            reason: None,
            assembler: Assembler::default(),
            plain: Vec::new(),
            failures: 0,
            last_nonce: None,
        }
    }

    /// What follows has these keys.
    pub(super) fn begin(&mut self, ladder: Ladder) {
        self.ladder = Some(ladder);
        self.number = 0;
        self.last_nonce = None;
        self.assembler.reset();
        if let Some(hole) = &mut self.hole {
            hole.number = 0;
        }
    }

    /// Keys go on to the next generation: TLS 1.3.
    pub(super) fn advance(&mut self, by: usize) {
        if let Some(ladder) = &mut self.ladder {
            ladder.advance(by);
            self.number = 0;
            self.assembler.reset();
        }
    }

    pub(super) fn is_traffic(&self) -> bool {
        self.ladder.as_ref().is_some_and(Ladder::is_traffic)
    }

    /// The number that a record carries as its nonce.
    pub(super) fn nonce(&self, sealed: &Sealed<'_>) -> Option<u64> {
        self.ladder.as_ref()?.current()?.nonce(sealed.body)
    }

    fn is_13(&self) -> bool {
        self.version.is_some_and(Version::is_13)
    }

    /// Reads on up to what the other direction may have to know.
    pub(super) fn next(&mut self, work: &mut Work, output: &mut dyn Output) -> Event {
        loop {
            if let Some(message) = self.assembler.next() {
                return Event::Message(message);
            }
            if self.reason.is_some() {
                return self.end(output);
            }
            let event = if self.ladder.is_some() { self.protected(work, output) } else { self.unprotected() };
            match event {
                Some(Event::End) => return self.end(output),
                Some(event) => return event,
                None => {}
            }
        }
    }

    /// The next record before there are keys.
    fn unprotected(&mut self) -> Option<Event> {
        if self.hole.is_some() {
            return Some(Event::Protected);
        }
        match record::step(self.source, self.at) {
            Step::End => Some(Event::End),
            Step::Torn { range, .. } => {
                self.assembler.reset();
                self.at = range.end;
                None
            }
            Step::Record { header, range, body } => match header.kind {
                kind::CHANGE_CIPHER_SPEC => {
                    self.at = range.end;
                    if self.is_13() { None } else { Some(Event::ChangeCipherSpec) }
                }
                kind::HANDSHAKE => {
                    self.at = range.end;
                    self.assembler.push(&body);
                    None
                }
                kind::DATA => Some(Event::Protected),
                _ => {
                    self.at = range.end;
                    None
                }
            },
            Step::Lost => {
                let from = self.at;
                self.assembler.reset();
                let Some((place, header)) = search(self.source, self.at, &|_| true) else {
                    self.at = self.source.len();
                    return Some(Event::End);
                };
                self.at = place;
                let start = place + record::HEADER..place + record::HEADER + u64::from(header.length.min(8));
                let seen = record::seen_until(self.source, place);
                let is_plain = match header.kind {
                    kind::CHANGE_CIPHER_SPEC => header.length == 1,
                    kind::HANDSHAKE => start.end <= seen && messages::begins_plain(&self.source.read(start)),
                    _ => false,
                };
                if !is_plain {
                    // The keys have changed in the hole.
                    self.hole = Some(Hole { from, number: 0, refused: false });
                    return Some(Event::Protected);
                }
                None
            }
        }
    }

    /// The next record with keys.
    fn protected(&mut self, work: &mut Work, output: &mut dyn Output) -> Option<Event> {
        if let Some(hole) = self.hole {
            let resumed = super::resume::resume(self, hole, work, output);
            if !resumed {
                return Some(Event::End);
            }
        }
        match record::step(self.source, self.at) {
            Step::End => Some(Event::End),
            Step::Lost => {
                self.hole = Some(Hole { from: self.at, number: self.number, refused: false });
                None
            }
            Step::Torn { header, range } => {
                self.torn(&header, range, output);
                None
            }
            Step::Record { header, range, body } => self.record(&header, range, &body, output),
        }
    }

    /// A record with a hole in it.
    fn torn(&mut self, header: &Header, range: Range<u64>, output: &mut dyn Output) {
        self.at = range.end;
        self.assembler.reset();
        if self.is_13() && header.kind != kind::DATA {
            return;
        }
        self.lose(header, range, output);
    }

    /// A record is left out whose header is known.
    fn lose(&mut self, header: &Header, range: Range<u64>, output: &mut dyn Output) {
        self.facts.lost += 1;
        self.number += 1;
        self.inflate.iter_mut().for_each(Inflate::lose);
        let source = self.source;
        let Some(generation) = self.ladder.as_mut().and_then(|ladder| ladder.get(0)) else { return };
        let length = usize::from(header.length);
        let last = generation.handed_over(length).and_then(|last| {
            let body = range.start + record::HEADER;
            let last = body + last.start as u64..body + last.end as u64;
            let is_seen = record::seen_until(source, last.start) >= last.end;
            is_seen.then(|| source.read(last))
        });
        generation.skip(length, last.as_deref());
        if header.kind == kind::DATA {
            let overhead = generation.overhead();
            let missing = u64::from(header.length).saturating_sub(overhead.least);
            output.gap(self.place, range, missing, overhead.is_exact);
        }
    }

    fn record(
        &mut self,
        header: &Header,
        range: Range<u64>,
        body: &[u8],
        output: &mut dyn Output,
    ) -> Option<Event> {
        if self.is_13() && header.kind != kind::DATA {
            // Unencrypted: another ClientHello, or what middleboxes are to see.
            self.at = range.end;
            if header.kind == kind::HANDSHAKE && !self.is_traffic() {
                self.assembler.push(body);
            }
            return None;
        }
        let ladder = self.ladder.as_mut()?;
        if ladder.current().is_some_and(Generation::is_broken) {
            self.lose(header, range, output);
            self.at = self.at.max(self.at_after(header));
            return None;
        }
        let sealed = Sealed { header, body };
        let most = if ladder.goes_on() { AHEAD } else { 0 };
        let opened = (0..=most).find_map(|ahead| {
            let number = if ahead == 0 { self.number } else { 0 };
            let kind = ladder.get(ahead)?.open(number, &sealed, &mut self.plain)?;
            Some((ahead, number, kind))
        });
        self.at = range.end;
        let Some((ahead, number, inner)) = opened else { return self.failed(range, body.len(), output) };
        if ahead > 0 {
            ladder.advance(ahead);
            self.assembler.reset();
        }
        if let Some(nonce) = ladder.current().and_then(|generation| generation.nonce(body)) {
            self.last_nonce = Some((nonce, number));
        }
        self.number = number + 1;
        self.failures = 0;
        self.facts.decrypted += 1;
        if let Some(inflate) = &mut self.inflate
            && inflate.record(&mut self.plain).is_none()
        {
            // An earlier record was lost, and this one refers to it.
            self.reason.get_or_insert(Reason::Compression);
            output.gap(self.place, range, body.len() as u64, false);
            return None;
        }
        match inner {
            kind::DATA => {
                self.facts.data_records += 1;
                self.facts.data += self.plain.len() as u64;
                self.facts.early += u64::from(ladder.goes_on() && !ladder.is_traffic());
                output.data(self.place, range, &self.plain);
            }
            kind::HANDSHAKE => self.assembler.push(&self.plain),
            kind::CHANGE_CIPHER_SPEC if !self.is_13() => return Some(Event::ChangeCipherSpec),
            kind::ALERT | kind::HEARTBEAT => {}
            _ => {}
        }
        None
    }

    fn at_after(&self, header: &Header) -> u64 {
        self.at + record::HEADER + u64::from(header.length)
    }

    /// A whole record that does not open.
    fn failed(&mut self, range: Range<u64>, length: usize, output: &mut dyn Output) -> Option<Event> {
        self.facts.refused += 1;
        self.failures += 1;
        self.inflate.iter_mut().for_each(Inflate::lose);
        self.assembler.reset();
        let ladder = self.ladder.as_mut()?;
        // Without a secret for these records, the first one with later keys is waited for.
        let generation = ladder.current()?;
        if self.facts.decrypted == 0 && self.failures >= FAILURES {
            self.reason = Some(Reason::WrongSecret);
            return Some(Event::End);
        }
        if !generation.is_independent() {
            // A stream cipher goes on behind it as if it had been right.
            let missing = generation_gap(ladder, length);
            output.gap(self.place, range, missing, true);
            self.number += 1;
            return None;
        }
        self.hole = Some(Hole { from: range.start, number: self.number, refused: true });
        None
    }

    /// The end of the direction: what a hole hides there is a gap.
    fn end(&mut self, output: &mut dyn Output) -> Event {
        let end = self.source.len();
        if let Some(hole) = self.hole.take() {
            self.facts.unread = Some(hole.from..end);
            if self.facts.decrypted > 0 {
                output.gap(self.place, hole.from..end, end - hole.from, false);
            }
        }
        self.at = end;
        Event::End
    }
}

fn generation_gap(ladder: &Ladder, length: usize) -> u64 {
    let least = ladder.current().map_or(0, |generation| generation.overhead().least);
    (length as u64).saturating_sub(least)
}
