//! One run, one result: what a run writes is its own, whole, and on the disk when the run says so.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;

use super::support::{Place, end_of, half_read, streams};

const HTTP: &str = "http-plain.pcap";

#[test]
fn a_second_run_does_not_write_to_the_directory_of_the_first() {
    let place = Place::new();
    let (child, stdin) = half_read(&place, &[]);
    for args in [&[][..], &["-X", "elsewhere.xml"], &["--rotate", "1h"]] {
        let run = place.tapflow(&[&["-o", "o", "-r", "@http-plain.pcap"], args].concat()).ends_with(1);
        run.says(&["tapflow: another run writes to o: ", "-o", "-X"]);
    }
    assert_eq!(place.files("o").len(), 2);
    assert!(!place.path("elsewhere.xml").exists());
    drop(stdin);
    end_of(child).ends_with(0);
    place.report("o");
    place.tapflow(&["-o", "o", "-r", "@http-plain.pcap"]).ends_with(0);
}

#[test]
fn runs_share_a_directory_where_their_reports_are_elsewhere() {
    let place = Place::new();
    let (child, stdin) = half_read(&place, &["-X", "first.xml"]);
    let other = ["-X", "second.xml", "-o", "o", "-T", "other-%A-%a", "-r", "@http-plain.pcap"];
    place.tapflow(&other).ends_with(0);
    let one = ["-X", "first.xml", "-o", "p", "-r", "@http-plain.pcap"];
    if cfg!(unix) {
        let run = place.tapflow(&one).ends_with(1);
        run.says(&["cannot write the report first.xml: ", "first.xml.part: another run is writing it"]);
    }
    drop(stdin);
    end_of(child).ends_with(0);
    for report in ["first.xml", "second.xml"] {
        place.report_file(report);
    }
    assert_eq!(place.files("o").len(), 4);
}

#[test]
fn a_run_that_cannot_begin_leaves_what_an_earlier_one_wrote() {
    let place = Place::new();
    let named = ["report.xml", "lines", "a.har"];
    let args =
        ["-X", "report.xml", "--jsonl", "lines", "--har", "a.har", "-o", "o", "-r", "@http-plain.pcap"];
    place.tapflow(&args).ends_with(0);
    let before = named.map(|name| fs::read(place.path(name)).unwrap());
    for failing in [["-w", "no/such"], ["-S", "tcp_alert_fd=99"]] {
        place.tapflow(&[&failing[..], &args].concat()).ends_with(1);
        assert_eq!(named.map(|name| fs::read(place.path(name)).unwrap()), before, "{failing:?}");
        for name in named {
            assert!(!place.path(&format!("{name}.part")).exists(), "{name} of {failing:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_others_put_in_the_place_of_the_report_is_refused() {
    let place = Place::new();
    place.put("victim", "kept");
    fs::create_dir(place.path("o")).unwrap();
    for (plant, reason) in [
        ("ln -s ../victim o/report.xml", "symbolic link"),
        ("mkfifo o/report.xml", "a pipe, device or socket"),
        ("mkdir o/report.xml", "directory"),
        ("ln -s ../victim o/report.xml.part", "o/report.xml.part: something else than a file is in the way"),
    ] {
        place.shell(plant).ends_with(0);
        let run = place.tapflow(&["-o", "o", "-r", "@http-plain.pcap"]).ends_with(1);
        run.says(&["tapflow: cannot write the report o/report.xml: ", reason]);
        place.shell("rm -r o/report.xml*").ends_with(0);
        assert!(place.files("o").is_empty(), "{plant}");
    }
    assert_eq!(fs::read(place.path("victim")).unwrap(), b"kept");
}

#[cfg(unix)]
#[test]
fn a_report_goes_into_the_pipe_or_device_that_the_user_names() {
    let place = Place::new();
    let run =
        place.shell("$tapflow -q -o o -X /dev/stdout -r $data/http-plain.pcap | cat; rm -r o").ends_with(0);
    place.put("piped.xml", run.out);
    place.report_file("piped.xml");
    let line =
        "mkfifo fifo; cat fifo > read.xml & $tapflow -q -o o -X fifo -r $data/http-plain.pcap && wait $!";
    place.shell(line).ends_with(0);
    place.report_file("read.xml");
    place.tapflow(&["-q", "-o", "o", "-X", "/dev/null", "-r", "@http-plain.pcap"]).ends_with(0);
}

#[cfg(unix)]
#[test]
fn permissions_that_are_taken_away_are_missing_on_everything() {
    let place = Place::new();
    let more = ["-T", "a/%A-%a", "--jsonl", "lines", "--har", "a.har", "-e", "http", "-w", "rest.pcap"];
    place
        .tapflow(&[&["--umask", "077", "-o", "o", "-r", "@http-plain.pcap"], &more[..]].concat())
        .ends_with(0);
    let mode = |name: &str| fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    for folder in ["o", "o/a"] {
        assert_eq!(mode(folder), 0o700, "{folder}");
    }
    let files = place.files("o");
    assert!(files.len() > 2);
    let named = ["lines", "a.har", "rest.pcap", "o/report.xml"].map(str::to_owned);
    for file in files.keys().map(|name| format!("o/{name}")).chain(named) {
        assert_eq!(mode(&file), 0o600, "{file}");
    }
}

#[test]
fn files_are_the_same_however_they_are_flushed() {
    let expected = streams(&[HTTP]);
    for how in ["--fsync", "--no-sync"] {
        let place = Place::new();
        let run = place.tapflow(&[how, "-f", "1", "-o", "o", "-r", "@http-plain.pcap"]).ends_with(0);
        assert!(!run.err.contains("disk"), "{}", run.err);
        assert_eq!(place.files("o"), expected, "{how}");
    }
}

/// A file system in a file that is larger than what there is room for: it takes bytes that it cannot keep, and says so
/// when it is flushed.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_does_not_keep_what_it_took_is_an_error_of_the_run() {
    const NO_LOOP: i32 = 77;
    let place = Place::new();
    let line = "mkdir host disk && mount -t tmpfs -o size=2m tmpfs host && truncate -s 64M host/image \
                && mkfs.ext4 -q host/image && mount -o loop host/image disk || exit 77; \
                mkdir disk/o && sync -f disk || exit 77; dd if=/dev/zero of=host/fill bs=64k 2>/dev/null; \
                $tapflow -o disk/o -r $data/wire-loss-reorder.pcap; s=$?; ls disk/o; umount disk; exit $s";
    let Some(run) = place.shell_with_mounts(line) else { return };
    if run.status == Some(NO_LOOP) {
        return tapflow_tests::not_tested("no file system can be mounted from a file here");
    }
    let run = run.ends_with(1).says(&["tapflow: disk/o: not everything that was written is on the disk: "]);
    // The system lets nothing more be written there: no report says that all went well.
    let files = String::from_utf8(run.out).unwrap();
    assert!(files.lines().all(|name| name != "report.xml"), "{files}");
}
