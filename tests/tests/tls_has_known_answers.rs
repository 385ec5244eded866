//! Captures with key logs give exactly the plaintext that other programs sent or found in them: those of `tests/data/tls`,
//! and those of other projects (`TAPFLOW_KEYS`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tapflow_common::input::{self, Secrets};
use tapflow_common::tls::{Facts, KeyLog, Limits, Output, Source, decrypt, recognise};
use tapflow_core::{Config, FragmentStorage, Reassembler, Storage};
use tapflow_tests::KEY;
use tapflow_tests::answers::{keys, own_captures, sha256};
use tapflow_tests::not_tested;
use tapflow_tests::recorder::{Record, Recorder};

/// The bytes of a flow.
#[derive(Default)]
struct Bytes {
    bytes: Vec<u8>,
    gaps: Vec<Range<u64>>,
}

impl Bytes {
    fn new(record: &Record) -> Self {
        let mut gaps = record.gaps.clone();
        gaps.sort_by_key(|gap| gap.start);
        Self { bytes: record.bytes.iter().map(|byte| byte.unwrap_or(0)).collect(), gaps }
    }
}

impl Source for Bytes {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn next_gap(&self, offset: u64) -> Range<u64> {
        let end = self.len();
        let gap = self.gaps.iter().find(|gap| gap.end > offset);
        gap.map_or(end..end, |gap| gap.start.min(end)..gap.end.min(end))
    }

    fn read(&self, range: Range<u64>) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes[range.start as usize..range.end as usize])
    }
}

/// The plaintext of a connection: each record with its place.
#[derive(Default)]
struct Plaintext([Vec<(Range<u64>, Vec<u8>)>; 2]);

impl Plaintext {
    fn joined(&self, side: usize) -> Vec<u8> {
        self.0[side].iter().flat_map(|(_, text)| text.iter().copied()).collect()
    }
}

impl Output for Plaintext {
    fn data(&mut self, side: usize, record: Range<u64>, plain: &[u8]) {
        self.0[side].push((record, plain.to_vec()));
    }

    fn gap(&mut self, _side: usize, _wire: Range<u64>, _length: u64, _is_exact: bool) {}
}

/// A connection as it was captured.
struct Connection {
    /// Source, port, destination and port of the first flow.
    key: (String, u16, String, u16),
    sides: [Bytes; 2],
}

impl Connection {
    fn read(&self, log: &mut KeyLog) -> Option<(Facts, Plaintext)> {
        let (mut plaintext, mut learned) = (Plaintext::default(), Vec::new());
        let sources = [&self.sides[0] as &dyn Source, &self.sides[1]];
        let start = recognise(sources)?;
        let mut learn = |id: &[u8], master: &_| learned.push((id.to_vec(), Clone::clone(master)));
        let facts = decrypt(sources, start, log, Limits::default(), &mut plaintext, &mut learn);
        learned.iter().for_each(|(id, master)| log.learn(id, master));
        Some((facts, plaintext))
    }
}

/// The connections of a capture, and its secrets with those of its key log.
fn open(capture: &Path) -> (Vec<Connection>, KeyLog) {
    let brought = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&brought);
    let mut source = input::open(capture, Arc::new(AtomicBool::new(false))).unwrap();
    source.keep_secrets(Secrets(Arc::new(move |text: &[u8]| sink.lock().unwrap().push(text.to_vec()))));
    let storage = Storage::heap(10_000, 10_000).unwrap().with_fragments(FragmentStorage::heap(1000).unwrap());
    let mut core = Reassembler::new(Config::new(KEY), storage).unwrap();
    let mut recorder = Recorder::default();
    while let Ok(Some(packet)) = source.next() {
        let Ok(()) = core.push(&packet.frame, &mut recorder);
    }
    let Ok(()) = core.finish(&mut recorder);
    let mut sessions = BTreeMap::<u64, Vec<&Record>>::new();
    for record in recorder.flows.values() {
        sessions.entry(record.opened.session).or_default().push(record);
    }
    let connections = sessions.values().map(|flows| {
        let key = &flows[0].opened.key;
        let bytes = |index: usize| flows.get(index).map(|record| Bytes::new(record)).unwrap_or_default();
        Connection {
            key: (key.source.to_string(), key.source_port, key.destination.to_string(), key.destination_port),
            sides: [bytes(0), bytes(1)],
        }
    });
    let mut log = KeyLog::default();
    brought.lock().unwrap().iter().for_each(|text| log.add(text));
    if let Ok(text) = std::fs::read(capture.with_extension("keys")) {
        log.add(&text);
    }
    (connections.collect(), log)
}

