//! Messages of gRPC in a body: a byte of flags, a length of four bytes, and so many bytes.
//!
//! gRPC-Web is the same, with the trailers as a last message, and in base64 where the media type says so. Messages are
//! decompressed each on its own. Memory: a decoder, and the trailers up to a bound.

use super::coding::{Allowance, Coding, Decoder, Spent};
use super::facts::{Anomalies, Anomaly, BodyKind, Grpc};
use super::head;
use super::save::File;
use super::{Slot, media};

/// Flags and length in front of a message.
const PREFIX: usize = 5;
/// The message is compressed.
const COMPRESSED: u8 = 0x01;
/// The message is trailers: gRPC-Web.
const TRAILERS: u8 = 0x80;
/// Bytes of trailers that are looked at.
const MAX_TRAILERS: usize = 64 << 10;

/// How the messages of a body are sent.
#[derive(Debug)]
pub(super) struct Settings {
    /// How those are compressed that are marked so: `grpc-encoding`.
    coding: Option<Coding>,
    /// The body is base64.
    is_text: bool,
    allowance: Allowance,
    decodes: bool,
    /// The lengths of all messages fit the body: no bytes of it are missing.
    is_chain: bool,
}

impl Settings {
    /// For a body whose type is not known, and which is a [`Chain`] of messages.
    pub(super) fn of_chain(head: &head::Head, allowance: Allowance, decodes: bool) -> Self {
        let coding = head.field("grpc-encoding").and_then(Coding::named);
        Self { coding, is_text: false, allowance, decodes, is_chain: true }
    }

    /// The body is a [`Chain`] of messages.
    pub(super) fn with_chain(self) -> Self {
        Self { is_chain: !self.is_text, ..self }
    }

    /// What the head says; `None` where the body has no messages.
    pub(super) fn of(head: &head::Head, allowance: Allowance, decodes: bool) -> Option<Self> {
        let kind = media::media_type(head.field("content-type")?);
        let rest = kind.strip_prefix("application/grpc")?;
        let is_text = rest.starts_with("-web-text");
        let is_messages = is_text || rest.is_empty() || rest.starts_with('+') || rest.starts_with("-web");
        let coding = head.field("grpc-encoding").and_then(Coding::named);
        is_messages.then_some(Self { coding, is_text, allowance, decodes, is_chain: false })
    }
}

/// Follows the lengths of messages through a body, whatever is in them.
#[derive(Debug, Default)]
pub(super) struct Chain {
    prefix: [u8; PREFIX],
    seen: usize,
    left: u64,
    messages: u64,
    is_broken: bool,
}

impl Chain {
    /// The next bytes of the body.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_broken {
            if self.left > 0 {
                let count = self.left.min(bytes.len() as u64);
                self.left -= count;
                bytes = &bytes[count as usize..];
                continue;
            }
            let count = (PREFIX - self.seen).min(bytes.len());
            self.prefix[self.seen..self.seen + count].copy_from_slice(&bytes[..count]);
            self.seen += count;
            bytes = &bytes[count..];
            if self.seen == PREFIX {
                let [flags, length @ ..] = self.prefix;
                (self.seen, self.left) = (0, u64::from(u32::from_be_bytes(length)));
                self.messages += 1;
                self.is_broken = flags & !(COMPRESSED | TRAILERS) != 0;
            }
        }
    }

    /// Bytes that were never captured.
    pub(super) fn hole(&mut self, length: u64) {
        self.is_broken |= self.left < length;
        self.left = self.left.saturating_sub(length);
    }

    /// Whether the body ends with a message.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_broken && self.messages > 0 && self.left == 0 && self.seen == 0
    }
}

/// The messages of one body on their way to their files.
pub(super) struct Messages<'s> {
    settings: Settings,
    base64: Base64,
    state: State,
    number: u64,
    spent: &'s mut Spent,
    grpc: Grpc,
    anomalies: Anomalies,
}

