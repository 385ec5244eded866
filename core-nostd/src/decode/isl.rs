//! Cisco's Inter-Switch Link: a frame behind 26 bytes, which look like a length and LLC of their own address.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{Layer, Next, Reject, RejectReason, peel::Peel};

/// The 40 bits of destination that all frames have, of both groups.
const DESTINATIONS: [[u8; 5]; 2] = [[1, 0, 0x0c, 0, 0], [3, 0, 0x0c, 0, 0]];
/// The longest that its length says: a tagged frame of 1522 bytes, and 12 of the header.
const MAX_LENGTH: u16 = 1534;

/// What follows where SNAP has its protocol, which is the VLAN.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Rest {
    index: U16,
    reserved: U16,
}

/// Whether the last Ethernet header is one of ISL.
fn is_isl(peel: &Peel<'_>) -> bool {
    peel.ethernet.is_some_and(|header| DESTINATIONS.iter().any(|destination| header.starts_with(destination)))
}

/// Whether a number beyond the lengths of 802.3 is the length of an ISL frame.
pub(super) fn is_length(peel: &Peel<'_>, field: u16) -> bool {
    field <= MAX_LENGTH && is_isl(peel)
}

/// Goes on behind LLC and the organisation, where SNAP has its protocol: 15 bits of VLAN and a flag. The header
/// that announced it is at `offset`. `None` for other frames.
#[cold]
pub(super) fn follow(peel: &mut Peel<'_>, vlan: u16, offset: usize) -> Result<Option<Next>, Reject> {
    if !is_isl(peel) {
        return Ok(None);
    }
    // 0 is Ethernet; others are Token Ring, FDDI and ATM.
    let kind = peel.ethernet.map_or(0, |header| header[5] >> 4);
    peel.header::<Rest>(Layer::Tag)?;
    peel.push_vlan(vlan >> 1 & 0xfff);
    match kind {
        0 => Ok(Some(Next::Ethernet)),
        1 => Ok(Some(Next::TokenRing)),
        2 => Ok(Some(Next::Fddi)),
        _ => Err(Reject { layer: Layer::Tag, reason: RejectReason::Unclear, offset }),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::examples::*;
    use crate::frame::LinkType;

    fn isl(destination: u8, frame: &[u8]) -> std::vec::Vec<u8> {
        let length = (frame.len() as u16 + 4 + 12).to_be_bytes();
        join(&[
            &[destination, 0, 0x0c, 0, 0, 0, 0, 0x10, 0x7b, 1, 2, 3],
            &length,
            &[0xaa, 0xaa, 3, 0, 0x10, 0x7b, 0, 0x0a, 0, 0x41, 0, 0],
            frame,
            &[1, 2, 3, 4],
        ])
    }

    #[test]
    fn the_vlan_is_that_of_a_tag_and_the_addresses_those_of_the_frame_inside() {
        let bytes = isl(1, &ethernet(&[8, 0]));
        let segment = whole(LinkType::ETHERNET, &bytes).expect("a segment");
        assert_eq!((segment.link.vlans.as_slice(), segment.domain), (&[5][..], 5));
        assert_eq!(segment.link.source_mac, Some(SOURCE_MAC));
        is_hello(Ok(segment));
    }

    #[test]
    fn the_longest_frames_are_longer_than_those_of_802_3() {
        let mut frame = ethernet(&[8, 0]);
        frame.resize(1514, 0);
        let mut bytes = isl(3, &frame);
        bytes[17..20].copy_from_slice(&[0, 0, 0x0c]);
        is_hello(whole(LinkType::ETHERNET, &bytes));
    }
}
