//! The options: one module a group, one place an option.
//!
//! A file here has one option, or a few that belong together. For each of them it has the identifier, the definition
//! for clap with the texts of both help pages, the parser of the value, the effect on [`Options`], what is said where
//! it has no effect, and its test. [`GROUPS`] lists them all: the order of both help pages.

pub(super) mod console;
pub(super) mod files;
pub(super) mod input;
pub(super) mod limits;
pub(super) mod live;
pub(super) mod messages;
pub(super) mod rights;
pub(super) mod scan;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command};

use super::line::Line;
use super::options::Options;
use super::{Action, CliError};

/// One option.
pub(super) trait Flag: Sync {
    /// Its names, the parser of its value, and its texts: `help` is a few words for `-h`, `long_help` is the full
    /// text for `--help`.
    fn arg(&self) -> Arg;

    /// What the process does instead of a run, if the option is given. `command` makes the help pages.
    fn action(&self, _line: &Line<'_>, _command: &Command) -> Option<Action> {
        None
    }

    /// Sets the fields of `options` that the option decides, whether it is given or not.
    ///
    /// Fields that other options decide are not yet set; `line` has all values.
    ///
    /// # Errors
    /// The value cannot be used.
    fn apply(&self, _line: &Line<'_>, _options: &mut Options) -> Result<(), CliError> {
        Ok(())
    }

    /// Compares the option with the others, after each has been applied: conflicts are errors; what has no effect in
    /// this combination is a note.
    ///
    /// # Errors
    /// The option cannot be used together with another one.
    fn settle(&self, _line: &Line<'_>, _options: &mut Options) -> Result<(), CliError> {
        Ok(())
    }
}

/// Options below one heading.
pub(super) struct Group {
    /// The heading in the help pages.
    pub(super) heading: &'static str,
    /// The options in the order of the help pages.
    pub(super) flags: &'static [&'static dyn Flag],
}

/// All options.
pub(super) const GROUPS: [Group; 8] = [
    Group { heading: "Input", flags: input::FLAGS },
    Group { heading: "Files", flags: files::FLAGS },
    Group { heading: "Console", flags: console::FLAGS },
    Group { heading: "Scanners", flags: scan::FLAGS },
    Group { heading: "Live", flags: live::FLAGS },
    Group { heading: "Limits", flags: limits::FLAGS },
    Group { heading: "Rights", flags: rights::FLAGS },
    Group { heading: "Messages", flags: messages::FLAGS },
];

/// All options, in the order of [`GROUPS`].
pub(super) fn all() -> impl DoubleEndedIterator<Item = &'static dyn Flag> {
    GROUPS.iter().flat_map(|group| group.flags.iter().copied())
}

/// The definitions of all options.
pub(super) fn args() -> impl Iterator<Item = Arg> {
    let args = |group: &'static Group| group.flags.iter().map(|flag| flag.arg().help_heading(group.heading));
    GROUPS.iter().flat_map(args)
}

/// An option would do nothing beside the others: a wrong command line, whose text is `message`. tcpflow takes such
/// options, so that it is only a note where the program is called by that name.
fn without_effect(line: &Line<'_>, options: &mut Options, message: String) -> Result<(), CliError> {
    if !line.program.is_tcpflow() {
        return Err(CliError(message));
    }
    options.notes.push(message);
    Ok(())
}

/// An option without a value, with one letter and a long name, which is its identifier.
fn switch(short: char, long: &'static str) -> Arg {
    long_switch(long).short(short)
}

/// An option without a value.
fn long_switch(long: &'static str) -> Arg {
    Arg::new(long).long(long).action(ArgAction::SetTrue)
}

/// An option with a value: `name` stands for it in the help pages, `parser` makes it of the text.
fn value(short: char, long: &'static str, name: &'static str, parser: impl Into<ValueParser>) -> Arg {
    long_value(long, name, parser).short(short)
}

/// An option with a value, without a letter.
fn long_value(long: &'static str, name: &'static str, parser: impl Into<ValueParser>) -> Arg {
    Arg::new(long).long(long).value_name(name).value_parser(parser.into())
}
