//! WebSocket without input and output: messages of one direction. RFC 6455, and permessage-deflate of RFC 7692.
//!
//! Bytes go in as they come, with their gaps; messages come out unmasked and decompressed, piece by piece. Where bytes
//! are missing, and where a capture begins late, frames are found again. Memory does not depend on the length of messages.

mod deflate;
mod frame;
mod reader;
mod search;

pub use deflate::{Allowance, Deflate};
pub use frame::{Frame, Opcode};
pub use reader::{Ended, Event, Reader};
pub use search::is_likely;
