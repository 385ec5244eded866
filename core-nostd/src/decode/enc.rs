//! ENC (`LINKTYPE_ENC`): what the IPsec interface of the BSDs captures, in clear: an address family in the byte
//! order of the capturing host, the security parameter index and flags, then a datagram.

use zerocopy::big_endian::U32;

use super::{Layer, Next, Reject, null, peel::Peel};

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let &[family, _index, _flags] = peel.header::<[U32; 3]>(Layer::Link)?;
    let family = family.get();
    null::by_family(family.min(family.swap_bytes()), offset)
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    #[test]
    fn the_family_may_be_in_either_byte_order() {
        for family in [[2, 0, 0, 0], [0, 0, 0, 2]] {
            is_hello(whole(LinkType::ENC, &join(&[&family, &[0, 0, 16, 1, 0, 0, 12, 0], &ipv4()])));
        }
        is_hello(whole(LinkType::ENC, &join(&[&[24, 0, 0, 0], &[0; 8], &ipv6()])));
        let in_ip = join(&[&[2, 0, 0, 0], &[0; 8], &around(4, &ipv4())]);
        assert_eq!(tunnels(LinkType::ENC, &in_ip).0, tunnel(TunnelKind::IpInIp, None));
        let other = join(&[&[7, 0, 0, 0], &[0; 8], &ipv4()]);
        assert_eq!(rejected(LinkType::ENC, &other).reason, RejectReason::NotIp(7));
    }
}
