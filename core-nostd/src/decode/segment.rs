//! What decoding ends in: a TCP segment with the facts of the layers around it.

use core::fmt;

use super::settings::ChecksumErrors;
use crate::flow::{FlowKey, LinkInfo};

/// The flags of a TCP header (RFC 9293, 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpFlags {
    /// No more data from the sender.
    pub fin: bool,
    /// Synchronise sequence numbers.
    pub syn: bool,
    /// Reset the connection.
    pub rst: bool,
    /// The acknowledgement number is valid.
    pub ack: bool,
    /// The urgent pointer is valid.
    pub urg: bool,
}

impl TcpFlags {
    /// What most segments have.
    pub(crate) const ACK_ONLY: Self = Self { fin: false, syn: false, rst: false, ack: true, urg: false };
}

/// One TCP segment, its payload borrowed from the frame.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Segment<'a> {
    /// Addresses and ports, from sender to receiver.
    pub key: FlowKey,
    /// Tells apart connections whose addresses and ports are the same: 0 without VLAN tags and tunnels, else
    /// a number made of them, the same in both directions (exact for two tags, a hash for more, and of
    /// tunnels). Priority tags do not count; of a tunnel counts what both directions have: the network
    /// identifier of VXLAN, Geneve and NVGRE, the service of PBB, the instance of LISP, the session of PPPoE, the
    /// outer addresses of GRE, IP-in-IP, GTP-U, L2TP, AYIYA, CAPWAP, GUE and IP in UDP. Nothing of MPLS, 6to4,
    /// Teredo, TRILL, FabricPath, NSH, B.A.T.M.A.N. advanced, PIM, copies for a monitor, VN-tag and E-tag does.
    pub domain: u32,
    /// MAC addresses, VLAN tags and tunnels.
    pub link: LinkInfo,
    /// Sequence number of the first payload byte, or of the SYN.
    pub sequence: u32,
    /// Acknowledgement number; meaningful with [`TcpFlags::ack`].
    pub acknowledgement: u32,
    /// Control flags.
    pub flags: TcpFlags,
    /// Wrong checksums, with [`Checksums::Count`](super::Checksums).
    pub checksum_errors: ChecksumErrors,
    /// The window field as it stands in the header, unscaled.
    pub window: u16,
    /// The shift of a window scale option (RFC 7323), at most 14.
    pub window_scale: Option<u8>,
    /// The sender's clock in a timestamps option (RFC 7323, 3.2).
    pub timestamp: Option<u32>,
    /// The urgent pointer: where urgent data ends, in bytes from `sequence`; meaningful with [`TcpFlags::urg`].
    pub urgent_pointer: u16,
    /// The captured payload; shorter than `payload_len` where the frame was cut by a snap length.
    pub payload: &'a [u8],
    /// The payload's length in bytes by the headers, or by the frame's length on the wire where the IP
    /// header has 0; at most 2^30 where less was captured.
    pub payload_len: u32,
}

/// What a segment says about where its connection stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) flags: TcpFlags,
    pub(crate) window: u16,
    pub(crate) window_scale: Option<u8>,
    pub(crate) timestamp: Option<u32>,
    pub(crate) payload_len: u32,
}

impl Segment<'_> {
    #[inline]
    pub(crate) fn control(&self) -> Control {
        Control {
            sequence: self.sequence,
            acknowledgement: self.acknowledgement,
            flags: self.flags,
            window: self.window,
            window_scale: self.window_scale,
            timestamp: self.timestamp,
            payload_len: self.payload_len,
        }
    }
}

