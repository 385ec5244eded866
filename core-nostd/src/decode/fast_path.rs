//! The fast path of decoding: Ethernet, IPv4 without options or fragmentation, TCP, captured whole.
//!
//! Most frames are of this kind. All their headers are parsed at once, with the result that peeling layer by layer
//! would have; other frames give nothing here and are peeled.

use core::net::IpAddr;

use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, TcpPacket};

use super::{ChecksumErrors, Checksums, Segment, Settings, TcpFlags, tcp};
use crate::flow::{FlowKey, LinkInfo};
use crate::frame::{Frame, LinkType};

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const TCP: usize = 20;

/// The header fields that it takes to continue a connection in order. Plain numbers, as a batch writes and reads many
/// of these.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FastHeader {
    pub(crate) source: u32,
    pub(crate) destination: u32,
    /// That of the source in the high half.
    pub(crate) ports: u32,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    /// Meaningful with [`Self::TIMESTAMP`].
    timestamp: u32,
    /// Of the payload in the frame.
    start: u32,
    end: u32,
    pub(crate) window: u16,
    facts: u8,
}

impl FastHeader {
    /// Bytes of the headers without TCP options.
    pub(crate) const LEN: usize = ETHERNET + IPV4 + TCP;

    /// The frame is of the kind that this module covers.
    const VALID: u8 = 1;
    /// The flags are [`TcpFlags::ACK_ONLY`], as in most segments.
    const ACK_ONLY: u8 = 2;
    /// There is a TCP timestamp option.
    const TIMESTAMP: u8 = 4;

    /// The headers of a frame; not [valid](Self::is_valid) if it is of another kind.
    #[inline(always)]
    pub(crate) fn of(frame: &Frame<'_>, settings: &Settings) -> Self {
        Self::read(frame, settings).unwrap_or_default()
    }

    #[inline(always)]
    fn read(frame: &Frame<'_>, settings: &Settings) -> Option<Self> {
        if frame.link != LinkType::ETHERNET || settings.checksums != Checksums::Ignore {
            return None;
        }
        let headers: &[u8; ETHERNET + IPV4 + TCP] = frame.bytes.first_chunk()?;
        let (ethernet, ip, tcp) = parts(headers);
        let is_covered = ethernet.ethertype() == EthernetProtocol::Ipv4
            && ip.version() == 4
            && usize::from(ip.header_len()) == IPV4
            && !ip.more_frags()
            && ip.frag_offset() == 0
            && ip.next_header() == IpProtocol::Tcp;
        let (start, end) =
            (ETHERNET + IPV4 + usize::from(tcp.header_len()), ETHERNET + usize::from(ip.total_len()));
        if !is_covered || start < headers.len() || start > end || end > frame.bytes.len() {
            return None;
        }
        let timestamp =
            if start == headers.len() { None } else { tcp::timestamp(&frame.bytes[ETHERNET + IPV4..start]) };
        let ack_only = flags(&tcp) == TcpFlags::ACK_ONLY;
        Some(Self {
            source: ip.src_addr().to_bits(),
            destination: ip.dst_addr().to_bits(),
            ports: u32::from(tcp.src_port()) << 16 | u32::from(tcp.dst_port()),
            sequence: tcp.seq_number().0.cast_unsigned(),
            acknowledgement: tcp.ack_number().0.cast_unsigned(),
            timestamp: timestamp.unwrap_or_default(),
            start: start as u32,
            end: end as u32,
            window: tcp.window_len(),
            facts: Self::VALID
                | if ack_only { Self::ACK_ONLY } else { 0 }
                | if timestamp.is_some() { Self::TIMESTAMP } else { 0 },
        })
    }

    #[inline]
    pub(crate) fn is_valid(&self) -> bool {
        self.facts & Self::VALID != 0
    }

    #[inline]
    pub(crate) fn is_ack_only(&self) -> bool {
        self.facts & Self::ACK_ONLY != 0
    }

    #[inline]
    pub(crate) fn timestamp(&self) -> Option<u32> {
        (self.facts & Self::TIMESTAMP != 0).then_some(self.timestamp)
    }

