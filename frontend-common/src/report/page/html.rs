//! The text of the page. This module alone appends to it, and everything that is no literal of the program is escaped
//! on its way: names, headers and bytes come from hostile traffic.
//!
//! Tags, classes and identifiers are literals. Attributes are those of [`Attribute`], none of which runs a script or loads
//! anything, but for links, whose value is percent-encoded and relative.

use std::fmt::{self, Display, Write as _};
use std::io;

use super::super::terminal::is_unsafe;
use super::link::{Link, Thumbnail};

/// Text that is gathered before it is written.
const GATHERED: usize = 64 << 10;

/// An attribute of an element.
#[derive(Clone, Copy)]
pub(super) enum Attribute<'a> {
    /// `class`, left out where it is empty.
    Class(&'static str),
    /// `id`.
    Id(&'static str),
    /// `data-…`: the name behind the hyphen, and a value for the script.
    Data(&'static str, &'a dyn Display),
    /// `title`.
    Title(&'a dyn Display),
    /// `aria-label`.
    Label(&'a dyn Display),
    /// `scope` of a cell that heads others, or another attribute whose value is one of a few words.
    Word(Word, &'static str),
    /// `viewBox` of a picture whose left upper corner is at 0, 0: width and height.
    View(u32, u32),
    /// `d` of a shape.
    Path(&'a Path),
    /// `href`.
    Href(&'a Link),
    /// `hidden`.
    Hidden,
}

/// Attributes whose values are words.
#[derive(Clone, Copy)]
pub(super) enum Word {
    Scope,
    Role,
    Lang,
    Stretch,
}

impl Word {
    fn name(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Role => "role",
            Self::Lang => "lang",
            Self::Stretch => "preserveAspectRatio",
        }
    }
}

/// The outline of a shape: only numbers go in.
#[derive(Clone, Debug, Default)]
pub(super) struct Path(String);

impl Path {
    /// Moves to a place without drawing.
    pub(super) fn go(&mut self, x: f64, y: f64) {
        self.place('M', x, y);
    }

    /// Draws a line.
    pub(super) fn line(&mut self, x: f64, y: f64) {
        self.place('L', x, y);
    }

    /// Draws a line to the right, and one up or down.
    pub(super) fn step(&mut self, x: f64, y: f64) {
        self.0.push('H');
        put_number(&mut self.0, x);
        self.0.push('V');
        put_number(&mut self.0, y);
    }

    /// A rectangle.
    pub(super) fn rectangle(&mut self, left: f64, top: f64, right: f64, bottom: f64) {
        self.go(left, top);
        self.line(right, top);
        self.line(right, bottom);
        self.line(left, bottom);
        self.0.push('Z');
    }

    /// Whether there is nothing to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&mut self, command: char, x: f64, y: f64) {
        self.0.push(command);
        put_number(&mut self.0, x);
        self.0.push(' ');
        put_number(&mut self.0, y);
    }
}

/// A document on its way to a file. After an error nothing more is written; [`end`](Self::end) returns it.
pub(super) struct Html<'w> {
    text: String,
    out: &'w mut dyn io::Write,
    written: u64,
    error: Option<io::Error>,
    open: Vec<&'static str>,
}

impl<'w> Html<'w> {
    /// A document that goes to `out`.
    pub(super) fn new(out: &'w mut dyn io::Write) -> Self {
        let text = String::from("<!doctype html>\n");
        Self { text, out, written: 0, error: None, open: Vec::new() }
    }

    /// Begins an element, which [`close`](Self::close) ends.
    pub(super) fn open(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.start(tag, attributes);
        self.open.push(tag);
    }

    /// Ends the element that was opened last.
    pub(super) fn close(&mut self) {
        if let Some(tag) = self.open.pop() {
            self.text.push_str("</");
            self.text.push_str(tag);
            self.text.push('>');
            if is_block(tag) {
                self.text.push('\n');
            }
        }
        self.pass_on();
    }

    /// A shape of a picture, which has no content.
    pub(super) fn shape(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.start(tag, attributes);
        self.text.truncate(self.text.len() - 1);
        self.text.push_str("/>");
        self.pass_on();
    }

    /// An element with text in it.
    pub(super) fn leaf(&mut self, tag: &'static str, attributes: &[Attribute<'_>], text: impl Display) {
        self.open(tag, attributes);
        self.text(text);
        self.close();
    }

    /// Text.
    pub(super) fn text(&mut self, text: impl Display) {
        write(&mut Escaped(&mut self.text), text);
    }

    /// Ends a field of the columns for the script, or a record. Fields have neither tabs nor line ends in them.
    pub(super) fn separate(&mut self, is_last: bool) {
        self.text.push(if is_last { '\n' } else { '\t' });
        self.pass_on();
    }

    /// Length of the document so far, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.written + self.text.len() as u64
    }

    /// A picture, inside of a `template`: nothing shows or decodes it before the script does.
    pub(super) fn thumbnail(&mut self, number: usize, image: &Thumbnail) {
        self.text.push_str("<img alt=\"\" data-file=\"");
        write(&mut Escaped(&mut self.text), number);
        self.text.push_str("\" src=\"");
        write(&mut Escaped(&mut self.text), image);
        self.text.push_str("\">\n");
        self.pass_on();
    }

    /// The head of the document: the policy that keeps everything out but this script and this style, and both.
    pub(super) fn own(&mut self, policy: &Policy, title: impl Display) {
        self.text
            .push_str("<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"");
        write(&mut Escaped(&mut self.text), policy);
        self.text.push_str("\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        self.text.push_str("<meta name=\"referrer\" content=\"no-referrer\">\n");
        self.text.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
        self.leaf("title", &[], title);
        self.text.push_str("<style>");
        self.text.push_str(policy.style);
        self.text.push_str("</style>\n");
    }

    /// The script.
    pub(super) fn script(&mut self, policy: &Policy) {
        self.text.push_str("<script>");
        self.text.push_str(policy.script);
        self.text.push_str("</script>\n");
        self.pass_on();
    }

    /// Writes the rest, closes what is open, and answers the length of the document.
    ///
    /// # Errors
    /// The first that came up.
    pub(super) fn end(mut self) -> io::Result<u64> {
        while !self.open.is_empty() {
            self.close();
        }
        self.write();
        let written = self.written;
        self.error.map_or(Ok(written), Err)
    }

    fn start(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.text.push('<');
        self.text.push_str(tag);
        for attribute in attributes.iter().filter(|attribute| !matches!(attribute, Attribute::Class(""))) {
            self.attribute(*attribute);
        }
        self.text.push('>');
    }

    fn attribute(&mut self, attribute: Attribute<'_>) {
        let name = match attribute {
            Attribute::Class(_) => "class",
            Attribute::Id(_) => "id",
            Attribute::Data(name, _) => {
                self.text.push_str(" data-");
                self.text.push_str(name);
                ""
            }
            Attribute::Title(_) => "title",
            Attribute::Label(_) => "aria-label",
            Attribute::Word(name, _) => name.name(),
            Attribute::View(..) => "viewBox",
            Attribute::Path(_) => "d",
            Attribute::Href(_) => "href",
            Attribute::Hidden => "hidden",
        };
        if !name.is_empty() {
            self.text.push(' ');
            self.text.push_str(name);
        }
        self.text.push_str("=\"");
        let mut value = Escaped(&mut self.text);
        match attribute {
            Attribute::Class(word) | Attribute::Id(word) | Attribute::Word(_, word) => {
                write(&mut value, word)
            }
            Attribute::Data(_, text) | Attribute::Title(text) | Attribute::Label(text) => {
                write(&mut value, text);
            }
            Attribute::View(width, height) => write(&mut value, format_args!("0 0 {width} {height}")),
            Attribute::Path(path) => write(&mut value, &path.0),
            Attribute::Href(link) => write(&mut value, link),
            Attribute::Hidden => {}
        }
        self.text.push('"');
    }

    fn pass_on(&mut self) {
        if self.text.len() >= GATHERED {
            self.write();
        }
    }

    fn write(&mut self) {
        if self.error.is_none() {
            self.error = self.out.write_all(self.text.as_bytes()).err();
        }
        self.written += self.text.len() as u64;
        self.text.clear();
    }
}

/// The script and the style of the page, and the policy that lets them in and nothing else.
pub(super) struct Policy {
    pub(super) script: &'static str,
    pub(super) style: &'static str,
    /// Whether there are pictures in the page.
    pub(super) has_pictures: bool,
}

impl Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use super::code::Base64;
        use sha2::{Digest, Sha256};
        let [script, style] = [self.script, self.style].map(|text| Sha256::digest(text.as_bytes()));
        write!(f, "default-src 'none'; script-src 'sha256-{}'; ", Base64(&script))?;
        write!(f, "style-src 'sha256-{}'; ", Base64(&style))?;
        if self.has_pictures {
            f.write_str("img-src data:; ")?;
        }
        f.write_str("base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'")
    }
}

