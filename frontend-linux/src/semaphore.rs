//! Named semaphores (sem_overview(7)), with which programs take turns.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::ptr::NonNull;

use tapflow_common::output::console::ConsoleLock;

/// A semaphore that is open.
#[derive(Debug)]
struct Semaphore(NonNull<libc::sem_t>);

/// Opens the semaphore, or makes it with one turn for everybody who may write to it.
///
/// # Errors
/// It cannot be opened: why, and what to do.
pub(crate) fn open(name: &str) -> Result<Box<dyn ConsoleLock>, String> {
    let fault = |reason: String| format!("-L {name}: {reason}; name it as in sem_overview(7): /name");
    let c_name = CString::new(name).map_err(|error| fault(error.to_string()))?;
    let mode: libc::mode_t = 0o666;
    let turns: libc::c_uint = 1;
    // SAFETY: the name ends with a zero, and the arguments are those that O_CREAT wants.
    let semaphore = unsafe { libc::sem_open(c_name.as_ptr(), libc::O_CREAT, mode, turns) };
    match NonNull::new(semaphore).filter(|_| semaphore != libc::SEM_FAILED) {
        Some(semaphore) => Ok(Box::new(Semaphore(semaphore))),
        None => Err(fault(io::Error::last_os_error().to_string())),
    }
}

impl ConsoleLock for Semaphore {
    fn acquire(&self) -> io::Result<()> {
        loop {
            // SAFETY: the semaphore is open until this is dropped.
            if unsafe { libc::sem_wait(self.0.as_ptr()) } == 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    fn release(&self) {
        // SAFETY: as above. It fails only for a semaphore that counts to two billion.
        unsafe { libc::sem_post(self.0.as_ptr()) };
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        // SAFETY: it was opened, and is not used any more.
        unsafe { libc::sem_close(self.0.as_ptr()) };
    }
}
