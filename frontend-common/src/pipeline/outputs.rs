//! What the reporter writes beside the files of flows: the report, lines for programs, the HAR file. With numbered
//! directories each of them has its own.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tapflow_core::Timestamp;

use crate::cli::{Options, ReportTarget};
use crate::output::disk::{Disk, directory};
use crate::output::draft::ChosenBy;
use crate::output::durable::Flush;
use crate::report::{Har, JsonLines, Report, RunInfo, RunTotals, Shape};

use super::reporter::Totals;

/// The files of the run, or of one directory.
#[derive(Default)]
pub(super) struct Outputs {
    pub(super) report: Option<Report>,
    pub(super) lines: Option<JsonLines>,
    pub(super) har: Option<Har>,
}

impl Outputs {
    /// The run begins, or goes on in a directory of its own: the files stay from now on.
    ///
    /// # Errors
    /// What cannot be written, and why.
    pub(super) fn begin(&mut self, flushes: bool) -> Result<(), String> {
        self.report.iter_mut().for_each(|report| report.begin(flushes));
        self.har.iter_mut().for_each(|har| har.begin(flushes));
        self.lines.as_mut().map_or(Ok(()), |lines| lines.begin(flushes)).map_err(|error| error.to_string())
    }

    /// Bytes in them.
    pub(super) fn size(&self) -> u64 {
        self.report.as_ref().map_or(0, Report::size)
            + self.lines.as_ref().map_or(0, JsonLines::size)
            + self.har.as_ref().map_or(0, Har::size)
    }
}

/// Makes them in each directory.
pub(super) struct Opener {
    root: PathBuf,
    shape: Shape,
    report: Option<PathBuf>,
    lines: Option<PathBuf>,
    har: Option<PathBuf>,
    info: RunInfo,
    /// Whether files are flushed to the disk when they are complete.
    flushes: bool,
}

impl Opener {
    pub(super) fn new(options: &Options, info: RunInfo) -> Self {
        let report = match &options.report {
            ReportTarget::None => None,
            ReportTarget::Default => Some(PathBuf::from("report.xml")),
            ReportTarget::File(name) => Some(name.clone()),
        };
        Self {
            root: options.output_dir.clone(),
            shape: options.report_shape,
            report,
            lines: options.json_lines.clone().filter(|path| path.as_os_str() != "-"),
            har: options.scan.har.clone().filter(|_| options.files),
            info,
            flushes: options.flush == Flush::EachFile,
        }
    }

    /// As [`open`](Self::open), for a directory in which the run goes on.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub(super) fn go_on(&self, number: u32, disk: Option<&Disk>) -> Result<Outputs, String> {
        let mut outputs = self.open(number, disk)?;
        outputs.begin(self.flushes).map(|()| outputs)
    }

    /// Makes the files of a directory, which may have been there before them. They are still to [begin](Outputs::begin).
    ///
    /// # Errors
    /// What cannot be made, and why.
    pub(super) fn open(&self, number: u32, disk: Option<&Disk>) -> Result<Outputs, String> {
        let place = directory(&self.root, number);
        let made = |path: &Path| disk.into_iter().for_each(|disk| disk.made(path));
        if let Some(disk) = disk {
            disk.begun(number);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let info = RunInfo { start: Timestamp::new(now.as_secs(), 0), ..self.info.clone() };
        let mut outputs = Outputs::default();
        if let Some(name) = &self.report {
            let path = place.join(name);
            outputs.report = Some(
                Report::create(&path, ChosenBy::Program, self.shape, &info)
                    .map_err(|error| error.to_string())?,
            );
            made(&path);
        }
        if let Some(name) = &self.lines {
            let path = place.join(name);
            outputs.lines =
                Some(JsonLines::create(&path, ChosenBy::Program).map_err(|error| error.to_string())?);
            made(&path);
        }
        if let Some(name) = &self.har {
            let path = place.join(name);
            outputs.har = Some(
                Har::create(&path, ChosenBy::Program)
                    .map_err(|error| format!("cannot write the HAR file {error}"))?,
            );
            made(&path);
        }
        Ok(outputs)
    }
}

/// What the run or one directory came to, as far as the reporter knows.
#[derive(Default)]
pub(super) struct Period {
    pub(super) outputs: Outputs,
    /// What its flows came to.
    pub(super) totals: Totals,
    /// What was counted before it.
    pub(super) begin: RunTotals,
    /// What was counted while it was the present one, once another one is.
    pub(super) end: Option<RunTotals>,
    /// Writers that are done with it.
    pub(super) done: usize,
    /// Flows that close before all of its own have.
    pub(super) at: Option<u64>,
    /// Bytes that were told to the books of the disk.
    pub(super) told: u64,
}

impl Period {
    /// Tells what was written since the last time.
    pub(super) fn account(&mut self, number: u32, disk: &Disk) {
        let size = self.outputs.size();
        disk.add(&disk.directory(number), size.saturating_sub(self.told));
        self.told = self.told.max(size);
    }

    /// Ends the report, or the one that `next` follows: tells what it no longer keeps free.
    ///
    /// # Errors
    /// What cannot be written, with the path.
    pub(super) fn end_report(
        &mut self,
        number: u32,
        end: &RunTotals,
        next: Option<Report>,
        disk: Option<&Disk>,
    ) -> io::Result<()> {
        if let Some(disk) = disk {
            self.account(number, disk);
        }
        let Some(mut report) = std::mem::replace(&mut self.outputs.report, next) else { return Ok(()) };
        let size = report.size();
        let result = report.finish(end);
        if let Some(disk) = disk {
            disk.give_back(number, size.saturating_sub(report.size()));
        }
        self.told = self.told.saturating_sub(size);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::disk::BLOCK;

    #[test]
    fn a_report_that_has_ended_takes_what_is_in_it() {
        let folder = tempfile::tempdir().expect("a directory");
        let root = folder.path().to_owned();
        std::fs::create_dir(directory(&root, 1)).expect("made");
        let disk = Disk::new(root.clone(), 1 << 30, false);
        let (report, info) = (Some(PathBuf::from("report.xml")), RunInfo::default());
        let opener = Opener {
            root: root.clone(),
            shape: Shape::Dfxml,
            report,
            lines: None,
            har: None,
            info,
            flushes: false,
        };
        let outputs = opener.open(1, Some(&disk)).expect("open");
        let mut period = Period { outputs, ..Period::default() };
        period.account(1, &disk);
        assert!(disk.used() > 64 << 10, "room for what comes");
        period.end_report(1, &RunTotals::default(), None, Some(&disk)).expect("written");
        let length = directory(&root, 1).join("report.xml").metadata().expect("a file").len();
        // The file and its directory have a block each.
        assert_eq!(disk.used(), length + 2 * BLOCK);
    }
}
