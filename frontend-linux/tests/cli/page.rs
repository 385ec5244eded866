//! The run as a page: the same numbers as elsewhere, for every way to run.

use std::fs;

use serde_json::Value;

use super::support::{HALF_PAST, Place, capture_bytes, connection, pcap};

/// The number that stands before this name in the page: `gap_bytes`.
fn counted(page: &str, name: &str) -> u64 {
    let at = page.find(&format!("<code> {name}</code>"));
    let row = at.map(|at| &page[page[..at].rfind("<tr>").unwrap()..at]);
    row.map_or(0, |row| number(cell(row, "<td class=\"n\">")))
}

/// What stands behind a tag.
fn cell<'p>(text: &'p str, tag: &str) -> &'p str {
    let start = text.find(tag).unwrap_or_else(|| panic!("no {tag} in {text}")) + tag.len();
    text[start..].split('<').next().unwrap()
}

fn number(text: &str) -> u64 {
    text.replace(',', "").parse().unwrap()
}

/// A number of the head.
fn headline(page: &str, name: &str) -> u64 {
    number(cell(page, &format!("<dt>{name}</dt><dd>").replace("</dt><dd>", "</dt>\n<dd>")))
}

/// A counter of a report.
fn reported(report: &str, name: &str) -> u64 {
    let tag = format!("<tcpflow:counter name=\"{name}\">");
    if report.contains(&tag) { number(cell(report, &tag)) } else { 0 }
}

/// The packets of a report.
fn packets(report: &str) -> u64 {
    number(cell(report, "<tcpflow:total_packets>"))
}

/// The cells of each row of a table.
fn rows(page: &str, table: &str) -> Vec<Vec<String>> {
    let table =
        page.split(&format!("<table id=\"{table}\">")).nth(1).unwrap().split("</table>").next().unwrap();
    let body = table.split("<tbody>").nth(1).unwrap();
    let cells = |row: &str| {
        let cells = row.split("<td").skip(1).map(|cell| cell.split_once('>').unwrap().1);
        cells.map(|cell| cell.split("</td>").next().unwrap().to_owned()).collect()
    };
    body.split("<tr>").skip(1).map(cells).collect()
}

