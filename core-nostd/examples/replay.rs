//! Replays a pcap file and writes each stream to a file of its own: `NUMBER-SOURCE.PORT-DESTINATION.PORT`.
//!
//! ```text
//! cargo run -p tapflow-core --features alloc --example replay -- CAPTURE FOLDER
//! ```
//!
//! Bytes are written at their offset as they arrive, so that none has to wait in memory. What was never captured is zero
//! in the file. Storage is from the heap.

use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tapflow_core::capture::CaptureReader;
use tapflow_core::{
    CloseReason, Config, Flow, FragmentStorage, Opened, Reassembler, Repeat, Sink, Storage, Summary,
};

/// Writes files into a folder. Files are opened for each call: the number of connections has no limit of open files.
struct Files<'a> {
    folder: &'a Path,
    /// By the slot of the flow.
    paths: HashMap<u32, PathBuf>,
    /// Bytes that came after their place had been given up.
    late: u64,
}

impl Files<'_> {
    fn write(&self, flow: Flow, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let Some(path) = self.paths.get(&flow.slot) else { return Ok(()) };
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }
}

impl Sink for Files<'_> {
    type Error = io::Error;

    fn opened(&mut self, flow: Flow, opened: &Opened) -> io::Result<()> {
        let key = &opened.key;
        let name = format!(
            "{}-{}.{}-{}.{}",
            flow.number, key.source, key.source_port, key.destination, key.destination_port
        );
        // Windows has no colons in names.
        let path = self.folder.join(name.replace(':', "_"));
        File::create_new(&path)?;
        self.paths.insert(flow.slot, path);
        Ok(())
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write(flow, offset, bytes)
    }

    fn replaced(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> io::Result<Repeat> {
        self.write(flow, offset, bytes)?;
        Ok(Repeat::NotCompared)
    }

    fn late(&mut self, _: Flow, _: u64, bytes: &[u8]) -> io::Result<()> {
        self.late += bytes.len() as u64;
        Ok(())
    }

    fn rebased(&mut self, flow: Flow, by: u64) -> io::Result<()> {
        let Some(path) = self.paths.get(&flow.slot) else { return Ok(()) };
        let bytes = fs::read(path)?;
        // Zeros are in the way until the bytes before the old beginning are written.
        let mut file = File::create(path)?;
        file.set_len(by)?;
        file.seek(SeekFrom::Start(by))?;
        file.write_all(&bytes)
    }

    fn closed(&mut self, flow: Flow, _: CloseReason, _: &Summary) -> io::Result<()> {
        self.paths.remove(&flow.slot);
        Ok(())
    }
}

fn replay(capture: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let too_large = "there is not enough memory";
    // 65,536 connections, 65,536 ranges beyond holes, 256 datagrams in fragments.
    let storage = Storage::heap(1 << 16, 1 << 16)
        .ok_or(too_large)?
        .with_fragments(FragmentStorage::heap(256).ok_or(too_large)?);
    let mut reassembler = Reassembler::new(Config::new(random_key()), storage)?;
    let mut sink = Files { folder, paths: HashMap::new(), late: 0 };

    let file = fs::read(capture)?;
    let mut reader = CaptureReader::new(&file[..])?;
    let mut frame = vec![0; 1 << 18];
    let damage = loop {
        match reader.next(&mut frame) {
            Ok(Some(frame)) => reassembler.push(&frame, &mut sink)?,
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    // Every flow is closed, also if the capture cannot be read to its end.
    reassembler.finish(&mut sink)?;

    let counters = reassembler.counters();
    let (flows, bytes, missing) = (counters.flows, counters.data_bytes, counters.gap_bytes);
    println!("{flows} flows, {bytes} bytes, {missing} missing, {} late", sink.late);
    damage.map_or(Ok(()), |error| Err(error.into()))
}

/// A key that an attacker cannot know, as the standard library makes them.
fn random_key() -> [u8; 16] {
    let state = RandomState::new();
    (u128::from(state.hash_one(0)) << 64 | u128::from(state.hash_one(1))).to_ne_bytes()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [capture, folder] = &arguments[..] else {
        eprintln!("usage: replay CAPTURE FOLDER");
        return ExitCode::from(2);
    };
    match replay(capture, Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{capture} to {folder}: {error}");
            ExitCode::FAILURE
        }
    }
}
