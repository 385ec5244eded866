//! Regular files as memory: hardly a byte of a plain capture is copied on its way to the core, and large outputs are
//! looked at where they lie.
//!
//! Unsafe code is only here, where the processor is advised ([`prefetch`](crate::prefetch)), where instructions are chosen
//! for MD5, and where libdeflate and libpcap are called.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use bytes::Bytes;
use memmap2::{Mmap, MmapOptions};

/// Maps the whole of a regular file that is not empty.
///
/// # Errors
/// What the operating system says; files on some virtual file systems cannot be mapped and are to be
/// read as streams instead.
pub(crate) fn map(file: &File) -> io::Result<Bytes> {
    let map = map_as(file, &MmapOptions::new())?;
    #[cfg(unix)]
    // Only advice: a system that does not take it reads a little slower.
    let _ = map.advise(memmap2::Advice::Sequential);
    Ok(Bytes::from_owner(map))
}

/// Maps `length` bytes of a regular file from `offset` on. Where the system can do that, they are read before this
/// returns.
///
/// # Errors
/// Those of [`map`], and where reading them fails: the file got shorter, or its disk is damaged.
pub(crate) fn map_part(file: &File, offset: u64, length: usize) -> io::Result<Bytes> {
    let map = map_as(file, MmapOptions::new().offset(offset).len(length))?;
    #[cfg(target_os = "linux")]
    // Kernels before 5.14 do not take the advice, and read each page when it is looked at.
    if let Err(error) = map.advise(memmap2::Advice::PopulateRead)
        && error.raw_os_error() != Some(rustix::io::Errno::INVAL.raw_os_error())
    {
        return Err(error);
    }
    Ok(Bytes::from_owner(map))
}

/// Whether a copy of a file takes less time than a map: on Linux where it lies in a file system in memory, of which pages
/// get into a map one at a time. Elsewhere that is not known, and copied.
pub(crate) fn is_slow(file: &File) -> bool {
    #[cfg(target_os = "linux")]
    {
        /// Of `linux/magic.h`.
        const TMPFS: u64 = 0x0102_1994;
        rustix::fs::fstatfs(file).is_ok_and(|facts| facts.f_type as u64 == TMPFS)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = file;
        true
    }
}

fn map_as(file: &File, options: &MmapOptions) -> io::Result<Mmap> {
    // SAFETY: the map is private to this process and read-only. Another process that overwrites the
    // file while it is read changes bytes that are parsed as hostile data anyway: every read is
    // bounds-checked against the length that was mapped. A file that is cut short while it is read ends
    // the process with SIGBUS, as it does for every program that maps its input.
    unsafe { options.map(file) }
}