/// The header in which decoding stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// The link-layer header of the capture.
    Link,
    /// An 802.1Q, 802.1ad or 0x9100 tag, a VN-tag or an E-tag.
    Vlan,
    /// 802.2 LLC or SNAP.
    Llc,
    /// PPP over Ethernet.
    Pppoe,
    /// PPP.
    Ppp,
    /// IPv4.
    Ipv4,
    /// IPv6, the fixed header.
    Ipv6,
    /// An IPv6 extension header.
    Ipv6Extension,
    /// TCP.
    Tcp,
    /// 802.11.
    Wifi,
    /// Cisco HDLC.
    Hdlc,
    /// MPLS.
    Mpls,
    /// An authentication header or compressed payload behind IPv4, compressed payload behind IPv6.
    IpSec,
    /// GRE.
    Gre,
    /// ERSPAN.
    Erspan,
    /// L2TP.
    L2tp,
    /// UDP.
    Udp,
    /// Teredo.
    Teredo,
    /// AYIYA.
    Ayiya,
    /// VXLAN, VXLAN-GPE.
    Vxlan,
    /// Geneve.
    Geneve,
    /// GTP-U.
    Gtp,
    /// sFlow.
    Sflow,
    /// A tag of a switch, between an Ethernet header and its type or before both.
    Tag,
    /// MACsec.
    Macsec,
    /// NSH.
    Nsh,
    /// PBB, TRILL, FabricPath, B.A.T.M.A.N. advanced: frames in frames.
    Fabric,
    /// CAPWAP.
    Capwap,
    /// A copy for a monitor: TZSP, Juniper's mirror, PEEKREMOTE, Aruba's formats, TECMP.
    Mirror,
    /// LISP.
    Lisp,
    /// PIM.
    Pim,
    /// GUE, and IP directly in UDP.
    Gue,
}

impl Layer {
    /// All layers, in the order of their counters.
    pub const ALL: [Self; 32] = [
        Self::Link,
        Self::Vlan,
        Self::Llc,
        Self::Pppoe,
        Self::Ppp,
        Self::Ipv4,
        Self::Ipv6,
        Self::Ipv6Extension,
        Self::Tcp,
        Self::Wifi,
        Self::Hdlc,
        Self::Mpls,
        Self::IpSec,
        Self::Gre,
        Self::Erspan,
        Self::L2tp,
        Self::Udp,
        Self::Teredo,
        Self::Ayiya,
        Self::Vxlan,
        Self::Geneve,
        Self::Gtp,
        Self::Sflow,
        Self::Tag,
        Self::Macsec,
        Self::Nsh,
        Self::Fabric,
        Self::Capwap,
        Self::Mirror,
        Self::Lisp,
        Self::Pim,
        Self::Gue,
    ];

    /// The layer's usual name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link layer",
            Self::Vlan => "VLAN tag",
            Self::Llc => "LLC",
            Self::Pppoe => "PPPoE",
            Self::Ppp => "PPP",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Ipv6Extension => "IPv6 extension header",
            Self::Tcp => "TCP",
            Self::Wifi => "802.11",
            Self::Hdlc => "Cisco HDLC",
            Self::Mpls => "MPLS",
            Self::IpSec => "IPsec",
            Self::Gre => "GRE",
            Self::Erspan => "ERSPAN",
            Self::L2tp => "L2TP",
            Self::Udp => "UDP",
            Self::Teredo => "Teredo",
            Self::Ayiya => "AYIYA",
            Self::Vxlan => "VXLAN",
            Self::Geneve => "Geneve",
            Self::Gtp => "GTP-U",
            Self::Sflow => "sFlow",
            Self::Tag => "switch tag",
            Self::Macsec => "MACsec",
            Self::Nsh => "NSH",
            Self::Fabric => "frame in frame",
            Self::Capwap => "CAPWAP",
            Self::Mirror => "mirrored frame",
            Self::Lisp => "LISP",
            Self::Pim => "PIM",
            Self::Gue => "GUE",
        }
    }
}

