//! tapflow's capture files (`-K`, `-w`) beside those of Debian's `tcpflow`: the same names, in each the same packets.
//!
//! Left out of the comparison: link types and snap lengths, as tcpflow writes a wrong link type for most captures,
//! and the unit of times, which tcpflow cuts to microseconds. Where the packets differ, the reason is listed.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tapflow_common::input::{self};
use tapflow_tests::answers::{Capture, own_captures};
use tapflow_tests::{not_tested, program};

const TAPFLOW: &str = env!("CARGO_BIN_EXE_tapflow");
const LIMIT: Duration = Duration::from_secs(60);

/// Captures whose files differ, and why. Those that tcpflow cannot read at all, as it says, are not compared.
const KNOWN: [(&str, &[&str]); 8] = [
    (
        "tcpflow takes no later fragments into the flow",
        &["fragments-ipv4", "fragments-ipv6", "wire-fragments"],
    ),
    (
        "tcpflow does not decode them",
        &[
            "ipv4-length-zero",
            "ipv6-atomic-fragment",
            "ipv6-authentication",
            "ipv6-chain",
            "ipv6-destination",
            "ipv6-hop-by-hop",
            "ipv6-mobility",
            "ipv6-routing",
            "link-llc-snap",
            "link-null-be",
            "link-null-le",
            "link-ppp",
            "link-ppp-compressed",
            "link-pppoe",
            "link-pppoe-vlan",
            "link-sll-vlan",
        ],
    ),
    (
        "tcpflow names no VLAN below another one, and priority bits",
        &["link-vlan-2", "link-vlan-3", "link-vlan-priority", "wire-qinq"],
    ),
    ("tcpflow takes damaged packets", &["other-protocols"]),
    ("tcpflow takes a jump for the same flow", &["tcp-jump"]),
    (
        "tcpflow takes connections on the same ports for one",
        &["tcp-port-reuse", "tcp-port-reuse-close", "tcp-real-port-reuse", "tcp-stray-after-reuse"],
    ),
    ("tcpflow does not write other protocols with VLAN tags", &["wire-vlan"]),
    ("an acknowledgement before all data is in no flow here", &["capture-no-syn"]),
];

/// Microseconds, length on the wire, bytes.
type Packet = (u64, u32, Vec<u8>);

fn packets(path: &Path) -> Vec<Packet> {
    let mut source = input::open(path, Default::default()).unwrap();
    let mut packets = Vec::new();
    while let Ok(Some(packet)) = source.next() {
        let frame = packet.frame;
        packets.push((frame.time.0 / 1000, frame.wire_len, frame.bytes.to_vec()));
    }
    packets
}

/// The capture files that a program leaves, unless it fails.
fn files(program: &str, capture: &Path) -> Option<BTreeMap<String, Vec<Packet>>> {
    let place = tempfile::tempdir().unwrap();
    let capture = capture.to_str().unwrap();
    let finished =
        program::run(program, ["-K", "-w", "rest.pcap", "-o", "o", "-r", capture], place.path(), None, LIMIT);
    assert!(!finished.timed_out, "{program} {capture} does not end");
    let mut files = BTreeMap::new();
    for folder in [place.path().to_owned(), place.path().join("o")] {
        for entry in std::fs::read_dir(folder).ok()? {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name.ends_with(".pcap") {
                // One without packets says nothing.
                files.insert(name, packets(&path));
            }
        }
    }
    files.retain(|_, packets| !packets.is_empty());
    (finished.code == 0).then_some(files)
}

#[test]
fn the_same_packets_in_the_same_files() {
    if !program::is_installed("tcpflow") {
        not_tested("what tcpflow does: it is not installed (apt-get install tcpflow)");
        return;
    }
    let captures = Capture::all(&own_captures());
    let found: Vec<Option<Vec<String>>> = program::on_all_processors(&captures, |capture| {
        let theirs = files("tcpflow", &capture.path)?;
        let ours = files(TAPFLOW, &capture.path).unwrap_or_default();
        let mut differing = Vec::new();
        for name in ours.keys().chain(theirs.keys()) {
            let counts = [&ours, &theirs].map(|files| files.get(name).map_or(0, Vec::len));
            if ours.get(name) != theirs.get(name)
                && !differing.iter().any(|line: &String| line.starts_with(name))
            {
                differing.push(format!("{name}: {} packets, tcpflow has {}", counts[0], counts[1]));
            }
        }
        Some(differing)
    });
    let mut faults = Vec::new();
    let compared = found.iter().flatten().count();
    assert!(compared > 60, "only {compared} compared");
    for (capture, differing) in captures.iter().zip(found) {
        let known = KNOWN.iter().find(|(_, names)| names.contains(&capture.name.as_str()));
        match (differing.filter(|differing| !differing.is_empty()), known) {
            (Some(differing), None) => faults.push(format!("{}: {}", capture.name, differing.join("; "))),
            (None, Some((reason, _))) => {
                faults.push(format!("{} does not differ, although: {reason}", capture.name))
            }
            _ => {}
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
