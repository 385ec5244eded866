//! GTP-U, version 1 (3GPP TS 29.281): user data of mobile networks, with sequence numbers and extension
//! headers.
//!
//! Each direction has its own endpoint identifier; what both have is the pair of outer addresses.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16, big_endian::U32};

use super::{
    Layer, Next, Reject, RejectReason, look,
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
    // A session may as well carry Ethernet or PPP, which the header does not say.
    look::unannounced(peel, Layer::Gtp)
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

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    fn gtp(flags: u8, message: u8, fields: &[u8], rest: &[u8]) -> std::vec::Vec<u8> {
        let len = (fields.len() + rest.len()) as u8;
        udp(2152, &join(&[&[flags, message, 0, len, 0, 0, 0, 9], fields, rest]))
    }

    #[test]
    fn sequence_numbers_and_extension_headers_are_skipped() {
        for (flags, fields) in [
            (0x30, &[][..]),
            (0x32, &[0, 7, 0, 0][..]),
            // Without its flag the type of an extension header says nothing.
            (0x32, &[0, 7, 0, 0x85]),
            (0x34, &[0, 0, 0, 0x85, 1, 0, 0, 0xc0, 2, 1, 2, 3, 4, 5, 6, 0]),
        ] {
            let (listed, domain) = tunnels(IPV4, &gtp(flags, 255, fields, &ipv4()));
            assert_eq!(listed, tunnel(TunnelKind::Gtp, 9));
            assert_ne!(domain, 0);
        }
        is_hello(whole(IPV4, &gtp(0x30, 255, &[], &ipv6())));
    }

    #[test]
    fn a_session_may_carry_ethernet_whatever_its_addresses_begin_with() {
        for first in [0x02, 0x45, 0x60] {
            let mut frame = ethernet(&[8, 0]);
            frame[0] = first;
            is_hello(whole(IPV4, &gtp(0x30, 255, &[], &frame)));
        }
        is_hello(whole(IPV4, &gtp(0x30, 255, &[], &join(&[&[0xff, 3, 0, 0x21], &ipv4()]))));
    }

    #[test]
    fn endpoint_identifiers_tell_nothing_apart_as_each_direction_has_its_own() {
        let there = gtp(0x30, 255, &[], &ipv4());
        let mut back = there.clone();
        back[35] = 10;
        assert_eq!(tunnels(IPV4, &there).1, tunnels(IPV4, &back).1);
    }

    #[test]
    fn other_messages_are_control_and_other_headers_plain_udp() {
        assert_eq!(rejected(IPV4, &gtp(0x32, 1, &[0, 0, 0, 0], &[])).reason, RejectReason::Control);
        for flags in [0x10, 0x38, 0x50] {
            assert_eq!(rejected(IPV4, &gtp(flags, 255, &[], &ipv4())).reason, RejectReason::NotTcp(17));
        }
        let mut wrong_length = gtp(0x30, 255, &[], &ipv4());
        wrong_length[31] -= 1;
        assert_eq!(rejected(IPV4, &wrong_length).reason, RejectReason::NotTcp(17));
    }

    #[test]
    fn an_extension_header_without_length_and_payload_that_is_not_ip_are_rejected() {
        let endless = gtp(0x34, 255, &[0, 0, 0, 0x85, 0, 0, 0, 0], &ipv4());
        assert_eq!(rejected(IPV4, &endless).reason, RejectReason::BadLength);
        let other = gtp(0x30, 255, &[], &[0xff, 3, 0xc0, 0x21]);
        assert_eq!(rejected(IPV4, &other).reason, RejectReason::BadVersion);
    }
}
