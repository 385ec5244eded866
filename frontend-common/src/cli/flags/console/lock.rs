//! `-L`

use clap::{Arg, value_parser};

use super::note_console;
use crate::cli::CliError;
use crate::cli::flags::{Flag, value};
use crate::cli::line::Line;
use crate::cli::options::Options;

const LOCK: &str = "lock";

/// `-L NAME`
pub(crate) struct Lock;

impl Flag for Lock {
    fn arg(&self) -> Arg {
        value('L', LOCK, "NAME", value_parser!(String)).hide_short_help(true).help("take turns").long_help(
            "With -c or -C: hold the semaphore of this name (sem_overview(7)) while a piece is printed, so \
             that several programs can share a terminal.",
        )
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.lock = line.value(LOCK).filter(|_| options.console.is_some());
        note_console(line, options, LOCK, "-L");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::run;

    #[test]
    fn a_lock_is_for_the_console() {
        assert_eq!(run("-r a -c -L turns").lock.as_deref(), Some("turns"));
        let options = run("-r a -L turns");
        assert_eq!(
            (options.lock, options.notes),
            (None, vec!["-L has no effect without -c or -C".to_owned()])
        );
    }
}
