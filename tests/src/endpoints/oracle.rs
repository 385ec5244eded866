//! What a recording of a conversation must be, from what the endpoints read and what the tap captured.
//!
//! It uses nothing of the core's rules. For each connection and direction of which the capture has bytes, the
//! recording has one flow, and both directions of a connection have the same session. Offset 0 is the first byte
//! after the SYN where the capture has that SYN, and else the lowest one captured. Then, at each offset:
//!
//! 1. A byte that no captured segment carries is not in the flow. Where one sent by the endpoint was captured, the
//!    flow has a byte.
//! 2. The flow's byte is the first copy captured, the first copy of the sender's own, or what the receiver's
//!    application read.
//! 3. Where captured copies differ, a conflict is told. Where the application read one byte and the flow has
//!    another one, nothing else excuses that; a forged copy that lost may also be counted as one that came after the end.
//! 4. The flow does not reach beyond what captured segments carry or announce.
//! 5. Bytes are told as acknowledged and not captured if an acknowledgement of the receiver was captured and
//!    they were not: no more, and not silently less (one byte in doubt may be a FIN that was not captured).
//!
//! What the receiver never got is in the flow if it was captured: the sender sent it. Where all captured bytes of
//! a direction are forged and none was read, it may have a flow. Forged bytes outside of the window may lie apart,
//! in a flow that has nothing else.

use std::collections::{BTreeMap, BTreeSet};

use tapflow_core::{Counters, FlowKey};

use super::network::Played;
use super::plan::Ingredient;
use super::segment::{Segment, Way, offset};
use crate::frames::{CLIENT, SERVER};
use crate::recorder::{Record, Recorder};

/// What is wrong with a recording.
pub type Fault = String;

/// Holds a recording against the conversation.
///
/// # Errors
/// The first fault.
pub fn check(played: &Played, recorder: &Recorder, counters: &Counters) -> Result<(), Fault> {
    let mut taken = BTreeSet::new();
    let mut sessions = vec![None; played.truths.len()];
    for connection in connections(played) {
        for way in Way::BOTH {
            let stream = Captured::new(played, connection, way);
            if !stream.has_bytes() {
                continue;
            }
            let mut fault = None;
            let key = key(way);
            let mut flows = recorder.flows.iter().filter(|(number, record)| {
                record.opened.key == key && has_bytes(record) && !taken.contains(*number)
            });
            let found = flows.find(|(_, record)| match stream.check(record, counters) {
                Ok(()) => true,
                Err(what) => {
                    fault.get_or_insert(what);
                    false
                }
            });
            let name = format!("connection {connection}, {way:?}");
            if found.is_none() && !stream.is_due() {
                continue;
            }
            let Some((number, record)) = found else {
                return Err(format!("{name}: {}", fault.unwrap_or_else(|| "no flow".into())));
            };
            taken.insert(*number);
            let session = *sessions[connection].get_or_insert(record.opened.session);
            if session != record.opened.session {
                return Err(format!("{name}: the two directions are of two sessions"));
            }
        }
    }
    let apart = played.plan.recipe.has(Ingredient::ForgedDataOutside);
    for (number, record) in &recorder.flows {
        let forged = record.bytes.iter().flatten().all(u8::is_ascii_digit);
        let allowed = !has_bytes(record) || apart && forged;
        if !taken.contains(number) && !allowed {
            let bytes: Vec<u8> = record.bytes.iter().flatten().take(40).copied().collect();
            return Err(format!("flow {number} is one too many, with \"{}\"", bytes.escape_ascii()));
        }
    }
    Ok(())
}

fn has_bytes(record: &Record) -> bool {
    record.bytes.iter().any(Option::is_some)
}

/// The connections in the order in which the capture has them.
fn connections(played: &Played) -> Vec<usize> {
    let mut order = Vec::new();
    for passed in &played.passed {
        let connection = passed.segment.origin.connection;
        if passed.captured && !order.contains(&connection) {
            order.push(connection);
        }
    }
    order
}

