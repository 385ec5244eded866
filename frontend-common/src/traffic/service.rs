//! Services by port, and the names of well-known ones.

use std::fmt;

/// What a packet belongs to, by one of its ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// A port of TCP.
    Tcp(u16),
    /// A port of UDP.
    Udp(u16),
    /// No port: other protocols, fragments, and what is too little to be listed.
    #[default]
    Other,
}

impl Service {
    /// The service of packets between two ports: the one that has a name, the lower one where both have or neither.
    #[must_use]
    #[inline]
    pub fn of(ports: [Self; 2]) -> Self {
        let [a, b] = ports;
        match (a.has_name(), b.has_name()) {
            (true, false) => a,
            (false, true) => b,
            _ => a.min(b),
        }
    }

    /// The name of a well-known port.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Tcp(port) => port_name(port, true),
            Self::Udp(port) => port_name(port, false),
            Self::Other => None,
        }
    }

    /// A number of its own; 0 for [`Service::Other`].
    #[inline]
    pub(super) fn code(self) -> u32 {
        match self {
            Self::Other => 0,
            Self::Tcp(port) => 1 << 16 | u32::from(port),
            Self::Udp(port) => 2 << 16 | u32::from(port),
        }
    }

    /// The service of a code.
    pub(super) fn of_code(code: u32) -> Self {
        let port = code as u16;
        match code >> 16 {
            1 => Self::Tcp(port),
            2 => Self::Udp(port),
            _ => Self::Other,
        }
    }

    /// Whether it is a well-known port. Looked up for each packet.
    #[inline]
    fn has_name(self) -> bool {
        static TCP_NAMED: [u64; 1024] = named(&TCP);
        static UDP_NAMED: [u64; 1024] = named(&UDP);
        let (named, port) = match self {
            Self::Tcp(port) => (&TCP_NAMED, port),
            Self::Udp(port) => (&UDP_NAMED, port),
            Self::Other => return false,
        };
        named[usize::from(port) / 64] >> (port % 64) & 1 == 1
    }

    /// The number, where there is one.
    #[must_use]
    pub fn port(self) -> Option<u16> {
        match self {
            Self::Tcp(port) | Self::Udp(port) => Some(port),
            Self::Other => None,
        }
    }
}

/// `443 HTTPS`, `443/udp QUIC`, `41670`, `other`.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(port) => write!(f, "{port}")?,
            Self::Udp(port) => write!(f, "{port}/udp")?,
            Self::Other => return f.write_str("other"),
        }
        self.name().map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

/// Ports of TCP by name, in their order: services that are met in captures (IANA's registry, and common use where
/// that differs).
const TCP: [(u16, &str); 78] = [
    (7, "echo"),
    (20, "FTP data"),
    (21, "FTP"),
    (22, "SSH"),
    (23, "Telnet"),
    (25, "SMTP"),
    (43, "whois"),
    (49, "TACACS"),
    (53, "DNS"),
    (70, "Gopher"),
    (79, "finger"),
    (80, "HTTP"),
    (88, "Kerberos"),
    (102, "S7/TSAP"),
    (110, "POP3"),
    (111, "portmap"),
    (113, "ident"),
    (119, "NNTP"),
    (135, "MS RPC"),
    (139, "NetBIOS"),
    (143, "IMAP"),
    (179, "BGP"),
    (194, "IRC"),
    (389, "LDAP"),
    (427, "SLP"),
    (443, "HTTPS"),
    (445, "SMB"),
    (464, "kpasswd"),
    (465, "SMTPS"),
    (502, "Modbus"),
    (513, "rlogin"),
    (514, "rsh"),
    (515, "LPD"),
    (548, "AFP"),
    (554, "RTSP"),
    (587, "submission"),
    (631, "IPP"),
    (636, "LDAPS"),
    (853, "DNS TLS"),
    (873, "rsync"),
    (902, "VMware"),
    (989, "FTPS data"),
    (990, "FTPS"),
    (993, "IMAPS"),
    (995, "POP3S"),
    (1080, "SOCKS"),
    (1194, "OpenVPN"),
    (1352, "Notes"),
    (1433, "MS SQL"),
    (1521, "Oracle"),
    (1723, "PPTP"),
    (1883, "MQTT"),
    (2049, "NFS"),
    (2404, "IEC 104"),
    (3128, "proxy"),
    (3260, "iSCSI"),
    (3306, "MySQL"),
    (3389, "RDP"),
    (4444, "Metasploit"),
    (5060, "SIP"),
    (5061, "SIPS"),
    (5222, "XMPP"),
    (5432, "PostgreSQL"),
    (5672, "AMQP"),
    (5900, "VNC"),
    (5985, "WinRM"),
    (5986, "WinRM TLS"),
    (6379, "Redis"),
    (6667, "IRC"),
    (6881, "BitTorrent"),
    (8000, "HTTP"),
    (8080, "HTTP"),
    (8443, "HTTPS"),
    (8883, "MQTT TLS"),
    (9200, "Elastic"),
    (11211, "memcached"),
    (20000, "DNP3"),
    (27017, "MongoDB"),
];

