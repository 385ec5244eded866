//! References to sinks, and boxed ones, are sinks.

use core::ops::Range;

use super::{CloseReason, Repeat, Sink, Summary};
use crate::decode::{Reject, Segment};
use crate::flow::{Flow, Opened, Side};
use crate::fragment::DroppedDatagram;
use crate::frame::{Frame, Timestamp};

/// The methods of a pointer to a sink `S`: those of the sink.
macro_rules! forward {
    () => {
        forward! {
            time(now: Timestamp) -> ();
            segment(side: &Side, segment: &Segment<'_>) -> ();
            forgotten(slot: u32) -> ();
            held(datagram: u32, from: Option<u32>) -> ();
            released(datagram: u32) -> ();
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
        fn wants_segments(&self) -> bool {
            (**self).wants_segments()
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
