//! Who was seen to send to whom lately: what most packets add to is at hand, and hosts are looked up once for many
//! packets.

use std::net::IpAddr;

use tapflow_core::{Frame, LinkType};

use super::Count;

/// Ways at hand.
const WAYS: usize = 512;

/// From one host to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
}

impl Way {
    /// Both addresses in a word, where they are of IPv4.
    #[inline]
    fn word(&self) -> Option<u64> {
        match (self.source, self.destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                Some(u64::from(from.to_bits()) << 32 | u64::from(to.to_bits()))
            }
            _ => None,
        }
    }

    fn place(&self) -> usize {
        let fold = |address: &IpAddr| match address {
            IpAddr::V4(v4) => u64::from(v4.to_bits()),
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                (bits as u64) ^ ((bits >> 64) as u64).rotate_left(23)
            }
        };
        place(self.word().unwrap_or_else(|| fold(&self.source) ^ fold(&self.destination).rotate_left(32)))
    }
}

/// Where a way is at hand. Ways that share a place take it from each other, which costs look-ups and changes nothing.
#[inline]
fn place(word: u64) -> usize {
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % WAYS
}

/// Addresses and ports of TCP in IPv4, read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    addresses: u64,
    pub(super) source: u16,
    pub(super) destination: u16,
}

impl Mark {
    /// What a frame of Ethernet begins with that holds TCP in IPv4 without options, and whole. For these
    /// [`outline`](tapflow_core::decode::outline) says the same.
    #[inline]
    pub(super) fn of(frame: &Frame<'_>) -> Option<Self> {
        if frame.link != LinkType::ETHERNET {
            return None;
        }
        let headers: &[u8; 38] = frame.bytes.first_chunk()?;
        let word = |at: usize| u16::from_be_bytes([headers[at], headers[at + 1]]);
        let length = word(16);
        let is_plain = word(12) == 0x0800
            && headers[14] == 0x45
            && headers[23] == 6
            && word(20) & 0x3fff == 0
            && (length == 0 || length >= 24);
        let addresses: [u8; 8] = headers[26..34].try_into().ok()?;
        is_plain.then_some(Self {
            addresses: u64::from_be_bytes(addresses),
            source: word(34),
            destination: word(36),
        })
    }
}

/// A way at hand.
#[derive(Clone, Copy)]
pub(super) struct Recent {
    word: Option<u64>,
    pub(super) way: Way,
    /// What is to be added to the hosts.
    pub(super) count: Count,
}

/// The ways at hand.
pub(super) struct RecentWays(Box<[Option<Recent>; WAYS]>);

impl RecentWays {
    pub(super) fn new() -> Self {
        Self(Box::new([None; WAYS]))
    }

    /// Adds a packet whose way is at hand. Returns whether it is.
    #[inline]
    pub(super) fn add_marked(&mut self, mark: Mark, bytes: u64) -> bool {
        match &mut self.0[place(mark.addresses)] {
            Some(recent) if recent.word == Some(mark.addresses) => {
                recent.count.packets += 1;
                recent.count.bytes += bytes;
                true
            }
            _ => false,
        }
    }

    /// Adds a packet. Returns a way whose place it took.
    pub(super) fn add(&mut self, way: Way, bytes: u64) -> Option<Recent> {
        let place = &mut self.0[way.place()];
        if let Some(recent) = place
            && recent.way == way
        {
            recent.count.packets += 1;
            recent.count.bytes += bytes;
            return None;
        }
        place.replace(Recent { word: way.word(), way, count: Count { packets: 1, bytes } })
    }

    /// All that are at hand.
    pub(super) fn into_ways(self) -> impl Iterator<Item = Recent> {
        self.0.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use tapflow_core::Timestamp;
    use tapflow_core::decode::{Outline, Settings, Transport, outline};

    use super::*;

    #[test]
    fn a_mark_says_what_the_headers_say() {
        let mut plain = vec![2; 12];
        plain.extend([8, 0, 0x45, 0, 0, 40, 1, 2, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2]);
        plain.extend([0x9c, 0x40, 0, 80]);
        plain.extend([0; 16]);
        let mut marked = 0;
        for at in 0..plain.len() {
            for value in [0, 1, 4, 6, 8, 17, 20, 0x20, 0x45, 0x46, 0x60, 0x80, 0x86, 0xff] {
                let mut bytes = plain.clone();
                bytes[at] = value;
                let frame =
                    Frame { link: LinkType::ETHERNET, time: Timestamp(0), wire_len: 54, bytes: &bytes };
                let Some(mark) = Mark::of(&frame) else { continue };
                let ports = Transport::Tcp { source: mark.source, destination: mark.destination };
                match outline(&frame, &Settings::default()) {
                    Outline::Ip { source, destination, transport } => {
                        let word = Way { source, destination }.word();
                        assert_eq!((word, transport), (Some(mark.addresses), ports), "{bytes:?}");
                    }
                    other => panic!("{other:?}: {bytes:?}"),
                }
                marked += 1;
            }
        }
        assert!(marked > 400, "{marked}");
    }
}
