//! The options about what the program may do.

use clap::{Arg, ArgAction, value_parser};
use std::path::PathBuf;

use super::{group, id, value};

pub(super) fn rights() -> [Arg; 3] {
    group(
        "Rights",
        [
            value('U', id::USER, "USER", value_parser!(String)).help("become this user").long_help(
                "Once the interface and the inputs are open, become this user, with its groups and without any \
                 capabilities, for good. The output directory, if it is made, and all files belong to the user.",
            ),
            value('z', id::ROOT, "DIR", value_parser!(PathBuf)).help("as root directory; needs -U").long_help(
                "Once the interface and the inputs are open, make this the root directory and the current one: files to \
                 write (-o, -X, -w, --jsonl, --har) are in it, whatever their names. Needs -U.",
            ),
            Arg::new(id::NO_SANDBOX)
                .long(id::NO_SANDBOX)
                .action(ArgAction::SetTrue)
                .hide_short_help(true)
                .help("keep all rights")
                .long_help(
                    "Linux only. Usually, once everything is open, the kernel lets tapflow read nothing but its inputs and \
                     what the system's libraries need, write only below the output directory, and use neither the network \
                     nor other programs; those of tcp_cmd and http_cmd run outside of this. With this option nothing is \
                     taken away.",
                ),
        ],
    )
}
