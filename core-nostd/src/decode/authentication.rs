//! IPsec's authentication header (RFC 4302) behind IPv4. It is skipped: what it covers is not encrypted.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U16};

use super::{Layer, Next, Reject, RejectReason, ip, peel::Peel};

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Authentication {
    next: u8,
    /// In words of 4 bytes, minus 2.
    length: u8,
    reserved: U16,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let header: &Authentication = peel.peek(Layer::IpSec)?;
    peel.advance((usize::from(header.length) + 2) * 4, Layer::IpSec)?;
    let reason = RejectReason::NotTcp(header.next);
    ip::by_protocol(header.next).ok_or(Reject { layer: Layer::IpSec, reason, offset })
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    #[test]
    fn it_is_skipped_in_words_of_four_bytes() {
        let bytes = around(51, &join(&[&[6, 4, 0, 0], &[9; 20], &ipv4()[20..]]));
        let segment = whole(IPV4, &bytes).expect("a segment");
        assert_eq!((segment.payload, segment.link.tunnels.len()), (PAYLOAD, 0));
        assert_eq!(
            tunnels(IPV4, &around(51, &join(&[&[4, 1, 0, 0], &[9; 8], &ipv4()]))).0,
            tunnel(TunnelKind::IpInIp, None)
        );
    }

    #[test]
    fn encrypted_payload_behind_it_is_not_tcp() {
        let reject = rejected(IPV4, &around(51, &join(&[&[50, 1, 0, 0], &[9; 40]])));
        assert_eq!((reject.layer.name(), reject.reason), ("IPsec", RejectReason::NotTcp(50)));
    }
}
