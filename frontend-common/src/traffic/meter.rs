//! Counts frames while a run reads.

use std::net::IpAddr;

use tapflow_core::Frame;
use tapflow_core::decode::{Checksums, Outline, Settings, Transport, outline};

use super::key::{HostKey, PairKey};
use super::ports::Ports;
use super::ranking::Ranks;
use super::recent::{Mark, Recent, RecentWays, Way};
use super::timeline::Clock;
use super::{BothWays, Count, Protocols, Service, Traffic};

/// Hosts that are counted exactly, where nothing else is asked for.
pub const DEFAULT_HOSTS: usize = 14_336;
/// Pairs of hosts that are counted exactly.
const PAIRS: usize = 7_168;

/// Counts frames.
pub struct Meter {
    settings: Settings,
    hosts: usize,
    counts: Counts,
}

struct Counts {
    /// Those of IP are added when a way is no longer at hand.
    protocols: Protocols,
    recent: RecentWays,
    clock: Clock,
    hosts: Ranks<HostKey>,
    pairs: Ranks<PairKey>,
    tcp: Ports,
    udp: Ports,
}

impl Meter {
    /// Decodes as `settings` say, and counts up to `hosts` hosts exactly.
    #[must_use]
    pub fn new(settings: &Settings, hosts: usize) -> Self {
        // What a header says counts, whether or not its checksum is right.
        let mut settings = settings.clone();
        settings.checksums = Checksums::Ignore;
        Self { settings, hosts, counts: Counts::new(hosts) }
    }

    /// Counts a frame.
    #[inline]
    pub fn note(&mut self, frame: &Frame<'_>) {
        let counts = &mut self.counts;
        let bytes = (frame.bytes.len() as u64).max(frame.wire_len.into());
        let service = match Mark::of(frame) {
            Some(mark) if counts.recent.add_marked(mark, bytes) => {
                counts.tcp.add(mark.source, mark.destination, bytes);
                Service::of([Service::Tcp(mark.source), Service::Tcp(mark.destination)])
            }
            _ => counts.look_at(frame, bytes, &self.settings),
        };
        counts.clock.add(frame.time, service, bytes);
    }

    /// What was counted since the beginning, or since this was called last.
    #[must_use]
    pub fn take(&mut self) -> Traffic {
        std::mem::replace(&mut self.counts, Counts::new(self.hosts)).finish()
    }
}

impl Counts {
    fn new(hosts: usize) -> Self {
        Self {
            protocols: Protocols::default(),
            recent: RecentWays::new(),
            clock: Clock::new(),
            hosts: Ranks::new(hosts),
            pairs: Ranks::new(PAIRS),
            tcp: Ports::new(),
            udp: Ports::new(),
        }
    }

    /// Adds a packet whose way is not at hand, or that has none: its service.
    #[inline(never)]
    fn look_at(&mut self, frame: &Frame<'_>, bytes: u64, settings: &Settings) -> Service {
        match outline(frame, settings) {
            Outline::Ip { source, destination, transport } => {
                if let Some(earlier) = self.recent.add(Way { source, destination }, bytes) {
                    self.settle(&earlier);
                }
                return match transport {
                    Transport::Tcp { source, destination } => {
                        self.tcp.add(source, destination, bytes);
                        Service::of([Service::Tcp(source), Service::Tcp(destination)])
                    }
                    Transport::Udp { source, destination } => {
                        self.udp.add(source, destination, bytes);
                        Service::of([Service::Udp(source), Service::Udp(destination)])
                    }
                    Transport::Other => Service::Other,
                };
            }
            Outline::Arp => self.protocols.arp.add(Count { packets: 1, bytes }),
            Outline::Other => self.protocols.other.add(Count { packets: 1, bytes }),
        }
        Service::Other
    }

    /// Adds the packets of a way that is no longer at hand.
    #[inline(never)]
    fn settle(&mut self, recent: &Recent) {
        let Recent { way, count, .. } = *recent;
        let sent = BothWays { sent: count, ..BothWays::default() };
        let received = BothWays { received: count, ..BothWays::default() };
        match way.destination {
            IpAddr::V4(_) => self.protocols.ipv4.add(count),
            IpAddr::V6(_) => self.protocols.ipv6.add(count),
        }
        let (source, destination) = (HostKey::new(way.source), HostKey::new(way.destination));
        self.hosts.add(source, sent);
        self.hosts.add(destination, received);
        let (pair, counts) = if way.source <= way.destination {
            (PairKey(source, destination), sent)
        } else {
            (PairKey(destination, source), received)
        };
        self.pairs.add(pair, counts);
    }

