//! Headers of frames: RFC 6455, 5.2.

/// The bytes of the shortest header.
pub(super) const SHORTEST: usize = 2;
/// The longest header in bytes.
pub(super) const LONGEST: usize = 14;
/// The longest payload of a control frame: RFC 6455, 5.5.
pub(super) const MAX_CONTROL: u64 = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of a message.
    Continuation,
    /// The first frame of a text.
    Text,
    /// The first frame of other bytes.
    Binary,
    /// The connection ends.
    Close,
    /// A question.
    Ping,
    /// Its answer.
    Pong,
}

impl Opcode {
    fn parse(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Whether it is no part of a message.
    #[must_use]
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub opcode: Opcode,
    /// It is the last one of its message.
    pub is_last: bool,
    /// The message is compressed (RSV1).
    pub is_compressed: bool,
    /// With what the payload is masked.
    pub mask: Option<[u8; 4]>,
    /// Bytes of the payload.
    pub length: u64,
}

/// What the first bytes of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A header of this many bytes.
    Frame(Frame, usize),
    /// Too few bytes to know.
    Short,
    /// No header of RFC 6455.
    Invalid,
}

/// The header that these bytes begin with.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let Some([first, second]) = bytes.first_chunk() else { return Parsed::Short };
    let Some(opcode) = Opcode::parse(first & 0x0f) else { return Parsed::Invalid };
    let (is_last, is_compressed) = (first & 0x80 != 0, first & 0x40 != 0);
    let rest = &bytes[2..];
    let (length, size) = match second & 0x7f {
        126 => match rest.first_chunk() {
            Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
            None => return Parsed::Short,
        },
        127 => match rest.first_chunk() {
            Some(length) => (u64::from_be_bytes(*length), 10),
            None => return Parsed::Short,
        },
        length => (u64::from(length), 2),
    };
    let is_shortest = match size {
        4 => length > MAX_CONTROL,
        10 => length > u64::from(u16::MAX) && length >> 63 == 0,
        _ => true,
    };
    let is_odd = first & 0x30 != 0
        || is_compressed && (opcode.is_control() || opcode == Opcode::Continuation)
        || opcode.is_control() && (!is_last || length > MAX_CONTROL);
    if !is_shortest || is_odd {
        return Parsed::Invalid;
    }
    let (mask, size) = match second & 0x80 {
        0 => (None, size),
        _ => match bytes[size..].first_chunk() {
            Some(mask) => (Some(*mask), size + 4),
            None => return Parsed::Short,
        },
    };
    Parsed::Frame(Frame { opcode, is_last, is_compressed, mask, length }, size)
}

/// Takes the mask off bytes that begin at this place of their payload.
pub(super) fn unmask(bytes: &mut [u8], mask: [u8; 4], place: u64) {
    let mut turned = mask;
    turned.rotate_left((place % 4) as usize);
    let wide = u64::from_ne_bytes([turned, turned].concat().try_into().unwrap_or_default());
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(turned.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_the_rfc() {
        // RFC 6455, 5.7.
        let frame =
            |opcode, is_last, mask, length| Frame { opcode, is_last, is_compressed: false, mask, length };
        for (bytes, expected, size) in [
            (&b"\x81\x05Hello"[..], frame(Opcode::Text, true, None, 5), 2),
            (
                b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
                frame(Opcode::Text, true, Some(*b"\x37\xfa\x21\x3d"), 5),
                6,
            ),
            (b"\x01\x03Hel", frame(Opcode::Text, false, None, 3), 2),
            (b"\x80\x02lo", frame(Opcode::Continuation, true, None, 2), 2),
            (b"\x89\x05Hello", frame(Opcode::Ping, true, None, 5), 2),
            (b"\x82\x7e\x01\x00", frame(Opcode::Binary, true, None, 256), 4),
            (b"\x82\x7f\0\0\0\0\0\x01\0\0", frame(Opcode::Binary, true, None, 65536), 10),
        ] {
            assert_eq!(parse(bytes), Parsed::Frame(expected, size));
            for length in 0..size {
                assert_eq!(parse(&bytes[..length]), Parsed::Short);
            }
        }
        for bytes in [&b"\x83\0"[..], b"\x91\0", b"\x09\0", b"\x89\x7e\x01\0", b"\x81\x7e\0\x05", b"\xc9\0"] {
            assert_eq!(parse(bytes), Parsed::Invalid, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_mask_is_taken_off_from_any_place() {
        let text: Vec<u8> = (0..50).collect();
        let mask = *b"\x01\x23\x45\x67";
        let masked: Vec<u8> = text.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]).collect();
        for start in 0..20 {
            let mut bytes = masked[start..].to_vec();
            unmask(&mut bytes, mask, start as u64);
            assert_eq!(bytes, text[start..]);
        }
    }
}
