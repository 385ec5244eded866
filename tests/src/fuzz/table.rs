//! Any sequence of segments, waits and ends on a table of hardly any entries, with a core that is given hardly any memory.

use crate::{KEY, with};
use tapflow_core::{
    Check, Config, Counters, OverlapPolicy, Reassembler, Storage, Target as Network, Timestamp, Urgent,
};

use super::{Material, Script};
use crate::frames::{TcpFrame, frame};
use crate::recorder::Recorder;
use crate::scene::check_accounts;

/// The longest input that is played to its end: the recorder keeps a place for every byte.
const STEPS: usize = 400;

/// The recorder holds the core to its contract; every flow is closed, every byte and every connection has its
/// place, and the hash key changes nothing.
pub fn run(bytes: &[u8]) {
    let counters = play(bytes, [0; 16]);
    assert_eq!(play(bytes, *b"another hash key"), counters, "whatever the hash key");
}

fn play(bytes: &[u8], hash_key: [u8; 16]) -> Counters {
    let mut script = Script(bytes);
    let policy = OverlapPolicy::ALL[usize::from(script.byte()) % OverlapPolicy::ALL.len()];
    let (choices, sizes) = (script.byte(), script.byte());
    let check = |bit| if choices & bit != 0 { Check::Refuse } else { Check::Count };
    let config = with(Config::new(KEY), |c| {
        c.hash_key = hash_key;
        c.idle_timeout = (choices & 1 != 0).then_some(20 * Timestamp::SECOND);
        c.linger = u64::from(script.byte()) * Timestamp::SECOND;
        c.max_inactive = if choices & 2 != 0 { 1 } else { u32::MAX };
        c.max_jump = 1 << (8 + choices % 5);
        c.rebase_window = u32::from(script.byte()) * 8;
        c.max_rebases = sizes & 3;
        c.max_islands = u16::from(sizes >> 2 & 7);
        c.overlap = policy;
        c.urgent = if choices & 4 != 0 { Urgent::Apart } else { Urgent::Inline };
        c.paws = check(8);
        c.window = check(16);
    });
    let storage = Storage::heap(1 + usize::from(sizes >> 6), usize::from(sizes >> 3 & 7)).expect("memory");
    let network = [10, 0, 0, 2].into();
    let targets = [Network { network, prefix: 32, policy: OverlapPolicy::Last }];
    let mut core = Reassembler::new(config, storage).expect("a storage that fits");
    if choices & 32 != 0 {
        core.set_targets(&targets);
    }
    let mut sink = Recorder::default();
    let mut now = 1000;
    for _ in 0..STEPS {
        if script.0.is_empty() {
            break;
        }
        let kind = script.byte();
        now += u64::from(kind >> 6) * u64::from(kind >> 6);
        match kind & 15 {
            0 => {
                now += u64::from(script.byte());
                let Ok(()) = core.advance(Timestamp::new(now, 0), &mut sink);
            }
            1 => core.accept_new_connections(kind & 16 != 0),
            2 => {
                let Ok(()) = core.finish(&mut sink);
            }
            _ => {
                let bytes = segment(&mut script).bytes();
                let captured =
                    if kind & 32 != 0 { bytes.len() - usize::from(kind & 15) } else { bytes.len() };
                let whole = frame(&bytes, now);
                let bytes = &bytes[..captured];
                let Ok(()) = core.push(&tapflow_core::Frame { bytes, ..whole }, &mut sink);
            }
        }
    }
    let Ok(()) = core.finish(&mut sink);
    assert!(sink.all_closed());
    check_accounts(core.counters());
    assert_eq!(core.counters().closed.iter().sum::<u64>(), core.counters().connections);
    core.counters().clone()
}

/// A segment of one of a few connections, near one of a few numbers.
fn segment(script: &mut Script<'_>) -> TcpFrame {
    let (who, flags) = (script.byte(), script.byte());
    let place = |script: &mut Script<'_>, who: u8| {
        let near = script.u16() % 600;
        [0u32, 0, 3000, 1 << 30][usize::from(who >> 2 & 3)].wrapping_add(near.into()).wrapping_sub(100)
    };
    let (sequence, acknowledgement) = (place(script, who), place(script, who >> 2));
    let len = usize::from(script.byte()) % 100;
    let payload = script.bytes(len.min(8)).iter().copied().cycle().take(len).collect::<Vec<_>>();
    let build = if who & 1 != 0 { TcpFrame::down } else { TcpFrame::up };
    let segment = TcpFrame {
        acknowledgement,
        window: u16::from(script.byte()),
        window_scale: (flags & 0x40 != 0).then_some(who >> 5),
        timestamp: (flags & 0x80 != 0).then(|| u32::from(script.byte())),
        urgent_pointer: u16::from(who),
        ..build(sequence, flags & 0x3f, &payload)
    };
    segment.client_port(u16::from(who >> 1 & 1))
}

/// Beginnings of streams as payload.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    super::short_streams(material)
}
