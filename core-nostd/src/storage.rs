//! The memory of a reassembler: the caller's, handed over once. Nothing grows.

use core::fmt;

use managed::ManagedSlice;

use crate::connection::Connection;
use crate::fragment::FragmentStorage;
use crate::stream::Island;

/// The memory that a [`Reassembler`](crate::Reassembler) works in.
///
/// Zeroed memory and [`Default`] values are both fine. Entries are touched only when they are first
/// needed, so a large allocation that the operating system commits lazily costs what is used.
#[non_exhaustive]
pub struct Storage<'a> {
    /// One entry for each connection that can be known at once, lingering ones included.
    pub connections: ManagedSlice<'a, Connection>,
    /// Hash buckets: a power of two, best twice as many as connections.
    pub buckets: ManagedSlice<'a, u32>,
    /// Ranges beyond holes, shared by all flows. May be empty: every hole is then given up at once.
    pub islands: ManagedSlice<'a, Island>,
    /// Fragments of IP datagrams. May be none: fragments are then rejected.
    pub fragments: FragmentStorage<'a>,
    /// Where compressed IP payload is expanded (with the feature `ipcomp`): up to 65,535 bytes. May be empty:
    /// such payload is then rejected.
    pub expanded: ManagedSlice<'a, u8>,
}

/// Storage that a reassembler cannot work in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageError {
    /// There is no room for a single connection.
    NoConnections,
    /// The number of buckets is not a power of two.
    BucketsNotPowerOfTwo,
    /// More than 2^30 connections, datagrams or extents, or 2^31 islands.
    TooLarge,
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoConnections => "no room for a single connection",
            Self::BucketsNotPowerOfTwo => "the number of hash buckets is not a power of two",
            Self::TooLarge => "more than 2^30 connections, datagrams or extents, or 2^31 islands",
        })
    }
}

impl core::error::Error for StorageError {}

impl<'a> Storage<'a> {
    /// Memory for `connections`, `buckets` and `islands`, as the fields say; none for fragments and compressed payload.
    ///
    /// [`Reassembler::new`](crate::Reassembler::new) checks the sizes. `buckets` must be zeros.
    #[must_use]
    pub fn new(
        connections: ManagedSlice<'a, Connection>,
        buckets: ManagedSlice<'a, u32>,
        islands: ManagedSlice<'a, Island>,
    ) -> Self {
        let fragments = FragmentStorage::none();
        Self { connections, buckets, islands, fragments, expanded: ManagedSlice::Borrowed(&mut []) }
    }

    /// Adds memory for fragments.
    #[must_use]
    pub fn with_fragments(mut self, fragments: FragmentStorage<'a>) -> Self {
        self.fragments = fragments;
        self
    }

    pub(crate) fn check(&self) -> Result<(), StorageError> {
        if self.connections.is_empty() {
            return Err(StorageError::NoConnections);
        }
        if !self.buckets.len().is_power_of_two() {
            return Err(StorageError::BucketsNotPowerOfTwo);
        }
        let fragments = &self.fragments;
        if self.connections.len() > 1 << 30
            || self.islands.len() > 1 << 31
            || fragments.datagrams.len() > 1 << 30
            || fragments.extents.len() > 1 << 30
        {
            return Err(StorageError::TooLarge);
        }
        Ok(())
    }
}

/// Storage in one static value, for programs without a heap.
///
/// `BUCKETS` is a power of two, best twice `CONNECTIONS`, at least as many.
///
/// ```
/// use tapflow_core::{Config, Reassembler, StaticStorage};
///
/// let mut memory = StaticStorage::<64, 64, 128>::new();
/// let reassembler = Reassembler::new(Config::new([0; 16]), memory.storage())?;
/// # Ok::<(), tapflow_core::StorageError>(())
/// ```
pub struct StaticStorage<const CONNECTIONS: usize, const BUCKETS: usize, const ISLANDS: usize> {
    connections: [Connection; CONNECTIONS],
    buckets: [u32; BUCKETS],
    islands: [Island; ISLANDS],
}

impl<const CONNECTIONS: usize, const BUCKETS: usize, const ISLANDS: usize>
    StaticStorage<CONNECTIONS, BUCKETS, ISLANDS>
{
    /// Empty storage.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connections: [Connection::EMPTY; CONNECTIONS],
            buckets: [0; BUCKETS],
            islands: [Island::UNUSED; ISLANDS],
        }
    }

    /// Lends the memory. What an earlier reassembler left in it does not matter. There is none for
    /// fragments in it; see [`StaticFragmentStorage`](crate::StaticFragmentStorage).
    pub fn storage(&mut self) -> Storage<'_> {
        self.buckets.fill(0);
        Storage::new(
            ManagedSlice::Borrowed(&mut self.connections),
            ManagedSlice::Borrowed(&mut self.buckets),
            ManagedSlice::Borrowed(&mut self.islands),
        )
    }
}

impl<const CONNECTIONS: usize, const BUCKETS: usize, const ISLANDS: usize> Default
    for StaticStorage<CONNECTIONS, BUCKETS, ISLANDS>
{
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "alloc")]
impl Storage<'static> {
    /// Zeroed memory from the heap for `connections` and `islands`, none for
    /// [fragments](FragmentStorage::heap); `None` if there is not that much.
    #[must_use]
    pub fn heap(connections: usize, islands: usize) -> Option<Self> {
        use zerocopy::FromZeros;
        let buckets = connections.checked_next_power_of_two()?.checked_mul(2)?;
        Some(Self {
            connections: ManagedSlice::Owned(Connection::new_vec_zeroed(connections).ok()?),
            buckets: ManagedSlice::Owned(u32::new_vec_zeroed(buckets).ok()?),
            islands: ManagedSlice::Owned(Island::new_vec_zeroed(islands).ok()?),
            fragments: FragmentStorage::none(),
            expanded: ManagedSlice::Owned(u8::new_vec_zeroed(FragmentStorage::MAX_DATAGRAM).ok()?),
        })
    }
}
