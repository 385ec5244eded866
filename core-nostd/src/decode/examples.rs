//! Frames for the tests of all layers, each part written out.
//!
//! Every example carries the same segment, five bytes of payload from port 4660 to port 80, so that
//! [`is_hello`] is what every test of a layer expects.

extern crate std;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{vec, vec::Vec};

use super::{Reject, Segment, TcpFlags, decode};
use crate::frame::{Frame, LinkType, Timestamp};
use crate::tunnel::{Tunnel, TunnelKind};

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

/// A datagram from 203.0.113.1 to 203.0.113.2 with this protocol around `rest`.
pub(super) fn around(protocol: u8, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(20 + rest.len()).expect("a short datagram").to_be_bytes();
    let header = [0x45, 0, len[0], len[1], 0, 1, 0, 0, 64, protocol, 0, 0, 203, 0, 113, 1, 203, 0, 113, 2];
    join(&[&header, rest])
}

/// The same of UDP to this port.
pub(super) fn udp(port: u16, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + rest.len()).expect("a short datagram").to_be_bytes();
    around(17, &join(&[&[0xc0, 0], &port.to_be_bytes(), &len, &[0, 0], rest]))
}

/// The tunnels around the segment that `bytes` are, and the domain that they make.
#[track_caller]
pub(super) fn tunnels(link: LinkType, bytes: &[u8]) -> (Vec<Tunnel>, u32) {
    let segment = whole(link, bytes).expect("a segment");
    let answer = (segment.link.tunnels.to_vec(), segment.domain);
    is_hello(Ok(segment));
    answer
}

/// One tunnel.
pub(super) fn tunnel(kind: TunnelKind, id: impl Into<Option<u32>>) -> Vec<Tunnel> {
    vec![Tunnel { kind, id: id.into() }]
}

/// An 802.11 data frame to an access point with these flags of frame control and `rest` after its header.
pub(super) fn wifi(kind: u8, flags: u8, rest: &[u8]) -> Vec<u8> {
    join(&[&[kind, flags, 0, 0], &[0xcc; 6], &SOURCE_MAC, &DESTINATION_MAC, &[0x10, 0], rest])
}

/// LLC and SNAP before IPv4.
pub(super) const SNAP_IPV4: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

