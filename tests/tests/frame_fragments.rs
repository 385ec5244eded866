//! Fragments of frames: of 802.11, whose places follow from their numbers, and of CAPWAP.

use tapflow_core::{Config, DropReason, FragmentStorage, Frame, LinkType, Storage, Timestamp};
use tapflow_tests::frames::{ACK, TcpFrame};
use tapflow_tests::scene::Scene;
use tapflow_tests::{KEY, with};

const TEXT: &[u8] = b"The quick brown fox jumps over the lazy dog, and back.";

/// The IP datagram of a segment with a payload of 54 bytes.
fn datagram() -> Vec<u8> {
    TcpFrame::up(100, ACK, TEXT).bytes()[14..].to_vec()
}

fn text() -> Vec<String> {
    let text = std::str::from_utf8(TEXT).unwrap();
    vec!["0 opened session 0 client".to_owned(), format!("0 data 0 {text}")]
}

/// An MSDU: LLC, SNAP, a datagram.
fn msdu() -> Vec<u8> {
    [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &datagram()].concat()
}

/// Fragments of an MSDU as an access point sends them, of `size` bytes each but for the last.
fn fragments(msdu: &[u8], size: usize, sequence: u16) -> Vec<Vec<u8>> {
    let count = msdu.len().div_ceil(size);
    msdu.chunks(size)
        .enumerate()
        .map(|(number, part)| {
            let more = if number + 1 < count { 4 } else { 0 };
            let mut frame = vec![0x08, 0x02 | more, 0, 0];
            frame.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 2]);
            frame.extend((sequence << 4 | number as u16).to_le_bytes());
            frame.extend(part);
            frame
        })
        .collect()
}

fn push(scene: &mut Scene, link: LinkType, bytes: &[u8], second: u64) -> Vec<String> {
    let time = Timestamp::new(second, 0);
    scene.push_frame(&Frame { link, time, wire_len: bytes.len() as u32, bytes })
}

fn pushed(scene: &mut Scene, frames: &[Vec<u8>]) -> Vec<String> {
    frames.iter().flat_map(|frame| push(scene, LinkType::IEEE802_11, frame, 1)).collect()
}

#[test]
fn an_msdu_in_fragments_is_a_frame() {
    for size in [10, 26, 40, 100] {
        let mut scene = Scene::default();
        let frames = fragments(&msdu(), size, 7);
        assert_eq!(pushed(&mut scene, &frames), text(), "{size}");
        let counters = scene.counters();
        assert_eq!((counters.fragments, counters.whole_datagrams), (frames.len() as u64, 1));
        assert_eq!((counters.misaligned_fragments, counters.rejected_frames()), (0, 0));
        let opened = &scene.recorder().flows[&0].opened;
        assert_eq!(opened.link.source_mac, Some([2, 0, 0, 0, 0, 2]));
        assert_eq!(opened.link.outer, None);
    }
}

#[test]
fn a_fragment_that_is_sent_again_changes_nothing() {
    let mut scene = Scene::default();
    let mut frames = fragments(&msdu(), 26, 7);
    for at in [2, 0] {
        let mut again = frames[at].clone();
        again[1] |= 8;
        frames.insert(at + 1, again);
    }
    assert_eq!(pushed(&mut scene, &frames), text());
    assert_eq!((scene.counters().duplicate_fragments, scene.counters().fragment_conflicts), (2, 0));
}

#[test]
fn all_but_the_last_may_come_in_any_order() {
    let mut scene = Scene::default();
    let mut frames = fragments(&msdu(), 20, 7);
    let last = frames.len() - 1;
    frames[..last].reverse();
    assert_eq!(pushed(&mut scene, &frames), text());
    // The last one alone says nothing of its place.
    let mut scene = Scene::default();
    frames.reverse();
    assert_eq!(pushed(&mut scene, &frames[..1]), ["rejected 802.11 fragment (at byte 0)"]);
    assert_eq!(scene.finish(), [""; 0]);
}

#[test]
fn what_is_lost_is_given_up_after_a_second_and_the_sequence_number_used_again() {
    let config = with(Config::new(KEY), |c| c.use_incomplete_datagrams = false);
    let mut scene = Scene::new(config);
    let frames = fragments(&msdu(), 40, 7);
    scene.at(1);
    assert_eq!(push(&mut scene, LinkType::IEEE802_11, &frames[0], 1), [""; 0]);
    assert_eq!(push(&mut scene, LinkType::IEEE802_11, &frames[2], 1), [""; 0]);
    let dropped = scene.advance(2);
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    assert!(dropped[0].contains("timed-out: 2 fragments, 62 bytes"), "{dropped:?}");
    assert_eq!(scene.counters().dropped_for(DropReason::TimedOut), 1);
    let again: Vec<String> =
        frames.iter().flat_map(|frame| push(&mut scene, LinkType::IEEE802_11, frame, 2)).collect();
    assert_eq!(again, text());
}

