//! PPP over Ethernet, session stage (RFC 2516, section 4).

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{Layer, Next, Reject, RejectReason, peel::Peel};

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
    peel.advance(size_of::<Pppoe>(), Layer::Pppoe)?;
    peel.limit_len(header.length.get().into());
    Ok(Next::Ppp)
}
