//! Tags that a host and an Ethernet switch exchange over one port ("distributed switch architecture"): Broadcom's
//! (`LINKTYPE_DSA_TAG_BRCM`, `LINKTYPE_DSA_TAG_BRCM_PREPEND`) and Marvell's (`LINKTYPE_DSA_TAG_DSA`,
//! `LINKTYPE_DSA_TAG_EDSA`).
//!
//! Marvell's stands in the place of a VLAN tag, and has its identifier.

use super::{Layer, Next, Reject, RejectReason, ethernet, peel::Peel, tag as tags};

/// Of the first byte: the frame was tagged.
const TAGGED: u8 = 0x20;
/// The EtherType of the longer tag.
const EDSA: [u8; 2] = [0xda, 0xda];

/// Broadcom's tag before the frame.
pub(super) fn peel_prepended(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    peel.advance(4, Layer::Tag)?;
    Ok(Next::Ethernet)
}

/// Broadcom's tag behind the addresses.
pub(super) fn peel_broadcom(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    addresses(peel)?;
    let offset = peel.offset;
    let field = tags::inner(peel, 4)?;
    ethernet::follow(peel, field, Layer::Tag, offset)
}

/// Marvell's tag behind the addresses.
pub(super) fn peel_marvell(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    addresses(peel)?;
    follow(peel)
}

/// Marvell's longer tag: an EtherType and two reserved bytes come first.
pub(super) fn peel_marvell_long(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    addresses(peel)?;
    let &[high, low, ..] = peel.peek::<[u8; 4]>(Layer::Tag)?;
    if [high, low] != EDSA {
        let field = u16::from_be_bytes([high, low]);
        return Err(peel.reject(Layer::Tag, RejectReason::NotIp(field.into())));
    }
    peel.advance(4, Layer::Tag)?;
    follow(peel)
}

fn follow(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    tag(peel)?;
    let field = tags::inner(peel, 0)?;
    ethernet::follow(peel, field, Layer::Tag, offset)
}

/// Takes the four bytes of Marvell's tag.
pub(super) fn tag(peel: &mut Peel<'_>) -> Result<(), Reject> {
    let &[first, _, high, low] = peel.header::<[u8; 4]>(Layer::Tag)?;
    if first & TAGGED != 0 {
        peel.push_vlan(u16::from_be_bytes([high, low]) & 0xfff);
    }
    Ok(())
}

fn addresses(peel: &mut Peel<'_>) -> Result<(), Reject> {
    let [destination, source] = peel.header::<[[u8; 6]; 2]>(Layer::Link)?;
    (peel.receiver, peel.sender) = (Some(destination), Some(source));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    #[test]
    fn broadcoms_tag_is_behind_the_addresses_or_before_the_frame() {
        let bytes = ethernet(&[0x20, 0, 0, 1, 8, 0]);
        let segment = whole(LinkType::DSA_TAG_BRCM, &bytes).expect("a segment");
        assert_eq!(
            (segment.link.source_mac, segment.link.destination_mac),
            (Some(SOURCE_MAC), Some(DESTINATION_MAC))
        );
        is_hello(Ok(segment));
        let prepended = join(&[&[0x20, 0, 0, 1], &ethernet(&[0x81, 0, 0, 5, 8, 0])]);
        let segment = whole(LinkType::DSA_TAG_BRCM_PREPEND, &prepended).expect("a segment");
        assert_eq!(segment.link.vlans, [5]);
        is_hello(Ok(segment));
    }

    #[test]
    fn marvells_tag_has_the_vlan_of_a_frame_that_was_tagged() {
        for (tag, vlans) in
            [([0xc0, 0, 0, 7], &[][..]), ([0xe0, 0, 0xf1, 7], &[0x107]), ([0x60, 0, 0, 5], &[5])]
        {
            let short = ethernet(&join(&[&tag, &[8, 0]]));
            let long = ethernet(&join(&[&[0xda, 0xda, 0, 0], &tag, &[8, 0]]));
            for (link, bytes) in [(LinkType::DSA_TAG_DSA, &short), (LinkType::DSA_TAG_EDSA, &long)] {
                let segment = whole(link, bytes).expect("a segment");
                assert_eq!(segment.link.vlans.as_slice(), vlans);
                is_hello(Ok(segment));
            }
        }
        let other = ethernet(&[8, 0]);
        assert_eq!(rejected(LinkType::DSA_TAG_EDSA, &other).reason, RejectReason::NotIp(0x0800));
    }
}
