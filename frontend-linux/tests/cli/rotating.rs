//! Numbered output directories, and a bound of everything that is written.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;

use tapflow_tests::frames::TcpFrame;

use super::support::{
    HALF_PAST, Place, Run, capture_bytes, connection, end_of, header, pcap, record, record_offsets, streams,
    wait_until,
};

const MIB: u64 = 1 << 20;

fn server_file(directory: &str, port: u16) -> String {
    format!("{directory}/010.000.000.002.00080-010.000.000.001.{port:05}")
}

fn names(files: &BTreeMap<String, Vec<u8>>) -> Vec<&str> {
    files.keys().map(String::as_str).collect()
}

#[test]
fn connections_stay_whole_in_the_directory_in_which_they_begin() {
    let place = Place::new();
    let mut frames = connection(1000, &[(HALF_PAST, b"before "), (HALF_PAST + 3600, b"and after")]);
    // On the hour, and a second before the next.
    frames.extend(connection(2000, &[(HALF_PAST + 1800, b"in the second hour"), (HALF_PAST + 5399, b"!")]));
    frames.extend(connection(3000, &[(HALF_PAST + 5400, b"in the third")]));
    frames.sort_by_key(|(time, _)| *time);
    place.put("a.pcap", pcap(&frames));
    let run = place.tapflow(&["-r", "a.pcap", "-o", "o", "--rotate", "1h"]).ends_with(0);
    run.says(&["6 files, 56 bytes, 3 numbered directories"]);
    let files = place.files("o");
    assert_eq!(files[&server_file("000001", 1000)], b"before and after");
    assert_eq!(files[&server_file("000002", 2000)], b"in the second hour!");
    assert_eq!(files[&server_file("000003", 3000)], b"in the third");
    // Three reports, and two files of each connection.
    assert_eq!(files.len(), 9);
    for (number, packets) in [("000001", 4), ("000002", 12), ("000003", 7)] {
        let report = place.report(&format!("o/{number}"));
        assert_eq!(report.matches("<fileobject>").count(), 2, "{report}");
        assert!(report.contains("<tcpflow:total_flows>2</tcpflow:total_flows>"), "{report}");
        let total = format!("<tcpflow:total_packets>{packets}</tcpflow:total_packets>");
        assert!(report.contains(&total), "{total} {report}");
    }
}

#[test]
fn a_directory_that_has_its_size_is_followed_by_the_next() {
    let place = Place::new();
    let frames: Vec<_> =
        (0..5).flat_map(|n| connection(1000 + n, &[(HALF_PAST + u64::from(n), &[b'x'; 600][..])])).collect();
    place.put("a.pcap", pcap(&frames));
    place.tapflow(&["-r", "a.pcap", "-o", "o", "--rotate", "17k", "--rotate", "1d"]).ends_with(0);
    let files = place.files("o");
    let directories: Vec<_> = (0..5)
        .map(|n| (1..4).find(|d| files.contains_key(&server_file(&format!("{d:06}"), 1000 + n))))
        .collect();
    assert_eq!(directories, [1, 1, 2, 2, 3].map(Some));
}

#[test]
fn nothing_is_lost_and_nothing_is_there_twice() {
    let expected = streams(&["http-parallel.pcap"]);
    for more in [&["-a", "-I", "-v"][..], &["-T", "%A/%a-%B.%b"], &["-Fk"]] {
        let [whole, parts] = [Place::new(), Place::new()];
        let args = [&["-r", "@http-parallel.pcap", "-o", "o"], more].concat();
        whole.tapflow(&args).ends_with(0);
        parts.tapflow(&[&args[..], &["--rotate", "1k"]].concat()).ends_with(0);
        let mut merged = BTreeMap::new();
        for (name, bytes) in parts.files("o") {
            let name = name.split_once('/').unwrap().1.to_owned();
            if !matches!(name.as_str(), "report.xml" | "report.pdf") {
                assert!(merged.insert(name.clone(), bytes).is_none(), "{name} is there twice");
            }
        }
        let mut whole = whole.files("o");
        // Each directory has a page of its own.
        whole.remove("report.pdf");
        assert_eq!(names(&merged), names(&whole));
        assert!(merged == whole && whole.len() >= expected.len());
        assert!(parts.files("o").keys().any(|name| name.starts_with("000002/")));
    }
}

