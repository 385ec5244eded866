//! Records the streams of a pcap file on an SD card, and reads the card.
//!
//! ```text
//! cargo run -p tapflow-core --example recorder -- CAPTURE CARD
//! cargo run -p tapflow-core --example recorder -- --read CARD FOLDER
//! ```
//!
//! `CARD` is a file that stands for the card: sectors of 512 bytes, written one after the other. A device replaces
//! `Card::write_sector`. The reader writes each stream to `FOLDER/NUMBER`.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read as _, Seek, SeekFrom, Write as _};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use tapflow_core::capture::CaptureReader;
use tapflow_core::embedded_io::{self, ErrorKind, ErrorType, Write};
use tapflow_core::zerocopy::{FromBytes, big_endian::U64};
use tapflow_core::{
    Config, InOrder, InOrderConfig, Reassembler, RecordHeader, RecordKind, RecordWriter,
    StaticFragmentStorage, StaticInOrderStorage, StaticStorage,
};

const SECTOR: usize = 512;

/// A card with a number of sectors, and the sector that is being filled.
struct Card {
    image: File,
    free_sectors: u64,
    sector: [u8; SECTOR],
    filled: usize,
}

/// A sector could not be written.
#[derive(Debug)]
struct CardError(io::Error);

impl fmt::Display for CardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a sector could not be written: {}", self.0)
    }
}

impl Error for CardError {}

impl embedded_io::Error for CardError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl Card {
    fn new(image: File, sectors: u64) -> Self {
        Self { image, free_sectors: sectors, sector: [0; SECTOR], filled: 0 }
    }

    fn write_sector(&mut self) -> Result<(), CardError> {
        self.image.write_all(&self.sector).map_err(CardError)?;
        self.sector = [0; SECTOR];
        self.filled = 0;
        self.free_sectors -= 1;
        Ok(())
    }
}

impl ErrorType for Card {
    type Error = CardError;
}

impl Write for Card {
    /// Takes no bytes when the card is full; `RecordWriter` reports that as `RecordError::Full`.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, CardError> {
        if self.free_sectors == 0 {
            return Ok(0);
        }
        let taken = bytes.len().min(SECTOR - self.filled);
        self.sector[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
        if self.filled == SECTOR {
            self.write_sector()?;
        }
        Ok(taken)
    }

    /// Fills the last sector with zeros, which no record begins with.
    fn flush(&mut self) -> Result<(), CardError> {
        if self.filled > 0 { self.write_sector() } else { Ok(()) }
    }
}

fn record(capture: &Path, card: &Path) -> Result<(), Box<dyn Error>> {
    // 64 connections in 64 hash buckets, 128 ranges beyond holes.
    let mut table = StaticStorage::<64, 64, 128>::new();
    // 4 datagrams of up to 4096 bytes, 32 fragments.
    let mut fragments = StaticFragmentStorage::<4, 4096, 32>::new();
    // Both directions of 64 connections; 16 pages of 1024 bytes for what waits for a hole to be filled.
    let mut waiting = StaticInOrderStorage::<128, 16, 1024>::new();
    let mut frame = [0; 65_536];

    let storage = table.storage().with_fragments(fragments.storage());
    let mut reassembler = Reassembler::new(Config::new(random_key()), storage)?;
    // 64 MiB.
    let card = Card::new(File::create(card)?, 1 << 17);
    let mut sink = InOrder::new(RecordWriter::new(card), waiting.storage(), InOrderConfig::new(random_key()));

    let file = fs::read(capture)?;
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
    sink.inner_mut().flush()?;
    if reader.cut_frames() > 0 {
        eprintln!("{} frames are longer than 65,536 bytes; the rest of them is missing", reader.cut_frames());
    }
    damage.map_or(Ok(()), |error| Err(error.into()))
}

/// Writes each stream to a file, as far as the card was written.
fn read(card: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let card = fs::read(card)?;
    let mut rest = &card[..];
    let mut streams: HashMap<u64, Stream> = HashMap::new();
    let (mut records, mut skipped) = (0_u64, 0_u64);
    while let Ok((header, behind)) = RecordHeader::read_from_prefix(rest) {
        if header.mark != RecordHeader::MARK {
            // The end of the last sector, or damage: look for the next record.
            skipped += u64::from(rest[0] != 0);
            rest = &rest[1..];
            continue;
        }
        let Some(body) = behind.get(..header.len.get() as usize) else { break };
        rest = &behind[body.len()..];
        records += 1;
        let number = header.flow.get();
        if header.kind == RecordKind::Opened as u8 {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(folder.join(number.to_string()))?;
            streams.insert(number, Stream { file, gaps: Vec::new() });
        } else if header.kind == RecordKind::Closed as u8 {
            streams.remove(&number);
        } else if let Some(stream) = streams.get_mut(&number) {
            // Without its `Opened` record, as after damage, a stream is not written.
            stream.take(header.kind, header.offset.get(), body)?;
        }
    }
    println!("{records} records, {skipped} bytes of no record");
    Ok(())
}

/// The file of a stream, open for reading and writing.
struct Stream {
    file: File,
    /// What was missing when the bytes behind it were recorded.
    gaps: Vec<Range<u64>>,
}

impl Stream {
    fn take(&mut self, kind: u8, offset: u64, body: &[u8]) -> io::Result<()> {
        if kind == RecordKind::Data as u8 || kind == RecordKind::Replaced as u8 {
            self.write(offset, body)?;
        } else if kind == RecordKind::Gap as u8 {
            let len = U64::read_from_bytes(body).map_or(0, U64::get);
            self.gaps.push(offset..offset.saturating_add(len));
        } else if kind == RecordKind::Late as u8 {
            self.fill(offset, body)?;
        } else if kind == RecordKind::Rebased as u8 {
            self.shift(offset)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)
    }

    /// Writes what of `bytes` lies in gaps; the rest of them came before.
    fn fill(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        for gap in std::mem::take(&mut self.gaps) {
            let start = gap.start.max(offset);
            let end = gap.end.min(offset.saturating_add(bytes.len() as u64));
            if start < end {
                self.write(start, &bytes[(start - offset) as usize..(end - offset) as usize])?;
                self.gaps.extend([gap.start..start, end..gap.end].into_iter().filter(|gap| !gap.is_empty()));
            } else {
                self.gaps.push(gap);
            }
        }
        Ok(())
    }

    /// The stream begins `by` bytes earlier.
    fn shift(&mut self, by: u64) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.file.rewind()?;
        self.file.read_to_end(&mut bytes)?;
        self.file.set_len(0)?;
        for gap in &mut self.gaps {
            *gap = gap.start.saturating_add(by)..gap.end.saturating_add(by);
        }
        self.write(by, &bytes)
    }
}

/// A key that an attacker cannot know, as the standard library makes them.
fn random_key() -> [u8; 16] {
    let state = RandomState::new();
    (u128::from(state.hash_one(0)) << 64 | u128::from(state.hash_one(1))).to_ne_bytes()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (subject, result) = match arguments[..] {
        ["--read", card, folder] => (card, read(Path::new(card), Path::new(folder))),
        [capture, card] => (capture, record(Path::new(capture), Path::new(card))),
        _ => {
            eprintln!("usage: recorder CAPTURE CARD\n       recorder --read CARD FOLDER");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{subject}: {error}");
            ExitCode::FAILURE
        }
    }
}
