//! gzip of which all is in memory, undone at once: in less than half of the time that it takes piece by piece.
//!
//! Only data without a fault is taken here; of everything else [`Inflate`](super::Inflate) makes what it can.
//! libdeflate is not as strict as zlib with tables of codes that no encoder writes; but the check value tells
//! whether the data is what was encoded.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_free_decompressor,
    libdeflate_gzip_decompress_ex, libdeflate_result_LIBDEFLATE_SUCCESS,
};

/// The shortest gzip member: its header, an empty block and its trailer.
const SHORTEST: usize = 10 + 2 + 8;
/// FHCRC (RFC 1952, 2.3.1): a check of the header, which libdeflate passes over.
const HEADER_CHECK: u8 = 2;

/// Decodes `coded` into `decoded`, if it is one member of gzip without a fault and with nothing behind it, and
/// decodes to at least 1 and at most `most` bytes. Returns whether it is.
pub(crate) fn gunzip(coded: &[u8], most: usize, decoded: &mut Vec<u8>) -> bool {
    let size = promised(coded).filter(|size| (1..=most).contains(size));
    let (Some(size), Some(mut inflater)) = (size, INFLATER.take().or_else(Inflater::new)) else {
        return false;
    };
    let good = inflater.gunzip(coded, size, decoded);
    INFLATER.set(Some(inflater));
    good
}

/// The length of the decoded data as the trailer has it, of what looks like gzip.
fn promised(coded: &[u8]) -> Option<usize> {
    let [0x1f, 0x8b, 8, flags, ..] = coded else { return None };
    let length = u32::from_le_bytes(*coded.last_chunk()?);
    (flags & HEADER_CHECK == 0 && coded.len() >= SHORTEST).then_some(length as usize)
}

thread_local! {
    /// It takes time to make one.
    static INFLATER: Cell<Option<Inflater>> = const { Cell::new(None) };
}

/// libdeflate's tables.
struct Inflater(NonNull<libdeflate_decompressor>);

impl Inflater {
    fn new() -> Option<Self> {
        // SAFETY: it may be called at any time, and gives a decompressor of our own or null.
        NonNull::new(unsafe { libdeflate_alloc_decompressor() }).map(Self)
    }

    /// Whether the whole of `coded` is one member that decodes to `size` bytes, which are in `decoded` then.
    fn gunzip(&mut self, coded: &[u8], size: usize, decoded: &mut Vec<u8>) -> bool {
        decoded.clear();
        decoded.reserve(size);
        let (mut read, mut written) = (0, 0);
        // SAFETY: the decompressor is ours alone; `coded` has as many bytes as is said, and `decoded` room for
        // at least `size`, which may be uninitialised: they are only written.
        let result = unsafe {
            libdeflate_gzip_decompress_ex(
                self.0.as_ptr(),
                coded.as_ptr().cast(),
                coded.len(),
                decoded.as_mut_ptr().cast(),
                size,
                &mut read,
                &mut written,
            )
        };
        let good = result == libdeflate_result_LIBDEFLATE_SUCCESS && read == coded.len() && written == size;
        if good {
            // SAFETY: there is room for them, and all of them were written.
            unsafe { decoded.set_len(size) };
        }
        good
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: it came from `libdeflate_alloc_decompressor` and is not used any more.
        unsafe { libdeflate_free_decompressor(self.0.as_ptr()) };
    }
}