enum State {
    Prefix {
        bytes: [u8; PREFIX],
        seen: usize,
    },
    Message {
        left: u64,
        decoder: Option<Decoder>,
        has_hole: bool,
    },
    Trailers {
        left: u64,
        text: Vec<u8>,
    },
    /// It is not known where messages begin.
    Lost,
}

const AT_PREFIX: State = State::Prefix { bytes: [0; PREFIX], seen: 0 };

impl<'s> Messages<'s> {
    pub(super) fn new(settings: Settings, spent: &'s mut Spent) -> Self {
        let (base64, grpc, anomalies) = (Base64::default(), Grpc::default(), Anomalies::default());
        Self { settings, base64, state: AT_PREFIX, number: 0, spent, grpc, anomalies }
    }

    /// The next bytes of the body.
    pub(super) fn push(&mut self, bytes: &[u8], file: &mut File<'_>) {
        if !self.settings.is_text {
            return self.take(bytes, file);
        }
        let mut decoded = Vec::with_capacity(bytes.len() * 3 / 4 + 3);
        if !self.base64.push(bytes, &mut decoded) {
            self.anomalies.add(Anomaly::BadMessages);
        }
        self.take(&decoded, file);
    }

    /// Bytes that were never captured.
    pub(super) fn hole(&mut self, length: u64, file: &mut File<'_>) {
        match &mut self.state {
            State::Message { left, has_hole, .. } if !self.settings.is_text && *left >= length => {
                *left -= length;
                *has_hole = true;
                file.hole(Slot::Part, length);
                self.end_if_done(file);
            }
            State::Trailers { left, .. } if !self.settings.is_text && *left >= length => {
                *left -= length;
                self.state =
                    if *left > 0 { State::Trailers { left: *left, text: Vec::new() } } else { AT_PREFIX };
            }
            _ => self.lose(file),
        }
    }

    /// Bytes may be missing here, unless the lengths say that none are.
    pub(super) fn loss(&mut self, file: &mut File<'_>) {
        if !self.settings.is_chain {
            self.lose(file);
        }
    }

    fn lose(&mut self, file: &mut File<'_>) {
        self.end(false, file);
        self.anomalies.add(Anomaly::BadMessages);
        self.state = State::Lost;
    }

