//! A machine without Npcap: captures are read, all else is told.

use tapflow_tests::program;

use super::support::{Place, Run, streams};

/// Runs the program where there is no `wpcap.dll`.
fn tapflow(place: &Place, args: &[&str]) -> Run {
    // By this name Wine knows it. A Windows with Npcap does not.
    program::output(&mut place.command_as("without-wpcap.exe", args)).into()
}

#[test]
fn captures_are_read() {
    let place = Place::new();
    tapflow(&place, &["-o", "o", "-r", "@http-keepalive.pcap"]).ends_with(0).says(&["2 files, 7814 bytes"]);
    assert_eq!(place.files("o"), streams(&["http-keepalive.pcap"]));
}

#[test]
fn a_filter_a_live_capture_and_a_list_of_interfaces_say_where_to_get_npcap() {
    const WHERE: &str = "this needs Npcap, which is not installed: get it from https://npcap.com";
    for (args, what) in [
        (&["-o", "o", "-r", "@http-keepalive.pcap", "tcp port 80"][..], "tcp port 80"),
        (&["-o", "o", "-i", "any"], "cannot capture: "),
        (&["-o", "o"], "cannot capture: "),
        (&["--list-interfaces"], "cannot list interfaces: "),
    ] {
        let place = Place::new();
        let run = tapflow(&place, args).ends_with(1).says(&[what, WHERE]);
        assert!(run.out.is_empty() && !place.path("o").join("report.xml").exists(), "{run:?}");
    }
}
