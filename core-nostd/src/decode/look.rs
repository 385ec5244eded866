//! Whether bytes look like an IP datagram or like a frame that carries one: for layers that do not say what they
//! carry.
//!
//! A guess by the first nibble alone is wrong for one MAC address in eight. Where a type field leads to a valid IP
//! header ([`typed`]), that reading goes before one of the nibble.

use smoltcp::wire::{Ipv4Packet, Ipv6Packet};

use super::{Layer, Next, Reject, ip, peel::Peel};

const MAC_ADDRESSES: usize = 12;

/// VLAN tags that are looked behind.
const MAX_TAGS: usize = 4;

/// Whether `bytes`, `len` long on the wire, begin with an IP header that fits in them.
pub(super) fn looks_like_ip(bytes: &[u8], len: usize) -> bool {
    looks_like_ipv4(bytes, len) || looks_like_ipv6(bytes, len)
}

/// Whether `bytes` begin with an IPv4 header that fits in them and whose checksum is right or not filled in.
pub(super) fn looks_like_ipv4(bytes: &[u8], len: usize) -> bool {
    let Some(header) = bytes.first_chunk::<20>().filter(|header| header[0] >> 4 == 4) else {
        return false;
    };
    let header = Ipv4Packet::new_unchecked(header);
    let header_len = usize::from(header.header_len());
    let total_len = usize::from(header.total_len());
    header_len >= 20
        && (total_len == 0 || (header_len..=len).contains(&total_len))
        && bytes.get(..header_len).is_none_or(sums_up)
}

/// Whether `bytes` begin with an IPv6 header that fits in them.
pub(super) fn looks_like_ipv6(bytes: &[u8], len: usize) -> bool {
    bytes.first_chunk::<40>().is_some_and(|header| {
        header[0] >> 4 == 6 && usize::from(Ipv6Packet::new_unchecked(header).payload_len()) + 40 <= len
    })
}

/// Whether the checksum of an IPv4 header is right (RFC 1071), or not filled in.
fn sums_up(header: &[u8]) -> bool {
    let words = header.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    folded == 0xffff || header[10..12] == [0, 0]
}

/// Whether `bytes` begin with an Ethernet header and the header that its type announces.
pub(super) fn looks_like_ethernet(bytes: &[u8]) -> bool {
    let Some(types) = bytes.get(MAC_ADDRESSES..) else {
        return false;
    };
    let mut types = types;
    loop {
        let Some((ether_type, rest)) = types.split_first_chunk::<2>() else {
            return false;
        };
        let nibble = rest.first().map(|byte| byte >> 4);
        match u16::from_be_bytes(*ether_type) {
            0x0800 => return nibble == Some(4),
            0x86dd => return nibble == Some(6),
            0x0806 => return rest.starts_with(&[0, 1, 8, 0]),
            0x8100 | 0x88a8 | 0x9100 => types = rest.get(2..).unwrap_or_default(),
            0x8847 | 0x8848 | 0x8863 | 0x8864 | 0x88cc | 0x8809 => return true,
            length @ 3..=1500 => {
                return usize::from(length) <= rest.len() && rest.starts_with(&[0xaa, 0xaa, 3]);
            }
            _ => return false,
        }
    }
}

/// Whether an Ethernet header, through VLAN tags, leads to a valid IP header or to ARP.
pub(super) fn leads_by_ethernet(bytes: &[u8], len: usize) -> bool {
    let mut at = MAC_ADDRESSES;
    for _ in 0..=MAX_TAGS {
        match bytes.get(at..at + 2) {
            Some([0x81, 0] | [0x88, 0xa8] | [0x91, 0]) => at += 4,
            Some([8, 0] | [0x86, 0xdd]) => return ip_at(bytes, len, at + 2),
            Some([8, 6]) => return bytes.get(at + 2..).is_some_and(|arp| arp.starts_with(&[0, 1, 8, 0])),
            _ => return false,
        }
    }
    false
}

fn ip_at(bytes: &[u8], len: usize, at: usize) -> bool {
    bytes.get(at..).is_some_and(|bytes| len.checked_sub(at).is_some_and(|len| looks_like_ip(bytes, len)))
}

/// The header that `bytes` begin with where its type field leads to a valid IP header, and the bytes before it.
pub(super) fn typed(bytes: &[u8], len: usize) -> Option<(usize, Next)> {
    if leads_by_ethernet(bytes, len) {
        return Some((0, Next::Ethernet));
    }
    let (skip, next, ip) = match bytes {
        [0xff, 3, 0, 0x21 | 0x57, ..] => (0, Next::Ppp, 4),
        [0, 0x21 | 0x57, ..] => (0, Next::Ppp, 2),
        [0x0f | 0x8f, 0, 8, 0, ..] | [0x0f | 0x8f, 0, 0x86, 0xdd, ..] => (0, Next::Hdlc, 4),
        [0xaa, 0xaa, 3, 0, 0, 0, 8, 0, ..] | [0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd, ..] => (0, Next::Llc, 8),
        [0xfe, 0xfe, 3, 0xcc | 0x8e, ..] => (0, Next::Llc, 4),
        // The network layer protocol identifier of RFC 2427 behind its control byte.
        [3, 0xcc | 0x8e, ..] => (2, Next::Ip, 2),
        _ => return None,
    };
    ip_at(bytes, len, ip).then_some((skip, next))
}

/// Goes on where no header says what follows: by a type field that leads to IP, else by the version of IP.
pub(super) fn unannounced(peel: &mut Peel<'_>, layer: Layer) -> Result<Next, Reject> {
    match typed(peel.bytes, peel.len) {
        Some((skip, next)) => {
            peel.advance(skip, layer)?;
            Ok(next)
        }
        None => ip::by_version(peel, layer),
    }
}

/// The shortest of these prefixes behind which is a type field that leads to IP, else an IP header, and what
/// follows it.
pub(super) fn behind(prefixes: &[usize], bytes: &[u8], len: usize) -> Option<(usize, Next)> {
    let after = |prefix: usize| Some((bytes.get(prefix..)?, len.checked_sub(prefix)?));
    let by_type = |&prefix: &usize| {
        let (bytes, len) = after(prefix)?;
        typed(bytes, len).map(|(skip, next)| (prefix + skip, next))
    };
    let by_header = |looks: fn(&[u8], usize) -> bool| {
        move |&prefix: &usize| {
            let (bytes, len) = after(prefix)?;
            looks(bytes, len).then_some((prefix, Next::Ip))
        }
    };
    prefixes
        .iter()
        .find_map(by_type)
        // IPv4 has a checksum: the surer of the two.
        .or_else(|| prefixes.iter().find_map(by_header(looks_like_ipv4)))
        .or_else(|| prefixes.iter().find_map(by_header(looks_like_ipv6)))
}
