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
