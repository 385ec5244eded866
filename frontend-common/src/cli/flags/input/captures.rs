//! Capture files: `-r`, `-R`, `-l`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, value_parser};

use super::filter;
use crate::cli::CliError;
use crate::cli::flags::live::INTERFACE;
use crate::cli::flags::{Flag, switch, value};
use crate::cli::line::Line;
use crate::cli::options::{Input, InputRole, Options};

const READ: &str = "read";
const COMPLETE: &str = "complete";
const FILES: &str = "files";

/// `-r FILE`
pub(crate) struct Read;

impl Flag for Read {
    fn arg(&self) -> Arg {
        value('r', READ, "FILE", value_parser!(PathBuf))
            .action(ArgAction::Append)
            .help("read this capture (or -)")
            .long_help(
                "Read packets from a capture file: pcap, pcapng, snoop or ERF. `-` is standard input. May be repeated: \
                 all files are one capture, see --input-order.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.inputs = inputs(line)?;
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if !line.is_given(READ) && options.inputs.first().is_some_and(Input::is_stdin) && is_piped(line) {
            options
                .notes
                .push("reading a capture from standard input; -i IF captures from an interface".to_owned());
        }
        Ok(())
    }
}

/// `-R FILE`
pub(crate) struct Complete;

impl Flag for Complete {
    fn arg(&self) -> Arg {
        value('R', COMPLETE, "FILE", value_parser!(PathBuf))
            .action(ArgAction::Append)
            .help("only continue flows of -r")
            .long_help(
                "Read this capture after all others. It only completes flows that began in them; new flows in it \
                 are left out. For captures that were cut into files by time: give one file with -r and the next \
                 with -R. May be repeated.",
            )
    }
}

/// `-l`
pub(crate) struct WordsAreFiles;

impl Flag for WordsAreFiles {
    fn arg(&self) -> Arg {
        switch('l', FILES).help("all words are files").long_help(
            "All words that are not options are captures, also those that could be a filter expression, and \
                 also if a file does not exist. They are read after those of -r.",
        )
    }
}

/// Whether the words that are not options are files.
pub(super) fn words_are_files(line: &Line<'_>) -> bool {
    line.has(FILES)
}

/// All captures: those of `-r`, those among the words, those of `-R`. Without any, and without an interface, a capture
/// that is piped to standard input.
fn inputs(line: &Line<'_>) -> Result<Vec<Input>, CliError> {
    let words = filter::words(line)?.files;
    if words_are_files(line) && words.is_empty() {
        return Err(CliError("-l needs the files to read, such as: -l *.pcap".to_owned()));
    }
    let input = |role| move |path| Input { path, role };
    let read = line.values::<PathBuf>(READ).cloned().chain(words);
    let mut inputs: Vec<Input> = read.map(input(InputRole::Read)).collect();
    let completing: Vec<Input> =
        line.values::<PathBuf>(COMPLETE).cloned().map(input(InputRole::Complete)).collect();

    if inputs.is_empty() && !completing.is_empty() {
        return Err(CliError(
            "nothing to read: -R FILE only completes flows; give the capture in which they begin with -r FILE"
                .to_owned(),
        ));
    }
    inputs.extend(completing);
    if inputs.is_empty() && is_piped(line) {
        inputs.push(Input { path: PathBuf::from("-"), role: InputRole::Read });
    }
    if inputs.iter().filter(|input| input.is_stdin()).count() > 1 {
        return Err(CliError("standard input (-) can be read only once".to_owned()));
    }
    Ok(inputs)
}

/// Whether standard input is read without being named; tcpflow never does that.
fn is_piped(line: &Line<'_>) -> bool {
    !line.is_given(INTERFACE) && !line.program.is_tcpflow() && line.surroundings.input_is_piped()
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{Around, parsed_within, reads, refused, run};
    use crate::cli::{Action, Input, InputRole};

    #[test]
    fn completing_inputs_come_after_all_others() {
        let options = run("-R next.pcap -r a.pcap -l b.pcap -r - c.pcap");
        let mut expected = reads(&["a.pcap", "-", "b.pcap", "c.pcap"]);
        expected.push(Input { path: "next.pcap".into(), role: InputRole::Complete });
        assert_eq!(options.inputs, expected);
        assert!(options.inputs[1].is_stdin());
        assert_eq!(options.filter, None);
    }

    #[test]
    fn files_win_over_an_interface() {
        let options = run("-r a -i eth0 -p port 80");
        assert_eq!((options.live, options.filter.as_deref()), (None, Some("port 80")));
        assert_eq!(
            options.notes,
            ["-i has no effect with -r, -R and -l", "-p has no effect with -r, -R and -l"]
        );
        assert!(refused("-R b.pcap").contains("-r FILE"));
        assert!(refused("-l").contains("needs the files"));
        assert!(refused("-r - -r -").contains("only once"));
    }

    #[test]
    fn a_piped_capture_is_read_if_nothing_else_is_named() {
        let around = Around { files: &["a"], piped: true };
        let options = |line| match parsed_within(line, &around) {
            Ok(Action::Run(options)) => *options,
            other => panic!("{line}: {other:?}"),
        };
        for line in ["tapflow", "tapflow -c port 80"] {
            assert_eq!(options(line).inputs, reads(&["-"]), "{line}");
            assert!(options(line).notes[0].starts_with("reading a capture from standard input"), "{line}");
        }
        assert_eq!(options("tapflow a").inputs, reads(&["a"]));
        assert_eq!(options("tapflow -r -").notes, Vec::<String>::new());
        for line in ["tapflow -i lo", "tcpflow", "tcpflow -c"] {
            assert!(options(line).live.is_some(), "{line}");
        }
    }
}
