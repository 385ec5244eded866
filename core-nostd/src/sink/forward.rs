//! References to sinks, and boxed ones, are sinks.

use core::ops::Range;

use super::{CloseReason, FrameSink, Repeat, Sink, Summary};
use crate::decode::Reject;
use crate::flow::{Flow, Opened};
use crate::fragment::DroppedDatagram;
use crate::frame::{Frame, Timestamp};

/// The methods of a pointer to a sink `S`: those of the sink.
macro_rules! forward {
    () => {
        forward! {
            frame(frame: &Frame<'_>) -> ();
            time(now: Timestamp) -> ();
            opened(flow: Flow, opened: &Opened) -> ();
            data(flow: Flow, offset: u64, bytes: &[u8]) -> ();
            urgent(flow: Flow, offset: u64, bytes: &[u8]) -> ();
            acknowledged(flow: Flow, offset: u64) -> ();
            repeated(flow: Flow, offset: u64, bytes: &[u8]) -> Repeat;
            replaced(flow: Flow, offset: u64, bytes: &[u8]) -> Repeat;
            conflict(flow: Flow, offset: u64, bytes: &[u8]) -> ();
            late(flow: Flow, offset: u64, bytes: &[u8]) -> ();
            keepalive(flow: Flow, answer: bool) -> ();
            rebased(flow: Flow, by: u64) -> ();
            gap(flow: Flow, range: Range<u64>) -> ();
            closed(flow: Flow, reason: CloseReason, summary: &Summary) -> ();
            dropped(datagram: &DroppedDatagram) -> ();
            rejected(frame: &Frame<'_>, reject: &Reject) -> ();
        }
    };
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        type Error = S::Error;

        #[inline]
        fn frame_sink(&mut self) -> Option<&mut dyn FrameSink<Error = Self::Error>> {
            (**self).frame_sink()
        }

        $(
            #[inline]
            fn $name(&mut self, $($argument: $type),*) -> Result<$result, Self::Error> {
                (**self).$name($($argument),*)
            }
        )*
    };
}

// A method that is not forwarded would do nothing.
#[deny(clippy::missing_trait_methods)]
impl<S: Sink + ?Sized> Sink for &mut S {
    forward!();
}

#[cfg(feature = "alloc")]
#[deny(clippy::missing_trait_methods)]
impl<S: Sink + ?Sized> Sink for alloc::boxed::Box<S> {
    forward!();
}
