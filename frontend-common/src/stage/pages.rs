//! The page of a run, of a report that others follow, or of a numbered directory.

use std::io;
use std::path::{Path, PathBuf};

use crate::report::{Index, Listed, Page, ReportEnd};
use crate::retention::{BLOCK, DiskQuota, directory};

/// The index of the pages of numbered directories.
pub(crate) struct Pages {
    root: PathBuf,
    index: Index,
    /// Bytes of the index that the quota has counted.
    accounted: u64,
}

/// Writes a page, if there is room, and its line of the index.
///
/// # Errors
/// Why it is not written, with the path.
pub(crate) fn end(
    mut page: Page,
    number: u32,
    totals: &ReportEnd,
    disk: Option<&DiskQuota>,
    pages: Option<&mut Pages>,
) -> io::Result<()> {
    if let Some(disk) = disk {
        disk.ask_for_report(page.measure(totals)?)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", page.path().display())))?;
    }
    let size = page.finish(totals)?;
    if let Some(disk) = disk {
        disk.add(&disk.directory(number), size);
    }
    pages.map_or(Ok(()), |pages| pages.add(&page, number, totals, disk))
}

impl Pages {
    /// The pages of this name in directories below `root`. If it `flushes`, the index is on disk before it has its name.
    pub(crate) fn new(root: &Path, name: &Path, flushes: bool) -> Self {
        Self { root: root.to_owned(), index: Index::new(root, name, flushes), accounted: 0 }
    }

    fn add(
        &mut self,
        page: &Page,
        number: u32,
        totals: &ReportEnd,
        disk: Option<&DiskQuota>,
    ) -> io::Result<()> {
        let traffic = totals.traffic.as_deref();
        let directory = directory(&self.root, number);
        let size = self.index.add(Listed {
            directory: directory.file_name().unwrap_or_default().to_owned(),
            times: traffic.and_then(|traffic| traffic.times),
            counts: [
                totals.packets,
                traffic.map_or(0, |traffic| traffic.total.bytes),
                page.connections(),
                totals.counter("gap_bytes"),
            ],
        })?;
        if let Some(disk) = disk {
            let size = size + BLOCK;
            disk.add(&self.root, size.saturating_sub(self.accounted));
            self.accounted = self.accounted.max(size);
        }
        Ok(())
    }
}
