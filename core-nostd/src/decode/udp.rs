//! UDP (RFC 768), for the tunnels that it carries.
//!
//! A tunnel is taken for one by its port and by a header that keeps to every rule of its specification;
//! everything else is UDP, which is not TCP.

use smoltcp::wire::UdpPacket;

use super::{
    Layer, Next, Reject, RejectReason, ayiya, capwap, geneve, gtp, gue, l2tp, lisp, mirror, mpls, peel::Peel,
    settings::Settings, settings::UdpTunnel, sflow, teredo, vxlan,
};

const HEADER: usize = 8;
const UDP: u8 = 17;

pub(super) fn peel(peel: &mut Peel<'_>, settings: &Settings) -> Result<Next, Reject> {
    let plain = peel.reject(Layer::Udp, RejectReason::NotTcp(UDP));
    let header = UdpPacket::new_unchecked(peel.peek::<[u8; HEADER]>(Layer::Udp)?);
    let Some(tunnel) = UdpTunnel::between(header.src_port(), header.dst_port(), settings) else {
        return Err(plain);
    };
    match usize::from(header.len()) {
        // Captured before the network card cut it into datagrams.
        0 => {}
        len if len < HEADER || len > peel.len => return Err(peel.reject(Layer::Udp, RejectReason::BadLength)),
        len => peel.limit_len(len),
    }
    peel.advance(HEADER, Layer::Udp)?;
    inside(peel, tunnel, plain)
}

#[cold]
fn inside(peel: &mut Peel<'_>, tunnel: UdpTunnel, plain: Reject) -> Result<Next, Reject> {
    match tunnel {
        UdpTunnel::Vxlan => vxlan::peel(peel, plain),
        UdpTunnel::VxlanGpe => vxlan::peel_gpe(peel, plain),
        UdpTunnel::Geneve => geneve::peel(peel, plain),
        UdpTunnel::Gtp => gtp::peel(peel, plain),
        UdpTunnel::L2tp => l2tp::peel_udp(peel, plain),
        UdpTunnel::Teredo => teredo::peel(peel, plain),
        UdpTunnel::Ayiya => ayiya::peel(peel, plain),
        UdpTunnel::Mpls => mpls::peel(peel),
        UdpTunnel::Gre => Ok(Next::Gre),
        UdpTunnel::Sflow => sflow::peel(peel, plain),
        other if cfg!(feature = "rare") => rare(peel, other, plain),
        _ => Err(plain),
    }
}

fn rare(peel: &mut Peel<'_>, tunnel: UdpTunnel, plain: Reject) -> Result<Next, Reject> {
    match tunnel {
        UdpTunnel::Capwap => capwap::peel(peel, plain),
        UdpTunnel::Tzsp => mirror::peel_tzsp(peel, plain),
        UdpTunnel::JuniperMirror => mirror::peel_juniper(peel, plain),
        UdpTunnel::PeekRemote => mirror::peel_air(peel, plain),
        UdpTunnel::Lisp => lisp::peel(peel, plain),
        UdpTunnel::Gue => gue::peel(peel, plain),
        UdpTunnel::Ip => gue::peel_ip(peel, plain),
        _ => Err(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    const IPV4: LinkType = LinkType::IPV4;

    #[test]
    fn other_ports_are_plain_udp_and_a_length_beyond_the_datagram_is_impossible() {
        let reject = rejected(IPV4, &udp(53, &ipv4()));
        assert_eq!(
            (reject.layer.name(), reject.reason, reject.offset),
            ("UDP", RejectReason::NotTcp(17), 20)
        );
        for length in [7, 58] {
            let mut bytes = udp(6635, &join(&[&[0, 1, 1, 64], &ipv4()]));
            bytes[25] = length;
            assert_eq!(rejected(IPV4, &bytes).reason, RejectReason::BadLength, "{length}");
        }
    }

    #[test]
    fn mpls_and_gre_have_ports_of_their_own() {
        assert_eq!(
            tunnels(IPV4, &udp(6635, &join(&[&[0, 1, 1, 64], &ipv4()]))).0,
            tunnel(TunnelKind::Mpls, 16)
        );
        assert_eq!(
            tunnels(IPV4, &udp(4754, &join(&[&[0, 0, 8, 0], &ipv4()]))).0,
            tunnel(TunnelKind::Gre, None)
        );
    }
}
