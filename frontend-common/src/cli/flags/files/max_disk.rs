//! A bound of everything that is written: `--max-disk`, `--disk-full`.

use clap::Arg;
use clap::builder::ValueParser;

use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::{DiskFull, MaxDisk, Options, Rotate};
use crate::cli::values::positive_size;

const MAX_DISK: &str = "max-disk";
const DISK_FULL: &str = "disk-full";

/// A report keeps room for its next flows and its end, and other files take blocks.
const LEAST: u64 = 1 << 20;

/// `--max-disk SIZE`
pub(crate) struct MaxDiskSize;

impl Flag for MaxDiskSize {
    fn arg(&self) -> Arg {
        long_value(MAX_DISK, "SIZE", ValueParser::new(positive_size))
            .help("limit of all output")
            .long_help(
                "Write at most SIZE bytes (100M, 10G, 1T) in total, counting 4096 more for each file; then do \
                 what --disk-full says. Data that is already on its way to the disk is still written. SIZE is at \
                 least 1M.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let Some(bytes) = line.value(MAX_DISK) else { return Ok(()) };
        if bytes < LEAST {
            return Err(CliError(format!("--max-disk {bytes} is less than a report may take: at least 1M")));
        }
        options.max_disk = Some(MaxDisk { bytes, full: DiskFull::default() });
        Ok(())
    }
}

/// `--disk-full WHAT`
pub(crate) struct WhenFull;

impl Flag for WhenFull {
    fn arg(&self) -> Arg {
        long_value(DISK_FULL, "WHAT", ValueParser::new(disk_full))
            .hide_short_help(true)
            .help("stop or delete")
            .long_help(
                "What to do at --max-disk: `stop` (the default) ends the run as at the end of its input, with \
                 status 1; `delete`, with --rotate, deletes the oldest directories of this run. In a directory \
                 with open connections, only the files of ended connections are deleted. The current directory is \
                 never deleted. The summary and the report count what was deleted. The run stops if nothing can \
                 be deleted.",
            )
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let Some(full) = line.value(DISK_FULL) else { return Ok(()) };
        let Some(max_disk) = &mut options.max_disk else {
            return Err(CliError("--disk-full needs --max-disk SIZE".to_owned()));
        };
        max_disk.full = full;
        match (full, options.rotate) {
            (DiskFull::Delete, None) => Err(CliError(
                "--disk-full delete deletes whole directories: it needs --rotate TIME or SIZE".to_owned(),
            )),
            (DiskFull::Delete, Some(Rotate { size: Some(size), .. })) if size > max_disk.bytes / 4 => {
                Err(CliError(format!(
                    "--rotate {size} is too much for --max-disk {} to delete from: a quarter of it at most",
                    max_disk.bytes
                )))
            }
            _ => Ok(()),
        }
    }
}

/// The argument of `--disk-full`.
fn disk_full(text: &str) -> Result<DiskFull, String> {
    match text {
        "stop" => Ok(DiskFull::Stop),
        "delete" => Ok(DiskFull::Delete),
        _ => Err("expected stop or delete".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};
    use crate::cli::{DiskFull, MaxDisk};

    #[test]
    fn what_is_written_has_a_bound_and_something_happens_there() {
        let most = |line: &str| run(line).max_disk;
        assert_eq!(most("-r a"), None);
        assert_eq!(most("-r a --max-disk 1T"), Some(MaxDisk { bytes: 1 << 40, full: DiskFull::Stop }));
        let delete = Some(MaxDisk { bytes: 4 << 20, full: DiskFull::Delete });
        assert_eq!(most("-r a --max-disk 4M --disk-full delete --rotate 1M"), delete);
        assert!(refused("-r a --max-disk 4M --disk-full delete").contains("needs --rotate"));
        assert!(refused("-r a --max-disk 4M --disk-full delete --rotate 2M").contains("a quarter"));
        assert!(refused("-r a --disk-full stop").contains("needs --max-disk"));
        assert!(refused("-r a --max-disk 1M --disk-full x").contains("stop or delete"));
        assert!(refused("-r a --max-disk 0").contains("at least 1"));
        assert!(refused("-r a --max-disk 1023k").contains("at least 1M"));
    }
}
