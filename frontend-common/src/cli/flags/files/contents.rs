//! What is written of each flow: `-I`, `-K`.

use clap::Arg;

use super::names;
use crate::cli::CliError;
use crate::cli::flags::{Flag, console, scan, switch, without_effect};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::scan::ScannerName;

const INDEX: &str = "index";
const CAPTURES: &str = "pcap-flows";

/// `-I`
pub(crate) struct Index;

impl Flag for Index {
    fn arg(&self) -> Arg {
        switch('I', INDEX).help("also write NAME.findx").long_help(
            "Beside each file, write NAME.findx with a line `offset|seconds|length` for each piece: its place \
             in the file, when it was captured, and its length. Seconds have the precision of the capture.",
            )
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.index = line.has(INDEX) && options.files;
        if line.has(INDEX) && !options.files {
            return scan::needs_files(line, options, true, "-I");
        }
        Ok(())
    }
}

/// `-K`
pub(crate) struct PcapFlows;

impl Flag for PcapFlows {
    fn arg(&self) -> Arg {
        switch('K', CAPTURES).help("flows as NAME.pcap instead").long_help(
            "Write the packets of each flow, as captured, to NAME.pcap instead of a file with its bytes: also \
             packets without data, packets after the end, and all fragments. Times have nanoseconds. A flow \
             with packets of several link types has a file for each.",
            )
    }

    /// Each flow has a file with its bytes, unless it has a capture file, is printed, or files are turned off.
    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let no_files = names::no_files(line);
        options.captures = line.has(CAPTURES) && !no_files;
        let demultiplexes = scan::choice::scanners(line).has(ScannerName::Tcpdemux);
        options.files = !console::prints(line) && !no_files && !options.captures && demultiplexes;
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if line.has(CAPTURES) && !options.captures {
            let message =
                "-K writes a file for each flow, and -FX asks for none; leave out one of them".to_owned();
            return without_effect(line, options, message);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};

    #[test]
    fn files_are_written_unless_printed_or_forbidden() {
        assert!(run("-r a").files);
        assert!(!run("-r a -c").files);
        assert!(!run("-r a -C").files);
        assert!(!run("-r a -FkX").files);
    }

    #[test]
    fn packets_are_written_instead_of_bytes() {
        let options = run("-r a -K");
        assert!(options.captures && !options.files && !options.index);
        assert!(refused("-r a -KI").contains("-I needs flow files, and -K writes none"));
        assert!(refused("-r a -K -FX").contains("-FX asks for none"));
    }
}
