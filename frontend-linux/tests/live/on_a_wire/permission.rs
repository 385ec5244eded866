//! Who may capture.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use tapflow_tests::program;

use super::capture::{Capture, TAPFLOW};
use super::network::{LIMIT, Network, is_possible, noise};

#[test]
fn a_capability_of_the_file_is_enough_and_the_message_says_so() {
    if !is_possible(&["setcap", "setpriv"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = place.path().join("tapflow");
    // By another program: what this one writes cannot be run while a child of another test has it, too.
    assert!(Command::new("cp").arg(TAPFLOW).arg(&copy).status().unwrap().success());
    let network = Network::veth(1500);
    network.serve(7000, noise(10_000, 1));
    let as_nobody = |command: &mut Command| {
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&copy);
    };

    let mut command = network.server.command("setpriv");
    as_nobody(&mut command);
    let refused = program::finish(command, ["-i", "net0", "-C"], place.path(), None, LIMIT);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let advice = format!("`setcap cap_net_raw,cap_net_admin=eip {}`", copy.display());
    assert!(
        refused.stderr.contains("not permitted") && refused.stderr.contains(&advice),
        "{}",
        refused.stderr
    );

    let given = Command::new("setcap").arg("cap_net_raw,cap_net_admin=eip").arg(&copy).output().unwrap();
    assert!(given.status.success(), "{}", String::from_utf8_lossy(&given.stderr));
    let mut command = network.server.command("setpriv");
    as_nobody(&mut command);
    let printed = fs::File::create(place.path().join("printed")).unwrap();
    let mut capture =
        Capture::of_command(command, &["-i", "net0", "-CB0", "src port 7000"], Stdio::from(printed));
    let received = network.ask(7000);
    let ended = capture.end();
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert!(fs::read(place.path().join("printed")).unwrap() == received, "{}", ended.said);
}

#[test]
fn installed_setuid_it_is_its_user_before_anything_is_opened_and_captures_all_the_same() {
    if !is_possible(&["setpriv"]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let copy = place.path().join("tapflow");
    assert!(Command::new("cp").arg(TAPFLOW).arg(&copy).status().unwrap().success());
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o6755)).unwrap();
    fs::write(place.path().join("secret.pcap"), "x").unwrap();
    fs::set_permissions(place.path().join("secret.pcap"), fs::Permissions::from_mode(0o600)).unwrap();
    let network = Network::veth(1500);
    network.serve(7000, noise(10_000, 1));
    let as_nobody = || {
        let mut command = network.server.command("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&copy);
        command
    };

    let refused = program::finish(as_nobody(), ["-C", "-r", "secret.pcap"], place.path(), None, LIMIT);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("secret.pcap: permission denied"), "{}", refused.stderr);

    let printed = fs::File::create(place.path().join("printed")).unwrap();
    let mut capture =
        Capture::of_command(as_nobody(), &["-i", "net0", "-CB0", "src port 7000"], Stdio::from(printed));
    let status = fs::read_to_string(format!("/proc/{}/status", capture.child().id())).unwrap();
    for ids in ["Uid:\t65534\t65534\t65534\t65534\n", "Gid:\t65534\t65534\t65534\t65534\n"] {
        assert!(status.contains(ids), "{status}");
    }
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert!(status.contains(&format!("{set}:\t0000000000000000\n")), "{status}");
    }
    let received = network.ask(7000);
    let ended = capture.end();
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert!(fs::read(place.path().join("printed")).unwrap() == received, "{}", ended.said);
}

/// A capture that an attacker has taken over sends nothing through the socket that it has.
#[cfg(target_arch = "x86_64")]
#[test]
fn no_frame_is_sent_from_inside_of_a_capture() {
    use crate::inside::{Inside, sockets};

    if !is_possible(&[]) {
        return;
    }
    for interface in ["net0", "any"] {
        let network = Network::veth(1500);
        network.serve(7000, noise(10_000, 1));
        let mut capture = Capture::start(&network.server, &["-i", interface, "-o", "out"]);
        let sockets = sockets(capture.child().id());
        assert!(!sockets.is_empty());
        let mut inside = Inside::enter(capture.child());
        let frame = inside.put(&[0xff; 64]);
        let slice = inside.put(&[frame.to_ne_bytes(), 64u64.to_ne_bytes()].concat());
        for socket in sockets {
            let tries: [(libc::c_long, &[u64]); 7] = [
                (libc::SYS_write, &[socket, frame, 64]),
                (libc::SYS_write, &[1 << 32 | socket, frame, 64]),
                (libc::SYS_writev, &[socket, slice, 1]),
                (libc::SYS_sendto, &[socket, frame, 64, 0, 0, 0]),
                (libc::SYS_dup, &[socket]),
                (libc::SYS_dup2, &[socket, 700]),
                (libc::SYS_fcntl, &[socket, libc::F_DUPFD_CLOEXEC as u64, 700]),
            ];
            for (call, arguments) in tries {
                assert_eq!(inside.call(call, arguments), Err(libc::EPERM), "{call} {arguments:x?}");
            }
            assert_eq!(inside.call(libc::SYS_close, &[socket]), Ok(0));
            assert_eq!(inside.call(libc::SYS_write, &[socket, frame, 64]), Err(libc::EPERM));
        }
        inside.leave();
        // It captures on.
        let received = network.ask(7000);
        capture.end_well();
        assert!(capture.server_side(7000) == received, "{}", capture.said());
    }
}

#[test]
fn interfaces_are_listed_and_one_that_is_not_there_is_an_error_that_says_how() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(1500);
    let listed = String::from_utf8(network.server.run(TAPFLOW, &["--list-interfaces"])).unwrap();
    let line = listed.lines().find(|line| line.starts_with("net0 ")).unwrap();
    assert!(line.contains(" up ") && line.contains("192.0.2.2") && line.contains("2001:db8::2"), "{listed}");
    let place = tempfile::tempdir().unwrap();
    let arguments = ["-i", "net7", "-o", "out"];
    let refused = program::finish(network.server.command(TAPFLOW), arguments, place.path(), None, LIMIT);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("net7") && refused.stderr.contains("--list-interfaces"),
        "{}",
        refused.stderr
    );
    assert!(!place.path().join("out").exists());
}
