//! TECMP (Technica Engineering, "Technically Enhanced Capture Module Protocol"): what a capture module of a car
//! records, several frames in one.

use zerocopy::{
    FromBytes, Immutable, KnownLayout, Unaligned,
    big_endian::{U16, U32, U64},
};

use super::{
    Layer, Next, Reject, RejectReason,
    peel::{Identity, Peel},
    several::Kind,
};
use crate::tunnel::TunnelKind;

/// Messages that carry data: what was recorded, what is replayed.
const MESSAGES: [u8; 2] = [0x03, 0x0a];
/// The data are Ethernet frames.
const ETHERNET: u16 = 0x0080;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Tecmp {
    device: U16,
    counter: U16,
    version: u8,
    message: u8,
    data: U16,
    reserved: U16,
    flags: U16,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Entry {
    interface: U32,
    time: U64,
    /// Bytes that follow this header.
    length: U16,
    flags: U16,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    let header: &Tecmp = peel.peek(Layer::Mirror)?;
    if !MESSAGES.contains(&header.message) {
        return Err(peel.reject(Layer::Mirror, RejectReason::Control));
    }
    if header.data.get() != ETHERNET {
        return Err(peel.reject(Layer::Mirror, RejectReason::NotIp(header.data.get().into())));
    }
    peel.enter(Layer::Mirror, TunnelKind::Tecmp, None, Identity::None)?;
    peel.advance(size_of::<Tecmp>(), Layer::Mirror)?;
    Ok(Next::Several(Kind::Entries))
}

/// Takes the next frame from `rest`.
pub(super) fn next_frame<'a>(rest: &mut Peel<'a>) -> Option<Result<(Peel<'a>, Next), Reject>> {
    let start = rest.offset;
    let header: &Entry = rest.header(Layer::Mirror).ok()?;
    let length = usize::from(header.length.get());
    if length == 0 {
        // Padding of a short Ethernet frame.
        return None;
    }
    let mut entry = rest.clone();
    let taken = rest.bytes.len().min(length);
    rest.advance(taken, Layer::Mirror).ok()?;
    if length > entry.len {
        return Some(Err(Reject { layer: Layer::Mirror, reason: RejectReason::BadLength, offset: start }));
    }
    entry.limit_len(length);
    Some(Ok((entry, Next::Ethernet)))
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    fn tecmp(message: u8, data: u8, frames: &[&[u8]]) -> std::vec::Vec<u8> {
        let mut bytes = join(&[&MACS, &[0x99, 0xfe, 0, 0x43, 0, 1, 3, message, 0, data, 0, 0, 0, 0xf]]);
        for frame in frames {
            let length = (frame.len() as u16).to_be_bytes();
            bytes.extend(join(&[&[0, 0, 0, 9, 0, 0, 0, 0, 1, 2, 3, 4], &length, &[0, 0], frame]));
        }
        bytes
    }

    #[test]
    fn every_entry_is_a_frame() {
        let arp = join(&[&MACS, &[8, 6], &[0; 28]]);
        let frame = ethernet(&[8, 0]);
        let bytes = tecmp(3, 0x80, &[&arp, &frame]);
        assert_eq!(tunnels(LinkType::ETHERNET, &bytes), (tunnel(TunnelKind::Tecmp, None), 0));
    }

    #[test]
    fn other_data_messages_and_lengths_are_rejected() {
        let frame = ethernet(&[8, 0]);
        let reason = |bytes: &[u8]| rejected(LinkType::ETHERNET, bytes).reason;
        assert_eq!(reason(&tecmp(3, 2, &[&frame])), RejectReason::NotIp(2));
        assert_eq!(reason(&tecmp(1, 0x80, &[&frame])), RejectReason::Control);
        let mut longer = tecmp(3, 0x80, &[&frame]);
        longer[14 + 12 + 13] += 1;
        assert_eq!(reason(&longer), RejectReason::BadLength);
    }
}
