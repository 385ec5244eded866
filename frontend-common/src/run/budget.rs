//! How much memory the parts of a run may take, from what the system has.
//!
//! What grows with the traffic is bounded by the number of connections, and that number by the memory that is there
//! when the run begins: an appliance with 64 MiB follows 16,384. Everything else has a bound of its own.

use crate::cli::{MAX_CONNECTIONS, Options};

/// What a connection is reckoned at, in bytes: its entry in the table, the facts and the pending pieces of two flows,
/// and as much again for tables that double when they grow.
const CONNECTION: u64 = 4 << 10;
/// Connections at least, however little memory there is.
const MIN_CONNECTIONS: u64 = 256;
/// The most that the console holds back for holes, in bytes.
const CONSOLE: u64 = 64 << 20;

/// The bounds of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// Connections at once.
    pub(super) connections: usize,
    /// Bytes that wait for the console.
    pub(super) console: usize,
}

impl Budget {
    /// As the options say, else by the memory that is `available`; plenty if the system does not say.
    pub(super) fn new(options: &Options, available: Option<u64>) -> Self {
        let available = available.unwrap_or(u64::MAX);
        let most = MAX_CONNECTIONS as u64;
        // Neither is above a bound that fits.
        let by_memory = (available / CONNECTION).clamp(MIN_CONNECTIONS, most) as usize;
        let console = (available / 4).min(CONSOLE) as usize;
        Self { connections: options.max_connections.unwrap_or(by_memory), console }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Action, Program, parse};

    fn budget(arguments: &[&str], available: Option<u64>) -> (usize, usize) {
        let program = Program { name: "tapflow", version: "1" };
        let arguments = ["tapflow", "-r", "a"].iter().chain(arguments).map(Into::into);
        let Ok(Action::Run(options)) = parse(arguments, &program) else { panic!("options that are right") };
        let Budget { connections, console } = Budget::new(&options, available);
        (connections, console)
    }

    #[test]
    fn connections_and_console_follow_the_memory_up_to_a_bound() {
        for (available, expected) in [
            (None, (524_288, 64 << 20)),
            (Some(24 << 30), (524_288, 64 << 20)),
            (Some(1 << 30), (262_144, 64 << 20)),
            (Some(64 << 20), (16_384, 16 << 20)),
            (Some(4096), (256, 1024)),
        ] {
            assert_eq!(budget(&[], available), expected);
        }
    }

    #[test]
    fn what_the_user_says_counts() {
        assert_eq!(budget(&["--max-flows", "7"], Some(64 << 20)).0, 7);
        assert_eq!(budget(&["--max-connections", "1000000"], Some(64 << 20)).0, 1_000_000);
    }
}
