//! `-o`

use std::path::PathBuf;

use clap::{Arg, value_parser};

use crate::cli::CliError;
use crate::cli::flags::{Flag, value};
use crate::cli::line::Line;
use crate::cli::options::Options;

const OUTPUT: &str = "output";

/// `-o DIR`
pub(crate) struct Output;

impl Flag for Output {
    fn arg(&self) -> Arg {
        value('o', OUTPUT, "DIR", value_parser!(PathBuf)).help("write into DIR [.]").long_help(
            "Write files below this directory, which is created if it is missing. The default is the current \
             directory.",
        )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.output_dir = line.path(OUTPUT).unwrap_or_else(|| PathBuf::from("."));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crate::cli::testing::run;

    #[test]
    fn output_is_below_the_current_directory_or_the_last_one_given() {
        assert_eq!(run("-r a").output_dir, PathBuf::from("."));
        assert_eq!(run("-r a -o x -oy").output_dir, PathBuf::from("y"));
    }
}
