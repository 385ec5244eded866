//! Live capture.

mod clock;
mod frames;
mod interface;
mod statistics;

use super::Flag;
use crate::cli::line::Line;
use crate::cli::options::Options;

pub(super) use interface::INTERFACE;

/// The options in the order of the help pages.
pub(super) const FLAGS: &[&dyn Flag] = &[
    &interface::Interface,
    &interface::ListInterfaces,
    &interface::NoPromiscuous,
    &frames::Snaplen,
    &frames::BufferSize,
    &frames::ReadTimeout,
    &clock::TimestampType,
    &clock::ListTimestampTypes,
    &statistics::StatsInterval,
];

/// Notes that the option `id`, which users know as `name`, has no effect on files.
fn note_files(line: &Line<'_>, options: &mut Options, id: &str, name: &str) {
    if options.live.is_none() && line.is_given(id) {
        options.notes.push(format!("{name} has no effect with -r, -R and -l"));
    }
}
