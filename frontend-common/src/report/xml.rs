//! Writes XML 1.0: elements, one a line, and whatever text the outside world puts into them.
//!
//! What XML cannot hold (control characters, U+FFFE and U+FFFF, bytes that are not UTF-8) is written
//! as `\xNN`, one for each byte, so that it is seen and known. Everything else survives a parser.

use std::ffi::OsStr;
use std::fmt::{self, Display, Write};

use crate::format::digits;

/// Attributes of an element: names, which are the program's own, and values, which may be anyone's.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a dyn Display)];

/// What stands before the value of an attribute of this name.
macro_rules! attribute {
    ($name:literal) => {
        concat!(" ", $name, "=\"")
    };
}
pub(super) use attribute;

/// A piece of a document. Writing to it cannot fail.
#[derive(Debug, Default)]
pub(super) struct Xml {
    /// UTF-8, as bytes: nobody has to look at each of a hundred parts whether it is.
    pub(super) text: Vec<u8>,
    depth: usize,
}

impl Xml {
    /// A piece that stands inside of so many elements, behind `text`.
    pub(super) fn inside(depth: usize, text: Vec<u8>) -> Self {
        Self { text, depth }
    }

    /// `<name …>`, to be closed.
    #[inline]
    pub(super) fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        self.tag(name, attributes);
        self.end_open();
    }

    /// `</name>`.
    #[inline]
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
        self.text.push(b'>');
        self.escape(content);
        self.end(name);
    }

    /// The same without attributes, for content without any character that XML gives a meaning to, as `put` appends it.
    #[inline]
    pub(super) fn plain_leaf(&mut self, name: &str, put: impl FnOnce(&mut Vec<u8>)) {
        self.begin(name);
        self.text.push(b'>');
        put(&mut self.text);
        self.end(name);
    }

    /// The same for a number.
    #[inline]
    pub(super) fn number_leaf(&mut self, name: &str, value: impl Into<u64>) {
        self.plain_leaf(name, |text| digits::put_number(value.into(), text));
    }

    /// The same for a name from outside.
    #[inline]
    pub(super) fn name_leaf(&mut self, name: &str, content: &OsStr) {
        match content.to_str().filter(|content| is_plain(content)) {
            Some(content) => self.plain_leaf(name, |text| text.extend_from_slice(content.as_bytes())),
            None => self.leaf(name, &[], &Shown(content)),
        }
    }

    /// `<name`, for attributes that are added one by one; [`end_open`](Self::end_open) or
    /// [`end_empty`](Self::end_empty) follows.
    #[inline]
    pub(super) fn begin(&mut self, name: &str) {
        self.indent();
        self.text.push(b'<');
        self.text.extend_from_slice(name.as_bytes());
    }

    /// An attribute of the element that has begun.
    pub(super) fn attribute(&mut self, name: &str, value: &dyn Display) {
        self.text.push(b' ');
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"=\"");
        self.escape(value);
        self.text.push(b'"');
    }

    /// The same for a value without any character that XML gives a meaning to, as `put` appends it, behind what
    /// [`attribute!`] makes of the name: several times as fast, and a flow has twenty of them.
    #[inline]
    pub(super) fn plain(&mut self, attribute: &str, put: impl FnOnce(&mut Vec<u8>)) {
        self.text.extend_from_slice(attribute.as_bytes());
        put(&mut self.text);
        self.text.push(b'"');
    }

    /// The same for a number.
    #[inline]
    pub(super) fn number(&mut self, attribute: &str, value: impl Into<u64>) {
        self.plain(attribute, |text| digits::put_number(value.into(), text));
    }

    /// The attributes end, and the content begins.
    #[inline]
    pub(super) fn end_open(&mut self) {
        self.text.extend_from_slice(b">\n");
        self.depth += 1;
    }

    /// The attributes end, and the element.
    #[inline]
    pub(super) fn end_empty(&mut self) {
        self.text.extend_from_slice(b"/>\n");
    }

    fn tag(&mut self, name: &str, attributes: Attributes<'_>) {
        self.begin(name);
        for (name, value) in attributes {
            self.attribute(name, value);
        }
    }

    #[inline]
    fn end(&mut self, name: &str) {
        self.text.extend_from_slice(b"</");
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b">\n");
    }

    #[inline]
    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.extend_from_slice(b"  ");
        }
    }

    fn escape(&mut self, value: &dyn Display) {
        let _ = write!(Escaping(&mut self.text), "{value}");
    }
}

