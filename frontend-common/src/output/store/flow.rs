//! What a store knows of an open flow. Hundreds of thousands may be open at once: what few have lies elsewhere.

use std::sync::Arc;

use crate::flow::{FlowFacts, Ranges, Shortened};
use crate::output::files::FileId;
use crate::output::index::FlowIndex;

/// No flow, and no place.
pub(super) const NONE: u32 = u32::MAX;

/// An open flow.
#[derive(Debug)]
pub(super) struct State {
    /// What its name is made of; `None` once it is closed.
    pub(super) facts: Option<Arc<FlowFacts>>,
    pub(super) file: Option<FileId>,
    /// See [`FileStore::open`](super::FileStore::open).
    pub(super) name: u32,
    /// Where its pieces wait.
    pub(super) place: u32,
    /// Length of its file.
    pub(super) written: u64,
    rare: Option<Box<Rare>>,
    pub(super) has_data: bool,
    pub(super) failed: bool,
}

const _: () = assert!(size_of::<State>() <= 40);

/// What most flows do not have.
#[derive(Debug, Default)]
pub(super) struct Rare {
    pub(super) index: Option<FlowIndex>,
    pub(super) beyond_limit: u64,
    pub(super) conflicts: Ranges,
    pub(super) replaced: Ranges,
    /// Offsets of bytes that are not to be in the file.
    pub(super) left_out: Vec<u64>,
    /// Parts of holes that are not in the file.
    pub(super) shortened: Shortened,
}

impl State {
    pub(super) fn new(facts: Arc<FlowFacts>, name: u32, has_index: bool) -> Self {
        let rare = has_index.then(|| Box::new(Rare { index: Some(FlowIndex::default()), ..Rare::default() }));
        Self {
            facts: Some(facts),
            file: None,
            name,
            place: NONE,
            written: 0,
            rare,
            has_data: false,
            failed: false,
        }
    }

    /// What few flows have, for one that has it now.
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The same, where it is there.
    pub(super) fn known(&mut self) -> Option<&mut Rare> {
        self.rare.as_deref_mut()
    }

    /// The same, which leaves the flow.
    pub(super) fn take(&mut self) -> Rare {
        self.rare.take().map(|rare| *rare).unwrap_or_default()
    }

    pub(super) fn index(&mut self) -> Option<&mut FlowIndex> {
        self.rare.as_mut()?.index.as_mut()
    }

    /// Offsets of bytes that are not to be in the file.
    pub(super) fn left_out(&self) -> &[u64] {
        self.rare.as_ref().map_or(&[], |rare| &rare.left_out)
    }
}