    /// The payload, all of which was captured; `frame` must be the one that was parsed.
    #[inline]
    pub(crate) fn payload<'a>(&self, frame: &Frame<'a>) -> &'a [u8] {
        frame.bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The whole segment; `frame` must be the one that was parsed.
    #[inline(always)]
    pub(crate) fn segment<'a>(&self, frame: &Frame<'a>) -> Option<Segment<'a>> {
        let (ethernet, ip, tcp) = parts(frame.bytes.first_chunk()?);
        let (flags, payload) = (flags(&tcp), self.payload(frame));
        let header = frame.bytes.get(ETHERNET + IPV4..self.start as usize)?;
        Some(Segment {
            key: FlowKey {
                source: IpAddr::V4(ip.src_addr()),
                destination: IpAddr::V4(ip.dst_addr()),
                source_port: tcp.src_port(),
                destination_port: tcp.dst_port(),
            },
            domain: 0,
            link: LinkInfo {
                source_mac: Some(ethernet.src_addr().0),
                destination_mac: Some(ethernet.dst_addr().0),
                ..LinkInfo::NONE
            },
            sequence: self.sequence,
            acknowledgement: self.acknowledgement,
            flags,
            checksum_errors: ChecksumErrors::default(),
            window: self.window,
            window_scale: if flags.syn { tcp::window_scale(header) } else { None },
            timestamp: self.timestamp(),
            urgent_pointer: tcp.urgent_at(),
            payload,
            payload_len: payload.len() as u32,
        })
    }
}

type Header<'a, const N: usize> = &'a [u8; N];

#[inline(always)]
fn parts(
    headers: &[u8; ETHERNET + IPV4 + TCP],
) -> (EthernetFrame<Header<'_, ETHERNET>>, Ipv4Packet<Header<'_, IPV4>>, TcpPacket<Header<'_, TCP>>) {
    let (ethernet, rest) = headers.split_first_chunk().unwrap_or((&[0; ETHERNET], &[]));
    let (ip, rest) = rest.split_first_chunk().unwrap_or((&[0; IPV4], &[]));
    let tcp = rest.first_chunk().unwrap_or(&[0; TCP]);
    (EthernetFrame::new_unchecked(ethernet), Ipv4Packet::new_unchecked(ip), TcpPacket::new_unchecked(tcp))
}

#[inline(always)]
fn flags(header: &TcpPacket<Header<'_, TCP>>) -> TcpFlags {
    TcpFlags { fin: header.fin(), syn: header.syn(), rst: header.rst(), ack: header.ack(), urg: header.urg() }
}

/// The segment, if the frame is of the kind that this module covers.
#[inline(always)]
pub(crate) fn decode_fast<'a>(frame: &Frame<'a>, settings: &Settings) -> Option<Segment<'a>> {
    let header = FastHeader::of(frame, settings);
    if header.is_valid() { header.segment(frame) } else { None }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::net::Ipv4Addr;
    use std::format;
    use std::vec::Vec;

    use super::super::examples::*;
    use super::super::{Next, Outcome, Peel, peel_all};
    use super::*;
    use crate::frame::Timestamp;

    /// Whether the fast path covers a frame; if so, its result must be that of the loop.
    fn both_agree(bytes: &[u8], wire_len: usize) -> bool {
        let wire_len = u32::try_from(wire_len).expect("a length");
        let frame = Frame { link: LinkType::ETHERNET, time: Timestamp(0), wire_len, bytes };
        let settings = Settings::default();
        let Some(segment) = decode_fast(&frame, &settings) else { return false };
        let short = FastHeader::of(&frame, &settings);
        let ports = u32::from(segment.key.source_port) << 16 | u32::from(segment.key.destination_port);
        let addresses =
            [short.source, short.destination].map(|address| IpAddr::V4(Ipv4Addr::from_bits(address)));
        assert_eq!(addresses, [segment.key.source, segment.key.destination]);
        assert_eq!((short.ports, short.sequence), (ports, segment.sequence));
        assert_eq!((short.acknowledgement, short.window), (segment.acknowledgement, segment.window));
        assert_eq!((short.timestamp(), short.payload(&frame)), (segment.timestamp, segment.payload));
        assert_eq!(short.is_ack_only(), segment.flags == TcpFlags::ACK_ONLY);
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
    fn common_frames_are_taken() {
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
