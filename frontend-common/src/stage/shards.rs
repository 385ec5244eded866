//! Which writer has which flows: all flows of one name have the same writer.

use std::hash::RandomState;
use std::sync::Arc;

use crate::flow::FlowFacts;
use crate::naming::Template;

/// Number of parts into which names are divided among writers.
const NAMES: usize = 4096;
/// As long as fewer parts than this have a writer, no more writers than processors are used: a few flows with much data
/// keep these busy, and other writers would only take turns with the core's thread.
const FEW: usize = 32;

/// Assigns writers to names.
pub(crate) struct Shards {
    template: Arc<Template>,
    /// Keyed, so that a sender cannot choose which names meet.
    hasher: RandomState,
    name: String,
    /// By part of a name's hash, its writer.
    writers: Vec<Option<u8>>,
    /// Parts that have a writer. Each gets the next writer, so that also a few flows are spread evenly.
    assigned: usize,
    /// The number of writers.
    count: usize,
    processors: usize,
}

impl Shards {
    /// For `count` writers.
    pub(crate) fn new(template: Arc<Template>, count: usize, processors: usize) -> Self {
        Self {
            template,
            hasher: RandomState::new(),
            name: String::new(),
            writers: vec![None; NAMES],
            assigned: 0,
            count: count.max(1),
            processors: processors.max(1),
        }
    }

    /// The writer of all flows with the name of this one (with connection count 0), and a hash of the name.
    pub(crate) fn of(&mut self, facts: &FlowFacts) -> (usize, u32) {
        let hash = self.template.hash(facts, &self.hasher, &mut self.name);
        let writer = self.writers[(hash >> 32) as usize % NAMES].get_or_insert_with(|| {
            let next = self.assigned;
            self.assigned += 1;
            let among = if next < FEW { self.count.min(self.processors) } else { self.count };
            (next % among) as u8
        });
        (usize::from(*writer), hash as u32)
    }
}