/// Why a frame gave no segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectReason {
    /// The header ends beyond the captured bytes.
    Truncated,
    /// A length field is smaller than its own header, leaves no room for the next one, or is larger
    /// than what carries it.
    BadLength,
    /// The version field is not the one that the layer below announced.
    BadVersion,
    /// The capture's link type is not decoded.
    UnknownLinkType(u32),
    /// The payload is not IP: an EtherType, or a PPP protocol, or an address family.
    NotIp(u32),
    /// The payload is not TCP: an IP protocol number.
    NotTcp(u8),
    /// A fragment of an IP datagram or of an 802.11 or CAPWAP frame, which cannot stand for the whole, and there is no room to hold it.
    Fragment,
    /// A fragment that ends beyond the longest datagram there is (the "ping of death").
    FragmentTooLong,
    /// A fragment that contradicts others of its datagram about where it ends.
    FragmentMismatch,
    /// A fragment of a datagram whose fragments overlap where that is not allowed (RFC 5722).
    FragmentOverlap,
    /// More headers or tunnels inside each other than are decoded.
    TooDeep,
    /// The payload is encrypted.
    Encrypted,
    /// The payload is compressed, and was not or could not be expanded.
    Compressed,
    /// A management frame of 802.11.
    Management,
    /// A frame or message that controls the link or tunnel and carries nothing of anybody else's.
    Control,
    /// There is no payload where there could be one.
    Empty,
    /// Neither the header nor the payload tells what the payload is.
    Unclear,
    /// The checksum is wrong.
    BadChecksum,
}

impl RejectReason {
    /// How many reasons there are.
    pub const COUNT: usize = 18;

    /// Position of this reason's counter, below [`Self::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Truncated => 0,
            Self::BadLength => 1,
            Self::BadVersion => 2,
            Self::UnknownLinkType(_) => 3,
            Self::NotIp(_) => 4,
            Self::NotTcp(_) => 5,
            Self::Fragment => 6,
            Self::TooDeep => 7,
            Self::Encrypted => 8,
            Self::Compressed => 9,
            Self::Management => 10,
            Self::Control => 11,
            Self::Empty => 12,
            Self::Unclear => 13,
            Self::BadChecksum => 14,
            Self::FragmentTooLong => 15,
            Self::FragmentMismatch => 16,
            Self::FragmentOverlap => 17,
        }
    }
}

/// A frame that gives no segment, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The header that ended it.
    pub layer: Layer,
    /// Why.
    pub reason: RejectReason,
    /// Where that header starts, in bytes from the start of the frame.
    pub offset: usize,
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layer = self.layer.name();
        match self.reason {
            RejectReason::Truncated => write!(f, "{layer} cut short"),
            RejectReason::BadLength => write!(f, "{layer} with an impossible length"),
            RejectReason::BadVersion => write!(f, "{layer} with a wrong version"),
            RejectReason::UnknownLinkType(n) => write!(f, "link type {n} is not decoded"),
            RejectReason::NotIp(n) => write!(f, "{layer}: protocol {n:#06x} is not IP"),
            RejectReason::NotTcp(n) => write!(f, "{layer}: protocol {n} is not TCP"),
            RejectReason::Fragment => write!(f, "{layer} fragment"),
            RejectReason::FragmentTooLong => write!(f, "{layer} fragment beyond 64 KiB"),
            RejectReason::FragmentMismatch => write!(f, "{layer} fragment that contradicts others"),
            RejectReason::FragmentOverlap => write!(f, "{layer} fragment of a datagram with overlaps"),
            RejectReason::TooDeep => write!(f, "{layer}: too many headers inside each other"),
            RejectReason::Encrypted => write!(f, "{layer} is encrypted"),
            RejectReason::Compressed => write!(f, "{layer} is compressed"),
            RejectReason::Management => write!(f, "{layer} management"),
            RejectReason::Control => write!(f, "{layer} control"),
            RejectReason::Empty => write!(f, "{layer} without payload"),
            RejectReason::Unclear => write!(f, "{layer} does not tell what it carries"),
            RejectReason::BadChecksum => write!(f, "{layer} with a wrong checksum"),
        }?;
        write!(f, " (at byte {})", self.offset)
    }
}
