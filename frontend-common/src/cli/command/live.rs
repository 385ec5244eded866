//! The options of live capture.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, value_parser};

use super::{group, id, long_value, switch, value};
use crate::cli::values;

pub(super) fn live() -> [Arg; 9] {
    group(
        "Live",
        [
            value('i', id::INTERFACE, "IF", value_parser!(String)).help("capture from it; any: all").long_help(
                "Capture from this interface; `any` is all interfaces. Without -i, -r, -R and -l, capture from the \
                 interface that the system lists first. SIGINT and SIGTERM end the capture, SIGUSR1 prints \
                 statistics, SIGHUP ends the report and begins the next one.",
            ),
            Arg::new(id::INTERFACES)
                .long(id::INTERFACES)
                .action(ArgAction::SetTrue)
                .help("names for -i")
                .long_help("List the interfaces for -i, then exit."),
            switch('p', id::NO_PROMISCUOUS).help("not promiscuous").long_help(
                "Do not put the interface into promiscuous mode: capture only packets to and from this host.",
            ),
            long_value(id::SNAPLEN, "BYTES", ValueParser::new(values::snap_length))
                .hide_short_help(true)
                .help("of each frame")
                .long_help(
                    "Capture at most this many bytes of each frame; bytes that are cut off are missing from the \
                     streams. The default is 262144, which is everything.",
                ),
            long_value(id::BUFFER_SIZE, "SIZE", ValueParser::new(values::buffer_size))
                .hide_short_help(true)
                .help("of the kernel [32M]")
                .long_help(
                    "Size of the kernel's buffer for frames that tapflow has not read yet. When it is full, frames \
                     are dropped and counted. The default is 32M.",
                ),
            long_value(id::READ_TIMEOUT, "MS", ValueParser::new(values::milliseconds))
                .hide_short_help(true)
                .help("before delivery [10]")
                .long_help(
                    "How long the kernel may collect frames before it delivers them, in milliseconds. 0 delivers \
                     each frame at once, at a higher cost. The default is 10.",
                ),
            long_value(id::TIMESTAMP, "TYPE", value_parser!(String))
                .hide_short_help(true)
                .help("host or adapter")
                .long_help(
                    "The clock of the packets' times (pcap-tstamp(7)): `host`, the default, is the kernel's; \
                     `adapter` and `adapter_unsynced` are the network adapter's, synchronised with the system's \
                     clock or not, if it has one. All have nanoseconds. Times of a clock that is not synchronised \
                     differ from those of other programs.",
                ),
            Arg::new(id::TIMESTAMPS)
                .long(id::TIMESTAMPS)
                .action(ArgAction::SetTrue)
                .hide_short_help(true)
                .help("types for --timestamp-type")
                .long_help("List the timestamp types of the interface of -i, then exit."),
            long_value(id::STATISTICS, "SECONDS", ValueParser::new(values::seconds))
                .hide_short_help(true)
                .help("print statistics")
                .long_help("Print statistics at this interval, as SIGUSR1 does. 0, the default, is never."),
        ],
    )
}
