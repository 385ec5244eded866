//! What is said: the summary, less and more of it, help.

use super::support::{Place, capture};

#[test]
fn the_summary_accounts_for_every_frame() {
    for (name, expected) in [
        (
            "http-plain.pcap",
            "\
read:       61 packets, 1 connection, 2 flows, 40317 bytes
written:    2 files, 40317 bytes
",
        ),
        (
            "other-protocols.pcap",
            "\
read:       25 packets, 1 connection, 2 flows, 94 bytes
written:    2 files, 94 bytes
not used:   3 TCP with impossible length, 2 IPv4 with impossible length,
            2 truncated link layer header, 1 ARP, 1 ICMP, 1 ICMPv6,
            1 IPv4 with wrong version, 1 IPv6 without payload, 1 LLDP, 1 UDP,
            1 truncated VLAN tag header
",
        ),
        (
            "tcp-holes.pcap",
            "\
read:       12 packets, 1 connection, 2 flows, 500 bytes
written:    1 file, 2000 bytes
missing:    1500 bytes in 5 gaps,
            1500 bytes acknowledged but not captured (capture loss)
",
        ),
        (
            "tcp-conflict.pcap",
            "\
read:       9 packets, 1 connection, 2 flows, 250 bytes
written:    1 file, 250 bytes
repeated:   330 bytes, 54 pieces with other content (168 bytes, first copy kept)
",
        ),
        (
            "tcp-stray-after-close.pcap",
            "\
read:       15 packets, 1 connection, 2 flows, 94 bytes
written:    2 files, 94 bytes
repeated:   61 bytes, 1 piece with other content (10 bytes, first copy kept)
",
        ),
        ("tcp-refused.pcap", "read:       4 packets, 2 connections, 2 flows, 0 bytes\n"),
        ("file-empty.pcap", "read:       0 packets, 0 connections, 0 flows, 0 bytes\n"),
    ] {
        let place = Place::new();
        let run = place.tapflow(&["-o", "o", "-r", &format!("@{name}")]).ends_with(0);
        assert_eq!(run.err, expected, "{name}");
        assert!(run.out.is_empty());
    }
}

#[test]
fn quiet_runs_print_errors_only() {
    let place = Place::new();
    for quiet in ["-q", "-d0"] {
        let run = place.tapflow(&[quiet, "-o", "o", "-r", "@tcp-holes.pcap"]).ends_with(0);
        assert_eq!(run.err, "");
        let run = place.tapflow(&[quiet, "-o", "o", "-r", "missing"]).ends_with(1);
        assert_eq!(run.err, "tapflow: missing: no such file; check the path\n");
    }
}

#[test]
fn verbose_runs_explain_more() {
    let place = Place::new();
    let path = capture("tcp-out-of-order.pcap");
    let path = path.display();
    let run = place.tapflow(&["-v", "-o", "o", "-r", "@tcp-out-of-order.pcap"]).ends_with(0);
    let expected = format!(
        "tapflow: reading {path}
tapflow: 13 packets read from {path}
read:       13 packets, 1 connection, 2 flows, 743 bytes
written:    2 files, 743 bytes
closed:     1 end-of-input, 1 at once at most
segments:   13 in all, 2 out of order
"
    );
    assert_eq!(run.err, expected);
}

#[cfg(unix)]
#[test]
fn names_in_messages_cannot_move_the_cursor_or_forge_lines() {
    let place = Place::new();
    let name = "a\u{1b}[2J\r\nread:\u{202e}.pcap";
    place.put(name, &std::fs::read(capture("tcp-holes.pcap")).unwrap()[..500]);
    let run = place.tapflow(&["-v", "-o", "o\r", "-w", "w\r", "-r", name, "-r", "no\u{9b}such"]).ends_with(1);
    let run =
        run.says(&["a\\u{1b}[2J\\r\\nread:\\u{202e}.pcap: byte ", "no\\u{9b}such: no such file", "in w\\r"]);
    assert!(run.err.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{}", run.err);
    place
        .tapflow(&["-X", "no\r/such", "-o", "o", "-r", "@tcp-holes.pcap"])
        .ends_with(1)
        .says(&["no\\r/such"]);
    let run = place.tapflow(&["--no\u{1b}such"]).ends_with(2);
    assert!(!run.err.contains('\u{1b}'), "{}", run.err);
}

#[test]
fn options_without_effect_are_noted() {
    let place = Place::new();
    place
        .tapflow(&["-D", "-o", "o", "-r", "@http-plain.pcap"])
        .ends_with(0)
        .says(&["tapflow: -D has no effect without"]);
}

#[test]
fn help_goes_to_standard_output_and_the_short_one_fits_a_page() {
    let place = Place::new();
    let text = |args: &[&str]| {
        let run = place.tapflow(args).ends_with(0);
        assert_eq!(run.err, "");
        String::from_utf8(run.out).unwrap()
    };
    let short = text(&["-h"]);
    assert!(short.lines().count() <= 48 && short.lines().all(|line| line.chars().count() <= 80), "{short}");
    let long = text(&["--help"]);
    assert!(long.len() > 4 * short.len() && long.contains("--max-connections"));
    assert_eq!(long, text(&["-hh"]));
    assert_eq!(text(&["-V"]), format!("tapflow {}\n", env!("CARGO_PKG_VERSION")));
    assert!(!place.path("report.xml").exists());
}