#[test]
fn a_new_msdu_with_the_number_of_one_that_was_never_whole_takes_its_place() {
    let mut scene = Scene::default();
    let mut old = msdu();
    old[8 + 40..].fill(b'x');
    pushed(&mut scene, &fragments(&old, 40, 7)[..2]);
    assert_eq!(pushed(&mut scene, &fragments(&msdu(), 40, 7)), text());
}

#[test]
fn senders_receivers_and_sequence_numbers_tell_msdus_apart() {
    let mut scene = Scene::default();
    let ours = fragments(&msdu(), 60, 7);
    let other = |change: fn(&mut Vec<u8>)| {
        let mut other = msdu();
        other[40..].fill(b'x');
        let mut frames = fragments(&other, 60, 7);
        frames.iter_mut().for_each(change);
        frames
    };
    let others = [other(|f| f[9] = 5), other(|f| f[15] = 5), other(|f| f[21] = 5), other(|f| f[23] = 5)];
    for frames in &others {
        push(&mut scene, LinkType::IEEE802_11, &frames[0], 1);
    }
    assert_eq!(pushed(&mut scene, &ours), text());
}

#[test]
fn fragments_of_different_length_contradict_each_other() {
    let mut scene = Scene::default();
    let frames = fragments(&msdu(), 26, 7);
    let shorter = fragments(&msdu(), 20, 7);
    pushed(&mut scene, &frames[..1]);
    assert_eq!(
        pushed(&mut scene, &shorter[1..2]),
        ["rejected 802.11 fragment that contradicts others (at byte 0)"]
    );
    assert_eq!(pushed(&mut scene, &frames[1..]), text());
}

#[test]
fn without_memory_or_with_too_little_fragments_are_rejected() {
    let storage = Storage::heap(10, 10).unwrap().with_fragments(FragmentStorage::none());
    let mut scene = Scene::of(Config::new(KEY), storage);
    let lines = pushed(&mut scene, &fragments(&msdu(), 60, 7));
    assert_eq!(lines, ["rejected 802.11 fragment (at byte 0)", "rejected 802.11 fragment (at byte 0)"]);
}

#[test]
fn an_ip_fragment_in_a_frame_in_fragments_is_put_together_twice() {
    let datagram = datagram();
    let halves = [(0_u16, true, &datagram[20..60]), (5, false, &datagram[60..])];
    let mut lines = Vec::new();
    let mut scene = Scene::default();
    for (number, (offset, more, payload)) in halves.into_iter().enumerate() {
        let mut ip = datagram[..20].to_vec();
        ip[2..4].copy_from_slice(&(20 + payload.len() as u16).to_be_bytes());
        ip[6..8].copy_from_slice(&(offset | u16::from(more) << 13).to_be_bytes());
        let msdu = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ip[..], payload].concat();
        lines.extend(pushed(&mut scene, &fragments(&msdu, 30, number as u16)));
    }
    assert_eq!(lines, text());
}

/// A fragment of CAPWAP in UDP: of the frame, from `offset` on.
fn capwap(payload: &[u8], offset: usize, last: bool) -> Vec<u8> {
    let mut bytes = vec![0x45, 0];
    bytes.extend((20 + 8 + 8 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x30, 0x39, 0x14, 0x7f]);
    bytes.extend((8 + 8 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, 0, 0, 0x10, 0, if last { 0xc0 } else { 0x80 }, 0, 9]);
    bytes.extend((offset as u16).to_be_bytes());
    bytes.extend(payload);
    bytes
}

#[test]
fn capwap_datagrams_in_fragments_are_put_together_in_any_order() {
    let frame = TcpFrame::up(100, ACK, TEXT).bytes();
    let cuts: Vec<(usize, &[u8])> = frame.chunks(48).enumerate().map(|(at, part)| (at * 48, part)).collect();
    let mut pieces: Vec<Vec<u8>> =
        cuts.iter().map(|(offset, part)| capwap(part, *offset, offset + part.len() == frame.len())).collect();
    for _ in 0..pieces.len() {
        pieces.rotate_left(1);
        let mut scene = Scene::default();
        let lines: Vec<String> =
            pieces.iter().flat_map(|piece| push(&mut scene, LinkType::IPV4, piece, 1)).collect();
        assert_eq!(lines, text());
        let opened = &scene.recorder().flows[&0].opened;
        assert_eq!(opened.link.outer, Some(([192, 0, 2, 1].into(), [192, 0, 2, 2].into())));
        assert_eq!(scene.counters().rejected_frames(), 0);
    }
}
