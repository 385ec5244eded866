//! IP over InfiniBand as Linux captures it (`LINKTYPE_IPOIB`): 40 bytes of addresses, then the
//! encapsulation header of RFC 4391, section 6.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{Layer, Next, Reject, ethernet, peel::Peel};

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Ipoib {
    addresses: [u8; 40],
    ether_type: U16,
    reserved: U16,
}

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let header: &Ipoib = peel.header(Layer::Link)?;
    ethernet::follow(peel, header.ether_type.get(), Layer::Link, offset)
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    #[test]
    fn ip_follows_44_bytes() {
        is_hello(whole(LinkType::IPOIB, &join(&[&[0xfe; 40], &[8, 0, 0, 0], &ipv4()])));
        is_hello(whole(LinkType::IPOIB, &join(&[&[0xfe; 40], &[0x86, 0xdd, 0, 0], &ipv6()])));
    }

    #[test]
    fn arp_is_not_ip() {
        let bytes = join(&[&[0xfe; 40], &[8, 6, 0, 0], &[0; 56]]);
        assert_eq!(rejected(LinkType::IPOIB, &bytes).reason, RejectReason::NotIp(0x0806));
    }
}
