//! tapflow beside Debian's `tcpflow`: the same captures, the same options; names, contents and times of
//! files and the bytes on the console are compared. Where tcpflow is wrong, or cannot read a capture, the
//! difference is listed in `side_by_side/differences.rs` with its reason; what is listed there and does
//! not differ any more fails the test.
//!
//! Left out of the comparison: the content of reports (tapflow's are valid by the schema, tcpflow's are
//! not) and standard error. tcpflow cuts times to microseconds, so they are compared as far as that.

#[path = "side_by_side/combinations.rs"]
mod combinations;
#[path = "side_by_side/differences.rs"]
mod differences;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use combinations::{COMBINATIONS, Combination, Input};
use differences::{KNOWN, Kind};
use tapflow_tests::answers::{Capture, corpus, own_captures};
use tapflow_tests::halves::halves;
use tapflow_tests::program::{self, Finished, Tree};

const TAPFLOW: &str = env!("CARGO_BIN_EXE_tapflow");
/// tcpflow runs for ever in some cases; none of those is among the combinations.
const LIMIT: Duration = Duration::from_secs(60);

/// A capture, a combination of options, and what of the two programs differs.
type Found = (String, &'static str, Vec<(Kind, String)>);

#[test]
fn the_same_files_and_console() {
    if !program::is_installed("tcpflow") {
        let required = ["CI", "TAPFLOW_REQUIRE_TCPFLOW"].iter().any(|name| std::env::var_os(name).is_some());
        assert!(!required, "tcpflow is not installed: apt-get install tcpflow");
        println!("tcpflow is not installed: nothing to compare with");
        return;
    }
    let own = ordinary(&own_captures());
    let corpus = corpus().map(|corpus| ordinary(&corpus.join("captures"))).unwrap_or_default();
    if corpus.is_empty() {
        println!(
            "no corpus beside the repository and no TAPFLOW_CORPUS: only this repository's captures are compared"
        );
    }
    let work: Vec<(&Capture, &Combination)> = COMBINATIONS
        .iter()
        .flat_map(|combination| {
            let corpus = corpus.iter().filter(|_| combination.on_corpus);
            own.iter().chain(corpus).map(move |capture| (capture, combination))
        })
        .collect();
    let found: Vec<Found> = program::on_all_processors(&work, |(capture, combination)| {
        let differences = compare(capture, combination);
        (capture.name.clone(), combination.name, differences)
    });
    let names: BTreeSet<&str> = own.iter().chain(&corpus).map(|capture| capture.name.as_str()).collect();
    let faults = judge(&found, &names, !corpus.is_empty());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn ordinary(directory: &Path) -> Vec<Capture> {
    Capture::all(directory).into_iter().filter(|capture| capture.needs.is_empty()).collect()
}

/// What is not in the table, and what is only in the table.
fn judge(found: &[Found], captures: &BTreeSet<&str>, with_corpus: bool) -> Vec<String> {
    let mut faults = Vec::new();
    // Of each entry: captures, combinations and kinds that did differ.
    let mut used = vec![(BTreeSet::new(), BTreeSet::new(), BTreeSet::new()); KNOWN.len()];
    for (capture, combination, differences) in found {
        let mut unknown = BTreeMap::<Kind, Vec<&str>>::new();
        for (kind, text) in differences {
            let mut is_known = false;
            for (known, used) in KNOWN.iter().zip(&mut used) {
                if known.covers(capture, combination, *kind) {
                    is_known = true;
                    used.0.insert(capture.as_str());
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
            faults.push(format!("{capture} [{combination}] {kind:?}: {texts} (and {more} more)"));
        }
    }
    for (known, (used_captures, used_combinations, used_kinds)) in KNOWN.iter().zip(&used) {
        let reason = known.reason;
        for capture in known.captures.iter().filter(|name| !used_captures.contains(*name)) {
            if captures.contains(capture) || with_corpus {
                faults.push(format!("{capture} does not differ, although listed: {reason}"));
            }
        }
        // Other entries may need the corpus to differ in everything they list.
        if with_corpus {
            for combination in known.combinations.iter().filter(|name| !used_combinations.contains(*name)) {
                faults.push(format!("[{combination}] does not differ, although listed: {reason}"));
            }
            for kind in known.kinds.iter().filter(|kind| !used_kinds.contains(kind)) {
                faults.push(format!("{kind:?} does not differ, although listed: {reason}"));
            }
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
        [(TAPFLOW, combination.tapflow), ("tcpflow", combination.tcpflow)].map(|(program, options)| {
            let directory = scratch.path().join(Path::new(program).file_name().expect("a name"));
            std::fs::create_dir(&directory).unwrap();
            let stdin = matches!(combination.input, Input::Stdin).then_some(capture.path.as_path());
            let arguments = combination.arguments(options, &inputs);
            let finished = program::run(program, &arguments, &directory, stdin, LIMIT);
            assert!(!finished.timed_out, "{program} {arguments:?} does not end");
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
    if our_end.stdout != their_end.stdout {
        add(Kind::Console, first_difference(&our_end.stdout, &their_end.stdout));
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
        if ours.bytes != theirs.bytes {
            add(Kind::Bytes, format!("{name}: {}", first_difference(&ours.bytes, &theirs.bytes)));
        }
        // Of an index tcpflow leaves the time at which it was written.
        if !name.ends_with(".findx") && ours.modified / 1000 != theirs.modified / 1000 {
            add(Kind::Times, format!("{name}: {} instead of {}", ours.modified, theirs.modified));
        }
    }
    found
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
