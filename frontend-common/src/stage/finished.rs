//! What becomes of a finished flow on its way to the reporter. The reporter is one thread, so the thread that finishes
//! a flow makes its text for the report; the reporter only puts flows in order and adds up.

use super::message::{Closing, ReportedFlows, ReporterBatch, ReporterMessage};
use crate::report::{FlowCounts, Shape, flow_text};
use crate::scan::FinishedFlow;

/// What the reporter needs of a flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finishing {
    /// The shape of the report, if there is one.
    pub(crate) shape: Option<Shape>,
    /// Whether other files than the report need all facts of each flow.
    pub(crate) keeps: bool,
    /// Whether flows that close one after the other are joined. Must be off if a report may end between two flows of a
    /// batch.
    pub(crate) joins: bool,
}

impl Finishing {
    /// Appends a flow to a batch for the reporter.
    pub(crate) fn finish(self, closing: Closing, mut flow: FinishedFlow, batch: &mut ReporterBatch) {
        let Closing { order, pair, beyond_limit } = closing;
        flow.gaps.trim();
        let before = batch.text.len();
        if let Some(shape) = self.shape {
            flow_text(&flow, shape, &mut batch.text);
        }
        let (text, packets) = (batch.text.len() - before, flow.summary.packets);
        let (counts, directory) = (FlowCounts::of(&flow, beyond_limit), flow.facts.directory);
        let facts = flow.found.http.as_ref().map_or(0, |http| http.weight);
        let flow = (self.keeps || flow.found.http.is_some()).then(|| (Box::new(flow), pair));
        let next = ReportedFlows { flows: 1, text, facts, packets, counts, directory, flow };
        let alone = match batch.messages.last_mut() {
            Some(ReporterMessage::Flows { order: first, flows })
                if self.joins && *first + flows.flows == order =>
            {
                flows.join(next)
            }
            _ => Some(next),
        };
        batch.messages.extend(alone.map(|flows| ReporterMessage::Flows { order, flows }));
    }
}
