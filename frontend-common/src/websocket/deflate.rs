//! Messages compressed with permessage-deflate: RFC 7692.

use flate2::{Decompress, FlushDecompress, Status};

/// What the sender leaves out at the end of a message: RFC 7692, 7.2.1.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Decompressed bytes that are handed on together.
const BUFFER: usize = 16 << 10;

/// How a direction is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// A message may refer to those before it.
    pub keeps_context: bool,
}

impl Deflate {
    /// How the client's and the server's messages are compressed, by the field Sec-WebSocket-Extensions of the server's
    /// answer. `None` where they are not.
    #[must_use]
    pub fn agreed(extensions: &str) -> [Option<Self>; 2] {
        let extension = extensions.split(',').map(|extension| extension.split(';').map(str::trim)).find_map(
            |mut words| {
                let name = words.next()?;
                name.eq_ignore_ascii_case("permessage-deflate").then(|| words.collect::<Vec<_>>())
            },
        );
        let Some(parameters) = extension else { return [None; 2] };
        let has = |name: &str| parameters.iter().any(|parameter| parameter.eq_ignore_ascii_case(name));
        ["client_no_context_takeover", "server_no_context_takeover"]
            .map(|name| Some(Self { keeps_context: !has(name) }))
    }
}

/// How far compressed bytes may grow in a direction: so many bytes, and so many more for each compressed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Decompressed bytes in any case.
    pub free: u64,
    /// Decompressed bytes for each compressed one.
    pub ratio: u64,
}

/// Why a message cannot be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is damaged, or refers to messages that are missing.
    Damaged,
    /// It grows beyond the allowance.
    Bomb,
}

/// Decompresses the messages of a direction.
#[derive(Debug)]
pub(super) struct Inflater {
    inflate: Decompress,
    keeps_context: bool,
    allowance: Allowance,
    compressed: u64,
    decompressed: u64,
    buffer: Vec<u8>,
}

impl Inflater {
    pub(super) fn new(deflate: Deflate, allowance: Allowance) -> Self {
        let keeps_context = deflate.keeps_context;
        let (inflate, buffer) = (Decompress::new(false), vec![0; BUFFER]);
        Self { inflate, keeps_context, allowance, compressed: 0, decompressed: 0, buffer }
    }

    /// What was before is not known: a message that refers to it is damaged.
    pub(super) fn forget(&mut self) {
        self.inflate.reset(false);
    }

    /// Decompresses more of a message.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
        self.compressed += bytes.len() as u64;
        self.feed(bytes, out)
    }

    /// The message ends.
    pub(super) fn end(&mut self, out: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
        let result = self.feed(&TAIL, out);
        if result.is_err() || !self.keeps_context {
            self.forget();
        }
        result
    }

    fn feed(&mut self, mut bytes: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
        loop {
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(bytes, &mut self.buffer, FlushDecompress::Sync);
            let read = (self.inflate.total_in() - read) as usize;
            let written = (self.inflate.total_out() - written) as usize;
            bytes = bytes.get(read..).unwrap_or_default();
            let most =
                self.allowance.free.saturating_add(self.compressed.saturating_mul(self.allowance.ratio));
            let room = most.saturating_sub(self.decompressed).min(written as u64) as usize;
            self.decompressed += room as u64;
            if room > 0 {
                out(&self.buffer[..room]);
            }
            if room < written {
                return Err(Fault::Bomb);
            }
            match status {
                Err(_) => return Err(Fault::Damaged),
                // A last block, behind which the message may go on: RFC 7692, 7.2.3.4.
                Ok(Status::StreamEnd) => self.forget(),
                Ok(_) if read == 0 && written == 0 => return Ok(()),
                Ok(_) => {}
            }
            if bytes.is_empty() && written < self.buffer.len() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance { free: 1 << 16, ratio: 10 };

    fn inflate(inflater: &mut Inflater, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut text = Vec::new();
        inflater.push(bytes, &mut |bytes| text.extend_from_slice(bytes))?;
        inflater.end(&mut |bytes| text.extend_from_slice(bytes))?;
        Ok(text)
    }

    #[test]
    fn messages_of_the_rfc() {
        // RFC 7692, 7.2.3: twice with and without context, not compressed, a last block, several blocks.
        let first = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        let mut inflater = Inflater::new(Deflate { keeps_context: true }, ALLOWANCE);
        assert_eq!(inflate(&mut inflater, first), Ok(b"Hello".to_vec()));
        assert_eq!(inflate(&mut inflater, b"\xf2\x00\x11\x00\x00"), Ok(b"Hello".to_vec()));
        assert_eq!(
            inflate(&mut inflater, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"),
            Ok(b"Hello".to_vec())
        );
        assert_eq!(inflate(&mut inflater, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), Ok(b"Hello".to_vec()));
        let blocks = b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00";
        assert_eq!(inflate(&mut inflater, blocks), Ok(b"Hello".to_vec()));
        let mut inflater = Inflater::new(Deflate { keeps_context: false }, ALLOWANCE);
        assert_eq!(inflate(&mut inflater, first), Ok(b"Hello".to_vec()));
        assert_eq!(inflate(&mut inflater, first), Ok(b"Hello".to_vec()));
    }

    #[test]
    fn what_refers_to_a_missing_message_is_damaged_and_the_next_one_is_right() {
        let mut inflater = Inflater::new(Deflate { keeps_context: true }, ALLOWANCE);
        assert_eq!(inflate(&mut inflater, b"\xf2\x00\x11\x00\x00"), Err(Fault::Damaged));
        inflater.forget();
        assert_eq!(inflate(&mut inflater, b"\xf2\x48\xcd\xc9\xc9\x07\x00"), Ok(b"Hello".to_vec()));
    }

    #[test]
    fn a_bomb_ends_at_the_allowance() {
        let mut compress = flate2::Compress::new(flate2::Compression::best(), false);
        let mut bomb = Vec::with_capacity(1 << 20);
        compress.compress_vec(&vec![0; 1 << 18], &mut bomb, flate2::FlushCompress::Sync).unwrap();
        let mut inflater = Inflater::new(Deflate { keeps_context: true }, ALLOWANCE);
        let mut count = 0;
        assert_eq!(inflater.push(&bomb, &mut |bytes| count += bytes.len()), Err(Fault::Bomb));
        assert_eq!(count as u64, ALLOWANCE.free + 10 * bomb.len() as u64);
    }

    #[test]
    fn what_was_agreed_on() {
        let (with, without) = (Some(Deflate { keeps_context: true }), Some(Deflate { keeps_context: false }));
        assert_eq!(Deflate::agreed("permessage-deflate"), [with, with]);
        assert_eq!(
            Deflate::agreed(
                "x-other; a=1, Permessage-Deflate; server_no_context_takeover; client_max_window_bits=12"
            ),
            [with, without]
        );
        assert_eq!(Deflate::agreed("permessage-deflate; client_no_context_takeover"), [without, with]);
        assert_eq!(Deflate::agreed("x-webkit-deflate-frame"), [None, None]);
        assert_eq!(Deflate::agreed(""), [None, None]);
    }
}
