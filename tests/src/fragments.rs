//! Fragments of IP datagrams made by hand, on raw IP.

use tapflow_core::{Frame, LinkType, Timestamp};

use crate::frames::TcpFrame;

/// A fragment: from 10.0.0.1 to 10.0.0.2, or from 2001:db8::1 to 2001:db8::2.
#[derive(Clone, Debug)]
pub struct Piece {
    /// IPv6 instead of IPv4.
    pub ipv6: bool,
    /// Last byte of the source address.
    pub source: u8,
    /// Identification; IPv4 has its lower 16 bits.
    pub id: u32,
    /// The protocol of the datagram's payload.
    pub protocol: u8,
    /// Where its payload begins in the datagram, in bytes: a multiple of 8.
    pub offset: usize,
    /// Whether more fragments follow.
    pub more: bool,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Piece {
    /// A fragment of an IPv4 datagram that carries TCP, with the id 1.
    #[must_use]
    pub fn new(offset: usize, more: bool, payload: &[u8]) -> Self {
        Self { ipv6: false, source: 1, id: 1, protocol: 6, offset, more, payload: payload.to_vec() }
    }

    /// The same in IPv6.
    #[must_use]
    pub fn v6(self) -> Self {
        Self { ipv6: true, ..self }
    }

    /// The same with another id.
    #[must_use]
    pub fn id(self, id: u32) -> Self {
        Self { id, ..self }
    }

    /// The packet.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let field = self.offset as u16;
        if self.ipv6 {
            bytes.extend([0x60, 0, 0, 0]);
            bytes.extend((self.payload.len() as u16 + 8).to_be_bytes());
            bytes.extend([44, 64]);
            for last in [self.source, 2] {
                bytes.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
            }
            bytes.extend([self.protocol, 0]);
            bytes.extend((field | u16::from(self.more)).to_be_bytes());
            bytes.extend(self.id.to_be_bytes());
        } else {
            bytes.extend([0x45, 0]);
            bytes.extend((self.payload.len() as u16 + 20).to_be_bytes());
            bytes.extend((self.id as u16).to_be_bytes());
            bytes.extend((field >> 3 | u16::from(self.more) << 13).to_be_bytes());
            bytes.extend([64, self.protocol, 0, 0, 10, 0, 0, self.source, 10, 0, 0, 2]);
        }
        bytes.extend(&self.payload);
        bytes
    }

    /// The packet as a frame that was captured whole.
    #[must_use]
    pub fn frame<'b>(&self, bytes: &'b [u8], seconds: u64) -> Frame<'b> {
        let time = Timestamp::new(seconds, 0);
        Frame { link: LinkType::RAW, time, wire_len: bytes.len() as u32, bytes }
    }
}

/// The payload of the IP datagram that carries a segment: TCP header and payload.
#[must_use]
pub fn payload(segment: &TcpFrame) -> Vec<u8> {
    segment.bytes().split_off(14 + 20)
}

/// A segment in fragments of so many bytes, a multiple of 8; IPv4, id 1.
#[must_use]
pub fn split(segment: &TcpFrame, size: usize) -> Vec<Piece> {
    let whole = payload(segment);
    let end = whole.len();
    whole
        .chunks(size)
        .enumerate()
        .map(|(n, part)| Piece::new(n * size, n * size + part.len() < end, part))
        .collect()
}
