//! Whole reports, and what becomes of them when a run or a disk ends too early.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tapflow_core::LinkInfo;
use tapflow_core::{CloseReason, FlowKey, Summary};

use super::*;
use crate::flow::{FileFacts, FlowFacts, FramePlace, Gaps, Link, Opened, Ranges, Shortened, Timeline};
use crate::input::live::LiveCounts;
use crate::output::draft::ChosenBy;
use crate::scan::Findings;

fn info() -> RunInfo {
    RunInfo {
        earlier: Vec::new(),
        command_line: ["tapflow", "-r", "it's.pcap", "port 80"].map(Into::into).into(),
        sources: vec!["it's.pcap".into()],
        libraries: vec![("libpcap".into(), "1.10.3".into())],
        host: Host {
            sysname: "Linux".into(),
            release: "6.1.0".into(),
            name: "probe".into(),
            arch: "aarch64".into(),
            uid: "1000".into(),
            ..Host::default()
        },
        start: Timestamp::new(1_767_225_600, 0),
        time_shift: 0,
    }
}

fn add(report: &mut Report, flow: &FinishedFlow) -> io::Result<()> {
    let mut text = Vec::new();
    flow_text(flow, Shape::Dfxml, &mut text);
    report.add(1, &text, flow.summary.packets)
}

