//! Flows that were seen lately: what most packets add to is at hand, and hosts and ports are looked up once for many
//! packets.

use std::net::IpAddr;

use tapflow_core::decode::Transport;

use super::{Count, Service};

/// Flows at hand.
const FLOWS: usize = 512;

/// What the headers of a packet say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) transport: Transport,
}

impl Flow {
    /// The ports as services.
    pub(super) fn ends(&self) -> [Service; 2] {
        match self.transport {
            Transport::Tcp { source, destination } => [Service::Tcp(source), Service::Tcp(destination)],
            Transport::Udp { source, destination } => [Service::Udp(source), Service::Udp(destination)],
            Transport::Other => [Service::Other; 2],
        }
    }

    /// Where it is at hand. Flows that share a place take it from each other, which costs a look-up and changes
    /// nothing.
    #[inline]
    fn place(&self) -> usize {
        let fold = |address: &IpAddr| match address {
            IpAddr::V4(v4) => u64::from(v4.to_bits()),
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                (bits as u64) ^ ((bits >> 64) as u64).rotate_left(23)
            }
        };
        let ports = match self.transport {
            Transport::Tcp { source, destination } | Transport::Udp { source, destination } => {
                u64::from(source) << 16 | u64::from(destination)
            }
            Transport::Other => 0,
        };
        let mixed = (fold(&self.source) ^ fold(&self.destination).rotate_left(32) ^ ports << 7)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as usize % FLOWS
    }
}

/// A flow at hand.
#[derive(Clone, Copy)]
pub(super) struct Recent {
    pub(super) flow: Flow,
    pub(super) service: Service,
    /// What is to be added to the host and ports.
    pub(super) count: Count,
}

/// The flows at hand.
pub(super) struct RecentFlows(Box<[Option<Recent>; FLOWS]>);

impl RecentFlows {
    pub(super) fn new() -> Self {
        Self(Box::new([None; FLOWS]))
    }

    /// Adds a packet. The service of its flow, and a flow whose place it took.
    #[inline]
    pub(super) fn add(&mut self, flow: Flow, bytes: u64) -> (Service, Option<Recent>) {
        let place = &mut self.0[flow.place()];
        if let Some(recent) = place
            && recent.flow == flow
        {
            recent.count.packets += 1;
            recent.count.bytes += bytes;
            return (recent.service, None);
        }
        let service = Service::of(flow.ends());
        let earlier = place.replace(Recent { flow, service, count: Count { packets: 1, bytes } });
        (service, earlier)
    }

    /// All that are at hand.
    pub(super) fn into_flows(self) -> impl Iterator<Item = Recent> {
        self.0.into_iter().flatten()
    }
}
