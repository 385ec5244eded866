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
