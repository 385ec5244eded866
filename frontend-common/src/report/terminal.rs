//! Text that a terminal shows as it is, whatever was in the names that it was made of.

use std::borrow::Cow;

/// One line for a terminal: characters that would move its cursor, change its state or turn the direction of the text
/// are written as escapes (`\r`, `\u{1b}`), so that no name of a file, an interface or a packet can hide or forge what
/// stands around it.
#[must_use]
pub fn for_terminal(line: &str) -> Cow<'_, str> {
    if !line.contains(is_unsafe) {
        return line.into();
    }
    let mut text = String::with_capacity(line.len() + 16);
    for character in line.chars() {
        if is_unsafe(character) {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text.into()
}

/// The same for several lines.
#[must_use]
pub fn lines_for_terminal(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        lines.push_str(&for_terminal(line));
        lines.push_str(end);
    }
    lines
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and what turns the direction of text (UAX #9).
pub(super) fn is_unsafe(character: char) -> bool {
    let is_format = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || is_format
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_the_terminal_is_escaped_and_everything_else_stays() {
        for (text, shown) in [
            ("grüße 名 'a\\b'.pcap: 100 %", "grüße 名 'a\\b'.pcap: 100 %"),
            ("a\rb\n\tc", "a\\rb\\n\\tc"),
            ("\u{1b}]0;title\u{7}\u{7f}", "\\u{1b}]0;title\\u{7}\\u{7f}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("gpj.\u{202e}exe\u{2066}\u{2028}", "gpj.\\u{202e}exe\\u{2066}\\u{2028}"),
        ] {
            assert_eq!(for_terminal(text), shown);
        }
        assert!(matches!(for_terminal("as it is"), Cow::Borrowed(_)));
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(lines_for_terminal("a\r\n\nb\u{1b}"), "a\\r\n\nb\\u{1b}");
    }
}
