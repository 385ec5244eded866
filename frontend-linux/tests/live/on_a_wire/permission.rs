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
