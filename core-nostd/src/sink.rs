//! What comes out: the events of a run, in the order in which they happen.

mod forward;
mod frame_sink;

use core::ops::Range;

pub use frame_sink::FrameSink;
pub(crate) use frame_sink::for_frames;

use crate::decode::Reject;
use crate::flow::{Flow, Opened};
use crate::fragment::DroppedDatagram;
use crate::frame::{Frame, Timestamp};

/// Receives the events of a [`Reassembler`](crate::Reassembler), in the order in which they happen.
///
/// A sink defines the methods that it needs; the others do nothing. References to sinks are sinks, and so are boxed
/// sinks with the feature `alloc`, trait objects included: `&mut dyn Sink<Error = E>`.
///
/// # Order of calls
///
/// [`push`](crate::Reassembler::push) makes these calls for a frame, and [`push_batch`](crate::Reassembler::push_batch)
/// for each frame in turn:
///
/// 1. [`frame`](Self::frame), then [`time`](Self::time).
/// 2. [`dropped`](Self::dropped) and [`datagram_released`], then [`closed`](Self::closed) and [`connection_removed`], for
///    what has waited long enough by then.
/// 3. [`rejected`](Self::rejected) if the frame gives no segment, or [`fragment_held`] if it is a fragment, after `dropped`
///    and `datagram_released` of datagrams that have to make room. If it completes a datagram, the steps below are for
///    that one, and `datagram_released` comes last.
/// 4. `closed` and `connection_removed` for connections that have to make room for a new one, or that it replaces.
/// 5. [`segment`], for every segment of a connection.
/// 6. [`opened`](Self::opened) with the first SYN or data of a direction, then the other events of its flow.
/// 7. `closed` for both flows if the connection ends.
///
/// A frame that carries several frames repeats steps 3 to 7 for each. [`advance`](crate::Reassembler::advance) makes the
/// calls of steps 1 and 2 without `frame`; [`finish`](crate::Reassembler::finish) calls `time`, then `dropped` and `datagram_released` for all
/// incomplete datagrams, then `closed` and `connection_removed` for all connections. The beginning of an incomplete datagram may be
/// used as a segment: steps 4 to 7 are then between its `dropped` and `datagram_released`.
///
/// [`segment`], [`fragment_held`], [`datagram_released`] and [`connection_removed`] are methods of [`FrameSink`], for sinks
/// that have one.
///
/// Each flow has one `opened`, then any number of [`data`](Self::data), [`urgent`](Self::urgent),
/// [`repeated`](Self::repeated), [`replaced`](Self::replaced), [`conflict`](Self::conflict), [`late`](Self::late),
/// [`acknowledged`](Self::acknowledged), [`rebased`](Self::rebased) and [`gap`](Self::gap), then one `closed`. The last
/// gaps come directly before `closed`. Events of different flows alternate.
///
/// - `data` and `urgent` never overlap earlier `data` and `urgent` of the same flow (offsets as moved by `rebased`).
/// - Every payload byte of an accepted segment is in exactly one of `data`, `urgent`, `repeated`, `replaced`,
///   `late`, or one of the byte counts of [`Counters`](crate::Counters).
/// - At `closed`, the bytes of all `data` and `urgent` plus the lengths of all `gap` equal [`Summary::span`].
///
/// Slices point into the frame just pushed or, if it completes a fragmented datagram, into the memory for fragments. They
/// are valid during the call.
///
/// # Errors
///
/// An error of a method ends the call of the reassembler that led to it (`push`, `advance` or `finish`), which returns
/// the error. The event counts as delivered and is not repeated. The other events of the same frame are lost: that byte
/// counts and gaps add up is not promised for its flows any more.
///
/// The reassembler itself stays usable. The next frame may be pushed, and every flow that was opened is still closed once.
/// After an error in `finish`, call `finish` again, until it returns `Ok`: it goes on with the flows that are left.
///
/// # Example
///
/// Counts the bytes of all streams, for one reassembler after the other:
///
/// ```
/// use core::convert::Infallible;
/// use tapflow_core::{Config, Flow, Frame, Reassembler, Sink, StaticStorage, StorageError};
///
/// #[derive(Default)]
/// struct Bytes(u64);
///
/// impl Sink for Bytes {
///     type Error = Infallible;
///
///     fn data(&mut self, _: Flow, _: u64, bytes: &[u8]) -> Result<(), Infallible> {
///         self.0 += bytes.len() as u64;
///         Ok(())
///     }
/// }
///
/// fn replay(frames: &[Frame<'_>], mut sink: impl Sink<Error = Infallible>) -> Result<(), StorageError> {
///     let mut memory = StaticStorage::<16, 16, 32>::new();
///     let mut reassembler = Reassembler::new(Config::new([0; 16]), memory.storage())?;
///     for frame in frames {
///         let Ok(()) = reassembler.push(frame, &mut sink);
///     }
///     let Ok(()) = reassembler.finish(&mut sink);
///     Ok(())
/// }
///
/// let mut bytes = Bytes::default();
/// replay(&[], &mut bytes)?;
/// replay(&[], &mut bytes)?;
/// assert_eq!(bytes.0, 0);
/// # Ok::<(), StorageError>(())
/// ```
///
/// [`segment`]: FrameSink::segment
/// [`fragment_held`]: FrameSink::fragment_held
/// [`datagram_released`]: FrameSink::datagram_released
/// [`connection_removed`]: FrameSink::connection_removed
#[allow(unused_variables)]
pub trait Sink {
    /// Why a method fails; see [Errors](#errors).
    type Error;

