//! Each stage alone: messages in, messages and files out, without a run.

mod dispatch;
mod reporter;
mod scanner;
mod writer;

use std::sync::Arc;

use tapflow_core::{CloseReason, Summary};

use super::finished::Finishing;
use super::message::{Ending, Operation};
use crate::flow::testing::facts;
use crate::flow::{FlowFacts, Gaps, Ranges, Timeline};
use crate::naming::{NameFlags, Template};
use crate::report::Shape;
use crate::scan::{Findings, FinishedFlow};

fn template() -> Arc<Template> {
    Arc::new(Template::parse(None, &NameFlags::default()).expect("a template"))
}

/// What a report needs of flows, and nothing else does.
const FOR_REPORT: Finishing = Finishing { shape: Some(Shape::Dfxml), keeps: false, joins: true };

/// A flow that has ended without a file. Numbers `2 n` and `2 n + 1` are of one connection.
fn finished(number: u64) -> FinishedFlow {
    let mut summary = Summary::default();
    summary.packets = number + 1;
    FinishedFlow {
        facts: facts(number),
        reason: CloseReason::Finished,
        summary,
        file: None,
        gaps: Gaps::default(),
        trace: None,
        is_sparse: false,
        keepalives: 0,
        conflicts: Ranges::default(),
        replaced: Ranges::default(),
        timeline: Timeline::default(),
        contents: None,
        found: Findings::default(),
    }
}

fn ending(order: u64, facts: Option<FlowFacts>) -> Ending {
    let (reason, summary) = (CloseReason::Finished, Summary::default());
    Ending { facts, order, pair: false, reason, summary, is_sparse: false, keepalives: 0, trace: None }
}

/// Operations as text: with the bytes that they refer to in place of blocks and ranges.
fn script(operations: &[Operation]) -> Vec<String> {
    let mut block = bytes::Bytes::new();
    let mut script = Vec::new();
    for operation in operations {
        let text = |part: &std::ops::Range<usize>, block: &bytes::Bytes| {
            String::from_utf8_lossy(&block[part.clone()]).into_owned()
        };
        script.push(match operation {
            Operation::Block(bytes) => {
                block = bytes.clone();
                "block".to_owned()
            }
            Operation::Open(facts, _) => format!("open {}", facts.number),
            Operation::Data { flow, offset, part, .. } => {
                format!("data {flow} {offset} {}", text(part, &block))
            }
            Operation::Gap { flow, range, is_kept } => format!("gap {flow} {range:?} {is_kept}"),
            Operation::Close { flow } => format!("close {flow}"),
            Operation::Link(link) => format!("link {}", link.0),
            Operation::Capture { side, .. } => format!("capture {side}"),
            Operation::Frame { side, part, .. } => format!("frame {side} {} bytes", part.len()),
            Operation::Captured { side } => format!("captured {side}"),
            Operation::Unprocessed { part, .. } => format!("unprocessed {} bytes", part.len()),
            Operation::Mark { mark, at } => format!("mark {mark} {at}"),
            Operation::Flush => "flush".to_owned(),
            other => format!("{other:?}"),
        });
    }
    script
}
