//! The file of a report, which can be closed even on a full disk.
//!
//! It is kept longer than its content, with blanks: before anything is accepted there is room for it
//! and for the end of the document, so that running out of space is known while it can still be said.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes kept free for the end of the document.
const END: u64 = 16 * 1024;
/// Bytes by which the file grows.
const STEP: u64 = 64 * 1024;

#[derive(Debug)]
pub(super) struct ReportFile {
    file: File,
    /// Length of the content.
    written: u64,
    /// Bytes accepted, written or not.
    promised: u64,
    /// Length of the file; `None` for pipes and devices, which have no room to keep.
    length: Option<u64>,
}

impl ReportFile {
    /// Makes the file, or empties it.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let length = file.metadata()?.is_file().then_some(0);
        Ok(Self { file, written: 0, promised: 0, length })
    }

    /// Makes sure of room for `bytes` more than was promised before. After an error nothing has changed.
    pub(super) fn promise(&mut self, bytes: usize) -> io::Result<()> {
        let promised = self.promised + bytes as u64;
        if let Some(mut length) = self.length
            && length < promised + END
        {
            let blanks = [b' '; 8 * 1024];
            let target = promised + END + STEP;
            self.file.seek(SeekFrom::Start(length))?;
            let mut grown = Ok(());
            while length < target && grown.is_ok() {
                grown = self.file.write_all(&blanks);
                length += if grown.is_ok() { blanks.len() as u64 } else { 0 };
            }
            self.length = Some(length);
            self.file.seek(SeekFrom::Start(self.written))?;
            if length < promised + END {
                grown?;
            }
        }
        self.promised = promised;
        Ok(())
    }

    /// Writes the next bytes of the content: all of them, or, after an error, none, where the file has
    /// a position to go back to.
    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let result = self.file.write_all(bytes);
        if result.is_ok() {
            self.written += bytes.len() as u64;
        } else if self.length.is_some() {
            self.file.seek(SeekFrom::Start(self.written))?;
        }
        result
    }

    /// Bytes on disk.
    pub(super) fn size(&self) -> u64 {
        self.length.unwrap_or(0)
    }

    /// Takes the blanks off.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.file.flush()?;
        if self.length.is_some() { self.file.set_len(self.written) } else { Ok(()) }
    }
}
