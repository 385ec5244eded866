//! `--overlap`

use std::net::IpAddr;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction};
use tapflow_core::{OverlapPolicy, Target};

use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::values::decimal;

const OVERLAP: &str = "overlap";

/// `--overlap [NET=]POLICY`
pub(crate) struct OverlapOf;

impl Flag for OverlapOf {
    fn arg(&self) -> Arg {
        long_value(OVERLAP, "[NET=]POLICY", ValueParser::new(overlap))
            .action(ArgAction::Append)
            .help("which copy counts [first]")
            .long_help(
                "Which copy counts where segments overlap beyond a hole; this depends on the system of the \
                 receiver. POLICY is first (the default), last, bsd, linux, old-linux, windows, windows2003, \
                 vista, solaris, hpux, hpux10, irix or macos. It is for all receivers, or with NET= for those in \
                 a network, as in --overlap 10.0.0.0/8=linux; the longest prefix counts. May be repeated. Bytes \
                 that continue a stream without a hole always stay, because the receiver has read them. The \
                 report lists the copies that do not count.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        for overlap in line.values(OVERLAP) {
            match *overlap {
                Overlap::All(policy) => options.overlap = policy,
                Overlap::Network(target) => options.targets.push(target),
            }
        }
        Ok(())
    }
}

/// One `--overlap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overlap {
    All(OverlapPolicy),
    Network(Target),
}

/// The argument of `--overlap`: a policy, for a network or for all.
fn overlap(text: &str) -> Result<Overlap, String> {
    let (network, name) = match text.split_once('=') {
        Some((network, name)) => (Some(network), name),
        None => (None, text),
    };
    let policy = OverlapPolicy::from_name(name).ok_or_else(|| {
        let names = OverlapPolicy::ALL.map(OverlapPolicy::name).join(", ");
        format!("'{}' is not a policy; the policies are {names}", name.escape_default())
    })?;
    let Some(network) = network else { return Ok(Overlap::All(policy)) };
    let (address, prefix) = match network.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (network, None),
    };
    const WANTED: &str = "expected a network before the =, such as 10.0.0.0/8 or 2001:db8::/32";
    let address: IpAddr = address.parse().map_err(|_| WANTED)?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        Some(prefix) => decimal(prefix).filter(|prefix| *prefix <= bits).ok_or(WANTED)?,
        None => bits,
    };
    Ok(Overlap::Network(Target { network: address, prefix, policy }))
}

#[cfg(test)]
mod tests {
    use tapflow_core::{OverlapPolicy, Target};

    use crate::cli::testing::{refused, run};

    #[test]
    fn overlap_policies_are_for_all_receivers_or_for_those_in_a_network() {
        let options =
            run("-r a --overlap bsd --overlap 10.0.0.0/8=linux --overlap 2001:db8::1=vista --overlap last");
        assert_eq!(options.overlap, OverlapPolicy::Last);
        let target =
            |network: &str, prefix, policy| Target { network: network.parse().unwrap(), prefix, policy };
        let expected =
            [target("10.0.0.0", 8, OverlapPolicy::Linux), target("2001:db8::1", 128, OverlapPolicy::Vista)];
        assert_eq!(options.targets, expected);
        for (wrong, reason) in [
            ("--overlap beos", "'beos' is not a policy; the policies are first, last, bsd, linux"),
            ("--overlap 10.0.0.0/33=bsd", "expected a network before the ="),
            ("--overlap host=bsd", "expected a network before the ="),
            ("--overlap 10.0.0.0/=bsd", "expected a network before the ="),
        ] {
            let error = refused(&format!("-r a {wrong}"));
            assert!(error.contains(reason) && error.contains("--overlap"), "{error}");
        }
    }
}
