//! The attacks of T. Ptacek and T. Newsham, "Insertion, Evasion, and Denial of Service: Eluding Network
//! Intrusion Detection" (1998), that play with IP: each by its name there or by what it does, and what
//! tapflow makes of it. Those that play with TCP stand beside this file.

use tapflow_core::decode::{Checksums, Settings};
use tapflow_core::{Config, DropReason, FragmentPolicy, FragmentStorage, Frame, Storage};
use tapflow_tests::fragments::{Piece, payload, split};
use tapflow_tests::frames::{ACK, TcpFrame, frame, set_checksums};
use tapflow_tests::scene::Scene;
use tapflow_tests::{KEY, with};

/// What the attacker hides.
const ATTACK: &[u8] = b"GET /cgi-bin/phf?Qalias=x%0a/bin/cat%20/etc/passwd HTTP/1.0\r\n\r\n";

fn attack() -> TcpFrame {
    TcpFrame::up(100, ACK, ATTACK)
}

fn all(scene: &mut Scene, pieces: &[Piece]) {
    for piece in pieces {
        scene.piece(piece);
    }
}

/// The attack is in the stream, whole, once.
fn is_seen(mut scene: Scene) {
    scene.finish();
    assert_eq!(scene.recorder().stream_from(40000), ATTACK);
    assert_eq!(scene.counters().whole_datagrams, 1);
    assert_eq!(scene.counters().repeated_bytes, 0);
}

#[test]
fn frag_1_fragments_of_8_bytes_in_order() {
    let mut scene = Scene::default();
    all(&mut scene, &split(&attack(), 8));
    // Ports and sequence number in the first, flags in the second (RFC 1858): that is told.
    assert_eq!(scene.counters().tiny_fragments, 1);
    is_seen(scene);
}

#[test]
fn frag_2_fragments_of_24_bytes_in_order() {
    let mut scene = Scene::default();
    all(&mut scene, &split(&attack(), 24));
    assert_eq!(scene.counters().tiny_fragments, 0);
    is_seen(scene);
}

#[test]
fn frag_3_fragments_of_8_bytes_one_out_of_order() {
    let mut scene = Scene::default();
    let mut pieces = split(&attack(), 8);
    pieces.swap(3, 5);
    all(&mut scene, &pieces);
    is_seen(scene);
}

#[test]
fn frag_4_fragments_of_8_bytes_one_of_them_twice() {
    let mut scene = Scene::default();
    let mut pieces = split(&attack(), 8);
    pieces.insert(4, pieces[3].clone());
    all(&mut scene, &pieces);
    assert_eq!(scene.counters().duplicate_fragments, 1);
    is_seen(scene);
}

#[test]
fn frag_5_fragments_of_8_bytes_in_no_order_one_of_them_twice() {
    let mut scene = Scene::default();
    let mut pieces = split(&attack(), 8);
    pieces.push(pieces[2].clone());
    let count = pieces.len();
    let pieces: Vec<_> = (0..count).map(|number| pieces[number * 5 % count].clone()).collect();
    all(&mut scene, &pieces);
    scene.finish();
    assert_eq!(scene.recorder().stream_from(40000), ATTACK);
}

#[test]
fn frag_6_fragments_of_8_bytes_the_last_one_first() {
    let mut scene = Scene::default();
    let mut pieces = split(&attack(), 8);
    pieces.rotate_right(1);
    all(&mut scene, &pieces);
    is_seen(scene);
}

/// Fragments of 16 bytes, each of which begins in the middle of the one before it; every byte that comes
/// twice is `x` in the second copy.
fn forward_overlap(policy: FragmentPolicy) -> Vec<u8> {
    let mut scene = Scene::new(with(Config::new(KEY), |c| c.fragment_policy = policy));
    let whole = payload(&attack());
    let first = whole.len().min(32);
    scene.piece(&Piece::new(0, true, &whole[..first]));
    let mut at = 24;
    while at < whole.len() {
        let end = whole.len().min(at + 16);
        let mut part = whole[at..end].to_vec();
        part[..8].fill(b'x');
        scene.piece(&Piece::new(at, end < whole.len(), &part));
        at += 8;
        if end == whole.len() {
            break;
        }
    }
    scene.finish();
    assert!(scene.counters().fragment_conflicts > 0, "told");
    scene.recorder().stream_from(40000)
}

