//! Handshake messages, put together from records. RFC 8446, section 4.

use super::wire::Wire;

/// Bytes of the header of a message.
const HEADER: usize = 4;
/// The longest message that is kept: long chains of certificates fit.
const MAX_MESSAGE: usize = 256 << 10;

/// Types of messages.
pub(super) mod kind {
    pub(in crate::tls) const CLIENT_HELLO: u8 = 1;
    pub(in crate::tls) const SERVER_HELLO: u8 = 2;
    pub(in crate::tls) const NEW_TICKET: u8 = 4;
    pub(in crate::tls) const END_OF_EARLY_DATA: u8 = 5;
    pub(in crate::tls) const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub(in crate::tls) const CERTIFICATE: u8 = 11;
    pub(in crate::tls) const SERVER_KEY_EXCHANGE: u8 = 12;
    pub(in crate::tls) const CERTIFICATE_REQUEST: u8 = 13;
    pub(in crate::tls) const SERVER_HELLO_DONE: u8 = 14;
    pub(in crate::tls) const CLIENT_KEY_EXCHANGE: u8 = 16;
    pub(in crate::tls) const FINISHED: u8 = 20;
    pub(in crate::tls) const CERTIFICATE_STATUS: u8 = 22;
    pub(in crate::tls) const SUPPLEMENTAL_DATA: u8 = 23;
    pub(in crate::tls) const KEY_UPDATE: u8 = 24;
}

/// A handshake message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    /// With its header.
    pub(super) bytes: Vec<u8>,
}

impl Message {
    pub(super) fn body(&self) -> &[u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }
}

/// Puts messages together.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    bytes: Vec<u8>,
}

impl Assembler {
    /// Adds the contents of a record.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What was begun will not be completed.
    pub(super) fn reset(&mut self) {
        self.bytes.clear();
    }

    /// The next message that is complete.
    pub(super) fn next(&mut self) -> Option<Message> {
        let length = HEADER + Wire(self.bytes.get(1..)?).u24()?;
        if length > MAX_MESSAGE {
            self.bytes.clear();
            return None;
        }
        if length > self.bytes.len() {
            return None;
        }
        let rest = self.bytes.split_off(length);
        let bytes = std::mem::replace(&mut self.bytes, rest);
        Some(Message { kind: *bytes.first()?, bytes })
    }
}

/// Whether these are the first bytes of a message that is sent unencrypted.
pub(super) fn begins_plain(body: &[u8]) -> bool {
    let mut rest = Wire(body);
    let (Some(kind), Some(length)) = (rest.u8(), rest.u24()) else { return false };
    matches!(kind, 1..=4 | 8 | 11..=16 | 20..=23) && length <= MAX_MESSAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_of_records_of_any_size() {
        let stream = [&[1, 0, 0, 2, 7, 7][..], &[20, 0, 0, 0], &[11, 0, 1, 0], &[5; 256]].concat();
        for size in [1, 3, 7, 300] {
            let mut assembler = Assembler::default();
            let mut found = Vec::new();
            for part in stream.chunks(size) {
                assembler.push(part);
                found.extend(
                    std::iter::from_fn(|| assembler.next())
                        .map(|message| (message.kind, message.body().len())),
                );
            }
            assert_eq!(found, [(1, 2), (20, 0), (11, 256)], "{size}");
        }
    }

    #[test]
    fn a_message_that_no_one_sends_is_not_waited_for() {
        let mut assembler = Assembler::default();
        assembler.push(&[1, 0xff, 0xff, 0xff, 1, 2, 3]);
        assert_eq!(assembler.next(), None);
        assembler.push(&[14, 0, 0, 0]);
        assert_eq!(assembler.next().unwrap().kind, 14);
        assert!(begins_plain(&[1, 0, 1, 0]) && !begins_plain(&[0, 0, 0, 0, 0]) && !begins_plain(&[1, 0]));
    }
}
