//! Lines to a descriptor that the caller opened, when a file is begun and when it is complete:
//! `tcp_alert_fd`, `http_alert_fd`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Writes a line for each event, whole, from any thread. Clones write to the same place.
#[derive(Clone, Debug)]
pub struct Alerts(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    file: File,
    failed: Option<String>,
}

impl Alerts {
    /// Alerts that go to an open descriptor.
    #[must_use]
    pub fn new(file: File) -> Self {
        Self(Arc::new(Mutex::new(State { file, failed: None })))
    }

    /// The file was made.
    pub fn open(&self, path: &Path) {
        self.line("open", path);
    }

    /// The file is complete.
    pub fn close(&self, path: &Path) {
        self.line("close", path);
    }

    fn line(&self, event: &str, path: &Path) {
        let mut line = event.as_bytes().to_vec();
        line.push(b'\t');
        line.extend_from_slice(path.as_os_str().as_encoded_bytes());
        line.push(b'\n');
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failed.is_none()
            && let Err(error) = state.file.write_all(&line)
        {
            state.failed = Some(error.to_string());
        }
    }

    /// What went wrong first; nothing was written after it.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failed.clone()
    }
}
