//! An attacker beside the tap: it sees what comes by, and sends what neither endpoint has sent.

use super::plan::{Ingredient, Plan, another};
use super::random::Random;
use super::segment::{Origin, Segment, Way};

/// What it knows and how much it has left.
#[derive(Debug)]
pub struct Forger {
    kinds: Vec<Ingredient>,
    left: usize,
    /// The initial numbers of the connection that came by last.
    isn: [Option<u32>; 2],
    connection: usize,
}

/// A forged segment, whether it goes before the one that was seen, and whether it reaches its receiver.
type Forged = (Segment, bool, bool);

impl Forger {
    /// What the plan has of it.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        use Ingredient::*;
        let kinds = [
            StrayBeforeAnswer,
            ForgedSyn,
            ForgedAnswer,
            ForgedData,
            ForgedDataOutside,
            ForgedFin,
            ForgedReset,
            RefusedReset,
            IgnoredReset,
        ];
        let kinds = kinds.into_iter().filter(|kind| plan.recipe.has(*kind)).collect();
        Self { kinds, left: plan.forged, isn: [None; 2], connection: usize::MAX }
    }

    /// A segment comes by.
    pub fn look(&mut self, seen: &Segment, random: &mut Random) -> Vec<Forged> {
        if self.connection != seen.origin.connection {
            (self.connection, self.isn) = (seen.origin.connection, [None; 2]);
        }
        if !seen.rst {
            self.isn[seen.way as usize] = Some(seen.origin.isn);
        }
        if self.left == 0 || self.kinds.is_empty() || seen.rst {
            return Vec::new();
        }
        let kind = random.one_of(&self.kinds);
        let opening = matches!(kind, Ingredient::StrayBeforeAnswer | Ingredient::ForgedAnswer) && seen.syn;
        if !opening && !random.chance(35) {
            return Vec::new();
        }
        let Some(segment) = self.forge(kind, seen, random) else { return Vec::new() };
        self.left -= 1;
        // What depends on the numbers of a handshake cannot come before it.
        let answers_syn = kind == Ingredient::ForgedAnswer && seen.acknowledgement.is_none();
        let reacts = seen.syn && (!segment.syn && kind != Ingredient::StrayBeforeAnswer || answers_syn);
        vec![(segment, random.chance(50) && !reacts, random.chance(75))]
    }

    fn forge(&self, kind: Ingredient, seen: &Segment, random: &mut Random) -> Option<Segment> {
        use Ingredient::*;
        let same = bare(seen, seen.way, seen.end(), seen.acknowledgement, self.isn)?;
        let answer = |isns| {
            let number = seen.acknowledgement?;
            bare(seen, seen.way.back(), number, Some(seen.end()), isns)
        };
        let first = |random: &mut Random| random.next_u32();
        match kind {
            StrayBeforeAnswer => {
                if !seen.syn || seen.acknowledgement.is_some() {
                    return None;
                }
                let number = first(random);
                let sequence = random.one_of(&[0, number, seen.sequence]);
                let acknowledgement = random.one_of(&[None, Some(0), Some(number)]);
                let (rst, fin) = random.one_of(&[(true, false), (false, true), (false, false)]);
                let isns = [Some(sequence); 2];
                let stray = bare(seen, seen.way.back(), sequence, acknowledgement, isns)?;
                Some(Segment { rst, fin, ..stray })
            }
            ForgedSyn => {
                let sequence = another(self.isn[0].unwrap_or(seen.sequence), random);
                let forged = bare(seen, Way::Up, sequence, None, [Some(sequence); 2])?;
                Some(Segment { syn: true, ..forged })
            }
            ForgedAnswer => {
                let up = self.isn[0]?;
                let sequence = match self.isn[1] {
                    Some(isn) => another(isn, random),
                    None => first(random),
                };
                // A proxy that asks for an RST acknowledges something else.
                let number = if random.chance(70) { up.wrapping_add(1) } else { another(up, random) };
                let forged = bare(seen, Way::Down, sequence, Some(number), [Some(sequence); 2])?;
                Some(Segment { syn: true, ..forged })
            }
            ForgedData if random.chance(50) && !seen.payload.is_empty() && !seen.syn => {
                // Another content for what is seen, and perhaps for what follows.
                let len = seen.payload.len() + random.one_of(&[0, 0, 3]);
                let payload = digits(len, random);
                Some(Segment { sequence: seen.sequence, payload, ..same })
            }
            ForgedData => {
                let len = random.length(1..30);
                Some(Segment { payload: digits(len, random), ..random_way(same, answer(self.isn), random) })
            }
            ForgedDataOutside => {
                let away = random.one_of(&[66_000, 150_000, 0u32.wrapping_sub(70_000)]);
                let len = random.length(1..30);
                let forged = random_way(same, answer(self.isn), random);
                let sequence = forged.sequence.wrapping_add(away);
                Some(Segment { sequence, payload: digits(len, random), ..forged })
            }
            ForgedFin => {
                let len = random.one_of(&[0, 0, 5, 20]);
                let away = random.one_of(&[0, 0, 0, 7]);
                let forged = random_way(same, answer(self.isn), random);
                let sequence = forged.sequence.wrapping_add(away);
                Some(Segment { fin: true, sequence, payload: digits(len, random), ..forged })
            }
            ForgedReset | IgnoredReset => {
                let forged = random_way(same, answer(self.isn), random);
                let acknowledgement = forged.acknowledgement.filter(|_| random.chance(50));
                Some(Segment { rst: true, acknowledgement, ..forged })
            }
            RefusedReset => {
                let away = random.one_of(&[1, 10, 1000, 100_000, 0u32.wrapping_sub(20), 1 << 31]);
                let forged = random_way(same, answer(self.isn), random);
                Some(Segment { rst: true, sequence: forged.sequence.wrapping_add(away), ..forged })
            }
            _ => None,
        }
    }
}

fn random_way(same: Segment, answer: Option<Segment>, random: &mut Random) -> Segment {
    match answer {
        Some(answer) if random.chance(50) => answer,
        _ => same,
    }
}

/// What genuine streams do not have.
fn digits(len: usize, random: &mut Random) -> Vec<u8> {
    random.text(b'0', 10, len)
}

/// A segment of the connection of `seen`, if the initial number of its direction is known.
fn bare(
    seen: &Segment,
    way: Way,
    sequence: u32,
    acknowledgement: Option<u32>,
    isns: [Option<u32>; 2],
) -> Option<Segment> {
    Some(Segment {
        way,
        sequence,
        acknowledgement,
        syn: false,
        fin: false,
        rst: false,
        payload: Vec::new(),
        origin: Origin {
            connection: seen.origin.connection,
            isn: isns[way as usize]?,
            forged: true,
            genuine: false,
        },
    })
}
