//! What a report says: the elements of its beginning, of one flow, and of its end.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use tapflow_core::{Timestamp, Tunnel};

use super::http;
use super::tls;
use super::xml::{Shown, Xml, attribute};
use super::{ReportEnd, RunInfo};
use crate::flow::{FileFacts, Ranges};
use crate::format::{Utc, digits};
use crate::scan::FinishedFlow;
use crate::scan::wifiviz::{Ssid, Wireless};

const DFXML: &str = "http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML";
const DUBLIN_CORE: &str = "http://purl.org/dc/elements/1.1/";
const TCPFLOW: &str = "http://afflib.org/tcpflow/";

pub(super) fn head(xml: &mut Xml, info: &RunInfo) {
    xml.declaration();
    xml.open(
        "dfxml",
        &[("xmlns", &DFXML), ("xmlns:dc", &DUBLIN_CORE), ("xmlns:tcpflow", &TCPFLOW), ("version", &"1.1.1")],
    );
    xml.open("metadata", &[]);
    xml.leaf("dc:type", &[], &"Feature Extraction");
    xml.close("metadata");

    xml.open("creator", &[]);
    xml.leaf("program", &[], &"tapflow");
    xml.leaf("version", &[], &env!("CARGO_PKG_VERSION"));
    environment(xml, info);
    xml.close("creator");

    xml.open("source", &[]);
    for source in &info.sources {
        xml.leaf("image_filename", &[], &Shown(source));
    }
    xml.close("source");
    for name in &info.earlier {
        xml.leaf("tcpflow:earlier_results", &[], name);
    }
    if info.time_shift != 0 {
        xml.leaf("tcpflow:tdelta", &[], &info.time_shift);
    }
}

/// How the program was built, and where it runs.
pub(super) fn environment(xml: &mut Xml, info: &RunInfo) {
    // No compilation date: the same source and compiler give the same program.
    xml.open("build_environment", &[]);
    xml.leaf("compiler", &[], &env!("TAPFLOW_COMPILER"));
    for (name, version) in &info.libraries {
        xml.empty("library", &[("name", name), ("version", version)]);
    }
    xml.close("build_environment");
    let host = &info.host;
    let command_line = info.command_line.iter().map(quoted).collect::<Vec<_>>().join(" ");
    xml.open("execution_environment", &[]);
    for (name, value) in [
        ("os_sysname", &host.sysname),
        ("os_release", &host.release),
        ("os_version", &host.version),
        ("host", &host.name),
        ("arch", &host.arch),
        ("command_line", &command_line),
        ("uid", &host.uid),
        ("username", &host.username),
    ] {
        if !value.is_empty() {
            xml.leaf(name, &[], value);
        }
    }
    xml.leaf("start_time", &[], &Utc(info.start));
    xml.close("execution_environment");
}

pub(super) fn flow(xml: &mut Xml, flow: &FinishedFlow) {
    let gaps = &flow.gaps.listed();
    xml.open("fileobject", &[]);
    if let Some(file) = &flow.file {
        xml.name_leaf("filename", file.path.as_os_str());
        xml.number_leaf("filesize", file.size);
        xml.plain_leaf("mtime", |text| Utc(flow.facts.opened.time).put(text));
        byte_runs(xml, file, gaps);
        for (algorithm, value) in &flow.found.digests {
            xml.leaf("hashdigest", &[("type", algorithm)], value);
        }
        if flow.found.is_undigested {
            xml.empty("tcpflow:no_hashdigest", &[("reason", &"holes")]);
        }
    } else {
        xml.number_leaf("filesize", 0_u8);
    }
    facts(xml, flow, gaps);
    if let Some(tls) = &flow.found.tls {
        tls::facts(xml, tls);
    }
    if let Some(http) = &flow.found.http {
        http::messages(xml, http);
    }
    xml.close("fileobject");
    if let Some(http) = &flow.found.http {
        http::bodies(xml, http, flow.file.as_ref());
    }
    if let Some(derived) = flow.found.tls.as_ref().and_then(|tls| tls.derived.as_ref()) {
        tls::plaintext(xml, derived, flow, None);
    }
}

