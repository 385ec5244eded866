//! `report.pdf` (`-e netviz`): its numbers are those of everything else that a run writes.

use std::collections::BTreeMap;
use std::fs;

use roxmltree::Document;
use serde_json::Value;

use super::support::{Place, capture_bytes};

/// The texts of a page, as a reader finds them.
fn texts(pdf: &[u8]) -> Vec<String> {
    assert!(pdf.starts_with(b"%PDF-1.4") && pdf.trim_ascii_end().ends_with(b"%%EOF"));
    let page: String = pdf.iter().map(|byte| char::from(*byte)).collect();
    let strings = page.lines().filter_map(|line| line.strip_prefix('(')?.strip_suffix(") Tj"));
    strings.map(|text| text.replace("\\(", "(").replace("\\)", ")")).collect()
}

/// The text behind a heading.
fn behind<'t>(texts: &'t [String], heading: &str) -> &'t str {
    let at =
        texts.iter().position(|text| text == heading).unwrap_or_else(|| panic!("{heading} in {texts:?}"));
    &texts[at + 1]
}

/// How many packets a page names.
fn packets(texts: &[String]) -> u64 {
    let (packets, _) = behind(texts, "Traffic").split_once(" packet").unwrap();
    packets.replace(',', "").parse().unwrap()
}

/// A number of the report.
fn of_report(report: &str, name: &str) -> u64 {
    let document = Document::parse(report).unwrap();
    let is_it = |node: &roxmltree::Node<'_, '_>| {
        node.tag_name().name() == name || node.attribute("name").is_some_and(|attribute| attribute == name)
    };
    document.descendants().find(is_it).and_then(|node| node.text()?.parse().ok()).unwrap_or(0)
}

#[test]
fn the_page_agrees_with_the_report_the_lines_and_the_summary() {
    for name in ["http-keepalive.pcap", "http-ipv6.pcap", "http-parallel.pcap"] {
        let place = Place::new();
        let args = ["-a", "-S", "netviz_histogram_dump=YES", "--jsonl", "lines", "-o", "o", "-r"];
        let run = place.tapflow(&[&args[..], &[&format!("@{name}")]].concat()).ends_with(0);
        let texts = texts(&fs::read(place.path("o/report.pdf")).unwrap());
        // Every packet of these captures is one of a flow.
        let lines = fs::read_to_string(place.path("lines")).unwrap();
        let (mut count, mut bytes, mut times) = (0, 0, Vec::new());
        let (mut sources, mut destinations) =
            (BTreeMap::<String, u64>::new(), BTreeMap::<String, u64>::new());
        for line in lines.lines() {
            let connection: Value = serde_json::from_str(line).unwrap();
            for flow in connection["flows"].as_array().unwrap() {
                let length = flow["wire_bytes"].as_u64().unwrap();
                count += flow["packets"].as_u64().unwrap();
                bytes += length;
                *sources.entry(flow["source"].as_str().unwrap().to_owned()).or_default() += length;
                *destinations.entry(flow["destination"].as_str().unwrap().to_owned()).or_default() += length;
                times.extend(["start", "end"].map(|end| flow[end].as_str().unwrap().to_owned()));
            }
        }
        times.sort();
        let written = |time: &str| time.replace('T', " ").trim_end_matches('Z').to_owned();
        assert_eq!(packets(&texts), count, "{name}");
        assert_eq!(of_report(&place.report("o"), "total_packets"), count);
        run_says(&run.err, &format!("read:       {count} packets"));
        assert_eq!(behind(&texts, "First packet"), written(&times[0]));
        assert_eq!(behind(&texts, "Last packet"), written(times.last().unwrap()));
        let digits = behind(&texts, "Traffic").rsplit_once('(').unwrap().1.replace(',', "");
        assert_eq!(digits, format!("{bytes} bytes)"));
        let mut dump = String::new();
        for (tree, hosts) in [("src_tree", &sources), ("dst_tree", &destinations)] {
            dump += &format!("{tree}:\nhistogram size: {}\n", hosts.len());
            hosts.iter().for_each(|(host, bytes)| dump += &format!("{host}  count={bytes}\n"));
            dump += "\n";
            assert!(hosts.keys().all(|host| texts.contains(host)), "{name}: {hosts:?} in {texts:?}");
        }
        assert_eq!(String::from_utf8(run.out).unwrap(), dump, "{name}");
    }
}

