//! Who talks with whom in a frame, whether or not it carries TCP: for counts of all traffic.

use core::net::IpAddr;

use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, Ipv6Packet};

use super::peel::{Ip, Peel};
use super::{Layer, MAX_HEADERS, Next, RejectReason, Settings, Several, first, first_of, step};
use crate::frame::{Frame, LinkType};

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;
/// Of a header of TCP or UDP.
const PORTS: usize = 4;
/// EtherTypes (RFC 826, RFC 903).
const ARP: u32 = 0x0806;
const REVERSE_ARP: u32 = 0x8035;

/// What the innermost IP header of a frame says, and the header behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outline {
    /// An IP datagram, or a part of one.
    Ip {
        /// The sender.
        source: IpAddr,
        /// The receiver; with IPv6 routing the final one.
        destination: IpAddr,
        /// What the datagram carries.
        transport: Transport,
    },
    /// ARP or reverse ARP, directly in the link layer.
    Arp,
    /// Neither of them.
    Other,
}

/// The ports of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP (RFC 9293).
    Tcp {
        /// The sender's port.
        source: u16,
        /// The receiver's port.
        destination: u16,
    },
    /// UDP (RFC 768) that carries no tunnel.
    Udp {
        /// The sender's port.
        source: u16,
        /// The receiver's port.
        destination: u16,
    },
    /// Another protocol, a fragment, or a header that is cut short.
    Other,
}

/// Reads the headers of a frame down to the ports of the innermost IP datagram.
///
/// Tunnels are entered as [`decode_with`](super::decode_with) enters them, so that a frame has the addresses of the
/// connection that its segment belongs to. A frame that carries several others (an aggregate of 802.11, samples of
/// sFlow) has those of its first TCP segment.
#[must_use]
#[inline]
pub fn outline(frame: &Frame<'_>, settings: &Settings) -> Outline {
    match plain(frame) {
        Some(outline) => outline,
        None => by_steps(frame, settings),
    }
}

/// TCP in IPv4 without options or in IPv6 without extension headers, directly in Ethernet.
#[inline]
fn plain(frame: &Frame<'_>) -> Option<Outline> {
    if frame.link != LinkType::ETHERNET {
        return None;
    }
    let (ethernet, rest) = frame.bytes.split_first_chunk::<ETHERNET>()?;
    match EthernetFrame::new_unchecked(ethernet).ethertype() {
        EthernetProtocol::Ipv4 => {
            let (header, rest) = rest.split_first_chunk::<IPV4>()?;
            let header = Ipv4Packet::new_unchecked(header);
            let is_plain = header.version() == 4
                && usize::from(header.header_len()) == IPV4
                && header.next_header() == IpProtocol::Tcp
                && !header.more_frags()
                && header.frag_offset() == 0
                && (header.total_len() == 0 || usize::from(header.total_len()) >= IPV4 + PORTS);
            let (source, destination) = ports(rest).filter(|_| is_plain)?;
            Some(Outline::Ip {
                source: header.src_addr().into(),
                destination: header.dst_addr().into(),
                transport: Transport::Tcp { source, destination },
            })
        }
        EthernetProtocol::Ipv6 => {
            let (header, rest) = rest.split_first_chunk::<IPV6>()?;
            let header = Ipv6Packet::new_unchecked(header);
            let is_plain = header.version() == 6
                && header.next_header() == IpProtocol::Tcp
                && (header.payload_len() == 0 || usize::from(header.payload_len()) >= PORTS);
            let (source, destination) = ports(rest).filter(|_| is_plain)?;
            Some(Outline::Ip {
                source: header.src_addr().into(),
                destination: header.dst_addr().into(),
                transport: Transport::Tcp { source, destination },
            })
        }
        _ => None,
    }
}

