//! Bytes on their way to a file, in memory while they are few and in a temporary file beyond that.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::retention::DiskQuota;

/// Bytes kept in memory.
const MEMORY: usize = 256 << 10;
/// Bytes read back at a time.
const PART: usize = 256 << 10;

/// Any number of bytes. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Spool {
    bytes: Vec<u8>,
    /// What was there before `bytes`. It has no name and goes with the last clone.
    file: Option<Arc<Temporary>>,
    /// Bytes in all.
    length: u64,
    /// Who counts what is written.
    disk: Option<DiskQuota>,
}

/// A temporary file.
#[derive(Debug)]
struct Temporary {
    file: Mutex<File>,
    written: Mutex<u64>,
    disk: Option<DiskQuota>,
}

impl Temporary {
    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if let Some(disk) = &self.disk {
            let length = bytes.len() as u64;
            disk.ask_for_temporary(length).map_err(|no_room| io::Error::other(no_room.to_string()))?;
            *self.written.lock().unwrap_or_else(PoisonError::into_inner) += length;
        }
        self.file().write_all(bytes)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let written = *self.written.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.disk.iter().for_each(|disk| disk.gone(written));
    }
}

impl Spool {
    /// No bytes yet; what its temporary file takes is counted by `disk`.
    #[must_use]
    pub fn counted(disk: Option<DiskQuota>) -> Self {
        Self { disk, ..Self::default() }
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// The temporary file cannot be made or written, or there is no room for it.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
        if self.bytes.len() < MEMORY {
            return Ok(());
        }
        let file = match &self.file {
            Some(file) => file,
            None => {
                let (file, disk) = (Mutex::new(tempfile::tempfile()?), self.disk.clone());
                self.file.insert(Arc::new(Temporary { file, written: Mutex::default(), disk }))
            }
        };
        file.write(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.file.is_none()
    }

    /// Hands everything to `take`, in order and in parts that end where a push ended in memory, or anywhere in
    /// the file.
    ///
    /// # Errors
    /// The temporary file cannot be read.
    pub fn read(&self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        if let Some(file) = &self.file {
            let mut file = file.file();
            file.rewind()?;
            let mut part = vec![0; PART];
            loop {
                match file.read(&mut part)? {
                    0 => break,
                    count => take(part.get(..count).unwrap_or_default()),
                }
            }
        }
        take(&self.bytes);
        Ok(())
    }
}

/// The same bytes in memory, and the same file.
impl PartialEq for Spool {
    fn eq(&self, other: &Self) -> bool {
        let same_file = match (&self.file, &other.file) {
            (None, None) => true,
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        };
        same_file && self.bytes == other.bytes
    }
}

impl Eq for Spool {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temporary_file_counts_while_it_is_there() {
        let disk = DiskQuota::new("o".into(), 3 * MEMORY as u64, false);
        let mut spool = Spool::counted(Some(disk.clone()));
        for _ in 0..3 {
            spool.push(&[b'x'; MEMORY]).unwrap();
        }
        assert_eq!(disk.used(), 3 * MEMORY as u64);
        let error = spool.push(&[b'x'; MEMORY]).unwrap_err().to_string();
        assert!(error.contains("--max-disk") && disk.is_full(), "{error}");
        drop(spool.clone());
        assert_eq!(disk.used(), 3 * MEMORY as u64);
        drop(spool);
        assert_eq!(disk.used(), 0);
    }

    #[test]
    fn few_bytes_and_many_come_back() {
        for count in [0, 1, 100_000] {
            let mut spool = Spool::default();
            let mut expected = Vec::new();
            for number in 0..count {
                let line = format!("{number}\n");
                spool.push(line.as_bytes()).unwrap();
                expected.extend_from_slice(line.as_bytes());
            }
            let mut read = Vec::new();
            spool.read(|part| read.extend_from_slice(part)).unwrap();
            assert!(read == expected && spool.len() == read.len() as u64 && spool.is_empty() == (count == 0));
            assert_eq!(spool.file.is_some(), count > 1000);
        }
    }
}
