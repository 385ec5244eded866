//! WebSocket behind HTTP: each message in a file of its own.

use super::Slot;
use super::bodies::Bodies;
use super::body::{self, Piece};
use super::facts::{Anomalies, Anomaly, BodyKind, BodyName, Message, WebSocket};
use super::framing::Framing;
use super::head::Role;
use super::save::File;
use super::stream::Direction;
use crate::http2;
use crate::websocket::{Allowance, Deflate, Ended, Event, Opcode, Reader, is_likely};

/// Bytes of a connection without handshake that are looked at.
const SEARCH: u64 = 64 << 10;

/// Which direction is the client's, if both are WebSocket and the handshake is missing.
pub(super) fn client(directions: &[Direction<'_>; 2]) -> Option<usize> {
    if directions.iter().all(|direction| direction.begins) {
        return None;
    }
    let first = directions.map(|direction| {
        let at = if direction.begins { 0 } else { first_seen(&direction) };
        direction.seen(at, SEARCH)
    });
    let fits = |index: usize, is_masked| first[index].is_empty() || is_likely(&first[index], is_masked);
    let is_there = |index: usize| !first[index].is_empty();
    [0, 1].into_iter().find(|client| is_there(*client) && fits(*client, true) && fits(1 - client, false))
}

/// Where the first byte is that was captured.
fn first_seen(direction: &Direction<'_>) -> u64 {
    let gap = direction.next_gap(0);
    if gap.start == 0 { gap.end } else { 0 }
}

/// Reads both directions behind the handshake, which ends at these places: the client's and the server's.
pub(super) fn upgraded(
    directions: &[Direction<'_>; 2],
    ends: [u64; 2],
    request: &mut Message,
    response: &mut Message,
    bodies: &mut Bodies<'_>,
) {
    let agreed = agreed(response);
    let messages = [request, response];
    for (index, message) in messages.into_iter().enumerate() {
        let (direction, at) = (&directions[index], ends[index]);
        let mut side = Side::new(
            direction,
            Reader::new(at, index == 0, agreed[index], allowance(bodies)),
            index,
            bodies,
        );
        let mut anomalies = Anomalies::default();
        let walked =
            body::walk(direction, at, Framing::UntilClose, &mut anomalies, &mut |piece| side.take(piece));
        let steps = walked.steps;
        side.finish(message);
        bodies.steps += steps;
    }
}

/// Reads the stream of an extended CONNECT: RFC 8441.
pub(super) fn stream(
    directions: &[Direction<'_>; 2],
    number: u32,
    streams: [&http2::Message; 2],
    messages: [Option<&mut Message>; 2],
    bodies: &mut Bodies<'_>,
) {
    let agreed = messages[1].as_deref().map_or([None; 2], agreed);
    for (index, (stream, message)) in streams.into_iter().zip(messages).enumerate() {
        let Some(message) = message else { continue };
        let direction = &directions[index];
        let mut side =
            Side::new(direction, Reader::new(0, index == 0, agreed[index], allowance(bodies)), index, bodies);
        let mut anomalies = Anomalies::default();
        let take = &mut |piece| side.take(piece);
        let walked = body::walk_frames(direction, number, stream, None, &mut anomalies, take);
        side.finish(message);
        message.anomalies.add_all(anomalies);
        bodies.steps += walked.steps;
    }
}

/// Reads both directions of a connection of which the handshake is missing.
pub(super) fn late(directions: &[Direction<'_>; 2], bodies: &mut Bodies<'_>) {
    for (index, direction) in directions.iter().enumerate() {
        let reader = Reader::late(0, index == 0, allowance(bodies));
        let mut side = Side::new(direction, reader, index, bodies);
        let mut anomalies = Anomalies::default();
        let walked =
            body::walk(direction, 0, Framing::UntilClose, &mut anomalies, &mut |piece| side.take(piece));
        let steps = walked.steps;
        let mut message = Message::without_head([Role::Client, Role::Server][index]);
        side.finish(&mut message);
        message.anomalies.add_all(anomalies);
        bodies.hand_out(&mut message);
        bodies.steps += steps;
    }
}

fn agreed(response: &Message) -> [Option<Deflate>; 2] {
    let extensions: Vec<_> = response.head.values("sec-websocket-extensions").collect();
    Deflate::agreed(&extensions.join(","))
}

fn allowance(bodies: &Bodies<'_>) -> Allowance {
    let allowance = bodies.limits.allowance;
    Allowance { free: allowance.free, ratio: allowance.ratio }
}

/// One direction on its way to its files.
struct Side<'s> {
    reader: Reader,
    files: Files<'s>,
    number: &'s mut u64,
    counts: (&'s mut u64, &'s mut u64),
}

struct Files<'s> {
    file: File<'s>,
    /// Messages of this direction so far.
    number: u64,
    extension: &'static str,
    found: WebSocket,
    anomalies: Anomalies,
}

impl<'s> Side<'s> {
    fn new(direction: &'s Direction<'s>, reader: Reader, index: usize, bodies: &'s mut Bodies<'_>) -> Self {
        let number = bodies.websocket[index];
        let role = [Role::Client, Role::Server][index];
        let name = BodyName { kind: BodyKind::WebSocket(0), role, number: 0, extension: None, time: None };
        let room = bodies.limits.bodies.saturating_sub(bodies.counts.bodies);
        let file = File::new(bodies.output, direction, name, room);
        let (found, anomalies) = (WebSocket::default(), Anomalies::default());
        let files = Files { file, number, extension: "bin", found, anomalies };
        let counts = (&mut bodies.counts.bodies, &mut bodies.counts.body_bytes);
        Self { reader, files, number: &mut bodies.websocket[index], counts }
    }

    fn take(&mut self, piece: Piece<'_>) {
        let Self { reader, files, .. } = self;
        match piece {
            Piece::Bytes(at, bytes) => {
                files.file.at(at);
                reader.push(&bytes, &mut |event| files.take(event));
            }
            Piece::Gap(length) => reader.gap(length, &mut |event| files.take(event)),
            Piece::Loss => reader.lost(&mut |event| files.take(event)),
        }
    }

    /// Ends the direction: its files and what it comes to belong to `message`.
    fn finish(self, message: &mut Message) {
        let Self { mut reader, mut files, number, counts } = self;
        reader.finish(&mut |event| files.take(event));
        *number = files.number;
        let saved = files.file.saved;
        *counts.0 += saved.files.len() as u64 + saved.unnamed;
        *counts.1 += saved.bytes;
        message.files.extend(saved.files);
        message.parts_omitted += saved.parts_omitted;
        message.anomalies.add_all(saved.anomalies);
        message.anomalies.add_all(files.anomalies);
        message.websocket = Some(files.found);
    }
}

impl Files<'_> {
    fn take(&mut self, event: Event<'_>) {
        let kind = BodyKind::WebSocket(self.number);
        match event {
            Event::Begin { opcode, .. } => {
                self.number += 1;
                self.found.messages += 1;
                self.extension = if opcode == Opcode::Text { "txt" } else { "bin" };
            }
            Event::Data(bytes) => {
                let name = self.file.name(kind, Some(self.extension));
                self.file.write(Slot::Part, &name, bytes);
            }
            Event::Hole(length) => self.file.hole(Slot::Part, length),
            Event::End(ended) => self.end(kind, ended),
            Event::Control { opcode: Opcode::Close, payload, .. } => {
                self.found.close = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            }
            Event::Control { .. } => self.found.control_frames += 1,
            Event::Lost(_) => self.anomalies.add(Anomaly::BadMessages),
        }
    }

    fn end(&mut self, kind: BodyKind, ended: Ended) {
        let Ended { is_complete, is_damaged, is_bomb, .. } = ended;
        for (is_set, anomaly) in [
            (is_damaged, Anomaly::Damaged),
            (is_bomb, Anomaly::Bomb),
            (!is_complete && !is_damaged && !is_bomb, Anomaly::GapInBody),
        ] {
            if is_set {
                self.anomalies.add(anomaly);
            }
        }
        self.file.end(Slot::Part, kind, is_complete, None, None);
    }
}
