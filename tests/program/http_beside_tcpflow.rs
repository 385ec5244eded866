//! HTTP bodies beside those of Debian's `tcpflow -e http`: wherever both save one, its number, its ending and its
//! bytes are the same. Where tcpflow is wrong the capture is listed with its reason; one that is listed and does not
//! differ any more fails the test. Bodies that tcpflow does not find at all are none of its business.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tapflow_tests::answers::{Capture, corpus, own_captures};
use tapflow_tests::not_tested;
use tapflow_tests::program::{self, is_installed};

const TAPFLOW: &str = env!("CARGO_BIN_EXE_tapflow");
const LIMIT: Duration = Duration::from_secs(60);

/// Captures in which bodies differ, and why.
const DIFFERENT: [(&str, &str); 6] = [
    ("bro-connect-with-smtp", "tcpflow takes what is in a tunnel for a body"),
    ("bro-x-gzip", "tcpflow does not know x-gzip"),
    ("http-head", "tcpflow takes the response behind that to HEAD for its body"),
    (
        "pcapplusplus-650HttpResponses",
        "bytes are missing: tcpflow decodes zeros in their place, and takes the response behind that to HEAD for its body",
    ),
    ("wire-qinq", "tcpflow does not see the tag of the service VLAN, which names have here"),
    ("pcapplusplus-input", "tcpflow takes padding of Ethernet for payload"),
];

/// Bodies by flow and number: their ending and bytes.
type Bodies = BTreeMap<String, (String, Vec<u8>)>;

fn bodies(program: Command, capture: &Path) -> Bodies {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["-e".as_ref(), "http".as_ref(), "-r".as_ref(), capture.as_os_str()];
    let finished = program::finish(program, arguments, directory.path(), None, LIMIT);
    assert!(!finished.timed_out, "{}", capture.display());
    let files = program::tree(directory.path()).into_iter();
    let bodies = files.filter(|(name, _)| name.contains("-HTTPBODY-"));
    bodies
        .map(|(name, left)| {
            let at = name.find("-HTTPBODY-").unwrap() + "-HTTPBODY-001".len();
            (name[..at].to_owned(), (name[at..].to_owned(), left.bytes))
        })
        .collect()
}

/// What differs, and how many bodies are the same.
fn compare(capture: &Path) -> (Vec<String>, usize) {
    let [ours, theirs] =
        [program::command(TAPFLOW), Command::new("tcpflow")].map(|program| bodies(program, capture));
    let (mut different, mut same) = (Vec::new(), 0);
    for (name, (their_ending, their_bytes)) in theirs {
        match ours.get(&name) {
            None => different.push(format!("only tcpflow has {name}")),
            Some((_, bytes)) if *bytes != their_bytes => different.push(format!("{name} has other bytes")),
            // tcpflow knows few types; of those with several endings it takes another one here and there.
            Some((ending, _))
                if *ending != their_ending && !their_ending.is_empty() && their_ending != ".m4v" =>
            {
                different.push(format!("{name}{ending} ends in {their_ending}"));
            }
            Some(_) => same += 1,
        }
    }
    (different, same)
}

#[test]
fn bodies_are_those_of_tcpflow() {
    if !is_installed("tcpflow") {
        not_tested("what tcpflow does: it is not installed (apt-get install tcpflow)");
        return;
    }
    let mut captures = Capture::all(&own_captures());
    match corpus() {
        Some(corpus) => captures.extend(Capture::all(&corpus.join("captures"))),
        None => not_tested("the corpus is not beside the repository and TAPFLOW_CORPUS does not name it"),
    }
    captures.retain(|capture| capture.needs.is_empty() && is_http(&capture.path));
    let found = program::on_all_processors(&captures, |capture| compare(&capture.path));
    let (mut faults, mut same) = (Vec::new(), 0);
    for (capture, (different, count)) in captures.iter().zip(found) {
        same += count;
        let known = DIFFERENT.iter().find(|(name, _)| *name == capture.name);
        match known {
            None => faults.extend(different.iter().map(|words| format!("{}: {words}", capture.name))),
            Some((name, reason)) if different.is_empty() => {
                faults.push(format!("{name} does not differ, although: {reason}"))
            }
            Some(_) => {}
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(same > 10, "{same} bodies are the same");
}

/// Whether a capture's bytes show HTTP at all: the others need not be run.
fn is_http(path: &Path) -> bool {
    std::fs::read(path).unwrap().windows(7).any(|bytes| bytes == b"HTTP/1.")
}
