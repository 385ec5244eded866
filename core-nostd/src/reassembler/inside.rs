//! What is inside of a frame: several frames, or payload that is compressed.

use managed::ManagedSlice;

use super::Reassembler;
use crate::decode::{Outcome, Packed, Several, resume};
use crate::fragment::Packets;
use crate::frame::Frame;
use crate::sink::Sink;

impl Reassembler<'_> {
    /// Compressed payload: expanded, and decoded further.
    #[cold]
    #[inline(never)]
    pub(super) fn packed<S: Sink>(
        &mut self,
        frame: &Frame<'_>,
        packets: &Packets,
        packed: &Packed<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        // Lent beside the rest of the reassembler: segments point into it. What is compressed again finds none.
        let mut room = core::mem::replace(&mut self.expanded, ManagedSlice::Borrowed(&mut []));
        let expanded = packed.expand(&mut room).and_then(|len| room.get(..len));
        let outcome = match expanded {
            Some(bytes) => resume(&packed.context, bytes, bytes.len(), &self.config.decode),
            None => Outcome::Reject(packed.reject()),
        };
        let result = match outcome {
            Outcome::Several(several) => self.several(frame, packets, several, sink),
            outcome => self.outcome(frame, packets, outcome, sink),
        };
        self.expanded = room;
        result
    }

    /// Frames inside a frame: each counts as one, and the one around does not.
    #[cold]
    pub(super) fn several<S: Sink>(
        &mut self,
        frame: &Frame<'_>,
        packets: &Packets,
        mut several: Several<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let mut inside = 0;
        while let Some(outcome) = several.next(&self.config.decode) {
            inside += 1;
            self.counters.inner_frames += u64::from(inside > 1);
            self.outcome(frame, packets, outcome, sink)?;
        }
        Ok(())
    }
}
