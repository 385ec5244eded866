//! `--no-sandbox`

use clap::{Arg, ArgAction};

use crate::cli::CliError;
use crate::cli::flags::Flag;
use crate::cli::line::Line;
use crate::cli::options::Options;

const NO_SANDBOX: &str = "no-sandbox";

/// `--no-sandbox`
pub(crate) struct NoSandbox;

impl Flag for NoSandbox {
    fn arg(&self) -> Arg {
        Arg::new(NO_SANDBOX)
            .long(NO_SANDBOX)
            .action(ArgAction::SetTrue)
            .hide_short_help(true)
            .help("run without a sandbox")
            .long_help(
                "Run without a sandbox. Linux only. By default, once everything is open, the kernel lets tapflow \
                 read only its inputs and what system libraries need, write only below the output directory, and \
                 use neither the network nor other programs; capabilities of root are dropped, except those that \
                 inputs or an output directory of another user need. A separate process outside the sandbox \
                 starts the programs of tcp_cmd and http_cmd, only for files below the output directory. If -X, \
                 --har, --jsonl, --page or --csv names another directory, tapflow could also rename and remove other \
                 files there.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.rights.no_sandbox = line.has(NO_SANDBOX);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::run;

    #[test]
    fn a_sandbox_is_the_default() {
        assert!(!run("-r a").rights.no_sandbox && run("-r a --no-sandbox").rights.no_sandbox);
    }
}
