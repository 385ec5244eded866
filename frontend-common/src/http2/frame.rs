//! Frames of HTTP/2: RFC 9113, 4.1 and 6.

/// Bytes that a client sends first: RFC 9113, 3.4.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The length of a frame's header.
pub const HEADER: usize = 9;
/// The longest payload, unless the receiver allows more: RFC 9113, 4.2.
pub(super) const MAX_FRAME: u32 = 1 << 14;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes of a body.
    Data,
    /// Fields of a message, or those behind its body.
    Headers,
    /// The priority of a stream.
    Priority,
    /// A stream ends early.
    Reset,
    /// What the sender wants of the receiver.
    Settings,
    /// A request whose answer the server sends on its own.
    Promise,
    /// A sign of life.
    Ping,
    /// The connection ends.
    GoAway,
    /// Flow control.
    Window,
    /// More of a header block.
    Continuation,
    /// An extension.
    Other(u8),
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Bytes of its payload.
    pub length: u32,
    /// What it is for.
    pub kind: Kind,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 is the connection.
    pub stream: u32,
    /// The bit that has to be 0 is set.
    pub is_reserved: bool,
}

/// The message ends: of HEADERS and DATA.
pub(super) const END_STREAM: u8 = 0x01;
/// An answer: of SETTINGS and PING.
pub(super) const ACK: u8 = 0x01;
/// The header block ends: of HEADERS, PUSH_PROMISE and CONTINUATION.
pub(super) const END_HEADERS: u8 = 0x04;
/// A length of padding stands first: of HEADERS, PUSH_PROMISE and DATA.
pub(super) const PADDED: u8 = 0x08;
/// A priority stands in front of the fields: of HEADERS.
pub(super) const PRIORITY: u8 = 0x20;

impl Frame {
    /// The header that these bytes are.
    #[must_use]
    pub fn parse(bytes: &[u8; HEADER]) -> Self {
        let [l0, l1, l2, kind, flags, stream @ ..] = *bytes;
        let stream = u32::from_be_bytes(stream);
        let kind = match kind {
            0 => Kind::Data,
            1 => Kind::Headers,
            2 => Kind::Priority,
            3 => Kind::Reset,
            4 => Kind::Settings,
            5 => Kind::Promise,
            6 => Kind::Ping,
            7 => Kind::GoAway,
            8 => Kind::Window,
            9 => Kind::Continuation,
            other => Kind::Other(other),
        };
        Self {
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            stream: stream & 0x7fff_ffff,
            is_reserved: stream >> 31 != 0,
        }
    }

    /// Whether it has this flag.
    #[must_use]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether stream and length are as RFC 9113 asks. Frames of extensions may have any.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let on_stream = self.stream != 0;
        match self.kind {
            Kind::Data => on_stream && (self.length > 0 || !self.has(PADDED)),
            Kind::Headers => {
                let least = u32::from(self.has(PADDED)) + if self.has(PRIORITY) { 5 } else { 0 };
                on_stream && self.length >= least
            }
            Kind::Priority => on_stream && self.length == 5,
            Kind::Reset => on_stream && self.length == 4,
            Kind::Settings => {
                !on_stream && self.length.is_multiple_of(6) && (self.length == 0 || !self.has(ACK))
            }
            Kind::Promise => on_stream && self.length >= 4 + u32::from(self.has(PADDED)),
            Kind::Ping => !on_stream && self.length == 8,
            Kind::GoAway => !on_stream && self.length >= 8,
            Kind::Window => self.length == 4,
            Kind::Continuation => on_stream,
            Kind::Other(_) => true,
        }
    }

    /// Whether it looks like a frame where none is expected: valid, without bits that its kind does not have, no longer
    /// than `longest`, and of a kind that is in use.
    #[must_use]
    pub fn is_likely(&self, longest: u32) -> bool {
        let flags = match self.kind {
            Kind::Data => END_STREAM | PADDED,
            Kind::Headers => END_STREAM | END_HEADERS | PADDED | PRIORITY,
            Kind::Promise => END_HEADERS | PADDED,
            Kind::Settings | Kind::Ping => ACK,
            Kind::Continuation => END_HEADERS,
            Kind::Priority | Kind::Reset | Kind::GoAway | Kind::Window => 0,
            // ALTSVC, ORIGIN, PRIORITY_UPDATE: RFC 7838, RFC 8336, RFC 9218.
            Kind::Other(0x0a | 0x0c | 0x10) => 0,
            Kind::Other(_) => return false,
        };
        self.flags & !flags == 0 && self.length <= longest && !self.is_reserved && self.is_valid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &[u8; HEADER]) -> Frame {
        Frame::parse(bytes)
    }

    #[test]
    fn fields_of_the_header() {
        let data = frame(b"\x01\x02\x03\x00\x09\x80\x00\x00\x05");
        let expected = Frame { length: 0x10203, kind: Kind::Data, flags: 9, stream: 5, is_reserved: true };
        assert_eq!(data, expected);
        assert!(data.has(END_STREAM) && data.has(PADDED) && data.is_valid() && !data.is_likely(u32::MAX));
    }

    #[test]
    fn what_the_rfc_asks_of_each_kind() {
        for (bytes, valid, likely) in [
            (b"\0\0\x06\x04\0\0\0\0\0", true, true),
            (b"\0\0\x05\x04\0\0\0\0\0", false, false),
            (b"\0\0\x00\x04\x01\0\0\0\0", true, true),
            (b"\0\0\x06\x04\x01\0\0\0\0", false, false),
            (b"\0\0\x06\x04\0\0\0\0\x01", false, false),
            (b"\0\0\x08\x06\0\0\0\0\0", true, true),
            (b"\0\0\x00\x00\x01\0\0\0\x01", true, true),
            (b"\0\0\x00\x00\x01\0\0\0\0", false, false),
            (b"\0\0\x00\x00\x08\0\0\0\x01", false, false),
            (b"\0\0\x04\x01\x24\0\0\0\x01", false, false),
            (b"\0\0\x05\x01\x24\0\0\0\x01", true, true),
            (b"\0\0\x04\x08\0\0\0\0\0", true, true),
            (b"\0\0\x04\x08\x80\0\0\0\0", true, false),
            (b"\0\x50\x00\x00\0\0\0\0\x01", true, false),
            (b"\0\0\x01\xfa\0\0\0\0\x01", true, false),
        ] {
            let frame = frame(bytes);
            assert_eq!((frame.is_valid(), frame.is_likely(MAX_FRAME)), (valid, likely), "{frame:?}");
        }
    }
}
