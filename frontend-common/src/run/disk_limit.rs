//! The limit of what is written (`--max-disk`), in the core's thread: nothing more is read while there is no room, and
//! the run ends if none can be made.

use std::thread::JoinHandle;

use super::whole::Run;
use crate::cli::DiskFull;
use crate::report::Progress;
use crate::retention::Deleted;
use crate::stage::tee::RunSink;

impl Run<'_> {
    /// Reports what was deleted, and makes sure that there is room.
    pub(super) fn ensure_room<S: RunSink>(
        &mut self,
        sink: &mut S,
        progress: &mut Progress,
    ) -> Result<(), S::Error> {
        let Some(disk) = self.disk.clone() else { return Ok(()) };
        self.report_deletions(progress);
        if !disk.is_full() || self.stop.is_asked() {
            return Ok(());
        }
        if disk.deletes() {
            // What is in flight may complete directories.
            self.mark += 1;
            sink.dispatch_mut().mark(self.mark)?;
            let is_gone = |run: &Self| run.reporter.as_ref().is_none_or(JoinHandle::is_finished);
            while !disk.is_done(self.mark) && !self.stop.is_asked() && !is_gone(self) {}
            disk.reclaim();
            self.report_deletions(progress);
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
        self.errors.add(format_args!(
            "{}: the limit of --max-disk {} is reached{why}; the run ends here",
            self.options.output_dir.display(),
            limit.bytes
        ));
        self.is_bounded = true;
        self.stop.ask();
        Ok(())
    }

    /// Reports an error if more is written than the limit allows, unless the run ended because of it. `kept_free` bytes
    /// of what is counted are given back.
    pub(super) fn check_disk_limit(&mut self, kept_free: u64) {
        let (Some(disk), Some(limit)) = (&self.disk, self.options.max_disk) else { return };
        let used = disk.used().saturating_sub(kept_free);
        if used > limit.bytes && !self.is_bounded {
            self.errors.add(format_args!(
                "{}: {used} bytes are written, more than --max-disk {} allows: some were in flight when the limit was reached",
                self.options.output_dir.display(),
                limit.bytes
            ));
        }
    }

    /// Reports what was deleted since the last call, and what could not be.
    pub(super) fn report_deletions(&mut self, progress: &mut Progress) {
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
            self.errors.add(error);
        }
    }

    /// What was deleted so far.
    pub(super) fn deleted(&self) -> Deleted {
        self.disk.as_ref().map_or_else(Deleted::default, |disk| disk.deleted())
    }
}
