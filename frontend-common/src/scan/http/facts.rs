//! What is told of HTTP: messages, their bodies, and what was wrong with them.

use std::ops::Range;

use tapflow_core::Timestamp;

use super::coding::Coding;
use super::framing::Framing;
use super::head::{Field, Head, Role, Start, Text};
use crate::flow::Ranges;

/// Something that is not as it should be in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Anomaly {
    /// Bytes of the head were never captured: the message is lost, the next one found again.
    GapInHead,
    /// The stream ends inside of the head.
    HeadCutOff,
    /// Bytes between messages that belong to none.
    Stray,
    /// Content-Length and Transfer-Encoding.
    LengthAndTransferCoding,
    /// Several lengths that differ.
    LengthsDiffer,
    /// A length that is no number.
    InvalidLength,
    /// Called chunked, but it is not.
    NotChunked,
    /// A chunk that does not begin with its size: the body ends there.
    BadChunk,
    /// Bytes of the body were never captured.
    GapInBody,
    /// The stream ends inside of the body.
    BodyCutOff,
    /// A content coding that is not known: the body is kept coded.
    UnknownCoding,
    /// Called coded, but it is not: the body is kept as it is.
    NotCoded,
    /// Coded data is damaged or ends early: what could be decoded is kept.
    Damaged,
    /// More codings on each other than are undone: the body is kept coded.
    TooManyCodings,
    /// It decodes to far more than it is: what fits the limit is kept.
    Bomb,
    /// A multipart body without parts that can be told apart.
    BadMultipart,
    /// More body files than the limit for a connection.
    TooManyBodies,
    /// Coded, but in another coding than the head names; the body is decoded.
    OtherCoding,
    /// A request with bytes of a body behind it, and neither a length nor chunks.
    BodyWithoutLength,
    /// There are so many gaps that it is not known which bytes of the message are missing.
    GapsUnknown,
    /// Frames of the message may have been lost (HTTP/2): bytes of the body may be missing.
    FramesLost,
    /// Header fields refer to others that were not captured (HTTP/2).
    UnknownFields,
    /// A header block that makes no sense (HTTP/2): fields are missing.
    BadFields,
    /// Messages of gRPC or WebSocket that cannot be told apart.
    BadMessages,
}

impl Anomaly {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 24] = [
        Self::GapInHead,
        Self::HeadCutOff,
        Self::Stray,
        Self::LengthAndTransferCoding,
        Self::LengthsDiffer,
        Self::InvalidLength,
        Self::NotChunked,
        Self::BadChunk,
        Self::GapInBody,
        Self::BodyCutOff,
        Self::UnknownCoding,
        Self::NotCoded,
        Self::Damaged,
        Self::TooManyCodings,
        Self::Bomb,
        Self::BadMultipart,
        Self::TooManyBodies,
        Self::OtherCoding,
        Self::BodyWithoutLength,
        Self::GapsUnknown,
        Self::FramesLost,
        Self::UnknownFields,
        Self::BadFields,
        Self::BadMessages,
    ];

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GapInHead => "gap_in_head",
            Self::HeadCutOff => "head_cut_off",
            Self::Stray => "stray_bytes",
            Self::LengthAndTransferCoding => "length_and_transfer_coding",
            Self::LengthsDiffer => "lengths_differ",
            Self::InvalidLength => "invalid_length",
            Self::NotChunked => "not_chunked",
            Self::BadChunk => "bad_chunk",
            Self::GapInBody => "gap_in_body",
            Self::BodyCutOff => "body_cut_off",
            Self::UnknownCoding => "unknown_coding",
            Self::NotCoded => "not_coded",
            Self::Damaged => "damaged",
            Self::TooManyCodings => "too_many_codings",
            Self::Bomb => "bomb",
            Self::BadMultipart => "bad_multipart",
            Self::TooManyBodies => "too_many_bodies",
            Self::OtherCoding => "other_coding",
            Self::BodyWithoutLength => "body_without_length",
            Self::GapsUnknown => "gaps_unknown",
            Self::FramesLost => "frames_lost",
            Self::UnknownFields => "unknown_fields",
            Self::BadFields => "bad_fields",
            Self::BadMessages => "bad_messages",
        }
    }
}

