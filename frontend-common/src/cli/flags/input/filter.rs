//! The words that are not options: a filter expression, or the files of `-l`.

use std::ffi::OsString;

use clap::{Arg, value_parser};

use super::captures::words_are_files;
use crate::cli::CliError;
use crate::cli::flags::Flag;
use crate::cli::line::Line;
use crate::cli::options::Options;

pub(super) const WORDS: &str = "FILTER";

/// The words that are not options.
pub(crate) struct Words;

impl Flag for Words {
    fn arg(&self) -> Arg {
        Arg::new(WORDS)
            .value_name(WORDS)
            .num_args(0..)
            .value_parser(value_parser!(OsString))
            .help("as for tcpdump: port 80")
            .long_help(
                "Use only packets that match this expression; see pcap-filter(7). Several arguments are joined \
                 with spaces. With -l: the files to read.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.filter = if words_are_files(line) { None } else { expression(line.values(WORDS))? };
        Ok(())
    }

    /// The filter of a live capture belongs to the kernel.
    fn settle(&self, _line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if let Some(live) = &mut options.live {
            live.filter = options.filter.take();
        }
        Ok(())
    }
}

/// Joins words with spaces, as tcpdump does.
fn expression<'a>(words: impl Iterator<Item = &'a OsString>) -> Result<Option<String>, CliError> {
    let mut filter = String::new();
    for word in words {
        let word = word.to_str().ok_or_else(|| {
            CliError(format!("'{}' in the filter expression is not valid text (UTF-8)", word.display()))
        })?;
        if !filter.is_empty() {
            filter.push(' ');
        }
        filter.push_str(word);
    }
    Ok(Some(filter).filter(|text| !text.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use crate::cli::testing::{PROGRAM, run};
    use crate::cli::{Action, parse};

    #[test]
    fn words_anywhere_are_one_filter_expression() {
        assert_eq!(run("tcp -r a port -o out 80").filter.as_deref(), Some("tcp port 80"));
        assert_eq!(run("-r a -- tcp[13] & 2 != 0").filter.as_deref(), Some("tcp[13] & 2 != 0"));
        assert_eq!(run("-r a tcp[13] - 2 = 0").filter.as_deref(), Some("tcp[13] - 2 = 0"));
        let empty = parse(["tapflow", "-ra", ""].map(OsString::from), &PROGRAM);
        assert!(matches!(empty, Ok(Action::Run(options)) if options.filter.is_none()));
    }

    #[cfg(unix)]
    #[cfg(unix)]
    #[test]
    fn paths_may_be_any_bytes_a_filter_may_not() {
        use std::os::unix::ffi::OsStringExt;
        let odd = || OsString::from_vec(b"a\xff".to_vec());
        let read = parse(["tapflow".into(), "-r".into(), odd()], &PROGRAM);
        assert!(matches!(read, Ok(Action::Run(options)) if options.inputs[0].path.as_os_str() == odd()));
        assert!(parse(["tapflow".into(), "-ra".into(), odd()], &PROGRAM).is_err());
    }
}
