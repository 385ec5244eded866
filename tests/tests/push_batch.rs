//! A batch gives the events of its frames pushed one by one, whatever the frames are.

use std::convert::Infallible;
use std::ops::Range;

use tapflow_core::decode::{Reject, Segment};
use tapflow_core::{
    CloseReason, Config, Counters, Flow, Frame, FrameSink, LinkType, Opened, Reassembler, Repeat, Side, Sink,
    Storage, Summary, Timestamp,
};
use tapflow_tests::frames::{ACK, FIN, SYN, TcpFrame};
use tapflow_tests::scene::Lines;
use tapflow_tests::{KEY, with};

/// More than the number from which the core prefetches.
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

/// Lists all events.
#[derive(Default)]
struct Everything {
    lines: Lines,
    follows_frames: bool,
}

impl Sink for Everything {
    type Error = Infallible;

    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), Infallible> {
        self.lines.lines.push(format!("frame {frame:?}"));
        Ok(())
    }

    fn time(&mut self, now: Timestamp) -> Result<(), Infallible> {
        self.lines.lines.push(format!("time {now:?}"));
        Ok(())
    }

    fn frame_sink(&mut self) -> Option<&mut dyn FrameSink<Error = Infallible>> {
        if self.follows_frames { Some(self) } else { None }
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

impl FrameSink for Everything {
    type Error = Infallible;

    fn segment(&mut self, side: &Side, segment: &Segment<'_>) -> Result<(), Infallible> {
        self.lines.lines.push(format!("{side:?} {segment:?}"));
        Ok(())
    }

    fn connection_removed(&mut self, slot: u32) -> Result<(), Infallible> {
        self.lines.lines.push(format!("removed {slot}"));
        Ok(())
    }
}

/// The events of frames pushed in batches of `size`, or one by one. The table is too small for all connections, and some
/// expire among the later frames.
fn events(frames: &[Vec<u8>], size: Option<usize>, follows_frames: bool) -> (Vec<String>, Counters) {
    let config = with(Config::new(KEY), |c| {
        c.idle_timeout = Some(600 * Timestamp::SECOND);
        c.linger = Timestamp::SECOND;
    });
    let storage = Storage::heap(CONNECTIONS as usize - 100, 64).expect("memory");
    let mut core = Reassembler::new(config, storage).expect("a storage that fits");
    let mut sink = Everything { follows_frames, ..Everything::default() };
    let frames: Vec<_> = (0..)
        .zip(frames)
        .map(|(number, bytes)| {
            // Slower and slower: the table is full before the first connection is idle.
            let time = Timestamp(number * number * 8825);
            Frame { link: LinkType::ETHERNET, time, wire_len: 60, bytes }
        })
        .collect();
    match size {
        None => frames.iter().for_each(|frame| {
            let Ok(()) = core.push(frame, &mut sink);
        }),
        Some(size) => frames.chunks(size).for_each(|frames| {
            let Ok(()) = core.push_batch(frames, &mut sink);
        }),
    }
    let Ok(()) = core.finish(&mut sink);
    (sink.lines.lines, core.counters().clone())
}

#[test]
fn batches_give_the_same_events() {
    let frames = traffic();
    for follows_frames in [false, true] {
        let (plain, counters) = events(&frames, None, follows_frames);
        assert!(plain.len() > CONNECTIONS as usize * 2);
        for reason in [CloseReason::Idle, CloseReason::EvictedHalfOpen] {
            assert!(counters.closed_for(reason) > 0, "no connection is closed as {}", reason.name());
        }
        for size in [1, Reassembler::BATCH, Reassembler::BATCH * 2 + 3] {
            let (batched, others) = events(&frames, Some(size), follows_frames);
            assert!(plain == batched, "batches of {size}");
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
    let mut core = Reassembler::new(Config::new(KEY), Storage::heap(4, 4).expect("memory")).expect("a core");
    assert_eq!(core.push_batch(&frames, &mut Full), Err("full"));
    assert_eq!(core.counters().frames, 1);
}
