//! AYIYA (draft-massar-v6ops-ayiya-02): "anything in anything", IPv6 or IPv4 in UDP to a tunnel broker.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned, big_endian::U32};

use super::{
    Layer, Next, Reject, RejectReason,
    peel::{Identity, Peel},
};
use crate::tunnel::TunnelKind;

/// The operation that carries a datagram, and one that only says that the sender is there.
const FORWARD: u8 = 1;
const NO_OPERATION: u8 = 0;
/// Operations, authentication methods and hash methods that there are.
const MAX_OPERATION: u8 = 6;
const MAX_METHOD: u8 = 3;

const IPV4: u8 = 4;
const IPV6: u8 = 41;
const NOTHING: u8 = 59;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Ayiya {
    /// The identity's length as a power of two, and its type.
    identity: u8,
    /// The signature's length in words of 4 bytes, and how it was hashed.
    signature: u8,
    /// How it was signed, and the operation.
    operation: u8,
    next: u8,
    epoch: U32,
}

#[cold]
pub(super) fn peel(peel: &mut Peel<'_>, plain: Reject) -> Result<Next, Reject> {
    let header: &Ayiya = peel.peek(Layer::Ayiya)?;
    let size = size_of::<Ayiya>() + (1 << (header.identity >> 4)) + usize::from(header.signature >> 4) * 4;
    let (method, operation) = (header.operation >> 4, header.operation & 0xf);
    if size > peel.len
        || header.signature & 0xf > MAX_METHOD
        || method > MAX_METHOD
        || operation > MAX_OPERATION
        || header.identity >> 4 > 5
        || ![IPV4, IPV6, NOTHING].contains(&header.next)
    {
        return Err(plain);
    }
    if operation == NO_OPERATION || header.next == NOTHING {
        return Err(peel.reject(Layer::Ayiya, RejectReason::Empty));
    }
    if operation != FORWARD {
        return Err(peel.reject(Layer::Ayiya, RejectReason::Control));
    }
    peel.enter(Layer::Ayiya, TunnelKind::Ayiya, None, Identity::Addresses)?;
    peel.advance(size, Layer::Ayiya)?;
    Ok(if header.next == IPV4 { Next::Ipv4 } else { Next::Ipv6 })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    /// An identity of 16 bytes, a signature of 20.
    fn ayiya(operation: u8, next: u8, rest: &[u8]) -> std::vec::Vec<u8> {
        udp(5072, &join(&[&[0x42, 0x52, operation, next, 1, 2, 3, 4], &[7; 36], rest]))
    }

    #[test]
    fn datagrams_of_both_versions_are_forwarded() {
        assert_eq!(tunnels(IPV4, &ayiya(0x11, 41, &ipv6())).0, tunnel(TunnelKind::Ayiya, None));
        is_hello(whole(IPV4, &ayiya(0x11, 4, &ipv4())));
    }

    #[test]
    fn heartbeats_and_other_operations_carry_nothing() {
        assert_eq!(rejected(IPV4, &ayiya(0x10, 59, &[])).reason, RejectReason::Empty);
        assert_eq!(rejected(IPV4, &ayiya(0x12, 41, &ipv6())).reason, RejectReason::Control);
        assert_eq!(rejected(IPV4, &ayiya(0x1f, 41, &ipv6())).reason, RejectReason::NotTcp(17));
        assert_eq!(rejected(IPV4, &ayiya(0x11, 6, &ipv4())).reason, RejectReason::NotTcp(17));
    }
}
