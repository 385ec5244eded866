//! What stands between an Ethernet header and the EtherType of what it carries, besides VLAN tags; and EtherTypes
//! whose payload is a frame.
//!
//! All of it is out of the way of usual frames.

use super::{
    Layer, Next, Reject, batman, dsa, fabric, isl,
    look::{leads_by_ethernet, looks_like_ip},
    macsec, nsh,
    peel::Peel,
    tag, tecmp,
    wifi::Radio,
};

const VN_TAG: u16 = 0x8926;
const E_TAG: u16 = 0x893f;
const BRIDGED: u16 = 0x6558;

/// Cisco's metadata, which is a security group tag.
const METADATA: u16 = 0x8909;
/// Cisco's timestamp.
const TTAG: u16 = 0x8988;
/// High-availability Seamless Redundancy (IEC 62439-3, 5.8).
const HSR: u16 = 0x892f;
/// The redundancy tag of 802.1CB.
const R_TAG: u16 = 0xf1c1;
const ARISTA: u16 = 0xd28b;
const MACSEC: u16 = 0x88e5;
/// Linux's number for the longer tag of Marvell's switches.
const EDSA: u16 = 0xdada;
/// Several protocols and tags of Realtek's switches.
const REALTEK: u16 = 0x8899;

const NSH: u16 = 0x894f;
const PBB: u16 = 0x88e7;
const TRILL: u16 = 0x22f3;
const FABRIC_PATH: u16 = 0x8903;
const TECMP: u16 = 0x99fe;
const BATMAN: u16 = 0x4305;
/// ERSPAN that something has taken out of GRE.
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;
/// An 802.11 frame.
const WIFI: u16 = 0x2452;

/// What an EtherType turned out to be.
pub(super) enum Shim {
    /// A header before this type or length.
    Field(u16),
    Next(Next),
    /// Nothing that is known.
    Unknown,
}

/// The layer of the header that an EtherType announces, where another type follows it.
pub(super) const fn layer(field: u16) -> Layer {
    match field {
        VN_TAG | E_TAG => Layer::Vlan,
        MACSEC => Layer::Macsec,
        _ => Layer::Tag,
    }
}

/// Goes on by an EtherType that usual frames do not have.
#[cold]
#[inline(never)]
pub(super) fn follow(peel: &mut Peel<'_>, field: u16) -> Result<Shim, Reject> {
    match field {
        VN_TAG => tag::vn_tag(peel).map(Shim::Field),
        E_TAG => tag::e_tag(peel).map(Shim::Field),
        BRIDGED => Ok(Shim::Next(Next::Ethernet)),
        other if cfg!(feature = "rare") => tagged(peel, other),
        _ => Ok(Shim::Unknown),
    }
}

fn tagged(peel: &mut Peel<'_>, field: u16) -> Result<Shim, Reject> {
    Ok(Shim::Field(match field {
        METADATA => {
            tag::skip_metadata(peel)?;
            tag::inner(peel, 0)?
        }
        TTAG => tag::inner(peel, 6)?,
        HSR | R_TAG => tag::inner(peel, 4)?,
        ARISTA => tag::arista(peel)?,
        MACSEC => macsec::peel(peel)?,
        EDSA => {
            peel.advance(2, Layer::Tag)?;
            dsa::tag(peel)?;
            tag::inner(peel, 0)?
        }
        REALTEK => return Ok(realtek(peel)),
        other => return following(peel, other),
    }))
}

fn following(peel: &mut Peel<'_>, field: u16) -> Result<Shim, Reject> {
    Ok(Shim::Next(match field {
        NSH => nsh::peel(peel)?,
        PBB => fabric::peel_pbb(peel)?,
        TRILL => fabric::peel_trill(peel)?,
        FABRIC_PATH => fabric::peel_fabric_path(peel)?,
        TECMP => tecmp::peel(peel)?,
        BATMAN => batman::peel(peel)?,
        WIFI => Next::Wifi(Radio::default()),
        ERSPAN | ERSPAN_III => Next::Erspan { header: true },
        length if isl::is_length(peel, length) => {
            peel.limit_len(length.into());
            Next::Llc
        }
        _ => return Ok(Shim::Unknown),
    }))
}

