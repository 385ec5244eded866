//! Teredo (RFC 4380): IPv6 in UDP, behind an authentication and an origin indication.
//!
//! One end is a relay, and each direction may use another one; addresses inside are unique, so that nothing
//! of the tunnel has to tell connections apart.

use super::{
    Layer, Next, Reject, RejectReason,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

const AUTHENTICATION: [u8; 2] = [0, 1];
const ORIGIN: [u8; 2] = [0, 0];
/// An obfuscated port and address.
const ORIGIN_SIZE: usize = 8;
/// Besides a client identifier and an authentication value: both lengths, a nonce, a confirmation.
const AUTHENTICATION_SIZE: usize = 13;

/// Prefixes of a Teredo address: the assigned one, that of the trial before.
const PREFIXES: [[u8; 4]; 2] = [[0x20, 0x01, 0, 0], [0x3f, 0xfe, 0x83, 0x1f]];
/// Link-local addresses are in use until the client has its own.
const LINK_LOCAL: [u8; 2] = [0xfe, 0x80];

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let bytes = peel.bytes;
    let mut size = 0;
    if bytes.starts_with(&AUTHENTICATION)
        && let Some(&[client, value]) = bytes.get(2..4)
    {
        size += AUTHENTICATION_SIZE + usize::from(client) + usize::from(value);
    }
    if bytes.get(size..).unwrap_or_default().starts_with(&ORIGIN) {
        size += ORIGIN_SIZE;
    }
    let Some(header) = bytes.get(size..).and_then(<[u8]>::first_chunk::<40>) else {
        let is_cut = bytes.len() < peel.len;
        return Err(if is_cut { peel.reject(Layer::Teredo, RejectReason::Truncated) } else { plain });
    };
    let payload = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let addresses = [&header[8..24], &header[24..40]];
    let known = addresses.iter().any(|address| {
        PREFIXES.iter().any(|prefix| address.starts_with(prefix)) || address.starts_with(&LINK_LOCAL)
    });
    if header[0] >> 4 != 6 || size + 40 + payload > peel.len || !known {
        return Err(plain);
    }
    peel.enter(Layer::Teredo, TunnelKind::Teredo, None, Identity::None)?;
    peel.advance(size, Layer::Teredo)?;
    Ok(Next::Ipv6)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    use std::vec::Vec;

    fn teredo(before: &[u8], prefix: [u8; 4], port: u16) -> Vec<u8> {
        let mut inner = ipv6();
        inner[8..12].copy_from_slice(&prefix);
        udp(port, &join(&[before, &inner]))
    }

    #[test]
    fn authentication_and_origin_are_skipped_and_relays_tell_nothing_apart() {
        let authentication = [0, 1, 1, 2, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0];
        let origin = [0, 0, 1, 2, 3, 4, 5, 6];
        for before in [&[][..], &authentication, &origin, &join(&[&authentication, &origin])] {
            for prefix in [[0x20, 1, 0, 0], [0x3f, 0xfe, 0x83, 0x1f], [0xfe, 0x80, 0, 0]] {
                let bytes = teredo(before, prefix, 3544);
                let segment = whole(IPV4, &bytes).expect("a segment");
                assert_eq!(segment.link.tunnels.to_vec(), tunnel(TunnelKind::Teredo, None));
                assert_eq!((segment.payload, segment.domain), (PAYLOAD, 0));
            }
        }
    }

    #[test]
    fn addresses_of_others_and_lengths_that_do_not_fit_make_it_plain_udp() {
        let plain = |bytes: Vec<u8>| assert_eq!(rejected(IPV4, &bytes).reason, RejectReason::NotTcp(17));
        plain(teredo(&[], [0x20, 1, 0x0d, 0xb8], 3544));
        plain(teredo(&[], [0x20, 1, 0, 0], 3545));
        let mut longer = teredo(&[], [0x20, 1, 0, 0], 3544);
        longer[33] += 1;
        plain(longer);
    }
}
