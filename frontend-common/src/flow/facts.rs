//! What is known of a flow when it begins, and of its file.

use std::net::IpAddr;
use std::path::PathBuf;

use tapflow_core::{Flow, FlowKey, LinkInfo, MAX_VLANS, Timestamp, Tunnel};

use super::{FramePlace, Shortened};

/// A flow that has begun. Hundreds of thousands may be open at once, so that what few have lies elsewhere.
#[derive(Clone, Debug)]
pub struct FlowFacts {
    /// Its number, and its slot.
    pub number: u64,
    /// See [`Flow::slot`].
    pub slot: u32,
    /// The numbered directory below the output directory to which its files belong; 0 for none.
    pub directory: u32,
    /// Its first frame, unless that is not known.
    pub frame: FramePlace,
    /// Addresses, link, first time, session.
    pub opened: Opened,
}

const _: () = assert!(size_of::<FlowFacts>() <= 120);

impl FlowFacts {
    /// A flow as the core tells it.
    #[must_use]
    pub fn new(flow: Flow, opened: &tapflow_core::Opened, directory: u32) -> Self {
        let frame = FramePlace::default();
        Self { number: flow.number, slot: flow.slot, directory, frame, opened: opened.into() }
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
        let tapflow_core::Opened { key, link, time, session, client, syn, .. } = opened;
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
    /// Holes that are shorter in the file than in the stream.
    pub shortened: Shortened,
}

impl FileFacts {
    /// Where the byte of a stream offset is in the file.
    #[must_use]
    pub fn place(&self, offset: u64) -> u64 {
        let left_out = self.left_out.partition_point(|left_out| *left_out < offset) as u64;
        offset - left_out - self.shortened.below(offset)
    }

    /// The same for an offset as the application sees the stream, which bytes that are left out are no part of.
    #[must_use]
    pub fn place_of_read(&self, offset: u64) -> u64 {
        if self.shortened.bytes() == 0 {
            return offset;
        }
        let (mut low, mut high) = (0, self.left_out.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.left_out.get(middle) {
                Some(left_out) if left_out - middle as u64 <= offset => low = middle + 1,
                _ => high = middle,
            }
        }
        offset - self.shortened.below(offset + low as u64)
    }
}
