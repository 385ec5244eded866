//! The stages of a run: what one does, and the messages that it receives. No stage knows who starts it.
//!
//! ```text
//! core ─► sinks ─► operations, sharded by name ─► writers ─► scanners ─► reporter
//!           │                                     files      digests     report, totals
//!           └► console                            (threads)  (threads)   (thread)
//! ```
//!
//! Messages travel in batches through bounded channels. There are scanners only if the options ask for something to
//! scan; otherwise writers send to the reporter.

pub(crate) mod batches;
pub(crate) mod dispatch;
pub(crate) mod finished;
pub(crate) mod following;
pub(crate) mod frames;
mod holes;
pub(crate) mod message;
pub(crate) mod outbox;
pub(crate) mod outlet;
pub(crate) mod outputs;
pub(crate) mod pages;
pub(crate) mod printer;
pub(crate) mod reporter;
pub(crate) mod scanner;
mod shards;
mod stop;
pub(crate) mod tee;
mod thread;
pub(crate) mod writer;

pub use stop::Stop;
pub(crate) use thread::spawn;

#[cfg(test)]
mod tests;
