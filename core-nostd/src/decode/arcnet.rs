//! ARCNET as BSD (`LINKTYPE_ARCNET_BSD`) and Linux (`LINKTYPE_ARCNET_LINUX`) capture it: IP by RFC 1051, or by
//! RFC 1201 with a header that may split a datagram over frames.

use super::{Layer, Next, Reject, RejectReason, peel::Peel};

const IP_RFC_1051: u8 = 0xf0;
const IP_RFC_1201: u8 = 0xd4;
const ARP_RFC_1201: u8 = 0xd5;
const RARP_RFC_1201: u8 = 0xd6;
const IPV6: u8 = 0xc4;

/// A split flag that says that four bytes more come first, because of the frame's length.
const EXCEPTION: u8 = 0xff;

/// Source, destination, protocol.
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let &[_, _, protocol] = peel.header::<[u8; 3]>(Layer::Link)?;
    follow(peel, protocol, offset)
}

/// Linux puts the place in the card's memory before the protocol.
pub(super) fn peel_linux(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let &[_, _, _, _, protocol] = peel.header::<[u8; 5]>(Layer::Link)?;
    follow(peel, protocol, offset)
}

fn follow(peel: &mut Peel<'_>, protocol: u8, offset: usize) -> Result<Next, Reject> {
    let reject = |reason| Err(Reject { layer: Layer::Link, reason, offset });
    if protocol == IP_RFC_1051 {
        return Ok(Next::Ipv4);
    }
    if let IP_RFC_1201 | ARP_RFC_1201 | RARP_RFC_1201 | IPV6 = protocol {
        let &[mut split, _, _] = peel.header::<[u8; 3]>(Layer::Link)?;
        if split == EXCEPTION {
            let &[_, after, _, _] = peel.header::<[u8; 4]>(Layer::Link)?;
            split = after;
        }
        if split != 0 && matches!(protocol, IP_RFC_1201 | IPV6) {
            return reject(RejectReason::Fragment);
        }
    }
    match protocol {
        IP_RFC_1201 => Ok(Next::Ipv4),
        IPV6 => Ok(Next::Ipv6),
        other => reject(RejectReason::NotIp(other.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    #[test]
    fn both_ways_to_carry_ip_are_known_and_a_split_datagram_is_a_fragment() {
        for header in [&[0xf0][..], &[0xd4, 0, 0, 1], &[0xd4, 0xff, 0xff, 0xff, 0xd4, 0, 0, 1]] {
            is_hello(whole(LinkType::ARCNET_BSD, &join(&[&[1, 2], header, &ipv4()])));
            is_hello(whole(LinkType::ARCNET_LINUX, &join(&[&[1, 2, 0, 0], header, &ipv4()])));
        }
        is_hello(whole(LinkType::ARCNET_BSD, &join(&[&[1, 2, 0xc4, 0, 0, 1], &ipv6()])));
        let split = join(&[&[1, 2, 0xd4, 3, 0, 1], &ipv4()]);
        assert_eq!(rejected(LinkType::ARCNET_BSD, &split).reason, RejectReason::Fragment);
        let arp = join(&[&[1, 2, 0xd5, 0, 0, 1], &[0; 8]]);
        assert_eq!(rejected(LinkType::ARCNET_BSD, &arp).reason, RejectReason::NotIp(0xd5));
    }
}
