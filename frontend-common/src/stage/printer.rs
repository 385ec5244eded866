//! The console as a sink: prints each flow's bytes as they come, under the flow's name.

use std::convert::Infallible;
use std::io::{self, Write};
use std::ops::Range;

use bytes::Bytes;
use tapflow_core::{CloseReason, Flow, Opened, Sink, Summary};

use crate::flow::FlowFacts;
use crate::naming::Template;
use crate::output::console::Console;

/// Prints. The first error is kept; nothing is printed after it.
pub(crate) struct Printer<'t, W: Write> {
    console: Console<W>,
    template: &'t Template,
    /// What stands before every name.
    prefix: String,
    /// By slot: facts, name, and how many bytes may still be printed.
    flows: Vec<Option<Box<Printed>>>,
    max_bytes: Option<u64>,
    error: Option<io::Error>,
    pub(crate) beyond_limit: u64,
}

struct Printed {
    facts: FlowFacts,
    name: String,
}

impl<'t, W: Write> Printer<'t, W> {
    pub(crate) fn new(
        console: Console<W>,
        template: &'t Template,
        prefix: String,
        max_bytes: Option<u64>,
    ) -> Self {
        Self { console, template, prefix, flows: Vec::new(), max_bytes, error: None, beyond_limit: 0 }
    }

    /// The error that ended the printing.
    pub(crate) fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// The block that contains the bytes of the next frame.
    #[inline]
    pub(crate) fn set_source_block(&mut self, block: &Bytes) {
        if self.console.has_source_block(block) {
            return;
        }
        let result = self.console.set_source_block(block);
        self.keep(result);
    }

    /// Prints what is collected.
    pub(crate) fn flush(&mut self) {
        let result = self.console.flush();
        self.keep(result);
    }

    fn keep(&mut self, result: io::Result<()>) {
        if let (Err(error), None) = (result, &self.error) {
            self.error = Some(error);
        }
    }

    fn print(&mut self, flow: Flow, offset: u64, bytes: &[u8]) {
        let Some(Some(printed)) = self.flows.get(flow.slot as usize) else { return };
        let room = self.max_bytes.map_or(u64::MAX, |max| max.saturating_sub(offset));
        let kept = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        self.beyond_limit += (bytes.len() - kept) as u64;
        if kept > 0 && self.error.is_none() {
            let result = self.console.piece(&printed.facts, &printed.name, &bytes[..kept]);
            self.keep(result);
        }
    }
}

impl<W: Write> Sink for Printer<'_, W> {
    type Error = Infallible;

    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), Infallible> {
        let facts = FlowFacts::new(flow, opened, 0);
        let mut name = self.prefix.clone();
        self.template.expand(&facts, 0, &mut name);
        let slot = flow.slot as usize;
        if self.flows.len() <= slot {
            self.flows.resize_with(slot + 1, || None);
        }
        self.flows[slot] = Some(Box::new(Printed { facts, name }));
        Ok(())
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        self.print(flow, offset, bytes);
        Ok(())
    }

    /// Urgent bytes arrive here only with `--urgent drop`.
    fn urgent(&mut self, _: Flow, _: u64, _: &[u8]) -> Result<(), Infallible> {
        Ok(())
    }

    fn late(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        self.print(flow, offset, bytes);
        Ok(())
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), Infallible> {
        let within = self.max_bytes.is_none_or(|max| range.start < max);
        if let Some(Some(printed)) = self.flows.get(flow.slot as usize)
            && within
            && self.error.is_none()
        {
            let result = self.console.gap(&printed.facts, &printed.name, range);
            self.keep(result);
        }
        Ok(())
    }

    fn closed(&mut self, flow: Flow, _reason: CloseReason, _summary: &Summary) -> Result<(), Infallible> {
        if let Some(flow) = self.flows.get_mut(flow.slot as usize) {
            *flow = None;
        }
        Ok(())
    }
}
