//! What a run came to: the report in DFXML, HAR, JSON lines and CSV, and the texts on standard error besides errors.
//!
//! [`Report`] is DFXML, valid by versions 1.1.1 and 2.0.0-beta.0 of its schema.
//! It is written as the run goes, with memory that does not depend on how many flows there are.
//! Whatever happens, the document is closed: by [`Report::finish`], also after errors and signals,
//! on a full disk by room that was kept for it, and else when the [`Report`] is dropped.
//!
//! tcpflow's facts keep their names, in the namespace `http://afflib.org/tcpflow/`, and what tapflow
//! knows beyond them stands beside them. Lengths are in bytes, ranges in stream offsets.

mod csv;
mod dfxml;
mod file;
mod har;
mod http;
mod jsonl;
mod page;
mod pairs;
mod pdf;
mod progress;
mod protocol_names;
mod rejects;
mod rows;
mod statistics;
mod summary;
mod tcpflow;
mod terminal;
mod tls;
mod totals;
mod verbosity;
mod xml;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tapflow_core::Timestamp;

use crate::input::live::LiveCounts;
use crate::output::draft::ChosenBy;
use crate::scan::wifiviz::Wireless;
use crate::scan::{Digest, FinishedFlow};
use crate::traffic::Traffic;
pub use csv::{TABLES, Tables};
pub use har::Har;
pub use jsonl::JsonLines;
pub use page::{FOLLOWED, Index, Listed, Page, PageConfig};
pub use pairs::Pairs;
pub use pdf::Pictures;
pub use progress::Progress;
pub use rejects::{RejectCounts, RejectKind};
pub use statistics::statistics;
pub use terminal::{for_terminal, lines_for_terminal};
pub use totals::{FlowCounts, Totals, Written};
pub use verbosity::{VERBOSE, Verbosity};

use file::ReportFile;
use xml::Xml;

/// What is known when a run begins.
#[derive(Clone, Debug, Default)]
pub struct RunInfo {
    /// The arguments, the program's name first.
    pub command_line: Vec<OsString>,
    /// Where packets come from: paths of capture files, or names of interfaces.
    pub sources: Vec<OsString>,
    /// Names and versions of libraries that the program uses.
    pub libraries: Vec<(String, String)>,
    /// Where it runs.
    pub host: Host,
    /// When it began, by the wall clock.
    pub start: Timestamp,
    /// Reports and other results of earlier runs that were in the output directory.
    pub earlier: Vec<String>,
    /// Seconds that were added to all timestamps.
    pub time_shift: i64,
}

/// The machine and the user. What is empty is not known, and left out.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Operating system, as `uname -s` says.
    pub sysname: String,
    /// Its release, as `uname -r` says.
    pub release: String,
    /// Its version, as `uname -v` says.
    pub version: String,
    /// Name of the machine.
    pub name: String,
    /// Architecture, as `uname -m` says.
    pub arch: String,
    /// Numeric user id, or a SID.
    pub uid: String,
    /// Name of the user.
    pub username: String,
}

impl Host {
    /// What the standard library knows, for a front-end to complete.
    #[must_use]
    pub fn portable() -> Self {
        Self {
            sysname: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            ..Self::default()
        }
    }
}

/// What the end of a report says: [`Totals`] by name, and what is known besides. Counters that are 0 are left out.
#[derive(Clone, Debug, Default)]
pub struct ReportEnd {
    /// Frames read.
    pub packets: u64,
    /// The largest number of flows that were open at one time.
    pub max_open_flows: u64,
    /// Frames that gave no segment, by reason.
    pub rejected: Vec<(String, u64)>,
    /// Everything else worth counting, by name.
    pub counters: Vec<(String, u64)>,
    /// Wireless networks, where they were looked for.
    pub wireless: Option<Wireless>,
    /// What all frames that passed the filter add up to, where that is shown.
    pub traffic: Option<Arc<Traffic>>,
    /// The interface of a live capture, and what the system counted of it.
    pub live: Option<(String, LiveCounts)>,
    /// Digests of the inputs, where they were asked for.
    pub inputs: Vec<InputDigests>,
    /// What went wrong.
    pub errors: Vec<String>,
    /// Wall-clock time of the run.
    pub elapsed: Duration,
    /// Resources used, if the system says.
    pub usage: Option<Usage>,
}

