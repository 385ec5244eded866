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
    if settings.check_fcs && (radio.bad || radio.fcs && !radio.padded && !sums_up(peel)) {
        return reject(RejectReason::BadChecksum);
    }
    if radio.fcs {
        peel.limit_len(peel.len.saturating_sub(FCS));
    }
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
