//! The options about what the program may do.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, value_parser};
use std::path::PathBuf;

use super::{group, id, long_value, value};
use crate::cli::values;

pub(super) fn rights() -> [Arg; 4] {
    group(
        "Rights",
        [
            value('U', id::USER, "USER", value_parser!(String)).help("become this user").long_help(
                "Once the interface and the inputs are open, become this user permanently, with its groups and \
                 without any capabilities. All files belong to the user, and so does the output directory if it is \
                 created.",
            ),
            value('z', id::ROOT, "DIR", value_parser!(PathBuf)).help("as root directory; needs -U").long_help(
                "Once the interface and the inputs are open, make this the root directory and the current \
                 directory: all files that are written (-o, -X, -w, --jsonl, --har) are inside of it. Needs -U.",
            ),
            Arg::new(id::NO_SANDBOX)
                .long(id::NO_SANDBOX)
                .action(ArgAction::SetTrue)
                .hide_short_help(true)
                .help("run without a sandbox")
                .long_help(
                    "Linux only. Run without a sandbox. By default, once everything is open, the kernel lets \
                     tapflow read only its inputs and what system libraries need, write only below the output \
                     directory, and use neither the network nor other programs; root's capabilities are dropped, \
                     except those that inputs or an output directory of another user need. A separate process \
                     outside of the sandbox starts the programs of tcp_cmd and http_cmd, only for files below the \
                     output directory. Files that -X, --har and --jsonl name elsewhere get their names there, so \
                     other files in those directories could be renamed or removed.",
                ),
            long_value(id::UMASK, "MODE", ValueParser::new(values::permissions))
                .hide_short_help(true)
                .help("permissions of new files")
                .long_help(
                    "Linux only. The permissions that new files and directories do not get, as an octal number: with \
                     077 only the user can read them (modes 0600 and 0700). Without this option it is what the caller \
                     of the program has set.",
                ),
        ],
    )
}
