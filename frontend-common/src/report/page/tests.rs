use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tapflow_core::decode::Settings;
use tapflow_core::{CloseReason, Frame, LinkType, Summary, Timestamp};

use super::connections::{Connections, MOST};
use super::html::Html;
use super::link::Way;
use super::{Page, PageConfig};
use crate::flow::testing::facts;
use crate::flow::{FileFacts, Gaps, Link, Opened, Ranges, Shortened, Timeline, Trace};
use crate::output::draft::{ChosenBy, part_of};
use crate::report::ReportEnd;
use crate::scan::{Findings, FinishedFlow};
use crate::traffic::Meter;

/// A connection's flow from the client, with so many bytes, in a file of the usual name or another.
fn flow(number: u64, bytes: u64, file: Option<&str>) -> FinishedFlow {
    let mut facts = facts(number);
    facts.opened.session = number;
    facts.opened.time = Timestamp::new(1_700_000_000 + number, 0);
    facts.opened.key.source = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number as u32));
    let last = Timestamp(facts.opened.time.0 + 1_500_000);
    let mut summary = Summary::default();
    (summary.span, summary.data, summary.packets, summary.last) = (bytes, bytes, 3, last);
    FinishedFlow {
        facts,
        reason: CloseReason::Finished,
        summary,
        file: file.map(|name| FileFacts {
            path: PathBuf::from("out").join(name),
            original: None,
            size: bytes,
            left_out: Vec::new(),
            shortened: Shortened::default(),
        }),
        gaps: Gaps::default(),
        is_sparse: false,
        keepalives: 0,
        trace: None,
        conflicts: Ranges::default(),
        replaced: Ranges::default(),
        timeline: Timeline::default(),
        contents: None,
        found: Findings::default(),
    }
}

/// The text of a page of these flows.
fn page(flows: impl Iterator<Item = FinishedFlow>, totals: ReportEnd) -> String {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("page.html");
    let config = PageConfig {
        root: folder.path().join("out"),
        sources: vec!["<b>'a\"&.pcap".into()],
        ..PageConfig::default()
    };
    let root = config.root.clone();
    let mut page = Page::create(&path, ChosenBy::User, config).expect("made");
    for mut flow in flows {
        if let Some(file) = &mut flow.file {
            file.path = root.join(file.path.strip_prefix("out").expect("below it"));
        }
        page.flow(&mut flow, false);
    }
    let length = page.measure(&totals).expect("counted");
    assert_eq!(page.finish(&totals).expect("written"), length);
    let text = fs::read_to_string(&path).expect("UTF-8");
    assert_eq!(text.len() as u64, length);
    assert!(!part_of(&path).exists());
    text
}

#[test]
fn what_others_have_named_is_text() {
    let hostile = "<script>alert(1)</script>\"'\u{202e}";
    let mut trace = Trace::default();
    trace.sides[0].data(0, b"<img src=x>", Timestamp(5));
    let mut followed = flow(1, 11, Some(hostile));
    followed.trace = Some(Box::new(trace));
    let totals = ReportEnd {
        errors: vec![hostile.to_owned()],
        rejected: vec![(hostile.to_owned(), 7)],
        ..ReportEnd::default()
    };
    let text = page([followed].into_iter(), totals);
    assert_eq!(text.matches("<script").count(), 1, "its own");
    assert!(!text.contains("<b>") && !text.contains("<img") && !text.contains('\u{202e}'));
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;\\u{202e}"));
    assert!(text.contains("href=\"out/%3Cscript%3Ealert%281%29"), "a link to the file");
    assert!(text.contains("&lt;img src=x&gt;"), "first bytes");
}

#[test]
fn a_page_without_flows_is_whole() {
    let text = page(std::iter::empty(), ReportEnd::default());
    for id in ["unused", "when", "who", "connections", "files", "sequence"] {
        assert!(text.contains(&format!("<section id=\"{id}\">")), "{id}");
    }
    assert!(text.starts_with("<!doctype html>\n<html lang=\"en\">") && text.trim_end().ends_with("</html>"));
}

#[test]
fn the_same_flows_make_the_same_page() {
    let flows = || (0..50).map(|number| flow(number, number * 1000, None));
    assert_eq!(page(flows(), ReportEnd::default()), page(flows(), ReportEnd::default()));
}

#[test]
fn every_system_makes_the_same_page() {
    let mut meter = Meter::new(&Settings::new(), 100);
    for number in 0..1000_u64 {
        let mut bytes = vec![
            0x45,
            0,
            0,
            40,
            0,
            0,
            0,
            0,
            64,
            6,
            0,
            0,
            10,
            0,
            0,
            (number % 7) as u8,
            192,
            0,
            2,
            (number % 5) as u8,
        ];
        bytes.extend([0x9c, 0x40, 0, if number % 3 == 0 { 80 } else { 22 }]);
        bytes.resize(40, 0);
        bytes[32] = 0x50;
        let time = Timestamp::new(1_700_000_000 + number * number / 77, 0);
        meter.note(&Frame {
            link: LinkType::RAW,
            time,
            wire_len: 40 + (number % 1400) as u32,
            bytes: &bytes,
        });
    }
    let followed = |number: u64| {
        let mut trace = Trace::default();
        for side in &mut trace.sides {
            side.anchor(7, 0);
            for step in 0..300 {
                let time = Timestamp(step * step * 12_347);
                side.data(step * 1_460, &[step as u8; 1_460], time);
                side.acknowledged(7 + (step * 1_000) as u32, Some(65_535), time);
            }
        }
        let name = "010.000.000.007.01234-192.168.005.006.00080";
        FinishedFlow { trace: Some(Box::new(trace)), ..flow(number, number * 1_234_567, Some(name)) }
    };
    let totals = ReportEnd { packets: 1000, traffic: Some(Arc::new(meter.take())), ..ReportEnd::default() };
    let text = page((0..20).map(followed), totals);
    // Without the version, script and style.
    let body =
        text.split("<main>").nth(1).and_then(|text| text.split("<script>").next()).expect("a main part");
    let digest: String = Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    // Another one after a change of the page: what counts is that it is the same on every system.
    assert_eq!(digest, "645f6436b12eca864cd055c32577ffe1e9536d4ad6cb51d3a93943d29136e1cc");
}

