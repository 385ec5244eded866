//! Captures of HTTP/2, gRPC and WebSocket in the clear give what was sent (`tests/data/http2`), or what two other tools found
//! in them (`TAPFLOW_KEYS`), and every story of HPACK its fields.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tapflow_common::http2::{Field, Hpack};
use tapflow_tests::answers::{keys, own_captures, sha256};
use tapflow_tests::connection::{Connection, records};
use tapflow_tests::not_tested;

/// How often each digest of a kind was found.
type Found = BTreeMap<(&'static str, String), usize>;

/// Everything that the scanner writes of a capture.
fn found(capture: &Path) -> Found {
    let sink = records(capture);
    let mut sessions = BTreeMap::<u64, Vec<_>>::new();
    for record in sink.flows.values() {
        sessions.entry(record.opened.session).or_default().push(record);
    }
    let mut found = Found::new();
    for session in sessions.values() {
        for (name, bytes) in Connection::new(session).scan().bodies {
            let kind =
                ["-GRPC-", "-WS-", "-HTTPREQ-", "-HTTPBODY-"].into_iter().find(|kind| name.starts_with(kind));
            *found.entry((kind.expect("a known name"), sha256(&bytes))).or_default() += 1;
        }
    }
    found
}

/// Takes one of these digests out, if it was found.
fn take(found: &mut Found, kind: &'static str, digests: &[&Value]) -> bool {
    digests.iter().filter_map(|digest| digest.as_str()).any(|digest| {
        let count = found.get_mut(&(kind, digest.to_owned())).filter(|count| **count > 0);
        count.map(|count| *count -= 1).is_some()
    })
}

/// What is to be found in a capture: kind, digests of which one is enough, and where it is.
fn expected(answers: &Value) -> Vec<(&'static str, Vec<&Value>, String)> {
    let mut expected = Vec::new();
    let list = |value: &'_ Value| value.as_array().map_or(0, Vec::len);
    for connection in (0..list(&answers["http2"])).map(|index| &answers["http2"][index]) {
        for stream in connection["streams"].as_array().unwrap() {
            for (kind, side) in [("-HTTPREQ-", "request"), ("-HTTPBODY-", "response")] {
                let message = &stream[side];
                let place = format!("stream {} {side}", stream["stream"]);
                let is_whole = message["whole"].as_bool().unwrap_or(true);
                if let Some(messages) = message["grpc"]["messages"].as_array() {
                    for own in messages
                        .iter()
                        .filter(|own| is_whole && own["trailer"] == false && own["length"] != 0)
                    {
                        expected.push((
                            "-GRPC-",
                            vec![&own["decoded_sha256"], &own["sha256"]],
                            place.clone(),
                        ));
                    }
                    continue;
                }
                let is_variant = message["whole"].is_boolean();
                let is_there = if is_variant {
                    is_whole
                } else {
                    message["complete"] == true && message["decoded"] == true
                };
                if is_there && message["decoded_length"] != 0 {
                    let mut digests = vec![&message["decoded_sha256"]];
                    digests.extend(is_variant.then_some(&message["sha256"]));
                    expected.push((kind, digests, place));
                }
            }
        }
    }
    for connection in (0..list(&answers["websocket"])).map(|index| &answers["websocket"][index]) {
        for side in ["c2s", "s2c"] {
            for message in connection[side].as_array().unwrap() {
                let is_message = message["opcode"] == 1 || message["opcode"] == 2;
                if is_message && message["length"] != 0 {
                    expected.push(("-WS-", vec![&message["sha256"]], side.to_owned()));
                }
            }
        }
    }
    // Those with a choice come last.
    expected.sort_by_key(|(_, digests, _)| digests.len());
    expected
}

#[test]
fn of_our_own_captures() {
    let mut compared = 0;
    for entry in fs::read_dir(own_captures().join("http2")).unwrap() {
        let answers = entry.unwrap().path();
        if answers.extension().is_none_or(|ending| ending != "bodies") {
            continue;
        }
        let mut found = found(&answers.with_extension("pcap"));
        found.retain(|_, count| *count > 0);
        let mut expected = Found::new();
        for line in fs::read_to_string(&answers).unwrap().lines() {
            let (digest, kind) = line.split_once(' ').unwrap();
            let kind =
                ["-WS-", "-HTTPREQ-", "-HTTPBODY-"].into_iter().find(|known| known.trim_matches('-') == kind);
            *expected.entry((kind.unwrap(), digest.to_owned())).or_default() += 1;
            compared += 1;
        }
        assert_eq!(found, expected, "{}", answers.display());
    }
    assert!(compared > 20, "{compared}");
}

/// Digests that the multiset of the answers counts twice: a body that is right coded or decoded may be the decoded body of
/// another stream.
const EXCEPTIONS: [(&str, usize); 1] = [("h2-codings-b-cutin20", 1)];

#[test]
fn of_captures_in_the_clear() {
    let Some(folder) = keys() else {
        not_tested("captures with keys are not beside the repository and TAPFLOW_KEYS does not name them");
        return;
    };
    let (mut missing, mut compared) = (Vec::new(), 0);
    for entry in ["http2", "websocket"].iter().flat_map(|kind| fs::read_dir(folder.join(kind)).unwrap()) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".answers.json") else { continue };
        let answers: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let is_tls =
            |kind: &str| answers[kind].as_array().is_some_and(|all| all.iter().any(|one| one["tls"] == true));
        if !answers["tls"].is_null() || is_tls("http2") || is_tls("websocket") {
            continue;
        }
        let ending = ["pcap", "pcapng"]
            .into_iter()
            .find(|ending| path.with_file_name(format!("{name}.{ending}")).exists());
        let Some(ending) = ending else { continue };
        let mut found = found(&path.with_file_name(format!("{name}.{ending}")));
        let mut excepted = EXCEPTIONS.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count);
        for (kind, digests, place) in expected(&answers) {
            compared += 1;
            if !take(&mut found, kind, &digests) {
                if excepted > 0 {
                    excepted -= 1;
                    continue;
                }
                missing.push(format!("{name}: {kind} of {place}"));
            }
        }
    }
    assert!(missing.is_empty(), "{} of {compared}:\n{}", missing.len(), missing.join("\n"));
    assert!(compared > 700, "only {compared} were compared");
}

