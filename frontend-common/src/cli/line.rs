//! A command line whose values are parsed, for the options to read.

use std::any::Any;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::{Program, Surroundings};

/// What stands on the command line. Options are named by their identifiers.
pub(super) struct Line<'a> {
    matches: &'a ArgMatches,
    /// The program as it was called.
    pub(super) program: &'a Program,
    /// The whole command line as typed, the program first.
    pub(super) words: &'a [OsString],
    /// What the command line is compared with.
    pub(super) surroundings: &'a dyn Surroundings,
}

impl<'a> Line<'a> {
    pub(super) fn new(
        matches: &'a ArgMatches,
        program: &'a Program,
        words: &'a [OsString],
        surroundings: &'a dyn Surroundings,
    ) -> Self {
        Self { matches, program, words, surroundings }
    }

    /// Whether the option without a value `id` is given.
    pub(super) fn has(&self, id: &str) -> bool {
        self.matches.get_flag(id)
    }

    /// How often the option without a value `id` is given.
    pub(super) fn count(&self, id: &str) -> u8 {
        self.matches.get_count(id)
    }

    /// Whether the option `id` is given, with or without a value.
    pub(super) fn is_given(&self, id: &str) -> bool {
        self.matches.value_source(id) == Some(ValueSource::CommandLine)
    }

    /// The value of `id`: the last one, if it is given more than once.
    pub(super) fn value<T: Any + Clone + Send + Sync>(&self, id: &str) -> Option<T> {
        self.matches.get_one(id).cloned()
    }

    /// The value of `id` as a path.
    pub(super) fn path(&self, id: &str) -> Option<PathBuf> {
        self.value(id)
    }

    /// All values of `id`, in the order given.
    pub(super) fn values<T: Any + Clone + Send + Sync>(&self, id: &str) -> impl Iterator<Item = &'a T> {
        self.matches.get_many(id).unwrap_or_default()
    }

    /// The place of `id` on the command line: the last one. Only the order of places has a meaning.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.matches.index_of(id)
    }

    /// All values of `id` with their places on the command line.
    pub(super) fn placed<T: Any + Clone + Send + Sync>(
        &self,
        id: &str,
    ) -> impl Iterator<Item = (usize, &'a T)> {
        self.matches.indices_of(id).into_iter().flatten().zip(self.values(id))
    }
}
