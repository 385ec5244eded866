//! Fragments of IP datagrams: in any order, with overlaps, incomplete, too many, out of time.

use tapflow_core::{Config, DropReason, FragmentPolicy, FragmentStorage, Storage};
use tapflow_tests::fragments::{Piece, payload, split};
use tapflow_tests::frames::{ACK, FIN, SYN, TcpFrame, frame};
use tapflow_tests::scene::Scene;
use tapflow_tests::{KEY, with};

const TEXT: &[u8] = b"The quick brown fox jumps over the lazy dog, and back.";

fn segment() -> TcpFrame {
    TcpFrame::up(100, ACK, TEXT)
}

fn told(scene: &mut Scene, pieces: &[Piece]) -> Vec<String> {
    pieces.iter().flat_map(|piece| scene.piece(piece)).collect()
}

fn text() -> Vec<String> {
    let text = std::str::from_utf8(TEXT).unwrap();
    vec!["0 opened session 0 client".to_owned(), format!("0 data 0 {text}")]
}

#[test]
fn a_datagram_in_fragments_is_a_segment_in_any_order() {
    for size in [8, 16, 24, 40, 72] {
        for turn in 0..3 {
            let mut scene = Scene::default();
            let mut pieces = split(&segment(), size);
            match turn {
                0 => {}
                1 => pieces.reverse(),
                _ => pieces.rotate_left(1),
            }
            assert_eq!(told(&mut scene, &pieces), text(), "{size} {turn}");
            let counters = scene.counters();
            assert_eq!(counters.fragments, pieces.len() as u64);
            assert_eq!((counters.whole_datagrams, counters.segments), (1, 1));
            assert_eq!(scene.finish(), ["0 closed end-of-input 54"]);
            let record = &scene.recorder().flows[&0];
            let (_, summary) = record.closed.as_ref().unwrap();
            assert_eq!(summary.packets, pieces.len() as u64);
            assert_eq!(summary.wire_bytes, pieces.len() as u64 * 20 + 74);
        }
    }
}

#[test]
fn ipv6_datagrams_are_put_together() {
    let mut scene = Scene::default();
    let pieces: Vec<_> = split(&segment(), 16).into_iter().map(|piece| piece.v6().id(0xdead_beef)).collect();
    assert_eq!(told(&mut scene, &pieces), text());
}

#[test]
fn the_next_header_field_of_later_ipv6_fragments_does_not_count() {
    let mut scene = Scene::default();
    let mut pieces: Vec<_> = split(&segment(), 16).into_iter().map(Piece::v6).collect();
    pieces[1..].iter_mut().for_each(|piece| piece.protocol = 17);
    pieces.reverse();
    assert_eq!(told(&mut scene, &pieces), text());
}

#[test]
fn fragments_belong_together_by_addresses_protocol_and_id() {
    let mut scene = Scene::default();
    let parts = split(&segment(), 40);
    let others = [parts[1].clone().id(2), Piece { source: 9, ..parts[1].clone() }, parts[1].clone().v6()];
    assert_eq!(told(&mut scene, &others), [""; 0]);
    assert_eq!(scene.piece(&parts[0]), [""; 0]);
    // UDP may be a tunnel, ICMP is none.
    assert_eq!(scene.piece(&Piece { protocol: 17, ..parts[1].clone() }), [""; 0]);
    let lines = scene.piece(&Piece { protocol: 1, ..parts[1].clone() });
    assert_eq!(lines, ["rejected IPv4: protocol 1 is not TCP (at byte 0)"]);
    assert_eq!(scene.piece(&parts[1]), text());
}

#[test]
fn fragments_of_other_protocols_are_rejected_and_not_held() {
    let mut scene = Scene::default();
    let pieces = split(&segment(), 40);
    for piece in &pieces {
        let udp = Piece { protocol: 17, ..piece.clone() };
        assert_eq!(scene.piece(&udp), ["rejected IPv4: protocol 17 is not TCP (at byte 0)"]);
        let lines = scene.piece(&udp.v6());
        assert_eq!(lines, ["rejected IPv6 extension header: protocol 17 is not TCP (at byte 40)"]);
    }
    assert_eq!(scene.counters().fragments, 0);
    assert_eq!(scene.finish(), [""; 0]);
}

