//! A HAR file (HTTP Archive 1.2) that is written as the run goes.
//!
//! Entries come as lines of JSON. Whenever some have been written the document is closed behind them, and the
//! next ones go over its end: the part that a run leaves which is killed is whole. Pipes are closed at the end only.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::output::draft::{ChosenBy, Draft};

/// Bytes of entries gathered before they are written.
const GATHERED: usize = 256 << 10;
/// What closes the document.
const END: &[u8] = b"\n]}}\n";

/// The file of `--har`.
#[derive(Debug)]
pub struct Har {
    path: PathBuf,
    draft: Draft,
    waiting: Vec<u8>,
    /// Where the next entry goes; `None` for pipes.
    at: Option<u64>,
    is_first: bool,
}

impl Har {
    /// Makes the file. One that is there is replaced when this one is whole. It goes when it is dropped, unless the run
    /// has [begun](Self::begin).
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn create(path: &Path, chosen_by: ChosenBy) -> Result<Self, String> {
        let open = || {
            let draft = Draft::create(path, chosen_by)?;
            let at = draft.is_file().then_some(0);
            Ok(Self { path: path.to_owned(), draft, waiting: Vec::new(), at, is_first: true })
        };
        let mut har = open().map_err(|error: io::Error| format!("{}: {error}", path.display()))?;
        let creator = json!({ "name": "tapflow", "version": env!("CARGO_PKG_VERSION") });
        har.waiting =
            format!(r#"{{"log":{{"version":"1.2","creator":{creator},"pages":[],"entries":["#).into_bytes();
        har.write()?;
        Ok(har)
    }

    /// The run begins: from now on the file stays, whatever comes. If it `flushes`, it is on disk before it has its name
    /// (`--fsync`).
    pub fn begin(&mut self, flushes: bool) {
        self.draft.keep(flushes);
    }

    /// Adds entries: JSON values, each with a comma and a line end before it. They may come in pieces.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn add(&mut self, entries: &[u8]) -> Result<(), String> {
        let entries = match entries.split_first() {
            Some((b',', rest)) if self.is_first => rest,
            _ => entries,
        };
        self.is_first &= entries.is_empty();
        self.waiting.extend_from_slice(entries);
        if self.waiting.len() >= GATHERED { self.write() } else { Ok(()) }
    }

    /// Bytes on disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.at.unwrap_or(0)
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn flush(&mut self) -> Result<(), String> {
        if self.waiting.is_empty() { Ok(()) } else { self.write() }
    }

    /// Writes what waits, and the end, and gives the file its name.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn finish(&mut self) -> Result<(), String> {
        if self.at.is_none() {
            self.waiting.extend_from_slice(END);
        }
        self.write()?;
        let published = self.draft.complete().and_then(|()| self.draft.publish());
        published.map_err(|error| format!("{}: {error}", self.path.display()))
    }

    fn write(&mut self) -> Result<(), String> {
        let entries = self.waiting.len() as u64;
        let file = self.draft.file();
        let result = match self.at {
            Some(at) => {
                self.waiting.extend_from_slice(END);
                file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(&self.waiting))
            }
            None => file.write_all(&self.waiting),
        };
        self.waiting.clear();
        if result.is_ok() {
            self.at = self.at.map(|at| at + entries);
        } else if let Some(at) = self.at {
            // What was whole before is closed again, where there is room for that.
            let _ = file.set_len(at);
            let _ = file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(END));
        }
        result.map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::output::draft::part_of;

    fn entries(path: &Path) -> usize {
        let text = fs::read_to_string(path).unwrap();
        let har: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(har["log"]["version"], "1.2");
        assert_eq!(har["log"]["pages"], serde_json::json!([]), "readers walk over it");
        har["log"]["entries"].as_array().unwrap().len()
    }

    #[test]
    fn the_document_is_whole_whenever_something_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.har");
        fs::write(&path, "old").unwrap();
        let mut har = Har::create(&path, ChosenBy::User).unwrap();
        let place = path;
        let path = part_of(&place);
        assert_eq!(entries(&path), 0);
        har.add(b",\n{\"a\":1},\n{\"b\"").unwrap();
        har.add(b":2}").unwrap();
        assert_eq!(entries(&path), 0, "they wait");
        har.add(&b",\n{\"c\":3}".repeat(GATHERED / 9)).unwrap();
        assert_eq!(entries(&path), 2 + GATHERED / 9);
        har.add(b",\n{}").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"old");
        har.finish().unwrap();
        assert!(!path.exists());
        assert_eq!(entries(&place), 3 + GATHERED / 9);
    }

    #[test]
    fn the_path_is_in_the_error() {
        assert!(
            Har::create(Path::new("/nonexistent/a.har"), ChosenBy::User)
                .unwrap_err()
                .starts_with("/nonexistent/a.har: ")
        );
    }
}
