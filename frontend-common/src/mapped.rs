//! Large outputs as memory: scanners look at them where they lie.
//!
//! Unsafe code is only here, where the processor is advised ([`prefetch`](crate::prefetch)), where instructions are chosen
//! for MD5, and where libdeflate and libpcap are called.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use bytes::Bytes;
use memmap2::Mmap;

/// Maps the whole of a regular file that is not empty.
///
/// # Errors
/// What the operating system says; files on some virtual file systems cannot be mapped and are to be
/// read as streams instead.
pub(crate) fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: the map is private to this process and read-only, and of a file that this run wrote. Another process that
    // overwrites it while it is read changes bytes that are parsed as hostile data anyway: every read is bounds-checked
    // against the length that was mapped.
    let map = unsafe { Mmap::map(file) }?;
    #[cfg(unix)]
    // Only advice: a system that does not take it reads a little slower.
    let _ = map.advise(memmap2::Advice::Sequential);
    Ok(Bytes::from_owner(map))
}
