//! `--input-order`

use clap::Arg;
use clap::builder::ValueParser;

use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::{InputOrder, Options};

const INPUT_ORDER: &str = "input-order";

/// `--input-order ORDER`
pub(crate) struct OrderOfInputs;

impl Flag for OrderOfInputs {
    fn arg(&self) -> Arg {
        long_value(INPUT_ORDER, "ORDER", ValueParser::new(input_order))
            .hide_short_help(true)
            .help("time or given [time]")
            .long_help(
                "`time` (the default): several files are one capture, and their packets are used in the order of \
                 their times, whatever the order of the files: files by their first packet, and packet by packet \
                 where files overlap, as those of two taps do. `given`: one file after the other, as on the \
                 command line; the default when called as tcpflow. Pipes stay where they are given, and files of \
                 -R come after all others.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let usual = if line.program.is_tcpflow() { InputOrder::Given } else { InputOrder::Time };
        options.input_order = line.value(INPUT_ORDER).unwrap_or(usual);
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if line.is_given(INPUT_ORDER) && options.live.is_some() {
            options.notes.push("--input-order has no effect on a live capture".to_owned());
        }
        Ok(())
    }
}

/// The argument of `--input-order`.
fn input_order(text: &str) -> Result<InputOrder, String> {
    match text {
        "time" => Ok(InputOrder::Time),
        "given" => Ok(InputOrder::Given),
        _ => Err("expected time or given".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::InputOrder;
    use crate::cli::testing::{refused, run};

    #[test]
    fn times_decide_unless_the_order_given_is_wanted() {
        assert_eq!(run("-r a -r b").input_order, InputOrder::Time);
        assert_eq!(run("-r a -r b --input-order given").input_order, InputOrder::Given);
        assert!(refused("-r a --input-order name").contains("time or given"));
    }
}
