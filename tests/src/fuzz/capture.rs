//! A whole capture file, plain or compressed, through the readers into a core with hardly any memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{KEY, with};
use bytes::Bytes;
use tapflow_common::input;
use tapflow_core::{Config, Reassembler, Storage, Timestamp};

use super::Material;
use crate::recorder::Recorder;
use crate::scene::check_accounts;

/// Bytes of frames after which an input is left: a compressed one can hold any number.
const ENOUGH: usize = 1 << 20;
/// The longest file that becomes a seed.
const SEED: usize = 1 << 14;

/// Frames lie in their block, the source ends for good, and the core keeps its accounts.
pub fn run(bytes: &[u8]) {
    let stop = Arc::new(AtomicBool::new(false));
    let source = input::from_memory("input", Bytes::copy_from_slice(bytes), stop.clone());
    let Ok(mut source) = source else { return };
    let config = with(Config::new(KEY), |c| {
        c.idle_timeout = Some(5 * Timestamp::SECOND);
        c.max_jump = 1 << 16;
    });
    let mut core =
        Reassembler::new(config, Storage::heap(3, 3).expect("memory")).expect("a storage that fits");
    let mut sink = Recorder::default();
    let (mut frames, mut total) = (0, 0);
    while total < ENOUGH {
        let Ok(Some(packet)) = source.next() else { break };
        // The block holds the bytes of the frame, or this panics.
        let held = packet.block.slice_ref(packet.frame.bytes);
        assert_eq!(held, packet.frame.bytes);
        frames += 1;
        total += 1 + held.len();
        let Ok(()) = core.push(&packet.frame, &mut sink);
    }
    if total < ENOUGH {
        assert!(source.next().is_ok_and(|packet| packet.is_none()), "a source that has ended goes on");
    }
    stop.store(true, Ordering::Relaxed);
    let Ok(()) = core.finish(&mut sink);
    assert!(sink.all_closed());
    assert_eq!(core.counters().frames, frames);
    check_accounts(core.counters());
}

/// Short captures as they are.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    Some(&material.file).filter(|file| file.len() <= SEED).cloned().into_iter().collect()
}
