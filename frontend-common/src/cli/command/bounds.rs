//! The options that keep what is written bounded.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction};

use super::{group, id, long_value};
use crate::cli::values;

pub(super) fn bounds() -> [Arg; 5] {
    group(
        "Files",
        [
            long_value(id::ROTATE, "TIME|SIZE", ValueParser::new(values::rotate))
                .action(ArgAction::Append)
                .help("into DIR/000001, ...")
                .long_help(
                    "Write into numbered directories below -o, each with its own report. The next one begins every \
                     TIME of the packets' clock (90s, 15min, 1h, 1d; at multiples of it, UTC), or when the current \
                     one has SIZE bytes (100M, 10G) of streams and packets, plus 4096 for each file; with both, \
                     whichever comes first. A connection stays in the directory in which it began; a directory's \
                     report is complete when its last connection has ended. Numbers continue after existing \
                     directories. -X, -w, --jsonl and --har name files in each directory. SIGHUP begins the next \
                     directory at once.",
                ),
            long_value(id::MAX_DISK, "SIZE", ValueParser::new(values::positive_size))
                .help("limit of all output")
                .long_help(
                    "Write at most SIZE bytes (100M, 10G, 1T) in total, plus 4096 for each file; then do as \
                     --disk-full says. Data that is on its way to the disk by then is still written. At least 1M.",
                ),
            long_value(id::DISK_FULL, "WHAT", ValueParser::new(values::disk_full))
                .hide_short_help(true)
                .help("stop or delete")
                .long_help(
                    "With --max-disk: `stop` (the default) ends the run as the end of its input does, with status \
                     1; `delete`, with --rotate, deletes the oldest directories of this run. In a directory with \
                     open connections, only the files of connections that have ended are deleted. The current \
                     directory is never deleted. The summary and the report count what was deleted. The run stops \
                     if nothing can be deleted.",
                ),
            Arg::new(id::FSYNC)
                .long(id::FSYNC)
                .action(ArgAction::SetTrue)
                .conflicts_with(id::NO_SYNC)
                .hide_short_help(true)
                .help("flush each file to the disk")
                .long_help(
                    "Flush each file to the disk before it closes, for evidence that is there after a power failure. Usually \
                     everything is flushed once, at the end of the run, and an error of the disk is an error of the run. (Only \
                     Linux does that; it takes as long as the disk needs, also for what other programs have written. File \
                     systems in memory are left out.)",
                ),
            Arg::new(id::NO_SYNC)
                .long(id::NO_SYNC)
                .action(ArgAction::SetTrue)
                .hide_short_help(true)
                .help("do not wait for the disk")
                .long_help(
                    "Do not wait at the end of the run until everything is on the disk. Errors that the system finds later are \
                     not reported.",
                ),
        ],
    )
}
