//! A run into a directory that has the results of another one.

use std::fs;

use super::support::{Place, capture_bytes, connection, pcap};

fn names(place: &Place) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(place.path("o"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn run(place: &Place, words: &[&str]) -> super::support::Run {
    place.tapflow(&[&["-o", "o", "-r"], words].concat())
}

#[test]
fn nothing_earlier_is_replaced_and_all_of_it_is_said() {
    let place = Place::new();
    let first = run(&place, &["@ftp.pcap"]).ends_with(0);
    assert!(!first.err.contains("earlier"), "{}", first.err);
    let before = (place.files("o"), fs::read(place.path("o/report.xml")).unwrap());
    for number in 2..4 {
        let report = format!("report-{number}.xml");
        let run = run(&place, &["@http-plain.pcap"]).ends_with(0);
        run.says(&["o has the results of an earlier run (report.xml): they stay", &report]);
        let text = place.report_file(&format!("o/{report}"));
        assert!(text.contains("<tcpflow:earlier_results>report.xml</tcpflow:earlier_results>"), "{text}");
        assert_eq!(text.matches("<tcpflow:earlier_results>").count(), number - 1);
    }
    assert_eq!(fs::read(place.path("o/report.xml")).unwrap(), before.1);
    let after = place.files("o");
    assert!(before.0.iter().all(|(name, bytes)| after.get(name) == Some(bytes)));
    // Quiet runs mix nothing either.
    let quiet = run(&place, &["@http-plain.pcap", "-q"]).ends_with(0);
    assert_eq!(quiet.err, "");
    assert!(place.path("o/report-4.xml").exists());
}

#[test]
fn files_of_a_run_without_a_report_and_reports_of_a_killed_one_are_known() {
    let place = Place::new();
    run(&place, &["@ftp.pcap", "-S", "enable_report=NO"]).ends_with(0);
    run(&place, &["@ftp.pcap", "-X", "elsewhere.xml"])
        .ends_with(0)
        .says(&["results of an earlier run (192."]);
    let place = Place::new();
    fs::create_dir(place.path("o")).unwrap();
    place.put("o/report.xml.part", "<dfxml>");
    run(&place, &["@ftp.pcap"]).ends_with(0).says(&["(report.xml.part): they stay", "report-2.xml"]);
    assert_eq!(fs::read(place.path("o/report.xml.part")).unwrap(), b"<dfxml>");
    // Other files are no results.
    let place = Place::new();
    fs::create_dir(place.path("o")).unwrap();
    place.put("o/notes.txt", "");
    let run = run(&place, &["@ftp.pcap"]).ends_with(0);
    assert!(!run.err.contains("earlier"), "{}", run.err);
    assert!(place.path("o/report.xml").exists());
}

#[test]
fn overwrite_removes_what_the_earlier_reports_list_and_nothing_else() {
    let place = Place::new();
    run(&place, &["@ftp.pcap", "-Fk"]).ends_with(0);
    run(&place, &["@http-plain.pcap", "-e", "http"]).ends_with(0);
    place.put("o/notes.txt", "mine");
    place.put("o/192.000.002.009.00001-192.000.002.008.00002", "of nobody");
    place.tapflow(&["-o", "alone", "-r", "@ipv6.pcap"]);
    let run = run(&place, &["@http-plain.pcap", "--overwrite", "-v"]).ends_with(0);
    run.says(&["files of earlier runs removed from o"]);
    let fresh = Place::new();
    fresh.tapflow(&["-o", "o", "-r", "@http-plain.pcap"]).ends_with(0);
    let mut left = place.files("o");
    assert_eq!(left.remove("notes.txt").unwrap(), b"mine");
    assert_eq!(left.remove("192.000.002.009.00001-192.000.002.008.00002").unwrap(), b"of nobody");
    assert_eq!(left, fresh.files("o"));
    assert!(place.report("o").contains("<tcpflow:earlier_results>report-2.xml<"));
    assert!(!place.path("o/report-2.xml").exists());
}

#[test]
fn overwrite_keeps_what_is_read_and_works_from_elsewhere() {
    let place = Place::new();
    fs::create_dir(place.path("o")).unwrap();
    place.put("o/in.pcap", capture_bytes("ftp.pcap"));
    run(&place, &["o/in.pcap"]).ends_with(0);
    // A report that lists the capture, by whatever accident.
    let text = fs::read_to_string(place.path("o/report.xml")).unwrap();
    place.put(
        "o/report.xml",
        text.replacen("<filename>o/", "<filename>o/in.pcap</filename>\n<filename>o/", 1),
    );
    let mut command = place.command(&["-q", "--overwrite", "-r", "in.pcap"]);
    assert!(command.current_dir(place.path("o")).status().unwrap().success());
    assert!(place.path("o/in.pcap").exists());
    let fresh = Place::new();
    run(&fresh, &["@ftp.pcap"]).ends_with(0);
    let mut left = place.files("o");
    left.remove("in.pcap").unwrap();
    assert_eq!(left, fresh.files("o"));
}

#[test]
fn fresh_wants_an_empty_directory() {
    let place = Place::new();
    run(&place, &["@ftp.pcap", "--fresh"]).ends_with(0);
    let before = names(&place);
    run(&place, &["@ftp.pcap", "--fresh"]).ends_with(1).says(&["o is not empty, such as report.xml", "-o"]);
    assert_eq!(names(&place), before);
    run(&place, &["@ftp.pcap", "--fresh", "--overwrite"]).ends_with(2);
    fs::create_dir(place.path("empty")).unwrap();
    place.tapflow(&["-o", "empty", "--fresh", "-r", "@ftp.pcap"]).ends_with(0);
}

#[test]
fn a_run_that_cannot_begin_leaves_no_directory() {
    let place = Place::new();
    run(&place, &["@ftp.pcap", "-X", "no/such/report.xml"]).ends_with(1);
    assert!(!place.path("o").exists());
    place.put("in", pcap(&connection(7, &[(1, b"a")])));
    place.tapflow(&["-o", "p", "-r", "missing"]).ends_with(1);
    assert!(!place.path("p").exists());
}

#[cfg(unix)]
#[test]
fn called_as_tcpflow_the_report_is_replaced_as_there() {
    let place = Place::new();
    let line = "ln -s \"${tapflow##* }\" tcpflow; $TAPFLOW_RUNNER ./tcpflow -q -o o -r $data/ftp.pcap && $TAPFLOW_RUNNER ./tcpflow -q -o o -r $data/ftp.pcap";
    let run = place.shell(line).ends_with(0);
    assert!(!run.err.contains("earlier"), "{}", run.err);
    assert!(!place.path("o/report-2.xml").exists());
}
