//! Names for every system (`--portable-names`): every kind of file has one, and the report has the original.

use std::fs;

use super::support::Place;

const CLIENT: &str = "2001%3Adb8%3A%3A1.45804-2001%3Adb8%3A%3A2.00080";
const SERVER: &str = "2001%3Adb8%3A%3A2.00080-2001%3Adb8%3A%3A1.45804";
const ORIGINAL: &str = "2001:db8::2.00080-2001:db8::1.45804";

/// What lies in a directory, by name.
fn names(place: &Place, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(place.path(directory)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn files_indexes_and_bodies_have_portable_names_and_the_same_bytes() {
    let place = Place::new();
    let read = ["-I", "-e", "http", "-r", "@http-ipv6.pcap", "-o"];
    place.tapflow(&[&read[..], &["plain"]].concat()).ends_with(0);
    place.tapflow(&[&["--portable-names"], &read[..], &["portable"]].concat()).ends_with(0);
    let portable = names(&place, "portable");
    for name in [CLIENT, SERVER] {
        assert!(
            portable.contains(&name.to_owned()) && portable.contains(&format!("{name}.findx")),
            "{portable:?}"
        );
    }
    assert!(portable.iter().any(|name| name.starts_with(&format!("{SERVER}-HTTPBODY-001."))), "{portable:?}");
    // Windows has no others.
    let back = |name: &String| if cfg!(windows) { name.clone() } else { name.replace("%3A", ":") };
    let plain = names(&place, "plain");
    assert_eq!(portable.iter().map(back).collect::<Vec<_>>(), plain);
    for (name, original) in portable.iter().zip(&plain).filter(|(name, _)| *name != "report.xml") {
        let [stored, expected] = [format!("portable/{name}"), format!("plain/{original}")]
            .map(|name| fs::read(place.path(&name)).unwrap());
        assert!(stored == expected, "{name}");
    }
}

#[test]
fn reports_have_the_stored_name_and_the_original() {
    let place = Place::new();
    place
        .tapflow(&["--portable-names", "-e", "http", "-o", "o", "--jsonl", "lines", "-r", "@http-ipv6.pcap"])
        .ends_with(0);
    let report = fs::read_to_string(place.path("o/report.xml")).unwrap();
    let separator = std::path::MAIN_SEPARATOR;
    assert!(report.contains(&format!("<filename>o{separator}{SERVER}</filename>")), "{report}");
    assert!(report.contains(&format!("original_name=\"{ORIGINAL}\"")), "{report}");
    assert!(report.contains(&format!("<filename>o{separator}{SERVER}-HTTPBODY-001.")), "{report}");
    assert!(report.contains(&format!("original_name=\"{ORIGINAL}-HTTPBODY-001.")), "{report}");
    let lines = fs::read_to_string(place.path("lines")).unwrap();
    assert!(lines.contains(&format!("\"original_name\":\"{ORIGINAL}\"")), "{lines}");
    assert!(lines.contains(&format!("\"original_name\":\"{ORIGINAL}-HTTPBODY-001.")), "{lines}");
}

#[test]
fn capture_files_have_portable_names() {
    let place = Place::new();
    place.tapflow(&["--portable-names", "-K", "-o", "o", "-r", "@http-ipv6.pcap"]).ends_with(0);
    assert_eq!(
        names(&place, "o"),
        [format!("{CLIENT}.pcap"), format!("{SERVER}.pcap"), "report.xml".to_owned()]
    );
    // Names that are cut keep it.
    let long = format!("{}%A%c", "X".repeat(90));
    place.tapflow(&["--portable-names", "-K", "-T", &long, "-o", "p", "-r", "@http-ipv6.pcap"]).ends_with(0);
    let cut: Vec<_> = names(&place, "p").into_iter().filter(|name| name.contains('~')).collect();
    assert!(cut.len() == 2 && cut.iter().all(|name| name.ends_with(".pcap")), "{cut:?}");
}

#[test]
fn templates_may_have_anything_in_them() {
    let place = Place::new();
    let template = "NUL/aux.%b/%T./%E?";
    place
        .tapflow(&["--portable-names", "-T", template, "-o", "o", "-r", "@http-keepalive.pcap"])
        .ends_with(0);
    let folder = "o/%4E%55%4C/%61ux.00080/2026-11-23%5406%3A24%3A06%5A%2E";
    let found = names(&place, folder);
    assert!(found.len() == 1 && found[0].ends_with("%3F") && found[0].contains("%3A"), "{found:?}");
    let report = fs::read_to_string(place.path("o/report.xml")).unwrap();
    assert!(report.contains("original_name=\"NUL/aux.00080/2026-11-23T06:24:06Z./"), "{report}");
}

#[test]
fn names_that_need_nothing_stay_as_they_are() {
    let place = Place::new();
    place.tapflow(&["--portable-names", "-o", "o", "-r", "@http-keepalive.pcap"]).ends_with(0);
    assert_eq!(
        names(&place, "o"),
        [
            "192.000.002.001.41670-192.000.002.002.00080",
            "192.000.002.002.00080-192.000.002.001.41670",
            "report.xml"
        ]
    );
    let report = fs::read_to_string(place.path("o/report.xml")).unwrap();
    assert!(!report.contains("original_name"), "{report}");
}
