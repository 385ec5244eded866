//! What an IP datagram carries, by its protocol number (IANA): what is the same in both versions.

use super::{Layer, Next, Reject, RejectReason, ip_in_ip::Inside, peel::Peel};

const TCP: u8 = 6;
const UDP: u8 = 17;
const GRE: u8 = 47;
const AUTHENTICATION: u8 = 51;
const IPCOMP: u8 = 108;
const PIM: u8 = 103;
const L2TP: u8 = 115;
const MPLS: u8 = 137;

/// What the payload of this protocol number begins with; `None` if it leads to no TCP.
#[inline]
pub(super) fn by_protocol(protocol: u8) -> Option<Next> {
    match protocol {
        TCP => Some(Next::Tcp),
        UDP => Some(Next::Udp),
        other => tunnel(other),
    }
}

#[cold]
fn tunnel(protocol: u8) -> Option<Next> {
    match protocol {
        GRE => Some(Next::Gre),
        AUTHENTICATION => Some(Next::Authentication),
        IPCOMP => Some(Next::IpComp),
        PIM if cfg!(feature = "rare") => Some(Next::Pim),
        L2TP => Some(Next::L2tp),
        MPLS => Some(Next::Mpls),
        other => Inside::of(other).map(Next::IpInIp),
    }
}

/// Raw IP: the first nibble is the version.
#[inline]
pub(super) fn by_version(peel: &Peel<'_>, layer: Layer) -> Result<Next, Reject> {
    match peel.bytes.first().map(|byte| byte >> 4) {
        Some(4) => Ok(Next::Ipv4),
        Some(6) => Ok(Next::Ipv6),
        Some(_) => Err(peel.reject(layer, RejectReason::BadVersion)),
        None => Err(peel.reject(layer, RejectReason::Truncated)),
    }
}
