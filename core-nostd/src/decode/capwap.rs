//! CAPWAP data (RFC 5415, 4.3): 802.3 and 802.11 frames between access points and their controller, in fragments
//! where they are long.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{
    Layer, Next, Reject, RejectReason,
    peel::{Identity, Peel},
    piece::{Part, PartKind},
    wifi::Radio,
};
use crate::tunnel::TunnelKind;

/// The first byte: version 0 and the type of header, of which DTLS is the other one.
const PLAIN: u8 = 0;
const DTLS: u8 = 1;

/// Of the third byte: the wireless binding, and the payload is a native frame of it.
const BINDING: u8 = 0x3e;
const IEEE_802_11: u8 = 1 << 1;
const NATIVE: u8 = 0x01;

/// Of the fourth byte: a fragment, the last one, wireless information, a radio's address, a keepalive, reserved
/// bits.
const FRAGMENT: u8 = 0x80;
const LAST: u8 = 0x40;
const KEEPALIVE: u8 = 0x08;
const RESERVED: u8 = 0x07;

/// What a datagram carries, in place of a protocol number.
const CARRIES_802_3: u8 = 0;
const CARRIES_802_11: u8 = 1;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Capwap {
    preamble: u8,
    /// 5 bits of the header's length in words of 4 bytes, 3 of the radio's identifier.
    length: u8,
    binding: u8,
    flags: u8,
    fragment: U16,
    /// 13 bits of offset in words of 8 bytes, 3 reserved ones.
    offset: U16,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let start = peel.offset;
    let header: &Capwap = peel.peek(Layer::Capwap)?;
    let size = usize::from(header.length >> 3) * 4;
    match header.preamble {
        // A DTLS record follows: its type, and version 1.x.
        DTLS if matches!(peel.bytes, [_, _, _, _, 20..=25, 0xfe, ..]) => {
            return Err(peel.reject(Layer::Capwap, RejectReason::Encrypted));
        }
        PLAIN => {}
        _ => return Err(plain),
    }
    let is_native = header.binding & NATIVE != 0;
    if size < size_of::<Capwap>()
        || size > peel.len
        || header.flags & RESERVED != 0
        || header.offset.get() & 7 != 0
        || is_native && header.binding & BINDING != IEEE_802_11
    {
        return Err(plain);
    }
    if header.flags & KEEPALIVE != 0 {
        return Err(peel.reject(Layer::Capwap, RejectReason::Control));
    }
    peel.enter(Layer::Capwap, TunnelKind::Capwap, None, Identity::Addresses)?;
    peel.advance(size, Layer::Capwap)?;
    let protocol = if is_native { CARRIES_802_11 } else { CARRIES_802_3 };
    if header.flags & FRAGMENT != 0 {
        return Ok(Next::Part(Part {
            id: header.fragment.get().into(),
            offset: header.offset.get(),
            more: header.flags & LAST == 0,
            protocol,
            kind: PartKind::Capwap,
            header: u32::try_from(start).unwrap_or(u32::MAX),
        }));
    }
    Ok(carried(protocol))
}

