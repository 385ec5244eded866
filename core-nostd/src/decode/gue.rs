//! Protocols of IP directly in UDP: GUE (draft-ietf-intarea-gue), and Linux's "foo over UDP" without any header.

use super::{
    Layer, Next, Reject, RejectReason, ip,
    look::looks_like_ip,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

/// Of the first byte: two bits of version, a control message, the length of what is optional in words of 4 bytes.
const VERSION: u8 = 0xc0;
const CONTROL: u8 = 0x20;
const LENGTH: u8 = 0x1f;
/// Version 1: there is no header, and an IP datagram begins with its own version.
const DIRECT: u8 = 0x40;
/// Before the optional part.
const HEADER: usize = 4;
/// No next header: a keepalive.
const NOTHING: u8 = 59;

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let &[first, protocol, ..] = peel.peek::<[u8; HEADER]>(Layer::Gue)?;
    match first & VERSION {
        0 => {}
        DIRECT => return datagram(peel, plain, TunnelKind::Gue),
        _ => return Err(plain),
    }
    let size = HEADER + usize::from(first & LENGTH) * 4;
    if size > peel.len {
        return Err(plain);
    }
    if first & CONTROL != 0 {
        return Err(peel.reject(Layer::Gue, RejectReason::Control));
    }
    if protocol == NOTHING {
        return Err(peel.reject(Layer::Gue, RejectReason::Empty));
    }
    let Some(next) = ip::by_protocol(protocol) else { return Err(plain) };
    peel.enter(Layer::Gue, TunnelKind::Gue, None, Identity::Addresses)?;
    peel.advance(size, Layer::Gue)?;
    Ok(next)
}

/// A datagram without a header of a tunnel: its own header has to be valid.
#[cold]
pub(super) fn peel_ip(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    datagram(peel, plain, TunnelKind::IpInUdp)
}

fn datagram(peel: &mut Peel<'_>, plain: Reject, kind: TunnelKind) -> Result<Next, Reject> {
    if !looks_like_ip(peel.bytes, peel.len) {
        let is_cut = peel.bytes.len() < peel.len && peel.bytes.len() < 40;
        return Err(if is_cut { peel.reject(Layer::Gue, RejectReason::Truncated) } else { plain });
    }
    peel.enter(Layer::Gue, kind, None, Identity::Addresses)?;
    Ok(Next::Ip)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::examples::*;
    use super::super::{RejectReason, Settings, UdpTunnel, decode_with};
    use crate::frame::{Frame, LinkType, Timestamp};
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    #[test]
    fn a_protocol_number_says_what_is_behind_the_optional_part() {
        for (header, rest) in [
            (&[0, 4, 0, 0][..], ipv4()),
            (&[0, 41, 0, 0], ipv6()),
            (&[2, 4, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], ipv4()),
            (&[0, 47, 0, 0], join(&[&[0, 0, 8, 0], &ipv4()])),
        ] {
            let bytes = udp(6080, &join(&[header, &rest]));
            let segment = whole(IPV4, &bytes).expect("a segment");
            assert_eq!(segment.link.tunnels.first().map(|tunnel| tunnel.kind), Some(TunnelKind::Gue));
            assert_ne!(segment.domain, 0);
            is_hello(Ok(segment));
        }
        // TCP without an inner datagram is between the outer addresses.
        let bytes = udp(6080, &join(&[&[0, 6, 0, 0], &TCP, PAYLOAD]));
        let segment = whole(IPV4, &bytes).expect("a segment");
        assert_eq!((segment.payload, segment.key.source), (PAYLOAD, [203, 0, 113, 1].into()));
    }

    #[test]
    fn version_1_is_a_datagram_as_it_is() {
        assert_eq!(tunnels(IPV4, &udp(6080, &ipv4())).0, tunnel(TunnelKind::Gue, None));
        assert_eq!(tunnels(IPV4, &udp(6080, &ipv6())).0, tunnel(TunnelKind::Gue, None));
    }

    #[test]
    fn control_is_told_and_what_is_out_of_place_is_plain_udp() {
        for (header, reason) in [
            ([0x20, 4, 0, 0], RejectReason::Control),
            ([0, 59, 0, 0], RejectReason::Empty),
            ([0x80, 4, 0, 0], RejectReason::NotTcp(17)),
            ([0x1f, 4, 0, 0], RejectReason::NotTcp(17)),
            ([0, 1, 0, 0], RejectReason::NotTcp(17)),
            ([0x40, 4, 0, 0], RejectReason::NotTcp(17)),
        ] {
            assert_eq!(rejected(IPV4, &udp(6080, &join(&[&header, &ipv4()]))).reason, reason, "{header:?}");
        }
    }

    #[test]
    fn a_datagram_as_it_is_has_a_port_of_the_callers() {
        let mut settings = Settings::default();
        settings.tunnel_ports.push((UdpTunnel::Ip, 5555)).expect("room");
        let of = |payload: &[u8]| {
            let bytes = udp(5555, payload);
            let frame = Frame { link: IPV4, time: Timestamp(0), wire_len: bytes.len() as u32, bytes: &bytes };
            let segment = decode_with(&frame, &settings).map(|segment| {
                assert_eq!(segment.link.tunnels.to_vec(), tunnel(TunnelKind::IpInUdp, None));
                (segment.payload.to_vec(), segment.domain != 0)
            });
            segment.map_err(|reject| reject.reason)
        };
        assert_eq!(of(&ipv4()), Ok((PAYLOAD.to_vec(), true)));
        assert_eq!(of(&ipv6()), Ok((PAYLOAD.to_vec(), true)));
        let mut wrong = ipv4();
        wrong[10] = 1;
        assert_eq!(of(&wrong), Err(RejectReason::NotTcp(17)));
        assert_eq!(rejected(IPV4, &udp(5554, &ipv4())).reason, RejectReason::NotTcp(17));
    }
}
