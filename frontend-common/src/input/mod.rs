//! Where frames come from: capture files of every kind, interfaces ([`live`]), and whatever else implements
//! [`Source`].
//!
//! [`open`] reads pcap and pcapng, plain or compressed, from files and from standard input, in blocks. A frame is a
//! slice of one of them: what would lie across two is copied into a block of its own. All frames before a fault are delivered, then the fault, then nothing.

pub mod bpf;
mod endian;
mod erf;
mod error;
pub mod expression;
mod filter;
#[cfg(feature = "libpcap")]
pub mod libpcap;
pub mod live;
mod merge;
mod packets;
mod pcap;
mod pcapng;
mod pool;
mod prefetch;
mod record_prefetch;
mod sniff;
mod snoop;
mod source;
mod stream;
#[cfg(test)]
mod tests;
mod unpack;
mod whole;
mod window;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tapflow_core::capture::MAX_CAPTURED;
use tapflow_core::{LinkType, Timestamp};

pub use error::{InputError, InputErrorKind, Shortened};
pub use filter::{Filter, FilterCompiler, FrameFilter};
pub use merge::{Ended, Given, Merge, Turn};
pub use packets::{Packet, Packets, TOGETHER};
use packets::{Record, Step};
pub use source::{check, from_memory, open};

/// The longest packet that is believed, in bytes. Larger lengths are taken for damage.
pub const RECORD_LIMIT: u32 = MAX_CAPTURED;

/// How far an input has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that were used; of a compressed file, compressed bytes that were read.
    pub done: u64,
    /// Length of the input in bytes, where it is known.
    pub total: Option<u64>,
}

/// Takes lines of a key log.
pub type KeepSecrets = dyn Fn(&[u8]) + Send + Sync;

/// Takes secrets of TLS: lines of a key log.
#[derive(Clone)]
pub struct Secrets(pub Arc<KeepSecrets>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// Frames one after another.
pub trait Source {
    /// The next frame, or `None` after the last one and after a stop.
    ///
    /// # Errors
    /// A fault of the input, once, after every frame that could be read; then `None`, or the frames of the next file
    /// where there are several.
    fn next(&mut self) -> Result<Option<Packet<'_>>, InputError>;

    /// The next frames, as many as are at hand together, at most [`TOGETHER`]; none after the last one, after a
    /// stop, and where a [`turn`](Self::turn) comes first.
    ///
    /// # Errors
    /// Those of [`next`](Self::next).
    fn next_few(&mut self) -> Result<Packets<'_>, InputError> {
        self.next().map(Packets::from)
    }

    /// What happens next to the files that the frames come from. Frames follow when there is none.
    fn turn(&mut self) -> Option<Turn> {
        None
    }

    /// Whether the next frame is not here yet and does not come within `patience`, so that what was read
    /// before should be shown now.
    fn waits(&mut self, patience: Duration) -> bool;

    /// How far the input has been read.
    fn progress(&self) -> Progress;

    /// The input as messages name it.
    fn name(&self) -> &str;

    /// The link types met so far, each once.
    fn link_types(&self) -> &[LinkType];

    /// Where frames come as they are sent: what time it is, as far as no frame from before is still to come.
    fn now(&self) -> Option<Timestamp> {
        None
    }

    /// Secrets of TLS that the input brings go there, each before the frames behind it.
    fn keep_secrets(&mut self, _keep: Secrets) {}

    /// What is remarkable about the input, but no fault, since the last call: a sentence each.
    fn remarks(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// What the system counts of a live capture.
    fn counts(&self) -> Option<live::LiveCounts> {
        None
    }
}