/// Every kind of tunnel, each carrying the segment.
pub(super) fn in_tunnels() -> Vec<(LinkType, Vec<u8>)> {
    let (v4, v6) = (&ipv4()[..], &ipv6()[..]);
    let frame = &ethernet(&[8, 0])[..];
    let ip = |bytes: Vec<u8>| (LinkType::IPV4, bytes);
    vec![
        (LinkType::ETHERNET, ethernet(&[0x88, 0x47, 0, 1, 0, 64, 0, 1, 1, 64])),
        (LinkType::ETHERNET, join(&[&MACS, &[0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0], frame])),
        (LinkType::ETHERNET, ethernet(&[0x89, 0x26, 0, 1, 0, 2, 8, 0])),
        (LinkType::ETHERNET, ethernet(&[0x89, 0x3f, 0, 1, 0, 2, 0, 0, 8, 0])),
        (LinkType::PPP, join(&[&[0xff, 3, 2, 0x81, 0, 1, 1, 64], v4])),
        ip(around(4, v4)),
        ip(around(41, v6)),
        ip(around(97, &join(&[&[0x30, 0], frame]))),
        ip(around(47, &join(&[&[0, 0, 8, 0], v4]))),
        ip(around(47, &join(&[&[0xb0, 0, 0x86, 0xdd], &[7; 12], v6]))),
        ip(around(47, &join(&[&[0x20, 0, 0x65, 0x58, 0, 0x50, 0, 9], frame]))),
        ip(around(47, &join(&[&[0x30, 1, 0x88, 0x0b, 0, 49, 0, 9, 0, 0, 0, 5], &[0xff, 3, 0, 0x21], v4]))),
        ip(around(47, &join(&[&[0, 0, 0x88, 0x3e, 0, 0, 0, 1], v4]))),
        ip(around(47, &join(&[&[0, 0, 0x88, 0xbe], frame]))),
        ip(around(47, &join(&[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 9, 0, 0, 0, 0], frame]))),
        ip(around(51, &join(&[&[4, 4, 0, 0], &[9; 20], v4]))),
        ip(udp(4789, &join(&[&[8, 0, 0, 0, 0, 0, 9, 0], frame]))),
        ip(udp(4790, &join(&[&[0x0c, 0, 0, 1, 0, 0, 9, 0], v4]))),
        ip(udp(6081, &join(&[&[2, 0, 0x65, 0x58, 0, 0, 9, 0], &[7; 8], frame]))),
        ip(udp(2152, &join(&[&[0x30, 255, 0, 45, 0, 0, 0, 9], v4]))),
        ip(udp(2152, &join(&[&[0x34, 255, 0, 53, 0, 0, 0, 9, 0, 0, 0, 0x85, 1, 0, 0, 0], v4]))),
        ip(udp(1701, &join(&[&[0, 2, 0, 1, 0, 2, 0xff, 3, 0, 0x21], v4]))),
        ip(udp(1701, &join(&[&[0, 3, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4], frame]))),
        ip(around(115, &join(&[&[0, 0, 0, 9], frame]))),
        ip(udp(5072, &join(&[&[0x42, 0x52, 0x11, 41, 1, 2, 3, 4], &[7; 36], v6]))),
        ip(udp(6635, &join(&[&[0, 1, 1, 64], v4]))),
        ip(udp(4754, &join(&[&[0, 0, 8, 0], v4]))),
        ip(udp(6343, &sflow(frame))),
        ip(around(103, &join(&[&[0x21, 0, 0, 0, 0, 0, 0, 0], v4]))),
        ip(udp(5247, &join(&[&[0, 0x10, 0, 0, 0, 0, 0, 0], frame]))),
        ip(udp(5247, &join(&[&[0, 0x10, 3, 0, 0, 0, 0, 0], &wifi(8, 1, &join(&[&SNAP_IPV4, v4]))]))),
        ip(udp(37008, &join(&[&[1, 0, 0, 1, 10, 1, 0xd0, 1], frame]))),
        ip(udp(4341, &join(&[&[0x48, 0, 0, 0, 0, 0, 9, 1], v4]))),
        ip(udp(6080, &join(&[&[1, 4, 0, 0, 0, 0, 0, 0], v4]))),
        ip(udp(6080, v4)),
        ip(udp(30030, &join(&[&[0, 0, 0, 1, 0, 0, 0, 9], v4]))),
    ]
}

/// Headers between Ethernet and IP that are rare, each before the segment.
fn behind_rare_types() -> Vec<(LinkType, Vec<u8>)> {
    let (v4, frame) = (&ipv4()[..], &ethernet(&[8, 0])[..]);
    let nsh = [0x0f, 0xc2, 2, 1, 0, 0, 9, 255];
    let data = &wifi(0x08, 2, &join(&[&SNAP_IPV4, v4]))[..];
    let on = |headers: &[&[u8]]| (LinkType::ETHERNET, join(&[&MACS, &join(headers)]));
    vec![
        on(&[&[0x89, 0x09, 1, 1, 0, 1, 0, 100, 8, 0], v4]),
        on(&[&[0x89, 0x88, 1, 2, 3, 4, 5, 6, 8, 0], v4]),
        on(&[&[0x89, 0x2f, 0, 0x40, 0, 1, 8, 0], v4]),
        on(&[&[0xf1, 0xc1, 0, 0, 0, 1, 8, 0], v4]),
        on(&[&[0xd2, 0x8b, 0, 1, 0, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 8, 0], v4]),
        on(&[&[0x88, 0xe5, 0, 0, 0, 0, 0, 1, 8, 0], v4, &[9; 16]]),
        on(&[&[0x89, 0x4f], &nsh, v4]),
        on(&[&[0x88, 0xe7, 0, 0, 0, 9], frame]),
        on(&[&[0x22, 0xf3, 0, 0x3f, 0, 1, 0, 2], frame]),
        on(&[&[0x89, 3, 0, 0x60], frame]),
        on(&[&[0x43, 5, 0x40, 15, 50, 1, 2, 2, 2, 2, 2, 2], frame]),
        on(&[&[0x24, 0x52], data]),
        on(&[&[0xda, 0xda, 0, 0, 0xc0, 0, 0, 0, 8, 0], v4]),
    ]
}

