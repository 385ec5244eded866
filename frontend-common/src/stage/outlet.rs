//! Where a writer sends what it has finished: to the scanners, or to the reporter if there are none.

use std::mem;
use std::sync::mpsc::SyncSender;

use super::finished::Finishing;
use super::message::{Closing, Notice, ReporterBatch, ReporterMessage, ScannerMessage};
use crate::scan::FinishedFlow;

/// The way out of a writer: collects messages until [`send`](Self::send).
#[derive(Debug)]
pub(crate) enum Outlet {
    /// Scanners come before the reporter.
    Scanners { sender: SyncSender<Vec<ScannerMessage>>, messages: Vec<ScannerMessage> },
    /// There are no scanners.
    Reporter { sender: SyncSender<ReporterBatch>, finishing: Finishing, batch: ReporterBatch },
}

impl Outlet {
    /// To scanners.
    pub(crate) fn to_scanners(sender: SyncSender<Vec<ScannerMessage>>) -> Self {
        Self::Scanners { sender, messages: Vec::new() }
    }

    /// To the reporter, in the form that `finishing` says.
    pub(crate) fn to_reporter(sender: SyncSender<ReporterBatch>, finishing: Finishing) -> Self {
        Self::Reporter { sender, finishing, batch: ReporterBatch::default() }
    }

    /// Adds a flow whose file is closed.
    pub(crate) fn flow(&mut self, closing: Closing, flow: FinishedFlow) {
        match self {
            Self::Scanners { messages, .. } => messages.push(ScannerMessage::Flow(closing, Box::new(flow))),
            Self::Reporter { finishing, batch, .. } => finishing.finish(closing, flow, batch),
        }
    }

    /// Adds anything else.
    pub(crate) fn notice(&mut self, notice: Notice) {
        match self {
            Self::Scanners { messages, .. } => messages.push(ScannerMessage::Notice(notice)),
            Self::Reporter { batch, .. } => batch.messages.push(ReporterMessage::Notice(notice)),
        }
    }

    /// Sends what was added, if there is anything. A receiver that is gone has panicked, which the end of the run
    /// reports.
    pub(crate) fn send(&mut self) {
        match self {
            Self::Scanners { sender, messages } if !messages.is_empty() => {
                // The next batch is about as long.
                let next = Vec::with_capacity(messages.len());
                let _ = sender.send(mem::replace(messages, next));
            }
            Self::Reporter { sender, batch, .. } if !batch.messages.is_empty() => {
                let text = batch.text.len();
                let next = ReporterBatch {
                    messages: Vec::with_capacity(batch.messages.len()),
                    text: Vec::with_capacity(text + text / 8),
                };
                let _ = sender.send(mem::replace(batch, next));
            }
            _ => {}
        }
    }
}
