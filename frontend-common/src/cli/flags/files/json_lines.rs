//! `--jsonl`

use std::path::PathBuf;

use clap::{Arg, value_parser};

use crate::cli::CliError;
use crate::cli::flags::{Flag, console, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;

pub(crate) const JSON_LINES: &str = "jsonl";

/// `--jsonl FILE`
pub(crate) struct Jsonl;

impl Flag for Jsonl {
    fn arg(&self) -> Arg {
        long_value(JSON_LINES, "FILE", value_parser!(PathBuf)).help("one JSON line per connection").long_help(
            "Write a JSON object for each connection, one per line, with everything that is in the report. `-` \
             is standard output.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.json_lines = line.path(JSON_LINES);
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let is_stdout = options.json_lines.as_ref().is_some_and(|path| path.as_os_str() == "-");
        if is_stdout && console::prints(line) {
            return Err(CliError(
                "--jsonl - and the console (-c, -C) would mix; give --jsonl a file".to_owned(),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};
    use crate::report::Shape;

    #[test]
    fn lines_and_console_cannot_both_have_standard_output() {
        assert_eq!(run("-r a --jsonl -").json_lines, Some("-".into()));
        assert!(refused("-r a -c --jsonl -").contains("--jsonl a file"));
        assert_eq!(run("-r a --jsonl b --dfxml-compat").report_shape, Shape::Tcpflow);
    }
}
