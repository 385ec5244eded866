//! tapflow beside Debian's `tcpflow`: the same captures, the same options; names, contents and times of
//! files and the bytes on the console are compared. Where tcpflow is wrong, or cannot read a capture, the
//! difference is listed in `side_by_side/differences.rs` with its reason; what is listed there and does
//! not differ any more fails the test.
//!
//! Left out of the comparison: the content of reports (tapflow's are valid by the schema, tcpflow's are
//! not) and standard error. tcpflow cuts times to microseconds, so they are compared as far as that.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[path = "side_by_side/combinations.rs"]
mod combinations;
#[path = "side_by_side/differences.rs"]
mod differences;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use combinations::{COMBINATIONS, Combination, Input, Reach};
use differences::{KNOWN, Kind, Known, NOT_READ};
use tapflow_tests::answers::{Capture, corpus, own_captures};
use tapflow_tests::not_tested;
use tapflow_tests::program::{self, Finished, Tree};
use tapflow_tests::rewrite::{halves, without_padding};

const TAPFLOW: &str = env!("CARGO_BIN_EXE_tapflow");
/// tcpflow runs for ever in some cases; none of those is among the combinations.
const LIMIT: Duration = Duration::from_secs(60);

/// A capture, a combination of options, and what of the two programs differs.
type Found<'c> = (&'c Capture, &'static str, Vec<(Kind, String)>);

