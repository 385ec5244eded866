//! What a report says of HTTP: an object for each file with a body, and the messages of a flow.

use std::fmt::Display;

use serde_json::{Map, Value, json};

use super::xml::Xml;
use crate::flow::{FileFacts, Ranges};
use crate::format::Utc;
use crate::scan::http::{BodyFile, HttpFindings, Message, Role, Start};

/// An object for each body file of a flow, whose own file is `of`. Its runs are offsets in the file and, where the body was sent as it
/// is, those in the flow's file (`img_offset`).
pub(super) fn bodies(xml: &mut Xml, http: &HttpFindings, of: Option<&FileFacts>) {
    for message in &http.messages {
        for file in &message.files {
            xml.open("fileobject", &[]);
            xml.leaf("filename", &[], &file.name);
            xml.leaf("filesize", &[], &file.size);
            if let Some(time) = file.time {
                xml.leaf("mtime", &[], &Utc(time));
            }
            let is_whole = file.kind.part().is_none();
            let is_plain = message.codings.is_empty() || message.decoded_length == message.raw_length;
            if is_whole && is_plain && file.size == message.raw_length {
                runs(xml, &message.runs, of);
            }
            for (algorithm, value) in &file.digests {
                xml.leaf("hashdigest", &[("type", algorithm)], value);
            }
            body(xml, message, file, of);
            xml.close("fileobject");
        }
    }
}

fn runs(xml: &mut Xml, runs: &Ranges, of: Option<&FileFacts>) {
    if runs.omitted > 0 {
        xml.open("byte_runs", &[("tcpflow:runs_not_listed", &runs.omitted)]);
    } else {
        xml.open("byte_runs", &[]);
    }
    let mut at = 0;
    for run in &runs.listed {
        let length = run.end - run.start;
        let place = of.map_or(run.start, |file| file.place_of_read(run.start));
        xml.empty("byte_run", &[("file_offset", &at), ("img_offset", &place), ("len", &length)]);
        at += length;
    }
    xml.close("byte_runs");
}

/// The name of a body's file as it was meant, where the file of its flow is stored under another one.
fn original_name(file: &BodyFile, of: Option<&FileFacts>) -> Option<String> {
    let of = of?;
    let ending = file.name.strip_prefix(&*of.path.to_string_lossy())?;
    Some(format!("{}{ending}", of.original.as_ref()?))
}

fn body(xml: &mut Xml, message: &Message, file: &BodyFile, of: Option<&FileFacts>) {
    let mut attributes: Vec<(&str, &dyn Display)> = vec![("message", &message.number)];
    let (part, complete) = (file.kind.part().unwrap_or(0), u8::from(file.complete));
    if part > 0 {
        attributes.push(("part", &part));
    }
    attributes.push(("complete", &complete));
    let original = original_name(file, of);
    if let Some(name) = &original {
        attributes.push(("original_name", name));
    }
    let suggested = file.suggested_name.as_ref().or(message.suggested_name.as_ref().filter(|_| part == 0));
    if let Some(name) = suggested {
        attributes.push(("suggested_name", name));
    }
    if let Some(field) = &file.field {
        attributes.push(("field", field));
    }
    if let Some(url) = &message.exchange.url {
        attributes.push(("url", url));
    }
    xml.empty("tcpflow:http_body", &attributes);
}

/// The messages of a flow.
pub(super) fn messages(xml: &mut Xml, http: &HttpFindings) {
    if http.messages.is_empty() && http.omitted == 0 && !http.is_given_up {
        return;
    }
    let tunnel = u8::from(http.is_tunnel);
    let mut attributes: Vec<(&str, &dyn Display)> = Vec::new();
    if http.is_given_up {
        attributes.push(("given_up", &1));
    }
    if http.is_tunnel {
        attributes.push(("tunnel", &tunnel));
    }
    if http.omitted > 0 {
        attributes.push(("not_listed", &http.omitted));
    }
    xml.open("tcpflow:http", &attributes);
    http.messages.iter().for_each(|message| self::message(xml, message));
    xml.close("tcpflow:http");
}

