//! What the reporter writes beside the files of flows: the report, JSON lines, the HAR file, tables. Each numbered directory
//! has its own.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tapflow_core::Timestamp;

use crate::output::directory::prepare;
use crate::output::draft::ChosenBy;
use crate::report::{
    Har, JsonLines, Page, PageConfig, Pairs, Pictures, Report, ReportEnd, RunInfo, Shape, TABLES, Tables,
    Written,
};
use crate::retention::{DiskQuota, directory};
use crate::scan::FinishedFlow;

/// The files of the run, or of one directory.
#[derive(Default)]
pub(crate) struct Outputs {
    pub(crate) report: Option<Report>,
    pub(crate) lines: Option<JsonLines>,
    pub(crate) har: Option<Har>,
    pub(crate) pictures: Option<Pictures>,
    pub(crate) page: Option<Page>,
    pub(crate) tables: Option<Tables>,
}

impl Outputs {
    /// The run begins, or goes on in this directory: from now on the files stay.
    ///
    /// # Errors
    /// What cannot be written, and why.
    pub(crate) fn begin(&mut self, flushes: bool) -> Result<(), String> {
        self.report.iter_mut().for_each(|report| report.begin(flushes));
        self.har.iter_mut().for_each(|har| har.begin(flushes));
        self.pictures.iter_mut().for_each(|pictures| pictures.begin(flushes));
        self.tables.iter_mut().for_each(|tables| tables.begin(flushes));
        self.lines.as_mut().map_or(Ok(()), |lines| lines.begin(flushes)).map_err(|error| error.to_string())
    }

    /// Bytes in them.
    pub(crate) fn size(&self) -> u64 {
        self.report.as_ref().map_or(0, Report::size)
            + self.lines.as_ref().map_or(0, JsonLines::size)
            + self.har.as_ref().map_or(0, Har::size)
            + self.pictures.as_ref().map_or(0, Pictures::size)
            + self.tables.as_ref().map_or(0, Tables::size)
    }
}

/// What follows a report that ends while the run goes on.
#[derive(Debug, Default)]
pub(crate) struct Next {
    pub(crate) report: Option<Report>,
    pub(crate) pictures: Option<Pictures>,
}

/// Creates the tables, and their directory unless it is there.
///
/// # Errors
/// What cannot be created, and why.
pub(crate) fn open_tables(folder: &Path) -> Result<Tables, String> {
    prepare(folder).map_err(|error| error.to_string())?;
    Tables::create(folder).map_err(|error| error.to_string())
}

/// Creates the files in each numbered directory.
pub(crate) struct Opener {
    /// The directory of the numbered directories.
    pub(crate) root: PathBuf,
    /// The shape of reports.
    pub(crate) shape: Shape,
    /// The name of the report, if there is one.
    pub(crate) report: Option<PathBuf>,
    /// The name of the file of JSON lines, if there is one.
    pub(crate) lines: Option<PathBuf>,
    /// The name of the HAR file, if there is one.
    pub(crate) har: Option<PathBuf>,
    /// The name of the pictures, if there are any, and whether their addresses are printed.
    pub(crate) pictures: Option<(PathBuf, bool)>,
    /// The name of the page, if there is one.
    pub(crate) page: Option<(PathBuf, PageConfig)>,
    /// The name of the directory of tables, if there are any.
    pub(crate) tables: Option<PathBuf>,
    /// What reports say of the run.
    pub(crate) info: RunInfo,
    /// Whether files are flushed to the disk when they are complete.
    pub(crate) flushes: bool,
}

impl Opener {
    /// As [`open`](Self::open), for a directory in which the run goes on.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub(crate) fn go_on(&self, number: u32, disk: Option<&DiskQuota>) -> Result<Outputs, String> {
        let mut outputs = self.open(number, disk)?;
        outputs.begin(self.flushes).map(|()| outputs)
    }

    /// Creates the files of a directory. They do not stay before [`Outputs::begin`].
    ///
    /// # Errors
    /// What cannot be created, and why.
    pub(crate) fn open(&self, number: u32, disk: Option<&DiskQuota>) -> Result<Outputs, String> {
        let place = directory(&self.root, number);
        let made = |path: &Path| disk.into_iter().for_each(|disk| disk.made(path));
        if let Some(disk) = disk {
            disk.directory_opened(number);
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
        if let Some((name, dump)) = &self.pictures {
            let path = place.join(name);
            outputs.pictures = Some(Pictures::create(&path, &self.info.sources, *dump)?);
            made(&path);
        }
        if let Some((name, config)) = &self.page {
            let path = place.join(name);
            let config = PageConfig { root: place.clone(), ..config.clone() };
            let page = Page::create(&path, ChosenBy::Program, config);
            outputs.page = Some(page.map_err(|error| error.to_string())?);
            made(&path);
        }
        if let Some(name) = &self.tables {
            let folder = place.join(name);
            outputs.tables = Some(open_tables(&folder)?);
            TABLES.iter().for_each(|name| made(&folder.join(name)));
        }
        Ok(outputs)
    }
}

