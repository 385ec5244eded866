//! The interface: `-i`, `--list-interfaces`, `-p`.

use clap::{Arg, ArgAction, Command, value_parser};

use super::note_files;
use crate::cli::flags::{Flag, switch, value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::{Action, CliError};
use crate::input::live::LiveSettings;

pub(crate) const INTERFACE: &str = "interface";
const INTERFACES: &str = "list-interfaces";
const NO_PROMISCUOUS: &str = "no-promiscuous";

/// `-i IF`
pub(crate) struct Interface;

impl Flag for Interface {
    fn arg(&self) -> Arg {
        value('i', INTERFACE, "IF", value_parser!(String)).help("capture from it; any: all").long_help(
            "Capture from this interface; `any` is all interfaces. With other options, but neither -i nor a \
                 capture, the interface is the one that the system lists first. SIGINT and SIGTERM end the \
                 capture, SIGUSR1 prints statistics, SIGHUP ends the report and begins the next one.",
        )
    }

    /// Without files, which take precedence as with tcpflow, the run is a live capture. Its filter belongs to the
    /// kernel; its other settings follow.
    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if options.inputs.is_empty() {
            let (interface, filter) = (line.value(INTERFACE), options.filter.take());
            options.live = Some(LiveSettings { interface, filter, ..LiveSettings::default() });
        }
        note_files(line, options, INTERFACE, "-i");
        Ok(())
    }
}

/// `--list-interfaces`
pub(crate) struct ListInterfaces;

impl Flag for ListInterfaces {
    fn arg(&self) -> Arg {
        Arg::new(INTERFACES)
            .long(INTERFACES)
            .action(ArgAction::SetTrue)
            .help("print the names for -i")
            .long_help("Print the interfaces for -i, then exit.")
    }

    fn action(&self, line: &Line<'_>, _command: &Command) -> Option<Action> {
        line.has(INTERFACES).then_some(Action::ListInterfaces)
    }
}

/// `-p`
pub(crate) struct NoPromiscuous;

impl Flag for NoPromiscuous {
    fn arg(&self) -> Arg {
        switch('p', NO_PROMISCUOUS).help("no promiscuous mode").long_help(
            "Do not put the interface into promiscuous mode: capture only packets to and from this host.",
        )
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        if let Some(live) = &mut options.live {
            live.promiscuous = !line.has(NO_PROMISCUOUS);
        }
        note_files(line, options, NO_PROMISCUOUS, "-p");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::cli::Action;
    use crate::cli::testing::{parsed, run};
    use crate::input::live::LiveSettings;

    #[test]
    fn without_a_file_an_interface_is_captured_from() {
        let settings = LiveSettings {
            interface: None,
            promiscuous: true,
            snap_length: 262_144,
            kernel_buffer: 32 << 20,
            read_timeout: Duration::from_millis(10),
            timestamp_type: None,
            filter: None,
        };
        let options = run("-o out -c");
        assert_eq!((options.live, options.inputs.len()), (Some(settings.clone()), 0));
        assert_eq!(options.idle_timeout, Some(Duration::from_secs(3600)));
        assert_eq!(run("-S tcp_timeout=0").idle_timeout, None);
        let options = run(
            "-i eth0 -i any -p --snaplen 96 --buffer-size 4M --read-timeout 0 --stats-interval 60 tcp port 80",
        );
        let expected = LiveSettings {
            interface: Some("any".to_owned()),
            promiscuous: false,
            snap_length: 96,
            kernel_buffer: 4 << 20,
            read_timeout: Duration::ZERO,
            timestamp_type: None,
            filter: Some("tcp port 80".to_owned()),
        };
        assert_eq!((options.live, options.filter), (Some(expected), None));
        assert_eq!(options.statistics_interval, Some(Duration::from_secs(60)));
        assert_eq!(parsed("--list-interfaces"), Ok(Action::ListInterfaces));
    }
}
