//! 802.2 LLC, with SNAP (RFC 1042) or with the old service access point of IP.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{Layer, Next, Reject, RejectReason, ethernet, peel::Peel};

/// Service access points, destination and source, and the control byte of an unnumbered frame.
const SNAP: [u8; 3] = [0xaa, 0xaa, 0x03];
const IP: [u8; 3] = [0x06, 0x06, 0x03];

/// Organisations whose protocol numbers are EtherTypes: RFC 1042 and 802.1H.
const ETHER_TYPES: [[u8; 3]; 2] = [[0, 0, 0], [0, 0, 0xf8]];

/// The SNAP header, after LLC.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Snap {
    organisation: [u8; 3],
    protocol: U16,
}

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let reject = |protocol| Reject { layer: Layer::Llc, reason: RejectReason::NotIp(protocol), offset };
    let llc: &[u8; 3] = peel.header(Layer::Llc)?;
    match *llc {
        IP => Ok(Next::Ipv4),
        SNAP => {
            let snap: &Snap = peel.header(Layer::Llc)?;
            let protocol = snap.protocol.get();
            if !ETHER_TYPES.contains(&snap.organisation) || protocol < ethernet::MIN_TYPE {
                return Err(reject(protocol.into()));
            }
            ethernet::follow(peel, protocol, Layer::Llc, offset)
        }
        [destination, source, _] => Err(reject(u16::from_be_bytes([destination, source]).into())),
    }
}
