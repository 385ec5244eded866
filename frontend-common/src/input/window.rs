//! The bytes of an input in order, seen through one reference-counted block at a time.
//!
//! [`Window::peek`] makes the next bytes contiguous: in memory they always are, of a file or stream that comes in blocks an
//! item that lies across two of them is joined in a block of its own. The bytes peeked at stay in
//! [`Window::block`] until the next peek, so that a frame can be handed on without a copy.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::error::{Fault, InputErrorKind};
use super::stream::Feed;

/// A position in the bytes of an input.
pub(crate) struct Window {
    block: Bytes,
    /// Of the next byte, in `block`; never beyond its end.
    position: usize,
    /// Stream offset of the first byte of `block`.
    base: u64,
    /// What was received beyond `block`.
    pending: Bytes,
    /// Where more comes from; `None` for bytes that are all there.
    feed: Option<Feed>,
}

impl Window {
    /// All bytes of an input that lies in memory.
    pub(crate) fn of_bytes(block: Bytes) -> Self {
        Self { block, position: 0, base: 0, pending: Bytes::new(), feed: None }
    }

    /// The bytes that `feed` brings, from the first byte of its present part on.
    pub(crate) fn of_feed(feed: Feed) -> Self {
        Self { block: Bytes::new(), position: 0, base: 0, pending: Bytes::new(), feed: Some(feed) }
    }

    /// Starts again at offset 0 with the next part of the feed: its name, or `None` after the last one.
    pub(crate) fn next_part(&mut self) -> Option<String> {
        let feed = self.feed.as_mut()?;
        let name = feed.next_part()?;
        (self.block, self.pending) = (Bytes::new(), Bytes::new());
        (self.position, self.base) = (0, 0);
        Some(name)
    }

    /// Whether the bytes seen are all of this part, and another one follows.
    pub(crate) fn part_follows(&self) -> bool {
        self.feed.as_ref().is_some_and(Feed::part_follows)
    }

    /// The bytes from here to the end of the block: `count` at least, fewer only where the input ends.
    #[inline]
    pub(crate) fn peek(&mut self, count: usize) -> &[u8] {
        if self.block.len() - self.position < count && self.feed.is_some() {
            self.fill(count);
        }
        self.block.get(self.position..).unwrap_or_default()
    }

    /// What follows here of the block, without waiting for more.
    pub(crate) fn at_hand(&self) -> &[u8] {
        self.block.get(self.position..).unwrap_or_default()
    }

    /// Whether nothing follows on the block, and nothing comes within `patience`.
    pub(crate) fn waits(&mut self, patience: Duration) -> bool {
        self.pending.is_empty() && self.feed.as_mut().is_some_and(|feed| feed.waits(patience))
    }

    /// Steps over `count` bytes that were peeked at.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        self.position = self.position.saturating_add(count).min(self.block.len());
    }

    /// Steps over `count` bytes without keeping them; how many there were.
    pub(crate) fn skip(&mut self, count: u64) -> u64 {
        let mut skipped = 0;
        while skipped < count {
            let here = self.peek(1).len();
            if here == 0 {
                break;
            }
            let step = usize::try_from(count - skipped).unwrap_or(usize::MAX).min(here);
            self.consume(step);
            skipped += step as u64;
        }
        skipped
    }

    /// The block in which the bytes last peeked at lie.
    #[inline]
    pub(crate) fn block(&self) -> &Bytes {
        &self.block
    }

    /// Where the next byte lies in [`Window::block`].
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Where the next byte lies in the input (or in its present part).
    #[inline]
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.position as u64
    }

    /// Why a record of `needed` bytes is not all there: nothing wrong if the input ends before its
    /// first byte or was asked to stop.
    #[cold]
    pub(crate) fn shortage(&mut self, needed: u64) -> Result<(), Fault> {
        if let Some(feed) = &mut self.feed {
            if let Some(fault) = feed.take_fault() {
                return Err(fault);
            }
            if feed.stopped() {
                return Ok(());
            }
        }
        match self.peek(1).len() as u64 {
            0 => Ok(()),
            present => {
                let kind = InputErrorKind::TruncatedRecord { needed, present };
                Err(Fault::at(self.offset(), kind))
            }
        }
    }

    /// Whether the input was asked to stop.
    pub(crate) fn stopped(&self) -> bool {
        self.feed.as_ref().is_some_and(Feed::stopped)
    }

    /// Whether offsets count bytes that lay compressed in the input.
    pub(crate) fn unpacked(&self) -> bool {
        self.feed.as_ref().is_some_and(Feed::unpacked)
    }

    /// Replaces the block by one that begins here and holds `count` bytes, if that many come.
    #[cold]
    fn fill(&mut self, count: usize) {
        let Some(feed) = &mut self.feed else { return };
        self.base += self.position as u64;
        let rest = self.block.split_off(self.position);
        self.position = 0;
        if self.pending.is_empty() {
            self.pending = feed.next_block().unwrap_or_default();
        }
        if rest.is_empty() && self.pending.len() >= count {
            self.block = std::mem::take(&mut self.pending);
            return;
        }
        // Grows with what arrives, not with what a length field claims.
        let mut joined = BytesMut::with_capacity(count.min(1 << 16));
        joined.extend_from_slice(&rest);
        while joined.len() < count {
            if self.pending.is_empty() {
                match feed.next_block() {
                    Some(block) => self.pending = block,
                    None => break,
                }
            }
            let step = (count - joined.len()).min(self.pending.len());
            joined.extend_from_slice(&self.pending.split_to(step));
        }
        self.block = joined.freeze();
    }
}
