//! From the bytes of a frame to a TCP segment, without state.
//!
//! One loop peels headers up to a fixed number and ends in a [`Segment`] or a [`Reject`]. Lengths come
//! from the headers, bounded by what was captured: never padding, never past the slice. Total: any
//! byte string gives an answer.
//!
//! smoltcp's accessors panic where a buffer is too short. Here they read only the fixed header, from an
//! array that holds the whole of it; what varies in length goes through smoltcp's own checks first.

mod arcnet;
mod atm;
mod authentication;
mod ayiya;
mod batman;
mod capwap;
mod dsa;
mod enc;
mod erf;
mod erspan;
mod ethernet;
mod fabric;
mod fast_path;
mod fibre;
mod frame_relay;
mod geneve;
mod gre;
mod gtp;
mod gue;
mod hdlc;
mod ip;
mod ip_in_ip;
mod ipcomp;
mod ipoib;
mod ipv4;
mod ipv6;
mod isl;
mod juniper;
mod l2tp;
mod lisp;
mod llc;
mod look;
mod macsec;
mod mirror;
mod mpls;
mod netanalyzer;
mod nflog;
mod nsh;
mod null;
mod outline;
mod peel;
mod pflog;
mod piece;
mod pim;
mod pktap;
mod ppp;
mod pppoe;
mod radio;
mod ring;
mod segment;
mod settings;
mod several;
mod sflow;
mod shim;
mod sll;
mod tag;
mod tcp;
mod tecmp;
mod teredo;
mod udp;
mod vxlan;
mod wifi;

#[cfg(test)]
#[cfg_attr(target_os = "none", allow(dead_code, reason = "property tests need std"))]
mod examples;
#[cfg(all(test, not(target_os = "none")))]
mod robustness;

pub use outline::{Outline, Transport, outline};
pub use segment::{Layer, Reject, RejectReason, Segment, TcpFlags};
pub use settings::{ChecksumErrors, Checksums, MAX_TUNNEL_PORTS, Settings, UdpTunnel};

pub(crate) use piece::{Context, PartKind, Piece};

use crate::frame::{Frame, LinkType};
pub(crate) use fast_path::{FastHeader, decode_fast};
use ip_in_ip::Inside;
pub(crate) use ipcomp::Packed;
use juniper::Payload as Juniper;
use peel::Peel;
use piece::Part;
pub(crate) use segment::Control;
use several::Kind;
pub(crate) use several::Several;
use wifi::Radio;

/// Headers inside each other, a stack of VLAN tags being one. Real traffic stays below ten.
const MAX_HEADERS: usize = 64;

/// The header that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Ethernet,
    Null,
    Sll,
    Sll2,
    Ipoib,
    Llc,
    Pppoe,
    Ppp,
    PppHdlc,
    PppWithDirection,
    /// IPv4 or IPv6, as the first nibble says.
    Ip,
    Ipv4,
    Ipv6,
    /// An IPv6 extension header with this protocol number.
    Ipv6Extension(u8),
    Tcp,
    Udp,
    Mpls,
    Gre,
    /// ERSPAN, with a header unless it is of type I.
    Erspan {
        header: bool,
    },
    IpInIp(Inside),
    /// IPsec's authentication header behind IPv4.
    Authentication,
    IpComp,
    /// L2TPv3 directly in IP.
    L2tp,
    Hdlc,
    Wifi(Radio),
    Radiotap,
    Prism,
    Avs,
    Ppi,
    Nflog,
    Pflog,
    Arcnet,
    ArcnetLinux,
    FrameRelay,
    FrameRelayWithDirection,
    MultilinkFrameRelay,
    Fddi,
    TokenRing,
    Nsh,
    Pim,
    PppPppd,
    HdlcWithDirection,
    Pktap,
    PktapPrivate,
    Enc,
    DsaPrepended,
    DsaBroadcom,
    DsaMarvell,
    DsaMarvellLong,
    Erf,
    Juniper(Juniper),
    NetAnalyzer,
    NetAnalyzerTransparent,
    Atm,
    SunAtm,
    IpOverFc,
    FireWire,
    Epon,
    Tzsp,
    /// Not a header: the rest is a part of a datagram.
    Part(Part),
    /// Not a header: the rest are several frames.
    Several(Kind),
}

