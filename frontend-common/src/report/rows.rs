//! Connections, exchanges of HTTP and objects as flat rows: what tables have of them, whatever their format.
//!
//! A row is a struct with a field for each column; [`Row::cells`] gives the values in the order of [`Row::COLUMNS`]. Text
//! is as it was captured: each format escapes it. Times are UTC, durations seconds, sizes bytes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tapflow_core::Timestamp;

use super::dfxml::{mac, tunnel};
use super::xml::Shown;
use crate::flow::FileFacts;
use crate::scan::FinishedFlow;
use crate::scan::hash::Algorithm;
use crate::scan::http::{BodyFile, BodyKind, HttpFindings, Message, Role, Start};

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell<'r> {
    /// Not known, or there is none.
    Empty,
    Text(&'r str),
    Number(u64),
    Flag(bool),
    Address(IpAddr),
    Time(Timestamp),
    Duration(Duration),
}

/// A row of a table.
pub(super) trait Row {
    /// The names of the columns.
    const COLUMNS: &'static [&'static str];

    /// Passes the values to `take`, in the order of the columns.
    fn cells(&self, take: &mut dyn FnMut(Cell<'_>));
}

/// What a field of a row may be.
trait Value {
    fn cell(&self) -> Cell<'_>;
}

macro_rules! values {
    ($($type:ty: $value:ident => $cell:expr,)*) => {
        $(impl Value for $type {
            fn cell(&self) -> Cell<'_> {
                let $value = self;
                $cell
            }
        })*
    };
}

values! {
    String: text => if text.is_empty() { Cell::Empty } else { Cell::Text(text) },
    &'static str: text => if text.is_empty() { Cell::Empty } else { Cell::Text(text) },
    u64: number => Cell::Number(*number),
    u32: number => Cell::Number(u64::from(*number)),
    u16: number => Cell::Number(u64::from(*number)),
    bool: flag => Cell::Flag(*flag),
    IpAddr: address => Cell::Address(*address),
    Timestamp: time => Cell::Time(*time),
    Duration: duration => Cell::Duration(*duration),
}

impl<V: Value> Value for Option<V> {
    fn cell(&self) -> Cell<'_> {
        self.as_ref().map_or(Cell::Empty, Value::cell)
    }
}

/// Defines a row: a struct whose fields are the columns.
macro_rules! row {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        pub(super) struct $name {
            $($(#[$doc])* pub(super) $field: $type,)*
        }

        impl Row for $name {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),*];

            fn cells(&self, take: &mut dyn FnMut(Cell<'_>)) {
                $(take(self.$field.cell());)*
            }
        }
    };
}

row! {
    /// A connection. What only one side has is `client_…` or `server_…`, empty where that side was not captured.
    ConnectionRow {
        /// The number of the connection, which exchanges and objects refer to.
        connection: u64,
        /// The first packet.
        start: Timestamp,
        /// From the first to the last packet.
        duration: Duration,
        client_address: IpAddr,
        client_port: u16,
        server_address: IpAddr,
        server_port: u16,
        /// The first frame of each side, in its input.
        client_frame: Option<u64>,
        server_frame: Option<u64>,
        /// The inputs of these frames, where there are several.
        client_input: Option<String>,
        server_input: Option<String>,
        client_mac: Option<String>,
        server_mac: Option<String>,
        /// VLAN identifiers, outermost first, with spaces between them.
        vlans: String,
        /// Tunnels, outermost first, with spaces between them.
        tunnels: String,
        /// The protocol that was found in the bytes.
        service: &'static str,
        /// How the connection ended.
        state: &'static str,
        client_syn: Option<bool>,
        server_syn: Option<bool>,
        client_fin: Option<bool>,
        server_fin: Option<bool>,
        client_packets: Option<u64>,
        server_packets: Option<u64>,
        /// Bytes on the wire with all headers.
        client_wire_bytes: Option<u64>,
        server_wire_bytes: Option<u64>,
        /// Stream bytes that were captured.
        client_bytes: Option<u64>,
        server_bytes: Option<u64>,
        /// Gaps in the stream.
        client_gaps: Option<u64>,
        server_gaps: Option<u64>,
        /// Bytes that were never captured.
        client_gap_bytes: Option<u64>,
        server_gap_bytes: Option<u64>,
        /// Stream bytes that came again.
        client_retransmitted_bytes: Option<u64>,
        server_retransmitted_bytes: Option<u64>,
        /// Segments that did not continue where the stream stood.
        client_out_of_order: Option<u32>,
        server_out_of_order: Option<u32>,
        /// Pieces that came again with other bytes.
        client_conflicts: Option<u64>,
        server_conflicts: Option<u64>,
        /// Files of the two streams.
        client_file: Option<String>,
        server_file: Option<String>,
        client_sha256: Option<String>,
        server_sha256: Option<String>,
        /// HTTP messages that are in no row of the other tables, because there are too many.
        http_not_listed: u64,
    }
}

