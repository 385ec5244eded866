//! The report as JSON lines (`--jsonl`): one object for each connection, with everything that is known of it.
//!
//! A line is whole when it is written, and every flow that is finished is in it before the next batch is
//! looked at. Others may follow the lines as they come, so the file has its name from the beginning of the run on. Times are ISO 8601 with the fraction that the capture has, lengths bytes, ranges
//! `[start, end)` in stream offsets.

use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::dfxml::{mac, tunnel};
use super::http;
use super::tls;
use super::xml::Shown;
use crate::flow::Ranges;
use crate::format::Utc;
use crate::output::draft::{ChosenBy, Draft};
use crate::scan::FinishedFlow;

/// The file of the lines.
pub struct JsonLines {
    path: PathBuf,
    out: BufWriter<Out>,
    /// The line under way.
    text: Vec<u8>,
    size: u64,
}

/// Where lines go.
enum Out {
    Standard,
    File(Draft),
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard => io::stdout().write(bytes),
            Self::File(draft) => draft.file().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard => io::stdout().flush(),
            Self::File(draft) => draft.file().flush(),
        }
    }
}

impl JsonLines {
    /// Makes the file; `-` is standard output. A file that is there is replaced when the run [begins](Self::begin).
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn create(path: &Path, chosen_by: ChosenBy) -> io::Result<Self> {
        let out = if path.as_os_str() == "-" {
            Out::Standard
        } else {
            Out::File(Draft::create(path, chosen_by).map_err(|error| at(path, &error))?)
        };
        let out = BufWriter::with_capacity(1 << 16, out);
        Ok(Self { path: path.to_owned(), out, text: Vec::new(), size: 0 })
    }

    /// The run begins: gives the file its name. If it `flushes`, it is on disk when it is complete (`--fsync`).
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn begin(&mut self, flushes: bool) -> io::Result<()> {
        match self.out.get_mut() {
            Out::Standard => Ok(()),
            Out::File(draft) => {
                draft.keep(flushes);
                draft.publish().map_err(|error| at(&self.path, &error))
            }
        }
    }

    /// Has everything written that is known so far.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(|error| at(&self.path, &error))
    }

    /// Writes the end.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        match self.out.get_mut() {
            Out::Standard => Ok(()),
            Out::File(draft) => draft.complete().map_err(|error| at(&self.path, &error)),
        }
    }

    /// Adds a connection, of which these flows have ended.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn connection(&mut self, flows: &[&FinishedFlow]) -> io::Result<()> {
        let Some(first) = flows.first() else { return Ok(()) };
        let start = flows.iter().map(|flow| flow.facts.opened.time).min().unwrap_or_default();
        let end = flows.iter().map(|flow| flow.summary.last).max().unwrap_or_default();
        let connection = ConnectionLine {
            session: first.facts.opened.session,
            close: first.reason.name(),
            start: Utc(start).to_string(),
            end: Utc(end).to_string(),
            flows: flows.iter().map(|flow| FlowLine::new(flow)).collect(),
        };
        self.text.clear();
        let written = serde_json::to_writer(&mut self.text, &connection).map_err(io::Error::from);
        self.text.push(b'\n');
        self.size += self.text.len() as u64;
        written.and_then(|()| self.out.write_all(&self.text)).map_err(|error| at(&self.path, &error))
    }

    /// Bytes of all lines.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }
}

#[derive(Serialize)]
struct ConnectionLine {
    session: u64,
    close: &'static str,
    start: String,
    end: String,
    flows: Vec<FlowLine>,
}

#[derive(Serialize)]
struct FlowLine {
    flow: u64,
    side: &'static str,
    source: String,
    source_port: u16,
    destination: String,
    destination_port: u16,
    start: String,
    end: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_mac: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vlans: Vec<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tunnels: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel_addresses: Option<[String; 2]>,
    syn: bool,
    fin: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    reopened: bool,
    packets: u64,
    out_of_order: u32,
    #[serde(skip_serializing_if = "none_are")]
    keepalives: u32,
    wire_bytes: u64,
    captured_bytes: u64,
    span: u64,
    data: u64,
    repeated: u64,
    acknowledged_unseen: u64,
    gaps: RangesLine,
    #[serde(skip_serializing_if = "Option::is_none")]
    gaps_unknown: Option<[u64; 2]>,
    conflicts: RangesLine,
    replaced: RangesLine,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<serde_json::Value>,
}

impl FlowLine {
    fn new(flow: &FinishedFlow) -> Self {
        let (opened, summary) = (&flow.facts.opened, &flow.summary);
        let (key, link) = (&opened.key, &opened.link);
        Self {
            flow: flow.facts.number,
            side: if opened.client { "client" } else { "server" },
            source: key.source.to_string(),
            source_port: key.source_port,
            destination: key.destination.to_string(),
            destination_port: key.destination_port,
            start: Utc(opened.time).to_string(),
            end: Utc(summary.last).to_string(),
            frame: Some(flow.facts.frame.number).filter(|number| *number > 0),
            input: flow.facts.frame.input.as_ref().map(|input| input.to_string()),
            source_mac: link.source_mac.map(mac),
            destination_mac: link.destination_mac.map(mac),
            vlans: link.vlans().to_vec(),
            tunnels: link.tunnels().iter().map(tunnel).collect(),
            tunnel_addresses: link.outer().map(|(from, to)| [from.to_string(), to.to_string()]),
            syn: summary.syn,
            fin: summary.fin,
            reopened: summary.reopened,
            packets: summary.packets,
            out_of_order: summary.out_of_order,
            keepalives: flow.keepalives,
            wire_bytes: summary.wire_bytes,
            captured_bytes: summary.captured_bytes,
            span: summary.span,
            data: summary.data,
            repeated: summary.repeated,
            acknowledged_unseen: summary.acknowledged_unseen,
            gaps: RangesLine::new(&flow.gaps.listed()),
            gaps_unknown: flow.gaps.unknown().map(|area| [area.start, area.end]),
            conflicts: RangesLine::new(&flow.conflicts),
            replaced: RangesLine::new(&flow.replaced),
            file: flow.file.as_ref().map(|file| FileLine {
                name: Shown(file.path.as_os_str()).to_string(),
                original_name: file.original.clone(),
                size: file.size,
                digests: flow.found.digests.iter().cloned().collect(),
                too_sparse_for_digests: flow.found.is_undigested,
                urgent_left_out: file.left_out.clone(),
                shortened_holes: (file.shortened.bytes() > 0)
                    .then(|| RangesLine::new(&file.shortened.listed())),
            }),
            http: flow.found.http.as_deref().map(|http| http::json(http, flow.file.as_ref())),
            tls: flow.found.tls.as_deref().map(tls::json),
        }
    }
}

#[derive(Serialize)]
struct FileLine {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_name: Option<Box<str>>,
    size: u64,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    digests: std::collections::BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    too_sparse_for_digests: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    urgent_left_out: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shortened_holes: Option<RangesLine>,
}

#[derive(Serialize)]
struct RangesLine {
    bytes: u64,
    ranges: Vec<[u64; 2]>,
    #[serde(skip_serializing_if = "is_zero")]
    not_listed: u64,
}

impl RangesLine {
    fn new(ranges: &Ranges) -> Self {
        let pair = |range: &Range<u64>| [range.start, range.end];
        Self {
            bytes: ranges.bytes,
            ranges: ranges.listed.iter().map(pair).collect(),
            not_listed: ranges.omitted,
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn none_are(number: &u32) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}
