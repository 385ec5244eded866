//! MACsec (802.1AE, 9): a security tag, then what it protects, then a check value. Without confidentiality the
//! protected EtherType and payload are in clear.

use super::{Layer, Reject, RejectReason, peel::Peel};

/// Of the first byte: the version, an identifier of the channel follows, the payload is encrypted, it is changed.
const VERSION: u8 = 0x80;
const CHANNEL: u8 = 0x20;
const ENCRYPTED: u8 = 0x08;
const CHANGED: u8 = 0x04;
/// Of the second byte: the length of a payload below 48 bytes.
const SHORT: u8 = 0x3f;
/// The check value of the cipher suites that there are.
const CHECK: usize = 16;

/// Takes the tag and the check value; answers the type or length after the tag.
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<u16, Reject> {
    let reject = |peel: &Peel<'_>, reason| Err(peel.reject(Layer::Macsec, reason));
    let &[control, short] = peel.peek::<[u8; 2]>(Layer::Macsec)?;
    if control & VERSION != 0 {
        return reject(peel, RejectReason::BadVersion);
    }
    if control & (ENCRYPTED | CHANGED) != 0 {
        return reject(peel, RejectReason::Encrypted);
    }
    let size = if control & CHANNEL != 0 { 14 } else { 6 };
    let Some(rest) = peel.len.checked_sub(size) else {
        return reject(peel, RejectReason::BadLength);
    };
    let protected = match usize::from(short & SHORT) {
        0 => rest.saturating_sub(CHECK),
        short => short.min(rest),
    };
    peel.limit_len(size + protected);
    peel.advance(size, Layer::Macsec)?;
    let &[high, low] = peel.header::<[u8; 2]>(Layer::Macsec)?;
    Ok(u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use super::super::examples::*;
    use super::super::{Layer, RejectReason};
    use crate::frame::LinkType;

    const ETHERNET: LinkType = LinkType::ETHERNET;

    #[test]
    fn integrity_alone_leaves_the_payload_in_clear_and_the_check_value_is_none_of_it() {
        let check = [9; 16];
        for tag in
            [&[0, 0, 0, 0, 0, 1][..], &[0x20, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xaa, 0, 1], &[1, 47, 0, 0, 0, 1]]
        {
            let mut frame = join(&[&MACS, &[0x88, 0xe5], tag, &[8, 0], &ipv4(), &check]);
            is_hello(whole(ETHERNET, &frame));
            // A datagram without length ends where the payload does.
            let length = 14 + tag.len() + 2 + 2;
            frame[length..length + 2].fill(0);
            is_hello(whole(ETHERNET, &frame));
        }
    }

    #[test]
    fn encrypted_payload_and_other_versions_are_rejected_as_that() {
        for (control, reason) in [
            (0x0c, RejectReason::Encrypted),
            (0x2c, RejectReason::Encrypted),
            (0x04, RejectReason::Encrypted),
            (0x80, RejectReason::BadVersion),
        ] {
            let reject = rejected(ETHERNET, &ethernet(&[0x88, 0xe5, control, 0, 0, 0, 0, 1]));
            assert_eq!((reject.layer, reject.reason, reject.offset), (Layer::Macsec, reason, 14));
        }
    }
}
