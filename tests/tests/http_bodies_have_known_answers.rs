//! HTTP captures of the corpus (`TAPFLOW_CORPUS`) give exactly the bodies that other tools found in them.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::Value;
use tapflow_tests::answers::{corpus, sha256};
use tapflow_tests::connection::{Connection, records};
use tapflow_tests::not_tested;
use tapflow_tests::recorder::Record;

/// Source, its port, destination, its port, and the how-manieth connection.
type Key = (String, u64, String, u64, usize);

/// Responses in which tapflow has reason to differ from the answers: capture, port of the client, number, why.
const EXCEPTIONS: [(&str, u64, u64, &str); 1] = [(
    "pcapplusplus-650HttpResponses",
    61222,
    1,
    "only the server's side was captured; what follows the head is the head of the next response, so this one \
     answers HEAD and has no body",
)];

/// The differences of a capture, and how many responses were compared.
fn compare(path: &std::path::Path, answers: &Value) -> (Vec<String>, usize) {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let sink = records(path);
    // Of each flow that is a server's, what was found in its connection.
    let mut sessions = BTreeMap::<u64, Vec<&Record>>::new();
    for record in sink.flows.values() {
        sessions.entry(record.opened.session).or_default().push(record);
    }
    let mut flows = BTreeMap::<Key, (u64, usize)>::new();
    let mut counts = BTreeMap::new();
    for record in sink.flows.values().filter(|record| !record.bytes.is_empty()) {
        let key = &record.opened.key;
        let addresses =
            (key.source.to_string(), key.source_port, key.destination.to_string(), key.destination_port);
        let count: &mut usize = counts.entry(addresses.clone()).or_default();
        let key = (addresses.0, u64::from(addresses.1), addresses.2, u64::from(addresses.3), *count);
        *count += 1;
        let of_session = &sessions[&record.opened.session];
        let index = of_session.iter().position(|other| std::ptr::eq(*other, record)).unwrap();
        flows.insert(key, (record.opened.session, index));
    }
    let (mut differences, mut compared) = (Vec::new(), 0);
    for flow in answers["http"].as_array().unwrap() {
        let text = |field: &str| flow[field].as_str().unwrap().to_owned();
        let number = |field: &str| flow[field].as_u64().unwrap();
        let key = (text("src"), number("sport"), text("dst"), number("dport"), number("connection") as usize);
        let Some((session, server)) = flows.get(&key) else {
            differences.push(format!("{name}: no flow {key:?}"));
            continue;
        };
        let connection = Connection::new(&sessions[session]);
        let kept = connection.scan();
        let is_server = kept.scanned.as_ref().is_some_and(|scanned| scanned.client == 1 - server);
        if !is_server {
            differences.push(format!("{name}: {key:?} is not told to be a server's"));
            continue;
        }
        for answer in flow["responses"].as_array().unwrap() {
            compared += 1;
            let n = answer["n"].as_u64().unwrap();
            if EXCEPTIONS
                .iter()
                .any(|(capture, port, number, _)| (*capture, *port, *number) == (&name, key.3, n))
            {
                assert!(kept.bodies.iter().all(|(name, _)| !name.starts_with("-HTTPBODY-001")));
                let (name, bytes) = &kept.bodies[0];
                assert!(name == "-HTTPBODY-002.html" && bytes.len() == 689 && bytes.starts_with(b"<HTML>"));
                continue;
            }
            let found = kept.messages.iter().find(|m| m.head.status().is_some() && m.number == n);
            let Some(message) = found else {
                differences.push(format!("{name} {}: no response {n}: {answer}", key.1));
                continue;
            };
            let stream = &connection.streams[*server];
            let mut raw = Vec::new();
            for run in &message.runs.listed {
                raw.extend_from_slice(&stream[run.start as usize..run.end as usize]);
            }
            let body = kept.bodies.iter().find(|(name, _)| name.starts_with(&format!("-HTTPBODY-{n:03}")));
            let body = body.map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
            let mut wrong = Vec::new();
            if answer["status"].as_u64() != message.head.status().map(u64::from) {
                wrong.push(format!("status {:?}", message.head.status()));
            }
            if answer["raw_sha256"] != sha256(&raw) {
                wrong.push(format!("raw {} bytes", raw.len()));
            }
            let is_right = if message.missing > 0 && message.missing == message.raw_length {
                // Nothing of it was captured, and there is no file of zeros.
                body.is_empty()
            } else if message.missing > 0 && !message.codings.is_empty() {
                // The answers decode zeros where bytes are missing. What comes before the hole must be right.
                is_decoded_before_the_hole(body, &raw)
            } else {
                answer["dec_sha256"] == sha256(body)
            };
            if !is_right {
                let anomalies: Vec<_> = message.anomalies.iter().collect();
                wrong.push(format!("body {} bytes {anomalies:?}", body.len()));
            }
            if !wrong.is_empty() {
                differences.push(format!(
                    "{name} {}->{}: {wrong:?}\n   {answer}\n   {:?}",
                    key.1, key.3, message.head
                ));
            }
        }
    }
    (differences, compared)
}

/// The body is what gzip gives up to the first missing byte, or the coded bytes where it gives nothing.
fn is_decoded_before_the_hole(body: &[u8], raw: &[u8]) -> bool {
    let mut all = Vec::new();
    let _ = flate2::read::MultiGzDecoder::new(raw).read_to_end(&mut all);
    (!body.is_empty() && all.starts_with(body)) || raw.starts_with(body)
}

#[test]
fn of_the_corpus() {
    let Some(corpus) = corpus() else {
        not_tested("the corpus is not beside the repository and TAPFLOW_CORPUS does not name it");
        return;
    };
    let (mut differences, mut captures, mut responses) = (Vec::new(), 0, 0);
    for entry in std::fs::read_dir(corpus.join("captures")).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_stem().map(|name| name.to_string_lossy().into_owned()) else { continue };
        let answers = path.with_file_name(format!("{name}.answers.json"));
        if path.extension().is_some_and(|ending| ending == "json") || !answers.exists() {
            continue;
        }
        let answers: Value = serde_json::from_str(&std::fs::read_to_string(answers).unwrap()).unwrap();
        let has_http = answers["http"].as_array().is_some_and(|flows| !flows.is_empty());
        if !has_http {
            continue;
        }
        captures += 1;
        let (found, compared) = compare(&path, &answers);
        differences.extend(found);
        responses += compared;
    }
    assert!(
        differences.is_empty(),
        "{} of {responses} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
    assert!(captures > 50 && responses > 900, "{captures} captures, {responses} responses");
}
