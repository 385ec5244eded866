//! The scanner `tls`: what a connection of TLS says of itself, and its plaintext where there are keys.
//!
//! The plaintext of each direction is a file beside that of the flow, `NAME-TLS`, and a flow of its own for the scanners
//! that follow: HTTP is found in it as in any stream.

mod keys;
mod plaintext;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

pub use keys::Keys;
pub use plaintext::{Derived, Run};

pub use crate::tls::{Certificate, Facts, Limits, LineCounts, Reason, SideFacts};

use self::plaintext::Plaintext;
use super::contents::unreadable;
use super::http::Direction;
use super::{Connection, Findings, FinishedFlow, ScannedFlow, Scanner, Stream};
use crate::output::beneath::Beneath;
use crate::retention::DiskQuota;
use crate::tls::{Source, decrypt, recognise};

/// Bytes at the start of a flow that are read to recognise TLS: more than a record has.
const START: usize = 20 << 10;
/// Memory of connections that are put off, in bytes, and what each flow takes at least.
const MAX_WEIGHT: u64 = 64 << 20;
const WEIGHT: u64 = 1 << 10;
/// Times that connections are read again, as one may resume the session of another.
const ROUNDS: usize = 8;

/// What was found of TLS in one flow.
#[derive(Clone, Debug)]
pub struct TlsFindings {
    /// What is known of the connection; the same at both flows.
    pub facts: Arc<Facts>,
    /// This flow is the client's.
    pub is_client: bool,
    /// Which of [`Facts::sides`] this flow is.
    pub side: usize,
    /// Counts of the connection, at one of its flows.
    pub counts: TlsCounts,
    /// The plaintext of this flow.
    pub derived: Option<Derived>,
    /// It was found after the flow was reported.
    pub is_late: bool,
}

/// Counts of connections of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsCounts {
    /// Connections.
    pub connections: u64,
    /// Connections of which records were opened.
    pub decrypted: u64,
    /// Connections without a secret.
    pub without_keys: u64,
    /// Connections that were not decrypted for another reason than the secret.
    pub not_decrypted: u64,
    /// Files with plaintext.
    pub files: u64,
    /// Records that were opened.
    pub records: u64,
    /// Records that are missing in holes of the capture.
    pub lost: u64,
    /// Whole records that could not be opened.
    pub refused: u64,
    /// Connections that were counted as without a secret before.
    pub late: u64,
}

impl TlsFindings {
    /// Memory that the places of records take, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.derived.as_ref().map_or(0, |derived| derived.runs.len() * size_of::<Run>())
    }
}

impl TlsCounts {
    fn of(facts: &Facts) -> Self {
        let sum = |count: fn(&SideFacts) -> u64| facts.sides.iter().map(count).sum();
        let is_decrypted = facts.is_decrypted();
        let lacks_keys =
            !is_decrypted && matches!(facts.reason, Some(Reason::NoSecret | Reason::NoClientHello));
        Self {
            connections: 1,
            decrypted: is_decrypted.into(),
            without_keys: lacks_keys.into(),
            not_decrypted: u64::from(!is_decrypted && !lacks_keys && facts.reason.is_some()),
            files: 0,
            records: sum(|side| side.decrypted),
            lost: sum(|side| side.lost),
            refused: sum(|side| side.refused),
            late: 0,
        }
    }

    /// Adds those of other connections.
    pub fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.decrypted += other.decrypted;
        self.without_keys = (self.without_keys + other.without_keys).saturating_sub(other.late);
        self.not_decrypted += other.not_decrypted;
        self.files += other.files;
        self.records += other.records;
        self.lost += other.lost;
        self.refused += other.refused;
    }
}

