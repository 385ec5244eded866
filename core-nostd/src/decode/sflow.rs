//! sFlow version 5 (sflow.org, "sFlow Version 5", 5): samples of frames that a switch saw, cut short, for a
//! collector.
//!
//! A datagram is taken for sFlow only where all its samples fill it exactly.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U32};

use super::{
    Layer, Next, Reject, RejectReason,
    peel::{Identity, Peel},
    several::Kind,
    wifi::Radio,
};
use crate::tunnel::TunnelKind;

const VERSION: u32 = 5;
const IPV4: u32 = 1;
const IPV6: u32 = 2;

/// Formats of samples: frames, and frames with longer interface numbers. Others hold counters.
const FLOW: u32 = 1;
const EXPANDED_FLOW: u32 = 3;
/// Bytes before the list of records.
const FLOW_SIZE: usize = 32;
const EXPANDED_FLOW_SIZE: usize = 44;

/// The format of a record that holds the first bytes of a frame.
const RAW_HEADER: u32 = 1;

/// What a sampled frame begins with.
const ETHERNET: u32 = 1;
const TOKEN_RING: u32 = 3;
const FDDI: u32 = 4;
const FRAME_RELAY: u32 = 5;
const PPP: u32 = 7;
const IPV4_HEADER: u32 = 11;
const IPV6_HEADER: u32 = 12;
const MPLS: u32 = 13;
const PACKET_OVER_SONET: u32 = 14;
const IEEE_802_11: u32 = 15;

/// The head of a sample and of a record.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    format: U32,
    length: U32,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawHeader {
    protocol: U32,
    /// On the wire, what was stripped included.
    frame_length: U32,
    stripped: U32,
    /// Bytes that follow.
    length: U32,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let &[version, family] = peel.peek::<[U32; 2]>(Layer::Sflow)?;
    let agent = match family.get() {
        IPV4 => 4,
        IPV6 => 16,
        _ => return Err(plain),
    };
    let mut ahead = peel.clone();
    ahead.advance(8 + agent, Layer::Sflow)?;
    let &[_subagent, _sequence, _uptime, samples] = ahead.header::<[U32; 4]>(Layer::Sflow)?;
    if version.get() != VERSION || !fills(&ahead, samples.get()) {
        return Err(plain);
    }
    peel.enter(Layer::Sflow, TunnelKind::Sflow, None, Identity::None)?;
    peel.advance(8 + agent + 16, Layer::Sflow)?;
    Ok(Next::Several(Kind::Samples))
}

/// Whether so many samples end where the datagram does, as far as it was captured.
fn fills(samples: &Peel<'_>, count: u32) -> bool {
    let mut rest = samples.clone();
    for _ in 0..count {
        let Ok(head) = rest.header::<Head>(Layer::Sflow) else {
            return rest.bytes.len() < rest.len;
        };
        let length = size(head.length);
        if length > rest.len {
            return false;
        }
        if rest.advance(length, Layer::Sflow).is_err() {
            return true;
        }
    }
    rest.len == 0
}

fn size(field: U32) -> usize {
    usize::try_from(field.get()).unwrap_or(usize::MAX)
}

/// Takes samples from `rest` until one holds frames; answers its records.
pub(super) fn next_sample<'a>(rest: &mut Peel<'a>) -> Option<Peel<'a>> {
    loop {
        let head: &Head = rest.header(Layer::Sflow).ok()?;
        let mut sample = rest.clone();
        sample.limit_len(size(head.length));
        rest.advance(sample.bytes.len(), Layer::Sflow).ok()?;
        let skip = match head.format.get() {
            FLOW => FLOW_SIZE,
            EXPANDED_FLOW => EXPANDED_FLOW_SIZE,
            _ => continue,
        };
        if sample.advance(skip, Layer::Sflow).is_ok() {
            return Some(sample);
        }
    }
}

/// Takes records from `sample` until one is a frame; answers it.
pub(super) fn next_frame<'a>(sample: &mut Peel<'a>) -> Option<Result<(Peel<'a>, Next), Reject>> {
    loop {
        let head: &Head = sample.header(Layer::Sflow).ok()?;
        let mut record = sample.clone();
        record.limit_len(size(head.length));
        sample.advance(record.bytes.len(), Layer::Sflow).ok()?;
        if head.format.get() == RAW_HEADER {
            return Some(frame(record));
        }
    }
}

fn frame(mut record: Peel<'_>) -> Result<(Peel<'_>, Next), Reject> {
    let offset = record.offset;
    let header: &RawHeader = record.header(Layer::Sflow)?;
    let captured = size(header.length);
    if captured > record.len {
        return Err(record.reject(Layer::Sflow, RejectReason::BadLength));
    }
    record.limit_len(captured);
    record.set_len(size(header.frame_length).saturating_sub(size(header.stripped)).max(captured));
    let next = match header.protocol.get() {
        ETHERNET => Next::Ethernet,
        TOKEN_RING => Next::TokenRing,
        FDDI => Next::Fddi,
        FRAME_RELAY => Next::FrameRelay,
        PPP => Next::Ppp,
        PACKET_OVER_SONET => Next::PppHdlc,
        IEEE_802_11 => Next::Wifi(Radio::default()),
        IPV4_HEADER => Next::Ipv4,
        IPV6_HEADER => Next::Ipv6,
        MPLS => Next::Mpls,
        other => return Err(Reject { layer: Layer::Sflow, reason: RejectReason::NotIp(other), offset }),
    };
    Ok((record, next))
}
