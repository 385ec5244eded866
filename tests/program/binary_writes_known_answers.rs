//! The program writes what the captures are known to hold: names, contents, gaps and conflicts of every
//! flow, whatever the number of files that may be open; a report that is valid; and nothing but messages for
//! captures that hold no TCP.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tapflow_tests::answers::{Answer, Capture, EXCEPTIONS, corpus, own_captures, repository, sha256};
use tapflow_tests::not_tested;
use tapflow_tests::program::{self, Finished, Tree};

const TAPFLOW: &str = env!("CARGO_BIN_EXE_tapflow");
const LIMIT: Duration = Duration::from_secs(60);
/// Answers know nothing of the VLAN in a name.
const TEMPLATE: &str = "-T%A.%a-%B.%b%C%c";

/// What comes after the close is not compared with the file, only counted as that.
const CONFLICT_AFTER_CLOSE: &str = "tcp-stray-after-close";
/// The capture with probes of one byte, which are no conflicts; the answers take them for data.
const KEEPALIVES: &str = "tcp-keepalive-byte";

/// All captures that need nothing beyond the ordinary and have no exception.
fn ordinary() -> Vec<Capture> {
    let mut captures = Capture::all(&own_captures());
    match corpus() {
        Some(corpus) => captures.extend(Capture::all(&corpus.join("captures"))),
        None => not_tested("the corpus is not beside the repository and TAPFLOW_CORPUS does not name it"),
    }
    captures.retain(|capture| {
        capture.is_decoded() && EXCEPTIONS.iter().all(|(exception, ..)| *exception != capture.name)
    });
    captures
}

/// Flows by the name of their file: the flow, and how many of its bytes conflict.
fn expected(capture: &Capture) -> BTreeMap<String, (&Answer, u64)> {
    let address = |text: &str| match text.parse() {
        Ok(IpAddr::V4(address)) => address.octets().map(|octet| format!("{octet:03}")).join("."),
        _ => text.to_owned(),
    };
    let mut files = BTreeMap::new();
    for (flow, conflicting) in capture.flows.iter().zip(&capture.conflicting) {
        let (source, source_port, destination, destination_port) = &flow.key;
        let name =
            format!("{}.{source_port:05}-{}.{destination_port:05}", address(source), address(destination));
        let same = capture.flows.iter().take_while(|other| !std::ptr::eq(*other, flow));
        let count = same.filter(|other| other.key == flow.key).count();
        let name = if count == 0 { name } else { format!("{name}c{count}") };
        files.insert(name, (flow, *conflicting));
    }
    files
}

/// Runs the program, in a shell that says `limits` first where it is not empty.
/// Gives how it ended, its files, and its report.
fn tapflow(capture: &Path, options: &[&str], limits: &str, directory: &Path) -> (Finished, Tree, Vec<u8>) {
    fs::create_dir(directory).unwrap();
    let line = format!("{limits} exec {} \"$@\"", program::words(TAPFLOW));
    let mut words = vec!["-c".to_owned(), line, "sh".to_owned()];
    words.extend(["-r".to_owned(), capture.display().to_string()]);
    words.extend(options.iter().map(|option| (*option).to_owned()));
    let finished = program::run("sh", &words, directory, None, LIMIT);
    assert!(!finished.timed_out, "{} {options:?} does not end", capture.display());
    let mut tree = program::tree(directory);
    let report = tree.remove("report.xml").map(|report| report.bytes).unwrap_or_default();
    (finished, tree, report)
}

#[test]
fn every_flow_in_its_file_and_in_the_report() {
    let captures = ordinary();
    assert!(captures.len() > 50, "the captures are there");
    let scratch = tempfile::tempdir().unwrap();
    let faults = program::on_all_processors(&captures, |capture| {
        let directory = scratch.path().join(&capture.name);
        fs::create_dir(&directory).unwrap();
        faults_of(capture, &directory)
    });
    let faults: Vec<String> = faults.into_iter().flatten().collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let reports: Vec<PathBuf> =
        captures.iter().map(|capture| scratch.path().join(&capture.name).join("all.xml")).collect();
    validate(&reports);
}

