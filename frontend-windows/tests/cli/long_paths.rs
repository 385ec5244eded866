//! Paths of more than 260 characters, the limit of Windows' older functions, and names of other alphabets.

use std::fs;
use std::path::PathBuf;

use tapflow_tests::program;

use super::support::{Place, capture_bytes, streams};

const CAPTURE: &str = "http-keepalive.pcap";

/// A folder whose path has some 300 characters more than that of `place`; relative.
fn deep() -> String {
    ["a", "b", "ü"].map(|letter| letter.repeat(100)).join("\\")
}

/// What became of each file of [`CAPTURE`].
fn contents(place: &Place, folder: &str) -> Vec<Vec<u8>> {
    place.files(folder).into_values().collect()
}

fn expected() -> Vec<Vec<u8>> {
    streams(&[CAPTURE]).into_values().collect()
}

#[test]
fn output_and_input_may_lie_deep() {
    for absolute in [false, true] {
        let place = Place::new();
        let at = |name: &str| -> PathBuf {
            let relative = PathBuf::from(deep()).join(name);
            if absolute { place.path("").join(relative) } else { relative }
        };
        let [input, output, report, rest, lines] = ["in.pcap", "out", "r.xml", "rest.pcap", "lines"].map(at);
        fs::create_dir_all(place.path(&deep())).unwrap();
        fs::write(place.path(&deep()).join("in.pcap"), capture_bytes(CAPTURE)).unwrap();
        let mut command = place.command(&["-I", "-e", "http"]);
        command.arg("-r").arg(&input).arg("-o").arg(&output).arg("-X").arg(&report);
        command.arg("-w").arg(&rest).arg("--jsonl").arg(&lines);
        let run: super::support::Run = program::output(&mut command).into();
        run.ends_with(0);
        let out = format!("{}\\out", deep());
        let files = place.files(&out);
        for content in expected() {
            assert!(files.values().any(|file| *file == content));
        }
        assert!(files.keys().any(|name| name.ends_with(".findx")) && files.len() > 4, "{:?}", files.keys());
        assert!(place.report_file(&format!("{}\\r.xml", deep())).contains("</dfxml>"));
        assert_eq!(fs::read(place.path(&deep()).join("rest.pcap")).unwrap().len(), 24);
        assert!(fs::metadata(place.path(&deep()).join("lines")).unwrap().len() > 100);
    }
}

#[test]
fn names_from_the_template_may_be_long() {
    let part = "x".repeat(180);
    let template = format!("{part}/{part}/{part}-%a-%b");
    for (captures, ending) in [(false, ""), (true, ".pcap")] {
        let place = Place::new();
        let kind = if captures { "-K" } else { "-I" };
        place.tapflow(&[kind, "-T", &template, "-o", "o", "-r", &format!("@{CAPTURE}")]).ends_with(0);
        let files = place.files("o");
        let names: Vec<_> = files.keys().filter(|name| !name.ends_with(".findx")).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        for name in names {
            assert!(name.len() > 540 && name.ends_with(ending), "{name}");
        }
        if !captures {
            let written: Vec<_> = files
                .into_iter()
                .filter(|(name, _)| !name.ends_with(".findx"))
                .map(|(_, bytes)| bytes)
                .collect();
            assert!(expected().iter().all(|content| written.contains(content)));
        }
    }
}

#[test]
fn a_part_of_more_than_255_characters_ends_in_a_digest() {
    let place = Place::new();
    // Each capital letter takes three bytes.
    place
        .tapflow(&["-T", &format!("{}-%b", "X".repeat(90)), "-o", "o", "-r", &format!("@{CAPTURE}")])
        .ends_with(0);
    let files = place.files("o");
    assert!(files.keys().all(|name| name.len() <= 200 && name.contains('~')), "{:?}", files.keys());
    let mut found: Vec<_> = contents(&place, "o");
    let mut expected = expected();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}
