//! Frames made by hand: Ethernet, IPv4 and TCP, with the fields that a test cares about.

use tapflow_core::{Frame, LinkType, Timestamp};

/// FIN flag.
pub const FIN: u8 = 1;
/// SYN flag.
pub const SYN: u8 = 2;
/// RST flag.
pub const RST: u8 = 4;
/// ACK flag.
pub const ACK: u8 = 16;
/// URG flag.
pub const URG: u8 = 32;

/// Bytes in front of the payload of [`TcpFrame::bytes`].
pub const HEADERS: usize = 14 + 20 + 20;

/// One TCP segment on Ethernet.
#[derive(Clone, Debug)]
pub struct TcpFrame {
    /// Source address and port.
    pub source: ([u8; 4], u16),
    /// Destination address and port.
    pub destination: ([u8; 4], u16),
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// Flags, as in the header.
    pub flags: u8,
    /// Window, unscaled.
    pub window: u16,
    /// Shift of a window scale option; `None` for a header without options.
    pub window_scale: Option<u8>,
    /// Sender's clock in a timestamps option; `None` for a header without it.
    pub timestamp: Option<u32>,
    /// Urgent pointer.
    pub urgent_pointer: u16,
    /// Payload.
    pub payload: Vec<u8>,
}

/// The client of tests with one connection.
pub const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 40000);
/// The server of tests with one connection.
pub const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 80);

impl TcpFrame {
    /// From [`CLIENT`] to [`SERVER`].
    #[must_use]
    pub fn up(sequence: u32, flags: u8, payload: &[u8]) -> Self {
        Self {
            source: CLIENT,
            destination: SERVER,
            sequence,
            acknowledgement: 0,
            flags,
            window: 0xffff,
            window_scale: None,
            timestamp: None,
            urgent_pointer: 0,
            payload: payload.to_vec(),
        }
    }

    /// From [`SERVER`] to [`CLIENT`].
    #[must_use]
    pub fn down(sequence: u32, flags: u8, payload: &[u8]) -> Self {
        Self { source: SERVER, destination: CLIENT, ..Self::up(sequence, flags, payload) }
    }

    /// The same with an acknowledgement.
    #[must_use]
    pub fn acknowledging(self, acknowledgement: u32) -> Self {
        Self { acknowledgement, flags: self.flags | ACK, ..self }
    }

    /// The same with another port on the client's side.
    #[must_use]
    pub fn client_port(mut self, port: u16) -> Self {
        let client = if self.source == SERVER { &mut self.destination } else { &mut self.source };
        client.1 = port;
        self
    }

    /// The same with the sender's clock in a timestamps option.
    #[must_use]
    pub fn timestamp(self, clock: u32) -> Self {
        Self { timestamp: Some(clock), ..self }
    }

    /// The same with the URG flag and this pointer.
    #[must_use]
    pub fn urgent(self, pointer: u16) -> Self {
        Self { urgent_pointer: pointer, flags: self.flags | URG, ..self }
    }

    /// The frame's bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        let mut options = self.window_scale.map_or(vec![], |shift| vec![3, 3, shift, 1]);
        if let Some(clock) = self.timestamp {
            options.extend([1, 1, 8, 10]);
            options.extend(clock.to_be_bytes());
            options.extend([0; 4]);
        }
        let total = (40 + options.len() + self.payload.len()) as u16;
        bytes.extend([0x45, 0]);
        bytes.extend(total.to_be_bytes());
        bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        bytes.extend(self.source.0);
        bytes.extend(self.destination.0);
        bytes.extend(self.source.1.to_be_bytes());
        bytes.extend(self.destination.1.to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.acknowledgement.to_be_bytes());
        bytes.extend([0x50 + 4 * options.len() as u8, self.flags]);
        bytes.extend(self.window.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(self.urgent_pointer.to_be_bytes());
        bytes.extend(options);
        bytes.extend(&self.payload);
        bytes
    }
}

/// Sets the checksums of a frame of [`TcpFrame::bytes`] as its sender's network card does.
pub fn set_checksums(frame: &mut [u8]) {
    let ip = &mut frame[14..];
    ip[10..12].fill(0);
    let sum = checksum(&ip[..20]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    ip[36..38].fill(0);
    let length = ip.len() as u16 - 20;
    let pseudo = [&ip[12..20], &[0, 6], &length.to_be_bytes(), &ip[20..]].concat();
    let sum = checksum(&pseudo);
    ip[36..38].copy_from_slice(&sum.to_be_bytes());
}

/// The checksum of IPv4 and TCP (RFC 1071).
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    !((sum & 0xffff) + (sum >> 16)) as u16
}

/// A frame captured whole.
#[must_use]
pub fn frame(bytes: &[u8], seconds: u64) -> Frame<'_> {
    Frame { link: LinkType::ETHERNET, time: Timestamp::new(seconds, 0), wire_len: bytes.len() as u32, bytes }
}
