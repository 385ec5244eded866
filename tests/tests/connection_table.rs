//! The connection table: who is it, how is it numbered, and what begins it.

use managed::ManagedSlice;
use tapflow_core::{Config, Connection, Frame, Reassembler, StaticStorage, Storage, StorageError};
use tapflow_tests::frames::{FIN, RST, SYN, TcpFrame, frame};
use tapflow_tests::scene::Scene;
use tapflow_tests::{KEY, with};

#[test]
fn both_directions_are_one_entry_with_one_session() {
    let mut scene = Scene::default();
    assert_eq!(scene.handshake(1000), ["0 opened session 0 client syn", "1 opened session 0 syn"]);
    assert_eq!(scene.counters().max_connections, 1);
    assert_eq!(scene.handshake(2000), ["2 opened session 1 client syn", "3 opened session 1 syn"]);
    assert_eq!((scene.counters().connections, scene.counters().flows), (2, 4));
}

#[test]
fn flows_are_numbered_in_the_order_of_their_first_syn_or_data() {
    let mut scene = Scene::default();
    assert_eq!(scene.push(&TcpFrame::up(9, SYN, b"").client_port(1)), ["0 opened session 0 client syn"]);
    assert_eq!(scene.push(&TcpFrame::up(9, SYN, b"").client_port(2)), ["1 opened session 1 client syn"]);
    let answer = TcpFrame::down(9, SYN, b"").acknowledging(10);
    assert_eq!(scene.push(&answer.clone().client_port(2)), ["2 opened session 1 syn"]);
    let data = TcpFrame::up(5, 0, b"data").client_port(3);
    assert_eq!(scene.push(&data), ["3 opened session 2 client", "3 data 0 data"]);
    assert_eq!(scene.push(&answer.client_port(1)), ["4 opened session 0 syn"]);
}

#[test]
fn an_ack_a_fin_and_an_rst_begin_nothing() {
    let mut scene = Scene::default();
    let none: [&str; 0] = [];
    assert_eq!(scene.push(&TcpFrame::up(5, 0, b"").acknowledging(7)), none);
    assert_eq!(scene.push(&TcpFrame::up(5, FIN, b"").acknowledging(7)), none);
    assert_eq!(scene.push(&TcpFrame::up(5, RST, b"")), none);
    assert_eq!(scene.push(&TcpFrame::up(5, RST, b"reason")), none);
    assert_eq!(scene.push(&TcpFrame::up(5, RST | SYN, b"")), none);
    assert_eq!(scene.finish(), none);
    let c = scene.counters();
    assert_eq!((c.stray_segments, c.connections, c.flows, c.reset_bytes), (5, 0, 0, 6));
}

#[test]
fn a_fin_with_data_begins_a_flow() {
    let mut scene = Scene::default();
    assert_eq!(scene.push(&TcpFrame::up(5, FIN, b"bye")), ["0 opened session 0 client", "0 data 0 bye"]);
}

#[test]
fn an_acknowledgement_does_not_begin_the_flow_of_its_direction() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(99, SYN, b""));
    assert!(scene.push(&TcpFrame::down(200, 0, b"").acknowledging(100)).is_empty());
    assert_eq!(
        scene.push(&TcpFrame::down(200, 0, b"hello").acknowledging(100)),
        ["1 opened session 0", "1 data 0 hello"]
    );
}

#[test]
fn the_sender_of_the_syn_is_the_client_even_if_the_answer_is_seen_first() {
    let mut scene = Scene::default();
    let answer = TcpFrame::down(199, SYN, b"").acknowledging(100);
    assert_eq!(scene.push(&answer), ["0 opened session 0 syn"]);
    assert_eq!(scene.push(&TcpFrame::up(99, SYN, b"")), ["1 opened session 0 client syn"]);
}

