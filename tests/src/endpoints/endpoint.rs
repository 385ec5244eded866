//! A host with one socket at most: the receiver and sender of RFC 9293, 3.10, with RFC 5961's answers to what an
//! attacker may have sent, and an application that follows its plan.

use super::plan::{Action, Attempt, Ingredient, Plan, SECOND};
use super::random::Random;
use super::segment::{Origin, Segment, Way};
use super::socket::{Socket, State, WINDOW, before};

/// A segment is sent again so often.
const TRIES: u32 = 6;

/// The least time between two answers to empty segments that are not accepted (RFC 5961, 7), in microseconds.
const CHALLENGES: u64 = SECOND / 2;

/// One host.
#[derive(Debug)]
pub struct Host {
    /// The direction in which it sends.
    pub way: Way,
    /// Its socket.
    pub socket: Option<Socket>,
    /// What it has sent, for the network to fetch.
    pub sent: Vec<Segment>,
    /// What its applications have read since it was last asked.
    pub noted: Vec<Noted>,
    /// Whether it takes connections.
    listens: bool,
    /// What it answered without a socket: the connection, the other side's initial number, and its own.
    cookies: Vec<(usize, u32, u32)>,
    /// How many sockets the connection had that was answered last.
    answered: (usize, u32),
    /// When it may next answer an empty segment that it does not accept.
    challenge_at: u64,
}

/// What an application has read so far of a connection with these initial numbers: its host's own, the other one.
#[derive(Debug)]
pub struct Noted {
    /// Number of the connection in the plan.
    pub connection: usize,
    /// The host's own initial number.
    pub iss: u32,
    /// Whether both sides have agreed on it.
    pub agreed: bool,
    /// All bytes read.
    pub read: Vec<u8>,
}

/// What a host may use while something happens.
pub struct Context<'c> {
    /// The time in microseconds.
    pub now: u64,
    /// What the hosts do.
    pub plan: &'c Plan,
    /// Chance.
    pub random: &'c mut Random,
}

impl Context<'_> {
    fn attempt(&self, connection: usize) -> &Attempt {
        &self.plan.attempts[connection]
    }
}

impl Host {
    /// A host that sends in this direction.
    #[must_use]
    pub fn new(way: Way) -> Self {
        let listens = way == Way::Down;
        Self {
            way,
            socket: None,
            sent: Vec::new(),
            noted: Vec::new(),
            listens,
            cookies: Vec::new(),
            answered: (usize::MAX, 0),
            challenge_at: 0,
        }
    }

