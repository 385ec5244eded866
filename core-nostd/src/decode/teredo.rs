//! Teredo (RFC 4380): IPv6 in UDP, behind an authentication and an origin indication.
//!
//! One end is a relay, and each direction may use another one; addresses inside are unique, so that nothing
//! of the tunnel has to tell connections apart.

use super::{
    Layer, Next, Reject,
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
        return Err(plain);
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
