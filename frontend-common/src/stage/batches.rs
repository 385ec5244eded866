//! Channels of operations to writers: full batches go there, empty ones come back, and with them the memory of
//! flows that have ended, so that nothing has to be allocated once enough are under way.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SendError, SyncSender, sync_channel};

use super::message::{Ending, Operation};
use crate::flow::FlowFacts;

/// Operations in a batch.
pub(crate) const BATCH: usize = 512;

/// Operations that travel together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) operations: Vec<Operation>,
    /// One for each [`Operation::Close`], in the same order. Endings are large, and few operations need one.
    pub(crate) endings: Vec<Ending>,
    /// On the way back: facts of flows that have ended, for reuse of their memory.
    pub(crate) spare: Vec<Arc<FlowFacts>>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { operations: Vec::with_capacity(BATCH), ..Self::default() }
    }
}

/// The end of the core's thread.
#[derive(Debug)]
pub(crate) struct BatchSender {
    full: SyncSender<Batch>,
    empty: Receiver<Batch>,
}

/// The writer's end.
#[derive(Debug)]
pub(crate) struct BatchReceiver {
    full: Receiver<Batch>,
    empty: SyncSender<Batch>,
}

/// Creates a channel that holds up to `depth` batches.
pub(crate) fn batches(depth: usize) -> (BatchSender, BatchReceiver) {
    let (to_writer, full) = sync_channel(depth);
    // Those that wait, the one that is worked on and the one that is being filled.
    let (to_core, empty) = sync_channel(depth + 2);
    (BatchSender { full: to_writer, empty }, BatchReceiver { full, empty: to_core })
}

impl BatchSender {
    /// Sends a batch as soon as there is room, and returns an empty one for it.
    ///
    /// # Errors
    /// The receiver was dropped.
    pub(crate) fn send(&self, batch: Batch) -> Result<Batch, SendError<Batch>> {
        self.full.send(batch)?;
        Ok(self.empty.try_recv().unwrap_or_else(|_| Batch::new()))
    }
}

impl BatchReceiver {
    /// Calls `work` for each batch until the sender is dropped.
    pub(crate) fn each(&self, mut work: impl FnMut(&mut Batch)) {
        for mut batch in &self.full {
            work(&mut batch);
            batch.operations.clear();
            batch.endings.clear();
            // If there are enough empty ones, this one is dropped.
            let _ = self.empty.try_send(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flush() -> Batch {
        Batch { operations: vec![Operation::Flush], ..Batch::default() }
    }

    #[test]
    fn batches_come_back_empty_and_are_used_again() {
        let (sender, receiver) = batches(8);
        let first = flush();
        let memory = first.operations.as_ptr();
        let second = sender.send(first).expect("sent");
        assert_ne!(second.operations.as_ptr(), memory, "none is empty yet");
        let working = std::thread::spawn(move || {
            let mut done = 0;
            receiver.each(|batch| done += batch.operations.drain(..).count());
            done
        });
        let mut sent = 1;
        loop {
            let empty = sender.send(flush()).expect("sent");
            sent += 1;
            if empty.operations.as_ptr() == memory {
                break;
            }
        }
        drop(sender);
        assert_eq!(working.join().expect("worked"), sent);
    }
}
