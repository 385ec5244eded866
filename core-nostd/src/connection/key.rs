//! The identity of a connection: the same for both directions.

use core::hash::Hasher;
use core::net::{IpAddr, Ipv4Addr};

use siphasher::sip::SipHasher13;
use zerocopy::{FromZeros, Immutable, IntoBytes};

use crate::flow::FlowKey;

/// Which of the two directions of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the lower endpoint (address, then port) to the higher one.
    #[default]
    Up,
    /// The other one.
    Down,
}

impl Direction {
    pub(crate) const BOTH: [Self; 2] = [Self::Up, Self::Down];

    pub(crate) const fn from_index(index: u8) -> Self {
        if index == 0 { Self::Up } else { Self::Down }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

/// Endpoints in ascending order, and the domain that tells apart equal ones (VLANs).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromZeros, Immutable, IntoBytes)]
#[repr(C)]
pub(crate) struct ConnectionKey {
    /// IPv4 addresses fill the first four bytes.
    addresses: [[u8; 16]; 2],
    ports: [u16; 2],
    domain: u32,
}

impl ConnectionKey {
    /// Of an entry that is not in use.
    pub(super) const NONE: Self = Self { addresses: [[0; 16]; 2], ports: [0; 2], domain: 0 };

    /// The top bit of `domain`: IPv6. Decoding leaves it 0.
    const IPV6: u32 = 1 << 31;

    #[inline]
    pub(crate) fn new(flow: &FlowKey, domain: u32) -> (Self, Direction) {
        let ports = [flow.source_port, flow.destination_port];
        match (flow.source, flow.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let ports = u32::from(ports[0]) << 16 | u32::from(ports[1]);
                let (key, direction) = Ipv4Key::new(source.to_bits(), destination.to_bits(), ports);
                (Self { domain: domain & !Self::IPV6, ..key.whole() }, direction)
            }
            (source, destination) => Self::of_ipv6([octets(source), octets(destination)], ports, domain),
        }
    }

    fn of_ipv6(addresses: [[u8; 16]; 2], ports: [u16; 2], domain: u32) -> (Self, Direction) {
        let domain = domain | Self::IPV6;
        let [source, destination] = addresses;
        if (source, ports[0]) <= (destination, ports[1]) {
            (Self { addresses, ports, domain }, Direction::Up)
        } else {
            (Self { addresses: [destination, source], ports: [ports[1], ports[0]], domain }, Direction::Down)
        }
    }

    /// Whether a socket is connected to itself: both directions are one.
    pub(crate) fn is_reflexive(&self) -> bool {
        self.addresses[0] == self.addresses[1] && self.ports[0] == self.ports[1]
    }

    #[inline]
    pub(crate) fn hash(&self, hash_key: [u64; 2]) -> u32 {
        if self.domain & Self::IPV6 == 0 {
            return self.short().hash_in(self.domain, hash_key);
        }
        let mut hasher = SipHasher13::new_with_keys(hash_key[0], hash_key[1]);
        hasher.write(self.as_bytes());
        hasher.finish() as u32
    }

    /// The key of an IPv4 connection without its domain.
    fn short(&self) -> Ipv4Key {
        let [low, high] = self.addresses.map(|[a, b, c, d, ..]| u32::from_be_bytes([a, b, c, d]));
        Ipv4Key { low, high, ports: u32::from(self.ports[0]) << 16 | u32::from(self.ports[1]) }
    }
}

/// The key of a connection over IPv4 without VLANs and tunnels, in few numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ipv4Key {
    low: u32,
    high: u32,
    /// That of the lower endpoint in the high half.
    ports: u32,
}

impl Ipv4Key {
    /// From addresses and ports, that of the source in the high half.
    #[inline]
    pub(crate) fn new(source: u32, destination: u32, ports: u32) -> (Self, Direction) {
        let from = u64::from(source) << 16 | u64::from(ports >> 16);
        let to = u64::from(destination) << 16 | u64::from(ports & 0xffff);
        if from <= to {
            (Self { low: source, high: destination, ports }, Direction::Up)
        } else {
            (Self { low: destination, high: source, ports: ports.rotate_left(16) }, Direction::Down)
        }
    }

    pub(crate) fn whole(self) -> ConnectionKey {
        let address = |address| octets(IpAddr::V4(Ipv4Addr::from_bits(address)));
        ConnectionKey {
            addresses: [address(self.low), address(self.high)],
            ports: [(self.ports >> 16) as u16, self.ports as u16],
            domain: 0,
        }
    }

    /// Whether it is this key.
    #[inline]
    pub(crate) fn is(self, key: &ConnectionKey) -> bool {
        key.domain == 0 && key.short() == self
    }

    #[inline]
    pub(crate) fn hash(self, hash_key: [u64; 2]) -> u32 {
        self.hash_in(0, hash_key)
    }

    #[inline]
    fn hash_in(self, domain: u32, [k0, k1]: [u64; 2]) -> u32 {
        let mut hasher = SipHasher13::new_with_keys(k0, k1);
        hasher.write_u64(u64::from(self.low) << 32 | u64::from(self.high));
        hasher.write_u64(u64::from(self.ports) << 32 | u64::from(domain));
        hasher.finish() as u32
    }
}

#[inline]
fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&v4.octets());
            octets
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(source: &str, source_port: u16, destination: &str, destination_port: u16) -> FlowKey {
        FlowKey {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            source_port,
            destination_port,
        }
    }

    #[test]
    fn both_directions_have_one_key() {
        for (a, b) in [("10.0.0.1", "10.0.0.2"), ("::1", "fe80::1"), ("10.0.0.1", "10.0.0.1")] {
            let there = flow(a, 1000, b, 80);
            let (key, direction) = ConnectionKey::new(&there, 7);
            let (back_key, back_direction) = ConnectionKey::new(&there.reversed(), 7);
            assert_eq!(key, back_key);
            assert_eq!(direction, back_direction.other());
            assert_eq!(key.hash([3; 2]), back_key.hash([3; 2]));
        }
    }

    #[test]
    fn addresses_of_both_families_and_domains_stay_apart() {
        let (v4, _) = ConnectionKey::new(&flow("1.2.3.4", 1, "1.2.3.5", 2), 0);
        let (v6, _) = ConnectionKey::new(&flow("102:304::", 1, "102:305::", 2), 0);
        let (other, _) = ConnectionKey::new(&flow("1.2.3.4", 1, "1.2.3.5", 2), 9);
        assert_ne!(v4, v6);
        assert_ne!(v4, other);
    }
}
