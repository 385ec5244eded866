//! Frame Relay: the address of Q.922, then what RFC 2427 puts behind a control byte, or an EtherType as
//! Cisco does. `LINKTYPE_FRELAY_WITH_DIR` has a byte before it all, multilink Frame Relay (FRF.16) two.

use super::{Layer, Next, Reject, RejectReason, ethernet, llc, peel::Peel};

/// The last byte of an address.
const LAST: u8 = 0x01;
const MAX_ADDRESS: usize = 4;
/// Unnumbered information.
const CONTROL: u8 = 0x03;
const PADDING: u8 = 0x00;

/// Of the first byte of multilink Frame Relay: a frame begins, ends, and the frame is none of a user's.
const BEGINNING: u8 = 0x80;
const END: u8 = 0x40;
const LINK_CONTROL: u8 = 0x20;

/// Network layer protocol identifiers.
const IPV4: u8 = 0xcc;
const IPV6: u8 = 0x8e;
const SNAP: u8 = 0x80;

pub(super) fn peel_with_direction(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    peel.advance(1, Layer::Link)?;
    Ok(Next::FrameRelay)
}

/// Multilink Frame Relay: flags and 12 bits of sequence number.
pub(super) fn peel_multilink(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let flags = peel.peek::<[u8; 2]>(Layer::Link)?[0] & (BEGINNING | END | LINK_CONTROL);
    match flags {
        flags if flags & LINK_CONTROL != 0 => Err(peel.reject(Layer::Link, RejectReason::Control)),
        flags if flags == BEGINNING | END => {
            peel.advance(2, Layer::Link)?;
            Ok(Next::FrameRelay)
        }
        _ => Err(peel.reject(Layer::Link, RejectReason::Fragment)),
    }
}

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let reject = |reason| Err(Reject { layer: Layer::Link, reason, offset });
    let mut size = 1;
    while peel.header::<[u8; 1]>(Layer::Link)?[0] & LAST == 0 {
        size += 1;
        if size > MAX_ADDRESS {
            return reject(RejectReason::BadLength);
        }
    }
    let &[first, second] = peel.peek::<[u8; 2]>(Layer::Link)?;
    if first != CONTROL {
        let protocol = u16::from_be_bytes([first, second]);
        if protocol < ethernet::MIN_TYPE {
            return reject(RejectReason::NotIp(protocol.into()));
        }
        peel.advance(2, Layer::Link)?;
        return ethernet::follow(peel, protocol, Layer::Link, offset);
    }
    peel.advance(if second == PADDING { 2 } else { 1 }, Layer::Link)?;
    match peel.header::<[u8; 1]>(Layer::Link)?[0] {
        IPV4 => Ok(Next::Ipv4),
        IPV6 => Ok(Next::Ipv6),
        SNAP => llc::follow_snap(peel, offset),
        other => reject(RejectReason::NotIp(other.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    #[test]
    fn addresses_of_two_to_four_bytes_and_all_encapsulations_are_known() {
        for address in [&[0x18, 0x41][..], &[0x18, 0x40, 0x01], &[0x18, 0x40, 0x00, 0x01]] {
            for encapsulation in [&[3, 0xcc][..], &[3, 0, 0xcc], &[3, 0, 0x80, 0, 0, 0, 8, 0], &[8, 0]] {
                is_hello(whole(LinkType::FRELAY, &join(&[address, encapsulation, &ipv4()])));
            }
            is_hello(whole(LinkType::FRELAY, &join(&[address, &[3, 0x8e], &ipv6()])));
            let bridged = join(&[address, &[3, 0, 0x80, 0, 0x80, 0xc2, 0, 7], &ethernet(&[8, 0])]);
            is_hello(whole(LinkType::FRELAY, &bridged));
        }
    }

    #[test]
    fn multilink_frames_are_taken_whole_only() {
        let rest = join(&[&[0x18, 0x41, 3, 0xcc], &ipv4()]);
        is_hello(whole(LinkType::MFR, &join(&[&[0xc5, 0x12], &rest])));
        for (flags, reason) in [
            (0x80, RejectReason::Fragment),
            (0x40, RejectReason::Fragment),
            (0x00, RejectReason::Fragment),
            (0xe1, RejectReason::Control),
        ] {
            assert_eq!(rejected(LinkType::MFR, &join(&[&[flags, 0], &rest])).reason, reason);
        }
    }

    #[test]
    fn endless_addresses_and_other_protocols_are_rejected() {
        assert_eq!(rejected(LinkType::FRELAY, &[0; 40]).reason, RejectReason::BadLength);
        assert_eq!(rejected(LinkType::FRELAY, &[0x18, 0x41, 3, 8, 0, 0]).reason, RejectReason::NotIp(8));
        assert_eq!(rejected(LinkType::FRELAY, &[0x18, 0x41, 2, 8, 0, 0]).reason, RejectReason::NotIp(0x0208));
    }
}
