//! What is done with finished flows: digests, programs, alerts.

use std::fs;

use super::support::{Place, capture_bytes};

const UP: &str = "192.000.002.001.41670-192.000.002.002.00080";
const DOWN: &str = "192.000.002.002.00080-192.000.002.001.41670";
const KEEPALIVE: &str = "@http-keepalive.pcap";

/// What a digest program of the system says of a file.
/// What a program says of each file. It is started once: emulated, that takes longer than its work.
fn digests(place: &Place, program: &str, files: &[&str]) -> Vec<String> {
    let run = place.shell(&format!("{program} {}", files.join(" "))).ends_with(0);
    let said = String::from_utf8(run.out).unwrap();
    said.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn digests_in_the_report_are_those_of_the_files() {
    for name in ["http-keepalive.pcap", "tcp-holes.pcap", "tcp-many-flows.pcap"] {
        let place = Place::new();
        place
            .tapflow(&["-e", "md5", "--hash", "sha1,sha256", "-o", "o", "-r", &format!("@{name}")])
            .ends_with(0);
        let report = fs::read_to_string(place.path("o/report.xml")).unwrap();
        let named = |object| str::split_once(object, "<filename>").map(|(_, rest)| (object, rest));
        let objects: Vec<_> = report.split("<fileobject>").skip(1).filter_map(named).collect();
        let files: Vec<_> = objects.iter().map(|(_, rest)| rest.split('<').next().unwrap()).collect();
        assert!(!files.is_empty(), "{report}");
        for (kind, program) in [("MD5", "md5sum"), ("SHA1", "sha1sum"), ("SHA256", "sha256sum")] {
            let values = digests(&place, program, &files);
            assert_eq!(values.len(), files.len());
            for (value, (object, _)) in values.iter().zip(&objects) {
                let element = format!("<hashdigest type=\"{kind}\">{value}</hashdigest>");
                assert!(object.contains(&element), "{object}");
            }
        }
        assert_eq!(report.matches("<hashdigest").count(), 3 * files.len());
    }
}

#[test]
fn digests_of_the_inputs_are_those_of_the_files_as_they_are() {
    let place = Place::new();
    place.put("copy.pcap", capture_bytes("http-keepalive.pcap"));
    place.shell("gzip -k copy.pcap").ends_with(0);
    place.tapflow(&["--hash-inputs", "-o", "o", "-r", "copy.pcap", "-r", "copy.pcap.gz"]).ends_with(0);
    let report = fs::read_to_string(place.path("o/report.xml")).unwrap();
    let names = ["copy.pcap", "copy.pcap.gz"];
    for (name, value) in names.iter().zip(digests(&place, "sha256sum", &names)) {
        let size = fs::metadata(place.path(name)).unwrap().len();
        let input = format!("<tcpflow:input image_filename=\"{name}\" filesize=\"{size}\">");
        let (_, input) = report.split_once(&input).unwrap_or_else(|| panic!("{report}"));
        assert!(input.trim_start().starts_with(&format!("<hashdigest type=\"SHA256\">{value}</hashdigest>")));
    }
}

#[test]
fn an_input_that_can_be_read_only_once_has_no_digest_and_that_is_an_error() {
    let place = Place::new();
    let run =
        place.tapflow_with(&["--hash-inputs", "-o", "o", "-r", "-"], &capture_bytes("http-keepalive.pcap"));
    run.ends_with(1).says(&["-: not a file, it can be read only once; leave out --hash-inputs"]);
}

#[test]
fn a_program_gets_each_file_when_it_is_complete() {
    let place = Place::new();
    place.put("append", "wc -c <\"$2\" >\"$2$1\"\n");
    place.tapflow(&["-S", "tcp_cmd=sh append '.size x'", "-o", "o", "-r", KEEPALIVE]).ends_with(0);
    for name in [UP, DOWN] {
        let length = fs::metadata(place.path(&format!("o/{name}"))).unwrap().len();
        let written = fs::read_to_string(place.path(&format!("o/{name}.size x"))).unwrap();
        assert_eq!(written.trim(), length.to_string());
    }
}

#[test]
fn programs_that_fail_are_counted_and_end_with_1_but_nothing_is_lost() {
    let place = Place::new();
    let run = place.tapflow(&["-S", "tcp_cmd=false", "-o", "o", "-r", KEEPALIVE]).ends_with(1);
    run.says(&["tcp_cmd: false failed for 2 files", "exit status: 1", "written:    2 files"]);
    let run = place.tapflow(&["-S", "tcp_cmd=./no-such-program", "-o", "p", "-r", KEEPALIVE]).ends_with(1);
    run.says(&["tcp_cmd: ./no-such-program failed for 2 files", "No such file"]);
    assert_eq!(place.files("p").len(), 2);
}

#[test]
fn at_most_ten_programs_run_at_a_time_and_all_are_waited_for() {
    let place = Place::new();
    place.put(
        "slow",
        "mkdir -p running && touch running/$$ && ls running | wc -l >>counts\nsleep 0.05; rm running/$$\n",
    );
    place.tapflow(&["-S", "tcp_cmd=sh slow", "-o", "o", "-r", "@tcp-many-flows.pcap"]).ends_with(0);
    let counts = fs::read_to_string(place.path("counts")).unwrap();
    assert_eq!(counts.lines().count(), place.files("o").len());
    assert!(counts.lines().all(|count| count.trim().parse::<u32>().unwrap() <= 10), "{counts}");
    assert_eq!(fs::read_dir(place.path("running")).unwrap().count(), 0);
}

#[test]
fn alerts_tell_when_each_file_is_begun_and_complete() {
    let place = Place::new();
    place
        .shell(&format!("$tapflow -S tcp_alert_fd=3 -o o -r $data/{} 3>alerts", &KEEPALIVE[1..]))
        .ends_with(0);
    let alerts = fs::read_to_string(place.path("alerts")).unwrap();
    let mut lines: Vec<&str> = alerts.lines().collect();
    lines.sort_unstable();
    let expected = [
        format!("close\to/{UP}"),
        format!("close\to/{DOWN}"),
        format!("open\to/{UP}"),
        format!("open\to/{DOWN}"),
    ];
    assert_eq!(lines, expected);
    for name in [UP, DOWN] {
        let place_of = |event: &str| alerts.find(&format!("{event}\to/{name}\n")).unwrap();
        assert!(place_of("open") < place_of("close"));
    }
}

#[test]
fn a_descriptor_that_is_not_open_is_an_error_before_anything_is_read() {
    let place = Place::new();
    let run = place.tapflow(&["-S", "tcp_alert_fd=77", "-o", "o", "-r", KEEPALIVE]).ends_with(1);
    run.says(&["-S tcp_alert_fd=77", "77>FILE"]);
    assert!(!place.path("o").exists());
}
