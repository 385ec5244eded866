//! Makes messages of heads: finds their bodies, decodes them and saves them.

use bytes::Bytes;

use super::body::{self, Piece, Walked};
use super::coding::{self, Decoder, Spent};
use super::facts::{Anomalies, Anomaly, BodyKind, BodyName, Counts, Exchange, Grpc, Http2, Message};
use super::framing::Framing;
use super::grpc::{Chain, Settings};
use super::head::{self, Field, Role};
use super::reader::Found;
use super::save::{File, Inside, Saver};
use super::stream::{Direction, Slice};
use super::{Limits, Output, media};
use crate::http2;
use crate::scan::buffer_pool;

/// Pieces of a body, chunks mostly, that are kept to be decoded together.
const MAX_PIECES: usize = 4096;
/// Pieces that were read and are shorter are copied to be kept.
const SMALL: usize = 64 << 10;

/// Where the body of a message is.
pub(super) enum Content<'m> {
    /// Behind the head.
    Framed(Framing),
    /// In frames of HTTP/2, and the fields behind it.
    Frames(Http2, &'m http2::Message, Vec<Field>),
}

/// Makes messages of heads: walks over their bodies and saves them.
pub(super) struct Bodies<'o> {
    pub(super) limits: &'o Limits,
    pub(super) output: &'o mut dyn Output,
    spent: Spent,
    /// The same for messages of gRPC.
    spent_inside: Spent,
    pub(super) counts: Counts,
    /// Bytes of bodies looked at.
    pub(super) steps: u64,
    /// Messages of WebSocket in each direction so far.
    pub(super) websocket: [u64; 2],
}

impl<'o> Bodies<'o> {
    pub(super) fn new(limits: &'o Limits, output: &'o mut dyn Output) -> Self {
        Self {
            limits,
            output,
            spent: Spent::default(),
            spent_inside: Spent::default(),
            counts: Counts::default(),
            steps: 0,
            websocket: [0; 2],
        }
    }

    /// The message, which has been handed out, and where the next one begins.
    pub(super) fn message(
        &mut self,
        found: Found,
        direction: &Direction<'_>,
        framing: Framing,
    ) -> (Message, u64) {
        let (mut message, end) = self.read(found, direction, Content::Framed(framing));
        self.hand_out(&mut message);
        (message, end)
    }

    /// Hands out a message.
    pub(super) fn hand_out(&mut self, message: &mut Message) {
        match message.role {
            Role::Client => self.counts.requests += 1,
            Role::Server => self.counts.responses += 1,
        }
        self.counts.count(message.anomalies);
        self.output.message(message);
    }

