//! Events for sinks that keep frames.

use super::Sink;
use crate::decode::Segment;
use crate::flow::Side;

/// Receives what becomes of each frame: which connection it belongs to, and whether it waits for other fragments.
///
/// A sink that writes packets by connection, or all other packets, needs these events besides those of [`Sink`]. It
/// implements both traits and returns itself from [`Sink::frame_sink`]. The methods do nothing by default.
///
/// The frame is the one of the last [`Sink::frame`]. [Order of calls](Sink#order-of-calls) says when each method is called.
/// Errors have the same effect as those of [`Sink`].
///
/// ```
/// use core::convert::Infallible;
/// use tapflow_core::decode::Segment;
/// use tapflow_core::{FrameSink, Side, Sink};
///
/// /// Counts the segments of all clients.
/// struct Clients(u64);
///
/// impl Sink for Clients {
///     type Error = Infallible;
///
///     fn frame_sink(&mut self) -> Option<&mut dyn FrameSink<Error = Infallible>> {
///         Some(self)
///     }
/// }
///
/// impl FrameSink for Clients {
///     type Error = Infallible;
///
///     fn segment(&mut self, side: &Side, _: &Segment<'_>) -> Result<(), Infallible> {
///         self.0 += u64::from(side.client);
///         Ok(())
///     }
/// }
/// ```
#[allow(unused_variables)]
pub trait FrameSink {
    /// Why a method fails; the same as [`Sink::Error`].
    type Error;

    /// A segment belongs to a connection. This includes segments without payload, those that come after the close, and
    /// those that are refused. The segment comes from the frame, unless [`Side::datagram`] has the number of a fragmented
    /// datagram.
    fn segment(&mut self, side: &Side, segment: &Segment<'_>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// A fragment is held until its datagram is complete. `datagram` is the number of that datagram until
    /// [`datagram_released`](Self::datagram_released). The fragment is the frame or, inside of a tunnel, what the datagram
    /// `from` carried.
    fn fragment_held(&mut self, datagram: u32, from: Option<u32>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The memory of a datagram is freed, after it was complete and has been used, or after it was given up.
    fn datagram_released(&mut self, datagram: u32) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The connection with the slots `slot` and `slot + 1` has left the table. It gets no more segments.
    fn connection_removed(&mut self, slot: u32) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Calls a method of the frame sink, if `sink` has one.
#[inline]
pub(crate) fn for_frames<S: Sink + ?Sized>(
    sink: &mut S,
    call: impl FnOnce(&mut dyn FrameSink<Error = S::Error>) -> Result<(), S::Error>,
) -> Result<(), S::Error> {
    match sink.frame_sink() {
        Some(frames) => call(frames),
        None => Ok(()),
    }
}