impl Next {
    const fn layer(self) -> Layer {
        match self {
            Self::Ethernet
            | Self::Null
            | Self::Sll
            | Self::Sll2
            | Self::Ipoib
            | Self::Ip
            | Self::Radiotap
            | Self::Prism
            | Self::Avs
            | Self::Ppi
            | Self::Nflog
            | Self::Pflog
            | Self::Arcnet
            | Self::ArcnetLinux
            | Self::FrameRelay
            | Self::FrameRelayWithDirection
            | Self::MultilinkFrameRelay
            | Self::Fddi
            | Self::TokenRing
            | Self::Pktap
            | Self::PktapPrivate
            | Self::Enc
            | Self::DsaPrepended
            | Self::DsaBroadcom
            | Self::DsaMarvell
            | Self::DsaMarvellLong
            | Self::Erf
            | Self::Juniper(_)
            | Self::NetAnalyzer
            | Self::NetAnalyzerTransparent
            | Self::Atm
            | Self::SunAtm
            | Self::IpOverFc
            | Self::FireWire
            | Self::Epon => Layer::Link,
            Self::Llc => Layer::Llc,
            Self::Pppoe => Layer::Pppoe,
            Self::Ppp | Self::PppHdlc | Self::PppWithDirection | Self::PppPppd => Layer::Ppp,
            Self::Ipv4 | Self::IpInIp(_) => Layer::Ipv4,
            Self::Ipv6 => Layer::Ipv6,
            Self::Ipv6Extension(_) => Layer::Ipv6Extension,
            Self::Tcp => Layer::Tcp,
            Self::Udp => Layer::Udp,
            Self::Mpls => Layer::Mpls,
            Self::Gre => Layer::Gre,
            Self::Erspan { .. } => Layer::Erspan,
            Self::Authentication | Self::IpComp => Layer::IpSec,
            Self::L2tp => Layer::L2tp,
            Self::Hdlc | Self::HdlcWithDirection => Layer::Hdlc,
            Self::Nsh => Layer::Nsh,
            Self::Pim => Layer::Pim,
            Self::Tzsp => Layer::Mirror,
            Self::Wifi(_) => Layer::Wifi,
            Self::Part(part) => part.layer(),
            Self::Several(kind) => kind.layer(),
        }
    }
}

/// What a frame comes to.
// The variants are large where they are common.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Outcome<'a> {
    /// A segment.
    Segment(Segment<'a>),
    /// A fragment of an IP datagram that may carry TCP.
    Piece(Piece<'a>),
    /// Several frames.
    Several(Several<'a>),
    /// Compressed payload of a datagram that may carry TCP.
    Packed(Packed<'a>),
    /// None of these.
    Reject(Reject),
}

/// Takes a frame apart as [`Settings::default`] says.
///
/// A fragment of a datagram is
/// rejected, as it cannot stand for the whole, and so is compressed payload; a [`Reassembler`](crate::Reassembler)
/// puts together and expands. Of a
/// frame that carries several (an aggregate of 802.11, samples of sFlow) the first segment is answered.
///
/// # Errors
/// A [`Reject`] says at which layer, why, and where in the frame.
#[inline]
pub fn decode<'a>(frame: &Frame<'a>) -> Result<Segment<'a>, Reject> {
    decode_with(frame, &Settings::default())
}

/// [`decode`], as `settings` say.
///
/// # Errors
/// As those of [`decode`].
#[inline]
pub fn decode_with<'a>(frame: &Frame<'a>, settings: &Settings) -> Result<Segment<'a>, Reject> {
    match decode_fast(frame, settings) {
        Some(segment) => Ok(segment),
        None => alone(dissect(frame, settings), settings),
    }
}

fn alone<'a>(outcome: Outcome<'a>, settings: &Settings) -> Result<Segment<'a>, Reject> {
    match outcome {
        Outcome::Segment(segment) => Ok(segment),
        Outcome::Piece(piece) => Err(piece.reject(RejectReason::Fragment)),
        Outcome::Reject(reject) => Err(reject),
        Outcome::Several(several) => first_of(several, settings),
        Outcome::Packed(packed) => Err(packed.reject()),
    }
}

