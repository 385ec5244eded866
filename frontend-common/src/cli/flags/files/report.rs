//! The report: `-X`, `--dfxml-compat`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, value_parser};

use crate::cli::CliError;
use crate::cli::flags::limits::settings;
use crate::cli::flags::{Flag, console, value, without_effect};
use crate::cli::line::Line;
use crate::cli::options::{Options, ReportTarget};
use crate::report::Shape;

pub(crate) const REPORT: &str = "report";
const COMPAT: &str = "dfxml-compat";

/// `-X FILE`
pub(crate) struct ReportFile;

impl Flag for ReportFile {
    fn arg(&self) -> Arg {
        value('X', REPORT, "FILE", value_parser!(PathBuf)).help("report [DIR/report.xml]").long_help(
            "Write the report (DFXML: all flows, their files, gaps, conflicts) to this file. The default is \
             report.xml in the output directory; with -c or -C no report is written unless -X is given. `-` \
             is standard output.",
        )
    }

    /// `-S enable_report=NO` takes precedence.
    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.report = match line.path(REPORT) {
            _ if !settings::all(line).report => ReportTarget::None,
            Some(file) => ReportTarget::File(file),
            None if console::prints(line) => ReportTarget::None,
            None => ReportTarget::Default,
        };
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if line.is_given(REPORT) && options.report == ReportTarget::None {
            let message =
                "-X names a report, and -S enable_report=NO asks for none; leave out one of them".to_owned();
            return without_effect(line, options, message);
        }
        Ok(())
    }
}

/// `--dfxml-compat`
pub(crate) struct DfxmlCompat;

impl Flag for DfxmlCompat {
    fn arg(&self) -> Arg {
        Arg::new(COMPAT).long(COMPAT).action(ArgAction::SetTrue).help("report in tcpflow's form").long_help(
            "Write the report in the form of tcpflow 1.6.1, which is not valid DFXML, for programs that expect \
             it.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let as_tcpflow = line.has(COMPAT) || line.program.is_tcpflow();
        options.report_shape = if as_tcpflow { Shape::Tcpflow } else { Shape::Dfxml };
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if line.has(COMPAT) && options.report == ReportTarget::None {
            let message = "--dfxml-compat is about the report, and none is written; give -X FILE".to_owned();
            return without_effect(line, options, message);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::ReportTarget;
    use crate::cli::testing::{refused, run};
    use crate::report::Shape;

    #[test]
    fn the_report_is_written_with_files_and_where_asked_for() {
        for (flags, report) in [
            ("-FX", ReportTarget::Default),
            ("-o out", ReportTarget::Default),
            ("-c", ReportTarget::None),
            ("-c -X a.xml", ReportTarget::File("a.xml".into())),
            ("-o out -X a.xml", ReportTarget::File("a.xml".into())),
            ("-S enable_report=NO", ReportTarget::None),
            ("-S enable_report=NO -S enable_report=YES", ReportTarget::Default),
        ] {
            assert_eq!(run(&format!("-r a {flags}")).report, report, "{flags}");
        }
    }

    #[test]
    fn a_report_that_is_asked_for_and_not_written_is_refused() {
        assert!(refused("-r a -S enable_report=no -X a.xml").contains("leave out one of them"));
        assert!(refused("-r a -c --dfxml-compat").contains("give -X FILE"));
    }

    #[test]
    fn the_report_can_have_tcpflows_form() {
        assert_eq!(run("-r a").report_shape, Shape::Dfxml);
        assert_eq!(run("-r a --dfxml-compat").report_shape, Shape::Tcpflow);
    }
}