impl ReportEnd {
    /// What was added after `before`. Maxima and resources used stay those of the whole run.
    #[must_use]
    pub fn since(mut self, before: &Self) -> Self {
        let subtract = |counts: &mut [(String, u64)], before: &[(String, u64)]| {
            for (name, count) in counts.iter_mut().filter(|(name, _)| !name.starts_with("max_")) {
                let earlier = before.iter().find(|(other, _)| other == name).map_or(0, |(_, count)| *count);
                *count = count.saturating_sub(earlier);
            }
        };
        subtract(&mut self.rejected, &before.rejected);
        subtract(&mut self.counters, &before.counters);
        self.packets = self.packets.saturating_sub(before.packets);
        self.elapsed = self.elapsed.saturating_sub(before.elapsed);
        self.errors.drain(..before.errors.len().min(self.errors.len()));
        if let (Some((_, live)), Some((_, before))) = (&mut self.live, &before.live) {
            *live = live.since(before);
        }
        self
    }

    /// The count of this name, 0 where there is none.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.iter().find(|(other, _)| other == name).map_or(0, |(_, count)| *count)
    }

    /// With more counts of the same names.
    #[must_use]
    pub fn plus(mut self, counters: &[(String, u64)]) -> Self {
        for (name, more) in counters {
            match self.counters.iter_mut().find(|(other, _)| other == name) {
                Some((_, count)) => *count += more,
                None => self.counters.push((name.clone(), *more)),
            }
        }
        self
    }
}

/// Digests of an input file as it is on disk, compressed or not.
#[derive(Clone, Debug)]
pub struct InputDigests {
    /// Its path, as it was given.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// Digests, by the name of the algorithm in DFXML.
    pub digests: Vec<Digest>,
}

/// The resources that `getrusage` counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Processor time of the program.
    pub user: Duration,
    /// Processor time of the system on its behalf.
    pub system: Duration,
    /// The most memory that was resident, in KiB.
    pub max_resident: u64,
    /// Page faults without input.
    pub minor_faults: u64,
    /// Page faults with input.
    pub major_faults: u64,
    /// Times the process was swapped out.
    pub swaps: u64,
    /// Times the file system had to read.
    pub blocks_in: u64,
    /// Times the file system had to write.
    pub blocks_out: u64,
}

/// Whose elements a report has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Valid DFXML with everything that is known.
    #[default]
    Dfxml,
    /// What tcpflow 1.6.1 writes.
    Tcpflow,
}

/// Appends to `text` what a report of this shape says of a flow. It takes longer than adding that to the report, and
/// can be done anywhere.
pub fn flow_text(flow: &FinishedFlow, shape: Shape, text: &mut Vec<u8>) {
    let before = std::mem::take(text);
    let xml = match shape {
        Shape::Dfxml => {
            let mut xml = Xml::inside(1, before);
            dfxml::flow(&mut xml, flow);
            xml
        }
        Shape::Tcpflow => {
            let mut xml = Xml::inside(2, before);
            tcpflow::flow(&mut xml, flow);
            xml
        }
    };
    *text = xml.into_text();
}

/// Appends what was found in a flow after its [`flow_text`] was made.
pub fn late_text(flow: &FinishedFlow, shape: Shape, text: &mut Vec<u8>) {
    let (Shape::Dfxml, Some(found)) = (shape, &flow.found.tls) else { return };
    let mut xml = Xml::inside(1, std::mem::take(text));
    tls::late(&mut xml, found, flow);
    *text = xml.into_text();
}

/// A report that is being written.
#[derive(Debug)]
pub struct Report {
    shape: Shape,
    path: PathBuf,
    file: ReportFile,
    xml: Xml,
    listed: u64,
    refused: u64,
    /// Packets of all flows.
    packets: u64,
    /// The run has begun, so that there is something to say.
    begun: bool,
    finished: bool,
}

