//! The sinks that the core's thread pushes into: the writers alone, or the writers and the console.

use std::io::Write;
use std::ops::Range;

use bytes::Bytes;
use tapflow_core::decode::{Reject, Segment};
use tapflow_core::{
    CloseReason, DroppedDatagram, Flow, Frame, InOrder, Opened, Repeat, Side, Sink, Summary, Timestamp,
};

use super::dispatch::{Dispatch, WriterGone};
use super::printer::Printer;
use super::rotation::Rotation;
use crate::input::Packet;

/// A sink of the pipeline.
pub(super) trait Watched: Sink<Error = WriterGone> {
    /// Tells the frame that comes next.
    fn frame(&mut self, packet: &Packet<'_>) -> Result<(), WriterGone>;

    /// The side of the writers.
    fn dispatch(&self) -> &Dispatch<'_>;

    /// The numbered directories.
    fn rotation(&mut self) -> Option<&mut Rotation>;

    /// Goes on in the next one.
    fn rotate(&mut self) -> Result<(), WriterGone>;

    /// A directory is complete, when everything that is under way has arrived.
    fn complete(&mut self, directory: u32) -> Result<(), WriterGone>;

    /// Hands over everything, written, and a mark behind it.
    fn mark(&mut self, mark: u64) -> Result<(), WriterGone>;

    /// Whether the output that the run is for is gone.
    fn is_over(&self) -> bool;

    /// Hands on everything that is held back: what comes after it comes in other messages.
    fn hand_over(&mut self) -> Result<(), WriterGone>;

    /// Shows everything that is held back without need: no frame comes for a while.
    fn rest(&mut self) -> Result<(), WriterGone>;
}

impl Watched for Dispatch<'_> {
    fn dispatch(&self) -> &Dispatch<'_> {
        self
    }

    fn frame(&mut self, packet: &Packet<'_>) -> Result<(), WriterGone> {
        self.set_frame(packet)
    }

    fn rotation(&mut self) -> Option<&mut Rotation> {
        Dispatch::rotation(self)
    }

    fn rotate(&mut self) -> Result<(), WriterGone> {
        Dispatch::rotate(self)
    }

    fn complete(&mut self, directory: u32) -> Result<(), WriterGone> {
        Dispatch::complete(self, directory)
    }

    fn mark(&mut self, mark: u64) -> Result<(), WriterGone> {
        Dispatch::mark(self, mark)
    }

    fn is_over(&self) -> bool {
        false
    }

    fn hand_over(&mut self) -> Result<(), WriterGone> {
        self.flush()
    }

    fn rest(&mut self) -> Result<(), WriterGone> {
        Dispatch::rest(self)
    }
}

/// A console, in whatever order it prints.
pub(super) trait Prints: Sink<Error = std::convert::Infallible> {
    /// Whether printing has ended by an error.
    fn has_failed(&self) -> bool;

    /// Tells where the bytes of the next frame lie.
    fn lie_in(&mut self, block: &Bytes);

    /// Hands on what is collected.
    fn show(&mut self);
}

impl<W: Write> Prints for Printer<'_, W> {
    fn has_failed(&self) -> bool {
        self.error().is_some()
    }

    fn lie_in(&mut self, block: &Bytes) {
        Printer::lie_in(self, block);
    }

    fn show(&mut self) {
        self.flush();
    }
}

impl<W: Write> Prints for InOrder<'_, Printer<'_, W>> {
    fn has_failed(&self) -> bool {
        self.inner().error().is_some()
    }

    fn lie_in(&mut self, block: &Bytes) {
        self.inner_mut().lie_in(block);
    }

    fn show(&mut self) {
        self.inner_mut().flush();
    }
}

/// Tells every event to the writers and to the console.
pub(super) struct Tee<'d, 't, P> {
    pub(super) files: &'d mut Dispatch<'t>,
    pub(super) printer: P,
}

impl<P: Prints> Watched for Tee<'_, '_, P> {
    fn dispatch(&self) -> &Dispatch<'_> {
        self.files
    }

    fn frame(&mut self, packet: &Packet<'_>) -> Result<(), WriterGone> {
        self.printer.lie_in(packet.block);
        self.files.set_frame(packet)
    }

    fn rotation(&mut self) -> Option<&mut Rotation> {
        self.files.rotation()
    }

    fn rotate(&mut self) -> Result<(), WriterGone> {
        self.files.rotate()
    }

    fn complete(&mut self, directory: u32) -> Result<(), WriterGone> {
        self.files.complete(directory)
    }

    fn mark(&mut self, mark: u64) -> Result<(), WriterGone> {
        self.files.mark(mark)
    }

    fn is_over(&self) -> bool {
        self.printer.has_failed()
    }

    fn hand_over(&mut self) -> Result<(), WriterGone> {
        self.files.flush()
    }

    fn rest(&mut self) -> Result<(), WriterGone> {
        self.printer.show();
        self.files.rest()
    }
}

impl<P: Prints> Sink for Tee<'_, '_, P> {
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
