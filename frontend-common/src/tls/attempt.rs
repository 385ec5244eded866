//! Finds secrets without a hello: those of the key log are tried on a record, bounded.

use super::generation::{Generation, Sealed};
use super::hello::Version;
use super::keylog::{KeyLog, Label};
use super::record::{Header, Step, kind, search, step};
use super::side::{Side, Work};
use super::suites::Suite;

/// Suites of TLS 1.3.
const SUITES: [u16; 5] = [0x1301, 0x1302, 0x1303, 0x1304, 0x1305];
/// Records from which the shortest one is taken.
const TOGETHER: u64 = 16;
/// Numbers of a record that are tried at first with every secret.
const FIRST: u64 = 64;
/// Numbers that are tried at all: after so many records the keys have changed.
const MOST: u64 = 1 << 24;
/// Numbers of a record of the handshake.
const HANDSHAKE: u64 = 8;

/// What opens a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) random: [u8; 32],
    pub(super) suite: Suite,
    /// The first record that is protected.
    pub(super) place: u64,
    /// Its number.
    pub(super) number: u64,
    /// It is of application data, not of the handshake.
    pub(super) is_traffic: bool,
}

/// Tries secrets of TLS 1.3 on a direction: those with these randoms, with the suite, where it is known. At most `trials`.
pub(super) fn find(
    side: &mut Side<'_>,
    log: &KeyLog,
    randoms: &[[u8; 32]],
    suite: Option<Suite>,
    labels: [Label; 2],
    (trials, work): (u64, &mut Work),
) -> Option<Found> {
    let (first, shortest) = samples(side)?;
    let suites: Vec<_> =
        suite.map_or_else(|| SUITES.iter().map(|id| Suite::new(*id)).collect(), |suite| vec![suite]);
    let mut left = trials;
    let mut plain = Vec::new();
    // Every secret with few numbers, then with more. Keys may change between the two records.
    let turns = [(first, 0..FIRST), (shortest, 0..FIRST), (shortest, FIRST..MOST)];
    for ((place, before), numbers) in turns {
        let Step::Record { header, body, .. } = step(side.source, place) else { return None };
        let sealed = Sealed { header: &header, body: &body };
        for random in randoms {
            for (label, is_traffic) in labels.into_iter().zip([false, true]) {
                let numbers = match (is_traffic, numbers.start) {
                    (true, _) => numbers.clone(),
                    (false, 0) => 0..HANDSHAKE,
                    (false, _) => continue,
                };
                for suite in &suites {
                    let secrets = log.traffic(label, random);
                    let Some(generation) = Generation::traffic(Version::TLS13, *suite, secrets) else {
                        continue;
                    };
                    for number in numbers.clone() {
                        left = left.checked_sub(1)?;
                        work.take(body.len() as u64 * generation.count() as u64)?;
                        side.facts.trials += 1;
                        if number >= before && generation.fits(number, &sealed, None, &mut plain) {
                            let (place, number) = (first.0, number - before);
                            return Some(Found { random: *random, suite: *suite, place, number, is_traffic });
                        }
                    }
                }
            }
        }
    }
    None
}

/// The place of the first record that is protected, and of the shortest of those that follow it, each with how many
/// records are before it.
fn samples(side: &Side<'_>) -> Option<((u64, u64), (u64, u64))> {
    let is_wanted = |header: &Header| header.kind == kind::DATA && header.length > 17;
    let (first, _) = search(side.source, side.at, &is_wanted)?;
    let mut at = first;
    let mut best: Option<(u16, u64, u64)> = None;
    for before in 0..TOGETHER {
        let Step::Record { header, range, .. } = step(side.source, at) else { break };
        at = range.end;
        if !is_wanted(&header) {
            break;
        }
        if best.is_none_or(|(length, ..)| header.length < length) {
            best = Some((header.length, range.start, before));
        }
    }
    best.map(|(_, place, before)| ((first, 0), (place, before)))
}
