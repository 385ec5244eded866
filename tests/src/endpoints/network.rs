//! The network between the two hosts, and the tap in the middle of it.
//!
//! ```text
//! client ─► loss, delay, copies ─► tap ─► loss, delay, splitting ─► server       and back
//!                                   │▲
//!                            capture ││ forged segments
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;

use super::endpoint::{Context, Host};
use super::forge::Forger;
use super::plan::{Ingredient, Plan};
use super::random::Random;
use super::segment::{Segment, Way};

/// Microseconds from a host to the tap, without additional delay.
const LEG: u64 = 5_000;

/// After so many events nothing new begins.
const EVENTS: usize = 5_000;

/// A segment that came by the tap.
#[derive(Clone, Debug)]
pub struct Passed {
    /// When, in microseconds.
    pub time: u64,
    /// The segment.
    pub segment: Segment,
    /// Whether the capture has it.
    pub captured: bool,
    /// How many bytes of its payload the capture has.
    pub bytes: usize,
    /// Whether it will reach the receiver's host.
    pub delivered: bool,
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12.6} {}", self.time as f64 / 1e6, self.segment)?;
        f.write_str(if self.captured { "" } else { " (not captured)" })?;
        if self.bytes < self.segment.payload.len() {
            write!(f, " (cut after {} bytes)", self.bytes)?;
        }
        f.write_str(if self.delivered { "" } else { " (lost behind the tap)" })
    }
}

/// What one connection came to at its two ends.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// What the server's application has read, and the client's.
    pub read: [Vec<u8>; 2],
    /// The initial sequence numbers on which both ends agreed: the client's, the server's.
    pub isn: [Option<u32>; 2],
}

/// A conversation as it went.
#[derive(Clone, Debug)]
pub struct Played {
    /// What it was made from.
    pub plan: Plan,
    /// Everything that came by the tap.
    pub passed: Vec<Passed>,
    /// What the endpoints read, for each connection of the plan.
    pub truths: Vec<Truth>,
}

#[derive(Debug)]
enum Event {
    Start(usize),
    Again(usize),
    Wake(Way),
    Tap(Segment),
    Arrive(Segment),
}

/// Plays a plan to its end.
#[must_use]
pub fn play(plan: Plan, random: &mut Random) -> Played {
    let truths = vec![Truth::default(); plan.attempts.len()];
    let forger = Forger::new(&plan);
    let mut network = Network {
        now: 0,
        count: 0,
        queue: BinaryHeap::new(),
        events: Vec::new(),
        hosts: [Host::new(Way::Up), Host::new(Way::Down)],
        woken: [None; 2],
        started: 0,
        pending: true,
        forger,
        random,
        played: Played { plan, passed: Vec::new(), truths },
    };
    network.schedule(1_000_000, Event::Start(0));
    network.run();
    let mut played = network.played;
    if played.plan.recipe.has(Ingredient::CaptureReordering) {
        shuffle(&mut played.passed, random);
    }
    played
}

/// Moves segments among those that came within a tenth of a second.
fn shuffle(passed: &mut [Passed], random: &mut Random) {
    for at in 1..passed.len() {
        let other = at.saturating_sub(random.length(1..4));
        let times = (passed[other].time, passed[at].time);
        if times.1 - times.0 < 100_000 && random.chance(20) {
            passed.swap(other, at);
            (passed[other].time, passed[at].time) = times;
        }
    }
}

struct Network<'r> {
    now: u64,
    count: usize,
    /// Time and number of each event, the earliest on top.
    queue: BinaryHeap<Reverse<(u64, usize)>>,
    events: Vec<Option<Event>>,
    hosts: [Host; 2],
    /// For when each host was last scheduled.
    woken: [Option<u64>; 2],
    /// Connections begun, and whether one more is about to.
    started: usize,
    pending: bool,
    forger: Forger,
    random: &'r mut Random,
    played: Played,
}

