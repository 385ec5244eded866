//! TCP stream reassembly for packets that were captured, without I/O and without allocation.
//!
//! ```text
//! frame bytes ─► decode ─► connection ─► stream ─► Sink
//!                link..TCP  who is it     where in   what happened
//! ```
//!
//! A [`Reassembler`] takes [`Frame`]s one by one and tells a [`Sink`] what they mean: a flow opens,
//! bytes belong at a stream offset, a range was never seen, a flow closes. Memory is what the caller
//! gives ([`Storage`]), time is the capture's own, and every anomaly has a counter ([`Counters`]).
//! [`InOrder`] wraps a sink that wants bytes in order.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

mod config;
mod connection;
mod counters;
pub mod decode;
mod flow;
mod frame;
mod inorder;
mod reassembler;
mod sink;
mod storage;
mod stream;

pub use config::Config;
pub use connection::Connection;
pub use counters::Counters;
pub use flow::{Flow, FlowKey, LinkInfo, MAX_VLANS, Opened};
pub use frame::{Frame, LinkType, Timestamp};
pub use inorder::{Delivery, InOrder, InOrderStorage, Page};
pub use reassembler::Reassembler;
pub use sink::{CloseReason, Repeat, Sink, Summary};
pub use storage::{StaticStorage, Storage, StorageError};
pub use stream::Island;
