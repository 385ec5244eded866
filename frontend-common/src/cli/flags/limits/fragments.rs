//! IP fragments: `--fragment-policy`, `--fragment-memory`.

use clap::Arg;
use clap::builder::ValueParser;
use tapflow_core::FragmentPolicy;

use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::values::size;

const FRAGMENT_POLICY: &str = "fragment-policy";
const FRAGMENT_MEMORY: &str = "fragment-memory";

/// `--fragment-policy POLICY`
pub(crate) struct Policy;

impl Flag for Policy {
    fn arg(&self) -> Arg {
        long_value(FRAGMENT_POLICY, "POLICY", ValueParser::new(fragment_policy))
            .hide_short_help(true)
            .help("which fragment counts")
            .long_help(
                "Which bytes count where IP fragments overlap; this depends on the receiver. POLICY is bsd (the \
                 default), first, last, bsd-right, linux, windows, solaris (as in Novak, \"Target-Based \
                 Fragmentation Reassembly\"), or discard, which drops the datagram, as IPv6 always does.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.fragment_policy = line.value(FRAGMENT_POLICY).unwrap_or_default();
        Ok(())
    }
}

/// The argument of `--fragment-policy`.
fn fragment_policy(text: &str) -> Result<FragmentPolicy, String> {
    FragmentPolicy::from_name(text).ok_or_else(|| {
        format!("expected one of {}", FragmentPolicy::ALL.map(FragmentPolicy::name).join(", "))
    })
}

/// `--fragment-memory SIZE`
pub(crate) struct Memory;

impl Flag for Memory {
    fn arg(&self) -> Arg {
        long_value(FRAGMENT_MEMORY, "SIZE", ValueParser::new(size))
            .hide_short_help(true)
            .help("for IP fragments")
            .long_help(
                "Memory for incomplete IP datagrams; when it is full, the oldest datagram is given up. A datagram \
                 takes up to 64k. With 0, fragments are not reassembled and count as not used. The default is 64k \
                 for every 512 of --max-connections, at least 1M and at most 64M.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.fragment_memory = line.value(FRAGMENT_MEMORY);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tapflow_core::FragmentPolicy;

    use crate::cli::testing::{refused, run};

    #[test]
    fn fragments_have_a_policy_and_memory() {
        let options = run("-r a --fragment-policy bsd-right --fragment-memory 0");
        assert_eq!(options.fragment_policy, FragmentPolicy::BsdRight);
        assert_eq!(options.fragment_memory, Some(0));
        assert!(refused("-r a --fragment-policy best").contains("one of first, last, bsd"));
        assert!(refused("-r a --fragment-memory lots").contains("expected a size in bytes"));
    }
}
