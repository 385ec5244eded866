//! Names that every system can store and tell apart: with `--portable-names`, and always on Windows.
//!
//! A part of a path is percent-encoded (RFC 3986, section 2.1: the bytes of UTF-8 as `%XX`) where Windows would refuse
//! it, change it, or take it for another one:
//!
//! - `< > : " | ? * \`, control characters, `%` itself, and `~`, which is in the short names of other files;
//! - letters that have a lower-case form, and those that only differ in case from another letter;
//! - a dot or space at the end;
//! - the first letter of a device's name, with or without an ending: `con`, `nul.txt`, `com1`, `lpt²`.
//!
//! [`original`] decodes it: different names stay different, also where case does not count. A part that gets longer
//! than [`MAX_PART`] bytes is cut and ends in `~` and a digest; of these only the report has the original.

use std::fmt::Write;

/// The longest part of a path as it is stored, in bytes: endings such as that of a body's file still find room.
pub const MAX_PART: usize = 200;

/// Bytes of the digest that stands for what was cut off.
const DIGEST: usize = 16;

/// Names of devices, in lower case; the last two have a digit after them.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// The path as it is stored. `/` separates the parts.
#[must_use]
pub fn stored(name: &str) -> String {
    let mut path = String::with_capacity(name.len() + 16);
    for (index, part) in name.split('/').enumerate() {
        if index > 0 {
            path.push('/');
        }
        store_part(part, &mut path);
    }
    path
}

/// The name that is stored as this; `None` where a digest stands for a part of it, or nothing is stored so.
#[must_use]
pub fn original(stored: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(stored.len());
    let mut rest = stored.as_bytes().iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'~' => return None,
            b'%' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            byte => *byte,
        });
    }
    let name = String::from_utf8(bytes).ok()?;
    (self::stored(&name) == stored).then_some(name)
}

fn store_part(part: &str, path: &mut String) {
    let start = path.len();
    // Where a part that is too long is cut: between two letters.
    let (room, mut cut) = (start + MAX_PART - 1 - 2 * DIGEST, start);
    let last = part.len() - part.chars().next_back().map_or(0, char::len_utf8);
    let device = is_device(part);
    for (place, letter) in part.char_indices() {
        if path.len() <= room {
            cut = path.len();
        }
        let at_end = place == last && matches!(letter, '.' | ' ');
        if is_kept(letter) && !at_end && !(device && place == 0) {
            path.push(letter);
        } else {
            letter.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| push_hex("%", byte, path));
        }
    }
    if path.len() - start > MAX_PART {
        path.truncate(cut);
        path.push('~');
        let digest = blake3::hash(part.as_bytes());
        digest.as_bytes().iter().take(DIGEST).for_each(|byte| push_hex("", *byte, path));
    }
}

fn push_hex(mark: &str, byte: u8, path: &mut String) {
    let written = write!(path, "{mark}{byte:02X}");
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

fn is_kept(letter: char) -> bool {
    match letter {
        'a'..='z' | '0'..='9' | '.' | '-' | '_' | ' ' => true,
        '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\\' | '%' | '~' => false,
        other if other.is_control() => false,
        // Every way to and fro leads back to it.
        other => {
            other.to_lowercase().eq([other]) && other.to_uppercase().flat_map(char::to_lowercase).eq([other])
        }
    }
}

/// Whether Windows takes a part for the name of a device; letters with an upper case are stored otherwise anyway.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end_matches(' ');
    let numbered = |device: &&str| {
        let mut rest = stem.strip_prefix(*device).unwrap_or_default().chars();
        matches!((rest.next(), rest.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    };
    DEVICES.contains(&stem) || NUMBERED_DEVICES.iter().any(numbered)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_windows_cannot_store_is_percent_encoded() {
        for (name, expected) in [
            (
                "010.001.002.003.01234-192.168.005.006.00080c2",
                "010.001.002.003.01234-192.168.005.006.00080c2",
            ),
            ("fe80::1.00080-::1.00001", "fe80%3A%3A1.00080-%3A%3A1.00001"),
            ("2023-11-14t22:13:20z", "2023-11-14t22%3A13%3A20z"),
            ("2023-11-14T22", "2023-11-14%5422"),
            ("00:01:02", "00%3A01%3A02"),
            (r#"<>:"|?*\"#, "%3C%3E%3A%22%7C%3F%2A%5C"),
            ("a\u{1}\u{85}", "a%01%C2%85"),
            ("100%", "100%25"),
            ("longna~1.txt", "longna%7E1.txt"),
            ("a. /b./c ./.d/e f", "a.%20/b%2E/c %2E/.d/e f"),
            ("con/nul.txt/com1.a.b/lpt²/conin$", "%63on/%6Eul.txt/%63om1.a.b/%6Cpt²/%63onin$"),
            ("com1 .txt", "%63om1 .txt"),
            ("console/com10/com/lpt4x/nula", "console/com10/com/lpt4x/nula"),
            ("CON", "%43%4F%4E"),
            ("поток/Ééßſ\u{212a}", "поток/%C3%89é%C3%9F%C5%BF%E2%84%AA"),
        ] {
            assert_eq!(stored(name), expected);
            assert_eq!(original(expected).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_is_no_stored_name_has_no_original() {
        for stored in ["a:b", "A", "%3a", "%41%", "%4", "%61", "%FF", "a.", "nul", "a~b"] {
            assert_eq!(original(stored), None, "{stored}");
        }
    }

    #[test]
    fn a_part_that_gets_too_long_is_cut_and_told_apart_by_a_digest() {
        let exact = format!("{}x", ":".repeat(66));
        assert_eq!(stored(&exact).len(), 199);
        assert_eq!(original(&stored(&exact)).as_deref(), Some(exact.as_str()));
        let mut seen = std::collections::HashSet::new();
        for letter in [":", "x", "Я", "я", "%"] {
            for tail in ["1", "2"] {
                let name = format!("{}{tail}", letter.repeat(201));
                let path = stored(&format!("d/{name}/f"));
                let part = path.split('/').nth(1).unwrap_or_default();
                assert!(part.len() <= MAX_PART && part.len() > MAX_PART - 10, "{part}");
                assert_eq!(part.find('~'), Some(part.len() - 33));
                let kept = &part[..part.len() - 33];
                assert!(name.starts_with(&original(kept).expect("whole letters")), "{part}");
                assert_eq!(original(&path), None);
                assert!(path.starts_with("d/") && path.ends_with("/f") && seen.insert(path));
            }
        }
    }
}
