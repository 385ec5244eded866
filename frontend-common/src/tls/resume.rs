//! Goes on behind a hole: finds the next place where a record begins, and its number. The tag or the MAC is the judge.
//!
//! A record takes at least [`SMALLEST`] bytes, so that a hole of so many bytes hides only so many records. One record of
//! those that follow each other behind the hole, the shortest, is tried with the numbers that are possible, and with
//! those of the keys that follow, as a KeyUpdate or the end of the handshake may be in the hole.

use std::borrow::Cow;
use std::ops::Range;

use super::connection::Output;
use super::facts::Reason;
use super::generation::{Generation, Ladder, Sealed};
use super::record::{HEADER, Header, Source, Step, kind, search, seen_until, step};
use super::side::{Hole, Side, Work};

/// The shortest record of TLS 1.3: header, type and tag.
const SMALLEST: u64 = 22;
/// Trials of a hole, beside one for each record that it has room for.
const MOST: u64 = 64;
/// Numbers that are tried beside those that a hole has room for.
const MORE: u64 = 16;
/// Numbers that are tried with keys after the next ones, and how many times keys may change in a hole.
const FEW: u64 = 4;
const CHANGES: u64 = 8;
/// Records that follow each other and are looked at together.
const TOGETHER: usize = 16;
/// Places that are tried in a direction of which no record was ever opened.
const PLACES: u64 = 16;

/// A record that may be there.
struct Candidate {
    header: Header,
    range: Range<u64>,
    is_whole: bool,
    /// Records with a number before it, from the first candidate on.
    before: u64,
}

/// What was found: how many records are missing, and with which keys it goes on.
struct Found {
    ahead: usize,
    number: u64,
    /// Records in the hole, where the keys are the same.
    missing: Option<u64>,
}

/// Goes on behind a hole. Answers false where no record can be opened in what follows it.
pub(super) fn resume(side: &mut Side<'_>, hole: Hole, work: &mut Work, output: &mut dyn Output) -> bool {
    let is_13 = side.version.is_some_and(super::hello::Version::is_13);
    let least =
        side.ladder.as_ref().and_then(|ladder| ladder.current()).map_or(0, |keys| keys.overhead().least);
    if let Some(ladder) = &side.ladder
        && ladder.current().is_some_and(|generation| !generation.is_independent())
    {
        // The place in the key stream is not known.
        return false;
    }
    let version = side.version.map_or(0x0303, |version| if is_13 { 0x0303 } else { version.0 });
    let is_wanted = |header: &Header| {
        let is_kind = if is_13 { header.kind == kind::DATA } else { header.kind > kind::CHANGE_CIPHER_SPEC };
        is_kind && header.version == version && u64::from(header.length) >= least
    };
    let mut from = side.at.max(hole.from);
    let (mut places, trials_before) = (0, side.facts.trials);
    while let Some((place, _)) = search(side.source, from, &is_wanted) {
        from = place + 1;
        let Some(candidates) = follow(side.source, place, is_13) else { continue };
        places += 1;
        if places > PLACES && side.facts.decrypted == 0 {
            side.reason = Some(Reason::WrongSecret);
            return false;
        }
        match find(side, hole, place, &candidates, (&mut *work, trials_before)) {
            Err(reason) => {
                side.reason = Some(reason);
                return false;
            }
            Ok(Some(found)) => {
                go_on(side, hole, place, &found, output);
                return true;
            }
            Ok(None) => {}
        }
    }
    false
}

/// The records that would follow each other from `place` on. `None` where that is no place of a record, as something else
/// follows it.
fn follow(source: &dyn Source, place: u64, is_13: bool) -> Option<Vec<Candidate>> {
    let mut candidates: Vec<Candidate> = Vec::new();
    let (mut at, mut before) = (place, 0);
    while candidates.len() < TOGETHER {
        let (header, range, is_whole) = match step(source, at) {
            Step::Record { header, range, .. } => (header, range, true),
            Step::Torn { header, range } => (header, range, false),
            Step::Lost if seen_until(source, at).saturating_sub(at) >= HEADER => {
                // Bytes that are no header: the ones before were none either, unless there were several.
                return (candidates.len() > 1).then_some(candidates);
            }
            Step::Lost | Step::End => break,
        };
        if !is_13 && header.kind == kind::CHANGE_CIPHER_SPEC {
            break;
        }
        at = range.end;
        let is_numbered = !is_13 || header.kind == kind::DATA;
        candidates.push(Candidate { header, range, is_whole: is_whole && is_numbered, before });
        before += u64::from(is_numbered);
    }
    Some(candidates)
}

