//! What tests of options share.

use std::ffi::OsString;

use super::{Action, CliError, Input, InputRole, Options, Program, parse};

pub(super) const PROGRAM: Program = Program { name: "tapflow", version: "1.2.3" };

pub(super) fn parsed(line: &str) -> Result<Action, CliError> {
    parse(std::iter::once("tapflow").chain(line.split_whitespace()).map(OsString::from), &PROGRAM)
}

pub(super) fn run(line: &str) -> Options {
    match parsed(line) {
        Ok(Action::Run(options)) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

pub(super) fn printed(line: &str) -> String {
    match parsed(line) {
        Ok(Action::Print(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

pub(super) fn refused(line: &str) -> String {
    match parsed(line) {
        Err(error) => error.to_string(),
        Ok(action) => panic!("{line}: {action:?}"),
    }
}

pub(super) fn reads(paths: &[&str]) -> Vec<Input> {
    paths.iter().map(|path| Input { path: path.into(), role: InputRole::Read }).collect()
}
