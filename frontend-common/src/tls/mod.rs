//! TLS with the secrets of key logs: records in, plaintext or a reason out.
//!
//! Two directions go in as bytes with their gaps. Application data comes out, each record with its place on the wire,
//! and what the handshake said. There is no file and no clock in here. SSL 3.0 to TLS 1.3.
//!
//! Nothing comes out whose tag or MAC was not right: what is missing or wrong is a gap. After a hole, reading goes on at
//! the next record that can be opened, see [`Facts`]. Any bytes give some result, in work and memory that are bounded by
//! their number.

mod attempt;
mod blocks;
mod certificate;
mod connection;
mod derive;
mod facts;
mod fingerprint;
mod generation;
mod hello;
mod inflate;
mod keylog;
mod messages;
mod names;
mod protect;
mod recognise;
mod record;
mod resume;
mod side;
mod suites;
#[cfg(test)]
mod tests;
mod wire;

pub use certificate::Certificate;
pub use connection::{Limits, Output, decrypt};
pub use facts::{Facts, Reason, SideFacts};
pub use hello::{ClientHello, Extensions, ServerHello, Version};
pub use keylog::{KeyLog, Label, LineCounts, Secret};
pub use recognise::{Start, recognise};
pub use record::Source;
pub use suites::{Block, Cipher, Hash, Parameters, Suite};
pub use wire::hex;
