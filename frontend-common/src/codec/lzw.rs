//! The format of `compress`: LZW in `.Z`, as `Content-Encoding: compress` has it.
//!
//! Codes of 9 to 16 bits, least significant bit first, in groups of eight: where their width changes, the
//! rest of the group is left unused. Memory is fixed; any bytes give output or an error, never a panic.

use super::{Codec, Step};

const CLEAR: u16 = 256;
const MAX_BITS: u8 = 16;

/// A decoder that is fed piece by piece.
pub(crate) struct Lzw {
    header: usize,
    /// Widest code in bits, and whether 256 clears the table.
    max_bits: u8,
    blocks: bool,
    width: u8,
    /// For each code from 256: the code before it, and its last byte.
    prefixes: Vec<u16>,
    suffixes: Vec<u8>,
    next: u32,
    previous: Option<u16>,
    first_byte: u8,
    bits: u32,
    bit_count: u8,
    /// Codes read in the group of eight.
    in_group: u8,
    /// Bits of the group that are left unused.
    skip: u32,
    /// Decoded bytes, the last first, that did not fit the output.
    pending: Vec<u8>,
}

impl Lzw {
    pub(crate) fn new() -> Self {
        Self {
            header: 0,
            max_bits: MAX_BITS,
            blocks: true,
            width: 9,
            prefixes: vec![0; 1 << MAX_BITS],
            suffixes: vec![0; 1 << MAX_BITS],
            next: 257,
            previous: None,
            first_byte: 0,
            bits: 0,
            bit_count: 0,
            in_group: 0,
            skip: 0,
            pending: Vec::new(),
        }
    }

    fn head(&mut self, byte: u8) -> Result<(), String> {
        match (self.header, byte) {
            (0, 0x1f) | (1, 0x9d) => {}
            (2, flags) if (9..=MAX_BITS).contains(&(flags & 0x1f)) => {
                self.max_bits = flags & 0x1f;
                self.blocks = flags & 0x80 != 0;
                self.next = if self.blocks { 257 } else { 256 };
            }
            _ => return Err("it does not begin as compress does".into()),
        }
        self.header += 1;
        Ok(())
    }

    /// Another width: the rest of the present group is unused.
    fn set_width(&mut self, width: u8) {
        self.skip = u32::from((8 - self.in_group) % 8) * u32::from(self.width);
        self.in_group = 0;
        self.width = width;
    }

    /// Puts the bytes of a code into `pending`.
    fn code(&mut self, code: u16) -> Result<(), String> {
        if self.blocks && code == CLEAR {
            self.next = 257;
            self.previous = None;
            self.set_width(9);
            return Ok(());
        }
        let known = u32::from(code) < 256 || u32::from(code) < self.next;
        let mut at = code;
        match self.previous {
            None if code > 255 => return Err("it begins with a code that nothing defined".into()),
            Some(previous) if u32::from(code) == self.next && !known => {
                self.pending.push(self.first_byte);
                at = previous;
            }
            _ if !known => return Err("a code that nothing defined".into()),
            _ => {}
        }
        // Each prefix is a smaller code: this ends.
        while at > 255 {
            self.pending.push(self.suffixes[usize::from(at)]);
            at = self.prefixes[usize::from(at)];
        }
        self.first_byte = at as u8;
        self.pending.push(self.first_byte);
        if let Some(previous) = self.previous
            && self.next < 1 << self.max_bits
        {
            self.prefixes[self.next as usize] = previous;
            self.suffixes[self.next as usize] = self.first_byte;
            self.next += 1;
        }
        self.previous = Some(code);
        Ok(())
    }
}

impl Codec for Lzw {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (mut read, mut written) = (0, 0);
        loop {
            while let Some(place) = output.get_mut(written) {
                let Some(byte) = self.pending.pop() else { break };
                *place = byte;
                written += 1;
            }
            if !self.pending.is_empty() || written == output.len() {
                return Step { read, written, end: Ok(false) };
            }
            // The table grew beyond what the width can name.
            if self.next >= 1 << self.width && self.width < self.max_bits {
                self.set_width(self.width + 1);
            }
            let Some(byte) =
                input.get(read).copied().filter(|_| self.bit_count < self.width || self.skip > 0)
            else {
                if self.bit_count >= self.width && self.skip == 0 {
                    let code = (self.bits & ((1 << self.width) - 1)) as u16;
                    self.bits >>= self.width;
                    self.bit_count -= self.width;
                    self.in_group = (self.in_group + 1) % 8;
                    if let Err(reason) = self.code(code) {
                        return Step { read, written, end: Err(reason) };
                    }
                    continue;
                }
                // The format has no mark at its end.
                return Step { read, written, end: Ok(false) };
            };
            read += 1;
            if self.header < 3 {
                if let Err(reason) = self.head(byte) {
                    return Step { read, written, end: Err(reason) };
                }
                continue;
            }
            self.bits |= u32::from(byte) << self.bit_count;
            self.bit_count += 8;
            let unused = self.skip.min(u32::from(self.bit_count));
            self.bits = self.bits.checked_shr(unused).unwrap_or(0);
            self.bit_count -= unused as u8;
            self.skip -= unused;
        }
    }

    fn restart(&mut self) {
        *self = Self::new();
    }
}
