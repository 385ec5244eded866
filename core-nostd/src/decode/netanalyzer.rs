//! netANALYZER of Hilscher (`LINKTYPE_NETANALYZER`, `LINKTYPE_NETANALYZER_TRANSPARENT`): four bytes of its own, in
//! the second kind also a preamble, then an Ethernet frame.

use super::{Layer, Next, Reject, RejectReason, peel::Peel};

const HEADER: usize = 4;
const PREAMBLE: u8 = 0x55;
const START: u8 = 0xd5;
/// Of the longest preamble, with the delimiter that ends it.
const MAX_PREAMBLE: usize = 8;

pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    peel.advance(HEADER, Layer::Link)?;
    Ok(Next::Ethernet)
}

pub(super) fn peel_transparent(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    peel.advance(HEADER, Layer::Link)?;
    // A transceiver may have swallowed some of the preamble.
    let preamble = peel.bytes.iter().take(MAX_PREAMBLE).take_while(|byte| **byte == PREAMBLE).count();
    match peel.bytes.get(preamble) {
        Some(&START) if preamble < MAX_PREAMBLE => {
            peel.advance(preamble + 1, Layer::Link)?;
            Ok(Next::Ethernet)
        }
        None => Err(peel.reject(Layer::Link, RejectReason::Truncated)),
        Some(_) => Err(peel.reject(Layer::Link, RejectReason::Unclear)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    #[test]
    fn a_preamble_is_skipped_where_it_was_captured() {
        let header = [0, 0, 0, 2];
        let frame = join(&[&ethernet(&[8, 0]), &[1, 2, 3, 4]]);
        is_hello(whole(LinkType::NETANALYZER, &join(&[&header, &frame])));
        for preamble in [&[0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xd5][..], &[0x55, 0xd5], &[0xd5]] {
            is_hello(whole(LinkType::NETANALYZER_TRANSPARENT, &join(&[&header, preamble, &frame])));
        }
        let without = join(&[&header, &frame]);
        assert_eq!(rejected(LinkType::NETANALYZER_TRANSPARENT, &without).reason, RejectReason::Unclear);
    }
}
