//! The identity of a connection: the same for both directions.

use core::hash::Hasher;
use core::net::IpAddr;

use siphasher::sip::SipHasher13;
use zerocopy::FromZeros;

use crate::flow::FlowKey;

/// Which of the two directions of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the lower endpoint (address, then port) to the higher one.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromZeros)]
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

    pub(crate) fn new(flow: &FlowKey, domain: u32) -> (Self, Direction) {
        let (source, v6) = octets(flow.source);
        let (destination, _) = octets(flow.destination);
        let domain = domain & !Self::IPV6 | if v6 { Self::IPV6 } else { 0 };
        let ports = [flow.source_port, flow.destination_port];
        if (source, ports[0]) <= (destination, ports[1]) {
            (Self { addresses: [source, destination], ports, domain }, Direction::Up)
        } else {
            let ports = [ports[1], ports[0]];
            (Self { addresses: [destination, source], ports, domain }, Direction::Down)
        }
    }

    /// Whether a socket is connected to itself: both directions are one.
    pub(crate) fn is_reflexive(&self) -> bool {
        self.addresses[0] == self.addresses[1] && self.ports[0] == self.ports[1]
    }

    pub(crate) fn hash(&self, key: &[u8; 16]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(key);
        let word = |bytes: &[u8; 16], at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[at..at + 8]);
            u64::from_ne_bytes(eight)
        };
        let ports = u64::from(self.ports[0]) << 16 | u64::from(self.ports[1]);
        hasher.write_u64(ports << 32 | u64::from(self.domain));
        let [low, high] = &self.addresses;
        if self.domain & Self::IPV6 == 0 {
            // Four bytes of each, in one word.
            hasher.write_u64(word(low, 0) | word(high, 0).rotate_left(32));
        } else {
            [low, high].into_iter().for_each(|address| {
                hasher.write_u64(word(address, 0));
                hasher.write_u64(word(address, 8));
            });
        }
        hasher.finish()
    }
}

fn octets(address: IpAddr) -> ([u8; 16], bool) {
    match address {
        IpAddr::V4(v4) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&v4.octets());
            (octets, false)
        }
        IpAddr::V6(v6) => (v6.octets(), true),
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
            assert_eq!(key.hash(&[3; 16]), back_key.hash(&[3; 16]));
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
