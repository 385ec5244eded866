//! `--stats-interval`

use std::time::Duration;

use clap::Arg;
use clap::builder::ValueParser;

use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::values::seconds;

const STATISTICS: &str = "stats-interval";

/// `--stats-interval SECONDS`
pub(crate) struct StatsInterval;

impl Flag for StatsInterval {
    fn arg(&self) -> Arg {
        long_value(STATISTICS, "SECONDS", ValueParser::new(seconds))
            .hide_short_help(true)
            .help("print statistics")
            .long_help("Print statistics at this interval, as SIGUSR1 does. 0, the default, is never.")
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let seconds = line.value(STATISTICS).filter(|seconds| *seconds > 0);
        options.statistics_interval = seconds.map(Duration::from_secs);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::cli::testing::run;

    #[test]
    fn statistics_have_an_interval_and_zero_is_never() {
        let interval = |line| run(line).statistics_interval;
        assert_eq!(interval("-r a --stats-interval 60"), Some(Duration::from_secs(60)));
        assert_eq!((interval("-r a --stats-interval 0"), interval("-r a")), (None, None));
    }
}
