//! Signals end a run the way the end of the input does; a second one ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use tapflow_common::pipeline::Stop;

/// The signals that were asked to be caught.
pub(crate) struct Signals {
    stop: Stop,
    caught: Arc<AtomicUsize>,
}

impl Signals {
    /// Catches SIGINT, SIGTERM and SIGHUP.
    pub(crate) fn catch() -> io::Result<Self> {
        let stop = Stop::default();
        let caught = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first signal finds the flag unset and only sets it.
            flag::register_conditional_shutdown(signal, 128 + signal, stop.flag())?;
            flag::register_usize(signal, Arc::clone(&caught), signal as usize)?;
            flag::register(signal, stop.flag())?;
        }
        Ok(Self { stop, caught })
    }

    /// What asks a run to end.
    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The number of the signal that came, if one came.
    pub(crate) fn caught(&self) -> Option<u8> {
        u8::try_from(self.caught.load(Ordering::Relaxed)).ok().filter(|&signal| signal != 0)
    }
}