#[test]
fn everything_has_its_file_in_each_directory() {
    let place = Place::new();
    let run = place
        .tapflow(&[
            "-r",
            "@http-parallel.pcap",
            "-o",
            "o",
            "-e",
            "http",
            "--rotate",
            "20k",
            "-w",
            "rest",
            "-X",
            "r.xml",
            "--jsonl",
            "lines",
            "--har",
            "a.har",
        ])
        .ends_with(0);
    assert!(run.err.contains("numbered directories"), "{}", run.err);
    let files = place.files("o");
    for directory in ["000001", "000002"] {
        for name in ["rest", "r.xml", "lines", "a.har"] {
            assert!(files.contains_key(&format!("{directory}/{name}")), "{directory}/{name}");
        }
    }
    let listed: usize =
        files.iter().filter(|(name, _)| name.ends_with("/lines")).map(|(_, text)| lines(text)).sum();
    assert_eq!(listed, 6);
    // What goes to standard output is one stream.
    let run =
        place.tapflow(&["-q", "-r", "@http-parallel.pcap", "-o", "p", "--rotate", "20k", "--jsonl", "-"]);
    assert_eq!(lines(&run.ends_with(0).out), 6);
}

fn lines(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

#[test]
fn packets_of_connections_and_all_others_are_in_the_directories_without_loss() {
    let place = Place::new();
    place
        .tapflow(&["-q", "-r", "@http-parallel.pcap", "-o", "o", "-K", "-w", "rest.pcap", "--rotate", "30k"])
        .ends_with(0);
    let mut records = 0;
    for (name, bytes) in place.files("o") {
        if name.ends_with(".pcap") {
            records += packets(&bytes);
        }
    }
    assert_eq!(records, packets(&capture_bytes("http-parallel.pcap")));
}

fn packets(pcap: &[u8]) -> usize {
    // Also where the last one ends.
    record_offsets(pcap).len() - 1
}

#[test]
fn numbers_follow_those_that_are_there() {
    let place = Place::new();
    for first in [1, 2] {
        place.tapflow(&["-q", "-r", "@netcat.pcap", "-o", "o", "--rotate", "1h"]).ends_with(0);
        assert!(place.path(&format!("o/{first:06}/report.xml")).exists());
    }
    fs::create_dir(place.path("o/41")).unwrap();
    place.tapflow(&["-q", "-r", "@netcat.pcap", "-o", "o", "--rotate", "1h"]).ends_with(0);
    assert!(place.path("o/000042/report.xml").exists());
}

#[test]
fn a_directory_that_cannot_be_made_ends_the_run_with_everything_so_far() {
    let place = Place::new();
    place.put("file", "");
    place
        .tapflow(&["-r", "@netcat.pcap", "-o", "file", "--rotate", "1h"])
        .ends_with(1)
        .says(&["file", "directory"]);
}

/// A capture of connections of 1000 bytes each, one a second: with what files take, 9 KiB each.
fn many(count: u16) -> Vec<u8> {
    let mut capture = header();
    let piece = [b'x'; 1000];
    for number in 0..count {
        for (time, frame) in connection(1024 + number, &[(HALF_PAST + u64::from(number), &piece)]) {
            record(&mut capture, time, &frame);
        }
    }
    capture
}

/// What all files below take: their bytes, and a block for each.
fn weight(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(facts) if facts.is_dir() => weight(&entry.path()),
        Ok(facts) => facts.len() + 4096,
        Err(_) => 0,
    };
    entries.filter_map(Result::ok).map(size).sum()
}

/// Runs the program on connections without end, each as in [`many`].
fn without_end(place: &Place, args: &[&str]) -> Run {
    let mut child = place.start(&[&["-r", "-"], args].concat());
    let mut input = child.stdin.take().unwrap();
    let feeder = thread::spawn(move || {
        let connections = many(1000);
        input.write_all(&header()).unwrap();
        while input.write_all(&connections[header().len()..]).is_ok() {}
    });
    let run = end_of(child);
    feeder.join().unwrap();
    run
}

#[test]
fn a_full_bound_ends_the_run_with_everything_so_far() {
    let place = Place::new();
    without_end(&place, &["-o", "o", "--max-disk", "4M"]).ends_with(1).says(&[
        "the limit of --max-disk 4194304 is reached",
        "the run ends here",
        "ended:",
    ]);
    let (files, bytes) = (place.files("o").len() as u64, weight(&place.path("o")));
    // The bound, and what may be on its way to the disk.
    assert!(bytes < 4 * MIB + 128 * MIB && files > 100, "{files} files, {bytes} bytes");
    assert_eq!(place.report("o").matches("<filename>").count() as u64, files);
}