/// Tags of Realtek's switches are two or six bytes long; other protocols that have the number carry no IP, or
/// a datagram or frame as it is. The payload decides.
fn realtek(peel: &mut Peel<'_>) -> Shim {
    for size in [2, 6] {
        let (Some([high, low, inner @ ..]), Some(len)) =
            (peel.bytes.get(size..), peel.len.checked_sub(size + 2))
        else {
            break;
        };
        let field = u16::from_be_bytes([*high, *low]);
        let leads = match field {
            0x0800 | 0x86dd => looks_like_ip(inner, len),
            0x8100 | 0x88a8 => {
                matches!(inner.get(2..4), Some([8, 0] | [0x86, 0xdd]))
                    && looks_like_ip(inner.get(4..).unwrap_or_default(), len.saturating_sub(4))
            }
            _ => false,
        };
        if leads && peel.advance(size + 2, Layer::Tag).is_ok() {
            return Shim::Field(field);
        }
    }
    if looks_like_ip(peel.bytes, peel.len) {
        Shim::Next(Next::Ip)
    } else if leads_by_ethernet(peel.bytes, peel.len) {
        Shim::Next(Next::Ethernet)
    } else {
        Shim::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::*;
    use super::super::{Layer, RejectReason};
    use crate::frame::LinkType;

    const ETHERNET: LinkType = LinkType::ETHERNET;

    #[test]
    fn tags_stand_before_the_type_of_what_they_tag() {
        for tag in [
            // Cisco's metadata with one option, with two, without a length.
            &[0x89, 0x09, 0, 0, 0, 1, 0, 100][..],
            &[0x89, 0x09, 1, 1, 0, 1, 0, 100],
            &[0x89, 0x09, 1, 2, 0, 1, 0, 100, 0, 2, 0, 0],
            &[0x89, 0x88, 1, 2, 3, 4, 5, 6],
            &[0x89, 0x2f, 0, 0x40, 0, 1],
            &[0xf1, 0xc1, 0, 0, 0, 7],
            // Eight bytes of time, six.
            &[0xd2, 0x8b, 0, 1, 0, 0x10, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0xd2, 0x8b, 0, 1, 1, 0x20, 1, 2, 3, 4, 5, 6],
            &[0xda, 0xda, 0, 0, 0xc0, 0, 0, 0],
            &[0x88, 0x99, 0xa0, 1],
            &[0x88, 0x99, 4, 0, 0, 0, 0, 1],
        ] {
            is_hello(whole(ETHERNET, &ethernet(&join(&[tag, &[8, 0]]))));
            let tagged = ethernet(&join(&[tag, &[0x81, 0, 0, 5, 8, 0]]));
            let segment = whole(ETHERNET, &tagged).expect("a segment");
            assert_eq!((segment.link.vlans.as_slice(), segment.domain), (&[5][..], 5), "{tag:?}");
            is_hello(Ok(segment));
            // One tag behind another.
            is_hello(whole(ETHERNET, &ethernet(&join(&[&[0x89, 0x88, 0, 0, 0, 0, 0, 0], tag, &[8, 0]]))));
        }
    }

    #[test]
    fn what_is_not_ip_is_rejected_at_the_tag() {
        let reject = rejected(ETHERNET, &ethernet(&[0x89, 0x88, 1, 2, 3, 4, 5, 6, 8, 6]));
        assert_eq!(
            (reject.layer, reject.reason, reject.offset),
            (Layer::Tag, RejectReason::NotIp(0x0806), 14)
        );
        let reject = rejected(ETHERNET, &ethernet(&[0xd2, 0x8b, 0, 9, 0, 0x10, 1, 2]));
        assert_eq!((reject.layer, reject.reason), (Layer::Tag, RejectReason::BadVersion));
    }

    #[test]
    fn other_protocols_of_realtek_are_named_and_a_datagram_or_frame_is_taken() {
        let loop_detection = join(&[&MACS, &[0x88, 0x99, 0x23, 0], &[0; 44]]);
        let reject = rejected(ETHERNET, &loop_detection);
        assert_eq!((reject.layer, reject.reason), (Layer::Link, RejectReason::NotIp(0x8899)));
        is_hello(whole(ETHERNET, &ethernet(&[0x88, 0x99])));
        is_hello(whole(ETHERNET, &join(&[&MACS, &[0x88, 0x99], &ethernet(&[8, 0])])));
    }

    #[test]
    fn an_802_11_frame_may_be_in_ethernet() {
        let frame = wifi(0x08, 2, &join(&[&SNAP_IPV4, &ipv4()]));
        is_hello(whole(ETHERNET, &join(&[&MACS, &[0x24, 0x52], &frame])));
    }
}
