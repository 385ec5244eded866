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
                "Capture from this interface; `any` is all of them. Without -i, -r, -R and -l: from the one that the \
                 system names first. It ends with SIGINT or SIGTERM; SIGUSR1 prints statistics, SIGHUP ends the report \
                 and begins the next one.",
            ),
            Arg::new(id::INTERFACES)
                .long(id::INTERFACES)
                .action(ArgAction::SetTrue)
                .help("and leave")
                .long_help("List the interfaces that can be captured from, and leave."),
            switch('p', id::NO_PROMISCUOUS).help("not promiscuous").long_help(
                "Capture only what is for this host, or comes from it: do not put the interface into promiscuous mode.",
            ),
            long_value(id::SNAPLEN, "BYTES", ValueParser::new(values::snap_length))
                .hide_short_help(true)
                .help("of each frame")
                .long_help(
                    "Capture so many bytes of each frame at most; what is cut off is missing from the streams. The \
                     default is 262144: all.",
                ),
            long_value(id::BUFFER_SIZE, "SIZE", ValueParser::new(values::buffer_size))
                .hide_short_help(true)
                .help("of the kernel [32M]")
                .long_help(
                    "Size of the kernel's buffer for frames that tapflow has not taken yet. When it is full frames are \
                     dropped, and counted. The default is 32M.",
                ),
            long_value(id::READ_TIMEOUT, "MS", ValueParser::new(values::milliseconds))
                .hide_short_help(true)
                .help("before delivery [10]")
                .long_help(
                    "For so many milliseconds the kernel may collect frames before it delivers them. 0 delivers each \
                     frame at once, at a higher cost. The default is 10.",
                ),
            long_value(id::TIMESTAMP, "TYPE", value_parser!(String))
                .hide_short_help(true)
                .help("host or adapter")
                .long_help(
                    "Whose clock stamps packets (pcap-tstamp(7)): `host`, the default, is the kernel's when it gets a packet; \
                     `adapter` and `adapter_unsynced` are the network adapter's, in step with the system's clock or not, where \
                     it has one. All have nanoseconds. With a clock that is not in step, times differ from those of other \
                     programs.",
                ),
            Arg::new(id::TIMESTAMPS)
                .long(id::TIMESTAMPS)
                .action(ArgAction::SetTrue)
                .hide_short_help(true)
                .help("and leave")
                .long_help("List the types of timestamps that the interface of -i has, and leave."),
            long_value(id::STATISTICS, "SECONDS", ValueParser::new(values::seconds))
                .hide_short_help(true)
                .help("print statistics")
                .long_help("Print statistics every so many seconds, as SIGUSR1 does. 0, the default, is never."),
        ],
    )
}