/// A few kilobytes of capture that become 96 MiB of bodies.
#[test]
fn bodies_ask_for_room_before_they_are_written() {
    let place = Place::new();
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    coder.write_all(&vec![0; 8 << 20]).unwrap();
    let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
    let stream = [&head[..], &coder.finish().unwrap()].concat();
    let pieces: Vec<(u64, &[u8])> = stream.chunks(1400).map(|piece| (HALF_PAST, piece)).collect();
    let frames: Vec<_> = (0..12).flat_map(|number| connection(1000 + number, &pieces)).collect();
    place.put("a.pcap", pcap(&frames));
    let run = place.tapflow(&["-e", "http", "-r", "a.pcap", "-o", "o", "--max-disk", "20M"]).ends_with(1);
    let run = run.says(&["HTTPBODY", "there is no room for it within --max-disk 20971520; it is left out"]);
    assert_eq!(run.err.matches("there is no room").count(), 1);
    let (bytes, report) = (weight(&place.path("o")), place.report("o"));
    assert!((8 * MIB..21 * MIB).contains(&bytes), "{bytes} bytes");
    let listed =
        report.lines().filter(|line| line.contains("<filename>") && line.contains("HTTPBODY")).count();
    assert!(listed > 0 && run.err.contains(&format!("{listed} body file")), "{listed}: {}", run.err);
    place.tapflow(&["-q", "-e", "http", "-r", "a.pcap", "-o", "p", "--max-disk", "200M"]).ends_with(0);
    assert!(weight(&place.path("p")) > 96 * MIB);
}

#[test]
fn only_what_goes_into_the_present_directory_makes_it_larger() {
    let place = Place::new();
    let piece = [b'x'; 1000];
    let pieces: Vec<(u64, &[u8])> = (0..1000).map(|_| (HALF_PAST, &piece[..])).collect();
    let mut frames = connection(1000, &pieces);
    frames.extend(connection(2000, &[(HALF_PAST, b"later")]));
    place.put("a.pcap", pcap(&frames));
    let directories = |args: &[&str]| {
        place.tapflow(&[&["-r", "a.pcap", "--rotate", "100k"], args].concat()).ends_with(0);
        let made = fs::read_dir(place.path(args[1])).unwrap().count();
        assert_eq!(place.files(args[1])[&server_file(&format!("{made:06}"), 2000)], b"later");
        made
    };
    assert_eq!(directories(&["-o", "o"]), 2);
    assert_eq!(directories(&["-o", "few", "-b", "10"]), 1);
}

#[test]
fn an_input_that_ends_before_the_bound_is_noticed_is_told() {
    let place = Place::new();
    place.put("a.pcap", many(2500));
    let run = place.tapflow(&["-r", "a.pcap", "-o", "o", "--max-disk", "1M"]).ends_with(1);
    assert!(
        run.err.contains("the limit of --max-disk 1048576 is reached")
            || run.err.contains("more than --max-disk 1048576 allows")
    );
    place.tapflow(&["-q", "-r", "a.pcap", "-o", "p", "--max-disk", "100M"]).ends_with(0);
}

#[test]
fn what_was_deleted_is_told_in_the_bytes_that_it_had() {
    let place = Place::new();
    place.put("a.pcap", many(2500));
    place.tapflow(&["-q", "-r", "a.pcap", "-o", "a", "--rotate", "1M"]).ends_with(0);
    let args = ["-r", "a.pcap", "-o", "o", "--rotate", "1M", "--max-disk", "8M", "--disk-full", "delete"];
    let run = place.tapflow(&args).ends_with(0);
    // Several lines where some of its connections were open yet.
    let (mut files, mut bytes) = (0, 0);
    for line in run.err.lines().filter(|line| line.contains("deleted") && line.contains(" o/000002: ")) {
        let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        files += numbers[0];
        bytes += numbers[1];
    }
    let directory = place.path("a/000002");
    assert_eq!(files, fs::read_dir(&directory).unwrap().count() as u64, "{}", run.err);
    // The directory has a block, and its report tells of the command and of what was deleted before.
    assert!(bytes.abs_diff(weight(&directory) + 4096) < 1000, "{}: {}", run.err, weight(&directory));
}

#[test]
fn files_that_programs_read_are_not_deleted() {
    let place = Place::new();
    place.put("a.pcap", many(400));
    place.put("slow", "sleep 0.02; cat \"$1\" >/dev/null\n");
    let run = place
        .shell("$tapflow -r a.pcap -o o --rotate 200k --max-disk 1M --disk-full delete -S tcp_cmd='sh slow'");
    assert!(!run.err.contains("tcp_cmd") && run.err.contains("deleted o/"), "{}", run.err);
}

