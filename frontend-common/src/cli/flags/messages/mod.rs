//! What is said.

mod pages;
mod verbosity;

use super::Flag;

/// The options in the order of the help pages.
pub(super) const FLAGS: &[&dyn Flag] = &[
    &verbosity::Quiet,
    &verbosity::Verbose,
    &verbosity::Debug,
    &pages::ShortHelp,
    &pages::Help,
    &pages::Version,
];
