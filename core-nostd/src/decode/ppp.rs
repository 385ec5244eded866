//! PPP (RFC 1661), with or without the address and control bytes of HDLC-like framing (RFC 1662),
//! with the protocol field in two bytes or compressed to one.

use super::{Layer, Next, Reject, RejectReason, hdlc, peel::Peel};

const IPV4: u16 = 0x0021;
const IPV6: u16 = 0x0057;
/// RFC 3032, 4.3: unicast and multicast.
const MPLS: [u16; 2] = [0x0281, 0x0283];

/// All stations: no protocol number is or compresses to this byte (RFC 1661, section 6.6).
const ADDRESS: u8 = 0xff;
/// Unnumbered information.
const CONTROL: u8 = 0x03;
/// The addresses of Cisco's framing, unicast and multicast.
const CISCO: [u8; 2] = [0x0f, 0x8f];

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    // Cisco's framing is met where PPP is announced. Its first bytes would be a protocol number that is not assigned.
    if let [address, 0, ..] = peel.bytes
        && CISCO.contains(address)
    {
        return hdlc::peel(peel);
    }
    let offset = peel.offset;
    let not_ip =
        |protocol: u16| Reject { layer: Layer::Ppp, reason: RejectReason::NotIp(protocol.into()), offset };
    if peel.bytes.first() == Some(&ADDRESS) {
        let [_, control] = *peel.header::<[u8; 2]>(Layer::Ppp)?;
        if control != CONTROL {
            return Err(not_ip(u16::from_be_bytes([ADDRESS, control])));
        }
    }
    let [first] = *peel.header::<[u8; 1]>(Layer::Ppp)?;
    // The last byte of a protocol number is odd, all others are even (RFC 1661, section 2).
    let protocol = if first & 1 == 1 {
        first.into()
    } else {
        let [second] = *peel.header::<[u8; 1]>(Layer::Ppp)?;
        u16::from_be_bytes([first, second])
    };
    match protocol {
        IPV4 => Ok(Next::Ipv4),
        IPV6 => Ok(Next::Ipv6),
        protocol if MPLS.contains(&protocol) => Ok(Next::Mpls),
        _ => Err(not_ip(protocol)),
    }
}

/// `LINKTYPE_PPP_HDLC`: the first byte tells PPP from Cisco's framing, which carries EtherTypes.
pub(super) fn peel_hdlc(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    if !peel.bytes.first().is_some_and(|address| CISCO.contains(address)) {
        return self::peel(peel);
    }
    hdlc::peel(peel)
}

/// `LINKTYPE_PPP_PPPD`: a byte that says received or sent stands where the address would, or before PPP.
pub(super) fn peel_pppd(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    match peel.peek::<[u8; 2]>(Layer::Ppp)? {
        [0 | 1, CONTROL] => peel.advance(2, Layer::Ppp)?,
        [0 | 1, ADDRESS] => peel.advance(1, Layer::Ppp)?,
        _ => &[],
    };
    Ok(Next::Ppp)
}

/// `LINKTYPE_PPP_WITH_DIR`: a byte that says received or sent comes first.
pub(super) fn peel_with_direction(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    peel.advance(1, Layer::Link)?;
    Ok(Next::Ppp)
}

#[cfg(test)]
mod tests {
    use super::super::examples::*;
    use super::super::{Layer, Reject, RejectReason};
    use crate::frame::LinkType;

    #[test]
    fn address_and_control_and_the_first_protocol_byte_may_be_missing() {
        for link in [LinkType::PPP, LinkType::PPP_HDLC] {
            for header in [&[0xff, 3, 0, 0x21][..], &[0xff, 3, 0x21], &[0, 0x21], &[0x21]] {
                is_hello(whole(link, &join(&[header, &ipv4()])));
            }
            for header in [&[0xff, 3, 0, 0x57][..], &[0xff, 3, 0x57], &[0, 0x57], &[0x57]] {
                is_hello(whole(link, &join(&[header, &ipv6()])));
            }
        }
    }

    #[test]
    fn a_direction_may_come_first() {
        for direction in [0, 1] {
            is_hello(whole(LinkType::PPP_WITH_DIR, &join(&[&[direction, 0xff, 3, 0, 0x21], &ipv4()])));
        }
    }

    #[test]
    fn ciscos_framing_carries_ethertypes() {
        is_hello(whole(LinkType::PPP_HDLC, &join(&[&[0x0f, 0, 8, 0], &ipv4()])));
        is_hello(whole(LinkType::PPP_HDLC, &join(&[&[0x8f, 0, 0x86, 0xdd], &ipv6()])));
        let keepalive = join(&[&[0x8f, 0, 0x80, 0x35], &[0; 14]]);
        let reject = rejected(LinkType::PPP_HDLC, &keepalive);
        assert_eq!(reject.reason, RejectReason::NotIp(0x8035));
    }

    #[test]
    fn ciscos_framing_is_known_where_ppp_is_announced() {
        is_hello(whole(LinkType::PPP, &join(&[&[0x0f, 0, 8, 0], &ipv4()])));
        is_hello(whole(LinkType::PPP, &join(&[&[0x8f, 0, 0x86, 0xdd], &ipv6()])));
        is_hello(whole(LinkType::PPP_WITH_DIR, &join(&[&[1, 0x0f, 0, 8, 0], &ipv4()])));
    }

    #[test]
    fn a_direction_may_stand_for_the_address() {
        for header in [&[0, 3, 0, 0x21][..], &[1, 3, 0x21], &[0, 0xff, 3, 0, 0x21], &[0xff, 3, 0, 0x21]] {
            is_hello(whole(LinkType::PPP_PPPD, &join(&[header, &ipv4()])));
        }
    }

    #[test]
    fn link_control_is_not_ip() {
        let bytes = join(&[&[0xff, 3, 0xc0, 0x21], &[1, 1, 0, 4]]);
        let reject = rejected(LinkType::PPP, &bytes);
        assert_eq!(reject, Reject { layer: Layer::Ppp, reason: RejectReason::NotIp(0xc021), offset: 0 });
    }
}
