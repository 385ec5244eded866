//! Prints the streams of a pcap file, each in order.
//!
//! ```text
//! cargo run -p tapflow-core --example streams -- CAPTURE
//! ```
//!
//! All memory of the core is three static values, as on a device without a heap.

use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::ops::Range;
use std::process::ExitCode;

use tapflow_core::capture::CaptureReader;
use tapflow_core::{
    CloseReason, Config, Flow, InOrder, InOrderConfig, Opened, Reassembler, Sink, StaticFragmentStorage,
    StaticInOrderStorage, StaticStorage, Summary,
};

/// Prints what happens, and bytes as text with escapes.
struct Screen<W>(W);

impl<W: Write> Sink for Screen<W> {
    type Error = io::Error;

    fn opened(&mut self, flow: Flow, opened: &Opened) -> io::Result<()> {
        let key = &opened.key;
        let (source, destination) = (key.source, key.destination);
        let (from, to) = (key.source_port, key.destination_port);
        writeln!(self.0, "{} opened: {source} port {from} to {destination} port {to}", flow.number)
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> io::Result<()> {
        writeln!(self.0, "{} at {offset}: {}", flow.number, bytes.escape_ascii())
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> io::Result<()> {
        writeln!(self.0, "{} at {}: {} bytes missing", flow.number, range.start, range.end - range.start)
    }

    fn conflict(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> io::Result<()> {
        writeln!(self.0, "{} at {offset}: other bytes came too: {}", flow.number, bytes.escape_ascii())
    }

    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> io::Result<()> {
        writeln!(self.0, "{} closed: {}, {} bytes", flow.number, reason.name(), summary.span)
    }
}

fn print(capture: &str) -> Result<(), Box<dyn Error>> {
    // 64 connections in 64 hash buckets, 128 ranges beyond holes.
    let mut table = StaticStorage::<64, 64, 128>::new();
    // 4 datagrams of up to 4096 bytes, 32 fragments.
    let mut fragments = StaticFragmentStorage::<4, 4096, 32>::new();
    // Both directions of 64 connections; 16 pages of 1024 bytes for what waits for a hole to be filled.
    let mut waiting = StaticInOrderStorage::<128, 16, 1024>::new();
    let mut frame = [0; 65_536];

    let storage = table.storage().with_fragments(fragments.storage());
    let mut reassembler = Reassembler::new(Config::new(random_key()), storage)?;
    let mut sink =
        InOrder::new(Screen(io::stdout().lock()), waiting.storage(), InOrderConfig::new(random_key()));

    let file = std::fs::read(capture)?;
    let mut reader = CaptureReader::new(&file[..])?;
    let damage = loop {
        match reader.next(&mut frame) {
            Ok(Some(frame)) => reassembler.push(&frame, &mut sink)?,
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    // Every flow is closed, also if the capture cannot be read to its end.
    reassembler.finish(&mut sink)?;
    damage.map_or(Ok(()), |error| Err(error.into()))
}

/// A key that an attacker cannot know, as the standard library makes them.
fn random_key() -> [u8; 16] {
    let state = RandomState::new();
    (u128::from(state.hash_one(0)) << 64 | u128::from(state.hash_one(1))).to_ne_bytes()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [capture] = &arguments[..] else {
        eprintln!("usage: streams CAPTURE");
        return ExitCode::from(2);
    };
    match print(capture) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{capture}: {error}");
            ExitCode::FAILURE
        }
    }
}
