//! HTTP bodies in files of their own, and the HAR.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::path::MAIN_SEPARATOR;

use super::support::{HALF_PAST, Place, connection, pcap};

const KEEPALIVE: &str = "192.000.002.002.00080-192.000.002.001.41670";
const GZIP: &str = "192.000.002.002.00080-192.000.002.001.38662";

/// The names of files with bodies in a directory, without those of their flows.
fn bodies(place: &Place, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(place.path(directory)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut bodies: Vec<_> = names.filter_map(|name| Some(name[name.find("-HTTP")?..].to_owned())).collect();
    bodies.sort();
    bodies
}

#[cfg(unix)]
#[test]
fn bodies_have_files_of_their_own_with_the_time_of_their_first_byte() {
    let place = Place::new();
    let run = place.tapflow(&["-e", "http", "-o", "o", "-r", "@http-keepalive.pcap"]).ends_with(0);
    run.says(&["http:       7 requests, 7 responses, 5 body files, 5884 bytes"]);
    let names = ["001.txt", "002.txt", "003.html", "005.html", "007.txt"];
    assert_eq!(bodies(&place, "o"), names.map(|name| format!("-HTTPBODY-{name}")));
    let first = fs::metadata(place.path(&format!("o/{KEEPALIVE}-HTTPBODY-001.txt"))).unwrap();
    assert_eq!((first.mtime(), first.mtime_nsec(), first.len()), (1_795_415_046, 355_501_000, 300));
}

#[cfg(unix)]
#[test]
fn codings_are_undone_unless_told_otherwise() {
    let place = Place::new();
    place.tapflow(&["-a", "-o", "a", "-r", "@http-gzip-chunked.pcap"]).ends_with(0);
    place.tapflow(&["-a", "-Z", "-o", "z", "-r", "@http-gzip-chunked.pcap"]).ends_with(0);
    let [decoded, coded] =
        ["a", "z"].map(|out| fs::read(place.path(&format!("{out}/{GZIP}-HTTPBODY-001.html"))).unwrap());
    assert_eq!((decoded.len(), coded.len()), (30_000, 4160));
    place.put("coded.gz", coded);
    let unpacked = place.shell("gzip -dc coded.gz").ends_with(0).out;
    assert!(unpacked == decoded);
}

#[test]
fn scanners_choose_what_is_saved() {
    for (options, count) in [
        (&["-e", "http"][..], 5),
        (&["-E", "http"], 5),
        (&["-a"], 5),
        (&["-a", "-x", "http"], 0),
        (&["-a", "-E", "md5"], 0),
        (&[], 0),
    ] {
        let place = Place::new();
        place.tapflow(&[options, &["-o", "o", "-r", "@http-keepalive.pcap"]].concat()).ends_with(0);
        assert_eq!(bodies(&place, "o").len(), count, "{options:?}");
    }
}

#[cfg(unix)]
#[test]
fn digests_of_bodies_are_those_of_their_files() {
    let place = Place::new();
    place.tapflow(&["-a", "-o", "o", "-r", "@http-keepalive.pcap"]).ends_with(0);
    let report = fs::read_to_string(place.path("o/report.xml")).unwrap();
    for name in bodies(&place, "o") {
        let file = format!("o/{KEEPALIVE}{name}");
        let digest = place.shell(&format!("md5sum {file}")).ends_with(0).out;
        let digest = String::from_utf8(digest).unwrap();
        let digest = digest.split_whitespace().next().unwrap();
        let object = report.split("<fileobject>").find(|object| object.contains(&format!("{file}<")));
        assert!(object.is_some_and(|object| object.contains(&format!(">{digest}<"))), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn programs_and_alerts_for_bodies() {
    let place = Place::new();
    let line = "$tapflow -e http -S http_cmd='gzip -9' -S http_alert_fd=3 -o o -r CAPTURE 3>told";
    let capture = super::support::capture("http-keepalive.pcap").display().to_string();
    place.shell(&line.replace("CAPTURE", &capture)).ends_with(0);
    assert_eq!(bodies(&place, "o")[0], "-HTTPBODY-001.txt.gz");
    let told = fs::read_to_string(place.path("told")).unwrap();
    let file = format!("o/{KEEPALIVE}-HTTPBODY-001.txt");
    assert!(told.starts_with(&format!("open\t{file}\nclose\t{file}\n")), "{told}");
    assert_eq!(told.lines().count(), 10);
}

#[cfg(unix)]
#[test]
fn files_that_exist_are_never_touched() {
    let place = Place::new();
    fs::create_dir(place.path("o")).unwrap();
    let taken = format!("o/{KEEPALIVE}-HTTPBODY-001.txt");
    place.put("other", "mine");
    std::os::unix::fs::symlink(place.path("other"), place.path(&taken)).unwrap();
    place.tapflow(&["-e", "http", "-o", "o", "-r", "@http-keepalive.pcap"]).ends_with(0);
    assert_eq!(fs::read(place.path("other")).unwrap(), b"mine");
    let next = fs::read(place.path(&format!("o/{KEEPALIVE}-HTTPBODY-001c1.txt"))).unwrap();
    assert_eq!(next.len(), 300);
}

#[test]
fn a_body_whose_beginning_was_not_captured_begins_with_zeros() {
    let place = Place::new();
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    let mut frames =
        connection(1000, &[(HALF_PAST, &head[..]), (HALF_PAST, b"lost"), (HALF_PAST, b"ending")]);
    frames.remove(4);
    place.put("a.pcap", pcap(&frames));
    place.tapflow(&["-a", "-o", "o", "-r", "a.pcap"]).ends_with(0);
    let [body] = &bodies(&place, "o")[..] else { panic!("one body") };
    assert!(place.files("o").iter().any(|(name, bytes)| name.ends_with(body) && bytes == b"\0\0\0\0endin"));
    // What `md5sum` says of these bytes.
    assert!(place.report("o").contains("<filesize>9</filesize>"));
    assert!(place.report("o").contains("70438d506c35948a555749559afff785"));
}

#[test]
fn the_har_has_every_exchange() {
    let place = Place::new();
    let captures = ["@http-keepalive.pcap", "@http-upload.pcap", "@ssh.pcap"];
    let args =
        ["--har", "a.har", "-e", "http", "-o", "o", "-r", captures[0], "-r", captures[1], "-r", captures[2]];
    place.tapflow(&args).ends_with(0);
    let har: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(place.path("a.har")).unwrap()).unwrap();
    let entries = har["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 8);
    let entry = &entries[0];
    assert_eq!(entry["startedDateTime"], "2026-11-23T06:24:06.355332Z");
    assert_eq!((&entry["request"]["method"], &entry["response"]["status"]), (&"GET".into(), &200.into()));
    assert_eq!(entry["response"]["content"]["size"], 300);
    assert_eq!(
        entry["response"]["content"]["_file"],
        format!("o{MAIN_SEPARATOR}{KEEPALIVE}-HTTPBODY-001.txt")
    );
    let upload = entries
        .iter()
        .find(|entry| entry["request"]["method"] != "GET" && entry["request"]["bodySize"] == 60_000);
    assert!(upload.is_some());
}

#[test]
fn lines_of_json_have_the_messages() {
    let place = Place::new();
    place.tapflow(&["-a", "--jsonl", "a.jsonl", "-o", "o", "-r", "@http-gzip-chunked.pcap"]).ends_with(0);
    let text = fs::read_to_string(place.path("a.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let messages = |flow: usize| line["flows"][flow]["http"]["messages"].as_array().unwrap();
    assert_eq!(messages(0)[0]["start"]["method"], "GET");
    let response = &messages(1)[0];
    assert_eq!((&response["body"], &response["decoded"]), (&4160.into(), &30_000.into()));
    assert_eq!((&response["framing"], &response["codings"][0]), (&"chunked".into(), &"gzip".into()));
    assert_eq!(response["files"][0]["name"], format!("o{MAIN_SEPARATOR}{GZIP}-HTTPBODY-001.html"));
}

#[test]
fn a_har_alone_makes_no_files_of_bodies_and_counts_none() {
    let place = Place::new();
    let run = place.tapflow(&["--har", "a.har", "-o", "o", "-r", "@http-keepalive.pcap"]).ends_with(0);
    assert!(run.err.contains("response") && !run.err.contains("body file"), "{}", run.err);
    assert_eq!(place.files("o").len(), 2);
    assert!(!place.report("o").contains("http_bodies"));
}

#[cfg(unix)]
#[test]
fn a_har_that_cannot_be_written_is_an_error() {
    let place = Place::new();
    let run = place.tapflow(&["--har", "no/a.har", "-o", "o", "-r", "@http-plain.pcap"]).ends_with(1);
    run.says(&["no/a.har", "No such file"]);
    place.put("in.pcap", super::support::capture_bytes("http-plain.pcap"));
    let run = place.tapflow(&["--har", "in.pcap", "-o", "o", "-r", "in.pcap"]).ends_with(1);
    run.says(&["in.pcap", "it is an input"]);
    if std::path::Path::new("/dev/full").exists() {
        let run = place.tapflow(&["--har", "/dev/full", "-o", "o", "-r", "@http-plain.pcap"]).ends_with(1);
        run.says(&["/dev/full", "No space left"]);
    }
}
