//! One direction of a connection: where in the stream a segment's bytes belong.
//!
//! Sequence numbers (32 bits, RFC 9293) become stream offsets (64 bits, byte 0 is the first after the
//! SYN). The contiguous case touches one number; ranges beyond a hole are islands in the
//! [pool](islands). The in-order byte is never refused for lack of room: where an island is needed and
//! none is free, the lowest hole of the flow is given up instead.

mod acceptance;
mod islands;
mod keepalive;
mod place;
mod start;

pub use islands::Island;
pub(crate) use islands::{IslandList, IslandPool};
pub(crate) use place::{Placement, Placer};

use zerocopy::FromZeros;

use crate::config::Config;
use crate::decode::Control;
use crate::flow::Flow;
use crate::fragment::Packets;
use crate::frame::Timestamp;
use crate::overlap::OverlapPolicy;
use crate::sink::{Summary, vouched};

/// A set of yes-or-no facts about a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromZeros)]
#[repr(transparent)]
pub(crate) struct StreamFlags(u16);

impl StreamFlags {
    /// The sink was told `opened`, and not yet `closed`.
    pub(crate) const OPENED: u16 = 1;
    /// `base` is set.
    pub(crate) const BASED: u16 = 2;
    /// `base` comes from a SYN.
    pub(crate) const SYN: u16 = 4;
    /// `fin` is set.
    pub(crate) const FIN: u16 = 8;
    /// `acknowledged` is set.
    pub(crate) const ACKNOWLEDGES: u16 = 16;
    /// At least one hole was given up before the end.
    pub(crate) const GAVE_UP: u16 = 32;
    /// `timestamp` is set.
    pub(crate) const TIMESTAMP: u16 = 64;
    /// `rival` is another number at which the stream may begin.
    pub(crate) const RIVAL: u16 = 128;
    /// `rival` has the range of bytes that came with the SYN and that its answer did not acknowledge.
    pub(crate) const UNACCEPTED: u16 = 256;
    /// This side sent a valid RST, and nothing new since.
    pub(crate) const RESET: u16 = 512;
    /// The SYN of this side came again after the handshake: perhaps a new one with the same number.
    pub(crate) const AGAIN: u16 = 1024;
    /// The connection was silent before that.
    pub(crate) const SILENT: u16 = 2048;
    /// There were other numbers than `base` and `rival` at which the stream may begin.
    pub(crate) const CROWD: u16 = 4096;
    /// The last segment of the connection was a keepalive of this side.
    pub(crate) const PROBED: u16 = 8192;

    /// Whether any of the flags is set.
    pub(crate) const fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }

    pub(crate) const fn set(&mut self, flag: u16) {
        self.0 |= flag;
    }

    pub(crate) const fn clear(&mut self, flag: u16) {
        self.0 &= !flag;
    }
}

/// State of one direction: 96 bytes, zero when new.
#[derive(Clone, Copy, Debug, Default, FromZeros)]
#[repr(C)]
pub(crate) struct Stream {
    /// Flow number; meaningful once opened.
    pub(crate) number: u64,
    /// End of the contiguous part: the lowest offset not seen and not given up.
    pub(crate) next: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) captured_bytes: u64,
    /// Bytes told as data.
    pub(crate) data: u64,
    /// Bytes told as repeated.
    pub(crate) repeated: u64,
    /// When the last packet of this direction was captured.
    pub(crate) last: Timestamp,
    /// Sequence number of the FIN, just after the last byte.
    pub(crate) fin: u32,
    /// Sequence number of offset 0.
    base: u32,
    /// As the flags say. Once the other side sent an RST: where this one stood then.
    rival: u32,
    pub(crate) out_of_order: u32,
    /// The highest acknowledgement number that this side sent, about the other direction.
    acknowledged: u32,
    /// Packets counted, 40 bits.
    packets_low: u32,
    /// The sender's clock that the receiver has last accepted (`TS.Recent` of RFC 7323).
    timestamp: u32,
    /// The window this side last announced, unscaled.
    window: u16,
    pub(crate) flags: StreamFlags,
    packets_high: u8,
    /// Low half: the shift of the window scale option, plus 1, or 0 without; high half: the receiver's policy.
    scale_and_policy: u8,
    islands: IslandList,
}

