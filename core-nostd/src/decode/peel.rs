//! What is left of a frame while its headers are peeled, and what they said so far.
//!
//! Every step forward goes through [`Peel::advance`] or [`Peel::header`], which refuse to leave the
//! slice; `bytes` never exceeds `len`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use heapless::Vec;
use smoltcp::wire::{EthernetFrame, Ipv4Packet, Ipv6Packet};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::{ChecksumErrors, Checksums, Context, Layer, Reject, RejectReason, Settings};
use crate::flow::{LinkInfo, MAX_VLANS};
use crate::frame::Frame;
use crate::tunnel::{MAX_TUNNELS, Tunnel, TunnelKind};

/// Set in the domain of three or more VLAN tags, which is a hash; two tags fill 24 bits.
const HASHED_DOMAIN: u32 = 1 << 31;

/// Where the addresses of the segment are.
#[derive(Clone, Copy)]
pub(super) enum Ip<'a> {
    None,
    V4(&'a [u8; 20]),
    V6(&'a [u8; 40]),
    /// Those of a datagram that was put together.
    Whole(&'a Context),
}

/// What of a tunnel tells apart connections inside. Nothing that differs between the two directions can.
#[derive(Clone, Copy)]
pub(super) enum Identity {
    /// Nothing: labels and sessions of one direction, copies for a monitor, relays that anyone may choose.
    None,
    /// A number that both directions have.
    Number(u32),
    /// The two outer addresses, whichever sends.
    Addresses,
}

#[derive(Clone)]
pub(super) struct Peel<'a> {
    /// What was captured from the next header on.
    pub(super) bytes: &'a [u8],
    /// Where `bytes` starts in the frame.
    pub(super) offset: usize,
    /// How long `bytes` would be had all of it been captured.
    pub(super) len: usize,
    /// Whether a header said `len`, not the capture.
    declared: bool,
    // Headers are kept by reference: addresses are copied once, into the segment.
    pub(super) ethernet: Option<&'a [u8; 14]>,
    pub(super) ip: Ip<'a>,
    /// Where IPv6 routing leads, if not to the address in the fixed header.
    pub(super) final_destination: Option<&'a [u8; 16]>,
    /// The sender's MAC address where the link header has no other.
    pub(super) sender: Option<&'a [u8; 6]>,
    /// The receiver's, likewise.
    pub(super) receiver: Option<&'a [u8; 6]>,
    vlans: Vec<u16, MAX_VLANS>,
    pub(super) domain: u32,
    tunnels: Vec<Tunnel, MAX_TUNNELS, u8>,
    /// The outermost IP header, once there is a tunnel behind it.
    outer: Ip<'a>,
    /// How many more tunnels are decoded.
    pub(super) tunnels_left: u8,
    /// What was peeled around the datagram that was put together.
    around: Option<&'a Context>,
    pub(super) checksums: Checksums,
    pub(super) checksum_errors: ChecksumErrors,
}

impl<'a> Peel<'a> {
    #[inline]
    pub(super) fn new(frame: &Frame<'a>, settings: &Settings) -> Self {
        Self {
            bytes: frame.bytes,
            offset: 0,
            len: frame.bytes.len().max(frame.wire_len as usize),
            declared: false,
            ethernet: None,
            ip: Ip::None,
            final_destination: None,
            sender: None,
            receiver: None,
            vlans: Vec::new(),
            domain: 0,
            tunnels: Vec::new(),
            outer: Ip::None,
            tunnels_left: settings.max_tunnels,
            around: None,
            checksums: settings.checksums,
            checksum_errors: ChecksumErrors::default(),
        }
    }

    /// The payload of a datagram that was put together, `len` bytes of which `bytes` are there.
    pub(super) fn resumed(context: &'a Context, bytes: &'a [u8], len: usize, settings: &Settings) -> Self {
        Self {
            bytes,
            offset: context.offset,
            len: len.max(bytes.len()),
            declared: true,
            ethernet: None,
            ip: if context.is_in_ip() { Ip::Whole(context) } else { Ip::None },
            final_destination: None,
            sender: None,
            receiver: None,
            vlans: context.link.vlans.clone(),
            domain: context.domain,
            tunnels: context.link.tunnels.clone(),
            outer: Ip::None,
            tunnels_left: context.tunnels_left,
            around: Some(context),
            checksums: settings.checksums,
            checksum_errors: ChecksumErrors::default(),
        }
    }

    /// Whether all of the rest was captured, and a header said how much it is.
    pub(super) fn is_whole(&self) -> bool {
        self.declared && self.bytes.len() == self.len
    }

    /// The header that `bytes` starts with, left in place.
    #[inline]
    pub(super) fn peek<T>(&self, layer: Layer) -> Result<&'a T, Reject>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        match T::ref_from_prefix(self.bytes) {
            Ok((header, _)) => Ok(header),
            Err(_) => Err(self.too_short(size_of::<T>(), layer)),
        }
    }

    /// Takes the header that `bytes` starts with.
    #[inline]
    pub(super) fn header<T>(&mut self, layer: Layer) -> Result<&'a T, Reject>
    where
        T: FromBytes + KnownLayout + Immutable + Unaligned,
    {
        let header = self.peek(layer)?;
        self.advance(size_of::<T>(), layer)?;
        Ok(header)
    }

    /// Takes `size` bytes, a header of `layer`.
    #[inline]
    pub(super) fn advance(&mut self, size: usize, layer: Layer) -> Result<&'a [u8], Reject> {
        let Some((header, rest)) = self.bytes.split_at_checked(size) else {
            return Err(self.too_short(size, layer));
        };
        self.bytes = rest;
        self.offset += size;
        self.len -= size;
        Ok(header)
    }

    /// A header says that it and what it carries are `len` bytes: what was captured beyond is padding.
    #[inline]
    pub(super) fn set_len(&mut self, len: usize) {
        self.bytes = self.bytes.get(..len).unwrap_or(self.bytes);
        self.len = len;
        self.declared = true;
    }

    /// A link header says that `len` bytes follow. It cannot make the frame longer than it was.
    #[inline]
    pub(super) fn limit_len(&mut self, len: usize) {
        if len < self.len {
            self.set_len(len);
        }
    }

    /// Enters a tunnel whose header, of `layer`, `bytes` starts with.
    #[cold]
    pub(super) fn enter(
        &mut self,
        layer: Layer,
        kind: TunnelKind,
        id: Option<u32>,
        identity: Identity,
    ) -> Result<(), Reject> {
        let Some(left) = self.tunnels_left.checked_sub(1) else {
            return Err(self.reject(layer, RejectReason::TooDeep));
        };
        self.tunnels_left = left;
        // Tunnels beyond the list's capacity are in the domain only.
        let _ = self.tunnels.push(Tunnel { kind, id });
        match identity {
            Identity::None => {}
            Identity::Number(number) => self.mix(number.wrapping_add((kind as u32) << 24)),
            Identity::Addresses => {
                let (source, destination) = self.addresses();
                // A sum is the same in both directions.
                self.mix(digest(source).wrapping_add(digest(destination)));
            }
        }
        if matches!(self.outer, Ip::None) {
            self.outer = self.ip;
        }
        self.final_destination = None;
        Ok(())
    }

    fn mix(&mut self, number: u32) {
        self.domain = (self.domain.rotate_left(13) ^ number).wrapping_mul(0x9e37_79b1) | HASHED_DOMAIN;
    }

    /// Notes a VLAN identifier, from the outside in.
    #[inline]
    pub(super) fn push_vlan(&mut self, id: u16) {
        // Identifiers beyond the list's capacity are in the domain only.
        let _ = self.vlans.push(id);
        let id = u32::from(id);
        if id == 0 {
            return;
        }
        match self.domain {
            outer @ 0..=0xfff => self.domain = outer << 12 | id,
            _ => self.mix(id),
        }
    }

    /// A rejection where `bytes` starts.
    #[inline]
    pub(super) fn reject(&self, layer: Layer, reason: RejectReason) -> Reject {
        Reject { layer, reason, offset: self.offset }
    }

    /// What is around the IP datagram.
    #[inline]
    pub(super) fn link(&self) -> LinkInfo {
        let mut link = LinkInfo { vlans: self.vlans.clone(), ..LinkInfo::default() };
        match self.ethernet.map(EthernetFrame::new_unchecked) {
            Some(frame) => {
                link.source_mac = Some(frame.src_addr().0);
                link.destination_mac = Some(frame.dst_addr().0);
            }
            None => {
                let around = self.around.map(|context| &context.link);
                link.source_mac = self.sender.copied().or(around.and_then(|link| link.source_mac));
                link.destination_mac =
                    self.receiver.copied().or(around.and_then(|link| link.destination_mac));
            }
        }
        if !self.tunnels.is_empty() {
            self.note_tunnels(&mut link);
        }
        link
    }

    #[cold]
    fn note_tunnels(&self, link: &mut LinkInfo) {
        link.tunnels = self.tunnels.clone();
        let around = self.around.and_then(|context| context.link.outer);
        link.outer = around.or(match self.outer {
            Ip::None => None,
            ip => Some(addresses(ip, None)),
        });
    }

    /// The addresses of the IP header, source and destination.
    #[inline]
    pub(super) fn addresses(&self) -> (IpAddr, IpAddr) {
        addresses(self.ip, self.final_destination)
    }

    #[cold]
    fn too_short(&self, size: usize, layer: Layer) -> Reject {
        let by_header = self.declared && self.len < size;
        self.reject(layer, if by_header { RejectReason::BadLength } else { RejectReason::Truncated })
    }
}