#[cold]
fn first_of<'a>(mut several: Several<'a>, settings: &Settings) -> Result<Segment<'a>, Reject> {
    let mut rejected = None;
    while let Some(outcome) = several.next(settings) {
        let reject = match outcome {
            Outcome::Segment(segment) => return Ok(segment),
            Outcome::Piece(piece) => piece.reject(RejectReason::Fragment),
            Outcome::Reject(reject) => reject,
            Outcome::Packed(packed) => packed.reject(),
            // Never inside of each other.
            Outcome::Several(_) => continue,
        };
        rejected = rejected.or(Some(reject));
    }
    Err(rejected.unwrap_or(Reject { layer: Layer::Link, reason: RejectReason::Empty, offset: 0 }))
}

/// The 802.11 frame in a frame: without what the radio put before it, and without its check sequence.
/// `None` for other link types.
///
/// # Errors
/// The header of the radio is cut short or makes no sense, or the check sequence is wrong and
/// [`Settings::check_fcs`] is set.
pub fn wifi_frame<'a>(frame: &Frame<'a>, settings: &Settings) -> Option<Result<&'a [u8], Reject>> {
    let mut peel = Peel::new(frame, settings);
    let radio = match first(frame.link).ok()? {
        Next::Wifi(radio) => Ok(Next::Wifi(radio)),
        Next::Radiotap => radio::peel_radiotap(&mut peel),
        Next::Prism => radio::peel_prism(&mut peel),
        Next::Avs => radio::peel_avs(&mut peel),
        Next::Ppi => radio::peel_ppi(&mut peel),
        _ => return None,
    };
    match radio {
        Ok(Next::Wifi(radio)) => Some(wifi::take_fcs(&mut peel, radio, settings).map(|()| peel.bytes)),
        Ok(_) => None,
        Err(reject) => Some(Err(reject)),
    }
}

/// Takes a frame apart, down to a segment or to a fragment.
#[inline]
pub(crate) fn dissect<'a>(frame: &Frame<'a>, settings: &Settings) -> Outcome<'a> {
    match first(frame.link) {
        Ok(next) => peel_all(Peel::new(frame, settings), next, 0, settings),
        Err(reject) => Outcome::Reject(reject),
    }
}

/// Goes on inside a datagram that was put together: `bytes` are what there is of its payload, `len` is how
/// long that was.
pub(crate) fn resume<'a>(
    context: &'a Context,
    bytes: &'a [u8],
    len: usize,
    settings: &Settings,
) -> Outcome<'a> {
    peel_all(Peel::resumed(context, bytes, len, settings), context.next, context.headers, settings)
}

/// The loop. `headers` were peeled before.
#[inline]
fn peel_all<'a>(mut peel: Peel<'a>, mut next: Next, headers: usize, settings: &Settings) -> Outcome<'a> {
    for headers in headers..MAX_HEADERS {
        let result = match next {
            Next::Tcp => match tcp::finish(&peel) {
                Ok(segment) => return Outcome::Segment(segment),
                Err(reject) => Err(reject),
            },
            Next::Part(part) => return Outcome::Piece(Piece::new(&peel, part, headers)),
            Next::IpComp => {
                return match Packed::new(peel, headers) {
                    Ok(packed) => Outcome::Packed(packed),
                    Err(reject) => Outcome::Reject(reject),
                };
            }
            Next::Several(kind) => {
                return match Several::new(peel, kind, headers) {
                    Ok(several) => Outcome::Several(several),
                    Err(reject) => Outcome::Reject(reject),
                };
            }
            header => step(&mut peel, header, settings),
        };
        match result {
            Ok(header) => next = header,
            Err(reject) => return Outcome::Reject(reject),
        }
    }
    Outcome::Reject(peel.reject(next.layer(), RejectReason::TooDeep))
}

/// Peels a header that another one follows.
#[inline(always)]
fn step(peel: &mut Peel<'_>, next: Next, settings: &Settings) -> Result<Next, Reject> {
    match next {
        Next::Ethernet => ethernet::peel(peel),
        Next::Ipv4 => ipv4::peel(peel),
        Next::Ipv6 => ipv6::peel(peel),
        Next::Null => null::peel(peel),
        Next::Sll => sll::peel(peel),
        Next::Sll2 => sll::peel_v2(peel),
        Next::Llc => llc::peel(peel),
        Next::Ip => ip::by_version(peel, Layer::Link),
        Next::Ipv6Extension(kind) => ipv6::peel_extension(peel, kind),
        Next::Udp => udp::peel(peel, settings),
        other => peel_rare(peel, other, settings),
    }
}

