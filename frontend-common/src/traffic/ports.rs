//! Bytes of every port, exactly.

use super::Service;

/// Ports of a protocol.
const PORTS: usize = 1 << 16;

/// Bytes of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortTraffic {
    /// The port, of TCP or of UDP.
    pub service: Service,
    /// Bytes of packets from it.
    pub sent: u64,
    /// Bytes of packets to it.
    pub received: u64,
}

/// Bytes from and to each port of a protocol: 1 MiB, of which the system provides what is used.
pub(super) struct Ports(Box<[[u64; 2]]>);

impl Ports {
    pub(super) fn new() -> Self {
        Self(vec![[0; 2]; PORTS].into_boxed_slice())
    }

    /// Adds bytes of a packet from one port to another.
    #[inline]
    pub(super) fn add(&mut self, source: u16, destination: u16, bytes: u64) {
        self.0[usize::from(source)][0] += bytes;
        self.0[usize::from(destination)][1] += bytes;
    }

    /// The ports that occurred, in order.
    pub(super) fn list(&self, service: impl Fn(u16) -> Service) -> impl Iterator<Item = PortTraffic> {
        let ports = (0..=u16::MAX).zip(&self.0).filter(|(_, bytes)| **bytes != [0; 2]);
        ports.map(move |(port, [sent, received])| PortTraffic {
            service: service(port),
            sent: *sent,
            received: *received,
        })
    }
}
