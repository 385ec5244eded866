//! Both directions of a connection: which is the client's, which response answers which request, and what
//! to do with every body.
//!
//! One request and one response are held at a time, whatever the number of messages.

use super::bodies::{Bodies, Content};
use super::coding::Allowance;
use super::facts::{Anomalies, Anomaly, Counts, Message};
use super::framing::{self, Framing};
use super::head::{self, Head, MAX_HEAD, Role, Start};
use super::http2::{self, Http2};
use super::reader::{Found, Reader};
use super::stream::Direction;
use super::{Output, socks, websocket};

/// Bytes in which a connection of which the beginning is missing is searched for a message.
const SEARCH: u64 = 1 << 20;
/// Bytes looked at that every connection may take.
const FREE_STEPS: u64 = 1 << 20;
/// How much the times of two directions may be in disorder in a capture.
const DISORDER: u64 = 1_000_000;

/// What HTTP costs at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Codings are undone.
    pub decode: bool,
    /// How far bodies may grow by that.
    pub allowance: Allowance,
    /// Files with bodies of one connection.
    pub bodies: u64,
    /// Parts of one multipart body.
    pub parts: u64,
    /// Bytes looked at for each captured byte of a connection, bytes looked at again counted again.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { decode: true, allowance: Allowance::default(), bodies: 1_000_000, parts: 1000, steps: 64 }
    }
}

/// What a connection with HTTP came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Which of the two directions is the client's.
    pub client: usize,
    /// Messages, bodies, anomalies.
    pub counts: Counts,
    /// It became another protocol: CONNECT or an upgrade.
    pub is_tunnel: bool,
    /// It takes more work than [`Limits::steps`] allow: what follows was not looked at.
    pub is_given_up: bool,
    /// Bytes looked at.
    pub steps: u64,
}