/// What is done with TLS.
#[derive(Debug, Default)]
pub struct TlsOptions {
    /// The secrets.
    pub keys: Arc<Keys>,
    /// Bounds of the work for a connection.
    pub limits: Limits,
    /// Counts what is written.
    pub disk: Option<DiskQuota>,
    /// The output directory, in which files are made; none for paths.
    pub directory: Option<Beneath>,
    /// Whether each file is flushed to the disk before it closes (`--fsync`).
    pub flushes: bool,
    /// Connections without a secret are read again at the end of the run, when there may be one.
    pub puts_off: bool,
    /// Key logs are read again when a connection has no secret: programs write them while the capture goes on.
    pub follows: bool,
}

/// The scanner.
#[derive(Debug)]
pub struct Tls {
    options: TlsOptions,
    put_off: Mutex<PutOff>,
}

/// Connections without a secret.
#[derive(Debug, Default)]
struct PutOff {
    /// Each with what was known of secrets then.
    connections: Vec<(LineCounts, Vec<FinishedFlow>)>,
    /// Memory that they take, in bytes.
    weight: u64,
}

impl Tls {
    /// A scanner that does this.
    #[must_use]
    pub fn new(options: TlsOptions) -> Self {
        Self { options, put_off: Mutex::default() }
    }
}

impl Tls {
    /// Keeps a connection for [`late`](Scanner::late).
    fn put_off(&self, known: LineCounts, flows: &[ScannedFlow]) {
        let mut put_off = self.put_off.lock().unwrap_or_else(PoisonError::into_inner);
        let weight: u64 = flows.iter().map(|scanned| WEIGHT + scanned.flow.weight()).sum();
        if put_off.weight + weight > MAX_WEIGHT {
            return;
        }
        put_off.weight += weight;
        let copy =
            |scanned: &ScannedFlow| FinishedFlow { found: Findings::default(), ..(*scanned.flow).clone() };
        put_off.connections.push((known, flows.iter().map(copy).collect()));
    }

    /// A connection that was put off.
    fn again(&self, flows: &[FinishedFlow]) -> Connection {
        let flows = flows.iter().map(|flow| ScannedFlow::new(Box::new(flow.clone()))).collect();
        Connection { flows, is_plaintext: false }
    }
}

/// Whether there is plaintext now; then it is marked as late.
fn mark_late(connection: &mut Connection) -> bool {
    let found = connection.flows.iter_mut().filter_map(|scanned| scanned.flow.found.tls.as_mut());
    let mut is_found = false;
    for tls in found {
        is_found |= tls.facts.is_decrypted();
        tls.is_late = true;
        if tls.counts.connections > 0 {
            tls.counts = TlsCounts { connections: 0, late: 1, ..tls.counts };
        }
    }
    is_found
}

impl Scanner for Tls {
    fn scan(&self, connection: &mut Connection) -> Result<(), String> {
        let flows = &connection.flows;
        let mut worth = false;
        for flow in flows {
            worth |= may_be_tls(flow)?;
        }
        if !worth {
            return Ok(());
        }
        let streams: Vec<_> = flows.iter().map(ScannedFlow::stream).collect::<Result<_, _>>()?;
        let none = Stream::default();
        let directions = [0, 1].map(|index| Bytes(direction(streams.get(index).unwrap_or(&none))));
        let sources = directions.each_ref().map(|bytes| bytes as &dyn Source);
        let Some(start) = recognise(sources) else { return unread(flows, streams) };
        let keys = &self.options.keys;
        let mut plaintext = Plaintext::new(&self.options, flows);
        let mut learn = |id: &[u8], master: &_| keys.learn(id, master);
        let limits = self.options.limits;
        let (mut facts, mut known) = {
            let log = keys.log();
            (decrypt(sources, start, &log, limits, &mut plaintext, &mut learn), log.counts())
        };
        let lacks_secret = facts.reason == Some(Reason::NoSecret) && !facts.is_decrypted();
        if lacks_secret && self.options.follows && keys.refresh()? {
            let log = keys.log();
            (facts, known) =
                (decrypt(sources, start, &log, limits, &mut plaintext, &mut learn), log.counts());
        }
        let (derived, error) = plaintext.finish(&facts);
        let unread = unread(flows, streams);
        let mut counts = TlsCounts::of(&facts);
        counts.files = derived.iter().flatten().count() as u64;
        let facts = Arc::new(facts);
        let mut counts = Some(counts);
        for (side, (scanned, derived)) in connection.flows.iter_mut().zip(derived).enumerate() {
            scanned.flow.found.tls = Some(Box::new(TlsFindings {
                facts: Arc::clone(&facts),
                is_client: side == facts.client,
                side,
                counts: counts.take().unwrap_or_default(),
                derived,
                is_late: false,
            }));
        }
        if self.options.puts_off && facts.reason == Some(Reason::NoSecret) && !facts.is_decrypted() {
            self.put_off(known, &connection.flows);
        }
        unread.and(error.filter(|error| !error.is_empty()).map_or(Ok(()), Err))
    }

