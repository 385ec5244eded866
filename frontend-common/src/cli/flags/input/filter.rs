//! The words that are not options: a filter expression, or the files of `-l`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Arg, value_parser};

use super::captures::words_are_files;
use crate::cli::CliError;
use crate::cli::flags::Flag;
use crate::cli::flags::live::INTERFACE;
use crate::cli::line::Line;
use crate::cli::options::Options;

const WORDS: &str = "FILTER";

/// The words that are not options.
pub(crate) struct Words;

impl Flag for Words {
    fn arg(&self) -> Arg {
        Arg::new(WORDS)
            .value_name(WORDS)
            .num_args(0..)
            .value_parser(value_parser!(OsString))
            .help("as tcpdump's, e.g. port 80")
            .long_help(
                "Use only packets that match this expression, which has the syntax of tcpdump (pcap-filter(7)), \
                 for example: host 192.0.2.1 and port 80. Several words are joined with spaces. A word that names \
                 an existing file is a capture to read, as with -r. A name that could also be part of the \
                 expression is an error: write ./NAME for the file, or the whole expression in parentheses as one \
                 word.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.filter = words(line)?.filter;
        // On Windows an interface compiles its filter itself: not every wpcap.dll can do that without one.
        let is_checked = !(line.program.is_tcpflow() || cfg!(windows) && line.is_given(INTERFACE));
        if let Some(filter) = options.filter.as_deref().filter(|_| is_checked)
            && let Some(fault) = line.surroundings.filter_fault(filter)
        {
            let missing = line
                .values::<OsString>(WORDS)
                .filter_map(|word| word.to_str())
                .find(|word| names_file(word) && !line.surroundings.is_file(Path::new(word)));
            return Err(CliError(match missing {
                Some(word) => format!("there is no file '{word}'; {fault}"),
                None => fault,
            }));
        }
        Ok(())
    }
}

/// What the words are.
pub(super) struct Split {
    /// Captures to read.
    pub(super) files: Vec<PathBuf>,
    /// The filter expression of all others.
    pub(super) filter: Option<String>,
}

/// Divides the words into files and a filter expression.
///
/// # Errors
/// A word is not text, or it is a file and can belong to the filter.
pub(super) fn words(line: &Line<'_>) -> Result<Split, CliError> {
    let words: Vec<&OsString> = line.values(WORDS).collect();
    if words_are_files(line) {
        return Ok(Split { files: words.into_iter().map(PathBuf::from).collect(), filter: None });
    }
    let is_file: Vec<bool> = words.iter().map(|word| line.surroundings.is_file(Path::new(word))).collect();
    if let Some((at, meant)) = in_filter(line, &words, &is_file) {
        if line.program.is_tcpflow() {
            return Ok(Split { files: Vec::new(), filter: expression(words.iter().copied())? });
        }
        let word = words[at].display();
        return Err(CliError(format!(
            "'{word}' is a file, and can be part of a filter expression: write ./{word} for the file, \
             or the expression in parentheses as one word: '({meant})'"
        )));
    }
    let kept = |wanted: bool| {
        words.iter().zip(&is_file).filter(move |(_, is)| **is == wanted).map(|(word, _)| *word)
    };
    Ok(Split { files: kept(true).map(PathBuf::from).collect(), filter: expression(kept(false))? })
}

/// The first file that can belong to a filter expression, and that expression: a few words that follow each other
/// compile, and one of them is a file.
fn in_filter(line: &Line<'_>, words: &[&OsString], is_file: &[bool]) -> Option<(usize, String)> {
    let compiled = |wanted: &mut dyn Iterator<Item = usize>| {
        let expression = expression(wanted.map(|at| words[at])).ok().flatten();
        expression.filter(|text| line.surroundings.filter_fault(text).is_none())
    };
    let can_begin =
        |at: &usize| !is_file[*at] || words[*at].to_str().is_some_and(|word| FIRST.contains(&word));
    for start in (0..words.len()).filter(can_begin) {
        for end in start + 1..=words.len().min(start + MOST) {
            let Some(file) = (start..end).find(|at| is_file[*at]) else { continue };
            let Some(meant) = compiled(&mut (start..end)) else { continue };
            let with_others = |at: &usize| !is_file[*at] || (start..end).contains(at);
            return Some((file, compiled(&mut (0..words.len()).filter(with_others)).unwrap_or(meant)));
        }
    }
    None
}

/// Words of the longest expression that is looked for among files.
const MOST: usize = 4;

/// The words with which an expression can begin (pcap-filter(7)).
const FIRST: [&str; 55] = [
    "aarp",
    "action",
    "ah",
    "arp",
    "atalk",
    "broadcast",
    "carp",
    "clnp",
    "decnet",
    "dir",
    "dst",
    "es-is",
    "esis",
    "esp",
    "ether",
    "fddi",
    "gateway",
    "geneve",
    "greater",
    "host",
    "icmp",
    "icmp6",
    "igmp",
    "igrp",
    "inbound",
    "ip",
    "ip6",
    "ipx",
    "is-is",
    "isis",
    "iso",
    "lat",
    "len",
    "less",
    "link",
    "mopdl",
    "moprc",
    "mpls",
    "multicast",
    "net",
    "netbeui",
    "not",
    "outbound",
    "pim",
    "port",
    "portrange",
    "ppp",
    "pppoes",
    "rarp",
    "sctp",
    "src",
    "tcp",
    "udp",
    "vlan",
    "wlan",
];

/// Whether a word looks like the name of a capture.
fn names_file(word: &str) -> bool {
    let name = word.to_ascii_lowercase();
    [".pcap", ".pcapng", ".cap", ".snoop", ".erf", ".gz", ".zst"].iter().any(|ending| name.ends_with(ending))
}

/// Joins words with spaces, as tcpdump does.
fn expression<'a>(words: impl Iterator<Item = &'a OsString>) -> Result<Option<String>, CliError> {
    let mut filter = String::new();
    for word in words {
        let word = word.to_str().ok_or_else(|| {
            CliError(format!("'{}' in the filter expression is not valid text (UTF-8)", word.display()))
        })?;
        if !filter.is_empty() {
            filter.push(' ');
        }
        filter.push_str(word);
    }
    Ok(Some(filter).filter(|text| !text.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use crate::cli::testing::{Around, PROGRAM, parsed_within, reads, run};
    use crate::cli::{Action, Input, parse};

    #[test]
    fn words_anywhere_are_one_filter_expression() {
        assert_eq!(run("tcp -r a port -o out 80").filter.as_deref(), Some("tcp port 80"));
        assert_eq!(run("-r a -- tcp[13] & 2 != 0").filter.as_deref(), Some("tcp[13] & 2 != 0"));
        assert_eq!(run("-r a tcp[13] - 2 = 0").filter.as_deref(), Some("tcp[13] - 2 = 0"));
        let empty = parse(["tapflow", "-ra", ""].map(OsString::from), &PROGRAM);
        assert!(matches!(empty, Ok(Action::Run(options)) if options.filter.is_none()));
    }

    #[cfg(unix)]
    #[cfg(unix)]
    #[test]
    fn paths_may_be_any_bytes_a_filter_may_not() {
        use std::os::unix::ffi::OsStringExt;
        let odd = || OsString::from_vec(b"a\xff".to_vec());
        let read = parse(["tapflow".into(), "-r".into(), odd()], &PROGRAM);
        assert!(matches!(read, Ok(Action::Run(options)) if options.inputs[0].path.as_os_str() == odd()));
        assert!(parse(["tapflow".into(), "-ra".into(), odd()], &PROGRAM).is_err());
    }

    /// The captures and the filter of a command line.
    fn split(line: &str, around: &Around) -> (Vec<Input>, Option<String>) {
        match parsed_within(line, around) {
            Ok(Action::Run(options)) => (options.inputs, options.filter),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_word_that_is_a_file_is_read_unless_it_can_belong_to_the_filter() {
        let around = Around { files: &["a", "b", "80", "tcp", "port"], piped: false };
        assert_eq!(split("tapflow a b", &around), (reads(&["a", "b"]), None));
        assert_eq!(split("tapflow -r a b (tcp)", &around), (reads(&["a", "b"]), Some("(tcp)".to_owned())));
        assert_eq!(split("tapflow a 80 ./tcp", &around), (reads(&["a", "80", "./tcp"]), None));
        for line in ["tapflow a tcp", "tapflow a port 80", "tapflow tcp", "tapflow -r a tcp b"] {
            let error = parsed_within(line, &around).expect_err(line).to_string();
            assert!(error.contains("is a file, and can be part of a filter expression"), "{error}");
        }
        let tcpflow = split("tcpflow -r a port 80", &around);
        assert_eq!(tcpflow, (reads(&["a"]), Some("port 80".to_owned())));
        assert_eq!(split("tcpflow b", &around), (reads(&["b"]), None));
    }

    #[test]
    fn a_wrong_filter_is_refused_before_a_run() {
        let around = Around { files: &["a"], piped: false };
        let error = |line| parsed_within(line, &around).expect_err(line).to_string();
        assert_eq!(error("tapflow a udp"), "a fault");
        // On Windows an interface compiles its filter itself.
        assert_eq!(parsed_within("tapflow -i lo udp", &around).is_ok(), cfg!(windows));
        assert_eq!(error("tapflow a c.pcap"), "there is no file 'c.pcap'; a fault");
        // Its scripts know the status of a run that fails.
        assert_eq!(split("tcpflow -r a udp", &around).1.as_deref(), Some("udp"));
    }
}
