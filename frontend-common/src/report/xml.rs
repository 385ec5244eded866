//! Writes the elements of a report, one a line, with text from outside in them. The XML itself is quick-xml's.
//!
//! What XML 1.0 cannot hold (control characters, U+FFFE and U+FFFF, bytes that are not UTF-8) is written
//! as `\xNN`, one for each byte, so that it is seen and known. Everything else survives a parser.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Display, Write};

use quick_xml::Writer;
use quick_xml::escape::partial_escape;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use quick_xml::name::QName;

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

/// A part of a document. Writing to it cannot fail.
#[derive(Debug, Default)]
pub(super) struct Xml {
    out: Output,
    /// A value while it is formatted.
    value: String,
}

impl Xml {
    /// Appends to `text`, inside of `depth` open elements.
    pub(super) fn inside(depth: usize, text: Vec<u8>) -> Self {
        Self { out: Output { text, depth }, ..Self::default() }
    }

    /// What was written, to which whole elements may be appended.
    pub(super) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.out.text
    }

    /// What was written.
    pub(super) fn into_text(self) -> Vec<u8> {
        self.out.text
    }

    /// `<?xml …?>`.
    pub(super) fn declaration(&mut self) {
        self.out.line(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
    }

    /// `<name …>`, to be closed.
    pub(super) fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        let start = self.start(name, attributes);
        self.out.open(start);
    }

    /// `</name>`.
    pub(super) fn close(&mut self, name: &str) {
        self.out.depth = self.out.depth.saturating_sub(1);
        self.out.line(Event::End(BytesEnd::new(name)));
    }

    /// `<name …/>`.
    pub(super) fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        let start = self.start(name, attributes);
        self.out.line(Event::Empty(start));
    }

    /// `<name …>content</name>`.
    pub(super) fn leaf(&mut self, name: &str, attributes: Attributes<'_>, content: &dyn Display) {
        let start = self.start(name, attributes);
        self.out.leaf(start, escaped(format(&mut self.value, content)));
    }

    /// The same for a name from outside.
    pub(super) fn name_leaf(&mut self, name: &str, content: &OsStr) {
        match content.to_str() {
            Some(content) => self.out.leaf(BytesStart::new(name), escaped(content)),
            None => self.leaf(name, &[], &Shown(content)),
        }
    }

    fn start<'a>(&mut self, name: &'a str, attributes: Attributes<'_>) -> BytesStart<'a> {
        if attributes.is_empty() {
            return BytesStart::new(name);
        }
        let mut tag = String::with_capacity(256);
        tag.push_str(name);
        let mut start = BytesStart::from_content(tag, name.len());
        for (name, value) in attributes {
            let value = format(&mut self.value, value);
            start.push_attribute(Attribute { key: QName(name), value: escaped(value) });
        }
        start
    }
}

/// Elements of which each flow has some, with numbers, addresses and times: nothing that must be escaped. These are
/// appended to what quick-xml writes. It takes values as texts only: with that, a run over a port scan takes half as
/// many instructions again.
impl Xml {
    /// `<name>content</name>`, as `put` appends the content.
    #[inline]
    pub(super) fn plain_leaf(&mut self, name: &str, put: impl FnOnce(&mut Vec<u8>)) {
        self.out.indent();
        self.out.event(Event::Start(BytesStart::new(name)));
        put(&mut self.out.text);
        self.out.event(Event::End(BytesEnd::new(name)));
        self.out.end_line();
    }

    /// The same for a number.
    #[inline]
    pub(super) fn number_leaf(&mut self, name: &str, value: impl Into<u64>) {
        self.plain_leaf(name, |text| digits::put_number(value.into(), text));
    }

    /// `<name`, for attributes that are added one by one; [`end_open`](Self::end_open) or
    /// [`end_empty`](Self::end_empty) follows.
    #[inline]
    pub(super) fn begin(&mut self, name: &str) {
        self.out.indent();
        self.out.event(Event::Start(BytesStart::new(name)));
        // Its `>`.
        self.out.text.pop();
    }

    /// An attribute of the element that has begun.
    pub(super) fn attribute(&mut self, name: &str, value: &dyn Display) {
        let value = escaped(format(&mut self.value, value));
        for part in [" ", name, "=\"", &value, "\""] {
            self.out.text.extend_from_slice(part.as_bytes());
        }
    }

    /// The same for a value as `put` appends it, behind what [`attribute!`] makes of the name.
    #[inline]
    pub(super) fn plain(&mut self, attribute: &str, put: impl FnOnce(&mut Vec<u8>)) {
        self.out.text.extend_from_slice(attribute.as_bytes());
        put(&mut self.out.text);
        self.out.text.push(b'"');
    }

    /// The same for a number.
    #[inline]
    pub(super) fn number(&mut self, attribute: &str, value: impl Into<u64>) {
        self.plain(attribute, |text| digits::put_number(value.into(), text));
    }

    /// The attributes end, and the content begins.
    #[inline]
    pub(super) fn end_open(&mut self) {
        self.out.text.push(b'>');
        self.out.end_line();
        self.out.depth += 1;
    }

    /// The attributes end, and the element.
    #[inline]
    pub(super) fn end_empty(&mut self) {
        self.out.text.extend_from_slice(b"/>");
        self.out.end_line();
    }
}

/// Where elements go, each on a line of its own. quick-xml's indentation begins lines instead of ending them, and
/// cannot go on in a part of a document.
#[derive(Debug, Default)]
struct Output {
    text: Vec<u8>,
    /// Open elements.
    depth: usize,
}

impl Output {
    fn open(&mut self, start: BytesStart<'_>) {
        self.line(Event::Start(start));
        self.depth += 1;
    }

    /// An element with escaped content.
    fn leaf(&mut self, start: BytesStart<'_>, content: Cow<'_, str>) {
        self.indent();
        self.event(Event::Start(start.borrow()));
        self.event(Event::Text(BytesText::from_escaped(content)));
        self.event(Event::End(start.to_end()));
        self.end_line();
    }

    fn line(&mut self, event: Event<'_>) {
        self.indent();
        self.event(event);
        self.end_line();
    }

    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.extend_from_slice(b"  ");
        }
    }

    fn end_line(&mut self) {
        self.text.push(b'\n');
    }

    fn event(&mut self, event: Event<'_>) {
        let written = Writer::new(&mut self.text).write_event(event);
        debug_assert!(written.is_ok(), "writing to memory cannot fail");
    }
}

/// A value as text, in memory that is used again.
fn format<'a>(text: &'a mut String, value: &dyn Display) -> &'a str {
    text.clear();
    let written = write!(text, "{value}");
    debug_assert!(written.is_ok(), "writing to memory cannot fail");
    text
}

/// A text for content and attribute values. Tabs and line ends are escaped too: a parser would turn them into spaces
/// or line feeds.
fn escaped(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return text.into();
    }
    let mut out = String::with_capacity(2 * text.len());
    for character in partial_escape(text).chars() {
        match character {
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\0'..'\x20' | '\u{fffe}' | '\u{ffff}' => {
                let shown = hexadecimal(&mut out, character.encode_utf8(&mut [0; 4]).as_bytes());
                debug_assert!(shown.is_ok(), "writing to memory cannot fail");
            }
            _ => out.push(character),
        }
    }
    out.into()
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
        String::from_utf8(xml.into_text()).expect("UTF-8")
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