/// Ports of UDP by name, in their order.
const UDP: [(u16, &str); 30] = [
    (53, "DNS"),
    (67, "DHCP"),
    (68, "DHCP"),
    (69, "TFTP"),
    (88, "Kerberos"),
    (111, "portmap"),
    (123, "NTP"),
    (137, "NetBIOS"),
    (138, "NetBIOS"),
    (161, "SNMP"),
    (162, "SNMP trap"),
    (389, "CLDAP"),
    (443, "QUIC"),
    (500, "IKE"),
    (514, "syslog"),
    (520, "RIP"),
    (546, "DHCPv6"),
    (547, "DHCPv6"),
    (1194, "OpenVPN"),
    (1701, "L2TP"),
    (1812, "RADIUS"),
    (1813, "RADIUS"),
    (1900, "SSDP"),
    (3478, "STUN"),
    (4500, "IPsec"),
    (5060, "SIP"),
    (5353, "mDNS"),
    (5355, "LLMNR"),
    (5683, "CoAP"),
    (51820, "WireGuard"),
];

/// A bit for each port, set where it has a name.
const fn named(names: &[(u16, &str)]) -> [u64; 1024] {
    let mut bits = [0; 1024];
    let mut place = 0;
    while place < names.len() {
        let port = names[place].0;
        bits[(port / 64) as usize] |= 1 << (port % 64);
        place += 1;
    }
    bits
}

/// The name of a port of TCP, or else of UDP.
#[must_use]
pub fn port_name(port: u16, tcp: bool) -> Option<&'static str> {
    let names: &[(u16, &str)] = if tcp { &TCP } else { &UDP };
    let at = names.binary_search_by_key(&port, |(number, _)| *number).ok()?;
    names.get(at).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_each_port_has_one() {
        for names in [&TCP[..], &UDP] {
            assert!(names.is_sorted_by(|a, b| a.0 < b.0));
        }
        for port in 0..=u16::MAX {
            for service in [Service::Tcp(port), Service::Udp(port)] {
                assert_eq!(service.has_name(), service.name().is_some());
                assert_eq!(Service::of_code(service.code()), service);
            }
        }
        assert_eq!(Service::Tcp(443).to_string(), "443 HTTPS");
        assert_eq!(Service::Udp(443).to_string(), "443/udp QUIC");
        assert_eq!(Service::Udp(40_000).to_string(), "40000/udp");
        assert_eq!(Service::Other.to_string(), "other");
    }

    #[test]
    fn the_service_is_the_port_with_a_name_or_the_lower_one() {
        let of = |a, b| Service::of([Service::Tcp(a), Service::Tcp(b)]);
        assert_eq!(of(49_152, 443), Service::Tcp(443));
        assert_eq!(of(8080, 1024), Service::Tcp(8080));
        assert_eq!(of(1024, 1025), Service::Tcp(1024));
        assert_eq!(of(443, 80), Service::Tcp(80));
    }
}
