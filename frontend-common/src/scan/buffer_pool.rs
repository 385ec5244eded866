//! Buffers that are used again: to get memory for every body from the system, and to clear it, would cost as
//! much as decoding the body.

use std::cell::RefCell;

/// Buffers that a thread keeps.
const COUNT: usize = 32;
/// Bytes that a new buffer has room for.
const SIZE: usize = 64 << 10;
/// Bytes of a buffer that is kept.
const MOST: usize = 256 << 10;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for some bytes.
pub(super) fn take() -> Vec<u8> {
    let spare = SPARE.try_with(|spare| spare.try_borrow_mut().ok()?.pop());
    spare.ok().flatten().unwrap_or_else(|| Vec::with_capacity(SIZE))
}

/// These bytes in memory of about their own size: a buffer in which there are few is given back.
pub(super) fn fitted(buffer: Vec<u8>) -> Vec<u8> {
    if buffer.capacity() / 4 <= buffer.len() {
        return buffer;
    }
    let fitted = buffer.as_slice().to_vec();
    give(buffer);
    fitted
}

/// Keeps a buffer that is needed no more, whatever is in it.
pub(super) fn give(mut buffer: Vec<u8>) {
    if !(SIZE..=MOST).contains(&buffer.capacity()) {
        return;
    }
    buffer.clear();
    // A thread that ends has no use for it.
    let _ = SPARE.try_with(|spare| {
        if let Ok(mut spare) = spare.try_borrow_mut()
            && spare.len() < COUNT
        {
            spare.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_taken_again_empty_up_to_a_bound() {
        give(vec![1; SIZE + 7]);
        give(vec![1; SIZE - 1]);
        give(vec![1; MOST + 1]);
        let buffer = take();
        assert!(buffer.is_empty() && buffer.capacity() == SIZE + 7);
        assert_eq!(take().capacity(), SIZE);
        (0..2 * COUNT).for_each(|_| give(vec![1; SIZE + 1]));
        assert_eq!((0..2 * COUNT).filter(|_| take().capacity() > SIZE).count(), COUNT);
    }

    #[test]
    fn few_bytes_do_not_hold_a_large_buffer() {
        let mut buffer = take();
        buffer.extend_from_slice(b"few");
        let fitted = fitted(buffer);
        assert!(fitted == b"few" && fitted.capacity() < 100);
        assert_eq!(super::fitted(vec![1; SIZE]).len(), SIZE);
    }
}