/// The captures of a folder with answers, each with them.
fn answered(folder: &Path) -> Vec<(PathBuf, Value)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".answers.json") else { continue };
        let captures = ["pcap", "pcapng", "cap"].map(|ending| folder.join(format!("{stem}.{ending}")));
        let capture = captures.into_iter().find(|capture| capture.exists()).unwrap();
        found.push((capture, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()));
    }
    found.sort_by(|(first, _), (second, _)| first.cmp(second));
    found
}

#[test]
fn plaintext_is_what_the_endpoints_sent() {
    let captures = answered(&own_captures().join("tls"));
    assert_eq!(captures.len(), 9);
    for (capture, answers) in captures {
        let name = capture.file_stem().unwrap().to_string_lossy().into_owned();
        let (connections, mut log) = open(&capture);
        assert!(!log.is_empty(), "{name}");
        for connection in &connections {
            let (facts, plaintext) = connection.read(&mut log).unwrap();
            assert_eq!(facts.reason, None, "{name}");
            assert_eq!(facts.version.unwrap().to_string(), answers["version"], "{name}");
            assert_eq!(facts.suite.unwrap().name(), answers["suite"], "{name}");
            for (side, field) in [(facts.client, "client"), (1 - facts.client, "server")] {
                let text = plaintext.joined(side);
                if let Some(expected) = answers[field]["sha256"].as_str() {
                    assert_eq!(sha256(&text), expected, "{name} {field}");
                }
                let end = &answers["server_ends_with"];
                if let ("server", Some(length)) = (field, end["length"].as_u64()) {
                    assert_eq!(sha256(&text[text.len() - length as usize..]), end["sha256"], "{name}");
                }
            }
        }
    }
}

#[test]
fn facts_of_a_connection_are_those_of_its_handshake() {
    let (connections, mut log) = open(&own_captures().join("tls/tls12-cbc-sha384.pcap"));
    let (facts, _) = connections[0].read(&mut log).unwrap();
    assert_eq!(facts.hello.as_ref().unwrap().server_name().as_deref(), Some("tls.example"));
    let [certificate] = facts.server_certificates.as_slice() else { panic!("one certificate") };
    assert_eq!(certificate.subject.as_deref(), Some("tls.example"));
    assert_eq!(certificate.names, ["tls.example", "www.tls.example"]);
    let (connections, mut log) = open(&own_captures().join("tls/tls13-key-update.pcap"));
    let (facts, _) = connections[0].read(&mut log).unwrap();
    assert_eq!(facts.sides[facts.client].updates, 4);
    assert!(facts.sides[1 - facts.client].updates > 0);
    let (connections, mut log) = open(&own_captures().join("tls/tls12-resumed.pcap"));
    let resumed = connections.iter().map(|connection| connection.read(&mut log).unwrap().0.resumed);
    assert_eq!(resumed.collect::<Vec<_>>(), [false, true]);
}

/// The records of a direction that are complete beside holes: all but those that a hole is in, or, where `before` bytes
/// of what comes before a record are needed, also those behind it.
fn complete(whole: &[(Range<u64>, Vec<u8>)], hole: &Range<u64>, before: u64) -> Vec<(Range<u64>, Vec<u8>)> {
    let is_complete = |(range, _): &&(Range<u64>, Vec<u8>)| {
        range.end <= hole.start || range.start.saturating_sub(before) >= hole.end
    };
    whole.iter().filter(is_complete).cloned().collect()
}

#[test]
fn behind_a_hole_every_complete_record_is_read_and_nothing_is_wrong() {
    for (capture, answers) in answered(&own_captures().join("tls")) {
        let (mut connections, mut log) = open(&capture);
        // The first one of several has the secrets.
        let mut connection = connections.remove(0);
        let (facts, whole) = connection.read(&mut log).unwrap();
        let before = if answers["version"] == "TLS 1.0" { 64 } else { 0 };
        for side in [0, 1] {
            // The handshake up to TLS 1.2 cannot do without its first messages.
            let Some((first, _)) = whole.0[side].first() else { continue };
            let length = connection.sides[side].len();
            for start in (first.start..length).step_by(151) {
                let hole = start..(start + 300).min(length);
                connection.sides[side].gaps = vec![hole.clone()];
                let (_, found) = connection.read(&mut log).unwrap();
                connection.sides[side].gaps = Vec::new();
                let expected = complete(&whole.0[side], &hole, before);
                let places: Vec<_> = found.0[side].iter().map(|(range, _)| range.start).collect();
                let all: Vec<_> = expected.iter().map(|(range, _)| range.start).collect();
                // A record in TLS 1.0 may be read although bytes before its last block are missing.
                let is_right = found.0[side].iter().all(|record| whole.0[side].contains(record));
                assert!(
                    is_right && all.iter().all(|place| places.contains(place)),
                    "{capture:?} {side} {hole:?} {facts:?}"
                );
            }
        }
    }
}

