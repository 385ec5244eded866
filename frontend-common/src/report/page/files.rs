//! What came out of the streams: a table of the files with bodies, and columns for the script.

use std::path::Path;

use super::connections::Endpoint;
use super::html::Attribute::{Class, Data, Hidden, Href, Id, Title, Word};
use super::html::{Html, Word as Words, length};
use super::link::{Thumbnail, Way, decoded};
use super::numbers::Grouped;
use crate::scan::FinishedFlow;
use crate::scan::http::{Anomaly, BodyKind, HttpFindings, Message, Role, Start};

/// Bytes of all rows in the page; what is beyond is counted.
const ROWS: usize = 448 << 10;
/// Rows of the table that is there without a script, and the bytes beyond which there are fewer.
const TABLE: usize = 1000;
const TABLE_BYTES: u64 = 320 << 10;
/// Characters of a text of others that are shown.
const TEXT: usize = 160;
/// Bytes of all pictures.
const PICTURES: usize = 320 << 10;

/// A file that came out of a stream.
#[derive(Debug)]
struct Found {
    /// Its name, percent-encoded, below the output directory.
    name: String,
    size: u64,
    kind: &'static str,
    /// The media type that its sender has named.
    media: String,
    /// Algorithm and value.
    digests: String,
    is_complete: bool,
    /// The request that it belongs to, or the name of a form's field.
    subject: String,
    /// The name that its sender suggests.
    suggested: String,
    /// Who sent it.
    sender: String,
}

impl Found {
    fn size_in_page(&self) -> usize {
        [&self.name, &self.media, &self.digests, &self.subject, &self.suggested, &self.sender]
            .iter()
            .map(|text| length(text))
            .sum::<usize>()
            + self.kind.len()
            + 24
    }
}

/// All files, as far as there is room.
#[derive(Debug)]
pub(super) struct Files {
    way: Way,
    list: Vec<Found>,
    size: usize,
    total: u64,
    bytes: u64,
    /// Small pictures with the numbers of their files, where they are wanted.
    pictures: Option<Vec<(usize, Thumbnail)>>,
    pictures_size: usize,
    /// The requests of a connection whose answers come next, where it is certain which one is for which.
    requests: Option<(u64, Vec<Request>)>,
}

impl Files {
    pub(super) fn new(way: Way, has_pictures: bool) -> Self {
        Self {
            way,
            list: Vec::new(),
            size: 0,
            total: 0,
            bytes: 0,
            pictures: has_pictures.then(Vec::new),
            pictures_size: 0,
            requests: None,
        }
    }

    pub(super) fn has_pictures(&self) -> bool {
        self.pictures.as_ref().is_some_and(|pictures| !pictures.is_empty())
    }

    /// Adds the files of a flow.
    pub(super) fn flow(&mut self, flow: &FinishedFlow) {
        let Some(http) = &flow.found.http else { return };
        let (key, session) = (&flow.facts.opened.key, flow.facts.opened.session);
        let answered = self.requests.take().filter(|(other, _)| *other == session && is_clean(http));
        if is_clean(http) {
            let requests = http.messages.iter().filter(|message| message.role == Role::Client);
            let requests =
                requests.map(|message| (message.http2.map(|http2| http2.stream), subject(message)));
            self.requests = Some((session, requests.collect()));
        }
        let mut requests = answered.map(|(_, requests)| requests).unwrap_or_default();
        for message in &http.messages {
            let subject = match &message.head.start {
                Start::Response { status, .. } if *status >= 200 => {
                    let stream = message.http2.map(|http2| http2.stream);
                    // Answers come in the order of the requests, in HTTP/2 in any order; stream 1 may answer an upgrade.
                    let fits = |of: Option<u32>| of == stream || of.is_none() && stream == Some(1);
                    let place = requests.iter().position(|(of, _)| fits(*of));
                    let request = place.map(|place| requests.remove(place).1);
                    request.map_or_else(|| subject(message), |request| format!("{status} {request}"))
                }
                _ => subject(message),
            };
            for file in &message.files {
                self.total += 1;
                self.bytes += file.size;
                if self.size >= ROWS {
                    continue;
                }
                let path = Path::new(&file.name);
                let part = file.kind.part().is_some();
                let suggested =
                    file.suggested_name.as_ref().or(message.suggested_name.as_ref().filter(|_| !part));
                let found = Found {
                    name: self.way.name(path).unwrap_or_default(),
                    size: file.size,
                    kind: match file.kind {
                        BodyKind::Request => "request",
                        BodyKind::Response => "response",
                        BodyKind::Part(_) => "form field",
                        BodyKind::Grpc(_) => "gRPC message",
                        BodyKind::WebSocket(_) => "WebSocket message",
                    },
                    media: message
                        .media_type()
                        .filter(|_| !part)
                        .map_or_else(String::new, |media| cut(&media)),
                    digests: digests(&file.digests),
                    is_complete: file.complete,
                    subject: file.field.as_deref().map_or_else(|| subject.clone(), cut),
                    suggested: suggested.map_or_else(String::new, |name| cut(name)),
                    sender: Endpoint(key.source, key.source_port).to_string(),
                };
                self.size += found.size_in_page();
                if self.size >= ROWS {
                    continue;
                }
                self.picture(path);
                self.list.push(found);
            }
        }
    }

    fn picture(&mut self, path: &Path) {
        let Some(pictures) = &mut self.pictures else { return };
        if self.pictures_size + Thumbnail::LARGEST as usize * 4 / 3 < PICTURES
            && let Some(picture) = Thumbnail::read(path)
        {
            self.pictures_size += picture.size();
            pictures.push((self.list.len(), picture));
        }
    }

