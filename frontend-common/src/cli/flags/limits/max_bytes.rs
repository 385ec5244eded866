//! `-b`

use clap::Arg;
use clap::builder::ValueParser;

use crate::cli::CliError;
use crate::cli::flags::{Flag, value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::values::size;

const MAX_BYTES: &str = "max-bytes";

/// `-b SIZE`
pub(crate) struct MaxBytes;

impl Flag for MaxBytes {
    fn arg(&self) -> Arg {
        value('b', MAX_BYTES, "SIZE", ValueParser::new(size))
            .allow_hyphen_values(true)
            .help("keep SIZE bytes per flow")
            .long_help(
                "Keep only the first SIZE bytes of each flow. k, M and G after the number are powers of 1024, here \
                 and with -m. The default is everything.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.max_bytes = line.value(MAX_BYTES);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};

    #[test]
    fn flows_are_cut_after_a_size() {
        assert_eq!(run("-r a").max_bytes, None);
        assert_eq!((run("-r a -b5k").max_bytes, run("-r a -b 0").max_bytes), (Some(5120), Some(0)));
        assert!(refused("-r a -b -3").contains("expected a size in bytes"));
    }
}
