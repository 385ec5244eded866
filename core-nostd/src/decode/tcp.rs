//! TCP (RFC 9293, 3.1), the header where decoding ends.
//!
//! A segment whose fixed header was captured is never lost: options that were cut off or make no sense
//! only mean that there is no window scale and no timestamp.

use core::net::IpAddr;

use smoltcp::wire::{TcpOption, TcpPacket};

use super::{ChecksumErrors, Checksums, Layer, Reject, RejectReason, Segment, TcpFlags, peel::Peel};
use crate::flow::FlowKey;

const MIN_HEADER: usize = 20;

/// The largest window (RFC 7323, 2.3), and so more than a segment can hold. A length on the wire or of
/// a jumbogram beyond it is nonsense that must not reach sequence arithmetic.
const MAX_PAYLOAD: usize = 1 << 30;

/// The largest shift there is (RFC 7323, 2.3).
const MAX_WINDOW_SCALE: u8 = 14;

#[inline]
pub(super) fn finish<'a>(peel: &Peel<'a>) -> Result<Segment<'a>, Reject> {
    let header = TcpPacket::new_unchecked(peel.peek::<[u8; MIN_HEADER]>(Layer::Tcp)?);
    let header_len = usize::from(header.header_len());
    if header_len < MIN_HEADER || header_len > peel.len {
        return Err(peel.reject(Layer::Tcp, RejectReason::BadLength));
    }
    let (source, destination) = peel.addresses();
    let mut checksum_errors = peel.checksum_errors;
    if peel.checksums != Checksums::Ignore && is_wrong(peel, source, destination) {
        if peel.checksums == Checksums::Refuse {
            return Err(peel.reject(Layer::Tcp, RejectReason::BadChecksum));
        }
        checksum_errors = ChecksumErrors { tcp: true, ..checksum_errors };
    }
    let flags = TcpFlags {
        fin: header.fin(),
        syn: header.syn(),
        rst: header.rst(),
        ack: header.ack(),
        urg: header.urg(),
    };
    let (captured_header, payload) = peel.bytes.split_at_checked(header_len).unwrap_or((peel.bytes, &[]));
    let payload_len = (peel.len - header_len).min(MAX_PAYLOAD).max(payload.len());
    Ok(Segment {
        key: FlowKey {
            source,
            destination,
            source_port: header.src_port(),
            destination_port: header.dst_port(),
        },
        domain: peel.domain,
        link: peel.link(),
        sequence: header.seq_number().0.cast_unsigned(),
        acknowledgement: header.ack_number().0.cast_unsigned(),
        flags,
        checksum_errors,
        window: header.window_len(),
        window_scale: if flags.syn { window_scale(captured_header) } else { None },
        timestamp: timestamp(captured_header),
        urgent_pointer: header.urgent_at(),
        payload,
        payload_len: u32::try_from(payload_len).unwrap_or(u32::MAX),
    })
}

/// Whether the checksum is wrong (RFC 9293, 3.1; RFC 8200, 8.1), as far as that can be told: all of the
/// segment must be there, and have gone through the network card.
#[cold]
fn is_wrong(peel: &Peel<'_>, source: IpAddr, destination: IpAddr) -> bool {
    peel.is_whole()
        && !TcpPacket::new_unchecked(peel.bytes).verify_checksum(&source.into(), &destination.into())
}

/// The window scale option of a header whose end may be missing.
pub(super) fn window_scale(header: &[u8]) -> Option<u8> {
    let mut options = header.get(MIN_HEADER..)?;
    while !options.is_empty() {
        let (rest, option) = TcpOption::parse(options).ok()?;
        match option {
            TcpOption::WindowScale(shift) => return Some(shift.min(MAX_WINDOW_SCALE)),
            TcpOption::EndOfList => return None,
            _ => options = rest,
        }
    }
    None
}

