//! Frames that gave no segment, counted by kind.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use tapflow_core::decode::{Layer, Reject, RejectReason};

use super::protocol_names;

/// Why a frame was not used: a [`Reject`] without its place. Its text fits behind a number:
/// `12 ARP`, `2 IPv4 fragment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectKind {
    /// The header that ended decoding.
    pub layer: Layer,
    /// Why.
    pub reason: RejectReason,
}

impl RejectKind {
    fn key(self) -> (usize, u32, Layer) {
        let number = match self.reason {
            RejectReason::UnknownLinkType(number) | RejectReason::NotIp(number) => number,
            RejectReason::NotTcp(number) => number.into(),
            _ => 0,
        };
        (self.reason.index(), number, self.layer)
    }
}

impl Ord for RejectKind {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for RejectKind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RejectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layer = self.layer.name();
        match self.reason {
            RejectReason::Truncated => write!(f, "truncated {} header", layer.trim_end_matches(" header")),
            RejectReason::BadLength => write!(f, "{layer} with impossible length"),
            RejectReason::BadVersion => write!(f, "{layer} with wrong version"),
            RejectReason::UnknownLinkType(number) => match protocol_names::link_type(number) {
                Some(name) => write!(f, "of link type {number} ({name})"),
                None => write!(f, "of link type {number}"),
            },
            RejectReason::NotIp(number) => match (self.layer, number) {
                (Layer::Ppp, _) => named(f, protocol_names::ppp(number), "PPP protocol", number),
                // Below 0x0600 there are no EtherTypes.
                (Layer::Llc, _) if protocol_names::llc(number).is_some() || number < 0x0600 => {
                    named(f, protocol_names::llc(number), "LLC", number)
                }
                (Layer::Hdlc, _) => named(f, protocol_names::hdlc(number), "Cisco HDLC protocol", number),
                (Layer::Vxlan | Layer::Sflow | Layer::Erspan | Layer::Nsh | Layer::Mirror, _) => {
                    write!(f, "{layer} protocol {number}")
                }
                (Layer::Gre | Layer::Geneve, ..0x0600) => write!(f, "{layer} protocol {number:#06x}"),
                (Layer::Link, ..0x0600) => write!(f, "of protocol family {number}"),
                _ => named(f, protocol_names::ether_type(number), "EtherType", number),
            },
            RejectReason::NotTcp(number) => match protocol_names::ip(number) {
                Some(name) => f.write_str(name),
                None => write!(f, "IP protocol {number}"),
            },
            RejectReason::Fragment => write!(f, "{} fragment", ip(self.layer)),
            RejectReason::FragmentTooLong => write!(f, "{} fragment beyond 64 KiB", ip(self.layer)),
            RejectReason::FragmentMismatch => {
                write!(f, "{} fragment that contradicts others", ip(self.layer))
            }
            RejectReason::FragmentOverlap => {
                write!(f, "{} fragment of a datagram with overlaps", ip(self.layer))
            }
            RejectReason::TooDeep => write!(f, "{layer} nested too deep"),
            RejectReason::Encrypted => write!(f, "encrypted {layer}"),
            RejectReason::Compressed => write!(f, "compressed {layer}"),
            RejectReason::Management => write!(f, "{layer} management"),
            RejectReason::Control => write!(f, "{layer} control"),
            RejectReason::Empty => write!(f, "{layer} without payload"),
            RejectReason::Unclear => write!(f, "{layer} with unknown payload"),
            RejectReason::BadChecksum => write!(f, "{layer} with wrong checksum"),
        }
    }
}

/// The version of IP whose fragments a layer tells of.
fn ip(layer: Layer) -> &'static str {
    match layer {
        Layer::Ipv6Extension => "IPv6",
        _ => layer.name(),
    }
}

fn named(f: &mut fmt::Formatter<'_>, name: Option<&str>, kind: &str, number: u32) -> fmt::Result {
    match name {
        Some(name) => f.write_str(name),
        None => write!(f, "{kind} {number:#06x}"),
    }
}

/// How many frames of each kind. At most [`Self::LIMIT`] kinds are told apart, whatever a capture
/// holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectCounts {
    kinds: BTreeMap<RejectKind, u64>,
    others: u64,
}

impl RejectCounts {
    /// Kinds told apart; frames of further kinds share one count.
    pub const LIMIT: usize = 256;

    /// Counts one frame.
    pub fn add(&mut self, reject: &Reject) {
        let kind = RejectKind { layer: reject.layer, reason: reject.reason };
        if let Some(count) = self.kinds.get_mut(&kind) {
            *count += 1;
        } else if self.kinds.len() < Self::LIMIT {
            self.kinds.insert(kind, 1);
        } else {
            self.others += 1;
        }
    }

