//! Copies of frames for a monitor, in UDP: TZSP (TaZmen Sniffer Protocol), Juniper's packet mirroring, and what
//! access points send of the air (PEEKREMOTE of OmniPeek and Cisco, Aruba's formats).
//!
//! The two directions of a connection may come from different devices: nothing of the tunnel is part of a connection's identity.

use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    big_endian::{U16, U32},
};

use super::{
    Layer, Next, Reject, RejectReason,
    look::behind,
    peel::{Identity, Peel},
    wifi::{Radio, ends_with_fcs},
};
use crate::tunnel::TunnelKind;

/// TZSP: version 1; types that carry a frame, a configuration, nothing.
const TZSP_VERSION: u8 = 1;
const TZSP_FRAMES: [u8; 2] = [0, 1];
const TZSP_MAX_TYPE: u8 = 5;
/// Tags: padding and end have no length; the length that the frame had; whether its check sequence was wrong.
const TAG_PADDING: u8 = 0;
const TAG_END: u8 = 1;
const TAG_BAD_FCS: u8 = 17;
const TAG_LENGTH: u8 = 41;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Tzsp {
    version: u8,
    kind: u8,
    protocol: U16,
}

/// `LINKTYPE_TZSP`, and the port of TZSP.
#[cold]
pub(super) fn peel_tzsp(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let header: &Tzsp = peel.peek(Layer::Mirror)?;
    if header.version != TZSP_VERSION || header.kind > TZSP_MAX_TYPE {
        return Err(plain);
    }
    if !TZSP_FRAMES.contains(&header.kind) {
        return Err(peel.reject(Layer::Mirror, RejectReason::Control));
    }
    let mut ahead = peel.clone();
    ahead.advance(size_of::<Tzsp>(), Layer::Mirror)?;
    let (mut bad, mut length) = (false, None);
    loop {
        match ahead.header::<[u8; 1]>(Layer::Mirror)?[0] {
            TAG_END => break,
            TAG_PADDING => {}
            tag => {
                let &[size] = ahead.header::<[u8; 1]>(Layer::Mirror)?;
                match (tag, ahead.advance(size.into(), Layer::Mirror)?) {
                    (TAG_BAD_FCS, [wrong]) => bad = *wrong != 0,
                    (TAG_LENGTH, [high, low]) => length = Some(u16::from_be_bytes([*high, *low])),
                    _ => {}
                }
            }
        }
    }
    let next = match header.protocol.get() {
        1 => Next::Ethernet,
        2 => Next::TokenRing,
        4 => Next::Ppp,
        5 => Next::Fddi,
        0x12 => Next::Wifi(Radio { bad, ..Radio::default() }),
        0x77 => Next::Prism,
        0x7f => Next::Avs,
        other => return Err(peel.reject(Layer::Mirror, RejectReason::NotIp(other.into()))),
    };
    peel.enter(Layer::Mirror, TunnelKind::Tzsp, None, Identity::None)?;
    peel.advance(ahead.offset - peel.offset, Layer::Mirror)?;
    if let Some(length) = length.map(usize::from).filter(|length| *length > peel.len) {
        peel.set_len(length);
    }
    Ok(next)
}

/// Juniper's packet mirroring: identifiers of the interception and the session, then a datagram or a frame, as
/// only the payload says.
#[cold]
pub(super) fn peel_juniper(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let &[_, session] = peel.peek::<[U32; 2]>(Layer::Mirror)?;
    let Some((size, next)) = behind(&[8], peel.bytes, peel.len) else {
        let is_cut = peel.bytes.len() < peel.len && peel.bytes.len() < 8 + 40;
        return Err(if is_cut { peel.reject(Layer::Mirror, RejectReason::Truncated) } else { plain });
    };
    peel.enter(Layer::Mirror, TunnelKind::JuniperMirror, Some(session.get()), Identity::None)?;
    peel.advance(size, Layer::Mirror)?;
    Ok(next)
}

/// PEEKREMOTE before it had a version.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Peek {
    signal: u8,
    noise: u8,
    length: U16,
    /// How much of it follows.
    slice: U16,
    flags: u8,
    status: u8,
    time: [u8; 8],
    rate: u8,
    channel: u8,
    percent: [u8; 2],
}

/// PEEKREMOTE since: a magic number, a version, the length of the whole header.
const PEEK_MAGIC: [u8; 4] = [0x00, 0xff, 0xab, 0xcd];
/// Of the flags: the check sequence was wrong; reserved ones, of flags and of status.
const PEEK_BAD_FCS: u8 = 0x02;
const PEEK_RESERVED: [u8; 2] = [0xf8, 0xb3];
/// Where the flags are in the header of the longest known version.
const PEEK_FLAGS: usize = 45;
const PEEK_SIZES: core::ops::RangeInclusive<usize> = 47..=255;
/// Bytes by which the lengths may be apart: a check sequence, or padding to a word.
const SLACK: usize = 4;