/// Source and destination of an IP header.
#[inline]
fn addresses(ip: Ip<'_>, routed: Option<&[u8; 16]>) -> (IpAddr, IpAddr) {
    match ip {
        Ip::None => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()),
        Ip::V4(header) => {
            let header = Ipv4Packet::new_unchecked(header);
            (header.src_addr().into(), header.dst_addr().into())
        }
        Ip::V6(header) => {
            let header = Ipv6Packet::new_unchecked(header);
            let routed = routed.copied().map(Ipv6Addr::from);
            (header.src_addr().into(), routed.unwrap_or(header.dst_addr()).into())
        }
        Ip::Whole(context) => {
            // A routing header may as well be behind the fragment header.
            let routed = routed.copied().map(|address| Ipv6Addr::from(address).into());
            (context.source, routed.unwrap_or(context.destination))
        }
    }
}

/// An address as a number of 32 bits (FNV-1a).
fn digest(address: IpAddr) -> u32 {
    let digest = |octets: &[u8]| {
        octets
            .iter()
            .fold(0x811c_9dc5_u32, |hash, octet| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193))
    };
    match address {
        IpAddr::V4(v4) => digest(&v4.octets()),
        IpAddr::V6(v6) => digest(&v6.octets()),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::collections::BTreeSet;

    use super::Peel;
    use crate::decode::Settings;
    use crate::frame::{Frame, LinkType, Timestamp};

    fn domain(vlans: &[u16]) -> u32 {
        let frame = Frame { link: LinkType::ETHERNET, time: Timestamp(0), wire_len: 0, bytes: &[] };
        let mut peel = Peel::new(&frame, &Settings::default());
        vlans.iter().for_each(|&id| peel.push_vlan(id));
        peel.domain
    }

    #[test]
    fn one_and_two_tags_are_packed() {
        assert_eq!(domain(&[]), 0);
        assert_eq!(domain(&[5]), 5);
        assert_eq!(domain(&[5, 7]), 0x5007);
        assert_eq!(domain(&[0xfff, 0xfff]), 0xff_ffff);
    }

    #[test]
    fn priority_tags_do_not_count() {
        assert_eq!(domain(&[0]), 0);
        assert_eq!(domain(&[0, 5, 0, 7, 0]), domain(&[5, 7]));
        assert_eq!(domain(&[1, 0, 2, 3]), domain(&[1, 2, 3]));
    }

    #[test]
    fn more_tags_differ_from_fewer_and_by_order() {
        let stacks: &[&[u16]] = &[
            &[1, 2, 3],
            &[3, 2, 1],
            &[1, 3, 2],
            &[1, 2, 3, 4],
            &[1, 2, 4, 3],
            &[1, 2, 3, 4, 5],
            &[1, 2],
            &[1],
        ];
        let domains: BTreeSet<u32> = stacks.iter().map(|vlans| domain(vlans)).collect();
        assert_eq!(domains.len(), stacks.len());
        assert!(stacks.iter().filter(|vlans| vlans.len() > 2).all(|vlans| domain(vlans) >> 31 == 1));
    }
}
