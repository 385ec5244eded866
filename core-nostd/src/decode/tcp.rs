//! TCP (RFC 9293, 3.1), the header where decoding ends.
//!
//! A segment whose fixed header was captured is never lost: options that were cut off or make no sense
//! only mean that there is no window scale.

use smoltcp::wire::{TcpOption, TcpPacket};

use super::{Layer, Reject, RejectReason, Segment, TcpFlags, peel::Peel};

const MIN_HEADER: usize = 20;

/// The largest shift there is (RFC 7323, 2.3).
const MAX_WINDOW_SCALE: u8 = 14;

#[inline]
pub(super) fn finish(mut peel: Peel<'_>) -> Result<Segment<'_>, Reject> {
    // The array holds all that the accessors used here read, so they cannot panic.
    let header = TcpPacket::new_unchecked(peel.peek::<[u8; MIN_HEADER]>(Layer::Tcp)?);
    let header_len = usize::from(header.header_len());
    if header_len < MIN_HEADER || header_len > peel.len {
        return Err(peel.reject(Layer::Tcp, RejectReason::BadLength));
    }
    peel.key.source_port = header.src_port();
    peel.key.destination_port = header.dst_port();
    let flags = TcpFlags {
        fin: header.fin(),
        syn: header.syn(),
        rst: header.rst(),
        ack: header.ack(),
        urg: header.urg(),
    };
    let (captured_header, payload) = peel.bytes.split_at_checked(header_len).unwrap_or((peel.bytes, &[]));
    Ok(Segment {
        key: peel.key,
        domain: peel.domain,
        link: peel.link,
        sequence: header.seq_number().0.cast_unsigned(),
        acknowledgement: header.ack_number().0.cast_unsigned(),
        flags,
        window: header.window_len(),
        window_scale: if flags.syn { window_scale(captured_header) } else { None },
        payload,
        payload_len: u32::try_from(peel.len - header_len).unwrap_or(u32::MAX),
    })
}

/// The window scale option of a header whose end may be missing.
fn window_scale(header: &[u8]) -> Option<u8> {
    let mut options = header.get(MIN_HEADER..)?;
    while !options.is_empty() {
        let (rest, option) = TcpOption::parse(options).ok()?;
        match option {
            TcpOption::WindowScale(shift) => return Some(shift.min(MAX_WINDOW_SCALE)),
            TcpOption::EndOfList => return None,
            _ => options = rest,
        }
    }
    None
}
