//! The two flows of a connection together, for what has one line for a connection.

use std::io;

use crate::scan::FinishedFlow;

/// Joins flows that come one after the other.
#[derive(Debug, Default)]
pub struct Pairs {
    /// The first flow of a connection whose second one comes next.
    half: Option<Box<FinishedFlow>>,
}

impl Pairs {
    /// Adds a flow, one of a `pair` or alone, and passes connections that are whole to `take`: a connection's flows come
    /// one after the other.
    ///
    /// # Errors
    /// Those of `take`.
    pub fn add(
        &mut self,
        flow: Box<FinishedFlow>,
        pair: bool,
        take: &mut dyn FnMut(&[&FinishedFlow]) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.half.take() {
            Some(other) if other.facts.opened.session == flow.facts.opened.session => take(&[&other, &flow]),
            Some(other) => take(&[&other]).and(self.add(flow, pair, take)),
            None if pair => {
                self.half = Some(flow);
                Ok(())
            }
            None => take(&[&flow]),
        }
    }

    /// No flow follows.
    ///
    /// # Errors
    /// Those of `take`.
    pub fn end(&mut self, take: &mut dyn FnMut(&[&FinishedFlow]) -> io::Result<()>) -> io::Result<()> {
        self.half.take().map_or(Ok(()), |flow| take(&[&flow]))
    }
}
