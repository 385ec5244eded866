//! Who talks to whom: the identity of a flow and how sinks tell flows apart.

use core::net::IpAddr;

use heapless::Vec;

use crate::frame::Timestamp;
use crate::tunnel::{MAX_TUNNELS, Tunnel};

/// The addresses and ports of one direction of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// Address that sends this direction's bytes.
    pub source: IpAddr,
    /// Address that receives them.
    pub destination: IpAddr,
    /// Port at the source.
    pub source_port: u16,
    /// Port at the destination.
    pub destination_port: u16,
}

impl FlowKey {
    /// The other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
        }
    }
}

/// VLAN tags that [`LinkInfo`] keeps; deeper ones are peeled too and told apart by [`Segment::domain`](crate::decode::Segment::domain).
pub const MAX_VLANS: usize = 4;

/// What was around the IP datagram: the link layer and tunnels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkInfo {
    /// Sender's MAC address, where the link has one: the innermost.
    pub source_mac: Option<[u8; 6]>,
    /// Receiver's MAC address, where the link has one: the innermost.
    pub destination_mac: Option<[u8; 6]>,
    /// VLAN identifiers, outermost first (0 is a priority tag).
    pub vlans: Vec<u16, MAX_VLANS>,
    /// Tunnels, outermost first.
    pub tunnels: Vec<Tunnel, MAX_TUNNELS, u8>,
    /// Source and destination of the outermost IP header, where a tunnel begins behind it.
    pub outer: Option<(IpAddr, IpAddr)>,
}

impl LinkInfo {
    /// A link that said nothing.
    pub(crate) const NONE: Self =
        Self { source_mac: None, destination_mac: None, vlans: Vec::new(), tunnels: Vec::new(), outer: None };
}

/// A flow as a sink sees it: a small index to keep things under, and a number that is never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// Dense index below twice the table's capacity, given to another flow after `closed`. The two
    /// directions of a connection have the slots `2n` and `2n + 1`.
    pub slot: u32,
    /// Number of the flow, counted from 0 in the order of the first packets with SYN or data.
    pub number: u64,
}

/// Whom a segment of a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Side {
    /// Slot of this direction, as in [`Flow`]. It is the connection's until
    /// [`connection_removed`](crate::FrameSink::connection_removed), even if the flow was never opened or is closed.
    pub slot: u32,
    /// Number of the connection, as in [`Opened`].
    pub session: u64,
    /// Whether it is the side that opened the connection.
    pub client: bool,
    /// The fragmented datagram that carried the segment, where one did.
    pub datagram: Option<u32>,
}

/// What is known of a flow at its first packet with SYN or data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opened {
    /// Addresses and ports.
    pub key: FlowKey,
    /// MAC addresses, VLAN tags and tunnels of that packet.
    pub link: LinkInfo,
    /// When that packet was captured.
    pub time: Timestamp,
    /// Number of the connection, the same for both directions, counted from 0.
    pub session: u64,
    /// Whether this direction belongs to the side that opened the connection: the sender of the
    /// SYN, or of the first packet seen where no SYN was.
    pub client: bool,
    /// Whether stream offset 0 is known from a SYN.
    pub syn: bool,
}

impl Opened {
    /// A flow without link information whose SYN was not seen; the fields can be set afterwards.
    #[must_use]
    pub const fn new(key: FlowKey, time: Timestamp, session: u64, client: bool) -> Self {
        Self { key, link: LinkInfo::NONE, time, session, client, syn: false }
    }
}
