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
