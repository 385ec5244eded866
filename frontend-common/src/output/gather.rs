//! Reading and writing at a place in a file, many pieces with one call where the system can.

use std::fs::File;
use std::io;

use bytes::Bytes;

/// Bytes of a stream that are not in its file yet.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
}

impl Piece {
    pub(super) fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

/// The bytes of pieces that follow each other from offset 0 on, in this order; `None` for others.
pub(super) fn joined(pieces: &[Piece]) -> Option<Bytes> {
    let mut end = 0;
    for piece in pieces {
        if piece.offset != end {
            return None;
        }
        end = piece.end();
    }
    let mut joined = Vec::with_capacity(usize::try_from(end).ok()?);
    pieces.iter().for_each(|piece| joined.extend_from_slice(&piece.bytes));
    Some(joined.into())
}

/// Pieces in one call; systems take 1024 at least as long as they count them at all.
pub(super) const PIECES: usize = 64;

/// Writes pieces that do not overlap, each at its offset. Tells how far the last byte that was
/// written reaches, also where an error ends it.
pub(super) fn write_pieces(file: &File, pieces: &mut [Piece]) -> (u64, io::Result<()>) {
    if !pieces.is_sorted_by_key(|piece| piece.offset) {
        pieces.sort_unstable_by_key(|piece| piece.offset);
    }
    let mut reached = 0;
    for run in pieces.chunk_by(|a, b| a.end() == b.offset) {
        for run in run.chunks(PIECES) {
            let (written, result) = write_run(file, run);
            let start = run.first().map_or(0, |piece| piece.offset);
            if written > 0 {
                reached = start + written;
            }
            if result.is_err() {
                return (reached, result);
            }
        }
    }
    (reached, Ok(()))
}

/// Writes at most [`PIECES`] pieces that follow each other; tells how many bytes it wrote.
#[cfg(unix)]
fn write_run(file: &File, run: &[Piece]) -> (u64, io::Result<()>) {
    use std::io::IoSlice;

    let Some(start) = run.first().map(|piece| piece.offset) else { return (0, Ok(())) };
    if let [piece] = run {
        return write_one(file, &piece.bytes, start);
    }
    let mut slices = [IoSlice::new(&[]); PIECES];
    for (slice, piece) in slices.iter_mut().zip(run) {
        *slice = IoSlice::new(&piece.bytes);
    }
    let mut rest = slices.get_mut(..run.len()).unwrap_or_default();
    let mut written = 0;
    while !rest.is_empty() {
        match rustix::io::pwritev(file, rest, start + written) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(n) => {
                written += n as u64;
                IoSlice::advance_slices(&mut rest, n);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return (written, Err(error.into())),
        }
    }
    (written, Ok(()))
}

/// The same for a piece alone, as most small flows are.
#[cfg(unix)]
fn write_one(file: &File, bytes: &[u8], offset: u64) -> (u64, io::Result<()>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pwrite(file, rest, offset + written as u64) {
            Ok(0) => return (written as u64, Err(io::ErrorKind::WriteZero.into())),
            Ok(n) => written += n,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return (written as u64, Err(error.into())),
        }
    }
    (written as u64, Ok(()))
}

/// Without a call for many pieces at a place: one copy is cheaper than a call for each piece.
#[cfg(not(unix))]
fn write_run(file: &File, run: &[Piece]) -> (u64, io::Result<()>) {
    let Some(first) = run.first() else { return (0, Ok(())) };
    if run.len() == 1 {
        return write_counted(file, &first.bytes, first.offset);
    }
    let mut joined = Vec::with_capacity(run.iter().map(|piece| piece.bytes.len()).sum());
    for piece in run {
        joined.extend_from_slice(&piece.bytes);
    }
    write_counted(file, &joined, first.offset)
}

#[cfg(not(unix))]
fn write_counted(file: &File, bytes: &[u8], offset: u64) -> (u64, io::Result<()>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match std::os::windows::fs::FileExt::seek_write(file, rest, offset + written as u64) {
            Ok(0) => return (written as u64, Err(io::ErrorKind::WriteZero.into())),
            Ok(n) => written += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written as u64, Err(error)),
        }
    }
    (written as u64, Ok(()))
}

/// Writes all of `bytes` at `offset`.
pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_all_at(file, bytes, offset);
    #[cfg(not(unix))]
    return write_counted(file, bytes, offset).1;
}

/// Fills `bytes` from `offset`.
pub(super) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset);
    #[cfg(not(unix))]
    {
        let mut read = 0;
        while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match std::os::windows::fs::FileExt::seek_read(file, rest, offset + read as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => read += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The first `length` bytes of a file.
pub(super) fn read_start(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let out_of_memory = || io::Error::from(io::ErrorKind::OutOfMemory);
    let length = usize::try_from(length).map_err(|_| out_of_memory())?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| out_of_memory())?;
    bytes.resize(length, 0);
    read_at(file, &mut bytes, 0)?;
    Ok(bytes)
}

/// Moves the first `length` bytes of a file up to `to`, through `buffer`, the last ones first; then
/// zeroes what they left behind, up to `to`.
pub(super) fn shift_up(file: &File, length: u64, to: u64, buffer: &mut [u8]) -> io::Result<()> {
    debug_assert!(!buffer.is_empty());
    let mut end = length;
    while end > 0 {
        let step = end.min(buffer.len() as u64);
        let Some(part) = buffer.get_mut(..step as usize) else { break };
        end -= step;
        read_at(file, part, end)?;
        write_at(file, part, end + to)?;
    }
    buffer.fill(0);
    let mut at = 0;
    while at < to.min(length) {
        let step = (to.min(length) - at).min(buffer.len() as u64);
        let Some(part) = buffer.get(..step as usize) else { break };
        write_at(file, part, at)?;
        at += step;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(offset: u64, bytes: &'static [u8]) -> Piece {
        Piece { offset, bytes: Bytes::from_static(bytes) }
    }

    fn contents(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; file.metadata().expect("metadata").len() as usize];
        read_at(file, &mut bytes, 0).expect("readable");
        bytes
    }

    #[test]
    fn pieces_land_at_their_offsets_whatever_their_order() {
        let file = tempfile::tempfile().expect("a file");
        let mut pieces = [piece(8, b"ij"), piece(0, b"ab"), piece(2, b"cd")];
        let (reached, result) = write_pieces(&file, &mut pieces);
        result.expect("written");
        assert_eq!(reached, 10);
        assert_eq!(contents(&file), b"abcd\0\0\0\0ij");
    }

    #[test]
    fn more_pieces_than_one_call_takes() {
        let file = tempfile::tempfile().expect("a file");
        let mut pieces: Vec<_> = (0..1000).map(|n| piece(n * 3, b"xyz")).collect();
        write_pieces(&file, &mut pieces).1.expect("written");
        assert_eq!(contents(&file), b"xyz".repeat(1000));
    }

    #[test]
    fn shifting_up_leaves_zeros_behind() {
        for (by, buffer) in [(1, 4), (3, 4), (4, 1), (10, 3), (25, 100)] {
            let file = tempfile::tempfile().expect("a file");
            write_at(&file, b"0123456789", 0).expect("written");
            shift_up(&file, 10, by, &mut vec![0; buffer]).expect("shifted");
            let expected = [vec![0; by as usize], b"0123456789".to_vec()].concat();
            assert_eq!(contents(&file), expected);
        }
    }
}