impl Anomaly {
    /// What is said of the messages that have it: "3 with …".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::GapInHead => "with a gap in the head",
            Self::HeadCutOff => "cut off in the head",
            Self::Stray => "after bytes of no message",
            Self::LengthAndTransferCoding => "with a length and a transfer coding",
            Self::LengthsDiffer => "with lengths that differ",
            Self::InvalidLength => "with an invalid length",
            Self::NotChunked => "called chunked that are not",
            Self::BadChunk => "with a broken chunk",
            Self::GapInBody => "with a gap in the body",
            Self::BodyCutOff => "cut off in the body",
            Self::UnknownCoding => "in an unknown coding",
            Self::NotCoded => "called coded that are not",
            Self::Damaged => "with damaged coded data",
            Self::TooManyCodings => "with too many codings",
            Self::Bomb => "cut because they decode to far more than they are",
            Self::BadMultipart => "with broken multipart",
            Self::TooManyBodies => "without a body file because of too many",
            Self::OtherCoding => "in another coding than the head names",
            Self::BodyWithoutLength => "with a body but neither a length nor chunks",
            Self::GapsUnknown => "among too many gaps to know what is missing",
            Self::FramesLost => "of which frames may be missing",
            Self::UnknownFields => "with fields that refer to others that are missing",
            Self::BadFields => "with a broken header block",
            Self::BadMessages => "with broken messages of gRPC or WebSocket",
        }
    }
}

/// A set of anomalies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anomalies(u32);

impl Anomalies {
    /// Adds one.
    pub fn add(&mut self, anomaly: Anomaly) {
        self.0 |= 1 << anomaly as u8;
    }

    /// Takes one away.
    pub fn remove(&mut self, anomaly: Anomaly) {
        self.0 &= !(1 << anomaly as u8);
    }

    /// Adds all of another set.
    pub fn add_all(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether it is there.
    #[must_use]
    pub fn has(self, anomaly: Anomaly) -> bool {
        self.0 & 1 << anomaly as u8 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All that are there, in order.
    pub fn iter(self) -> impl Iterator<Item = Anomaly> {
        Anomaly::ALL.into_iter().filter(move |anomaly| self.has(*anomaly))
    }
}

/// How many messages of each kind, and how often each anomaly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests.
    pub requests: u64,
    /// Responses, those with status 1xx too.
    pub responses: u64,
    /// Files with bodies, parts of multipart bodies too.
    pub bodies: u64,
    /// Bytes in them.
    pub body_bytes: u64,
    /// Bytes between messages that belong to none.
    pub stray_bytes: u64,
    /// Messages that are counted and not listed.
    pub unlisted: u64,
    /// Connections that took too much work, see [`Limits::steps`](super::Limits::steps).
    pub given_up: u64,
    /// By [`Anomaly::ALL`].
    pub anomalies: [u64; Anomaly::ALL.len()],
}

impl Counts {
    /// Counts each of them once.
    pub fn count(&mut self, anomalies: Anomalies) {
        anomalies.iter().for_each(|anomaly| self.anomalies[anomaly as usize] += 1);
    }

    /// Adds those of another connection.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.responses += other.responses;
        self.bodies += other.bodies;
        self.body_bytes += other.body_bytes;
        self.stray_bytes += other.stray_bytes;
        self.unlisted += other.unlisted;
        self.given_up += other.given_up;
        self.anomalies.iter_mut().zip(other.anomalies).for_each(|(own, other)| *own += other);
    }
}