/// Text collected before it is written.
const BLOCK: usize = 64 * 1024;

impl Report {
    /// Makes the file and writes the beginning, so that a place that cannot be written to is known
    /// before the run. A file that is there is replaced when this one is whole; see [`Draft`](crate::output::draft::Draft).
    /// The report goes when it is dropped, unless the run has [begun](Self::begin).
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn create(path: &Path, chosen_by: ChosenBy, shape: Shape, info: &RunInfo) -> io::Result<Self> {
        let mut file = ReportFile::create(path, chosen_by).map_err(|error| at(path, &error))?;
        let mut xml = Xml::default();
        match shape {
            Shape::Dfxml => dfxml::head(&mut xml, info),
            Shape::Tcpflow => tcpflow::head(&mut xml, info),
        }
        file.promise(xml.text().len()).map_err(|error| at(path, &error))?;
        let path = path.to_owned();
        let (listed, refused, packets) = (0, 0, 0);
        let mut report =
            Self { shape, path, file, xml, listed, refused, packets, begun: false, finished: false };
        report.write()?;
        Ok(report)
    }

    /// The run begins: from now on the report stays, whatever comes. If it `flushes`, it is on disk before it has its
    /// name (`--fsync`).
    pub fn begin(&mut self, flushes: bool) {
        self.begun = true;
        self.file.keep(flushes);
    }

    /// Adds so many flows with so many packets: the [`flow_text`] of each in this report's shape.
    ///
    /// # Errors
    /// What the system says, with the path. On a full disk the flows are only counted, as not listed;
    /// the report is still good for other flows, whose text may be shorter, and for `finish`.
    pub fn add(&mut self, flows: u64, text: &[u8], packets: u64) -> io::Result<()> {
        self.packets += packets;
        let is_long = text.len() >= BLOCK / 2;
        let mut accepted = self.file.promise(text.len()).map_err(|error| at(&self.path, &error));
        if is_long {
            // Written as it is.
            accepted = accepted.and_then(|()| self.flush());
            accepted = accepted.and_then(|()| self.file.put(text).map_err(|error| at(&self.path, &error)));
        }
        if let Err(error) = accepted {
            self.refused += flows;
            return Err(error);
        }
        self.listed += flows;
        if !is_long {
            self.xml.text().extend_from_slice(text);
        }
        if self.xml.text().len() < BLOCK { Ok(()) } else { self.write() }
    }

    /// There is no room for so many flows with so many packets: they are only counted, as not listed.
    pub fn refuse(&mut self, flows: u64, packets: u64) {
        self.packets += packets;
        self.refused += flows;
    }

    /// Has everything written that is known so far: after this, a program that is killed leaves a file that
    /// an XML parser can recover, with all flows added before.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.xml.text().is_empty() { Ok(()) } else { self.write() }
    }

    /// Writes the end. Nothing happens when it has been written before.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn finish(&mut self, totals: &ReportEnd) -> io::Result<()> {
        self.end(Some(totals))
    }

    fn end(&mut self, totals: Option<&ReportEnd>) -> io::Result<()> {
        if self.finished {
            return Ok(());
        }
        self.finished = true;
        match self.shape {
            Shape::Dfxml => dfxml::tail(&mut self.xml, self.listed, self.refused, totals),
            Shape::Tcpflow => tcpflow::tail(&mut self.xml, self.listed + self.refused, self.packets, totals),
        }
        self.write()?;
        self.file.end().map_err(|error| at(&self.path, &error))
    }

    /// Bytes on disk, with room that is kept for the end.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.file.size()
    }

    /// Those of them that nothing is in yet.
    #[must_use]
    pub fn kept_free(&self) -> u64 {
        self.file.kept_free()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.put(self.xml.text()).map_err(|error| at(&self.path, &error))?;
        self.xml.text().clear();
        Ok(())
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if self.begun {
            let _ = self.end(None);
        }
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write the report {}: {error}", path.display()))
}
