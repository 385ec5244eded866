//! Signals end a run the way the end of the input does; a second one ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use tapflow_common::app::{Interruption, Interruptions};
use tapflow_common::pipeline::Stop;

/// Catches SIGINT, SIGTERM and SIGHUP; each asks `stop`.
///
/// # Errors
/// What the system says when a handler cannot be set.
pub(crate) fn catch(stop: &Stop) -> io::Result<Interruptions> {
    let caught = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // In this order: the first signal finds the flag unset and only sets it.
        flag::register_conditional_shutdown(signal, 128 + signal, stop.flag())?;
        flag::register_usize(signal, Arc::clone(&caught), signal as usize)?;
        flag::register(signal, stop.flag())?;
    }
    Ok(Box::new(move || {
        let signal = u8::try_from(caught.load(Ordering::Relaxed)).ok().filter(|&signal| signal != 0)?;
        Some(Interruption { name: format!("signal {signal}"), exit_code: 128 + signal })
    }))
}
