//! Helvetica, one of the fonts that every reader of PDF has (ISO 32000-1, 9.6.2.2), and its encoding.

/// Widths of the characters from space to tilde, in thousandths of the font's size.
const ASCII: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
/// The same from U+00A0 to U+00FF.
const LATIN: [u16; 96] = [
    278, 333, 556, 556, 556, 556, 260, 556, 333, 737, 370, 556, 584, 333, 737, 333, 400, 584, 333, 333, 333,
    556, 537, 278, 333, 333, 365, 556, 834, 834, 834, 611, 667, 667, 667, 667, 667, 667, 1000, 722, 667, 667,
    667, 667, 278, 278, 278, 278, 722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667,
    611, 556, 556, 556, 556, 556, 556, 889, 500, 556, 556, 556, 556, 278, 278, 278, 278, 556, 556, 556, 556,
    556, 556, 556, 584, 611, 556, 556, 556, 556, 500, 556, 500,
];
const BOLD_ASCII: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278,
    556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584,
    556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556,
    333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
];
const BOLD_LATIN: [u16; 96] = [
    278, 333, 556, 556, 556, 556, 280, 556, 333, 737, 370, 556, 584, 333, 737, 333, 400, 584, 333, 333, 333,
    611, 556, 278, 333, 333, 365, 556, 834, 834, 834, 611, 722, 722, 722, 722, 722, 722, 1000, 722, 667, 667,
    667, 667, 278, 278, 278, 278, 722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667,
    611, 556, 556, 556, 556, 556, 556, 889, 556, 556, 556, 556, 556, 278, 278, 278, 278, 611, 611, 611, 611,
    611, 611, 611, 584, 611, 611, 611, 611, 611, 556, 611, 556,
];

/// Dash and dots, where `WinAnsiEncoding` has them.
const DASH: char = '\u{2013}';
const DOTS: char = '\u{2026}';

/// A font.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Font {
    Regular,
    Bold,
}

impl Font {
    /// Its name in the standard.
    pub(super) const fn name(self) -> &'static [u8] {
        match self {
            Self::Regular => b"Helvetica",
            Self::Bold => b"Helvetica-Bold",
        }
    }

    /// Its name on the page.
    pub(super) const fn resource(self) -> &'static [u8] {
        match self {
            Self::Regular => b"F1",
            Self::Bold => b"F2",
        }
    }

    /// The width of a text, `size` being that of the font, in the same unit.
    pub(super) fn width(self, text: &str, size: i32) -> i32 {
        let thousandths: i32 = encode(text).into_iter().map(|code| self.code_width(code)).sum();
        // Rounded up: texts that are put beside each other do not touch.
        (i64::from(thousandths) * i64::from(size)).div_euclid(1000) as i32 + 1
    }

    fn code_width(self, code: u8) -> i32 {
        let (ascii, latin) = match self {
            Self::Regular => (&ASCII, &LATIN),
            Self::Bold => (&BOLD_ASCII, &BOLD_LATIN),
        };
        let width = match code {
            b' '..=b'~' => ascii.get(usize::from(code - b' ')),
            0xa0.. => latin.get(usize::from(code - 0xa0)),
            DASH_CODE => Some(&556),
            _ => None,
        };
        // The dots.
        width.map_or(1000, |width| i32::from(*width))
    }
}

const DASH_CODE: u8 = 0x96;
const DOTS_CODE: u8 = 0x85;

/// The bytes that show a text in `WinAnsiEncoding`. The one place where text gets onto the page: what the encoding does
/// not have, and control characters, are written as their number in braces.
pub(super) fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' '..='~' => bytes.push(character as u8),
            // A soft hyphen is not seen everywhere.
            '\u{a0}'..='\u{ac}' | '\u{ae}'..='\u{ff}' => bytes.push(character as u8),
            DASH => bytes.push(DASH_CODE),
            DOTS => bytes.push(DOTS_CODE),
            other => bytes.extend(other.escape_unicode().map(|part| part as u8)),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_or_written_as_numbers() {
        assert_eq!(encode("a\u{e9}\u{2013}\u{2026}"), b"a\xe9\x96\x85");
        assert_eq!(encode("\u{4e2d}\n\u{202e}"), b"\\u{4e2d}\\u{a}\\u{202e}");
    }

    #[test]
    fn widths_are_those_of_the_font() {
        assert_eq!(
            Font::Regular.width("Helvetica", 1000) - 1,
            722 + 556 + 222 + 500 + 556 + 278 + 222 + 500 + 556
        );
        assert_eq!(Font::Bold.width("A\u{2026}", 2000) - 1, 2 * 1722);
        assert_eq!(Font::Regular.width("", 700), 1);
    }
}
