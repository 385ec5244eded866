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
        ..Radio::default()
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
                ..Radio::default()
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

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    fn data() -> std::vec::Vec<u8> {
        wifi(0x08, 1, &join(&[&SNAP_IPV4, &ipv4()]))
    }

    #[test]
    fn the_flags_of_radiotap_follow_all_presence_words_and_the_time() {
        // Three words, then eight bytes of time at a multiple of eight, then flags: wrong check sequence.
        let header = [0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x40];
        let bytes = join(&[&header, &data()]);
        assert_eq!(rejected(LinkType::IEEE802_11_RADIOTAP, &bytes).reason, RejectReason::BadChecksum);
        let mut good = bytes;
        good[24] = 0;
        is_hello(whole(LinkType::IEEE802_11_RADIOTAP, &good));
    }

    #[test]
    fn prism_says_its_length_in_either_byte_order_and_may_be_avs() {
        for length in [[144, 0, 0, 0], [0, 0, 0, 144]] {
            let bytes = join(&[&[0x44, 0, 0, 0], &length, &[0; 136], &data()]);
            is_hello(whole(LinkType::IEEE802_11_PRISM, &bytes));
        }
        let avs = join(&[&[0x80, 0x21, 0x10, 2, 0, 0, 0, 64], &[0; 56], &data()]);
        is_hello(whole(LinkType::IEEE802_11_PRISM, &avs));
        is_hello(whole(LinkType::IEEE802_11_AVS, &avs));
    }

    #[test]
    fn ppi_says_how_the_frame_ends_and_may_hold_another_link_type() {
        let common = [2, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let bytes = join(&[&[0, 0, 32, 0, 105, 0, 0, 0], &common, &data()]);
        assert_eq!(rejected(LinkType::PPI, &bytes).reason, RejectReason::BadChecksum);
        is_hello(whole(LinkType::PPI, &join(&[&[0, 0, 8, 0, 1, 0, 0, 0], &ethernet(&[8, 0])])));
        let unknown = join(&[&[0, 0, 8, 0, 147, 0, 0, 0], &data()]);
        assert_eq!(rejected(LinkType::PPI, &unknown).reason, RejectReason::UnknownLinkType(147));
    }

    #[test]
    fn headers_of_no_known_version_or_length_are_rejected() {
        for (link, header, reason) in [
            (LinkType::IEEE802_11_RADIOTAP, [1, 0, 8, 0, 0, 0, 0, 0], RejectReason::BadVersion),
            (LinkType::IEEE802_11_RADIOTAP, [0, 0, 7, 0, 0, 0, 0, 0], RejectReason::BadLength),
            (LinkType::PPI, [1, 0, 8, 0, 105, 0, 0, 0], RejectReason::BadVersion),
            (LinkType::IEEE802_11_AVS, [0x80, 0x21, 0x11, 0, 0, 0, 0, 64], RejectReason::BadVersion),
            (LinkType::IEEE802_11_PRISM, [0x44, 0, 0, 0, 7, 0, 0, 0], RejectReason::BadLength),
        ] {
            assert_eq!(rejected(link, &join(&[&header, &data()])).reason, reason);
        }
    }
}
