//! A sink's error ends the call that led to it and comes out of it; `finish` after it tells every flow
//! that is left, once.

use std::collections::BTreeMap;
use std::ops::Range;

use tapflow_core::{CloseReason, Config, Flow, Opened, Reassembler, Repeat, Sink, Storage, Summary};
use tapflow_tests::frames::{FIN, RST, SYN, TcpFrame, frame};
use tapflow_tests::{KEY, with};

/// Fails at one call, counted from the start, and keeps how often each flow was opened and closed.
#[derive(Default)]
struct FailsAt {
    call: usize,
    fails: usize,
    flows: BTreeMap<u64, [u32; 2]>,
}

impl FailsAt {
    fn called(&mut self) -> Result<(), usize> {
        self.call += 1;
        if self.call == self.fails { Err(self.call) } else { Ok(()) }
    }
}

impl Sink for FailsAt {
    type Error = usize;

    fn opened(&mut self, flow: Flow, _: &Opened) -> Result<(), usize> {
        self.flows.entry(flow.number).or_default()[0] += 1;
        self.called()
    }

    fn data(&mut self, _: Flow, _: u64, _: &[u8]) -> Result<(), usize> {
        self.called()
    }

    fn repeated(&mut self, _: Flow, _: u64, _: &[u8]) -> Result<Repeat, usize> {
        self.called().map(|()| Repeat::Differs)
    }

    fn conflict(&mut self, _: Flow, _: u64, _: &[u8]) -> Result<(), usize> {
        self.called()
    }

    fn late(&mut self, _: Flow, _: u64, _: &[u8]) -> Result<(), usize> {
        self.called()
    }

    fn rebased(&mut self, _: Flow, _: u64) -> Result<(), usize> {
        self.called()
    }

    fn gap(&mut self, _: Flow, _: Range<u64>) -> Result<(), usize> {
        self.called()
    }

    fn closed(&mut self, flow: Flow, _: CloseReason, _: &Summary) -> Result<(), usize> {
        self.flows.entry(flow.number).or_default()[1] += 1;
        self.called()
    }
}

/// Segments that lead to every event and every way to close, in a table of two connections.
fn segments() -> Vec<TcpFrame> {
    let up = TcpFrame::up;
    vec![
        up(99, SYN, b""),
        TcpFrame::down(199, SYN, b"").acknowledging(100),
        up(102, 0, b"cd"),
        up(106, 0, b"gh"),
        up(100, 0, b"abcdefgh"),
        up(112, 0, b"m"),
        up(114, 0, b"o"),
        up(116, 0, b"q"),
        up(100, 0, b"late"),
        up(117, FIN, b""),
        TcpFrame::down(203, FIN, b"!").acknowledging(118),
        TcpFrame::down(200, 0, b"all").acknowledging(118),
        up(5000, SYN, b"again"),
        TcpFrame::down(7000, 0, b"reply").acknowledging(5006),
        up(9_000_000, SYN, b"reuse"),
        up(50, 0, b"later").client_port(2),
        up(45, 0, b"early").client_port(2),
        up(55, RST, b"").client_port(2),
        up(50, 0, b"evicts").client_port(3),
        up(50, 0, b"evicts").client_port(4),
        up(50, 0, b"evicts").client_port(5),
        up(60, 0, b"beyond a hole").client_port(5),
    ]
}

fn run(fails: usize) -> (FailsAt, Vec<usize>) {
    let config = with(Config::new(KEY), |c| c.max_islands = 2);
    let mut core = Reassembler::new(config, Storage::heap(2, 8).unwrap()).unwrap();
    let mut sink = FailsAt { fails, ..FailsAt::default() };
    let mut errors = Vec::new();
    for (second, segment) in segments().iter().enumerate() {
        let bytes = segment.bytes();
        errors.extend(core.push(&frame(&bytes, second as u64), &mut sink).err());
    }
    while let Err(error) = core.finish(&mut sink) {
        errors.push(error);
    }
    assert_eq!(core.finish(&mut sink), Ok(()));
    (sink, errors)
}

#[test]
fn an_error_comes_out_of_its_call_and_every_flow_is_still_closed_once() {
    let (sink, errors) = run(0);
    assert!(errors.is_empty());
    let calls = sink.call;
    assert!(calls > 40, "{calls} calls");
    for fails in 1..=calls {
        let (sink, errors) = run(fails);
        assert_eq!(errors, [fails], "the error of call {fails} comes out once");
        for (flow, counts) in sink.flows {
            assert_eq!(counts, [1, 1], "flow {flow} is opened and closed once when call {fails} fails");
        }
    }
}

#[test]
fn islands_are_free_again_after_an_error() {
    let mut core = Reassembler::new(Config::new(KEY), Storage::heap(2, 3).unwrap()).unwrap();
    for round in 0..20 {
        let mut sink = FailsAt { fails: 5, ..FailsAt::default() };
        for offset in [0, 10, 20, 30, 40] {
            let bytes = TcpFrame::up(100 + offset, 0, b"x").bytes();
            let _: Result<(), usize> = core.push(&frame(&bytes, round), &mut sink);
        }
        while core.finish(&mut sink).is_err() {}
    }
    // Only the fifth segment of a round finds no island.
    assert_eq!(core.counters().islands_exhausted, 20);
}
