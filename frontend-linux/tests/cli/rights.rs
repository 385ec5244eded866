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
        "--csv",
        "o/t",
        "-o",
        "o/p",
    ];
    place.tapflow(&[&args[..], &["-r", "@http-plain.pcap"]].concat()).ends_with(0);
    let files = place.files("o/p");
    assert!(files.len() > 4);
    let named = ["o/p", "o/p/report.xml", "rest.pcap", "lines", "har", "o/t", "o/t/objects.csv"];
    let named = named.map(str::to_owned);
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

/// The processes that a process has begun.
#[cfg(target_arch = "x86_64")]
fn children(process: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    list.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

/// A field of the status of one process.
#[cfg(target_arch = "x86_64")]
fn field(process: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().to_owned()
}

#[test]
fn root_has_no_capability_in_any_thread_while_it_reads() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let child = running(&place, &["-e", "http"]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(&child, set), ["0000000000000000"], "{set}");
    }
    end(child);

    // In a directory of another user files could not be made without.
    let place = Place::new();
    fs::create_dir(place.path("o")).unwrap();
    std::os::unix::fs::chown(place.path("o"), Some(NOBODY.0), Some(NOBODY.1)).unwrap();
    let child = running(&place, &[]);
    // CAP_DAC_OVERRIDE and CAP_FOWNER.
    assert_eq!(status(&child, "CapEff"), ["000000000000000a"]);
    end(child);
    assert_eq!(place.files("o"), streams(&["http-plain.pcap"]));
}

/// Where the processor is this one and the kernel has the whole sandbox.
#[cfg(target_arch = "x86_64")]
mod taken_over {
    use super::super::inside::{Inside, sockets};
    use super::*;

    const HERE: u64 = libc::AT_FDCWD as u64;

    /// Where a text is that ends with a zero.
    fn text(inside: &mut Inside, text: &str) -> u64 {
        inside.put(&[text.as_bytes(), &[0]].concat())
    }