/// A message: a request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which side sent it.
    pub role: Role,
    /// Counts the messages of its direction, from 1; it is in the names of body files.
    pub number: u64,
    /// Start line and fields.
    pub head: Head,
    /// Where the head is in the stream, with its empty line.
    pub head_range: Range<u64>,
    /// Fields behind the last chunk.
    pub trailers: Vec<Field>,
    /// How the body's end was found.
    pub framing: Framing,
    /// Where the body's bytes are in the stream; several where it was chunked.
    pub runs: Ranges,
    /// Bytes of the body without framing, coded as it was sent, in gaps too.
    pub raw_length: u64,
    /// How many of them were never captured.
    pub missing: u64,
    /// The whole message was captured.
    pub complete: bool,
    /// Content and transfer codings, in the order in which they were applied.
    pub codings: Vec<Coding>,
    /// Bytes of the body decoded; without codings the same as `raw_length`.
    pub decoded_length: u64,
    /// Why decoding ended early.
    pub decode_error: Option<String>,
    /// What was wrong.
    pub anomalies: Anomalies,
    /// Its body's file, and those of the parts of a multipart body.
    pub files: Vec<BodyFile>,
    /// Parts beyond those in `files`.
    pub parts_omitted: u64,
    /// The name that Content-Disposition suggests, or, for a body that was asked for, the last part of its URL. Never
    /// used as the name of a file.
    pub suggested_name: Option<String>,
    /// When its first byte was captured.
    pub first_time: Option<Timestamp>,
    /// When its last byte was captured.
    pub last_time: Option<Timestamp>,
    /// Its request or response, and what was asked for.
    pub exchange: Exchange,
    /// What HTTP/2 says of it.
    pub http2: Option<Http2>,
    /// What its body says, where that consists of messages of gRPC.
    pub grpc: Option<Grpc>,
    /// What follows it, where that is WebSocket.
    pub websocket: Option<WebSocket>,
}

/// What HTTP/2 says of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Http2 {
    /// Its stream.
    pub stream: u32,
    /// A request that the server sent, for a response that follows without being asked for.
    pub is_pushed: bool,
    /// Why its sender ended the stream early: RFC 9113, 7; `u32::MAX` where that was not captured.
    pub reset: Option<u32>,
    /// Fields of which the name or the value is not known, because it was not captured.
    pub unknown_fields: u64,
    /// Fields that are not listed, because there are too many.
    pub left_out: u64,
}

/// What a body of gRPC says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grpc {
    /// Messages, empty ones too.
    pub messages: u64,
    /// The status of a response: `grpc-status`.
    pub status: Option<String>,
    /// What it says in words: `grpc-message`.
    pub message: Option<String>,
}

/// What one direction of WebSocket comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebSocket {
    /// Messages, empty ones too.
    pub messages: u64,
    /// Pings and pongs.
    pub control_frames: u64,
    /// The code with which the direction is closed: RFC 6455, 7.4.
    pub close: Option<u16>,
}

/// What the other message of an exchange says of this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// The URL that was asked for; `None` where the request is missing.
    pub url: Option<String>,
    /// The number of the final response to a request, or of the request that a response answers.
    pub other: Option<u64>,
    /// The request was sent by the server (HTTP/2), and has its number among the server's messages.
    pub is_pushed: bool,
}

impl Message {
    /// A message of which the head is missing, without a body.
    pub(super) fn without_head(role: Role) -> Self {
        let start = match role {
            Role::Client => Start::Request { method: String::new(), target: Text::default() },
            Role::Server => Start::Response { status: 0, reason: String::new() },
        };
        let mut anomalies = Anomalies::default();
        anomalies.add(Anomaly::GapInHead);
        Self {
            role,
            number: 1,
            head: Head { start, version: String::new(), fields: Vec::new() },
            head_range: 0..0,
            trailers: Vec::new(),
            framing: Framing::Tunnel,
            runs: Ranges::default(),
            raw_length: 0,
            missing: 0,
            complete: false,
            codings: Vec::new(),
            decoded_length: 0,
            decode_error: None,
            anomalies,
            files: Vec::new(),
            parts_omitted: 0,
            suggested_name: None,
            first_time: None,
            last_time: None,
            exchange: Exchange::default(),
            http2: None,
            grpc: None,
            websocket: None,
        }
    }

