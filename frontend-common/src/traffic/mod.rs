//! What all frames of a run add up to: packets and bytes by protocol, over time, by host, pair of hosts and port.
//!
//! A [`Meter`] takes every frame that the run uses, and gives a [`Traffic`], which the pictures and the page show. A
//! frame counts with its length on the wire, from the link layer on, by its innermost IP header: so a packet in a
//! tunnel belongs to the same addresses as its connection does in the report.
//!
//! Memory is at most 6 MiB, whatever the frames say. Totals, protocols, ports and times are exact. Bars of time grow
//! wider as time goes on. Hosts and pairs are exact until there are too many; from then on the largest ones stay, and
//! [`Ranking::error`] bounds what may be missing. Nothing depends on the number of threads, or on a key.

mod key;
mod meter;
mod ports;
mod ranking;
mod recent;
mod service;
mod timeline;
mod width;

pub use meter::{DEFAULT_HOSTS, Meter};
pub use ports::PortTraffic;
pub use ranking::{Ranked, Ranking};
pub use service::{Service, port_name};
pub use timeline::{Bar, Bars, Timeline};
pub(crate) use width::{DAY, MILLISECOND, MINUTE, SECOND, SHOWN};
pub use width::{OFFSET, width_text};

use std::cmp::Ordering;
use std::net::IpAddr;

use tapflow_core::Timestamp;

/// Packets and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many there were.
    pub packets: u64,
    /// Their lengths on the wire, added up.
    pub bytes: u64,
}

impl Count {
    #[inline]
    fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// Packets each way: of a host those that it sent and received; of a [`Pair`] those from the first host to the second
/// and back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BothWays {
    /// From the host, or from the first of two.
    pub sent: Count,
    /// To the host, or from the second of two.
    pub received: Count,
}

impl BothWays {
    /// Bytes in both directions.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sent.bytes + self.received.bytes
    }

    /// Packets in both directions.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.sent.packets + self.received.packets
    }

    #[inline]
    fn add(&mut self, other: Self) {
        self.sent.add(other.sent);
        self.received.add(other.received);
    }
}

/// Two hosts, whichever of them sends; the first has the lower address, IPv4 before IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// The lower address.
    pub first: IpAddr,
    /// The higher address; the same one where a host talks to itself.
    pub second: IpAddr,
}

/// Packets by network protocol. Each packet is in one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protocols {
    /// The innermost IP header is IPv4.
    pub ipv4: Count,
    /// The innermost IP header is IPv6.
    pub ipv6: Count,
    /// ARP and reverse ARP.
    pub arp: Count,
    /// Neither of them, and what cannot be decoded.
    pub other: Count,
}

/// The result of a [`Meter`].
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// All packets.
    pub total: Count,
    /// The same by network protocol.
    pub protocols: Protocols,
    /// The earliest and the latest time of a packet, in any order; `None` without packets.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Bytes over time by service.
    pub timeline: Timeline,
    /// Hosts, those with most bytes first.
    pub hosts: Ranking<IpAddr>,
    /// Pairs of hosts, those with most bytes first.
    pub pairs: Ranking<Pair>,
    /// Ports of TCP and UDP that occurred, in their order.
    pub ports: Vec<PortTraffic>,
}

/// Direction of a port or an address in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where the packet comes from.
    Source,
    /// Where it goes.
    Destination,
}

impl Traffic {
    /// The `count` hosts with most bytes as source or as destination, the largest first; hosts without any are left
    /// out. What may be missing of each is [`Ranking::error`] of `hosts`.
    #[must_use]
    pub fn top_hosts(&self, end: End, count: usize) -> Vec<(IpAddr, Count)> {
        let hosts = self.hosts.entries.iter().map(|host| {
            let counted = match end {
                End::Source => host.counts.sent,
                End::Destination => host.counts.received,
            };
            (host.key, counted)
        });
        let mut hosts: Vec<_> = hosts.filter(|(_, counted)| counted.packets > 0).collect();
        first_of(&mut hosts, count, |a, b| b.1.bytes.cmp(&a.1.bytes).then(a.0.cmp(&b.0)));
        hosts
    }

    /// The `count` ports with most bytes as source or as destination, the largest first.
    #[must_use]
    pub fn top_ports(&self, end: End, count: usize) -> Vec<(Service, u64)> {
        let ports = self.ports.iter().map(|port| {
            let bytes = match end {
                End::Source => port.sent,
                End::Destination => port.received,
            };
            (port.service, bytes)
        });
        let mut ports: Vec<_> = ports.filter(|(_, bytes)| *bytes > 0).collect();
        first_of(&mut ports, count, |a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        ports
    }
}

/// Keeps the first `count` items of an order, in order.
fn first_of<T>(items: &mut Vec<T>, count: usize, order: impl Fn(&T, &T) -> Ordering) {
    if count < items.len() {
        items.select_nth_unstable_by(count, &order);
        items.truncate(count);
    }
    items.sort_unstable_by(order);
}
