//! The Huffman code of HPACK: RFC 7541, 5.2 and appendix B.
//!
//! The code is canonical: codes of one length are consecutive numbers in the order of their symbols, and continue those
//! of the length before. The lengths alone define it.

use super::hpack::HpackError;

/// The longest code in bits.
const LONGEST: usize = 30;
/// The symbol that ends a string; it never stands in one.
const END: u16 = 256;
/// Codes of up to this many bits are decoded with one look into a table.
const QUICK: u32 = 9;

/// The length in bits of the code of each byte, and of [`END`].
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
     6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
    13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
    15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// What the lengths come to.
struct Code {
    /// For each length: codes of it, put to the left of 32 bits, are below this.
    limits: [u32; LONGEST + 1],
    /// For each length: its first code, and the place of its symbol in `symbols`.
    first: [(u32, u16); LONGEST + 1],
    /// Symbols by their code.
    symbols: [u16; 257],
    /// By the first [`QUICK`] bits: the symbol and the length of its code; no length for longer codes.
    quick: [(u8, u8); 1 << QUICK],
}

static CODE: Code = Code::new();

impl Code {
    const fn new() -> Self {
        let mut code = Self {
            limits: [0; LONGEST + 1],
            first: [(0, 0); LONGEST + 1],
            symbols: [0; 257],
            quick: [(0, 0); 1 << QUICK],
        };
        let (mut next, mut place, mut length) = (0_u32, 0, 1);
        while length <= LONGEST {
            next <<= 1;
            code.first[length] = (next, place);
            let mut symbol = 0;
            while symbol < LENGTHS.len() {
                if LENGTHS[symbol] as usize == length {
                    code.symbols[place as usize] = symbol as u16;
                    if length <= QUICK as usize {
                        let shift = QUICK as usize - length;
                        let mut rest = 0;
                        while rest < 1 << shift {
                            code.quick[((next as usize) << shift) + rest] = (symbol as u8, length as u8);
                            rest += 1;
                        }
                    }
                    next += 1;
                    place += 1;
                }
                symbol += 1;
            }
            // The last length fills the code: its limit is behind 32 bits of ones.
            code.limits[length] = if length == LONGEST { u32::MAX } else { next << (32 - length) };
            length += 1;
        }
        code
    }

    /// The symbol that begins in 32 bits, and the length of its code.
    fn symbol(&self, bits: u32) -> (u16, u32) {
        let (symbol, length) = self.quick[(bits >> (32 - QUICK)) as usize];
        if length > 0 {
            return (u16::from(symbol), u32::from(length));
        }
        let mut length = QUICK as usize + 1;
        while length < LONGEST && bits >= self.limits[length] {
            length += 1;
        }
        let (first, place) = self.first[length];
        let code = bits >> (32 - length);
        let at = usize::from(place) + (code - first) as usize;
        (self.symbols.get(at).copied().unwrap_or(END), length as u32)
    }
}

/// Decodes a string.
///
/// # Errors
/// It contains the end symbol, or its padding is not the beginning of that symbol or longer than 7 bits.
pub(super) fn decode(coded: &[u8]) -> Result<Vec<u8>, HpackError> {
    let mut decoded = Vec::with_capacity(coded.len() * 8 / 5 + 1);
    let (mut bits, mut count) = (0_u64, 0_u32);
    let mut input = coded.iter();
    loop {
        while count <= 32 {
            let Some(byte) = input.next() else { break };
            bits |= u64::from(*byte) << (56 - count);
            count += 8;
        }
        // Behind the end there are ones, as in the padding.
        let ahead = if count >= 32 { bits } else { bits | (u64::MAX >> count) };
        let (symbol, length) = CODE.symbol((ahead >> 32) as u32);
        if length > count {
            let is_padding = count < 8 && (count == 0 || bits >> (64 - count) == (1 << count) - 1);
            return if is_padding { Ok(decoded) } else { Err(HpackError::BadHuffman) };
        }
        let Ok(byte) = u8::try_from(symbol) else { return Err(HpackError::BadHuffman) };
        decoded.push(byte);
        bits <<= length;
        count -= length;
    }
}

/// Encodes a string.
#[cfg(test)]
pub(super) fn encode(text: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    let (mut bits, mut count) = (0_u64, 0_u32);
    for byte in text {
        let length = LENGTHS[usize::from(*byte)];
        let (first, place) = CODE.first[usize::from(length)];
        let at = CODE.symbols.iter().position(|symbol| *symbol == u16::from(*byte)).unwrap();
        let code = first + (at - usize::from(place)) as u32;
        bits = bits << length | u64::from(code);
        count += u32::from(length);
        while count >= 8 {
            count -= 8;
            coded.push((bits >> count) as u8);
        }
    }
    if count > 0 {
        coded.push((bits << (8 - count)) as u8 | 0xff >> count);
    }
    coded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_the_rfc() {
        // RFC 7541, C.4 and C.6.
        for (text, coded) in [
            ("www.example.com", &b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..]),
            ("no-cache", b"\xa8\xeb\x10\x64\x9c\xbf"),
            ("custom-key", b"\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f"),
            ("302", b"\x64\x02"),
            ("private", b"\xae\xc3\x77\x1a\x4b"),
            (
                "Mon, 21 Oct 2013 20:13:21 GMT",
                b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff",
            ),
        ] {
            assert_eq!(decode(coded).as_deref(), Ok(text.as_bytes()), "{text}");
            assert_eq!(encode(text.as_bytes()), coded, "{text}");
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Ok(all));
        for byte in 0..=255 {
            for count in 1..9 {
                let text = vec![byte; count];
                assert_eq!(decode(&encode(&text)), Ok(text));
            }
        }
    }

    #[test]
    fn the_end_symbol_and_wrong_padding_are_errors() {
        // RFC 7541, 5.2: the end symbol, padding of 8 bits, padding with a zero.
        for coded in [&b"\xff\xff\xff\xff"[..], b"\xff\xff\xff\xfc", b"\x64\x02\xff", b"\x1e"] {
            assert_eq!(decode(coded), Err(HpackError::BadHuffman), "{}", coded.escape_ascii());
        }
        assert_eq!(decode(b""), Ok(Vec::new()));
    }
}