#[test]
fn a_late_first_fragment_that_is_not_tcp_ends_its_datagram() {
    let mut scene = Scene::default();
    let pieces: Vec<_> =
        split(&segment(), 40).into_iter().map(|piece| Piece { protocol: 17, ..piece.v6() }).collect();
    assert_eq!(scene.piece(&pieces[1]), [""; 0]);
    assert_eq!(
        scene.piece(&pieces[0]),
        [
            "dropped 1 not-tcp: 1 fragments, 34 bytes",
            "rejected IPv6 extension header: protocol 17 is not TCP (at byte 40)"
        ]
    );
    assert_eq!(scene.finish(), [""; 0]);
}

#[test]
fn without_memory_fragments_are_rejected() {
    let storage = Storage::heap(4, 4).unwrap();
    let mut scene = Scene::of(Config::new(KEY), storage);
    for piece in split(&segment(), 40) {
        assert_eq!(scene.piece(&piece), ["rejected IPv4 fragment (at byte 0)"]);
        assert_eq!(scene.piece(&piece.v6()), ["rejected IPv6 extension header fragment (at byte 40)"]);
    }
}

#[test]
fn an_id_may_be_used_again_once_its_datagram_is_whole() {
    let mut scene = Scene::default();
    told(&mut scene, &split(&TcpFrame::up(100, ACK, b"first ..............."), 24));
    let lines = told(&mut scene, &split(&TcpFrame::up(121, ACK, b"second .............."), 24));
    assert_eq!(lines, ["0 data 21 second .............."]);
    assert_eq!(scene.counters().whole_datagrams, 2);
}

#[test]
fn an_id_used_again_before_that_is_the_same_datagram_until_the_timeout() {
    let mut scene = Scene::default();
    let (old, new) =
        (split(&TcpFrame::up(100, ACK, &[b'a'; 44]), 40), split(&TcpFrame::up(100, ACK, &[b'b'; 44]), 40));
    scene.piece(&old[0]);
    // The end of the second datagram completes the first: this is what hosts do (RFC 4963).
    let lines = scene.at(20).piece(&new[1]);
    assert_eq!(lines[1], format!("0 data 0 {}{}", "a".repeat(20), "b".repeat(24)));
    scene.piece(&old[0]);
    assert_eq!(scene.at(50).piece(&new[1])[0], "dropped 1 timed-out: 1 fragments, 40 bytes, beginning used");
}

#[test]
fn a_duplicate_fragment_changes_nothing() {
    for v6 in [false, true] {
        let mut scene = Scene::default();
        let mut pieces = split(&segment(), 24);
        pieces.iter_mut().for_each(|piece| piece.ipv6 = v6);
        scene.piece(&pieces[1]);
        scene.piece(&pieces[1]);
        scene.piece(&pieces[0]);
        scene.piece(&pieces[0]);
        assert_eq!(told(&mut scene, &pieces[2..]), text());
        let counters = scene.counters();
        assert_eq!((counters.duplicate_fragments, counters.fragment_overlaps), (2, 0));
    }
}

#[test]
fn a_timeout_drops_what_never_became_whole() {
    for (v6, timeout) in [(false, 30), (true, 60)] {
        let config = with(Config::new(KEY), |c| c.use_incomplete_datagrams = false);
        let mut scene = Scene::new(config);
        let mut pieces = split(&segment(), 40);
        pieces.iter_mut().for_each(|piece| piece.ipv6 = v6);
        scene.at(1000).piece(&pieces[0]);
        assert_eq!(scene.advance(1000 + timeout - 1), [""; 0]);
        assert_eq!(scene.advance(1000 + timeout), ["dropped 1 timed-out: 1 fragments, 40 bytes"]);
        assert_eq!(scene.piece(&pieces[1]), [""; 0], "too late: a new datagram");
        assert_eq!(scene.finish(), ["dropped 1 end-of-input: 1 fragments, 34 bytes"]);
        let counters = scene.counters();
        assert_eq!(counters.dropped_for(DropReason::TimedOut), 1);
        assert_eq!(counters.dropped_for(DropReason::EndOfInput), 1);
        assert_eq!((counters.dropped_fragments, counters.incomplete_datagrams), (2, 0));
    }
}

