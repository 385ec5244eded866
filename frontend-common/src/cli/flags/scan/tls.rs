//! TLS: `--keylog`, `--tls-try`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, value_parser};

use super::needs_files;
use crate::cli::CliError;
use crate::cli::flags::{Flag, long_switch, long_value, without_effect};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::scan::ScannerName;

const KEYLOG: &str = "keylog";
const TRY: &str = "tls-try";

/// `--keylog FILE`
pub(crate) struct KeyLogs;

impl Flag for KeyLogs {
    fn arg(&self) -> Arg {
        long_value(KEYLOG, "FILE", value_parser!(PathBuf))
            .action(ArgAction::Append)
            .help("decrypt TLS with a key log")
            .long_help(
                "Decrypt TLS with the secrets of this file, which browsers, curl and others write with \
                 SSLKEYLOGFILE=FILE. The plaintext of each flow goes to NAME-TLS, and scanners scan it as other flows. \
                 Turns on the scanner tls. Secrets in a pcapng file are used too. May be repeated.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.scan.key_logs = line.values::<PathBuf>(KEYLOG).cloned().collect();
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        needs_files(line, options, line.is_given(KEYLOG), "--keylog")
    }
}

/// `--tls-try`
pub(crate) struct Try;

impl Flag for Try {
    fn arg(&self) -> Arg {
        long_switch(TRY).hide_short_help(true).help("try all secrets on TLS without a hello").long_help(
            "Where a capture begins in the middle of a connection of TLS 1.3, try all secrets on it. Without this \
             option only as many are tried as cost little.",
        )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.scan.tls_try = line.has(TRY);
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let is_on = !options.scan.key_logs.is_empty() || options.scan.scanners.has(ScannerName::Tls);
        if line.has(TRY) && !is_on {
            let text =
                "--tls-try is about TLS with keys; add --keylog FILE, or -e tls for secrets of a capture";
            return without_effect(line, options, text.to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};

    #[test]
    fn key_logs_are_collected() {
        let options = run("-r a --keylog one --keylog two --tls-try");
        assert_eq!(options.scan.key_logs, ["one", "two"].map(std::path::PathBuf::from));
        assert!(options.scan.tls_try && options.notes.is_empty());
        assert!(refused("-r a --tls-try").starts_with("--tls-try is about TLS with keys; add --keylog FILE"));
        assert!(refused("-r a -c --keylog x").contains("--keylog needs flow files, and the console"));
    }
}
