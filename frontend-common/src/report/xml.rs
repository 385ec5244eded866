//! Writes XML 1.0: elements, one a line, and whatever text the outside world puts into them.
//!
//! What XML cannot hold (control characters, U+FFFE and U+FFFF, bytes that are not UTF-8) is written
//! as `\xNN`, one for each byte, so that it is seen and known. Everything else survives a parser.

use std::ffi::OsStr;
use std::fmt::{self, Display, Write};

/// Attributes of an element: names, which are the program's own, and values, which may be anyone's.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a dyn Display)];

/// A piece of a document. Writing to it cannot fail.
#[derive(Debug, Default)]
pub(super) struct Xml {
    pub(super) text: String,
    depth: usize,
}

impl Xml {
    /// A piece that stands inside of so many elements, behind `text`.
    pub(super) fn inside(depth: usize, text: String) -> Self {
        Self { text, depth }
    }

    /// `<name …>`, to be closed.
    pub(super) fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        self.tag(name, attributes);
        self.end_open();
    }

    /// `</name>`.
    pub(super) fn close(&mut self, name: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.indent();
        self.end(name);
    }

    /// `<name …/>`.
    pub(super) fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        self.tag(name, attributes);
        self.end_empty();
    }

    /// `<name …>content</name>`.
    pub(super) fn leaf(&mut self, name: &str, attributes: Attributes<'_>, content: &dyn Display) {
        self.tag(name, attributes);
        self.text.push('>');
        self.escape(content);
        self.end(name);
    }

    /// `<name`, for attributes that are added one by one; [`end_open`](Self::end_open) or
    /// [`end_empty`](Self::end_empty) follows.
    pub(super) fn begin(&mut self, name: &str) {
        self.indent();
        self.text.push('<');
        self.text.push_str(name);
    }

    /// An attribute of the element that has begun.
    pub(super) fn attribute(&mut self, name: &str, value: &dyn Display) {
        self.attribute_name(name);
        self.escape(value);
        self.text.push('"');
    }

    /// The same for a value without any character that XML gives a meaning to, as `put` appends it: several times as
    /// fast, and a flow has twenty of them.
    #[inline]
    pub(super) fn plain(&mut self, name: &str, put: impl FnOnce(&mut String)) {
        self.attribute_name(name);
        put(&mut self.text);
        self.text.push('"');
    }

    /// The same for a number.
    #[inline]
    pub(super) fn number(&mut self, name: &str, value: impl Into<u64>) {
        self.plain(name, |text| decimal(text, value.into()));
    }

    /// The attributes end, and the content begins.
    pub(super) fn end_open(&mut self) {
        self.text.push_str(">\n");
        self.depth += 1;
    }

    /// The attributes end, and the element.
    pub(super) fn end_empty(&mut self) {
        self.text.push_str("/>\n");
    }

    #[inline]
    fn attribute_name(&mut self, name: &str) {
        self.text.push(' ');
        self.text.push_str(name);
        self.text.push_str("=\"");
    }

    fn tag(&mut self, name: &str, attributes: Attributes<'_>) {
        self.begin(name);
        for (name, value) in attributes {
            self.attribute(name, value);
        }
    }

    fn end(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push_str(">\n");
    }

    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
    }

    fn escape(&mut self, value: &dyn Display) {
        let _ = write!(Escaping(&mut self.text), "{value}");
    }
}

struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly everything is, and to look at all of it is faster than to look for an end.
        let plain = |byte: u8| matches!(byte, b' '..=b'~') & !matches!(byte, b'&' | b'<' | b'>' | b'"');
        if text.bytes().fold(true, |all, byte| all & plain(byte)) {
            self.0.push_str(text);
            return Ok(());
        }
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                // A parser would turn these into spaces or line feeds.
                '\t' | '\n' | '\r' => write!(self.0, "&#{};", u32::from(character))?,
                '\0'..'\x20' | '\u{fffe}' | '\u{ffff}' => {
                    hexadecimal(self.0, character.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

/// Appends a number without the ways of a formatter.
#[inline]
pub(super) fn decimal(text: &mut String, number: u64) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// A name from outside, as text: bytes that are not UTF-8 become `\xNN`.
pub(super) struct Shown<'a>(pub(super) &'a OsStr);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_encoded_bytes().utf8_chunks() {
            f.write_str(chunk.valid())?;
            hexadecimal(f, chunk.invalid())?;
        }
        Ok(())
    }
}

fn hexadecimal(out: &mut dyn Write, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "\\x{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_nested_by_two_spaces() {
        let mut xml = Xml::default();
        xml.open("a", &[("n", &1)]);
        xml.leaf("b", &[("x", &"1"), ("y", &"2")], &"text");
        xml.empty("c", &[]);
        xml.close("a");
        assert_eq!(xml.text, "<a n=\"1\">\n  <b x=\"1\" y=\"2\">text</b>\n  <c/>\n</a>\n");
    }

    #[test]
    fn markup_and_line_ends_survive_a_parser_in_text_and_attributes() {
        let mut xml = Xml::default();
        xml.leaf("a", &[("x", &"<&>\"'\t\r\n")], &"]]><&>\"'\t\r\n");
        assert_eq!(
            xml.text,
            "<a x=\"&lt;&amp;&gt;&quot;'&#9;&#13;&#10;\">]]&gt;&lt;&amp;&gt;&quot;'&#9;&#13;&#10;</a>\n"
        );
    }

    #[test]
    fn attributes_one_by_one_are_those_of_a_list() {
        let mut xml = Xml::inside(1, String::new());
        xml.begin("a");
        for number in [0, 7, 10, u64::MAX] {
            xml.number("n", number);
        }
        xml.attribute("t", &"<");
        xml.end_open();
        xml.begin("b");
        xml.end_empty();
        xml.close("a");
        let expected =
            "  <a n=\"0\" n=\"7\" n=\"10\" n=\"18446744073709551615\" t=\"&lt;\">\n    <b/>\n  </a>\n";
        assert_eq!(xml.text, expected);
    }

    #[test]
    fn what_xml_forbids_is_shown_as_bytes() {
        let mut xml = Xml::default();
        xml.leaf("a", &[], &"\0\x1b[0m\u{fffe}\u{ffff}\u{fffd}\u{7f}é\u{1f600}");
        assert_eq!(xml.text, "<a>\\x00\\x1b[0m\\xef\\xbf\\xbe\\xef\\xbf\\xbf\u{fffd}\u{7f}é\u{1f600}</a>\n");
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_utf8_are_shown_as_bytes() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(
            Shown(OsStr::from_bytes(b"caf\xe9 \xc3\xa9 \xf0\x9f")).to_string(),
            "caf\\xe9 é \\xf0\\x9f"
        );
    }
}