    fn late(&self, tell: &mut dyn FnMut(String)) -> Vec<Connection> {
        let keys = &self.options.keys;
        if let Err(error) = keys.refresh() {
            tell(error);
        }
        let put_off = std::mem::take(&mut *self.put_off.lock().unwrap_or_else(PoisonError::into_inner));
        let mut rest = put_off.connections;
        rest.sort_by_key(|(_, flows)| flows.first().map(|flow| flow.facts.number));
        let mut found = Vec::new();
        // A session that was resumed may be resumed again.
        for _ in 0..ROUNDS {
            let (learned, now) = (keys.use_sessions(), keys.log().counts());
            let (again, others): (Vec<_>, _) =
                rest.into_iter().partition(|(known, _)| learned || *known != now);
            rest = others;
            if again.is_empty() {
                break;
            }
            for (_, flows) in again {
                let mut connection = self.again(&flows);
                // Files that were deleted since then stay without plaintext.
                let _ = self.scan(&mut connection);
                if mark_late(&mut connection) {
                    found.push(connection);
                } else {
                    rest.push((now, flows));
                }
            }
            self.put_off.lock().unwrap_or_else(PoisonError::into_inner).connections.clear();
        }
        found
    }

    fn scans_derived(&self) -> bool {
        false
    }
}

/// Whether a flow is worth reading: its start shows that. A hello may come behind plain text.
fn may_be_tls(scanned: &ScannedFlow) -> Result<bool, String> {
    if scanned.size() == 0 {
        return Ok(false);
    }
    let start = scanned.start(START)?;
    let is_record = |bytes: &[u8]| matches!(bytes, [20..=23, 3, 0..=4, ..]);
    let is_ssl2 = matches!(*start, [0x80..=0x8f, _, 1, 3, ..]);
    Ok(is_ssl2 || start.windows(3).any(is_record) || scanned.flow.gaps.at_start())
}

/// A stream as the readers of protocols see it.
fn direction(stream: &Stream) -> Direction<'_> {
    Direction {
        bytes: &stream.bytes,
        source: stream.windows.as_ref().map(|windows| windows as &dyn super::http::Source),
        gaps: &stream.gaps,
        skipped: &stream.skipped,
        ..Direction::EMPTY
    }
}

/// The error that ended reading a flow's file, if one did.
fn unread(flows: &[ScannedFlow], streams: Vec<Stream>) -> Result<(), String> {
    let error = flows.iter().zip(streams).find_map(|(scanned, stream)| {
        let error = stream.windows?.into_error()?;
        scanned.flow.file.as_ref().map(|file| unreadable(file, &error))
    });
    error.map_or(Ok(()), Err)
}

/// The bytes of a flow.
struct Bytes<'s>(Direction<'s>);

impl Source for Bytes<'_> {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn next_gap(&self, offset: u64) -> Range<u64> {
        self.0.next_gap(offset)
    }

    fn read(&self, range: Range<u64>) -> Cow<'_, [u8]> {
        self.0.slice(range).into()
    }
}