fn faults_of(capture: &Capture, directory: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |text: String| faults.push(format!("{}: {text}", capture.name));
    let expected = expected(capture);
    let with = |options: &[&'static str]| {
        let together = capture.encapsulation_varies.then_some("--ignore-encapsulation");
        options.iter().copied().chain(together).collect::<Vec<_>>()
    };

    let (finished, tree, report) = tapflow(&capture.path, &with(&[TEMPLATE]), "", &directory.join("all"));
    let is_own = capture.path.starts_with(own_captures());
    // Captures of others may be cut, too; then a message says so.
    let is_cut = if is_own { capture.name.contains("-cut-") } else { finished.stderr.contains("tapflow: ") };
    let code = i32::from(is_cut);
    if finished.code != code {
        fault(format!("exit {}: {}", finished.code, finished.stderr));
    }
    for (name, (flow, _)) in &expected {
        match tree.get(name) {
            None => fault(format!("{name} is missing")),
            Some(file)
                if (file.bytes.len() as u64, sha256(&file.bytes)) != (flow.length, flow.sha256.clone()) =>
            {
                fault(format!("{name} has {} bytes instead of {}, or others", file.bytes.len(), flow.length));
            }
            Some(_) => {}
        }
    }
    for name in tree.keys().filter(|name| !expected.contains_key(*name)) {
        fault(format!("{name} is too many"));
    }

    for (name, options, limits) in
        [("four-files", &[TEMPLATE, "-f", "4"][..], ""), ("few-descriptors", &[TEMPLATE], "ulimit -n 16;")]
    {
        let (again, other, _) = tapflow(&capture.path, &with(options), limits, &directory.join(name));
        if other != tree || again.code != finished.code {
            fault(format!("{name}: another output; exit {}: {}", again.code, again.stderr));
        }
    }

    let reported = read_report(&report);
    fs::write(directory.join("all.xml"), report).unwrap();
    for (name, (flow, conflicting)) in &expected {
        let Some(facts) = reported.get(name) else {
            fault(format!("{name} is not in the report"));
            continue;
        };
        let mut gaps = facts.gaps.clone();
        gaps.retain(|gap| gap.start < flow.length);
        gaps.sort_by_key(|gap| gap.start);
        if gaps != flow.gaps {
            fault(format!("{name} has gaps {gaps:?} instead of {:?}", flow.gaps));
        }
        // The corpus counts a byte that came three times with different values twice.
        let found = if is_own { facts.conflicting() } else { facts.conflict_bytes };
        if found != *conflicting && ![CONFLICT_AFTER_CLOSE, KEEPALIVES].contains(&&*capture.name) {
            fault(format!("{name} has {found} conflicting bytes instead of {conflicting}"));
        }
        if facts.size != flow.length {
            fault(format!("{name} has {} bytes in the report instead of {}", facts.size, flow.length));
        }
    }
    if reported.len() != expected.len() {
        fault(format!("{} files in the report instead of {}", reported.len(), expected.len()));
    }
    faults
}

/// What a report says of a file.
#[derive(Debug, Default)]
struct Reported {
    size: u64,
    gaps: Vec<Range<u64>>,
    conflicts: Vec<Range<u64>>,
    conflict_bytes: u64,
}

impl Reported {
    /// Bytes that conflict, each counted once.
    fn conflicting(&self) -> u64 {
        let mut ranges = self.conflicts.clone();
        ranges.sort_by_key(|range| range.start);
        let mut end = 0;
        let mut bytes = 0;
        for range in ranges {
            bytes += range.end.saturating_sub(range.start.max(end));
            end = end.max(range.end);
        }
        bytes
    }
}