#[inline(never)]
fn by_steps(frame: &Frame<'_>, settings: &Settings) -> Outline {
    let Ok(mut next) = first(frame.link) else { return Outline::Other };
    let mut peel = Peel::new(frame, settings);
    let mut transport = Transport::Other;
    for headers in 0..MAX_HEADERS {
        match next {
            Next::Tcp => {
                if let Some((source, destination)) = ports(peel.bytes) {
                    transport = Transport::Tcp { source, destination };
                }
                break;
            }
            Next::Udp => {
                if let Some((source, destination)) = ports(peel.bytes) {
                    transport = Transport::Udp { source, destination };
                }
            }
            // Those of a datagram around this one.
            Next::Ip | Next::Ipv4 | Next::Ipv6 => transport = Transport::Other,
            Next::Several(kind) => {
                if let Ok(several) = Several::new(peel.clone(), kind, headers)
                    && let Ok(segment) = first_of(several, settings)
                {
                    let (source, destination) = (segment.key.source_port, segment.key.destination_port);
                    return Outline::Ip {
                        source: segment.key.source,
                        destination: segment.key.destination,
                        transport: Transport::Tcp { source, destination },
                    };
                }
                break;
            }
            Next::Part(_) | Next::IpComp => break,
            _ => {}
        }
        match step(&mut peel, next, settings) {
            Ok(header) => next = header,
            Err(reject) => {
                match (reject.layer, reject.reason) {
                    // The header is left in place.
                    (Layer::Ipv4, RejectReason::NotTcp(_)) => {
                        if let Some(header) = peel.bytes.first_chunk() {
                            (peel.ip, transport) = (Ip::V4(header), Transport::Other);
                        }
                    }
                    (_, RejectReason::NotIp(ARP | REVERSE_ARP)) if matches!(peel.ip, Ip::None) => {
                        return Outline::Arp;
                    }
                    _ => {}
                }
                break;
            }
        }
    }
    if matches!(peel.ip, Ip::None) {
        return Outline::Other;
    }
    let (source, destination) = peel.addresses();
    Outline::Ip { source, destination, transport }
}