/// Headers that most frames do not have, out of the way of those they have.
#[cold]
#[inline(never)]
fn peel_rare(peel: &mut Peel<'_>, next: Next, settings: &Settings) -> Result<Next, Reject> {
    match next {
        Next::Ipoib => ipoib::peel(peel),
        Next::Pppoe => pppoe::peel(peel),
        Next::Ppp => ppp::peel(peel),
        Next::PppHdlc => ppp::peel_hdlc(peel),
        Next::PppWithDirection => ppp::peel_with_direction(peel),
        Next::Mpls => mpls::peel(peel),
        Next::Gre => gre::peel(peel),
        Next::Erspan { header } => erspan::peel(peel, header),
        Next::IpInIp(inside) => ip_in_ip::peel(peel, inside),
        Next::Authentication => authentication::peel(peel),
        Next::L2tp => l2tp::peel_ip(peel),
        Next::Hdlc => hdlc::peel(peel),
        Next::Wifi(radio) => wifi::peel(peel, radio, settings),
        Next::Radiotap => radio::peel_radiotap(peel),
        Next::Prism => radio::peel_prism(peel),
        Next::Avs => radio::peel_avs(peel),
        Next::Ppi => radio::peel_ppi(peel),
        Next::Nflog => nflog::peel(peel),
        Next::Pflog => pflog::peel(peel),
        Next::Arcnet => arcnet::peel(peel),
        Next::ArcnetLinux => arcnet::peel_linux(peel),
        Next::FrameRelay => frame_relay::peel(peel),
        Next::FrameRelayWithDirection => frame_relay::peel_with_direction(peel),
        Next::Fddi => ring::peel_fddi(peel),
        Next::TokenRing => ring::peel_token_ring(peel),
        other => peel_rarer(peel, other),
    }
}

/// Headers that hardly any capture has.
#[cold]
#[inline(never)]
fn peel_rarer(peel: &mut Peel<'_>, next: Next) -> Result<Next, Reject> {
    if !cfg!(feature = "rare") {
        return Err(peel.reject(next.layer(), RejectReason::Unclear));
    }
    match next {
        Next::MultilinkFrameRelay => frame_relay::peel_multilink(peel),
        Next::Nsh => nsh::peel(peel),
        Next::Pim => pim::peel(peel),
        Next::PppPppd => ppp::peel_pppd(peel),
        Next::HdlcWithDirection => {
            peel.advance(1, Layer::Link)?;
            Ok(Next::Hdlc)
        }
        Next::Pktap => pktap::peel(peel),
        Next::PktapPrivate => pktap::peel_private(peel),
        Next::Enc => enc::peel(peel),
        Next::DsaPrepended => dsa::peel_prepended(peel),
        Next::DsaBroadcom => dsa::peel_broadcom(peel),
        Next::DsaMarvell => dsa::peel_marvell(peel),
        Next::DsaMarvellLong => dsa::peel_marvell_long(peel),
        Next::Erf => erf::peel(peel),
        Next::Juniper(payload) => juniper::peel(peel, payload),
        Next::NetAnalyzer => netanalyzer::peel(peel),
        Next::NetAnalyzerTransparent => netanalyzer::peel_transparent(peel),
        Next::Atm => atm::peel(peel),
        Next::SunAtm => atm::peel_sun(peel),
        Next::IpOverFc => fibre::peel_channel(peel),
        Next::FireWire => fibre::peel_fire_wire(peel),
        Next::Epon => {
            // The preamble, with a logical link identifier (802.3, 65.1.3.2).
            peel.advance(8, Layer::Link)?;
            Ok(Next::Ethernet)
        }
        Next::Tzsp => {
            let unknown = peel.reject(Layer::Mirror, RejectReason::BadVersion);
            mirror::peel_tzsp(peel, unknown)
        }
        // Those of the loop itself.
        other => Err(peel.reject(other.layer(), RejectReason::Unclear)),
    }
}

/// The link types that are decoded.
pub const LINK_TYPES: &[LinkType] = {
    let (usual, _) = ALL_LINK_TYPES.split_at(USUAL_LINK_TYPES);
    if cfg!(feature = "rare") { &ALL_LINK_TYPES } else { usual }
};

