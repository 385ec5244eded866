//! Flows on standard output.

mod form;
mod lock;
mod order;
mod print;

use super::Flag;
use crate::cli::line::Line;
use crate::cli::options::Options;

pub(super) use print::prints;

/// The options in the order of the help pages.
pub(super) const FLAGS: &[&dyn Flag] = &[
    &print::Console,
    &print::Bare,
    &form::Binary,
    &form::Strip,
    &form::Hex,
    &form::Json,
    &form::Colour,
    &form::NoNewline,
    &lock::Lock,
    &order::Order,
    &order::HoleTimeout,
];

/// Notes that the option `id`, which users know as `name`, has no effect on files.
fn note_console(line: &Line<'_>, options: &mut Options, id: &str, name: &str) {
    if options.console.is_none() && line.is_given(id) {
        options.notes.push(format!("{name} has no effect without -c or -C"));
    }
}
