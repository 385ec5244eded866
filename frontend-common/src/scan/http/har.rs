//! An exchange as an entry of a HAR file (HTTP Archive 1.2), one line of JSON.
//!
//! Times are those of the capture, in milliseconds with their fraction. What is not known is -1 or empty, as the
//! format asks. Bodies are there by the name of their file (`_file`), and as text where they are short text.

use serde_json::{Map, Value, json};
use tapflow_core::Timestamp;
use url::Url;

use super::facts::{BodyKind, Message};
use super::head::{Field, Start, Text};
use crate::format::Utc;

/// The longest body that stands in a HAR file as text, in bytes.
pub const MAX_TEXT: usize = 64 << 10;

/// Where an exchange took place.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Address and port of the server, as they stand in a URL.
    pub server: String,
    /// The server's address.
    pub server_address: String,
    /// The number of the connection.
    pub connection: u64,
    /// When its first packet came, for messages whose time is not known.
    pub time: Timestamp,
    /// The messages come out of TLS.
    pub is_tls: bool,
}

impl Place {
    /// The scheme of a URL that says none: RFC 9110, 4.2.
    fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }
}

/// An entry. The texts are the bodies of request and response, where they are short.
pub(super) fn entry(
    place: &Place,
    request: Option<&Message>,
    response: Option<&Message>,
    texts: [Option<&[u8]>; 2],
) -> Value {
    let first = |message: Option<&Message>| message.and_then(|message| message.first_time);
    let last = |message: Option<&Message>| message.and_then(|message| message.last_time);
    let started = first(request).or(first(response)).unwrap_or(place.time);
    let send = milliseconds(first(request), last(request));
    let wait = milliseconds(last(request), first(response));
    let receive = milliseconds(first(response), last(response));
    let mut entry = json!({
        "startedDateTime": Utc(started).to_string(),
        "time": send + wait + receive,
        "request": self::request(place, request, texts[0]),
        "response": self::response(response, texts[1]),
        "cache": {},
        "timings": { "blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": send, "wait": wait, "receive": receive },
        "serverIPAddress": place.server_address,
        "connection": place.connection.to_string(),
    });
    let missing = match (request, response) {
        (None, _) => Some("the request was not captured"),
        (_, None) => Some("there is no response in the capture"),
        _ => None,
    };
    if let (Some(missing), Some(entry)) = (missing, entry.as_object_mut()) {
        entry.insert("comment".into(), missing.into());
    }
    entry
}

fn milliseconds(from: Option<Timestamp>, to: Option<Timestamp>) -> f64 {
    match (from, to) {
        (Some(from), Some(to)) => to.since(from) as f64 / 1e6,
        _ => 0.0,
    }
}

fn request(place: &Place, message: Option<&Message>, text: Option<&[u8]>) -> Value {
    let Some(message) = message else {
        return json!({
            "method": "", "url": format!("{}://{}/", place.scheme(), place.server), "httpVersion": "", "cookies": [], "headers": [],
            "queryString": [], "headersSize": -1, "bodySize": -1,
        });
    };
    let root = Text::from("/");
    let (method, target) = match &message.head.start {
        Start::Request { method, target } => (method.as_str(), target),
        Start::Response { .. } => ("", &root),
    };
    let cookies = message.head.values("cookie").flat_map(|field| field.split(';')).filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some(json!({ "name": name.trim(), "value": value.trim() }))
    });
    let mut request = json!({
        "method": method,
        "url": url(place, scheme(place, message), message.head.host(), method, target),
        "httpVersion": version(message),
        "cookies": cookies.collect::<Vec<_>>(),
        "headers": headers(message),
        "queryString": query(&escaped(&target.bytes())),
        "headersSize": message.head_range.end - message.head_range.start,
        "bodySize": message.raw_length - message.missing,
    });
    if message.raw_length > 0
        && let Some(request) = request.as_object_mut()
    {
        let mut posted = Map::new();
        posted.insert("mimeType".into(), message.head.field("content-type").unwrap_or_default().into());
        posted.insert("text".into(), text.and_then(plain).unwrap_or_default().into());
        posted.insert("params".into(), params(message).into());
        refer(&mut posted, message);
        request.insert("postData".into(), posted.into());
    }
    request
}

