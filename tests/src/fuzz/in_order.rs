//! The in-order adaptor with hardly any memory, told anything that a reassembler may tell.

use crate::{KEY, with};
use tapflow_core::{
    Config, Flow, InOrder, InOrderConfig, InOrderStorage, Reassembler, SkipCause, Storage, Timestamp,
};

use super::{Material, Script};
use crate::frames::{ACK, SYN, TcpFrame, frame};
use crate::recorder::Recorder;
use crate::scene::check_accounts;

const FLOWS: u16 = 4;
const STEPS: usize = 400;
const PAGE: usize = 2048;

/// What each flow delivered, what it told as gaps and what it holds are its span; the recorder inside wants
/// everything in ascending order.
pub fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let (choices, pages) = (script.byte(), usize::from(script.byte() & 15));
    let config = with(InOrderConfig::new(KEY), |c| {
        c.timeout = (choices & 1 != 0).then_some(3 * Timestamp::SECOND);
        c.acknowledged_grace = (choices & 2 != 0).then_some(u64::from(choices >> 6) * Timestamp::SECOND);
        c.max_per_connection = if choices & 4 != 0 { 2 * PAGE } else { usize::MAX };
    });
    let islands = if choices & 8 != 0 { 4 } else { 1000 };
    let storage = Storage::heap(usize::from(FLOWS), islands).expect("memory");
    let mut core = Reassembler::new(Config::new(KEY), storage).expect("a storage that fits");
    let memory = InOrderStorage::heap(usize::from(FLOWS), pages * PAGE).expect("memory");
    let mut sink = InOrder::new(Recorder::adapted(true), memory, config);
    let mut now = 1000;
    for port in 0..FLOWS {
        let bytes = TcpFrame::up(99, SYN, b"").client_port(port).bytes();
        let Ok(()) = core.push(&frame(&bytes, now), &mut sink);
    }
    for _ in 0..STEPS {
        if script.0.is_empty() {
            break;
        }
        let kind = script.byte();
        let port = u16::from(kind) % FLOWS;
        let offset = u32::from(script.u16() % 9000);
        match kind >> 4 {
            0 => {
                now += u64::from(script.byte() & 7);
                let Ok(()) = core.advance(Timestamp::new(now, 0), &mut sink);
            }
            1 | 2 => {
                let bytes =
                    TcpFrame::down(200, ACK, b"").acknowledging(100 + offset).client_port(port).bytes();
                let Ok(()) = core.push(&frame(&bytes, now), &mut sink);
            }
            3 => {
                let number = u64::from(port);
                if let Some(slot) = sink.inner().slot_of(number) {
                    let Ok(()) = sink.skip(Flow { slot, number });
                }
            }
            _ => {
                let len = 1 + usize::from(script.byte()) * if kind & 8 != 0 { 20 } else { 1 };
                let payload: Vec<u8> = (offset..).map(|at| at as u8 ^ port as u8).take(len).collect();
                let bytes = TcpFrame::up(100 + offset, 0, &payload).client_port(port).bytes();
                let Ok(()) = core.push(&frame(&bytes, now), &mut sink);
            }
        }
        check(&core, &sink);
    }
    let Ok(()) = core.finish(&mut sink);
    check(&core, &sink);
    check_accounts(core.counters());
    let late = sink.counters().late_bytes;
    let recorder = sink.into_inner();
    assert!(recorder.all_closed());
    assert_eq!(recorder.flows.values().map(|flow| flow.late).sum::<u64>(), late);
    for flow in recorder.flows.values() {
        let port = flow.opened.key.source_port as u8;
        let right = |(at, byte): (usize, &Option<u8>)| byte.is_none_or(|byte| byte == at as u8 ^ port);
        assert!(flow.bytes.iter().enumerate().all(right), "every byte is where it belongs");
    }
}

/// Delivered, held and late bytes are those that the core told, and gaps have their causes.
fn check(core: &Reassembler<'_>, sink: &InOrder<'_, Recorder>) {
    let (counters, recorder) = (sink.counters(), sink.inner());
    let (mut delivered, mut gaps, mut held) = (0, 0, 0);
    for (number, flow) in &recorder.flows {
        delivered += flow.data;
        let skipped: u64 = flow.gaps.iter().map(|gap| gap.end - gap.start).sum();
        gaps += skipped;
        if let Some(slot) = recorder.slot_of(*number) {
            held += sink.waiting(Flow { slot, number: *number });
        }
        assert_eq!(flow.data + skipped, flow.told(), "no byte and no hole untold");
    }
    assert_eq!(delivered, counters.passed_bytes);
    assert_eq!(gaps, SkipCause::ALL.iter().map(|cause| counters.skipped_bytes_for(*cause)).sum::<u64>());
    let core_late = core.counters().late_bytes;
    assert_eq!(core.counters().data_bytes + core_late, delivered + held + counters.late_bytes);
}

/// Beginnings of streams, which are as good as any numbers.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    super::short_streams(material)
}
