//! The usual frame at one look: Ethernet, IPv4 without options and whole, TCP, all of it captured.
//!
//! A shortcut through the loop, for speed alone: it answers what the loop would answer, or nothing, and then
//! the loop is asked.

use core::net::IpAddr;

use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, TcpPacket};

use super::{ChecksumErrors, Checksums, Segment, Settings, TcpFlags, tcp};
use crate::flow::{FlowKey, LinkInfo};
use crate::frame::{Frame, LinkType};

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const TCP: usize = 20;

/// The segment, if the frame is a usual one.
#[inline(always)]
pub(crate) fn usual<'a>(frame: &Frame<'a>, settings: &Settings) -> Option<Segment<'a>> {
    if frame.link != LinkType::ETHERNET || settings.checksums != Checksums::Ignore {
        return None;
    }
    let fixed: &[u8; ETHERNET + IPV4 + TCP] = frame.bytes.first_chunk()?;
    let ethernet = EthernetFrame::new_unchecked(fixed);
    let ip = Ipv4Packet::new_unchecked(fixed.last_chunk::<{ IPV4 + TCP }>()?);
    let header = TcpPacket::new_unchecked(fixed.last_chunk::<TCP>()?);
    let is_usual = ethernet.ethertype() == EthernetProtocol::Ipv4
        && ip.version() == 4
        && usize::from(ip.header_len()) == IPV4
        && !ip.more_frags()
        && ip.frag_offset() == 0
        && ip.next_header() == IpProtocol::Tcp;
    if !is_usual {
        return None;
    }
    let datagram = frame.bytes.get(ETHERNET..ETHERNET + usize::from(ip.total_len()))?;
    let (tcp_header, payload) = datagram.get(IPV4..)?.split_at_checked(usize::from(header.header_len()))?;
    if tcp_header.len() < TCP {
        return None;
    }
    let flags = TcpFlags {
        fin: header.fin(),
        syn: header.syn(),
        rst: header.rst(),
        ack: header.ack(),
        urg: header.urg(),
    };
    Some(Segment {
        key: FlowKey {
            source: IpAddr::V4(ip.src_addr()),
            destination: IpAddr::V4(ip.dst_addr()),
            source_port: header.src_port(),
            destination_port: header.dst_port(),
        },
        domain: 0,
        link: LinkInfo {
            source_mac: Some(ethernet.src_addr().0),
            destination_mac: Some(ethernet.dst_addr().0),
            ..LinkInfo::NONE
        },
        sequence: header.seq_number().0.cast_unsigned(),
        acknowledgement: header.ack_number().0.cast_unsigned(),
        flags,
        checksum_errors: ChecksumErrors::default(),
        window: header.window_len(),
        window_scale: if flags.syn { tcp::window_scale(tcp_header) } else { None },
        timestamp: tcp::timestamp(tcp_header),
        urgent_pointer: header.urgent_at(),
        payload,
        payload_len: payload.len() as u32,
    })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;
    use std::vec::Vec;

    use super::super::examples::*;
    use super::super::{Next, Outcome, Peel, peel_all};
    use super::*;
    use crate::frame::Timestamp;

    /// What the shortcut and the loop say; they must agree where the shortcut says anything.
    fn both_agree(bytes: &[u8], wire_len: usize) -> bool {
        let wire_len = u32::try_from(wire_len).expect("a length");
        let frame = Frame { link: LinkType::ETHERNET, time: Timestamp(0), wire_len, bytes };
        let settings = Settings::default();
        let Some(segment) = usual(&frame, &settings) else { return false };
        match peel_all(Peel::new(&frame, &settings), Next::Ethernet, 0, &settings) {
            Outcome::Segment(other) => assert_eq!(format!("{segment:?}"), format!("{other:?}")),
            _ => panic!("the loop finds no segment in {bytes:?}"),
        }
        true
    }

    fn frames() -> [Vec<u8>; 3] {
        let plain = join(&[&MACS, &[8, 0], &ipv4()]);
        let mut options = join(&[
            &plain[..54],
            &[2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8],
            &plain[54..],
        ]);
        options[17] += 20;
        options[46] = 0xa0;
        options[47] = 0x02;
        let padded = join(&[&plain, &[0; 9]]);
        [plain, options, padded]
    }

    #[test]
    fn usual_frames_are_taken() {
        for frame in frames() {
            assert!(both_agree(&frame, frame.len()));
            assert!(both_agree(&frame, frame.len() + 100));
        }
    }

    #[test]
    fn any_byte_changed_and_any_cut_gives_what_the_loop_gives() {
        let mut taken = 0_u32;
        for frame in frames() {
            for at in 0..frame.len() {
                for value in [0, 1, 4, 5, 6, 0x3f, 0x40, 0x46, 0x50, 0x60, 0x80, 0xa0, 0xf0, 0xff] {
                    let mut changed = frame.clone();
                    changed[at] = value;
                    taken += u32::from(both_agree(&changed, changed.len()));
                }
                assert!(!both_agree(&frame[..at.min(58)], frame.len()), "cut at {at}");
            }
        }
        assert!(taken > 1000);
    }
}
