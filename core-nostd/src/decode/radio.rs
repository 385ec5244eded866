//! What capture programs put before 802.11 frames: radiotap (radiotap.org), the Prism header of
//! linux-wlan, AVS, and PPI (CACE, "Per-Packet Information Header Specification" 1.0.7).
//!
//! Of all that they say only one thing matters here: how the frame ends.

use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    little_endian::{U16, U32},
};

use super::{Layer, Next, Reject, RejectReason, first, peel::Peel, wifi::Radio};
use crate::frame::LinkType;

/// Radiotap: fields by their bits, flags in the second.
const TSFT: u32 = 1 << 0;
const FLAGS: u32 = 1 << 1;
const MORE_WORDS: u32 = 1 << 31;
const FLAG_FCS: u8 = 0x10;
const FLAG_PADDED: u8 = 0x20;
const FLAG_BAD_FCS: u8 = 0x40;

/// The first four bytes of AVS, but for the version.
const AVS: [u8; 3] = [0x80, 0x21, 0x10];

/// PPI: the field that says how 802.11 frames end.
const COMMON: u16 = 2;
const COMMON_FCS: u8 = 0x01;
const COMMON_BAD_FCS: u8 = 0x04;
/// Fields start on words of four bytes.
const ALIGNED: u8 = 0x01;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Radiotap {
    version: u8,
    pad: u8,
    length: U16,
    present: U32,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Ppi {
    version: u8,
    flags: u8,
    length: U16,
    link: U32,
}

pub(super) fn peel_radiotap(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let header: &Radiotap = peel.peek(Layer::Link)?;
    if header.version != 0 {
        return Err(peel.reject(Layer::Link, RejectReason::BadVersion));
    }
    let size = usize::from(header.length.get());
    if size < size_of::<Radiotap>() {
        return Err(peel.reject(Layer::Link, RejectReason::BadLength));
    }
    let bytes = peel.advance(size, Layer::Link)?;
    let flags = radiotap_flags(bytes, header.present.get()).unwrap_or(0);
    Ok(Next::Wifi(Radio {
        fcs: flags & FLAG_FCS != 0,
        bad: flags & FLAG_BAD_FCS != 0,
        padded: flags & FLAG_PADDED != 0,
    }))
}

fn radiotap_flags(bytes: &[u8], present: u32) -> Option<u8> {
    if present & FLAGS == 0 {
        return None;
    }
    // The fields follow all words that say which there are.
    let mut words = bytes.get(4..)?.chunks_exact(4);
    let more = |word: &[u8]| word.last().is_some_and(|byte| byte & (MORE_WORDS >> 24) as u8 != 0);
    let mut at: usize = 8;
    while words.next().is_some_and(more) {
        at += 4;
    }
    if present & TSFT != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    bytes.get(at).copied()
}

/// Prism, of a fixed size that it says itself in the byte order of the capturing host; or AVS, which was
/// its successor under the same link type.
pub(super) fn peel_prism(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    if peel.bytes.starts_with(&AVS) {
        return peel_avs(peel);
    }
    let &[_, length] = peel.peek::<[U32; 2]>(Layer::Link)?;
    let length = length.get().min(length.get().swap_bytes());
    skip(peel, length)
}

pub(super) fn peel_avs(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let &[_, length] = peel.peek::<[zerocopy::big_endian::U32; 2]>(Layer::Link)?;
    if !peel.bytes.starts_with(&AVS) {
        return Err(peel.reject(Layer::Link, RejectReason::BadVersion));
    }
    skip(peel, length.get())
}

fn skip(peel: &mut Peel<'_>, length: u32) -> Result<Next, Reject> {
    if length < 8 {
        return Err(peel.reject(Layer::Link, RejectReason::BadLength));
    }
    peel.advance(usize::try_from(length).unwrap_or(usize::MAX), Layer::Link)?;
    Ok(Next::Wifi(Radio::default()))
}

pub(super) fn peel_ppi(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let header: &Ppi = peel.peek(Layer::Link)?;
    if header.version != 0 {
        return Err(peel.reject(Layer::Link, RejectReason::BadVersion));
    }
    let size = usize::from(header.length.get());
    if size < size_of::<Ppi>() {
        return Err(peel.reject(Layer::Link, RejectReason::BadLength));
    }
    let bytes = peel.advance(size, Layer::Link)?;
    match LinkType(header.link.get()) {
        LinkType::IEEE802_11 => {
            let fields = bytes.get(size_of::<Ppi>()..).unwrap_or_default();
            let flags = ppi_flags(fields, header.flags & ALIGNED != 0).unwrap_or(0);
            Ok(Next::Wifi(Radio {
                fcs: flags & COMMON_FCS != 0,
                bad: flags & COMMON_BAD_FCS != 0,
                padded: false,
            }))
        }
        link => first(link),
    }
}

fn ppi_flags(mut fields: &[u8], aligned: bool) -> Option<u8> {
    loop {
        let (&[kind, length], rest) = <[U16; 2]>::ref_from_prefix(fields).ok()?;
        let length = usize::from(length.get());
        if kind.get() == COMMON {
            // Behind eight bytes of time.
            return rest.get(..length)?.get(8).copied();
        }
        fields = rest.get(if aligned { length.next_multiple_of(4) } else { length }..)?;
    }
}
