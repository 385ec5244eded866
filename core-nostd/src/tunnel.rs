//! Tunnels around a datagram: what they are called and what tells one from another.

/// Tunnels that [`LinkInfo`](crate::LinkInfo) lists; deeper ones are decoded too and tell connections apart.
pub const MAX_TUNNELS: usize = 4;

/// One tunnel around a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tunnel {
    /// Its protocol.
    pub kind: TunnelKind,
    /// The number in its header, where it has one, as [`TunnelKind`] says. It may be another one in the
    /// other direction.
    pub id: Option<u32>,
}

/// Protocols that carry datagrams or frames in others, and what their [`Tunnel::id`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TunnelKind {
    /// MPLS; the label at the bottom of the stack.
    Mpls,
    /// PPP over Ethernet; the session.
    Pppoe,
    /// GRE, also with PPTP, WCCP or Ethernet inside; the key.
    Gre,
    /// ERSPAN; the session.
    Erspan,
    /// IPv4 or IPv6 directly in IPv4 or IPv6.
    IpInIp,
    /// Ethernet in IP, with or without the header of EtherIP.
    EtherIp,
    /// Compressed IP payload; the compression parameter index.
    IpComp,
    /// Teredo.
    Teredo,
    /// AYIYA.
    Ayiya,
    /// VXLAN and VXLAN-GPE; the network identifier.
    Vxlan,
    /// Geneve; the network identifier.
    Geneve,
    /// GTP-U; the tunnel endpoint identifier.
    Gtp,
    /// L2TP; the session of version 3, the tunnel (high 16 bits) and session of version 2.
    L2tp,
    /// VN-tag; source and destination interface.
    VnTag,
    /// E-tag of 802.1BR; the E-channel identifier.
    ETag,
    /// A frame sampled by sFlow.
    Sflow,
    /// NSH; the service path.
    Nsh,
    /// Provider backbone bridges; the service identifier.
    Pbb,
    /// TRILL; egress (high 16 bits) and ingress nickname.
    Trill,
    /// FabricPath; the tree.
    FabricPath,
    /// B.A.T.M.A.N. advanced.
    Batman,
    /// TECMP.
    Tecmp,
    /// CAPWAP.
    Capwap,
    /// TZSP.
    Tzsp,
    /// Juniper's packet mirroring; the session.
    JuniperMirror,
    /// What an access point sends of the air: PEEKREMOTE, Aruba's formats.
    AirMirror,
    /// LISP; the instance.
    Lisp,
    /// A register of PIM.
    PimRegister,
    /// GUE.
    Gue,
    /// An IP datagram directly in UDP.
    IpInUdp,
}

impl TunnelKind {
    /// The usual name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mpls => "MPLS",
            Self::Pppoe => "PPPoE",
            Self::Gre => "GRE",
            Self::Erspan => "ERSPAN",
            Self::IpInIp => "IP-in-IP",
            Self::EtherIp => "EtherIP",
            Self::IpComp => "IPComp",
            Self::Teredo => "Teredo",
            Self::Ayiya => "AYIYA",
            Self::Vxlan => "VXLAN",
            Self::Geneve => "Geneve",
            Self::Gtp => "GTP-U",
            Self::L2tp => "L2TP",
            Self::VnTag => "VN-tag",
            Self::ETag => "E-tag",
            Self::Sflow => "sFlow",
            Self::Nsh => "NSH",
            Self::Pbb => "PBB",
            Self::Trill => "TRILL",
            Self::FabricPath => "FabricPath",
            Self::Batman => "batman-adv",
            Self::Tecmp => "TECMP",
            Self::Capwap => "CAPWAP",
            Self::Tzsp => "TZSP",
            Self::JuniperMirror => "Juniper-mirror",
            Self::AirMirror => "PEEKREMOTE",
            Self::Lisp => "LISP",
            Self::PimRegister => "PIM-register",
            Self::Gue => "GUE",
            Self::IpInUdp => "IP-in-UDP",
        }
    }
}