fn server_flow() -> FinishedFlow {
    FinishedFlow {
        facts: FlowFacts {
            number: 1,
            slot: 1,
            directory: 0,
            frame: FramePlace::default(),
            opened: Opened {
                key: FlowKey {
                    source: IpAddr::V4(Ipv4Addr::new(74, 125, 19, 104)),
                    destination: IpAddr::V4(Ipv4Addr::new(192, 168, 1, 102)),
                    source_port: 80,
                    destination_port: 50955,
                },
                link: (&{
                    let mut c = LinkInfo::default();
                    c.source_mac = Some([0, 0x0f, 0xcc, 0xfe, 0xcc, 0xdc]);
                    c.destination_mac = Some([0, 0x1f, 0x5b, 0xc7, 0xfa, 0xd2]);
                    c
                })
                    .into(),
                time: Timestamp::new(1_223_315_694, 638_913_000),
                session: 0,
                client: false,
                syn: true,
            },
        },
        reason: CloseReason::Finished,
        summary: {
            let mut c = Summary::default();
            c.span = 2792;
            c.data = 2792;
            c.packets = 6;
            c.out_of_order = 1;
            c.wire_bytes = 3196;
            c.captured_bytes = 3196;
            c.last = Timestamp::new(1_223_315_694, 711_975_001);
            c.syn = true;
            c.fin = true;
            c
        },
        file: Some(FileFacts {
            path: "out/074.125.019.104.00080-192.168.001.102.50955".into(),
            original: None,
            size: 2792,
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

fn gaps(list: &[(u64, u64)]) -> Gaps {
    let mut gaps = Gaps::default();
    list.iter().for_each(|(start, end)| gaps.push(*start..*end));
    gaps
}

fn ranges(list: &[(u64, u64)]) -> Ranges {
    let mut ranges = Ranges::default();
    for &(start, end) in list {
        ranges.push(start..end);
    }
    ranges
}

fn written(flow: &FinishedFlow) -> String {
    let mut xml = Xml::default();
    dfxml::flow(&mut xml, flow);
    String::from_utf8(xml.into_text()).unwrap()
}

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tapflow-report-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn report(&self) -> PathBuf {
        self.0.join("report.xml")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn wireless_networks_stand_before_the_counts() {
    use crate::scan::wifiviz::{AccessPoint, Mac, Station, Wireless};
    let (point, phone) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
    let seen = Some((Timestamp::new(1, 0), Timestamp::new(2, 0)));
    let home = || [b"home & <garden>".to_vec()].into();
    let wireless = Wireless {
        frames: 7,
        damaged: 1,
        access_points: [(
            point,
            AccessPoint {
                ssids: home(),
                channels: [1, 6].into(),
                privacy: Some(true),
                beacons: 3,
                frames: 2,
                seen,
            },
        )]
        .into(),
        stations: [(phone, Station { probes: home(), bssids: [point].into(), frames: 2, seen })].into(),
        omitted: 0,
    };
    let scratch = Scratch::new("wireless");
    let mut report = Report::create(&scratch.report(), ChosenBy::User, Shape::Dfxml, &info()).unwrap();
    report.finish(&ReportEnd { wireless: Some(wireless), ..ReportEnd::default() }).unwrap();
    let text = fs::read_to_string(scratch.report()).unwrap();
    let expected = r#"  <tcpflow:wireless frames="7" damaged="1" frames_not_listed="0">
    <tcpflow:access_point bssid="02:00:00:00:00:01" startime="1970-01-01T00:00:01Z" endtime="1970-01-01T00:00:02Z" beacons="3" frames="2" channels="1 6" privacy="1">
      <tcpflow:ssid>home &amp; &lt;garden&gt;</tcpflow:ssid>
    </tcpflow:access_point>
    <tcpflow:station mac="02:00:00:00:00:02" startime="1970-01-01T00:00:01Z" endtime="1970-01-01T00:00:02Z" frames="2">
      <tcpflow:bssid>02:00:00:00:00:01</tcpflow:bssid>
      <tcpflow:ssid>home &amp; &lt;garden&gt;</tcpflow:ssid>
    </tcpflow:station>
  </tcpflow:wireless>
"#;
    assert!(text.contains(expected), "{text}");
}

#[test]
fn the_next_report_has_what_was_added() {
    let counts = |packets, wrong: &[&str]| ReportEnd {
        packets,
        max_open_flows: 4,
        rejected: vec![("UDP".into(), packets / 2)],
        counters: vec![("connections".into(), packets / 5), ("max_connections".into(), 9)],
        live: Some((
            "eth0".into(),
            LiveCounts { received: packets + 1, dropped: 1, dropped_by_interface: 0, own_twice: false },
        )),
        errors: wrong.iter().map(|&error| error.to_owned()).collect(),
        elapsed: Duration::from_secs(packets),
        ..ReportEnd::default()
    };
    let added = counts(30, &["first", "second"]).since(&counts(20, &["first"]));
    assert_eq!((added.packets, added.max_open_flows, added.elapsed), (10, 4, Duration::from_secs(10)));
    assert_eq!(added.rejected, [("UDP".to_owned(), 5)]);
    assert_eq!(added.counters, [("connections".to_owned(), 2), ("max_connections".to_owned(), 9)]);
    let live = LiveCounts { received: 10, dropped: 0, dropped_by_interface: 0, own_twice: false };
    assert_eq!((added.live, added.errors), (Some(("eth0".to_owned(), live)), vec!["second".to_owned()]));
}

#[test]
fn a_whole_report() {
    let scratch = Scratch::new("whole");
    let mut report = Report::create(&scratch.report(), ChosenBy::User, Shape::Dfxml, &info()).unwrap();
    add(&mut report, &server_flow()).unwrap();
    report
        .finish(&ReportEnd {
            packets: 20,
            max_open_flows: 4,
            rejected: vec![("IPv4 fragment".into(), 3), ("TCP header cut short".into(), 0)],
            counters: vec![("connections".into(), 1)],
            wireless: None,
            traffic: None,
            live: Some((
                "eth0".into(),
                LiveCounts { received: 22, dropped: 2, dropped_by_interface: 0, own_twice: false },
            )),
            inputs: vec![InputDigests {
                path: "it's.pcap".into(),
                size: 1000,
                digests: vec![("MD5", "900150983cd24fb0d6963f7d28e17f72".into())],
            }],
            errors: vec!["it's.pcap: cut short in packet 21".into()],
            elapsed: Duration::from_micros(19_847),
            usage: Some(Usage {
                user: Duration::from_micros(20_649),
                system: Duration::from_micros(16_041),
                max_resident: 17_624,
                minor_faults: 1_696,
                blocks_out: 104,
                ..Usage::default()
            }),
        })
        .unwrap();
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<dfxml xmlns="http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tcpflow="http://afflib.org/tcpflow/" version="1.1.1">
  <metadata>
    <dc:type>Feature Extraction</dc:type>
  </metadata>
  <creator>
    <program>tapflow</program>
    <version>VERSION</version>
    <build_environment>
      <compiler>COMPILER</compiler>
      <library name="libpcap" version="1.10.3"/>
    </build_environment>
    <execution_environment>
      <os_sysname>Linux</os_sysname>
      <os_release>6.1.0</os_release>
      <host>probe</host>
      <arch>aarch64</arch>
      <command_line>tapflow -r 'it'\''s.pcap' 'port 80'</command_line>
      <uid>1000</uid>
      <start_time>2026-01-01T00:00:00Z</start_time>
    </execution_environment>
  </creator>
  <source>
    <image_filename>it's.pcap</image_filename>
  </source>
  <fileobject>
    <filename>out/074.125.019.104.00080-192.168.001.102.50955</filename>
    <filesize>2792</filesize>
    <mtime>2008-10-06T17:54:54.638913Z</mtime>
    <byte_runs>
      <byte_run file_offset="0" len="2792"/>
    </byte_runs>
    <tcpflow:flow startime="2008-10-06T17:54:54.638913Z" endtime="2008-10-06T17:54:54.711975001Z" mac_daddr="00:1f:5b:c7:fa:d2" mac_saddr="00:0f:cc:fe:cc:dc" family="2" src_ipn="74.125.19.104" dst_ipn="192.168.1.102" srcport="80" dstport="50955" packets="6" out_of_order_count="1" len="3196" flow="1" session="0" side="server" syn="1" fin="1" close="finished" span="2792" data="2792"/>
  </fileobject>
  <rusage>
    <utime>0.020649</utime>
    <stime>0.016041</stime>
    <maxrss>17624</maxrss>
    <minflt>1696</minflt>
    <majflt>0</majflt>
    <nswap>0</nswap>
    <inblock>0</inblock>
    <oublock>104</oublock>
    <clocktime>0.019847</clocktime>
  </rusage>
  <tcpflow:total_flows>1</tcpflow:total_flows>
  <tcpflow:total_packets>20</tcpflow:total_packets>
  <tcpflow:max_open_flows>4</tcpflow:max_open_flows>
  <tcpflow:live interface="eth0" received="22" dropped="2" dropped_by_interface="0"/>
  <tcpflow:input image_filename="it's.pcap" filesize="1000">
    <hashdigest type="MD5">900150983cd24fb0d6963f7d28e17f72</hashdigest>
  </tcpflow:input>
  <tcpflow:rejected reason="IPv4 fragment">3</tcpflow:rejected>
  <tcpflow:counter name="connections">1</tcpflow:counter>
  <tcpflow:error>it's.pcap: cut short in packet 21</tcpflow:error>
</dfxml>
"#;
    let expected =
        expected.replace("VERSION", env!("CARGO_PKG_VERSION")).replace("COMPILER", env!("TAPFLOW_COMPILER"));
    assert_eq!(fs::read_to_string(scratch.report()).unwrap(), expected);
}

#[test]
fn a_flow_without_data_has_no_file() {
    let mut flow = server_flow();
    flow.file = None;
    flow.facts.opened.link = Link::default();
    flow.facts.opened.client = true;
    flow.facts.opened.key.source = IpAddr::V6(Ipv6Addr::LOCALHOST);
    flow.facts.opened.key.destination = IpAddr::V6(Ipv6Addr::LOCALHOST);
    flow.reason = CloseReason::EndOfInput;
    flow.summary = {
        let mut c = Summary::default();
        c.packets = 1;
        c.syn = true;
        c.wire_bytes = 74;
        c.captured_bytes = 74;
        c.last = flow.facts.opened.time;
        c
    };
    assert_eq!(
        written(&flow),
        r#"<fileobject>
  <filesize>0</filesize>
  <tcpflow:flow startime="2008-10-06T17:54:54.638913Z" endtime="2008-10-06T17:54:54.638913Z" family="10" src_ipn="::1" dst_ipn="::1" srcport="80" dstport="50955" packets="1" len="74" flow="1" session="0" side="client" syn="1" fin="0" close="end-of-input" span="0" data="0"/>
</fileobject>
"#
    );
}

#[test]
fn gaps_conflicts_tags_and_losses_are_told() {
    let mut flow = server_flow();
    let mut link = LinkInfo::default();
    link.source_mac = Some([0, 0x0f, 0xcc, 0xfe, 0xcc, 0xdc]);
    link.destination_mac = Some([0, 0x1f, 0x5b, 0xc7, 0xfa, 0xd2]);
    link.vlans.extend([100, 7]);
    flow.facts.opened.link = (&link).into();
    flow.summary.data = 2772;
    flow.summary.repeated = 6;
    flow.summary.acknowledged_unseen = 10;
    flow.summary.captured_bytes = 3000;
    flow.gaps = gaps(&[(0, 5), (1000, 1005), (2782, 2792)]);
    flow.conflicts = ranges(&[(2000, 2006)]);
    flow.replaced = ranges(&[(2500, 2501)]);
    let text = written(&flow);
    let runs = r#"
  <byte_runs>
    <byte_run file_offset="5" len="995"/>
    <byte_run file_offset="1005" len="1777"/>
  </byte_runs>
"#;
    assert!(text.contains(runs), "{text}");
    let end = r#" len="3196" caplen="3000" flow="1" session="0" side="server" syn="1" fin="1" close="finished" span="2792" data="2772" repeated="6" acknowledged_unseen="10">
    <tcpflow:gaps bytes="20">
      <tcpflow:range offset="0" len="5"/>
      <tcpflow:range offset="1000" len="5"/>
      <tcpflow:range offset="2782" len="10"/>
    </tcpflow:gaps>
    <tcpflow:conflicts bytes="6">
      <tcpflow:range offset="2000" len="6"/>
    </tcpflow:conflicts>
    <tcpflow:replaced bytes="1">
      <tcpflow:range offset="2500" len="1"/>
    </tcpflow:replaced>
  </tcpflow:flow>
</fileobject>
"#;
    assert!(text.ends_with(end), "{text}");
    assert!(text.contains(r#" vlan="100 7" "#), "{text}");
}

#[test]
fn byte_runs_end_where_the_file_ends() {
    let mut flow = server_flow();
    flow.gaps = gaps(&[(10, 20), (2000, 2010)]);
    flow.file.as_mut().unwrap().size = 100;
    let runs = r#"
  <byte_runs>
    <byte_run file_offset="0" len="10"/>
    <byte_run file_offset="20" len="80"/>
  </byte_runs>
"#;
    let text = written(&flow);
    assert!(text.contains(runs), "{text}");
}

#[test]
fn gaps_beyond_the_limit_are_counted() {
    let mut flow = server_flow();
    for n in 0..Ranges::LIMIT as u64 + 3 {
        flow.gaps.push(2 * n..2 * n + 1);
    }
    let text = written(&flow);
    assert!(text.contains(r#"<byte_runs tcpflow:gaps_not_listed="3">"#));
    assert!(text.contains(r#"<tcpflow:gaps bytes="1003" not_listed="3">"#));
}

#[test]
fn usage_that_the_system_does_not_tell_is_left_out() {
    let mut xml = Xml::default();
    let totals = ReportEnd { packets: 1, elapsed: Duration::from_millis(1500), ..ReportEnd::default() };
    dfxml::tail(&mut xml, 0, 0, Some(&totals));
    assert_eq!(
        String::from_utf8(xml.into_text()).unwrap(),
        "<tcpflow:clocktime>1.500000</tcpflow:clocktime>\n<tcpflow:total_flows>0</tcpflow:total_flows>\n\
         <tcpflow:total_packets>1</tcpflow:total_packets>\n<tcpflow:max_open_flows>0</tcpflow:max_open_flows>\n\
         </dfxml>\n"
    );
}

#[test]
fn a_report_that_is_dropped_is_closed_and_says_so() {
    let scratch = Scratch::new("dropped");
    let mut report = Report::create(&scratch.report(), ChosenBy::User, Shape::Dfxml, &info()).unwrap();
    report.begin(false);
    add(&mut report, &server_flow()).unwrap();
    drop(report);
    let text = fs::read_to_string(scratch.report()).unwrap();
    let end = "
  </fileobject>
  <tcpflow:total_flows>1</tcpflow:total_flows>
  <tcpflow:error>the program ended before the run did</tcpflow:error>
</dfxml>
";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn finishing_again_changes_nothing() {
    let scratch = Scratch::new("again");
    let mut report = Report::create(&scratch.report(), ChosenBy::User, Shape::Dfxml, &info()).unwrap();
    report.finish(&ReportEnd::default()).unwrap();
    let text = fs::read(scratch.report()).unwrap();
    report.finish(&ReportEnd { packets: 1, ..ReportEnd::default() }).unwrap();
    drop(report);
    assert_eq!(fs::read(scratch.report()).unwrap(), text);
}

#[test]
fn every_flow_of_a_long_run_is_there_once() {
    let scratch = Scratch::new("long");
    let mut report = Report::create(&scratch.report(), ChosenBy::User, Shape::Dfxml, &info()).unwrap();
    let mut flow = server_flow();
    for number in 0..1000 {
        flow.facts.number = number;
        add(&mut report, &flow).unwrap();
    }
    report.finish(&ReportEnd::default()).unwrap();
    let text = fs::read_to_string(scratch.report()).unwrap();
    let mut rest = text.as_str();
    for number in 0..1000 {
        rest = rest.split_once(&format!(" flow=\"{number}\" ")).unwrap().1;
    }
    assert_eq!(text.matches("<fileobject>").count(), 1000);
    assert!(text.ends_with("</dfxml>\n"));
}

#[test]
fn a_report_replaces_a_longer_one() {
    let scratch = Scratch::new("replaces");
    fs::write(scratch.report(), vec![b'x'; 1 << 20]).unwrap();
    Report::create(&scratch.report(), ChosenBy::User, Shape::Dfxml, &info())
        .unwrap()
        .finish(&ReportEnd::default())
        .unwrap();
    assert!(fs::read_to_string(scratch.report()).unwrap().ends_with("</dfxml>\n"));
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let scratch = Scratch::new("named");
    let path = scratch.0.join("missing").join("report.xml");
    let error = Report::create(&path, ChosenBy::User, Shape::Dfxml, &info()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(
        error.to_string().starts_with(&format!("cannot write the report {}: ", path.display())),
        "{error}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_an_error_at_the_beginning() {
    let error = Report::create(Path::new("/dev/full"), ChosenBy::User, Shape::Dfxml, &info()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}
