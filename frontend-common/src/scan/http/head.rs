//! Heads of messages: where one begins, where it ends, and what is in it.
//!
//! Parsed by httparse with all its leniency. What it still refuses (odd versions, blanks in a target, folded
//! lines in requests, `ICY 200 OK`) is brought into a form that it takes: a start line too broken for that is
//! no start line. Everything here looks at a message's head only, of [`MAX_HEAD`] bytes at most.

use std::borrow::Cow;
use std::fmt;
use std::mem::MaybeUninit;

use httparse::ParserConfig;
use memchr::{memchr, memchr_iter, memmem};

/// The longest head in bytes; a longer one is told as none.
pub const MAX_HEAD: u64 = 256 << 10;
/// Header fields parsed without a list on the heap.
const FEW_FIELDS: usize = 96;
/// Header fields of a message at most; more than a head of that length sensibly has.
const MAX_FIELDS: usize = 1 << 14;
/// The longest method.
const MAX_METHOD: usize = 32;

/// Which side of an exchange sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends requests.
    Client,
    /// Sends responses.
    Server,
}

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// `GET /path HTTP/1.1`
    Request {
        /// The method as sent.
        method: String,
        /// The target as sent.
        target: Text,
    },
    /// `HTTP/1.1 200 OK`
    Response {
        /// The status as sent: a number with three digits, or one of at least 100.
        status: u16,
        /// The reason phrase, often empty.
        reason: String,
    },
}

/// A message's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The first line.
    pub start: Start,
    /// `HTTP/1.1`, `HTTP/1.0`, `HTTP/0.9`, `ICY`, or what else stood there.
    pub version: String,
    /// Header fields in their order.
    pub fields: Vec<Field>,
}

/// A header field or a trailer field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name as sent.
    pub name: String,
    /// The value without blanks around it; folded lines are joined by a blank.
    pub value: Text,
}

/// Text of a head. RFC 9110, 5.5 allows any byte above 0x7f and names no character set: bytes that are valid UTF-8
/// are read as UTF-8, others as ISO-8859-1, so that the bytes can be had back from the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    text: String,
    is_latin1: bool,
}

impl Text {
    /// The text of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => Self { text: bytes.iter().map(|byte| char::from(*byte)).collect(), is_latin1: true },
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The bytes are not UTF-8: each character is one byte.
    #[must_use]
    pub fn is_latin1(&self) -> bool {
        self.is_latin1
    }

    /// The bytes as sent.
    #[must_use]
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self.is_latin1 {
            false => Cow::Borrowed(self.text.as_bytes()),
            true => Cow::Owned(self.text.chars().filter_map(|c| u8::try_from(c).ok()).collect()),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), is_latin1: false }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Head {
    /// The value of the first field of this name.
    #[must_use]
    pub fn field<'h>(&'h self, name: &'h str) -> Option<&'h str> {
        self.values(name).next()
    }

    /// The values of all fields of this name.
    pub fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> + 'h {
        self.fields
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value.as_str())
    }

    /// The elements of a list that may be spread over fields: `a, b`.
    pub fn elements<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> + 'h {
        self.values(name)
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|element| !element.is_empty())
    }

    /// The host of a request: Host, or `:authority` in HTTP/2.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.field(":authority").or_else(|| self.field("host"))
    }

    /// The method of a request.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The status of a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Response { status, .. } => Some(status),
            Start::Request { .. } => None,
        }
    }
}

/// Whether a message of this sender begins here. Only bytes that follow each other without a gap count.
pub(super) fn begins(role: Role, bytes: &[u8]) -> bool {
    match role {
        Role::Client => request_line(bytes).is_some(),
        Role::Server => status_line(bytes).is_some(),
    }
}

/// The first place where a message of this sender begins, inside of other bytes. Every line is looked at a bounded
/// number of times, whatever is in it; `steps` counts the bytes.
pub(super) fn find(role: Role, bytes: &[u8], steps: &mut u64) -> Option<usize> {
    let pattern: &[u8] = match role {
        Role::Server => b"HTTP/1.",
        Role::Client => b" HTTP/1.",
    };
    let finder = memmem::Finder::new(pattern);
    let mut from = 0;
    loop {
        let Some(hit) = finder.find(&bytes[from..]).map(|hit| from + hit) else {
            *steps += (bytes.len() - from) as u64;
            return None;
        };
        let Some(end) = memchr(b'\n', &bytes[hit..]).map(|end| hit + end + 1) else {
            *steps += (bytes.len() - from) as u64;
            return None;
        };
        *steps += (end - from) as u64;
        let found = match role {
            Role::Server => status_in(&bytes[hit..end], &finder, steps).map(|found| hit + found),
            Role::Client => {
                let start = memchr::memrchr(b'\n', &bytes[from..hit]).map_or(from, |at| from + at + 1);
                let line = &bytes[start..end];
                let words = line.trim_ascii_end();
                let version = words.len().checked_sub(pattern.len() + 1).map(|at| &words[at..]);
                match version.is_some_and(|version| version.starts_with(pattern)) {
                    true => request_in(line, steps).map(|found| start + found),
                    false => None,
                }
            }
        };
        if found.is_some() {
            return found;
        }
        from = end;
    }
}