/// Suites that are not supported: no maintained crate has SEED, and RC2 was only in suites weakened for export.
fn is_unsupported(suite: &Value) -> bool {
    suite.as_str().is_some_and(|suite| suite.contains("_SEED_") || suite.contains("_RC2_"))
}

/// Captures in which no program can find anything: in TLS 1.2 keys come from the server's random, which is in its hello
/// and in no key log. This one begins behind it.
const UNREADABLE: &str = "rec-tls12-aes128-ccm-cutin";

/// The differences of a direction, and how many plaintexts or records were compared.
fn compare(answer: &Value, records: &[(Range<u64>, Vec<u8>)]) -> (Option<String>, u64) {
    let text: Vec<u8> = records.iter().flat_map(|(_, text)| text.iter().copied()).collect();
    if let Some(left) = answer["left"].as_array() {
        let mut digests: Vec<_> = records.iter().map(|(_, text)| sha256(text)).collect();
        let missing = left.iter().filter(|record| {
            let place = digests.iter().position(|digest| record[2] == digest.as_str());
            place.map(|place| digests.remove(place)).is_none()
        });
        let missing: Vec<_> = missing.map(|record| record[0].clone()).collect();
        let difference =
            (!missing.is_empty()).then(|| format!("records {missing:?} of {} are missing", left.len()));
        return (difference, left.len() as u64);
    }
    let is_same =
        answer["length"].as_u64() == Some(0) && text.is_empty() || answer["sha256"] == sha256(&text).as_str();
    ((!is_same).then(|| format!("{} bytes, not {}", text.len(), answer["length"])), 1)
}

#[test]
fn captures_of_other_projects_give_the_plaintext_that_two_programs_found() {
    let Some(folder) = keys() else {
        return not_tested(
            "captures with keys are not beside the repository and TAPFLOW_KEYS does not name them",
        );
    };
    let (mut differences, mut compared) = (Vec::new(), 0);
    for kind in ["tls", "http2", "websocket", "objects"] {
        for (capture, answers) in answered(&folder.join(kind)) {
            let name = capture.file_stem().unwrap().to_string_lossy().into_owned();
            let Some(expected) = answers["tls"].as_array().filter(|list| !list.is_empty()) else { continue };
            if name == UNREADABLE {
                continue;
            }
            let (connections, mut log) = open(&capture);
            // Twice, as one connection may resume the session of another.
            let mut found = Vec::new();
            for _ in 0..2 {
                found = connections.iter().map(|connection| connection.read(&mut log)).collect();
            }
            let mut used = vec![false; connections.len()];
            for answer in expected.iter().filter(|answer| !is_unsupported(&answer["suite"])) {
                let own = |side: &str| {
                    (
                        answer[side].as_str().unwrap().to_owned(),
                        answer[format!("{side}_port")].as_u64().unwrap() as u16,
                    )
                };
                let (client, server) = (own("client"), own("server"));
                let is_own = |connection: &Connection| {
                    let (a, b, c, d) = &connection.key;
                    let ends = [(a.clone(), *b), (c.clone(), *d)];
                    ends.contains(&client) && ends.contains(&server)
                };
                let place =
                    (0..connections.len()).find(|place| !used[*place] && is_own(&connections[*place]));
                let Some(place) = place else {
                    differences.push(format!("{name}: no connection {client:?}"));
                    continue;
                };
                used[place] = true;
                let from_client =
                    usize::from(connections[place].key.0 != client.0 || connections[place].key.1 != client.1);
                for (field, side) in [("c2s", from_client), ("s2c", 1 - from_client)] {
                    let records = found[place].as_ref().map(|(_, plaintext)| plaintext.0[side].clone());
                    let (difference, count) = compare(&answer[field], &records.unwrap_or_default());
                    compared += count;
                    differences.extend(difference.map(|text| format!("{name} {client:?} {field}: {text}")));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    assert!(compared > 1800, "{compared}");
}
