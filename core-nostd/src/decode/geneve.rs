//! Geneve (RFC 8926). Options are skipped.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16, big_endian::U32};

use super::{
    Layer, Next, Reject, RejectReason, ethernet,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

const ETHERNET: u16 = 0x6558;
/// A control packet: nothing of a tenant's is inside.
const CONTROL: u8 = 0x80;
/// All bits of its byte that have a meaning: control, and options that must be understood.
const FLAGS: u8 = 0xc0;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Geneve {
    /// Two bits of version, which is 0, and the length of the options in words of 4 bytes.
    options: u8,
    flags: u8,
    protocol: U16,
    /// 24 bits of network identifier, 8 reserved ones.
    network: U32,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let offset = peel.offset;
    let header: &Geneve = peel.peek(Layer::Geneve)?;
    let network = header.network.get();
    let size = size_of::<Geneve>() + usize::from(header.options) * 4;
    if header.options > 0x3f || header.flags & !FLAGS != 0 || network & 0xff != 0 || size > peel.len {
        return Err(plain);
    }
    if header.flags & CONTROL != 0 {
        return Err(peel.reject(Layer::Geneve, RejectReason::Control));
    }
    let network = network >> 8;
    peel.enter(Layer::Geneve, TunnelKind::Geneve, Some(network), Identity::Number(network))?;
    peel.advance(size, Layer::Geneve)?;
    match header.protocol.get() {
        ETHERNET => Ok(Next::Ethernet),
        protocol if protocol < ethernet::MIN_TYPE => {
            let reason = RejectReason::NotIp(protocol.into());
            Err(Reject { layer: Layer::Geneve, reason, offset })
        }
        protocol => ethernet::follow(peel, protocol, Layer::Geneve, offset),
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

    fn geneve(header: &[u8], rest: &[u8]) -> std::vec::Vec<u8> {
        udp(6081, &join(&[header, rest]))
    }

    #[test]
    fn options_are_skipped_and_the_protocol_says_what_is_inside() {
        let bytes = geneve(&[2, 0x40, 0x65, 0x58, 0, 0, 9, 0, 1, 2, 3, 1, 5, 6, 7, 8], &ethernet(&[8, 0]));
        assert_eq!(tunnels(IPV4, &bytes).0, tunnel(TunnelKind::Geneve, 9));
        is_hello(whole(IPV4, &geneve(&[0, 0, 8, 0, 0, 0, 9, 0], &ipv4())));
        is_hello(whole(IPV4, &geneve(&[0, 0, 0x86, 0xdd, 0, 0, 9, 0], &ipv6())));
    }

    #[test]
    fn control_is_rejected_as_that_and_what_is_out_of_place_is_plain_udp() {
        for (header, reason) in [
            ([0, 0x80, 8, 0, 0, 0, 9, 0], RejectReason::Control),
            ([0x40, 0, 8, 0, 0, 0, 9, 0], RejectReason::NotTcp(17)),
            ([0, 1, 8, 0, 0, 0, 9, 0], RejectReason::NotTcp(17)),
            ([0, 0, 8, 0, 0, 0, 9, 1], RejectReason::NotTcp(17)),
            ([0x3f, 0, 8, 0, 0, 0, 9, 0], RejectReason::NotTcp(17)),
            ([0, 0, 0x11, 0x22, 0, 0, 9, 0], RejectReason::NotIp(0x1122)),
        ] {
            assert_eq!(rejected(IPV4, &geneve(&header, &ipv4())).reason, reason, "{header:?}");
        }
    }
}
