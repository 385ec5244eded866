//! Threads with names.

use std::thread::{Builder, JoinHandle};

/// Starts a thread that messages call `name`.
///
/// # Errors
/// The system's, with the name.
pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, String> {
    let thread = Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| format!("cannot start the thread of the {name}: {error}"))
}
