//! L2TP: version 2 (RFC 2661) carries PPP in UDP; version 3 (RFC 3931) carries any link layer, in UDP or
//! directly in IP.
//!
//! Of version 3 only the control connection says how long the cookie is, whether a sublayer header follows and
//! what the session carries. A reading is chosen that leads to an IP header whose lengths fit and whose check
//! sum is right; where none does the frame is rejected.

use zerocopy::big_endian::{U16, U32};

use super::{
    Layer, Next, Reject, RejectReason,
    look::behind,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

const CONTROL: u16 = 0x8000;
const LENGTH: u16 = 0x4000;
const SEQUENCE: u16 = 0x0800;
const OFFSET: u16 = 0x0200;
const VERSION: u16 = 0x000f;
/// Bits that are 0 in both versions.
const RESERVED: u16 = 0x34f0;

/// Lengths of a cookie (none, 4, 8) and a sublayer header (none, 4) together.
const PREFIXES: [usize; 4] = [0, 4, 8, 12];

#[cold]
pub(super) fn peel_udp(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let flags = peel.peek::<U16>(Layer::L2tp)?.get();
    if flags & RESERVED != 0 {
        return Err(plain);
    }
    match flags & VERSION {
        2 | 3 if flags & CONTROL != 0 => Err(peel.reject(Layer::L2tp, RejectReason::Control)),
        2 => peel_v2(peel, flags, plain),
        3 if flags == 3 => {
            let &[_, _, reserved_high, reserved_low, ..] = peel.peek::<[u8; 8]>(Layer::L2tp)?;
            if (reserved_high, reserved_low) != (0, 0) {
                return Err(plain);
            }
            session(peel, 4)
        }
        _ => Err(plain),
    }
}

/// Directly in IP: a session of 0 is the control connection.
#[cold]
pub(super) fn peel_ip(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    session(peel, 0)
}

fn peel_v2(peel: &mut Peel<'_>, flags: u16, plain: Reject) -> Result<Next, Reject> {
    let mut ahead = peel.clone();
    ahead.advance(2, Layer::L2tp)?;
    let length =
        if flags & LENGTH == 0 { peel.len } else { usize::from(ahead.header::<U16>(Layer::L2tp)?.get()) };
    let id = ahead.header::<U32>(Layer::L2tp)?.get();
    if flags & SEQUENCE != 0 {
        ahead.advance(4, Layer::L2tp)?;
    }
    if flags & OFFSET != 0 {
        let padding = ahead.header::<U16>(Layer::L2tp)?.get();
        ahead.advance(padding.into(), Layer::L2tp)?;
    }
    let size = ahead.offset - peel.offset;
    if length < size || length > peel.len {
        return Err(plain);
    }
    // Tunnel and session have other numbers in the other direction.
    peel.enter(Layer::L2tp, TunnelKind::L2tp, Some(id), Identity::Addresses)?;
    peel.limit_len(length);
    peel.advance(size, Layer::L2tp)?;
    Ok(Next::Ppp)
}

/// The session of version 3, `at` so many bytes, and what follows it.
fn session(peel: &mut Peel<'_>, at: usize) -> Result<Next, Reject> {
    let start = peel.offset;
    let mut ahead = peel.clone();
    ahead.advance(at, Layer::L2tp)?;
    let session = ahead.header::<U32>(Layer::L2tp)?.get();
    if session == 0 {
        return Err(peel.reject(Layer::L2tp, RejectReason::Control));
    }
    if let Some((prefix, next)) = behind(&PREFIXES, ahead.bytes, ahead.len) {
        peel.enter(Layer::L2tp, TunnelKind::L2tp, Some(session), Identity::Addresses)?;
        peel.advance(at + 4 + prefix, Layer::L2tp)?;
        return Ok(next);
    }
    let is_cut = ahead.bytes.len() < ahead.len;
    let reason = if is_cut { RejectReason::Truncated } else { RejectReason::Unclear };
    Err(Reject { layer: Layer::L2tp, reason, offset: start })
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    #[test]
    fn version_2_carries_ppp_behind_its_optional_fields() {
        let ppp = join(&[&[0xff, 3, 0, 0x21], &ipv4()]);
        for fields in [
            &[0, 2, 0, 1, 0, 2][..],
            &[0x40, 2, 0, 57, 0, 1, 0, 2],
            &[0x48, 2, 0, 61, 0, 1, 0, 2, 0, 3, 0, 4],
            &[0x02, 2, 0, 1, 0, 2, 0, 2, 9, 9],
        ] {
            let (listed, domain) = tunnels(IPV4, &udp(1701, &join(&[fields, &ppp])));
            assert_eq!(listed, tunnel(TunnelKind::L2tp, 0x0001_0002));
            assert_ne!(domain, 0);
        }
    }

    #[test]
    fn version_3_is_read_so_that_it_leads_to_ip() {
        let vlan = ethernet(&[0x81, 0, 0, 5, 8, 0]);
        let payloads = [
            ethernet(&[8, 0]),
            vlan,
            ipv4(),
            ipv6(),
            join(&[&[0xff, 3, 0, 0x21], &ipv4()]),
            join(&[&[0x0f, 0, 8, 0], &ipv4()]),
        ];
        for payload in payloads {
            for prefix in
                [&[][..], &[1, 2, 3, 4], &[1, 2, 3, 4, 5, 6, 7, 8], &[1, 2, 3, 4, 5, 6, 7, 8, 0x40, 0, 0, 1]]
            {
                let session = join(&[&[0, 0, 0, 9], prefix, &payload]);
                assert_eq!(tunnels(IPV4, &around(115, &session)).0, tunnel(TunnelKind::L2tp, 9));
                is_hello(whole(IPV4, &udp(1701, &join(&[&[0, 3, 0, 0], &session]))));
            }
        }
    }

    #[test]
    fn control_other_versions_and_payload_that_leads_nowhere_are_rejected() {
        for (bytes, reason) in [
            (udp(1701, &[0xc8, 2, 0, 12, 0, 1, 0, 0, 0, 0, 0, 0]), RejectReason::Control),
            (udp(1701, &[0xc8, 3, 0, 12, 0, 1, 0, 0, 0, 0, 0, 0]), RejectReason::Control),
            (around(115, &[0, 0, 0, 0, 0xc8, 3, 0, 12]), RejectReason::Control),
            (udp(1701, &[0, 1, 0, 1, 0, 2, 0xff, 3]), RejectReason::NotTcp(17)),
            (udp(1701, &[0x10, 2, 0, 1, 0, 2, 0xff, 3]), RejectReason::NotTcp(17)),
            (udp(1701, &[0x40, 2, 0, 99, 0, 1, 0, 2]), RejectReason::NotTcp(17)),
            (around(115, &join(&[&[0, 0, 0, 9], &[0x42; 60]])), RejectReason::Unclear),
        ] {
            assert_eq!(rejected(IPV4, &bytes).reason, reason, "{bytes:?}");
        }
    }
}