/// Those that are decoded without the feature `rare` come first.
const USUAL_LINK_TYPES: usize = 29;
const ALL_LINK_TYPES: [LinkType; 77] = [
    LinkType::NULL,
    LinkType::ETHERNET,
    LinkType::IEEE802_5,
    LinkType::ARCNET_BSD,
    LinkType::PPP,
    LinkType::FDDI,
    LinkType::RAW_BSD,
    LinkType::RAW_OPENBSD,
    LinkType::PPP_HDLC,
    LinkType::PPP_ETHER,
    LinkType::RAW,
    LinkType::C_HDLC,
    LinkType::IEEE802_11,
    LinkType::FRELAY,
    LinkType::LOOP,
    LinkType::LINUX_SLL,
    LinkType::PFLOG,
    LinkType::IEEE802_11_PRISM,
    LinkType::IEEE802_11_RADIOTAP,
    LinkType::ARCNET_LINUX,
    LinkType::IEEE802_11_AVS,
    LinkType::PPI,
    LinkType::PPP_WITH_DIR,
    LinkType::FRELAY_WITH_DIR,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::NFLOG,
    LinkType::IPOIB,
    LinkType::LINUX_SLL2,
    LinkType::ATM_RFC1483_BSD,
    LinkType::ATM_CLIP_BSD,
    LinkType::ATM_RFC1483,
    LinkType::ATM_CLIP,
    LinkType::ENC,
    LinkType::IP_OVER_FC,
    LinkType::SUNATM,
    LinkType::TZSP,
    LinkType::JUNIPER_MLPPP,
    LinkType::JUNIPER_MLFR,
    LinkType::JUNIPER_ES,
    LinkType::JUNIPER_GGSN,
    LinkType::JUNIPER_MFR,
    LinkType::JUNIPER_ATM2,
    LinkType::JUNIPER_SERVICES,
    LinkType::JUNIPER_ATM1,
    LinkType::APPLE_IP_OVER_IEEE1394,
    LinkType::PKTAP_PRIVATE,
    LinkType::JUNIPER_MONITOR,
    LinkType::PPP_PPPD,
    LinkType::JUNIPER_PPPOE,
    LinkType::JUNIPER_PPPOE_ATM,
    LinkType::JUNIPER_PIC_PEER,
    LinkType::ERF_ETH,
    LinkType::ERF_POS,
    LinkType::JUNIPER_ETHER,
    LinkType::JUNIPER_PPP,
    LinkType::JUNIPER_FRELAY,
    LinkType::JUNIPER_CHDLC,
    LinkType::MFR,
    LinkType::JUNIPER_VP,
    LinkType::JUNIPER_ISM,
    LinkType::ERF,
    LinkType::JUNIPER_ST,
    LinkType::C_HDLC_WITH_DIR,
    LinkType::MPLS,
    LinkType::JUNIPER_VS,
    LinkType::JUNIPER_SRX_E2E,
    LinkType::JUNIPER_FIBRECHANNEL,
    LinkType::JUNIPER_ATM_CEMIC,
    LinkType::NETANALYZER,
    LinkType::NETANALYZER_TRANSPARENT,
    LinkType::PKTAP,
    LinkType::EPON,
    LinkType::DSA_TAG_BRCM,
    LinkType::DSA_TAG_BRCM_PREPEND,
    LinkType::DSA_TAG_DSA,
    LinkType::DSA_TAG_EDSA,
];

/// What a frame of this link type starts with.
#[inline]
fn first(link: LinkType) -> Result<Next, Reject> {
    Ok(match link {
        LinkType::ETHERNET => Next::Ethernet,
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => Next::Ip,
        LinkType::IPV4 => Next::Ipv4,
        LinkType::IPV6 => Next::Ipv6,
        LinkType::NULL | LinkType::LOOP => Next::Null,
        LinkType::LINUX_SLL => Next::Sll,
        LinkType::LINUX_SLL2 => Next::Sll2,
        LinkType::PPP => Next::Ppp,
        LinkType::PPP_HDLC => Next::PppHdlc,
        LinkType::PPP_WITH_DIR => Next::PppWithDirection,
        LinkType::PPP_ETHER => Next::Pppoe,
        LinkType::IPOIB => Next::Ipoib,
        LinkType::C_HDLC => Next::Hdlc,
        LinkType::IEEE802_11 => Next::Wifi(Radio::default()),
        LinkType::IEEE802_11_RADIOTAP => Next::Radiotap,
        LinkType::IEEE802_11_PRISM => Next::Prism,
        LinkType::IEEE802_11_AVS => Next::Avs,
        LinkType::PPI => Next::Ppi,
        LinkType::NFLOG => Next::Nflog,
        LinkType::PFLOG => Next::Pflog,
        LinkType::ARCNET_BSD => Next::Arcnet,
        LinkType::ARCNET_LINUX => Next::ArcnetLinux,
        LinkType::FRELAY => Next::FrameRelay,
        LinkType::FRELAY_WITH_DIR => Next::FrameRelayWithDirection,
        LinkType::FDDI => Next::Fddi,
        LinkType::IEEE802_5 => Next::TokenRing,
        other => return first_of_rare(other),
    })
}

