//! Parsers of values that several options take. An error says what is expected; clap adds the option and the value.

/// A size in bytes: digits, then optionally k, M, G or T (powers of 1024).
pub(super) fn size(text: &str) -> Result<u64, String> {
    const WANTED: &str = "expected a size in bytes, such as 4096, 64k, 10M, 2G or 1T";
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
        Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
        Some((at, 't' | 'T')) => (&text[..at], 1 << 40),
        _ => (text, 1u64),
    };
    let number: u64 = decimal(digits).ok_or(WANTED)?;
    number.checked_mul(unit).ok_or_else(|| WANTED.to_owned())
}

/// A size of at least one byte.
pub(super) fn positive_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        0 => Err("it must be at least 1".to_owned()),
        bytes => Ok(bytes),
    }
}

/// A count of at least one.
pub(super) fn positive(text: &str) -> Result<usize, String> {
    decimal(text).filter(|n| *n > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}

/// Whole seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    decimal(text).ok_or_else(|| "expected whole seconds; 0 is never".to_owned())
}

/// Milliseconds.
pub(super) fn milliseconds(text: &str) -> Result<u64, String> {
    decimal(text).filter(|ms| *ms <= 60_000).ok_or_else(|| "expected milliseconds, at most 60000".to_owned())
}

/// Digits only: no sign, no blanks.
pub(super) fn decimal<N: std::str::FromStr>(text: &str) -> Option<N> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_powers_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("7", 7),
            ("2k", 2 << 10),
            ("2K", 2 << 10),
            ("3M", 3 << 20),
            ("1G", 1 << 30),
            ("1t", 1 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "k", "-1", "+1", "1.5k", "1kB", "17179869184G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert!(positive_size("0").is_err());
    }

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!((positive("1"), seconds("0"), milliseconds("60000")), (Ok(1), Ok(0), Ok(60_000)));
        assert!(positive("0").is_err() && seconds("-1").is_err() && milliseconds("60001").is_err());
    }
}
