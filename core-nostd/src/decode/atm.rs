//! ATM: what AAL5 carries (RFC 2684), classical IP of Linux, and the header of SunATM.

use super::{
    Layer, Next, Reject,
    look::{looks_like_ip, typed},
    peel::Peel,
};

/// SunATM: the kind of traffic in the low nibble of the first byte.
const KIND: u8 = 0x0f;
const LANE: u8 = 1;
/// The emulated LAN's client identifier before an Ethernet frame.
const LANE_HEADER: usize = 2;

/// LLC, or without it what the payload looks like.
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    if let [0xaa, 0xaa, 3, ..] | [0xfe, 0xfe, 3, ..] | [6, 6, 3, ..] = peel.bytes {
        return Ok(Next::Llc);
    }
    if let Some((size, next)) = typed(peel.bytes, peel.len) {
        peel.advance(size, Layer::Link)?;
        return Ok(next);
    }
    Ok(if looks_like_ip(peel.bytes, peel.len) { Next::Ip } else { Next::Llc })
}

/// Direction and kind of traffic, virtual path, virtual channel.
pub(super) fn peel_sun(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let &[kind, _path, _, _] = peel.header::<[u8; 4]>(Layer::Link)?;
    if kind & KIND == LANE {
        peel.advance(LANE_HEADER, Layer::Link)?;
        return Ok(Next::Ethernet);
    }
    Ok(Next::Atm)
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    const RFC1483: [LinkType; 3] = [LinkType::ATM_RFC1483, LinkType::ATM_RFC1483_BSD, LinkType::ATM_CLIP];

    #[test]
    fn routed_and_bridged_protocols_are_carried_with_llc_and_without() {
        let frame = ethernet(&[8, 0]);
        for payload in [
            join(&[&SNAP_IPV4, &ipv4()]),
            join(&[&[0xfe, 0xfe, 3, 0xcc], &ipv4()]),
            join(&[&[0xfe, 0xfe, 3, 0xcf, 0, 0x21], &ipv4()]),
            join(&[&[0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0], &frame]),
            join(&[&[0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 1, 0, 0], &frame]),
            join(&[&[0xaa, 0xaa, 3, 0, 0, 0, 0x88, 0x64, 0x11, 0, 0, 9, 0, 47, 0, 0x21], &ipv4()]),
            ipv4(),
            ipv6(),
            join(&[&[0, 0x21], &ipv4()]),
        ] {
            for link in RFC1483 {
                is_hello(whole(link, &payload));
            }
            is_hello(whole(LinkType::SUNATM, &join(&[&[0x82, 0, 0, 100], &payload])));
        }
        is_hello(whole(LinkType::SUNATM, &join(&[&[1, 0, 0, 100, 0, 9], &frame])));
    }

    #[test]
    fn signalling_is_not_ip() {
        let signalling = join(&[&[6, 0, 0, 5, 0x09, 0x03, 0x00, 0x00], &[0; 40]]);
        assert_eq!(rejected(LinkType::SUNATM, &signalling).reason, RejectReason::NotIp(0x0903));
    }
}