#[test]
fn both_syns_of_a_simultaneous_open_are_one_connection() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(99, SYN, b""));
    assert_eq!(scene.push(&TcpFrame::down(199, SYN, b"")), ["1 opened session 0 syn"]);
    assert!(scene.push(&TcpFrame::up(99, SYN, b"").acknowledging(200)).is_empty());
    assert!(scene.push(&TcpFrame::down(199, SYN, b"").acknowledging(100)).is_empty());
    assert_eq!(scene.counters().connections, 1);
}

#[test]
fn the_same_addresses_in_another_vlan_are_another_connection() {
    let mut scene = Scene::default();
    scene.push(&TcpFrame::up(99, SYN, b""));
    let mut tagged = TcpFrame::up(99, SYN, b"").bytes();
    tagged.splice(12..12, [0x81, 0, 0, 5]);
    assert_eq!(scene.push_frame(&frame(&tagged, 1)), ["1 opened session 1 client syn"]);
}

#[test]
fn connections_that_share_a_bucket_stay_apart() {
    let mut memory = StaticStorage::<8, 1, 8>::new();
    let mut core = Reassembler::new(Config::new(KEY), memory.storage()).unwrap();
    let mut sink = tapflow_tests::recorder::Recorder::default();
    for round in 0..3u32 {
        for port in 1..=8 {
            let bytes = TcpFrame::up(round * 2, 0, &port_bytes(port)).client_port(port).bytes();
            let Ok(()) = core.push(&frame(&bytes, 1), &mut sink);
        }
    }
    for port in 1..=8 {
        assert_eq!(sink.stream_from(port), port_bytes(port).repeat(3));
    }
    assert_eq!(core.counters().max_connections, 8);
}

fn port_bytes(port: u16) -> [u8; 2] {
    port.to_be_bytes()
}

#[test]
fn the_hash_key_does_not_change_the_output() {
    let told = |hash_key| {
        let mut scene = Scene::with(with(Config::new(KEY), |c| c.hash_key = hash_key), 20, 64);
        let mut lines = Vec::new();
        for port in 0..100 {
            lines.extend(scene.handshake(port));
            lines.extend(scene.push(&TcpFrame::up(103, 0, b"late").client_port(port / 2)));
        }
        lines.extend(scene.finish());
        lines
    };
    let lines = told([0; 16]);
    assert!(lines.len() > 400);
    assert_eq!(lines, told([0xa5; 16]));
    assert_eq!(lines, told(*b"sixteen bytes..."));
}

#[test]
fn a_table_of_one_connection_serves_one_after_the_other() {
    let mut scene = Scene::with(Config::new(KEY), 1, 8);
    scene.handshake(1);
    scene.push(&TcpFrame::up(100, 0, b"one").client_port(1));
    assert_eq!(
        scene.push(&TcpFrame::up(9, SYN, b"").client_port(2)),
        [
            "0 closed evicted-least-active 3",
            "1 closed evicted-least-active 0",
            "2 opened session 1 client syn"
        ]
    );
    assert_eq!(scene.push(&TcpFrame::up(10, 0, b"two").client_port(2)), ["2 data 0 two"]);
    assert_eq!(scene.finish(), ["2 closed end-of-input 3"]);
    assert_eq!(scene.counters().max_connections, 1);
}

#[test]
fn attempts_and_ended_connections_make_room_for_each_other_before_the_table_is_full() {
    let mut scene = Scene::with(with(Config::new(KEY), |c| c.max_inactive = 2), 8, 8);
    let syn = |port| TcpFrame::up(9, SYN, b"").client_port(port);
    for port in 1..4 {
        scene.handshake(port);
    }
    scene.push(&syn(11));
    scene.push(&TcpFrame::down(0, RST, b"").acknowledging(10).client_port(11));
    scene.push(&syn(12));
    // What has ended goes first, then the oldest attempt; open connections stay.
    assert_eq!(scene.push(&syn(13)), ["6 closed reset 0", "8 opened session 5 client syn"]);
    assert_eq!(scene.push(&syn(14)), ["7 closed evicted-half-open 0", "9 opened session 6 client syn"]);
    assert_eq!(scene.counters().max_connections, 5);
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"one").client_port(1)), ["0 data 0 one"]);
}