    /// All frames counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.kinds.values().sum::<u64>() + self.others
    }

    /// Counts by name, the largest first. Kinds with the same name, such as UDP in IPv4 and in IPv6, are
    /// one.
    #[must_use]
    pub fn by_name(&self) -> Vec<(String, u64)> {
        let mut names = BTreeMap::<String, u64>::new();
        for (kind, count) in &self.kinds {
            *names.entry(kind.to_string()).or_default() += count;
        }
        if self.others > 0 {
            names.insert("of other kinds".to_owned(), self.others);
        }
        let mut list: Vec<_> = names.into_iter().collect();
        list.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(layer: Layer, reason: RejectReason) -> String {
        RejectKind { layer, reason }.to_string()
    }

    #[test]
    fn kinds_have_the_names_people_use() {
        use RejectReason::{BadLength, Fragment, NotIp, NotTcp, Truncated, UnknownLinkType};
        for (layer, reason, expected) in [
            (Layer::Link, NotIp(0x0806), "ARP"),
            (Layer::Vlan, NotIp(0x88cc), "LLDP"),
            (Layer::Link, NotIp(0x1234), "EtherType 0x1234"),
            (Layer::Link, NotIp(7), "of protocol family 7"),
            (Layer::Llc, NotIp(0x4242), "STP"),
            (Layer::Llc, NotIp(0x0806), "ARP"),
            (Layer::Llc, NotIp(0x0102), "LLC 0x0102"),
            (Layer::Ppp, NotIp(0xc021), "LCP"),
            (Layer::Ppp, NotIp(0x4321), "PPP protocol 0x4321"),
            (Layer::Pppoe, NotIp(0x8863), "PPPoE discovery"),
            (Layer::Ipv4, NotTcp(17), "UDP"),
            (Layer::Ipv6, NotTcp(58), "ICMPv6"),
            (Layer::Ipv4, NotTcp(253), "IP protocol 253"),
            (Layer::Ipv4, Fragment, "IPv4 fragment"),
            (Layer::Ipv6Extension, Fragment, "IPv6 fragment"),
            (Layer::Ipv4, Truncated, "truncated IPv4 header"),
            (Layer::Tcp, BadLength, "TCP with impossible length"),
            (Layer::Link, UnknownLinkType(252), "of link type 252 (exported PDU)"),
            (Layer::Hdlc, NotIp(0x8035), "SLARP"),
            (Layer::Vxlan, NotIp(6), "VXLAN protocol 6"),
            (Layer::Nsh, NotIp(6), "NSH protocol 6"),
            (Layer::Tag, NotIp(0x0806), "ARP"),
            (Layer::Macsec, RejectReason::Encrypted, "encrypted MACsec"),
            (Layer::Capwap, RejectReason::Encrypted, "encrypted CAPWAP"),
            (Layer::Wifi, Fragment, "802.11 fragment"),
            (Layer::Link, UnknownLinkType(224), "of link type 224 (Fibre Channel)"),
            (Layer::Gre, NotIp(0x00fe), "GRE protocol 0x00fe"),
            (Layer::Gre, NotIp(0x0806), "ARP"),
            (Layer::Udp, NotTcp(17), "UDP"),
            (Layer::Wifi, RejectReason::Encrypted, "encrypted 802.11"),
            (Layer::Wifi, RejectReason::Management, "802.11 management"),
            (Layer::L2tp, RejectReason::Control, "L2TP control"),
            (Layer::L2tp, RejectReason::Unclear, "L2TP with unknown payload"),
            (Layer::Wifi, RejectReason::BadChecksum, "802.11 with wrong checksum"),
            (Layer::Link, UnknownLinkType(9999), "of link type 9999"),
        ] {
            assert_eq!(name(layer, reason), expected);
        }
    }

    #[test]
    fn same_names_count_together_and_the_largest_comes_first() {
        let mut counts = RejectCounts::default();
        for (layer, reason) in [
            (Layer::Link, RejectReason::NotIp(0x0806)),
            (Layer::Ipv4, RejectReason::NotTcp(17)),
            (Layer::Ipv6, RejectReason::NotTcp(17)),
        ] {
            counts.add(&Reject { layer, reason, offset: 14 });
        }
        assert_eq!(counts.by_name(), [("UDP".to_owned(), 2), ("ARP".to_owned(), 1)]);
        assert_eq!(counts.total(), 3);
    }

    #[test]
    fn a_capture_of_every_number_stays_bounded_and_loses_no_count() {
        let mut counts = RejectCounts::default();
        for number in 0..100_000 {
            counts.add(&Reject { layer: Layer::Link, reason: RejectReason::NotIp(number), offset: 0 });
        }
        assert_eq!(counts.kinds.len(), RejectCounts::LIMIT);
        assert_eq!(counts.total(), 100_000);
        assert_eq!(counts.by_name()[0], ("of other kinds".to_owned(), 100_000 - 256));
    }
}