/// The ports that a header of TCP or UDP begins with.
#[inline]
fn ports(header: &[u8]) -> Option<(u16, u16)> {
    let &[a, b, c, d] = header.first_chunk::<PORTS>()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::super::examples::*;
    use super::{Outline, Transport, by_steps, outline, plain};
    use crate::decode::Settings;
    use crate::frame::{Frame, LinkType, Timestamp};

    fn frame(link: LinkType, bytes: &[u8]) -> Frame<'_> {
        let wire_len = u32::try_from(bytes.len()).expect("a length");
        Frame { link, time: Timestamp(0), wire_len, bytes }
    }

    fn read(link: LinkType, bytes: &[u8]) -> Outline {
        outline(&frame(link, bytes), &Settings::default())
    }

    fn ip(source: &str, destination: &str, transport: Transport) -> Outline {
        let address = |text: &str| text.parse().expect("an address");
        Outline::Ip { source: address(source), destination: address(destination), transport }
    }

    fn v4(transport: Transport) -> Outline {
        ip("192.0.2.1", "198.51.100.2", transport)
    }

    const HTTP: Transport = Transport::Tcp { source: 0x1234, destination: 80 };

    /// UDP from port 5000 to port 53 in IPv4.
    fn dns() -> Vec<u8> {
        let mut bytes = join(&[&IPV4, &[0x13, 0x88, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4]]);
        (bytes[3], bytes[9]) = (32, 17);
        bytes
    }

    #[test]
    fn tcp_has_its_addresses_and_ports_in_ethernet_and_without_it() {
        let v6 = ip("2001:db8::1", "2001:db8::2", HTTP);
        assert_eq!(read(LinkType::ETHERNET, &ethernet(&[8, 0])), v4(HTTP));
        assert_eq!(read(LinkType::ETHERNET, &join(&[&MACS, &[0x86, 0xdd], &ipv6()])), v6);
        assert_eq!(read(LinkType::ETHERNET, &ethernet(&[0x81, 0, 0, 5, 8, 0])), v4(HTTP));
        assert_eq!(read(LinkType::RAW, &ipv4()), v4(HTTP));
        assert_eq!(read(LinkType::RAW, &ipv6()), v6);
    }

    #[test]
    fn udp_and_other_protocols_have_their_addresses() {
        let udp = Transport::Udp { source: 5000, destination: 53 };
        assert_eq!(read(LinkType::RAW, &dns()), v4(udp));
        let mut icmp = dns();
        icmp[9] = 1;
        assert_eq!(read(LinkType::RAW, &icmp), v4(Transport::Other));
        let icmp = ipv6_with(58, &[128, 0, 0, 0]);
        assert_eq!(read(LinkType::RAW, &icmp), ip("2001:db8::1", "2001:db8::2", Transport::Other));
    }

    #[test]
    fn fragments_have_addresses_only() {
        let mut fragment = ipv4();
        fragment[6] = 0x20;
        assert_eq!(read(LinkType::RAW, &fragment), v4(Transport::Other));
        assert_eq!(read(LinkType::ETHERNET, &join(&[&MACS, &[8, 0], &fragment])), v4(Transport::Other));
    }

    #[test]
    fn what_a_tunnel_carries_counts() {
        let gre = |protocol: [u8; 2], inside: &[u8]| {
            let mut bytes = join(&[&IPV4, &[0, 0], &protocol, inside]);
            let length = u16::try_from(bytes.len()).expect("a length");
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
            (bytes[9], bytes[15], bytes[19]) = (47, 77, 78);
            bytes
        };
        assert_eq!(read(LinkType::RAW, &gre([8, 0], &ipv4())), v4(HTTP));
        let udp = Transport::Udp { source: 5000, destination: 53 };
        assert_eq!(read(LinkType::RAW, &gre([8, 0], &dns())), v4(udp));
        // There is no other IP header inside.
        let arp = gre([8, 6], &[0; 28]);
        assert_eq!(read(LinkType::RAW, &arp), ip("192.0.2.77", "198.51.100.78", Transport::Other));
        // ICMP inside has none of the ports around it.
        let mut icmp = dns();
        icmp[9] = 1;
        let around = udp_around(&join(&[&[0, 1, 1, 64], &icmp]));
        assert_eq!(read(LinkType::RAW, &around), v4(Transport::Other));
    }

    /// MPLS in UDP.
    fn udp_around(inside: &[u8]) -> Vec<u8> {
        let length = u16::try_from(inside.len() + 8).expect("a length");
        let mut bytes = join(&[&IPV4, &[0x80, 0, 0x19, 0xeb], &length.to_be_bytes(), &[0, 0], inside]);
        bytes[2..4].copy_from_slice(&(length + 20).to_be_bytes());
        (bytes[9], bytes[15]) = (17, 99);
        bytes
    }

    #[test]
    fn arp_and_everything_else_is_named() {
        assert_eq!(read(LinkType::ETHERNET, &ethernet(&[8, 6])), Outline::Arp);
        assert_eq!(read(LinkType::ETHERNET, &ethernet(&[0x81, 0, 0, 5, 8, 6])), Outline::Arp);
        assert_eq!(read(LinkType::ETHERNET, &ethernet(&[0x88, 0xcc])), Outline::Other);
        assert_eq!(read(LinkType(0xffff), &[0; 60]), Outline::Other);
        assert_eq!(read(LinkType::ETHERNET, &[]), Outline::Other);
    }

    #[test]
    fn the_short_way_answers_what_the_steps_answer() {
        let mut taken = 0_u32;
        let settings = Settings::default();
        for bytes in [join(&[&MACS, &[8, 0], &ipv4()]), join(&[&MACS, &[0x86, 0xdd], &ipv6()])] {
            let mut compare = |bytes: &[u8]| {
                let frame = frame(LinkType::ETHERNET, bytes);
                if let Some(short) = plain(&frame) {
                    assert_eq!(short, by_steps(&frame, &settings), "{bytes:?}");
                    taken += 1;
                }
            };
            for at in 0..bytes.len() {
                compare(&bytes[..at]);
                for value in [0, 1, 4, 5, 6, 17, 0x20, 0x3f, 0x40, 0x45, 0x46, 0x60, 0x80, 0xf0, 0xff] {
                    let mut changed = bytes.clone();
                    changed[at] = value;
                    compare(&changed);
                }
            }
        }
        assert!(taken > 500, "{taken}");
    }
}