#[test]
fn finish_closes_everything_and_the_reassembler_goes_on() {
    let mut scene = Scene::default();
    scene.handshake(1);
    scene.push(&TcpFrame::up(105, 0, b"island").client_port(1));
    assert_eq!(scene.finish(), ["0 gap 0..5", "0 closed end-of-input 11", "1 closed end-of-input 0"]);
    assert!(scene.finish().is_empty());
    assert_eq!(scene.handshake(1), ["2 opened session 1 client syn", "3 opened session 1 syn"]);
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"again").client_port(1)), ["2 data 0 again"]);
    assert_eq!(scene.finish().len(), 2);
}

#[test]
fn no_connection_begins_while_none_is_wanted_and_known_ones_go_on() {
    let mut scene = Scene::default();
    scene.handshake(1);
    scene.core().accept_new_connections(false);
    assert!(scene.handshake(2).is_empty());
    assert!(scene.push(&TcpFrame::up(5, 0, b"unwanted").client_port(3)).is_empty());
    assert!(scene.push(&TcpFrame::up(7_000_000, SYN, b"").client_port(1)).is_empty());
    assert_eq!(scene.push(&TcpFrame::up(100, 0, b"known").client_port(1)), ["0 data 0 known"]);
    let c = scene.counters();
    assert_eq!((c.unwanted_bytes, c.unwanted_segments, c.stray_segments), (8, 4, 1));
    scene.core().accept_new_connections(true);
    assert!(!scene.handshake(2).is_empty());
}

#[test]
fn the_state_of_one_connection_fits_256_bytes() {
    assert!(size_of::<Connection>() <= 256);
}

#[test]
fn storage_in_which_nothing_can_work_is_refused() {
    let refused = |connections: &mut [Connection], buckets: &mut [u32]| {
        let (connections, buckets) = (ManagedSlice::Borrowed(connections), ManagedSlice::Borrowed(buckets));
        let islands = ManagedSlice::Borrowed(&mut []);
        let storage = Storage::new(connections, buckets, islands);
        Reassembler::new(Config::new(KEY), storage).err()
    };
    let mut one = [Connection::default()];
    assert_eq!(refused(&mut [], &mut [0]), Some(StorageError::NoConnections));
    assert_eq!(refused(&mut one, &mut []), Some(StorageError::BucketsNotPowerOfTwo));
    assert_eq!(refused(&mut one, &mut [0; 3]), Some(StorageError::BucketsNotPowerOfTwo));
    assert_eq!(refused(&mut one, &mut [0]), None);
    for error in [StorageError::NoConnections, StorageError::BucketsNotPowerOfTwo, StorageError::TooLarge] {
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn memory_may_be_used_again() {
    let mut memory = StaticStorage::<2, 2, 2>::new();
    for _ in 0..3 {
        let mut core = Reassembler::new(Config::new(KEY), memory.storage()).unwrap();
        let mut sink = tapflow_tests::recorder::Recorder::default();
        for sequence in [100, 110, 120, 104] {
            let bytes = TcpFrame::up(sequence, 0, b"four").bytes();
            let Ok(()) = core.push(&frame(&bytes, 1), &mut sink);
        }
        assert_eq!(sink.flows.len(), 1);
        assert_eq!(core.counters().data_bytes, 16);
    }
}

#[test]
fn a_frame_without_a_segment_is_told_with_its_reason_and_counted() {
    let mut scene = Scene::default();
    let bytes = TcpFrame::up(1, SYN, b"").bytes();
    let whole = frame(&bytes, 1);
    assert_eq!(
        scene.push_frame(&Frame { bytes: &bytes[..20], ..whole }),
        ["rejected IPv4 cut short (at byte 14)"]
    );
    assert_eq!(scene.counters().rejected_frames(), 1);
}