row! {
    /// A request with its response; one of them may be missing.
    ExchangeRow {
        connection: u64,
        /// The number of the request in its direction, and of the response in the other.
        request: Option<u64>,
        response: Option<u64>,
        /// The first byte of the request, or of the response where there is no request.
        start: Option<Timestamp>,
        /// From there to the last byte of the response.
        duration: Option<Duration>,
        /// From the last byte of the request to the first one of the response.
        wait: Option<Duration>,
        client_address: IpAddr,
        client_port: u16,
        server_address: IpAddr,
        server_port: u16,
        method: String,
        url: Option<String>,
        /// The field Host, or `:authority`.
        host: Option<String>,
        version: String,
        status: Option<u16>,
        reason: String,
        request_type: Option<String>,
        /// Bytes of the body as sent, without those that are missing.
        request_bytes: Option<u64>,
        request_complete: Option<bool>,
        request_file: Option<String>,
        response_type: Option<String>,
        response_bytes: Option<u64>,
        response_complete: Option<bool>,
        response_file: Option<String>,
        /// What is wrong with either message.
        anomalies: String,
    }
}

row! {
    /// A body, or a part of one.
    ObjectRow {
        connection: u64,
        /// `request`, `response`, or what is in one: `part` of a form, message of `grpc` or `websocket`.
        kind: &'static str,
        /// The number of its message in its direction, and of the part.
        message: u64,
        part: Option<u64>,
        /// The first byte of the object, or of its message where it was not saved, and the last one of the message.
        start: Option<Timestamp>,
        end: Option<Timestamp>,
        client_address: IpAddr,
        client_port: u16,
        server_address: IpAddr,
        server_port: u16,
        method: String,
        url: Option<String>,
        status: Option<u16>,
        /// The media type that its message names.
        content_type: Option<String>,
        /// The name that a message or the URL gives it.
        suggested_name: Option<String>,
        /// The form's field that a part is the value of.
        field: Option<String>,
        /// Bytes, decoded where they were coded.
        size: u64,
        complete: bool,
        /// Where it is, if bodies are saved.
        file: Option<String>,
        md5: Option<String>,
        sha1: Option<String>,
        sha256: Option<String>,
        blake3: Option<String>,
        anomalies: String,
    }
}

/// The two ends of a connection.
#[derive(Clone, Copy)]
struct Ends {
    client: (IpAddr, u16),
    server: (IpAddr, u16),
}

/// A connection whose one or two flows have ended.
pub(super) struct Connection<'f> {
    /// The flows of the client and the server.
    client: Option<&'f FinishedFlow>,
    server: Option<&'f FinishedFlow>,
    any: &'f FinishedFlow,
    ends: Ends,
}

