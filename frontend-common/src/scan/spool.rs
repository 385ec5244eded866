//! Bytes on their way to a file, in memory while they are few and in a temporary file beyond that.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes kept in memory.
const MEMORY: usize = 256 << 10;
/// Bytes read back at a time.
const PART: usize = 256 << 10;

/// Any number of bytes. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Spool {
    bytes: Vec<u8>,
    /// What was there before `bytes`. It has no name and goes with the last clone.
    file: Option<Arc<Mutex<File>>>,
    /// Bytes in all.
    length: u64,
}

impl Spool {
    /// Adds bytes.
    ///
    /// # Errors
    /// The temporary file cannot be made or written.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
        if self.bytes.len() < MEMORY {
            return Ok(());
        }
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(Arc::new(Mutex::new(tempfile::tempfile()?))),
        };
        file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&self.bytes)?;
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
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
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
