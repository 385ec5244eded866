//! The options that keep what is written bounded.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction};

use super::{group, id, long_value};
use crate::cli::values;

pub(super) fn bounds() -> [Arg; 3] {
    group(
        "Files",
        [
            long_value(id::ROTATE, "TIME|SIZE", ValueParser::new(values::rotate))
                .action(ArgAction::Append)
                .help("into DIR/000001, ...")
                .long_help(
                    "Write into numbered directories below -o, each with its own report, and go on in the next one every \
                     TIME of the packets' clock (90s, 15min, 1h, 1d; at multiples of it, UTC), or once one has SIZE bytes (100M, \
                     10G) of streams and packets, and 4096 for each file; with both, whatever comes first. A connection stays with \
                     the directory in which it begins, whole; a directory's report is complete when its last connection has \
                     ended. Numbers go on after those that are there. -X, -w, --jsonl and --har name files in each \
                     directory. SIGHUP goes on in the next directory at once.",
                ),
            long_value(id::MAX_DISK, "SIZE", ValueParser::new(values::positive_size))
                .help("bound of all output")
                .long_help(
                    "Write at most SIZE bytes (100M, 10G, 1T), everything counted, and 4096 for each file; then do as --disk-full \
                     says. What is on its way to the disk by then is still written. At least 1M.",
                ),
            long_value(id::DISK_FULL, "WHAT", ValueParser::new(values::disk_full))
                .hide_short_help(true)
                .help("stop or delete")
                .long_help(
                    "With --max-disk: `stop` (the default) ends the run as the end of its input does, with status 1; `delete`, with \
                     --rotate, deletes the oldest directories that this run has made; of one with connections that are still open, \
                     the files of those that have ended. The present directory stays. What was deleted is counted in summary and \
                     report. Where nothing can be deleted the run stops.",
                ),
        ],
    )
}