fn key(way: Way) -> FlowKey {
    let address = |(address, _): ([u8; 4], u16)| address.into();
    let key = FlowKey {
        source: address(CLIENT),
        destination: address(SERVER),
        source_port: CLIENT.1,
        destination_port: SERVER.1,
    };
    if way == Way::Up { key } else { key.reversed() }
}

/// One copy of a byte that the capture has.
#[derive(Clone, Copy)]
struct Copy {
    byte: u8,
    forged: bool,
}

/// What the capture has of one direction of a connection.
struct Captured<'p> {
    read: &'p [u8],
    isn: u32,
    syn: bool,
    /// Segments with bytes, in the order of the capture: offset, and captured bytes.
    segments: Vec<(i64, &'p Segment, &'p [u8])>,
    /// The offset after the last byte or before the FIN that any segment has.
    end: i64,
    /// How many bytes the receiver has acknowledged, as far as the capture shows.
    acknowledged: usize,
    /// The same after the first segment with SYN or bytes: before it, there is nothing to acknowledge.
    told: usize,
    /// The sender's FIN was captured.
    fin: bool,
}

impl<'p> Captured<'p> {
    fn new(played: &'p Played, connection: usize, way: Way) -> Self {
        let truth = &played.truths[connection];
        let read = &truth.read[way as usize][..];
        let captured = || {
            let all = played.passed.iter().filter(|passed| passed.captured);
            let all = all.map(|passed| (&passed.segment, &passed.segment.payload[..passed.bytes]));
            all.filter(move |(segment, _)| segment.origin.connection == connection && !segment.rst)
        };
        let own = || {
            let all = captured().map(|(segment, _)| segment);
            all.filter(move |segment| segment.way == way && !segment.origin.forged)
        };
        let sent = own().find(|segment| !segment.payload.is_empty()).map(|segment| segment.origin.isn);
        let isn = truth.isn[way as usize].or(sent).unwrap_or(0);
        let places = captured().filter(|(segment, _)| segment.way == way && segment.origin.isn == isn);
        let ends = places.clone().map(|(segment, _)| segment.offset() + segment.payload.len() as i64);
        let other = truth.isn[way.back() as usize];
        let acknowledged = |begun: bool| {
            let all = captured().map(|(segment, _)| segment);
            let all = all.skip_while(move |segment| begun && !segment.syn && segment.payload.is_empty());
            all.filter(move |segment| segment.way != way && segment.origin.genuine)
                .filter(move |segment| other == Some(segment.origin.isn))
                .filter_map(|segment| segment.acknowledgement)
                .map(move |number| offset(isn, number).clamp(0, read.len() as i64) as usize)
                .max()
                .unwrap_or(0)
        };
        Self {
            read,
            isn,
            syn: own().any(|segment| segment.syn && segment.sequence == isn),
            segments: places
                .filter(|(segment, _)| !segment.payload.is_empty())
                .map(|(segment, bytes)| (segment.offset(), segment, bytes))
                .collect(),
            end: ends.max().unwrap_or(0),
            acknowledged: acknowledged(false),
            told: acknowledged(true),
            fin: own().any(|segment| segment.fin),
        }
    }

    /// Whether a flow may have bytes.
    fn has_bytes(&self) -> bool {
        self.segments.iter().any(|(.., bytes)| !bytes.is_empty())
    }

    /// Whether a flow with bytes is due: not where an attacker sent them all, and the receiver read none of them.
    fn is_due(&self) -> bool {
        let mut bytes = self.segments.iter().filter(|(.., bytes)| !bytes.is_empty());
        bytes.any(|(at, segment, bytes)| {
            let read = *at < self.read.len() as i64 && at + bytes.len() as i64 > 0;
            !segment.origin.forged || read
        })
    }

