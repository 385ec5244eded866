//! The table of connections: `--max-connections`, `--idle-timeout`.

use std::time::Duration;

use clap::Arg;
use clap::builder::ValueParser;

use super::settings;
use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::values::{positive, seconds};

const MAX_CONNECTIONS: &str = "max-connections";
const IDLE_TIMEOUT: &str = "idle-timeout";

/// Seconds after which a live capture closes connections without packets, unless `--idle-timeout` is given: it may run
/// for weeks. Systems probe idle connections after two hours, if at all; most programs that keep a connection send far
/// more often.
const LIVE_IDLE_TIMEOUT: u64 = 3600;

/// `--max-connections N`
pub(crate) struct MaxConnections;

impl Flag for MaxConnections {
    fn arg(&self) -> Arg {
        long_value(MAX_CONNECTIONS, "N", ValueParser::new(positive)).alias("max-flows").help("connections at once").long_help(
            "Follow at most N connections at once. When the table is full, each new connection closes another: \
             the oldest that has ended, else the oldest half-open, else the one silent for longest. Ended and \
             half-open connections take at most a quarter of the table. The summary counts what was closed. \
             The default is one for every 4k of available memory, at most 524288.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.max_connections = line.value(MAX_CONNECTIONS);
        Ok(())
    }
}

/// `--idle-timeout SECONDS`
pub(crate) struct IdleTimeout;

impl Flag for IdleTimeout {
    fn arg(&self) -> Arg {
        long_value(IDLE_TIMEOUT, "SECONDS", ValueParser::new(seconds)).help("close silent connections").long_help(
                "Close a connection after this many seconds without a packet, on the clock of the capture. 0 is \
                 never. The default is 0 for files and 3600 for live capture. -S tcp_timeout=SECONDS is the same; \
                 this option takes precedence.",
            )
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let default = if options.live.is_some() { LIVE_IDLE_TIMEOUT } else { 0 };
        let seconds = line.value(IDLE_TIMEOUT).or(settings::all(line).tcp_timeout).unwrap_or(default);
        options.idle_timeout = Some(seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::run;

    #[test]
    fn idle_timeout_has_two_names_and_zero_is_never() {
        let seconds = |line: &str| run(line).idle_timeout.map(|t| t.as_secs());
        assert_eq!(seconds("-r a -S tcp_timeout=30"), Some(30));
        assert_eq!(seconds("-r a --idle-timeout 5 -S tcp_timeout=30"), Some(5));
        assert_eq!(seconds("-r a --idle-timeout 0"), None);
    }

    #[test]
    fn flows_and_connections_have_one_limit() {
        assert_eq!(run("-r a --max-flows 7").max_connections, Some(7));
    }
}
