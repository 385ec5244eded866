//! The report beside its usual form: in tcpflow's shape, as JSON lines, and after a kill.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::Command;

use roxmltree::{Document, Node};
use tapflow_tests::not_tested;
use tapflow_tests::program::is_installed;

use super::support::{Place, capture_bytes, record_offsets, wait_until};

/// What tcpflow says of how it was built, which is not tapflow's, and the elements around it.
const TCPFLOWS_OWN: [&str; 7] =
    ["CPPFLAGS", "CFLAGS", "CXXFLAGS", "LDFLAGS", "LIBS", "compilation_date", "library"];
/// Values that no two programs, or runs, have in common.
const ANY_VALUE: [&str; 19] = [
    "program",
    "version",
    "compiler",
    "command_line",
    "start_time",
    "open_fds_at_end",
    "flow_map_size",
    "max_open_flows",
    "utime",
    "stime",
    "maxrss",
    "minflt",
    "majflt",
    "nswap",
    "inblock",
    "oublock",
    "clocktime",
    // With the acknowledgements of the last FINs.
    "total_packets",
    "filename",
];

/// Elements in their order with values and attributes, files left out.
fn outline(report: &str) -> Vec<String> {
    let document = Document::parse(report).unwrap();
    let is_wanted = |node: &Node<'_, '_>| {
        node.is_element()
            && !node.ancestors().any(|node| node.has_tag_name("fileobject"))
            && !TCPFLOWS_OWN.contains(&node.tag_name().name())
    };
    let line = |node: Node<'_, '_>| {
        let name = node.tag_name().name();
        let attributes: Vec<_> = node.attributes().map(|a| format!("{}={}", a.name(), a.value())).collect();
        let value = node.text().unwrap_or_default().trim();
        let value = if ANY_VALUE.contains(&name) { "" } else { value };
        format!("{}{name} {attributes:?} {value}", "  ".repeat(node.ancestors().count()))
    };
    document.descendants().filter(is_wanted).map(line).collect()
}

/// For each file, its elements in their order with values and attributes.
fn objects(report: &str) -> BTreeMap<String, Vec<String>> {
    let document = Document::parse(report).unwrap();
    let objects = document.descendants().filter(|node| node.has_tag_name("fileobject"));
    let of = |object: Node<'_, '_>| {
        let children = object.children().filter(Node::is_element);
        let (mut name, mut lines) = (String::new(), Vec::new());
        for child in children {
            if child.has_tag_name("filename") {
                name = child.text().unwrap_or_default().split_once('/').unwrap().1.to_owned();
            }
            let attributes: Vec<_> =
                child.attributes().map(|a| format!("{}={}", a.name(), a.value())).collect();
            let value = child.text().filter(|_| !child.has_tag_name("filename")).unwrap_or_default();
            lines.push(format!("{} {attributes:?} {value}", child.tag_name().name()));
        }
        (name, lines)
    };
    objects.map(of).filter(|(name, _)| !name.is_empty()).collect()
}

#[cfg(unix)]
#[test]
fn the_compatible_report_has_tcpflows_elements_and_values() {
    if !is_installed("tcpflow") {
        return not_tested("there is no tcpflow here");
    }
    for name in ["http-keepalive.pcap", "http-plain.pcap", "tcp-many-flows.pcap", "http-ipv6.pcap"] {
        let place = Place::new();
        place
            .tapflow(&["-q", "--dfxml-compat", "-e", "md5", "-o", "own", "-r", &format!("@{name}")])
            .ends_with(0);
        place.shell(&format!("timeout 60 tcpflow -q -e md5 -o its -r $data/{name}")).ends_with(0);
        let report = |folder: &str| fs::read_to_string(place.path(&format!("{folder}/report.xml"))).unwrap();
        let (own, its) = (report("own"), report("its"));
        assert_eq!(outline(&own), outline(&its), "{name}");
        let (mut own, its) = (objects(&own), objects(&its));
        // tcpflow makes no digest of flows that are open at the end of the input.
        for (file, lines) in &its {
            if !lines.iter().any(|line| line.starts_with("hashdigest"))
                && let Some(own) = own.get_mut(file)
            {
                own.retain(|line| !line.starts_with("hashdigest"));
            }
        }
        for (file, lines) in &mut own {
            let Some(its) = its.get(file) else { continue };
            lines.iter_mut().zip(its).for_each(|(own, its)| pass_over_last_acknowledgement(own, its));
        }
        assert_eq!(own, its, "{name}");
    }
}

/// The acknowledgement of the last FIN belongs to the flow; for tcpflow the flow has ended before it. Where the flow has
/// this one packet more, `own` becomes `its`.
fn pass_over_last_acknowledgement(own: &mut String, its: &str) {
    let number = |line: &str, name: &str| -> Option<u64> {
        line.split_once(&format!("\"{name}="))?.1.split_once('"')?.0.parse().ok()
    };
    let more = |name: &str| number(own, name)?.checked_sub(number(its, name)?);
    if more("packets") == Some(1) && more("len").is_some_and(|len| (40..=120).contains(&len)) {
        let is_counted = |part: &&str| {
            !["\"packets=", "\"len=", "\"endtime="].iter().any(|counted| part.starts_with(counted))
        };
        let parts = |line: &str| line.split(", ").filter(is_counted).map(str::to_owned).collect::<Vec<_>>();
        if parts(own) == parts(its) {
            its.clone_into(own);
        }
    }
}

