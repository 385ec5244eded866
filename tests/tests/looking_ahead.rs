//! Looking ahead is for speed alone: the same events come, whatever the frames are.

use std::convert::Infallible;
use std::ops::Range;

use tapflow_core::decode::{Reject, Segment};
use tapflow_core::{
    CloseReason, Config, Counters, Flow, Frame, LinkType, Opened, Reassembler, Repeat, Seen, Side, Sink,
    Storage, Summary, Timestamp,
};
use tapflow_tests::frames::{ACK, FIN, RST, SYN, TcpFrame};
use tapflow_tests::scene::Lines;

/// More than those for which the core does not look ahead.
const CONNECTIONS: u32 = 4000;

/// Every connection's handshake, then for each a segment, a repeat, an end, or bytes that are no frame.
fn traffic() -> Vec<Vec<u8>> {
    let client = |index: u32| ([10, 0, (index >> 14) as u8, 1], (index % 16_384) as u16 + 1000);
    let opening = (0..CONNECTIONS).flat_map(|index| {
        let source = client(index);
        let answer = TcpFrame { destination: source, ..TcpFrame::down(0, SYN, b"") };
        [TcpFrame { source, ..TcpFrame::up(0, SYN, b"") }, answer.acknowledging(1)].map(|frame| frame.bytes())
    });
    let scattered = (0..CONNECTIONS).map(|index| index * 7919 % CONNECTIONS);
    let later = scattered.map(|index| {
        let (source, flags) = (client(index), if index % 5 == 0 { ACK | FIN } else { ACK });
        let mut bytes = TcpFrame { source, ..TcpFrame::up(1 + index % 3, flags, b"tap") }.bytes();
        match index % 11 {
            0 => bytes.truncate(index as usize % 60),
            1 => bytes[12] ^= 0xff,
            _ => {}
        }
        bytes
    });
    opening.chain(later).collect()
}

/// Everything that a sink can be told.
#[derive(Default)]
struct Everything {
    lines: Lines,
    wants_segments: bool,
}

impl Sink for Everything {
    type Error = Infallible;

    fn time(&mut self, now: Timestamp) -> Result<(), Infallible> {
        self.lines.lines.push(format!("time {now:?}"));
        Ok(())
    }

    fn wants_segments(&self) -> bool {
        self.wants_segments
    }

    fn segment(&mut self, side: &Side, segment: &Segment<'_>) -> Result<(), Infallible> {
        if self.wants_segments {
            self.lines.lines.push(format!("{side:?} {segment:?}"));
        }
        Ok(())
    }

    fn forgotten(&mut self, slot: u32) -> Result<(), Infallible> {
        self.lines.lines.push(format!("forgotten {slot}"));
        Ok(())
    }

    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), Infallible> {
        self.lines.opened(flow, opened)
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        self.lines.data(flow, offset, bytes)
    }

    fn repeated(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, Infallible> {
        self.lines.repeated(flow, offset, bytes)
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), Infallible> {
        self.lines.gap(flow, range)
    }

    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> Result<(), Infallible> {
        self.lines.closed(flow, reason, summary)
    }

    fn rejected(&mut self, frame: &Frame<'_>, reject: &Reject) -> Result<(), Infallible> {
        self.lines.rejected(frame, reject)
    }
}

/// How frames are pushed.
#[derive(Clone, Copy)]
enum How {
    OneByOne,
    Ahead,
    All,
    /// Headers are read by who has no reassembler.
    Elsewhere,
}

