//! The clock of the packets' times: `--timestamp-type`, `--list-timestamp-types`.

use clap::{Arg, ArgAction, Command, value_parser};

use super::{INTERFACE, note_files};
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::{Action, CliError};

const TIMESTAMP: &str = "timestamp-type";
const TIMESTAMPS: &str = "list-timestamp-types";

/// `--timestamp-type TYPE`
pub(crate) struct TimestampType;

impl Flag for TimestampType {
    fn arg(&self) -> Arg {
        long_value(TIMESTAMP, "TYPE", value_parser!(String))
            .hide_short_help(true)
            .help("host or adapter")
            .long_help(
                "The clock of the packets' times (pcap-tstamp(7)): `host`, the default, is the kernel's; \
                 `adapter` and `adapter_unsynced` are the network adapter's, synchronised with the system's \
                 clock or not, if it has one. All have nanoseconds. Times of a clock that is not synchronised \
                 differ from those of other programs.",
            )
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if let Some(live) = &mut options.live {
            live.timestamp_type = line.value(TIMESTAMP);
        }
        note_files(line, options, TIMESTAMP, "--timestamp-type");
        Ok(())
    }
}

/// `--list-timestamp-types`
pub(crate) struct ListTimestampTypes;

impl Flag for ListTimestampTypes {
    fn arg(&self) -> Arg {
        Arg::new(TIMESTAMPS)
            .long(TIMESTAMPS)
            .action(ArgAction::SetTrue)
            .hide_short_help(true)
            .help("types for --timestamp-type")
            .long_help("Print the timestamp types of the interface of -i, then exit.")
    }

    fn action(&self, line: &Line<'_>, _command: &Command) -> Option<Action> {
        line.has(TIMESTAMPS).then(|| Action::ListTimestampTypes(line.value(INTERFACE)))
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::Action;
    use crate::cli::testing::{parsed, run};

    #[test]
    fn timestamps_have_a_type_that_the_interface_knows() {
        assert_eq!(
            run("-i a --timestamp-type adapter").live.and_then(|live| live.timestamp_type),
            Some("adapter".into())
        );
        let listed = Action::ListTimestampTypes(Some("a".to_owned()));
        assert_eq!(parsed("--list-timestamp-types -i a"), Ok(listed));
    }
}
