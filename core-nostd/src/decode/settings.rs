//! What the caller decides about decoding: how deep, and where tunnels in UDP are looked for.

use heapless::Vec;

/// How frames are decoded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Tunnels inside each other that are decoded; a frame with more is rejected as too deep.
    /// Default: 8.
    pub max_tunnels: u8,
    /// Whether 802.11 frames with a wrong check sum are rejected, where the capture has it.
    /// Default: `true`.
    pub check_fcs: bool,
    /// What is done about the checksums of IPv4 headers and of TCP.
    /// Default: [`Checksums::Ignore`].
    pub checksums: Checksums,
    /// UDP ports of tunnels besides [`UdpTunnel::ports`].
    /// Default: none.
    pub tunnel_ports: Vec<(UdpTunnel, u16), MAX_TUNNEL_PORTS>,
}

/// What is done about the checksums of IPv4 headers and of TCP. Where not all of the bytes were captured
/// there is nothing to check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// They are not looked at: a host that captures what it sends has not set them yet.
    #[default]
    Ignore,
    /// Wrong ones are told with the segment.
    Count,
    /// What has a wrong one is rejected, as its receiver does.
    Refuse,
}

/// Wrong checksums around a segment, where they are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChecksumErrors {
    /// Of an IPv4 header, a tunnel's included.
    pub ipv4: bool,
    /// Of the segment.
    pub tcp: bool,
}

/// Ports that [`Settings::tunnel_ports`] holds.
pub const MAX_TUNNEL_PORTS: usize = 16;

impl Settings {
    /// The default settings.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_tunnels: 8, check_fcs: true, checksums: Checksums::Ignore, tunnel_ports: Vec::new() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

/// Tunnels in UDP. A datagram on one of their ports is taken for one only where its header is as the
/// specification says; else it is UDP like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UdpTunnel {
    /// VXLAN.
    Vxlan,
    /// VXLAN-GPE.
    VxlanGpe,
    /// Geneve.
    Geneve,
    /// GTP-U.
    Gtp,
    /// L2TP, versions 2 and 3.
    L2tp,
    /// Teredo.
    Teredo,
    /// AYIYA.
    Ayiya,
    /// MPLS in UDP (RFC 7510).
    Mpls,
    /// GRE in UDP (RFC 8086).
    Gre,
    /// sFlow, whose samples hold frames.
    Sflow,
    /// CAPWAP data.
    Capwap,
    /// TZSP.
    Tzsp,
    /// Juniper's packet mirroring.
    JuniperMirror,
    /// What access points send of the air: PEEKREMOTE, Aruba's formats.
    PeekRemote,
    /// LISP data.
    Lisp,
    /// GUE.
    Gue,
    /// An IP datagram without any header of a tunnel, at ports of the caller's only.
    Ip,
}

impl UdpTunnel {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Vxlan,
        Self::VxlanGpe,
        Self::Geneve,
        Self::Gtp,
        Self::L2tp,
        Self::Teredo,
        Self::Ayiya,
        Self::Mpls,
        Self::Gre,
        Self::Sflow,
        Self::Capwap,
        Self::Tzsp,
        Self::JuniperMirror,
        Self::PeekRemote,
        Self::Lisp,
        Self::Gue,
        Self::Ip,
    ];

    /// A name for options.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vxlan => "vxlan",
            Self::VxlanGpe => "vxlan-gpe",
            Self::Geneve => "geneve",
            Self::Gtp => "gtp",
            Self::L2tp => "l2tp",
            Self::Teredo => "teredo",
            Self::Ayiya => "ayiya",
            Self::Mpls => "mpls",
            Self::Gre => "gre",
            Self::Sflow => "sflow",
            Self::Capwap => "capwap",
            Self::Tzsp => "tzsp",
            Self::JuniperMirror => "jmirror",
            Self::PeekRemote => "peekremote",
            Self::Lisp => "lisp",
            Self::Gue => "gue",
            Self::Ip => "ip",
        }
    }

    /// The ports where it is looked for: those assigned to it or usual, and the one that Linux gave VXLAN before.
    #[must_use]
    pub const fn ports(self) -> &'static [u16] {
        match self {
            Self::Vxlan => &[4789, 8472],
            Self::VxlanGpe => &[4790],
            Self::Geneve => &[6081],
            Self::Gtp => &[2152],
            Self::L2tp => &[1701],
            Self::Teredo => &[3544],
            Self::Ayiya => &[5072],
            Self::Mpls => &[6635],
            Self::Gre => &[4754],
            Self::Sflow => &[6343],
            Self::Capwap => &[5247],
            Self::Tzsp => &[37008],
            Self::JuniperMirror => &[30030],
            Self::PeekRemote => &[5000, 5555],
            Self::Lisp => &[4341],
            Self::Gue => &[6080],
            Self::Ip => &[],
        }
    }

    /// The tunnel between these ports. Where the port of the source counts too, both sides are not servers.
    pub(super) fn between(source: u16, destination: u16, settings: &Settings) -> Option<Self> {
        Self::at(destination, settings).or_else(|| {
            Self::at(source, settings).filter(|tunnel| {
                matches!(tunnel, Self::L2tp | Self::Teredo | Self::Ayiya | Self::Capwap | Self::Ip)
            })
        })
    }

    /// A port of the caller's goes before those that are assigned.
    fn at(port: u16, settings: &Settings) -> Option<Self> {
        if let Some((tunnel, _)) = settings.tunnel_ports.iter().find(|(_, own)| *own == port) {
            return Some(*tunnel);
        }
        Some(match port {
            4789 | 8472 => Self::Vxlan,
            4790 => Self::VxlanGpe,
            6081 => Self::Geneve,
            2152 => Self::Gtp,
            1701 => Self::L2tp,
            3544 => Self::Teredo,
            5072 => Self::Ayiya,
            6635 => Self::Mpls,
            4754 => Self::Gre,
            6343 => Self::Sflow,
            5247 => Self::Capwap,
            37008 => Self::Tzsp,
            30030 => Self::JuniperMirror,
            5000 | 5555 => Self::PeekRemote,
            4341 => Self::Lisp,
            6080 => Self::Gue,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Settings, UdpTunnel};

    #[test]
    fn every_tunnel_is_found_at_its_ports() {
        for tunnel in UdpTunnel::ALL {
            for port in tunnel.ports() {
                assert_eq!(UdpTunnel::between(50_000, *port, &Settings::default()), Some(tunnel));
            }
        }
    }

    #[test]
    fn the_port_of_the_source_counts_where_answers_come_from_it() {
        let none = Settings::default();
        assert_eq!(UdpTunnel::between(3544, 50_000, &none), Some(UdpTunnel::Teredo));
        assert_eq!(UdpTunnel::between(4789, 50_000, &none), None);
    }

    #[test]
    fn a_port_of_the_callers_is_one_more() {
        let mut settings = Settings::default();
        settings.tunnel_ports.push((UdpTunnel::Geneve, 47_101)).expect("room");
        assert_eq!(UdpTunnel::between(9, 47_101, &settings), Some(UdpTunnel::Geneve));
        assert_eq!(UdpTunnel::between(9, 6081, &settings), Some(UdpTunnel::Geneve));
        settings.tunnel_ports.push((UdpTunnel::Ip, 4789)).expect("room");
        assert_eq!(UdpTunnel::between(9, 4789, &settings), Some(UdpTunnel::Ip));
        assert_eq!(UdpTunnel::between(4789, 9, &settings), Some(UdpTunnel::Ip));
    }
}
