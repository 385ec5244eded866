//! The sinks that the core's thread pushes into: the writers alone, or the writers and the console.

use std::io::Write;
use std::ops::Range;

use bytes::Bytes;
use tapflow_core::decode::{Reject, Segment};
use tapflow_core::{
    CloseReason, DroppedDatagram, Flow, Frame, InOrder, Opened, Repeat, Side, Sink, Summary, Timestamp,
};

use super::dispatch::Dispatch;
use super::outbox::WriterGone;
use super::printer::Printer;
use crate::input::Packet;

/// A sink of a run: the writers, with or without a console.
pub(crate) trait RunSink: Sink<Error = WriterGone> {
    /// The frame that the core gets next.
    ///
    /// # Errors
    /// A writer is gone.
    fn frame(&mut self, packet: &Packet<'_>) -> Result<(), WriterGone>;

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
    fn frame(&mut self, packet: &Packet<'_>) -> Result<(), WriterGone> {
        self.set_frame(packet)
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

    /// The block that contains the bytes of the next frame.
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
    fn frame(&mut self, packet: &Packet<'_>) -> Result<(), WriterGone> {
        self.printer.set_source_block(packet.block);
        self.files.set_frame(packet)
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

    fn time(&mut self, now: Timestamp) -> Result<(), WriterGone> {
        let Ok(()) = self.printer.time(now);
        self.files.time(now)
    }

    fn wants_segments(&self) -> bool {
        self.files.wants_segments()
    }

    fn segment(&mut self, side: &Side, segment: &Segment<'_>) -> Result<(), WriterGone> {
        self.files.segment(side, segment)
    }

    fn forgotten(&mut self, slot: u32) -> Result<(), WriterGone> {
        self.files.forgotten(slot)
    }

    fn held(&mut self, datagram: u32, from: Option<u32>) -> Result<(), WriterGone> {
        self.files.held(datagram, from)
    }

    fn released(&mut self, datagram: u32) -> Result<(), WriterGone> {
        self.files.released(datagram)
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