#[test]
fn the_beginning_of_what_never_became_whole_is_used_as_far_as_it_goes() {
    let mut scene = Scene::default();
    let pieces = split(&segment(), 24);
    scene.piece(&pieces[0]);
    scene.piece(&pieces[1]);
    assert_eq!(
        scene.finish(),
        [
            "dropped 1 end-of-input: 2 fragments, 48 bytes, beginning used",
            "0 opened session 0 client",
            "0 data 0 The quick brown fox jumps ov",
            "0 closed end-of-input 28"
        ]
    );
    assert_eq!(scene.counters().incomplete_datagrams, 1);
}

#[test]
fn where_the_end_is_known_the_missing_middle_is_a_gap() {
    let mut scene = Scene::default();
    let pieces = split(&segment(), 24);
    scene.piece(&pieces[0]);
    scene.piece(&pieces[3]);
    assert_eq!(
        scene.finish(),
        [
            "dropped 1 end-of-input: 2 fragments, 26 bytes, beginning used",
            "0 opened session 0 client",
            "0 data 0 The ",
            "0 gap 4..54",
            "0 closed end-of-input 54"
        ]
    );
}

#[test]
fn what_has_no_beginning_is_not_used() {
    let mut scene = Scene::default();
    scene.piece(&split(&segment(), 24)[1]);
    assert_eq!(scene.finish(), ["dropped 1 end-of-input: 1 fragments, 24 bytes"]);
}

#[test]
fn an_incomplete_datagram_neither_opens_nor_closes_a_connection() {
    let mut scene = Scene::default();
    scene.handshake(40000);
    scene.piece(&split(&TcpFrame::up(100, ACK | FIN, TEXT), 40)[0]);
    scene.at(100).push(&TcpFrame::down(200, ACK | FIN, b"").acknowledging(100));
    assert_eq!(scene.counters().dropped_for(DropReason::TimedOut), 1);
    scene.piece(&split(&TcpFrame::up(99, SYN, TEXT), 40)[0]);
    let lines = scene.finish();
    assert_eq!(lines[1], "0 repeated 0 The quick brown fox ");
    assert!(lines.contains(&"0 closed end-of-input 20".to_owned()), "{lines:?}");
}

#[test]
fn a_fragment_that_was_cut_does_not_stand_for_the_whole() {
    let mut scene = Scene::default();
    let pieces = split(&segment(), 40);
    scene.piece_cut(&pieces[0], 30);
    assert_eq!(scene.piece(&pieces[1]), ["0 opened session 0 client", "0 data 0 The quick "]);
    let counters = scene.counters();
    assert_eq!((counters.truncated_segments, counters.truncated_bytes), (1, 44));
    assert_eq!(scene.finish(), ["0 gap 10..54", "0 closed end-of-input 54"]);
}

#[test]
fn the_oldest_datagram_makes_room() {
    let config = with(Config::new(KEY), |c| c.use_incomplete_datagrams = false);
    let storage = Storage::heap(4, 4).unwrap().with_fragments(FragmentStorage::heap(2).unwrap());
    let mut scene = Scene::of(config, storage);
    let pieces = split(&segment(), 40);
    for id in 1..=2 {
        assert_eq!(scene.piece(&pieces[0].clone().id(id)), [""; 0]);
    }
    // A later fragment does not make a datagram younger.
    assert_eq!(scene.piece(&pieces[0].clone().id(1)), [""; 0]);
    assert_eq!(scene.piece(&pieces[0].clone().id(3)), ["dropped 1 evicted: 2 fragments, 40 bytes"]);
    assert_eq!(scene.piece(&pieces[0].clone().v6().id(4)), ["dropped 2 evicted: 1 fragments, 40 bytes"]);
    assert_eq!(scene.piece(&pieces[1].clone().id(3)), text());
    assert_eq!(scene.counters().dropped_for(DropReason::Evicted), 2);
    assert_eq!(scene.counters().max_datagrams, 2);
}

