//! Bytes of every port, exactly.

use super::Service;

/// Ports in a page.
const PAGE: usize = 256;

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

/// Bytes from and to a port.
type Bytes = [u64; 2];

/// Bytes of each port of a protocol, in pages that are made when their first port occurs: 1 MiB at most.
#[derive(Default)]
pub(super) struct Ports(Vec<Option<Box<[Bytes; PAGE]>>>);

impl Ports {
    /// Adds bytes of packets from one port to another.
    pub(super) fn add(&mut self, source: u16, destination: u16, bytes: u64) {
        self.port(source)[0] += bytes;
        self.port(destination)[1] += bytes;
    }

    fn port(&mut self, port: u16) -> &mut Bytes {
        let (page, place) = (usize::from(port) / PAGE, usize::from(port) % PAGE);
        if self.0.len() <= page {
            self.0.resize_with(page + 1, || None);
        }
        let page = self.0[page].get_or_insert_with(|| Box::new([Bytes::default(); PAGE]));
        &mut page[place]
    }

    /// The ports that occurred, in order.
    pub(super) fn list(&self, service: impl Fn(u16) -> Service) -> impl Iterator<Item = PortTraffic> {
        let pages = self.0.iter().enumerate().filter_map(|(number, page)| Some((number, page.as_deref()?)));
        let ports = pages.flat_map(|(number, page)| {
            page.iter().enumerate().map(move |(place, bytes)| (number * PAGE + place, *bytes))
        });
        ports.filter(|(_, bytes)| *bytes != Bytes::default()).filter_map(move |(port, [sent, received])| {
            Some(PortTraffic { service: service(u16::try_from(port).ok()?), sent, received })
        })
    }
}
