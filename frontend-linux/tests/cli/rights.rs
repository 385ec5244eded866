//! Rights that are given up: user, root directory, and everything that a run does not need.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Child;

use nix::unistd::geteuid;
use tapflow_tests::not_tested;

use super::support::{Place, capture, capture_bytes, end_of, streams, wait_until};

/// The numbers of the user and the group of `nobody`.
const NOBODY: (u32, u32) = (65534, 65534);

fn is_root() -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        not_tested("only root can become another user");
    }
    is_root
}

fn owner(path: &Path) -> (u32, u32) {
    let facts = fs::metadata(path).unwrap();
    (facts.uid(), facts.gid())
}

/// A field of a process's status, of all of its threads.
fn status(child: &Child, field: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let value = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field).map(str::to_owned));
        line.map(|line| line.trim_start_matches(':').split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let mut values: Vec<String> = tasks.filter_map(|task| value(task.unwrap())).collect();
    values.sort();
    values.dedup();
    values
}

/// A run that reads a capture from a pipe and has written its flows; what follows the capture is still to come.
fn running(place: &Place, args: &[&str]) -> Child {
    let mut child = place.start(&[args, &["-o", "o", "-r", "-"]].concat());
    child.stdin.as_mut().unwrap().write_all(&capture_bytes("http-plain.pcap")).unwrap();
    let report = place.path("o/report.xml.part");
    wait_until("a flow in the report", || {
        fs::read_to_string(&report).is_ok_and(|text| text.contains("<fileobject>"))
    });
    child
}

fn end(mut child: Child) {
    drop(child.stdin.take());
    end_of(child).ends_with(0);
}

#[test]
fn everything_written_belongs_to_the_user() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let args = [
        "-U",
        "nobody",
        "-I",
        "-e",
        "http",
        "-w",
        "rest.pcap",
        "--jsonl",
        "lines",
        "--har",
        "har",
        "-o",
        "o/p",
    ];
    place.tapflow(&[&args[..], &["-r", "@http-plain.pcap"]].concat()).ends_with(0);
    let files = place.files("o/p");
    assert!(files.len() > 4);
    let named = ["o/p", "o/p/report.xml", "rest.pcap", "lines", "har"].map(str::to_owned);
    for name in files.keys().map(|name| format!("o/p/{name}")).chain(named) {
        assert_eq!(owner(&place.path(&name)), NOBODY, "{name}");
    }
    assert!(place.report("o/p").contains("<username>nobody</username>"));
}

#[test]
fn no_right_is_left_in_any_thread() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let child = running(&place, &["-U", "nobody"]);
    assert_eq!(status(&child, "Uid"), ["65534 65534 65534 65534"]);
    assert_eq!(status(&child, "Gid"), ["65534 65534 65534 65534"]);
    assert_eq!(status(&child, "Groups"), ["65534"]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(&child, set), ["0000000000000000"], "{set}");
    }
    assert_eq!(status(&child, "NoNewPrivs"), ["1"]);
    end(child);
}

#[test]
fn every_thread_is_in_the_sandbox_unless_it_is_turned_off() {
    let place = Place::new();
    let child = running(&place, &["-e", "http"]);
    assert_eq!(status(&child, "NoNewPrivs"), ["1"]);
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")) {
        assert_eq!(status(&child, "Seccomp"), ["2"]);
    }
    end(child);

    let place = Place::new();
    let child = running(&place, &["--no-sandbox"]);
    assert_eq!(status(&child, "NoNewPrivs"), ["0"]);
    assert_eq!(status(&child, "Seccomp"), ["0"]);
    end(child);
}

#[test]
fn inputs_that_the_user_may_not_read_are_read() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    place.put("secret.pcap", capture_bytes("http-plain.pcap"));
    fs::set_permissions(place.path("secret.pcap"), fs::Permissions::from_mode(0o600)).unwrap();
    place
        .tapflow(&["-U", "nobody", "--hash", "md5", "--hash-inputs", "-o", "o", "-r", "secret.pcap"])
        .ends_with(0);
    assert_eq!(place.files("o"), streams(&["http-plain.pcap"]));
}

#[test]
fn a_directory_that_the_user_may_not_write_is_named() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path("o")).unwrap();
    place.tapflow(&["-U", "nobody", "-o", "o", "-r", "@http-plain.pcap"]).ends_with(1).says(&[
        "cannot create o/192.",
        "Permission denied",
        "choose another place with -o",
    ]);
}

#[test]
fn users_that_are_not_there_or_have_all_rights_are_refused() {
    let place = Place::new();
    for (user, reason) in
        [("no-such-user", "there is no such user"), ("root", "has all rights"), ("0", "has all rights")]
    {
        place
            .tapflow(&["-U", user, "-o", "o", "-r", "@http-plain.pcap"])
            .ends_with(1)
            .says(&["-U", user, reason]);
        assert!(!place.path("o").exists());
    }
    if !geteuid().is_root() {
        place
            .tapflow(&["-U", "nobody", "-o", "o", "-r", "@http-plain.pcap"])
            .ends_with(1)
            .says(&["only root"]);
    }
}

#[test]
fn with_another_root_directory_inputs_come_from_outside_and_everything_goes_inside() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    fs::create_dir(place.path("jail")).unwrap();
    fs::copy(capture("http-plain.pcap"), place.path("in.pcap")).unwrap();
    let args =
        ["-z", "jail", "-U", "nobody", "-o", "/out", "-X", "/flows.xml", "-w", "rest.pcap", "--har", "a.har"];
    let args = [&args[..], &["-e", "http", "--hash", "md5", "--hash-inputs", "-r", "in.pcap", "port", "80"]]
        .concat();
    place.tapflow(&args).ends_with(0);
    for name in ["jail/flows.xml", "jail/rest.pcap", "jail/a.har"] {
        assert_eq!(owner(&place.path(name)), NOBODY, "{name}");
    }
    let files = place.files("jail/out");
    for (name, bytes) in streams(&["http-plain.pcap"]) {
        assert_eq!(files[&name], bytes);
    }
    place
        .tapflow(&["-z", "nowhere", "-U", "nobody", "-r", "in.pcap"])
        .ends_with(1)
        .says(&["-z nowhere: No such file"]);
}

#[test]
fn programs_are_run_outside_of_the_sandbox() {
    let place = Place::new();
    place.put("collect", "cat /etc/passwd >/dev/null && cp \"$1\" elsewhere/\n");
    fs::create_dir(place.path("elsewhere")).unwrap();
    place.tapflow(&["-o", "o", "-S", "tcp_cmd=sh collect", "-r", "@http-plain.pcap"]).ends_with(0);
    assert_eq!(place.files("elsewhere"), place.files("o"));
    assert!(!place.files("o").is_empty());
}

#[test]
fn names_in_filters_are_known_for_every_link_type() {
    let place = Place::new();
    let args = [
        "-C",
        "-q",
        "-r",
        "@http-plain.pcap",
        "-r",
        "@link-ppp.pcap",
        "-r",
        "@link-sll.pcap",
        "port",
        "http",
    ];
    let run = place.tapflow(&args).ends_with(0);
    assert!(!run.out.is_empty());
}
