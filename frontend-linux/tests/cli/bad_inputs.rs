//! Inputs that are no captures, or not whole: the message names the file and the reason, the exit
//! status is 1, every byte before the fault is in its file, and the report is closed.

use std::fs;
use std::io::Read;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;

use tapflow_tests::program::on_all_processors;

use super::support::{
    HALF_PAST, Place, capture, capture_bytes, connection, end_of, pcap, record_offsets, streams,
};

const HTTP: &str = "http-plain.pcap";

#[test]
fn what_is_no_capture_is_refused_by_name_with_what_it_looks_like() {
    let zeros = [0; 100];
    for (name, bytes, reason) in [
        ("notes", &b"hello world\n"[..], "not a capture: it looks like text"),
        ("page.pcap", b"<?xml version=\"1.0\"?><a/>", "not a capture: it looks like XML"),
        ("hole.pcap", &zeros, "not a capture: it looks like zeros"),
        ("nothing.pcap", b"", "the input is empty"),
        ("begun.pcap", b"\xd4\xc3\xb2\xa1\x02\x00", "the file header is cut off after 6 of 24 bytes"),
        ("begun.pcapng", b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00", "cut off"),
        ("future.pcap", b"\xd4\xc3\xb2\xa1\x09\x00\x09\x00\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0", "version 9.9"),
    ] {
        let place = Place::new();
        place.put(name, bytes);
        let by_name = place.tapflow(&["-o", "o", "-r", name]).ends_with(1);
        by_name.says(&[&format!("tapflow: {name}: "), reason, "0 packets"]);
        assert!(place.files("o").is_empty());
        assert!(place.report("o").contains("<tcpflow:error>"), "the report has the error of {name}");

        let by_pipe = place.tapflow_with(&["-o", "p", "-r", "-"], bytes).ends_with(1);
        by_pipe.says(&["tapflow: standard input: ", reason]);
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_told_before_anything_is_made() {
    let place = Place::new();
    fs::create_dir(place.path("folder")).unwrap();
    for (name, reason) in [("missing.pcap", "no such file"), ("folder", "is a directory")] {
        let run = place.tapflow(&["-o", "o", "-r", name]).ends_with(1);
        assert!(run.err.starts_with(&format!("tapflow: {name}: {reason}")), "{}", run.err);
        assert!(!place.path("o").exists());
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_told_before_anything_is_made() {
    let place = Place::new();
    place.put("secret.pcap", capture_bytes(HTTP));
    fs::set_permissions(place.path("secret.pcap"), fs::Permissions::from_mode(0o000)).unwrap();
    if let Some(run) = place.shell_unprivileged("$tapflow -o o -r secret.pcap") {
        run.ends_with(1).says(&["tapflow: secret.pcap: permission denied; make the file readable"]);
        assert!(!place.path("o").exists());
    }
}

#[cfg(unix)]
#[test]
fn devices_are_read_like_files_and_not_for_ever() {
    let place = Place::new();
    place.tapflow(&["-o", "o", "-r", "/dev/null"]).ends_with(1).says(&["/dev/null: the input is empty"]);
    let endless = end_of(place.start(&["-o", "o", "-r", "/dev/zero"]));
    endless.ends_with(1).says(&["/dev/zero: not a capture"]);
}

/// Byte `offset` of a message is the place of the record that is not whole; what comes before it is a
/// good capture.
#[test]
fn a_capture_cut_within_a_record_gives_everything_before_the_cut() {
    for name in ["file-cut-record.pcap", "file-cut-header.pcap", "ng-cut-block.pcapng"] {
        let place = Place::new();
        let run = place.tapflow(&["-o", "cut", "-r", &format!("@{name}")]).ends_with(1);
        let run = run.says(&[name, "the last record is cut off after", "all before it was read"]);
        let offset = run.err.split("byte ").nth(1).unwrap().split(':').next().unwrap();
        let whole = &capture_bytes(name)[..offset.parse().unwrap()];
        place.put("whole", whole);
        place.tapflow(&["-o", "whole.out", "-r", "whole"]).ends_with(0);
        assert_eq!(place.files("cut"), place.files("whole.out"));
        assert!(!place.files("cut").is_empty());
        assert!(place.report("cut").contains("cut off"));
    }
}

#[test]
fn a_cut_anywhere_costs_only_the_record_that_it_meets() {
    let bytes = capture_bytes("tcp-out-of-order.pcap");
    let ends = record_offsets(&bytes);
    on_all_processors(&ends, |before| {
        let place = Place::new();
        place.put("good.pcap", &bytes[..*before]);
        place.tapflow(&["-o", "good", "-r", "good.pcap"]).ends_with(0);
        let good = place.files("good");
        let next = ends.iter().find(|end| *end > before).unwrap_or(before);
        for end in (25..bytes.len()).step_by(61).filter(|end| (before..next).contains(&end)) {
            let place = Place::new();
            place.put("cut.pcap", &bytes[..end]);
            place.tapflow(&["-o", "cut", "-r", "cut.pcap"]).ends_with(i32::from(*before != end));
            assert_eq!(place.files("cut"), good, "cut after {end} bytes");
            place.report("cut");
        }
    });
}

#[test]
fn an_absurd_record_length_ends_the_input_there() {
    let bytes = capture_bytes(HTTP);
    let third = record_offsets(&bytes)[12];
    for (length, claimed) in [(0x7fff_ffff_u32, "2147483647"), (0xffff_ffff, "4294967295")] {
        let place = Place::new();
        let mut damaged = bytes.clone();
        damaged[third + 8..third + 12].copy_from_slice(&length.to_le_bytes());
        place.put("damaged.pcap", &damaged);
        place.put("good.pcap", &bytes[..third]);
        let run = place.tapflow(&["-o", "damaged", "-r", "damaged.pcap"]).ends_with(1);
        let at = format!("tapflow: damaged.pcap: byte {third}: a record claims {claimed} bytes");
        run.says(&[&at, "12 packets"]);
        place.tapflow(&["-o", "good", "-r", "good.pcap"]).ends_with(0);
        assert_eq!(place.files("damaged"), place.files("good"));
        place.report("damaged");
    }
}

#[test]
fn packets_of_a_link_type_that_is_not_decoded_are_counted_and_told() {
    let place = Place::new();
    let mut bytes = capture_bytes(HTTP);
    bytes[20..24].copy_from_slice(&147_u32.to_le_bytes());
    place.put("private.pcap", bytes);
    let run = place.tapflow(&["-o", "o", "-r", "private.pcap", "-r", "@tcp-conflict.pcap"]).ends_with(1);
    run.says(&["tapflow: private.pcap: packets of link type 147", "not used:   61 of link type 147"]);
    assert_eq!(place.files("o"), streams(&["tcp-conflict.pcap"]));
}

#[test]
fn one_bad_input_among_several_leaves_the_others_alone() {
    let good = [HTTP, "ftp.pcap"];
    let expected = streams(&good);
    let [first, second] = good.map(|name| format!("@{name}"));
    for bad in ["missing.pcap", "notes.txt", "folder"] {
        for place_of_bad in 0..3 {
            let place = Place::new();
            place.put("notes.txt", "hello\n");
            fs::create_dir(place.path("folder")).unwrap();
            let mut files = vec![first.as_str(), &second];
            files.insert(place_of_bad, bad);
            let run = place.tapflow(&[&["-o", "o", "-l"], &files[..]].concat()).ends_with(1);
            run.says(&[&format!("tapflow: {bad}: "), "connections"]);
            assert_eq!(place.files("o"), expected);
            assert!(place.report("o").contains("<tcpflow:error>"));
        }
    }
}

#[test]
fn a_cut_compressed_capture_gives_everything_before_the_cut() {
    use std::io::Write;
    let bytes = capture_bytes(HTTP);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(&bytes).unwrap();
    let packed = encoder.finish().unwrap();
    let place = Place::new();
    place.put("cut.pcap.gz", &packed[..packed.len() / 2]);
    let run = place.tapflow(&["-o", "o", "-r", "cut.pcap.gz"]).ends_with(1);
    run.says(&["tapflow: cut.pcap.gz: ", "gzip", "cut off"]);
    let whole = streams(&[HTTP]);
    for (name, kept) in place.files("o") {
        assert!(!kept.is_empty() && whole[&name].starts_with(&kept), "{name} begins as the stream does");
    }
    assert_eq!(place.files("o").len(), whole.len());
    place.report("o");
}

/// The console's pipe is not read until the file is shorter, so the run cannot have read it to its end.
#[test]
fn a_capture_that_is_cut_short_during_the_run_is_named_and_the_rest_of_the_inputs_is_read() {
    let piece = [b'x'; 1400];
    let bytes = pcap(&connection(1000, &vec![(HALF_PAST, &piece[..]); 8000]));
    let offsets = record_offsets(&bytes);
    for left in [offsets[4000], offsets[4000] + 700] {
        let place = Place::new();
        place.put("cut.pcap", &bytes);
        let mut child = place.start(&["-C", "-r", "cut.pcap", "-r", &capture(HTTP).display().to_string()]);
        let mut out = child.stdout.take().unwrap();
        let mut read = vec![0; 1];
        out.read_exact(&mut read).unwrap();
        fs::File::options().write(true).open(place.path("cut.pcap")).unwrap().set_len(left as u64).unwrap();
        let reader = std::thread::spawn(move || out.read_to_end(&mut read).map(|_| read));
        let run = end_of(child).ends_with(1);
        let read = reader.join().unwrap().unwrap();
        let total = bytes.len();
        run.says(&[
            "tapflow: cut.pcap: byte ",
            &format!("cut short while it was read: {left} of the {total} bytes"),
        ]);
        let data = read.iter().filter(|byte| **byte == b'x').count();
        assert!(data >= 3990 * 1400, "{data} bytes of the first capture");
        assert!(read.windows(8).any(|bytes| bytes == b"HTTP/1.1"), "the second capture");
    }
}

#[test]
fn a_filter_or_template_that_is_wrong_is_told_before_anything_is_made() {
    let place = Place::new();
    let http = format!("@{HTTP}");
    for (args, status, parts) in [
        (&["port", "no-such-port"][..], 2, &["filter \"port no-such-port\"", "pcap-filter(7)"][..]),
        (&["((("], 2, &["filter \"(((\""]),
        (&["-T", "%q"], 2, &["-T '%q': ", "the letters are %A"]),
        (&["-T", "%A%"], 2, &["-T '%A%': ends in a single %"]),
        (&["-T", ""], 2, &["-T '': ", "has no file in it"]),
        (&["-T", "%A/"], 2, &["-T '%A/': ", "has no file in it"]),
        (&["-T", "../%A"], 2, &["-T '../%A': ", "leaves the output directory"]),
    ] {
        let run = place.tapflow(&[&["-o", "o", "-r", &http], args].concat()).ends_with(status);
        let run = run.says(parts);
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        assert!(!place.path("o").exists());
    }
}

#[test]
fn a_command_line_that_cannot_be_obeyed_has_status_2_and_one_line() {
    let place = Place::new();
    for args in [&["-r"][..], &["--nonsense"], &["-l"], &["-r", "-", "-r", "-"], &["-R", "x"], &["-i"]] {
        let run = place.tapflow(args).ends_with(2);
        assert!(run.err.starts_with("tapflow: ") && run.err.lines().count() == 1, "{args:?}: {}", run.err);
        assert!(run.out.is_empty());
    }
    assert!(capture(HTTP).exists());
}
