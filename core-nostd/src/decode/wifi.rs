//! 802.11 data frames (IEEE 802.11-2020, 9.3.2): QoS, HT control, four addresses, mesh control, several MSDUs in
//! one frame, fragments of one MSDU, and the check sum at the end where the capture has it.
//!
//! Management, control and null frames and encrypted ones are rejected as what they are. A frame whose
//! encryption the driver has taken off keeps the flag, and with some drivers the initialisation vector; it is known
//! by the SNAP header that nothing encrypted would begin with.

use super::{
    Layer, Next, Reject, RejectReason,
    peel::Peel,
    piece::{Part, PartKind},
    settings::Settings,
    several::Kind,
};

/// What the capturing radio said of the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Radio {
    /// The last four bytes are the frame check sequence.
    pub(super) fcs: bool,
    /// The check sequence was wrong.
    pub(super) bad: bool,
    /// The header is padded to a multiple of four bytes.
    pub(super) padded: bool,
    /// The two bytes of frame control may be swapped.
    pub(super) may_be_swapped: bool,
}

const VERSION: u8 = 0x03;
const TYPE: u8 = 0x0c;
const MANAGEMENT: u8 = 0x00;
const CONTROL: u8 = 0x04;
const DATA: u8 = 0x08;
/// Of the subtype of data: with QoS control, without data.
const QOS: u8 = 0x80;
const NULL: u8 = 0x40;

const TO_DS: u8 = 0x01;
const FROM_DS: u8 = 0x02;
const MORE_FRAGMENTS: u8 = 0x04;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;

/// Of the sequence control field.
const FRAGMENT: u16 = 0x0f;
/// Of the QoS control field: the traffic's identifier, several MSDUs, mesh control (in the second byte, which in
/// other networks says something else).
const TRAFFIC: u8 = 0x0f;
const AGGREGATE: u8 = 0x80;
const MESH: u8 = 0x01;

/// Mesh control: flags, time to live, a sequence number; then none, one or two addresses.
const MESH_CONTROL: usize = 6;
const MESH_ADDRESSES: u8 = 0x03;

/// The initialisation vector of WEP and the longer one of all others, which has a bit in its fourth byte.
const SHORT_VECTOR: usize = 4;
const VECTOR: usize = 8;
const LONG: u8 = 0x20;

/// The header of an MSDU in an aggregate.
const SUBFRAME: usize = 14;

const FCS: usize = 4;

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, radio: Radio, settings: &Settings) -> Result<Next, Reject> {
    let offset = peel.offset;
    let reject = |reason| Err(Reject { layer: Layer::Wifi, reason, offset });
    let &[mut kind, mut flags] = peel.peek::<[u8; 2]>(Layer::Wifi)?;
    if radio.may_be_swapped && !is_of_a_network(kind, flags) && is_of_a_network(flags, kind) {
        (kind, flags) = (flags, kind);
    }
    take_fcs(peel, radio, settings)?;
    match kind & (VERSION | TYPE) {
        DATA if kind & NULL != 0 => return reject(RejectReason::Empty),
        DATA => {}
        MANAGEMENT => return reject(RejectReason::Management),
        CONTROL => return reject(RejectReason::Control),
        _ => return reject(RejectReason::BadVersion),
    }
    let fixed: &[u8; 24] = peel.header(Layer::Wifi)?;
    let address = |at: usize| fixed.get(at..).and_then(<[u8]>::first_chunk::<6>);
    peel.ethernet = None;
    (peel.receiver, peel.sender) = match flags & (TO_DS | FROM_DS) {
        0 => (address(4), address(10)),
        TO_DS => (address(16), address(10)),
        FROM_DS => (address(4), address(16)),
        _ => (address(16), Some(peel.header::<[u8; 6]>(Layer::Wifi)?)),
    };
    let (mut quality, mut may_be_mesh) = (0, false);
    if kind & QOS != 0 {
        let &[control, second] = peel.header::<[u8; 2]>(Layer::Wifi)?;
        (quality, may_be_mesh) = (control, second & MESH != 0);
        if flags & ORDER != 0 {
            peel.advance(4, Layer::Wifi)?;
        }
    }
    let aggregate = quality & AGGREGATE != 0;
    if radio.padded {
        peel.advance((offset.wrapping_sub(peel.offset)) % 4, Layer::Wifi)?;
    }
    if flags & PROTECTED != 0 {
        match vector(peel.bytes, aggregate) {
            Some(size) => peel.advance(size, Layer::Wifi)?,
            None => return reject(RejectReason::Encrypted),
        };
    }
    let sequence = u16::from_le_bytes([fixed[22], fixed[23]]);
    let fragment = sequence & FRAGMENT;
    if may_be_mesh && !aggregate && fragment == 0 {
        skip_mesh_control(peel)?;
    }
    if flags & MORE_FRAGMENTS != 0 || fragment != 0 {
        // What makes fragments belong together (802.11-2020, 10.5), besides the addresses of the frame's ends.
        let hop = fixed[4..16].iter().fold(0_u16, |hash, byte| hash.rotate_left(5) ^ u16::from(*byte));
        let traffic = u16::from(quality & TRAFFIC) << 12;
        return Ok(Next::Part(Part {
            id: u32::from(hop) << 16 | u32::from(traffic | sequence >> 4),
            offset: fragment,
            more: flags & MORE_FRAGMENTS != 0,
            protocol: 0,
            kind: PartKind::Wifi,
            header: u32::try_from(offset).unwrap_or(u32::MAX),
        }));
    }
    Ok(if aggregate { Next::Several(Kind::Msdus) } else { Next::Llc })
}

