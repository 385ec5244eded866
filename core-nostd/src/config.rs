//! What the caller decides once, before the first frame.

use crate::decode::Settings;
use crate::fragment::FragmentPolicy;
use crate::frame::Timestamp;
use crate::overlap::OverlapPolicy;

/// Settings of a [`Reassembler`](crate::Reassembler). Durations are nanoseconds of capture time.
///
/// [`Config::new`] has a default for every setting but the key; the fields can be set afterwards:
///
/// ```
/// use tapflow_core::{Config, Timestamp};
///
/// let mut config = Config::new([0; 16]);
/// config.idle_timeout = Some(300 * Timestamp::SECOND);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Key of the connection table's hash and of the priorities by which islands are balanced. It must be random if an
    /// attacker may choose addresses, ports or sequence numbers: with a known key they can make lookups slow. The output
    /// does not depend on it.
    ///
    /// It has no default.
    pub hash_key: [u8; 16],
    /// A connection without packets for this long is closed; `None` keeps it until the end.
    /// Default: `None`.
    pub idle_timeout: Option<u64>,
    /// Connections that are half-open, closing or lingering at most: one more makes room as in a full
    /// table, so that a flood of attempts does not take the memory of connections that carry data.
    /// Default: no limit.
    pub max_inactive: u32,
    /// How long a closed connection stays to absorb late packets, as TIME-WAIT does (RFC 9293, 3.3.2).
    /// Default: 60 s.
    pub linger: u64,
    /// How long a connection that has ended stays open for sinks after its last packet: what goes on where it ended
    /// belongs to it, and what comes again is compared.
    /// Default: 60 s.
    pub closing: u64,
    /// Connections that have ended and are open for sinks at most: one more closes the oldest, which lingers then.
    /// Default: no limit.
    pub max_closing: u32,
    /// Whether [`Sink::closed`](crate::Sink::closed) is called as soon as both FINs are acknowledged, or another connection with the same
    /// addresses and ports is established, instead of after `closing`.
    /// Default: `false`.
    pub close_at_once: bool,
    /// A jump forward in sequence numbers by this many bytes or more begins a new connection.
    /// At most 2^31 - 1.
    /// Default: [`DEFAULT_MAX_JUMP`](Self::DEFAULT_MAX_JUMP), 16 MiB.
    pub max_jump: u32,
    /// A segment beyond the last byte seen begins a new connection as well where the bytes missing in its stream
    /// would then exceed this number and [`Summary::vouched`](crate::Summary::vouched) together: what is missing is
    /// more than was there.
    /// Default: no limit.
    pub max_hole: u64,
    /// Bytes before the first one seen are taken in while the flow spans no more than this many bytes.
    /// Default: 1 MiB.
    pub rebase_window: u32,
    /// How often one flow may turn out to begin earlier.
    /// Default: 64.
    pub max_rebases: u8,
    /// Islands that one flow may hold; beyond it the lowest hole is given up.
    /// Default: 4096.
    pub max_islands: u16,
    /// Which copy of bytes that wait beyond a hole counts, for receivers in no network of
    /// [`set_targets`](crate::Reassembler::set_targets).
    /// Default: [`OverlapPolicy::First`].
    pub overlap: OverlapPolicy,
    /// How urgent data (RFC 6093) is delivered.
    /// Default: [`Urgent::Inline`].
    pub urgent: Urgent,
    /// Segments whose timestamp is older than one that the receiver has accepted (PAWS, RFC 7323, 5).
    /// Default: [`Check::Count`].
    pub paws: Check,
    /// Bytes beyond the window that the receiver has announced.
    /// Default: [`Check::Count`].
    pub window: Check,
    /// How frames are taken apart.
    /// Default: see [`Settings`].
    pub decode: Settings,
    /// Whether segments with the same addresses and ports belong together whatever VLANs and tunnels they
    /// come through: for captures in which the two directions do not come through the same ones.
    /// Default: `false`.
    pub ignore_encapsulation: bool,
    /// A frame moves the clock of the capture forward by no more than this; a larger jump is believed when
    /// two more frames agree.
    /// Default: 10 s.
    pub max_clock_step: u64,
    /// What happens where fragments of an IPv4 datagram overlap.
    /// Default: [`FragmentPolicy::Bsd`].
    pub fragment_policy: FragmentPolicy,
    /// How long the fragments of an IPv4 datagram are held, from the first one on (RFC 791, 3.2).
    /// Default: 30 s.
    pub fragment_timeout_ipv4: u64,
    /// The same for IPv6 (RFC 8200, 4.5).
    /// Default: 60 s.
    pub fragment_timeout_ipv6: u64,
    /// Fragments that one datagram may have, at least 4.
    /// Default: 1024.
    pub max_fragments: u16,
    /// Whether the beginning of a datagram that never becomes whole is used as a segment that was cut
    /// short: its bytes were captured, and the capture may have lost the others. It does not open,
    /// finish or reset a connection.
    /// Default: `true`.
    pub use_incomplete_datagrams: bool,
}

/// What becomes of what a receiver that follows the standards would drop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// It is counted and taken: the observer may know less than the receiver.
    #[default]
    Count,
    /// It is counted and dropped.
    Refuse,
}

/// What becomes of the byte that TCP's urgent pointer names (RFC 6093): the one before the place it points to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Urgent {
    /// It is data as any other, as applications with `SO_OOBINLINE` read it.
    #[default]
    Inline,
    /// It is told to the sink as [`urgent`](crate::Sink::urgent), as applications read it that do not ask for it inline.
    Apart,
}

impl Config {
    /// The default settings, with this [`hash_key`](Self::hash_key): random bytes, or any constant if all input is
    /// trusted.
    #[must_use]
    pub const fn new(hash_key: [u8; 16]) -> Self {
        Self {
            hash_key,
            idle_timeout: None,
            max_inactive: u32::MAX,
            linger: 60 * Timestamp::SECOND,
            closing: 60 * Timestamp::SECOND,
            max_closing: u32::MAX,
            close_at_once: false,
            max_jump: Self::DEFAULT_MAX_JUMP,
            max_hole: u64::MAX,
            rebase_window: 1 << 20,
            max_rebases: 64,
            max_islands: 4096,
            overlap: OverlapPolicy::First,
            urgent: Urgent::Inline,
            paws: Check::Count,
            window: Check::Count,
            decode: Settings::new(),
            ignore_encapsulation: false,
            max_clock_step: 10 * Timestamp::SECOND,
            fragment_policy: FragmentPolicy::Bsd,
            fragment_timeout_ipv4: 30 * Timestamp::SECOND,
            fragment_timeout_ipv6: 60 * Timestamp::SECOND,
            max_fragments: 1024,
            use_incomplete_datagrams: true,
        }
    }

    /// The jump that begins a new connection unless the caller says otherwise, in bytes.
    pub const DEFAULT_MAX_JUMP: u32 = 16 << 20;
}
