//! What the command line adds to a template.

/// What `-F` adds to names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameFlags {
    /// In the order given. Each goes before the template and all prefixes before it, so the last
    /// one given comes first in the name. Those before the last `-T` are gone: it replaces them.
    pub prefixes: Vec<NamePrefix>,
    /// The connection count in every name (`c`).
    pub count: bool,
    /// Names that every system can store (`--portable-names`); always so on Windows.
    pub portable: bool,
}

/// What a letter of `-F` puts before a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamePrefix {
    /// `t`: seconds since 1970.
    Seconds,
    /// `T`: date and time, ISO 8601.
    Iso,
    /// `k`: directories of 1000 flows.
    Thousand,
    /// `m`: two levels of directories.
    Million,
    /// `g`: three levels of directories.
    Billion,
}
