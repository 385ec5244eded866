//! ERSPAN: frames that a switch mirrors to a monitor, in GRE (draft-foschiano-erspan). Type I has no header
//! of its own, type II one of 8 bytes, type III one of 12, with 8 more where it says so.
//!
//! The two directions of a connection may be mirrored by different sessions and come from different
//! switches, so that nothing in the header tells connections apart. The VLAN that it names is not listed
//! as a tag either: where traffic is routed it differs by direction.

use super::{
    Layer, Next, Reject, RejectReason,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

const TYPE_II: u8 = 1;
const TYPE_III: u8 = 2;

/// In the last byte of type III's header: 8 more bytes follow.
const OPTIONAL: u8 = 0x01;
/// Bits 6 to 2 of the byte before: the frame's type; 0 is Ethernet, 2 an IP datagram.
const FRAME_TYPE: u8 = 0x7c;
const ETHERNET: u8 = 0 << 2;
const IP: u8 = 2 << 2;

/// `header` says whether GRE had a sequence number: type I has none.
#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, header: bool) -> Result<Next, Reject> {
    if !header {
        peel.enter(Layer::Erspan, TunnelKind::Erspan, None, Identity::None)?;
        return Ok(Next::Ethernet);
    }
    let &[first, _, high, low] = peel.peek::<[u8; 4]>(Layer::Erspan)?;
    let session = u32::from(u16::from_be_bytes([high, low]) & 0x3ff);
    let (size, frame_type) = match first >> 4 {
        TYPE_II => (8, ETHERNET),
        TYPE_III => {
            let &[_, _, _, _, _, _, _, _, _, _, kind, last] = peel.peek::<[u8; 12]>(Layer::Erspan)?;
            (if last & OPTIONAL == 0 { 12 } else { 20 }, kind & FRAME_TYPE)
        }
        _ => return Err(peel.reject(Layer::Erspan, RejectReason::BadVersion)),
    };
    peel.enter(Layer::Erspan, TunnelKind::Erspan, Some(session), Identity::None)?;
    let offset = peel.offset;
    peel.advance(size, Layer::Erspan)?;
    match frame_type {
        ETHERNET => Ok(Next::Ethernet),
        IP => Ok(Next::Ip),
        other => {
            let reason = RejectReason::NotIp(u32::from(other >> 2));
            Err(Reject { layer: Layer::Erspan, reason, offset })
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    fn erspan(gre: &[u8], header: &[u8], frame: &[u8]) -> std::vec::Vec<u8> {
        around(47, &join(&[gre, header, frame]))
    }

    #[test]
    fn types_one_two_and_three_carry_frames_and_tell_nothing_apart() {
        const II: [u8; 8] = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1];
        const III: [u8; 8] = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1];
        let frame = ethernet(&[0x81, 0, 0, 5, 8, 0]);
        for (gre, header, session) in [
            (&[0, 0, 0x88, 0xbe][..], &[][..], None),
            (&II, &[0x10, 1, 0xfc, 9, 0, 0, 0, 0], Some(9)),
            (&III, &[0x20, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0], Some(9)),
            (&III, &[0x20, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8], Some(9)),
        ] {
            let (listed, domain) = tunnels(IPV4, &erspan(gre, header, &frame));
            assert_eq!((listed, domain), (tunnel(TunnelKind::Erspan, session), 5));
        }
        is_hello(whole(IPV4, &erspan(&III, &[0x20, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0x08, 0], &ipv4())));
        let infiniband = erspan(&III, &[0x20, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0x0c, 0], &frame);
        assert_eq!(rejected(IPV4, &infiniband).reason, RejectReason::NotIp(3));
        let unknown = erspan(&II, &[0x30, 1, 0, 9, 0, 0, 0, 0], &frame);
        assert_eq!(rejected(IPV4, &unknown).reason, RejectReason::BadVersion);
    }
}