/// What a datagram carries; `protocol` is one of this file's.
pub(super) fn carried(protocol: u8) -> Next {
    match protocol {
        // Access points of some vendors swap the bytes of frame control.
        CARRIES_802_11 => Next::Wifi(Radio { may_be_swapped: true, ..Radio::default() }),
        _ => Next::Ethernet,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::examples::*;
    use super::super::{Outcome, RejectReason, Settings, dissect, resume};
    use crate::frame::{Frame, LinkType, Timestamp};
    use crate::tunnel::TunnelKind;

    use std::vec::Vec;

    const IPV4: LinkType = LinkType::IPV4;

    fn capwap(header: &[u8], rest: &[u8]) -> Vec<u8> {
        udp(5247, &join(&[header, rest]))
    }

    #[test]
    fn frames_of_802_3_and_802_11_are_carried_behind_addresses_and_radio_information() {
        let frame = ethernet(&[8, 0]);
        for header in [
            &[0, 0x10, 0, 0, 0, 0, 0, 0][..],
            // A radio's address of six bytes and padding.
            &[0, 0x20, 0x42, 0x10, 0, 0, 0, 0, 6, 1, 2, 3, 4, 5, 6, 0],
        ] {
            let (listed, domain) = tunnels(IPV4, &capwap(header, &frame));
            assert_eq!(listed, tunnel(TunnelKind::Capwap, None));
            assert_ne!(domain, 0);
        }
        let native = [0, 0x20, 0x43, 0x20, 0, 0, 0, 0, 4, 0xd0, 0x20, 0, 0, 0, 0, 0];
        let data = wifi(0x88, 1, &join(&[&[0, 0], &SNAP_IPV4, &ipv4()]));
        is_hello(whole(IPV4, &capwap(&native, &data)));
        let mut swapped = data;
        swapped.swap(0, 1);
        is_hello(whole(IPV4, &capwap(&native, &swapped)));
    }

    #[test]
    fn answers_come_from_the_port_of_the_controller() {
        let mut bytes = capwap(&[0, 0x10, 0, 0, 0, 0, 0, 0], &ethernet(&[8, 0]));
        let domain = tunnels(IPV4, &bytes).1;
        bytes[20..24].rotate_left(2);
        bytes[12..20].rotate_left(4);
        assert_eq!(tunnels(IPV4, &bytes).1, domain);
    }

    #[test]
    fn keepalives_are_control_encrypted_ones_that_and_what_is_out_of_place_is_plain_udp() {
        for (header, reason) in [
            ([0, 0x10, 0, 0x08, 0, 0, 0, 0], RejectReason::Control),
            ([1, 0, 0, 0, 23, 0xfe, 0xfd, 0], RejectReason::Encrypted),
            ([1, 0, 0, 0, 0, 0, 0, 0], RejectReason::NotTcp(17)),
            ([0x10, 0x10, 0, 0, 0, 0, 0, 0], RejectReason::NotTcp(17)),
            ([0, 0x08, 0, 0, 0, 0, 0, 0], RejectReason::NotTcp(17)),
            ([0, 0xf8, 0, 0, 0, 0, 0, 0], RejectReason::NotTcp(17)),
            ([0, 0x10, 0, 0x01, 0, 0, 0, 0], RejectReason::NotTcp(17)),
            ([0, 0x10, 0, 0, 0, 0, 0, 1], RejectReason::NotTcp(17)),
            ([0, 0x10, 0x05, 0, 0, 0, 0, 0], RejectReason::NotTcp(17)),
        ] {
            let reject = rejected(IPV4, &capwap(&header, &ethernet(&[8, 0])));
            assert_eq!(reject.reason, reason, "{header:?}");
        }
    }

    #[test]
    fn a_fragment_says_its_place_in_words_of_eight_bytes() {
        let frame = ethernet(&[8, 0]);
        let bytes = capwap(&[0, 0x10, 0, 0xc0, 0, 9, 0, 0x10], &frame[16..]);
        let whole = Frame { link: IPV4, time: Timestamp(0), wire_len: bytes.len() as u32, bytes: &bytes };
        let Outcome::Piece(piece) = dissect(&whole, &Settings::default()) else { panic!("a fragment") };
        assert_eq!((piece.part.id, piece.part.offset, piece.part.more), (9, 16, false));
        let Outcome::Segment(segment) = resume(&piece.context, &frame, frame.len(), &Settings::default())
        else {
            panic!("a segment")
        };
        assert_eq!(segment.link.tunnels.to_vec(), tunnel(TunnelKind::Capwap, None));
        assert_eq!(segment.link.source_mac, Some(SOURCE_MAC));
        is_hello(Ok(segment));
    }
}
