//! UDP (RFC 768), for the tunnels that it carries.
//!
//! A tunnel is taken for one by its port and by a header that keeps to every rule of its specification;
//! everything else is UDP, which is not TCP.

use smoltcp::wire::UdpPacket;

use super::{
    Layer, Next, Reject, RejectReason, ayiya, geneve, gtp, l2tp, mpls, peel::Peel, settings::Settings,
    settings::UdpTunnel, sflow, teredo, vxlan,
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
    }
}
