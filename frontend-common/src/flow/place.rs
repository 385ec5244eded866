//! Where a frame is in the inputs, for programs that show one frame after the other.

use std::sync::Arc;

/// A frame of an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FramePlace {
    /// Its number in its input, from 1, as Wireshark counts; 0 if it is not known.
    pub number: u64,
    /// The input, where there are several. One pointer: there are hundreds of thousands of flows.
    pub input: Option<Arc<String>>,
}

/// The places of frames that come next.
#[derive(Debug, Default)]
pub struct NextFrames {
    present: FramePlace,
    /// The number of the frame to which the lowest bit of `accepted` belongs.
    first: u64,
    /// A bit for each frame that comes, the next one in the lowest that is set.
    accepted: u32,
}

impl NextFrames {
    /// Frames of one input come: those with the numbers `first` plus the places of the bits in `accepted`.
    pub fn announce(&mut self, input: Option<&Arc<String>>, first: u64, accepted: u32) {
        (self.first, self.accepted) = (first, accepted);
        let is_same = match (&self.present.input, input) {
            (Some(present), Some(input)) => Arc::ptr_eq(present, input),
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            self.present.input = input.cloned();
        }
    }

    /// The next one is the present one.
    #[inline]
    pub fn step(&mut self) {
        self.present.number = match self.accepted {
            0 => 0,
            accepted => self.first + u64::from(accepted.trailing_zeros()),
        };
        self.accepted &= self.accepted.wrapping_sub(1);
    }

    /// What happens now comes from no frame, or from earlier ones.
    pub fn leave(&mut self) {
        self.present.number = 0;
    }

    /// The place of the present frame; `None` if there is none or its number is not known.
    #[must_use]
    pub fn present(&self) -> Option<FramePlace> {
        (self.present.number > 0).then(|| self.present.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_a_filter_drops_are_counted() {
        let mut frames = NextFrames::default();
        let input = Arc::new("b.pcap".to_owned());
        frames.announce(Some(&input), 17, 0b1_0010);
        assert_eq!(frames.present(), None);
        let places: Vec<_> = (0..3)
            .map(|_| {
                frames.step();
                frames.present()
            })
            .collect();
        let place = |number| Some(FramePlace { number, input: Some(Arc::clone(&input)) });
        assert_eq!(places, [place(18), place(21), None]);
        frames.announce(None, 1, 1);
        frames.step();
        assert_eq!(frames.present(), Some(FramePlace { number: 1, input: None }));
        frames.leave();
        assert_eq!(frames.present(), None);
    }
}