/// Whether frame control can be one of data that come from or go to an access point.
fn is_of_a_network(kind: u8, flags: u8) -> bool {
    kind & (VERSION | TYPE) == DATA && flags & (TO_DS | FROM_DS) != 0
}

/// How much of an initialisation vector stands before data in clear; `None` before encrypted data.
fn vector(bytes: &[u8], aggregate: bool) -> Option<usize> {
    let long = bytes.get(3).is_some_and(|key| key & LONG != 0);
    let data = if aggregate { SUBFRAME } else { 0 };
    let is_clear = |size: usize| {
        let bytes = bytes.get(size + data..).unwrap_or_default();
        is_snap(bytes)
            || mesh_control(bytes).is_some_and(|size| is_snap(bytes.get(size..).unwrap_or_default()))
    };
    [0, if long { VECTOR } else { SHORT_VECTOR }].into_iter().find(|size| is_clear(*size))
}

/// Skips mesh control (802.11-2020, 9.2.4.8.3) where SNAP is behind it, and takes its addresses.
pub(super) fn skip_mesh_control(peel: &mut Peel<'_>) -> Result<(), Reject> {
    let Some(size) = mesh_control(peel.bytes) else { return Ok(()) };
    if is_snap(peel.bytes) || !is_snap(peel.bytes.get(size..).unwrap_or_default()) {
        return Ok(());
    }
    let control = peel.advance(size, Layer::Wifi)?;
    if let Some([receiver, sender]) = control
        .get(MESH_CONTROL..)
        .and_then(<[u8]>::first_chunk::<12>)
        .and_then(|addresses| Some([addresses.first_chunk::<6>()?, addresses.last_chunk::<6>()?]))
    {
        (peel.ethernet, peel.receiver, peel.sender) = (None, Some(receiver), Some(sender));
    }
    Ok(())
}

/// The length of the mesh control that `bytes` begin with, if they do.
fn mesh_control(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? & MESH_ADDRESSES {
        3 => None,
        addresses => Some(MESH_CONTROL + usize::from(addresses) * 6),
    }
}

/// Takes the check sequence off the end, which has to be right.
pub(super) fn take_fcs(peel: &mut Peel<'_>, radio: Radio, settings: &Settings) -> Result<(), Reject> {
    if settings.check_fcs && (radio.bad || radio.fcs && !radio.padded && !sums_up(peel)) {
        return Err(peel.reject(Layer::Wifi, RejectReason::BadChecksum));
    }
    if radio.fcs {
        peel.limit_len(peel.len.saturating_sub(FCS));
    }
    Ok(())
}

