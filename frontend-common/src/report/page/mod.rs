//! The run as a page (`--page`): one HTML file with everything in it, which loads nothing and needs no script.
//!
//! All text goes through [`html::Html`], which escapes it: names, headers and bytes come from hostile traffic. The policy
//! in the page's head lets in the page's own script and style, by their digests, and nothing else. The page is written when
//! the run ends, from what has been kept in bounded memory, and its length has a bound as well. Nothing in it depends on
//! the machine or its clock.

mod chart;
mod code;
mod connections;
mod files;
mod html;
mod index;
mod link;
mod numbers;
mod sequence;
mod unused;
mod when;
mod who;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::ReportEnd;
use super::xml::Shown;
use crate::output::draft::{ChosenBy, Draft};
use crate::scan::FinishedFlow;
use crate::traffic::{Service, Traffic};

pub use index::{Index, Listed};
pub use sequence::FOLLOWED;

use connections::Connections;
use files::Files;
use html::Attribute::{Class, Href, Id, Word};
use html::{Html, Policy, Word as Words};
use link::{Link, Way};
use numbers::{Grouped, Moment};
use sequence::Sequences;

const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// Inputs that are named.
const SOURCES: usize = 20;

/// What the page is about.
#[derive(Clone, Debug, Default)]
pub struct PageConfig {
    /// The output directory, as it is in the names of files.
    pub root: PathBuf,
    /// What was read: paths of capture files, or names of interfaces.
    pub sources: Vec<OsString>,
    /// Whether small pictures among the files are in the page (`--page-images`).
    pub has_pictures: bool,
    /// Whether it is on disk before it has its name (`--fsync`).
    pub flushes: bool,
}

/// The file of `--page`.
#[derive(Debug)]
pub struct Page {
    path: PathBuf,
    draft: Draft,
    flushes: bool,
    content: Content,
}

/// What is kept for the page while the run goes on.
#[derive(Debug)]
struct Content {
    sources: Vec<OsString>,
    connections: Connections,
    files: Files,
    sequences: Sequences,
}

/// The name of a service by the server's port.
fn service(port: u16) -> Option<&'static str> {
    Service::Tcp(port).name()
}

impl Page {
    /// Makes the file. One that is there is replaced when this one is whole. It goes when it is dropped before that.
    ///
    /// # Errors
    /// What the system says, with the path.
    pub fn create(path: &Path, chosen_by: ChosenBy, config: PageConfig) -> io::Result<Self> {
        let draft = Draft::create(path, chosen_by).map_err(|error| at(path, &error))?;
        let way = Way::new(path, &config.root);
        Ok(Self {
            path: path.to_owned(),
            draft,
            flushes: config.flushes,
            content: Content {
                sources: config.sources,
                connections: Connections::new(way.clone()),
                files: Files::new(way, config.has_pictures),
                sequences: Sequences::default(),
            },
        })
    }

    /// The place of the page.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a flow, one of a `pair` or alone: a connection's flows come one after the other. Takes its trace.
    pub fn flow(&mut self, flow: &mut FinishedFlow, pair: bool) {
        let Content { connections, files, sequences, .. } = &mut self.content;
        connections.flow(flow, pair);
        files.flow(flow);
        sequences.flow(flow);
    }

    /// Connections in it, listed or not.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.content.connections.total()
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// There is none.
    pub fn measure(&mut self, totals: &ReportEnd) -> io::Result<u64> {
        self.content.write(totals, &mut io::sink())
    }

    /// Writes the page, gives it its name, and answers its length in bytes. `totals` have the traffic in them.
    ///
    /// # Errors
    /// What the system says, with the path. Nothing is left of the page then.
    pub fn finish(&mut self, totals: &ReportEnd) -> io::Result<u64> {
        let mut out = BufWriter::new(self.draft.file());
        let written = self.content.write(totals, &mut out).and_then(|length| out.flush().map(|()| length));
        drop(out);
        let finished = written.and_then(|length| {
            self.draft.keep(self.flushes);
            self.draft.complete()?;
            self.draft.publish()?;
            Ok(length)
        });
        finished.map_err(|error| at(&self.path, &error))
    }
}

impl Content {
    fn write(&mut self, totals: &ReportEnd, out: &mut dyn Write) -> io::Result<u64> {
        let none = Traffic::default();
        let traffic = totals.traffic.as_deref().unwrap_or(&none);
        self.connections.settle();
        let Self { sources, connections, files, sequences } = self;
        let mut html = Html::new(out);
        let has_pictures = files.has_pictures();
        let policy = Policy { script: SCRIPT, style: STYLE, has_pictures };
        let title = sources.first().map_or_else(String::new, base_name);
        begin(&mut html, &policy, &title);
        head(&mut html, sources, connections, totals, traffic);
        html.open("main", &[]);
        unused::write(&mut html, totals);
        when::write(&mut html, traffic);
        who::write(&mut html, traffic);
        connections.write(&mut html);
        files.write(&mut html);
        sequences.write(&mut html);
        html.close();
        html.script(&policy);
        html.end()
    }
}

/// The head of a document, and the beginning of its body.
fn begin(html: &mut Html<'_>, policy: &Policy, title: &str) {
    html.open("html", &[Word(Words::Lang, "en")]);
    html.open("head", &[]);
    html.own(policy, format_args!("{title}{}tapflow", if title.is_empty() { "" } else { " – " }));
    html.close();
    html.open("body", &[]);
}

/// What the page is about, its numbers, and links to its sections.
fn head(
    html: &mut Html<'_>,
    sources: &[OsString],
    connections: &Connections,
    totals: &ReportEnd,
    traffic: &Traffic,
) {
    html.open("header", &[]);
    let title = sources.first().map_or_else(|| "Captured traffic".to_owned(), base_name);
    html.leaf("h1", &[], title);
    html.open("p", &[Class("sources")]);
    html.text(format_args!("tapflow {}", env!("CARGO_PKG_VERSION")));
    if sources.len() > 1 {
        html.text(format_args!(", {} inputs: ", Grouped(sources.len() as u64)));
        let names: Vec<_> = sources.iter().take(SOURCES).map(base_name).collect();
        html.text(names.join(", "));
        if sources.len() > SOURCES {
            html.text(", …");
        }
    }
    html.close();
    if let Some((first, last)) = traffic.times.or_else(|| connections.covers()) {
        html.leaf("p", &[Class("times")], format_args!("{} to {} UTC", Moment(first), Moment(last)));
    }
    html.open("dl", &[Class("numbers"), Id("numbers")]);
    for (name, number) in [
        ("packets", totals.packets),
        ("bytes on the wire", traffic.total.bytes),
        ("connections", totals.counter("connections")),
        ("stream bytes", totals.counter("data_bytes")),
        ("bytes missing", totals.counter("gap_bytes")),
        ("bytes repeated", totals.counter("repeated_bytes")),
    ] {
        html.open("div", &[]);
        html.leaf("dt", &[], name);
        html.leaf("dd", &[], Grouped(number));
        html.close();
    }
    html.close();
    html.open("nav", &[]);
    for (id, name) in [
        ("#unused", "Not used"),
        ("#when", "When"),
        ("#who", "Who with whom"),
        ("#connections", "Connections"),
        ("#files", "What came out"),
        ("#sequence", "In time"),
    ] {
        html.leaf("a", &[Href(&Link::section(id))], name);
    }
    html.close();
    html.close();
}

/// The last part of a path.
fn base_name(path: &OsString) -> String {
    let name = Path::new(path).file_name().unwrap_or(path);
    Shown(name).to_string()
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write the page {}: {error}", path.display()))
}