    /// Memory that the facts take, in bytes, without the contents of files.
    #[must_use]
    pub fn weight(&self) -> usize {
        let start = match &self.head.start {
            Start::Request { method, target } => method.len() + target.as_str().len(),
            Start::Response { reason, .. } => reason.as_str().len(),
        };
        let fields = self.head.fields.iter().chain(&self.trailers);
        let fields = fields.map(|field| size_of::<Field>() + field.name.len() + field.value.as_str().len());
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let files = self.files.iter().map(|file| {
            let digests: usize =
                file.digests.iter().map(|(_, value)| size_of::<(&str, String)>() + value.len()).sum();
            size_of::<BodyFile>() + file.name.len() + text(&file.suggested_name) + text(&file.field) + digests
        });
        let lists =
            self.runs.listed.len() * size_of::<Range<u64>>() + self.codings.len() * size_of::<Coding>();
        let grpc = self.grpc.as_ref().map_or(0, |grpc| text(&grpc.status) + text(&grpc.message));
        let texts = self.head.version.len() + text(&self.decode_error) + text(&self.suggested_name) + grpc;
        let texts = texts + text(&self.exchange.url);
        size_of::<Self>() + start + fields.sum::<usize>() + files.sum::<usize>() + lists + texts
    }

    /// The media type of Content-Type, in lower case, without parameters.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        self.head.field("content-type").map(super::media::media_type).filter(|kind| !kind.is_empty())
    }
}

/// Which body a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// Of a request.
    Request,
    /// Of a response.
    Response,
    /// A part of a multipart request, from 1.
    Part(u64),
    /// A message of gRPC in a body, from 1.
    Grpc(u64),
    /// A message of WebSocket, from 1 in each direction of a connection.
    WebSocket(u64),
}

impl BodyKind {
    /// The number of a part or a message; `None` for a body.
    #[must_use]
    pub fn part(self) -> Option<u64> {
        match self {
            Self::Request | Self::Response => None,
            Self::Part(number) | Self::Grpc(number) | Self::WebSocket(number) => Some(number),
        }
    }
}

/// What the file of a body is to be called, and when its first byte was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyName {
    /// Whose body.
    pub kind: BodyKind,
    /// Which side sent it.
    pub role: Role,
    /// The number of its message.
    pub number: u64,
    /// The ending, without a dot, only of letters and digits.
    pub extension: Option<&'static str>,
    /// The capture time of its first byte.
    pub time: Option<Timestamp>,
}

impl BodyName {
    /// What is added to the name of the flow: `-HTTPBODY-001.html`.
    #[must_use]
    pub fn suffix(&self) -> String {
        let number = self.number;
        let mut name = match self.kind {
            BodyKind::Response => format!("-HTTPBODY-{number:03}"),
            BodyKind::Request => format!("-HTTPREQ-{number:03}"),
            BodyKind::Part(part) => format!("-HTTPREQ-{number:03}-PART-{part:03}"),
            BodyKind::Grpc(message) => format!("-GRPC-{number:03}-{message:04}"),
            BodyKind::WebSocket(message) => format!("-WS-{message:04}"),
        };
        if let Some(extension) = self.extension {
            name.push('.');
            name.push_str(extension);
        }
        name
    }
}

/// A file with a body, with a part of one, or with a message of WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyFile {
    /// Which body.
    pub kind: BodyKind,
    /// What the output says of it: its name.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// When its first byte was captured: the file's time.
    pub time: Option<Timestamp>,
    /// Digests, by the name of the algorithm, as the output made them.
    pub digests: Vec<(&'static str, String)>,
    /// Its bytes, as long as digests are to be made of them.
    pub contents: Option<Vec<u8>>,
    /// All of it was captured and its end found; decoding may have failed all the same.
    pub complete: bool,
    /// The name that a part's Content-Disposition suggests.
    pub suggested_name: Option<String>,
    /// The name of a part's form field.
    pub field: Option<String>,
}