fn message(xml: &mut Xml, message: &Message) {
    let head = message.head_range.end - message.head_range.start;
    let (complete, framing) = (u8::from(message.complete), message.framing.name());
    let times = [message.first_time, message.last_time].map(|time| time.map(Utc));
    let media = message.media_type();
    let codings: Vec<&str> = message.codings.iter().map(|coding| coding.name()).collect();
    let codings = codings.join(", ");
    let anomalies: Vec<&str> = message.anomalies.iter().map(|anomaly| anomaly.name()).collect();
    let anomalies = anomalies.join(" ");
    let host = message.head.host();
    let body_offset = message.runs.listed.first().map(|run| run.start);

    let mut attributes: Vec<(&str, &dyn Display)> = vec![("number", &message.number)];
    let name = match &message.head.start {
        Start::Request { method, target } => {
            attributes.extend_from_slice(&[("method", method as &dyn Display), ("target", target)]);
            "tcpflow:request"
        }
        Start::Response { status, .. } => {
            attributes.push(("status", status));
            "tcpflow:response"
        }
    };
    if let Some(other) = &message.exchange.other {
        attributes.push((other_message(message), other));
    }
    if let Some(url) = &message.exchange.url {
        attributes.push(("url", url));
    }
    if let Some(host) = &host {
        attributes.push(("host", host));
    }
    attributes.extend_from_slice(&[
        ("version", &message.head.version as &dyn Display),
        ("offset", &message.head_range.start),
        ("head", &head),
        ("framing", &framing),
    ]);
    if let Some(offset) = &body_offset {
        attributes.push(("body_offset", offset));
        attributes.push(("body", &message.raw_length));
    }
    if let Some(media) = &media {
        attributes.push(("type", media));
    }
    if !codings.is_empty() {
        attributes
            .extend_from_slice(&[("coding", &codings as &dyn Display), ("decoded", &message.decoded_length)]);
    }
    if message.missing > 0 {
        attributes.push(("missing", &message.missing));
    }
    attributes.push(("complete", &complete));
    for (name, time) in ["first", "last"].into_iter().zip(&times) {
        if let Some(time) = time {
            attributes.push((name, time));
        }
    }
    if !anomalies.is_empty() {
        attributes.push(("anomalies", &anomalies));
    }
    if let Some(error) = &message.decode_error {
        attributes.push(("error", error));
    }
    if message.parts_omitted > 0 {
        attributes.push(("parts_not_saved", &message.parts_omitted));
    }
    if let Some(http2) = &message.http2 {
        attributes.push(("stream", &http2.stream));
        if http2.is_pushed {
            attributes.push(("pushed", &1));
        }
        if let Some(code) = &http2.reset {
            attributes.push(("reset", code));
        }
        for (name, count) in [("unknown_fields", &http2.unknown_fields), ("fields_left_out", &http2.left_out)]
        {
            if *count > 0 {
                attributes.push((name, count));
            }
        }
    }
    if let Some(grpc) = &message.grpc {
        attributes.push(("grpc_messages", &grpc.messages));
        for (name, text) in [("grpc_status", &grpc.status), ("grpc_message", &grpc.message)] {
            if let Some(text) = text {
                attributes.push((name, text));
            }
        }
    }
    if let Some(websocket) = &message.websocket {
        attributes.push(("websocket_messages", &websocket.messages));
        attributes.push(("control_frames", &websocket.control_frames));
        if let Some(code) = &websocket.close {
            attributes.push(("close", code));
        }
    }
    xml.empty(name, &attributes);
}

/// The name of the attribute with the number of the other message of an exchange.
fn other_message(message: &Message) -> &'static str {
    match message.role {
        Role::Client => "response",
        Role::Server => "request",
    }
}

/// The messages of a flow for the JSON lines: what the report in DFXML says, with its words.
pub(super) fn json(http: &HttpFindings, of: Option<&FileFacts>) -> Value {
    json!({
        "tunnel": http.is_tunnel,
        "given_up": http.is_given_up,
        "not_listed": http.omitted,
        "messages": http.messages.iter().map(|message| message_json(message, of)).collect::<Vec<_>>(),
    })
}

fn message_json(message: &Message, of: Option<&FileFacts>) -> Value {
    let start = match &message.head.start {
        Start::Request { method, target } => json!({ "method": method, "target": target.as_str() }),
        Start::Response { status, reason } => json!({ "status": status, "reason": reason }),
    };
    let range = |range: &std::ops::Range<u64>| [range.start, range.end];
    let mut line = json!({
        "number": message.number,
        "url": message.exchange.url,
        "start": start,
        "host": message.head.host(),
        "version": message.head.version,
        "head": range(&message.head_range),
        "framing": message.framing.name(),
        "type": message.media_type(),
        "codings": message.codings.iter().map(|coding| coding.name()).collect::<Vec<_>>(),
        "body": message.raw_length,
        "runs": message.runs.listed.iter().map(range).collect::<Vec<_>>(),
        "runs_not_listed": message.runs.omitted,
        "decoded": message.decoded_length,
        "missing": message.missing,
        "complete": message.complete,
        "anomalies": message.anomalies.iter().map(|anomaly| anomaly.name()).collect::<Vec<_>>(),
        "error": message.decode_error,
        "suggested_name": message.suggested_name,
        "first": message.first_time.map(|time| Utc(time).to_string()),
        "last": message.last_time.map(|time| Utc(time).to_string()),
        "parts_not_saved": message.parts_omitted,
        "http2": message.http2.map(|http2| json!({
            "stream": http2.stream, "pushed": http2.is_pushed, "reset": http2.reset,
            "unknown_fields": http2.unknown_fields, "fields_left_out": http2.left_out,
        })),
        "grpc": message.grpc.as_ref().map(|grpc| json!({
            "messages": grpc.messages, "status": grpc.status, "message": grpc.message,
        })),
        "websocket": message.websocket.map(|websocket| json!({
            "messages": websocket.messages, "control_frames": websocket.control_frames, "close": websocket.close,
        })),
        "files": message.files.iter().map(|file| file_json(file, of)).collect::<Vec<_>>(),
    });
    if let Some(line) = line.as_object_mut() {
        line.insert(other_message(message).to_owned(), message.exchange.other.into());
    }
    line
}

fn file_json(file: &BodyFile, of: Option<&FileFacts>) -> Value {
    let part = file.kind.part();
    let digests: Map<String, Value> =
        file.digests.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    json!({
        "name": file.name, "size": file.size, "time": file.time.map(|time| Utc(time).to_string()), "part": part, "complete": file.complete, "digests": digests,
        "field": file.field, "suggested_name": file.suggested_name, "original_name": original_name(file, of),
    })
}