impl<'f> Connection<'f> {
    /// The connection of these flows; `None` if there are none.
    pub(super) fn new(flows: &[&'f FinishedFlow]) -> Option<Self> {
        let any = *flows.first()?;
        let side = |is_client: bool| flows.iter().copied().find(|flow| flow.facts.opened.client == is_client);
        let key = &any.facts.opened.key;
        let (from, to) = ((key.source, key.source_port), (key.destination, key.destination_port));
        let ends = match any.facts.opened.client {
            true => Ends { client: from, server: to },
            false => Ends { client: to, server: from },
        };
        Some(Self { client: side(true), server: side(false), any, ends })
    }

    fn flows(&self) -> impl Iterator<Item = &'f FinishedFlow> {
        self.client.into_iter().chain(self.server)
    }

    fn number(&self) -> u64 {
        self.any.facts.opened.session
    }

    /// Its row.
    pub(super) fn row(&self) -> ConnectionRow {
        let start = self.flows().map(|flow| flow.facts.opened.time).min().unwrap_or_default();
        let end = self.flows().map(|flow| flow.summary.last).max().unwrap_or_default();
        let link = &self.any.facts.opened.link;
        let spaced = |words: Vec<String>| words.join(" ");
        let (client, server) = (self.client, self.server);
        let (client_mac, server_mac) = match self.any.facts.opened.client {
            true => (link.source_mac, link.destination_mac),
            false => (link.destination_mac, link.source_mac),
        };
        let frame = |flow: &FinishedFlow| Some(flow.facts.frame.number).filter(|number| *number > 0);
        let input = |flow: &FinishedFlow| flow.facts.frame.input.as_deref().cloned();
        let gaps = |flow: &FinishedFlow| {
            let listed = flow.gaps.listed();
            listed.listed.len() as u64 + listed.omitted
        };
        let conflicts = |flow: &FinishedFlow| {
            let count = |ranges: &crate::flow::Ranges| ranges.listed.len() as u64 + ranges.omitted;
            count(&flow.conflicts) + count(&flow.replaced)
        };
        let file = |flow: &FinishedFlow| flow.file.as_ref().map(path);
        let sha256 = |flow: &FinishedFlow| digest(&flow.found.digests, Algorithm::Sha256);
        ConnectionRow {
            connection: self.number(),
            start,
            duration: between(start, end),
            client_address: self.ends.client.0,
            client_port: self.ends.client.1,
            server_address: self.ends.server.0,
            server_port: self.ends.server.1,
            client_frame: client.and_then(frame),
            server_frame: server.and_then(frame),
            client_input: client.and_then(input),
            server_input: server.and_then(input),
            client_mac: client_mac.map(mac),
            server_mac: server_mac.map(mac),
            vlans: spaced(link.vlans().iter().map(u16::to_string).collect()),
            tunnels: spaced(link.tunnels().iter().map(tunnel).collect()),
            service: self.service(),
            state: self.any.reason.name(),
            client_syn: client.map(|flow| flow.summary.syn),
            server_syn: server.map(|flow| flow.summary.syn),
            client_fin: client.map(|flow| flow.summary.fin),
            server_fin: server.map(|flow| flow.summary.fin),
            client_packets: client.map(|flow| flow.summary.packets),
            server_packets: server.map(|flow| flow.summary.packets),
            client_wire_bytes: client.map(|flow| flow.summary.wire_bytes),
            server_wire_bytes: server.map(|flow| flow.summary.wire_bytes),
            client_bytes: client.map(|flow| flow.summary.data),
            server_bytes: server.map(|flow| flow.summary.data),
            client_gaps: client.map(gaps),
            server_gaps: server.map(gaps),
            client_gap_bytes: client.map(|flow| flow.gaps.bytes()),
            server_gap_bytes: server.map(|flow| flow.gaps.bytes()),
            client_retransmitted_bytes: client.map(|flow| flow.summary.repeated),
            server_retransmitted_bytes: server.map(|flow| flow.summary.repeated),
            client_out_of_order: client.map(|flow| flow.summary.out_of_order),
            server_out_of_order: server.map(|flow| flow.summary.out_of_order),
            client_conflicts: client.map(conflicts),
            server_conflicts: server.map(conflicts),
            client_file: client.and_then(file),
            server_file: server.and_then(file),
            client_sha256: client.and_then(sha256),
            server_sha256: server.and_then(sha256),
            http_not_listed: self.http().map(|http| http.omitted).sum(),
        }
    }

