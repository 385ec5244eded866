//! IPv4 (RFC 791). Options are skipped; a fragment is rejected, as it cannot stand for the whole.

use core::net::IpAddr;

use smoltcp::wire::Ipv4Packet;

use super::{Layer, Next, Reject, RejectReason, peel::Peel};

const MIN_HEADER: usize = 20;
const TCP: u8 = 6;

#[inline]
pub(super) fn peel(peel: &mut Peel<'_>) -> Result<Next, Reject> {
    // The array holds all that the accessors used here read, so they cannot panic.
    let header = Ipv4Packet::new_unchecked(peel.peek::<[u8; MIN_HEADER]>(Layer::Ipv4)?);
    if header.version() != 4 {
        return Err(peel.reject(Layer::Ipv4, RejectReason::BadVersion));
    }
    let header_len = usize::from(header.header_len());
    if header_len < MIN_HEADER {
        return Err(peel.reject(Layer::Ipv4, RejectReason::BadLength));
    }
    match usize::from(header.total_len()) {
        // Captured before the network card cut it into segments: it ends where the frame does.
        0 => {}
        total_len if total_len < header_len => {
            return Err(peel.reject(Layer::Ipv4, RejectReason::BadLength));
        }
        total_len => peel.set_len(total_len),
    }
    if header.more_frags() || header.frag_offset() != 0 {
        return Err(peel.reject(Layer::Ipv4, RejectReason::Fragment));
    }
    let protocol = u8::from(header.next_header());
    if protocol != TCP {
        return Err(peel.reject(Layer::Ipv4, RejectReason::NotTcp(protocol)));
    }
    peel.key.source = IpAddr::V4(header.src_addr());
    peel.key.destination = IpAddr::V4(header.dst_addr());
    peel.advance(header_len, Layer::Ipv4)?;
    Ok(Next::Tcp)
}