fn run_says(err: &str, part: &str) {
    assert!(err.contains(part), "{part:?} is not in:\n{err}");
}

#[test]
fn each_directory_has_the_packets_that_its_report_has() {
    let place = Place::new();
    place.tapflow(&["-e", "netviz", "-o", "o", "-r", "@http-parallel.pcap", "--rotate", "20k"]).ends_with(0);
    let files = place.files("o");
    let mut all = 0;
    let directories: Vec<_> = files.keys().filter_map(|name| name.strip_suffix("/report.xml")).collect();
    assert!(directories.len() > 1, "{directories:?}");
    for directory in directories {
        let texts = texts(&files[&format!("{directory}/report.pdf")]);
        let count = packets(&texts);
        assert_eq!(
            count,
            of_report(&place.report(&format!("o/{directory}")), "total_packets"),
            "{directory}"
        );
        all += count;
    }
    assert_eq!(all, 162);
}

#[test]
fn packets_that_the_filter_does_not_match_are_left_out() {
    let place = Place::new();
    let args = ["-e", "netviz", "-o", "o", "-r", "@http-parallel.pcap", "src", "host", "192.0.2.1"];
    place.tapflow(&args).ends_with(0);
    let texts = texts(&fs::read(place.path("o/report.pdf")).unwrap());
    let report = place.report("o");
    let filtered = of_report(&report, "filtered_packets");
    assert!(filtered > 0);
    assert_eq!(packets(&texts), of_report(&report, "total_packets") - filtered);
}

#[test]
fn the_page_is_made_without_files_and_with_the_console_too() {
    for options in [&["-FX"][..], &["-c"], &["-S", "enable_report=NO", "-FX"]] {
        let place = Place::new();
        let args = [options, &["-E", "netviz", "-o", "o", "-r", "@http-plain.pcap"]].concat();
        place.tapflow(&args).ends_with(0);
        let files = place.files("o");
        assert!(files.keys().all(|name| name.starts_with("report.")), "{:?}", files.keys());
        assert!(files.contains_key("report.pdf"), "{options:?}");
    }
}

#[test]
fn a_capture_of_that_name_and_other_files_in_its_place_stay() {
    let place = Place::new();
    fs::create_dir(place.path("o")).unwrap();
    place.put("o/report.pdf", capture_bytes("http-plain.pcap"));
    let run = place.tapflow(&["-e", "netviz", "-o", "o", "-r", "o/report.pdf"]).ends_with(1);
    run.says(&["report.pdf: it is an input; choose another place with -o"]);
    assert_eq!(fs::read(place.path("o/report.pdf")).unwrap(), capture_bytes("http-plain.pcap"));
    place.tapflow(&["-e", "netviz", "-o", "o", "-r", "@http-plain.pcap"]).ends_with(0);
    assert_eq!(fs::read(place.path("o/report.pdf")).unwrap(), capture_bytes("http-plain.pcap"));
    texts(&fs::read(place.path("o/report-2.pdf")).unwrap());
    // With --overwrite it goes when the new one is whole.
    place.tapflow(&["-e", "netviz", "-o", "o", "-r", "@http-plain.pcap", "--overwrite"]).ends_with(0);
    texts(&fs::read(place.path("o/report.pdf")).unwrap());
    let run = place.tapflow(&["-e", "netviz", "-o", "o", "-X", "o/report.pdf", "-r", "@http-plain.pcap"]);
    run.ends_with(2).says(&["would write one file"]);
    fs::create_dir_all(place.path("p/report.pdf")).unwrap();
    place
        .tapflow(&["-e", "netviz", "-o", "p", "-r", "@http-plain.pcap"])
        .ends_with(1)
        .says(&["report.pdf: "]);
}

#[test]
fn the_page_counts_for_the_bound_of_the_disk() {
    let place = Place::new();
    let args =
        ["-e", "netviz", "-o", "o", "-r", "@http-parallel.pcap", "--max-disk", "1M", "--rotate", "20k"];
    place.tapflow(&args).ends_with(0);
    assert!(place.files("o").keys().filter(|name| name.ends_with("report.pdf")).count() > 1);
}