    fn finish(mut self) -> Traffic {
        let recent = std::mem::replace(&mut self.recent, RecentWays::new());
        recent.into_ways().for_each(|recent| self.settle(&recent));
        let Protocols { ipv4, ipv6, arp, other } = self.protocols;
        let mut total = Count::default();
        [ipv4, ipv6, arp, other].into_iter().for_each(|count| total.add(count));
        let (times, timeline) = self.clock.finish();
        Traffic {
            total,
            protocols: self.protocols,
            times,
            timeline,
            hosts: self.hosts.finish(),
            pairs: self.pairs.finish(),
            ports: self.tcp.list(Service::Tcp).chain(self.udp.list(Service::Udp)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tapflow_core::{LinkType, Timestamp};

    use super::super::{End, Pair, PortTraffic};
    use super::*;

    /// TCP or UDP in IPv4 without payload.
    fn ipv4(protocol: u8, hosts: [u8; 2], ports: [u16; 2]) -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0];
        hosts.iter().for_each(|host| bytes.extend([10, 0, 0, *host]));
        ports.iter().for_each(|port| bytes.extend(port.to_be_bytes()));
        bytes.resize(40, 0);
        bytes[32] = 0x50;
        bytes
    }

    fn note(meter: &mut Meter, second: u64, wire_len: u32, bytes: &[u8]) {
        let time = Timestamp::new(second, 0);
        meter.note(&Frame { link: LinkType::RAW, time, wire_len, bytes });
    }

    fn address(host: u8) -> IpAddr {
        [10, 0, 0, host].into()
    }

    #[test]
    fn both_directions_of_a_connection_are_a_pair_and_every_byte_has_a_host_and_a_port() {
        let mut meter = Meter::new(&Settings::default(), DEFAULT_HOSTS);
        for second in 0..10 {
            note(&mut meter, second, 100, &ipv4(6, [1, 2], [40_000, 80]));
            note(&mut meter, second, 1_000, &ipv4(6, [2, 1], [80, 40_000]));
        }
        note(&mut meter, 3, 70, &ipv4(17, [1, 3], [5_000, 53]));
        note(&mut meter, 2, 84, &ipv4(1, [3, 1], [0, 0]));
        let traffic = meter.take();
        assert_eq!(traffic.total, Count { packets: 22, bytes: 11_154 });
        assert_eq!(traffic.protocols.ipv4, traffic.total);
        assert_eq!(traffic.times, Some((Timestamp::new(0, 0), Timestamp::new(9, 0))));
        let sources: Vec<_> =
            traffic.top_hosts(End::Source, 10).iter().map(|(host, count)| (*host, count.bytes)).collect();
        assert_eq!(sources, [(address(2), 10_000), (address(1), 1_070), (address(3), 84)]);
        let destinations = traffic.top_hosts(End::Destination, 2);
        assert_eq!(destinations[0], (address(1), Count { packets: 11, bytes: 10_084 }));
        let pair = &traffic.pairs.entries[0];
        assert_eq!(pair.key, Pair { first: address(1), second: address(2) });
        assert_eq!((pair.counts.sent.bytes, pair.counts.received.bytes), (1_000, 10_000));
        assert_eq!((traffic.hosts.error, traffic.pairs.error), (0, 0));
        assert_eq!(
            traffic.ports,
            [
                PortTraffic { service: Service::Tcp(80), sent: 10_000, received: 1_000 },
                PortTraffic { service: Service::Tcp(40_000), sent: 1_000, received: 10_000 },
                PortTraffic { service: Service::Udp(53), sent: 0, received: 70 },
                PortTraffic { service: Service::Udp(5_000), sent: 70, received: 0 },
            ]
        );
        assert_eq!(traffic.timeline.services(), [(Service::Tcp(80), 11_000), (Service::Udp(53), 70)]);
        // From then on it begins anew.
        assert_eq!(meter.take().total, Count::default());
    }

    #[test]
    fn more_flows_than_are_at_hand_lose_nothing() {
        let mut meter = Meter::new(&Settings::default(), DEFAULT_HOSTS);
        for round in 0..3 {
            for port in 1..=60_000_u16 {
                note(&mut meter, round, 60, &ipv4(6, [1, (port % 250) as u8], [50_000, port]));
            }
        }
        let traffic = meter.take();
        assert_eq!(traffic.total, Count { packets: 180_000, bytes: 10_800_000 });
        assert_eq!(traffic.ports.len(), 60_000);
        assert!(traffic.ports.iter().all(|port| port.received == 180));
        assert_eq!(traffic.top_ports(End::Source, 1), [(Service::Tcp(50_000), 10_800_000)]);
        assert_eq!(traffic.top_hosts(End::Source, 9), [(address(1), traffic.total)]);
    }

    #[test]
    fn arp_and_unknown_frames_are_counted_by_kind() {
        let mut meter = Meter::new(&Settings::default(), DEFAULT_HOSTS);
        let mut arp = vec![2; 12];
        arp.extend([8, 6]);
        arp.resize(42, 0);
        let frame = |link, bytes| Frame { link, time: Timestamp(5), wire_len: 60, bytes };
        meter.note(&frame(LinkType::ETHERNET, &arp));
        meter.note(&frame(LinkType(147), &arp));
        let traffic = meter.take();
        let one = Count { packets: 1, bytes: 60 };
        assert_eq!((traffic.protocols.arp, traffic.protocols.other), (one, one));
        assert!(traffic.hosts.entries.is_empty() && traffic.ports.is_empty());
    }
}
