//! What is known of a flow: the words that output, console, scanners and report share.

mod asymmetry;
mod facts;
mod gaps;
mod place;
mod ranges;
mod shortened;
#[cfg(test)]
pub(crate) mod testing;
mod timeline;
mod trace;

pub use asymmetry::Asymmetry;
pub use facts::{FileFacts, FlowFacts, Link, Opened};
pub use gaps::Gaps;
pub use place::{FramePlace, NextFrames};
pub use ranges::Ranges;
pub use shortened::Shortened;
pub use timeline::Timeline;
pub use trace::{Side as TraceSide, Stroke, Strokes, Trace};
