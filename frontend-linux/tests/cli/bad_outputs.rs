//! Places that cannot be written: the message names the file and the reason, the exit status is 1,
//! what was written before is intact, the report is closed where there is one. And nothing is ever
//! written outside the output directory.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt, symlink};

use super::support::{Place, capture_bytes, end_of, streams, wait_until};

const LARGE: &str = "wire-loss-reorder.pcap"; // 120 kB in one flow

/// Asserts that the files of `folder` are beginnings of the streams of `capture`; how many bytes.
fn are_beginnings(place: &Place, folder: &str, capture: &str) -> usize {
    let whole = streams(&[capture]);
    let files = place.files(folder);
    for (name, bytes) in &files {
        assert!(whole[name].starts_with(bytes), "{name} has the first bytes of its stream");
    }
    files.values().map(Vec::len).sum()
}

#[test]
fn an_output_directory_that_is_a_file_is_refused() {
    let place = Place::new();
    place.put("file", "kept");
    for name in ["file", "file/below"] {
        let run = place.tapflow(&["-o", name, "-r", "@http-plain.pcap"]).ends_with(1);
        run.says(&[&format!("tapflow: cannot make the directory {name}: "), "choose a directory with -o"]);
    }
    assert_eq!(fs::read(place.path("file")).unwrap(), b"kept");
}

