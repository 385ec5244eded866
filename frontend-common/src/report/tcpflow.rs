//! The report in the shape of tcpflow 1.6.1 (`--dfxml-compat`), for programs that read that one.
//!
//! The elements, their order and their attributes are tcpflow's, also where they are not valid DFXML. What
//! tcpflow says of its own insides (build flags, open descriptors) is there with what is true here.

use std::fmt::Display;
use std::net::IpAddr;

use super::dfxml::{environment, mac, rusage};
use super::xml::{Shown, Xml};
use super::{ReportEnd, RunInfo};
use crate::format::Utc;
use crate::scan::FinishedFlow;
use crate::scan::http::{BodyFile, BodyKind};

pub(super) fn head(xml: &mut Xml, info: &RunInfo) {
    xml.declaration();
    xml.open("dfxml", &[("xmloutputversion", &"1.0")]);
    xml.open(
        "metadata",
        &[
            ("xmlns", &"http://afflib.org/tcpflow/"),
            ("xmlns:xsi", &"http://www.w3.org/2001/XMLSchema-instance"),
            ("xmlns:dc", &"http://purl.org/dc/elements/1.1/"),
        ],
    );
    xml.leaf("dc:type", &[], &"Feature Extraction");
    xml.close("metadata");
    xml.open("creator", &[("version", &"1.0")]);
    xml.leaf("program", &[], &"tapflow");
    xml.leaf("version", &[], &env!("CARGO_PKG_VERSION"));
    environment(xml, info);
    xml.close("creator");
    xml.open("configuration", &[]);
    xml.close("configuration");
    xml.leaf("tdelta", &[], &info.time_shift);
    xml.open("configuration", &[]);
}

pub(super) fn flow(xml: &mut Xml, flow: &FinishedFlow) {
    xml.open("fileobject", &[]);
    if let Some(file) = &flow.file {
        xml.leaf("filename", &[], &Shown(file.path.as_os_str()));
    }
    xml.leaf("filesize", &[], &flow.file.as_ref().map_or(0, |file| file.size));
    facts(xml, flow);
    for (_, value) in flow.found.digests.iter().filter(|(algorithm, _)| *algorithm == "MD5") {
        xml.leaf("hashdigest", &[("type", &"MD5")], value);
    }
    bodies(xml, flow);
    xml.close("fileobject");
}

/// The files with bodies of responses, and where each body begins in the flow's file.
fn bodies(xml: &mut Xml, flow: &FinishedFlow) {
    let messages = flow.found.http.iter().flat_map(|http| &http.messages);
    let of_response = |file: &&BodyFile| file.kind == BodyKind::Response;
    let mut bodies = messages
        .flat_map(|message| message.files.iter().filter(of_response).map(move |file| (message, file)))
        .peekable();
    if bodies.peek().is_none() {
        return;
    }
    xml.open("byte_runs", &[]);
    for (message, file) in bodies {
        xml.open("byte_run", &[("file_offset", &message.head_range.end)]);
        xml.open("fileobject", &[]);
        xml.leaf("filename", &[], &file.name);
        xml.leaf("filesize", &[], &file.size);
        xml.close("fileobject");
        xml.close("byte_run");
    }
    xml.close("byte_runs");
}

fn facts(xml: &mut Xml, flow: &FinishedFlow) {
    let (opened, summary) = (&flow.facts.opened, &flow.summary);
    let (key, link) = (&opened.key, &opened.link);
    let (start, end) = (Utc(opened.time), Utc(summary.last));
    let (destination, source) = (link.destination_mac.map(mac), link.source_mac.map(mac));
    // The numbers that Linux gives AF_INET and AF_INET6, on every system.
    let family = match key.source {
        IpAddr::V4(_) => 2,
        IpAddr::V6(_) => 10,
    };
    let mut attributes: Vec<(&str, &dyn Display)> = vec![("startime", &start), ("endtime", &end)];
    for (name, mac) in [("mac_daddr", &destination), ("mac_saddr", &source)] {
        if let Some(mac) = mac {
            attributes.push((name, mac));
        }
    }
    attributes.extend_from_slice(&[
        ("family", &family),
        ("src_ipn", &key.source),
        ("dst_ipn", &key.destination),
        ("srcport", &key.source_port),
        ("dstport", &key.destination_port),
        ("packets", &summary.packets),
    ]);
    if summary.out_of_order > 0 {
        attributes.push(("out_of_order_count", &summary.out_of_order));
    }
    let violations = flow.conflicts.listed.len() as u64 + flow.conflicts.omitted;
    if violations > 0 {
        attributes.push(("violations", &violations));
    }
    attributes.push(("len", &summary.wire_bytes));
    if summary.captured_bytes != summary.wire_bytes {
        attributes.push(("caplen", &summary.captured_bytes));
    }
    xml.empty("tcpflow", &attributes);
}

/// The end, with the number of flows and of their packets; without totals where the run did not get as far as having them.
pub(super) fn tail(xml: &mut Xml, flows: u64, packets: u64, totals: Option<&ReportEnd>) {
    xml.close("configuration");
    xml.empty("summary", &[]);
    // Every flow is closed before the report is.
    xml.leaf("open_fds_at_end", &[], &0);
    if let Some(totals) = totals {
        xml.leaf("max_open_flows", &[], &totals.max_open_flows);
    }
    xml.leaf("total_flows", &[], &flows);
    xml.leaf("flow_map_size", &[], &0);
    xml.leaf("total_packets", &[], &packets);
    if let Some(totals) = totals {
        rusage(xml, totals);
    }
    xml.close("dfxml");
}
