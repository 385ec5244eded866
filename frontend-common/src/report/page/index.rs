//! The index of pages: one for each numbered directory (`--rotate`), and this one, which leads to them.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tapflow_core::Timestamp;

use super::html::Attribute::{Class, Href, Id, Title, Word};
use super::html::{Html, Policy, Word as Words};
use super::link::beside;
use super::numbers::{Grouped, Moment};
use super::{STYLE, at, begin};
use crate::output::draft::{ChosenBy, Draft};

/// Directories that are listed at most: the last ones.
const MOST: usize = 5000;

/// A numbered directory with a page.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The name of the directory.
    pub directory: OsString,
    /// From the first packet to the last.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Packets, bytes on the wire, connections that have ended, bytes missing.
    pub counts: [u64; 4],
}

/// The index, which is written anew with each directory.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    /// The name of the pages in their directories.
    name: PathBuf,
    list: VecDeque<Listed>,
    total: u64,
    flushes: bool,
}

impl Index {
    /// The index of the pages `name` in directories below `root`. If it `flushes`, it is on disk before it has its name.
    #[must_use]
    pub fn new(root: &Path, name: &Path, flushes: bool) -> Self {
        Self { path: root.join(name), name: name.to_owned(), list: VecDeque::new(), total: 0, flushes }
    }

    /// Adds a directory, writes the index, and answers its length in bytes. Directories that are not there any more are left out.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn add(&mut self, listed: Listed) -> io::Result<u64> {
        self.total += 1;
        self.list.push_back(listed);
        let folder = self.path.parent().unwrap_or(Path::new(""));
        self.list.retain(|listed| folder.join(&listed.directory).is_dir());
        while self.list.len() > MOST {
            self.list.pop_front();
        }
        self.write().map_err(|error| at(&self.path, &error))
    }

    fn write(&self) -> io::Result<u64> {
        let mut draft = Draft::create(&self.path, ChosenBy::Program)?;
        let mut out = BufWriter::new(draft.file());
        let length = self.page(&mut out)?;
        out.flush()?;
        drop(out);
        draft.keep(self.flushes);
        draft.complete()?;
        draft.publish()?;
        Ok(length)
    }

    fn page(&self, out: &mut dyn Write) -> io::Result<u64> {
        let mut html = Html::new(out);
        begin(&mut html, &Policy { script: "", style: STYLE, has_pictures: false }, "Directories");
        html.open("header", &[]);
        html.leaf("h1", &[], "Directories");
        html.leaf("p", &[Class("sources")], format_args!("tapflow {}", env!("CARGO_PKG_VERSION")));
        html.close();
        html.open("main", &[]);
        let omitted = self.total - self.list.len() as u64;
        if omitted > 0 {
            let omitted = Grouped(omitted);
            html.leaf("p", &[Class("note")], format_args!("{omitted} earlier ones are not listed."));
        }
        html.open("div", &[Class("scroll")]);
        html.open("table", &[Id("directories")]);
        html.open("thead", &[]);
        html.open("tr", &[]);
        for (name, title) in [
            ("Directory", "Its page"),
            ("First packet (UTC)", "When the first packet was captured"),
            ("Last packet (UTC)", "When the last packet was captured"),
            ("Packets", "Packets read while it was the present one"),
            ("Bytes on the wire", "Their lengths"),
            ("Connections", "Connections in its page"),
            ("Missing", "Stream bytes that were never captured"),
        ] {
            html.leaf("th", &[Word(Words::Scope, "col"), Title(&title)], name);
        }
        html.close();
        html.close();
        html.open("tbody", &[]);
        for listed in &self.list {
            html.open("tr", &[]);
            html.open("td", &[]);
            let link = beside(Path::new(&listed.directory), &self.name);
            html.leaf("a", &[Href(&link)], listed.directory.display());
            html.close();
            let times = listed.times.map_or([None; 2], |(first, last)| [Some(first), Some(last)]);
            for time in times {
                html.leaf("td", &[], time.map_or_else(String::new, |time| Moment(time).to_string()));
            }
            for count in listed.counts {
                html.leaf("td", &[Class("n")], Grouped(count));
            }
            html.close();
        }
        html.end()
    }
}
