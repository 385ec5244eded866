//! HTTP/1 and HTTP/2 in finished connections: messages, which response answers which request, and bodies; messages of
//! gRPC and WebSocket in them.
//!
//! Two directions go in as bytes with their gaps and times; messages, and bodies without chunks and
//! codings, come out through [`Output`]. There is no file and no clock in here. Any bytes give some result, in
//! time in proportion to their number and what [`Limits`] allow them to decode to.
//!
//! Which side is the client, and whether it is HTTP at all, is told by the bytes alone. Where bytes are missing
//! or make no sense, reading goes on at the next message. RFC 9110, RFC 9112, RFC 9113.

mod bodies;
mod body;
mod coding;
mod exchange;
mod facts;
mod files;
mod framing;
mod grpc;
mod har;
mod head;
mod http2;
mod media;
mod multipart;
mod reader;
mod save;
mod socks;
mod stream;
mod websocket;

pub(in crate::scan) use files::create;

pub use coding::{Allowance, Coding, MAX_CODINGS};
pub use exchange::{Limits, Scanned, scan};
pub use facts::{
    Anomalies, Anomaly, BodyFile, BodyKind, BodyName, Counts, Exchange, Grpc, Http2, Message, WebSocket,
};
pub use files::{Http, HttpFindings, HttpOptions, MAX_MESSAGES};
pub use framing::Framing;
pub use har::{MAX_TEXT, Place};
pub use head::{Field, Head, MAX_HEAD, Role, Start, Text};
pub use stream::{Direction, Source, Times};

/// Bodies that may be under way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The body of a message.
    Whole = 0,
    /// A part of it.
    Part = 1,
}

/// What a saved body came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The file's name.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// When its first byte was captured.
    pub time: Option<tapflow_core::Timestamp>,
    /// Digests, by the name of the algorithm.
    pub digests: Vec<(&'static str, String)>,
    /// Its bytes, where digests are still to be made of them.
    pub contents: Option<Vec<u8>>,
}

/// Takes what is found. It keeps its own errors.
pub trait Output {
    /// It is HTTP, and this direction is the client's: told once, before everything else.
    fn recognised(&mut self, client: usize) {
        let _ = client;
    }

    /// A body begins: its first bytes follow.
    fn begin(&mut self, slot: Slot, name: &BodyName);

    /// Bytes of the body.
    fn write(&mut self, slot: Slot, bytes: &[u8]);

    /// Bytes as of [`write`](Self::write), which may be taken instead of copied.
    fn write_all(&mut self, slot: Slot, bytes: &mut Vec<u8>) {
        self.write(slot, bytes);
    }

    /// So many bytes of the body were never captured.
    fn hole(&mut self, slot: Slot, length: u64);

    /// The body ends: what was stored of it, `None` where nothing was.
    fn end(&mut self, slot: Slot) -> Option<Stored>;

    /// A message, its body saved. What its files contain may be taken out of it.
    fn message(&mut self, message: &mut Message) {
        let _ = message;
    }

    /// A request with its final response; one of them may be missing. Its messages were told before.
    fn exchange(&mut self, request: Option<&Message>, response: Option<&Message>) {
        let _ = (request, response);
    }

    /// Nothing more is wanted.
    fn is_over(&self) -> bool {
        false
    }
}
