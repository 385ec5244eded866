//! Frames that carry several frames: aggregates of 802.11 and the samples of sFlow. Each of those inside
//! comes to an outcome of its own; one that carries several again is rejected.

use super::{Layer, Next, Outcome, Reject, RejectReason, peel::Peel, peel_all, settings::Settings, sflow};

/// What the frames are inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// MSDUs in an 802.11 frame (IEEE 802.11-2020, 9.3.2.2.2).
    Msdus,
    /// Samples of sFlow.
    Samples,
}

impl Kind {
    pub(super) const fn layer(self) -> Layer {
        match self {
            Self::Msdus => Layer::Wifi,
            Self::Samples => Layer::Sflow,
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
        let empty = peel.reject(kind.layer(), RejectReason::Empty);
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
        Some(Ok((msdu, Next::Llc)))
    }
}