fn find(
    side: &mut Side<'_>,
    hole: Hole,
    place: u64,
    candidates: &[Candidate],
    (work, trials_before): (&mut Work, u64),
) -> Result<Option<Found>, Reason> {
    let mut whole = candidates.iter().filter(|candidate| candidate.is_whole);
    let shortest = whole.clone().min_by_key(|candidate| candidate.header.length);
    let first = whole.next();
    // Keys may change between the first and the shortest one: then only the first one has the numbers of the hole.
    let length =
        |candidate: Option<&Candidate>| candidate.map_or(0, |candidate| u32::from(candidate.header.length));
    let is_long = length(first) > 4 * length(shortest) + 256;
    for candidate in shortest.filter(|_| is_long).into_iter().chain(first) {
        let Step::Record { header, body, .. } = step(side.source, candidate.range.start) else { continue };
        let sealed = Sealed { header: &header, body: &body };
        let keys = side.ladder.as_ref().and_then(Ladder::current);
        let before = before(side.source, keys, candidate.range.start);
        let found = numbers(
            side,
            hole,
            place,
            candidate.before,
            &sealed,
            before.as_deref(),
            (&mut *work, trials_before),
        )?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The bytes that a record at `place` is decrypted with, where they were captured.
fn before<'s>(source: &'s dyn Source, generation: Option<&Generation>, place: u64) -> Option<Cow<'s, [u8]>> {
    let range = generation?.before(place)?;
    (seen_until(source, range.start) >= range.end).then(|| source.read(range))
}

/// Tries a record with all numbers that are possible.
fn numbers(
    side: &mut Side<'_>,
    hole: Hole,
    place: u64,
    offset: u64,
    sealed: &Sealed<'_>,
    before: Option<&[u8]>,
    (work, trials_before): (&mut Work, u64),
) -> Result<Option<Found>, Reason> {
    let room = (place - hole.from) / SMALLEST;
    let mut plain = Vec::new();
    let nonce = side.nonce(sealed);
    let Some(ladder) = &mut side.ladder else { return Ok(None) };
    let is_in_handshake = ladder.goes_on() && !ladder.is_traffic();
    let bytes = sealed.body.len() as u64;
    let trials = &mut side.facts.trials;
    let last_trial = trials_before + room + MOST;
    let mut fits = |ahead: usize, number: u64, trials: &mut u64| {
        let Some(generation) = ladder.get(ahead).filter(|_| *trials < last_trial) else { return Ok(false) };
        *trials += 1;
        work.take(bytes * generation.count() as u64).ok_or(Reason::Work)?;
        Ok(generation.fits(number, sealed, before, &mut plain))
    };
    // Nonces that count say the number.
    if let (Some((last, number)), Some(nonce)) = (side.last_nonce, nonce) {
        let number = number.wrapping_add(nonce.wrapping_sub(last));
        let missing = number.checked_sub(hole.number + offset).filter(|missing| *missing <= room + MORE);
        if let Some(missing) = missing
            && fits(0, number, trials)?
        {
            return Ok(Some(Found { ahead: 0, number: number - offset, missing: Some(missing) }));
        }
    }
    // A handshake has few records: what is behind a hole in it most likely has the next keys.
    let (many, some) = (room - room / 4 + MORE, room / 4 + FEW);
    let [current, next] = if is_in_handshake { [some, many] } else { [many, some] };
    for missing in 0..=many {
        if missing <= current && fits(0, hole.number + missing + offset, trials)? {
            return Ok(Some(Found { ahead: 0, number: hole.number + missing, missing: Some(missing) }));
        }
        for ahead in 1..=CHANGES {
            let limit = match ahead {
                1 => next,
                2 | 3 => 2 * FEW,
                _ => FEW,
            };
            if missing < limit && fits(ahead as usize, missing + offset, trials)? {
                return Ok(Some(Found { ahead: ahead as usize, number: missing, missing: None }));
            }
        }
    }
    Ok(None)
}

/// Goes on with what was found, and says what is missing.
fn go_on(side: &mut Side<'_>, hole: Hole, place: u64, found: &Found, output: &mut dyn Output) {
    if found.ahead > 0 {
        side.advance(found.ahead);
    }
    side.hole = None;
    side.inflate.iter_mut().for_each(super::inflate::Inflate::lose);
    side.at = place;
    side.number = found.number;
    side.facts.resumed += u64::from(!hole.refused);
    let source = side.source;
    let Some(generation) = side.ladder.as_mut().and_then(|ladder| ladder.get(0)) else { return };
    if found.number > 0 {
        generation.skip(0, before(source, Some(generation), place).as_deref());
    }
    let overhead = generation.overhead();
    let bytes = place - hole.from;
    let missing = found.missing.unwrap_or(1).saturating_sub(u64::from(hole.refused));
    side.facts.lost += missing;
    let records = found.missing.unwrap_or(1);
    if bytes > 0 {
        let length = bytes.saturating_sub(records * (HEADER + overhead.least));
        output.gap(side.place, hole.from..place, length, overhead.is_exact && found.missing.is_some());
    }
}