/// The part of the reporter's state that belongs to the run, or to one directory.
#[derive(Default)]
pub(crate) struct Period {
    pub(crate) outputs: Outputs,
    /// Flows on their way to lines and tables.
    pub(crate) pairs: Pairs,
    /// What was written for its flows.
    pub(crate) written: Written,
    /// What was counted before it.
    pub(crate) begin: ReportEnd,
    /// What was counted while it was the present one, when another one is.
    pub(crate) end: Option<ReportEnd>,
    /// Writers that are done with it.
    pub(crate) done: usize,
    /// The number of flows of the run that have closed when all of its own have.
    pub(crate) at: Option<u64>,
    /// Bytes that the quota has counted.
    pub(crate) accounted: u64,
}

impl Period {
    /// Adds what was written since the last call to the quota.
    pub(crate) fn account(&mut self, number: u32, disk: &DiskQuota) {
        let size = self.outputs.size();
        disk.add(&disk.directory(number), size.saturating_sub(self.accounted));
        self.accounted = self.accounted.max(size);
    }

    /// Adds a flow, one of a `pair` or alone, to the lines and tables, where they have room, and to the `lines` of the
    /// whole run.
    ///
    /// # Errors
    /// What cannot be written, with the path.
    pub(crate) fn list(
        &mut self,
        (flow, pair): (Box<FinishedFlow>, bool),
        has_room: bool,
        mut lines: Option<&mut JsonLines>,
    ) -> io::Result<()> {
        let outputs = &mut self.outputs;
        self.pairs.add(flow, pair, &mut |flows| list(outputs, flows, has_room, lines.as_deref_mut()))
    }

    /// Ends the lines and tables.
    ///
    /// # Errors
    /// What cannot be written, with the path.
    pub(crate) fn end_lists(&mut self, mut lines: Option<&mut JsonLines>) -> io::Result<()> {
        let outputs = &mut self.outputs;
        let listed = self.pairs.end(&mut |flows| list(outputs, flows, true, lines.as_deref_mut()));
        let lines = outputs.lines.as_mut().map_or(Ok(()), JsonLines::finish);
        let tables = outputs.tables.as_mut().map_or(Ok(()), Tables::finish);
        listed.and(lines).and(tables)
    }

    /// Ends the report and the pictures, which `next` may follow, and gives back to the quota what they no longer reserve.
    ///
    /// # Errors
    /// What cannot be written, with the path.
    pub(crate) fn end_report(
        &mut self,
        number: u32,
        end: &ReportEnd,
        next: Next,
        disk: Option<&DiskQuota>,
    ) -> io::Result<()> {
        if let Some(disk) = disk {
            self.account(number, disk);
        }
        let mut drawn = Ok(());
        if let Some(mut pictures) = std::mem::replace(&mut self.outputs.pictures, next.pictures) {
            let size = pictures.size();
            drawn = pictures.finish(&end.traffic.clone().unwrap_or_default());
            if let Some(disk) = disk {
                disk.give_back(number, size.saturating_sub(pictures.size()));
            }
            self.accounted = self.accounted.saturating_sub(size);
        }
        let Some(mut report) = std::mem::replace(&mut self.outputs.report, next.report) else { return drawn };
        let size = report.size();
        let result = report.finish(end);
        if let Some(disk) = disk {
            disk.give_back(number, size.saturating_sub(report.size()));
        }
        self.accounted = self.accounted.saturating_sub(size);
        drawn.and(result)
    }
}

fn list(
    outputs: &mut Outputs,
    flows: &[&FinishedFlow],
    has_room: bool,
    lines: Option<&mut JsonLines>,
) -> io::Result<()> {
    let own = outputs.lines.as_mut().filter(|_| has_room);
    let tables = outputs.tables.as_mut().filter(|_| has_room);
    let listed = [own, lines].into_iter().flatten().try_for_each(|lines| lines.connection(flows));
    listed.and(tables.map_or(Ok(()), |tables| tables.connection(flows)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retention::BLOCK;

    #[test]
    fn a_report_that_has_ended_takes_what_is_in_it() {
        let folder = tempfile::tempdir().expect("a directory");
        let root = folder.path().to_owned();
        std::fs::create_dir(directory(&root, 1)).expect("made");
        let disk = DiskQuota::new(root.clone(), 1 << 30, false);
        let (report, info) = (Some(PathBuf::from("report.xml")), RunInfo::default());
        let opener = Opener {
            root: root.clone(),
            shape: Shape::Dfxml,
            report,
            lines: None,
            har: None,
            pictures: None,
            page: None,
            tables: None,
            info,
            flushes: false,
        };
        let outputs = opener.open(1, Some(&disk)).expect("open");
        let mut period = Period { outputs, ..Period::default() };
        period.account(1, &disk);
        assert!(disk.used() > 64 << 10, "room for what comes");
        period.end_report(1, &ReportEnd::default(), Next::default(), Some(&disk)).expect("written");
        let length = directory(&root, 1).join("report.xml").metadata().expect("a file").len();
        // The file and its directory have a block each.
        assert_eq!(disk.used(), length + 2 * BLOCK);
    }
}