#[test]
fn a_datagram_of_too_many_fragments_is_given_up() {
    let mut scene = Scene::new(with(Config::new(KEY), |c| c.max_fragments = 8));
    let pieces = split(&segment(), 8);
    let lines = told(&mut scene, &pieces);
    assert_eq!(lines[0], "dropped 1 too-large: 7 fragments, 56 bytes");
    assert!(lines[1..].iter().all(|line| line == "rejected IPv4 fragment (at byte 0)"), "{lines:?}");
    assert_eq!(scene.counters().dropped_for(DropReason::TooLarge), 1);
    // All of it has come: the id is free again.
    assert_eq!(told(&mut scene, &split(&segment(), 40)), text());
}

#[test]
fn a_datagram_longer_than_there_is_room_for_is_given_up() {
    let memory = Box::leak(Box::new(tapflow_core::StaticFragmentStorage::<2, 64, 16>::new()));
    let storage = Storage::heap(4, 4).unwrap().with_fragments(memory.storage());
    let mut scene = Scene::of(Config::new(KEY), storage);
    let lines = told(&mut scene, &split(&segment(), 40));
    assert_eq!(lines, ["dropped 1 too-large: 1 fragments, 40 bytes", "rejected IPv4 fragment (at byte 0)"]);
    let short = TcpFrame::up(100, ACK, b"short enough for the room there");
    assert_eq!(told(&mut scene, &split(&short, 24)).len(), 2);
}

#[test]
fn datagrams_share_extents_and_the_oldest_gives_its_own() {
    let memory = Box::leak(Box::new(tapflow_core::StaticFragmentStorage::<4, 256, 6>::new()));
    let storage = Storage::heap(4, 4).unwrap().with_fragments(memory.storage());
    let mut scene = Scene::of(with(Config::new(KEY), |c| c.use_incomplete_datagrams = false), storage);
    let pieces = split(&segment(), 16);
    assert_eq!(told(&mut scene, &[pieces[0].clone(), pieces[2].clone(), pieces[4].clone()]), [""; 0]);
    let lines = told(&mut scene, &pieces.iter().map(|piece| piece.clone().id(2)).collect::<Vec<_>>());
    assert_eq!(lines[0], "dropped 1 evicted: 3 fragments, 42 bytes");
    assert_eq!(lines[1..], text());
}

/// Shankar and Paxson's example: six fragments, of which the second to fifth overlap.
#[test]
fn every_policy_resolves_the_example_of_active_mapping() {
    for (policy, expected) in [
        (FragmentPolicy::Bsd, "111442333666"),
        (FragmentPolicy::BsdRight, "144422555666"),
        (FragmentPolicy::Linux, "111442555666"),
        (FragmentPolicy::First, "111422333666"),
        (FragmentPolicy::Last, "144442555666"),
        (FragmentPolicy::Windows, "111422333666"),
        (FragmentPolicy::Solaris, "111422333666"),
    ] {
        let mut scene = Scene::new(with(Config::new(KEY), |c| c.fragment_policy = policy));
        let header = payload(&TcpFrame::up(100, ACK, b""));
        let mut lines = Vec::new();
        // In units of 8 bytes; the header and 4 bytes more stand before them.
        for (number, start, len) in [(1, 0, 3), (2, 4, 2), (3, 6, 3), (4, 1, 4), (5, 6, 3), (6, 9, 3)] {
            let bytes = vec![b'0' + number; len * 8];
            lines.extend(scene.piece(&Piece::new(24 + start * 8, number != 6, &bytes)));
        }
        let mut first = header;
        first.extend(b"....");
        lines.extend(scene.piece(&Piece::new(0, true, &first)));
        let expected: String = expected.chars().flat_map(|c| std::iter::repeat_n(c, 8)).collect();
        assert_eq!(lines[1], format!("0 data 0 ....{expected}"), "{policy:?}");
        assert_eq!(scene.counters().fragment_overlaps, 2, "{policy:?}");
        assert_eq!(scene.counters().fragment_conflicts, 2, "{policy:?}");
    }
}

