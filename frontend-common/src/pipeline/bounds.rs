//! The bound of what is written (`--max-disk`), on the side of the core: nothing more is read while there is no room,
//! and the run ends where none can be made.

use std::thread::JoinHandle;

use super::run::Run;
use super::tee::Watched;
use crate::cli::DiskFull;
use crate::output::disk::Deleted;
use crate::report::Progress;

impl Run<'_> {
    /// Tells what was deleted, and makes sure that there is room.
    pub(super) fn bounds<S: Watched>(
        &mut self,
        sink: &mut S,
        progress: &mut Progress,
    ) -> Result<(), S::Error> {
        let Some(disk) = self.disk.clone() else { return Ok(()) };
        self.tell_deletions(progress);
        if !disk.is_full() || self.stop.is_asked() {
            return Ok(());
        }
        if disk.deletes() {
            // What is under way may complete directories.
            self.mark += 1;
            sink.mark(self.mark)?;
            let is_gone = |run: &Self| run.reporter.as_ref().is_none_or(JoinHandle::is_finished);
            while !disk.is_done(self.mark) && !self.stop.is_asked() && !is_gone(self) {}
            disk.sweep();
            self.tell_deletions(progress);
            if !disk.is_full() || self.stop.is_asked() {
                return Ok(());
            }
        }
        let Some(limit) = self.options.max_disk else { return Ok(()) };
        let why = match limit.full {
            DiskFull::Stop => "",
            DiskFull::Delete => ", and the rest is in use: --rotate more often, or allow more",
        };
        progress.clear();
        self.complaints.add(format_args!(
            "{}: the limit of --max-disk {} is reached{why}; the run ends here",
            self.options.output_dir.display(),
            limit.bytes
        ));
        self.is_bounded = true;
        self.stop.ask();
        Ok(())
    }

    /// Complains of what is written beyond the bound, unless the run ended because of it. `kept_free` bytes of what is
    /// in the books are given back.
    pub(super) fn beyond_bound(&mut self, kept_free: u64) {
        let (Some(disk), Some(limit)) = (&self.disk, self.options.max_disk) else { return };
        let used = disk.used().saturating_sub(kept_free);
        if used > limit.bytes && !self.is_bounded {
            self.complaints.add(format_args!(
                "{}: {used} bytes are written, more than --max-disk {} allows: some were in flight when the limit was reached",
                self.options.output_dir.display(),
                limit.bytes
            ));
        }
    }

    /// Tells the user what was deleted since the last time, and what could not be.
    pub(super) fn tell_deletions(&mut self, progress: &mut Progress) {
        let Some(disk) = &self.disk else { return };
        let (news, error) = disk.news();
        if news.is_empty() && error.is_none() {
            return;
        }
        progress.clear();
        if !self.options.verbosity.is_quiet() {
            news.iter().for_each(|line| (self.say)(line));
        }
        if let Some(error) = error {
            self.complaints.add(error);
        }
    }

    /// What was deleted so far.
    pub(super) fn deleted(&self) -> Deleted {
        self.disk.as_ref().map_or_else(Deleted::default, |disk| disk.deleted())
    }
}
