//! Captures give exactly the bytes that other tools found in them: those of this repository, and those of
//! the corpus (`TAPFLOW_CORPUS`) where it is there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tapflow_common::input::{self};
use tapflow_core::{Config, FragmentStorage, Reassembler, Storage};
use tapflow_tests::answers::{Answer, Capture, EXCEPTIONS, Flows, corpus, own_captures, sha256};
use tapflow_tests::not_tested;
use tapflow_tests::recorder::Recorder;
use tapflow_tests::{KEY, with};

/// The flows with data that the core finds in a capture, whatever error ends the file.
fn flows_of(path: &Path, ignore_encapsulation: bool) -> Flows {
    let mut source = input::open(path, Arc::new(AtomicBool::new(false))).unwrap();
    let config = with(Config::new(KEY), |c| c.ignore_encapsulation = ignore_encapsulation);
    let storage =
        Storage::heap(100_000, 100_000).unwrap().with_fragments(FragmentStorage::heap(1000).unwrap());
    let mut core = Reassembler::new(config, storage).unwrap();
    let mut sink = Recorder::default();
    while let Ok(Some(packet)) = source.next() {
        let Ok(()) = core.push(&packet.frame, &mut sink);
    }
    let Ok(()) = core.finish(&mut sink);
    let mut flows = Flows::new();
    for record in sink.flows.values().filter(|record| !record.bytes.is_empty()) {
        let key = &record.opened.key;
        let key =
            (key.source.to_string(), key.source_port, key.destination.to_string(), key.destination_port);
        let bytes: Vec<u8> = record.bytes.iter().map(|byte| byte.unwrap_or(0)).collect();
        let length = bytes.len() as u64;
        let mut gaps = record.gaps.clone();
        gaps.retain(|gap| gap.start < length);
        gaps.sort_by_key(|gap| gap.start);
        flows.entry(key.clone()).or_default().push(Answer { key, length, sha256: sha256(&bytes), gaps });
    }
    flows
}

fn differences(capture: &Capture) -> Vec<String> {
    let (expected, found) = (capture.by_key(), flows_of(&capture.path, capture.encapsulation_varies));
    let mut differences = Vec::new();
    for key in expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key))) {
        let (expected, found) = (expected.get(key), found.get(key));
        if expected != found {
            differences
                .push(format!("{}: {key:?}\n  expected {expected:?}\n  found    {found:?}", capture.name));
        }
    }
    differences
}

#[test]
fn of_the_corpus() {
    let Some(corpus) = corpus() else {
        not_tested("the corpus is not beside the repository and TAPFLOW_CORPUS does not name it");
        return;
    };
    let captures = Capture::all(&corpus.join("captures"));
    let ordinary: Vec<_> = captures.iter().filter(|capture| capture.is_decoded()).collect();
    assert!(ordinary.len() > 100, "the corpus is there");
    let (exceptions, exact): (Vec<_>, Vec<_>) =
        ordinary.into_iter().partition(|capture| EXCEPTIONS.iter().any(|(name, ..)| *name == capture.name));
    for capture in exceptions {
        let (_, flows, reason) = EXCEPTIONS.iter().find(|(name, ..)| *name == capture.name).unwrap();
        let found = flows_of(&capture.path, false);
        assert_eq!(found.len(), *flows, "{}: {reason}", capture.name);
    }
    let differences: Vec<_> = exact.into_iter().flat_map(differences).collect();
    assert!(differences.is_empty(), "{} flows differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn of_this_repository() {
    let mut captures = Capture::all(&own_captures());
    captures.retain(Capture::is_decoded);
    assert!(captures.len() > 50, "the captures are there");
    let differences: Vec<_> = captures.iter().flat_map(differences).collect();
    assert!(differences.is_empty(), "{} flows differ:\n{}", differences.len(), differences.join("\n"));
}

/// What carries no TCP payload gives no flow with data, no panic and no hang.
#[test]
fn malformed_captures_give_no_data() {
    let Some(corpus) = corpus() else {
        not_tested("malformed captures: there is no corpus");
        return;
    };
    let files: Vec<_> =
        std::fs::read_dir(corpus.join("malformed")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 100, "the corpus is there");
    for file in files {
        assert_eq!(flows_of(&file, false), Flows::new(), "{}", file.display());
    }
}
