//! The core works in the memory it was given: nothing is allocated while it runs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::convert::Infallible;
use std::ops::Range;

use tapflow_core::{
    CloseReason, Config, DropReason, Flow, Frame, InOrder, InOrderConfig, LinkType, Opened, Reassembler,
    RecordWriter, Repeat, Sink, StaticFragmentStorage, StaticInOrderStorage, StaticStorage, Summary,
    Timestamp,
};
use tapflow_tests::fragments::{Piece, split};
use tapflow_tests::frames::{FIN, RST, SYN, TcpFrame};
use tapflow_tests::{KEY, with};

thread_local! {
    static COUNTED: Cell<bool> = const { Cell::new(false) };
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, which counts on threads that want it.
struct Counting;

fn count() {
    if COUNTED.get() {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    }
}

// SAFETY: every method passes its arguments unchanged to the system's allocator, whose contract is the
// same; the counters are thread-local values that need neither allocation nor destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller keeps the contract of `dealloc`, and the block came from the system.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many times `work` allocates or frees.
fn allocations(work: impl FnOnce()) -> u64 {
    ALLOCATIONS.set(0);
    COUNTED.set(true);
    work();
    COUNTED.set(false);
    ALLOCATIONS.get()
}

/// Counts events.
#[derive(Default)]
struct Events(u64);

impl Events {
    fn one(&mut self) -> Result<(), Infallible> {
        self.0 += 1;
        Ok(())
    }
}

impl Sink for Events {
    type Error = Infallible;

    fn opened(&mut self, _: Flow, _: &Opened) -> Result<(), Infallible> {
        self.one()
    }
    fn data(&mut self, _: Flow, _: u64, _: &[u8]) -> Result<(), Infallible> {
        self.one()
    }
    fn repeated(&mut self, _: Flow, _: u64, _: &[u8]) -> Result<Repeat, Infallible> {
        self.one().map(|()| Repeat::Differs)
    }
    fn conflict(&mut self, _: Flow, _: u64, _: &[u8]) -> Result<(), Infallible> {
        self.one()
    }
    fn late(&mut self, _: Flow, _: u64, _: &[u8]) -> Result<(), Infallible> {
        self.one()
    }
    fn rebased(&mut self, _: Flow, _: u64) -> Result<(), Infallible> {
        self.one()
    }
    fn gap(&mut self, _: Flow, _: Range<u64>) -> Result<(), Infallible> {
        self.one()
    }
    fn closed(&mut self, _: Flow, _: CloseReason, _: &Summary) -> Result<(), Infallible> {
        self.one()
    }
}

/// Frames of everything: handshakes, holes, repeats, ends, reuse, garbage, more than any table holds.
fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for port in 0..50 {
        let mut add = |segment: TcpFrame| frames.push(segment.client_port(port % 20).bytes());
        add(TcpFrame::up(99, SYN, b""));
        add(TcpFrame::down(199, SYN, b"").acknowledging(100));
        for offset in [0, 900, 300, 2100, 600, 300, 5000, 8000, 11_000] {
            add(TcpFrame::up(100 + offset, 0, &[port as u8; 300]).acknowledging(200));
            add(TcpFrame::down(5_000_000 - offset * 2, 0, &[port as u8; 300]).acknowledging(100));
        }
        add(TcpFrame::up(11_400, if port % 3 == 0 { FIN } else { RST }, b""));
        add(TcpFrame::down(4_999_000, FIN, b"").acknowledging(11_401));
    }
    frames.push(vec![0; 60]);
    let mut tagged = frames[0].clone();
    tagged.splice(12..12, [0x81, 0, 0, 5, 0x88, 0xa8, 0, 6]);
    frames.push(tagged);
    frames
}

