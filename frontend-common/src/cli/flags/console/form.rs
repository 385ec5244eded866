//! How bytes are printed: `-B`, `-s`, `-D`, `-J`, `-g`, `-0`.

use clap::Arg;

use super::note_console;
use crate::cli::CliError;
use crate::cli::flags::{Flag, switch};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::output::console::Form;

const BINARY: &str = "binary";
const STRIP: &str = "strip";
const HEX: &str = "hex";
const JSON: &str = "json";
const COLOUR: &str = "colour";
const NO_NEWLINE: &str = "no-newline";

/// The form of the bytes: the one that takes precedence.
pub(super) fn form(line: &Line<'_>) -> Form {
    if line.has(HEX) {
        Form::Hex
    } else if line.has(JSON) {
        Form::Json
    } else if line.has(BINARY) {
        Form::Binary
    } else {
        Form::Printable
    }
}

/// `-B`
pub(crate) struct Binary;

impl Flag for Binary {
    fn arg(&self) -> Arg {
        switch('B', BINARY).help("bytes unchanged").long_help("With -c or -C: print bytes unchanged.")
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        note_console(line, options, BINARY, "-B");
        Ok(())
    }
}

/// `-s`
pub(crate) struct Strip;

impl Flag for Strip {
    fn arg(&self) -> Arg {
        switch('s', STRIP).help("unprintable as . (default)").long_help(
            "With -c or -C: print `.` for unprintable bytes. This is the default; -B, -D and -J take \
                 precedence.",
        )
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        note_console(line, options, STRIP, "-s");
        Ok(())
    }
}

/// `-D`
pub(crate) struct Hex;

impl Flag for Hex {
    fn arg(&self) -> Arg {
        switch('D', HEX)
            .help("hex dump")
            .long_help("With -c or -C: print a hex dump, 32 bytes a line. Takes precedence over -J and -B.")
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        note_console(line, options, HEX, "-D");
        Ok(())
    }
}

/// `-J`
pub(crate) struct Json;

impl Flag for Json {
    fn arg(&self) -> Arg {
        switch('J', JSON).help("a JSON object per piece").long_help(
            "With -c or -C: print one JSON object for each piece, with addresses, ports and the bytes as \
             numbers. Takes precedence over -B.",
        )
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        note_console(line, options, JSON, "-J");
        Ok(())
    }
}

/// `-g`
pub(crate) struct Colour;

impl Flag for Colour {
    fn arg(&self) -> Arg {
        switch('g', COLOUR)
            .alias("color")
            .help("colours: client, server")
            .long_help("With -c or -C: print the client's side in blue, the server's in red. Also --color.")
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        note_console(line, options, COLOUR, "-g");
        Ok(())
    }
}

/// Whether the sides of a connection have colours.
pub(super) fn colour(line: &Line<'_>) -> bool {
    line.has(COLOUR)
}

/// `-0`
pub(crate) struct NoNewline;

impl Flag for NoNewline {
    fn arg(&self) -> Arg {
        switch('0', NO_NEWLINE)
            .help("no line end after a piece")
            .long_help("With -c or -C: print no line end after each piece.")
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        note_console(line, options, NO_NEWLINE, "-0");
        Ok(())
    }
}

/// Whether a piece ends with a line end.
pub(super) fn newline(line: &Line<'_>) -> bool {
    !line.has(NO_NEWLINE)
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::run;
    use crate::output::console::Form;

    #[test]
    fn console_form_hex_wins_over_json_over_binary_over_text() {
        for (flags, form) in [
            ("-c", Form::Printable),
            ("-cs", Form::Printable),
            ("-cBs", Form::Binary),
            ("-cJB", Form::Json),
            ("-cBJD", Form::Hex),
        ] {
            assert_eq!(run(&format!("-r a {flags}")).console.map(|c| c.form), Some(form), "{flags}");
        }
    }

    #[test]
    fn colours_and_line_ends() {
        let console = run("-r a -c -g -0").console.expect("a console");
        assert!(console.colour && !console.newline);
        let console = run("-r a -c --color").console.expect("a console");
        assert!(console.colour && console.newline);
    }
}
