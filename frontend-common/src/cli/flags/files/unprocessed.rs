//! `-w`

use std::path::PathBuf;

use clap::{Arg, value_parser};

use crate::cli::CliError;
use crate::cli::flags::{Flag, console, value};
use crate::cli::line::Line;
use crate::cli::options::Options;

pub(crate) const REST: &str = "write-rest";

/// `-w FILE`
pub(crate) struct WriteRest;

impl Flag for WriteRest {
    fn arg(&self) -> Arg {
        value('w', REST, "FILE", value_parser!(PathBuf)).help("save packets of no flow").long_help(
            "Write the packets that are in no flow to this file: other protocols, damaged packets, incomplete \
             fragments, segments of no known connection. With -K, every packet is in one of the files. The \
             format is pcap, or pcapng if packets have several link types, if the name ends in .pcapng, and \
             for pipes; `-` is standard output.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.rest = line.path(REST);
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let is_stdout = |path: &Option<PathBuf>| path.as_ref().is_some_and(|path| path.as_os_str() == "-");
        if is_stdout(&options.rest) {
            let other = if console::prints(line) {
                Some("the console (-c, -C)")
            } else {
                is_stdout(&options.json_lines).then_some("--jsonl -")
            };
            if let Some(other) = other {
                return Err(CliError(format!("-w - and {other} would mix; give -w a file")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};

    #[test]
    fn packets_in_no_flow_share_standard_output_with_nothing() {
        assert_eq!(run("-r a -w -").rest, Some("-".into()));
        assert!(refused("-r a -w - -c").contains("the console (-c, -C) would mix; give -w a file"));
        assert!(refused("-r a -w - --jsonl -").contains("--jsonl - would mix; give -w a file"));
    }
}
