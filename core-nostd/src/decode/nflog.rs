//! NFLOG (`LINKTYPE_NFLOG`): what Linux's netfilter logs, a list of attributes, one of which is the datagram.
//! Attributes are in the byte order of the capturing host, which the header does not say.

use super::{Layer, Next, Reject, RejectReason, peel::Peel};

const IPV4: u8 = 2;
const IPV6: u8 = 10;

const ATTRIBUTE: usize = 4;
/// The hardware address of the sender, and the datagram; others are far below [`MAX_TYPE`].
const ADDRESS: u16 = 8;
const PAYLOAD: u16 = 9;
const MAX_TYPE: u16 = 0xff;

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let &[family, version, ..] = peel.header::<[u8; 4]>(Layer::Link)?;
    if version != 0 {
        return Err(Reject { layer: Layer::Link, reason: RejectReason::BadVersion, offset });
    }
    loop {
        let &[a, b, c, d] = peel.peek::<[u8; 4]>(Layer::Link)?;
        let little = [[a, b], [c, d]].map(u16::from_le_bytes);
        // A type is a small number: in the wrong byte order it is a large one.
        let [length, kind] =
            if little[1] <= MAX_TYPE { little } else { [[a, b], [c, d]].map(u16::from_be_bytes) };
        let Some(length) = usize::from(length).checked_sub(ATTRIBUTE) else {
            return Err(peel.reject(Layer::Link, RejectReason::BadLength));
        };
        peel.advance(ATTRIBUTE, Layer::Link)?;
        if kind == PAYLOAD {
            peel.limit_len(length);
            break;
        }
        let value = peel.advance(length.next_multiple_of(4), Layer::Link)?;
        if kind == ADDRESS && value.starts_with(&[0, 6]) {
            peel.sender = value.get(4..).and_then(<[u8]>::first_chunk);
        }
    }
    match family {
        IPV4 => Ok(Next::Ipv4),
        IPV6 => Ok(Next::Ipv6),
        family => Err(Reject { layer: Layer::Link, reason: RejectReason::NotIp(family.into()), offset }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    #[test]
    fn attributes_in_either_byte_order_lead_to_the_datagram_and_the_sender() {
        let address = [16, 0, 8, 0, 0, 6, 0, 0, 2, 0, 0, 0, 0, 0xaa, 0, 0];
        let bytes = join(&[&[2, 0, 0, 0], &address, &[49, 0, 9, 0], &ipv4()]);
        let segment = whole(LinkType::NFLOG, &bytes).expect("a segment");
        assert_eq!(segment.link.source_mac, Some(SOURCE_MAC));
        is_hello(Ok(segment));
        is_hello(whole(
            LinkType::NFLOG,
            &join(&[&[10, 0, 0, 0, 0, 5, 0, 10, b'x', 0, 0, 0, 0, 69, 0, 9], &ipv6()]),
        ));
    }

    #[test]
    fn other_families_versions_and_impossible_attributes_are_rejected() {
        for (head, reason) in [
            ([7, 0, 0, 0, 49, 0, 9, 0], RejectReason::NotIp(7)),
            ([2, 1, 0, 0, 49, 0, 9, 0], RejectReason::BadVersion),
            ([2, 0, 0, 0, 3, 0, 9, 0], RejectReason::BadLength),
        ] {
            assert_eq!(rejected(LinkType::NFLOG, &join(&[&head, &ipv4()])).reason, reason);
        }
    }
}
