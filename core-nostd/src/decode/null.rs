//! BSD loopback: an address family of four bytes, in the capturing host's byte order (NULL) or in
//! network byte order (LOOP). Both orders are taken for both, as a file can come from anywhere.

use zerocopy::big_endian::U32;

use super::{Layer, Next, Reject, RejectReason, peel::Peel};

/// `AF_INET`, the same everywhere.
const INET: u32 = 2;
/// `AF_INET6` of Linux, of NetBSD and OpenBSD, of FreeBSD, of macOS.
const INET6: [u32; 4] = [10, 24, 28, 30];

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let family = peel.header::<U32>(Layer::Link)?.get();
    // A family is a small number: in the wrong byte order it is a large one.
    let family = family.min(family.swap_bytes());
    match family {
        INET => Ok(Next::Ipv4),
        _ if INET6.contains(&family) => Ok(Next::Ipv6),
        _ => Err(Reject { layer: Layer::Link, reason: RejectReason::NotIp(family), offset }),
    }
}