/// A record of a capture file, big-endian.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Record {
    seconds: U32,
    microseconds: U32,
    captured: U32,
    length: U32,
}

/// What an access point sends of the air, in whichever format: it is not announced, and each has a header by
/// which it is known.
#[cold]
pub(super) fn peel_air(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let Some((size, bad, next)) = air(peel) else {
        let is_cut = peel.bytes.len() < peel.len && peel.bytes.len() <= PEEK_FLAGS;
        return Err(if is_cut { peel.reject(Layer::Mirror, RejectReason::Truncated) } else { plain });
    };
    peel.enter(Layer::Mirror, TunnelKind::AirMirror, None, Identity::None)?;
    peel.advance(size, Layer::Mirror)?;
    Ok(match next {
        Some(next) => next,
        None => Next::Wifi(Radio { bad, fcs: ends_with_fcs(peel), ..Radio::default() }),
    })
}

/// The length of the header, whether the check sequence is wrong, and what follows if not 802.11 at once.
fn air(peel: &Peel<'_>) -> Option<(usize, bool, Option<Next>)> {
    let bytes = peel.bytes;
    let near = |length: usize, header: usize| {
        peel.len.checked_sub(header).is_some_and(|rest| rest.abs_diff(length) <= SLACK)
    };
    let is_wifi = |at: usize| bytes.get(at).is_some_and(|control| control & 3 == 0);
    if let Some(rest) = bytes.strip_prefix(&PEEK_MAGIC) {
        let &[_version, a, b, c, d] = rest.first_chunk::<5>()?;
        let size = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let bad = bytes.get(PEEK_FLAGS)? & PEEK_BAD_FCS != 0;
        return (PEEK_SIZES.contains(&size) && is_wifi(size)).then_some((size, bad, None));
    }
    match bytes {
        // PPI and radiotap, whose length and link type are little-endian.
        [0, 0 | 1, low, high, 105, 0, 0, 0, ..] if fits(*low, *high, peel.len) => {
            return Some((0, false, Some(Next::Ppi)));
        }
        [0, 0, low, high, ..] if fits(*low, *high, peel.len) && is_wifi(length(*low, *high)) => {
            return Some((0, false, Some(Next::Radiotap)));
        }
        _ => {}
    }
    let (record, _) = Record::ref_from_prefix(bytes).ok()?;
    let captured = usize::try_from(record.captured.get()).ok()?;
    if record.microseconds.get() < 1_000_000 && captured > 0 && record.length.get() >= record.captured.get() {
        const RECORD: usize = size_of::<Record>();
        // Rate, channel and signal may stand before the frame. A rate is below 256, and so begins with 0.
        let radio = usize::from(bytes.get(RECORD) == Some(&0) && is_wifi(RECORD + 4)) * 4;
        if (near(captured, RECORD) || near(captured, RECORD + radio)) && is_wifi(RECORD + radio) {
            return Some((RECORD + radio, false, None));
        }
    }
    let (peek, _) = Peek::ref_from_prefix(bytes).ok()?;
    let slice = usize::from(if peek.slice.get() == 0 { peek.length.get() } else { peek.slice.get() });
    let is_peek = near(slice, size_of::<Peek>())
        && slice <= usize::from(peek.length.get()) + SLACK
        && peek.flags & PEEK_RESERVED[0] == 0
        && peek.status & PEEK_RESERVED[1] == 0
        && is_wifi(size_of::<Peek>());
    is_peek.then_some((size_of::<Peek>(), peek.flags & PEEK_BAD_FCS != 0, None))
}

fn length(low: u8, high: u8) -> usize {
    usize::from(u16::from_le_bytes([low, high]))
}

