//! GTP-U, version 1 (3GPP TS 29.281): user data of mobile networks, with sequence numbers and extension
//! headers.
//!
//! Each direction has its own endpoint identifier; what both have is the pair of outer addresses.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16, big_endian::U32};

use super::{
    Layer, Next, Reject, RejectReason, ip,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

/// Version 1, GTP and not GTP', and the spare bit as it is sent.
const FIXED_BITS: u8 = 0xf8;
const VERSION_1: u8 = 0x30;
/// An extension header, a sequence number, an N-PDU number: any of them brings the optional fields.
const EXTENSION: u8 = 0x04;
const OPTIONAL: u8 = 0x07;

/// The message that carries a user's datagram.
const G_PDU: u8 = 255;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Gtp {
    flags: u8,
    message: u8,
    /// Of what follows these eight bytes.
    length: U16,
    endpoint: U32,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let header: &Gtp = peel.peek(Layer::Gtp)?;
    let length = usize::from(header.length.get());
    if header.flags & FIXED_BITS != VERSION_1 || length + size_of::<Gtp>() != peel.len {
        return Err(plain);
    }
    if header.message != G_PDU {
        return Err(peel.reject(Layer::Gtp, RejectReason::Control));
    }
    peel.enter(Layer::Gtp, TunnelKind::Gtp, Some(header.endpoint.get()), Identity::Addresses)?;
    peel.advance(size_of::<Gtp>(), Layer::Gtp)?;
    if header.flags & OPTIONAL != 0 {
        let &[_, _, _, mut next] = peel.header::<[u8; 4]>(Layer::Gtp)?;
        // Without the flag the field says nothing.
        while header.flags & EXTENSION != 0 && next != 0 {
            next = extension(peel)?;
        }
    }
    // A session may as well carry PPP or Ethernet, which the header does not say.
    ip::by_version(peel, Layer::Gtp)
}

/// Skips an extension header; answers the type of the next one.
fn extension(peel: &mut Peel<'_>) -> Result<u8, Reject> {
    let &[words] = peel.peek::<[u8; 1]>(Layer::Gtp)?;
    if words == 0 {
        return Err(peel.reject(Layer::Gtp, RejectReason::BadLength));
    }
    let header = peel.advance(usize::from(words) * 4, Layer::Gtp)?;
    Ok(header.last().copied().unwrap_or(0))
}
