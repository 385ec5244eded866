//! Signals end a run the way the end of the input does; a second one ends the process at once. SIGUSR1 asks for
//! statistics; during a live capture, SIGHUP asks for the next report.
//!
//! SIGHUP and SIGUSR1 stay ignored where they were when the process began, as `nohup` wants it. SIGINT does not: shells
//! without job control ignore it in what they start in the background, and scripts end a capture with it.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook::flag;
use tapflow_common::app::{Interruption, Interruptions};
use tapflow_common::run::Stop;

/// Catches SIGINT, SIGTERM, SIGHUP and SIGUSR1; each asks `stop`.
///
/// # Errors
/// What the system says when a handler cannot be set.
pub(crate) fn catch(stop: &Stop) -> io::Result<Interruptions> {
    let caught = Arc::new(AtomicUsize::new(0));
    // Not the flag of `stop`, which errors set too: the first signal after one still ends the run well.
    let again = Arc::new(AtomicBool::new(false));
    let ignored = ignored();
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        if signal == SIGHUP && ignored & bit(signal) != 0 {
            continue;
        }
        if signal == SIGHUP
            && let Some(report) = stop.report_flag()
        {
            flag::register(signal, report)?;
            continue;
        }
        // In this order: the first signal finds the flag unset and only sets it.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))?;
        flag::register_usize(signal, Arc::clone(&caught), signal as usize)?;
        flag::register(signal, Arc::clone(&again))?;
        flag::register(signal, stop.flag())?;
    }
    if ignored & bit(SIGUSR1) == 0 {
        flag::register(SIGUSR1, stop.statistics_flag())?;
    }
    // Caught, it lets a write beyond the limit of file sizes (`ulimit -f`) fail with a reason; else it kills.
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    Ok(Box::new(move || {
        let signal = u8::try_from(caught.load(Ordering::Relaxed)).ok().filter(|&signal| signal != 0)?;
        Some(Interruption { name: format!("signal {signal}"), exit_code: 128 + signal })
    }))
}

/// The signals that this process ignores, each as a [`bit`]; none where the system does not tell
/// (proc_pid_status(5)).
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}
