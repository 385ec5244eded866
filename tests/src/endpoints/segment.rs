//! A TCP segment, and whose it is.

use std::fmt;

use crate::frames::{ACK, CLIENT, FIN, RST, SERVER, SYN, TcpFrame};

/// The two directions of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

impl Way {
    /// Both, the client's first.
    pub const BOTH: [Self; 2] = [Self::Up, Self::Down];

    /// The other direction.
    #[must_use]
    pub fn back(self) -> Self {
        if self == Self::Up { Self::Down } else { Self::Up }
    }
}

/// What only the model knows of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Number of the connection that it belongs to, or pretends to belong to.
    pub connection: usize,
    /// The initial sequence number of the stream that it is part of.
    pub isn: u32,
    /// Its bytes are not the sender's stream: neither of the endpoints has sent it, or it asks whether the other side
    /// is still there.
    pub forged: bool,
    /// An endpoint has sent it, and no attacker.
    pub genuine: bool,
}

/// One TCP segment on its way.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its direction.
    pub way: Way,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number, with the ACK flag.
    pub acknowledgement: Option<u32>,
    /// The SYN flag.
    pub syn: bool,
    /// The FIN flag.
    pub fin: bool,
    /// The RST flag.
    pub rst: bool,
    /// The bytes.
    pub payload: Vec<u8>,
    /// Whose it is.
    pub origin: Origin,
}

impl Segment {
    /// How many sequence numbers it takes (RFC 9293, 3.4).
    #[must_use]
    pub fn length(&self) -> u32 {
        self.payload.len() as u32 + u32::from(self.syn) + u32::from(self.fin)
    }

    /// The sequence number after its last one.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.sequence.wrapping_add(self.length())
    }

    /// Where its payload lies in the stream: 0 is the first byte after the SYN.
    #[must_use]
    pub fn offset(&self) -> i64 {
        let first = self.sequence.wrapping_add(u32::from(self.syn));
        offset(self.origin.isn, first)
    }

    /// Its frame.
    #[must_use]
    pub fn frame(&self) -> TcpFrame {
        let (source, destination) = if self.way == Way::Up { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = flag(self.syn, SYN)
            | flag(self.fin, FIN)
            | flag(self.rst, RST)
            | flag(self.acknowledgement.is_some(), ACK);
        TcpFrame {
            source,
            destination,
            acknowledgement: self.acknowledgement.unwrap_or(0),
            ..TcpFrame::up(self.sequence, flags, &self.payload)
        }
    }
}

/// The stream offset of `sequence` in a stream with this initial sequence number.
#[must_use]
pub fn offset(isn: u32, sequence: u32) -> i64 {
    i64::from(sequence.wrapping_sub(isn.wrapping_add(1)) as i32)
}

/// `client > server  SYN ACK  seq 17  ack 4  "text"`, with what only the model knows behind it.
impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.way == Way::Up { "client > server" } else { "server > client" })?;
        for (set, name) in [(self.syn, " SYN"), (self.fin, " FIN"), (self.rst, " RST")] {
            f.write_str(if set { name } else { "" })?;
        }
        write!(f, " seq {}", self.sequence)?;
        if let Some(number) = self.acknowledgement {
            write!(f, " ack {number}")?;
        }
        if !self.payload.is_empty() {
            let shown = &self.payload[..self.payload.len().min(40)];
            let more = if shown.len() < self.payload.len() { "…" } else { "" };
            write!(f, " offset {} len {}", self.offset(), self.payload.len())?;
            write!(f, " \"{}{more}\"", shown.escape_ascii())?;
        }
        write!(f, " [connection {}", self.origin.connection)?;
        f.write_str(match (self.origin.forged, self.origin.genuine) {
            (true, false) => ", forged]",
            (true, true) => ", probe]",
            _ => "]",
        })
    }
}