/// Whether `bytes` begin with LLC, SNAP and the EtherType of IP, ARP, EAPOL, a VLAN or MPLS.
fn is_snap(bytes: &[u8]) -> bool {
    let types = [[8, 0], [0x86, 0xdd], [8, 6], [0x88, 0x8e], [0x81, 0], [0x88, 0x47], [0x88, 0x64]];
    matches!(bytes, [0xaa, 0xaa, 3, 0, 0, 0, high, low, ..] if types.contains(&[*high, *low]))
}

/// Whether the check sequence of a frame stands at the end of what was captured.
pub(super) fn ends_with_fcs(peel: &Peel<'_>) -> bool {
    peel.bytes.len() == peel.len && peel.bytes.len() > FCS && sums_up(peel)
}

/// Whether the check sequence at the end is right; also where the end was not captured.
fn sums_up(peel: &Peel<'_>) -> bool {
    match peel.bytes.split_last_chunk::<FCS>() {
        Some((frame, fcs)) if peel.bytes.len() == peel.len => crc32(frame) == u32::from_le_bytes(*fcs),
        _ => true,
    }
}

/// The check sequence of IEEE 802 (802.3, 3.2.9).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        let crc = crc ^ u32::from(*byte);
        let crc = crc >> 4 ^ NIBBLES[(crc & 0xf) as usize];
        crc >> 4 ^ NIBBLES[(crc & 0xf) as usize]
    })
}