/// The sender's clock in the timestamps option (RFC 7323, 3.2) of a header whose end may be missing.
#[inline]
pub(super) fn timestamp(header: &[u8]) -> Option<u32> {
    match header.get(MIN_HEADER..)? {
        [] => None,
        // As RFC 7323, appendix A, recommends, and everybody does.
        [1, 1, 8, 10, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        options => timestamp_among(options),
    }
}

#[cold]
fn timestamp_among(mut options: &[u8]) -> Option<u32> {
    while !options.is_empty() {
        let (rest, option) = TcpOption::parse(options).ok()?;
        match option {
            TcpOption::TimeStamp { tsval, .. } => return Some(tsval),
            TcpOption::EndOfList => return None,
            _ => options = rest,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::super::examples::*;
    use super::super::{Layer, Reject, RejectReason, TcpFlags};
    use crate::frame::LinkType;

    const IPV4: LinkType = LinkType::IPV4;

    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;

    /// The example with these flags and options; the options' length is a multiple of 4.
    fn with(flags: u8, options: &[u8]) -> Vec<u8> {
        let mut bytes = join(&[&ipv4()[..40], options, PAYLOAD]);
        let len = u8::try_from(options.len()).expect("at most 40");
        bytes[3] += len;
        bytes[32] += len << 2;
        bytes[33] = flags;
        bytes
    }

    fn window_scale(flags: u8, options: &[u8]) -> Option<u8> {
        let bytes = with(flags, options);
        let segment = whole(IPV4, &bytes).expect("a segment");
        assert_eq!(segment.payload, PAYLOAD);
        segment.window_scale
    }

    #[test]
    fn each_flag_is_told() {
        let none = TcpFlags::default();
        for (bits, flags) in [
            (0x01, TcpFlags { fin: true, ..none }),
            (0x02, TcpFlags { syn: true, ..none }),
            (0x04, TcpFlags { rst: true, ..none }),
            (0x10, TcpFlags { ack: true, ..none }),
            (0x20, TcpFlags { urg: true, ..none }),
            (0xc8, none),
        ] {
            assert_eq!(whole(IPV4, &with(bits, &[])).expect("a segment").flags, flags);
        }
    }

    #[test]
    fn options_are_not_payload() {
        is_hello(whole(IPV4, &with(ACK, &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2])));
    }

    #[test]
    fn the_window_scale_of_a_syn_is_read() {
        assert_eq!(window_scale(SYN, &[2, 4, 5, 0xb4, 1, 3, 3, 7]), Some(7));
        assert_eq!(window_scale(SYN | ACK, &[3, 3, 0, 0]), Some(0));
        assert_eq!(window_scale(SYN, &[2, 4, 5, 0xb4]), None);
    }

    #[test]
    fn a_window_scale_above_14_means_14() {
        assert_eq!(window_scale(SYN, &[3, 3, 15, 0]), Some(14));
        assert_eq!(window_scale(SYN, &[3, 3, 255, 0]), Some(14));
    }

    #[test]
    fn a_window_scale_without_syn_or_after_the_end_says_nothing() {
        assert_eq!(window_scale(ACK, &[3, 3, 7, 0]), None);
        assert_eq!(window_scale(SYN, &[0, 3, 3, 7]), None);
    }

    #[test]
    fn the_timestamp_is_read_wherever_it_stands() {
        let timestamp = |options: &[u8]| whole(IPV4, &with(ACK, options)).expect("a segment").timestamp;
        assert_eq!(timestamp(&[1, 1, 8, 10, 1, 2, 3, 4, 0, 0, 0, 9]), Some(0x0102_0304));
        assert_eq!(timestamp(&[8, 10, 1, 2, 3, 4, 0, 0, 0, 9, 1, 1]), Some(0x0102_0304));
        assert_eq!(timestamp(&[2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 9]), Some(0x0102_0304));
        assert_eq!(timestamp(&[]), None);
        assert_eq!(timestamp(&[2, 4, 5, 0xb4]), None);
        assert_eq!(timestamp(&[0, 8, 10, 1, 2, 3, 4, 0, 0, 0, 9, 0]), None, "after the end");
        assert_eq!(timestamp(&[8, 9, 1, 2, 3, 4, 0, 0, 0, 9, 1, 1]), None, "of a wrong length");
    }

    #[test]
    fn the_urgent_pointer_is_read() {
        let mut bytes = with(0x20 | ACK, &[]);
        bytes[38..40].copy_from_slice(&[1, 2]);
        assert_eq!(whole(IPV4, &bytes).expect("a segment").urgent_pointer, 0x0102);
    }

    #[test]
    fn malformed_options_do_not_lose_the_segment() {
        for options in [[3, 0, 0, 0], [3, 1, 0, 0], [3, 4, 7, 7], [8, 200, 0, 0], [1, 1, 1, 3], [99, 2, 5, 9]]
        {
            assert_eq!(window_scale(SYN, &options), None, "{options:?}");
        }
    }

    #[test]
    fn options_that_were_not_captured_do_not_lose_the_segment() {
        let bytes = with(SYN, &[2, 4, 5, 0xb4, 1, 3, 3, 7]);
        for (captured, expected) in [(40, None), (46, None), (48, Some(7))] {
            let segment = cut(IPV4, &bytes[..captured], bytes.len()).expect("a segment");
            assert_eq!(segment.window_scale, expected);
            assert_eq!((segment.payload, segment.payload_len), (&b""[..], 5));
        }
    }

    #[test]
    fn a_header_of_which_20_bytes_were_not_captured_is_cut_short() {
        let reject = cut(IPV4, &ipv4()[..39], 45).expect_err("a rejection");
        assert_eq!(reject, Reject { layer: Layer::Tcp, reason: RejectReason::Truncated, offset: 20 });
    }

    #[test]
    fn a_data_offset_below_5_or_beyond_the_datagram_is_impossible() {
        for offset in [0x00, 0x40, 0x70, 0xf0] {
            let mut bytes = ipv4();
            bytes[32] = offset;
            let reject = rejected(IPV4, &bytes);
            assert_eq!(reject, Reject { layer: Layer::Tcp, reason: RejectReason::BadLength, offset: 20 });
        }
    }

    #[test]
    fn a_datagram_without_room_for_the_header_is_impossible() {
        let mut bytes = ipv4();
        bytes[3] = 39;
        let reject = rejected(IPV4, &bytes);
        assert_eq!(reject, Reject { layer: Layer::Tcp, reason: RejectReason::BadLength, offset: 20 });
    }

    #[test]
    fn an_absurd_length_is_cut_to_the_largest_window() {
        let mut bytes = ipv4();
        bytes[3] = 0;
        let segment = cut(IPV4, &bytes, u32::MAX as usize).expect("a segment");
        assert_eq!((segment.payload, segment.payload_len), (PAYLOAD, 1 << 30));
    }
}