/// The files of a tar archive whose names end so.
fn files<'a>(archive: &'a [u8], ending: &str) -> Vec<(String, &'a [u8])> {
    let (mut files, mut at) = (Vec::new(), 0);
    while let Some(header) = archive.get(at..at + 512).filter(|header| header[0] != 0) {
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&header[range]).trim_end_matches('\0').trim().to_owned()
        };
        let size = usize::from_str_radix(&text(124..136), 8).unwrap();
        let name = text(0..100);
        if name.ends_with(ending) {
            files.push((name, &archive[at + 512..at + 512 + size]));
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<_> = hexadecimal.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A field as a story has it, or what is known of it.
fn is(field: &Field, expected: &Value, has_to_be_known: bool) -> bool {
    let (name, value) = expected.as_object().unwrap().iter().next().unwrap();
    let fits = |own: &Option<std::sync::Arc<[u8]>>, text: &str| match own {
        Some(own) => **own == *text.as_bytes(),
        None => !has_to_be_known,
    };
    fits(&field.name, name) && fits(&field.value, value.as_str().unwrap())
}

#[test]
fn of_the_stories_of_hpack_from_any_block_on() {
    let Some(folder) = keys() else {
        not_tested("captures with keys are not beside the repository and TAPFLOW_KEYS does not name them");
        return;
    };
    let packed = fs::read(folder.join("hpack/hpack-test-case.tar.xz")).unwrap();
    let mut archive = Vec::new();
    std::io::Read::read_to_end(&mut liblzma::read::XzDecoder::new(packed.as_slice()), &mut archive).unwrap();
    let mut blocks = 0;
    for (name, text) in files(&archive, ".json") {
        let story: Value = serde_json::from_slice(text).unwrap();
        let cases: Vec<_> = story["cases"].as_array().unwrap().iter().collect();
        // Uncompressed stories have nothing to decode.
        if cases.iter().any(|case| case["wire"].is_null()) {
            continue;
        }
        let wires: Vec<_> = cases.iter().map(|case| bytes(case["wire"].as_str().unwrap())).collect();
        for start in (0..cases.len()).step_by(1 + cases.len() / 8) {
            let mut hpack = Hpack::new();
            if start > 0 {
                hpack.forget();
            }
            for (case, wire) in cases.iter().zip(&wires).skip(start) {
                let decoded = hpack.decode(wire);
                let expected = case["headers"].as_array().unwrap();
                assert!(
                    decoded.error.is_none() && decoded.fields.len() == expected.len(),
                    "{name} from {start}"
                );
                for (field, expected) in decoded.fields.iter().zip(expected) {
                    assert!(
                        is(field, expected, start == 0),
                        "{name} from {start}: {field:?} is not {expected}"
                    );
                }
                blocks += 1;
            }
        }
    }
    assert!(blocks > 40_000, "{blocks}");
}