const NIBBLES: [u32; 16] = {
    let mut table = [0; 16];
    let mut at = 0;
    while at < 16 {
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 4 {
            value = value >> 1 ^ if value & 1 == 1 { 0xedb8_8320 } else { 0 };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::examples::*;
    use super::super::{Outcome, RejectReason, Settings, dissect};
    use crate::frame::{Frame, LinkType, Timestamp};

    use std::vec::Vec;

    const BARE: LinkType = LinkType::IEEE802_11;

    fn data() -> Vec<u8> {
        join(&[&SNAP_IPV4, &ipv4()])
    }

    /// Behind radiotap with these flags.
    fn radiotap(flags: u8, frame: &[u8]) -> Vec<u8> {
        join(&[&[0, 0, 9, 0, 2, 0, 0, 0, flags], frame])
    }

    #[test]
    fn addresses_are_where_the_direction_says() {
        for (flags, source, destination) in [
            (0, SOURCE_MAC, [0xcc; 6]),
            (1, SOURCE_MAC, DESTINATION_MAC),
            (2, DESTINATION_MAC, [0xcc; 6]),
            (3, [0xdd; 6], DESTINATION_MAC),
        ] {
            let fourth: &[u8] = if flags == 3 { &[0xdd; 6] } else { &[] };
            let bytes = wifi(0x08, flags, &join(&[fourth, &data()]));
            let segment = whole(BARE, &bytes).expect("a segment");
            assert_eq!(segment.link.source_mac, Some(source));
            assert_eq!(segment.link.destination_mac, Some(destination));
            is_hello(Ok(segment));
        }
    }

    #[test]
    fn qos_control_and_ht_control_are_skipped() {
        is_hello(whole(BARE, &wifi(0x88, 1, &join(&[&[0, 0], &data()]))));
        is_hello(whole(BARE, &wifi(0x88, 0x81, &join(&[&[0, 0, 1, 2, 3, 4], &data()]))));
    }

    #[test]
    fn what_carries_no_data_is_rejected_as_what_it_is() {
        for (kind, flags, reason) in [
            (0x80, 0, RejectReason::Management),
            (0xd4, 0, RejectReason::Control),
            (0x48, 1, RejectReason::Empty),
            (0xc8, 1, RejectReason::Empty),
            (0x0c, 0, RejectReason::BadVersion),
            (0x09, 0, RejectReason::BadVersion),
            (0x08, 0x05, RejectReason::Fragment),
        ] {
            assert_eq!(rejected(BARE, &wifi(kind, flags, &data())).reason, reason, "{kind:#x}");
        }
    }

    #[test]
    fn encrypted_frames_are_rejected_and_those_the_driver_decrypted_are_not() {
        for vector in [&[1, 2, 0, 0x20, 0, 0, 0, 0][..], &[1, 2, 3, 0], &[]] {
            let encrypted = wifi(0x08, 0x41, &join(&[vector, &[0x5a; 60]]));
            assert_eq!(rejected(BARE, &encrypted).reason, RejectReason::Encrypted);
            let clear = wifi(0x08, 0x41, &join(&[vector, &data(), &[9; 8]]));
            is_hello(whole(BARE, &clear));
            let aggregate = join(&[vector, &MACS, &[0, 53], &data()]);
            is_hello(whole(BARE, &wifi(0x88, 0x41, &join(&[&[0x80, 0], &aggregate]))));
        }
        // A vector without the bit that says that it is a long one.
        let short = wifi(0x08, 0x41, &join(&[&[1, 2, 0, 0, 0, 0, 0, 0], &data()]));
        assert_eq!(rejected(BARE, &short).reason, RejectReason::Encrypted);
    }

    #[test]
    fn mesh_control_is_skipped_and_its_addresses_are_those_of_the_ends() {
        let ends = [[0xee; 6], [0xdd; 6]];
        for (flags, addresses) in [(0, &[][..]), (1, &ends.as_flattened()[..6]), (2, ends.as_flattened())] {
            let control = join(&[&[flags, 30, 1, 0, 0, 0], addresses]);
            let bytes = wifi(0x88, 3, &join(&[&[0xcd; 6], &[0, 1], &control, &data()]));
            let segment = whole(BARE, &bytes).expect("a segment");
            let expected = if flags == 2 { [0xdd; 6] } else { [0xcd; 6] };
            assert_eq!(segment.link.source_mac, Some(expected));
            is_hello(Ok(segment));
            let msdu = join(&[&control, &data()]);
            let length = (msdu.len() as u16).to_be_bytes();
            let aggregate = join(&[&[0xcd; 6], &[0x80, 1], &MACS, &length, &msdu]);
            is_hello(whole(BARE, &wifi(0x88, 3, &aggregate)));
        }
        // Without the bit, and where the bit says something else.
        is_hello(whole(BARE, &wifi(0x88, 1, &join(&[&[0, 1], &data()]))));
    }

    #[test]
    fn a_fragment_is_known_by_its_number_and_its_sequence() {
        let mut bytes = wifi(0x88, 5, &join(&[&[6, 0], &data()]));
        bytes[22..24].copy_from_slice(&[0x52, 0x34]);
        let piece = |bytes: &[u8]| {
            let frame = Frame { link: BARE, time: Timestamp(0), wire_len: bytes.len() as u32, bytes };
            match dissect(&frame, &Settings::default()) {
                Outcome::Piece(piece) => (piece.part.id, piece.part.offset, piece.part.more, piece.len),
                _ => panic!("a fragment"),
            }
        };
        let (id, number, more, len) = piece(&bytes);
        assert_eq!((id & 0xffff, number, more, len), (0x6345, 2, true, 53));
        bytes[1] = 1;
        bytes[22] = 0x53;
        assert_eq!(piece(&bytes), (id, 3, false, 53));
        bytes[9] ^= 1;
        assert_ne!(piece(&bytes).0, id, "of another receiver");
    }

    #[test]
    fn a_check_sequence_is_no_payload_and_has_to_be_right() {
        let mut frame = wifi(0x08, 1, &data());
        // A datagram without length ends where the frame does.
        frame[34..36].fill(0);
        let fcs = super::crc32(&frame);
        let whole_frame = join(&[&frame, &fcs.to_le_bytes()]);
        is_hello(whole(LinkType::IEEE802_11_RADIOTAP, &radiotap(0x10, &whole_frame)));
        let damaged = join(&[&frame, &(fcs ^ 1).to_le_bytes()]);
        for bytes in [radiotap(0x10, &damaged), radiotap(0x50, &whole_frame), radiotap(0x40, &frame)] {
            assert_eq!(rejected(LinkType::IEEE802_11_RADIOTAP, &bytes).reason, RejectReason::BadChecksum);
        }
    }

    #[test]
    fn the_check_sequence_is_the_crc_of_ethernet() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_padded_header_is_followed_by_data_at_a_multiple_of_four() {
        let bytes = radiotap(0x20, &wifi(0x88, 1, &join(&[&[0, 0, 0, 0], &data()])));
        is_hello(whole(LinkType::IEEE802_11_RADIOTAP, &bytes));
    }
}
