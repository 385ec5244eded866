//! HTTP/2 without input and output: frames, header fields, streams. RFC 9113, RFC 7541.
//!
//! A [`Reader`] for each direction takes bytes as they come, with their gaps, and finds header blocks and the places of
//! data; [`Streams`] makes exchanges of what both find. Where bytes are missing, and where a capture begins late, frames
//! are found again, and fields that refer to what was missed are unknown.
//!
//! Everything is bounded: [`MAX_STREAMS`], [`MAX_TABLE`], [`MAX_BLOCK`], [`MAX_LIST`].

mod frame;
mod hpack;
mod huffman;
mod reader;
mod runs;
mod search;
mod streams;
mod table;

pub use frame::{Frame, HEADER, Kind, PREFACE};
pub use hpack::{Decoded, Field, Hpack, HpackError, MAX_LIST};
pub use reader::{Block, Event, MAX_BLOCK, Reader};
pub use runs::{Place, Run, Runs, payload};
pub use streams::{Exchange, MAX_STREAMS, Message, Side, Streams};
pub use table::MAX_TABLE;
