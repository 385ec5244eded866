//! PFLOG (`LINKTYPE_PFLOG`): what the packet filter of the BSDs logs. The header says its length, and the
//! address family of the capturing host.

use super::{Layer, Next, Reject, RejectReason, null, peel::Peel};

/// The shortest header of any version.
const MIN_HEADER: u8 = 45;

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    let &[length, family] = peel.peek::<[u8; 2]>(Layer::Link)?;
    if length < MIN_HEADER {
        return Err(peel.reject(Layer::Link, RejectReason::BadLength));
    }
    peel.advance(usize::from(length).next_multiple_of(4), Layer::Link)?;
    null::by_family(family.into(), offset)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    fn pflog(length: u8, family: u8, datagram: &[u8]) -> std::vec::Vec<u8> {
        let mut header = std::vec![length, family];
        header.resize(usize::from(length).next_multiple_of(4), 0);
        join(&[&header, datagram])
    }

    #[test]
    fn headers_of_any_length_are_padded_to_words() {
        is_hello(whole(LinkType::PFLOG, &pflog(61, 2, &ipv4())));
        for family in [24, 28, 30] {
            is_hello(whole(LinkType::PFLOG, &pflog(48, family, &ipv6())));
        }
        assert_eq!(rejected(LinkType::PFLOG, &pflog(61, 18, &ipv4())).reason, RejectReason::NotIp(18));
        assert_eq!(rejected(LinkType::PFLOG, &pflog(44, 2, &ipv4())).reason, RejectReason::BadLength);
    }
}
