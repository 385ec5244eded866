//! Linux "cooked" captures (`LINKTYPE_LINUX_SLL`, `LINKTYPE_LINUX_SLL2`), which have the sender's
//! address only.

use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    big_endian::{U16, U32},
};

use super::{Layer, Next, Reject, RejectReason, ethernet, peel::Peel};

/// The protocol number that stands for 802.2 LLC.
const LLC: u16 = 0x0004;

/// Hardware types whose protocol field is not an EtherType: Frame Relay, three kinds of 802.11, Netlink.
const FOREIGN: [u16; 5] = [770, 801, 802, 803, 824];

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Sll {
    packet_type: U16,
    hardware: U16,
    address_len: U16,
    address: [u8; 8],
    protocol: U16,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Sll2 {
    protocol: U16,
    reserved: U16,
    interface: U32,
    hardware: U16,
    packet_type: u8,
    address_len: u8,
    address: [u8; 8],
}

#[inline]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let header: &Sll = peel.header(Layer::Link)?;
    note_sender(peel, header.address_len.get(), header.address);
    follow(peel, header.hardware.get(), header.protocol.get())
}

#[inline]
pub(super) fn peel_v2(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let header: &Sll2 = peel.header(Layer::Link)?;
    note_sender(peel, header.address_len.into(), header.address);
    follow(peel, header.hardware.get(), header.protocol.get())
}

#[inline]
fn note_sender(peel: &mut Peel<'_>, len: u16, [a, b, c, d, e, f, ..]: [u8; 8]) {
    if len == 6 {
        peel.link.source_mac = Some([a, b, c, d, e, f]);
    }
}

#[inline]
fn follow(peel: &mut Peel<'_>, hardware: u16, protocol: u16) -> Result<Next, Reject> {
    let foreign = FOREIGN.contains(&hardware);
    if protocol >= ethernet::MIN_TYPE && !foreign {
        ethernet::follow(peel, protocol, Layer::Link, 0)
    } else if protocol == LLC && !foreign {
        Ok(Next::Llc)
    } else {
        Err(Reject { layer: Layer::Link, reason: RejectReason::NotIp(protocol.into()), offset: 0 })
    }
}
