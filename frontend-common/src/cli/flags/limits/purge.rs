//! `-P`

use clap::Arg;

use crate::cli::flags::{Flag, switch};

const NO_PURGE: &str = "no-purge";

/// `-P`, which has no effect.
pub(crate) struct NoPurge;

impl Flag for NoPurge {
    fn arg(&self) -> Arg {
        switch('P', NO_PURGE).hide_short_help(true).help("no effect").long_help(
            "No effect. Accepted because tcpflow has it: tapflow always remembers closed connections as long \
                 as its table has room.",
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::run;

    #[test]
    fn it_is_accepted_without_a_note() {
        assert_eq!(run("-r a -P").notes, Vec::<String>::new());
    }
}
