//! `--rotate`

use std::path::{Component, Path};
use std::time::Duration;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction};

use super::csv::CSV;
use super::json_lines::JSON_LINES;
use super::page::PAGE;
use super::report::REPORT;
use super::unprocessed::REST;
use crate::cli::CliError;
use crate::cli::flags::scan::http::HAR;
use crate::cli::flags::{Flag, console, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::values::{decimal, size};

const ROTATE: &str = "rotate";

/// `--rotate TIME` and `--rotate SIZE`
pub(crate) struct RotateAt;

impl Flag for RotateAt {
    fn arg(&self) -> Arg {
        long_value(ROTATE, "TIME|SIZE", ValueParser::new(rotate))
            .action(ArgAction::Append)
            .help("a new numbered directory after TIME or SIZE")
            .long_help(
                "Write into numbered directories below -o, each with its own report. The next one begins every \
                 TIME of the packets' clock (90s, 15min, 1h, 1d; at multiples of it, UTC), or when the current \
                 one has SIZE bytes (100M, 10G) of streams and packets, plus 4096 for each file; with both, \
                 whichever comes first. A connection stays in the directory in which it began; a directory's \
                 report is complete when its last connection has ended. Numbers continue after existing \
                 directories. -X, -w, --jsonl, --har, --csv and --page name parts of each directory; the page of that \
                 name in -o itself leads to the others. SIGHUP begins the next directory at once.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        for by in line.values(ROTATE) {
            let rotate = options.rotate.get_or_insert_default();
            match *by {
                RotateBy::Time(time) => rotate.every = Some(time),
                RotateBy::Size(bytes) => rotate.size = Some(bytes),
            }
        }
        Ok(())
    }

    /// Other outputs have a file in each directory.
    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if options.rotate.is_none() {
            return Ok(());
        }
        if console::prints(line) {
            return Err(CliError("--rotate is for files: not with -c or -C".to_owned()));
        }
        for (option, id, may_be_pipe) in [
            ("-X", REPORT, false),
            ("-w", REST, true),
            ("--jsonl", JSON_LINES, true),
            ("--har", HAR, false),
            ("--page", PAGE, false),
            ("--csv", CSV, false),
        ] {
            if let Some(file) = line.path(id)
                && !(is_name(&file) || may_be_pipe && file.as_os_str() == "-")
            {
                return Err(CliError(format!(
                    "{option} {}: with --rotate this stands in each directory: give a name without directories",
                    file.display()
                )));
            }
        }
        Ok(())
    }
}

fn is_name(path: &Path) -> bool {
    let mut parts = path.components();
    path.as_os_str() != "-" && matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

/// One `--rotate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RotateBy {
    Time(Duration),
    Size(u64),
}

/// The argument of `--rotate`: a time with its unit, or a size.
fn rotate(text: &str) -> Result<RotateBy, String> {
    const WANTED: &str = "expected a time such as 90s, 15min, 1h or 1d, or a size such as 100M or 10G";
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let seconds = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "m" => return Err(format!("minutes or megabytes? write {digits}min or {digits}M")),
        "" => return Err(WANTED.to_owned()),
        _ => {
            let bytes = size(text).map_err(|_| WANTED)?;
            return if bytes > 0 { Ok(RotateBy::Size(bytes)) } else { Err(WANTED.to_owned()) };
        }
    };
    let time = decimal::<u64>(digits).and_then(|number| number.checked_mul(seconds));
    // No more than nanoseconds in 64 bits.
    time.filter(|seconds| (1..=u64::MAX / 1_000_000_000).contains(seconds))
        .map(|seconds| RotateBy::Time(Duration::from_secs(seconds)))
        .ok_or_else(|| WANTED.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::cli::Rotate;
    use crate::cli::testing::{refused, run};

    #[test]
    fn directories_are_numbered_by_time_and_size() {
        let rotate = |line: &str| run(line).rotate.expect("asked for");
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(rotate("-r a --rotate 1h"), Rotate { every: hour, size: None });
        assert_eq!(rotate("-r a --rotate 10G --rotate 60min"), Rotate { every: hour, size: Some(10 << 30) });
        assert_eq!(rotate("-i a --rotate 2d").every, Some(Duration::from_secs(172_800)));
        assert!(refused("-r a --rotate 10m").contains("write 10min or 10M"));
        for wrong in ["1", "h", "0h", "0M", "1w", "+1h", "99999999999999999d", "1.5h"] {
            assert!(refused(&format!("-r a --rotate {wrong}")).contains("15min"), "{wrong}");
        }
        assert!(refused("-r a -c --rotate 1h").contains("not with -c"));
        for wrong in ["-X /r.xml", "-X d/r.xml", "--jsonl ..", "-w d/x", "--har -", "-X -"] {
            assert!(refused(&format!("-r a --rotate 1h {wrong}")).contains("in each directory"), "{wrong}");
        }
        assert_eq!(run("-r a --rotate 1h -w - -X r.xml").rest, Some("-".into()));
    }
}
