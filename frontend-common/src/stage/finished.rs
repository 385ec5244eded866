//! What becomes of a finished flow on its way to the reporter. The reporter is one thread, so the thread that finishes
//! a flow makes its text for the report; the reporter only puts flows in order and adds up.

use super::message::{Closing, ReportedFlows, ReporterBatch, ReporterMessage};
use crate::report::{FlowCounts, Shape, flow_text, late_text};
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
    /// Appends what was found in a flow after it was reported.
    pub(crate) fn late(self, flow: FinishedFlow, pair: bool, batch: &mut ReporterBatch) {
        let before = batch.text.len();
        if let Some(shape) = self.shape {
            late_text(&flow, shape, &mut batch.text);
        }
        batch.messages.push(ReporterMessage::Late(ReportedFlows {
            flows: 0,
            text: batch.text.len() - before,
            facts: weight(&flow),
            packets: 0,
            counts: FlowCounts::late(&flow),
            directory: flow.facts.directory,
            flow: Some((Box::new(flow), pair)),
        }));
    }

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
        let facts = weight(&flow);
        let has_found = flow.found.http.is_some() || flow.found.tls.is_some();
        let flow = (self.keeps || has_found).then(|| (Box::new(flow), pair));
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

/// Memory of what scanners found, in bytes.
fn weight(flow: &FinishedFlow) -> usize {
    let http: usize = flow.found.all_http().map(|http| http.weight).sum();
    http + flow.found.tls.as_ref().map_or(0, |tls| tls.weight())
}