    fn take(&mut self, mut bytes: &[u8], file: &mut File<'_>) {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Prefix { bytes: prefix, seen } => {
                    let count = (PREFIX - *seen).min(bytes.len());
                    prefix[*seen..*seen + count].copy_from_slice(&bytes[..count]);
                    *seen += count;
                    bytes = &bytes[count..];
                    if *seen == PREFIX {
                        let prefix = *prefix;
                        self.begin(prefix, file);
                    }
                }
                State::Message { left, decoder, .. } => {
                    let count = (*left).min(bytes.len() as u64) as usize;
                    let (own, rest) = bytes.split_at(count);
                    (*left, bytes) = (*left - count as u64, rest);
                    let name = file.name(BodyKind::Grpc(self.number), None);
                    match decoder {
                        Some(decoder) => {
                            decoder
                                .push(own, self.spent, &mut |decoded| file.write(Slot::Part, &name, decoded));
                        }
                        None => file.write(Slot::Part, &name, own),
                    }
                    self.end_if_done(file);
                }
                State::Trailers { left, text } => {
                    let count = (*left).min(bytes.len() as u64) as usize;
                    let (own, rest) = bytes.split_at(count);
                    (*left, bytes) = (*left - count as u64, rest);
                    let room = MAX_TRAILERS.saturating_sub(text.len()).min(count);
                    text.extend_from_slice(&own[..room]);
                    self.end_if_done(file);
                }
                State::Lost => return,
            }
        }
    }

    /// A message begins.
    fn begin(&mut self, [flags, length @ ..]: [u8; PREFIX], file: &mut File<'_>) {
        let left = u64::from(u32::from_be_bytes(length));
        if flags & !(COMPRESSED | TRAILERS) != 0 {
            self.anomalies.add(Anomaly::BadMessages);
            self.state = State::Lost;
            return;
        }
        if flags & TRAILERS != 0 {
            self.state = State::Trailers { left, text: Vec::new() };
        } else {
            self.number += 1;
            let is_coded = flags & COMPRESSED != 0 && self.settings.decodes;
            let codings: Vec<_> = self.settings.coding.iter().filter(|_| is_coded).cloned().collect();
            let decoder = Decoder::new(&codings, self.settings.allowance, &mut self.anomalies);
            self.state = State::Message { left, decoder, has_hole: false };
        }
        self.end_if_done(file);
    }

    fn end_if_done(&mut self, file: &mut File<'_>) {
        if let State::Message { left: 0, .. } | State::Trailers { left: 0, .. } = self.state {
            self.end(true, file);
        }
    }

    /// Ends what is under way: all of it was there, or not.
    fn end(&mut self, is_whole: bool, file: &mut File<'_>) {
        match std::mem::replace(&mut self.state, AT_PREFIX) {
            State::Message { decoder, has_hole, .. } => {
                let complete = is_whole && !has_hole;
                let kind = BodyKind::Grpc(self.number);
                if let Some(mut decoder) = decoder {
                    let name = file.name(kind, None);
                    let out = &mut |bytes: &[u8]| file.write(Slot::Part, &name, bytes);
                    decoder.finish(complete, &mut self.anomalies, self.spent, out);
                }
                file.end(Slot::Part, kind, complete, None, None);
            }
            State::Trailers { mut text, .. } => {
                // The last field may have no line end.
                text.extend_from_slice(b"\r\n");
                for field in head::any_fields(&text) {
                    self.field(&field);
                }
            }
            State::Prefix { .. } => {}
            State::Lost => self.state = State::Lost,
        }
    }

    fn field(&mut self, field: &head::Field) {
        let value = || Some(field.value.as_str().to_owned());
        if field.name.eq_ignore_ascii_case("grpc-status") {
            self.grpc.status = value();
        } else if field.name.eq_ignore_ascii_case("grpc-message") {
            self.grpc.message = value();
        }
    }

    /// The body ends.
    pub(super) fn finish(&mut self, complete: bool, file: &mut File<'_>) -> Grpc {
        match self.state {
            State::Prefix { seen: 0, .. } | State::Lost => {}
            _ if complete => self.anomalies.add(Anomaly::BadMessages),
            _ => {}
        }
        self.end(false, file);
        file.saved.anomalies.add_all(self.anomalies);
        self.grpc.messages = self.number;
        std::mem::take(&mut self.grpc)
    }
}

/// Base64 in pieces, each of which may end with its own padding: RFC 4648, 4.
#[derive(Debug, Default)]
struct Base64 {
    bits: u32,
    count: u32,
}

impl Base64 {
    /// Decodes more: false where there are characters of another alphabet, which are skipped.
    fn push(&mut self, text: &[u8], out: &mut Vec<u8>) -> bool {
        let mut good = true;
        for byte in text {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => {
                    (self.bits, self.count) = (0, 0);
                    continue;
                }
                b'\r' | b'\n' => continue,
                _ => {
                    good = false;
                    continue;
                }
            };
            self.bits = self.bits << 6 | u32::from(value);
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                out.push((self.bits >> self.count) as u8);
                self.bits &= (1 << self.count) - 1;
            }
        }
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_rfc_in_any_pieces() {
        // RFC 4648, 10; several strings one after the other, as gRPC-Web sends them.
        let text = b"Zg==Zm8=Zm9vZm9vYg==Zm9vYmE=Zm9vYmFy";
        for size in 1..text.len() {
            let (mut base64, mut decoded) = (Base64::default(), Vec::new());
            assert!(text.chunks(size).all(|piece| base64.push(piece, &mut decoded)));
            assert_eq!(decoded, b"ffofoofoobfoobafoobar");
        }
        assert!(!Base64::default().push(b"Zm 9v", &mut Vec::new()));
    }
}