/// Every frame alone, then three at a time.
fn run<S: Sink<Error: std::fmt::Debug>>(core: &mut Reassembler<'_>, sink: &mut S, frames: &[Vec<u8>]) {
    let frame = |number: usize| {
        let (time, bytes) = (Timestamp::new(number as u64 / 4, 0), &frames[number][..]);
        Frame { link: LinkType::ETHERNET, time, wire_len: bytes.len() as u32, bytes }
    };
    for number in 0..frames.len() {
        core.push(&frame(number), sink).unwrap();
    }
    core.finish(sink).unwrap();
    for number in (0..frames.len() - 2).step_by(3) {
        core.push_batch(&[frame(number), frame(number + 1), frame(number + 2)], sink).unwrap();
    }
    core.finish(sink).unwrap();
}

fn config() -> Config {
    with(Config::new(KEY), |c| c.idle_timeout = Some(60 * Timestamp::SECOND))
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 2);
}

#[test]
fn the_reassembler_allocates_nothing() {
    let frames = frames();
    let mut memory = Box::new(StaticStorage::<8, 8, 16>::new());
    let mut sink = Events::default();
    let count = allocations(|| {
        let mut core = Reassembler::new(config(), memory.storage()).unwrap();
        run(&mut core, &mut sink, &frames);
        assert!(core.counters().islands_exhausted > 0);
    });
    assert!(sink.0 > 1000);
    assert_eq!(count, 0);
}

/// Datagrams in fragments: whole, incomplete, with overlaps, more than there is room for.
fn fragments() -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for id in 0..200 {
        let segment = TcpFrame::up(100 + 300 * id, 0, &[id as u8; 300]);
        for (number, mut piece) in split(&segment, 64).into_iter().enumerate() {
            piece.ipv6 = id % 3 == 0;
            if id % 5 != 0 || number != 2 {
                packets.push(piece.clone().id(id).bytes());
            }
            if id % 7 == 0 && number == 0 {
                packets.push(Piece { offset: 24, ..piece }.id(id).bytes());
            }
        }
    }
    packets
}

#[test]
fn datagrams_are_put_together_without_allocation() {
    let packets = fragments();
    let mut memory = Box::new(StaticStorage::<8, 8, 16>::new());
    let mut pieces = Box::new(StaticFragmentStorage::<4, 512, 24>::new());
    let mut sink = Events::default();
    let count = allocations(|| {
        let storage = memory.storage().with_fragments(pieces.storage());
        let mut core = Reassembler::new(config(), storage).unwrap();
        for (number, bytes) in packets.iter().enumerate() {
            let time = Timestamp::new(number as u64 / 4, 0);
            let wire_len = bytes.len() as u32;
            core.push(&Frame { link: LinkType::RAW, time, wire_len, bytes }, &mut sink).unwrap();
        }
        core.finish(&mut sink).unwrap();
        let counters = core.counters();
        assert!(counters.whole_datagrams > 100);
        assert!(counters.dropped_for(DropReason::Evicted) > 10);
        assert!(counters.dropped_for(DropReason::Overlap) > 5);
    });
    assert!(sink.0 > 100);
    assert_eq!(count, 0);
}

#[test]
fn the_in_order_adaptor_allocates_nothing() {
    let frames = frames();
    let mut memory = Box::new(StaticStorage::<8, 8, 64>::new());
    let mut waiting = Box::new(StaticInOrderStorage::<16, 8, 256>::new());
    let mut events = 0;
    let count = allocations(|| {
        let mut core = Reassembler::new(config(), memory.storage()).unwrap();
        let mut sink = InOrder::new(Events::default(), waiting.storage(), InOrderConfig::new(KEY));
        run(&mut core, &mut sink, &frames);
        events = sink.inner().0;
    });
    assert!(events > 1000);
    assert_eq!(count, 0);
}

#[test]
fn records_are_written_without_allocation() {
    let frames = frames();
    let mut memory = Box::new(StaticStorage::<8, 8, 64>::new());
    let mut card = vec![0; 4 << 20];
    let count = allocations(|| {
        let mut core = Reassembler::new(config(), memory.storage()).unwrap();
        run(&mut core, &mut RecordWriter::new(&mut card[..]), &frames);
    });
    assert_eq!(card[..2], [0xf7, 1]);
    assert_eq!(count, 0);
}
