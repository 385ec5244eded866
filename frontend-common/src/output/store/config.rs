//! What a store is told before it begins.

use std::sync::Arc;

use crate::naming::Template;
use crate::output::alerts::Alerts;
use crate::output::beneath::Beneath;
use crate::retention::DiskQuota;

/// What a [`FileStore`](super::FileStore) is to do.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The output directory, which exists (see [`crate::output::directory::prepare`]).
    pub directory: Beneath,
    /// How files are named.
    pub template: Arc<Template>,
    /// Descriptors in use at most; at least 1.
    pub max_open: usize,
    /// Bytes at stream offsets from here on are not written (`-b`).
    pub limit: Option<u64>,
    /// Whether each file has an index beside it (`-I`).
    pub index: bool,
    /// Bytes of all flows that may wait for being written.
    pub pending_bytes: u64,
    /// Pieces of all flows that may wait for being written.
    pub pending_pieces: usize,
    /// Who is told when a file is made.
    pub alerts: Option<Alerts>,
    /// Who counts what is written.
    pub disk: Option<DiskQuota>,
    /// Whether the contents of small files are handed on when they close.
    pub keep: bool,
    /// Whether each file is flushed to the disk before it closes (`--fsync`).
    pub flushes: bool,
}

impl StoreConfig {
    /// Everything written, no index, 8 MiB or 16384 pieces pending at most.
    #[must_use]
    pub fn new(directory: impl Into<Beneath>, template: Arc<Template>, max_open: usize) -> Self {
        Self {
            directory: directory.into(),
            template,
            max_open,
            limit: None,
            index: false,
            pending_bytes: 8 << 20,
            pending_pieces: 16_384,
            alerts: None,
            disk: None,
            keep: false,
            flushes: false,
        }
    }
}