impl Network<'_> {
    fn schedule(&mut self, at: u64, event: Event) {
        self.queue.push(Reverse((at, self.events.len())));
        self.events.push(Some(event));
    }

    fn run(&mut self) {
        while let Some(Reverse((time, number))) = self.queue.pop() {
            self.now = time;
            self.count += 1;
            let Some(event) = self.events[number].take().filter(|_| self.count < EVENTS) else { continue };
            match event {
                Event::Start(connection) => self.start(connection),
                Event::Again(connection) => self.again(connection),
                Event::Wake(way) => {
                    self.woken[way as usize] = None;
                    self.with(way, |host, context| host.wake(context));
                }
                Event::Tap(segment) => self.tap(segment),
                Event::Arrive(segment) => {
                    self.with(segment.way.back(), |host, context| host.receive(&segment, context));
                }
            }
            self.after();
        }
    }

    fn with(&mut self, way: Way, act: impl FnOnce(&mut Host, &mut Context<'_>)) {
        let mut context = Context { now: self.now, plan: &self.played.plan, random: self.random };
        act(&mut self.hosts[way as usize], &mut context);
    }

    fn start(&mut self, connection: usize) {
        (self.started, self.pending) = (connection + 1, false);
        let attempt = self.played.plan.attempts[connection].clone();
        self.with(Way::Up, |host, context| host.open(connection, attempt.isn[0], context));
        if attempt.simultaneous {
            self.with(Way::Down, |host, context| host.open(connection, attempt.isn[1], context));
        }
        if attempt.second_isn.is_some() {
            let later = self.random.one_of(&[100, LEG, 2 * LEG, 3 * LEG]);
            self.schedule(self.now + later, Event::Again(connection));
        }
    }

    /// The client's host has started anew before it had an answer.
    fn again(&mut self, connection: usize) {
        let Some(isn) = self.played.plan.attempts[connection].second_isn else { return };
        self.with(Way::Up, |host, context| host.open(connection, isn, context));
    }

    /// Fetches what the hosts have sent, notes what their applications have read, and sees to what comes next.
    fn after(&mut self) {
        for way in Way::BOTH {
            let host = &mut self.hosts[way as usize];
            for noted in host.noted.drain(..) {
                let truth = &mut self.played.truths[noted.connection];
                let read = &mut truth.read[way.back() as usize];
                let isn = &mut truth.isn[way as usize];
                if noted.agreed || isn.is_none() {
                    *isn = Some(noted.iss);
                }
                if read.len() < noted.read.len() {
                    *read = noted.read;
                }
            }
            let wake = host.wakes_at();
            let sent = std::mem::take(&mut host.sent);
            if let Some(at) = wake.filter(|at| self.woken[way as usize].is_none_or(|woken| *at < woken)) {
                self.woken[way as usize] = Some(at);
                self.schedule(at.max(self.now), Event::Wake(way));
            }
            self.send(sent);
        }
        let more = self.started < self.played.plan.attempts.len();
        if more && !self.pending && self.hosts[0].is_done() {
            let pause = self.played.plan.attempts[self.started].pause;
            self.pending = true;
            self.schedule(self.now + pause, Event::Start(self.started));
        }
    }

    /// Segments leave their host.
    fn send(&mut self, sent: Vec<Segment>) {
        let most = self.played.plan.merged;
        let mut merged: Vec<Segment> = Vec::new();
        let mut pieces = 0;
        for segment in sent {
            if let Some(last) = merged.last_mut()
                && pieces < most
                && !last.payload.is_empty()
                && !segment.payload.is_empty()
                && !(last.fin || segment.syn || last.syn || segment.rst)
                && last.end() == segment.sequence
                && last.origin == segment.origin
            {
                pieces += 1;
                last.payload.extend(&segment.payload);
                (last.acknowledgement, last.fin) = (segment.acknowledgement, segment.fin);
                continue;
            }
            pieces = 1;
            merged.push(segment);
        }
        for segment in merged {
            if self.random.chance(self.played.plan.loss[0]) {
                continue;
            }
            let copies = if self.random.chance(self.played.plan.duplicates) { 2 } else { 1 };
            for copy in 0..copies {
                let later = if copy == 0 { 0 } else { self.random.one_of(&[0, 3_000, 40_000, 900_000]) };
                let at = self.now + LEG + self.jitter() + later;
                self.schedule(at, Event::Tap(segment.clone()));
            }
        }
    }

    fn jitter(&mut self) -> u64 {
        let most = self.played.plan.jitter;
        if most > 0 && self.random.chance(40) { self.random.within(0..most) } else { 0 }
    }

    /// A segment comes by the tap, and an attacker there sees it.
    fn tap(&mut self, segment: Segment) {
        let forged = self.forger.look(&segment, self.random);
        let mut all = vec![(segment, true)];
        for (segment, first, delivered) in forged {
            let at = if first { 0 } else { all.len() };
            all.insert(at, (segment, delivered));
        }
        for (segment, delivered) in all {
            self.pass(segment, delivered);
        }
    }

    fn pass(&mut self, segment: Segment, delivered: bool) {
        let plan = &self.played.plan;
        let delivered = delivered && !self.random.chance(plan.loss[1]);
        // Without the handshake of a reused pair of ports nothing could be known.
        let captured = self.played.passed.len() >= plan.first
            && plan.unseen != Some(segment.way)
            && !self.random.chance(plan.loss[2]);
        let split = plan.recipe.has(Ingredient::Offload) && self.random.chance(50);
        let mss = plan.mss;
        let bytes = segment.payload.len().min(plan.snap);
        let twice = plan.recipe.has(Ingredient::CaptureTwice);
        let passed = Passed { time: self.now, segment: segment.clone(), captured, bytes, delivered };
        self.played.passed.push(passed.clone());
        if twice {
            self.played.passed.push(passed);
        }
        if !delivered {
            return;
        }
        let at = self.now + LEG + self.jitter();
        if !split || segment.payload.len() <= mss {
            self.schedule(at, Event::Arrive(segment));
            return;
        }
        for (number, chunk) in segment.payload.chunks(mss).enumerate() {
            let sequence = segment.sequence.wrapping_add((number * mss) as u32);
            let fin = segment.fin && (number + 1) * mss >= segment.payload.len();
            let payload = chunk.to_vec();
            self.schedule(at, Event::Arrive(Segment { sequence, fin, payload, ..segment.clone() }));
        }
    }
}
