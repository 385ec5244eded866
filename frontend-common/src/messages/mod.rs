//! What is said on standard error besides errors: progress while a run lasts, the summary at its end.
//!
//! Texts only; who prints them decides whether (`-q`) and where.

mod names;
mod progress;
mod rejects;
mod statistics;
mod summary;
mod terminal;

pub use progress::Progress;
pub use rejects::{RejectCounts, RejectKind};
pub use statistics::statistics;
pub use summary::RunSummary;
pub use terminal::{for_terminal, lines_for_terminal};