#[cfg(unix)]
#[test]
fn a_directory_without_permission_is_refused() {
    let place = Place::new();
    fs::create_dir(place.path("o")).unwrap();
    fs::set_permissions(place.path("o"), fs::Permissions::from_mode(0o555)).unwrap();
    place.put("in.pcap", capture_bytes("http-plain.pcap"));
    if let Some(run) = place.shell_unprivileged("$tapflow -o o -r in.pcap") {
        run.ends_with(1).says(&["tapflow: cannot write the report o/report.xml: Permission denied", "-o"]);
    }
    if let Some(run) = place.shell_unprivileged("$tapflow -S enable_report=NO -o o -r in.pcap") {
        run.ends_with(1).says(&["tapflow: cannot create o/192.000.002.001.", "Permission denied", "-o"]);
    }
    fs::set_permissions(place.path("o"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(place.files("o").is_empty());
}

#[cfg(unix)]
#[test]
fn a_file_system_that_is_read_only_is_told() {
    let place = Place::new();
    fs::create_dir(place.path("o")).unwrap();
    let line = "mount -t tmpfs -o ro tmpfs o && $tapflow -o o/new -r $data/http-plain.pcap";
    if let Some(run) = place.shell_with_mounts(line) {
        run.ends_with(1)
            .says(&["tapflow: cannot make the directory o/new: Read-only file system", "with -o"]);
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_keeps_what_was_written_and_closes_the_report() {
    let place = Place::new();
    fs::create_dir(place.path("o")).unwrap();
    let line = format!(
        "mount -t tmpfs -o size=200k tmpfs o; $tapflow -o o -r $data/{LARGE}; s=$?; cp -r o saved; exit $s"
    );
    if let Some(run) = place.shell_with_mounts(&line) {
        let run = run.ends_with(1);
        run.says(&["tapflow: cannot write o/192.000.002.002.00080-", "No space left on device", "make room"]);
        assert!(are_beginnings(&place, "saved", LARGE) > 50_000);
        assert!(place.report("saved").contains("No space left"));
    }
}

#[cfg(unix)]
#[test]
fn a_limit_of_file_sizes_is_an_error_like_any_other() {
    let place = Place::new();
    let run = place.shell(&format!("ulimit -f 200; exec $tapflow -o o -r $data/{LARGE}")).ends_with(1);
    run.says(&["tapflow: cannot write o/192.000.002.002.00080-", "File too large", "-b", "ulimit -f"]);
    assert!(are_beginnings(&place, "o", LARGE) > 50_000);
    assert!(place.report("o").contains("File too large"));
}

#[cfg(unix)]
#[test]
fn a_console_that_cannot_be_written_is_told() {
    let place = Place::new();
    let run = place.shell("$tapflow -c -r $data/http-plain.pcap > /dev/full").ends_with(1);
    run.says(&["tapflow: standard output: No space left on device"]);
}

#[cfg(unix)]
#[test]
fn an_output_directory_that_vanishes_is_told() {
    for early in [&[][..], &["-f", "1"]] {
        let place = Place::new();
        let bytes = capture_bytes("http-parallel.pcap");
        let mut child = place.start(&[&["-o", "o", "-r", "-"], early].concat());
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&bytes[..20_000]).unwrap();
        wait_until("files", || fs::read_dir(place.path("o")).is_ok_and(|folder| folder.count() > 2));
        // Files that come meanwhile are in the way.
        wait_until("no directory", || fs::remove_dir_all(place.path("o")).is_ok());
        // It may have left before it has read everything.
        let _ = stdin.write_all(&bytes[20_000..]);
        drop(stdin);
        end_of(child).ends_with(1).says(&["tapflow: cannot ", " o/192.000.002.00", "removed"]);
    }
}

#[cfg(unix)]
#[test]
fn messages_that_nobody_can_read_are_no_reason_to_fail() {
    for closed in ["2>&-", "2>/dev/full", ">&- 2>&-", "<&-"] {
        let place = Place::new();
        place.shell(&format!("$tapflow -v -o o -r $data/http-plain.pcap {closed}")).ends_with(0);
        assert_eq!(place.files("o"), streams(&["http-plain.pcap"]), "{closed}");
        place.report("o");
    }
}

#[cfg(unix)]
#[test]
fn the_report_is_never_written_over_an_input() {
    let place = Place::new();
    let bytes = capture_bytes("http-plain.pcap");
    place.put("in.pcap", &bytes);
    symlink("in.pcap", place.path("link")).unwrap();
    fs::hard_link(place.path("in.pcap"), place.path("same")).unwrap();
    for name in ["in.pcap", "./in.pcap", "link", "same"] {
        let run = place.tapflow(&["-o", "o", "-X", name, "-r", "in.pcap"]).ends_with(1);
        run.says(&[&format!("cannot write the report {name}: it is an input")]);
        assert_eq!(fs::read(place.path("in.pcap")).unwrap(), bytes);
    }
}

#[test]
fn a_report_that_cannot_be_made_is_told_before_anything_is_written() {
    let place = Place::new();
    let run = place.tapflow(&["-o", "o", "-X", "no/such/report.xml", "-r", "@http-plain.pcap"]).ends_with(1);
    let run = run.says(&["tapflow: cannot write the report no/such/report.xml: "]);
    assert_eq!(run.err.matches("cannot write").count(), 1);
    assert!(!place.path("o").exists());
}

/// What a stranger who may write there can plant in an output directory.
#[cfg(unix)]
#[test]
fn planted_links_are_not_followed() {
    let place = Place::new();
    place.put("victim", "kept");
    fs::create_dir(place.path("elsewhere")).unwrap();
    fs::create_dir(place.path("o")).unwrap();

    symlink("../elsewhere", place.path("o/folder")).unwrap();
    let run = place.tapflow(&["-o", "o", "-T", "folder/%A", "-r", "@http-plain.pcap"]).ends_with(1);
    run.says(&["o/folder", "symbolic link"]);
    place.report("o");

    // The count moves on past a link, even one that leads nowhere.
    symlink("../victim", place.path("o/flow")).unwrap();
    symlink("../elsewhere/new", place.path("o/flowc1")).unwrap();
    place.tapflow(&["-o", "o", "-T", "flow", "-r", "@http-plain.pcap"]).ends_with(0);
    let mut names: Vec<_> = place.files("o").into_keys().collect();
    names.sort();
    assert_eq!(names, ["flow", "flowc1", "flowc2", "flowc3", "folder"]);

    fs::remove_file(place.path("o/report.xml")).unwrap();
    symlink("../victim", place.path("o/report.xml")).unwrap();
    let run = place.tapflow(&["-o", "o", "-r", "@http-plain.pcap"]).ends_with(1);
    run.says(&["cannot write the report o/report.xml: it is a symbolic link"]);

    assert_eq!(fs::read(place.path("victim")).unwrap(), b"kept");
    assert!(place.files("elsewhere").is_empty());
}

#[test]
fn names_lead_only_below_the_output_directory() {
    let flows = streams(&["http-plain.pcap"]);
    for (template, outside) in [("../%A", true), ("a/../../%A", true), ("/%A", false), ("//a/./%A", false)] {
        let place = Place::new();
        let run = place.tapflow(&["-o", "deep/o", "-T", template, "-r", "@http-plain.pcap"]);
        if outside {
            run.ends_with(2).says(&["leaves the output directory"]);
            assert!(!place.path("deep").exists());
        } else {
            run.ends_with(0);
            let mut found: BTreeMap<_, _> = place.files("");
            assert!(found.remove("deep/o/report.xml").is_some());
            assert!(found.keys().all(|name| name.starts_with("deep/o/")), "{:?}", found.keys());
            assert_eq!(found.values().collect::<Vec<_>>(), flows.values().collect::<Vec<_>>());
        }
    }
}
