//! NSH (RFC 8300): the path that a frame takes through service functions, and what they say of it.
//!
//! Each direction has its own path.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U32};

use super::{
    Layer, Next, Reject, RejectReason,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

/// Of the first byte: the version. Operations and management, the next bit, has a next protocol all the same.
const VERSION: u8 = 0xc0;
/// Of the second byte: the length of the whole header in words of 4 bytes.
const LENGTH: u8 = 0x3f;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Nsh {
    flags: u8,
    length: u8,
    metadata: u8,
    next: u8,
    /// 24 bits of service path, 8 of the place on it.
    path: U32,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let header: &Nsh = peel.peek(Layer::Nsh)?;
    let size = usize::from(header.length & LENGTH) * 4;
    if header.flags & VERSION != 0 {
        return Err(peel.reject(Layer::Nsh, RejectReason::BadVersion));
    }
    if size < size_of::<Nsh>() {
        return Err(peel.reject(Layer::Nsh, RejectReason::BadLength));
    }
    peel.enter(Layer::Nsh, TunnelKind::Nsh, Some(header.path.get() >> 8), Identity::None)?;
    peel.advance(size, Layer::Nsh)?;
    match header.next {
        1 => Ok(Next::Ipv4),
        2 => Ok(Next::Ipv6),
        3 => Ok(Next::Ethernet),
        4 => Ok(Next::Nsh),
        5 => Ok(Next::Mpls),
        other => Err(Reject { layer: Layer::Nsh, reason: RejectReason::NotIp(other.into()), offset }),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::examples::*;
    use super::super::{Layer, RejectReason};
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    fn nsh(header: &[u8], rest: &[u8]) -> std::vec::Vec<u8> {
        join(&[&MACS, &[0x89, 0x4f], header, rest])
    }

    #[test]
    fn metadata_of_both_types_is_skipped_and_the_next_protocol_says_what_follows() {
        let fixed = [0x0f, 0xc6, 1, 1, 0, 0, 9, 255, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6];
        is_hello(whole(LinkType::ETHERNET, &nsh(&[0x2f, 0xc2, 2, 1, 0, 0, 9, 255], &ipv4())));
        assert_eq!(tunnels(LinkType::ETHERNET, &nsh(&fixed, &ipv4())), (tunnel(TunnelKind::Nsh, 9), 0));
        for (next, rest) in [
            (1, ipv4()),
            (2, ipv6()),
            (3, ethernet(&[8, 0])),
            (4, join(&[&[0x0f, 0xc2, 2, 1, 0, 0, 10, 255], &ipv4()])),
            (5, join(&[&[0, 1, 1, 64], &ipv4()])),
        ] {
            is_hello(whole(
                LinkType::ETHERNET,
                &nsh(&[0x0f, 0xc3, 2, next, 0, 0, 9, 255, 1, 2, 3, 0], &rest),
            ));
        }
    }

    #[test]
    fn it_may_be_in_gre_and_in_vxlan_gpe() {
        let inner = join(&[&[0x0f, 0xc2, 2, 1, 0, 0, 9, 255], &ipv4()]);
        is_hello(whole(LinkType::IPV4, &around(47, &join(&[&[0, 0, 0x89, 0x4f], &inner]))));
        is_hello(whole(LinkType::IPV4, &udp(4790, &join(&[&[0x0c, 0, 0, 4, 0, 0, 9, 0], &inner]))));
    }

    #[test]
    fn versions_lengths_and_protocols_are_looked_at() {
        for (header, reason) in [
            ([0x4f, 0xc2, 2, 1, 0, 0, 9, 255], RejectReason::BadVersion),
            ([0x0f, 0xc1, 2, 1, 0, 0, 9, 255], RejectReason::BadLength),
            ([0x0f, 0xc2, 2, 6, 0, 0, 9, 255], RejectReason::NotIp(6)),
        ] {
            let reject = rejected(LinkType::ETHERNET, &nsh(&header, &ipv4()));
            assert_eq!((reject.layer, reject.reason, reject.offset), (Layer::Nsh, reason, 14));
        }
    }
}
