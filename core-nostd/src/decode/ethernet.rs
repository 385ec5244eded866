//! Ethernet: DIX frames, 802.3 frames with LLC, and VLAN tags of any depth (802.1Q, 802.1ad, 0x9100).
//!
//! Tags are peeled in one go, bounded by the slice, and noted from the outside in.

use smoltcp::wire::EthernetFrame;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{Layer, Next, Reject, RejectReason, peel::Peel, shim, shim::Shim};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const PPPOE_SESSION: u16 = 0x8864;
const VLAN: u16 = 0x8100;
const VLAN_SERVICE: u16 = 0x88a8;
const VLAN_OLD_STACKED: u16 = 0x9100;
const MPLS: u16 = 0x8847;
/// Upstream labels (RFC 5332).
const MPLS_UPSTREAM: u16 = 0x8848;

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
    let header: &[u8; 14] = peel.header(Layer::Link)?;
    peel.ethernet = Some(header);
    let ether_type = EthernetFrame::new_unchecked(header).ethertype();
    follow(peel, ether_type.into(), Layer::Link, offset)
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
            MPLS | MPLS_UPSTREAM => return Ok(Next::Mpls),
            other => {
                let start = peel.offset;
                match shim::follow(peel, other)? {
                    Shim::Field(inner) => (field, layer, offset) = (inner, shim::layer(other), start),
                    Shim::Next(next) => return Ok(next),
                    Shim::Unknown => {
                        return Err(Reject { layer, reason: RejectReason::NotIp(other.into()), offset });
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::super::examples::*;
    use super::super::{Layer, Reject, RejectReason};
    use crate::flow::MAX_VLANS;
    use crate::frame::LinkType;

    const ETHERNET: LinkType = LinkType::ETHERNET;

    #[test]
    fn mac_addresses_are_noted() {
        let bytes = ethernet(&[8, 0]);
        let link = whole(ETHERNET, &bytes).expect("a segment").link;
        assert_eq!(link.source_mac, Some(SOURCE_MAC));
        assert_eq!(link.destination_mac, Some(DESTINATION_MAC));
        assert!(link.vlans.is_empty());
    }

    #[test]
    fn tags_are_listed_from_the_outside_in_without_their_priority() {
        let bytes = ethernet(&[0x88, 0xa8, 0x20, 7, 0x91, 0, 0xf0, 6, 0x81, 0, 0x0f, 0xff, 8, 0]);
        let segment = whole(ETHERNET, &bytes).expect("a segment");
        assert_eq!(segment.link.vlans, [7, 6, 4095]);
        is_hello(Ok(segment));
    }

    #[test]
    fn tags_of_any_depth_are_peeled_and_the_first_are_listed() {
        for depth in [MAX_VLANS + 1, 100, 16_000] {
            let tags: Vec<u8> = [0x81, 0, 0, 9].repeat(depth);
            let bytes = ethernet(&[&tags[..], &[8, 0]].concat());
            let segment = whole(ETHERNET, &bytes).expect("a segment");
            assert_eq!(segment.link.vlans, [9; MAX_VLANS]);
            is_hello(Ok(segment));
        }
    }

    #[test]
    fn a_priority_tag_is_listed_but_makes_no_domain() {
        let bytes = ethernet(&[0x81, 0, 0xe0, 0, 8, 0]);
        let segment = whole(ETHERNET, &bytes).expect("a segment");
        assert_eq!(segment.link.vlans, [0]);
        assert_eq!(segment.domain, 0);
    }

    #[test]
    fn a_tag_may_precede_a_length_and_llc() {
        is_hello(whole(ETHERNET, &ethernet(&[0x81, 0, 0, 5, 0, 53, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0])));
    }

    #[test]
    fn what_is_not_ip_is_rejected_where_its_type_stands() {
        let arp = ethernet(&[8, 6]);
        let reason = RejectReason::NotIp(0x0806);
        assert_eq!(rejected(ETHERNET, &arp), Reject { layer: Layer::Link, reason, offset: 0 });
        let tagged_arp = ethernet(&[0x81, 0, 0, 5, 0x81, 0, 0, 6, 8, 6]);
        let reject = rejected(ETHERNET, &tagged_arp);
        assert_eq!(reject, Reject { layer: Layer::Vlan, reason, offset: 18 });
    }

    #[test]
    fn a_number_between_the_lengths_and_the_types_is_neither() {
        let reject = rejected(ETHERNET, &ethernet(&[0x05, 0xdd]));
        assert_eq!(reject.reason, RejectReason::NotIp(1501));
    }

    #[test]
    fn a_tag_that_ends_the_frame_is_cut_short() {
        let bytes = [&MACS[..], &[0x81, 0, 0, 5, 8]].concat();
        let reject = rejected(ETHERNET, &bytes);
        assert_eq!(reject, Reject { layer: Layer::Vlan, reason: RejectReason::Truncated, offset: 14 });
    }
}
