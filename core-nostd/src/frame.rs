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
    /// AAL5 of ATM (RFC 2684), the value that old systems write.
    pub const ATM_RFC1483_BSD: Self = Self(11);
    /// Classical IP over ATM, the value that old systems write.
    pub const ATM_CLIP_BSD: Self = Self(19);
    /// AAL5 of ATM (RFC 2684).
    pub const ATM_RFC1483: Self = Self(100);
    /// Classical IP over ATM of Linux.
    pub const ATM_CLIP: Self = Self(106);
    /// What the IPsec interface of the BSDs captures, in clear.
    pub const ENC: Self = Self(109);
    /// IP over Fibre Channel (RFC 2625).
    pub const IP_OVER_FC: Self = Self(122);
    /// ATM behind the header of SunATM.
    pub const SUNATM: Self = Self(123);
    /// TZSP, mostly before 802.11.
    pub const TZSP: Self = Self(128);
    /// Juniper: multilink PPP.
    pub const JUNIPER_MLPPP: Self = Self(130);
    /// Juniper: multilink Frame Relay.
    pub const JUNIPER_MLFR: Self = Self(131);
    /// Juniper: an encryption card.
    pub const JUNIPER_ES: Self = Self(132);
    /// Juniper: a gateway of mobile networks.
    pub const JUNIPER_GGSN: Self = Self(133);
    /// Juniper: multilink Frame Relay (FRF.16).
    pub const JUNIPER_MFR: Self = Self(134);
    /// Juniper: an ATM card of the second kind.
    pub const JUNIPER_ATM2: Self = Self(135);
    /// Juniper: an adaptive services card.
    pub const JUNIPER_SERVICES: Self = Self(136);
    /// Juniper: an ATM card of the first kind.
    pub const JUNIPER_ATM1: Self = Self(137);
    /// IP over FireWire.
    pub const APPLE_IP_OVER_IEEE1394: Self = Self(138);
    /// PKTAP of older macOS, a number for private use.
    pub const PKTAP_PRIVATE: Self = Self(149);
    /// Juniper: a monitoring card.
    pub const JUNIPER_MONITOR: Self = Self(164);
    /// PPP with a direction in place of the address.
    pub const PPP_PPPD: Self = Self(166);
    /// Juniper: PPP over Ethernet.
    pub const JUNIPER_PPPOE: Self = Self(167);
    /// Juniper: PPP over Ethernet over ATM.
    pub const JUNIPER_PPPOE_ATM: Self = Self(168);
    /// Juniper: a card's peer.
    pub const JUNIPER_PIC_PEER: Self = Self(174);
    /// ERF records, with Ethernet.
    pub const ERF_ETH: Self = Self(175);
    /// ERF records, with packets over SONET.
    pub const ERF_POS: Self = Self(176);
    /// Juniper: Ethernet.
    pub const JUNIPER_ETHER: Self = Self(178);
    /// Juniper: PPP.
    pub const JUNIPER_PPP: Self = Self(179);
    /// Juniper: Frame Relay.
    pub const JUNIPER_FRELAY: Self = Self(180);
    /// Juniper: Cisco HDLC.
    pub const JUNIPER_CHDLC: Self = Self(181);
    /// Multilink Frame Relay (FRF.16).
    pub const MFR: Self = Self(182);
    /// Juniper: a voice card.
    pub const JUNIPER_VP: Self = Self(183);
    /// Juniper: internal services.
    pub const JUNIPER_ISM: Self = Self(194);
    /// ERF records.
    pub const ERF: Self = Self(197);
    /// Juniper: a secure tunnel.
    pub const JUNIPER_ST: Self = Self(200);
    /// Cisco HDLC preceded by a direction byte.
    pub const C_HDLC_WITH_DIR: Self = Self(205);
    /// MPLS, from the first label on.
    pub const MPLS: Self = Self(219);
    /// Juniper: virtual services.
    pub const JUNIPER_VS: Self = Self(232);
    /// Juniper: an SRX firewall, end to end.
    pub const JUNIPER_SRX_E2E: Self = Self(233);
    /// Juniper: Fibre Channel.
    pub const JUNIPER_FIBRECHANNEL: Self = Self(234);
    /// Juniper: a circuit emulation card.
    pub const JUNIPER_ATM_CEMIC: Self = Self(238);
    /// Ethernet behind the header of netANALYZER.
    pub const NETANALYZER: Self = Self(240);
    /// Ethernet with its preamble behind the header of netANALYZER.
    pub const NETANALYZER_TRANSPARENT: Self = Self(241);
    /// Frames of several interfaces of macOS.
    pub const PKTAP: Self = Self(258);
    /// Ethernet behind the preamble of a passive optical network.
    pub const EPON: Self = Self(259);
    /// Ethernet with the tag of Broadcom's switches behind the addresses.
    pub const DSA_TAG_BRCM: Self = Self(281);
    /// Ethernet behind the tag of Broadcom's switches.
    pub const DSA_TAG_BRCM_PREPEND: Self = Self(282);
    /// Ethernet with the tag of Marvell's switches behind the addresses.
    pub const DSA_TAG_DSA: Self = Self(284);
    /// Ethernet with the longer tag of Marvell's switches behind the addresses.
    pub const DSA_TAG_EDSA: Self = Self(285);
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
            Self::ATM_CLIP | Self::ATM_CLIP_BSD => "ATM_CLIP",
            Self::ENC => "ENC",
            Self::IP_OVER_FC => "IP_OVER_FC",
            Self::SUNATM => "SUNATM",
            Self::TZSP => "TZSP",
            Self::JUNIPER_MLPPP => "JUNIPER_MLPPP",
            Self::JUNIPER_MLFR => "JUNIPER_MLFR",
            Self::JUNIPER_ES => "JUNIPER_ES",
            Self::JUNIPER_GGSN => "JUNIPER_GGSN",
            Self::JUNIPER_MFR => "JUNIPER_MFR",
            Self::JUNIPER_ATM2 => "JUNIPER_ATM2",
            Self::JUNIPER_SERVICES => "JUNIPER_SERVICES",
            Self::JUNIPER_ATM1 => "JUNIPER_ATM1",
            Self::APPLE_IP_OVER_IEEE1394 => "APPLE_IP_OVER_IEEE1394",
            Self::JUNIPER_MONITOR => "JUNIPER_MONITOR",
            Self::PPP_PPPD => "PPP_PPPD",
            Self::JUNIPER_PPPOE => "JUNIPER_PPPOE",
            Self::JUNIPER_PPPOE_ATM => "JUNIPER_PPPOE_ATM",
            Self::JUNIPER_PIC_PEER => "JUNIPER_PIC_PEER",
            Self::ERF_ETH => "ERF_ETH",
            Self::ERF_POS => "ERF_POS",
            Self::JUNIPER_ETHER => "JUNIPER_ETHER",
            Self::JUNIPER_PPP => "JUNIPER_PPP",
            Self::JUNIPER_FRELAY => "JUNIPER_FRELAY",
            Self::JUNIPER_CHDLC => "JUNIPER_CHDLC",
            Self::MFR => "MFR",
            Self::JUNIPER_VP => "JUNIPER_VP",
            Self::JUNIPER_ISM => "JUNIPER_ISM",
            Self::ERF => "ERF",
            Self::JUNIPER_ST => "JUNIPER_ST",
            Self::C_HDLC_WITH_DIR => "C_HDLC_WITH_DIR",
            Self::MPLS => "MPLS",
            Self::JUNIPER_VS => "JUNIPER_VS",
            Self::JUNIPER_SRX_E2E => "JUNIPER_SRX_E2E",
            Self::JUNIPER_FIBRECHANNEL => "JUNIPER_FIBRECHANNEL",
            Self::JUNIPER_ATM_CEMIC => "JUNIPER_ATM_CEMIC",
            Self::NETANALYZER => "NETANALYZER",
            Self::NETANALYZER_TRANSPARENT => "NETANALYZER_TRANSPARENT",
            Self::EPON => "EPON",
            Self::DSA_TAG_BRCM => "DSA_TAG_BRCM",
            Self::DSA_TAG_BRCM_PREPEND => "DSA_TAG_BRCM_PREPEND",
            Self::DSA_TAG_DSA => "DSA_TAG_DSA",
            Self::DSA_TAG_EDSA => "DSA_TAG_EDSA",
            Self::ATM_RFC1483 | Self::ATM_RFC1483_BSD => "ATM_RFC1483",
            Self::PKTAP | Self::PKTAP_PRIVATE => "PKTAP",
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
