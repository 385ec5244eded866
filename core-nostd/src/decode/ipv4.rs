//! IPv4 (RFC 791). Options are skipped.

use smoltcp::wire::Ipv4Packet;

use super::{
    Checksums, Layer, Next, Reject, RejectReason, ip,
    look::looks_like_ipv6,
    peel::{Ip, Peel},
    piece::{Part, PartKind},
};

const MIN_HEADER: usize = 20;

#[inline]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let fixed: &[u8; MIN_HEADER] = peel.peek(Layer::Ipv4)?;
    let header = Ipv4Packet::new_unchecked(fixed);
    if header.version() != 4 {
        return other_version(peel);
    }
    let header_len = usize::from(header.header_len());
    if header_len < MIN_HEADER {
        return Err(peel.reject(Layer::Ipv4, RejectReason::BadLength));
    }
    match usize::from(header.total_len()) {
        // Captured before the network card cut it into segments: it ends where the frame does.
        0 => {}
        total_len if total_len < header_len => {
            return Err(peel.reject(Layer::Ipv4, RejectReason::BadLength));
        }
        total_len => peel.set_len(total_len),
    }
    if peel.checksums != Checksums::Ignore {
        check(peel, header_len)?;
    }
    let protocol = u8::from(header.next_header());
    let Some(next) = ip::by_protocol(protocol) else {
        return Err(peel.reject(Layer::Ipv4, RejectReason::NotTcp(protocol)));
    };
    let start = peel.offset;
    peel.ip = Ip::V4(fixed);
    peel.advance(header_len, Layer::Ipv4)?;
    if header.more_frags() || header.frag_offset() != 0 {
        return Ok(Next::Part(Part {
            id: u32::from(header.ident()),
            offset: header.frag_offset(),
            more: header.more_frags(),
            protocol,
            kind: PartKind::Ipv4,
            header: u32::try_from(start).unwrap_or(u32::MAX),
        }));
    }
    Ok(next)
}

/// An IPv6 datagram stands where IPv4 was announced, as some senders do: its header has to be valid.
#[cold]
fn other_version(peel: &Peel<'_>) -> Result<Next, Reject> {
    if looks_like_ipv6(peel.bytes, peel.len) {
        return Ok(Next::Ipv6);
    }
    Err(peel.reject(Layer::Ipv4, RejectReason::BadVersion))
}

/// Looks at the checksum of the header, if all of it was captured.
#[cold]
fn check(peel: &mut Peel<'_>, header_len: usize) -> Result<(), Reject> {
    let wrong = |header: &[u8]| !Ipv4Packet::new_unchecked(header).verify_checksum();
    if !peel.bytes.get(..header_len).is_some_and(wrong) {
        return Ok(());
    }
    if peel.checksums == Checksums::Refuse {
        return Err(peel.reject(Layer::Ipv4, RejectReason::BadChecksum));
    }
    peel.checksum_errors.ipv4 = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::super::examples::*;
    use super::super::{Layer, Reject, RejectReason};
    use crate::frame::LinkType;

    const IPV4: LinkType = LinkType::IPV4;

    /// The example with another value in some of its first bytes.
    fn with(changes: &[(usize, u8)]) -> Vec<u8> {
        let mut bytes = ipv4();
        for &(at, value) in changes {
            bytes[at] = value;
        }
        bytes
    }

    fn reason(bytes: &[u8]) -> RejectReason {
        let reject = rejected(IPV4, bytes);
        assert_eq!((reject.layer, reject.offset), (Layer::Ipv4, 0));
        reject.reason
    }

    #[test]
    fn options_are_skipped() {
        let bytes = join(&[&[0x47, 0, 0, 53], &ipv4()[4..20], &[0x94, 4, 0, 0, 1, 1, 1, 0], &ipv4()[20..]]);
        is_hello(whole(IPV4, &bytes));
    }

    #[test]
    fn a_total_length_of_0_ends_with_the_frame() {
        is_hello(whole(IPV4, &with(&[(3, 0)])));
    }

    #[test]
    fn a_total_length_of_0_in_a_cut_frame_ends_where_the_frame_did() {
        let bytes = with(&[(3, 0)]);
        let segment = cut(IPV4, &bytes[..42], 70_000).expect("a segment");
        assert_eq!(segment.payload, b"he");
        assert_eq!(segment.payload_len, 69_960);
    }

    #[test]
    fn a_cut_datagram_keeps_its_length() {
        let bytes = join(&[&[0x45, 0, 5, 0xdc], &ipv4()[4..]]);
        let segment = cut(IPV4, &bytes, 1500).expect("a segment");
        assert_eq!(segment.payload, b"hello");
        assert_eq!(segment.payload_len, 1460);
    }

    #[test]
    fn a_total_length_below_the_header_is_impossible() {
        assert_eq!(reason(&with(&[(3, 19)])), RejectReason::BadLength);
    }

    #[test]
    fn a_header_of_less_than_20_bytes_is_impossible() {
        assert_eq!(reason(&with(&[(0, 0x44)])), RejectReason::BadLength);
    }

    #[test]
    fn version_6_where_ipv4_was_announced_needs_a_valid_header() {
        let mut bytes = join(&[&MACS, &[8, 0], &ipv6()]);
        is_hello(whole(LinkType::ETHERNET, &bytes));
        bytes[14 + 4] = 1;
        let reject = rejected(LinkType::ETHERNET, &bytes);
        assert_eq!(reject, Reject { layer: Layer::Ipv4, reason: RejectReason::BadVersion, offset: 14 });
    }

    #[test]
    fn raw_ip_of_another_version_is_rejected() {
        let reject = rejected(LinkType::RAW, &with(&[(0, 0x55)]));
        assert_eq!(reject, Reject { layer: Layer::Link, reason: RejectReason::BadVersion, offset: 0 });
    }

    #[test]
    fn first_middle_and_last_fragments_are_rejected() {
        for flags in [[0x20, 0], [0x20, 1], [0, 1], [0x1f, 0xff]] {
            let bytes = with(&[(6, flags[0]), (7, flags[1])]);
            assert_eq!(reason(&bytes), RejectReason::Fragment);
        }
    }

    #[test]
    fn the_reserved_flag_makes_no_fragment() {
        is_hello(whole(IPV4, &with(&[(6, 0xc0)])));
    }

    #[test]
    fn icmp_is_not_tcp() {
        assert_eq!(reason(&with(&[(9, 1)])), RejectReason::NotTcp(1));
    }
}
