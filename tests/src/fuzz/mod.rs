//! What fuzzers run: one file for each target, a function of any bytes that panics where an invariant is
//! broken.
//!
//! The folder `fuzz` at the top gives each target to libFuzzer. Ordinary tests
//! (`tests/tests/fuzz_targets.rs`) run each over its seeds, over seeds with bytes changed, and over every
//! input that once failed, which is kept in `tests/data/fuzz/NAME/`.

pub mod capture;
pub mod coding;
pub mod decode;
pub mod filter;
pub mod fragments;
pub mod http;
pub mod http2;
pub mod in_order;
pub mod name;
pub mod pcap;
pub mod program;
pub mod segments;
pub mod table;
pub mod tls;
pub mod websocket;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tapflow_common::input::{self};
use tapflow_core::{Config, LinkType, Reassembler, Storage, Timestamp};

use crate::KEY;
use crate::recorder::Recorder;

/// A fuzz target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: of its module, of its program in `fuzz/fuzz_targets`, of the folder of inputs that failed.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Inputs worth beginning with, made of a capture.
    pub seeds: fn(&Material) -> Vec<Vec<u8>>,
    /// An execution takes milliseconds: ordinary tests have a tenth of the inputs.
    pub slow: bool,
}

/// All targets, by name.
pub const TARGETS: [Target; 15] = [
    Target { name: "capture", run: capture::run, seeds: capture::seeds, slow: false },
    Target { name: "coding", run: coding::run, seeds: coding::seeds, slow: false },
    Target { name: "decode", run: decode::run, seeds: decode::seeds, slow: false },
    Target { name: "filter", run: filter::run, seeds: filter::seeds, slow: false },
    Target { name: "fragments", run: fragments::run, seeds: fragments::seeds, slow: false },
    Target { name: "http", run: http::run, seeds: http::seeds, slow: false },
    Target { name: "http2", run: http2::run, seeds: http2::seeds, slow: false },
    Target { name: "in_order", run: in_order::run, seeds: in_order::seeds, slow: false },
    Target { name: "name", run: name::run, seeds: name::seeds, slow: false },
    Target { name: "pcap", run: pcap::run, seeds: pcap::seeds, slow: false },
    Target { name: "program", run: program::run, seeds: program::seeds, slow: true },
    Target { name: "segments", run: segments::run, seeds: segments::seeds, slow: false },
    Target { name: "table", run: table::run, seeds: table::seeds, slow: false },
    Target { name: "tls", run: tls::run, seeds: tls::seeds, slow: false },
    Target { name: "websocket", run: websocket::run, seeds: websocket::seeds, slow: false },
];

/// A capture, as whole as seeds may want it.
#[derive(Debug, Default)]
pub struct Material {
    /// The file's bytes.
    pub file: Vec<u8>,
    /// Its frames: link type, time, bytes.
    pub frames: Vec<(LinkType, Timestamp, Vec<u8>)>,
    /// Its streams in the order in which they began, holes as zeros.
    pub streams: Vec<Vec<u8>>,
    /// The key log beside the capture.
    pub keys: Vec<u8>,
}

impl Material {
    /// Takes a capture apart; what cannot be read is left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(capture: &Path) -> std::io::Result<Self> {
        let mut material = Self { file: std::fs::read(capture)?, ..Self::default() };
        material.keys = std::fs::read(capture.with_extension("keys")).unwrap_or_default();
        let stop = Arc::new(AtomicBool::new(false));
        if let Ok(mut source) = input::open(capture, stop) {
            while let Ok(Some(packet)) = source.next() {
                let frame = packet.frame;
                material.frames.push((frame.link, frame.time, frame.bytes.to_vec()));
            }
        }
        let storage = Storage::heap(1 << 12, 1 << 12).expect("memory");
        let mut core = Reassembler::new(Config::new(KEY), storage).expect("a storage that fits");
        let mut sink = Recorder::default();
        for (link, time, bytes) in &material.frames {
            let wire_len = bytes.len() as u32;
            let frame = tapflow_core::Frame { link: *link, time: *time, wire_len, bytes };
            let Ok(()) = core.push(&frame, &mut sink);
        }
        let Ok(()) = core.finish(&mut sink);
        let flows = sink.flows.into_values();
        material.streams = flows
            .filter(|flow| flow.bytes.len() < 1 << 20)
            .map(|flow| flow.bytes.into_iter().map(Option::unwrap_or_default).collect())
            .collect();
        Ok(material)
    }
}

/// Beginnings of some streams, for targets that take any bytes for numbers.
fn short_streams(material: &Material) -> Vec<Vec<u8>> {
    const SEEDS: usize = 2;
    const LENGTH: usize = 1000;
    material.streams.iter().take(SEEDS).map(|stream| stream[..stream.len().min(LENGTH)].to_vec()).collect()
}

/// Numbers from the front of an input; zeros once it is used up.
pub(crate) struct Script<'a>(pub(crate) &'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from(self.byte()) << 8 | u16::from(self.byte())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    /// The next `count` bytes, or as many as there are.
    pub(crate) fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        head
    }
}
