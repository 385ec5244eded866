//! One datagram that is being put together, and what is told when it is given up.

use core::hash::{Hash, Hasher};
use core::net::IpAddr;

use siphasher::sip::SipHasher13;

use super::extents::ExtentList;
use crate::decode::{Context, PartKind, Piece, RejectReason};
use crate::frame::Timestamp;

/// What makes fragments belong together: RFC 791, 3.2, RFC 8200, 4.5, RFC 5415, 3.4, within one VLAN and tunnel; of
/// 802.11 it is the MAC addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) id: u32,
    /// 0 for IPv6, where it does not count.
    pub(super) protocol: u8,
    pub(super) kind: PartKind,
    pub(super) domain: u32,
}

impl Key {
    pub(super) fn new(piece: &Piece<'_>) -> Self {
        let Piece { context, part, .. } = piece;
        let (source, destination) = match part.kind {
            PartKind::Wifi => (by_mac(context.link.source_mac), by_mac(context.link.destination_mac)),
            _ => (context.source, context.destination),
        };
        Self {
            source,
            destination,
            id: part.id,
            protocol: if part.kind == PartKind::Ipv6 { 0 } else { part.protocol },
            kind: part.kind,
            domain: context.domain,
        }
    }

    pub(super) fn hash(&self, key: &[u8; 16]) -> usize {
        let mut hasher = SipHasher13::new_with_key(key);
        Hash::hash(self, &mut hasher);
        hasher.finish() as usize
    }
}

/// A MAC address in the room of an IP address.
fn by_mac(mac: Option<[u8; 6]>) -> IpAddr {
    let mut octets = [0; 16];
    octets[..6].copy_from_slice(&mac.unwrap_or_default());
    IpAddr::from(octets)
}

/// The frames of a datagram, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packets {
    /// How many.
    pub(crate) frames: u32,
    /// Their lengths on the wire.
    pub(crate) wire: u64,
    /// Their captured lengths.
    pub(crate) captured: u64,
    /// When the last one was captured, by its own time.
    pub(crate) time: Timestamp,
    /// The same by the reassembler's clock.
    pub(crate) clock: Timestamp,
    /// The datagram that they were put together to.
    pub(crate) datagram: Option<u32>,
}

impl Packets {
    pub(super) fn add(&mut self, more: &Self) {
        self.frames = self.frames.saturating_add(more.frames);
        self.wire = self.wire.saturating_add(more.wire);
        self.captured = self.captured.saturating_add(more.captured);
        self.time = more.time;
        self.clock = more.clock;
    }
}

/// A datagram that is being put together: storage only, see [`FragmentStorage`](crate::FragmentStorage).
#[derive(Clone, Debug)]
pub struct Datagram {
    /// `None` where the entry is not in use.
    pub(super) key: Option<Key>,
    pub(super) kind: PartKind,
    /// Of the fragment at offset 0 once it is there, else of the first one to arrive.
    pub(crate) context: Context,
    /// When its first fragment arrived, by the reassembler's clock.
    pub(super) born: Timestamp,
    pub(crate) packets: Packets,
    pub(super) extents: ExtentList,
    /// Bytes in `extents`.
    pub(super) covered: u32,
    /// Its length in bytes, once the last fragment is there.
    pub(super) end: Option<u16>,
    /// Of 802.11, the length of every fragment but the last; 0 before one of them has come.
    pub(super) unit: u16,
    /// End of what has been seen of it.
    pub(super) highest: u16,
    /// Nothing of it is wanted any more, and why.
    pub(super) refused: Option<RejectReason>,
    /// First entry with the hash of this place, plus 1.
    pub(super) bucket: u32,
    /// Next entry with the same hash, or next free one, plus 1.
    pub(super) chain: u32,
    /// Neighbours by age, plus 1.
    pub(super) older: u32,
    pub(super) newer: u32,
}

impl Datagram {
    pub(super) const fn new() -> Self {
        Self {
            key: None,
            kind: PartKind::Ipv4,
            context: Context::NONE,
            born: Timestamp(0),
            packets: Packets {
                frames: 0,
                wire: 0,
                captured: 0,
                time: Timestamp(0),
                clock: Timestamp(0),
                datagram: None,
            },
            extents: ExtentList::EMPTY,
            covered: 0,
            end: None,
            unit: 0,
            highest: 0,
            refused: None,
            bucket: 0,
            chain: 0,
            older: 0,
            newer: 0,
        }
    }

    /// What is told of it when it is given up for `reason`.
    pub(crate) fn dropped(&self, reason: DropReason, used: bool) -> DroppedDatagram {
        DroppedDatagram {
            source: self.context.source,
            destination: self.context.destination,
            id: self.key.map_or(0, |key| key.id),
            fragments: self.packets.frames,
            bytes: self.covered,
            len: self.end,
            reason,
            beginning_used: used,
        }
    }
}

impl Default for Datagram {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a datagram was given up before it was whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// Not all fragments came in time.
    TimedOut,
    /// There was no room, and this was the oldest one.
    Evicted,
    /// It is longer, or has more fragments, than there is room for.
    TooLarge,
    /// Its fragments overlap, which is not allowed in IPv6 (RFC 5722), and forbidden in IPv4 by
    /// [`FragmentPolicy::Discard`](crate::FragmentPolicy).
    Overlap,
    /// The fragment at offset 0, which was not the first to come, says that there is no TCP in it.
    NotTcp,
    /// The input ended.
    EndOfInput,
}

impl DropReason {
    /// All reasons, in the order of their counters.
    pub const ALL: [Self; 6] =
        [Self::TimedOut, Self::Evicted, Self::TooLarge, Self::Overlap, Self::NotTcp, Self::EndOfInput];

    /// A word or two for reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TimedOut => "timed-out",
            Self::Evicted => "evicted",
            Self::TooLarge => "too-large",
            Self::Overlap => "overlap",
            Self::NotTcp => "not-tcp",
            Self::EndOfInput => "end-of-input",
        }
    }
}

/// A datagram that was given up before it was whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedDatagram {
    /// Address of the sender; unspecified for fragments of 802.11.
    pub source: IpAddr,
    /// Address of the receiver; likewise.
    pub destination: IpAddr,
    /// The identification of its fragments.
    pub id: u32,
    /// Fragments that came.
    pub fragments: u32,
    /// Bytes of its payload that they cover.
    pub bytes: u32,
    /// Length of its payload in bytes; known from the last fragment only.
    pub len: Option<u16>,
    /// Why.
    pub reason: DropReason,
    /// Whether the bytes before its first hole were used as a segment, cut short.
    pub beginning_used: bool,
}