    /// The frame whose events follow. [`Frame::time`] is its own timestamp; [`time`](Self::time) follows with that of the
    /// capture.
    #[inline]
    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The time of the capture, before the events of each frame, when it passes without frames, and at the
    /// end. It never goes back.
    fn time(&mut self, now: Timestamp) -> Result<(), Self::Error> {
        Ok(())
    }

    /// This sink's receiver of frame events; `None` if it has none at this time. Sinks that need streams only leave the
    /// default: the reassembler then skips these events.
    #[inline]
    fn frame_sink(&mut self) -> Option<&mut dyn FrameSink<Error = Self::Error>> {
        None
    }

    /// A flow has its first packet with SYN or data.
    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Bytes never seen before, whose first has the stream offset `offset`.
    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Bytes as `data`, which the sender marked as urgent and most systems hand to the application apart from the
    /// others (RFC 6093). Only where [`Config::urgent`](crate::Config::urgent) says so; a sink that does not care
    /// gets them as data.
    fn urgent(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        self.data(flow, offset, bytes)
    }

    /// The receiver has acknowledged every byte below `offset`, though some of them, below others that were seen,
    /// are missing: the capture has lost them, or will have them late. May come any number of times.
    fn acknowledged(&mut self, flow: Flow, offset: u64) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Bytes at a place that `data` has filled came again. A sink that still has the first copy
    /// compares and says; one that compares later reports conflicts on its own.
    fn repeated(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, Self::Error> {
        Ok(Repeat::NotCompared)
    }

    /// Bytes at a place that `data` has filled came again, and count from here on: the receiver's overlap
    /// policy keeps them, or the earlier ones came with a SYN whose answer did not accept them. A sink that still has the earlier copy puts them in its place, and says whether
    /// that changed it; the earlier bytes have lost then. But for bytes that came with a SYN, never below the end of the contiguous
    /// part, which the receiver's application has, and only with policies other than `first`.
    fn replaced(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, Self::Error> {
        Ok(Repeat::NotCompared)
    }

    /// Bytes that lost against another copy of the same place: later ones, after `repeated` answered
    /// [`Repeat::Differs`], or those that an adaptor had and `replaced` changed.
    fn conflict(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Bytes that are not part of the stream any more: their flow has given up a hole, and they lie below
    /// the point up to which it did. Whether they are for the hole or came again is not known.
    fn late(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        Ok(())
    }

    /// A segment of the flow only asks whether the other side is there, or is an `answer` to that (RFC 9293, 3.8.4).
    fn keepalive(&mut self, flow: Flow, answer: bool) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The stream begins `by` bytes before what was offset 0: every offset told so far grows by `by`.
    /// Only for flows whose SYN had not been seen.
    fn rebased(&mut self, flow: Flow, by: u64) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Stream offsets whose bytes were never seen and are not expected any more.
    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The flow ends; its slot is free for another one. Told for both directions of a connection.
    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> Result<(), Self::Error> {
        Ok(())
    }

    /// A datagram was given up before all of its fragments had come.
    fn dropped(&mut self, datagram: &DroppedDatagram) -> Result<(), Self::Error> {
        Ok(())
    }

    /// A frame gave no segment.
    fn rejected(&mut self, frame: &Frame<'_>, reject: &Reject) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// A sink's answer to [`Sink::repeated`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Every byte is the same as in the first copy.
    Same,
    /// At least one byte is another one.
    Differs,
    /// The first copy is not at hand.
    NotCompared,
}

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// Both sides sent FIN. The other side may not have acknowledged it.
    Finished,
    /// A valid RST.
    Reset,
    /// No packet for the idle timeout.
    Idle,
    /// A SYN with a new initial sequence number on the same addresses and ports.
    PortReuse,
    /// The sequence numbers jumped by the configured limit or more.
    Jump,
    /// The table was full, or its [inactive](crate::Config::max_inactive) part, and this was the oldest half-open
    /// connection.
    EvictedHalfOpen,
    /// The table was full, or its inactive part, and this was the least recently active connection.
    EvictedLeastActive,
    /// The input ended.
    EndOfInput,
}

impl CloseReason {
    /// All reasons, in the order of their counters.
    pub const ALL: [Self; 8] = [
        Self::Finished,
        Self::Reset,
        Self::Idle,
        Self::PortReuse,
        Self::Jump,
        Self::EvictedHalfOpen,
        Self::EvictedLeastActive,
        Self::EndOfInput,
    ];

    /// A word or two for reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Reset => "reset",
            Self::Idle => "idle",
            Self::PortReuse => "port-reuse",
            Self::Jump => "jump",
            Self::EvictedHalfOpen => "evicted-half-open",
            Self::EvictedLeastActive => "evicted-least-active",
            Self::EndOfInput => "end-of-input",
        }
    }
}

/// The facts of one flow at its end. Lengths are in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Stream offset just past the last byte known to have been sent.
    pub span: u64,
    /// Bytes told as `data` or `urgent`.
    pub data: u64,
    /// Bytes told as `gap`: `span - data`.
    pub gaps: u64,
    /// Bytes told as `repeated` or `replaced`.
    pub repeated: u64,
    /// Bytes that the receiver acknowledged and that were never seen, in gaps or beyond `span`: the
    /// capture lost them.
    pub acknowledged_unseen: u64,
    /// Packets of this direction, with or without payload.
    pub packets: u64,
    /// Segments that did not continue where the stream stood: out of order, repeated, after a hole.
    pub out_of_order: u32,
    /// Sum of the frames' lengths on the wire.
    pub wire_bytes: u64,
    /// Sum of the frames' captured lengths.
    pub captured_bytes: u64,
    /// When the last packet of this direction was captured.
    pub last: Timestamp,
    /// Whether a SYN of this direction was seen.
    pub syn: bool,
    /// Whether a valid FIN of this direction was seen.
    pub fin: bool,
    /// Whether the connection went on after an RST, after the FINs of both sides, or after it seemed to be replaced
    /// by another one: that end was none.
    pub reopened: bool,
}

impl Summary {
    /// Bytes on the wire that the captured ones vouch for: [`wire_bytes`](Self::wire_bytes), as far as datagrams of at
    /// most 64 KiB explain them, each with a header of at least 64 bytes. Lengths in a capture file may say anything.
    #[must_use]
    pub fn vouched(&self) -> u64 {
        vouched(self.wire_bytes, self.captured_bytes)
    }
}

/// See [`Summary::vouched`].
pub(crate) fn vouched(wire_bytes: u64, captured_bytes: u64) -> u64 {
    wire_bytes.min(captured_bytes.saturating_mul(1024))
}
