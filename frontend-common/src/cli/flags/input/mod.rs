//! What is read.

mod captures;
mod filter;
mod order;
mod tunnels;

use super::Flag;

/// The options in the order of the help pages.
pub(super) const FLAGS: &[&dyn Flag] = &[
    &captures::Read,
    &captures::Complete,
    &captures::WordsAreFiles,
    &order::OrderOfInputs,
    &tunnels::IgnoreEncapsulation,
    &tunnels::TunnelPort,
    &filter::Words,
];
