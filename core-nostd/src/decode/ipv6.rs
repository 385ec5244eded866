//! IPv6 (RFC 8200) and its extension headers, jumbograms (RFC 2675) among them.
//!
//! A fragment header that makes no fragment (RFC 6946) is skipped like the others; a real fragment is
//! rejected. Under a routing header that is not yet used up the destination is the final one, as it
//! is for the TCP checksum (RFC 8200, 8.1), so that both directions have the same addresses.

use core::net::{IpAddr, Ipv6Addr};

use smoltcp::wire::{
    Ipv6ExtHeader, Ipv6FragmentHeader, Ipv6OptionRepr, Ipv6OptionType, Ipv6OptionsIterator, Ipv6Packet,
};

use super::{Layer, Next, Reject, RejectReason, peel::Peel};

const HEADER: usize = 40;

const HOP_BY_HOP: u8 = 0;
const TCP: u8 = 6;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

/// The option that carries a length of 32 bits.
const JUMBO_PAYLOAD: Ipv6OptionType = Ipv6OptionType::Unknown(0xc2);

/// Routing header types: source route (RFC 2460), mobility (RFC 6275), segment routing (RFC 8754).
const SOURCE_ROUTE: u8 = 0;
const HOME_ADDRESS: u8 = 2;
const SEGMENT_ROUTING: u8 = 4;

#[inline]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let offset = peel.offset;
    // The array holds all that the accessors used here read, so they cannot panic.
    let header = Ipv6Packet::new_unchecked(peel.peek::<[u8; HEADER]>(Layer::Ipv6)?);
    if header.version() != 6 {
        return Err(peel.reject(Layer::Ipv6, RejectReason::BadVersion));
    }
    peel.advance(HEADER, Layer::Ipv6)?;
    peel.key.source = IpAddr::V6(header.src_addr());
    peel.key.destination = IpAddr::V6(header.dst_addr());
    let next = u8::from(header.next_header());
    match usize::from(header.payload_len()) {
        0 => {
            // Without a jumbo payload option the datagram was captured before the network card cut
            // it into segments: it ends where the frame does.
            if next == HOP_BY_HOP
                && let Some(len) = jumbo_payload(peel.bytes)
            {
                peel.set_len(len);
            }
        }
        len => peel.set_len(len),
    }
    follow(next, Layer::Ipv6, offset)
}

pub(super) fn peel_extension(peel: &mut Peel<'_>, kind: u8) -> Result<Next, Reject> {
    let offset = peel.offset;
    let &[next, len] = peel.peek::<[u8; 2]>(Layer::Ipv6Extension)?;
    let len = usize::from(len);
    let size = match kind {
        FRAGMENT => 8,
        AUTHENTICATION => (len + 2) * 4,
        _ => (len + 1) * 8,
    };
    let header = peel.advance(size, Layer::Ipv6Extension)?;
    match kind {
        FRAGMENT if is_fragment(header) => {
            return Err(Reject { layer: Layer::Ipv6Extension, reason: RejectReason::Fragment, offset });
        }
        ROUTING => {
            if let Some(address) = final_destination(header) {
                peel.key.destination = IpAddr::V6(address);
            }
        }
        _ => {}
    }
    follow(next, Layer::Ipv6Extension, offset)
}

/// Goes on by the next header field of the header of `layer` at `offset`.
#[inline]
fn follow(next: u8, layer: Layer, offset: usize) -> Result<Next, Reject> {
    match next {
        TCP => Ok(Next::Tcp),
        HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION_OPTIONS | MOBILITY
        | HOST_IDENTITY | SHIM6 => Ok(Next::Ipv6Extension(next)),
        _ => Err(Reject { layer, reason: RejectReason::NotTcp(next), offset }),
    }
}

/// The length in the jumbo payload option of the hop-by-hop header that `bytes` starts with.
#[cold]
fn jumbo_payload(bytes: &[u8]) -> Option<usize> {
    let header = Ipv6ExtHeader::new_checked(bytes).ok()?;
    Ipv6OptionsIterator::new(header.payload()).find_map(|option| match option {
        Ok(Ipv6OptionRepr::Unknown { type_: JUMBO_PAYLOAD, data, .. }) => {
            let len = u32::from_be_bytes(data.try_into().ok()?);
            usize::try_from(len).ok()
        }
        _ => None,
    })
}

fn is_fragment(header: &[u8]) -> bool {
    // smoltcp's fields start after the next header field and the reserved byte.
    let fields = header.get(2..).unwrap_or_default();
    Ipv6FragmentHeader::new_checked(fields).is_ok_and(|f| f.frag_offset() != 0 || f.more_frags())
}

/// Where the datagram goes after the segments that are left in its routing header.
fn final_destination(header: &[u8]) -> Option<Ipv6Addr> {
    let (&[_, _, kind, segments_left, _, _, _, _], addresses) = header.split_first_chunk()?;
    if segments_left == 0 {
        return None;
    }
    let address: &[u8; 16] = match kind {
        SOURCE_ROUTE => addresses.last_chunk(),
        // A segment list is in reverse order (RFC 8754, 2).
        HOME_ADDRESS | SEGMENT_ROUTING => addresses.first_chunk(),
        _ => None,
    }?;
    Some(Ipv6Addr::from_octets(*address))
}
