//! Ctrl-C, Ctrl-Break and a closing console end a run the way the end of the input does; a second one
//! ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tapflow_common::app::{Interruption, Interruptions};
use tapflow_common::pipeline::Stop;

/// The exit status that a shell gives a program stopped by Ctrl-C.
const STATUS: u8 = 130;

/// Catches what a console sends; it asks `stop`.
///
/// # Errors
/// What the system says when the handler cannot be set.
pub(crate) fn catch(stop: &Stop) -> io::Result<Interruptions> {
    let caught = Arc::new(AtomicBool::new(false));
    let (first, stop) = (Arc::clone(&caught), stop.clone());
    ctrlc::set_handler(move || {
        if first.swap(true, Ordering::Relaxed) {
            std::process::exit(STATUS.into());
        }
        stop.ask();
    })
    .map_err(io::Error::other)?;
    Ok(Box::new(move || {
        let interruption = || Interruption { name: "Ctrl-C".to_owned(), exit_code: STATUS };
        caught.load(Ordering::Relaxed).then(interruption)
    }))
}