#[test]
fn page_report_lines_and_summary_have_the_same_numbers() {
    let captures = [
        "tcp-holes.pcap",
        "tcp-conflict.pcap",
        "wire-loss-reorder.pcap",
        "other-protocols.pcap",
        "http-keepalive.pcap",
        "tcp-many-flows.pcap",
        "fragments-ipv6.pcap",
        "truncated-segments.pcap",
        "capture-no-syn.pcap",
        "link-vlan-2.pcap",
    ];
    let (mut seen, mut files) = (0, 0);
    for name in captures {
        let place = Place::new();
        let input = format!("@{name}");
        let run = place
            .tapflow(&[
                "-r", &input, "-o", "o", "-e", "http", "-e", "md5", "--page", "p.html", "--jsonl", "l",
            ])
            .ends_with(0);
        let [page, lines] = ["p.html", "l"].map(|name| fs::read_to_string(place.path(name)).unwrap());
        let report = place.report("o");
        for name in [
            "gaps",
            "gap_bytes",
            "conflicts",
            "conflict_bytes",
            "acknowledged_unseen_bytes",
            "truncated_bytes",
            "stray_segments",
            "late_bytes",
            "out_of_window_bytes",
        ] {
            assert_eq!(counted(&page, name), reported(&report, name), "{name} of {input}");
            seen += u64::from(reported(&report, name) > 0);
        }
        let read = run.err.split("packet").next().unwrap().split_whitespace().last().unwrap();
        assert_eq!(headline(&page, "packets"), number(read), "{input}");
        assert_eq!(headline(&page, "packets"), packets(&report), "{input}");
        assert_eq!(headline(&page, "stream bytes"), reported(&report, "data_bytes"), "{input}");
        assert_eq!(headline(&page, "bytes repeated"), reported(&report, "repeated_bytes"), "{input}");

        // Connections, in the order in which they began.
        let mut lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(headline(&page, "connections"), lines.len() as u64, "{input}");
        // Without the `Z`, texts are in the order of times.
        let time = |line: &Value, key: &str| line[key].as_str().unwrap().trim_end_matches('Z').to_owned();
        lines.sort_by_key(|line| (time(line, "start"), time(line, "end")));
        let rows = rows(&page, "connections-table");
        assert_eq!(rows.len(), lines.len().min(1000), "{input}");
        for (row, line) in rows.iter().zip(&lines) {
            let flows = line["flows"].as_array().unwrap();
            let of = |side: &str| flows.iter().find(|flow| flow["side"] == side);
            let sum = |key: &dyn Fn(&Value) -> u64| flows.iter().map(key).sum::<u64>();
            let start = line["start"].as_str().unwrap();
            assert_eq!(row[0].replace(' ', "T")[..19], start[..19], "{input}");
            for (place, key) in [(6, "data"), (8, "packets")] {
                for (place, side) in [(place, "client"), (place + 1, "server")] {
                    let expected = of(side).map_or(0, |flow| flow[key].as_u64().unwrap());
                    assert_eq!(number(&row[place]), expected, "{side} {key} {input}");
                }
            }
            let vlans = flows[0]["vlans"].as_array().map_or_else(Vec::new, Clone::clone);
            vlans.iter().for_each(|vlan| assert!(row[13].contains(&format!("VLAN {vlan}")), "{row:?}"));
            assert_eq!(row[5], line["close"].as_str().unwrap());
            assert_eq!(number(&row[10]), sum(&|flow| flow["gaps"]["bytes"].as_u64().unwrap()), "{input}");
            assert_eq!(number(&row[11]), sum(&|flow| flow["repeated"].as_u64().unwrap()), "{input}");
            let differing = |flow: &Value| {
                flow["conflicts"]["bytes"].as_u64().unwrap() + flow["replaced"]["bytes"].as_u64().unwrap()
            };
            assert_eq!(number(&row[12]), sum(&differing), "{input}");
            // Links lead to the files.
            for flow in flows.iter().filter(|flow| !flow["file"].is_null()) {
                let name = flow["file"]["name"].as_str().unwrap().replace('\\', "/");
                assert!(
                    row[14].contains(&format!("href=\"{}\"", name.replace(':', "%3A"))),
                    "{name} {row:?}"
                );
            }
        }
        if page.contains("<table id=\"files-table\">") {
            for row in self::rows(&page, "files-table") {
                let name = cell(&row[0], "\">");
                let length = fs::metadata(place.path("o").join(name)).unwrap().len();
                assert_eq!(number(&row[1]), length);
                assert!(report.contains(row[8].trim_start_matches("MD5 ")), "{row:?}");
                files += 1;
            }
        }
    }
    assert!(seen >= 8 && files > 0, "{seen} {files}");
}

