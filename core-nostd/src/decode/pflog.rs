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
