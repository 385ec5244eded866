//! The two help pages, both made from the [`Command`].

use std::fmt::Write;

use clap::{Arg, Command};

use crate::scan::SCANNERS;

/// Columns of the short page.
const WIDTH: usize = 80;
/// Columns before the options of a group.
const INDENT: usize = 10;
/// Columns of one option; two options make a line.
const CELL: usize = (WIDTH - INDENT) / 2;

/// `-h`: every option in a few words, on one page of 48 lines by 80 columns.
pub(super) fn short(command: &Command) -> String {
    let mut page = format!(
        "{} {}: TCP conversations from captures, a file for each direction\n{}\n",
        command.get_name(),
        command.get_version().unwrap_or_default(),
        command.clone().render_usage(),
    );
    let mut heading = "";
    let mut column = WIDTH;
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_hide_short_help_set()) {
        let next = arg.get_help_heading().unwrap_or_default();
        let cell = cell(arg);
        // Writing to a String cannot fail.
        let _ = if next != heading {
            write!(page, "\n{next:INDENT$}{cell}")
        } else if column < INDENT + CELL && cell.len() <= CELL {
            write!(page, "{:pad$}{cell}", "", pad = INDENT + CELL - column)
        } else {
            write!(page, "\n{:INDENT$}{cell}", "")
        };
        heading = next;
        column = page.len() - page.rfind('\n').map_or(0, |at| at + 1);
    }
    page.push('\n');
    page
}

fn cell(arg: &Arg) -> String {
    let value = arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    let name = match (arg.get_short(), arg.get_long()) {
        (Some(short), _) => format!("-{short} {value}"),
        (None, Some(long)) => format!("--{long} {value}"),
        (None, None) => value.to_owned(),
    };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    format!("{:7} {help}", name.trim_end())
}

/// `-H`: scanners and settings.
pub(super) fn scanners() -> String {
    let mut page =
        "Scanners run on finished flows. -e NAME enables, -x NAME disables, -a enables all.\n\n".to_owned();
    for scanner in SCANNERS {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "  {scanner:10}{}", scanner.about());
    }
    page.push_str(SETTINGS);
    page
}

const SETTINGS: &str = "
Settings, with their defaults:

  -S enable_report=YES         write report.xml
  -S tcp_timeout=0             close connections that are silent for this many seconds; 0 is never
  -S tcp_cmd=                  program to run for each flow file
  -S tcp_alert_fd=-1           descriptor that gets a line for each flow file
  -S http_cmd=                 program to run for each file with an HTTP body
  -S http_alert_fd=-1          descriptor that gets a line for each file with an HTTP body
  -S check_fcs=YES             refuse 802.11 frames with a wrong checksum
  -S packet-buffer-timeout=10  the same as --read-timeout
  -S tdelta=0                  seconds to add to all timestamps
  -S netviz_histogram_size=1000, netviz_histogram_dump=0
                               no effect: netviz is not built yet
";

/// `--help`, `-hh`: every option explained, then template letters and examples.
pub(super) fn long(command: Command) -> String {
    let after = format!("{TEMPLATE}\n\n{EXAMPLES}\n\n{EXIT}");
    command.after_long_help(after).render_long_help().to_string()
}

const TEMPLATE: &str = "\
Letters of a template:
  %A %a  source address, port          %B %b  destination address, port
  %E %e  source, destination MAC       %S     session, the same in both directions
  %T     start, 2024-01-31T23:59:59Z   %t     start, seconds since 1970
  %V     -- when there is a VLAN       %v     the VLAN's number, if any
  %C     c when the count is above 0   %c     the connection count when above 0
  %#     the connection count always   %%     a %
  %N     flow number modulo 1000; %K, %M and %G: the next three digits each
The connection count tells apart flows with the same name: 0, then 1, ...";

const EXAMPLES: &str = "\
Examples:
  tapflow -r a.pcap -o out                  every flow of a.pcap into out/
  tapflow -r a.pcap -c port 80              print what went over port 80
  tapflow -o out -Fk -l *.pcap              many captures, directories of 1000 flows
  tapflow -r a.pcap -T %A/%B/%a-%b -o out   directories by address
  tcpdump -w - -c 1000 | tapflow -r - -o out";

const EXIT: &str = "\
Exit status: 0 success; 1 something failed, the message says what, all output so far is kept;
2 the command line is wrong, nothing was done.";
