//! `report.pdf` (`-e netviz`): all traffic of a run, or of one of its directories, on a page.
//!
//! The page has nothing of the machine, the clock or the fonts there: the same traffic gives the same bytes.

mod canvas;
mod font;
mod histogram;
mod page;
mod palette;
mod scale;
mod text;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::output::draft::{ChosenBy, Draft};
use crate::output::standard_output;
use crate::traffic::Traffic;
use canvas::{BLACK, Colour, Style};
use font::Font;

const MARGIN: i32 = 3_600;
const GREY: Colour = Colour(0x66, 0x66, 0x66);
const LABEL: Style = Style { font: Font::Regular, size: 750, colour: BLACK };

/// The length of the file is no more than this.
const MAX_SIZE: u64 = 64 << 10;

/// The file of `-e netviz`.
#[derive(Debug)]
pub struct Pictures {
    path: PathBuf,
    draft: Draft,
    sources: Vec<String>,
    dump: bool,
    size: u64,
}

impl Pictures {
    /// Makes the file. One that is there is replaced when this one is whole. It goes when it is dropped, unless the run
    /// has [begun](Self::begin). `sources` name what is read; with `dump` the bytes of all addresses go to standard
    /// output too.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn create(path: &Path, sources: &[OsString], dump: bool) -> Result<Self, String> {
        let draft = Draft::create(path, ChosenBy::Program)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        let sources = sources.iter().map(|source| source.to_string_lossy().into_owned()).collect();
        Ok(Self { path: path.to_owned(), draft, sources, dump, size: MAX_SIZE })
    }

    /// The run begins: from now on the file stays, whatever comes. If it `flushes`, it is on disk before it has its name
    /// (`--fsync`).
    pub fn begin(&mut self, flushes: bool) {
        self.draft.keep(flushes);
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes on disk; before it is whole as much as it may take.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Draws the page, writes it and gives the file its name.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn finish(&mut self, traffic: &Traffic) -> io::Result<()> {
        let page = page::document(traffic, &self.sources);
        let written = self.draft.file().write_all(&page);
        self.size = page.len() as u64;
        let published = written.and_then(|()| self.draft.complete()).and_then(|()| self.draft.publish());
        published.map_err(|error| io::Error::other(format!("{}: {error}", self.path.display())))?;
        if self.dump {
            let mut out = standard_output();
            let dumped = out.write_all(dump(traffic).as_bytes()).and_then(|()| out.flush());
            dumped.map_err(|error| io::Error::other(format!("standard output: {error}")))?;
        }
        Ok(())
    }
}

/// The bytes of all addresses, as source and as destination (`-S netviz_histogram_dump`).
fn dump(traffic: &Traffic) -> String {
    use crate::traffic::End;
    use std::fmt::Write;
    let mut text = String::new();
    for (name, end) in [("src_tree", End::Source), ("dst_tree", End::Destination)] {
        let mut hosts = traffic.top_hosts(end, usize::MAX);
        hosts.sort_unstable_by_key(|(host, _)| *host);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}:\nhistogram size: {}", hosts.len());
        for (host, count) in hosts {
            let _ = writeln!(text, "{host}  count={}", count.bytes);
        }
        text.push('\n');
    }
    text
}