#[test]
fn overlaps_discard_an_ipv6_datagram_and_all_that_is_left_of_it() {
    let mut scene = Scene::default();
    let pieces: Vec<_> = split(&segment(), 24).into_iter().map(Piece::v6).collect();
    scene.piece(&pieces[0]);
    let other = Piece { payload: vec![b'x'; 24], offset: 16, ..pieces[1].clone() };
    let refused = "rejected IPv6 extension header fragment of a datagram with overlaps (at byte 40)";
    assert_eq!(scene.piece(&other), ["dropped 1 overlap: 1 fragments, 24 bytes", refused]);
    assert_eq!(told(&mut scene, &pieces), [refused; 4]);
    assert_eq!(scene.counters().dropped_for(DropReason::Overlap), 1);
    assert_eq!(scene.finish(), [""; 0]);
}

#[test]
fn a_duplicate_with_other_bytes_is_an_overlap() {
    let mut scene = Scene::default();
    let pieces: Vec<_> = split(&segment(), 24).into_iter().map(Piece::v6).collect();
    scene.piece(&pieces[1]);
    let lines = scene.piece(&Piece { payload: vec![b'x'; 24], ..pieces[1].clone() });
    assert_eq!(lines[0], "dropped 1 overlap: 1 fragments, 24 bytes");
}

#[test]
fn of_two_copies_of_a_fragment_the_longer_capture_stays() {
    for (first, second) in [(7, 40), (40, 7), (0, 40), (40, 0)] {
        let mut scene = Scene::default();
        let pieces: Vec<_> = split(&segment(), 40).into_iter().map(Piece::v6).collect();
        scene.piece_cut(&pieces[0], first);
        assert_eq!(scene.piece_cut(&pieces[0], second), [""; 0], "{first} {second}");
        assert_eq!(scene.piece(&pieces[1]), text(), "{first} {second}");
        assert_eq!(scene.counters().duplicate_fragments, 1);
    }
}

#[test]
fn what_was_captured_of_both_copies_has_to_be_the_same() {
    let mut scene = Scene::default();
    let pieces: Vec<_> = split(&segment(), 40).into_iter().map(Piece::v6).collect();
    scene.piece_cut(&pieces[0], 24);
    let mut other = pieces[0].clone();
    other.payload[23] ^= 1;
    let lines = scene.piece(&other);
    assert_eq!(lines[0], "dropped 1 overlap: 1 fragments, 40 bytes");
}

#[test]
fn the_policy_discard_treats_ipv4_alike() {
    let mut scene = Scene::new(with(Config::new(KEY), |c| c.fragment_policy = FragmentPolicy::Discard));
    let pieces = split(&segment(), 24);
    scene.piece(&pieces[0]);
    let lines = scene.piece(&Piece { offset: 16, ..pieces[1].clone() });
    assert_eq!(lines[1], "rejected IPv4 fragment of a datagram with overlaps (at byte 0)");
}

#[test]
fn fragments_that_contradict_each_other_about_the_end_are_rejected() {
    const CONTRADICTS: &str = "rejected IPv4 fragment that contradicts others (at byte 0)";
    let mut scene = Scene::default();
    let pieces = split(&segment(), 24);
    scene.piece(&pieces[3]);
    for other in [
        Piece { payload: b"longer".to_vec(), ..pieces[3].clone() },
        Piece { more: true, payload: vec![0; 8], ..pieces[3].clone() },
        Piece { more: false, ..pieces[1].clone() },
    ] {
        assert_eq!(scene.piece(&other), [CONTRADICTS]);
    }
    assert_eq!(told(&mut scene, &pieces[..3]), text());
}

