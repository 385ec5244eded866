//! Errors of a run: reported to the user when they happen, kept for the report and the exit status.

use std::fmt;

use super::Say;

/// All errors so far.
pub(super) struct Errors<'o> {
    say: Say<'o>,
    list: Vec<String>,
}

impl<'o> Errors<'o> {
    pub(super) fn new(say: Say<'o>) -> Self {
        Self { say, list: Vec::new() }
    }

    /// Reports an error to the user, and keeps it.
    pub(super) fn add(&mut self, error: impl fmt::Display) {
        let error = error.to_string();
        (self.say)(&error);
        self.list.push(error);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn list(&self) -> &[String] {
        &self.list
    }

    pub(super) fn into_list(self) -> Vec<String> {
        self.list
    }
}