/// Where in a line a status line begins. Each place is judged by the few bytes that follow it.
fn status_in(line: &[u8], finder: &memmem::Finder<'_>, steps: &mut u64) -> Option<usize> {
    let mut at = 0;
    loop {
        let version = version_length(&line[at..]).unwrap_or(line.len());
        let rest = line.get(at + version..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let digits = rest[blanks..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let behind = &rest[blanks + digits..];
        let spaces = behind.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        *steps += (blanks + digits + spaces) as u64;
        let ends = matches!(behind.first(), Some(b' ' | b'\t')) || spaces == behind.len();
        if blanks > 0 && digits > 0 && ends && line.len() - at <= MAX_HEAD as usize {
            let few = at + version + blanks + digits;
            if status_line(&[&line[at..few], b"\n"].concat()).is_some() {
                return Some(at);
            }
        }
        at += 1 + finder.find(&line[at + 1..])?;
    }
}

/// Where in a line a request line begins: at its start, or behind a body that ends without a line end.
fn request_in(line: &[u8], steps: &mut u64) -> Option<usize> {
    *steps += (METHODS.len() + 2) as u64 * line.len() as u64;
    if request_line(line).is_some() {
        return Some(0);
    }
    let found = METHODS.iter().filter_map(|method| memmem::rfind(line, method)).max()?;
    request_line(&line[found..]).map(|_| found)
}

/// Methods to look for inside of a line.
const METHODS: [&[u8]; 8] =
    [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"PATCH "];

/// Whether these bytes begin with a method of those that are common.
pub(super) fn has_known_method(bytes: &[u8]) -> bool {
    METHODS.iter().any(|method| bytes.starts_with(method))
}

/// The length of a head that begins `bytes`, with its empty line.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    length_from(bytes, 0)
}

/// The same where no empty line ends in the first `seen` bytes.
pub(super) fn length_from(bytes: &[u8], seen: usize) -> Option<usize> {
    let bytes = &bytes[..bytes.len().min(MAX_HEAD as usize)];
    // The line before an empty one may end in the bytes that were seen.
    let start = seen.saturating_sub(2).min(bytes.len());
    memchr_iter(b'\n', &bytes[start..]).map(|at| start + at).find_map(|at| match bytes[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// The target where this is a request of HTTP/0.9, which is one line and nothing else.
pub(super) fn simple_request(bytes: &[u8]) -> Option<Text> {
    let line = bytes.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let target = line.strip_prefix(b"GET ")?.trim_ascii();
    let is_target = target.starts_with(b"/") && target.iter().all(|byte| matches!(byte, 0x21..=0x7e));
    (is_target && bytes.len() as u64 <= MAX_HEAD).then(|| Text::new(target))
}

/// Parses a head: its start line and its fields, up to the empty line or the end of `bytes`.
pub(super) fn parse(role: Role, bytes: &[u8]) -> Option<Head> {
    if let Some(head) = strict(role, bytes) {
        return Some(head);
    }
    let (start, version, line) = match role {
        Role::Client => {
            let line = request_line(bytes)?;
            let start = Start::Request { method: text(line.method), target: Text::new(line.target) };
            (start, text(line.version), line.length)
        }
        Role::Server => {
            let line = status_line(bytes)?;
            let start = Start::Response { status: line.status, reason: text(line.reason) };
            (start, text(line.version), line.length)
        }
    };
    Some(Head { start, version, fields: any_fields(&bytes[line..]) })
}

fn config() -> ParserConfig {
    let mut config = ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_request_line_delimiters(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_space_before_first_header_name(true)
        .ignore_invalid_headers_in_responses(true)
        .ignore_invalid_headers_in_requests(false);
    config
}

/// The library's reading of the whole head.
fn strict(role: Role, bytes: &[u8]) -> Option<Head> {
    let mut fields = [const { MaybeUninit::uninit() }; FEW_FIELDS];
    match role {
        Role::Client => {
            let mut request = httparse::Request::new(&mut []);
            let parsed = config().parse_request_with_uninit_headers(&mut request, bytes, &mut fields);
            if !parsed.is_ok_and(|status| status.is_complete()) {
                return None;
            }
            let start = Start::Request { method: request.method?.to_owned(), target: request.path?.into() };
            Some(Head { start, version: version(request.version?), fields: owned(request.headers) })
        }
        Role::Server => {
            let mut response = httparse::Response::new(&mut []);
            let parsed = config().parse_response_with_uninit_headers(&mut response, bytes, &mut fields);
            if !parsed.is_ok_and(|status| status.is_complete()) {
                return None;
            }
            // The library drops reason phrases beyond ASCII.
            let line = status_line(bytes)?;
            let start = Start::Response { status: line.status, reason: text(line.reason) };
            Some(Head { start, version: version(response.version?), fields: owned(response.headers) })
        }
    }
}

/// The fields of a head whose start line the library refuses, or that is cut off: what of them is well formed.
pub(super) fn any_fields(bytes: &[u8]) -> Vec<Field> {
    let mut head = Vec::with_capacity(bytes.len() + 32);
    head.extend_from_slice(b"HTTP/1.1 200\r\n");
    // A value with a NUL is still worth more than none, and a bare CR is a blank: RFC 9112, 2.2.
    head.extend(bytes.iter().enumerate().map(|(at, byte)| match byte {
        0 => b' ',
        b'\r' if bytes.get(at + 1) != Some(&b'\n') => b' ',
        byte => *byte,
    }));
    if length(bytes).is_none() && !matches!(bytes, [b'\n', ..] | [b'\r', b'\n', ..]) {
        // Cut off: the last line is not whole.
        let end = memchr::memrchr(b'\n', &head).map_or(head.len(), |at| at + 1);
        head.truncate(end);
        head.extend_from_slice(b"\r\n");
    }
    let room = memchr_iter(b'\n', &head).count().min(MAX_FIELDS);
    let mut fields = vec![httparse::EMPTY_HEADER; room];
    let mut response = httparse::Response::new(&mut fields);
    match config().parse_response(&mut response, &head) {
        Ok(_) => owned(response.headers),
        Err(_) => Vec::new(),
    }
}

fn owned(fields: &[httparse::Header<'_>]) -> Vec<Field> {
    fields
        .iter()
        .filter(|field| !field.name.is_empty())
        .map(|field| Field { name: field.name.to_owned(), value: unfolded(field.value) })
        .collect()
}

/// A value on one line: RFC 9112, 5.2.
fn unfolded(value: &[u8]) -> Text {
    if memchr(b'\n', value).is_none() {
        return Text::new(value.trim_ascii());
    }
    let lines: Vec<&[u8]> = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    Text::new(&lines.join(&b' '))
}

fn version(minor: u8) -> String {
    format!("HTTP/1.{minor}")
}

fn text(bytes: &[u8]) -> String {
    Text::new(bytes).text
}

struct RequestLine<'b> {
    method: &'b [u8],
    target: &'b [u8],
    version: &'b [u8],
    /// With its line end.
    length: usize,
}

/// `method target HTTP/1.x` with its line end; the target may have blanks.
fn request_line(bytes: &[u8]) -> Option<RequestLine<'_>> {
    // Most flows that are no HTTP end here.
    let method = bytes.iter().take(MAX_METHOD + 1).position(|byte| !is_token(*byte))?;
    if method == 0 || bytes[method] != b' ' {
        return None;
    }
    let window = &bytes[..bytes.len().min(MAX_HEAD as usize)];
    let length = memchr(b'\n', window)? + 1;
    let line = bytes[..length].trim_ascii_end();
    let blank = memchr::memrchr(b' ', line)?;
    let version = &line[blank + 1..];
    let is_version = matches!(version, [b'H' | b'h', b'T' | b't', b'T' | b't', b'P' | b'p', b'/', b'1', b'.', minor] if minor.is_ascii_digit());
    let target = line.get(method + 1..blank)?.trim_ascii();
    // Several words in lower case are the end of something else, with a request behind it.
    let is_text = target.contains(&b' ') && bytes[..method].iter().any(u8::is_ascii_lowercase);
    (is_version && !target.is_empty() && !is_text).then(|| RequestLine {
        method: &bytes[..method],
        target,
        version,
        length,
    })
}

struct StatusLine<'b> {
    version: &'b [u8],
    status: u16,
    reason: &'b [u8],
    length: usize,
}

/// `HTTP/1.x status reason` with its line end. As browsers do, it takes any version of at most two numbers or none, in
/// any case, `ICY`, and a line without a reason.
fn status_line(bytes: &[u8]) -> Option<StatusLine<'_>> {
    let version = version_length(bytes)?;
    let window = &bytes[..bytes.len().min(MAX_HEAD as usize)];
    let length = memchr(b'\n', window)? + 1;
    let line = bytes.get(version..length)?.trim_ascii_end();
    let rest = line.trim_ascii_start();
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let blank_before = rest.len() < line.len();
    let blank_after = rest.get(digits).is_none_or(|byte| matches!(byte, b' ' | b'\t'));
    let status = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    let is_status = blank_before && blank_after && (digits == 3 || (100..1000).contains(&status));
    is_status.then(|| StatusLine {
        version: &bytes[..version],
        status,
        reason: rest[digits..].trim_ascii(),
        length,
    })
}

/// The length of the version that begins a status line: `HTTP/1.1`, `http/2`, `HTTP`, `ICY`.
fn version_length(bytes: &[u8]) -> Option<usize> {
    let rest = match bytes {
        [b'I', b'C', b'Y', b' ', ..] => return Some(3),
        [b'H' | b'h', b'T' | b't', b'T' | b't', b'P' | b'p', rest @ ..] => rest,
        _ => return None,
    };
    let Some(rest) = rest.strip_prefix(b"/") else { return rest.starts_with(b" ").then_some(4) };
    let number = |bytes: &[u8]| bytes.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let major = number(rest);
    let minor = rest[major..].strip_prefix(b".").map_or(0, |minor| 1 + number(minor));
    ((1..4).contains(&major) && (0..5).contains(&minor) && minor != 1).then_some(5 + major + minor)
}

/// RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
