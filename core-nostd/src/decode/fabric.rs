//! Frames inside frames, as bridges carry them: provider backbone bridges (802.1ah, now 802.1Q, 9.7), TRILL
//! (RFC 6325, 3) and Cisco's FabricPath.
//!
//! The service of a backbone is the same in both directions. Nicknames of TRILL and trees of FabricPath are not.

use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    big_endian::{U16, U32},
};

use super::{
    Layer, Next, Reject, RejectReason,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Trill {
    /// 2 bits of version, 2 reserved ones, multi-destination, 5 bits of the options' length in words of 4 bytes,
    /// 6 of hop count.
    flags: U16,
    egress: U16,
    ingress: U16,
}

/// Priority and flags, then 24 bits of service identifier; the customer's frame follows.
#[cold]
pub(super) fn peel_pbb(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let service = peel.peek::<U32>(Layer::Fabric)?.get() & 0xff_ffff;
    peel.enter(Layer::Fabric, TunnelKind::Pbb, Some(service), Identity::Number(service))?;
    peel.advance(4, Layer::Fabric)?;
    Ok(Next::Ethernet)
}

#[cold]
pub(super) fn peel_trill(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let header: &Trill = peel.peek(Layer::Fabric)?;
    let flags = header.flags.get();
    if flags >> 14 != 0 {
        return Err(peel.reject(Layer::Fabric, RejectReason::BadVersion));
    }
    let options = usize::from(flags >> 6 & 0x1f) * 4;
    let nicknames = u32::from(header.egress.get()) << 16 | u32::from(header.ingress.get());
    peel.enter(Layer::Fabric, TunnelKind::Trill, Some(nicknames), Identity::None)?;
    peel.advance(size_of::<Trill>() + options, Layer::Fabric)?;
    Ok(Next::Ethernet)
}

/// 10 bits of tree, 6 of time to live; the outer addresses are those of switches.
#[cold]
pub(super) fn peel_fabric_path(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let tree = u32::from(peel.peek::<U16>(Layer::Fabric)?.get() >> 6);
    peel.enter(Layer::Fabric, TunnelKind::FabricPath, Some(tree), Identity::None)?;
    peel.advance(2, Layer::Fabric)?;
    Ok(Next::Ethernet)
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const ETHERNET: LinkType = LinkType::ETHERNET;
    const OUTER: [u8; 12] = [2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2];

    #[test]
    fn the_service_of_a_backbone_tells_apart() {
        let of = |service: u8| {
            let frame = join(&[&OUTER, &[0x88, 0xe7, 0xe0, 0, 0, service], &ethernet(&[8, 0])]);
            tunnels(ETHERNET, &frame)
        };
        assert_eq!(of(100).0, tunnel(TunnelKind::Pbb, 100));
        assert_ne!(of(100).1, of(101).1);
        let tagged =
            join(&[&OUTER, &[0x88, 0xa8, 0, 7, 0x88, 0xe7, 0, 0, 0, 1], &ethernet(&[0x81, 0, 0, 5, 8, 0])]);
        let segment = whole(ETHERNET, &tagged).expect("a segment");
        assert_eq!(segment.link.vlans, [7, 5]);
        assert_eq!(segment.link.source_mac, Some(SOURCE_MAC));
    }

    #[test]
    fn options_of_trill_are_skipped_and_nicknames_tell_nothing_apart() {
        for (flags, options) in [([0, 0x3f], &[][..]), ([0, 0x7f], &[1, 2, 3, 4]), ([8, 0xbf], &[7; 8])] {
            let frame = join(&[&OUTER, &[0x22, 0xf3], &flags, &[0, 1, 0, 2], options, &ethernet(&[8, 0])]);
            assert_eq!(tunnels(ETHERNET, &frame), (tunnel(TunnelKind::Trill, 0x0001_0002), 0));
        }
        let version = join(&[&OUTER, &[0x22, 0xf3, 0x40, 0x3f, 0, 1, 0, 2], &ethernet(&[8, 0])]);
        assert_eq!(rejected(ETHERNET, &version).reason, RejectReason::BadVersion);
    }

    #[test]
    fn fabric_path_has_a_tree_and_a_time_to_live() {
        let frame = join(&[&OUTER, &[0x89, 3, 0, 0x60], &ethernet(&[0x81, 0, 0, 5, 8, 0])]);
        assert_eq!(tunnels(ETHERNET, &frame), (tunnel(TunnelKind::FabricPath, 1), 5));
    }
}