fn response(message: Option<&Message>, text: Option<&[u8]>) -> Value {
    let Some(message) = message else {
        return json!({
            "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
            "content": { "size": 0, "mimeType": "x-unknown" }, "redirectURL": "", "headersSize": -1, "bodySize": -1,
        });
    };
    let (status, reason) = match &message.head.start {
        Start::Response { status, reason } => (*status, reason.as_str()),
        Start::Request { .. } => (0, ""),
    };
    let transferred = message.raw_length - message.missing;
    let mut content = Map::new();
    content.insert("size".into(), message.decoded_length.into());
    content.insert("mimeType".into(), message.head.field("content-type").unwrap_or("x-unknown").into());
    if !message.codings.is_empty() {
        let saved = i128::from(message.decoded_length) - i128::from(transferred);
        content.insert("compression".into(), i64::try_from(saved).unwrap_or(i64::MAX).into());
    }
    if let Some(text) = text.and_then(plain) {
        content.insert("text".into(), text.into());
    }
    refer(&mut content, message);
    json!({
        "status": status,
        "statusText": reason,
        "httpVersion": version(message),
        "cookies": message.head.values("set-cookie").filter_map(set_cookie).collect::<Vec<_>>(),
        "headers": headers(message),
        "content": content,
        "redirectURL": message.head.field("location").unwrap_or_default(),
        "headersSize": message.head_range.end - message.head_range.start,
        "bodySize": transferred,
    })
}

/// What a program has to know to find the body, and how much of it there is.
fn refer(content: &mut Map<String, Value>, message: &Message) {
    let whole = message.files.iter().find(|file| file.kind.part().is_none());
    if let Some(file) = whole {
        content.insert("_file".into(), file.name.as_str().into());
    }
    if !message.complete || !message.anomalies.is_empty() {
        let mut words: Vec<&str> = message.anomalies.iter().map(super::Anomaly::name).collect();
        if !message.complete {
            words.insert(0, "incomplete");
        }
        content.insert("comment".into(), words.join(", ").into());
    }
}

/// The version as other programs write it.
fn version(message: &Message) -> &str {
    match message.http2 {
        Some(_) => "h2",
        None => &message.head.version,
    }
}

/// The scheme of a request's URL: as HTTP/2 says (RFC 9113, 8.3.1), else as the connection has it.
fn scheme(place: &Place, message: &Message) -> &'static str {
    match message.head.field(":scheme") {
        Some("https") => "https",
        Some(_) => "http",
        None => place.scheme(),
    }
}

fn headers(message: &Message) -> Vec<Value> {
    let fields = message.head.fields.iter().chain(&message.trailers);
    let header = |field: &Field| match field.value.is_latin1() {
        false => json!({ "name": field.name, "value": field.value.as_str() }),
        // Each character stands for one byte.
        true => json!({ "name": field.name, "value": field.value.as_str(), "comment": "ISO-8859-1" }),
    };
    fields.map(header).collect()
}

/// A form's fields, without their values where they are files of their own.
fn params(message: &Message) -> Vec<Value> {
    let parts = message.files.iter().filter(|file| matches!(file.kind, BodyKind::Part(_)));
    let param = |file: &super::BodyFile| {
        let mut param = Map::new();
        param.insert("name".into(), file.field.clone().unwrap_or_default().into());
        // Readers want one, though the format does not. The part's file has it.
        param.insert("value".into(), "".into());
        if let Some(name) = &file.suggested_name {
            param.insert("fileName".into(), name.as_str().into());
        }
        param.insert("_file".into(), file.name.as_str().into());
        Value::from(param)
    };
    parts.map(param).collect()
}

fn set_cookie(field: &str) -> Option<Value> {
    let mut parts = field.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Map::new();
    cookie.insert("name".into(), name.trim().into());
    cookie.insert("value".into(), value.trim().into());
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "path" => cookie.insert("path".into(), value.trim().into()),
            "domain" => cookie.insert("domain".into(), value.trim().into()),
            "httponly" => cookie.insert("httpOnly".into(), true.into()),
            "secure" => cookie.insert("secure".into(), true.into()),
            _ => None,
        };
    }
    Some(cookie.into())
}

/// The URL of a request.
pub(super) fn request_url(place: &Place, message: &Message) -> Option<String> {
    let Start::Request { method, target } = &message.head.start else { return None };
    Some(url(place, scheme(place, message), message.head.host(), method, target))
}

/// The URL that was asked for: one that every reader can parse. An authority that is none gives way to the address of the
/// server; bytes that cannot stand in a URL are percent-encoded.
fn url(place: &Place, scheme: &str, host: Option<&str>, method: &str, target: &Text) -> String {
    let target = escaped(&target.bytes());
    let named = host.filter(|host| is_authority(host)).unwrap_or(&place.server);
    let url = match target.as_str() {
        absolute if has_scheme(absolute) => absolute.to_owned(),
        authority if method == "CONNECT" => format!("{scheme}://{authority}/"),
        "*" => format!("{scheme}://{named}/"),
        path if path.starts_with('/') => format!("{scheme}://{named}{path}"),
        path => format!("{scheme}://{named}/{path}"),
    };
    if Url::parse(&url).is_ok() {
        return url;
    }
    let path = match target.strip_prefix('/') {
        Some(path) => path,
        None if method == "CONNECT" => "",
        None => &target,
    };
    format!("{scheme}://{}/{path}", place.server)
}

