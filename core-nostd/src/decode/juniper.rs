//! What Juniper's routers put before the packets that they capture: a magic number, flags and extensions, then a
//! frame of the link type's kind, or a cookie of the card whose form follows from the payload only.

use super::{
    Layer, Next, Reject, RejectReason, ethernet,
    look::{behind, looks_like_ip},
    peel::Peel,
};

const MAGIC: [u8; 3] = [0x4d, 0x47, 0x43];
/// Flags: extensions follow; the link layer's header was taken off.
const EXTENSIONS: u8 = 0x80;
const NO_LINK: u8 = 0x02;
/// What stands for the link layer's header then.
const FAMILY: usize = 4;

/// Lengths of cookies, with what follows some.
const COOKIES: [usize; 7] = [0, 2, 4, 6, 8, 10, 16];

/// What the link type says of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    Ethernet,
    EtherType,
    Ppp,
    FrameRelay,
    Hdlc,
    /// A cookie of the card.
    Cookie,
}

pub(super) fn peel(peel: &mut Peel<'_>, payload: Payload) -> Result<Next, Reject> {
    let offset = peel.offset;
    let &[a, b, c, flags] = peel.header::<[u8; 4]>(Layer::Link)?;
    if [a, b, c] != MAGIC {
        return Err(Reject { layer: Layer::Link, reason: RejectReason::BadVersion, offset });
    }
    if flags & EXTENSIONS != 0 {
        let &[high, low] = peel.header::<[u8; 2]>(Layer::Link)?;
        peel.advance(u16::from_be_bytes([high, low]).into(), Layer::Link)?;
    }
    if flags & NO_LINK != 0 {
        peel.advance(FAMILY, Layer::Link)?;
        return super::ip::by_version(peel, Layer::Link);
    }
    match payload {
        Payload::Ethernet => Ok(Next::Ethernet),
        Payload::EtherType => {
            let &[high, low] = peel.header::<[u8; 2]>(Layer::Link)?;
            ethernet::follow(peel, u16::from_be_bytes([high, low]), Layer::Link, offset)
        }
        Payload::Ppp => Ok(Next::Ppp),
        Payload::FrameRelay => Ok(Next::FrameRelay),
        Payload::Hdlc => Ok(Next::Hdlc),
        Payload::Cookie => cookie(peel),
    }
}

fn cookie(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    // A datagram without cookie is the likeliest of all that begin so.
    if looks_like_ip(peel.bytes, peel.len) {
        return Ok(Next::Ip);
    }
    match behind(&COOKIES, peel.bytes, peel.len) {
        Some((size, next)) => {
            peel.advance(size, Layer::Link)?;
            Ok(next)
        }
        None => {
            let is_cut = peel.bytes.len() < peel.len && peel.bytes.len() < 16 + 14 + 40;
            let reason = if is_cut { RejectReason::Truncated } else { RejectReason::Unclear };
            Err(peel.reject(Layer::Link, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;

    use std::vec::Vec;

    fn juniper(flags: u8, extensions: &[u8], rest: &[u8]) -> Vec<u8> {
        let length = (extensions.len() as u16).to_be_bytes();
        let head = join(&[&[0x4d, 0x47, 0x43, flags], &length]);
        let head = if flags & 0x80 != 0 { &head[..] } else { &head[..4] };
        join(&[head, extensions, rest])
    }

    #[test]
    fn extensions_are_skipped_and_the_link_type_says_what_follows() {
        for (links, rest) in [
            (&[178, 167][..], ethernet(&[8, 0])),
            (&[168], join(&[&[8, 0], &ipv4()])),
            (&[168], join(&[&[0x88, 0x64, 0x11, 0, 0, 9, 0, 47, 0, 0x21], &ipv4()])),
            (&[179], join(&[&[0xff, 3, 0, 0x21], &ipv4()])),
            (&[180], join(&[&[0x18, 0x41, 3, 0xcc], &ipv4()])),
            (&[181], join(&[&[0x0f, 0, 8, 0], &ipv4()])),
        ] {
            for &link in links {
                is_hello(whole(LinkType(link), &juniper(1, &[], &rest)));
                let extensions = [1, 2, 0x83, 0, 2, 1, b'x', 3, 1, 1];
                is_hello(whole(LinkType(link), &juniper(0x80, &extensions, &rest)));
                is_hello(whole(LinkType(link), &juniper(0x82, &extensions, &join(&[&[0; 4], &ipv4()]))));
            }
        }
    }

    #[test]
    fn cookies_of_cards_are_skipped_by_what_follows_them() {
        for (link, cookie, rest) in [
            // ATM1 and ATM2 with LLC, with a network layer protocol, without either.
            (137, &[0x40, 0, 1, 2][..], join(&[&SNAP_IPV4, &ipv4()])),
            (135, &[0, 0, 0, 0x20, 0, 0, 0, 0], join(&[&[0xfe, 0xfe, 3, 0xcc], &ipv4()])),
            (135, &[0, 0, 0, 0x20, 0, 0, 0, 0], join(&[&[0, 0x21], &ipv4()])),
            (137, &[0x40, 0, 1, 2], ipv4()),
            // Multilink: of a link service card, of an adaptive one, none.
            (130, &[0x54, 9, 0, 0], join(&[&[0, 0x21], &ipv4()])),
            (130, &[0x47, 0, 0, 0, 0, 0, 0, 8], ipv4()),
            (130, &[], join(&[&[0xff, 3, 0, 0x21], &ipv4()])),
            (131, &[0, 1], join(&[&[3, 0xcc], &ipv4()])),
            (134, &[0x54, 9, 0, 0, 0, 0], join(&[&[3, 0xcc], &ipv4()])),
            (133, &[1, 2, 2, 0, 0, 5, 0, 0], ipv4()),
            (136, &[0x47, 0x80, 0, 1, 0, 0, 0, 9], ipv6()),
            (164, &[0, 0, 0, 9, 0, 0, 0, 1], ipv4()),
            (132, &[0, 1, 64, 5, 0, 0, 1, 0, 203, 0, 113, 1, 203, 0, 113, 2], ipv4()),
            (233, &[], ipv4()),
        ] {
            is_hello(whole(LinkType(link), &juniper(0, &[], &join(&[cookie, &rest]))));
        }
        let other = juniper(0, &[], &[0x33; 100]);
        assert_eq!(rejected(LinkType(136), &other).reason, RejectReason::Unclear);
        assert_eq!(rejected(LinkType(178), &[0; 60]).reason, RejectReason::BadVersion);
    }
}