/// Looks for HTTP/1, HTTP/2 and WebSocket in the two directions of a finished connection and hands all messages and bodies
/// to `output`. `None` if there is none, which the first bytes tell.
pub fn scan(directions: [Direction<'_>; 2], limits: &Limits, output: &mut dyn Output) -> Option<Scanned> {
    let starts = starts(&directions);
    if let Some(client) = http2::client(&directions, starts) {
        return streams(directions, starts, client, limits, output);
    }
    let client = match client(&directions, starts) {
        Some(client) => client,
        None => {
            return match websocket::client(&directions) {
                Some(client) => messages(directions, client, limits, output),
                None => simple(directions, limits, output),
            };
        }
    };
    output.recognised(client);
    let requests = Reader::new(directions[client], Role::Client, starts[client]);
    let responses = Reader::new(directions[1 - client], Role::Server, starts[1 - client]);
    let scanned = Scanned { client, ..Scanned::default() };
    let most_steps = most_steps(&directions, limits);
    let mut scan = Scan { requests, responses, bodies: Bodies::new(limits, output), scanned, most_steps };
    scan.all();
    let steps = scan.steps();
    let Scan { bodies, mut scanned, .. } = scan;
    scanned.steps = steps;
    scanned.counts = bodies.counts;
    (scanned.counts.requests + scanned.counts.responses > 0).then_some(scanned)
}

/// Bytes that may be looked at.
fn most_steps(directions: &[Direction<'_>; 2], limits: &Limits) -> u64 {
    let captured: u64 = directions.iter().map(|direction| direction.captured()).sum();
    FREE_STEPS.saturating_add(captured.saturating_mul(limits.steps))
}

/// A connection that is HTTP/2 from its first byte on, or whose beginning is missing.
fn streams(
    directions: [Direction<'_>; 2],
    starts: [u64; 2],
    client: usize,
    limits: &Limits,
    output: &mut dyn Output,
) -> Option<Scanned> {
    output.recognised(client);
    let steps = most_steps(&directions, limits);
    let mut bodies = Bodies::new(limits, output);
    let sides = [client, 1 - client];
    let mut http2 = Http2::new(sides.map(|side| directions[side]), sides.map(|side| starts[side]));
    let is_given_up = http2.all(&mut bodies, steps);
    let steps = http2.steps() + bodies.steps;
    let scanned = Scanned { client, counts: bodies.counts, is_given_up, steps, ..Scanned::default() };
    (scanned.counts.requests + scanned.counts.responses > 0).then_some(scanned)
}

/// A connection that is WebSocket, of which the handshake is missing.
fn messages(
    directions: [Direction<'_>; 2],
    client: usize,
    limits: &Limits,
    output: &mut dyn Output,
) -> Option<Scanned> {
    output.recognised(client);
    let mut bodies = Bodies::new(limits, output);
    websocket::late(&[client, 1 - client].map(|side| directions[side]), &mut bodies);
    Some(Scanned {
        client,
        is_tunnel: true,
        counts: bodies.counts,
        steps: bodies.steps,
        ..Scanned::default()
    })
}

/// Where HTTP may begin in each direction: behind the handshake of a SOCKS proxy, or at the start.
fn starts(directions: &[Direction<'_>; 2]) -> [u64; 2] {
    let first = directions.map(|direction| direction.seen(0, MAX_HEAD));
    match socks::handshake(&first[0], &first[1]) {
        Some(lengths) => lengths,
        None => socks::handshake(&first[1], &first[0]).map_or([0; 2], |[client, proxy]| [proxy, client]),
    }
}

/// Which direction is the client's: the messages show it, not the ports.
fn client(directions: &[Direction<'_>; 2], starts: [u64; 2]) -> Option<usize> {
    let first = [0, 1].map(|index| directions[index].seen(starts[index], MAX_HEAD));
    let starts = |index: usize, role| head::begins(role, first[index].trim_ascii_start());
    for index in [0, 1] {
        if starts(index, Role::Client) || starts(1 - index, Role::Server) {
            return Some(index);
        }
    }
    // Recorded from the middle on: the first message may be anywhere.
    for index in [0, 1] {
        for (direction, role) in [(index, Role::Client), (1 - index, Role::Server)] {
            let direction = &directions[direction];
            if direction.begins {
                continue;
            }
            let range = 0..SEARCH.min(direction.len());
            let mut pieces = direction.pieces(range).filter(|(_, seen)| *seen);
            if pieces.any(|(piece, _)| head::find(role, &direction.slice(piece), &mut 0).is_some()) {
                return Some(index);
            }
        }
    }
    None
}

/// HTTP/0.9: a request of one line, a body and nothing else.
fn simple(directions: [Direction<'_>; 2], limits: &Limits, output: &mut dyn Output) -> Option<Scanned> {
    let simple = |direction: &Direction<'_>| {
        let whole = direction.begins && direction.gaps.is_empty() && direction.len() <= MAX_HEAD;
        whole.then(|| head::simple_request(&direction.slice(0..direction.len()))).flatten()
    };
    let client = [0, 1].into_iter().find(|index| simple(&directions[*index]).is_some())?;
    output.recognised(client);
    let (request, response) = (directions[client], directions[1 - client]);
    let head = |start| Head { start, version: "HTTP/0.9".into(), fields: Vec::new() };
    let found = |head, direction: &Direction<'_>, length| Found {
        head,
        range: 0..length,
        number: 1,
        whole: true,
        after_loss: false,
        anomalies: Anomalies::default(),
        first_time: direction.time(0),
    };
    let target = simple(&request)?;
    let start = Start::Request { method: "GET".into(), target };
    let mut bodies = Bodies::new(limits, output);
    let (asked, _) = bodies.message(found(head(start), &request, request.len()), &request, Framing::None);
    let answered = (response.len() > 0).then(|| {
        let start = Start::Response { status: 200, reason: String::new() };
        bodies.message(found(head(start), &response, 0), &response, Framing::UntilClose).0
    });
    bodies.output.exchange(Some(&asked), answered.as_ref());
    Some(Scanned { client, counts: bodies.counts, steps: bodies.steps, ..Scanned::default() })
}

struct Scan<'a, 'o> {
    requests: Reader<'a>,
    responses: Reader<'a>,
    bodies: Bodies<'o>,
    scanned: Scanned,
    most_steps: u64,
}

impl Scan<'_, '_> {
    /// Bytes looked at so far.
    fn steps(&self) -> u64 {
        let read = self.requests.direction.taken() + self.responses.direction.taken();
        read + self.requests.steps + self.responses.steps + self.bodies.steps
    }

    /// Looks at all messages, or at those for which so many steps are enough.
    fn all(&mut self) {
        while !self.bodies.output.is_over() {
            if self.steps() > self.most_steps {
                self.scanned.is_given_up = true;
                break;
            }
            self.responses.peek();
            let goes_on = match (self.requests.peek(), self.responses.peek()) {
                (None, None) => false,
                (None, Some(_)) => self.response_alone(),
                (Some(request), Some(response)) if is_before(response, request) => self.response_alone(),
                (Some(_), _) => self.request(),
            };
            self.bodies.counts.stray_bytes += self.requests.take_stray() + self.responses.take_stray();
            if !goes_on {
                break;
            }
        }
        if self.scanned.is_tunnel {
            self.requests.stop();
            self.responses.stop();
        }
    }

    /// A response to a request that was not captured: whether HTTP goes on.
    fn response_alone(&mut self) -> bool {
        let Some(found) = self.responses.next() else { return false };
        let (mut message, framing) = self.response(found, None);
        self.bodies.hand_out(&mut message);
        self.bodies.output.exchange(None, Some(&message));
        self.goes_on(framing)
    }

    /// A request and what answers it: whether HTTP goes on.
    fn request(&mut self) -> bool {
        let Some(found) = self.requests.next() else { return false };
        let mut anomalies = found.anomalies;
        let direction = self.requests.direction;
        let framing = match found.whole {
            true => framing::of_request(&found.head, &direction, found.range.end, &mut anomalies),
            false => Framing::None,
        };
        if framing == Framing::None && found.whole && self.requests.has_other_bytes() {
            let method = found.head.method();
            // What follows these is another protocol, if it is accepted.
            if method != Some("CONNECT") && found.head.field("upgrade").is_none() {
                anomalies.add(Anomaly::BodyWithoutLength);
            }
        }
        let content = Content::Framed(framing);
        let (mut request, end) = self.bodies.read(Found { anomalies, ..found }, &direction, content);
        self.requests.seek(end);
        // What an upgrade leads to belongs to the request.
        let asks_for_upgrade = request.head.field("upgrade").is_some();
        if !asks_for_upgrade {
            self.bodies.hand_out(&mut request);
        }
        let asks_for_tunnel = request.head.method() == Some("CONNECT");
        loop {
            let Some(response) = self.responses.peek() else {
                if asks_for_upgrade {
                    self.bodies.hand_out(&mut request);
                }
                self.bodies.output.exchange(Some(&request), None);
                return self.unanswered(&request);
            };
            // Responses were lost: this one may answer a later request.
            if response.after_loss
                && let (Some(answered), Some(next)) = (response.first_time, self.requests.peek())
                && next.first_time.is_some_and(|asked| asked <= answered)
            {
                if asks_for_upgrade {
                    self.bodies.hand_out(&mut request);
                }
                self.bodies.output.exchange(Some(&request), None);
                return true;
            }
            let Some(found) = self.responses.next() else { continue };
            let (mut response, framing) = self.response(found, request.head.method());
            let is_interim = matches!(response.head.status(), Some(100 | 102..200));
            if is_interim {
                self.bodies.hand_out(&mut response);
                continue;
            }
            if framing == Framing::Tunnel && response.head.status() == Some(101) {
                self.upgraded(request, response, asks_for_upgrade);
                return self.goes_on(framing);
            }
            if asks_for_upgrade {
                self.bodies.hand_out(&mut request);
            }
            self.bodies.hand_out(&mut response);
            self.bodies.output.exchange(Some(&request), Some(&response));
            if framing == Framing::Tunnel && self.is_http2_here() {
                self.http2(None);
                return self.goes_on(framing);
            }
            // What a proxy hands on may be HTTP again.
            let is_http_again = asks_for_tunnel && framing == Framing::Tunnel && self.requests.begins_here();
            return is_http_again || self.goes_on(framing);
        }
    }

    /// The connection becomes what both agreed on: RFC 9110, 7.8. A request that did not ask was handed out before.
    fn upgraded(&mut self, mut request: Message, mut response: Message, asked: bool) {
        let ends = [self.requests.at(), self.responses.at()];
        let directions = [self.requests.direction, self.responses.direction];
        let is = |message: &Message, name: &str| {
            message.head.elements("upgrade").any(|protocol| protocol.eq_ignore_ascii_case(name))
        };
        if is(&response, "websocket") {
            websocket::upgraded(&directions, ends, &mut request, &mut response, &mut self.bodies);
        }
        if asked {
            self.bodies.hand_out(&mut request);
        }
        self.bodies.hand_out(&mut response);
        if is(&response, "h2c") && is(&request, "h2c") && self.is_http2_here() {
            // The answer is in the first stream.
            return self.http2(Some(request));
        }
        self.bodies.output.exchange(Some(&request), Some(&response));
    }

    /// Whether HTTP/2 begins here.
    fn is_http2_here(&self) -> bool {
        let ends = [self.requests.at(), self.responses.at()];
        http2::client(&[self.requests.direction, self.responses.direction], ends) == Some(0)
    }

    /// Reads HTTP/2 behind HTTP/1: an upgrade with this request, or what a proxy hands on.
    fn http2(&mut self, upgraded: Option<Message>) {
        let ends = [self.requests.at(), self.responses.at()];
        let directions = [self.requests.direction, self.responses.direction];
        let numbers = [self.requests.number(), self.responses.number()];
        let mut http2 = Http2::behind(directions, ends, numbers, upgraded);
        let spent = self.requests.steps + self.responses.steps;
        self.scanned.is_given_up = http2.all(&mut self.bodies, self.most_steps.saturating_sub(spent));
        self.bodies.steps += http2.steps();
    }

    fn response(&mut self, found: Found, method: Option<&str>) -> (Message, Framing) {
        let mut anomalies = found.anomalies;
        let direction = self.responses.direction;
        let framing = match found.whole {
            true => framing::of_response(&found.head, method, &direction, found.range.end, &mut anomalies),
            false => Framing::None,
        };
        let content = Content::Framed(framing);
        let (message, end) = self.bodies.read(Found { anomalies, ..found }, &direction, content);
        self.responses.seek(end);
        (message, framing)
    }

    fn goes_on(&mut self, framing: Framing) -> bool {
        self.scanned.is_tunnel |= framing == Framing::Tunnel;
        framing != Framing::Tunnel
    }

    /// Without the response it is not known whether the protocol changed; what follows tells.
    fn unanswered(&mut self, request: &Message) -> bool {
        let asks = request.head.method() == Some("CONNECT") || request.head.field("upgrade").is_some();
        let changed = asks && !self.requests.is_at_end() && !self.requests.begins_here();
        self.scanned.is_tunnel |= changed;
        !changed
    }
}

/// Whether a response was there before the request that would be its own was sent.
fn is_before(response: &Found, request: &Found) -> bool {
    match (response.first_time, request.first_time) {
        (Some(response), Some(request)) => request > response && request.since(response) > DISORDER,
        _ => false,
    }
}