/// What is told, where the table is too small for all, and connections expire among the later frames.
fn events(frames: &[Vec<u8>], how: How, wants_segments: bool) -> (Vec<String>, Counters) {
    let config = Config {
        idle_timeout: Some(600 * Timestamp::SECOND),
        linger: Timestamp::SECOND,
        ..Config::default()
    };
    let storage = Storage::heap(CONNECTIONS as usize - 100, 64).expect("memory");
    let mut core = Reassembler::new(config, storage).expect("a storage that fits");
    let mut sink = Everything { wants_segments, ..Everything::default() };
    let frames: Vec<_> = (0..)
        .zip(frames)
        .map(|(number, bytes)| {
            // Slower and slower: the table is full before the first connection is idle.
            let time = Timestamp(number * number * 8825);
            Frame { link: LinkType::ETHERNET, time, wire_len: 60, bytes }
        })
        .collect();
    for frames in frames.chunks(Reassembler::AHEAD * 2 + 3) {
        match how {
            How::OneByOne => frames.iter().for_each(|frame| {
                let Ok(()) = core.push(frame, &mut sink);
            }),
            How::Ahead => frames.chunks(Reassembler::AHEAD).for_each(|frames| {
                let seen = core.look_ahead(frames.iter().copied());
                assert_eq!(seen.len(), frames.len());
                seen.iter().for_each(|frame| {
                    let Ok(()) = core.push_seen(frame, &mut sink);
                });
            }),
            How::All => {
                let Ok(()) = core.push_all(frames, &mut sink);
            }
            How::Elsewhere => frames.chunks(Reassembler::AHEAD).for_each(|frames| {
                let looker = core.looker();
                let looks: Vec<_> = frames.iter().map(|frame| looker.look(frame)).collect();
                core.look_up(looks.iter());
                frames.iter().zip(looks).for_each(|(frame, look)| {
                    let Ok(()) = core.push_seen(&Seen::new(*frame, look), &mut sink);
                });
            }),
        }
    }
    let Ok(()) = core.finish(&mut sink);
    (sink.lines.lines, core.counters().clone())
}

#[test]
fn frames_that_are_pushed_together_tell_the_same() {
    let frames = traffic();
    for wants_segments in [false, true] {
        let (plain, counters) = events(&frames, How::OneByOne, wants_segments);
        assert!(plain.len() > CONNECTIONS as usize * 2);
        for reason in [CloseReason::Idle, CloseReason::EvictedHalfOpen] {
            assert!(counters.closed_for(reason) > 0, "no connection is closed as {}", reason.name());
        }
        for how in [How::Ahead, How::All, How::Elsewhere] {
            let (ahead, others) = events(&frames, how, wants_segments);
            assert!(plain == ahead, "the events are the same");
            assert_eq!(counters, others);
        }
    }
}

#[test]
fn after_an_error_of_the_sink_the_frames_that_follow_are_not_taken() {
    struct Full;
    impl Sink for Full {
        type Error = &'static str;
        fn data(&mut self, _: Flow, _: u64, _: &[u8]) -> Result<(), Self::Error> {
            Err("full")
        }
    }
    let frames = [1, 4, 7].map(|sequence| TcpFrame::up(sequence, ACK, b"tap").bytes());
    let frames = frames.each_ref().map(|bytes| tapflow_tests::frames::frame(bytes, 1));
    let mut core = Reassembler::new(Config::default(), Storage::heap(4, 4).expect("memory")).expect("a core");
    assert_eq!(core.push_all(&frames, &mut Full), Err("full"));
    assert_eq!(core.counters().frames, 1);
}

#[test]
fn what_was_read_for_another_reassembler_harms_no_table() {
    let core = |hash_key| {
        let config = Config { hash_key, ..Config::default() };
        Reassembler::new(config, Storage::heap(16, 1).expect("memory")).expect("a core")
    };
    let (mut core, looker) = (core([0; 16]), core([7; 16]).looker());
    let mut sink = Everything::default();
    for number in 0..500_u16 {
        let source = ([10, 0, 0, 1], 1000 + number);
        for (sequence, flags) in [(0, SYN), (1, RST)] {
            let bytes = TcpFrame { source, ..TcpFrame::up(sequence, flags, b"") }.bytes();
            let mut frame = tapflow_tests::frames::frame(&bytes, u64::from(number));
            frame.time = Timestamp(u64::from(number) * 100 * Timestamp::SECOND);
            let Ok(()) = core.push_seen(&Seen::new(frame, looker.look(&frame)), &mut sink);
        }
    }
    let Ok(()) = core.finish(&mut sink);
    assert_eq!(core.counters().frames, 1000);
}
