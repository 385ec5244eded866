//! The naive model: a flow as a plain vector with a place for every byte.

/// What a flow should come to, computed without any cleverness.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// Every byte up to the last one known to exist; `None` was never captured.
    pub bytes: Vec<Option<u8>>,
    /// Bytes that came again.
    pub repeated: u64,
}

impl Model {
    /// Places captured bytes at `offset`, of a segment of `len` bytes; the first copy stays.
    pub fn place(&mut self, offset: usize, captured: &[u8], len: usize) {
        self.bytes.resize(self.bytes.len().max(offset + len), None);
        for (place, byte) in self.bytes[offset..].iter_mut().zip(captured) {
            match place {
                Some(_) => self.repeated += 1,
                None => *place = Some(*byte),
            }
        }
    }

    /// Makes room for `by` bytes before offset 0.
    pub fn rebase(&mut self, by: usize) {
        self.bytes.splice(..0, std::iter::repeat_n(None, by));
    }

    /// Bytes seen.
    #[must_use]
    pub fn data(&self) -> u64 {
        self.bytes.iter().flatten().count() as u64
    }
}
