//! What went wrong in a run: told to the user when it happens, kept for the report and the exit status.

use std::fmt;

use super::Say;

/// Everything that went wrong so far.
pub(super) struct Complaints<'o> {
    say: Say<'o>,
    told: Vec<String>,
}

impl<'o> Complaints<'o> {
    pub(super) fn new(say: Say<'o>) -> Self {
        Self { say, told: Vec::new() }
    }

    /// Tells the user and remembers.
    pub(super) fn add(&mut self, message: impl fmt::Display) {
        let message = message.to_string();
        (self.say)(&message);
        self.told.push(message);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    pub(super) fn list(&self) -> &[String] {
        &self.told
    }

    pub(super) fn into_list(self) -> Vec<String> {
        self.told
    }
}
