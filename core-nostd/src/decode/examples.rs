//! Frames for the tests of all layers, each part written out.
//!
//! Every example carries the same segment, five bytes of payload from port 4660 to port 80, so that
//! [`is_hello`] is what every test of a layer expects.

extern crate std;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{vec, vec::Vec};

use super::{Reject, Segment, TcpFlags, decode};
use crate::frame::{Frame, LinkType, Timestamp};

pub(super) const PAYLOAD: &[u8] = b"hello";

/// Sequence number 0x01020304, acknowledgement 0x05060708, PSH and ACK, window 0x2000.
pub(super) const TCP: [u8; 20] =
    [0x12, 0x34, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x18, 0x20, 0, 0xab, 0xcd, 0, 0];

/// 45 bytes from 192.0.2.1 to 198.51.100.2, TCP, "do not fragment".
pub(super) const IPV4: [u8; 20] = [0x45, 0, 0, 45, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2];

/// 25 bytes of payload from 2001:db8::1 to 2001:db8::2, TCP.
pub(super) const IPV6: [u8; 40] = [
    0x60, 0, 0, 0, 0, 25, 6, 64, //
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, //
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
];

pub(super) const SOURCE_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xaa];
pub(super) const DESTINATION_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xbb];

/// The MAC addresses of an Ethernet header; a type or length follows.
pub(super) const MACS: [u8; 12] = [2, 0, 0, 0, 0, 0xbb, 2, 0, 0, 0, 0, 0xaa];

pub(super) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The segment in IPv4.
pub(super) fn ipv4() -> Vec<u8> {
    join(&[&IPV4, &TCP, PAYLOAD])
}

/// The segment in IPv6.
pub(super) fn ipv6() -> Vec<u8> {
    join(&[&IPV6, &TCP, PAYLOAD])
}

/// An IPv6 datagram with `next` in the fixed header and `rest` after it.
pub(super) fn ipv6_with(next: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = join(&[&IPV6, rest]);
    bytes[4..6].copy_from_slice(&u16::try_from(rest.len()).unwrap_or(0).to_be_bytes());
    bytes[6] = next;
    bytes
}

/// The segment in an Ethernet frame; `headers` stands between the MAC addresses and IPv4.
pub(super) fn ethernet(headers: &[u8]) -> Vec<u8> {
    join(&[&MACS, headers, &ipv4()])
}

/// A frame that was captured whole.
pub(super) fn whole(link: LinkType, bytes: &[u8]) -> Result<Segment<'_>, Reject> {
    cut(link, bytes, bytes.len())
}

/// A frame of `wire_len` bytes of which `bytes` were captured.
pub(super) fn cut(link: LinkType, bytes: &[u8], wire_len: usize) -> Result<Segment<'_>, Reject> {
    let wire_len = u32::try_from(wire_len).unwrap_or(u32::MAX);
    decode(&Frame { link, time: Timestamp(0), wire_len, bytes })
}

/// The rejection of a frame that was captured whole.
#[track_caller]
pub(super) fn rejected(link: LinkType, bytes: &[u8]) -> Reject {
    whole(link, bytes).expect_err("a rejection")
}

/// Asserts that `result` is the segment that all examples carry, whole.
#[track_caller]
pub(super) fn is_hello(result: Result<Segment<'_>, Reject>) {
    let segment = result.expect("a segment");
    let [source, destination] = match segment.key.source {
        IpAddr::V4(_) => {
            [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2))]
        }
        IpAddr::V6(_) => [1, 2].map(|last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last))),
    };
    assert_eq!(segment.key.source, source);
    assert_eq!(segment.key.destination, destination);
    assert_eq!((segment.key.source_port, segment.key.destination_port), (4660, 80));
    assert_eq!(segment.sequence, 0x0102_0304);
    assert_eq!(segment.acknowledgement, 0x0506_0708);
    assert_eq!(segment.flags, TcpFlags { ack: true, ..TcpFlags::default() });
    assert_eq!(segment.window, 0x2000);
    assert_eq!(segment.window_scale, None);
    assert_eq!(segment.payload, PAYLOAD);
    assert_eq!(segment.payload_len, 5);
}

