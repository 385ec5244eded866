//! Connections of which each direction has an encapsulation of its own: two VLANs, or a tunnel one way only. The core
//! takes them for two connections with one direction each, unless it ignores encapsulation.

use std::hash::{BuildHasher, Hash, RandomState};

use tapflow_core::{FlowKey, LinkInfo, Opened};

/// Connections that are remembered: of those that open at about the same time.
const REMEMBERED: usize = 4096;

/// Counts pairs of connections that are one, as far as their addresses and ports say. Memory is fixed: what is not
/// remembered is not counted.
#[derive(Debug)]
pub struct Asymmetry {
    /// By the hash of addresses and ports.
    remembered: Vec<Remembered>,
    hasher: RandomState,
    pairs: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Remembered {
    endpoints: u64,
    encapsulation: u64,
    directions: Directions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Directions {
    /// Nothing is remembered here.
    #[default]
    None,
    /// From the lower to the higher endpoint.
    Up,
    Down,
    /// Both, or one in several encapsulations.
    Several,
}

impl Default for Asymmetry {
    fn default() -> Self {
        Self { remembered: Vec::new(), hasher: RandomState::new(), pairs: 0 }
    }
}

impl Asymmetry {
    /// Pairs so far.
    #[must_use]
    pub fn pairs(&self) -> u64 {
        self.pairs
    }

    /// Takes in a flow.
    pub fn opened(&mut self, opened: &Opened) {
        let FlowKey { source, destination, source_port, destination_port } = opened.key;
        let (source, destination) = ((source, source_port), (destination, destination_port));
        let (low, high, direction) = match source <= destination {
            true => (source, destination, Directions::Up),
            false => (destination, source, Directions::Down),
        };
        let LinkInfo { vlans, tunnels, .. } = &opened.link;
        let now = Remembered {
            endpoints: self.hasher.hash_one((low, high)),
            encapsulation: self.hash((vlans.as_slice(), tunnels.as_slice())),
            directions: direction,
        };
        if self.remembered.is_empty() {
            self.remembered = vec![Remembered::default(); REMEMBERED];
        }
        let place = usize::try_from(now.endpoints).unwrap_or(usize::MAX) % self.remembered.len();
        let Some(before) = self.remembered.get_mut(place) else { return };
        if before.endpoints != now.endpoints || before.directions == Directions::None {
            *before = now;
            return;
        }
        let is_same = before.encapsulation == now.encapsulation;
        match (before.directions, is_same) {
            // Ports used again.
            (known, true) if known == direction => {}
            (Directions::Several, _) => {}
            (known, false) if known != direction => {
                self.pairs += 1;
                // The pair counts once.
                *before = Remembered::default();
            }
            _ => before.directions = Directions::Several,
        }
    }

    fn hash(&self, value: impl Hash) -> u64 {
        self.hasher.hash_one(value)
    }
}

#[cfg(test)]
mod tests {
    use tapflow_core::Timestamp;

    use super::*;

    /// A flow between two hosts in a VLAN.
    fn flow(is_reply: bool, port: u16, vlan: u16) -> Opened {
        let key = FlowKey {
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
            source_port: port,
            destination_port: 80,
        };
        let mut link = LinkInfo::default();
        if vlan > 0 {
            link.vlans.push(vlan).unwrap();
        }
        let key = if is_reply { key.reversed() } else { key };
        let mut opened = Opened::new(key, Timestamp::default(), 0, !is_reply);
        (opened.link, opened.syn) = (link, true);
        opened
    }

    fn pairs(flows: &[Opened]) -> u64 {
        let mut asymmetry = Asymmetry::default();
        flows.iter().for_each(|flow| asymmetry.opened(flow));
        asymmetry.pairs()
    }

    #[test]
    fn each_direction_in_a_vlan_of_its_own_is_a_pair() {
        assert_eq!(pairs(&[flow(false, 1, 5), flow(true, 1, 6), flow(false, 2, 5), flow(true, 2, 6)]), 2);
        assert_eq!(pairs(&[flow(false, 1, 5), flow(true, 1, 0)]), 1);
    }

    #[test]
    fn both_directions_in_one_vlan_or_a_copy_of_each_in_another_are_none() {
        assert_eq!(pairs(&[flow(false, 1, 5), flow(true, 1, 5), flow(false, 1, 6), flow(true, 1, 6)]), 0);
        assert_eq!(pairs(&[flow(false, 1, 5), flow(false, 1, 6), flow(true, 1, 6), flow(true, 1, 5)]), 0);
        assert_eq!(pairs(&[flow(false, 1, 5), flow(false, 1, 5), flow(true, 2, 6)]), 0);
    }
}