fn read_report(report: &[u8]) -> BTreeMap<String, Reported> {
    let text = std::str::from_utf8(report).expect("UTF-8");
    let document = roxmltree::Document::parse(text).expect("well-formed XML");
    let mut files = BTreeMap::new();
    for object in document.descendants().filter(|node| node.has_tag_name_local("fileobject")) {
        let text = |name: &str| {
            let node = object.children().find(|node| node.has_tag_name_local(name))?;
            node.text().map(str::to_owned)
        };
        let Some(name) = text("filename") else { continue };
        let ranges = |name: &str| -> Vec<Range<u64>> {
            let lists = object.descendants().filter(|node| node.has_tag_name_local(name));
            lists
                .flat_map(|list| list.children().filter(roxmltree::Node::is_element))
                .map(|range| {
                    let number = |name| -> u64 { range.attribute(name).unwrap().parse().unwrap() };
                    number("offset")..number("offset") + number("len")
                })
                .collect()
        };
        let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
        let size = text("filesize").expect("a size").parse().expect("a number");
        let conflict_bytes = object
            .descendants()
            .find(|node| node.has_tag_name_local("conflicts"))
            .map_or(0, |list| list.attribute("bytes").expect("a sum").parse().expect("a number"));
        let conflicts = ranges("conflicts");
        files.insert(name, Reported { size, gaps: ranges("gaps"), conflicts, conflict_bytes });
    }
    files
}

trait LocalName {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl LocalName for roxmltree::Node<'_, '_> {
    /// Whether it is an element of this name in whatever namespace.
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

/// Validates reports by the schemas of `TAPFLOW_DFXML`, else beside the repository, with `xmllint`.
fn validate(reports: &[PathBuf]) {
    let asked = std::env::var_os("TAPFLOW_DFXML").map(PathBuf::from);
    let directory = asked.clone().unwrap_or_else(|| repository().join("../shared/dfxml"));
    if !directory.is_dir() || !program::is_installed("xmllint") {
        assert!(asked.is_none(), "TAPFLOW_DFXML is set, but it or xmllint is not there");
        not_tested("reports by their schema: it is not beside the repository, or there is no xmllint");
        return;
    }
    for schema in ["dfxml.xsd", "dfxml-1.1.1.xsd"].map(|name| directory.join(name)) {
        let mut words = vec!["--noout".into(), "--nonet".into(), "--schema".into(), schema.clone()];
        words.extend_from_slice(reports);
        let finished = program::run("xmllint", &words, &directory, None, LIMIT);
        let invalid: Vec<&str> =
            finished.stderr.lines().filter(|line| !line.ends_with(" validates")).take(10).collect();
        assert!(finished.code == 0 && invalid.is_empty(), "{}: {}", schema.display(), invalid.join("\n"));
    }
}

#[test]
fn malformed_captures_give_no_files_and_say_why() {
    let Some(corpus) = corpus() else {
        not_tested("malformed captures: there is no corpus");
        return;
    };
    let files: Vec<PathBuf> =
        fs::read_dir(corpus.join("malformed")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 100, "the corpus is there");
    let scratch = tempfile::tempdir().unwrap();
    let faults = program::on_all_processors(&files, |file| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let directory = scratch.path().join(&name);
        let (finished, tree, report) = tapflow(file, &[], "", &directory);
        let said = &finished.stderr;
        let is_sane = match finished.code {
            0 => said.starts_with("read:"),
            1 => said.contains("tapflow: ") && said.contains(&name),
            _ => false,
        };
        let mut faults = Vec::new();
        if !is_sane || said.contains("panicked") {
            faults.push(format!("{name}: exit {}: {said}", finished.code));
        }
        if !tree.is_empty() || !finished.stdout.is_empty() {
            faults.push(format!("{name}: {:?}", tree.keys()));
        }
        // An input that cannot be opened is told before a report is begun.
        if !report.is_empty() && !read_report(&report).is_empty() {
            faults.push(format!("{name}: files in the report"));
        }
        faults
    });
    let faults: Vec<String> = faults.into_iter().flatten().collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