    /// Whether a new connection may begin.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.socket.as_ref().is_none_or(|socket| socket.state == State::TimeWait)
    }

    /// When it has something to do by itself.
    #[must_use]
    pub fn wakes_at(&self) -> Option<u64> {
        let socket = self.socket.as_ref()?;
        [socket.retransmit_at, socket.forget_at, socket.step_at, socket.ask_at].into_iter().flatten().min()
    }

    /// Opens `connection` with its own SYN.
    pub fn open(&mut self, connection: usize, isn: u32, context: &mut Context<'_>) {
        let attempt = context.attempt(connection);
        let steps = &attempt.steps[self.way as usize];
        let mut socket = Socket::new(connection, self.way, State::SynSent, isn, steps);
        let first = socket.steps.last();
        if attempt.bytes_in_syn
            && self.way == Way::Up
            && let Some(Action::Write(bytes)) = first.filter(|step| step.after == 0).map(|step| &step.action)
        {
            socket.written.clone_from(bytes);
            socket.in_syn = bytes.len().min(context.plan.mss);
            socket.steps.pop();
        }
        socket.next = isn.wrapping_add(1);
        self.sent.push(socket.syn());
        socket.retransmit_at = Some(context.now + SECOND);
        self.socket = Some(socket);
    }

    /// Time has come for what it does by itself.
    pub fn wake(&mut self, context: &mut Context<'_>) {
        let now = context.now;
        let is_due = |at: Option<u64>| at.is_some_and(|at| at <= now);
        let Some(socket) = &mut self.socket else { return };
        if is_due(socket.forget_at) {
            self.socket = None;
            return;
        }
        if is_due(socket.ask_at) {
            socket.ask_at = None;
            // The byte means nothing, and comes from no application.
            let payload = if context.random.chance(50) { Vec::new() } else { vec![b'0'] };
            let origin = Origin { forged: !payload.is_empty(), ..socket.bare().origin };
            let sequence = socket.unacknowledged.wrapping_sub(1);
            if socket.unacknowledged == socket.next {
                self.sent.push(Segment { sequence, payload, origin, ..socket.bare() });
            }
        }
        if is_due(socket.retransmit_at) {
            socket.tries += 1;
            if socket.tries > TRIES {
                self.socket = None;
                return;
            }
            socket.retransmit_at = Some(now + (SECOND << socket.tries));
            self.retransmit(context);
        }
        self.run(context);
    }

    fn retransmit(&mut self, context: &mut Context<'_>) {
        let Some(socket) = &self.socket else { return };
        if matches!(socket.state, State::SynSent | State::SynReceived) {
            self.sent.push(socket.syn());
            return;
        }
        let overlaps = context.plan.recipe.has(Ingredient::Overlaps);
        let mut at = socket.unacknowledged;
        let mut left = context.random.length(1..6);
        while before(at, socket.next) && left > 0 {
            let longest = context.plan.mss;
            let len = if overlaps { context.random.length(1..longest * 2 + 1) } else { longest };
            // What was sent, and what came to it since: a sender puts both in one segment.
            let piece = socket.piece(at, len);
            if piece.length() == 0 {
                break;
            }
            at = piece.end();
            left -= 1;
            self.sent.push(piece);
        }
        if let Some(socket) = &mut self.socket
            && before(socket.next, at)
        {
            socket.fin_sent |= at == socket.end() && socket.closed;
            socket.next = at;
        }
    }

    /// The application does what it can, and what it has written is sent.
    fn run(&mut self, context: &mut Context<'_>) {
        loop {
            let Some(socket) = &mut self.socket else { return };
            if !socket.can_send() {
                return;
            }
            let Some(step) =
                socket.steps.last().filter(|step| step.after <= socket.read.len() || socket.ended)
            else {
                break;
            };
            let at = *socket.step_at.get_or_insert(context.now + step.pause);
            if at > context.now {
                break;
            }
            socket.step_at = None;
            let step = socket.steps.pop();
            match step.map(|step| step.action) {
                Some(Action::Write(bytes)) => socket.written.extend(bytes),
                Some(Action::Close) => self.close(),
                Some(Action::Abort) => {
                    let reset = Segment { rst: true, ..socket.bare() };
                    self.send_new(context);
                    let next = self.socket.take().map_or(reset.sequence, |socket| socket.next);
                    self.sent.push(Segment { sequence: next, ..reset });
                    return;
                }
                Some(Action::Vanish) => self.socket = None,
                None => break,
            }
        }
        self.send_new(context);
    }

    fn close(&mut self) {
        let Some(socket) = &mut self.socket else { return };
        socket.closed = true;
        socket.state = match socket.state {
            State::Established => State::FinWait1,
            State::CloseWait => State::LastAck,
            other => other,
        };
    }

    /// Sends what was never sent.
    fn send_new(&mut self, context: &mut Context<'_>) {
        let Some(socket) = &mut self.socket else { return };
        while before(socket.next, socket.end())
            && socket.next.wrapping_sub(socket.unacknowledged) < WINDOW / 2
        {
            let longest = context.plan.mss;
            let len = if context.random.chance(70) { longest } else { context.random.length(1..longest + 1) };
            let piece = socket.piece(socket.next, len);
            socket.next = piece.end();
            socket.fin_sent |= piece.fin;
            self.sent.push(piece);
            socket.retransmit_at.get_or_insert(context.now + SECOND);
        }
    }

    /// An RST or nothing, for a segment that no socket takes (RFC 9293, 3.10.7.1).
    fn refuse(&mut self, segment: &Segment) {
        if segment.rst {
            return;
        }
        let (sequence, acknowledgement) = match segment.acknowledgement {
            Some(number) => (number, None),
            None => (0, Some(segment.end())),
        };
        self.sent.push(Segment {
            way: self.way,
            sequence,
            acknowledgement,
            syn: false,
            fin: false,
            rst: true,
            payload: Vec::new(),
            origin: Origin { isn: sequence, forged: false, genuine: true, ..segment.origin },
        });
    }

    /// The application answers, which carries the acknowledgement; often one goes before it.
    fn answer(&mut self, context: &mut Context<'_>) {
        let acknowledgement = self.socket.as_ref().map(Socket::bare);
        let before = self.sent.len();
        self.run(context);
        if self.sent.len() == before || context.random.chance(50) {
            self.sent.splice(before..before, acknowledgement);
        }
    }

    /// What it expects, for a sender that may not know.
    fn challenge(&mut self, segment: &Segment, now: u64) {
        let Some(socket) = &self.socket else { return };
        let empty = segment.payload.is_empty() && !segment.fin;
        if empty && now < self.challenge_at {
            return;
        }
        if empty {
            self.challenge_at = now + CHALLENGES;
        }
        self.sent.push(socket.bare());
    }

    /// Takes a segment.
    pub fn receive(&mut self, segment: &Segment, context: &mut Context<'_>) {
        match self.socket.as_ref().map(|socket| socket.state) {
            None if self.listens => self.receive_listening(segment, context),
            None if context.plan.silent => {}
            None => self.refuse(segment),
            Some(State::SynSent) => self.receive_in_syn_sent(segment, context),
            Some(_) => self.receive_synchronized(segment, context),
        }
        self.run(context);
    }

    /// RFC 9293, 3.10.7.2.
    fn receive_listening(&mut self, segment: &Segment, context: &mut Context<'_>) {
        if segment.rst {
            return;
        }
        let connection = segment.origin.connection;
        if let Some(number) = segment.acknowledgement {
            let cookie = self.cookies.iter().find(|(_, irs, iss)| {
                iss.wrapping_add(1) == number && irs.wrapping_add(1) == segment.sequence && !segment.syn
            });
            let Some((connection, irs, iss)) = cookie.copied() else {
                self.refuse(segment);
                return;
            };
            let steps = &context.attempt(connection).steps[self.way as usize];
            let mut socket = Socket::new(connection, self.way, State::SynReceived, iss, steps);
            socket.next = iss.wrapping_add(1);
            socket.synchronize(irs);
            self.cookies.retain(|cookie| cookie.0 != connection);
            self.socket = Some(socket);
            self.receive_synchronized(segment, context);
            return;
        }
        if !segment.syn {
            return;
        }
        self.answered.1 = if self.answered.0 == connection { self.answered.1 + 1 } else { 0 };
        self.answered.0 = connection;
        let same = context.plan.recipe.has(Ingredient::SameServerIsn);
        let attempt = context.attempt(connection);
        let iss = match self.answered.1 {
            0 => attempt.isn[1],
            _ if same => attempt.isn[1],
            _ => context.random.next_u32(),
        };
        let steps = &context.attempt(connection).steps[self.way as usize];
        let mut socket = Socket::new(connection, self.way, State::SynReceived, iss, steps);
        socket.passive = true;
        socket.next = iss.wrapping_add(1);
        socket.synchronize(segment.sequence);
        if context.plan.recipe.has(Ingredient::Cookies) {
            self.cookies.push((connection, segment.sequence, iss));
            self.sent.push(socket.syn());
            return;
        }
        if context.plan.recipe.has(Ingredient::FastOpen) {
            socket.take(segment);
        }
        self.sent.push(socket.syn());
        socket.retransmit_at = Some(context.now + SECOND);
        let early = !socket.read.is_empty();
        self.socket = Some(socket);
        if early {
            self.note();
        }
    }

    /// RFC 9293, 3.10.7.3.
    fn receive_in_syn_sent(&mut self, segment: &Segment, context: &mut Context<'_>) {
        let Some(socket) = &mut self.socket else { return };
        let acceptable = |number: u32| before(socket.iss, number) && !before(socket.next, number);
        let answers = match segment.acknowledgement {
            Some(number) if !acceptable_in_syn(socket, number) && !acceptable(number) => {
                self.refuse(segment);
                return;
            }
            other => other.is_some(),
        };
        if segment.rst {
            if answers {
                self.socket = None;
            }
            return;
        }
        if !segment.syn {
            return;
        }
        socket.synchronize(segment.sequence);
        if let Some(number) = segment.acknowledgement {
            socket.unacknowledged = number;
            // Bytes of the SYN that were not taken are sent again.
            socket.next = number;
            socket.state = State::Established;
            socket.retransmit_at = None;
            socket.tries = 0;
            if context.plan.recipe.has(Ingredient::KeepAlive) {
                socket.ask_at = Some(context.now + context.random.within(1..3 * SECOND));
            }
            if !segment.payload.is_empty() {
                socket.take(segment);
            }
            self.note();
            self.answer(context);
        } else {
            socket.state = State::SynReceived;
            self.sent.push(socket.syn());
        }
    }

    /// RFC 9293, 3.10.7.4.
    fn receive_synchronized(&mut self, segment: &Segment, context: &mut Context<'_>) {
        let Some(socket) = &mut self.socket else { return };
        let own_syn = segment.syn && segment.sequence == socket.irs && !segment.rst;
        if own_syn && socket.state == State::SynReceived {
            let answered = segment.acknowledgement == Some(socket.iss.wrapping_add(1));
            if answered {
                self.establish(context);
                self.sent.extend(self.socket.as_ref().map(Socket::bare));
            } else if socket.passive {
                self.sent.push(socket.syn());
            }
            return;
        }
        if socket.state == State::TimeWait && segment.syn && before(socket.expected, segment.sequence) {
            self.socket = None;
            self.receive(segment, context);
            return;
        }
        if !socket.accepts(segment) {
            if !segment.rst {
                self.challenge(segment, context.now);
            }
            return;
        }
        if segment.rst {
            if context.plan.recipe.has(Ingredient::IgnoredReset) && !segment.origin.genuine {
                return;
            }
            if segment.sequence == socket.expected {
                self.socket = None;
            } else {
                self.challenge(segment, context.now);
            }
            return;
        }
        if segment.syn {
            self.challenge(segment, context.now);
            return;
        }
        let Some(number) = segment.acknowledgement else { return };
        if socket.state == State::SynReceived {
            if number != socket.next {
                self.refuse(segment);
                return;
            }
            self.establish(context);
        }
        let Some(socket) = &mut self.socket else { return };
        if before(socket.next, number) || before(number, socket.unacknowledged.wrapping_sub(WINDOW)) {
            self.challenge(segment, context.now);
            return;
        }
        if before(socket.unacknowledged, number) {
            socket.unacknowledged = number;
            socket.tries = 0;
            socket.retransmit_at = (number != socket.next).then_some(context.now + SECOND);
        }
        if socket.fin_sent && number == socket.end() {
            match socket.state {
                State::FinWait1 => socket.state = State::FinWait2,
                State::Closing => self.wait(context),
                State::LastAck => {
                    self.socket = None;
                    return;
                }
                _ => {}
            }
        }
        self.take(segment, context);
    }

    /// Remembers what the application has, as the socket may be gone soon.
    fn note(&mut self) {
        let Some(socket) = &self.socket else { return };
        let (connection, iss, agreed) = (socket.connection, socket.iss, socket.state != State::SynReceived);
        self.noted.push(Noted { connection, iss, agreed, read: socket.read.clone() });
    }

    fn establish(&mut self, context: &mut Context<'_>) {
        let Some(socket) = &mut self.socket else { return };
        socket.state = State::Established;
        socket.unacknowledged = socket.iss.wrapping_add(1);
        socket.retransmit_at = before(socket.unacknowledged, socket.next).then_some(context.now + SECOND);
        socket.tries = 0;
        if context.plan.recipe.has(Ingredient::KeepAlive) {
            socket.ask_at = Some(context.now + context.random.within(1..3 * SECOND));
        }
        self.note();
        self.end_of_stream(context);
    }

    /// Payload and FIN.
    fn take(&mut self, segment: &Segment, context: &mut Context<'_>) {
        let Some(socket) = &mut self.socket else { return };
        if segment.length() == 0 {
            return;
        }
        let was_ended = socket.ended;
        if !was_ended {
            socket.take(segment);
            self.note();
        }
        let Some(socket) = &mut self.socket else { return };
        if socket.ended && !was_ended {
            self.end_of_stream(context);
        } else if socket.state == State::TimeWait {
            socket.forget_at = Some(context.now + context.plan.time_wait);
        }
        self.answer(context);
    }

    /// The other side's FIN was read.
    fn end_of_stream(&mut self, context: &mut Context<'_>) {
        let Some(socket) = &mut self.socket else { return };
        if !socket.ended {
            return;
        }
        match socket.state {
            State::Established => socket.state = State::CloseWait,
            State::FinWait1 => socket.state = State::Closing,
            State::FinWait2 => self.wait(context),
            _ => {}
        }
    }

    fn wait(&mut self, context: &mut Context<'_>) {
        let Some(socket) = &mut self.socket else { return };
        socket.state = State::TimeWait;
        socket.retransmit_at = None;
        socket.forget_at = Some(context.now + context.plan.time_wait);
    }
}

/// With bytes in the SYN, the answer may acknowledge some of them.
fn acceptable_in_syn(socket: &Socket, number: u32) -> bool {
    let most = socket.iss.wrapping_add(1 + socket.in_syn as u32);
    before(socket.iss, number) && !before(most, number)
}