#[test]
fn frag_7_overlaps_forward_count_as_the_host_that_reads_has_them() {
    for old in [FragmentPolicy::First, FragmentPolicy::Bsd, FragmentPolicy::Windows, FragmentPolicy::Solaris]
    {
        assert_eq!(forward_overlap(old), ATTACK, "{old:?}");
    }
    // What is left of the second fragment begins where the third does, which wins therefore; and so on.
    let linux = forward_overlap(FragmentPolicy::Linux);
    assert!(linux.starts_with(b"GET /cgi-binxxxxxxxxias=x%0axxxxxxxx"));
    for new in [FragmentPolicy::Last, FragmentPolicy::BsdRight] {
        let stream = forward_overlap(new);
        // All but what stood before the overlaps and behind them is the second copy.
        let overlapped = 4..ATTACK.len() / 8 * 8 - 4;
        assert!(stream[overlapped].iter().all(|byte| *byte == b'x'), "{new:?} {}", stream.escape_ascii());
        assert!(stream.starts_with(b"GET ") && stream.ends_with(b"\n"), "{new:?} {}", stream.escape_ascii());
    }
}

#[test]
fn overlap_by_a_fragment_that_begins_earlier() {
    // Old bytes at 40..56, then new ones at 32..56.
    let kept = |policy| {
        let mut scene = Scene::new(with(Config::new(KEY), |c| c.fragment_policy = policy));
        let whole = payload(&attack());
        scene.piece(&Piece::new(40, true, &[b'o'; 16]));
        scene.piece(&Piece::new(32, true, &[b'n'; 24]));
        scene.piece(&Piece::new(0, true, &whole[..32]));
        scene.piece(&Piece::new(56, false, &whole[56..]));
        scene.finish();
        scene.recorder().stream_from(40000)[20]
    };
    use FragmentPolicy::{Bsd, BsdRight, First, Last, Linux, Solaris, Windows};
    for policy in [First, BsdRight, Windows] {
        assert_eq!(kept(policy), b'o', "{policy:?}");
    }
    for policy in [Last, Bsd, Linux, Solaris] {
        assert_eq!(kept(policy), b'n', "{policy:?}");
    }
}

#[test]
fn teardrop_a_fragment_inside_of_another() {
    for policy in FragmentPolicy::ALL {
        let mut scene = Scene::new(with(Config::new(KEY), |c| c.fragment_policy = policy));
        let whole = payload(&attack());
        scene.piece(&Piece::new(0, true, &whole[..48]));
        scene.piece(&Piece::new(24, false, &whole[24..28]));
        scene.finish();
        let counters = scene.counters();
        assert_eq!(counters.rejected_frames(), 1, "{policy:?}: it ends where others go on");
    }
    let mut scene = Scene::default();
    let whole = payload(&attack());
    scene.piece(&Piece::new(0, true, &whole[..48]));
    scene.piece(&Piece::new(24, true, &whole[24..32]));
    scene.piece(&Piece::new(48, false, &whole[48..]));
    assert_eq!(scene.counters().fragment_overlaps, 1);
    is_seen(scene);
}

#[test]
fn ping_of_death_a_fragment_beyond_64_kib() {
    let mut scene = Scene::default();
    scene.piece(&Piece::new(0, true, &payload(&attack())[..48]));
    let lines = scene.piece(&Piece::new(65_528, false, &[0; 100]));
    assert_eq!(lines, ["rejected IPv4 fragment beyond 64 KiB (at byte 0)"]);
    let lines = scene.piece(&Piece::new(65_528, false, &[0; 100]).v6());
    assert_eq!(lines, ["rejected IPv6 extension header fragment beyond 64 KiB (at byte 40)"]);
}

#[test]
fn fragments_that_come_after_the_timeout_are_another_datagram() {
    // The receiver waits for less time, or more, than the observer: what never became whole for tapflow is
    // told, and its beginning is in the stream.
    let mut scene = Scene::default();
    let pieces = split(&attack(), 40);
    scene.at(1000).piece(&pieces[0]);
    let lines = scene.at(1030).piece(&pieces[1]);
    assert_eq!(lines[0], "dropped 1 timed-out: 1 fragments, 40 bytes, beginning used");
    scene.finish();
    assert_eq!(scene.recorder().stream_from(40000), &ATTACK[..20]);
}

#[test]
fn a_flood_of_first_fragments_takes_no_more_than_the_memory_given() {
    let config = with(Config::new(KEY), |c| c.use_incomplete_datagrams = false);
    let fragments = FragmentStorage::heap(8).unwrap();
    let storage = Storage::heap(8, 8).unwrap().with_fragments(fragments);
    let mut scene = Scene::of(config, storage);
    let flood = Piece { source: 77, ..Piece::new(0, true, &[0; 48]) };
    for id in 0..10_000 {
        scene.piece(&flood.clone().id(id));
    }
    assert_eq!(scene.counters().dropped_for(DropReason::Evicted), 10_000 - 8);
    assert_eq!(scene.counters().max_datagrams, 8);
    // What comes together is still put together.
    all(&mut scene, &split(&attack(), 24));
    is_seen(scene);
}