    fn check(&self, record: &Record, counters: &Counters) -> Result<(), Fault> {
        if self.syn {
            return self.check_at(record, 0, counters);
        }
        let own = self.segments.iter().filter(|(_, segment, _)| !segment.origin.forged);
        let lowest = own.map(|(at, ..)| *at).min();
        let any = self.segments.iter().map(|(at, ..)| *at).min();
        let mut fault = None;
        for start in [lowest, any, Some(0)].into_iter().flatten() {
            match self.check_at(record, start, counters) {
                Ok(()) => return Ok(()),
                Err(what) => fault.get_or_insert(what),
            };
        }
        Err(fault.unwrap_or_default())
    }

    /// The captured copies of each byte, in the order of the capture.
    fn copies(&self) -> BTreeMap<i64, Vec<Copy>> {
        let mut copies = BTreeMap::<i64, Vec<Copy>>::new();
        for (start, segment, bytes) in &self.segments {
            let forged = segment.origin.forged;
            for (at, &byte) in (*start..).zip(*bytes) {
                copies.entry(at).or_default().push(Copy { byte, forged });
            }
        }
        copies
    }

    /// Holds the flow's byte at one offset against the copies of it.
    fn check_byte(
        &self,
        at: i64,
        flow: Option<u8>,
        copies: &[Copy],
        record: &Record,
        counters: &Counters,
    ) -> Result<(), Fault> {
        let own = copies.iter().find(|copy| !copy.forged).map(|copy| copy.byte);
        let Some(byte) = flow else {
            // A forged one may have been refused.
            return match own {
                Some(_) => Err(format!("the byte at {at} was captured and is not in the flow")),
                None => Ok(()),
            };
        };
        let read = usize::try_from(at).ok().and_then(|at| self.read.get(at)).copied();
        if ![copies.first().map(|copy| copy.byte), own, read].contains(&Some(byte)) {
            return Err(format!("the byte at {at} is neither the first copy nor the one that was read"));
        }
        let differ = copies.iter().any(|copy| copy.byte != byte);
        let wrong = read.is_some_and(|read| read != byte);
        let counted = counters.after_close_bytes + counters.out_of_window_bytes > 0 && !wrong;
        if differ && record.conflicts == 0 && !counted {
            return Err(format!("the copies at {at} differ, and no conflict is told"));
        }
        Ok(())
    }

    /// Holds a flow whose offset 0 is `start` against what it must be.
    fn check_at(&self, record: &Record, start: i64, counters: &Counters) -> Result<(), Fault> {
        let Some((_, summary)) = &record.closed else { return Err("the flow was not closed".into()) };
        let isn = self.isn;
        if summary.span as i64 > self.end - start {
            let (span, end) = (summary.span, self.end - start);
            return Err(format!("the flow has {span} bytes, the capture {end} (initial number {isn})"));
        }
        let place = |at: i64| usize::try_from(at - start).ok();
        let in_flow = |at: i64| place(at).and_then(|at| record.bytes.get(at)).copied().flatten();
        let copies = self.copies();
        let placed = (start..).zip(&record.bytes).filter_map(|(at, byte)| byte.map(|byte| (at, byte)));
        for (at, byte) in placed {
            if !copies.contains_key(&at) {
                let byte = byte.escape_ascii();
                return Err(format!("nothing captured has the byte '{byte}' at {at}"));
            }
        }
        for (&at, copies) in copies.range(start..) {
            self.check_byte(at, in_flow(at), copies, record, counters)?;
        }
        let missing = |to: usize| (start..to as i64).filter(|at| in_flow(*at).is_none());
        let unseen = missing(self.acknowledged).count() as u64;
        let silent = missing(self.told).filter(|at| (at - start) as u64 >= summary.span).count();
        if summary.acknowledged_unseen > unseen + u64::from(unseen > 0 && !self.fin) {
            let told = summary.acknowledged_unseen;
            return Err(format!("{told} bytes are told as acknowledged and not captured, {unseen} are"));
        }
        if silent > 1 && summary.acknowledged_unseen == 0 {
            return Err(format!("{silent} acknowledged bytes are missing, and nothing is told"));
        }
        Ok(())
    }
}
