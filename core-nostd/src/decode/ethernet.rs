//! Ethernet: DIX frames, 802.3 frames with LLC, and VLAN tags of any depth (802.1Q, 802.1ad, 0x9100).
//!
//! Tags are peeled in one go, bounded by the slice, and noted from the outside in.

use smoltcp::wire::EthernetFrame;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{Layer, Next, Reject, RejectReason, peel::Peel};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const PPPOE_SESSION: u16 = 0x8864;
const VLAN: u16 = 0x8100;
const VLAN_SERVICE: u16 = 0x88a8;
const VLAN_OLD_STACKED: u16 = 0x9100;

/// Type fields up to this one are the frame's length (802.3, 3.2.6).
const MAX_LENGTH: u16 = 1500;
/// The first EtherType.
pub(super) const MIN_TYPE: u16 = 0x0600;

/// A tag after its own EtherType (802.1Q, 9.6).
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Tag {
    /// Priority, drop eligibility, and 12 bits of VLAN identifier.
    control: U16,
    /// EtherType or length of what the tag precedes.
    inner: U16,
}

#[inline]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    // The array holds all that the accessors read, so they cannot panic.
    let frame = EthernetFrame::new_unchecked(peel.header::<[u8; 14]>(Layer::Link)?);
    peel.link.source_mac = Some(frame.src_addr().0);
    peel.link.destination_mac = Some(frame.dst_addr().0);
    follow(peel, frame.ethertype().into(), Layer::Link, offset)
}

/// Goes on by the type or length field of the header of `layer` at `offset`, through VLAN tags.
#[inline]
pub(super) fn follow(
    peel: &mut Peel<'_>,
    mut field: u16,
    mut layer: Layer,
    mut offset: usize,
) -> Result<Next, Reject> {
    loop {
        match field {
            IPV4 => return Ok(Next::Ipv4),
            IPV6 => return Ok(Next::Ipv6),
            VLAN | VLAN_SERVICE | VLAN_OLD_STACKED => {
                (layer, offset) = (Layer::Vlan, peel.offset);
                let tag: &Tag = peel.header(layer)?;
                peel.push_vlan(tag.control.get() & 0xfff);
                field = tag.inner.get();
            }
            PPPOE_SESSION => return Ok(Next::Pppoe),
            0..=MAX_LENGTH => {
                peel.limit_len(field.into());
                return Ok(Next::Llc);
            }
            other => return Err(Reject { layer, reason: RejectReason::NotIp(other.into()), offset }),
        }
    }
}
