//! Frames that carry several frames: aggregates of 802.11, the samples of sFlow, the entries of TECMP. Each of
//! those inside comes to an outcome of its own; one that carries several again is rejected.

use super::{
    Layer, Next, Outcome, Reject, RejectReason, peel::Peel, peel_all, settings::Settings, sflow, tecmp, wifi,
};

/// What the frames are inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// MSDUs in an 802.11 frame (IEEE 802.11-2020, 9.3.2.2.2).
    Msdus,
    /// Samples of sFlow.
    Samples,
    /// Entries of TECMP.
    Entries,
}

impl Kind {
    pub(super) const fn layer(self) -> Layer {
        match self {
            Self::Msdus => Layer::Wifi,
            Self::Samples => Layer::Sflow,
            Self::Entries => Layer::Mirror,
        }
    }
}

/// The frames inside that were not taken yet.
#[derive(Clone)]
pub(crate) struct Several<'a> {
    kind: Kind,
    rest: Peel<'a>,
    /// The sample that is being taken apart.
    sample: Option<Peel<'a>>,
    /// Headers around.
    headers: usize,
}

impl<'a> Several<'a> {
    /// The frames in the rest of `peel`.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn new(peel: Peel<'a>, kind: Kind, headers: usize) -> Result<Self, Reject> {
        let is_cut = peel.bytes.len() < peel.len;
        let reason = if is_cut { RejectReason::Truncated } else { RejectReason::Empty };
        let empty = peel.reject(kind.layer(), reason);
        let several = Self { kind, rest: peel, sample: None, headers };
        match several.clone().next_frame() {
            Some(_) => Ok(several),
            None => Err(empty),
        }
    }

    /// What the next frame comes to; never [`Outcome::Several`].
    pub(crate) fn next(&mut self, settings: &Settings) -> Option<Outcome<'a>> {
        let (peel, next) = match self.next_frame()? {
            Ok(frame) => frame,
            Err(reject) => return Some(Outcome::Reject(reject)),
        };
        let too_deep = peel.reject(next.layer(), RejectReason::TooDeep);
        Some(match peel_all(peel, next, self.headers + 1, settings) {
            Outcome::Several(_) => Outcome::Reject(too_deep),
            outcome => outcome,
        })
    }

    fn next_frame(&mut self) -> Option<Result<(Peel<'a>, Next), Reject>> {
        match self.kind {
            Kind::Msdus => self.next_msdu(),
            Kind::Entries if cfg!(feature = "rare") => tecmp::next_frame(&mut self.rest),
            Kind::Entries => None,
            Kind::Samples => loop {
                if let Some(sample) = &mut self.sample {
                    match sflow::next_frame(sample) {
                        Some(frame) => return Some(frame),
                        None => self.sample = None,
                    }
                }
                self.sample = Some(sflow::next_sample(&mut self.rest)?);
            },
        }
    }

    /// Destination, source and length, then LLC, padded to a multiple of four bytes.
    fn next_msdu(&mut self) -> Option<Result<(Peel<'a>, Next), Reject>> {
        let start = self.rest.offset;
        let header: &[u8; 14] = self.rest.header(Layer::Wifi).ok()?;
        let length = usize::from(u16::from_be_bytes([header[12], header[13]]));
        if length > self.rest.len {
            let rest = self.rest.bytes.len();
            self.rest.advance(rest, Layer::Wifi).ok()?;
            return Some(Err(Reject { layer: Layer::Wifi, reason: RejectReason::BadLength, offset: start }));
        }
        let mut msdu = self.rest.clone();
        msdu.ethernet = Some(header);
        msdu.limit_len(length);
        let padded = (header.len() + length).next_multiple_of(4) - header.len();
        let taken = padded.min(self.rest.bytes.len());
        self.rest.advance(taken, Layer::Wifi).ok()?;
        Some(wifi::skip_mesh_control(&mut msdu).map(|()| (msdu, Next::Llc)))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::RejectReason;
    use super::super::examples::*;
    use crate::frame::LinkType;
    use crate::tunnel::TunnelKind;

    use std::vec::Vec;

    use super::super::{Outcome, Settings, dissect};
    use crate::frame::{Frame, Timestamp};

    type Inside = Result<(Vec<u8>, Option<[u8; 6]>), RejectReason>;

    /// What the frames inside come to: payload and sender of each, or why there is none.
    fn inside(link: LinkType, bytes: &[u8]) -> Vec<Inside> {
        let frame = Frame { link, time: Timestamp(0), wire_len: bytes.len() as u32, bytes };
        let settings = Settings::default();
        let Outcome::Several(mut several) = dissect(&frame, &settings) else { panic!("several frames") };
        core::iter::from_fn(|| several.next(&settings))
            .map(|outcome| match outcome {
                Outcome::Segment(segment) => Ok((segment.payload.to_vec(), segment.link.source_mac)),
                Outcome::Reject(reject) => Err(reject.reason),
                _ => panic!("a segment or a rejection"),
            })
            .collect()
    }

    fn msdu(sender: u8, payload: &[u8]) -> Vec<u8> {
        join(&[&[0xcc; 6], &[sender; 6], &(payload.len() as u16).to_be_bytes(), payload])
    }

    #[test]
    fn each_msdu_of_an_aggregate_is_a_frame_of_its_own() {
        let data = join(&[&SNAP_IPV4, &ipv4()]);
        let arp = [0xaa, 0xaa, 3, 0, 0, 0, 8, 6, 1, 2];
        let frames = join(&[&msdu(1, &data), &[0], &msdu(2, &arp), &msdu(3, &data)]);
        let bytes = wifi(0x88, 1, &join(&[&[0x80, 0], &frames]));
        let hello = |sender| Ok((PAYLOAD.to_vec(), Some([sender; 6])));
        assert_eq!(
            inside(LinkType::IEEE802_11, &bytes),
            [hello(1), Err(RejectReason::NotIp(0x0806)), hello(3)]
        );
        is_hello(whole(LinkType::IEEE802_11, &bytes));
    }

    #[test]
    fn an_msdu_longer_than_its_frame_ends_it() {
        let mut frames = msdu(1, &join(&[&SNAP_IPV4, &ipv4()]));
        frames[13] += 1;
        let bytes = wifi(0x88, 1, &join(&[&[0x80, 0], &frames]));
        assert_eq!(inside(LinkType::IEEE802_11, &bytes), [Err(RejectReason::BadLength)]);
    }

    #[test]
    fn an_aggregate_of_nothing_is_empty() {
        let bytes = wifi(0x88, 1, &[0x80, 0, 1, 2, 3]);
        assert_eq!(rejected(LinkType::IEEE802_11, &bytes).reason, RejectReason::Empty);
    }

    #[test]
    fn samples_of_a_switch_are_frames_and_several_in_one_are_too_deep() {
        let bytes = udp(6343, &sflow(&ethernet(&[8, 0])));
        assert_eq!(inside(LinkType::IPV4, &bytes), [Ok((PAYLOAD.to_vec(), Some(SOURCE_MAC)))]);
        assert_eq!(tunnels(LinkType::IPV4, &bytes), (tunnel(TunnelKind::Sflow, None), 0));
        let nested = join(&[&MACS, &[8, 0], &bytes]);
        assert_eq!(inside(LinkType::IPV4, &udp(6343, &sflow(&nested))), [Err(RejectReason::TooDeep)]);
    }

    #[test]
    fn samples_that_do_not_fill_the_datagram_make_it_plain_udp() {
        let datagram = sflow(&ethernet(&[8, 0]));
        for (at, value) in [(3, 4), (7, 3), (27, 1), (27, 3)] {
            let mut bytes = datagram.clone();
            bytes[at] = value;
            assert_eq!(rejected(LinkType::IPV4, &udp(6343, &bytes)).reason, RejectReason::NotTcp(17));
        }
    }
}
