//! MPLS (RFC 3032): a stack of labels, then an IP datagram or a pseudo-wire that carries Ethernet, with
//! (RFC 4385) or without a control word.
//!
//! No label says what it carries, and labels differ by direction. The first nibble does, as in routers
//! (RFC 4928): 4 and 6 are IP, 0 is a control word, 1 a channel beside the pseudo-wire. Since an Ethernet
//! address may begin with any of them (RFC 8469), a type field that leads to a valid IP header goes first, with
//! and without a control word; then a reading that makes sense further in goes before one that does not.

use zerocopy::big_endian::U32;

use super::{
    Layer, Next, Reject, RejectReason,
    look::{looks_like_ethernet, looks_like_ip, typed},
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

/// Bottom of the stack.
const BOTTOM: u32 = 0x100;
/// Explicit null labels: what the payload is.
const NULL_IPV4: u32 = 0;
const NULL_IPV6: u32 = 2;

const CONTROL_WORD: usize = 4;

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let mut ahead = peel.clone();
    let label = loop {
        let entry = ahead.header::<U32>(Layer::Mpls)?.get();
        if entry & BOTTOM != 0 {
            break entry >> 12;
        }
    };
    peel.enter(Layer::Mpls, TunnelKind::Mpls, Some(label), Identity::None)?;
    peel.advance(ahead.offset - peel.offset, Layer::Mpls)?;
    match label {
        NULL_IPV4 => return Ok(Next::Ipv4),
        NULL_IPV6 => return Ok(Next::Ipv6),
        _ => {}
    }
    let after_word = peel.bytes.get(CONTROL_WORD..).unwrap_or_default();
    let with_word = || {
        let (skip, next) = typed(after_word, peel.len.checked_sub(CONTROL_WORD)?)?;
        Some((CONTROL_WORD + skip, next))
    };
    // Behind a VLAN tag the type is where it is without tag behind a control word, whose first bits are 0.
    let readings = match peel.bytes {
        [0, 0, ..] => with_word().or_else(|| typed(peel.bytes, peel.len)),
        [0x00..=0x0f, ..] => typed(peel.bytes, peel.len).or_else(with_word),
        _ => typed(peel.bytes, peel.len),
    };
    if let Some((skip, next)) = readings {
        peel.advance(skip, Layer::Mpls)?;
        return Ok(next);
    }
    match peel.bytes.first().map(|byte| byte >> 4) {
        Some(4 | 6) if looks_like_ip(peel.bytes, peel.len) || !looks_like_ethernet(peel.bytes) => {
            Ok(Next::Ip)
        }
        Some(0) if looks_like_ethernet(after_word) || !looks_like_ethernet(peel.bytes) => {
            peel.advance(CONTROL_WORD, Layer::Mpls)?;
            Ok(Next::Ethernet)
        }
        Some(1) if !looks_like_ethernet(peel.bytes) => Err(peel.reject(Layer::Mpls, RejectReason::Control)),
        Some(_) => Ok(Next::Ethernet),
        None => Err(peel.reject(Layer::Mpls, RejectReason::Truncated)),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const ETHERNET: LinkType = LinkType::ETHERNET;

    /// A stack of one label before `rest`.
    fn labelled(label: u8, rest: &[u8]) -> std::vec::Vec<u8> {
        join(&[&MACS, &[0x88, 0x47, 0, label >> 4, label << 4 | 1, 64], rest])
    }

    #[test]
    fn a_stack_of_labels_is_one_tunnel_named_by_the_last_and_tells_nothing_apart() {
        let bytes = ethernet(&[0x88, 0x47, 0, 1, 0, 64, 0, 2, 0, 64, 0, 1, 0x31, 64]);
        assert_eq!(tunnels(ETHERNET, &bytes), (tunnel(TunnelKind::Mpls, 19), 0));
        is_hello(whole(ETHERNET, &ethernet(&[0x88, 0x48, 0, 1, 1, 64])));
    }

    #[test]
    fn the_first_nibble_or_an_explicit_null_says_what_is_inside() {
        for (label, datagram) in [(16, ipv4()), (16, ipv6()), (0, ipv4()), (2, ipv6())] {
            is_hello(whole(ETHERNET, &labelled(label, &datagram)));
        }
    }

    #[test]
    fn a_pseudo_wire_has_a_control_word_or_none() {
        for word in [&[0, 0, 0, 0][..], &[0, 0, 0x12, 0x34], &[]] {
            is_hello(whole(ETHERNET, &labelled(16, &join(&[word, &ethernet(&[8, 0])]))));
        }
        // Without a control word the first nibble is the one of an address.
        for first in [0x00, 0x10, 0x40, 0x60, 0xf0] {
            let mut frame = ethernet(&[0x81, 0, 0, 5, 8, 0]);
            frame[0] = first;
            is_hello(whole(ETHERNET, &labelled(16, &frame)));
        }
    }

    #[test]
    fn a_type_that_leads_to_ip_goes_before_the_first_nibble() {
        // 60:45:bd and lengths that would fit, were the address the beginning of an IPv6 header.
        for (first, control) in
            [(0x60, &[][..]), (0x45, &[]), (0x10, &[]), (0x60, &[0, 0, 0, 0]), (0x00, &[])]
        {
            let mut datagram = ipv4();
            datagram.extend([0; 800]);
            datagram[2..4].copy_from_slice(&[3, 0x4d]);
            for types in [&[8, 0][..], &[0x81, 0, 0, 5, 8, 0]] {
                let mut frame = join(&[&MACS, types, &datagram]);
                frame[..6].copy_from_slice(&[first, 0x45, 0xbd, 1, 2, 3]);
                let bytes = labelled(16, &join(&[control, &frame]));
                let segment = whole(ETHERNET, &bytes).expect("a segment");
                assert_eq!((&segment.payload[..5], segment.payload.len()), (PAYLOAD, 805));
                assert_eq!(segment.link.destination_mac, Some([first, 0x45, 0xbd, 1, 2, 3]));
            }
        }
    }

    #[test]
    fn pseudo_wires_of_ppp_and_hdlc_are_known_by_their_types() {
        for frame in [&[0xff, 3, 0, 0x21][..], &[0, 0x21], &[0x0f, 0, 8, 0]] {
            for word in [&[0, 0, 0, 0][..], &[]] {
                is_hello(whole(ETHERNET, &labelled(16, &join(&[word, frame, &ipv4()]))));
            }
        }
    }

    #[test]
    fn a_channel_beside_a_pseudo_wire_is_control() {
        let reject = rejected(ETHERNET, &labelled(16, &[0x10, 0, 0, 7, 1, 2, 3, 4]));
        assert_eq!((reject.layer.name(), reject.reason, reject.offset), ("MPLS", RejectReason::Control, 18));
    }
}
