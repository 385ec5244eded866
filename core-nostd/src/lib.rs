//! TCP stream reassembly for packets that were captured, without I/O and without allocation.
#![no_std]
#![forbid(unsafe_code)]

pub mod decode;
mod flow;
mod frame;
mod sink;

pub use flow::{Flow, FlowKey, Opened};
pub use frame::{Frame, LinkType, Timestamp};
pub use sink::{CloseReason, Repeat, Sink, Summary};
