//! How much is said: `-q`, `-v`, `-d`.

use clap::Arg;
use clap::builder::ValueParser;

use crate::cli::CliError;
use crate::cli::flags::{Flag, switch, value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::values::decimal;
use crate::report::{VERBOSE as VERBOSE_LEVEL, Verbosity};

const QUIET: &str = "quiet";
const VERBOSE: &str = "verbose";
const DEBUG: &str = "debug";

/// `-q`
pub(crate) struct Quiet;

impl Flag for Quiet {
    fn arg(&self) -> Arg {
        switch('q', QUIET).overrides_with_all([VERBOSE, DEBUG]).help("errors only").long_help(
            "Print errors only: no summary, no progress, no warnings; statistics only with \
                 --stats-interval. The last of -q, -v and -d counts.",
        )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if line.has(QUIET) {
            options.verbosity = Verbosity(0);
        }
        Ok(())
    }
}

/// `-v`
pub(crate) struct Verbose;

impl Flag for Verbose {
    fn arg(&self) -> Arg {
        switch('v', VERBOSE)
            .overrides_with_all([QUIET, DEBUG])
            .help("more messages")
            .long_help("Print more messages; the same as -d 10.")
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if line.has(VERBOSE) {
            options.verbosity = Verbosity(VERBOSE_LEVEL);
        }
        Ok(())
    }
}

/// `-d LEVEL`
pub(crate) struct Debug;

impl Flag for Debug {
    fn arg(&self) -> Arg {
        value('d', DEBUG, "LEVEL", ValueParser::new(level))
            .allow_hyphen_values(true)
            .overrides_with_all([QUIET, VERBOSE])
            .help("0 silent, 1 usual, 10 all")
            .long_help("How much to print to standard error: 0 is -q, 1 the default, 10 is -v.")
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if let Some(level) = line.value(DEBUG) {
            options.verbosity = Verbosity(level);
        }
        Ok(())
    }
}

/// A level of messages.
fn level(text: &str) -> Result<u32, String> {
    decimal(text).ok_or_else(|| "expected a whole number: 0 silent, 1 usual, 10 verbose".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::run;
    use crate::report::Verbosity;

    #[test]
    fn the_last_of_quiet_verbose_and_debug_counts() {
        assert!(run("-r a -v -q").verbosity.is_quiet());
        assert!(run("-r a -q -v").verbosity.is_verbose());
        assert_eq!(run("-r a -v -d 3").verbosity, Verbosity(3));
        assert!(run("-r a -d 0").verbosity.is_quiet());
    }
}
