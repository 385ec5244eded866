//! Whether bytes look like an IP datagram or an Ethernet frame: for layers that do not say what they carry.

use smoltcp::wire::{Ipv4Packet, Ipv6Packet};

const MAC_ADDRESSES: usize = 12;

/// Whether `bytes`, `len` long on the wire, begin with an IP header that fits in them.
pub(super) fn looks_like_ip(bytes: &[u8], len: usize) -> bool {
    if let Some(header) = bytes.first_chunk::<20>()
        && header[0] >> 4 == 4
    {
        let header = Ipv4Packet::new_unchecked(header);
        let header_len = usize::from(header.header_len());
        let total_len = usize::from(header.total_len());
        return header_len >= 20
            && (total_len == 0 || (header_len..=len).contains(&total_len))
            && bytes.get(..header_len).is_none_or(sums_up);
    }
    if let Some(header) = bytes.first_chunk::<40>()
        && header[0] >> 4 == 6
    {
        return usize::from(Ipv6Packet::new_unchecked(header).payload_len()) + 40 <= len;
    }
    false
}

/// Whether the check sum of an IPv4 header is right (RFC 1071), or not filled in.
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
