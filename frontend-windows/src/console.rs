//! Ctrl-C, Ctrl-Break, a closing console, logoff and shutdown end a run the way the end of the input does; a second
//! Ctrl-C ends the process at once.

#![allow(unsafe_code)]

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use tapflow_common::app::{Interruption, Interruptions};
use tapflow_common::run::Stop;
use windows_sys::Win32::Foundation::{FALSE, TRUE};
use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, SetConsoleCtrlHandler,
};
use windows_sys::core::BOOL;

/// The exit status that a shell gives a program stopped by Ctrl-C.
const INTERRUPTED: u8 = 130;
/// As after SIGHUP, which a terminal that closes sends elsewhere.
const CLOSED: u8 = 129;
/// As after SIGTERM, which a system that ends sends elsewhere.
const ENDED: u8 = 143;

/// Whom an event asks to stop.
static STOP: OnceLock<Stop> = OnceLock::new();
/// The exit status of what came first; 0 as long as nothing did.
static CAUGHT: AtomicU8 = AtomicU8::new(0);

/// Catches what a console sends; it asks `stop`.
///
/// # Errors
/// What the system says when the handler cannot be set.
pub(crate) fn catch(stop: &Stop) -> io::Result<Interruptions> {
    STOP.get_or_init(|| stop.clone());
    // SAFETY: the handler is a function of this program, there as long as the process is.
    if unsafe { SetConsoleCtrlHandler(Some(handle), TRUE) } == FALSE {
        return Err(io::Error::last_os_error());
    }
    Ok(Box::new(|| {
        let name = match CAUGHT.load(Ordering::Relaxed) {
            0 => return None,
            INTERRUPTED => "Ctrl-C",
            CLOSED => "the end of the console",
            _ => "the end of the session",
        };
        Some(Interruption { name: name.to_owned(), exit_code: CAUGHT.load(Ordering::Relaxed) })
    }))
}

/// Runs in a thread that the system makes for each event.
unsafe extern "system" fn handle(event: u32) -> BOOL {
    let status = match event {
        CTRL_C_EVENT | CTRL_BREAK_EVENT => INTERRUPTED,
        CTRL_CLOSE_EVENT => CLOSED,
        _ => ENDED,
    };
    let is_first = CAUGHT.compare_exchange(0, status, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    if !is_first && status == INTERRUPTED {
        std::process::exit(INTERRUPTED.into());
    }
    if let Some(stop) = STOP.get() {
        stop.ask();
    }
    if status != INTERRUPTED {
        // The system ends the process when this returns; the run ends it before, and this thread with it.
        loop {
            thread::sleep(Duration::from_secs(1));
        }
    }
    TRUE
}
