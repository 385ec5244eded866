//! What a report says of TLS: the connection, at each of its flows, and an object for each plaintext.

use std::fmt::Display;

use serde_json::{Value, json};

use super::dfxml::ranges;
use super::http;
use super::xml::{Shown, Xml};
use crate::format::{Utc, count};
use crate::scan::FinishedFlow;
use crate::scan::tls::{Certificate, Derived, TlsCounts, TlsFindings};

/// The connection as a flow of it shows it.
pub(super) fn facts(xml: &mut Xml, found: &TlsFindings) {
    let (facts, side) = (&found.facts, &found.facts.sides[found.side]);
    let hello = facts.hello.as_ref();
    let offered = hello.filter(|_| found.is_client);
    let suite = facts.suite.map(|suite| suite.name());
    let name = hello.and_then(|hello| hello.server_name());
    let [ja3, ja4] = [offered.map(|hello| hello.ja3()), offered.map(|hello| hello.ja4())];
    let (decrypted, resumed) = (u8::from(side.decrypted > 0), u8::from(facts.resumed));
    let reason = facts.reason.map(|reason| reason.text());
    let mut attributes: Vec<(&str, &dyn Display)> = Vec::new();
    let texts: [(&str, Option<&dyn Display>); 6] = [
        ("version", facts.version.as_ref().map(|version| version as &dyn Display)),
        ("suite", suite.as_ref().map(|suite| suite as &dyn Display)),
        ("sni", name.as_ref().map(|name| name as &dyn Display)),
        ("alpn", facts.protocol.as_ref().map(|protocol| protocol as &dyn Display)),
        ("ja3", ja3.as_ref().map(|ja3| ja3 as &dyn Display)),
        ("ja4", ja4.as_ref().map(|ja4| ja4 as &dyn Display)),
    ];
    attributes.extend(texts.into_iter().filter_map(|(name, value)| Some((name, value?))));
    attributes.push(("decrypted", &decrypted));
    if facts.resumed {
        attributes.push(("resumed", &resumed));
    }
    let numbers = [
        ("early_records", side.early),
        ("renegotiations", if found.is_client { facts.renegotiations } else { 0 }),
        ("records", side.decrypted),
        ("data_records", side.data_records),
        ("key_updates", side.updates),
        ("records_lost", side.lost),
        ("records_refused", side.refused),
    ];
    attributes.extend(
        numbers
            .iter()
            .filter(|(_, number)| *number > 0)
            .map(|(name, number)| (*name, number as &dyn Display)),
    );
    if let Some(reason) = &reason {
        attributes.push(("not_decrypted", reason));
    }
    let certificates = certificates(found);
    if certificates.is_empty() {
        xml.empty("tcpflow:tls", &attributes);
        return;
    }
    xml.open("tcpflow:tls", &attributes);
    for certificate in certificates {
        let names = certificate.names.join(" ");
        let mut attributes: Vec<(&str, &dyn Display)> = vec![("sha256", &certificate.sha256)];
        if let Some(subject) = &certificate.subject {
            attributes.push(("subject", subject));
        }
        if let Some(issuer) = &certificate.issuer {
            attributes.push(("issuer", issuer));
        }
        if !names.is_empty() {
            attributes.push(("names", &names));
        }
        xml.empty("tcpflow:certificate", &attributes);
    }
    xml.close("tcpflow:tls");
}

/// The certificates that a flow has sent.
fn certificates(found: &TlsFindings) -> &[Certificate] {
    if found.is_client { &found.facts.client_certificates } else { &found.facts.server_certificates }
}

/// The plaintext of a flow. Its runs are offsets in the plaintext and those of their records in the flow's file
/// (`img_offset`).
///
/// `late`: what is known of the connection, where the flow was listed without it.
pub(super) fn plaintext(xml: &mut Xml, derived: &Derived, of: &FinishedFlow, late: Option<&TlsFindings>) {
    let flow = &derived.flow;
    let Some(file) = &flow.file else { return };
    xml.open("fileobject", &[]);
    xml.name_leaf("filename", file.path.as_os_str());
    xml.number_leaf("filesize", file.size);
    xml.plain_leaf("mtime", |text| Utc(flow.facts.opened.time).put(text));
    if derived.omitted > 0 {
        xml.open("byte_runs", &[("tcpflow:runs_not_listed", &derived.omitted)]);
    } else {
        xml.open("byte_runs", &[]);
    }
    for run in &derived.runs {
        let place = of.file.as_ref().map_or(run.wire.start, |file| file.place_of_read(run.wire.start));
        let length = run.plain.end - run.plain.start;
        xml.empty("byte_run", &[("file_offset", &run.plain.start), ("img_offset", &place), ("len", &length)]);
    }
    xml.close("byte_runs");
    for (algorithm, value) in &flow.found.digests {
        xml.leaf("hashdigest", &[("type", algorithm)], value);
    }
    if flow.found.is_undigested {
        xml.empty("tcpflow:no_hashdigest", &[("reason", &"holes")]);
    }
    let name = of.file.as_ref().map(|file| Shown(file.path.as_os_str()).to_string()).unwrap_or_default();
    let opened = &flow.facts.opened;
    let side = if opened.client { "client" } else { "server" };
    let attributes: [(&str, &dyn Display); 4] =
        [("of", &name), ("flow", &flow.facts.number), ("session", &opened.session), ("side", &side)];
    let gaps = flow.gaps.listed();
    if flow.gaps.is_empty() {
        xml.empty("tcpflow:tls_plaintext", &attributes);
    } else {
        xml.open("tcpflow:tls_plaintext", &attributes);
        ranges(xml, "tcpflow:gaps", &gaps);
        if let Some(area) = flow.gaps.unknown() {
            let length = area.end - area.start;
            xml.empty("tcpflow:gaps_unknown", &[("offset", &area.start), ("len", &length)]);
        }
        xml.close("tcpflow:tls_plaintext");
    }
    if let Some(found) = late {
        facts(xml, found);
    }
    if let Some(http) = &flow.found.http {
        http::messages(xml, http);
    }
    xml.close("fileobject");
    if let Some(http) = &flow.found.http {
        http::bodies(xml, http, Some(file));
    }
}