#[test]
fn the_same_files_and_console() {
    if !program::is_installed("tcpflow") {
        not_tested("what tcpflow does: it is not installed (apt-get install tcpflow)");
        return;
    }
    let own = ordinary(&own_captures());
    let mut corpus = corpus().map(|corpus| ordinary(&corpus.join("captures"))).unwrap_or_default();
    // tcpflow takes padding for payload, which one capture of ours shows. So many of the corpus have some that they
    // are compared without it.
    let scratch = tempfile::tempdir().unwrap();
    for capture in &mut corpus {
        let directory = scratch.path().join(&capture.name);
        std::fs::create_dir(&directory).unwrap();
        if let Some(path) = without_padding(&capture.path, &directory) {
            capture.path = path;
        }
    }
    if corpus.is_empty() {
        not_tested("the corpus is not beside the repository and TAPFLOW_CORPUS does not name it");
    }
    let work: Vec<(&Capture, &Combination)> = COMBINATIONS
        .iter()
        .flat_map(|combination| {
            let chosen = |capture: &&Capture| is_compared(capture, combination, &own);
            own.iter().chain(&corpus).filter(chosen).map(move |capture| (capture, combination))
        })
        .collect();
    let found: Vec<Found> = program::on_all_processors(&work, |(capture, combination)| {
        (*capture, combination.name, compare(capture, combination))
    });
    let faults = judge(&found, !corpus.is_empty());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Text as tapflow's console prints it: a carriage return that ends no line would let a stream write over what stands
/// there, so it is a dot like other control characters. tcpflow prints it.
fn without_carriage_returns(text: &[u8]) -> Vec<u8> {
    // Between the two there may be the end of a colour.
    let ends_line = |at: usize| {
        text.get(at + 1..).is_some_and(|rest| rest.starts_with(b"\n") || rest.starts_with(b"\x1b[0m\n"))
    };
    let shown = |(at, byte): (usize, &u8)| if *byte == b'\r' && !ends_line(at) { b'.' } else { *byte };
    text.iter().enumerate().map(shown).collect()
}

/// Each of some thousand runs costs milliseconds: captures that differ from others only in what is outside
/// IP get the combinations that run everywhere.
fn is_compared(capture: &Capture, combination: &Combination, own: &[Capture]) -> bool {
    let name = capture.name.as_str();
    if NOT_READ.iter().any(|known| known.names().contains(&name)) {
        return combination.name == COMBINATIONS[0].name;
    }
    let is_own = own.iter().any(|own| own.name == name);
    let is_format = ["link-", "file-", "ng-"].iter().any(|prefix| name.starts_with(prefix));
    match combination.reach {
        Reach::Everywhere => true,
        Reach::Links => is_own,
        Reach::Numbers => is_own && !is_format,
        Reach::Own => is_own && !is_format && name != "tcp-many-flows",
    }
}

fn ordinary(directory: &Path) -> Vec<Capture> {
    Capture::all(directory).into_iter().filter(|capture| capture.needs.is_empty()).collect()
}

/// What is not in the tables, and what is only there.
fn judge(found: &[Found], with_corpus: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let known: Vec<&Known> = NOT_READ.iter().chain(KNOWN).collect();
    // Of each entry: captures, combinations and kinds that did differ.
    let mut used = vec![(BTreeSet::new(), BTreeSet::new(), BTreeSet::new()); known.len()];
    for (capture, combination, differences) in found {
        let mut unknown = BTreeMap::<Kind, Vec<&str>>::new();
        for (kind, text) in differences {
            let mut is_known = false;
            for (known, used) in known.iter().zip(&mut used) {
                if known.covers(capture, combination, *kind) {
                    is_known = true;
                    used.0.insert(capture.name.as_str());
                    used.1.insert(*combination);
                    used.2.insert(*kind);
                }
            }
            if !is_known {
                unknown.entry(*kind).or_default().push(text);
            }
        }
        for (kind, texts) in unknown {
            let more = texts.len().saturating_sub(3);
            let texts = texts[..texts.len() - more].join("; ");
            faults.push(format!("{} [{combination}] {kind:?}: {texts} (and {more} more)", capture.name));
        }
    }
    for (known, (captures, combinations, kinds)) in known.iter().zip(&used) {
        let mut stale =
            |what: String| faults.push(format!("{what} does not differ, although: {}", known.reason));
        for name in known.names().iter().filter(|name| !captures.contains(*name)) {
            if with_corpus || found.iter().any(|(capture, ..)| capture.name == *name) {
                stale((*name).to_owned());
            }
        }
        // Without the corpus, captures are missing that may differ in what no other one does.
        if with_corpus {
            let unused = known.combinations.iter().filter(|name| !combinations.contains(*name));
            unused.for_each(|name| stale(format!("[{name}] of {:?}", known.captures)));
            let unused = known.kinds.iter().filter(|kind| !kinds.contains(kind));
            unused.for_each(|kind| stale(format!("{kind:?} of {:?}", known.captures)));
        }
    }
    faults
}

fn compare(capture: &Capture, combination: &Combination) -> Vec<(Kind, String)> {
    let scratch = tempfile::tempdir().expect("a directory");
    let inputs = match combination.input {
        Input::Halves(_) => match halves(&capture.path, scratch.path()) {
            Some(halves) => halves.map(|path| path.display().to_string()),
            None => return Vec::new(),
        },
        _ => [capture.path.display().to_string(), String::new()],
    };
    let [ours, theirs] =
        [("tapflow", combination.tapflow), ("tcpflow", combination.tcpflow)].map(|(name, options)| {
            let directory = scratch.path().join(name);
            std::fs::create_dir(&directory).unwrap();
            let stdin = matches!(combination.input, Input::Stdin).then_some(capture.path.as_path());
            let arguments = combination.arguments(options, &inputs);
            let program = if name == "tapflow" { program::command(TAPFLOW) } else { Command::new(name) };
            let finished = program::finish(program, &arguments, &directory, stdin, LIMIT);
            assert!(!finished.timed_out, "{name} {arguments:?} does not end");
            (finished, program::tree(&directory))
        });
    differences(combination, ours, theirs)
}

fn differences(
    combination: &Combination,
    (our_end, our_files): (Finished, Tree),
    (their_end, mut their_files): (Finished, Tree),
) -> Vec<(Kind, String)> {
    let mut found = Vec::new();
    let mut add = |kind, text: String| found.push((kind, text));
    if (our_end.code == 0) != (their_end.code == 0) {
        let (ours, theirs) = (our_end.stderr.trim().to_owned(), their_end.stderr.trim().to_owned());
        add(Kind::Status, format!("{} ({ours}), {} ({theirs})", our_end.code, their_end.code));
    }
    if combination.is_quiet() && our_end.code == 0 && !our_end.stderr.is_empty() {
        add(Kind::Status, format!("not quiet: {}", our_end.stderr));
    }
    let theirs = match combination.is_console() && !combination.tapflow.contains(&"-B") {
        true => without_carriage_returns(&their_end.stdout),
        false => their_end.stdout.clone(),
    };
    if our_end.stdout != theirs {
        add(Kind::Console, first_difference(&our_end.stdout, &theirs));
    }
    if combination.is_console() {
        // tapflow writes a report beside the console only when asked.
        their_files.retain(|name, _| !name.ends_with("report.xml"));
    }
    for name in our_files.keys().filter(|name| !their_files.contains_key(*name)) {
        add(Kind::Names, format!("only tapflow: {name}"));
    }
    for (name, theirs) in &their_files {
        let Some(ours) = our_files.get(name) else {
            add(Kind::Names, format!("only tcpflow: {name}"));
            continue;
        };
        if name.ends_with(".xml") {
            continue;
        }
        if name.ends_with(".findx") {
            // An index has the time at which it was written.
            if microseconds(&ours.bytes) != theirs.bytes {
                add(Kind::Index, format!("{name}: {}", first_difference(&ours.bytes, &theirs.bytes)));
            }
            continue;
        }
        if ours.bytes != theirs.bytes {
            add(Kind::Bytes, format!("{name}: {}", first_difference(&ours.bytes, &theirs.bytes)));
        }
        if ours.modified / 1000 != theirs.modified / 1000 {
            add(Kind::Times, format!("{name}: {} instead of {}", ours.modified, theirs.modified));
        }
    }
    found
}

/// Lines `offset|seconds.fraction|length` with fractions of six digits.
fn microseconds(index: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(index).expect("text");
    let lines = text.lines().map(|line| match line.split('|').collect::<Vec<_>>()[..] {
        [offset, time, length] => {
            format!("{offset}|{}|{length}\n", &time[..time.len().min(time.find('.').unwrap_or(0) + 7)])
        }
        _ => format!("not a line of an index: {line}\n"),
    });
    lines.collect::<String>().into_bytes()
}

fn first_difference(ours: &[u8], theirs: &[u8]) -> String {
    let at = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let from = |bytes: &[u8]| bytes[at..bytes.len().min(at + 24)].escape_ascii().to_string();
    format!(
        "{} bytes instead of {}; at {at} \"{}\" instead of \"{}\"",
        ours.len(),
        theirs.len(),
        from(ours),
        from(theirs)
    )
}
