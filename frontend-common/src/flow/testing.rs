//! Flows for tests.

use std::net::IpAddr;

use tapflow_core::{FlowKey, Timestamp};

use super::{FlowFacts, FramePlace, Link, Opened};

/// 10.1.2.3:1234 to 192.168.5.6:80, at 2023-11-14T22:13:20.000000001Z.
pub(crate) fn facts(number: u64) -> FlowFacts {
    facts_between_ports("10.1.2.3", 1234, "192.168.5.6", number)
}

/// A flow whose port, and so its name, is as good as unique.
pub(crate) fn facts_of_port(number: u64, port: u16) -> FlowFacts {
    facts_between_ports("10.1.2.3", port, "192.168.5.6", number)
}

pub(crate) fn facts_between(source: &str, destination: &str) -> FlowFacts {
    facts_between_ports(source, 1234, destination, 0)
}

fn facts_between_ports(source: &str, source_port: u16, destination: &str, number: u64) -> FlowFacts {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    FlowFacts {
        number,
        slot: u32::try_from(number % 1000).expect("small"),
        directory: 0,
        frame: FramePlace::default(),
        opened: Opened {
            key: FlowKey {
                source: address(source),
                destination: address(destination),
                source_port,
                destination_port: 80,
            },
            link: Link::default(),
            time: Timestamp::new(1_700_000_000, 1),
            session: number / 2,
            client: true,
            syn: true,
        },
    }
}