/// The plaintext of a flow that was listed before there were keys.
pub(super) fn late(xml: &mut Xml, found: &TlsFindings, of: &FinishedFlow) {
    if let Some(derived) = &found.derived {
        plaintext(xml, derived, of, Some(found));
    }
}

/// The same as a part of a line of JSON.
pub(super) fn json(found: &TlsFindings) -> Value {
    let (facts, side) = (&found.facts, &found.facts.sides[found.side]);
    let hello = facts.hello.as_ref();
    let offered = hello.filter(|_| found.is_client);
    let certificates: Vec<_> = certificates(found).iter().map(certificate).collect();
    let mut value = json!({
        "version": facts.version.map(|version| version.to_string()),
        "suite": facts.suite.map(|suite| suite.name()),
        "sni": hello.and_then(|hello| hello.server_name()),
        "alpn": facts.protocol,
        "resumed": facts.resumed,
        "decrypted": side.decrypted > 0,
        "records": side.decrypted,
        "data_records": side.data_records,
        "early_records": side.early,
        "key_updates": side.updates,
        "records_lost": side.lost,
        "records_refused": side.refused,
    });
    let mut add = |name: &str, part: Value| {
        if let Value::Object(object) = &mut value {
            object.insert(name.to_owned(), part);
        }
    };
    if let Some(hello) = offered {
        add("ja3", hello.ja3().into());
        add("ja4", hello.ja4().into());
        add("renegotiations", facts.renegotiations.into());
    }
    if found.is_late {
        add("late", true.into());
    }
    if let Some(reason) = facts.reason {
        add("not_decrypted", reason.text().into());
    }
    if !certificates.is_empty() {
        add("certificates", certificates.into());
    }
    if let Some(derived) = &found.derived {
        add("plaintext", plaintext_json(derived));
    }
    value
}

fn certificate(certificate: &Certificate) -> Value {
    json!({
        "sha256": certificate.sha256,
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": certificate.names,
    })
}

fn plaintext_json(derived: &Derived) -> Value {
    let flow = &derived.flow;
    let gaps = flow.gaps.listed();
    let list: Vec<_> = gaps.listed.iter().map(|gap| [gap.start, gap.end]).collect();
    let digests: serde_json::Map<String, Value> = flow
        .found
        .digests
        .iter()
        .map(|(algorithm, value)| ((*algorithm).to_owned(), value.clone().into()))
        .collect();
    json!({
        "name": flow.file.as_ref().map(|file| Shown(file.path.as_os_str()).to_string()),
        "size": flow.file.as_ref().map(|file| file.size),
        "digests": digests,
        "gaps": { "bytes": gaps.bytes, "ranges": list },
        "gaps_unknown": flow.gaps.unknown().map(|area| [area.start, area.end]),
        "http": flow.found.http.as_deref().map(|http| http::json(http, flow.file.as_ref())),
    })
}

/// The counts of a run by name, for reports.
pub(super) fn counts(tls: &TlsCounts) -> impl Iterator<Item = (String, u64)> {
    let counts = [
        ("connections", tls.connections),
        ("decrypted", tls.decrypted),
        ("without_keys", tls.without_keys),
        ("not_decrypted", tls.not_decrypted),
        ("files", tls.files),
        ("records", tls.records),
        ("records_lost", tls.lost),
        ("records_refused", tls.refused),
    ];
    counts.into_iter().map(|(name, count)| (format!("tls_{name}"), count))
}

/// The items of the summary's line.
pub(super) fn summary(tls: &TlsCounts) -> Vec<String> {
    if tls.connections == 0 {
        return Vec::new();
    }
    let mut items = vec![count(tls.connections, "connection"), format!("{} decrypted", tls.decrypted)];
    let rest = [
        (tls.without_keys, "without keys"),
        (tls.not_decrypted, "not decrypted for other reasons"),
        (tls.lost, "records lost in holes"),
        (tls.refused, "records that cannot be opened"),
    ];
    items.extend(
        rest.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")),
    );
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_there_is() {
        let counts = TlsCounts { connections: 12, decrypted: 9, without_keys: 3, ..TlsCounts::default() };
        assert_eq!(summary(&counts).join(", "), "12 connections, 9 decrypted, 3 without keys");
        assert!(summary(&TlsCounts::default()).is_empty());
    }
}
