//! The two help pages, both made from the [`Command`].

use std::fmt::Write;

use clap::{Arg, Command};

use super::flags::files::names::TEMPLATE_LETTERS;

/// Columns of the short page.
const WIDTH: usize = 80;
/// Columns before the options of a group.
const INDENT: usize = 10;
/// Columns of one option; two options make a line.
const CELL: usize = (WIDTH - INDENT) / 2;

/// The page for a command line without arguments.
pub(super) fn introduction(command: &Command) -> String {
    let name = command.get_name();
    format!(
        "{}\n{}\n\n{}\n\n{name} -h prints all options on one page, {name} --help explains them.\n",
        command.get_about().map(ToString::to_string).unwrap_or_default(),
        command.clone().render_usage(),
        EXAMPLES,
    )
}

/// `-h`: every option in a few words, on one page of 48 lines by 80 columns.
pub(super) fn short(command: &Command) -> String {
    let mut page = format!(
        "{} {}: writes each direction of each TCP connection to its own file\n{}\n",
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
    let name = name.trim_end();
    // A long name has more space behind it, so that its end can be seen.
    if name.len() > 7 { format!("{name}  {help}") } else { format!("{name:7} {help}") }
}

/// `--help`, `-hh`: every option explained, then template letters and examples.
pub(super) fn long(command: &Command) -> String {
    let after = format!("{TEMPLATE_LETTERS}\n\n{EXAMPLES}\n\n{EXIT}");
    command.clone().after_long_help(after).render_long_help().to_string()
}

const EXAMPLES: &str = "\
Examples:
  tapflow a.pcap -o out                     write every flow of a.pcap into out/
  tapflow a.pcap -c port 80                 print what goes over port 80
  tapflow a.pcap -e http -o out             files of HTTP bodies too
  tapflow *.pcap -Fk -o out                 many captures, directories of 1000 flows
  tapflow a.pcap -T %A/%B/%a-%b -o out      directories by address
  tapflow -i eth0 -o out port 443           capture from an interface
  tcpdump -w - -c 1000 | tapflow -r - -o out";

const EXIT: &str = "\
Exit status: 0 success; 1 something failed: the message says what, all output so far is kept;
2 the command line is wrong: nothing was done.";
