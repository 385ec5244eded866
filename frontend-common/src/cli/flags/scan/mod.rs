//! What is done with finished flows.

pub(super) mod choice;
mod hash;
pub(super) mod http;
mod tls;

use super::files::names;
use super::files::report::REPORT;
use super::limits::settings;
use super::{Flag, console, without_effect};
use crate::cli::CliError;
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
    &tls::KeyLogs,
    &tls::Try,
    &choice::ListScanners,
];

/// Whether a report is written, where findings go.
fn reports(line: &Line<'_>, options: &Options) -> bool {
    settings::all(line).report && (options.console.is_none() || line.is_given(REPORT))
}

/// Refuses `name`, which is wanted, where no flow files are written: it is made from these.
pub(super) fn needs_files(
    line: &Line<'_>,
    options: &mut Options,
    wanted: bool,
    name: &str,
) -> Result<(), CliError> {
    if !wanted || options.files {
        return Ok(());
    }
    let reason = no_files_because(line, options);
    without_effect(
        line,
        options,
        format!("{name} needs flow files, and {reason} writes none; leave out one of them"),
    )
}

/// The option that turns flow files off.
pub(super) fn no_files_because(line: &Line<'_>, options: &Options) -> &'static str {
    if console::prints(line) {
        "the console (-c, -C)"
    } else if names::no_files(line) {
        "-FX"
    } else if options.captures {
        "-K"
    } else {
        "-x tcpdemux"
    }
}