/// The attack with `x` in places of the bytes that an inserted packet adds; the packet is sent first, and the
/// receiver drops it.
fn inserted(config: Config, change: impl FnOnce(&mut Vec<u8>)) -> Scene {
    let mut scene = Scene::new(config);
    let send = |scene: &mut Scene, bytes: &[u8]| {
        scene.push_frame(&frame(bytes, 1));
    };
    let good = |sequence, text: &[u8]| {
        let mut bytes = TcpFrame::up(sequence, ACK, text).bytes();
        set_checksums(&mut bytes);
        bytes
    };
    send(&mut scene, &good(100, &ATTACK[..10]));
    let mut chaff = good(110, b"xxxxx");
    change(&mut chaff);
    send(&mut scene, &chaff);
    send(&mut scene, &good(110, &ATTACK[10..]));
    scene.finish();
    scene
}

fn refusing() -> Config {
    with(Config::new(KEY), |c| c.decode = with(Settings::default(), |c| c.checksums = Checksums::Refuse))
}

const IP: usize = 14;

#[test]
fn insertion_with_a_bad_ip_checksum_is_refused_by_option_and_else_a_conflict() {
    let spoil = |chaff: &mut Vec<u8>| chaff[IP + 10] ^= 1;
    let scene = inserted(refusing(), spoil);
    assert_eq!(scene.recorder().stream_from(40000), ATTACK);
    assert_eq!(scene.counters().rejected_frames(), 1);
    // As captures of the sending host need it: the first copy stays, and the difference is told.
    let scene = inserted(Config::new(KEY), spoil);
    assert_eq!(scene.recorder().stream_from(40000)[10..15], *b"xxxxx");
    assert_eq!(scene.counters().conflicts, 1);
}

#[test]
fn insertion_with_a_bad_tcp_checksum_is_refused_by_option_and_else_a_conflict() {
    let spoil = |chaff: &mut Vec<u8>| chaff[IP + 20 + 16] ^= 1;
    let scene = inserted(refusing(), spoil);
    assert_eq!(scene.recorder().stream_from(40000), ATTACK);
    let scene = inserted(Config::new(KEY), spoil);
    assert_eq!(scene.counters().conflicts, 1);
}

#[test]
fn insertion_with_a_wrong_version_is_rejected() {
    for version in [0x05, 0x35, 0x55, 0x65, 0xf5] {
        let scene = inserted(Config::new(KEY), |chaff| chaff[IP] = version);
        assert_eq!(scene.recorder().stream_from(40000), ATTACK);
        assert_eq!(scene.counters().rejected_frames(), 1);
    }
}

#[test]
fn insertion_with_a_wrong_header_length_is_rejected() {
    // Too short, or beyond the end.
    for length in [0x40, 0x44, 0x4f] {
        let scene = inserted(Config::new(KEY), |chaff| chaff[IP] = length);
        assert_eq!(scene.recorder().stream_from(40000), ATTACK);
        assert_eq!(scene.counters().rejected_frames(), 1);
    }
}

#[test]
fn insertion_with_a_total_length_that_leaves_no_room_is_rejected() {
    for length in [1, 19, 20, 39] {
        let scene = inserted(Config::new(KEY), |chaff| chaff[IP + 3] = length);
        assert_eq!(scene.recorder().stream_from(40000), ATTACK);
        assert_eq!(scene.counters().rejected_frames(), 1, "{length}");
    }
}

#[test]
fn insertion_by_padding_behind_the_datagram_adds_nothing() {
    // The total length says 2 bytes of payload, the frame has 5: what is beyond is padding.
    let scene = inserted(Config::new(KEY), |chaff| chaff[IP + 3] = 42);
    let stream = scene.recorder().stream_from(40000);
    assert_eq!(stream[10..15], [b"xx", &ATTACK[12..15]].concat());
}

#[test]
fn insertion_with_a_total_length_beyond_the_frame_is_a_cut_segment() {
    // No receiver takes it; for an observer it is what a snap length leaves. The difference is told.
    let mut scene = Scene::default();
    let mut chaff = TcpFrame::up(100, ACK, b"xxxxx").bytes();
    chaff[IP + 3] = 60;
    scene.push_frame(&frame(&chaff, 1));
    scene.push(&attack());
    scene.finish();
    let counters = scene.counters();
    assert_eq!((counters.truncated_segments, counters.truncated_bytes, counters.conflicts), (1, 15, 1));
}

