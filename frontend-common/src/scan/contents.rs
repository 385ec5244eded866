//! What was captured of a finished flow, as scanners read it.
//!
//! Holes are not data: they are not read and take no memory, however long they are. Nothing is mapped: another program
//! may cut a file short, which then is an error of the read.
//! Offsets are those of the stream as the application reads it: urgent data that is no part of the file has none.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;

use super::{FinishedFlow, Windows};
use crate::flow::FileFacts;

/// Bytes that are held; where more were captured they are read in parts or in windows.
const READ: u64 = 1 << 20;
/// Files of at most this many bytes are read as a whole for their start.
const SMALL: u64 = 64 << 10;
/// Bytes read at a time of a file that is too large to be held.
const PART: usize = 256 << 10;
/// Shorter holes are read with what is around them, as a call takes longer.
const SHORT: u64 = 4 << 10;

/// A finished flow and the contents of its file, which are read when a scanner asks.
#[derive(Debug)]
pub struct ScannedFlow {
    /// The flow with what was found so far.
    pub flow: Box<FinishedFlow>,
    contents: OnceCell<Bytes>,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'p> {
    /// Bytes as they are in the file.
    Bytes(&'p [u8]),
    /// This many zeros, which are a hole.
    Hole(u64),
}

/// The bytes of a stream, and where it has gaps.
#[derive(Debug, Default)]
pub struct Stream {
    /// All bytes that were captured, in order, with none, some or all of the zeros in gaps.
    pub bytes: Bytes,
    /// The same in place of `bytes`, where they are too many to be held.
    pub windows: Option<Windows>,
    /// Ranges without captured bytes, ascending.
    pub gaps: Vec<Range<u64>>,
    /// For each gap, how many bytes of those before it `bytes` does not have; then the same for all. Empty where
    /// `bytes` has every byte of the gaps.
    pub skipped: Vec<u64>,
    /// Where it is not known which bytes were captured, see [`Gaps::unknown`](crate::flow::Gaps::unknown).
    pub unknown: Option<Range<u64>>,
}

impl ScannedFlow {
    /// A flow, with what is at hand of its contents.
    #[must_use]
    pub fn new(mut flow: Box<FinishedFlow>) -> Self {
        let contents = flow.contents.take().map_or_else(OnceCell::new, OnceCell::from);
        Self { flow, contents }
    }

    /// The size of its file in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.flow.file.as_ref().map_or(0, |file| file.size)
    }

    /// Memory that it takes, as far as that differs much between flows, in bytes.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.contents.get().map_or(0, |bytes| bytes.len() as u64) + self.flow.gaps.memory()
    }

    /// The whole file, if it is in memory.
    #[must_use]
    pub fn at_hand(&self) -> Option<&[u8]> {
        self.contents.get().map(|bytes| &**bytes)
    }

    /// Reads the whole of a small file, holes as zeros; nothing for a flow without file.
    ///
    /// # Errors
    /// The file cannot be read: what the system says, with the path.
    pub fn load(&self) -> Result<(), String> {
        if self.contents.get().is_none() {
            let contents = match &self.flow.file {
                Some(file) => read_whole(file).map_err(|error| unreadable(file, &error))?,
                None => Bytes::new(),
            };
            let _ = self.contents.set(contents);
        }
        Ok(())
    }

    /// The first bytes of the stream, at most `count`. A small file is read as a whole, for the scanners that follow.
    ///
    /// # Errors
    /// The file cannot be read: what the system says, with the path.
    pub fn start(&self, count: usize) -> Result<Vec<u8>, String> {
        if self.size() <= SMALL {
            self.load()?;
        }
        if let Some(bytes) = self.contents.get() {
            return Ok(bytes.get(..count).unwrap_or(bytes).to_vec());
        }
        let mut start = Vec::with_capacity(count);
        if let Some(file) = &self.flow.file {
            let read =
                File::open(&file.path).and_then(|open| open.take(count as u64).read_to_end(&mut start));
            read.map_err(|error| unreadable(file, &error))?;
        }
        Ok(start)
    }

    /// What was captured, with its gaps. Holes are read only where they are short or the file is small.
    ///
    /// # Errors
    /// The file cannot be read: what the system says, with the path.
    pub fn stream(&self) -> Result<Stream, String> {
        let Some(file) = &self.flow.file else { return Ok(Stream::default()) };
        let Layout { gaps, unknown, length, in_file } = Layout::new(file, &self.flow);
        let missing: u64 = gaps.iter().map(|gap| gap.end - gap.start).sum();
        if self.contents.get().is_some() || file.size <= READ {
            self.load()?;
            let bytes = self.contents.get().cloned().unwrap_or_default();
            return Ok(Stream { bytes, windows: None, gaps, skipped: in_file, unknown });
        }
        if length - missing > READ {
            let open = File::open(&file.path).map_err(|error| unreadable(file, &error))?;
            let windows = Some(Windows::new(open, file.size));
            return Ok(Stream { bytes: Bytes::new(), windows, gaps, skipped: in_file, unknown });
        }
        let runs = runs(&gaps, &in_file, length);
        let bytes = read_runs(file, runs, length - missing).map_err(|error| unreadable(file, &error))?;
        let mut skipped = vec![0];
        skipped.extend(gaps.iter().scan(0, |sum, gap| {
            *sum += gap.end - gap.start;
            Some(*sum)
        }));
        Ok(Stream { bytes, windows: None, gaps, skipped, unknown })
    }

    /// Hands the file to `take` in parts, in order, until that answers false. Holes are not read, and nothing large
    /// is held in memory.
    ///
    /// # Errors
    /// The file cannot be read: what the system says, with the path.
    pub fn parts(&self, mut take: impl FnMut(Part<'_>) -> bool) -> Result<(), String> {
        let Some(file) = &self.flow.file else { return Ok(()) };
        if let Some(bytes) = self.contents.get() {
            take(Part::Bytes(bytes));
            return Ok(());
        }
        let holes = self.flow.gaps.ranges().iter().map(|gap| file.place(gap.start)..file.place(gap.end));
        read_parts(file, holes, &mut take).map_err(|error| unreadable(file, &error))
    }
}

