//! What receivers check: `--checksums`, `--urgent`, `--paws`, `--window`.

use clap::Arg;
use clap::builder::ValueParser;
use tapflow_core::decode::Checksums;
use tapflow_core::{Check, Urgent};

use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;

const CHECKSUMS: &str = "checksums";
const URGENT: &str = "urgent";
const PAWS: &str = "paws";
const WINDOW: &str = "window";

/// `--checksums WHAT`
pub(crate) struct ChecksumsOf;

impl Flag for ChecksumsOf {
    fn arg(&self) -> Arg {
        long_value(CHECKSUMS, "WHAT", ValueParser::new(checksums))
            .hide_short_help(true)
            .help("check checksums")
            .long_help(
                "What to do with wrong checksums of IPv4 headers and of TCP: `ignore` (the default, because \
                 captures taken on the sending host have wrong ones), `count`, or `refuse`, which drops the \
                 packet as its receiver does. Packets cut by a snap length cannot be checked.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.checksums = line.value(CHECKSUMS).unwrap_or_default();
        Ok(())
    }
}

/// The argument of `--checksums`.
fn checksums(text: &str) -> Result<Checksums, String> {
    match text {
        "ignore" => Ok(Checksums::Ignore),
        "count" => Ok(Checksums::Count),
        "refuse" => Ok(Checksums::Refuse),
        _ => Err("expected ignore, count or refuse".to_owned()),
    }
}

/// `--urgent WHERE`
pub(crate) struct UrgentData;

impl Flag for UrgentData {
    fn arg(&self) -> Arg {
        long_value(URGENT, "WHERE", ValueParser::new(urgent)).hide_short_help(true).help("inline or drop").long_help(
                "What to do with urgent data, the byte that TCP's urgent pointer marks: `inline` (the default) \
                 keeps it in the stream, as applications with SO_OOBINLINE read it; `drop` leaves it out of files \
                 and console, as other applications read the stream. The report lists what was left out.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.urgent = line.value(URGENT).unwrap_or_default();
        Ok(())
    }
}

/// The argument of `--urgent`.
fn urgent(text: &str) -> Result<Urgent, String> {
    match text {
        "inline" => Ok(Urgent::Inline),
        "drop" => Ok(Urgent::Apart),
        _ => Err("expected inline or drop".to_owned()),
    }
}

/// `--paws WHAT`
pub(crate) struct Paws;

impl Flag for Paws {
    fn arg(&self) -> Arg {
        long_value(PAWS, "WHAT", ValueParser::new(check)).hide_short_help(true).help("count or refuse").long_help(
                "What to do with segments whose timestamp is older than one that the receiver has accepted; the \
                 receiver drops them (PAWS). `count` (the default) keeps them, `refuse` drops them too.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.paws = line.value(PAWS).unwrap_or_default();
        Ok(())
    }
}

/// `--window WHAT`
pub(crate) struct Window;

impl Flag for Window {
    fn arg(&self) -> Arg {
        long_value(WINDOW, "WHAT", ValueParser::new(check)).hide_short_help(true).help("count or refuse").long_help(
                "What to do with bytes beyond the window that the receiver has announced; the receiver drops \
                 them. `count` (the default) keeps them, `refuse` drops them too. If acknowledgements are missing \
                 in the capture, the window is known only roughly.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.window = line.value(WINDOW).unwrap_or_default();
        Ok(())
    }
}

/// The argument of `--paws` and `--window`.
fn check(text: &str) -> Result<Check, String> {
    match text {
        "count" => Ok(Check::Count),
        "refuse" => Ok(Check::Refuse),
        _ => Err("expected count or refuse".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use tapflow_core::decode::Checksums;
    use tapflow_core::{Check, Urgent};

    use crate::cli::testing::{refused, run};

    #[test]
    fn checksums_are_ignored_counted_or_refused() {
        assert_eq!(run("-r a --checksums ignore").checksums, Checksums::Ignore);
        assert_eq!(run("-r a --checksums count").checksums, Checksums::Count);
        assert_eq!(run("-r a --checksums=refuse").checksums, Checksums::Refuse);
        assert!(refused("-r a --checksums yes").contains("expected ignore, count or refuse"));
    }

    #[test]
    fn what_receivers_would_drop_is_counted_unless_it_is_refused() {
        let options = run("-r a --urgent drop --paws refuse --window refuse");
        assert_eq!(
            (options.urgent, options.paws, options.window),
            (Urgent::Apart, Check::Refuse, Check::Refuse)
        );
        assert!(refused("-r a --urgent out").contains("expected inline or drop"));
        assert!(refused("-r a --paws ignore").contains("expected count or refuse"));
    }
}