#[test]
fn the_page_does_not_depend_on_the_run() {
    let place = Place::new();
    place.put("a.pcap", capture_bytes("http-parallel.pcap"));
    let mut pages = Vec::new();
    for _ in 0..3 {
        place.tapflow(&["-r", "a.pcap", "-o", "o", "-e", "http", "--page", "p.html"]).ends_with(0);
        pages.push(fs::read(place.path("p.html")).unwrap());
        fs::remove_dir_all(place.path("o")).unwrap();
    }
    assert!(pages.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_connection_is_drawn_with_what_came_again_and_what_is_missing() {
    let place = Place::new();
    for (capture, classes) in [
        ("@wire-loss-reorder.pcap", &["data", "repeated", "acknowledged", "window"][..]),
        // Without the SYN of one side the scale of its window is not known.
        ("@wire-tap-loses.pcap", &["data", "gap", "acknowledged"]),
    ] {
        place.tapflow(&["-r", capture, "-o", "o", "--page", "p.html"]).ends_with(0);
        let page = fs::read_to_string(place.path("p.html")).unwrap();
        let sequence = page.split("<section id=\"sequence\">").nth(1).unwrap();
        for class in ["data", "repeated", "gap", "acknowledged", "window"] {
            let is_drawn = sequence.contains(&format!("<path class=\"{class}\" d=\"M"));
            assert_eq!(is_drawn, classes.contains(&class), "{class} {capture}");
        }
        assert!(sequence.contains("<td class=\"n\">0000</td>"));
    }
}

#[test]
fn each_directory_has_a_page_and_an_index_leads_to_them() {
    let place = Place::new();
    let mut frames = connection(1000, &[(HALF_PAST, b"first")]);
    frames.extend(connection(2000, &[(HALF_PAST + 3600, b"second")]));
    frames.extend(connection(3000, &[(HALF_PAST + 7200, b"third")]));
    place.put("a.pcap", pcap(&frames));
    place.tapflow(&["-r", "a.pcap", "-o", "o", "--rotate", "1h", "--page", "p.html"]).ends_with(0);
    let index = fs::read_to_string(place.path("o/p.html")).unwrap();
    let listed = rows(&index, "directories");
    assert_eq!(listed.len(), 3);
    for (row, (directory, port)) in listed.iter().zip([("000001", 1000), ("000002", 2000), ("000003", 3000)])
    {
        assert_eq!(row[0], format!("<a href=\"{directory}/p.html\">{directory}</a>"));
        assert_eq!((row[5].as_str(), row[6].as_str()), ("1", "0"), "one connection, nothing missing");
        let page = fs::read_to_string(place.path(&format!("o/{directory}/p.html"))).unwrap();
        let connections = rows(&page, "connections-table");
        assert_eq!(connections.len(), 1);
        assert!(connections[0][2].ends_with(&format!(":{port}")));
        assert_eq!(headline(&page, "packets"), number(&row[3]));
        assert_eq!(headline(&page, "packets"), packets(&place.report(&format!("o/{directory}"))));
        // Links of its own directory.
        assert!(connections[0][14].contains(&format!("href=\"010.000.000.001.{port:05}-")));
    }
    let packets: u64 = listed.iter().map(|row| number(&row[3])).sum();
    assert_eq!(packets, frames.len() as u64);
}

#[test]
fn a_page_takes_room_of_the_bound() {
    let place = Place::new();
    place.put("a.pcap", pcap(&connection(1000, &[(HALF_PAST, b"first")])));
    place.tapflow(&["-r", "a.pcap", "-o", "o", "--max-disk", "64M", "--page", "p.html"]).ends_with(0);
    assert!(fs::read_to_string(place.path("p.html")).unwrap().contains("10.0.0.1:1000"));
}

#[test]
fn places_where_no_page_can_be_are_told_before_the_run() {
    let place = Place::new();
    place.put("a.pcap", capture_bytes("http-plain.pcap"));
    for (args, words) in [
        (&["-r", "a.pcap", "-o", "o", "--page", "-"][..], "a page is a file"),
        (&["-r", "a.pcap", "-o", "o", "--page", "a.pcap"], "it is an input; name another file with --page"),
        (&["-r", "a.pcap", "-o", "o", "--page", "no/where.html"], "cannot write the page no/where.html"),
        (&["-r", "a.pcap", "-o", "o", "--rotate", "1h", "--page", "a/p.html"], "without directories"),
        (&["-r", "a.pcap", "-o", "o", "--jsonl", "p", "--page", "p"], "would write one file"),
    ] {
        let run = place.tapflow(args);
        assert_ne!(run.status, Some(0), "{args:?}");
        let path = std::path::Path::new("no").join("where.html").display().to_string();
        run.says(&[&words.replace("no/where.html", &path)]);
        assert!(!place.path("p").exists() && !place.path("p.part").exists());
    }
    assert_eq!(fs::read(place.path("a.pcap")).unwrap(), capture_bytes("http-plain.pcap"));
}

#[test]
fn a_page_of_the_console_needs_no_directory() {
    let place = Place::new();
    place.tapflow(&["-r", "@http-plain.pcap", "-c", "--page", "p.html"]).ends_with(0);
    let page = fs::read_to_string(place.path("p.html")).unwrap();
    assert_eq!(rows(&page, "connections-table").len(), 1);
    assert!(page.contains("<path class=\"data\""));
}
