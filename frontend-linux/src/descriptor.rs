//! Descriptors that the caller of the program opened before it, known by their numbers.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

/// A descriptor of our own for what the descriptor `number` leads to.
///
/// # Errors
/// It is not open.
pub(crate) fn duplicate(number: i32) -> io::Result<File> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the number is not -1, and it is used only in the call that duplicates it, which fails for one
    // that is not open.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    descriptor.try_clone_to_owned().map(File::from)
}
