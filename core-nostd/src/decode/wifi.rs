//! 802.11 data frames (IEEE 802.11-2020, 9.3.2): QoS, HT control, four addresses, several MSDUs in one frame,
//! and the check sum at the end where the capture has it.
//!
//! Management, control and null frames and encrypted ones are rejected as what they are. A frame whose
//! encryption the driver has taken off keeps the flag; it is known by the SNAP header that nothing encrypted
//! would begin with.

use super::{Layer, Next, Reject, RejectReason, peel::Peel, settings::Settings, several::Kind};

/// What the capturing radio said of the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Radio {
    /// The last four bytes are the frame check sequence.
    pub(super) fcs: bool,
    /// The check sequence was wrong.
    pub(super) bad: bool,
    /// The header is padded to a multiple of four bytes.
    pub(super) padded: bool,
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
const FRAGMENT: u8 = 0x0f;
/// Of the QoS control field: several MSDUs.
const AGGREGATE: u8 = 0x80;

const FCS: usize = 4;

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, radio: Radio, settings: &Settings) -> Result<Next, Reject> {
    let offset = peel.offset;
    let reject = |reason| Err(Reject { layer: Layer::Wifi, reason, offset });
    let &[kind, flags] = peel.peek::<[u8; 2]>(Layer::Wifi)?;
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
    let mut aggregate = false;
    if kind & QOS != 0 {
        let &[control, _] = peel.header::<[u8; 2]>(Layer::Wifi)?;
        aggregate = control & AGGREGATE != 0;
        if flags & ORDER != 0 {
            peel.advance(4, Layer::Wifi)?;
        }
    }
    if radio.padded {
        peel.advance((offset.wrapping_sub(peel.offset)) % 4, Layer::Wifi)?;
    }
    if flags & PROTECTED != 0 && !is_snap(peel.bytes) {
        return reject(RejectReason::Encrypted);
    }
    if flags & MORE_FRAGMENTS != 0 || fixed[22] & FRAGMENT != 0 {
        return reject(RejectReason::Fragment);
    }
    Ok(if aggregate { Next::Several(Kind::Msdus) } else { Next::Llc })
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

/// Whether `bytes` begin with LLC, SNAP and the EtherType of IP.
fn is_snap(bytes: &[u8]) -> bool {
    matches!(bytes, [0xaa, 0xaa, 3, 0, 0, 0, 8, 0, ..] | [0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd, ..])
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

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

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
        let encrypted = wifi(0x08, 0x41, &join(&[&[1, 2, 0, 0x20, 0, 0, 0, 0], &data()]));
        assert_eq!(rejected(BARE, &encrypted).reason, RejectReason::Encrypted);
        is_hello(whole(BARE, &wifi(0x08, 0x41, &data())));
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
