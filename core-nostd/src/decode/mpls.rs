//! MPLS (RFC 3032): a stack of labels, then an IP datagram or a pseudo-wire that carries Ethernet, with
//! (RFC 4385) or without a control word.
//!
//! No label says what it carries, and labels differ by direction. The first nibble does, as in routers
//! (RFC 4928): 4 and 6 are IP, 0 is a control word, 1 a channel beside the pseudo-wire. Since an Ethernet
//! address may begin with any of them, a reading that makes sense further in goes before one that does not.

use zerocopy::big_endian::U32;

use super::{
    Layer, Next, Reject, RejectReason,
    look::{looks_like_ethernet, looks_like_ip},
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

/// Bottom of the stack.
const BOTTOM: u32 = 0x100;
/// Explicit null labels: what the payload is.
const NULL_IPV4: u32 = 0;
const NULL_IPV6: u32 = 2;

const CONTROL_WORD: usize = 4;

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let mut ahead = peel.clone();
    let label = loop {
        let entry = ahead.header::<U32>(Layer::Mpls)?.get();
        if entry & BOTTOM != 0 {
            break entry >> 12;
        }
    };
    peel.enter(Layer::Mpls, TunnelKind::Mpls, Some(label), Identity::None)?;
    peel.advance(ahead.offset - peel.offset, Layer::Mpls)?;
    match label {
        NULL_IPV4 => return Ok(Next::Ipv4),
        NULL_IPV6 => return Ok(Next::Ipv6),
        _ => {}
    }
    let after_word = peel.bytes.get(CONTROL_WORD..).unwrap_or_default();
    match peel.bytes.first().map(|byte| byte >> 4) {
        Some(4 | 6) if looks_like_ip(peel.bytes, peel.len) || !looks_like_ethernet(peel.bytes) => {
            Ok(Next::Ip)
        }
        Some(0) if looks_like_ethernet(after_word) || !looks_like_ethernet(peel.bytes) => {
            peel.advance(CONTROL_WORD, Layer::Mpls)?;
            Ok(Next::Ethernet)
        }
        Some(1) if !looks_like_ethernet(peel.bytes) => Err(peel.reject(Layer::Mpls, RejectReason::Control)),
        Some(_) => Ok(Next::Ethernet),
        None => Err(peel.reject(Layer::Mpls, RejectReason::Truncated)),
    }
}
