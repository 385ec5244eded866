//! What becomes of the results of earlier runs: `--overwrite`, `--fresh`.

use clap::Arg;

use crate::cli::CliError;
use crate::cli::flags::{Flag, long_switch};
use crate::cli::line::Line;
use crate::cli::options::{Existing, Options, ReportTarget};
use crate::output::earlier::REPORT;

const OVERWRITE: &str = "overwrite";
const FRESH: &str = "fresh";

/// `--overwrite`
pub(crate) struct Overwrite;

impl Flag for Overwrite {
    fn arg(&self) -> Arg {
        long_switch(OVERWRITE)
            .conflicts_with(FRESH)
            .hide_short_help(true)
            .help("remove earlier results")
            .long_help(
                "Remove the results of earlier runs from the output directory: exactly the files that their reports \
                 in it (report.xml, report-2.xml, ...) list, and these reports. Without this option they stay, files \
                 of flows with the same name get another one, and the report is report-2.xml.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.report_name = REPORT.to_owned();
        options.existing = match (line.has(OVERWRITE), line.has(FRESH)) {
            (true, _) => Existing::Overwrite,
            (_, true) => Existing::Refuse,
            _ if line.program.is_tcpflow() => Existing::Replace,
            _ => Existing::Keep,
        };
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        refuse_without_directory(line, options, OVERWRITE)
    }
}

/// `--fresh`
pub(crate) struct Fresh;

impl Flag for Fresh {
    fn arg(&self) -> Arg {
        long_switch(FRESH)
            .hide_short_help(true)
            .help("only into an empty directory")
            .long_help("Refuse to run if the output directory has anything in it.")
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        refuse_without_directory(line, options, FRESH)
    }
}

/// Both are about the output directory, and with `--rotate` a new one is made in any case.
fn refuse_without_directory(line: &Line<'_>, options: &Options, id: &str) -> Result<(), CliError> {
    let writes = options.files || options.captures || options.report == ReportTarget::Default;
    match () {
        () if !line.is_given(id) => Ok(()),
        () if options.rotate.is_some() => {
            Err(CliError(format!("--{id} and --rotate: each run makes new directories; leave out --{id}")))
        }
        () if !writes => Err(CliError(format!(
            "--{id} is about the output directory, and nothing is written there; leave it out"
        ))),
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::Existing;
    use crate::cli::testing::{refused, run};

    #[test]
    fn earlier_results_stay_unless_an_option_says_otherwise() {
        assert_eq!(run("-r a").existing, Existing::Keep);
        assert_eq!(run("-r a --overwrite").existing, Existing::Overwrite);
        assert_eq!(run("-r a --fresh").existing, Existing::Refuse);
        assert!(refused("-r a --fresh --overwrite").contains("cannot be used with"));
        assert!(refused("-r a -c --overwrite").contains("nothing is written there"));
        assert!(refused("-r a --rotate 1h --fresh").contains("--rotate"));
    }
}