#[test]
fn insertion_by_a_small_ttl_is_seen_as_a_conflict() {
    // Which hosts a packet reaches cannot be told from the packet.
    let scene = inserted(Config::new(KEY), |chaff| {
        chaff[IP + 8] = 1;
        set_checksums(chaff);
    });
    assert_eq!(scene.recorder().stream_from(40000)[10..15], *b"xxxxx");
    assert_eq!(scene.counters().conflicts, 1, "two copies that differ");
}

#[test]
fn insertion_by_a_large_packet_that_may_not_be_fragmented_is_seen_as_a_conflict() {
    let mut scene = Scene::default();
    let mut chaff = TcpFrame::up(100, ACK, &[b'x'; 1400]).bytes();
    assert_eq!(chaff[IP + 6], 0x40, "do not fragment");
    set_checksums(&mut chaff);
    scene.push_frame(&frame(&chaff, 1));
    scene.push(&attack());
    assert_eq!(scene.counters().repeated_bytes, ATTACK.len() as u64);
    scene.finish();
    assert_eq!(scene.counters().conflicts, 1);
}

/// The packet with these IP options, padded to a multiple of 4.
fn with_options(chaff: &mut Vec<u8>, options: &[u8]) {
    chaff.splice(IP + 20..IP + 20, options.iter().copied());
    chaff[IP] += options.len() as u8 / 4;
    chaff[IP + 3] += options.len() as u8;
}

#[test]
fn insertion_with_bad_ip_options_is_seen_as_a_conflict() {
    // A timestamp option of a length that cannot be, a strict source route, an unknown one: hosts differ.
    for options in [[68, 1, 5, 0], [0x89, 3, 4, 0], [0x9f, 0, 0, 0]] {
        let scene = inserted(Config::new(KEY), |chaff| with_options(chaff, &options));
        assert_eq!(scene.recorder().stream_from(40000)[10..15], *b"xxxxx");
        assert_eq!(scene.counters().conflicts, 1);
    }
}

#[test]
fn evasion_with_ip_options_is_seen() {
    let mut bytes = attack().bytes();
    with_options(&mut bytes, &[7, 7, 4, 0, 0, 0, 0, 0]);
    let mut scene = Scene::default();
    scene.push_frame(&frame(&bytes, 1));
    scene.finish();
    assert_eq!(scene.recorder().stream_from(40000), ATTACK);
}

#[test]
fn insertion_to_another_mac_address_is_seen_as_a_conflict() {
    let scene = inserted(Config::new(KEY), |chaff| chaff[0..6].copy_from_slice(&[2, 0, 0, 0, 0, 99]));
    assert_eq!(
        scene.counters().conflicts,
        1,
        "the report has the flow's addresses, and both copies' bytes count"
    );
}

#[test]
fn chaff_between_fragments_does_not_mix_with_them() {
    let mut scene = Scene::default();
    for (number, piece) in split(&attack(), 8).into_iter().enumerate() {
        // Other ids, sources and protocols for the same places.
        scene.piece(&Piece { payload: vec![b'x'; 8], more: true, ..piece.clone() }.id(1000 + number as u32));
        scene.piece(&Piece { source: 99, payload: vec![b'x'; 8], more: true, ..piece.clone() });
        scene.piece(&Piece { protocol: 132, ..piece.clone() });
        scene.piece(&piece);
    }
    assert_eq!(scene.counters().whole_datagrams, 1);
    scene.finish();
    assert_eq!(scene.recorder().flows[&0].bytes.len(), ATTACK.len());
    assert_eq!(scene.recorder().stream_from(40000), ATTACK);
}

#[test]
fn evasion_by_fragments_inside_of_segments_of_one_byte() {
    let mut scene = Scene::default();
    for (number, byte) in ATTACK.iter().enumerate() {
        let segment = TcpFrame::up(100 + number as u32, ACK, &[*byte]);
        for piece in split(&segment, 8) {
            scene.piece(&piece.id(number as u32));
        }
    }
    assert_eq!(scene.counters().whole_datagrams, ATTACK.len() as u64);
    scene.finish();
    assert_eq!(scene.recorder().stream_from(40000), ATTACK);
}

#[test]
fn evasion_by_a_fragment_that_was_cut_is_told() {
    let mut scene = Scene::default();
    let pieces = split(&attack(), 40);
    let bytes = pieces[0].bytes();
    let whole = pieces[0].frame(&bytes, 1);
    scene.push_frame(&Frame { bytes: &bytes[..50], ..whole });
    all(&mut scene, &pieces[1..]);
    scene.finish();
    assert_eq!(scene.counters().truncated_segments, 1);
    assert_eq!(scene.recorder().stream_from(40000), &ATTACK[..10]);
}
