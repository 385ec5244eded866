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
    by_family(family.min(family.swap_bytes()), offset)
}

/// Goes on by the address family of the header at `offset`.
pub(super) fn by_family(family: u32, offset: usize) -> Result<Next, Reject> {
    match family {
        INET => Ok(Next::Ipv4),
        _ if INET6.contains(&family) => Ok(Next::Ipv6),
        _ => Err(Reject { layer: Layer::Link, reason: RejectReason::NotIp(family), offset }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::*;
    use super::super::{Layer, Reject, RejectReason};
    use crate::frame::LinkType;

    #[test]
    fn every_family_is_known_in_both_byte_orders() {
        for link in [LinkType::NULL, LinkType::LOOP] {
            for (family, datagram) in [(2, ipv4()), (10, ipv6()), (24, ipv6()), (28, ipv6()), (30, ipv6())] {
                is_hello(whole(link, &join(&[&[0, 0, 0, family], &datagram])));
                is_hello(whole(link, &join(&[&[family, 0, 0, 0], &datagram])));
            }
        }
    }

    #[test]
    fn another_family_is_named() {
        let bytes = join(&[&[0, 0, 0, 7], &ipv4()]);
        let reject = rejected(LinkType::NULL, &bytes);
        assert_eq!(reject, Reject { layer: Layer::Link, reason: RejectReason::NotIp(7), offset: 0 });
    }
}
