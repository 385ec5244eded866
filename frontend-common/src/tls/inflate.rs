//! Records that were compressed: RFC 3749.

use flate2::{Decompress, FlushDecompress, Status};

/// The longest plaintext of a record.
const MAX_PLAIN: usize = 1 << 14;
/// The method of DEFLATE.
pub(super) const DEFLATE: u8 = 1;

/// The state of a direction, in which each record refers to the ones before it.
pub(super) struct Inflate(Option<Decompress>);

impl Inflate {
    pub(super) fn new() -> Self {
        Self(Some(Decompress::new(true)))
    }

    /// What came before is not known: nothing more can be decompressed.
    pub(super) fn lose(&mut self) {
        self.0 = None;
    }

    /// Replaces a record by what it was before compression. `None` where it is not compressed as it should be, or where
    /// an earlier one was lost.
    pub(super) fn record(&mut self, plain: &mut Vec<u8>) -> Option<()> {
        let state = self.0.as_mut()?;
        let mut result = Vec::with_capacity(MAX_PLAIN);
        let (input, before) = (std::mem::take(plain), state.total_in());
        let status = state.decompress_vec(&input, &mut result, FlushDecompress::Sync);
        let is_whole = state.total_in() - before == input.len() as u64;
        if !is_whole || !matches!(status, Ok(Status::Ok | Status::BufError)) {
            self.lose();
            return None;
        }
        *plain = result;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    #[test]
    fn records_refer_to_the_ones_before_them() {
        let mut compress = Compress::new(Compression::default(), true);
        let mut inflate = Inflate::new();
        for text in [&b"GET / HTTP/1.0\r\n"[..], b"GET / HTTP/1.0\r\n\r\n"] {
            let mut record = Vec::with_capacity(256);
            compress.compress_vec(text, &mut record, FlushCompress::Sync).unwrap();
            inflate.record(&mut record).unwrap();
            assert_eq!(record, text);
        }
        inflate.lose();
        assert!(inflate.record(&mut vec![0]).is_none());
    }

    #[test]
    fn a_record_that_grows_beyond_its_bound_is_refused() {
        let mut compress = Compress::new(Compression::default(), true);
        let mut record = Vec::with_capacity(1 << 12);
        compress.compress_vec(&[0; MAX_PLAIN * 4], &mut record, FlushCompress::Sync).unwrap();
        assert!(Inflate::new().record(&mut record).is_none());
    }
}
