//! What an in-order adaptor is told, and what it counts.

use crate::frame::Timestamp;

/// When an [`InOrder`](super::InOrder) adaptor stops waiting for a hole. Durations are nanoseconds of capture time.
///
/// [`InOrderConfig::new`] has a default for every setting but the key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InOrderConfig {
    /// A hole that blocks bytes for this long is skipped; `None` waits until the flow closes.
    /// Default: 10 s.
    pub timeout: Option<u64>,
    /// A hole whose bytes the receiver has acknowledged is skipped after this long: the capture missed them, and
    /// nobody sends them again. The time is for captures that reorder packets; `None` waits on.
    /// Default: 100 ms.
    pub acknowledged_grace: Option<u64>,
    /// Memory that the two flows of one connection may use for bytes that wait, in bytes, rounded down to whole pages.
    /// Default: no limit.
    pub max_per_connection: usize,
    /// Key of the priorities by which the pages of a flow are balanced. It must be random if an attacker may choose
    /// sequence numbers. The output does not depend on it.
    ///
    /// It has no default.
    pub hash_key: [u8; 16],
}

impl InOrderConfig {
    /// The default settings, with this [`hash_key`](Self::hash_key).
    #[must_use]
    pub const fn new(hash_key: [u8; 16]) -> Self {
        Self {
            timeout: Some(10 * Timestamp::SECOND),
            acknowledged_grace: Some(Timestamp::SECOND / 10),
            max_per_connection: usize::MAX,
            hash_key,
        }
    }
}

/// Why a hole was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipCause {
    /// The reassembler gave it up for lack of islands.
    GivenUp,
    /// The flow closed.
    Closed,
    /// It blocked bytes for too long.
    Timeout,
    /// The receiver has its bytes, the capture does not.
    Acknowledged,
    /// Memory was short, and this flow had the most of it.
    Pressure,
    /// The connection had all the memory that one may have.
    ConnectionLimit,
    /// The caller asked for it.
    Asked,
    /// The flow turned out to begin earlier, after bytes had been passed on.
    Rebased,
}

impl SkipCause {
    /// All causes, in the order of their counters.
    pub const ALL: [Self; 8] = [
        Self::GivenUp,
        Self::Closed,
        Self::Timeout,
        Self::Acknowledged,
        Self::Pressure,
        Self::ConnectionLimit,
        Self::Asked,
        Self::Rebased,
    ];

    /// A few words for reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GivenUp => "given-up",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Acknowledged => "acknowledged",
            Self::Pressure => "memory",
            Self::ConnectionLimit => "connection-limit",
            Self::Asked => "asked",
            Self::Rebased => "earlier-start",
        }
    }
}

/// Counts of an in-order adaptor. Bytes are stream bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InOrderCounters {
    /// Holes skipped, by cause in the order of [`SkipCause::ALL`]. Each was told as a gap.
    pub skips: [u64; SkipCause::ALL.len()],
    /// Bytes in these holes.
    pub skipped_bytes: [u64; SkipCause::ALL.len()],
    /// Bytes that arrived after their hole had been skipped, told as `late`.
    pub late_bytes: u64,
    /// Bytes passed on as data.
    pub passed_bytes: u64,
    /// The most pages that were in use at once.
    pub max_pages: u64,
}

impl InOrderCounters {
    /// Holes skipped for `cause`.
    #[must_use]
    pub fn skips_for(&self, cause: SkipCause) -> u64 {
        self.skips[cause as usize]
    }

    /// Bytes in holes skipped for `cause`.
    #[must_use]
    pub fn skipped_bytes_for(&self, cause: SkipCause) -> u64 {
        self.skipped_bytes[cause as usize]
    }

    pub(super) fn skip(&mut self, cause: SkipCause, bytes: u64) {
        self.skips[cause as usize] += 1;
        self.skipped_bytes[cause as usize] += bytes;
    }

    /// The last skips of holes given up were for the end of their flow.
    pub(super) fn end(&mut self, skips: u64, bytes: u64) {
        let (from, to) = (SkipCause::GivenUp as usize, SkipCause::Closed as usize);
        self.skips[from] -= skips;
        self.skips[to] += skips;
        self.skipped_bytes[from] -= bytes;
        self.skipped_bytes[to] += bytes;
    }
}
