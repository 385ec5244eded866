//! PPP over Ethernet, session stage (RFC 2516, section 4).

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{
    Layer, Next, Reject, RejectReason,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

/// Version 1 and type 1, the only ones there are.
const VERSION_AND_TYPE: u8 = 0x11;
/// The code of session data; others belong to discovery.
const SESSION_DATA: u8 = 0;
/// The EtherType of the discovery stage.
const DISCOVERY: u32 = 0x8863;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Pppoe {
    version_and_type: u8,
    code: u8,
    session: U16,
    /// Bytes after this header.
    length: U16,
}

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let header: &Pppoe = peel.peek(Layer::Pppoe)?;
    if header.version_and_type != VERSION_AND_TYPE {
        return Err(peel.reject(Layer::Pppoe, RejectReason::BadVersion));
    }
    if header.code != SESSION_DATA {
        return Err(peel.reject(Layer::Pppoe, RejectReason::NotIp(DISCOVERY)));
    }
    let session = header.session.get().into();
    peel.enter(Layer::Pppoe, TunnelKind::Pppoe, Some(session), Identity::Number(session))?;
    peel.advance(size_of::<Pppoe>(), Layer::Pppoe)?;
    peel.limit_len(header.length.get().into());
    Ok(Next::Ppp)
}

#[cfg(test)]
mod tests {
    use super::super::examples::*;
    use super::super::{Layer, Reject, RejectReason};
    use crate::frame::LinkType;

    #[test]
    fn a_session_carries_both_versions_of_ip() {
        let v4 = join(&[&[0x11, 0, 0, 9, 0, 47, 0, 0x21], &ipv4()]);
        is_hello(whole(LinkType::PPP_ETHER, &v4));
        let v6 = join(&[&MACS, &[0x88, 0x64, 0x11, 0, 0, 9, 0, 67, 0, 0x57], &ipv6()]);
        is_hello(whole(LinkType::ETHERNET, &v6));
    }

    #[test]
    fn the_length_bounds_a_datagram_without_one() {
        let mut bytes = ethernet(&[0x88, 0x64, 0x11, 0, 0, 9, 0, 47, 0, 0x21]);
        bytes[24..26].fill(0);
        bytes.extend_from_slice(&[0; 9]);
        is_hello(whole(LinkType::ETHERNET, &bytes));
    }

    #[test]
    fn discovery_is_not_ip() {
        for bytes in
            [ethernet(&[0x88, 0x63, 0x11, 9, 0, 0, 0, 4]), ethernet(&[0x88, 0x64, 0x11, 9, 0, 0, 0, 4])]
        {
            let reject = rejected(LinkType::ETHERNET, &bytes);
            assert_eq!(reject.reason, RejectReason::NotIp(0x8863));
        }
    }

    #[test]
    fn another_version_is_rejected() {
        let bytes = ethernet(&[0x88, 0x64, 0x21, 0, 0, 9, 0, 47, 0, 0x21]);
        let reject = rejected(LinkType::ETHERNET, &bytes);
        assert_eq!(reject, Reject { layer: Layer::Pppoe, reason: RejectReason::BadVersion, offset: 14 });
    }
}
