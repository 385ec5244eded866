//! `-c`, `-C`

use clap::Arg;

use super::form;
use crate::cli::CliError;
use crate::cli::flags::{Flag, switch};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::output::console::ConsoleOptions;

const CONSOLE: &str = "console";
const BARE: &str = "console-bare";

/// `-c`
pub(crate) struct Console;

impl Flag for Console {
    fn arg(&self) -> Arg {
        switch('c', CONSOLE).help("print flows, with names").long_help(
            "Print flows to standard output instead of writing files; each piece is headed by the name of its \
             flow. Unprintable bytes become `.` unless -B, -D or -J is given.",
            )
    }

    /// The options of [`form`] say how.
    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.console = prints(line).then(|| ConsoleOptions {
            headers: !line.has(BARE),
            form: form::form(line),
            colour: form::colour(line),
            newline: form::newline(line),
        });
        Ok(())
    }
}

/// `-C`
pub(crate) struct Bare;

impl Flag for Bare {
    fn arg(&self) -> Arg {
        switch('C', BARE)
            .help("print flows, without names")
            .long_help("Like -c without the names. Takes precedence over -c.")
    }
}

/// Whether flows are printed.
pub(crate) fn prints(line: &Line<'_>) -> bool {
    line.has(CONSOLE) || line.has(BARE)
}

#[cfg(test)]
mod tests {
    use crate::cli::ConsoleOrder;
    use crate::cli::testing::run;

    #[test]
    fn the_console_without_names_wins_and_takes_its_order() {
        let options = run("-r a -C -c --order arrival");
        assert_eq!(options.console.map(|c| c.headers), Some(false));
        assert_eq!(options.console_order, ConsoleOrder::Arrival);
    }
}
