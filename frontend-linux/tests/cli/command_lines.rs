//! What words on the command line mean, and what is said about those that mean nothing.

use super::support::{Place, capture_bytes, streams};

const HTTP: &str = "http-plain.pcap";
const OTHER: &str = "http-keepalive.pcap";

/// A directory with two captures, `a.pcap` and `b.pcap`.
fn place() -> Place {
    let place = Place::new();
    place.put("a.pcap", capture_bytes(HTTP));
    place.put("b.pcap", capture_bytes(OTHER));
    place
}

#[test]
fn words_that_are_files_are_captures() {
    let (one, both) = (streams(&[HTTP]), streams(&[HTTP, OTHER]));
    for (args, expected) in [
        (&["a.pcap"][..], &one),
        (&["a.pcap", "port 80"], &one),
        (&["port", "80", "./a.pcap"], &one),
        (&["a.pcap", "b.pcap"], &both),
        (&["-r", "a.pcap", "b.pcap"], &both),
        (&["-r", "a.pcap", "b.pcap", "tcp", "port", "80"], &both),
        (&["-l", "a.pcap", "b.pcap"], &both),
    ] {
        let place = place();
        place.tapflow(&[&["-q", "-o", "o"], args].concat()).ends_with(0);
        assert_eq!(&place.files("o"), expected, "{args:?}");
    }
    let place = place();
    place.tapflow(&["-q", "-o", "o", "a.pcap", "port", "81"]).ends_with(0);
    assert!(place.files("o").is_empty());
}

#[test]
fn a_file_that_can_be_part_of_the_filter_is_refused_with_both_ways_to_write_it() {
    let place = place();
    for name in ["80", "tcp"] {
        place.put(name, capture_bytes(OTHER));
    }
    for (args, word, expression) in [
        (&["tcp"][..], "tcp", "(tcp)"),
        (&["a.pcap", "tcp"], "tcp", "(tcp)"),
        (&["-r", "a.pcap", "port", "80"], "80", "(port 80)"),
        (&["a.pcap", "udp", "or", "tcp"], "tcp", "(udp or tcp)"),
    ] {
        let run = place.tapflow(&[&["-o", "o"], args].concat()).ends_with(2);
        let file = format!("'{word}' is a file");
        run.says(&[&file, &format!("write ./{word} for the file"), &format!("as one word: '{expression}'")]);
        assert!(!place.path("o").exists());
    }
    place.tapflow(&["-q", "-o", "filtered", "a.pcap", "(port 80)"]).ends_with(0);
    assert_eq!(place.files("filtered"), streams(&[HTTP]));
    place.tapflow(&["-q", "-o", "read", "a.pcap", "./80"]).ends_with(0);
    assert_eq!(place.files("read"), streams(&[HTTP, OTHER]));
    place.tapflow(&["-q", "-o", "listed", "-l", "a.pcap", "80"]).ends_with(0);
    assert_eq!(place.files("listed"), streams(&[HTTP, OTHER]));
}

#[cfg(unix)]
#[test]
fn a_capture_on_standard_input_needs_no_name() {
    let place = place();
    let said = "reading a capture from standard input; -i IF captures from an interface";
    place.tapflow_with(&["-o", "piped"], &capture_bytes(HTTP)).ends_with(0).says(&[said]);
    assert_eq!(place.files("piped"), streams(&[HTTP]));
    place.shell("mkdir alone && cd alone && $tapflow < ../a.pcap").ends_with(0).says(&[said]);
    assert_eq!(place.files("alone"), streams(&[HTTP]));
    let run = place.tapflow_with(&["-o", "named", "-r", "-"], &capture_bytes(HTTP)).ends_with(0);
    assert!(!run.err.contains("standard input"), "{}", run.err);
}

#[test]
fn without_arguments_the_program_explains_itself() {
    let place = place();
    let run = place.tapflow(&[]).ends_with(2);
    let run =
        run.says(&["Usage: tapflow [OPTIONS] FILE... [FILTER...]", "tapflow a.pcap -o out", "tapflow -h"]);
    assert!(run.out.is_empty() && run.err.lines().count() <= 24, "{}", run.err);
    assert_eq!(place.files("").len(), 2);
}

#[test]
fn a_wrong_filter_has_its_place_and_what_was_meant() {
    let place = place();
    let looks = |words: &str| format!("this looks like a display filter of Wireshark, write '{words}'");
    for (filter, fault, more) in [
        ("tcp prot 80", "syntax error at 'prot', character 5", String::new()),
        ("port 80 443", "syntax error at '443', character 9", String::new()),
        ("tcp port 80 and and udp", "syntax error at 'and', character 17", String::new()),
        ("host 192.0.2.1)", "syntax error at ')', character 15", String::new()),
        ("tcp[13] & 2 == 2 foo", "syntax error at 'foo', character 18", String::new()),
        ("tcp port", "something is missing at the end", String::new()),
        ("(tcp port 80", "something is missing at the end", String::new()),
        ("tcp[13] & 2", "something is missing at the end", String::new()),
        ("port no-such-port", "'no-such-port', at character 6", String::new()),
        ("c.pcap", "there is no file 'c.pcap'; ", String::new()),
        ("http", "syntax error at 'http', character 1", looks("tcp port 80")),
        ("DNS", "syntax error at 'DNS', character 1", looks("port 53")),
        ("tcp.port == 80", "syntax error at 'tcp.port', character 1", looks("tcp port 80")),
        ("tcp.port==80", "syntax error at 'tcp.port', character 1", looks("tcp port 80")),
        ("ip.addr == 192.0.2.1", "syntax error at 'ip.addr'", looks("host 192.0.2.1")),
        (
            "ip.src == 192.0.2.0/24 && !http",
            "syntax error",
            looks("src net 192.0.2.0/24 and not tcp port 80"),
        ),
        (
            "tcp.stream eq 3",
            "syntax error",
            looks("a capture filter such as").replace("write '", "write ").replace('\'', ""),
        ),
    ] {
        for args in
            [&["-o", "o", "-r", "a.pcap", filter][..], &["-o", "o", "-i", "no-such-interface", filter]]
        {
            // On Windows an interface compiles its filter itself.
            if cfg!(windows) && args.contains(&"-i") {
                continue;
            }
            let run = place.tapflow(args).ends_with(2).says(&[fault, &more, "; see pcap-filter(7)"]);
            assert!(
                run.err.lines().count() == 1 && run.err.contains(&format!("filter \"{filter}\"")),
                "{}",
                run.err
            );
        }
        assert!(!place.path("o").exists());
    }
}
