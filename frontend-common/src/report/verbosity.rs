//! How much is printed on standard error.

/// The level of `-v`.
pub const VERBOSE: u32 = 10;

/// How much is printed on standard error besides errors: 0 nothing, 1 the summary and warnings, more
/// explains more, [`VERBOSE`] is `-v`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Verbosity(pub u32);

impl Verbosity {
    /// Nothing but errors (`-q`, `-d 0`).
    #[must_use]
    pub const fn is_quiet(self) -> bool {
        self.0 == 0
    }

    /// `-v`, `-d 10` and above.
    #[must_use]
    pub const fn is_verbose(self) -> bool {
        self.0 >= VERBOSE
    }
}

impl Default for Verbosity {
    fn default() -> Self {
        Self(1)
    }
}