struct Escaping<'a>(&'a mut Vec<u8>);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if is_plain(text) {
            self.0.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        for character in text.chars() {
            let mut bytes = [0; 4];
            let bytes = character.encode_utf8(&mut bytes).as_bytes();
            match character {
                '&' => self.0.extend_from_slice(b"&amp;"),
                '<' => self.0.extend_from_slice(b"&lt;"),
                '>' => self.0.extend_from_slice(b"&gt;"),
                '"' => self.0.extend_from_slice(b"&quot;"),
                // A parser would turn these into spaces or line feeds.
                '\t' | '\n' | '\r' => {
                    self.0.extend_from_slice(b"&#");
                    digits::put_number(u32::from(character).into(), self.0);
                    self.0.push(b';');
                }
                '\0'..'\x20' | '\u{fffe}' | '\u{ffff}' => hexadecimal(self, bytes)?,
                _ => self.0.extend_from_slice(bytes),
            }
        }
        Ok(())
    }
}

/// Whether a text has no character that must be escaped, as nearly every text.
fn is_plain(text: &str) -> bool {
    // To look at all of it is faster than to look for an end.
    let plain = |byte: u8| matches!(byte, b' '..=b'~') & !matches!(byte, b'&' | b'<' | b'>' | b'"');
    text.bytes().fold(true, |all, byte| all & plain(byte))
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

    fn text(xml: Xml) -> String {
        String::from_utf8(xml.text).expect("UTF-8")
    }

    #[test]
    fn elements_are_nested_by_two_spaces() {
        let mut xml = Xml::default();
        xml.open("a", &[("n", &1)]);
        xml.leaf("b", &[("x", &"1"), ("y", &"2")], &"text");
        xml.empty("c", &[]);
        xml.close("a");
        assert_eq!(text(xml), "<a n=\"1\">\n  <b x=\"1\" y=\"2\">text</b>\n  <c/>\n</a>\n");
    }

    #[test]
    fn markup_and_line_ends_survive_a_parser_in_text_and_attributes() {
        let mut xml = Xml::default();
        xml.leaf("a", &[("x", &"<&>\"'\t\r\n")], &"]]><&>\"'\t\r\n");
        assert_eq!(
            text(xml),
            "<a x=\"&lt;&amp;&gt;&quot;'&#9;&#13;&#10;\">]]&gt;&lt;&amp;&gt;&quot;'&#9;&#13;&#10;</a>\n"
        );
    }

    #[test]
    fn attributes_one_by_one_are_those_of_a_list() {
        let mut xml = Xml::inside(1, Vec::new());
        xml.begin("a");
        for number in [0, 7, 10, u64::MAX] {
            xml.number(attribute!("n"), number);
        }
        xml.attribute("t", &"<");
        xml.end_open();
        xml.begin("b");
        xml.end_empty();
        xml.close("a");
        let expected =
            "  <a n=\"0\" n=\"7\" n=\"10\" n=\"18446744073709551615\" t=\"&lt;\">\n    <b/>\n  </a>\n";
        assert_eq!(text(xml), expected);
    }

    #[test]
    fn leaves_are_the_same_however_their_content_is_put() {
        for content in ["", "plain.txt", "a&b<c>\"d\"", "\u{1b}é"] {
            let (mut one, mut other) = (Xml::inside(2, Vec::new()), Xml::inside(2, Vec::new()));
            one.name_leaf("a", content.as_ref());
            other.leaf("a", &[], &Shown(content.as_ref()));
            one.number_leaf("b", 12_u8);
            other.leaf("b", &[], &12);
            assert_eq!(text(one), text(other));
        }
    }

    #[test]
    fn what_xml_forbids_is_shown_as_bytes() {
        let mut xml = Xml::default();
        xml.leaf("a", &[], &"\0\x1b[0m\u{fffe}\u{ffff}\u{fffd}\u{7f}é\u{1f600}");
        assert_eq!(text(xml), "<a>\\x00\\x1b[0m\\xef\\xbf\\xbe\\xef\\xbf\\xbf\u{fffd}\u{7f}é\u{1f600}</a>\n");
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
