//! Frames of a device that is no device: what comes, waits, ends and is counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tapflow_core::{LinkType, Timestamp};

use super::super::live::{Live, LiveCounts, LiveDevice, LiveFrame};
use super::super::{InputErrorKind, Source};

const PATIENCE: Duration = Duration::from_millis(1);

/// What the device does when it is asked for frames: gives so many of this length, or ends.
enum Turn {
    Frames(u64, usize),
    End,
}

/// Its frames are numbered: time, and bytes that differ from frame to frame.
struct Device {
    turns: Arc<Mutex<VecDeque<Turn>>>,
    given: Arc<AtomicU64>,
    counts: [u32; 3],
}

fn frame(number: u64, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u64 ^ number.wrapping_mul(31)) as u8).collect()
}

impl LiveDevice for Device {
    fn name(&self) -> &str {
        "tap0"
    }

    fn link(&self) -> LinkType {
        LinkType::ETHERNET
    }

    fn receive(&mut self, patience: Duration, take: &mut dyn FnMut(LiveFrame<'_>)) -> Result<usize, String> {
        let turn = self.turns.lock().unwrap().pop_front();
        match turn {
            Some(Turn::Frames(count, length)) => {
                for _ in 0..count {
                    let number = self.given.load(Ordering::Relaxed);
                    let bytes = frame(number, length);
                    take(LiveFrame { time: Timestamp(number), wire_len: length as u32 + 4, bytes: &bytes });
                    self.given.fetch_add(1, Ordering::Relaxed);
                    self.counts[0] = self.counts[0].wrapping_add(1);
                }
                Ok(count as usize)
            }
            Some(Turn::End) => Err("unplugged".to_owned()),
            None => {
                std::thread::sleep(patience.min(PATIENCE));
                Ok(0)
            }
        }
    }

    fn counts(&mut self) -> Result<[u32; 3], String> {
        Ok(self.counts)
    }
}

/// A capture, the place for what its device does next, how many frames that has given, and what stops it.
struct Scene {
    live: Live,
    turns: Arc<Mutex<VecDeque<Turn>>>,
    given: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

fn scene(turns: impl IntoIterator<Item = Turn>) -> Scene {
    let turns = Arc::new(Mutex::new(turns.into_iter().collect()));
    let (given, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let device = Device { turns: Arc::clone(&turns), given: Arc::clone(&given), counts: [0; 3] };
    let live = Live::start(Box::new(device), Arc::clone(&stop)).unwrap();
    Scene { live, turns, given, stop }
}

impl Scene {
    /// The next frame, which must have this number and length: the memory that it lies in.
    fn expect(&mut self, number: u64, length: usize) -> Bytes {
        let packet = self.live.next().unwrap().unwrap();
        assert_eq!((packet.frame.time, packet.frame.wire_len), (Timestamp(number), length as u32 + 4));
        assert_eq!(packet.frame.bytes, frame(number, length));
        packet.block.slice_ref(packet.frame.bytes)
    }
}

#[test]
fn frames_of_all_lengths_come_in_order() {
    let lengths = [60, 0, 1514, 65_535, 262_144, 3_000_000, 1];
    let mut scene = scene(lengths.map(|length| Turn::Frames(3, length)));
    let mut number = 0;
    for length in lengths {
        for _ in 0..3 {
            scene.expect(number, length);
            number += 1;
        }
    }
    assert!(scene.live.waits(PATIENCE));
    assert_eq!(scene.live.link_types(), [LinkType::ETHERNET]);
    assert!(scene.live.now().is_some());
}

#[test]
fn bytes_that_are_held_stay_what_they_are_while_blocks_are_used_again() {
    let mut scene = scene((0..400).map(|_| Turn::Frames(100, 10_000)));
    let mut held = Vec::new();
    for number in 0..40_000 {
        let bytes = scene.expect(number, 10_000);
        if number % 5000 == 0 {
            held.push((number, bytes));
        }
    }
    for (number, bytes) in held {
        assert_eq!(bytes, frame(number, 10_000));
    }
}

#[test]
fn a_reader_who_holds_everything_stops_the_device_and_nothing_is_lost() {
    let mut scene = scene((0..200).map(|_| Turn::Frames(1, 1_000_000)));
    let mut held: Vec<Bytes> = Vec::new();
    while !scene.live.waits(Duration::from_secs(1)) {
        held.push(scene.expect(held.len() as u64, 1_000_000));
    }
    // Bounded: the device was not asked for all of them.
    assert!((32..=64).contains(&held.len()), "{}", held.len());
    assert!(scene.given.load(Ordering::Relaxed) <= 65);
    // Without time passing: nothing can come.
    assert!(scene.live.waits(Duration::from_secs(1000)));
    let first = held.len() as u64;
    drop(held);
    for number in first..200 {
        scene.expect(number, 1_000_000);
    }
}

#[test]
fn a_stop_ends_it_after_the_frames_that_the_kernel_had() {
    let mut scene = scene([Turn::Frames(10, 100)]);
    scene.expect(0, 100);
    scene.turns.lock().unwrap().push_back(Turn::Frames(5, 200));
    while scene.given.load(Ordering::Relaxed) < 15 {
        std::thread::sleep(PATIENCE);
    }
    scene.stop.store(true, Ordering::Relaxed);
    (1..10).for_each(|number| drop(scene.expect(number, 100)));
    (10..15).for_each(|number| drop(scene.expect(number, 200)));
    assert!(scene.live.next().unwrap().is_none());
    assert_eq!(scene.live.counts(), Some(LiveCounts { received: 15, ..LiveCounts::default() }));
}

#[test]
fn an_interface_that_ends_says_so_after_its_last_frame() {
    let mut scene = scene([Turn::Frames(2, 100), Turn::End]);
    scene.expect(0, 100);
    scene.expect(1, 100);
    let error = scene.live.next().unwrap_err();
    assert!(matches!(error.kind, InputErrorKind::Live { .. }));
    assert_eq!(error.to_string(), "tap0: unplugged");
    assert!(scene.live.next().unwrap().is_none());
}

#[test]
fn counts_go_on_beyond_32_bits() {
    let mut counts = LiveCounts::default();
    counts.add([0, 0, 0], [u32::MAX, 7, 0]);
    counts.add([u32::MAX, 7, 0], [2, 9, 1]);
    let expected =
        LiveCounts { received: (1 << 32) + 2, dropped: 9, dropped_by_interface: 1, own_twice: false };
    assert_eq!(counts, expected);
}