/// Where the bytes of a stream are in its file.
struct Layout {
    /// The gaps as the application sees the stream.
    gaps: Vec<Range<u64>>,
    unknown: Option<Range<u64>>,
    /// The length of the stream.
    length: u64,
    /// As [`Stream::skipped`], for the file.
    in_file: Vec<u64>,
}

impl Layout {
    fn new(file: &FileFacts, flow: &FinishedFlow) -> Self {
        let length = file.size + file.shortened.bytes();
        let seen = |offset: u64| {
            let left_out = file.left_out.partition_point(|left_out| *left_out < offset) as u64;
            (offset - left_out).min(length)
        };
        let seen = |range: &Range<u64>| seen(range.start)..seen(range.end);
        let all = flow.gaps.covered();
        let gaps: Vec<_> = all.iter().map(seen).filter(|gap| !gap.is_empty()).collect();
        let mut in_file = Vec::new();
        if file.shortened.bytes() > 0 {
            in_file.extend(all.iter().take(gaps.len()).map(|gap| file.shortened.below(gap.start)));
            in_file.push(file.shortened.bytes());
        }
        let unknown = flow.gaps.unknown().map(seen).filter(|area| !area.is_empty());
        Self { gaps, unknown, length, in_file }
    }
}

/// Ranges of the file with captured bytes.
fn runs<'l>(
    gaps: &'l [Range<u64>],
    in_file: &'l [u64],
    length: u64,
) -> impl Iterator<Item = Range<u64>> + 'l {
    let starts = std::iter::once(0).chain(gaps.iter().map(|gap| gap.end));
    let ends = gaps.iter().map(|gap| gap.start).chain(std::iter::once(length));
    starts.zip(ends).enumerate().filter(|(_, (start, end))| start < end).map(|(index, (start, end))| {
        let skipped = in_file.get(index).copied().unwrap_or(0);
        start - skipped..end - skipped
    })
}

fn read_whole(file: &FileFacts) -> io::Result<Bytes> {
    let mut open = File::open(&file.path)?;
    // Its length is known: a call to find the end would be one too many for each flow.
    let size = usize::try_from(file.size).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = vec![0; size];
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match open.read(rest) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes.into())
}

/// The bytes of these ranges, `total` of them, one after the other.
fn read_runs(file: &FileFacts, runs: impl Iterator<Item = Range<u64>>, total: u64) -> io::Result<Bytes> {
    let mut open = File::open(&file.path)?;
    let mut bytes = Vec::with_capacity(total as usize);
    let mut part = Vec::new();
    let mut together: Vec<Range<u64>> = Vec::new();
    let mut read = |together: &mut Vec<Range<u64>>| {
        let (Some(first), Some(last)) = (together.first(), together.last()) else { return Ok(()) };
        let start = first.start;
        part.resize((last.end - start) as usize, 0);
        open.seek(SeekFrom::Start(start))?;
        open.read_exact(&mut part)?;
        for run in together.drain(..) {
            let range = (run.start - start) as usize..(run.end - start) as usize;
            bytes.extend_from_slice(part.get(range).unwrap_or_default());
        }
        Ok::<(), io::Error>(())
    };
    for run in runs {
        let is_near = |last: &Range<u64>| run.start - last.end < SHORT;
        let is_long = |first: &Range<u64>| run.end - first.start > READ;
        if !together.last().is_some_and(is_near) || together.first().is_some_and(is_long) {
            read(&mut together)?;
        }
        together.push(run);
    }
    read(&mut together)?;
    Ok(bytes.into())
}

/// Hands a file to `take`, whose holes are at these places.
fn read_parts(
    file: &FileFacts,
    holes: impl Iterator<Item = Range<u64>>,
    take: &mut dyn FnMut(Part<'_>) -> bool,
) -> io::Result<()> {
    let mut open = File::open(&file.path)?;
    let mut buffer = vec![0; PART];
    let (size, mut at) = (file.size, 0);
    for hole in holes.chain(std::iter::once(size..size)) {
        let hole = hole.start.min(size)..hole.end.min(size);
        if hole.end < size && hole.end - hole.start < SHORT {
            continue;
        }
        while at < hole.start {
            let step = (hole.start - at).min(PART as u64) as usize;
            let Some(part) = buffer.get_mut(..step) else { break };
            open.read_exact(part)?;
            at += step as u64;
            if !take(Part::Bytes(part)) {
                return Ok(());
            }
        }
        if hole.start < hole.end {
            at = hole.end;
            open.seek(SeekFrom::Start(at))?;
            if !take(Part::Hole(hole.end - hole.start)) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// What is said of a flow file that cannot be read.
pub(super) fn unreadable(file: &FileFacts, error: &io::Error) -> String {
    let path = file.path.display();
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return format!("{path} is shorter than what was written to it: another program has changed it");
    }
    format!("cannot read {path} again: {error}")
}
