//! HTTP: `-Z`, `--har`.

use std::path::PathBuf;

use clap::{Arg, value_parser};

use super::needs_files;
use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value, switch, without_effect};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::scan::ScannerName;

const CODED: &str = "no-decompress";
pub(crate) const HAR: &str = "har";

/// `-Z`
pub(crate) struct KeepCoded;

impl Flag for KeepCoded {
    fn arg(&self) -> Arg {
        switch('Z', CODED).hide_short_help(true).help("keep HTTP bodies compressed").long_help(
            "With -e http: keep bodies as they were sent, without undoing gzip, deflate, br, zstd and compress.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.scan.keep_coded = line.has(CODED);
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if line.has(CODED) && options.scan.har.is_none() && !options.scan.scanners.has(ScannerName::Http) {
            return without_effect(line, options, "-Z is about HTTP bodies; add -e http".to_owned());
        }
        Ok(())
    }
}

/// `--har FILE`
pub(crate) struct Har;

impl Flag for Har {
    fn arg(&self) -> Arg {
        long_value(HAR, "FILE", value_parser!(PathBuf)).hide_short_help(true).help("HTTP exchanges as HAR").long_help(
                "Write all HTTP requests and responses, with times, to this file in the format HAR 1.2, which \
                 browsers and other tools read. Short text bodies are in the file; for others it has the names of \
                 their files (with -e http). `-` is standard output. Flow files must be written, which HTTP is read from.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.scan.har = line.path(HAR);
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        needs_files(line, options, line.is_given(HAR), "--har")
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};

    #[test]
    fn bodies_stay_coded_and_exchanges_have_a_file() {
        let options = run("-r a -e http -Z --har x.har");
        assert!(options.scan.keep_coded && options.scan.har == Some("x.har".into()));
        assert_eq!(refused("-r a -Z"), "-Z is about HTTP bodies; add -e http");
        assert_eq!(run("-r a -Z --har x").notes, Vec::<String>::new());
        for (words, reason) in
            [("-c", "the console"), ("-FX", "-FX"), ("-K", "-K"), ("-x tcpdemux", "-x tcpdemux")]
        {
            let text = refused(&format!("-r a --har x {words}"));
            assert!(text.contains(&format!("--har needs flow files, and {reason}")), "{text}");
        }
    }
}
