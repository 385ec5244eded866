//! Checksums of IPv4 headers and of TCP: ignored, counted, refused.

use tapflow_core::decode::{Checksums, Settings};
use tapflow_core::{Config, Frame, LinkType};
use tapflow_tests::fragments::{Piece, payload};
use tapflow_tests::frames::{ACK, TcpFrame, checksum, frame, set_checksums};
use tapflow_tests::scene::Scene;
use tapflow_tests::{KEY, with};

fn scene(checksums: Checksums) -> Scene {
    Scene::new(with(Config::new(KEY), |c| c.decode = with(Settings::default(), |c| c.checksums = checksums)))
}

/// A good frame with one byte changed.
fn damaged(at: usize) -> Vec<u8> {
    let mut bytes = TcpFrame::up(100, ACK, b"hello").bytes();
    set_checksums(&mut bytes);
    bytes[at] ^= 0x20;
    bytes
}

/// The same on raw IP.
fn raw(bytes: &[u8]) -> Frame<'_> {
    Frame { link: LinkType::RAW, ..frame(bytes, 1) }
}

/// The time to live; a byte of the payload.
const IN_HEADER: usize = 14 + 8;
const IN_PAYLOAD: usize = 14 + 40;

#[test]
fn right_checksums_are_right() {
    for odd in [&b"hello"[..], b"hello!", b""] {
        let mut bytes = TcpFrame::up(100, ACK, odd).bytes();
        set_checksums(&mut bytes);
        let mut scene = scene(Checksums::Refuse);
        scene.push_frame(&frame(&bytes, 1));
        assert_eq!((scene.counters().segments, scene.counters().rejected_frames()), (1, 0));
    }
}

#[test]
fn wrong_ones_do_not_matter_unless_asked_for() {
    let mut scene = Scene::default();
    for at in [IN_HEADER, IN_PAYLOAD] {
        scene.push_frame(&frame(&damaged(at), 1));
    }
    let counters = scene.counters();
    assert_eq!((counters.segments, counters.ipv4_checksum_errors, counters.tcp_checksum_errors), (2, 0, 0));
}

#[test]
fn wrong_ones_are_counted_and_the_segment_is_used() {
    let mut scene = scene(Checksums::Count);
    scene.push_frame(&frame(&damaged(IN_HEADER), 1));
    assert_eq!((scene.counters().ipv4_checksum_errors, scene.counters().tcp_checksum_errors), (1, 0));
    scene.push_frame(&frame(&damaged(IN_PAYLOAD), 1));
    assert_eq!((scene.counters().ipv4_checksum_errors, scene.counters().tcp_checksum_errors), (1, 1));
    assert_eq!(scene.counters().segments, 2);
}

#[test]
fn wrong_ones_are_refused_with_the_layer() {
    let mut scene = scene(Checksums::Refuse);
    let lines = scene.push_frame(&frame(&damaged(IN_HEADER), 1));
    assert_eq!(lines, ["rejected IPv4 with a wrong checksum (at byte 14)"]);
    let lines = scene.push_frame(&frame(&damaged(IN_PAYLOAD), 1));
    assert_eq!(lines, ["rejected TCP with a wrong checksum (at byte 34)"]);
}

#[test]
fn what_was_cut_or_has_not_gone_through_the_network_card_cannot_be_checked() {
    let mut scene = scene(Checksums::Refuse);
    let bytes = damaged(IN_PAYLOAD);
    let whole = frame(&bytes, 1);
    scene.push_frame(&Frame { bytes: &bytes[..bytes.len() - 1], ..whole });
    // Length 0: segmentation offload. The header's checksum is right again.
    let mut offloaded = bytes.clone();
    offloaded[16..18].fill(0);
    offloaded[24..26].fill(0);
    let sum = checksum(&offloaded[14..34]);
    offloaded[24..26].copy_from_slice(&sum.to_be_bytes());
    scene.push_frame(&frame(&offloaded, 1));
    assert_eq!((scene.counters().segments, scene.counters().rejected_frames()), (2, 0));
}

#[test]
fn ipv6_has_none_but_its_tcp_has() {
    let mut segment = payload(&TcpFrame::up(100, ACK, b"hello"));
    let mut header = vec![0x60, 0, 0, 0, 0, segment.len() as u8, 6, 64];
    for last in [1, 2] {
        header.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    let pseudo = [&header[8..40], &[0, 0, 0, segment.len() as u8, 0, 0, 0, 6], &segment].concat();
    let sum = checksum(&pseudo);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    let mut bytes = [header, segment].concat();
    let mut scene = scene(Checksums::Refuse);
    assert_eq!(scene.push_frame(&raw(&bytes)).len(), 2);
    bytes[60] ^= 1;
    assert_eq!(scene.push_frame(&raw(&bytes)), ["rejected TCP with a wrong checksum (at byte 40)"]);
}

#[test]
fn fragments_are_checked_by_their_headers_and_the_segment_once_it_is_whole() {
    let good = |piece: &Piece| {
        let mut bytes = piece.bytes();
        let sum = checksum(&bytes[..20]);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes
    };
    let mut ethernet = TcpFrame::up(100, ACK, b"a segment in two fragments").bytes();
    set_checksums(&mut ethernet);
    let whole = ethernet.split_off(34);
    let (first, second) = (Piece::new(0, true, &whole[..24]), Piece::new(24, false, &whole[24..]));
    let mut scene = scene(Checksums::Refuse);
    assert_eq!(scene.piece(&second), ["rejected IPv4 with a wrong checksum (at byte 0)"]);
    assert_eq!(scene.push_frame(&raw(&good(&first))), [""; 0]);
    assert_eq!(scene.push_frame(&raw(&good(&second))).len(), 2);
    let other = Piece { payload: b"something".to_vec(), ..second };
    scene.push_frame(&raw(&good(&first)));
    assert_eq!(scene.push_frame(&raw(&good(&other))), ["rejected TCP with a wrong checksum (at byte 20)"]);
}