#[test]
fn a_length_that_is_no_multiple_of_8_is_cut_to_one() {
    let mut scene = Scene::default();
    let mut pieces = split(&segment(), 40);
    pieces[0].payload.extend(b"odd");
    assert_eq!(told(&mut scene, &pieces), text());
    assert_eq!(scene.counters().misaligned_fragments, 1);
    let odd = Piece { payload: vec![0; 7], ..pieces[0].clone() };
    assert_eq!(scene.piece(&odd), ["rejected IPv4 with an impossible length (at byte 0)"]);
    let lines = scene.piece(&pieces[0].clone().v6());
    assert_eq!(lines, ["rejected IPv6 extension header with an impossible length (at byte 40)"]);
}

#[test]
fn an_atomic_fragment_is_alone_whatever_else_has_its_id() {
    let mut scene = Scene::default();
    let whole = payload(&segment());
    scene.piece(&Piece::new(8, true, &[0; 16]).v6());
    // Offset 0, no more fragments (RFC 6946).
    assert_eq!(scene.piece(&Piece::new(0, false, &whole).v6()), text());
}

/// Fragments of datagrams that carry IP in IP.
fn around(pieces: &[Piece], size: usize) -> Vec<Piece> {
    let datagrams = pieces.iter().enumerate();
    datagrams
        .flat_map(|(number, piece)| {
            let inner = piece.bytes();
            let end = inner.len();
            let parts: Vec<_> = inner.chunks(size).map(<[u8]>::to_vec).collect();
            parts.into_iter().enumerate().map(move |(part, payload)| {
                let (offset, more) = (part * size, part * size + payload.len() < end);
                let id = 500 + number as u32;
                Piece { source: 8, id, protocol: 4, offset, more, ..Piece::new(0, true, &payload) }
            })
        })
        .collect()
}

#[test]
fn fragments_inside_of_fragments_are_put_together() {
    for reversed in [false, true] {
        let mut scene = Scene::default();
        let mut pieces = around(&split(&segment(), 40), 24);
        if reversed {
            pieces.reverse();
        }
        assert_eq!(told(&mut scene, &pieces), text());
        assert_eq!(scene.counters().whole_datagrams, 3, "two tunnelled ones, and the one inside");
        assert_eq!(scene.counters().fragments, pieces.len() as u64 + 2);
    }
}

#[test]
fn where_the_whole_takes_all_the_room_what_is_inside_is_rejected() {
    let memory = Box::leak(Box::new(tapflow_core::StaticFragmentStorage::<1, 512, 16>::new()));
    let storage = Storage::heap(4, 4).unwrap().with_fragments(memory.storage());
    let mut scene = Scene::of(Config::new(KEY), storage);
    let lines = told(&mut scene, &around(&split(&segment(), 40), 24));
    assert_eq!(lines, ["rejected IPv4 fragment (at byte 20)"; 2]);
    // The room is free again.
    assert_eq!(told(&mut scene, &split(&segment(), 40)), text());
}

#[test]
fn fragments_of_different_vlans_do_not_mix() {
    let mut scene = Scene::default();
    let tagged = |piece: &Piece, vlan: u8| {
        let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, vlan, 8, 0];
        bytes.extend(piece.bytes());
        bytes
    };
    let pieces = split(&segment(), 40);
    let (first, other, last) = (tagged(&pieces[0], 5), tagged(&pieces[1], 6), tagged(&pieces[1], 5));
    assert_eq!(scene.push_frame(&frame(&first, 1)), [""; 0]);
    assert_eq!(scene.push_frame(&frame(&other, 1)), [""; 0]);
    assert_eq!(scene.push_frame(&frame(&last, 1)), text());
    assert_eq!(scene.recorder().flows[&0].opened.link.vlans.as_slice(), [5]);
}
