//! What happened, in numbers: one counter for every anomaly and every reason to reject a frame.

use crate::decode::{Layer, Reject, RejectReason};
use crate::fragment::DropReason;
use crate::sink::CloseReason;

/// Counts of a run. Bytes are payload bytes unless said otherwise.
///
/// The captured payload of all accepted segments equals `data_bytes + repeated_bytes + late_bytes +
/// out_of_window_bytes + after_close_bytes + reset_bytes + unwanted_bytes + refused_bytes`.
///
/// The arrays get longer with every reason that is added: [`rejected_for`](Self::rejected_for),
/// [`dropped_for`](Self::dropped_for) and [`closed_for`](Self::closed_for) read them by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames pushed.
    pub frames: u64,
    /// Captured bytes of all frames.
    pub frame_bytes: u64,
    /// Frames inside of others beyond the first in each (aggregates of 802.11, samples of sFlow): they count
    /// among `segments` and `rejected`, and not among `frames`.
    pub inner_frames: u64,
    /// Frames that gave a TCP segment.
    pub segments: u64,
    /// Frames that gave none, by layer and reason.
    pub rejected: [[u64; RejectReason::COUNT]; Layer::ALL.len()],
    /// Fragments of IP datagrams that were held, those inside of tunnels included. What became of them is in
    /// the counts of datagrams; a datagram that is whole counts as a segment or a rejected frame as well.
    pub fragments: u64,
    /// Datagrams put together from fragments.
    pub whole_datagrams: u64,
    /// Datagrams given up before they were whole, by reason in the order of [`DropReason::ALL`].
    pub dropped_datagrams: [u64; DropReason::ALL.len()],
    /// Fragments of these.
    pub dropped_fragments: u64,
    /// Those of them whose beginning was used as a segment.
    pub incomplete_datagrams: u64,
    /// The most datagrams that were held at once.
    pub max_datagrams: u64,
    /// Fragments that came again.
    pub duplicate_fragments: u64,
    /// Fragments that overlapped others of their datagram, and were used.
    pub fragment_overlaps: u64,
    /// Fragments whose bytes differed from those that came before for the same place.
    pub fragment_conflicts: u64,
    /// First fragments too short for a TCP header (RFC 1858); they are held as all others.
    pub tiny_fragments: u64,
    /// IPv4 fragments before the last one whose length is not a multiple of 8; what is beyond it was cut off.
    pub misaligned_fragments: u64,
    /// Frames captured before an earlier one, by their timestamps.
    pub time_backwards: u64,
    /// Frames whose timestamps were far ahead of those that followed.
    pub time_jumps: u64,
    /// Times the timestamps went back far and stayed there.
    pub time_resets: u64,
    /// IPv4 headers with a wrong checksum, in frames that gave a segment or a fragment, where they are
    /// [counted](crate::decode::Checksums).
    pub ipv4_checksum_errors: u64,
    /// The same of TCP segments.
    pub tcp_checksum_errors: u64,
    /// Connections begun.
    pub connections: u64,
    /// Flows begun: directions with SYN or data.
    pub flows: u64,
    /// Connections closed, by reason in the order of [`CloseReason::ALL`].
    pub closed: [u64; CloseReason::ALL.len()],
    /// The most connections that were in the table at once, lingering ones included.
    pub max_connections: u64,
    /// Captured payload bytes of all segments.
    pub payload_bytes: u64,
    /// Bytes placed in streams.
    pub data_bytes: u64,
    /// Bytes that came again.
    pub repeated_bytes: u64,
    /// Of these, bytes that took the place of earlier ones, as the overlap policy says.
    pub replaced_bytes: u64,
    /// Repeated pieces that the sink found to differ from the earlier copy.
    pub conflicts: u64,
    /// Of these, pieces whose later copy counts.
    pub replaced_conflicts: u64,
    /// Bytes before the point up to which a flow has given up its holes.
    pub late_bytes: u64,
    /// Bytes before the start of a stream.
    pub out_of_window_bytes: u64,
    /// Bytes of connections that had been closed.
    pub after_close_bytes: u64,
    /// Bytes carried by RST segments, which are not part of the stream.
    pub reset_bytes: u64,
    /// Bytes of connections that had not begun while no new ones were wanted.
    pub unwanted_bytes: u64,
    /// Bytes that a receiver would drop, and that [`Check::Refuse`](crate::Check::Refuse) dropped.
    pub refused_bytes: u64,
    /// Segments with an older timestamp than one that the receiver has accepted (PAWS, RFC 7323, 5).
    pub paws_failures: u64,
    /// Segments with bytes beyond the window that the receiver has announced.
    pub beyond_window_segments: u64,
    /// Segments with payload and neither ACK, SYN nor RST, which a receiver drops (RFC 9293, 3.10.7.4).
    pub no_ack_segments: u64,
    /// Segments with a valid urgent pointer (the URG flag).
    pub urgent_segments: u64,
    /// Bytes told as `urgent`; they are in `data_bytes` as well.
    pub urgent_bytes: u64,
    /// Bytes never seen, as told by `gap`.
    pub gap_bytes: u64,
    /// Bytes that a receiver acknowledged and the capture never showed.
    pub acknowledged_unseen_bytes: u64,
    /// Payload bytes that the headers announce and a snap length cut off.
    pub truncated_bytes: u64,
    /// Segments whose payload a snap length cut short.
    pub truncated_segments: u64,
    /// Segments that did not continue their stream where it stood.
    pub out_of_order_segments: u64,
    /// Keepalive segments: at most one byte, just before the next expected one. A byte in them is counted as out of
    /// the window, whatever its value.
    pub keepalives: u64,
    /// Segments that answer a keepalive, and do nothing else.
    pub keepalive_answers: u64,
    /// Connections that began because too much was missing in another one, see
    /// [`Config::max_hole`](crate::Config::max_hole).
    pub split_streams: u64,
    /// Times a flow turned out to begin earlier.
    pub rebased: u64,
    /// Segments without SYN or data that belong to no connection.
    pub stray_segments: u64,
    /// Segments that would have begun a connection while no new ones were wanted.
    pub unwanted_segments: u64,
    /// Segments of connections that had been closed, with payload, SYN or RST.
    pub after_close_segments: u64,
    /// SYN segments that answer a SYN a second time with another sequence number, ignored.
    pub invalid_syns: u64,
    /// RST segments outside the window (RFC 9293, 3.5.3), ignored.
    pub invalid_resets: u64,
    /// FIN segments whose position contradicts bytes seen, or is a jump away, ignored.
    pub invalid_fins: u64,
    /// Segments with bytes beyond an accepted FIN; the bytes are kept, and the FIN does not count any more.
    pub data_after_fin: u64,
    /// Ends that were taken back, as the connection went on.
    pub reopened: u64,
    /// Acknowledgements of what the connection has not sent, before it is established, or of no connection that is
    /// known; they say nothing about lost bytes.
    pub stray_acknowledgements: u64,
    /// Holes given up because no island was free, or the flow had its share.
    pub islands_exhausted: u64,
    /// Segments whose boundaries an overlap policy would have needed and were not kept, as no island was free.
    pub boundaries_lost: u64,
}

impl Counters {
    /// Counts a reject.
    pub(crate) fn reject(&mut self, reject: &Reject) {
        self.rejected[reject.layer as usize][reject.reason.index()] += 1;
    }

    /// Frames that gave no segment.
    #[must_use]
    pub fn rejected_frames(&self) -> u64 {
        self.rejected.iter().flatten().sum()
    }

    /// Frames that gave no segment because of `reason` in a header of `layer`. The number that a reason may carry does
    /// not matter.
    #[must_use]
    pub fn rejected_for(&self, layer: Layer, reason: RejectReason) -> u64 {
        self.rejected[layer as usize][reason.index()]
    }

    /// Datagrams given up for `reason`.
    #[must_use]
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped_datagrams[reason as usize]
    }

    /// Connections closed for `reason`.
    #[must_use]
    pub fn closed_for(&self, reason: CloseReason) -> u64 {
        self.closed[reason as usize]
    }
}
