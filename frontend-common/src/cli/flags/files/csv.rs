//! `--csv`

use std::path::PathBuf;

use clap::{Arg, value_parser};

use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::scan::hash::Algorithm;

pub(crate) const CSV: &str = "csv";

/// `--csv DIR`
pub(crate) struct Csv;

impl Flag for Csv {
    fn arg(&self) -> Arg {
        long_value(CSV, "DIR", value_parser!(PathBuf)).help("tables for spreadsheets").long_help(
            "Write three tables into this directory, which is made when missing: connections.csv, exchanges.csv \
             (HTTP requests with their responses) and objects.csv (bodies; their files with -e http). Flow files \
             and bodies get SHA-256 digests.",
        )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.csv = line.path(CSV);
        Ok(())
    }

    fn settle(&self, _line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let Some(folder) = &options.csv else { return Ok(()) };
        if folder.as_os_str() == "-" {
            return Err(CliError("--csv names a directory for three files: not standard output".to_owned()));
        }
        if !options.files {
            options.notes.push("no files are written, so --csv has no HTTP and no digests".to_owned());
        } else if !options.scan.algorithms.contains(&Algorithm::Sha256) {
            options.scan.algorithms.push(Algorithm::Sha256);
            options.scan.algorithms.sort_unstable();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};
    use crate::scan::hash::Algorithm;

    #[test]
    fn tables_have_a_directory_and_digests() {
        let options = run("-r a --csv t -e md5");
        assert_eq!(options.csv, Some("t".into()));
        assert_eq!(options.scan.algorithms, [Algorithm::Md5, Algorithm::Sha256]);
        assert_eq!(run("-r a --csv t --hash sha256").scan.algorithms, [Algorithm::Sha256]);
        let printed = run("-r a -c --csv t");
        assert_eq!(printed.notes, ["no files are written, so --csv has no HTTP and no digests"]);
        assert_eq!(printed.scan.algorithms, []);
    }

    #[test]
    fn three_tables_do_not_fit_where_something_else_is_written() {
        assert!(refused("-r a --csv -").contains("a directory for three files"));
        assert!(refused("-r a --rotate 1h --csv a/b").contains("--csv a/b"));
        assert_eq!(run("-r a --rotate 1h --csv t").csv, Some("t".into()));
        assert!(refused("-r a --csv t --jsonl t/objects.csv").contains("would write one file"));
    }
}
