//! Requests to a run from outside: to end, for statistics, for the next report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Requests the end of a run, and what it can do while it goes on. Clones belong to the same run.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    end: Arc<AtomicBool>,
    statistics: Arc<AtomicBool>,
    /// Only runs without an end of their own have more than one report.
    report: Option<Arc<AtomicBool>>,
}

impl Stop {
    /// For a live capture, which accepts requests for the next report.
    #[must_use]
    pub fn live() -> Self {
        Self { report: Some(Arc::default()), ..Self::default() }
    }

    /// The flag that requests the end, for a signal handler.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.end)
    }

    /// The flag that requests statistics. The run clears it.
    #[must_use]
    pub fn statistics_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.statistics)
    }

    /// The flag that requests the end of the report and the beginning of the next one, if there can be one.
    #[must_use]
    pub fn report_flag(&self) -> Option<Arc<AtomicBool>> {
        self.report.clone()
    }

    /// Requests the end.
    pub fn ask(&self) {
        self.end.store(true, Ordering::Relaxed);
    }

    /// Whether the end was requested.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    /// Whether statistics were requested since the last call.
    pub(crate) fn take_statistics(&self) -> bool {
        take(&self.statistics)
    }

    /// Whether the next report was requested since the last call.
    pub(crate) fn take_report(&self) -> bool {
        self.report.as_deref().is_some_and(take)
    }
}

/// Reads a flag and clears it. Writes only if it is set: readers share its cache line.
fn take(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed) && flag.swap(false, Ordering::Relaxed)
}