/// Escapes what is written: nothing in it is markup, ends an attribute, or turns the direction of the text around it.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            let entity = match character {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                character if is_unsafe(character) || is_no_text(character) => "",
                _ => continue,
            };
            self.0.push_str(&text[plain..at]);
            plain = at + character.len_utf8();
            if entity.is_empty() {
                self.0.extend(character.escape_default());
            } else {
                self.0.push_str(entity);
            }
        }
        self.0.push_str(&text[plain..]);
        Ok(())
    }
}

/// Characters that HTML has no place for, and those that take no room: they hide in names.
fn is_no_text(character: char) -> bool {
    let number = u32::from(character);
    number & 0xfffe == 0xfffe
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fdd0}'..='\u{fdef}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Bytes that a text takes in the document.
pub(super) fn length(text: &str) -> usize {
    let mut escaped = String::with_capacity(text.len());
    write(&mut Escaped(&mut escaped), text);
    escaped.len()
}

fn write(out: &mut Escaped<'_>, text: impl Display) {
    let written = write!(out, "{text}");
    debug_assert!(written.is_ok(), "writing to memory does not fail");
}

/// A number with at most one digit behind the point, the same on every system.
fn put_number(out: &mut String, number: f64) {
    let tenths = (number * 10.0).round();
    let tenths = if tenths.is_finite() { tenths as i64 } else { 0 };
    if tenths < 0 {
        out.push('-');
    }
    let written = match (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10) {
        (whole, 0) => write!(out, "{whole}"),
        (whole, tenth) => write!(out, "{whole}.{tenth}"),
    };
    debug_assert!(written.is_ok(), "writing to memory does not fail");
}