#[test]
fn the_oldest_directories_go_before_the_bound_is_reached() {
    let place = Place::new();
    place.put("a.pcap", many(2500));
    let args = ["-r", "a.pcap", "-o", "o", "--rotate", "1M", "--max-disk", "8M", "--disk-full", "delete"];
    let run = place.tapflow(&args).ends_with(0);
    assert!(
        run.err.contains("deleted o/000001: ") && run.err.contains("numbered directories"),
        "{}",
        run.err
    );
    let left: Vec<_> =
        fs::read_dir(place.path("o")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let (first, last) = (left.iter().min().unwrap(), left.iter().max().unwrap());
    assert!(first.to_str() > Some("000001") && weight(&place.path("o")) <= 8 * MIB, "{left:?}");
    // What is there is whole, and the last report says what is not.
    let last = place.report(&format!("o/{}", last.to_str().unwrap()));
    let deleted = |report: &str| report.contains("deleted_directories");
    assert!(deleted(&last) || run.err.contains("deleted:"), "{last}");
    for name in left {
        place.report(&format!("o/{}", name.to_str().unwrap()));
    }
}

#[test]
fn what_a_long_connection_still_needs_stays_while_all_around_it_goes() {
    let place = Place::new();
    let long = connection(1000, &[(HALF_PAST, b"first "), (HALF_PAST + 2501, b"and last")]);
    let (before, after) = long.split_at(4);
    let (data, end) = after.split_at(1);
    let records = |frames: &[(u64, TcpFrame)]| pcap(frames).split_off(header().len());
    let args = ["-r", "-", "-o", "o", "--rotate", "1M", "--max-disk", "8M", "--disk-full", "delete", "-I"];
    let mut child = place.start(&args);
    let mut input = child.stdin.take().unwrap();
    for part in [pcap(before), many(2500).split_off(header().len()), records(data)] {
        input.write_all(&part).unwrap();
    }
    // As long as it is open: whatever has ended may go.
    let in_first = |name: &str| fs::read(place.path(&format!("o/{}{name}", server_file("000001", 1000))));
    wait_until("the connection's bytes", || in_first("").is_ok_and(|bytes| bytes == b"first and last"));
    // Both files of the connection, their indexes, and the report, which has all flows.
    wait_until("what has ended is gone", || fs::read_dir(place.path("o/000001")).unwrap().count() == 5);
    assert!(in_first(".findx").is_ok());
    let flows = || {
        fs::read_to_string(place.path("o/000001/report.xml.part")).unwrap().matches("<fileobject>").count()
    };
    wait_until("the flows of the report", || flows() > 100);
    input.write_all(&records(end)).unwrap();
    drop(input);
    end_of(child)
        .ends_with(0)
        .says(&["deleted files of ended connections in o/000001: ", "deleted o/000002: "]);
}

#[test]
fn where_nothing_can_be_deleted_the_run_ends() {
    let place = Place::new();
    let args = ["-o", "o", "--rotate", "1000d", "--max-disk", "4M", "--disk-full", "delete"];
    without_end(&place, &args).ends_with(1).says(&["--rotate more often, or allow more; the run ends here"]);
    assert_eq!(place.report("o/000001").matches("<filename>").count(), place.files("o").len() - 1);
}

#[test]
fn only_what_this_run_has_made_is_deleted() {
    let place = Place::new();
    place.put("a.pcap", many(2500));
    fs::create_dir_all(place.path("o/000001")).unwrap();
    place.put("o/000001/mine", "precious");
    let args =
        ["-q", "-r", "a.pcap", "-o", "o", "--rotate", "1M", "--max-disk", "8M", "--disk-full", "delete"];
    place.tapflow(&args).ends_with(0);
    assert_eq!(place.files("o")["000001/mine"], b"precious");
    assert!(!place.path("o/000002").exists());
}

#[cfg(unix)]
#[test]
fn another_user_has_the_directories_in_the_sandbox() {
    if !nix::unistd::geteuid().is_root() {
        tapflow_tests::not_tested("only root can become another user");
        return;
    }
    use std::os::unix::fs::MetadataExt;
    let place = Place::new();
    place.put("a.pcap", many(2500));
    let args = ["-q", "-r", "a.pcap", "-o", "/out", "-U", "nobody", "-z"];
    let root = place.path(".");
    let args = [&args[..], &[root.to_str().unwrap()]].concat();
    let more =
        ["--rotate", "1M", "--max-disk", "8M", "--disk-full", "delete", "-X", "r.xml", "--jsonl", "lines"];
    place.tapflow(&[&args[..], &more].concat()).ends_with(0);
    let files = place.files("out");
    assert!(!files.is_empty() && files.keys().all(|name| !name.starts_with("000001/")));
    for name in files.keys() {
        assert_eq!(fs::metadata(place.path("out").join(name)).unwrap().uid(), 65534, "{name}");
    }
}