    #[test]
    fn a_run_that_was_taken_over_gets_nowhere() {
        let place = Place::new();
        place.put("other", "precious");
        let child = running(&place, &[]);
        let me = u64::from(std::process::id());
        let other = place.path("other").to_str().unwrap().to_owned();
        let mut inside = Inside::enter(&child);
        let (passwd, other, link) =
            (text(&mut inside, "/etc/passwd"), text(&mut inside, &other), text(&mut inside, "o/link"));
        let (program, new, outside) =
            (text(&mut inside, "/bin/true"), text(&mut inside, "o/new"), text(&mut inside, "beside"));
        let room = inside.put(&[0; 64]);
        let landlocked: [(libc::c_long, &[u64]); 5] = [
            (libc::SYS_openat, &[HERE, passwd, libc::O_RDONLY as u64]),
            (libc::SYS_openat, &[HERE, other, libc::O_WRONLY as u64]),
            (libc::SYS_openat, &[HERE, outside, (libc::O_CREAT | libc::O_WRONLY) as u64, 0o600]),
            (libc::SYS_unlink, &[other]),
            (libc::SYS_mkdir, &[outside, 0o700]),
        ];
        for (call, arguments) in landlocked {
            assert_eq!(inside.call(call, arguments), Err(libc::EACCES), "{call} {arguments:x?}");
        }
        let refused: [(libc::c_long, &[u64]); 26] = [
            (libc::SYS_execve, &[program, 0, 0]),
            (libc::SYS_fork, &[]),
            (libc::SYS_clone, &[libc::SIGCHLD as u64, 0, 0, 0, 0]),
            (libc::SYS_socket, &[libc::AF_INET as u64, libc::SOCK_STREAM as u64, 0]),
            (libc::SYS_kill, &[me, 0]),
            (libc::SYS_tkill, &[me, 0]),
            (libc::SYS_tgkill, &[me, me, 0]),
            (libc::SYS_prlimit64, &[me, libc::RLIMIT_NOFILE.into(), 0, room]),
            (libc::SYS_prlimit64, &[0, libc::RLIMIT_NOFILE.into(), room, 0]),
            (libc::SYS_ptrace, &[libc::PTRACE_ATTACH.into(), me, 0, 0]),
            (libc::SYS_mmap, &[0, 4096, 7, 0x22, u64::MAX, 0]),
            (libc::SYS_mprotect, &[room & !0xfff, 4096, 5]),
            (libc::SYS_ioctl, &[2, libc::TIOCSTI, room]),
            (libc::SYS_ioctl, &[2, 0xc004_5877, 0]),
            (libc::SYS_ioctl, &[2, 0x8922, room]),
            (libc::SYS_utimensat, &[HERE, other, 0, 0]),
            (libc::SYS_chmod, &[other, 0o777]),
            (libc::SYS_chown, &[other, 1, 1]),
            (libc::SYS_link, &[other, link]),
            (libc::SYS_symlink, &[passwd, link]),
            (libc::SYS_fcntl, &[0, libc::F_SETOWN as u64, me]),
            (libc::SYS_setuid, &[0]),
            (libc::SYS_capset, &[room, room]),
            (libc::SYS_chroot, &[outside]),
            (libc::SYS_mount, &[room, room, room, 0, 0]),
            (libc::SYS_unshare, &[libc::CLONE_NEWUSER as u64]),
        ];
        for (call, arguments) in refused {
            assert_eq!(inside.call(call, arguments), Err(libc::EPERM), "{call} {arguments:x?}");
        }
        // It can do what its work is.
        let made = [HERE, new, (libc::O_CREAT | libc::O_WRONLY) as u64, 0o600];
        let made = u64::try_from(inside.call(libc::SYS_openat, &made).unwrap()).unwrap();
        assert_eq!(inside.call(libc::SYS_write, &[made, room, 3]), Ok(3));
        assert_eq!(inside.call(libc::SYS_close, &[made]), Ok(0));
        inside.leave();
        end(child);
        assert_eq!(fs::read(place.path("other")).unwrap(), b"precious");
        assert!(!place.path("beside").exists());
        let mut files = place.files("o");
        assert_eq!(files.remove("new"), Some(vec![0; 3]));
        assert_eq!(files, streams(&["http-plain.pcap"]));
    }

    #[test]
    fn what_starts_programs_takes_only_files_of_the_output_and_has_nothing_of_the_run() {
        let place = Place::new();
        place.put("secret", "x");
        fs::create_dir(place.path("elsewhere")).unwrap();
        let child = running(&place, &["-S", "tcp_cmd=cp -t elsewhere"]);
        let starter = match children(child.id())[..] {
            [starter] => starter,
            ref others => panic!("one process: {others:?}"),
        };
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(field(starter, set), "0000000000000000", "{set}");
        }
        assert_eq!(sockets(starter).len(), 1);
        for descriptor in fs::read_dir(format!("/proc/{starter}/fd")).unwrap() {
            let leads_to = fs::read_link(descriptor.unwrap().path()).unwrap();
            assert!(!leads_to.starts_with(place.path("o")), "{}", leads_to.display());
        }
        let sockets = sockets(child.id());
        assert_eq!(sockets.len(), 1);
        let mut inside = Inside::enter(&child);
        for name in ["secret", "/etc/passwd", "o/../secret", "o"] {
            let length = u32::try_from(name.len()).unwrap().to_ne_bytes();
            let request = [&99u64.to_ne_bytes()[..], &length, name.as_bytes()].concat();
            let place = inside.put(&request);
            let length = request.len() as u64;
            let written = inside.call(libc::SYS_write, &[sockets[0], place, length]);
            assert_eq!(written, Ok(i64::try_from(length).unwrap()));
        }
        inside.leave();
        end(child);
        assert_eq!(place.files("elsewhere"), place.files("o"));
        assert!(!place.files("o").is_empty());
    }
}