impl Stream {
    /// Nothing was seen: all zero.
    pub(crate) const NEW: Self = Self {
        number: 0,
        next: 0,
        wire_bytes: 0,
        captured_bytes: 0,
        data: 0,
        repeated: 0,
        last: Timestamp(0),
        fin: 0,
        base: 0,
        rival: 0,
        out_of_order: 0,
        acknowledged: 0,
        packets_low: 0,
        timestamp: 0,
        packets_high: 0,
        window: 0,
        scale_and_policy: 0,
        flags: StreamFlags(0),
        islands: IslandList::EMPTY,
    };

    pub(crate) fn is_opened(&self) -> bool {
        self.flags.has(StreamFlags::OPENED)
    }

    pub(crate) fn is_based(&self) -> bool {
        self.flags.has(StreamFlags::BASED)
    }

    pub(crate) fn has_syn(&self) -> bool {
        self.flags.has(StreamFlags::SYN)
    }

    pub(crate) const fn base(&self) -> u32 {
        self.base
    }

    /// Sets the sequence number of offset 0.
    pub(crate) fn set_base(&mut self, sequence: u32, from_syn: bool) {
        self.base = sequence;
        self.flags.set(StreamFlags::BASED);
        if from_syn {
            self.flags.set(StreamFlags::SYN);
        }
    }

    /// The signed offset of `sequence`: the one nearest to the last byte seen, so that sequence numbers
    /// may wrap any number of times, also beyond a hole that is never filled.
    pub(crate) fn offset_of(&self, sequence: u32, pool: &IslandPool<'_>) -> i64 {
        let extent = self.extent(pool);
        let stands_at = self.base.wrapping_add(extent as u32);
        extent as i64 + i64::from(sequence.wrapping_sub(stands_at) as i32)
    }

    /// Whether payload at `offset` is too far from this stream to belong to it: `max_jump` bytes or more beyond its
    /// `extent`, or far before its start.
    #[inline]
    pub(crate) fn is_jump(offset: i64, extent: i64, max_jump: u32) -> bool {
        let jump = i64::from(max_jump);
        offset - extent >= jump || offset <= -jump.max(i64::from(Config::DEFAULT_MAX_JUMP))
    }

    /// Whether more than `max_hole` bytes and those that the packets vouch for would be missing with payload at
    /// `offset`, which is beyond the last byte seen.
    pub(crate) fn is_too_sparse(&self, offset: i64, max_hole: u64) -> bool {
        let missing = u64::try_from(offset).unwrap_or(0).saturating_sub(self.data);
        missing > max_hole.saturating_add(vouched(self.wire_bytes, self.captured_bytes))
    }

    /// Offset past the last byte captured or announced by a truncated segment.
    pub(crate) fn extent(&self, pool: &IslandPool<'_>) -> u64 {
        pool.end(self.islands).unwrap_or(self.next)
    }

    /// Neither data nor FIN was seen.
    pub(crate) fn is_blank(&self, pool: &IslandPool<'_>) -> bool {
        self.extent(pool) == 0 && !self.flags.has(StreamFlags::FIN)
    }

    /// All bytes up to the FIN are there.
    pub(crate) fn is_complete(&self) -> bool {
        self.flags.has(StreamFlags::FIN) && self.islands.is_empty() && self.continues(self.fin)
    }

    /// Nothing is missing so far, nothing says that it ends, and nothing that it begins elsewhere; no keepalive waits
    /// for its answer.
    pub(crate) fn is_seamless(&self) -> bool {
        let unusual = StreamFlags::FIN | StreamFlags::RIVAL | StreamFlags::PROBED;
        self.islands.is_empty() && !self.flags.has(unusual)
    }

    /// Whether `sequence` is that of the next byte of a stream without islands.
    pub(crate) fn continues(&self, sequence: u32) -> bool {
        sequence == self.base.wrapping_add(self.next as u32)
    }

    /// Whether bytes beyond a hole were seen.
    pub(crate) fn has_islands(&self) -> bool {
        !self.islands.is_empty()
    }