/// Every kind of frame there is, each carrying the segment.
pub(super) fn all() -> Vec<(LinkType, Vec<u8>)> {
    let (v4, v6) = (&ipv4()[..], &ipv6()[..]);
    let tcp = &join(&[&TCP, PAYLOAD])[..];
    let mac = [0, 6, 2, 0, 0, 0, 0, 0xaa, 0, 0];
    vec![
        (LinkType::ETHERNET, ethernet(&[8, 0])),
        (LinkType::ETHERNET, join(&[&MACS, &[0x86, 0xdd], v6])),
        (LinkType::ETHERNET, ethernet(&[0x81, 0, 0x60, 5, 8, 0])),
        (LinkType::ETHERNET, ethernet(&[0x88, 0xa8, 0, 7, 0x91, 0, 0, 6, 0x81, 0, 0, 5, 8, 0])),
        (LinkType::ETHERNET, ethernet(&[0, 53, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0])),
        (LinkType::ETHERNET, ethernet(&[0, 48, 6, 6, 3])),
        (LinkType::ETHERNET, ethernet(&[0x88, 0x64, 0x11, 0, 0, 9, 0, 47, 0, 0x21])),
        (LinkType::RAW, v4.to_vec()),
        (LinkType::RAW_BSD, v6.to_vec()),
        (LinkType::RAW_OPENBSD, v4.to_vec()),
        (LinkType::IPV4, v4.to_vec()),
        (LinkType::IPV6, v6.to_vec()),
        (LinkType::NULL, join(&[&[2, 0, 0, 0], v4])),
        (LinkType::NULL, join(&[&[0, 0, 0, 30], v6])),
        (LinkType::LOOP, join(&[&[0, 0, 0, 2], v4])),
        (LinkType::LINUX_SLL, join(&[&[0, 0, 0, 1], &mac, &[8, 0], v4])),
        (LinkType::LINUX_SLL2, join(&[&[0x86, 0xdd, 0, 0, 0, 0, 0, 2, 0, 1, 0], &mac[1..], v6])),
        (LinkType::PPP, join(&[&[0xff, 3, 0, 0x21], v4])),
        (LinkType::PPP, join(&[&[0x57], v6])),
        (LinkType::PPP_HDLC, join(&[&[0x0f, 0, 8, 0], v4])),
        (LinkType::PPP_WITH_DIR, join(&[&[1, 0xff, 3, 0, 0x57], v6])),
        (LinkType::PPP_ETHER, join(&[&[0x11, 0, 0, 9, 0, 47, 0, 0x21], v4])),
        (LinkType::IPOIB, join(&[&[0; 40], &[8, 0, 0, 0], v4])),
        // Hop-by-hop options, destination options, routing, an atomic fragment, authentication,
        // mobility, host identity and shim6.
        (
            LinkType::IPV6,
            ipv6_with(
                0,
                &join(&[
                    &[60, 0, 5, 2, 0, 0, 1, 0],
                    &[43, 0, 1, 4, 0, 0, 0, 0],
                    &[44, 0, 0, 0, 0, 0, 0, 0],
                    &[51, 0, 0, 0, 0, 0, 0, 1],
                    &[135, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1],
                    &[139, 0, 0, 0, 0, 0, 0, 0],
                    &[140, 0, 0, 0, 0, 0, 0, 0],
                    &[6, 0, 0, 0, 0, 0, 0, 0],
                    tcp,
                ]),
            ),
        ),
        (LinkType::IPV6, ipv6_jumbo(33)),
        (LinkType::IPV4, join(&[&[0x46, 0, 0, 49], &IPV4[4..], &[1, 1, 1, 0], tcp])),
    ]
}

/// The segment in an IPv6 datagram whose length is in a jumbo payload option.
pub(super) fn ipv6_jumbo(len: u8) -> Vec<u8> {
    let mut bytes = ipv6_with(0, &join(&[&[6, 0, 0xc2, 4, 0, 0, 0, len], &TCP, PAYLOAD]));
    bytes[4..6].fill(0);
    bytes
}
