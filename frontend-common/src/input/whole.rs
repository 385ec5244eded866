//! An ordinary file that is read from its first byte to its last, and an error where it ends before that.
//!
//! A capture that another program cuts short while it is read may end between two records, which looks like a whole
//! one. Its length when it was opened shows that.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::error::Shortened;

/// A file with the length that it had when it was opened. What is appended later is read too.
#[derive(Debug)]
pub(super) struct WholeFile {
    file: File,
    length: u64,
    /// Bytes that were read.
    read: u64,
}

impl WholeFile {
    /// Reads `file`, which is at its first byte.
    pub(super) fn new(file: File, length: u64) -> Self {
        Self { file, length, read: 0 }
    }

    /// The length of the file when it was opened.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The same file from its first byte on.
    pub(super) fn again(mut self) -> io::Result<Self> {
        self.file.seek(SeekFrom::Start(0))?;
        // Only advice: the system reads further ahead.
        #[cfg(target_os = "linux")]
        let _ = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::Sequential);
        Ok(Self { read: 0, ..self })
    }
}

impl Read for WholeFile {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(bytes)?;
        self.read += count as u64;
        if count == 0 && !bytes.is_empty() && self.read < self.length {
            return Err(io::Error::other(Shortened { length: self.length, present: self.read }));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], length: u64) -> (Vec<u8>, io::Result<usize>) {
        let mut file = tempfile::tempfile().expect("a file");
        io::Write::write_all(&mut file, bytes).expect("written");
        let mut read = Vec::new();
        let result = WholeFile::new(file, length).again().and_then(|mut file| file.read_to_end(&mut read));
        (read, result)
    }

    #[test]
    fn a_file_that_is_shorter_than_it_was_is_an_error_behind_its_last_byte() {
        let (bytes, result) = read(b"some", 5);
        assert_eq!(bytes, b"some");
        let text = result.expect_err("one byte is missing").to_string();
        assert!(text.contains("4 of the 5 bytes"), "{text}");
        for length in [4, 3, 0] {
            let (bytes, result) = read(b"some", length);
            assert_eq!((&bytes[..], result.expect("all is there")), (&b"some"[..], 4));
        }
        assert!(read(b"", 1).1.is_err());
    }
}
