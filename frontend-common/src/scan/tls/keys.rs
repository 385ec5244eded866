//! The secrets of a run: from key logs (`--keylog`), and from captures that bring their own.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use zeroize::Zeroizing;

use crate::format::count;
use crate::tls::{KeyLog, LineCounts, Secret};

/// Sessions of other connections that are remembered.
const MAX_SESSIONS: usize = 1 << 16;

/// The secrets of a run, shared by all of its threads.
#[derive(Debug, Default)]
pub struct Keys {
    log: RwLock<KeyLog>,
    /// Key logs, from which more may be read later.
    files: Mutex<Vec<KeyFile>>,
    /// Master secrets of sessions that other connections may have resumed.
    sessions: Mutex<Vec<(Vec<u8>, Secret)>>,
}

/// A key log that stays open: programs append to it while they run.
#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    file: File,
    /// The start of a line that was not complete.
    rest: Zeroizing<Vec<u8>>,
}

impl Keys {
    /// Opens a key log and reads what is in it. Returns what is remarkable about it, a sentence each.
    ///
    /// # Errors
    /// The file cannot be read: what the system says, with the path.
    pub fn open(&self, path: &Path) -> Result<Vec<String>, String> {
        let before = self.log().counts();
        let unreadable = |error| format!("cannot read the key log {}: {error}", path.display());
        let file = File::open(path).map_err(unreadable)?;
        let mut own = KeyFile { path: path.to_owned(), file, rest: Zeroizing::default() };
        own.read(self).map_err(unreadable)?;
        self.files.lock().unwrap_or_else(PoisonError::into_inner).push(own);
        let after = self.log().counts();
        Ok(remarks(&LineCounts {
            secrets: after.secrets - before.secrets,
            repeated: after.repeated - before.repeated,
            contradicting: after.contradicting - before.contradicting,
            unused: after.unused - before.unused,
            malformed: after.malformed - before.malformed,
        }))
    }

    /// Adds the lines of a Decryption Secrets Block.
    pub fn add(&self, text: &[u8]) {
        self.log.write().unwrap_or_else(PoisonError::into_inner).add(text);
    }

    /// Reads what was appended to the key logs. Returns whether there are more secrets than before.
    ///
    /// # Errors
    /// A key log can no longer be read: what the system says, with the path.
    pub fn refresh(&self) -> Result<bool, String> {
        let before = self.log().counts();
        for file in self.files.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            let path = file.path.display().to_string();
            file.read(self).map_err(|error| format!("cannot read the key log {path} again: {error}"))?;
        }
        Ok(self.log().counts() != before)
    }

    /// The secrets that are known so far.
    pub fn log(&self) -> RwLockReadGuard<'_, KeyLog> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a session for [`use_sessions`](Self::use_sessions).
    pub(super) fn learn(&self, id: &[u8], master: &Secret) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() < MAX_SESSIONS {
            sessions.push((id.to_vec(), master.clone()));
        }
    }

    /// From now on, connections that resume a session of another one have its secret. Until then the result of a
    /// connection does not depend on which others were read before it. Returns whether there are any.
    pub(super) fn use_sessions(&self) -> bool {
        let sessions = std::mem::take(&mut *self.sessions.lock().unwrap_or_else(PoisonError::into_inner));
        let mut log = self.log.write().unwrap_or_else(PoisonError::into_inner);
        sessions.iter().for_each(|(id, master)| log.learn(id, master));
        !sessions.is_empty()
    }
}

impl KeyFile {
    /// Reads up to the end. A line without an end counts if it is an entry, as nothing may follow it.
    fn read(&mut self, keys: &Keys) -> std::io::Result<()> {
        let mut text = std::mem::take(&mut self.rest);
        self.file.read_to_end(&mut text)?;
        let lines = match text.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None => 0,
        };
        let (lines, rest) = text.split_at(lines);
        if !lines.is_empty() {
            keys.add(lines);
        }
        // A program may be about to write the rest of the last line: it is looked at again then.
        if is_entry(rest) {
            keys.add(rest);
        } else {
            self.rest = Zeroizing::new(rest.to_vec());
        }
        Ok(())
    }
}

/// What is remarkable about the lines of a key log.
fn remarks(counts: &LineCounts) -> Vec<String> {
    let mut remarks = Vec::new();
    if counts.secrets + counts.repeated + counts.contradicting == 0 {
        remarks.push("there is no secret of TLS in it so far".to_owned());
    }
    if counts.malformed > 0 {
        remarks.push(format!("{} left out: no entry of a key log", count(counts.malformed, "line")));
    }
    if counts.contradicting > 0 {
        let lines = count(counts.contradicting, "line");
        remarks.push(format!("{lines} with another secret than a line before; each is tried"));
    }
    remarks
}

/// Whether the start of a line is a whole entry.
fn is_entry(line: &[u8]) -> bool {
    let mut trial = KeyLog::default();
    trial.add(line);
    !trial.is_empty()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_key_log_is_read_as_far_as_it_is_written_and_then_goes_on() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let line = |random: &str| format!("CLIENT_RANDOM {} {}\n", random.repeat(32), "11".repeat(48));
        let second = line("02");
        write!(file, "# log\n{}{}", line("01"), &second[..100]).expect("written");
        let keys = Keys::default();
        assert_eq!(keys.open(file.path()), Ok(Vec::new()));
        assert_eq!(keys.log().masters(&[1; 32]).len(), 1);
        assert_eq!(keys.refresh(), Ok(false));
        write!(file, "{}", &second[100..]).expect("written");
        assert_eq!(keys.refresh(), Ok(true));
        assert_eq!(keys.log().masters(&[2; 32]).len(), 1);
        // The last line may have no end.
        write!(file, "{}", line("03").trim_end()).expect("written");
        assert_eq!(keys.refresh(), Ok(true));
        let error = keys.open(Path::new("no/such.keys")).expect_err("no file");
        assert!(error.starts_with("cannot read the key log no/such.keys: "), "{error}");
    }

    #[test]
    fn what_is_remarkable_about_a_key_log_is_said() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let keys = Keys::default();
        assert_eq!(keys.open(file.path()), Ok(vec!["there is no secret of TLS in it so far".to_owned()]));
        let line = |secret: &str| format!("CLIENT_RANDOM {} {}\n", "01".repeat(32), secret.repeat(48));
        writeln!(file, "{}{}nonsense", line("11"), line("22")).expect("written");
        let remarks = keys.open(file.path()).expect("read");
        assert_eq!(
            remarks,
            [
                "1 line left out: no entry of a key log",
                "1 line with another secret than a line before; each is tried"
            ]
        );
    }

    #[test]
    fn a_session_of_another_connection_is_used_when_that_is_asked_for() {
        let keys = Keys::default();
        keys.learn(&[7], &Secret::new(vec![1; 48]));
        assert!(keys.log().session(&[7]).is_empty());
        assert!(keys.use_sessions());
        assert_eq!(keys.log().session(&[7]).len(), 1);
        assert!(!keys.use_sessions());
    }
}
