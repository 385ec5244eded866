//! Where tapflow differs from tcpflow, and why.

/// What of two runs differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Whether the run succeeded, or was quiet when told.
    Status,
    /// Which files there are.
    Names,
    /// What a file holds.
    Bytes,
    /// When a file was modified.
    Times,
    /// Standard output.
    Console,
}

/// Differences with one reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// Captures, each of which differs in some way.
    pub(crate) captures: &'static [&'static str],
    /// Combinations in which some of the captures differ; empty for any.
    pub(crate) combinations: &'static [&'static str],
    /// What differs.
    pub(crate) kinds: &'static [Kind],
    pub(crate) reason: &'static str,
}

impl Known {
    pub(crate) fn covers(&self, capture: &str, combination: &str, kind: Kind) -> bool {
        self.captures.contains(&capture)
            && (self.combinations.is_empty() || self.combinations.contains(&combination))
            && self.kinds.contains(&kind)
    }
}

pub(crate) const KNOWN: &[Known] = &[];
