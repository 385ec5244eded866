//! What is known of a flow: the words that output, console, scanners and report share.

mod asymmetry;
mod facts;
mod finished;
mod ranges;
#[cfg(test)]
pub(crate) mod testing;
mod timeline;

pub use asymmetry::Asymmetry;
pub use facts::{FileFacts, FlowFacts, Link, Opened};
pub use finished::FinishedFlow;
pub use ranges::Ranges;
pub use timeline::Timeline;