/// Elements behind which a line ends, so that the source can be read.
fn is_block(tag: &str) -> bool {
    !matches!(
        tag,
        "a" | "b" | "code" | "i" | "span" | "td" | "th" | "button" | "label" | "bdi" | "small" | "strong"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(write: impl FnOnce(&mut Html<'_>)) -> String {
        let mut out = Vec::new();
        let mut html = Html::new(&mut out);
        write(&mut html);
        let length = html.end().expect("written");
        assert_eq!(length, out.len() as u64);
        String::from_utf8(out).expect("UTF-8").split_off("<!doctype html>\n".len())
    }

    #[test]
    fn text_and_values_are_never_markup() {
        let hostile = "</td><script>alert('1')</script>&lt;\"";
        let text = page(|html| html.leaf("p", &[Attribute::Title(&hostile)], hostile));
        let escaped = "&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;lt;&quot;";
        assert_eq!(text, format!("<p title=\"{escaped}\">{escaped}</p>\n"));
    }

    #[test]
    fn what_hides_or_turns_text_is_shown() {
        for (text, shown) in [
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe"),
            ("a\0b\r\u{1b}[2J\tc", "a\\u{0}b\\r\\u{1b}[2J\\tc"),
            ("pay\u{200b}pal\u{feff}", "pay\\u{200b}pal\\u{feff}"),
            ("\u{ffff}\u{1fffe}\u{e0041}", "\\u{ffff}\\u{1fffe}\\u{e0041}"),
            ("a\nb grüße 名", "a\\nb grüße 名"),
        ] {
            assert_eq!(page(|html| html.text(text)), shown);
        }
    }

    #[test]
    fn what_is_formatted_in_pieces_is_escaped_as_a_whole() {
        assert_eq!(page(|html| html.text(format_args!("{}{}", '<', "b>"))), "&lt;b&gt;");
    }

    #[test]
    fn elements_are_closed_and_numbers_are_short() {
        let mut path = Path::default();
        path.go(0.1 + 0.2, -1.0);
        path.line(1e300, f64::NAN);
        let text = page(|html| {
            html.open("svg", &[Attribute::View(10, 5)]);
            html.shape("path", &[Attribute::Path(&path), Attribute::View(1, 2)]);
            html.open("g", &[]);
        });
        let far = format!("{}.7", i64::MAX / 10);
        assert_eq!(
            text,
            format!(
                "<svg viewBox=\"0 0 10 5\"><path d=\"M0.3 -1L{far} 0\" viewBox=\"0 0 1 2\"/><g></g>\n</svg>\n"
            )
        );
    }

    #[test]
    fn the_policy_names_the_digests_of_script_and_style() {
        // printf %s '' | openssl dgst -sha256 -binary | base64
        let policy = Policy { script: "", style: "", has_pictures: false }.to_string();
        let digest = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let expected = format!(
            "default-src 'none'; script-src 'sha256-{digest}'; style-src 'sha256-{digest}'; base-uri"
        );
        assert!(policy.starts_with(&expected), "{policy}");
        assert!(!policy.contains("img-src"));
        assert!(Policy { script: "", style: "", has_pictures: true }.to_string().contains("img-src data:;"));
    }

    #[test]
    fn the_own_script_and_style_end_nowhere_but_at_their_end() {
        for text in [super::super::SCRIPT, super::super::STYLE] {
            let small = text.to_ascii_lowercase();
            assert!(!small.contains("</s") && !small.contains("<!--"));
        }
    }

    #[test]
    fn an_error_of_the_file_is_told_at_the_end() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut full = Full;
        let mut html = Html::new(&mut full);
        html.text("x".repeat(3 * GATHERED));
        assert_eq!(html.end().expect_err("full").kind(), io::ErrorKind::StorageFull);
    }
}
