//! Both directions of a connection: which is the client's, which response answers which request, and what
//! to do with every body.
//!
//! One request and one response are held at a time, whatever the number of messages.

use bytes::Bytes;

use super::body::{self, Piece, Walked};
use super::coding::{self, Allowance, Decoder, Spent};
use super::facts::{Anomalies, Anomaly, BodyKind, BodyName, Counts, Message};
use super::framing::{self, Framing};
use super::head::{self, Head, MAX_HEAD, Role, Start};
use super::reader::{Found, Reader};
use super::save::Saver;
use super::stream::{Direction, Slice};
use super::{Output, media, socks};
use crate::scan::buffer_pool;

/// Bytes in which a connection of which the beginning is missing is searched for a message.
const SEARCH: u64 = 1 << 20;
/// Pieces of a body, chunks mostly, that are kept to be decoded together.
const MAX_PIECES: usize = 4096;
/// Pieces that were read and are shorter are copied to be kept.
const SMALL: usize = 64 << 10;
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

/// Looks for HTTP/1 in the two directions of a finished connection and hands all messages and bodies to
/// `output`. `None` if there is none, which the first bytes tell.
pub fn scan(directions: [Direction<'_>; 2], limits: &Limits, output: &mut dyn Output) -> Option<Scanned> {
    let starts = starts(&directions);
    let client = match client(&directions, starts) {
        Some(client) => client,
        None => return simple(directions, limits, output),
    };
    output.recognised(client);
    let requests = Reader::new(directions[client], Role::Client, starts[client]);
    let responses = Reader::new(directions[1 - client], Role::Server, starts[1 - client]);
    let scanned = Scanned { client, ..Scanned::default() };
    let captured: u64 = directions.iter().map(|direction| direction.captured()).sum();
    let steps = FREE_STEPS.saturating_add(captured.saturating_mul(limits.steps));
    let mut scan = Scan { requests, responses, bodies: Bodies::new(limits, output), scanned };
    scan.all(steps);
    let steps = scan.steps();
    let Scan { bodies, mut scanned, .. } = scan;
    scanned.steps = steps;
    scanned.counts = bodies.counts;
    (scanned.counts.requests + scanned.counts.responses > 0).then_some(scanned)
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
}

impl Scan<'_, '_> {
    /// Bytes looked at so far.
    fn steps(&self) -> u64 {
        let read = self.requests.direction.taken() + self.responses.direction.taken();
        read + self.requests.steps + self.responses.steps + self.bodies.steps
    }

    /// Looks at all messages, or at those for which so many steps are enough.
    fn all(&mut self, steps: u64) {
        while !self.bodies.output.is_over() {
            if self.steps() > steps {
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
        let (message, framing) = self.response(found, None);
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
        let (request, end) = self.bodies.message(Found { anomalies, ..found }, &direction, framing);
        self.requests.seek(end);
        let asks_for_tunnel = request.head.method() == Some("CONNECT");
        loop {
            let Some(response) = self.responses.peek() else {
                self.bodies.output.exchange(Some(&request), None);
                return self.unanswered(&request);
            };
            // Responses were lost: this one may answer a later request.
            if response.after_loss
                && let (Some(answered), Some(next)) = (response.first_time, self.requests.peek())
                && next.first_time.is_some_and(|asked| asked <= answered)
            {
                self.bodies.output.exchange(Some(&request), None);
                return true;
            }
            let Some(found) = self.responses.next() else { continue };
            let (response, framing) = self.response(found, request.head.method());
            let is_interim = matches!(response.head.status(), Some(100 | 102..200));
            if is_interim {
                continue;
            }
            self.bodies.output.exchange(Some(&request), Some(&response));
            // What a proxy hands on may be HTTP again.
            let is_http_again = asks_for_tunnel && framing == Framing::Tunnel && self.requests.begins_here();
            return is_http_again || self.goes_on(framing);
        }
    }

    fn response(&mut self, found: Found, method: Option<&str>) -> (Message, Framing) {
        let mut anomalies = found.anomalies;
        let direction = self.responses.direction;
        let framing = match found.whole {
            true => framing::of_response(&found.head, method, &direction, found.range.end, &mut anomalies),
            false => Framing::None,
        };
        let (message, end) = self.bodies.message(Found { anomalies, ..found }, &direction, framing);
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

/// Makes messages of heads: walks over their bodies and saves them.
struct Bodies<'o> {
    limits: &'o Limits,
    output: &'o mut dyn Output,
    spent: Spent,
    counts: Counts,
    /// Bytes of bodies looked at.
    steps: u64,
}

impl<'o> Bodies<'o> {
    fn new(limits: &'o Limits, output: &'o mut dyn Output) -> Self {
        Self { limits, output, spent: Spent::default(), counts: Counts::default(), steps: 0 }
    }

    /// The message, and where the next one begins.
    fn message(&mut self, found: Found, direction: &Direction<'_>, framing: Framing) -> (Message, u64) {
        let Found { head, range, number, whole, anomalies, first_time, .. } = found;
        let role = if head.status().is_some() { Role::Server } else { Role::Client };
        let disposition = head.field("content-disposition");
        let mut message = Message {
            role,
            number,
            head_range: range.clone(),
            trailers: Vec::new(),
            framing,
            runs: Default::default(),
            raw_length: 0,
            missing: 0,
            complete: whole,
            codings: coding::of_message(&head),
            decoded_length: 0,
            decode_error: None,
            anomalies,
            files: Vec::new(),
            parts_omitted: 0,
            suggested_name: disposition.and_then(media::file_name),
            first_time,
            last_time: None,
            head,
        };
        let end = match framing {
            Framing::None | Framing::Tunnel => range.end,
            _ => self.body(&mut message, direction, range.end),
        };
        let last = message.last_time.take().or_else(|| direction.time(range.end.saturating_sub(1)));
        message.last_time = last.max(first_time);
        match role {
            Role::Client => self.counts.requests += 1,
            Role::Server => self.counts.responses += 1,
        }
        if direction.is_unknown(&(message.head_range.start..end)) {
            message.anomalies.add(Anomaly::GapsUnknown);
        }
        self.counts.count(message.anomalies);
        self.output.message(&mut message);
        (message, end)
    }

    /// Saves the body that begins at `start`: where it ends.
    fn body(&mut self, message: &mut Message, direction: &Direction<'_>, start: u64) -> u64 {
        let content_type = message.head.field("content-type").unwrap_or_default();
        let kind = match message.role {
            Role::Client => BodyKind::Request,
            Role::Server => BodyKind::Response,
        };
        let name =
            BodyName { kind, number: message.number, extension: media::extension(content_type), time: None };
        let is_form = kind == BodyKind::Request && media::media_type(content_type) == "multipart/form-data";
        let boundary = media::parameter(content_type, "boundary").filter(|_| is_form);
        let (mut walk_anomalies, mut anomalies) = (Anomalies::default(), message.anomalies);
        let mut decoder = match self.limits.decode {
            true => Decoder::new(&message.codings, self.limits.allowance, &mut anomalies),
            false => None,
        };
        let room = self.limits.bodies.saturating_sub(self.counts.bodies);
        let parts = self.limits.parts;
        let mut saver = Saver::new(self.output, direction, name, boundary.as_deref(), parts, room);
        let spent = &mut self.spent;
        // Decoders need every byte: behind a gap nothing can be decoded.
        let mut broken = false;
        let mut coded = Coded::default();
        let walked = body::walk(direction, start, message.framing, &mut walk_anomalies, &mut |piece| match (
            &mut decoder,
            piece,
        ) {
            (Some(decoder), Piece::Bytes(at, bytes)) if !broken => {
                if !coded.keep(at, &bytes) {
                    coded.hand_on(decoder, &mut saver, spent);
                    decode(decoder, at, &bytes, &mut saver, spent);
                }
            }
            (Some(_), _) => broken = true,
            (None, Piece::Bytes(at, bytes)) => {
                saver.at(at);
                saver.bytes(&bytes);
            }
            (None, Piece::Gap(length)) => saver.hole(length),
        });
        if let Some(decoder) = &mut decoder
            && !coded.decode_whole(decoder, &mut saver, spent)
        {
            coded.hand_on(decoder, &mut saver, spent);
        }
        let Walked { end, length, missing, runs, complete, trailers, seen, steps } = walked;
        self.steps += steps;
        message.decoded_length = length;
        if let Some(decoder) = &mut decoder {
            let error = decoder.finish(complete, &mut anomalies, spent, &mut |bytes| saver.bytes(bytes));
            message.decode_error = error;
            message.decoded_length = decoder.decoded();
        }
        let saved = saver.finish(complete);
        anomalies.add_all(walk_anomalies);
        anomalies.add_all(saved.anomalies);
        if !complete && missing == 0 && matches!(message.framing, Framing::Length(_) | Framing::Chunked) {
            let elsewhere = [Anomaly::BadChunk, Anomaly::GapInBody].iter().any(|known| anomalies.has(*known));
            if !elsewhere {
                anomalies.add(Anomaly::BodyCutOff);
            }
        }
        self.counts.bodies += saved.files.len() as u64 + saved.unnamed;
        self.counts.body_bytes += saved.bytes;
        message.anomalies = anomalies;
        message.files = saved.files;
        message.parts_omitted = saved.parts_omitted;
        message.trailers = match trailers.is_empty() {
            true => Vec::new(),
            false => head::any_fields(&direction.slice(trailers.clone())),
        };
        message.complete &= complete;
        (message.raw_length, message.missing, message.runs) = (length, missing, runs);
        message.last_time =
            seen.and_then(|(_, last)| direction.time(last.max(trailers.end.saturating_sub(1))));
        end
    }
}

/// Decodes a piece of a body that stands at this stream offset.
fn decode(decoder: &mut Decoder, at: u64, bytes: &[u8], saver: &mut Saver<'_>, spent: &mut Spent) {
    if !decoder.holds_bytes() {
        saver.at(at);
    }
    decoder.push(bytes, spent, &mut |decoded| saver.bytes(decoded));
}

/// The beginning of a coded body, as long as it may turn out to be all of it and small.
#[derive(Default)]
struct Coded<'a> {
    pieces: Vec<(u64, Slice<'a>)>,
    length: usize,
    /// It is neither.
    is_given_up: bool,
}

impl<'a> Coded<'a> {
    /// Keeps a piece, unless it becomes too much.
    fn keep(&mut self, at: u64, bytes: &Slice<'a>) -> bool {
        if self.is_given_up || self.length + bytes.len() > coding::WHOLE || self.pieces.len() >= MAX_PIECES {
            return false;
        }
        // A small piece does not keep a large window.
        let piece = match bytes {
            Slice::Read(bytes) if bytes.len() < SMALL => Slice::Read(Bytes::copy_from_slice(bytes)),
            bytes => bytes.clone(),
        };
        self.pieces.push((at, piece));
        self.length += bytes.len();
        true
    }

    /// Gives up, and decodes what was kept piece by piece.
    fn hand_on(&mut self, decoder: &mut Decoder, saver: &mut Saver<'_>, spent: &mut Spent) {
        self.is_given_up = true;
        for (at, bytes) in std::mem::take(&mut self.pieces) {
            decode(decoder, at, &bytes, saver, spent);
        }
    }

    /// Decodes all at once, if that can be done.
    fn decode_whole(&self, decoder: &mut Decoder, saver: &mut Saver<'_>, spent: &mut Spent) -> bool {
        let Some((at, first)) = self.pieces.first() else { return false };
        let decoded = match self.pieces.as_slice() {
            [_] => decoder.whole(first, spent),
            pieces => {
                let mut joined = buffer_pool::take();
                joined.reserve_exact(self.length);
                pieces.iter().for_each(|(_, bytes)| joined.extend_from_slice(bytes));
                let decoded = decoder.whole(&joined, spent);
                buffer_pool::give(joined);
                decoded
            }
        };
        let Some(mut decoded) = decoded else { return false };
        saver.at(*at);
        saver.all(&mut decoded);
        buffer_pool::give(decoded);
        true
    }
}
