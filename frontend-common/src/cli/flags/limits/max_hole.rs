//! Where a new stream starts: `-m`, `--max-hole`.

use clap::Arg;
use clap::builder::ValueParser;
use tapflow_core::Config;

use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value, value};
use crate::cli::line::Line;
use crate::cli::options::{LongHole, MaxHole, Options};
use crate::cli::values::{positive_size, size};

const MAX_JUMP: &str = "max-jump";
const MAX_HOLE: &str = "max-hole";

/// `-m SIZE`
pub(crate) struct MaxJump;

impl Flag for MaxJump {
    fn arg(&self) -> Arg {
        value('m', MAX_JUMP, "SIZE", ValueParser::new(positive_size))
            .allow_hyphen_values(true)
            .help("new file at a jump [16M]")
            .long_help(
                "When sequence numbers jump by SIZE bytes or more, a new stream starts, with a file of its own. \
                 The default is 16M (16777216).",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let bytes: Option<u64> = line.value(MAX_JUMP);
        options.max_jump =
            bytes.map_or(Config::DEFAULT_MAX_JUMP, |bytes| bytes.try_into().unwrap_or(u32::MAX));
        Ok(())
    }
}

/// `--max-hole SIZE[,WHAT]`
pub(crate) struct MaxHoleOf;

impl Flag for MaxHoleOf {
    fn arg(&self) -> Arg {
        long_value(MAX_HOLE, "SIZE[,WHAT]", ValueParser::new(max_hole))
            .hide_short_help(true)
            .help("limit of missing bytes")
            .long_help(
                "Limit of the bytes that may be missing in a stream, in addition to as many as its packets had on \
                 the wire. Beyond it, `split` (the default) starts a new stream after the hole, with a file of \
                 its own, as -m does; `shorten` continues in the same file and makes the longest holes shorter \
                 than they are in the stream: the report lists what is left out. `none` is no limit. The default \
                 is 64M.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.max_hole = line.value(MAX_HOLE).unwrap_or_default();
        Ok(())
    }
}

/// The argument of `--max-hole`: a size, then optionally what is done beyond it; or `none`.
fn max_hole(text: &str) -> Result<MaxHole, String> {
    const WANTED: &str = "SIZE, SIZE,split, SIZE,shorten or none is wanted, such as 64M,shorten";
    if text == "none" {
        return Ok(MaxHole { bytes: u64::MAX, then: LongHole::Split });
    }
    let (bytes, then) = match text.split_once(',') {
        None => (text, LongHole::Split),
        Some((bytes, "split")) => (bytes, LongHole::Split),
        Some((bytes, "shorten")) => (bytes, LongHole::Shorten),
        Some(_) => return Err(WANTED.to_owned()),
    };
    Ok(MaxHole { bytes: size(bytes).map_err(|_| WANTED)?, then })
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::run;
    use crate::cli::{LongHole, MaxHole};

    #[test]
    fn a_jump_has_at_most_32_bits() {
        assert_eq!(run("-r a -m 1M").max_jump, 1 << 20);
        assert_eq!(run("-r a -m 8G").max_jump, u32::MAX);
    }

    #[test]
    fn too_long_a_hole_splits_the_stream_or_is_shortened() {
        let hole = |line| run(line).max_hole;
        assert_eq!(hole("-r a --max-hole 1G"), MaxHole { bytes: 1 << 30, then: LongHole::Split });
        assert_eq!(hole("-r a --max-hole 0,split"), MaxHole { bytes: 0, then: LongHole::Split });
        assert_eq!(hole("-r a --max-hole 64k,shorten"), MaxHole { bytes: 64 << 10, then: LongHole::Shorten });
        assert_eq!(hole("-r a --max-hole none").bytes, u64::MAX);
    }
}
