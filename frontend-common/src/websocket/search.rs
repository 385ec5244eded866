//! Frames found again where bytes are missing, or where a capture begins late.
//!
//! A header has two bytes that have to fit, no more: only several that follow each other by their lengths prove a place.

use super::frame::{Frame, Opcode, Parsed, parse};
use crate::resync::{Found, REACH};

/// Headers that prove any place.
const LINKS: u32 = 6;
/// Headers that prove the first place: packets mostly begin where frames do.
const FIRST_LINKS: u32 = 3;

/// Looks for the first frame from `from` on, masked or not. Place 0 is the begin of a packet if it `is_packet`. No bytes
/// follow if it `is_end`.
pub(super) fn find(bytes: &[u8], from: usize, is_packet: bool, is_end: bool, is_masked: bool) -> Found {
    let mut at = from;
    while at < bytes.len() {
        let links = if at == 0 && is_packet { FIRST_LINKS } else { LINKS };
        match chain(&bytes[at..], links, is_end, is_masked) {
            Chain::Good => return Found::Frame(at),
            Chain::Bad => at += 1,
            Chain::Wait(count) => return Found::Wait { at, until: at + count },
        }
    }
    if is_end { Found::Nothing } else { Found::Wait { at, until: at + 2 } }
}

/// Whether bytes are frames from the first one on, to the end or for a good while: more is asked for than where a handshake
/// was seen. Texts have to be UTF-8 where they are not compressed.
#[must_use]
pub fn is_likely(bytes: &[u8], is_masked: bool) -> bool {
    let (mut at, mut links, mut texts) = (0_usize, 0, 0);
    let mut is_inside = None;
    while links < 4 * LINKS {
        let rest = bytes.get(at..).unwrap_or_default();
        match parse(rest) {
            Parsed::Frame(frame, size) if fits(&frame, is_masked) && follows(&frame, &mut is_inside) => {
                let end = usize::try_from(frame.length).ok().and_then(|length| size.checked_add(length));
                let payload = end.and_then(|end| rest.get(size..end));
                if frame.opcode == Opcode::Text
                    && frame.is_last
                    && !frame.is_compressed
                    && let Some(payload) = payload
                {
                    let mut text = payload.to_vec();
                    super::frame::unmask(&mut text, frame.mask.unwrap_or_default(), 0);
                    if std::str::from_utf8(&text).is_err() {
                        return false;
                    }
                    texts += u32::from(text.len() > 3);
                }
                links += 1;
                at = at.saturating_add(end.unwrap_or(usize::MAX));
            }
            Parsed::Frame(..) | Parsed::Invalid => return false,
            Parsed::Short => break,
        }
    }
    let is_exact = at == bytes.len();
    links >= 4 * LINKS
        || texts > 0 && (is_exact && links >= 2 || links >= LINKS)
        || is_exact && links >= LINKS
}

/// Whether a frame has the sender that was expected. Among zeros, empty frames would be found at every place.
fn fits(frame: &Frame, is_masked: bool) -> bool {
    frame.mask.is_some() == is_masked && (frame.length > 0 || frame.is_last)
}

/// Whether a frame may follow those before it: RFC 6455, 5.4. Not known in front of the first one.
fn follows(frame: &Frame, is_inside: &mut Option<bool>) -> bool {
    if frame.opcode.is_control() {
        return true;
    }
    let goes_on = frame.opcode == Opcode::Continuation;
    let good = is_inside.is_none_or(|is_inside| is_inside == goes_on);
    *is_inside = Some(!frame.is_last);
    good
}

enum Chain {
    Good,
    Bad,
    Wait(usize),
}

fn chain(bytes: &[u8], wanted: u32, is_end: bool, is_masked: bool) -> Chain {
    let (mut at, mut links) = (0_usize, 0);
    let mut is_inside = None;
    loop {
        match parse(bytes.get(at..).unwrap_or_default()) {
            Parsed::Frame(frame, size) if fits(&frame, is_masked) && follows(&frame, &mut is_inside) => {
                links += 1;
                if links == wanted {
                    return Chain::Good;
                }
                let length = usize::try_from(frame.length).unwrap_or(usize::MAX);
                at = at.saturating_add(size).saturating_add(length);
            }
            Parsed::Frame(..) | Parsed::Invalid => return Chain::Bad,
            Parsed::Short => {
                if !is_end && at < REACH {
                    return Chain::Wait(at.max(bytes.len()) + 2);
                }
                let good = is_end && at == bytes.len() && links + 2 >= wanted;
                return if good { Chain::Good } else { Chain::Bad };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_proved_by_what_follows() {
        let frame = b"\x81\x05Hello";
        let bytes = [&b"lo, world"[..], &frame.repeat(6)].concat();
        assert_eq!(find(&bytes, 0, true, false, false), Found::Frame(9));
        assert_eq!(find(&bytes[..9 + 28], 0, true, true, false), Found::Frame(9));
        assert_eq!(find(&bytes[..9 + 14], 0, true, true, false), Found::Nothing);
        assert_eq!(find(&frame.repeat(3), 0, true, false, false), Found::Frame(0));
        assert!(matches!(find(frame, 0, true, false, false), Found::Wait { at: 0, .. }));
    }

    #[test]
    fn other_protocols_are_not_likely() {
        for bytes in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            &[0; 100],
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"SSH-2.0-x\r\n",
            b"",
        ] {
            assert!(!is_likely(bytes, false) && !is_likely(bytes, true), "{}", bytes.escape_ascii());
        }
        assert!(is_likely(&b"\x81\x05Hello".repeat(2), false));
        assert!(!is_likely(&b"\x81\x05Hello".repeat(2), true));
        assert!(!is_likely(b"\x81\x05Hell\xff\x81\x05Hello", false));
    }
}
