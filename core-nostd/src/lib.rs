//! TCP stream reassembly for packets that were captured, without I/O and without allocation.
//!
//! ```text
//! frame bytes ─► decode ─► fragment ─► connection ─► stream ─► Sink
//!                link..TCP  IP pieces   who is it     where in   what happened
//! ```
//!
//! A [`Reassembler`] takes [`Frame`]s one by one and tells a [`Sink`] what they mean: a flow opens,
//! bytes belong at a stream offset, a range was never seen, a flow closes. Memory is what the caller
//! gives ([`Storage`]), time is the capture's own, and every anomaly has a counter ([`Counters`]).
//! Fragments of IP datagrams are put together where the caller gives memory for them ([`FragmentStorage`]).
//! [`InOrder`] wraps a sink that wants bytes in order, [`RecordWriter`] writes what it is told to an SD card
//! or a serial link. [`capture`] reads and writes capture files where there is no libpcap.
//!
//! All memory below is two values that could as well be `static`; the second frame arrives too early.
//!
//! ```
//! use tapflow_core::{Config, Flow, Frame, InOrder, InOrderConfig, LinkType, Reassembler, Sink, Timestamp};
//! use tapflow_core::{StaticInOrderStorage, StaticStorage};
//!
//! struct Show;
//! impl Sink for Show {
//!     type Error = core::convert::Infallible;
//!     fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
//!         println!("flow {}, offset {offset}: {}", flow.number, String::from_utf8_lossy(bytes));
//!         Ok(())
//!     }
//! }
//!
//! // IPv4 and TCP, from 10.0.0.1:1025 to 10.0.0.2:80, without options: a segment of three bytes.
//! fn segment(sequence: u8, payload: &[u8; 3]) -> [u8; 43] {
//!     let mut packet = [0; 43];
//!     packet[..20].copy_from_slice(&[0x45, 0, 0, 43, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
//!     packet[20..36].copy_from_slice(&[4, 1, 0, 80, 0, 0, 0, sequence, 0, 0, 0, 0, 0x50, 0x10, 0xff, 0xff]);
//!     packet[40..].copy_from_slice(payload);
//!     packet
//! }
//!
//! // 16 connections in 16 hash buckets, 32 islands; 32 flows, 8 pages of 512 bytes for what waits.
//! let mut memory = StaticStorage::<16, 16, 32>::new();
//! let mut waiting = StaticInOrderStorage::<32, 8, 512>::new();
//! let key = [0; 16]; // of the hash table: random bytes if the traffic is not trusted
//! let mut reassembler = Reassembler::new(Config::new(key), memory.storage())?;
//! let mut sink = InOrder::new(Show, waiting.storage(), InOrderConfig::new(key));
//! for (second, sequence, payload) in [(1, 100, b"one"), (2, 106, b"ree"), (3, 103, b" th")] {
//!     let bytes = &segment(sequence, payload);
//!     let (link, time) = (LinkType::RAW, Timestamp::new(second, 0));
//!     let Ok(()) = reassembler.push(&Frame { link, time, wire_len: bytes.len() as u32, bytes }, &mut sink);
//! }
//! let Ok(()) = reassembler.finish(&mut sink);
//! assert_eq!(reassembler.counters().data_bytes, 9);
//! # Ok::<(), tapflow_core::StorageError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod capture;
mod config;
mod connection;
mod counters;
pub mod decode;
mod flow;
mod fragment;
mod frame;
mod inorder;
mod matching;
mod ordered;
mod overlap;
mod reassembler;
mod record;
mod sink;
mod storage;
mod stream;
mod tunnel;

// Their types are part of this crate's interface.
pub use {embedded_io, heapless, managed, zerocopy};

pub use config::{Check, Config, Urgent};
pub use connection::Connection;
pub use counters::Counters;
pub use flow::{Flow, FlowKey, LinkInfo, MAX_VLANS, Opened, Side};
pub use fragment::{
    Datagram, DropReason, DroppedDatagram, Extent, FragmentPolicy, FragmentStorage, StaticFragmentStorage,
};
pub use frame::{Frame, LinkType, Timestamp};
pub use inorder::{
    Delivery, InOrder, InOrderConfig, InOrderCounters, InOrderStorage, Page, SkipCause, StaticInOrderStorage,
};
pub use overlap::{OverlapPolicy, Relation, Target, keep_new};
pub use reassembler::Reassembler;
pub use record::{RecordError, RecordHeader, RecordKind, RecordWriter};
pub use sink::{CloseReason, FrameSink, Repeat, Sink, Summary};
pub use storage::{StaticStorage, Storage, StorageError};
pub use stream::Island;
pub use tunnel::{MAX_TUNNELS, Tunnel, TunnelKind};

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
