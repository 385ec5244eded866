//! Datagrams and frames directly in IP: IPv4 in IP (RFC 2003, RFC 2473), IPv6 in IP (RFC 4213, RFC 2473),
//! EtherIP (RFC 3378) and Ethernet in IP (RFC 8986, 4.9).

use super::{
    Layer, Next, Reject, RejectReason,
    peel::{Identity, Ip, Peel},
};
use crate::tunnel::TunnelKind;

/// Version 3 and 12 reserved bits.
const ETHERIP: [u8; 2] = [0x30, 0];

/// What is inside, by its protocol number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    Ipv4,
    Ipv6,
    EtherIp,
    Ethernet,
}

impl Inside {
    #[inline]
    pub(super) const fn of(protocol: u8) -> Option<Self> {
        match protocol {
            4 => Some(Self::Ipv4),
            41 => Some(Self::Ipv6),
            97 => Some(Self::EtherIp),
            143 => Some(Self::Ethernet),
            _ => None,
        }
    }
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, inside: Inside) -> Result<Next, Reject> {
    let layer = if matches!(peel.ip, Ip::V6(_)) { Layer::Ipv6 } else { Layer::Ipv4 };
    match inside {
        Inside::Ipv4 => {
            peel.enter(layer, TunnelKind::IpInIp, None, Identity::Addresses)?;
            Ok(Next::Ipv4)
        }
        Inside::Ipv6 => {
            // 6to4 (RFC 3056) may go through another relay each way, and its addresses are unique.
            let identity = if is_6to4(peel.bytes) { Identity::None } else { Identity::Addresses };
            peel.enter(layer, TunnelKind::IpInIp, None, identity)?;
            Ok(Next::Ipv6)
        }
        Inside::EtherIp => {
            if peel.peek::<[u8; 2]>(layer)? != &ETHERIP {
                return Err(peel.reject(layer, RejectReason::BadVersion));
            }
            peel.enter(layer, TunnelKind::EtherIp, None, Identity::Addresses)?;
            peel.advance(2, layer)?;
            Ok(Next::Ethernet)
        }
        Inside::Ethernet => {
            peel.enter(layer, TunnelKind::EtherIp, None, Identity::Addresses)?;
            Ok(Next::Ethernet)
        }
    }
}

/// Whether one of the addresses of an IPv6 header is of 6to4.
fn is_6to4(bytes: &[u8]) -> bool {
    [8, 24].iter().any(|at| bytes.get(*at..*at + 2) == Some(&[0x20, 0x02]))
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    #[test]
    fn both_versions_carry_both_and_the_outer_addresses_are_told() {
        let v6_around = |protocol: u8, rest: &[u8]| ipv6_with(protocol, rest);
        for (link, bytes) in [
            (IPV4, around(4, &ipv4())),
            (IPV4, around(41, &ipv6())),
            (LinkType::IPV6, v6_around(4, &ipv4())),
            (LinkType::IPV6, v6_around(41, &ipv6())),
        ] {
            let (listed, domain) = tunnels(link, &bytes);
            assert_eq!(listed, tunnel(TunnelKind::IpInIp, None));
            assert_ne!(domain, 0);
        }
        let bytes = around(4, &ipv4());
        let outer = whole(IPV4, &bytes).expect("a segment").link.outer;
        assert_eq!(outer, Some(([203, 0, 113, 1].into(), [203, 0, 113, 2].into())));
    }

    #[test]
    fn relays_of_6to4_may_differ_by_direction() {
        let mut inner = ipv6();
        inner[8..10].copy_from_slice(&[0x20, 0x02]);
        let bytes = around(41, &inner);
        assert_eq!(whole(IPV4, &bytes).map(|segment| segment.domain), Ok(0));
    }

    #[test]
    fn ethernet_comes_with_the_header_of_etherip_or_without() {
        let frame = ethernet(&[8, 0]);
        is_hello(whole(IPV4, &around(97, &join(&[&[0x30, 0], &frame]))));
        is_hello(whole(LinkType::IPV6, &ipv6_with(143, &frame)));
        let reject = rejected(IPV4, &around(97, &join(&[&[0x40, 0], &frame])));
        assert_eq!(reject.reason, RejectReason::BadVersion);
    }

    #[test]
    fn eight_tunnels_are_decoded_and_a_ninth_is_too_deep() {
        let mut bytes = ipv4();
        for depth in 1..=9 {
            bytes = around(4, &bytes);
            match whole(IPV4, &bytes) {
                Ok(segment) => assert!(depth <= 8 && segment.link.tunnels.len() == depth.min(4)),
                Err(reject) => assert_eq!((depth, reject.reason), (9, RejectReason::TooDeep)),
            }
        }
    }
}