/// An sFlow datagram: a sample of counters, then one of a frame.
pub(super) fn sflow(frame: &[u8]) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).expect("small").to_be_bytes();
    let padded = frame.len().next_multiple_of(4);
    let padding = &[0; 3][..padded - frame.len()];
    let head = [5, 1, 0xc000_0201, 0, 1, 1000, 2].map(|n: u32| n.to_be_bytes());
    join(&[
        head.as_flattened(),
        [number(2), number(4), number(0)].as_flattened(),
        [number(1), number(32 + 8 + 16 + padded)].as_flattened(),
        &[0; 28],
        [number(1), number(1), number(16 + padded), number(1)].as_flattened(),
        [number(frame.len() + 4), number(4), number(frame.len())].as_flattened(),
        frame,
        padding,
    ])
}

/// Every kind of link layer that is rare, each carrying the segment.
fn on_rare_links() -> Vec<(LinkType, Vec<u8>)> {
    let (v4, v6) = (&ipv4()[..], &ipv6()[..]);
    let data = &wifi(0x08, 1, &join(&[&SNAP_IPV4, v4]))[..];
    let mut pflog = vec![61, 2];
    pflog.resize(64, 0);
    vec![
        (LinkType::C_HDLC, join(&[&[0x0f, 0, 8, 0], v4])),
        (LinkType::IEEE802_11, data.to_vec()),
        (LinkType::IEEE802_11_RADIOTAP, join(&[&[0, 0, 9, 0, 2, 0, 0, 0, 0], data])),
        (LinkType::IEEE802_11_PRISM, join(&[&[0x44, 0, 0, 0, 144, 0, 0, 0], &[0; 136], data])),
        (LinkType::IEEE802_11_AVS, join(&[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64], &[0; 56], data])),
        (LinkType::PPI, join(&[&[0, 0, 8, 0, 105, 0, 0, 0], data])),
        (LinkType::NFLOG, join(&[&[2, 0, 0, 0, 6, 0, 10, 0, b'x', 0, 0, 0, 49, 0, 9, 0], v4])),
        (LinkType::NFLOG, join(&[&[10, 0, 0, 0, 0, 69, 0, 9], v6])),
        (LinkType::PFLOG, join(&[&pflog, v4])),
        (LinkType::ARCNET_BSD, join(&[&[1, 2, 0xd4, 0, 0, 1], v4])),
        (LinkType::ARCNET_LINUX, join(&[&[1, 2, 0, 0, 0xf0], v4])),
        (LinkType::FRELAY, join(&[&[0x18, 0x41, 3, 0xcc], v4])),
        (LinkType::FRELAY_WITH_DIR, join(&[&[1, 0x18, 0x41, 8, 0], v4])),
        (LinkType::FDDI, join(&[&[0x50], &MACS, &SNAP_IPV4, v4])),
        (LinkType::IEEE802_5, join(&[&[0x10, 0x40], &MACS, &SNAP_IPV4, v4])),
    ]
}

