//! The sinks that the core's thread pushes into: the writers alone, or the writers and the console.

use std::io::Write;
use std::ops::Range;

use bytes::Bytes;
use tapflow_core::decode::Reject;
use tapflow_core::{
    CloseReason, DroppedDatagram, Flow, Frame, FrameSink, InOrder, Opened, Repeat, Sink, Summary, Timestamp,
};

use super::dispatch::Dispatch;
use super::outbox::WriterGone;
use super::printer::Printer;

/// A sink of a run: the writers, with or without a console.
pub(crate) trait RunSink: Sink<Error = WriterGone> {
    /// The block that contains the bytes of the next frames.
    ///
    /// # Errors
    /// A writer is gone.
    fn set_source_block(&mut self, block: &Bytes) -> Result<(), WriterGone>;

    /// The writers' side.
    fn dispatch(&self) -> &Dispatch;

    /// The writers' side.
    fn dispatch_mut(&mut self) -> &mut Dispatch;

    /// Whether the output that the run is for is gone.
    fn is_over(&self) -> bool;

    /// Shows and writes everything that is collected: no frame comes for a while.
    ///
    /// # Errors
    /// A writer is gone.
    fn on_idle(&mut self) -> Result<(), WriterGone>;
}

impl RunSink for Dispatch {
    fn set_source_block(&mut self, block: &Bytes) -> Result<(), WriterGone> {
        Dispatch::set_source_block(self, block)
    }

    fn dispatch(&self) -> &Dispatch {
        self
    }

    fn dispatch_mut(&mut self) -> &mut Dispatch {
        self
    }

    fn is_over(&self) -> bool {
        false
    }

    fn on_idle(&mut self) -> Result<(), WriterGone> {
        Dispatch::on_idle(self)
    }
}

/// A console, in any order of printing.
pub(crate) trait Prints: Sink<Error = std::convert::Infallible> {
    /// Whether printing has ended by an error.
    fn has_failed(&self) -> bool;

    /// The block that contains the bytes of the next frames.
    fn set_source_block(&mut self, block: &Bytes);

    /// Prints what is collected.
    fn show(&mut self);
}

impl<W: Write> Prints for Printer<'_, W> {
    fn has_failed(&self) -> bool {
        self.error().is_some()
    }

    fn set_source_block(&mut self, block: &Bytes) {
        Printer::set_source_block(self, block);
    }

    fn show(&mut self) {
        self.flush();
    }
}

impl<W: Write> Prints for InOrder<'_, Printer<'_, W>> {
    fn has_failed(&self) -> bool {
        self.inner().error().is_some()
    }

    fn set_source_block(&mut self, block: &Bytes) {
        self.inner_mut().set_source_block(block);
    }

    fn show(&mut self) {
        self.inner_mut().flush();
    }
}

/// Sends every event to the writers and to the console.
pub(crate) struct Tee<'d, P> {
    pub(crate) files: &'d mut Dispatch,
    pub(crate) printer: P,
}

impl<P: Prints> RunSink for Tee<'_, P> {
    fn set_source_block(&mut self, block: &Bytes) -> Result<(), WriterGone> {
        self.printer.set_source_block(block);
        self.files.set_source_block(block)
    }

    fn dispatch(&self) -> &Dispatch {
        self.files
    }

    fn dispatch_mut(&mut self) -> &mut Dispatch {
        self.files
    }

    fn is_over(&self) -> bool {
        self.printer.has_failed()
    }

    fn on_idle(&mut self) -> Result<(), WriterGone> {
        self.printer.show();
        self.files.on_idle()
    }
}

impl<P: Prints> Sink for Tee<'_, P> {
    type Error = WriterGone;

    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), WriterGone> {
        let Ok(()) = self.printer.frame(frame);
        self.files.frame(frame)
    }

    fn time(&mut self, now: Timestamp) -> Result<(), WriterGone> {
        let Ok(()) = self.printer.time(now);
        self.files.time(now)
    }

    fn frame_sink(&mut self) -> Option<&mut dyn FrameSink<Error = WriterGone>> {
        self.files.frame_sink()
    }

    fn acknowledged(&mut self, flow: Flow, offset: u64) -> Result<(), WriterGone> {
        let Ok(()) = self.printer.acknowledged(flow, offset);
        self.files.acknowledged(flow, offset)
    }

    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), WriterGone> {
        let Ok(()) = self.printer.opened(flow, opened);
        self.files.opened(flow, opened)
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), WriterGone> {
        let Ok(()) = self.printer.data(flow, offset, bytes);
        self.files.data(flow, offset, bytes)
    }

    fn urgent(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), WriterGone> {
        let Ok(()) = self.printer.urgent(flow, offset, bytes);
        self.files.urgent(flow, offset, bytes)
    }

    fn repeated(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, WriterGone> {
        let Ok(printed) = self.printer.repeated(flow, offset, bytes);
        match self.files.repeated(flow, offset, bytes)? {
            Repeat::NotCompared => Ok(printed),
            compared => Ok(compared),
        }
    }

    fn replaced(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, WriterGone> {
        let Ok(printed) = self.printer.replaced(flow, offset, bytes);
        match self.files.replaced(flow, offset, bytes)? {
            Repeat::NotCompared => Ok(printed),
            compared => Ok(compared),
        }
    }

    fn conflict(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), WriterGone> {
        self.files.conflict(flow, offset, bytes)
    }

    fn late(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), WriterGone> {
        self.files.late(flow, offset, bytes)
    }

    fn keepalive(&mut self, flow: Flow, answer: bool) -> Result<(), WriterGone> {
        self.files.keepalive(flow, answer)
    }

    fn rebased(&mut self, flow: Flow, by: u64) -> Result<(), WriterGone> {
        let Ok(()) = self.printer.rebased(flow, by);
        self.files.rebased(flow, by)
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), WriterGone> {
        let Ok(()) = self.printer.gap(flow, range.clone());
        self.files.gap(flow, range)
    }

    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> Result<(), WriterGone> {
        let Ok(()) = self.printer.closed(flow, reason, summary);
        self.files.closed(flow, reason, summary)
    }

    fn dropped(&mut self, datagram: &DroppedDatagram) -> Result<(), WriterGone> {
        self.files.dropped(datagram)
    }

    fn rejected(&mut self, frame: &Frame<'_>, reject: &Reject) -> Result<(), WriterGone> {
        self.files.rejected(frame, reject)
    }
}