fn fits(low: u8, high: u8, len: usize) -> bool {
    (8..len).contains(&length(low, high))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    use std::vec::Vec;

    const IPV4: LinkType = LinkType::IPV4;

    fn data() -> Vec<u8> {
        wifi(0x08, 1, &join(&[&SNAP_IPV4, &ipv4()]))
    }

    #[test]
    fn tzsp_says_what_it_carries_behind_its_tags() {
        for (protocol, frame) in [
            (1, ethernet(&[8, 0])),
            (4, join(&[&[0, 0x21], &ipv4()])),
            (0x12, data()),
            (0x7f, join(&[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64], &[0; 56], &data()])),
        ] {
            for tags in [&[1][..], &[0, 0, 10, 1, 0xd0, 17, 1, 0, 1]] {
                for kind in [0, 1] {
                    let tzsp = join(&[&[1, kind, 0, protocol], tags, &frame]);
                    assert_eq!(tunnels(IPV4, &udp(37008, &tzsp)), (tunnel(TunnelKind::Tzsp, None), 0));
                    is_hello(whole(LinkType::TZSP, &tzsp));
                }
            }
        }
    }

    #[test]
    fn tzsp_tells_of_cut_frames_and_wrong_check_sequences() {
        let mut frame = ethernet(&[8, 0]);
        frame[16..18].fill(0);
        let tzsp = join(&[&[1, 0, 0, 1, 41, 2, 0, 69, 1], &frame]);
        let bytes = udp(37008, &tzsp);
        let segment = whole(IPV4, &bytes).expect("a segment");
        assert_eq!((segment.payload, segment.payload_len), (PAYLOAD, 15));
        let bad = join(&[&[1, 0, 0, 0x12, 17, 1, 1, 1], &data()]);
        assert_eq!(rejected(IPV4, &udp(37008, &bad)).reason, RejectReason::BadChecksum);
    }

    #[test]
    fn keepalives_and_other_protocols_of_tzsp_are_told() {
        let reason = |bytes: &[u8]| rejected(IPV4, &udp(37008, bytes)).reason;
        assert_eq!(reason(&[1, 4, 0, 0, 1]), RejectReason::Control);
        assert_eq!(reason(&[2, 0, 0, 1, 1]), RejectReason::NotTcp(17));
        assert_eq!(reason(&join(&[&[1, 0, 0, 9, 1], &ipv4()])), RejectReason::NotIp(9));
    }

    #[test]
    fn junipers_mirror_carries_what_a_valid_header_follows() {
        for payload in [ipv4(), ipv6(), ethernet(&[8, 0]), join(&[&[0x0f, 0, 8, 0], &ipv4()])] {
            let bytes = udp(30030, &join(&[&[0, 0, 0, 1, 0, 0, 0, 9], &payload]));
            assert_eq!(tunnels(IPV4, &bytes), (tunnel(TunnelKind::JuniperMirror, 9), 0));
        }
        let mut other = ipv4();
        other[10] = 1;
        let bytes = udp(30030, &join(&[&[0, 0, 0, 1, 0, 0, 0, 9], &other]));
        assert_eq!(rejected(IPV4, &bytes).reason, RejectReason::NotTcp(17));
    }

    #[test]
    fn access_points_send_the_air_in_several_formats() {
        let data = data();
        let length = (data.len() as u16).to_be_bytes();
        let length4 = (data.len() as u32).to_be_bytes();
        let mut magic = join(&[&[0, 0xff, 0xab, 0xcd, 2, 0, 0, 0, 55], &[0; 46]]);
        magic[41..43].copy_from_slice(&length);
        let formats = [
            join(&[&[0xc0, 0xa0], &length, &length, &[0, 0], &[0; 8], &[4, 11, 80, 0]]),
            magic,
            join(&[&[0x60, 0, 0, 0, 0, 0, 0, 9], &length4, &length4]),
            join(&[&[0x60, 0, 0, 0, 0, 0, 0, 9], &length4, &length4, &[0, 108, 11, 80]]),
            [0, 0, 8, 0, 105, 0, 0, 0].to_vec(),
            [0, 0, 9, 0, 2, 0, 0, 0, 0].to_vec(),
        ];
        for format in formats {
            for port in [5000, 5555] {
                let bytes = udp(port, &join(&[&format, &data]));
                assert_eq!(tunnels(IPV4, &bytes), (tunnel(TunnelKind::AirMirror, None), 0), "{format:?}");
            }
            let other = udp(5000, &join(&[&format, &[0x0f; 60]]));
            assert!(matches!(
                rejected(IPV4, &other).reason,
                RejectReason::NotTcp(17) | RejectReason::BadVersion
            ));
        }
    }

    #[test]
    fn a_wrong_check_sequence_of_the_air_is_told_by_flags() {
        let data = data();
        let length = (data.len() as u16).to_be_bytes();
        let header = join(&[&[0xc0, 0xa0], &length, &length, &[2, 0], &[0; 8], &[4, 11, 80, 0]]);
        let bytes = udp(5000, &join(&[&header, &data]));
        assert_eq!(rejected(IPV4, &bytes).reason, RejectReason::BadChecksum);
    }
}