    /// What its bytes are, as scanners found.
    fn service(&self) -> &'static str {
        let is_tls = self.flows().any(|flow| flow.found.tls.is_some());
        match (is_tls, self.http().next().is_some()) {
            (true, true) => "https",
            (true, false) => "tls",
            (false, true) => "http",
            (false, false) => "",
        }
    }

    /// Whether its flows were added before, and these are what was found later: plaintext of TLS.
    pub(super) fn is_late(&self) -> bool {
        self.flows().any(|flow| flow.found.tls.as_ref().is_some_and(|tls| tls.is_late))
    }

    /// HTTP in its flows, and in their plaintext.
    fn http(&self) -> impl Iterator<Item = &'f HttpFindings> {
        let found = |flow: &'f FinishedFlow| {
            let inside = flow.found.plaintext().and_then(|plain| plain.found.http.as_deref());
            flow.found.http.as_deref().into_iter().chain(inside)
        };
        self.flows().flat_map(found)
    }

    fn messages(&self, role: Role) -> impl Iterator<Item = &'f Message> {
        self.http().flat_map(|http| &http.messages).filter(move |message| message.role == role)
    }

    /// Its exchanges: requests in order, each with its final response, then responses to requests that are missing.
    pub(super) fn exchanges(&self) -> Vec<ExchangeRow> {
        let is_final = |response: &&Message| !matches!(response.head.status(), Some(100 | 102..200));
        let responses = self.messages(Role::Server).filter(is_final);
        let mut responses: BTreeMap<u64, &Message> =
            responses.map(|response| (response.number, response)).collect();
        let mut rows = Vec::new();
        for request in self.messages(Role::Client) {
            let response = request.exchange.other.and_then(|number| responses.remove(&number));
            rows.push(self.exchange(Some(request), response));
        }
        rows.extend(responses.into_values().map(|response| self.exchange(None, Some(response))));
        rows
    }

    fn exchange(&self, request: Option<&Message>, response: Option<&Message>) -> ExchangeRow {
        let first = |message: Option<&Message>| message.and_then(|message| message.first_time);
        let last = |message: Option<&Message>| message.and_then(|message| message.last_time);
        let start = first(request).or(first(response));
        let end = last(response).or(last(request));
        let either = request.or(response);
        let url = either.and_then(|message| message.exchange.url.clone());
        let length = |message: &Message| message.raw_length.saturating_sub(message.missing);
        let file = |message: Option<&Message>| {
            let files = message.map(|message| message.files.as_slice()).unwrap_or_default();
            files.iter().find(|file| file.kind.part().is_none()).map(|file| file.name.clone())
        };
        ExchangeRow {
            connection: self.number(),
            request: request.map(|message| message.number).or(response.and_then(|it| it.exchange.other)),
            response: response.map(|message| message.number).or(request.and_then(|it| it.exchange.other)),
            start,
            duration: start.zip(end).map(|(start, end)| between(start, end)),
            wait: last(request).zip(first(response)).map(|(asked, answered)| between(asked, answered)),
            client_address: self.ends.client.0,
            client_port: self.ends.client.1,
            server_address: self.ends.server.0,
            server_port: self.ends.server.1,
            method: request.map(method).unwrap_or_default(),
            url,
            host: request.and_then(|message| message.head.host().map(str::to_owned)),
            version: either.map(|message| message.head.version.to_string()).unwrap_or_default(),
            status: response.and_then(|message| message.head.status()),
            reason: response.map(reason).unwrap_or_default(),
            request_type: request.and_then(Message::media_type),
            request_bytes: request.map(length),
            request_complete: request.map(|message| message.complete),
            request_file: file(request),
            response_type: response.and_then(Message::media_type),
            response_bytes: response.map(length),
            response_complete: response.map(|message| message.complete),
            response_file: file(response),
            anomalies: anomalies(request.into_iter().chain(response)),
        }
    }

    /// The bodies of its messages and their parts, in the order of the messages, requests first.
    pub(super) fn objects(&self) -> Vec<ObjectRow> {
        let requests = self.messages(Role::Client);
        let requests: BTreeMap<(bool, u64), &Message> =
            requests.map(|request| ((request.exchange.is_pushed, request.number), request)).collect();
        let mut rows = Vec::new();
        for message in self.messages(Role::Client).chain(self.messages(Role::Server)) {
            let asked = match message.role {
                Role::Client => Some(message),
                Role::Server => message
                    .exchange
                    .other
                    .and_then(|number| requests.get(&(message.exchange.is_pushed, number)).copied()),
            };
            let is_unsaved = message.files.is_empty() && message.decoded_length > 0;
            let files = message.files.iter().map(Some).chain(is_unsaved.then_some(None));
            rows.extend(files.map(|file| self.object(message, asked, file)));
        }
        rows
    }

    /// The file of a body, or a body that was not saved, with the request that asked for it.
    fn object(&self, message: &Message, asked: Option<&Message>, file: Option<&BodyFile>) -> ObjectRow {
        let (kind, part) = match file.map(|file| file.kind) {
            Some(BodyKind::Part(part)) => ("part", Some(part)),
            Some(BodyKind::Grpc(number)) => ("grpc", Some(number)),
            Some(BodyKind::WebSocket(number)) => ("websocket", Some(number)),
            _ if message.role == Role::Client => ("request", None),
            _ => ("response", None),
        };
        let own = message.suggested_name.as_ref().filter(|_| part.is_none());
        let digest = |algorithm| file.and_then(|file| digest(&file.digests, algorithm));
        ObjectRow {
            connection: self.number(),
            kind,
            message: message.number,
            part,
            start: file.and_then(|file| file.time).or(message.first_time),
            end: message.last_time,
            client_address: self.ends.client.0,
            client_port: self.ends.client.1,
            server_address: self.ends.server.0,
            server_port: self.ends.server.1,
            method: asked.map(method).unwrap_or_default(),
            url: message.exchange.url.clone(),
            status: message.head.status(),
            content_type: message.media_type(),
            suggested_name: file.and_then(|file| file.suggested_name.clone()).or_else(|| own.cloned()),
            field: file.and_then(|file| file.field.clone()),
            size: file.map_or(message.decoded_length, |file| file.size),
            complete: file.map_or(message.complete, |file| file.complete),
            file: file.map(|file| file.name.clone()),
            md5: digest(Algorithm::Md5),
            sha1: digest(Algorithm::Sha1),
            sha256: digest(Algorithm::Sha256),
            blake3: digest(Algorithm::Blake3),
            anomalies: anomalies(std::iter::once(message)),
        }
    }
}

fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::from_nanos(if end > start { end.since(start) } else { 0 })
}

fn path(file: &FileFacts) -> String {
    Shown(file.path.as_os_str()).to_string()
}

fn digest(digests: &[(&'static str, String)], algorithm: Algorithm) -> Option<String> {
    let mut digests = digests.iter();
    digests.find(|(name, _)| *name == algorithm.dfxml()).map(|(_, value)| value.clone())
}

fn method(message: &Message) -> String {
    message.head.method().unwrap_or_default().to_owned()
}

fn reason(message: &Message) -> String {
    match &message.head.start {
        Start::Response { reason, .. } => reason.as_str().to_owned(),
        Start::Request { .. } => String::new(),
    }
}

fn anomalies<'m>(messages: impl Iterator<Item = &'m Message>) -> String {
    let mut all = crate::scan::http::Anomalies::default();
    messages.for_each(|message| all.add_all(message.anomalies));
    all.iter().map(|anomaly| anomaly.name()).collect::<Vec<_>>().join(" ")
}
