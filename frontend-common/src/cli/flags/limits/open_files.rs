//! `-f`

use std::num::NonZeroUsize;

use clap::Arg;
use clap::builder::ValueParser;

use crate::cli::CliError;
use crate::cli::flags::{Flag, value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::values::positive;

const MAX_OPEN_FILES: &str = "max-open-files";

/// `-f N`
pub(crate) struct MaxOpenFiles;

impl Flag for MaxOpenFiles {
    fn arg(&self) -> Arg {
        value('f', MAX_OPEN_FILES, "N", ValueParser::new(positive))
            .allow_hyphen_values(true)
            .help("files open at once")
            .long_help(
                "Keep at most N files open at once. The output is the same with any number; more is faster. The \
                 default is what the system allows.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.max_open_files = line.value(MAX_OPEN_FILES).and_then(NonZeroUsize::new);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};

    #[test]
    fn at_least_one_file_is_open() {
        assert_eq!(run("-r a -f4").max_open_files.map(std::num::NonZeroUsize::get), Some(4));
        assert_eq!(run("-r a").max_open_files, None);
        assert!(refused("-r a -f 0").contains("a whole number from 1"));
    }
}
