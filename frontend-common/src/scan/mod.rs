//! What looks at finished connections: digests, HTTP bodies, commands.
//!
//! A [`Scanner`] gets both flows of a connection when their files are complete and closed. Scanners run on
//! threads of their own, several connections at a time, each connection by all scanners one after the other
//! in a fixed order. What they find travels with the flows to the report.

mod alert;
mod buffer_pool;
mod choice;
pub mod command;
mod contents;
mod finished;
pub mod hash;
pub mod http;
pub mod launcher;
mod spool;
pub mod tls;
pub mod wifiviz;
mod windows;

pub use choice::{Choice, SCANNERS, ScannerName};
pub use contents::{Part, ScannedFlow, Stream};
pub use finished::FinishedFlow;
pub use spool::Spool;
pub use windows::{WINDOW, Windows};

/// Looks at finished connections.
pub trait Scanner: Send + Sync {
    /// Looks at one connection and adds what it finds to its flows.
    ///
    /// # Errors
    /// What went wrong, with the file that it is about. The run goes on; the user is told at its end.
    fn scan(&self, connection: &mut Connection) -> Result<(), String>;

    /// Looks at several connections, one after the other or together. What goes wrong is told, as by
    /// [`scan`](Self::scan).
    fn scan_all(&self, connections: &mut [Connection], tell: &mut dyn FnMut(String)) {
        for connection in connections {
            self.scan(connection).unwrap_or_else(&mut *tell);
        }
    }

    /// Whether it scans streams that other scanners have found in those that were captured.
    fn scans_derived(&self) -> bool {
        true
    }

    /// All connections have been seen: scans those again that it has put off, with what was learned since. Returns
    /// those of which it now knows more.
    fn late(&self, tell: &mut dyn FnMut(String)) -> Vec<Connection> {
        let _ = tell;
        Vec::new()
    }

    /// All connections have been seen: ends what is under way.
    ///
    /// # Errors
    /// What went wrong and has not been told.
    fn finish(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Scanners in the order in which they look at a connection.
pub type Scanners = Vec<Box<dyn Scanner>>;

/// A digest of a file: the algorithm's name as DFXML has it, and the value in hexadecimal.
pub type Digest = (&'static str, String);

/// What scanners found in one flow.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Digests of its file.
    pub digests: Vec<Digest>,
    /// There are no digests, of the file or of a body, because of its holes: see
    /// [`is_sparse`](crate::scan::FinishedFlow::is_sparse).
    pub is_undigested: bool,
    /// HTTP messages, where there are any.
    pub http: Option<Box<http::HttpFindings>>,
    /// What a flow of TLS says, and its plaintext.
    pub tls: Option<Box<tls::TlsFindings>>,
}

impl Findings {
    /// The files with bodies, in the order of their messages.
    pub fn bodies(&self) -> impl Iterator<Item = &http::BodyFile> {
        self.http.iter().flat_map(|http| &http.messages).flat_map(|message| &message.files)
    }

    /// The plaintext of the flow.
    #[must_use]
    pub fn plaintext(&self) -> Option<&FinishedFlow> {
        self.tls.as_ref()?.derived.as_ref().map(|derived| &*derived.flow)
    }

    /// What was found of HTTP in the flow and in its plaintext.
    pub fn all_http(&self) -> impl Iterator<Item = &http::HttpFindings> {
        let inside = self.plaintext().and_then(|flow| flow.found.http.as_deref());
        self.http.as_deref().into_iter().chain(inside)
    }

    /// The same, to be changed.
    pub fn bodies_mut(&mut self) -> impl Iterator<Item = &mut http::BodyFile> {
        self.http.iter_mut().flat_map(|http| &mut http.messages).flat_map(|message| &mut message.files)
    }
}

/// A finished connection: one flow, or both with the opener's first.
#[derive(Debug)]
pub struct Connection {
    /// Its flows.
    pub flows: Vec<ScannedFlow>,
    /// The flows are plaintext of TLS.
    pub is_plaintext: bool,
}

impl Connection {
    /// Takes the plaintext of its flows out, as a connection to scan. `None` where there is none.
    pub(crate) fn take_derived(&mut self) -> Option<Self> {
        let derived = self.flows.iter_mut().filter_map(|scanned| {
            let derived = scanned.flow.found.tls.as_mut()?.derived.as_mut()?;
            Some(ScannedFlow::new(derived.flow.clone()))
        });
        let flows: Vec<_> = derived.collect();
        (!flows.is_empty()).then_some(Self { flows, is_plaintext: true })
    }

    /// Puts what scanners have found in the plaintext of its flows to them.
    pub(crate) fn put_derived(&mut self, derived: Self) {
        let places =
            self.flows.iter_mut().filter_map(|scanned| scanned.flow.found.tls.as_mut()?.derived.as_mut());
        for (place, scanned) in places.zip(derived.flows) {
            place.flow = scanned.flow;
        }
    }
}
