//! IPv6 (RFC 8200) and its extension headers, jumbograms (RFC 2675) among them.
//!
//! A fragment header that makes no fragment (RFC 6946) is skipped like the others. Under a routing header that is not yet used up the destination is the final one, as it
//! is for the TCP checksum (RFC 8200, 8.1), so that both directions have the same addresses.

use smoltcp::wire::{
    Ipv6ExtHeader, Ipv6FragmentHeader, Ipv6OptionRepr, Ipv6OptionType, Ipv6OptionsIterator, Ipv6Packet,
};

use super::{
    Layer, Next, Reject, RejectReason, ip,
    look::looks_like_ipv4,
    peel::{Ip, Peel},
    piece::{Part, PartKind},
};

const HEADER: usize = 40;

const HOP_BY_HOP: u8 = 0;
const TCP: u8 = 6;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// The option that carries a length of 32 bits.
const JUMBO_PAYLOAD: Ipv6OptionType = Ipv6OptionType::Unknown(0xc2);

/// Routing header types: source route (RFC 2460), mobility (RFC 6275), segment routing (RFC 8754).
const SOURCE_ROUTE: u8 = 0;
const HOME_ADDRESS: u8 = 2;
const SEGMENT_ROUTING: u8 = 4;

#[inline]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let fixed: &[u8; HEADER] = peel.peek(Layer::Ipv6)?;
    let header = Ipv6Packet::new_unchecked(fixed);
    if header.version() != 6 {
        return other_version(peel);
    }
    peel.advance(HEADER, Layer::Ipv6)?;
    peel.ip = Ip::V6(fixed);
    let next = u8::from(header.next_header());
    match usize::from(header.payload_len()) {
        0 => {
            // Without a jumbo payload option the datagram was captured before the network card cut
            // it into segments: it ends where the frame does.
            if next == HOP_BY_HOP
                && let Some(len) = jumbo_payload(peel.bytes)
            {
                peel.set_len(len);
            }
        }
        len => peel.set_len(len),
    }
    follow(next, Layer::Ipv6, offset)
}

/// An IPv4 datagram stands where IPv6 was announced, as some senders do: its header has to be valid.
#[cold]
fn other_version(peel: &Peel<'_>) -> Result<Next, Reject> {
    if looks_like_ipv4(peel.bytes, peel.len) {
        return Ok(Next::Ipv4);
    }
    Err(peel.reject(Layer::Ipv6, RejectReason::BadVersion))
}

pub(super) fn peel_extension(peel: &mut Peel<'_>, kind: u8) -> Result<Next, Reject> {
    let offset = peel.offset;
    let &[next, len] = peel.peek::<[u8; 2]>(Layer::Ipv6Extension)?;
    let len = usize::from(len);
    let size = match kind {
        FRAGMENT => 8,
        AUTHENTICATION => (len + 2) * 4,
        _ => (len + 1) * 8,
    };
    let header = peel.advance(size, Layer::Ipv6Extension)?;
    match kind {
        FRAGMENT => {
            if let Some(part) = fragment(header, next, offset) {
                return Ok(Next::Part(part));
            }
        }
        ROUTING => {
            if let Some(address) = final_destination(header) {
                peel.final_destination = Some(address);
            }
        }
        _ => {}
    }
    follow(next, Layer::Ipv6Extension, offset)
}

/// Goes on by the next header field of the header of `layer` at `offset`.
#[inline]
fn follow(next: u8, layer: Layer, offset: usize) -> Result<Next, Reject> {
    by_protocol(next).ok_or(Reject { layer, reason: RejectReason::NotTcp(next), offset })
}

/// What follows a next header field with this number; `None` if it leads to no TCP.
#[inline]
pub(super) fn by_protocol(next: u8) -> Option<Next> {
    match next {
        TCP => Some(Next::Tcp),
        HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS | MOBILITY | HOST_IDENTITY
        | SHIM6 => Some(Next::Ipv6Extension(next)),
        other => ip::by_protocol(other),
    }
}

/// The length in the jumbo payload option of the hop-by-hop header that `bytes` starts with.
#[cold]
fn jumbo_payload(bytes: &[u8]) -> Option<usize> {
    let header = Ipv6ExtHeader::new_checked(bytes).ok()?;
    Ipv6OptionsIterator::new(header.payload()).find_map(|option| match option {
        Ok(Ipv6OptionRepr::Unknown { type_: JUMBO_PAYLOAD, data, .. }) => {
            let len = u32::from_be_bytes(data.try_into().ok()?);
            usize::try_from(len).ok()
        }
        _ => None,
    })
}

/// What the fragment header at `offset` says, unless it is of a datagram in one fragment.
fn fragment(header: &[u8], protocol: u8, offset: usize) -> Option<Part> {
    // smoltcp's fields start after the next header field and the reserved byte.
    let fields = Ipv6FragmentHeader::new_checked(header.get(2..)?).ok()?;
    if fields.frag_offset() == 0 && !fields.more_frags() {
        return None;
    }
    Some(Part {
        id: fields.ident(),
        offset: fields.frag_offset() << 3,
        more: fields.more_frags(),
        protocol,
        kind: PartKind::Ipv6,
        header: u32::try_from(offset).unwrap_or(u32::MAX),
    })
}

