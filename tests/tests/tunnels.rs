//! Tunnels and rare link layers in real captures: what sinks are told of them, and what tells connections apart.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tapflow_common::input::{self};
use tapflow_core::TunnelKind::{self, Ayiya, Geneve, Gre, Gtp, IpComp, IpInIp, Mpls, Pppoe, Sflow, Vxlan};
use tapflow_core::{
    Config, Counters, FragmentStorage, Frame, LinkType, Opened, Reassembler, Storage, Timestamp,
};
use tapflow_tests::answers::corpus;
use tapflow_tests::frames::TcpFrame;
use tapflow_tests::not_tested;
use tapflow_tests::recorder::Recorder;
use tapflow_tests::{KEY, with};

fn core(config: Config) -> Reassembler<'static> {
    let storage = Storage::heap(1000, 1000).unwrap().with_fragments(FragmentStorage::heap(64).unwrap());
    Reassembler::new(config, storage).unwrap()
}

/// The flows with data of a capture of the corpus, and the counts.
fn opened(name: &str) -> (Vec<Opened>, Counters) {
    let path = corpus().expect("the corpus").join("captures").join(name);
    let mut source = input::open(&path, Arc::new(AtomicBool::new(false))).unwrap();
    let (mut core, mut sink) = (core(Config::new(KEY)), Recorder::default());
    while let Ok(Some(packet)) = source.next() {
        let Ok(()) = core.push(&packet.frame, &mut sink);
    }
    let Ok(()) = core.finish(&mut sink);
    let with_data = sink.flows.into_values().filter(|flow| !flow.bytes.is_empty());
    (with_data.map(|flow| flow.opened).collect(), core.counters().clone())
}

/// The bytes of all these flows are compared by `captures_have_known_answers`.
#[test]
fn flows_of_real_captures_tell_the_tunnels_they_came_through() {
    if corpus().is_none() {
        not_tested("tunnels of real captures: there is no corpus");
        return;
    }
    for (name, kinds) in [
        ("pcapplusplus-IPv4-encapsulated-IPv6.pcap", &[IpInIp][..]),
        ("mercury-ip_encapsulation.pcap", &[Pppoe, IpInIp]),
        ("tcpdump-wccp_redirect_gre.pcap", &[Gre]),
        ("bro-erspan.pcap", &[Gre]),
        ("zeek-gre-aruba.pcap", &[Gre]),
        ("tcpdump-sflow_expanded.pcap", &[Sflow]),
        ("tcpdump-lspping-fec-ldp.pcap", &[Mpls]),
        ("tcpdump-gso-ipv4-vxlan-ipv4.pcap", &[Vxlan]),
        ("tcpdump-gso-ipv4-geneve-ipv6.pcap", &[Geneve]),
        ("zeek-geneve-47101.pcap", &[Geneve]),
        ("pcapplusplus-gtp.pcap", &[Gtp]),
        ("bro-gtp2_different_udp_port.pcap", &[Gtp]),
        ("bro-ayiya3.pcap", &[Ayiya]),
        ("bro-pppoe-over-qinq.pcap", &[Pppoe]),
        ("libpcap-AH-IPcomp-IPv4.pcap", &[IpInIp]),
        ("bro-nflog-http.pcap", &[]),
        ("tcpdump-arcnet-rfc1201-arp-icmp-http.pcap", &[]),
    ] {
        let (flows, _) = opened(name);
        assert!(!flows.is_empty(), "{name}");
        for flow in flows {
            let told: Vec<TunnelKind> = flow.link.tunnels.iter().map(|tunnel| tunnel.kind).collect();
            assert_eq!(told, kinds, "{name}");
            let in_ip = kinds.iter().any(|kind| !matches!(kind, Mpls | Pppoe));
            assert_eq!(flow.link.outer.is_some(), in_ip, "{name}");
        }
    }
}

#[test]
fn compressed_payload_is_in_the_streams_of_the_connection_that_is_not_compressed() {
    if corpus().is_none() {
        not_tested("compressed payload of a real capture: there is no corpus");
        return;
    }
    let (flows, counters) = opened("libpcap-AH-IPcomp-IPv4.pcap");
    assert_eq!(flows.len(), 2);
    assert_eq!((counters.connections, counters.rejected_frames()), (1, 0));
    assert_eq!(counters.data_bytes, 194 + 4285);
    assert!(flows.iter().all(|flow| flow.link.tunnels.iter().all(|tunnel| tunnel.kind != IpComp)));
}

/// The IPv4 datagram of `segment` in GRE between these hosts.
fn in_gre(source: u8, destination: u8, segment: &TcpFrame) -> Vec<u8> {
    let datagram = &segment.bytes()[14..];
    let len = (24 + datagram.len()) as u8;
    let outer = [0x45, 0, 0, len, 0, 1, 0, 0, 64, 47, 0, 0, 192, 0, 2, source, 192, 0, 2, destination];
    [&outer[..], &[0, 0, 8, 0], datagram].concat()
}

fn flows_of(config: Config, datagrams: &[Vec<u8>]) -> Recorder {
    let (mut core, mut sink) = (core(config), Recorder::default());
    for bytes in datagrams {
        let (time, wire_len) = (Timestamp::new(1, 0), bytes.len() as u32);
        let Ok(()) = core.push(&Frame { link: LinkType::IPV4, time, wire_len, bytes }, &mut sink);
    }
    let Ok(()) = core.finish(&mut sink);
    sink
}

#[test]
fn both_directions_of_a_tunnel_are_one_connection_and_two_tunnels_are_two() {
    let there = TcpFrame::up(100, 0, b"there");
    let back = TcpFrame::down(200, 0, b"back");
    let other = TcpFrame::up(100, 0, b"other");
    let sink = flows_of(Config::new(KEY), &[in_gre(1, 2, &there), in_gre(2, 1, &back), in_gre(1, 3, &other)]);
    let sessions: Vec<u64> = sink.flows.values().map(|flow| flow.opened.session).collect();
    assert_eq!(sessions, [0, 0, 1]);
}

#[test]
fn encapsulation_that_is_ignored_tells_nothing_apart() {
    let datagrams = [
        in_gre(1, 2, &TcpFrame::up(100, 0, b"one ")),
        TcpFrame::up(104, 0, b"stream").bytes()[14..].to_vec(),
        in_gre(1, 3, &TcpFrame::up(110, 0, b"!")),
    ];
    assert_eq!(flows_of(Config::new(KEY), &datagrams).flows.len(), 3);
    let config = with(Config::new(KEY), |c| c.ignore_encapsulation = true);
    let sink = flows_of(config, &datagrams);
    assert_eq!(sink.flows.len(), 1);
    assert_eq!(sink.stream_from(40_000), b"one stream!");
}