#[test]
fn rows_have_their_numbers_and_the_first_of_many_are_there_without_a_script() {
    let usual = "010.000.000.007.01234-192.168.005.006.00080";
    let mut flows: Vec<_> = (0..1500).map(|number| flow(number, 0, None)).collect();
    flows[7] = flow(7, 1_234_567, Some(usual));
    flows[8] = flow(8, 5, Some("other name"));
    let text = page(flows.into_iter(), ReportEnd::default());
    assert_eq!(text.matches("<td>10.0.").count(), 1000);
    assert!(text.contains("the first 1,000 of 1,500"));
    let row = "<tr><td>2023-11-14 22:13:27.000000</td><td class=\"n\">0.001500</td><td>10.0.0.7:1234</td>\
        <td>192.168.5.6:80</td><td>HTTP</td><td>finished</td><td class=\"n\">1,234,567</td><td class=\"n\">0</td>\
        <td class=\"n\">3</td><td class=\"n\">0</td><td class=\"n zero\">0</td><td class=\"n zero\">0</td>\
        <td class=\"n zero\">0</td><td></td><td class=\"files\">";
    assert!(text.contains(&format!("{row}<a href=\"out/{usual}\" title=\"{usual}\">sent</a> </td>")));
    assert!(
        text.contains("data-count=\"1500\"")
            && text.contains("<template id=\"names\">other%20name\n</template>")
    );
}

#[test]
fn connections_with_data_come_before_those_without_where_there_are_too_many() {
    let mut connections = Connections::new(Way::new(&PathBuf::from("page.html"), &PathBuf::from("out")));
    let most = MOST as u64;
    for number in 0..most {
        connections.flow(&flow(number, 0, None), false);
    }
    for number in most..most + 1000 {
        connections.flow(&flow(number, u64::MAX, None), false);
    }
    connections.settle();
    let mut out = Vec::new();
    let mut html = Html::new(&mut out);
    connections.write(&mut html);
    let length = html.end().expect("written");
    assert!(length < 5 << 20, "{length}");
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.contains("100,000 of 101,000 connections are listed; 1,000 more"), "all that fit");
    // The last ones without data are not there, and those with data are the last.
    assert!(
        text.contains("\n10.1.137.135\n")
            && text.contains("\n10.1.130.183\n")
            && !text.contains("\n10.1.130.184\n")
    );
}

#[test]
fn a_page_is_bounded_whatever_is_in_it() {
    // Addresses, numbers and names as long as they get.
    let long = |number: u64| {
        let mut flow = flow(number, u64::MAX / 4, Some(&format!("{number}-{}", "ä".repeat(80))));
        flow.facts.opened.key.source =
            IpAddr::V6((0xffff_ffff_ffff_ffff_ffff_ffff_0000_0000 + u128::from(number)).into());
        flow.facts.opened.key.destination = IpAddr::V6((u128::MAX - u128::from(number)).into());
        flow.summary.gaps = u64::MAX / 4;
        let mut trace = Trace::default();
        for side in &mut trace.sides {
            side.anchor(0, 0);
            for step in 0..2000_u64 {
                let time = Timestamp(step * 1_234_567 + number);
                side.data(step * 12_345, &[0xff; 100], time);
                side.repeated(step * 12_345, &[0xff; 100], time, false);
                side.gap(step * 12_345 + 100..step * 12_345 + 12_345);
                side.acknowledged((step * 12_345) as u32, Some(step as u32 * 777), time);
            }
        }
        flow.trace = (number < 8).then(|| Box::new(trace));
        flow
    };
    let text = page((0..60_000).map(long), ReportEnd::default());
    assert!(text.len() < 6 << 20, "{}", text.len());
}

#[test]
fn both_flows_of_a_connection_are_one_row() {
    let mut connections = Connections::new(Way::new(&PathBuf::from("page.html"), &PathBuf::from("out")));
    let client = flow(2, 10, None);
    let mut server = flow(2, 20, None);
    let key = client.facts.opened.key;
    let opened = Opened {
        key: tapflow_core::FlowKey {
            source: key.destination,
            destination: key.source,
            source_port: key.destination_port,
            destination_port: key.source_port,
        },
        link: Link::default(),
        time: Timestamp::new(1_700_000_001, 0),
        session: 2,
        client: false,
        syn: true,
    };
    server.facts.opened = opened;
    connections.flow(&client, true);
    connections.flow(&server, true);
    connections.settle();
    assert_eq!(connections.total(), 1);
    let mut out = Vec::new();
    let mut html = Html::new(&mut out);
    connections.write(&mut html);
    html.end().expect("written");
    let text = String::from_utf8(out).expect("UTF-8");
    // From the earlier of both.
    assert!(
        text.contains(
            "<td>2023-11-14 22:13:21.000000</td><td class=\"n\">1.001500</td><td>10.0.0.2:1234</td>"
        )
    );
    assert!(text.contains("<td class=\"n\">10</td><td class=\"n\">20</td>"));
}
