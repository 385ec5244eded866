//! The order of pieces: `--order`, `--hole-timeout`.

use std::time::Duration;

use clap::Arg;
use clap::builder::ValueParser;

use super::note_console;
use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::{ConsoleOrder, Options};
use crate::cli::values::seconds;

const ORDER: &str = "order";
const HOLE_TIMEOUT: &str = "hole-timeout";

/// Seconds that bytes wait for missing ones unless `--hole-timeout` is given.
const DEFAULT_HOLE_TIMEOUT: u64 = 10;

/// `--order ORDER`
pub(crate) struct Order;

impl Flag for Order {
    fn arg(&self) -> Arg {
        long_value(ORDER, "ORDER", ValueParser::new(order)).help("stream or arrival [stream]").long_help(
            "With -c or -C: `stream` (the default) prints each flow in the order of its bytes, and holds back \
             bytes that arrive early; `arrival` prints pieces as they were captured, as tcpflow does.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.console_order = line.value(ORDER).unwrap_or_default();
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        note_console(line, options, ORDER, "--order");
        Ok(())
    }
}

/// The argument of `--order`.
fn order(text: &str) -> Result<ConsoleOrder, String> {
    match text {
        "stream" => Ok(ConsoleOrder::Stream),
        "arrival" => Ok(ConsoleOrder::Arrival),
        _ => Err("expected stream or arrival".to_owned()),
    }
}

/// `--hole-timeout SECONDS`
pub(crate) struct HoleTimeout;

impl Flag for HoleTimeout {
    fn arg(&self) -> Arg {
        long_value(HOLE_TIMEOUT, "SECONDS", ValueParser::new(seconds))
            .hide_short_help(true)
            .help("wait for missing bytes [10]")
            .long_help(
                "With --order stream: how long bytes wait for missing bytes before them, on the clock of the \
                 capture. Then the gap is printed; bytes that arrive for it later are printed when they arrive. 0 \
                 waits until the flow ends. If the receiver has acknowledged the missing bytes, the capture \
                 missed them, and the wait is a tenth of a second. The default is 10.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let seconds = line.value(HOLE_TIMEOUT).unwrap_or(DEFAULT_HOLE_TIMEOUT);
        options.hole_timeout = Some(seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs);
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        note_console(line, options, HOLE_TIMEOUT, "--hole-timeout");
        if line.is_given(HOLE_TIMEOUT) && options.console_order == ConsoleOrder::Arrival {
            return Err(CliError(
                "--hole-timeout is about --order stream, and --order arrival waits for nothing; leave out one of them"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::cli::testing::run;

    #[test]
    fn missing_bytes_are_waited_for() {
        assert_eq!(run("-r a -c --hole-timeout 3").hole_timeout, Some(Duration::from_secs(3)));
        assert_eq!(run("-r a -c --hole-timeout 0").hole_timeout, None);
        assert_eq!(run("-r a --order stream").notes, ["--order has no effect without -c or -C"]);
    }
}