/// Whether this is a host, with or without a port: RFC 3986, 3.2. Names have letters, digits, `-`, `.`, `_` only, as those
/// of hosts that exist do.
fn is_authority(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    !text.is_empty() && text.bytes().all(is_plain) && Url::parse(&format!("http://{text}/")).is_ok()
}

/// The bytes of a target as text of a URL: those that cannot stand there percent-encoded.
fn escaped(target: &[u8]) -> String {
    let mut url = String::with_capacity(target.len());
    for (at, byte) in target.iter().enumerate() {
        let is_escape = *byte == b'%'
            && target.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => url.push(char::from(*byte)),
            _ if is_escape || b"-._~:/?#[]@!$&'()*+,;=".contains(byte) => url.push(char::from(*byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

/// Whether a target is a whole URL: RFC 9112, 3.2.2.
fn has_scheme(target: &str) -> bool {
    target.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

fn query(target: &str) -> Vec<Value> {
    let Some((_, query)) = target.split_once('?') else { return Vec::new() };
    let query = query.split('#').next().unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // What is not UTF-8 stays percent-encoded.
        let decoded = |text: &str| {
            let bytes = super::media::percent_decoded(&text.replace('+', " "));
            String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
        };
        json!({ "name": decoded(name), "value": decoded(value) })
    });
    pairs.collect()
}

/// The text that these bytes are, if they are text.
fn plain(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_text = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    text.chars().all(is_text).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::head::{Role, parse};
    use super::*;

    fn url_of(head: &[u8]) -> String {
        let head = parse(Role::Client, head).unwrap();
        let place = Place { server: "[2001:db8::1]:8080".into(), ..Place::default() };
        let Start::Request { method, target } = &head.start else { panic!("a request") };
        url(&place, "http", head.field("host"), method, target)
    }

    #[test]
    fn every_url_parses_and_bytes_are_percent_encoded() {
        let requests: [(&[u8], &str); 16] = [
            (b"GET /x HTTP/1.1\r\nHost: a.test:81\r\n\r\n", "http://a.test:81/x"),
            (b"GET /x HTTP/1.1\r\nHost: [::1]:81\r\n\r\n", "http://[::1]:81/x"),
            (b"GET /x HTTP/1.1\r\n\r\n", "http://[2001:db8::1]:8080/x"),
            (b"GET /x HTTP/1.1\r\nHost: a.test:99999\r\n\r\n", "http://[2001:db8::1]:8080/x"),
            (b"GET /x HTTP/1.1\r\nHost: 2001:db8::2\r\n\r\n", "http://[2001:db8::1]:8080/x"),
            (b"GET /x HTTP/1.1\r\nHost: 1.2.3.4.5\r\n\r\n", "http://[2001:db8::1]:8080/x"),
            (b"GET /x HTTP/1.1\r\nHost: ${jndi:ldap://x/a}\r\n\r\n", "http://[2001:db8::1]:8080/x"),
            (b"GET /x HTTP/1.1\r\nHost: xn--a\r\n\r\n", "http://[2001:db8::1]:8080/x"),
            (b"GET /\xc4\xe3?\xc3\xa9 HTTP/1.1\r\nHost: a.test\r\n\r\n", "http://a.test/%C4%E3?%C3%A9"),
            (b"GET /%zz%41\" HTTP/1.1\r\nHost: a.test\r\n\r\n", "http://a.test/%25zz%41%22"),
            (b"GET https://b.test/y HTTP/1.1\r\nHost: a.test\r\n\r\n", "https://b.test/y"),
            (b"GET http://[x/y HTTP/1.1\r\nHost: a.test\r\n\r\n", "http://[2001:db8::1]:8080/http://[x/y"),
            (b"CONNECT b.test:443 HTTP/1.1\r\n\r\n", "http://b.test:443/"),
            (b"CONNECT :x HTTP/1.1\r\n\r\n", "http://[2001:db8::1]:8080/"),
            (b"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", "http://a.test/"),
            (b"GET x HTTP/1.1\r\nHost: a.test\r\n\r\n", "http://a.test/x"),
        ];
        for (head, expected) in requests {
            assert_eq!(url_of(head), expected, "{}", head.escape_ascii());
            assert!(Url::parse(expected).is_ok(), "{expected}");
        }
    }

    #[test]
    fn parameters_that_are_not_utf8_stay_percent_encoded() {
        assert_eq!(
            query("/x?a=%C3%A9&%C4=1+2"),
            [json!({ "name": "a", "value": "\u{e9}" }), json!({ "name": "%C4", "value": "1 2" })]
        );
    }
}
