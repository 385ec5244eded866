//! Blocks of memory for the bytes of files, used again once no slice of them is left.
//!
//! A block that was used a moment ago is still in the processor's cache and needs no new pages of the system. To read a
//! file into such blocks takes about as long as to map it, and what was read stays what it was: a file that another
//! program cuts short, or whose disk fails, is an error of a read, where a map would end the process (SIGBUS).

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Bytes of a block, usually.
pub(super) const BLOCK: usize = 1 << 18;
/// Blocks that are kept for the next read.
const KEPT: usize = 64;

/// Blocks that are free. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Bytes of each block.
    size: usize,
}

impl Pool {
    /// A pool of blocks of `size` bytes, none of which is there yet.
    pub(super) fn new(size: usize) -> Self {
        Self { free: Arc::default(), size }
    }

    /// A block to read into, with whatever was in it before.
    pub(super) fn take(&self) -> Block {
        let bytes = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Block { bytes: bytes.unwrap_or_else(|| vec![0; self.size]), filled: 0, pool: self.clone() }
    }
}

/// A block of a [`Pool`], which gets it back when it is dropped.
#[derive(Debug)]
pub(super) struct Block {
    bytes: Vec<u8>,
    /// Bytes that were read into it.
    filled: usize,
    pool: Pool,
}

impl Block {
    /// Where the next bytes go; empty in a block that is full.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    /// The first `count` bytes of the room are filled.
    pub(super) fn fill(&mut self, count: usize) {
        self.filled = self.filled.saturating_add(count).min(self.bytes.len());
    }

    /// The bytes that were filled. The block goes back to its pool with the last slice of them.
    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_used_again_when_the_last_slice_of_it_is_gone() {
        let pool = Pool::new(BLOCK);
        let mut block = pool.take();
        block.room()[..3].copy_from_slice(b"abc");
        block.fill(3);
        let place = block.as_ref().as_ptr();
        let bytes = block.freeze();
        let slice = bytes.slice(1..);
        drop(bytes);
        assert_ne!(pool.take().room().as_ptr(), place, "a slice is left");
        assert_eq!(slice, &b"bc"[..]);
        drop(slice);
        let mut again = pool.take();
        assert_eq!((again.room().as_ptr(), again.as_ref().len(), again.room().len()), (place, 0, BLOCK));
    }

    #[test]
    fn blocks_that_are_free_are_kept_up_to_a_bound() {
        let pool = Pool::new(BLOCK);
        let blocks: Vec<Block> = (0..KEPT + 10).map(|_| pool.take()).collect();
        drop(blocks);
        assert_eq!(pool.free.lock().expect("no panic").len(), KEPT);
    }
}
