//! What tests of options share.

use std::ffi::OsString;
use std::path::Path;

use super::{Action, CliError, Input, InputRole, Options, Program, Surroundings, parse, parse_within};

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

/// A directory with some files, and a language of filters that has only the words `port`, `tcp` and numbers.
pub(super) struct Around {
    pub(super) files: &'static [&'static str],
    pub(super) piped: bool,
}

impl Surroundings for Around {
    fn is_file(&self, path: &Path) -> bool {
        self.files.iter().any(|file| Path::new(file) == path.strip_prefix(".").unwrap_or(path))
    }

    fn filter_fault(&self, expression: &str) -> Option<String> {
        let expression = expression.trim_matches(['(', ')']);
        let is_right = match expression.strip_prefix("port ") {
            Some(number) => number.parse::<u16>().is_ok(),
            None => expression == "tcp",
        };
        (!is_right).then(|| "a fault".to_owned())
    }

    fn input_is_piped(&self) -> bool {
        self.piped
    }
}

/// What a command line means in these surroundings; the program is its first word.
pub(super) fn parsed_within(line: &str, around: &Around) -> Result<Action, CliError> {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    let program = PROGRAM.called(words.first().map(AsRef::as_ref));
    parse_within(words, &program, around)
}
