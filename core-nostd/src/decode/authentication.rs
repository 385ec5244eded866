//! IPsec's authentication header (RFC 4302) behind IPv4. It is skipped: what it covers is not encrypted.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{Layer, Next, Reject, RejectReason, ip, peel::Peel};

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Authentication {
    next: u8,
    /// In words of 4 bytes, minus 2.
    length: u8,
    reserved: U16,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let header: &Authentication = peel.peek(Layer::IpSec)?;
    peel.advance((usize::from(header.length) + 2) * 4, Layer::IpSec)?;
    let reason = RejectReason::NotTcp(header.next);
    ip::by_protocol(header.next).ok_or(Reject { layer: Layer::IpSec, reason, offset })
}