/// Offset, name without directory, and size of each body in a compatible report.
fn bodies(report: &str) -> Vec<(String, String, String)> {
    let document = Document::parse(report).unwrap();
    let runs = document.descendants().filter(|node| node.has_tag_name("byte_run"));
    let text = |run: &Node<'_, '_>, name: &str| {
        run.descendants()
            .find(|node| node.has_tag_name(name))
            .and_then(|node| node.text())
            .unwrap()
            .to_owned()
    };
    let of = |run: Node<'_, '_>| {
        let name = text(&run, "filename").split_once('/').unwrap().1.to_owned();
        (run.attribute("file_offset").unwrap().to_owned(), name, text(&run, "filesize"))
    };
    runs.map(of).collect()
}

#[cfg(unix)]
#[test]
fn the_compatible_report_has_tcpflows_bodies() {
    if !is_installed("tcpflow") {
        return not_tested("there is no tcpflow here");
    }
    for (name, count) in [("http-keepalive.pcap", 5), ("http-plain.pcap", 1), ("http-ipv6.pcap", 2)] {
        let place = Place::new();
        place
            .tapflow(&["-q", "--dfxml-compat", "-e", "http", "-o", "own", "-r", &format!("@{name}")])
            .ends_with(0);
        place.shell(&format!("timeout 60 tcpflow -q -e http -o its -r $data/{name}")).ends_with(0);
        let report = |folder: &str| fs::read_to_string(place.path(&format!("{folder}/report.xml"))).unwrap();
        let (own, its) = (bodies(&report("own")), bodies(&report("its")));
        assert_eq!(own, its, "{name}");
        assert_eq!(own.len(), count, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_line_of_json_for_each_connection_has_what_the_report_has() {
    let place = Place::new();
    let run = place.tapflow(&["-q", "--hash", "sha256", "--jsonl", "-", "-o", "o", "-r", "@tcp-holes.pcap"]);
    let out = String::from_utf8(run.ends_with(0).out).unwrap();
    assert_eq!(out.lines().count(), 1);
    let digest = place.shell("sha256sum o/192.000.002.001.40000-198.051.100.002.00080").ends_with(0).out;
    let digest = String::from_utf8(digest).unwrap();
    for part in [
        "{\"session\":0,\"close\":\"",
        "\"side\":\"client\",\"source\":\"192.0.2.1\",\"source_port\":40000",
        "\"side\":\"server\",\"source\":\"198.51.100.2\"",
        "\"source_mac\":\"02:00:00:00:00:01\"",
        "\"gaps\":{\"bytes\":",
        "\"name\":\"o/192.000.002.001.40000-198.051.100.002.00080\",\"size\":2000",
        &format!("\"digests\":{{\"SHA256\":\"{}\"}}", digest.split(' ').next().unwrap()),
    ] {
        assert!(out.contains(part), "{part} is not in\n{out}");
    }
}

#[test]
fn lines_of_json_are_read_by_others() {
    if !is_installed("python3") {
        return not_tested("there is no python3 here");
    }
    let place = Place::new();
    place.tapflow(&["-q", "--jsonl", "lines", "-o", "o", "-r", "@tcp-many-flows.pcap"]).ends_with(0);
    let count = "import json; lines = [json.loads(line) for line in open('lines')]; \
                 print(sorted({flow['file']['name'] for line in lines for flow in line['flows'] if 'file' in flow}))";
    let output =
        Command::new("python3").args(["-c", count]).current_dir(place.path("")).output().unwrap().stdout;
    let listed = String::from_utf8(output).unwrap();
    let files = place.files("o");
    assert!(files.len() > 1000 && files.keys().all(|name| listed.contains(&format!("'o/{name}'"))));
    let sessions: BTreeSet<String> = fs::read_to_string(place.path("lines"))
        .unwrap()
        .lines()
        .map(|line| line.split(',').next().unwrap().to_owned())
        .collect();
    assert_eq!(sessions.len(), fs::read_to_string(place.path("lines")).unwrap().lines().count());
}

#[cfg(unix)]
#[test]
fn after_a_kill_an_xml_parser_recovers_all_finished_flows() {
    if !is_installed("xmllint") {
        return not_tested("there is no xmllint here");
    }
    let place = Place::new();
    let bytes = capture_bytes("http-parallel.pcap");
    let offsets = record_offsets(&bytes);
    let mut child = place.start(&["--jsonl", "lines", "-o", "o", "-r", "-"]);
    let mut stdin = child.stdin.take().unwrap();
    // All but the last packets: what has finished by then is in the report, though the run waits for more.
    stdin.write_all(&bytes[..offsets[offsets.len() - 4]]).unwrap();
    let lines = || fs::read_to_string(place.path("lines")).unwrap_or_default();
    wait_until("finished flows", || {
        let flows = fs::read_to_string(place.path("o/report.xml.part")).unwrap_or_default();
        flows.matches("close=\"finished\"").count() >= 4
            && lines().matches("\"close\":\"finished\"").count() >= 2
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.path("o/report.xml").exists(), "it is not whole");
    let report = fs::read_to_string(place.path("o/report.xml.part")).unwrap();
    let finished = report.matches("</fileobject>").count();
    let recovered = place.shell("xmllint --recover o/report.xml.part 2>/dev/null").out;
    let recovered = String::from_utf8(recovered).unwrap();
    let document = Document::parse(&recovered).unwrap();
    let objects = document
        .descendants()
        .filter(|node| {
            node.has_tag_name((
                "http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML",
                "fileobject",
            ))
        })
        .count();
    // One more where the kill came while a write was under way.
    assert!(
        finished >= 4 && (finished..=finished + 1).contains(&objects),
        "{finished} of {objects}: {recovered}"
    );
    let lines = lines();
    let (complete, _) = lines.rsplit_once('\n').unwrap();
    assert!(complete.lines().count() >= 2, "{lines}");
    assert!(complete.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{lines}");
}
