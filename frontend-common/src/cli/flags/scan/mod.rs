//! What is done with finished flows.

pub(super) mod choice;
mod hash;
pub(super) mod http;

use super::Flag;
use super::files::report::REPORT;
use super::limits::settings;
use crate::cli::line::Line;
use crate::cli::options::Options;

/// The options in the order of the help pages.
pub(super) const FLAGS: &[&dyn Flag] = &[
    &choice::All,
    &choice::Enable,
    &choice::Only,
    &choice::Disable,
    &hash::Hash,
    &hash::HashInputs,
    &http::KeepCoded,
    &http::Har,
    &choice::ListScanners,
];

/// Whether a report is written, where findings go.
fn reports(line: &Line<'_>, options: &Options) -> bool {
    settings::all(line).report && (options.console.is_none() || line.is_given(REPORT))
}

/// Notes that `name`, which is wanted, needs files of flows where none are written.
fn note_no_files(options: &mut Options, wanted: bool, name: &str) {
    if wanted && !options.files {
        options.notes.push(format!("no files are written, so there is nothing for {name}"));
    }
}
