//! When files are flushed to the disk: `--fsync`, `--no-sync`.

use clap::{Arg, ArgAction};

use crate::cli::CliError;
use crate::cli::flags::Flag;
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::output::durable::Flush;

const FSYNC: &str = "fsync";
const NO_SYNC: &str = "no-sync";

/// `--fsync`
pub(crate) struct Fsync;

impl Flag for Fsync {
    fn arg(&self) -> Arg {
        Arg::new(FSYNC)
            .long(FSYNC)
            .action(ArgAction::SetTrue)
            .conflicts_with(NO_SYNC)
            .hide_short_help(true)
            .help("flush each file to the disk")
            .long_help(
                "Flush each file to the disk before it is closed, so that it survives a power failure. By default \
                 everything is flushed once, at the end of the run; an error of the disk is an error of the run. \
                 Linux only. This waits for the disk, also for data of other programs. File systems in memory are \
                 not flushed.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.flush = match (line.has(FSYNC), line.has(NO_SYNC)) {
            (true, _) => Flush::EachFile,
            (false, true) => Flush::Never,
            (false, false) => Flush::AtEnd,
        };
        Ok(())
    }
}

/// `--no-sync`
pub(crate) struct NoSync;

impl Flag for NoSync {
    fn arg(&self) -> Arg {
        Arg::new(NO_SYNC)
            .long(NO_SYNC)
            .action(ArgAction::SetTrue)
            .hide_short_help(true)
            .help("do not wait for the disk")
            .long_help(
                "Do not wait at the end of the run until everything is on the disk. Errors that the system finds \
                 later are not reported.",
            )
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};
    use crate::output::durable::Flush;

    #[test]
    fn what_is_written_is_flushed_at_the_end_unless_more_or_less_is_asked_for() {
        assert_eq!(run("-r a --fsync").flush, Flush::EachFile);
        assert_eq!(run("-r a --no-sync").flush, Flush::Never);
        assert!(refused("-r a --fsync --no-sync").contains("cannot be used with"));
    }
}
