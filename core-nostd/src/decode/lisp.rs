//! LISP data (RFC 9300, 5) with the generic protocol extension (RFC 9305): datagrams between routers of a site's
//! locators.
//!
//! An instance identifier is the same in both directions, whichever locators carry it.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U32};

use super::{
    Layer, Next, Reject, RejectReason,
    look::looks_like_ip,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

/// Flags: a nonce, an echo of it is wanted, a map version, an instance, a next protocol, encryption.
const NONCE: u8 = 0x80;
const ECHO: u8 = 0x20;
const VERSION: u8 = 0x10;
const INSTANCE: u8 = 0x08;
const PROTOCOL: u8 = 0x04;
const KEY: u8 = 0x03;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Lisp {
    flags: u8,
    nonce: [u8; 2],
    /// The last byte of the nonce, or the next protocol.
    protocol: u8,
    /// With an instance: 24 bits of it, 8 of locator status.
    instance: U32,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let header: &Lisp = peel.peek(Layer::Lisp)?;
    let flags = header.flags;
    let by_protocol = flags & PROTOCOL != 0;
    // A nonce excludes a map version; an echo needs one.
    if flags & NONCE != 0 && flags & VERSION != 0 || flags & ECHO != 0 && flags & NONCE == 0 {
        return Err(plain);
    }
    if flags & KEY != 0 {
        return Err(peel.reject(Layer::Lisp, RejectReason::Encrypted));
    }
    let next = match header.protocol {
        _ if !by_protocol => Next::Ip,
        1 => Next::Ipv4,
        2 => Next::Ipv6,
        3 => Next::Ethernet,
        4 => Next::Nsh,
        _ => return Err(plain),
    };
    let inner = peel.bytes.get(size_of::<Lisp>()..).unwrap_or_default();
    let is_cut = peel.bytes.len() < peel.len && inner.len() < 40;
    if matches!(next, Next::Ip | Next::Ipv4 | Next::Ipv6)
        && !looks_like_ip(inner, peel.len.saturating_sub(size_of::<Lisp>()))
    {
        return Err(if is_cut { peel.reject(Layer::Lisp, RejectReason::Truncated) } else { plain });
    }
    let instance = (flags & INSTANCE != 0).then_some(header.instance.get() >> 8);
    let identity = instance.map_or(Identity::None, Identity::Number);
    peel.enter(Layer::Lisp, TunnelKind::Lisp, instance, identity)?;
    peel.advance(size_of::<Lisp>(), Layer::Lisp)?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    fn lisp(header: &[u8; 8], rest: &[u8]) -> std::vec::Vec<u8> {
        udp(4341, &join(&[header, rest]))
    }

    #[test]
    fn an_instance_tells_apart_and_the_version_of_ip_says_what_follows() {
        let of = |instance| tunnels(IPV4, &lisp(&[0xc8, 1, 2, 3, 0, 0, instance, 1], &ipv4()));
        assert_eq!(of(9).0, tunnel(TunnelKind::Lisp, 9));
        assert_ne!(of(9).1, of(10).1);
        let none = tunnels(IPV4, &lisp(&[0x40, 0, 0, 0, 0, 0, 0, 1], &ipv6()));
        assert_eq!(none, (tunnel(TunnelKind::Lisp, None), 0));
    }

    #[test]
    fn the_extension_says_what_follows() {
        for (protocol, rest) in [(1, ipv4()), (2, ipv6()), (3, ethernet(&[8, 0]))] {
            is_hello(whole(IPV4, &lisp(&[0x0c, 0, 0, protocol, 0, 0, 9, 0], &rest)));
        }
    }

    #[test]
    fn encryption_is_told_and_what_is_out_of_place_is_plain_udp() {
        for (header, reason) in [
            ([0x81, 1, 2, 3, 0, 0, 0, 1], RejectReason::Encrypted),
            ([0x90, 1, 2, 3, 0, 0, 0, 1], RejectReason::NotTcp(17)),
            ([0x20, 1, 2, 3, 0, 0, 0, 1], RejectReason::NotTcp(17)),
            ([0x0c, 0, 0, 9, 0, 0, 9, 0], RejectReason::NotTcp(17)),
        ] {
            assert_eq!(rejected(IPV4, &lisp(&header, &ipv4())).reason, reason);
        }
        assert_eq!(rejected(IPV4, &lisp(&[0; 8], &[0x33; 60])).reason, RejectReason::NotTcp(17));
    }
}
