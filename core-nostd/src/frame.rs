//! What comes in: frames as a capture file or a driver delivers them.
//!
//! A [`Frame`] is borrowed bytes with the facts that travel beside them; nothing here looks inside.

use core::fmt;

use zerocopy::FromZeros;

/// Time on the capture's own clock: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, FromZeros)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Nanoseconds in one second.
    pub const SECOND: u64 = 1_000_000_000;

    /// From whole seconds and the nanoseconds beyond them; saturates in the year 2554.
    #[must_use]
    pub const fn new(seconds: u64, nanoseconds: u32) -> Self {
        Self(seconds.saturating_mul(Self::SECOND).saturating_add(nanoseconds as u64))
    }

    /// Whole seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / Self::SECOND
    }

    /// Nanoseconds beyond the whole seconds, below 1,000,000,000.
    #[must_use]
    pub const fn subsec_nanos(self) -> u32 {
        (self.0 % Self::SECOND) as u32
    }

    /// Nanoseconds from `earlier` to `self`; 0 where the clock went backwards.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A link-layer header type, numbered as in the `LINKTYPE_` registry of pcap and pcapng files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// BSD loopback, address family in the capturing host's byte order.
    pub const NULL: Self = Self(0);
    /// Ethernet (DIX or 802.3).
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without HDLC-like framing (RFC 1662).
    pub const PPP: Self = Self(9);
    /// Raw IP, the value some BSDs write.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP, the value OpenBSD writes.
    pub const RAW_OPENBSD: Self = Self(14);
    /// PPP in HDLC-like framing.
    pub const PPP_HDLC: Self = Self(50);
    /// PPP over Ethernet, session stage (RFC 2516).
    pub const PPP_ETHER: Self = Self(51);
    /// Raw IP: the first nibble is the version.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback, address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture.
    pub const LINUX_SLL: Self = Self(113);
    /// PPP preceded by a direction byte.
    pub const PPP_WITH_DIR: Self = Self(204);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// IP over InfiniBand.
    pub const IPOIB: Self = Self(242);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
    /// Token Ring.
    pub const IEEE802_5: Self = Self(6);
    /// ARCNET as BSD captures it.
    pub const ARCNET_BSD: Self = Self(7);
    /// FDDI.
    pub const FDDI: Self = Self(10);
    /// Cisco HDLC.
    pub const C_HDLC: Self = Self(104);
    /// 802.11 without radio header.
    pub const IEEE802_11: Self = Self(105);
    /// Frame Relay.
    pub const FRELAY: Self = Self(107);
    /// What the packet filter of the BSDs logs.
    pub const PFLOG: Self = Self(117);
    /// 802.11 behind a Prism or AVS header.
    pub const IEEE802_11_PRISM: Self = Self(119);
    /// 802.11 behind radiotap.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// ARCNET as Linux captures it.
    pub const ARCNET_LINUX: Self = Self(129);
    /// 802.11 behind an AVS header.
    pub const IEEE802_11_AVS: Self = Self(163);
    /// Per-packet information, mostly before 802.11.
    pub const PPI: Self = Self(192);
    /// Frame Relay preceded by a direction byte.
    pub const FRELAY_WITH_DIR: Self = Self(206);
    /// What Linux's netfilter logs.
    pub const NFLOG: Self = Self(239);
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::NULL => "NULL",
            Self::ETHERNET => "ETHERNET",
            Self::PPP => "PPP",
            Self::RAW_BSD | Self::RAW_OPENBSD | Self::RAW => "RAW",
            Self::PPP_HDLC => "PPP_HDLC",
            Self::PPP_ETHER => "PPP_ETHER",
            Self::LOOP => "LOOP",
            Self::LINUX_SLL => "LINUX_SLL",
            Self::PPP_WITH_DIR => "PPP_WITH_DIR",
            Self::IPV4 => "IPV4",
            Self::IPV6 => "IPV6",
            Self::IPOIB => "IPOIB",
            Self::LINUX_SLL2 => "LINUX_SLL2",
            Self::IEEE802_5 => "IEEE802_5",
            Self::ARCNET_BSD => "ARCNET_BSD",
            Self::FDDI => "FDDI",
            Self::C_HDLC => "C_HDLC",
            Self::IEEE802_11 => "IEEE802_11",
            Self::FRELAY => "FRELAY",
            Self::PFLOG => "PFLOG",
            Self::IEEE802_11_PRISM => "IEEE802_11_PRISM",
            Self::IEEE802_11_RADIOTAP => "IEEE802_11_RADIOTAP",
            Self::ARCNET_LINUX => "ARCNET_LINUX",
            Self::IEEE802_11_AVS => "IEEE802_11_AVS",
            Self::PPI => "PPI",
            Self::FRELAY_WITH_DIR => "FRELAY_WITH_DIR",
            Self::NFLOG => "NFLOG",
            Self(other) => return write!(f, "link type {other}"),
        };
        write!(f, "{name} (link type {})", self.0)
    }
}

/// One captured frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// What the first byte of `bytes` belongs to.
    pub link: LinkType,
    /// When it was captured.
    pub time: Timestamp,
    /// Length on the wire in bytes; at least `bytes.len()` unless the capture says otherwise.
    pub wire_len: u32,
    /// The bytes that were captured.
    pub bytes: &'a [u8],
}