/// Where the datagram goes after the segments that are left in its routing header.
fn final_destination(header: &[u8]) -> Option<&[u8; 16]> {
    let (&[_, _, kind, segments_left, _, _, _, _], addresses) = header.split_first_chunk()?;
    if segments_left == 0 {
        return None;
    }
    match kind {
        SOURCE_ROUTE => addresses.last_chunk(),
        // A segment list is in reverse order (RFC 8754, 2).
        HOME_ADDRESS | SEGMENT_ROUTING => addresses.first_chunk(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::net::{IpAddr, Ipv6Addr};
    use std::vec::Vec;

    use super::super::examples::*;
    use super::super::{Layer, Reject, RejectReason, Segment};
    use crate::frame::LinkType;

    const IPV6: LinkType = LinkType::IPV6;

    /// The segment behind extension headers, the first of which has this number.
    fn behind(first: u8, extensions: &[u8]) -> Vec<u8> {
        ipv6_with(first, &join(&[extensions, &TCP, PAYLOAD]))
    }

    fn reject(bytes: &[u8]) -> Reject {
        rejected(IPV6, bytes)
    }

    const fn extension(reason: RejectReason, offset: usize) -> Reject {
        Reject { layer: Layer::Ipv6Extension, reason, offset }
    }

    #[test]
    fn each_extension_header_is_skipped() {
        for number in [0, 43, 60, 135, 139, 140] {
            is_hello(whole(IPV6, &behind(number, &[6, 0, 1, 4, 0, 0, 0, 0])));
            is_hello(whole(IPV6, &behind(number, &[6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])));
        }
    }

    #[test]
    fn an_authentication_header_counts_in_words_of_four_bytes() {
        is_hello(whole(
            IPV6,
            &behind(51, &[6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]),
        ));
    }

    #[test]
    fn a_fragment_header_that_makes_no_fragment_is_skipped() {
        is_hello(whole(IPV6, &behind(44, &[6, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef])));
        // The two reserved bits say nothing.
        is_hello(whole(IPV6, &behind(44, &[6, 0, 0, 6, 0, 0, 0, 0])));
    }

    #[test]
    fn first_and_later_fragments_are_rejected() {
        for [high, low] in [[0, 1], [0, 8], [5, 0xa9], [0xff, 0xf8]] {
            let bytes = behind(60, &[44, 0, 1, 4, 0, 0, 0, 0, 6, 0, high, low, 0, 0, 0, 1]);
            assert_eq!(reject(&bytes), extension(RejectReason::Fragment, 48));
        }
    }

    #[test]
    fn encrypted_and_absent_payload_is_not_tcp() {
        for number in [50, 59, 58, 253] {
            let reason = RejectReason::NotTcp(number);
            assert_eq!(reject(&behind(number, &[])), Reject { layer: Layer::Ipv6, reason, offset: 0 });
            let after_options = behind(0, &[number, 0, 1, 4, 0, 0, 0, 0]);
            assert_eq!(reject(&after_options), extension(reason, 40));
        }
    }

    #[test]
    fn an_extension_header_beyond_the_datagram_is_impossible() {
        assert_eq!(reject(&behind(0, &[6, 4, 1, 4, 0, 0, 0, 0])), extension(RejectReason::BadLength, 40));
    }

    #[test]
    fn an_endless_chain_of_extension_headers_is_too_deep() {
        let chain = [60, 0, 1, 4, 0, 0, 0, 0].repeat(8000);
        assert_eq!(reject(&behind(60, &chain)).reason, RejectReason::TooDeep);
    }

    #[test]
    fn version_4_where_ipv6_was_announced_needs_a_valid_header() {
        let mut bytes = join(&[&MACS, &[0x86, 0xdd], &ipv4()]);
        is_hello(whole(LinkType::ETHERNET, &bytes));
        bytes[14 + 10] = 1;
        let reject = rejected(LinkType::ETHERNET, &bytes);
        assert_eq!(reject, Reject { layer: Layer::Ipv6, reason: RejectReason::BadVersion, offset: 14 });
    }

    #[test]
    fn a_payload_length_of_0_ends_with_the_frame() {
        let mut bytes = ipv6();
        bytes[5] = 0;
        is_hello(whole(IPV6, &bytes));
        let segment = cut(IPV6, &bytes[..62], 80_000).expect("a segment");
        assert_eq!(segment.payload, b"he");
        assert_eq!(segment.payload_len, 79_940);
    }

    #[test]
    fn a_jumbo_payload_option_gives_the_length() {
        let mut bytes = ipv6_jumbo(33);
        bytes.extend_from_slice(&[0; 7]);
        is_hello(whole(IPV6, &bytes));
        // 0x00012345 bytes, of which 8 are options and 20 are TCP's header.
        bytes[44..48].copy_from_slice(&[0, 1, 0x23, 0x45]);
        assert_eq!(whole(IPV6, &bytes).expect("a segment").payload_len, 0x12345 - 28);
    }

    #[test]
    fn a_jumbo_payload_shorter_than_its_own_option_is_impossible() {
        assert_eq!(reject(&ipv6_jumbo(7)), extension(RejectReason::BadLength, 40));
    }

    #[test]
    fn a_jumbo_payload_option_beside_a_length_says_nothing() {
        let mut bytes = ipv6_jumbo(200);
        bytes[5] = 33;
        is_hello(whole(IPV6, &bytes));
    }

    #[test]
    fn routing_leads_to_the_final_destination() {
        let destination = |result: Result<Segment<'_>, Reject>| result.expect("a segment").key.destination;
        let (first, last) = ([0xf1; 16], [0xf2; 16]);
        for (kind, segments_left, expected) in [
            (0, 2, Ipv6Addr::from(last)),
            (2, 1, Ipv6Addr::from(first)),
            (4, 1, Ipv6Addr::from(first)),
            (3, 1, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
            (0, 0, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
        ] {
            let bytes = behind(43, &join(&[&[6, 4, kind, segments_left, 0, 0, 0, 0], &first, &last]));
            assert_eq!(destination(whole(IPV6, &bytes)), IpAddr::V6(expected), "type {kind}");
        }
    }
}
