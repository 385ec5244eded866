//! Replays captures that are compiled in through the core, as an appliance does with what its driver delivers.
//!
//! For each flow a line with its name and one with its SHA-256 go to the debugger's console; every event goes as a
//! record to a file on the debugger's host, through embedded-io. All memory is below, in statics.
#![no_std]
#![no_main]

mod digests;
mod host;

use core::convert::Infallible;

use cortex_m_semihosting::debug;
use embedded_io::Write;
use panic_semihosting as _;
use tapflow_core::capture::{CaptureError, CaptureReader};
use tapflow_core::{
    Config, InOrder, InOrderConfig, Reassembler, RecordWriter, Sink, StaticFragmentStorage, StaticInOrderStorage,
    StaticStorage,
};

use digests::{Digests, Flows};
use host::{HostError, HostFile};

/// Connections that are known at once.
const CONNECTIONS: usize = 64;
/// Both directions.
const FLOWS: usize = 2 * CONNECTIONS;
/// The longest frame.
const FRAME_LENGTH: usize = 1536;

macro_rules! captures {
    ($($name:literal)*) => {
        [$(($name, include_bytes!(concat!("../../../tests/data/", $name, ".pcap")))),*]
    };
}

/// Both byte orders, all formats, a file that is cut short; IPv6, VLANs, fragments, overlaps, real connections; and far
/// more connections than there is room for.
const CAPTURES: &[(&str, &[u8])] = &captures! {
    "file-be-nano" "file-modified-le" "file-cut-record" "http-ipv6" "capture-any-sll2" "wire-vlan" "fragments-ipv4"
    "fragments-ipv6" "tcp-overlap" "tcp-real-half-close" "tcp-many-flows"
};

#[cortex_m_rt::entry]
fn main() -> ! {
    // One by one: what is all zeros takes no flash.
    static mut TABLE: Connections = StaticStorage::new();
    static mut FRAGMENTS: Fragments = StaticFragmentStorage::new();
    static mut WAITING: Waiting = StaticInOrderStorage::new();
    static mut DIGESTS: Flows<FLOWS> = Flows::new();
    static mut FRAME: [u8; FRAME_LENGTH] = [0; FRAME_LENGTH];
    let mut memory =
        Memory { connections: TABLE, fragments: FRAGMENTS, waiting: WAITING, digests: DIGESTS, frame: FRAME };
    let status = match replay_all(&mut memory) {
        Ok(()) => debug::EXIT_SUCCESS,
        Err(_) => debug::EXIT_FAILURE,
    };
    loop {
        debug::exit(status);
    }
}

/// 32 ranges beyond holes.
type Connections = StaticStorage<CONNECTIONS, CONNECTIONS, 32>;
/// Two datagrams of 1024 bytes, 16 fragments.
type Fragments = StaticFragmentStorage<2, 1024, 16>;
/// 6 pages of 512 bytes for what waits.
type Waiting = StaticInOrderStorage<FLOWS, 6, 512>;

/// Everything but the stack.
struct Memory {
    connections: &'static mut Connections,
    fragments: &'static mut Fragments,
    waiting: &'static mut Waiting,
    digests: &'static mut Flows<FLOWS>,
    frame: &'static mut [u8],
}

fn replay_all(memory: &mut Memory) -> Result<(), HostError> {
    let mut console = HostFile::console()?;
    for (name, bytes) in CAPTURES {
        replay(name, bytes, memory, &mut console)?;
    }
    let (used, room) = host::stack();
    say(&mut console, format_args!("stack {used} {room}\n"))
}

fn replay(name: &str, bytes: &[u8], memory: &mut Memory, console: &mut HostFile) -> Result<(), HostError> {
    say(console, format_args!("capture {name}\n"))?;
    let storage = memory.connections.storage().with_fragments(memory.fragments.storage());
    // Not moved out of the result: it is 4 KiB, which the stack would hold twice.
    let mut made = Reassembler::new(Config::new([0; 16]), storage);
    let Ok(core) = &mut made else { return Err(HostError) };
    let records = RecordWriter::new(HostFile::create(name, ".records")?);
    let digests = Digests::new(records, console, memory.digests);
    let mut sink = InOrder::new(digests, memory.waiting.storage(), InOrderConfig::new([0; 16]));
    let end = push_all(bytes, memory.frame, core, &mut sink)?;
    core.finish(&mut sink)?;
    let frames = core.counters().frames;
    match end {
        None => say(console, format_args!("end {frames}\n")),
        Some(error) => say(console, format_args!("end {frames} {error}\n")),
    }
}

/// Pushes all frames; the error that ends the capture, if one does. A function of its own for the stack's sake: what
/// it needs is not there while the core is made.
#[inline(never)]
fn push_all<S: Sink<Error = HostError>>(
    bytes: &[u8],
    frame: &mut [u8],
    core: &mut Reassembler<'_>,
    sink: &mut S,
) -> Result<Option<CaptureError<Infallible>>, HostError> {
    let mut reader = match CaptureReader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return Ok(Some(error)),
    };
    loop {
        match reader.next(frame) {
            Ok(Some(frame)) => core.push(&frame, sink)?,
            Ok(None) => return Ok(None),
            Err(error) => return Ok(Some(error)),
        }
    }
}

fn say(console: &mut HostFile, text: core::fmt::Arguments<'_>) -> Result<(), HostError> {
    console.write_fmt(text).map_err(|_| HostError)
}
