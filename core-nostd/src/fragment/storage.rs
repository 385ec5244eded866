//! The memory in which datagrams are put together: the caller's.

use managed::ManagedSlice;

use super::datagram::Datagram;
use super::extents::Extent;

/// The memory for fragments; see [`Storage::fragments`](crate::Storage). Without any of it fragments are
/// rejected and counted.
pub struct FragmentStorage<'a> {
    /// One entry for each datagram that can be incomplete at once.
    pub datagrams: ManagedSlice<'a, Datagram>,
    /// Their bytes, an equal share for each: the longest datagram that can be put together. A share of
    /// more than 65,535 bytes is of no use.
    pub bytes: ManagedSlice<'a, u8>,
    /// Parts of datagrams, shared by all: one for each fragment at least.
    pub extents: ManagedSlice<'a, Extent>,
}

impl FragmentStorage<'_> {
    /// The bytes of the longest payload of an IP datagram.
    pub const MAX_DATAGRAM: usize = 0xffff;

    /// No room.
    #[must_use]
    pub fn none() -> Self {
        Self {
            datagrams: ManagedSlice::Borrowed(&mut []),
            bytes: ManagedSlice::Borrowed(&mut []),
            extents: ManagedSlice::Borrowed(&mut []),
        }
    }

    /// The longest payload of a datagram that fits, in bytes.
    pub(super) fn share(&self) -> usize {
        self.bytes.len().checked_div(self.datagrams.len()).unwrap_or(0).min(Self::MAX_DATAGRAM)
    }
}

#[cfg(feature = "alloc")]
impl FragmentStorage<'static> {
    /// Memory from the heap for so many datagrams of any length, with 32 fragments each on average; `None`
    /// if there is not that much. It is committed as it is used where the system does so.
    #[must_use]
    pub fn heap(datagrams: usize) -> Option<Self> {
        use zerocopy::FromZeros;
        let mut entries = alloc::vec::Vec::new();
        entries.try_reserve_exact(datagrams).ok()?;
        entries.resize_with(datagrams, Datagram::default);
        let bytes = datagrams.checked_mul(Self::MAX_DATAGRAM)?;
        let extents = if datagrams == 0 { 0 } else { datagrams.checked_mul(32)?.max(1 << 13) };
        Some(Self {
            datagrams: ManagedSlice::Owned(entries),
            bytes: ManagedSlice::Owned(u8::new_vec_zeroed(bytes).ok()?),
            extents: ManagedSlice::Owned(Extent::new_vec_zeroed(extents).ok()?),
        })
    }
}

/// Memory for fragments in one static value, for programs without a heap: `DATAGRAMS` datagrams of at
/// most `BYTES` bytes, of `EXTENTS` fragments in all.
///
/// ```
/// use tapflow_core::{Config, Reassembler, StaticFragmentStorage, StaticStorage, Storage};
///
/// let mut memory = StaticStorage::<64, 64, 128>::new();
/// let mut fragments = StaticFragmentStorage::<4, 2048, 32>::new();
/// let storage = memory.storage().with_fragments(fragments.storage());
/// let reassembler = Reassembler::new(Config::new([0; 16]), storage)?;
/// # Ok::<(), tapflow_core::StorageError>(())
/// ```
pub struct StaticFragmentStorage<const DATAGRAMS: usize, const BYTES: usize, const EXTENTS: usize> {
    datagrams: [Datagram; DATAGRAMS],
    bytes: [[u8; BYTES]; DATAGRAMS],
    extents: [Extent; EXTENTS],
}

impl<const DATAGRAMS: usize, const BYTES: usize, const EXTENTS: usize>
    StaticFragmentStorage<DATAGRAMS, BYTES, EXTENTS>
{
    /// Empty storage.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            datagrams: [const { Datagram::new() }; DATAGRAMS],
            bytes: [[0; BYTES]; DATAGRAMS],
            extents: [Extent::UNUSED; EXTENTS],
        }
    }

    /// Lends the memory. What an earlier reassembler left in it does not matter.
    pub fn storage(&mut self) -> FragmentStorage<'_> {
        FragmentStorage {
            datagrams: ManagedSlice::Borrowed(&mut self.datagrams),
            bytes: ManagedSlice::Borrowed(self.bytes.as_flattened_mut()),
            extents: ManagedSlice::Borrowed(&mut self.extents),
        }
    }
}

impl<const DATAGRAMS: usize, const BYTES: usize, const EXTENTS: usize> Default
    for StaticFragmentStorage<DATAGRAMS, BYTES, EXTENTS>
{
    fn default() -> Self {
        Self::new()
    }
}