/// The same of those that are rarer still.
fn on_rarer_links() -> Vec<(LinkType, Vec<u8>)> {
    let (v4, frame) = (&ipv4()[..], &ethernet(&[8, 0])[..]);
    let mut pktap = vec![108, 0, 0, 0, 1, 0, 0, 0, 1];
    pktap.resize(108, 0);
    let record = u8::try_from(16 + 2 + frame.len()).expect("a short frame");
    let erf = [0, 0, 0, 0, 0, 0, 0, 0, 2, 4, 0, record, 0, 0, 0, record - 18, 0, 0];
    let juniper = [0x4d, 0x47, 0x43, 0x80, 0, 2, 9, 9];
    vec![
        (LinkType::PKTAP, join(&[&pktap, frame])),
        (LinkType::PKTAP_PRIVATE, join(&[&pktap, frame])),
        (LinkType::ENC, join(&[&[2, 0, 0, 0], &[0; 8], v4])),
        (LinkType::DSA_TAG_BRCM, ethernet(&[0x20, 0, 0, 1, 8, 0])),
        (LinkType::DSA_TAG_BRCM_PREPEND, join(&[&[0x20, 0, 0, 1], frame])),
        (LinkType::DSA_TAG_DSA, ethernet(&[0xc0, 0, 0, 0, 8, 0])),
        (LinkType::DSA_TAG_EDSA, ethernet(&[0xda, 0xda, 0, 0, 0xe0, 0, 0, 5, 8, 0])),
        (LinkType::ERF, join(&[&erf, frame])),
        (LinkType::JUNIPER_ETHER, join(&[&juniper, frame])),
        (LinkType::JUNIPER_PPP, join(&[&juniper, &[0, 0x21], v4])),
        (LinkType::NETANALYZER, join(&[&[0, 0, 0, 2], frame])),
        (LinkType::NETANALYZER_TRANSPARENT, join(&[&[0, 0, 0, 2, 0x55, 0x55, 0xd5], frame])),
        (LinkType::PPP_PPPD, join(&[&[1, 3, 0, 0x21], v4])),
        (LinkType::MFR, join(&[&[0xc0, 0, 0x18, 0x41, 3, 0xcc], v4])),
        (LinkType::ATM_RFC1483, join(&[&SNAP_IPV4, v4])),
        (LinkType::SUNATM, join(&[&[2, 0, 0, 100], &SNAP_IPV4, v4])),
        (LinkType::IP_OVER_FC, join(&[&[0x10; 16], &SNAP_IPV4, v4])),
        (LinkType::APPLE_IP_OVER_IEEE1394, join(&[&[1; 16], &[8, 0], v4])),
        (LinkType::C_HDLC_WITH_DIR, join(&[&[1, 0x0f, 0, 8, 0], v4])),
        (LinkType::MPLS, join(&[&[0, 1, 1, 64], v4])),
        (LinkType::EPON, join(&[&[0x55; 8], frame])),
        (LinkType::TZSP, join(&[&[1, 0, 0, 1, 1], frame])),
        (LinkType::LINUX_SLL, join(&[&[0, 0, 0, 1, 0, 0], &[0; 8], &[0, 3], frame])),
    ]
}

/// Every kind of frame there is, each carrying the segment.
pub(super) fn all() -> Vec<(LinkType, Vec<u8>)> {
    let (v4, v6) = (&ipv4()[..], &ipv6()[..]);
    let tcp = &join(&[&TCP, PAYLOAD])[..];
    let mac = [0, 6, 2, 0, 0, 0, 0, 0xaa, 0, 0];
    let mut frames = vec![
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
    ];
    frames.extend(on_rare_links());
    frames.extend(on_rarer_links());
    frames.extend(behind_rare_types());
    frames.extend(in_tunnels());
    frames
}

/// The segment in an IPv6 datagram whose length is in a jumbo payload option.
pub(super) fn ipv6_jumbo(len: u8) -> Vec<u8> {
    let mut bytes = ipv6_with(0, &join(&[&[6, 0, 0xc2, 4, 0, 0, 0, len], &TCP, PAYLOAD]));
    bytes[4..6].fill(0);
    bytes
}
