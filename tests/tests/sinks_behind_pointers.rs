//! A reference to a sink, a boxed sink and a trait object get the calls that the sink itself gets.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::Range;

use tapflow_core::capture::CaptureReader;
use tapflow_core::decode::{Reject, Segment};
use tapflow_core::{
    CloseReason, Config, DroppedDatagram, Flow, FragmentStorage, Frame, FrameSink, Opened, OverlapPolicy,
    Reassembler, Repeat, Side, Sink, Storage, Summary, Timestamp, Urgent,
};
use tapflow_tests::answers;
use tapflow_tests::{KEY, with};

/// Writes down every call.
#[derive(Default)]
struct Log(Vec<String>);

macro_rules! log {
    ($($trait:ident $first:tt { $($name:ident($($argument:ident: $type:ty),*) -> $result:ty = $answer:expr;)* })*) => {
        /// Every method that returns a result.
        const METHODS: &[&str] = &[$($(stringify!($name)),*),*];

        $(impl $trait for Log {
            type Error = Infallible;

            log!(first $first);

            $(fn $name(&mut self, $($argument: $type),*) -> Result<$result, Infallible> {
                self.0.push(format!("{} {:?}", stringify!($name), ($($argument,)*)));
                Ok($answer)
            })*
        })*
    };
    (first ()) => {};
    (first (frames)) => {
        fn frame_sink(&mut self) -> Option<&mut dyn FrameSink<Error = Infallible>> {
            Some(self)
        }
    };
}

log! {
    Sink (frames) {
        frame(frame: &Frame<'_>) -> () = ();
        time(now: Timestamp) -> () = ();
        opened(flow: Flow, opened: &Opened) -> () = ();
        data(flow: Flow, offset: u64, bytes: &[u8]) -> () = ();
        urgent(flow: Flow, offset: u64, bytes: &[u8]) -> () = ();
        acknowledged(flow: Flow, offset: u64) -> () = ();
        repeated(flow: Flow, offset: u64, bytes: &[u8]) -> Repeat = Repeat::Differs;
        replaced(flow: Flow, offset: u64, bytes: &[u8]) -> Repeat = Repeat::Same;
        conflict(flow: Flow, offset: u64, bytes: &[u8]) -> () = ();
        late(flow: Flow, offset: u64, bytes: &[u8]) -> () = ();
        rebased(flow: Flow, by: u64) -> () = ();
        gap(flow: Flow, range: Range<u64>) -> () = ();
        closed(flow: Flow, reason: CloseReason, summary: &Summary) -> () = ();
        dropped(datagram: &DroppedDatagram) -> () = ();
        rejected(frame: &Frame<'_>, reject: &Reject) -> () = ();
    }
    FrameSink () {
        segment(side: &Side, segment: &Segment<'_>) -> () = ();
        fragment_held(datagram: u32, from: Option<u32>) -> () = ();
        datagram_released(datagram: u32) -> () = ();
        connection_removed(slot: u32) -> () = ();
    }
}

/// The calls for a capture without every seventh frame, in little memory, so that holes and datagrams are given up too.
fn replay<S: Sink<Error = Infallible>>(capture: &[u8], sink: &mut S) {
    let config = with(Config::new(KEY), |c| {
        c.urgent = Urgent::Apart;
        c.overlap = OverlapPolicy::Last;
    });
    let fragments = FragmentStorage::heap(1).unwrap();
    let storage = Storage::heap(8, 2).unwrap().with_fragments(fragments);
    let mut core = Reassembler::new(config, storage).unwrap();
    let mut buffer = vec![0; 1 << 16];
    if let Ok(mut reader) = CaptureReader::new(capture) {
        let mut count = 0;
        while let Ok(Some(frame)) = reader.next(&mut buffer) {
            count += 1;
            if count % 7 != 0 {
                let Ok(()) = core.push(&frame, sink);
            }
        }
    }
    let Ok(()) = core.finish(sink);
}

#[test]
fn a_pointer_to_a_sink_gets_every_call_of_the_sink() {
    let mut called = BTreeSet::new();
    for path in std::fs::read_dir(answers::own_captures()).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "pcap") {
            continue;
        }
        let capture = std::fs::read(&path).unwrap();
        let (mut plain, mut behind, mut object, mut boxed) =
            (Log::default(), Log::default(), Log::default(), Box::new(Log::default()));
        replay(&capture, &mut plain);
        replay(&capture, &mut &mut behind);
        replay(&capture, &mut (&mut object as &mut dyn Sink<Error = Infallible>));
        replay(&capture, &mut boxed);
        for log in [&behind, &object, &*boxed] {
            assert!(plain.0 == log.0, "{}", path.display());
        }
        called.extend(plain.0.iter().filter_map(|call| call.split(' ').next().map(str::to_owned)));
    }
    let missing: Vec<_> = METHODS.iter().filter(|name| !called.contains(**name)).collect();
    assert!(missing.is_empty(), "no capture leads to {missing:?}");
}