    /// Counts the packet or packets of a segment of this direction.
    #[inline]
    pub(crate) fn note_packet(&mut self, from: &Packets) {
        let (packets, carry) = self.packets_low.overflowing_add(from.frames);
        self.packets_low = packets;
        self.packets_high = self.packets_high.saturating_add(u8::from(carry));
        self.wire_bytes += from.wire;
        self.captured_bytes += from.captured;
        self.last = self.last.max(from.clock);
    }

    /// Whether a SYN of the other side may have a window scale: not if it answers one without (RFC 7323, 2.2).
    pub(crate) fn answers_scale(&self) -> bool {
        !self.has_syn() || self.window_shift().is_some()
    }

    fn packets(&self) -> u64 {
        u64::from(self.packets_high) << 32 | u64::from(self.packets_low)
    }

    /// Remembers what a packet of this direction says about the other one; `scales` as of [`Self::answers_scale`].
    #[inline]
    pub(crate) fn note_acknowledgement(&mut self, segment: &Control, scales: bool) {
        let mut window = segment.window;
        if segment.flags.syn {
            if let Some(scale) = segment.window_scale.filter(|_| scales) {
                self.scale_and_policy = self.scale_and_policy & 0xf0 | (scale.min(14) + 1);
            }
            // The window of a SYN is never scaled (RFC 7323, 2.2).
            let shift = self.window_shift().unwrap_or(0);
            window = ((u32::from(window) + (1 << shift) - 1) >> shift) as u16;
            self.window = window;
        }
        if segment.flags.ack && !segment.flags.rst {
            self.acknowledge(segment.acknowledgement, window);
        }
    }

    /// Forgets what was acknowledged before the handshake.
    pub(crate) fn forget_acknowledgement(&mut self) {
        self.flags.clear(StreamFlags::ACKNOWLEDGES);
    }

    /// Remembers an acknowledgement and the window beyond it, unless it is an old one.
    #[inline]
    pub(crate) fn acknowledge(&mut self, acknowledgement: u32, window: u16) {
        let ahead = acknowledgement.wrapping_sub(self.acknowledged) as i32;
        if ahead >= 0 || !self.flags.has(StreamFlags::ACKNOWLEDGES) {
            self.acknowledged = acknowledgement;
            self.window = window;
            self.flags.set(StreamFlags::ACKNOWLEDGES);
        }
    }

    /// The highest acknowledgement number that this side sent.
    pub(crate) fn acknowledgement(&self) -> Option<u32> {
        self.flags.has(StreamFlags::ACKNOWLEDGES).then_some(self.acknowledged)
    }

    /// The window that this side last announced, in bytes; at least 64 KiB, as a scale may have been missed.
    pub(crate) fn receive_window(&self) -> u32 {
        (u32::from(self.window) << self.window_shift().unwrap_or(0)).max(0xffff)
    }

    /// The shift that the SYN of this side announced.
    fn window_shift(&self) -> Option<u8> {
        (self.scale_and_policy & 0xf).checked_sub(1)
    }

    /// What the receiver of this direction does with overlaps.
    pub(crate) fn overlap_policy(&self) -> OverlapPolicy {
        OverlapPolicy::ALL.get(usize::from(self.scale_and_policy >> 4)).copied().unwrap_or_default()
    }

    pub(crate) fn set_overlap_policy(&mut self, policy: OverlapPolicy) {
        self.scale_and_policy = self.scale_and_policy & 0xf | (policy as u8) << 4;
    }

    pub(crate) fn flow(&self, slot: u32) -> Flow {
        Flow { slot, number: self.number }
    }

    /// The facts at the end, after [`Placer::close`] told `gaps` bytes of gaps.
    pub(crate) fn summary(&self, span: u64, acknowledged_unseen: u64, reopened: bool) -> Summary {
        Summary {
            span,
            data: self.data,
            gaps: span.saturating_sub(self.data),
            repeated: self.repeated,
            acknowledged_unseen,
            packets: self.packets(),
            out_of_order: self.out_of_order,
            wire_bytes: self.wire_bytes,
            captured_bytes: self.captured_bytes,
            last: self.last,
            syn: self.has_syn(),
            fin: self.flags.has(StreamFlags::FIN),
            reopened,
        }
    }
}
