//! Numbers and bytes as letters, for the columns that the script reads. Nothing in them is markup.
//!
//! A number is written in digits of five bits, the lowest first; the sixth bit of a digit says that another one
//! follows. Digits are the letters of Base64 (RFC 4648, 4), as in source maps.

use std::fmt::{self, Display, Write};

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn letter(bits: u64) -> char {
    char::from(LETTERS[(bits & 63) as usize])
}

/// Appends a number.
pub(super) fn put(mut number: u64, out: &mut String) {
    while number > 31 {
        out.push(letter(number & 31 | 32));
        number >>= 5;
    }
    out.push(letter(number));
}

/// Bytes in Base64, with padding.
pub(super) struct Base64<'a>(pub(super) &'a [u8]);

impl Display for Base64<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.0.chunks(3) {
            let bits =
                piece.iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte)) << (8 * (3 - piece.len()));
            for at in 0..4 {
                f.write_char(if at <= piece.len() { letter(bits >> (18 - 6 * at)) } else { '=' })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_five_bits_a_letter() {
        let coded = |number| {
            let mut text = String::new();
            put(number, &mut text);
            text
        };
        // 32 is the digit 0 with more behind it, then 1.
        assert_eq!([0, 1, 31, 32, 1023].map(coded), ["A", "B", "f", "gB", "/f"]);
        assert_eq!(coded(u64::MAX).len(), 13);
    }

    #[test]
    fn bytes_are_base64_as_in_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(Base64(bytes.as_bytes()).to_string(), text);
        }
    }
}
