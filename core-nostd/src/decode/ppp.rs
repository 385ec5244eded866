//! PPP (RFC 1661), with or without the address and control bytes of HDLC-like framing (RFC 1662),
//! with the protocol field in two bytes or compressed to one.

use super::{Layer, Next, Reject, RejectReason, ethernet, peel::Peel};

const IPV4: u16 = 0x0021;
const IPV6: u16 = 0x0057;

/// All stations, unnumbered information.
const ADDRESS_CONTROL: [u8; 2] = [0xff, 0x03];
/// The addresses of Cisco's framing, unicast and multicast.
const CISCO: [u8; 2] = [0x0f, 0x8f];

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    if peel.bytes.starts_with(&ADDRESS_CONTROL) {
        peel.advance(ADDRESS_CONTROL.len(), Layer::Ppp)?;
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
        _ => Err(Reject { layer: Layer::Ppp, reason: RejectReason::NotIp(protocol.into()), offset }),
    }
}

/// `LINKTYPE_PPP_HDLC`: the first byte tells PPP from Cisco's framing, which carries EtherTypes.
pub(super) fn peel_hdlc(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    if !peel.bytes.first().is_some_and(|address| CISCO.contains(address)) {
        return self::peel(peel);
    }
    let offset = peel.offset;
    let [_address, _control, high, low] = *peel.header::<[u8; 4]>(Layer::Ppp)?;
    let protocol = u16::from_be_bytes([high, low]);
    if protocol < ethernet::MIN_TYPE {
        return Err(Reject { layer: Layer::Ppp, reason: RejectReason::NotIp(protocol.into()), offset });
    }
    ethernet::follow(peel, protocol, Layer::Ppp, offset)
}

/// `LINKTYPE_PPP_WITH_DIR`: a byte that says received or sent comes first.
pub(super) fn peel_with_direction(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    peel.advance(1, Layer::Link)?;
    Ok(Next::Ppp)
}