    /// Writes the section.
    pub(super) fn write(&self, html: &mut Html<'_>) {
        html.open("section", &[Id("files")]);
        html.leaf("h2", &[], "What came out");
        if self.total == 0 {
            html.leaf(
                "p",
                &[],
                "No files beside the streams: bodies of HTTP messages are written with -e http.",
            );
            html.close();
            return;
        }
        let bytes = Grouped(self.bytes);
        html.leaf("p", &[], format_args!("{} files with {bytes} bytes.", Grouped(self.total)));
        let listed = self.list.len() as u64;
        if self.total > listed {
            let omitted = Grouped(self.total - listed);
            html.leaf("p", &[Class("note")], format_args!("{omitted} more are in the report only."));
        }
        html.open("div", &[Class("tools"), Id("files-tools"), Hidden]);
        html.close();
        html.open("div", &[Class("scroll")]);
        html.open("table", &[Id("files-table")]);
        html.open("thead", &[]);
        html.open("tr", &[]);
        for (name, title) in [
            ("File", "Its name below the output directory"),
            ("Bytes", "Its length"),
            ("Of", "What it is the body of"),
            ("Type", "The media type that its sender has named"),
            ("State", "Whether all of it was captured"),
            ("Subject", "The request, with the status of its answer, or the field of a form"),
            ("Suggested name", "The name that its sender suggests"),
            ("Sender", "Who sent it"),
            ("Digests", "Digests of its content"),
        ] {
            html.leaf("th", &[Word(Words::Scope, "col"), Title(&title)], name);
        }
        html.close();
        html.close();
        html.open("tbody", &[]);
        let (begin, mut shown) = (html.length(), 0);
        for file in self.list.iter().take(TABLE) {
            if html.length() - begin > TABLE_BYTES {
                break;
            }
            self.row(html, file);
            shown += 1;
        }
        html.close();
        html.close();
        html.close();
        if self.list.len() > shown {
            let (first, all) = (Grouped(shown as u64), Grouped(listed));
            html.leaf(
                "p",
                &[Class("note static")],
                format_args!("These are the first {first} of {all}; the others are shown with JavaScript."),
            );
        }
        self.columns(html);
        html.close();
    }

    fn row(&self, html: &mut Html<'_>, file: &Found) {
        html.open("tr", &[]);
        html.open("td", &[Class("name")]);
        let name = decoded(&file.name);
        match self.way.link(&file.name) {
            Some(link) if !file.name.is_empty() => html.leaf("a", &[Href(&link)], name),
            _ => html.text(name),
        }
        html.close();
        html.leaf("td", &[Class("n")], Grouped(file.size));
        html.leaf("td", &[], file.kind);
        html.leaf("td", &[Class("name")], &file.media);
        html.leaf("td", &[Class(if file.is_complete { "" } else { "gap" })], complete(file.is_complete));
        for text in [&file.subject, &file.suggested] {
            html.leaf("td", &[Class("name")], text);
        }
        html.leaf("td", &[], &file.sender);
        html.leaf("td", &[Class("digest")], &file.digests);
        html.close();
    }

    fn columns(&self, html: &mut Html<'_>) {
        let prefix = self.way.prefix();
        let way = u8::from(prefix.is_some());
        html.open(
            "template",
            &[Id("file-rows"), Data("way", &way), Data("prefix", &prefix.unwrap_or_default())],
        );
        for file in &self.list {
            html.text(&file.name);
            html.separate(false);
            html.text(file.size);
            html.separate(false);
            for text in [
                file.kind,
                &file.media,
                complete(file.is_complete),
                &file.subject,
                &file.suggested,
                &file.sender,
            ] {
                html.text(text);
                html.separate(false);
            }
            html.text(&file.digests);
            html.separate(true);
        }
        html.close();
        if let Some(pictures) = self.pictures.as_ref().filter(|_| self.has_pictures()) {
            html.open("template", &[Id("pictures")]);
            for (number, picture) in pictures {
                html.thumbnail(*number, picture);
            }
            html.close();
        }
    }
}

fn complete(is_complete: bool) -> &'static str {
    if is_complete { "whole" } else { "incomplete" }
}

fn digests(list: &[(&'static str, String)]) -> String {
    let digests: Vec<_> = list.iter().map(|(name, value)| format!("{name} {value}")).collect();
    digests.join(", ")
}

/// What a message is about: `GET example.org/index.html`, or the status of an answer.
fn subject(message: &Message) -> String {
    match &message.head.start {
        Start::Request { method, target } => {
            let host = message.head.host().unwrap_or_default();
            cut(&format!("{} {}{}", cut(method), cut(host), cut(target.as_str())))
        }
        Start::Response { status, reason } => format!("{status} {}", cut(reason.as_str())),
    }
}

/// Whether all messages of a flow are known, so that they can be counted.
fn is_clean(http: &HttpFindings) -> bool {
    let is_lost = |message: &Message| {
        [Anomaly::GapInHead, Anomaly::HeadCutOff, Anomaly::Stray, Anomaly::GapsUnknown]
            .into_iter()
            .any(|anomaly| message.anomalies.has(anomaly))
    };
    !http.is_given_up && !http.is_tunnel && http.omitted == 0 && !http.messages.iter().any(is_lost)
}

/// The stream of a request, in HTTP/2, and what it asks for.
type Request = (Option<u32>, String);

/// The beginning of a text that may have any length.
fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
