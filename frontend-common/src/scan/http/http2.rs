//! HTTP/2 in a connection: both directions read side by side, and the exchanges of its streams as messages.

use super::bodies::{Bodies, Content};
use super::facts::{self, Anomalies, Anomaly, Message};
use super::head::{Field, Head, Start, Text};
use super::reader::Found;
use super::stream::Direction;
use super::websocket;
use crate::http2::{Block, Event, Exchange, Frame, HEADER, Kind, PREFACE, Reader, Side, Streams};

/// Bytes that are read together.
const PIECE: u64 = 16 << 10;
/// Bytes of a connection without beginning in which HTTP/2 is searched.
const SEARCH: u64 = 128 << 10;
/// Bytes of header blocks and their fields count as looked at once for each so many: a block may stand for a large multiple
/// of itself.
const FIELDS: u64 = 8;

/// Which direction is the client's, if these are HTTP/2 from these offsets on.
pub(super) fn client(directions: &[Direction<'_>; 2], starts: [u64; 2]) -> Option<usize> {
    let first = [0, 1].map(|index| directions[index].seen(starts[index], PREFACE.len() as u64));
    // What a capture has of a preface that it cuts off is enough, if it is more than a request line.
    let is_preface = |bytes: &[u8]| bytes.len() >= 16 && PREFACE.starts_with(bytes);
    if let Some(client) = [0, 1].into_iter().find(|index| is_preface(&first[*index])) {
        return Some(client);
    }
    let is_late = |index: usize| !directions[index].begins;
    let is_settings = |index: usize| begins_with_settings(&directions[index], starts[index]);
    if let Some(server) = [0, 1].into_iter().find(|index| is_late(1 - index) && is_settings(*index)) {
        return Some(1 - server);
    }
    if !is_late(0) && !is_late(1) {
        return None;
    }
    let found = [0, 1].map(|index| Evidence::of(&directions[index], starts[index]));
    let has_fields = found.iter().any(|found| found.has_fields && !found.is_wrong);
    // Bytes that repeat may look like frames with data; hardly in both directions.
    let losses = found.iter().map(|found| found.losses);
    let is_clean = losses.clone().max() <= Some(1) && losses.min() == Some(0);
    let is_there = found.iter().all(|found| found.is_there);
    let has_frames = is_clean && is_there && found.iter().any(|found| found.frames > 1);
    if !has_fields && !has_frames {
        return None;
    }
    let requests = |index: usize| found[index].requests + found[1 - index].responses;
    Some(match requests(0).cmp(&requests(1)) {
        std::cmp::Ordering::Greater => 0,
        std::cmp::Ordering::Less => 1,
        // Mostly the server sends more.
        std::cmp::Ordering::Equal => usize::from(directions[0].captured() > directions[1].captured()),
    })
}

/// Whether a direction begins as a server does: RFC 9113, 3.4.
fn begins_with_settings(direction: &Direction<'_>, start: u64) -> bool {
    let bytes = direction.seen(start, 2 * HEADER as u64 + 600);
    let Some(frame) = bytes.first_chunk().map(Frame::parse) else { return false };
    let end = HEADER + frame.length as usize;
    let is_settings = frame.kind == Kind::Settings && frame.is_likely(600) && frame.flags == 0;
    let next = bytes.get(end..).unwrap_or_default().first_chunk().map(Frame::parse);
    is_settings
        && match next {
            Some(next) => next.is_likely(1 << 24),
            None => bytes.len() <= end && end as u64 + start >= direction.len(),
        }
}

/// What the first bytes of a direction without beginning show.
#[derive(Default)]
struct Evidence {
    /// Frames with fields or data.
    frames: u64,
    /// Header blocks with fields that only requests have, or only responses.
    requests: u64,
    responses: u64,
    /// There is a field with a name.
    has_fields: bool,
    /// A header block makes no sense.
    is_wrong: bool,
    /// There are bytes.
    is_there: bool,
    /// Places at which it is not known where frames begin.
    losses: u64,
}

impl Evidence {
    fn of(direction: &Direction<'_>, start: u64) -> Self {
        let mut found = Self { is_there: direction.captured() > 0, ..Self::default() };
        let mut reader = Reader::late(start);
        let mut out = |event| match event {
            Event::Headers(block) => {
                found.frames += 1;
                found.is_wrong |= block.error.is_some();
                found.has_fields |= block.fields.iter().any(has_name);
                found.requests +=
                    u64::from(block.fields.iter().any(|field| field.is(":method") || field.is(":path")));
                found.responses += u64::from(block.fields.iter().any(|field| field.is(":status")));
            }
            Event::Data { .. } => found.frames += 1,
            Event::Lost(range) => found.losses += u64::from(!range.is_empty()),
            _ => {}
        };
        let range = start..direction.len().min(start.saturating_add(SEARCH));
        for (piece, seen) in direction.pieces(range) {
            match seen {
                true => reader.push(&direction.slice(piece), &mut out),
                false => reader.gap(piece.end - piece.start, &mut out),
            }
        }
        reader.finish(&mut out);
        found
    }
}

/// Whether a field has a name of HTTP/2: RFC 9113, 8.2.1.
fn has_name(field: &crate::http2::Field) -> bool {
    let is_good = |byte: &u8| matches!(byte, b'!'..=b'~') && !byte.is_ascii_uppercase();
    field.name.as_deref().is_some_and(|name| !name.is_empty() && name.iter().all(is_good))
}

/// A connection, or what is left of it behind HTTP/1.
pub(super) struct Http2<'a> {
    /// The client's and the server's.
    directions: [Direction<'a>; 2],
    readers: [Reader; 2],
    streams: Streams,
    /// The request of HTTP/1 that stream 1 answers.
    upgraded: Option<Message>,
    steps: u64,
    /// Bytes of no frame.
    stray: u64,
}

impl<'a> Http2<'a> {
    /// A connection that begins at these offsets, or whose beginning is missing.
    pub(super) fn new(directions: [Direction<'a>; 2], starts: [u64; 2]) -> Self {
        let [client, server] = directions;
        let is_whole = client.begins || client.seen(starts[0], PREFACE.len() as u64).starts_with(PREFACE);
        let client = if is_whole { Reader::client(starts[0]) } else { Reader::late(starts[0]) };
        let is_whole = server.begins || begins_with_settings(&server, starts[1]);
        let server = if is_whole { Reader::server(starts[1]) } else { Reader::late(starts[1]) };
        let (readers, streams) = ([client, server], Streams::default());
        Self { directions, readers, streams, upgraded: None, steps: 0, stray: 0 }
    }

    /// HTTP/2 from these offsets on, behind so many messages of HTTP/1, the last of which is the request that was upgraded.
    pub(super) fn behind(
        directions: [Direction<'a>; 2],
        starts: [u64; 2],
        numbers: [u64; 2],
        upgraded: Option<Message>,
    ) -> Self {
        let readers = [Reader::client(starts[0]), Reader::server(starts[1])];
        let streams = Streams::new(numbers, upgraded.is_some());
        Self { directions, readers, streams, upgraded, steps: 0, stray: 0 }
    }

    /// Bytes looked at.
    pub(super) fn steps(&self) -> u64 {
        self.steps + self.readers.iter().map(|reader| reader.work() / FIELDS).sum::<u64>()
    }

    /// Looks at all streams: whether it gave up because that took more than so many steps.
    pub(super) fn all(&mut self, bodies: &mut Bodies<'_>, most_steps: u64) -> bool {
        let mut over = Vec::new();
        while let Some(side) = self.next() {
            if self.steps() + bodies.steps > most_steps {
                return true;
            }
            if bodies.output.is_over() {
                return false;
            }
            self.read(side, &mut over);
            over.drain(..).for_each(|exchange| self.exchange(exchange, bodies));
        }
        for side in [Side::Client, Side::Server] {
            self.feed(side, &mut over, |reader, out| reader.finish(out));
        }
        self.streams.finish(&mut |exchange| over.push(exchange));
        for exchange in over {
            if self.steps() + bodies.steps > most_steps {
                return true;
            }
            self.exchange(exchange, bodies);
        }
        bodies.counts.stray_bytes += self.stray;
        if let Some(request) = self.upgraded.take() {
            bodies.output.exchange(Some(&request), None);
        }
        false
    }

    /// The side whose next bytes came first; the one that is behind where no times are known.
    fn next(&self) -> Option<Side> {
        let [client, server] = [0, 1].map(|index| {
            let (direction, at) = (&self.directions[index], self.readers[index].offset());
            let left = if direction.has_failed() { 0 } else { direction.len().saturating_sub(at) };
            (left > 0).then(|| {
                (direction.time(at), u128::from(at) * u128::from(u64::MAX) / u128::from(direction.len()))
            })
        });
        match (client, server) {
            (None, None) => None,
            (Some(_), None) => Some(Side::Client),
            (None, Some(_)) => Some(Side::Server),
            (Some((Some(client), _)), Some((Some(server), _))) => {
                Some(if client <= server { Side::Client } else { Side::Server })
            }
            (Some((_, client)), Some((_, server))) => {
                Some(if client <= server { Side::Client } else { Side::Server })
            }
        }
    }

    /// Reads the next bytes of a side.
    fn read(&mut self, side: Side, over: &mut Vec<Exchange>) {
        let direction = self.directions[side as usize];
        let reader = &self.readers[side as usize];
        let at = reader.offset();
        let gap = direction.next_gap(at);
        if gap.start <= at && at < gap.end {
            self.steps += 1;
            return self.feed(side, over, |reader, out| reader.gap(gap.end - at, out));
        }
        let seen = direction.seen_until(at);
        let skipped = reader.skippable().min(seen - at);
        if skipped > 0 {
            self.steps += 1;
            return self.feed(side, over, |reader, _| reader.skip(skipped));
        }
        let bytes = direction.slice(at..seen.min(at + PIECE));
        self.steps += bytes.len() as u64;
        if bytes.is_empty() {
            // It cannot be read.
            return self.feed(side, over, |reader, out| reader.gap(direction.len() - at, out));
        }
        self.feed(side, over, |reader, out| reader.push(&bytes, out));
    }

    /// Puts something into a side's reader, and what that finds into the streams.
    fn feed(
        &mut self,
        side: Side,
        over: &mut Vec<Exchange>,
        put: impl FnOnce(&mut Reader, &mut dyn FnMut(Event)),
    ) {
        let Self { readers, streams, directions, stray, .. } = self;
        let mut longest = 0;
        put(&mut readers[side as usize], &mut |event| {
            match &event {
                Event::Accepts(length) => longest = *length,
                Event::Lost(range) => {
                    let pieces = directions[side as usize].pieces(range.clone());
                    *stray += pieces
                        .filter(|(_, seen)| *seen)
                        .map(|(piece, _)| piece.end - piece.start)
                        .sum::<u64>();
                }
                _ => {}
            }
            streams.take(side, event, &mut |exchange| over.push(exchange));
        });
        readers[1 - side as usize].allow(longest);
    }

    /// An exchange is over, or as much of it as was captured.
    fn exchange(&mut self, exchange: Exchange, bodies: &mut Bodies<'_>) {
        let Exchange { stream, request, is_pushed, is_upgraded, response } = exchange;
        let mut asked = match is_upgraded {
            true => self.upgraded.take(),
            false => self.message(stream, &request, Side::Client, is_pushed, bodies),
        };
        for (number, block) in &response.interim {
            let found = self.found(Some(block), *number, Side::Server);
            let interim = crate::http2::Message::empty();
            let content = Content::Frames(http2(stream, Some(block), &interim), &interim, Vec::new());
            let (mut message, _) = bodies.read(found, &self.directions[1], content);
            bodies.hand_out(&mut message);
        }
        let is_websocket = asked.as_ref().is_some_and(|asked| {
            asked.head.method() == Some("CONNECT")
                && asked.head.field(":protocol").is_some_and(|name| name.eq_ignore_ascii_case("websocket"))
        });
        let mut answered = match is_websocket {
            false => self.message(stream, &response, Side::Server, false, bodies),
            true => self.head(stream, &response, Side::Server, bodies),
        };
        if is_websocket {
            let messages = [asked.as_mut(), answered.as_mut()];
            websocket::stream(&self.directions, stream, [&request, &response], messages, bodies);
        }
        if let Some(asked) = &mut asked
            && !is_upgraded
        {
            bodies.hand_out(asked);
        }
        if let Some(answered) = &mut answered {
            bodies.hand_out(answered);
        }
        if asked.is_some() || answered.is_some() {
            bodies.output.exchange(asked.as_ref(), answered.as_ref());
        }
    }

    /// A message with its body, if anything of it was captured.
    fn message(
        &self,
        stream: u32,
        message: &crate::http2::Message,
        side: Side,
        is_pushed: bool,
        bodies: &mut Bodies<'_>,
    ) -> Option<Message> {
        let head = message.head.as_ref();
        let is_websocket = side == Side::Client
            && head.is_some_and(|head| {
                let protocol = head.fields.iter().find(|field| field.is(":protocol"));
                protocol
                    .and_then(|field| field.value.as_deref())
                    .is_some_and(|name| name.eq_ignore_ascii_case(b"websocket"))
            });
        if is_websocket {
            return self.head(stream, message, side, bodies);
        }
        if message.is_empty() {
            return None;
        }
        let sender = if is_pushed { Side::Server } else { side };
        let mut found = self.found_of(message, sender);
        if side == Side::Client {
            found.head.start = request(head);
        }
        let trailers = message.trailers.as_ref().map(fields).unwrap_or_default();
        let facts = facts::Http2 { is_pushed, ..http2(stream, head, message) };
        let content = Content::Frames(facts, message, trailers);
        Some(bodies.read(found, &self.directions[sender as usize], content).0)
    }

    /// A message without its body.
    fn head(
        &self,
        stream: u32,
        message: &crate::http2::Message,
        side: Side,
        bodies: &mut Bodies<'_>,
    ) -> Option<Message> {
        if message.is_empty() {
            return None;
        }
        let found = self.found_of(message, side);
        let empty = crate::http2::Message::empty();
        let content = Content::Frames(http2(stream, message.head.as_ref(), message), &empty, Vec::new());
        Some(bodies.read(found, &self.directions[side as usize], content).0)
    }

    fn found_of(&self, message: &crate::http2::Message, side: Side) -> Found {
        let mut found = self.found(message.head.as_ref(), message.number, side);
        if message.head.is_none() {
            let first = message.runs.iter().map(|run| run.frames.start).next();
            let first = first.or(message.trailers.as_ref().map(|block| block.range.start)).unwrap_or(0);
            (found.range, found.first_time) = (first..first, self.directions[side as usize].time(first));
        }
        found
    }

    /// A head as the one of HTTP/1 that was found.
    fn found(&self, block: Option<&Block>, number: u64, side: Side) -> Found {
        let mut anomalies = Anomalies::default();
        let start = match side {
            Side::Client => request(block),
            Side::Server => response(block),
        };
        let Some(block) = block else {
            anomalies.add(Anomaly::GapInHead);
            let head = Head { start, version: VERSION.into(), fields: Vec::new() };
            let (range, first_time) = (0..0, None);
            return Found { head, range, number, whole: false, after_loss: true, anomalies, first_time };
        };
        if unknown(block) > 0 {
            anomalies.add(Anomaly::UnknownFields);
        }
        if block.error.is_some() {
            anomalies.add(Anomaly::BadFields);
        } else if block.is_broken {
            anomalies.add(Anomaly::GapInHead);
        }
        Found {
            head: Head { start, version: VERSION.into(), fields: fields(block) },
            range: block.range.clone(),
            number,
            whole: !block.is_broken,
            after_loss: false,
            anomalies,
            first_time: self.directions[side as usize].time(block.range.start),
        }
    }
}

/// The version in reports.
const VERSION: &str = "HTTP/2";

/// The value of the first field of this name.
fn value(block: Option<&Block>, name: &str) -> Option<Text> {
    let field = block?.fields.iter().find(|field| field.is(name))?;
    field.value.as_deref().map(Text::new)
}

fn request(block: Option<&Block>) -> Start {
    let method = value(block, ":method").unwrap_or_default().as_str().to_owned();
    let target = value(block, ":path").or_else(|| value(block, ":authority").filter(|_| method == "CONNECT"));
    Start::Request { method, target: target.unwrap_or_default() }
}

fn response(block: Option<&Block>) -> Start {
    let status = value(block, ":status").and_then(|status| status.as_str().parse().ok()).unwrap_or(0);
    Start::Response { status, reason: String::new() }
}

/// Fields of which name and value are known.
fn fields(block: &Block) -> Vec<Field> {
    let known = block.fields.iter().filter_map(|field| {
        let (name, value) = (field.name.as_deref()?, field.value.as_deref()?);
        Some(Field { name: Text::new(name).as_str().to_owned(), value: Text::new(value) })
    });
    known.collect()
}

/// How many fields are not known as a whole.
fn unknown(block: &Block) -> u64 {
    block.fields.iter().filter(|field| field.name.is_none() || field.value.is_none()).count() as u64
}

fn http2(stream: u32, block: Option<&Block>, message: &crate::http2::Message) -> facts::Http2 {
    facts::Http2 {
        stream,
        is_pushed: false,
        reset: message.reset.map(|code| code.unwrap_or(u32::MAX)),
        unknown_fields: block.map_or(0, unknown),
        left_out: block.map_or(0, |block| block.left_out),
    }
}
