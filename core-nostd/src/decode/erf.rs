//! ERF (`LINKTYPE_ERF`): the records of Endace's cards: a time, a type, lengths, extension headers, then a frame.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{Layer, Next, Reject, RejectReason, peel::Peel};

/// Of the type, and of each extension header: another one follows.
const MORE: u8 = 0x80;
const EXTENSION: usize = 8;
/// What a channel's records have before the frame.
const CHANNEL: usize = 4;
/// The header of a cell without its check byte, before what cells were put together to.
const CELL: usize = 4;
/// Before an Ethernet frame: an offset and a padding byte.
const ETHERNET_PADDING: usize = 2;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Erf {
    time: [u8; 8],
    kind: u8,
    flags: u8,
    /// Of this record, all of it.
    record: U16,
    lost: U16,
    /// Of the frame on the wire.
    wire: U16,
}

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let header: &Erf = peel.header(Layer::Link)?;
    let mut more = header.kind & MORE != 0;
    while more {
        more = peel.header::<[u8; EXTENSION]>(Layer::Link)?[0] & MORE != 0;
    }
    let (size, next) = match header.kind & !MORE {
        1 | 10 | 15 | 19 => (0, Next::PppHdlc),
        2 | 11 | 16 | 20 => (ETHERNET_PADDING, Next::Ethernet),
        4 => (CELL, Next::Atm),
        5 | 17 => (CHANNEL, Next::PppHdlc),
        9 => (CHANNEL + CELL, Next::Atm),
        22 => (0, Next::Ipv4),
        23 => (0, Next::Ipv6),
        // Metadata, padding and counters.
        13 | 14 | 27 | 48 => {
            return Err(Reject { layer: Layer::Link, reason: RejectReason::Control, offset });
        }
        other => {
            let reason = RejectReason::NotIp(other.into());
            return Err(Reject { layer: Layer::Link, reason, offset });
        }
    };
    let record = usize::from(header.record.get());
    let Some(rest) = record.checked_sub(peel.offset - offset) else {
        return Err(Reject { layer: Layer::Link, reason: RejectReason::BadLength, offset });
    };
    peel.advance(size, Layer::Link)?;
    let recorded = rest.saturating_sub(size);
    if recorded < peel.len {
        // The card cut the frame, or padded the record.
        peel.limit_len(recorded);
        let wire = usize::from(header.wire.get());
        if wire > recorded {
            peel.set_len(wire);
        }
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    use std::vec::Vec;

    fn erf(kind: u8, extensions: &[u8], frame: &[u8]) -> Vec<u8> {
        let record = (16 + extensions.len() + frame.len()) as u16;
        let header = join(&[&[0, 0, 0, 0, 0, 0xf1, 0x53, 0x65, kind, 4], &record.to_be_bytes()]);
        join(&[&header, &[0, 0], &(frame.len() as u16).to_be_bytes(), extensions, frame])
    }

    #[test]
    fn every_type_that_carries_datagrams_is_known() {
        let ethernet = join(&[&[0, 0], &ethernet(&[8, 0])]);
        let hdlc = join(&[&[0x0f, 0, 8, 0], &ipv4()]);
        let ppp = join(&[&[0xff, 3, 0, 0x21], &ipv4()]);
        let atm = join(&[&[0, 0, 1, 0], &SNAP_IPV4, &ipv4()]);
        for (kinds, frame) in [
            (&[2, 11, 16, 20][..], ethernet),
            (&[1, 10, 15, 19], hdlc),
            (&[1], ppp.clone()),
            (&[5, 17], join(&[&[0, 0, 0, 1], &ppp])),
            (&[4], atm.clone()),
            (&[9], join(&[&[0, 0, 0, 1], &atm])),
            (&[22], ipv4()),
            (&[23], ipv6()),
        ] {
            for &kind in kinds {
                for link in [LinkType::ERF, LinkType::ERF_ETH, LinkType::ERF_POS] {
                    is_hello(whole(link, &erf(kind, &[], &frame)));
                }
                let extensions = [0x84, 1, 2, 3, 4, 5, 6, 7, 0x04, 1, 2, 3, 4, 5, 6, 7];
                is_hello(whole(LinkType::ERF, &erf(kind | 0x80, &extensions, &frame)));
            }
        }
    }

    #[test]
    fn a_record_that_the_card_cut_keeps_the_length_of_its_frame() {
        let mut frame = join(&[&[0, 0], &ethernet(&[8, 0])]);
        frame[2 + 16..2 + 18].fill(0);
        let mut bytes = erf(2, &[], &frame);
        bytes[15] += 10;
        bytes.extend([0xee; 4]);
        let segment = whole(LinkType::ERF, &bytes).expect("a segment");
        // The frame is 12 bytes longer than was recorded, as the padding before it does not count.
        assert_eq!((segment.payload, segment.payload_len), (PAYLOAD, 17));
    }

    #[test]
    fn metadata_and_impossible_lengths_are_rejected() {
        assert_eq!(rejected(LinkType::ERF, &erf(27, &[], &[0; 40])).reason, RejectReason::Control);
        assert_eq!(rejected(LinkType::ERF, &erf(21, &[], &[0; 40])).reason, RejectReason::NotIp(21));
        let mut bytes = erf(22, &[], &ipv4());
        bytes[11] = 15;
        assert_eq!(rejected(LinkType::ERF, &bytes).reason, RejectReason::BadLength);
    }
}
