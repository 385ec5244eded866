//! B.A.T.M.A.N. advanced, compatibility versions 14 and 15 (the kernel's `uapi/linux/batadv_packet.h`): frames of
//! a mesh network inside Ethernet.

use super::{
    Layer, Next, Reject, RejectReason,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

/// Type, version, time to live, a number; then the destination.
const UNICAST: usize = 10;
/// The same with the sender's address, a subtype and a reserved byte.
const UNICAST_4ADDR: usize = UNICAST + 8;
/// Type, version, time to live, a reserved byte, a sequence number, the sender.
const BROADCAST: usize = 14;

enum Kind {
    Frame(usize),
    Fragment,
    Other,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let &[kind, version] = peel.peek::<[u8; 2]>(Layer::Fabric)?;
    let kind = match (version, kind) {
        (15, 0x40) | (14, 0x03) => Kind::Frame(UNICAST),
        (15, 0x42) | (14, 0x09) => Kind::Frame(UNICAST_4ADDR),
        (15, 0x01) | (14, 0x04) => Kind::Frame(BROADCAST),
        (15, 0x41) | (14, 0x06) => Kind::Fragment,
        (14 | 15, _) => Kind::Other,
        _ => return Err(peel.reject(Layer::Fabric, RejectReason::BadVersion)),
    };
    let size = match kind {
        Kind::Frame(size) => size,
        Kind::Fragment => return Err(peel.reject(Layer::Fabric, RejectReason::Fragment)),
        Kind::Other => return Err(peel.reject(Layer::Fabric, RejectReason::Control)),
    };
    peel.enter(Layer::Fabric, TunnelKind::Batman, None, Identity::None)?;
    peel.advance(size, Layer::Fabric)?;
    Ok(Next::Ethernet)
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    #[test]
    fn unicast_with_two_and_four_addresses_and_broadcast_carry_frames() {
        let outer = [2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 0x43, 5];
        for (version, kinds) in [(15, [0x40, 0x42, 1]), (14, [3, 9, 4])] {
            for (kind, rest) in kinds.into_iter().zip([6, 14, 10]) {
                let header = [kind, version, 50, 1];
                let frame = join(&[&outer, &header, &[7; 14][..rest], &ethernet(&[8, 0])]);
                assert_eq!(tunnels(LinkType::ETHERNET, &frame), (tunnel(TunnelKind::Batman, None), 0));
            }
        }
        for (header, reason) in [
            ([0x00, 15], RejectReason::Control),
            ([0x41, 15], RejectReason::Fragment),
            ([0x40, 13], RejectReason::BadVersion),
        ] {
            let frame = join(&[&outer, &header, &[0; 40]]);
            assert_eq!(rejected(LinkType::ETHERNET, &frame).reason, reason);
        }
    }
}
