//! What a capture does while it goes on.

use std::fs;

use nix::sys::signal::Signal;

use super::capture::{Capture, TAPFLOW, valid};
use super::network::{Network, is_possible, noise, wait};

#[test]
fn flows_close_and_are_processed_while_it_goes_on() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(1500);
    network.serve(7000, noise(10_000, 1));
    let arguments = ["-i", "net0", "-o", "out", "--hash", "md5", "-S", "tcp_cmd=touch seen"];
    let mut capture = Capture::start(&network.server, &arguments);
    network.ask(7000);
    wait("both flows are in the report", || {
        capture.report("report.xml").matches("<hashdigest type=\"MD5\">").count() == 2
    });
    wait("the program has run", || capture.path("seen").exists());
    capture.end_well();
}

#[test]
fn silent_connections_are_closed_while_nothing_comes() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(1500);
    let mut capture =
        Capture::start(&network.server, &["-i", "net0", "-o", "out", "--idle-timeout", "1", "tcp"]);
    let listener =
        network.server.within(|| std::net::TcpListener::bind((super::network::SERVER, 7000)).unwrap());
    let listener = listener.join().unwrap();
    let client = network.client.within(|| {
        let mut stream = std::net::TcpStream::connect((super::network::SERVER, 7000)).unwrap();
        std::io::Write::write_all(&mut stream, b"hello").unwrap();
        stream
    });
    let _client = client.join().unwrap();
    wait("the flow is in the report", || capture.report("report.xml").contains("close=\"idle\""));
    drop(listener);
    capture.end_well();
    assert!(capture.client_side(7000) == b"hello");
}

#[test]
fn statistics_on_sigusr1_and_at_intervals() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(1500);
    network.serve(7000, noise(10_000, 1));
    let mut capture = Capture::start(&network.server, &["-i", "net0", "-o", "out", "port 7000"]);
    network.ask(7000);
    wait("the connection is over", || capture.report("report.xml").matches("<fileobject>").count() == 2);
    capture.signal(Signal::SIGUSR1);
    let line = " 1 connection, 2 flows (0 open), 10007 bytes; ";
    wait("statistics", || capture.said().contains(line));
    assert!(capture.said().contains(" packets received, 0 dropped by the kernel, 0 by the interface\n"));
    capture.end_well();

    let mut capture =
        Capture::start(&network.server, &["-i", "net0", "-q", "-v", "--stats-interval", "1", "-FX"]);
    wait("statistics twice", || capture.said().matches("tapflow: after ").count() >= 2);
    assert_eq!(capture.end().code, 0);
}

#[test]
fn sighup_goes_on_in_the_next_numbered_directory() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(1500);
    network.serve(7000, noise(10_000, 1));
    let arguments = ["-i", "net0", "-o", "out", "--rotate", "1d", "-w", "rest.pcap", "port 7000"];
    let mut capture = Capture::start(&network.server, &arguments);
    // Midnight may come in between.
    let reports = |capture: &Capture| -> Vec<String> {
        (1..9)
            .map(|number| capture.report(&format!("{number:06}/report.xml")))
            .filter(|text| !text.is_empty())
            .collect()
    };
    let flows = |capture: &Capture| reports(capture).join("").matches("<fileobject>").count();
    for round in 1..=3 {
        network.ask(7000);
        wait("the connection is over", || flows(&capture) == 2 * round);
        let before = reports(&capture).len();
        capture.signal(Signal::SIGHUP);
        wait("the next directory is there", || reports(&capture).len() > before);
    }
    let ended = capture.end();
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert!(
        ended.said.contains("3 connections, 6 flows") && ended.said.contains("numbered directories"),
        "{}",
        ended.said
    );
    assert!(reports(&capture).iter().all(|report| report.ends_with("</dfxml>\n")));
    assert!(capture.path("out/000003/rest.pcap").exists());
}

#[test]
fn timestamps_of_a_type_that_an_interface_lacks_are_refused_with_those_it_has() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(1500);
    let mut command = network.server.command(TAPFLOW);
    let refused = command.args(["-i", "net0", "--timestamp-type", "adapter"]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    let reason = "--timestamp-type adapter: net0: it has no timestamps of the type 'adapter'; it has host";
    assert!(refused.status.code() == Some(1) && said.contains(reason), "{said}");
    let mut command = network.server.command(TAPFLOW);
    let listed = command.args(["--list-timestamp-types", "-i", "net0"]).output().unwrap();
    assert_eq!(String::from_utf8(listed.stdout).unwrap(), "host  Host\n");
    network.serve(7000, noise(10, 1));
    let arguments = ["-i", "net0", "-o", "out", "--timestamp-type", "host", "port 7000"];
    let mut capture = Capture::start(&network.server, &arguments);
    network.ask(7000);
    capture.end_well();
}

#[test]
fn sighup_ends_the_report_and_begins_the_next_one() {
    if !is_possible(&[]) {
        return;
    }
    let network = Network::veth(1500);
    network.serve(7000, noise(10_000, 1));
    let mut capture = Capture::start(&network.server, &["-i", "net0", "-o", "out", "port 7000"]);
    let mut connections = Vec::new();
    for report in ["report.xml", "report-2.xml", "report-3.xml"] {
        network.ask(7000);
        wait("the connection is over", || capture.report(report).matches("<fileobject>").count() == 2);
        connections.push(report);
        if report != "report-3.xml" {
            capture.signal(Signal::SIGHUP);
            wait("the report is closed", || capture.report(report).ends_with("</dfxml>\n"));
        }
    }
    let ended = capture.end();
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert!(ended.said.contains("3 connections, 6 flows"), "{}", ended.said);
    for report in connections {
        valid(&capture.path("out").join(report));
        let text = fs::read_to_string(capture.path("out").join(report)).unwrap();
        assert!(text.contains("<tcpflow:total_flows>2</tcpflow:total_flows>"), "{report}: {text}");
        assert!(
            text.contains("<tcpflow:counter name=\"connections\">1</tcpflow:counter>"),
            "{report}: {text}"
        );
    }
}
