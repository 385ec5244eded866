//! Registers of PIM sparse mode (RFC 7761, 4.9.3): datagrams that a router sends to the rendezvous point of their
//! group, one way only.

use super::{
    Layer, Next, Reject, RejectReason, ip,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

const PROTOCOL: u8 = 103;
/// Version 2, type 1.
const REGISTER: u8 = 0x21;
/// Of the second word: a register that only keeps the state alive.
const NULL: u8 = 0x40;

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    if peel.peek::<[u8; 4]>(Layer::Pim)?[0] != REGISTER {
        return Err(peel.reject(Layer::Pim, RejectReason::NotTcp(PROTOCOL)));
    }
    let &[_, _, _, _, flags, _, _, _] = peel.peek::<[u8; 8]>(Layer::Pim)?;
    if flags & NULL != 0 {
        return Err(peel.reject(Layer::Pim, RejectReason::Empty));
    }
    peel.enter(Layer::Pim, TunnelKind::PimRegister, None, Identity::None)?;
    peel.advance(8, Layer::Pim)?;
    ip::by_version(peel, Layer::Pim)
}

#[cfg(test)]
mod tests {
    use super::super::examples::*;
    use super::super::{Layer, RejectReason};
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    #[test]
    fn a_register_carries_a_datagram_of_either_version() {
        let register = [0x21, 0, 0xde, 0xff, 0, 0, 0, 0];
        let bytes = around(103, &join(&[&register, &ipv4()]));
        assert_eq!(tunnels(LinkType::IPV4, &bytes), (tunnel(TunnelKind::PimRegister, None), 0));
        is_hello(whole(LinkType::IPV6, &ipv6_with(103, &join(&[&register, &ipv6()]))));
    }

    #[test]
    fn other_messages_are_pim_and_a_null_register_is_empty() {
        let hello = rejected(LinkType::IPV4, &around(103, &[0x20, 0, 0, 0, 0, 1, 0, 2]));
        assert_eq!((hello.layer, hello.reason), (Layer::Pim, RejectReason::NotTcp(103)));
        let null = around(103, &join(&[&[0x21, 0, 0, 0, 0x40, 0, 0, 0], &ipv4()[..20]]));
        assert_eq!(rejected(LinkType::IPV4, &null).reason, RejectReason::Empty);
    }
}