    /// The message, its body saved, and where the next one begins.
    pub(super) fn read(
        &mut self,
        found: Found,
        direction: &Direction<'_>,
        content: Content<'_>,
    ) -> (Message, u64) {
        let Found { head, range, number, whole, anomalies, first_time, .. } = found;
        let role = if head.status().is_some() { Role::Server } else { Role::Client };
        let disposition = head.field("content-disposition");
        let framing = match &content {
            Content::Framed(framing) => *framing,
            Content::Frames(_, message, _) if message.runs.is_empty() => Framing::None,
            Content::Frames(..) => Framing::Frames,
        };
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
            exchange: Exchange::default(),
            http2: None,
            grpc: None,
            websocket: None,
            head,
        };
        let end = match (&content, framing) {
            (_, Framing::None | Framing::Tunnel) => range.end,
            _ => self.body(&mut message, direction, range.end, &content),
        };
        let last = message.last_time.take().or_else(|| direction.time(range.end.saturating_sub(1)));
        message.last_time = last.max(first_time);
        if let Content::Frames(http2, found, trailers) = content {
            message.complete &= found.ends || framing == Framing::Frames;
            (message.http2, message.trailers) = (Some(http2), trailers);
        } else if direction.is_unknown(&(message.head_range.start..end)) {
            message.anomalies.add(Anomaly::GapsUnknown);
        }
        self.status(&mut message);
        (message, end)
    }

    /// What the fields say of gRPC: behind the body, or in a head without a body.
    fn status(&self, message: &mut Message) {
        let field = |name: &str| {
            let mut fields = message.trailers.iter().chain(&message.head.fields);
            fields
                .find(|field| field.name.eq_ignore_ascii_case(name))
                .map(|field| field.value.as_str().to_owned())
        };
        let (status, text) = (field("grpc-status"), field("grpc-message"));
        if status.is_some() {
            let grpc = message.grpc.get_or_insert_with(Grpc::default);
            (grpc.status, grpc.message) = (status, text);
        }
    }

    /// How the messages of gRPC are sent that a body consists of, if it does. Where frames may be missing, and where the type
    /// of the body is not known, the lengths of the messages tell.
    fn grpc(
        &mut self,
        message: &Message,
        direction: &Direction<'_>,
        content: &Content<'_>,
    ) -> Option<Settings> {
        let Limits { allowance, decode, .. } = *self.limits;
        let settings = Settings::of(&message.head, allowance, decode);
        let Content::Frames(http2, found, _) = content else { return settings };
        let is_unknown = message.head.field("content-type").is_none()
            && [Anomaly::GapInHead, Anomaly::UnknownFields, Anomaly::BadFields]
                .iter()
                .any(|known| message.anomalies.has(*known));
        let is_holed = settings.is_some() && found.is_holed;
        if !is_unknown && !is_holed {
            return settings;
        }
        let mut chain = Chain::default();
        let visit = &mut |piece| match piece {
            Piece::Bytes(_, bytes) => chain.push(&bytes),
            Piece::Gap(length) => chain.hole(length),
            Piece::Loss => {}
        };
        let walked =
            body::walk_frames(direction, http2.stream, found, None, &mut Anomalies::default(), visit);
        self.steps += walked.steps;
        match (settings, chain.is_whole()) {
            (settings, false) => settings,
            (Some(settings), true) => Some(settings.with_chain()),
            (None, true) => Some(Settings::of_chain(&message.head, allowance, decode)),
        }
    }

    /// Saves the body of a message: where it ends. It begins at `start`, unless it is in frames.
    fn body(
        &mut self,
        message: &mut Message,
        direction: &Direction<'_>,
        start: u64,
        content: &Content<'_>,
    ) -> u64 {
        let content_type = message.head.field("content-type").unwrap_or_default();
        let role = message.role;
        let kind = match role {
            Role::Client => BodyKind::Request,
            Role::Server => BodyKind::Response,
        };
        let extension = media::extension(content_type);
        let name = BodyName { kind, role, number: message.number, extension, time: None };
        let is_form = role == Role::Client && media::media_type(content_type) == "multipart/form-data";
        let boundary = media::parameter(content_type, "boundary").filter(|_| is_form);
        let grpc = self.grpc(message, direction, content);
        let inside = match (boundary, grpc) {
            (Some(boundary), _) => Inside::Form(boundary),
            (None, Some(settings)) => Inside::Grpc(settings),
            (None, None) => Inside::Bytes,
        };
        let (mut walk_anomalies, mut anomalies) = (Anomalies::default(), message.anomalies);
        let mut decoder = match self.limits.decode {
            true => Decoder::new(&message.codings, self.limits.allowance, &mut anomalies),
            false => None,
        };
        let room = self.limits.bodies.saturating_sub(self.counts.bodies);
        let file = File::new(self.output, direction, name, room);
        let mut saver = Saver::new(file, inside, self.limits.parts, &mut self.spent_inside);
        let spent = &mut self.spent;
        // Decoders need every byte: behind a gap nothing can be decoded.
        let mut broken = false;
        let mut coded = Coded::default();
        let mut visit = |piece| match (&mut decoder, piece) {
            (Some(decoder), Piece::Bytes(at, bytes)) if !broken => {
                if !coded.keep(at, &bytes) && !coded.has_loss() {
                    coded.hand_on(decoder, &mut saver, spent);
                    decode(decoder, at, &bytes, &mut saver, spent);
                }
            }
            (Some(_), Piece::Loss) => {
                broken |= coded.is_given_up;
                coded.loss();
            }
            (Some(_), _) => broken = true,
            (None, Piece::Bytes(at, bytes)) => {
                saver.at(at);
                saver.bytes(&bytes);
            }
            (None, Piece::Gap(length)) => saver.hole(length),
            (None, Piece::Loss) => saver.loss(),
        };
        let walked = match content {
            Content::Framed(framing) => {
                body::walk(direction, start, *framing, &mut walk_anomalies, &mut visit)
            }
            Content::Frames(http2, found, _) => {
                let expected = message.head.field("content-length").and_then(|length| length.parse().ok());
                body::walk_frames(direction, http2.stream, found, expected, &mut walk_anomalies, &mut visit)
            }
        };
        let Walked { end, length, missing, runs, mut complete, trailers, seen, steps } = walked;
        if let Some(decoder) = &mut decoder {
            // The check value says whether all of it is there, also where frames may have been lost.
            let is_whole = !broken && coded.decode_whole(decoder, &mut saver, spent);
            if is_whole && coded.has_loss() {
                complete = true;
                walk_anomalies.remove(Anomaly::FramesLost);
            }
            if !is_whole {
                coded.hand_on(decoder, &mut saver, spent);
            }
        }
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
        let is_framed = matches!(message.framing, Framing::Length(_) | Framing::Chunked | Framing::Frames);
        if !complete && missing == 0 && is_framed {
            let known = [Anomaly::BadChunk, Anomaly::GapInBody, Anomaly::FramesLost];
            if !known.iter().any(|known| anomalies.has(*known)) {
                anomalies.add(Anomaly::BodyCutOff);
            }
        }
        self.counts.bodies += saved.files.len() as u64 + saved.unnamed;
        self.counts.body_bytes += saved.bytes;
        message.anomalies = anomalies;
        message.files = saved.files;
        message.parts_omitted = saved.parts_omitted;
        message.grpc = saved.grpc;
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
    /// Bytes may be missing behind so many pieces.
    loss: Option<usize>,
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

    /// Bytes may be missing behind what was kept.
    fn loss(&mut self) {
        self.loss.get_or_insert(self.pieces.len());
    }

    fn has_loss(&self) -> bool {
        self.loss.is_some()
    }

    /// Gives up, and decodes what was kept piece by piece, to the first place where bytes may be missing.
    fn hand_on(&mut self, decoder: &mut Decoder, saver: &mut Saver<'_>, spent: &mut Spent) {
        self.is_given_up = true;
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.truncate(self.loss.unwrap_or(usize::MAX));
        for (at, bytes) in pieces {
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
