//! VLANs and tunnels: `--ignore-encapsulation`, `--tunnel-port`.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction};
use tapflow_core::decode::{MAX_TUNNEL_PORTS, UdpTunnel};

use crate::cli::CliError;
use crate::cli::flags::{Flag, long_value};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::values::decimal;

const IGNORE_ENCAPSULATION: &str = "ignore-encapsulation";
const TUNNEL_PORT: &str = "tunnel-port";

/// `--ignore-encapsulation`
pub(crate) struct IgnoreEncapsulation;

impl Flag for IgnoreEncapsulation {
    fn arg(&self) -> Arg {
        Arg::new(IGNORE_ENCAPSULATION)
            .long(IGNORE_ENCAPSULATION)
            .action(ArgAction::SetTrue)
            .hide_short_help(true)
            .help("ignore VLANs and tunnels")
            .long_help(
                "Ignore VLANs and tunnels: packets with the same addresses and ports belong to one connection. \
                 For captures in which the two directions have different tags, or only one comes through a \
                 tunnel. Without this option, connections in different VLANs or tunnels are separate.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.ignore_encapsulation = line.has(IGNORE_ENCAPSULATION);
        Ok(())
    }
}

/// `--tunnel-port PROTOCOL=PORT`
pub(crate) struct TunnelPort;

impl Flag for TunnelPort {
    fn arg(&self) -> Arg {
        long_value(TUNNEL_PORT, "PROTOCOL=PORT", ValueParser::new(tunnel_port))
            .action(ArgAction::Append)
            .hide_short_help(true)
            .help("a tunnel on another port")
            .long_help(
                "Look for a tunnel on this UDP port too. PROTOCOL is ayiya, capwap, geneve, gre, gtp, gue, ip, \
                 jmirror, l2tp, lisp, mpls, peekremote, sflow, teredo, tzsp, vxlan or vxlan-gpe. ip is an IP \
                 datagram without any tunnel header; it has no port of its own. The assigned ports are always \
                 checked, after those given here. May be repeated, at most 16 times.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.tunnel_ports = line.values(TUNNEL_PORT).copied().collect();
        if options.tunnel_ports.len() > MAX_TUNNEL_PORTS {
            return Err(CliError(format!("--tunnel-port can be given {MAX_TUNNEL_PORTS} times at most")));
        }
        Ok(())
    }
}

/// The argument of `--tunnel-port`: a tunnel and the UDP port where it is looked for.
fn tunnel_port(text: &str) -> Result<(UdpTunnel, u16), String> {
    const WANTED: &str = "expected PROTOCOL=PORT, such as vxlan=4789";
    let (name, port) = text.split_once('=').ok_or(WANTED)?;
    let tunnel = UdpTunnel::ALL.into_iter().find(|tunnel| tunnel.name() == name).ok_or_else(|| {
        let names = UdpTunnel::ALL.map(UdpTunnel::name).join(", ");
        format!("'{}' is not a tunnel in UDP; the tunnels are {names}", name.escape_default())
    })?;
    let port = decimal(port).filter(|port| *port > 0).ok_or(WANTED)?;
    Ok((tunnel, port))
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{refused, run};

    #[test]
    fn tunnels_are_looked_for_at_more_ports_and_ignored_on_demand() {
        use tapflow_core::decode::UdpTunnel;
        let options = run(
            "-r a --tunnel-port geneve=47101 --tunnel-port gtp=5906 --ignore-encapsulation -S check_fcs=no",
        );
        assert_eq!(options.tunnel_ports, [(UdpTunnel::Geneve, 47101), (UdpTunnel::Gtp, 5906)]);
        assert!(options.ignore_encapsulation && !options.check_fcs);
        for (argument, reason) in [
            ("geneve", "expected PROTOCOL=PORT"),
            ("geneve=0", "expected PROTOCOL=PORT"),
            ("geneve=65536", "expected PROTOCOL=PORT"),
            ("sctp=9", "'sctp' is not a tunnel in UDP; the tunnels are vxlan, vxlan-gpe, geneve"),
        ] {
            let error = refused(&format!("-r a --tunnel-port {argument}"));
            assert!(error.contains(reason) && error.contains("--tunnel-port"), "{error}");
        }
        let error = refused(&format!("-r a{}", " --tunnel-port gtp=1".repeat(17)));
        assert_eq!(error, "--tunnel-port can be given 16 times at most");
    }
}
