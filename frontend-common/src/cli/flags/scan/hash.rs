//! Digests: `--hash`, `--hash-inputs`.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction};

use super::{choice, needs_files, reports};
use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value, without_effect};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::scan::ScannerName;
use crate::scan::hash::Algorithm;

const HASH: &str = "hash";
const HASH_INPUTS: &str = "hash-inputs";

/// `--hash LIST`
pub(crate) struct Hash;

impl Flag for Hash {
    fn arg(&self) -> Arg {
        long_value(HASH, "LIST", ValueParser::new(parse_algorithms))
            .action(ArgAction::Append)
            .help("digests: md5, sha256, ...")
            .long_help(
                "Put digests of every flow file into the report: md5, sha1, sha256, blake3, separated by commas. \
                 -e md5 and -FM are the same as --hash md5. May be repeated.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.scan.algorithms = algorithms(line);
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        // With --hash-inputs it says which digests inputs have.
        let wanted = !options.scan.algorithms.is_empty() && options.scan.input_algorithms.is_empty();
        needs_files(line, options, wanted, "a digest (-FM, -e md5, --hash)")
    }
}

/// The digests of flow files, each once: MD5 for the scanner of that name, and those of `--hash`.
fn algorithms(line: &Line<'_>) -> Vec<Algorithm> {
    let mut algorithms = hashes(line);
    if choice::scanners(line).has(ScannerName::Md5) && !algorithms.contains(&Algorithm::Md5) {
        algorithms.insert(0, Algorithm::Md5);
    }
    algorithms
}

/// The algorithms of `--hash`, each once.
fn hashes(line: &Line<'_>) -> Vec<Algorithm> {
    let mut algorithms: Vec<_> = line.values::<Vec<Algorithm>>(HASH).flatten().copied().collect();
    algorithms.sort_unstable();
    algorithms.dedup();
    algorithms
}

/// The argument of `--hash`: algorithms, with commas between them.
fn parse_algorithms(text: &str) -> Result<Vec<Algorithm>, String> {
    let algorithm = |name: &str| {
        Algorithm::named(&name.to_ascii_lowercase()).ok_or_else(|| {
            let names = Algorithm::ALL.map(Algorithm::name).join(", ");
            format!("'{}' is not a digest; the digests are {names}", name.escape_default())
        })
    };
    text.split(',').map(algorithm).collect()
}

/// `--hash-inputs`
pub(crate) struct HashInputs;

impl Flag for HashInputs {
    fn arg(&self) -> Arg {
        Arg::new(HASH_INPUTS)
            .long(HASH_INPUTS)
            .action(ArgAction::SetTrue)
            .hide_short_help(true)
            .help("digests of the inputs too")
            .long_help(
                "Put digests of every input file, as it is on disk, into the report too: those of --hash, or \
                 SHA-256 without --hash. Each input is read once more for that.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if line.has(HASH_INPUTS) {
            let algorithms = hashes(line);
            let default = vec![Algorithm::Sha256];
            options.scan.input_algorithms = if algorithms.is_empty() { default } else { algorithms };
        }
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if line.has(HASH_INPUTS) && !reports(line, options) {
            let message = "--hash-inputs needs a report, and none is written; give -X FILE".to_owned();
            return without_effect(line, options, message);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};
    use crate::scan::hash::Algorithm;

    #[test]
    fn digests_are_listed_once() {
        let algorithms = |line: &str| run(line).scan.algorithms;
        assert_eq!(algorithms("-r a"), []);
        assert_eq!(
            algorithms("-r a -e md5 --hash sha256,md5 --hash SHA1"),
            [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256]
        );
        assert!(refused("-r a --hash crc").contains("md5, sha1, sha256, blake3"));
    }

    #[test]
    fn inputs_have_the_same_digests_or_sha256() {
        let algorithms = |line: &str| run(line).scan.input_algorithms;
        assert_eq!(algorithms("-r a --hash md5"), []);
        assert_eq!(algorithms("-r a --hash-inputs"), [Algorithm::Sha256]);
        assert_eq!(algorithms("-r a --hash-inputs --hash md5"), [Algorithm::Md5]);
        assert!(refused("-r a -c --hash-inputs").contains("--hash-inputs needs a report"));
        assert!(refused("-r a -c --hash md5").contains("the console (-c, -C) writes none"));
    }
}