/// The parts of a file that hold bytes of the stream. Gaps beyond those that are listed are counted.
fn byte_runs(xml: &mut Xml, file: &FileFacts, gaps: &Ranges) {
    let size = file.size;
    if size == 0 {
        return;
    }
    if gaps.omitted > 0 {
        xml.open("byte_runs", &[("tcpflow:gaps_not_listed", &gaps.omitted)]);
    } else {
        xml.open("byte_runs", &[]);
    }
    let in_file = |gap: &Range<u64>| file.place(gap.start)..file.place(gap.end);
    let mut sorted: Vec<Range<u64>> = gaps.listed.iter().map(in_file).collect();
    sorted.sort_unstable_by_key(|gap| gap.start);
    let mut offset = 0;
    // Where gaps follow that are not listed, so does what is not known to be there.
    let end = (gaps.omitted == 0).then_some(size..size);
    for gap in sorted.into_iter().chain(end) {
        let end = gap.start.min(size);
        if offset < end {
            xml.begin("byte_run");
            xml.number(attribute!("file_offset"), offset);
            xml.number(attribute!("len"), end - offset);
            xml.end_empty();
        }
        offset = offset.max(gap.end);
    }
    xml.close("byte_runs");
}

/// A MAC address.
pub(super) fn mac(address: [u8; 6]) -> String {
    let mut text = Vec::with_capacity(17);
    digits::put_mac(address, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// Appends an IP address.
fn put_address(address: IpAddr, text: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => digits::put_ipv4(address.octets(), text),
        IpAddr::V6(address) => {
            let written = write!(text, "{address}");
            debug_assert!(written.is_ok(), "writing to memory cannot fail");
        }
    }
}

/// A tunnel's name, and its number where it has one: `VXLAN:100`.
pub(super) fn tunnel(tunnel: &Tunnel) -> String {
    match tunnel.id {
        Some(id) => format!("{}:{id}", tunnel.kind.name()),
        None => tunnel.kind.name().to_owned(),
    }
}

fn facts(xml: &mut Xml, flow: &FinishedFlow, gaps: &Ranges) {
    let (opened, summary) = (&flow.facts.opened, &flow.summary);
    let key = &opened.key;
    let (vlans, tunnels) = (opened.link.vlans(), opened.link.tunnels());
    // The numbers that Linux gives AF_INET and AF_INET6, on every system.
    let family = match key.source {
        IpAddr::V4(_) => 2_u8,
        IpAddr::V6(_) => 10,
    };
    xml.begin("tcpflow:flow");
    let mut time = 0..0;
    xml.plain(attribute!("startime"), |text| {
        time.start = text.len();
        Utc(opened.time).put(text);
        time.end = text.len();
    });
    // Most flows of a scan have a single packet.
    xml.plain(attribute!("endtime"), |text| match summary.last == opened.time {
        true => text.extend_from_within(time),
        false => Utc(summary.last).put(text),
    });
    let frame = &flow.facts.frame;
    if frame.number > 0 {
        xml.number(attribute!("frame"), frame.number);
    }
    if let Some(input) = &frame.input {
        xml.attribute("input", input);
    }
    if let Some(mac) = opened.link.destination_mac {
        xml.plain(attribute!("mac_daddr"), |text| digits::put_mac(mac, text));
    }
    if let Some(mac) = opened.link.source_mac {
        xml.plain(attribute!("mac_saddr"), |text| digits::put_mac(mac, text));
    }
    if !vlans.is_empty() {
        xml.attribute("vlan", &vlans.iter().map(u16::to_string).collect::<Vec<_>>().join(" "));
    }
    if !tunnels.is_empty() {
        xml.attribute("tunnels", &tunnels.iter().map(tunnel).collect::<Vec<_>>().join(" "));
    }
    if let Some((source, destination)) = opened.link.outer() {
        xml.attribute("tunnel_ipns", &format_args!("{source} {destination}"));
    }
    xml.number(attribute!("family"), family);
    xml.plain(attribute!("src_ipn"), |text| put_address(key.source, text));
    xml.plain(attribute!("dst_ipn"), |text| put_address(key.destination, text));
    xml.number(attribute!("srcport"), key.source_port);
    xml.number(attribute!("dstport"), key.destination_port);
    xml.number(attribute!("packets"), summary.packets);
    if summary.out_of_order > 0 {
        xml.number(attribute!("out_of_order_count"), summary.out_of_order);
    }
    if flow.keepalives > 0 {
        xml.number(attribute!("keepalives"), flow.keepalives);
    }
    if let Some(name) = flow.file.as_ref().and_then(|file| file.original.as_ref()) {
        xml.attribute("original_name", name);
    }
    xml.number(attribute!("len"), summary.wire_bytes);
    if summary.captured_bytes != summary.wire_bytes {
        xml.number(attribute!("caplen"), summary.captured_bytes);
    }
    xml.number(attribute!("flow"), flow.facts.number);
    xml.number(attribute!("session"), opened.session);
    xml.plain(attribute!("side"), |text| {
        text.extend_from_slice(if opened.client { b"client" } else { b"server" })
    });
    xml.number(attribute!("syn"), u8::from(summary.syn));
    xml.number(attribute!("fin"), u8::from(summary.fin));
    xml.plain(attribute!("close"), |text| text.extend_from_slice(flow.reason.name().as_bytes()));
    if summary.reopened {
        xml.number(attribute!("reopened"), 1u8);
    }
    xml.number(attribute!("span"), summary.span);
    xml.number(attribute!("data"), summary.data);
    if summary.repeated > 0 {
        xml.number(attribute!("repeated"), summary.repeated);
    }
    if summary.acknowledged_unseen > 0 {
        xml.number(attribute!("acknowledged_unseen"), summary.acknowledged_unseen);
    }
    let mut left_out = Ranges::default();
    for offset in flow.file.iter().flat_map(|file| &file.left_out) {
        left_out.push(*offset..offset + 1);
    }
    let shortened = flow.file.as_ref().map(|file| file.shortened.listed()).unwrap_or_default();
    if [gaps, &flow.conflicts, &flow.replaced, &left_out, &shortened].iter().all(|ranges| ranges.bytes == 0) {
        xml.end_empty();
        return;
    }
    xml.end_open();
    ranges(xml, "tcpflow:gaps", gaps);
    if let Some(area) = flow.gaps.unknown() {
        let length = area.end - area.start;
        xml.empty("tcpflow:gaps_unknown", &[("offset", &area.start), ("len", &length)]);
    }
    ranges(xml, "tcpflow:shortened_holes", &shortened);
    ranges(xml, "tcpflow:conflicts", &flow.conflicts);
    ranges(xml, "tcpflow:replaced", &flow.replaced);
    ranges(xml, "tcpflow:urgent", &left_out);
    xml.close("tcpflow:flow");
}

pub(super) fn ranges(xml: &mut Xml, name: &str, ranges: &Ranges) {
    if ranges.bytes == 0 {
        return;
    }
    if ranges.omitted > 0 {
        xml.open(name, &[("bytes", &ranges.bytes), ("not_listed", &ranges.omitted)]);
    } else {
        xml.open(name, &[("bytes", &ranges.bytes)]);
    }
    for range in &ranges.listed {
        xml.empty("tcpflow:range", &[("offset", &range.start), ("len", &(range.end - range.start))]);
    }
    xml.close(name);
}

/// The end; without totals where the run did not get as far as having them.
pub(super) fn tail(xml: &mut Xml, listed: u64, refused: u64, totals: Option<&ReportEnd>) {
    if let Some(totals) = totals {
        rusage(xml, totals);
    }
    xml.leaf("tcpflow:total_flows", &[], &(listed + refused));
    if refused > 0 {
        xml.leaf("tcpflow:flows_not_listed", &[], &refused);
    }
    if let Some(totals) = totals {
        if let Some(found) = &totals.wireless {
            wireless(xml, found);
        }
        counters(xml, totals);
    } else {
        xml.leaf("tcpflow:error", &[], &"the program ended before the run did");
    }
    xml.close("dfxml");
}

pub(super) fn rusage(xml: &mut Xml, totals: &ReportEnd) {
    let seconds = |time: Duration| format!("{:.6}", time.as_secs_f64());
    let Some(usage) = &totals.usage else {
        xml.leaf("tcpflow:clocktime", &[], &seconds(totals.elapsed));
        return;
    };
    xml.open("rusage", &[]);
    xml.leaf("utime", &[], &seconds(usage.user));
    xml.leaf("stime", &[], &seconds(usage.system));
    for (name, count) in [
        ("maxrss", usage.max_resident),
        ("minflt", usage.minor_faults),
        ("majflt", usage.major_faults),
        ("nswap", usage.swaps),
        ("inblock", usage.blocks_in),
        ("oublock", usage.blocks_out),
    ] {
        xml.leaf(name, &[], &count);
    }
    xml.leaf("clocktime", &[], &seconds(totals.elapsed));
    xml.close("rusage");
}

fn counters(xml: &mut Xml, totals: &ReportEnd) {
    xml.leaf("tcpflow:total_packets", &[], &totals.packets);
    xml.leaf("tcpflow:max_open_flows", &[], &totals.max_open_flows);
    if let Some((interface, live)) = &totals.live {
        let attributes: [(&str, &dyn Display); 4] = [
            ("interface", interface),
            ("received", &live.received),
            ("dropped", &live.dropped),
            ("dropped_by_interface", &live.dropped_by_interface),
        ];
        xml.empty("tcpflow:live", &attributes);
    }
    for input in &totals.inputs {
        let name = input.path.as_os_str();
        xml.open("tcpflow:input", &[("image_filename", &Shown(name)), ("filesize", &input.size)]);
        for (algorithm, value) in &input.digests {
            xml.leaf("hashdigest", &[("type", algorithm)], value);
        }
        xml.close("tcpflow:input");
    }
    for (element, attribute, counters) in
        [("tcpflow:rejected", "reason", &totals.rejected), ("tcpflow:counter", "name", &totals.counters)]
    {
        for (name, count) in counters.iter().filter(|(_, count)| *count > 0) {
            xml.leaf(element, &[(attribute, name)], count);
        }
    }
    for error in &totals.errors {
        xml.leaf("tcpflow:error", &[], error);
    }
}

/// Wireless networks: access points, then stations, by address.
fn wireless(xml: &mut Xml, found: &Wireless) {
    xml.open(
        "tcpflow:wireless",
        &[("frames", &found.frames), ("damaged", &found.damaged), ("frames_not_listed", &found.omitted)],
    );
    let names = |xml: &mut Xml, names: &BTreeSet<Ssid>| {
        for name in names {
            xml.leaf("tcpflow:ssid", &[], &String::from_utf8_lossy(name));
        }
    };
    let seen = |seen: &Option<(Timestamp, Timestamp)>| {
        let (first, last) = seen.unwrap_or_default();
        (Utc(first), Utc(last))
    };
    for (bssid, point) in &found.access_points {
        let (first, last) = seen(&point.seen);
        let channels = point.channels.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
        let privacy = match point.privacy {
            Some(privacy) => u8::from(privacy).to_string(),
            None => String::new(),
        };
        let mut attributes: Vec<(&str, &dyn Display)> = vec![
            ("bssid", bssid),
            ("startime", &first),
            ("endtime", &last),
            ("beacons", &point.beacons),
            ("frames", &point.frames),
        ];
        if !channels.is_empty() {
            attributes.push(("channels", &channels));
        }
        if !privacy.is_empty() {
            attributes.push(("privacy", &privacy));
        }
        xml.open("tcpflow:access_point", &attributes);
        names(xml, &point.ssids);
        xml.close("tcpflow:access_point");
    }
    for (address, station) in &found.stations {
        let (first, last) = seen(&station.seen);
        xml.open(
            "tcpflow:station",
            &[("mac", address), ("startime", &first), ("endtime", &last), ("frames", &station.frames)],
        );
        for bssid in &station.bssids {
            xml.leaf("tcpflow:bssid", &[], bssid);
        }
        names(xml, &station.probes);
        xml.close("tcpflow:station");
    }
    xml.close("tcpflow:wireless");
}

/// An argument as a POSIX shell would have to be given it.
fn quoted(argument: &OsString) -> String {
    let text = Shown(argument).to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
