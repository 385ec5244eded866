//! What the front-end knows of a flow: the words that output, console and report share.

use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use tapflow_core::{CloseReason, Flow, FlowKey, LinkInfo, MAX_VLANS, Summary, Timestamp, Tunnel};

use crate::scan::Findings;
use crate::timeline::Timeline;

/// A flow that has begun. Hundreds of thousands may be open at once, so that what few have lies elsewhere.
#[derive(Clone, Debug)]
pub struct FlowFacts {
    /// Its number, and its slot.
    pub number: u64,
    /// See [`Flow::slot`].
    pub slot: u32,
    /// The numbered directory below the output directory to which its files belong; 0 for none.
    pub directory: u32,
    /// Addresses, link, first time, session.
    pub opened: Opened,
}

const _: () = assert!(size_of::<FlowFacts>() <= 104);

impl FlowFacts {
    /// A flow as the core tells it.
    #[must_use]
    pub fn new(flow: Flow, opened: &tapflow_core::Opened, directory: u32) -> Self {
        Self { number: flow.number, slot: flow.slot, directory, opened: opened.into() }
    }
}

/// The core's [`tapflow_core::Opened`] in less memory.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "they are the core's")]
pub struct Opened {
    pub key: FlowKey,
    pub link: Link,
    pub time: Timestamp,
    pub session: u64,
    pub client: bool,
    pub syn: bool,
}

impl From<&tapflow_core::Opened> for Opened {
    fn from(opened: &tapflow_core::Opened) -> Self {
        let tapflow_core::Opened { key, link, time, session, client, syn } = opened;
        Self { key: *key, link: link.into(), time: *time, session: *session, client: *client, syn: *syn }
    }
}

/// The core's [`LinkInfo`] in less memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Sender's MAC address, where the link has one: the innermost.
    pub source_mac: Option<[u8; 6]>,
    /// Receiver's MAC address, where the link has one: the innermost.
    pub destination_mac: Option<[u8; 6]>,
    vlans: [u16; MAX_VLANS],
    vlan_count: u8,
    around: Option<Box<Around>>,
}

/// Tunnels around a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Around {
    tunnels: Box<[Tunnel]>,
    outer: Option<(IpAddr, IpAddr)>,
}

impl From<&LinkInfo> for Link {
    fn from(link: &LinkInfo) -> Self {
        let mut vlans = [0; MAX_VLANS];
        vlans.iter_mut().zip(&link.vlans).for_each(|(own, vlan)| *own = *vlan);
        let is_around = !link.tunnels.is_empty() || link.outer.is_some();
        let around =
            is_around.then(|| Box::new(Around { tunnels: (&*link.tunnels).into(), outer: link.outer }));
        Self {
            source_mac: link.source_mac,
            destination_mac: link.destination_mac,
            vlans,
            vlan_count: link.vlans.len() as u8,
            around,
        }
    }
}

impl Link {
    /// VLAN identifiers, outermost first (0 is a priority tag).
    #[must_use]
    pub fn vlans(&self) -> &[u16] {
        self.vlans.get(..usize::from(self.vlan_count)).unwrap_or_default()
    }

    /// Tunnels, outermost first.
    #[must_use]
    pub fn tunnels(&self) -> &[Tunnel] {
        self.around.as_ref().map_or(&[], |around| &around.tunnels)
    }

    /// Source and destination of the outermost IP header, where a tunnel begins behind it.
    #[must_use]
    pub fn outer(&self) -> Option<(IpAddr, IpAddr)> {
        self.around.as_ref().and_then(|around| around.outer)
    }
}

/// What an output file came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// The file, as it was opened (the output directory and the name).
    pub path: PathBuf,
    /// The name below the output directory as the template has it, where it is stored under another one.
    pub original: Option<Box<str>>,
    /// Its length in bytes.
    pub size: u64,
    /// Stream offsets below its end whose bytes are not in it, ascending: urgent data. What follows each moves down.
    pub left_out: Vec<u64>,
}

impl FileFacts {
    /// Where the byte of a stream offset is in the file.
    #[must_use]
    pub fn place(&self, offset: u64) -> u64 {
        offset - self.left_out.partition_point(|left_out| *left_out < offset) as u64
    }
}

/// A list of stream ranges that stops growing at a limit and counts what it then leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// The first ranges, in the order in which they were told.
    pub listed: Vec<Range<u64>>,
    /// How many more there were.
    pub omitted: u64,
    /// Bytes in all of them.
    pub bytes: u64,
}

impl Ranges {
    /// Ranges kept for one flow; more are counted only.
    pub const LIMIT: usize = 1000;

    /// Adds a range, joined to the last one where they touch.
    pub fn push(&mut self, range: Range<u64>) {
        self.bytes += range.end - range.start;
        let room = self.listed.len() < Self::LIMIT;
        match self.listed.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ if room => self.listed.push(range),
            _ => self.omitted += 1,
        }
    }

    /// Moves every range up by `by` bytes, as a stream that turned out to begin earlier asks for.
    pub fn shift(&mut self, by: u64) {
        for range in &mut self.listed {
            *range = range.start + by..range.end + by;
        }
    }
}

/// A flow that has ended, with all that the report says of it.
#[derive(Clone, Debug)]
pub struct FinishedFlow {
    /// How it began.
    pub facts: FlowFacts,
    /// Why it ended.
    pub reason: CloseReason,
    /// The core's counts.
    pub summary: Summary,
    /// Its file, where one was written.
    pub file: Option<FileFacts>,
    /// Bytes never seen.
    pub gaps: Ranges,
    /// Repeated bytes that differed from the first copy, which stayed.
    pub conflicts: Ranges,
    /// Bytes that lost against a later, differing copy, which the receiver keeps.
    pub replaced: Ranges,
    /// When its bytes were captured, where a scanner wants to know.
    pub timeline: Timeline,
    /// What is in its file, where that is at hand for scanners.
    pub contents: Option<Bytes>,
    /// What scanners found in it.
    pub found: Findings,
}