/// The same of those that hardly any capture has.
#[cold]
fn first_of_rare(link: LinkType) -> Result<Next, Reject> {
    if !cfg!(feature = "rare") {
        return Err(unknown(link));
    }
    Ok(match link {
        LinkType::ATM_RFC1483 | LinkType::ATM_RFC1483_BSD | LinkType::ATM_CLIP | LinkType::ATM_CLIP_BSD => {
            Next::Atm
        }
        LinkType::SUNATM => Next::SunAtm,
        LinkType::ENC => Next::Enc,
        LinkType::IP_OVER_FC => Next::IpOverFc,
        LinkType::APPLE_IP_OVER_IEEE1394 => Next::FireWire,
        LinkType::TZSP => Next::Tzsp,
        LinkType::PKTAP => Next::Pktap,
        LinkType::PKTAP_PRIVATE => Next::PktapPrivate,
        LinkType::PPP_PPPD => Next::PppPppd,
        LinkType::ERF | LinkType::ERF_ETH | LinkType::ERF_POS => Next::Erf,
        LinkType::MFR => Next::MultilinkFrameRelay,
        LinkType::C_HDLC_WITH_DIR => Next::HdlcWithDirection,
        LinkType::MPLS => Next::Mpls,
        LinkType::NETANALYZER => Next::NetAnalyzer,
        LinkType::NETANALYZER_TRANSPARENT => Next::NetAnalyzerTransparent,
        LinkType::EPON => Next::Epon,
        LinkType::DSA_TAG_BRCM => Next::DsaBroadcom,
        LinkType::DSA_TAG_BRCM_PREPEND => Next::DsaPrepended,
        LinkType::DSA_TAG_DSA => Next::DsaMarvell,
        LinkType::DSA_TAG_EDSA => Next::DsaMarvellLong,
        LinkType::JUNIPER_ETHER | LinkType::JUNIPER_PPPOE => Next::Juniper(Juniper::Ethernet),
        LinkType::JUNIPER_PPPOE_ATM => Next::Juniper(Juniper::EtherType),
        LinkType::JUNIPER_PPP => Next::Juniper(Juniper::Ppp),
        LinkType::JUNIPER_FRELAY => Next::Juniper(Juniper::FrameRelay),
        LinkType::JUNIPER_CHDLC => Next::Juniper(Juniper::Hdlc),
        LinkType::JUNIPER_MLPPP
        | LinkType::JUNIPER_MLFR
        | LinkType::JUNIPER_ES
        | LinkType::JUNIPER_GGSN
        | LinkType::JUNIPER_MFR
        | LinkType::JUNIPER_ATM2
        | LinkType::JUNIPER_SERVICES
        | LinkType::JUNIPER_ATM1
        | LinkType::JUNIPER_MONITOR
        | LinkType::JUNIPER_PIC_PEER
        | LinkType::JUNIPER_VP
        | LinkType::JUNIPER_ISM
        | LinkType::JUNIPER_ST
        | LinkType::JUNIPER_VS
        | LinkType::JUNIPER_SRX_E2E
        | LinkType::JUNIPER_FIBRECHANNEL
        | LinkType::JUNIPER_ATM_CEMIC => Next::Juniper(Juniper::Cookie),
        other => return Err(unknown(other)),
    })
}

const fn unknown(link: LinkType) -> Reject {
    Reject { layer: Layer::Link, reason: RejectReason::UnknownLinkType(link.0), offset: 0 }
}
