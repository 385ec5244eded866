//! The file of a report, which can be closed even on a full disk.
//!
//! Before anything is accepted there is room for it and for the end of the document, so that running out of
//! space is known while it can still be said. The system keeps that room free where it can; elsewhere the file is
//! longer than its content, with blanks.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use crate::output::draft::{ChosenBy, Draft};

/// Bytes kept free for the end of the document.
const END: u64 = 16 * 1024;
/// Bytes by which the file grows.
const STEP: u64 = 64 * 1024;

#[derive(Debug)]
pub(super) struct ReportFile {
    draft: Draft,
    /// Length of the content.
    written: u64,
    /// Bytes accepted, written or not.
    promised: u64,
    /// Up to where there is room; `None` for pipes and devices, which have none to keep.
    length: Option<u64>,
    /// The room is blanks in the file.
    #[cfg(target_os = "linux")]
    blanks: bool,
}

impl ReportFile {
    /// Makes the file; what is at its place stays until [`end`](Self::end).
    pub(super) fn create(path: &Path, chosen_by: ChosenBy) -> io::Result<Self> {
        let draft = Draft::create(path, chosen_by)?;
        let length = draft.is_file().then_some(0);
        Ok(Self {
            draft,
            written: 0,
            promised: 0,
            length,
            #[cfg(target_os = "linux")]
            blanks: false,
        })
    }

    /// Makes sure of room for `bytes` more than was promised before. After an error nothing has changed.
    pub(super) fn promise(&mut self, bytes: usize) -> io::Result<()> {
        let promised = self.promised + bytes as u64;
        if let Some(mut length) = self.length
            && length < promised + END
        {
            let target = promised + END + STEP;
            if let Some(reserved) = self.reserve(length, promised + END, target)? {
                self.length = Some(reserved);
                self.promised = promised;
                return Ok(());
            }
            let blanks = [b' '; 8 * 1024];
            self.draft.file().seek(SeekFrom::Start(length))?;
            let mut grown = Ok(());
            while length < target && grown.is_ok() {
                grown = self.draft.file().write_all(&blanks);
                length += if grown.is_ok() { blanks.len() as u64 } else { 0 };
            }
            self.length = Some(length);
            self.draft.file().seek(SeekFrom::Start(self.written))?;
            if length < promised + END {
                grown?;
            }
        }
        self.promised = promised;
        Ok(())
    }

    /// Has the system keep room from `length` up to `target`, or `least`, without making the file longer. Tells up to
    /// where; `None` where it cannot do that.
    #[cfg(target_os = "linux")]
    fn reserve(&mut self, length: u64, least: u64, target: u64) -> io::Result<Option<u64>> {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::{Errno, retry_on_intr};
        if self.blanks {
            return Ok(None);
        }
        let file = self.draft.file();
        let keep =
            |end: u64| retry_on_intr(|| fallocate(&*file, FallocateFlags::KEEP_SIZE, length, end - length));
        match keep(target) {
            Ok(()) => Ok(Some(target)),
            Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => Ok(keep(least).map(|()| Some(least))?),
            // File systems that do not have it, or not in this way.
            Err(_) => {
                self.blanks = true;
                Ok(None)
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "only some systems have it")]
    fn reserve(&mut self, _length: u64, _least: u64, _target: u64) -> io::Result<Option<u64>> {
        Ok(None)
    }

    /// Writes the next bytes of the content: all of them, or, after an error, none, where the file has
    /// a position to go back to.
    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let result = self.draft.file().write_all(bytes);
        if result.is_ok() {
            self.written += bytes.len() as u64;
        } else if self.length.is_some() {
            self.draft.file().seek(SeekFrom::Start(self.written))?;
        }
        result
    }

    /// Bytes on disk.
    pub(super) fn size(&self) -> u64 {
        self.length.unwrap_or(0)
    }

    /// Bytes on disk that nothing is in yet.
    pub(super) fn kept_free(&self) -> u64 {
        self.size().saturating_sub(self.written)
    }

    /// The run begins: the file stays, whatever comes.
    pub(super) fn keep(&mut self, flushes: bool) {
        self.draft.keep(flushes);
    }

    /// Takes the blanks off and gives the file its name.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.draft.file().flush()?;
        if self.length.is_some() {
            self.draft.file().set_len(self.written)?;
            self.length = Some(self.written);
        }
        self.draft.complete()?;
        self.draft.publish()
    }
}
