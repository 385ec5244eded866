//! Help and version: `-h`, `--help`, `-V`.

use clap::{Arg, ArgAction, Command};

use crate::cli::flags::{Flag, switch};
use crate::cli::line::Line;
use crate::cli::{Action, help};

const USAGE: &str = "usage";
const HELP: &str = "help";
const VERSION: &str = "version";

/// The version of tcpflow whose behaviour the name `tcpflow` stands for.
const TCPFLOW_VERSION: &str = "1.6.1";

/// `-h`
pub(crate) struct ShortHelp;

impl Flag for ShortHelp {
    fn arg(&self) -> Arg {
        switch('h', USAGE)
            .action(ArgAction::Count)
            .help("this page")
            .long_help("Print the options on one page. Twice (-hh): the same as --help.")
    }

    fn action(&self, line: &Line<'_>, command: &Command) -> Option<Action> {
        match line.count(USAGE) {
            0 => None,
            1 => Some(Action::Print(help::short(command))),
            _ => Some(Action::Print(help::long(command))),
        }
    }
}

/// `--help`
pub(crate) struct Help;

impl Flag for Help {
    fn arg(&self) -> Arg {
        Arg::new(HELP)
            .long(HELP)
            .action(ArgAction::SetTrue)
            .help("every option explained")
            .long_help("Print this text.")
    }

    fn action(&self, line: &Line<'_>, command: &Command) -> Option<Action> {
        line.has(HELP).then(|| Action::Print(help::long(command)))
    }
}

/// `-V`
pub(crate) struct Version;

impl Flag for Version {
    fn arg(&self) -> Arg {
        switch('V', VERSION).help("version").long_help("Print the version.")
    }

    fn action(&self, line: &Line<'_>, _command: &Command) -> Option<Action> {
        let program = line.program;
        line.has(VERSION).then(|| {
            if program.is_tcpflow() {
                Action::Imitate(format!("TCPFLOW {TCPFLOW_VERSION}\n"))
            } else {
                Action::Print(format!("{} {}\n", program.name, program.version))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::printed;

    #[test]
    fn version_is_printed_with_success() {
        assert_eq!(printed("-V"), "tapflow 1.2.3\n");
        assert_eq!(printed("--version"), "tapflow 1.2.3\n");
    }
}
