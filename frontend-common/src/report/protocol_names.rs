//! Names of protocol numbers that captures hold besides TCP, as people say them. Numbers without a
//! common name have none here.

/// EtherTypes (IEEE 802 numbers of IANA).
pub(super) fn ether_type(number: u32) -> Option<&'static str> {
    Some(match number {
        0x0806 => "ARP",
        0x0842 => "Wake-on-LAN",
        0x22ea => "SRP",
        0x22f0 => "AVTP",
        0x22f3 => "TRILL",
        0x22f4 => "TRILL IS-IS",
        0x6001..=0x6007 => "DEC",
        0x8035 => "RARP",
        0x809b => "AppleTalk",
        0x80f3 => "AppleTalk ARP",
        0x8137 | 0x8138 => "IPX",
        0x8808 => "Ethernet flow control",
        0x8809 => "LACP",
        0x8863 => "PPPoE discovery",
        0x888e => "EAPOL",
        0x8892 => "PROFINET",
        0x8899 => "Realtek",
        0x88a2 => "ATA over Ethernet",
        0x88a4 => "EtherCAT",
        0x88b5 | 0x88b6 => "local experimental",
        0x88b8 => "GOOSE",
        0x88ba => "IEC sampled values",
        0x88cc => "LLDP",
        0x88e1 | 0x893a | 0x887b => "powerline (HomePlug, IEEE 1905)",
        0x88e5 => "MACsec",
        0x88e7 => "PBB",
        0x88fb => "PRP supervision",
        0x88f5 => "MVRP",
        0x88f7 => "PTP",
        0x8902 => "CFM",
        0x8906 | 0x8914 => "FCoE",
        0x8915 => "RoCE",
        0x894f => "NSH",
        0x9000 => "Ethernet loopback",
        _ => return None,
    })
}

/// Pairs of 802.2 service access points, and SNAP numbers of Cisco.
pub(super) fn llc(number: u32) -> Option<&'static str> {
    Some(match number {
        0x4242 => "STP",
        0x010b => "PVST",
        0x2000 => "CDP",
        0x2003 => "VTP",
        0x2004 => "DTP",
        0x0111 => "UDLD",
        0xe0e0 | 0xffff => "IPX",
        0xf0f0 | 0xf0f1 => "NetBEUI",
        0xfefe => "OSI",
        _ => return None,
    })
}

/// PPP protocols.
pub(super) fn ppp(number: u32) -> Option<&'static str> {
    Some(match number {
        0x002b => "IPX",
        0x002d | 0x002f => "compressed TCP headers (RFC 1144)",
        0x003d => "multilink PPP",
        0x0053 => "encrypted PPP",
        0x00fb | 0x00fd => "compressed PPP",
        0x8021 => "IPCP",
        0x8053 => "ECP",
        0x8057 => "IPV6CP",
        0x80fd => "CCP",
        0xc021 => "LCP",
        0xc023 => "PAP",
        0xc025 => "LQR",
        0xc223 => "CHAP",
        0xc227 => "EAP",
        _ => return None,
    })
}

/// Protocols of Cisco HDLC, EtherTypes but for its own.
pub(super) fn hdlc(number: u32) -> Option<&'static str> {
    Some(match number {
        0x8035 => "SLARP",
        0x2000 => "CDP",
        0xfefe => "OSI",
        other => return ether_type(other),
    })
}

/// IP protocols.
pub(super) fn ip(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "ICMP",
        2 => "IGMP",
        8 => "EGP",
        17 => "UDP",
        33 => "DCCP",
        46 => "RSVP",
        50 => "ESP",
        58 => "ICMPv6",
        59 => "IPv6 without payload",
        88 => "EIGRP",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        113 => "PGM",
        124 => "IS-IS in IP",
        132 => "SCTP",
        136 => "UDP-Lite",
        _ => return None,
    })
}

/// Link types of captures that are met and not decoded.
pub(super) fn link_type(number: u32) -> Option<&'static str> {
    Some(match number {
        3 | 202 => "AX.25",
        8 => "SLIP",
        18 | 246 => "PFSYNC",
        139 | 140 => "MTP2",
        141 => "MTP3",
        142 => "SCCP",
        143 => "DOCSIS",
        147..=162 => "private use",
        186 | 189 | 220 | 249 | 266 | 288 => "USB",
        187 | 201 | 251 | 254..=256 | 272 => "Bluetooth",
        190 | 227 => "CAN",
        191 | 195 | 215 | 230 | 283 => "802.15.4",
        210 => "FlexRay",
        212 => "LIN",
        217 | 218 => "GSMTAP",
        224 | 225 => "Fibre Channel",
        247 => "InfiniBand",
        248 => "SCTP",
        252 => "exported PDU",
        253 => "Netlink",
        271 => "vsock",
        _ => return None,
    })
}
