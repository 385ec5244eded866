//! Standard output as bytes, also where it is a console that takes nothing but text.

use std::io::{self, IsTerminal, Write};

/// Standard output. Windows' consoles take text only: bytes that are no UTF-8 are shown as U+FFFD there, as terminals
/// elsewhere do themselves. Redirected output has the bytes as they are, everywhere.
#[must_use]
pub fn standard_output() -> Box<dyn Write> {
    // Without looking for line ends, and many pieces with one call.
    #[cfg(unix)]
    if let Ok(descriptor) = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned() {
        return Box::new(std::fs::File::from(descriptor));
    }
    let stdout = io::stdout().lock();
    if cfg!(windows) && stdout.is_terminal() { Box::new(Text::new(stdout)) } else { Box::new(stdout) }
}

/// Passes on valid UTF-8 only, with U+FFFD for what is none.
struct Text<W: Write> {
    inner: W,
    /// The beginning of a character whose other bytes were not written yet.
    begun: Vec<u8>,
}

impl<W: Write> Text<W> {
    fn new(inner: W) -> Self {
        Self { inner, begun: Vec::new() }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.inner.write_all(chunk.valid().as_bytes())?;
            let invalid = chunk.invalid();
            let is_begun = chunks.peek().is_none()
                && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if is_begun {
                self.begun = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.inner.write_all("\u{fffd}".as_bytes())?;
            }
        }
        Ok(())
    }
}

impl<W: Write> Write for Text<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.begun.is_empty() {
            self.put(bytes)?;
        } else {
            let mut whole = std::mem::take(&mut self.begun);
            whole.extend_from_slice(bytes);
            self.put(&whole)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_passes_whole_and_other_bytes_become_replacement_characters() {
        let bytes = ["grüße, ".as_bytes(), b"\xff\x80", "名".as_bytes(), b"\xe5\x90", b"."].concat();
        for size in 1..bytes.len() {
            let mut text = Text::new(Vec::new());
            bytes.chunks(size).for_each(|part| text.write_all(part).expect("a vector takes everything"));
            assert_eq!(
                String::from_utf8(text.inner).as_deref(),
                Ok("grüße, \u{fffd}\u{fffd}名\u{fffd}."),
                "{size}"
            );
        }
    }
}
