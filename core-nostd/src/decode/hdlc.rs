//! Cisco HDLC (`LINKTYPE_C_HDLC`; described in RFC 1547, 4.3.1): an address, a control byte and an EtherType.

use super::{Layer, Next, Reject, RejectReason, ethernet, peel::Peel};

/// OSI protocols follow behind their own padding byte.
const OSI: u16 = 0xfefe;

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let &[_address, _control, high, low] = peel.header::<[u8; 4]>(Layer::Hdlc)?;
    let protocol = u16::from_be_bytes([high, low]);
    if protocol < ethernet::MIN_TYPE || protocol == OSI {
        return Err(Reject { layer: Layer::Hdlc, reason: RejectReason::NotIp(protocol.into()), offset });
    }
    ethernet::follow(peel, protocol, Layer::Hdlc, offset)
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    #[test]
    fn ethertypes_follow_and_keepalives_are_not_ip() {
        is_hello(whole(LinkType::C_HDLC, &join(&[&[0x8f, 0, 0x86, 0xdd], &ipv6()])));
        is_hello(whole(LinkType::C_HDLC, &join(&[&[0x0f, 0, 0x88, 0x47, 0, 1, 1, 64], &ipv4()])));
        for protocol in [[0x80, 0x35], [0xfe, 0xfe], [0x20, 0]] {
            let reject = rejected(LinkType::C_HDLC, &join(&[&[0x8f, 0], &protocol, &[0; 14]]));
            assert_eq!(reject.reason, RejectReason::NotIp(u16::from_be_bytes(protocol).into()));
        }
    }
}
