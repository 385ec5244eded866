//! Which scanners run: `-a`, `-e`, `-E`, `-x`, `-H`.

use std::fmt::Write;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command};

use super::{needs_files, reports};
use crate::cli::flags::files::names;
use crate::cli::flags::limits::settings;
use crate::cli::flags::{Flag, switch, value, without_effect};
use crate::cli::line::Line;
use crate::cli::options::Options;
use crate::cli::{Action, CliError};
use crate::scan::{Choice, SCANNERS, ScannerName};

const ALL: &str = "all";
const ENABLE: &str = "enable";
const ONLY: &str = "only";
const DISABLE: &str = "disable";
const LIST: &str = "scanners";

/// `-a`
pub(crate) struct All;

impl Flag for All {
    fn arg(&self) -> Arg {
        switch('a', ALL).help("all scanners on").long_help(
            "Run all scanners on finished flows: http, md5, netviz, tls, wifiviz. -a, -e, -E and -x apply in the \
             order given.",
        )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        options.scan.scanners = scanners(line);
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let scanners = options.scan.scanners.clone();
        if scanners.has(ScannerName::Wifiviz) && !reports(line, options) {
            let message = "wifiviz needs a report, and none is written; give -X FILE".to_owned();
            without_effect(line, options, message)?;
        }
        needs_files(line, options, scanners.has(ScannerName::Http), "-e http")
    }
}

/// `-e NAME`
pub(crate) struct Enable;

impl Flag for Enable {
    fn arg(&self) -> Arg {
        value('e', ENABLE, "NAME", ValueParser::new(scanner))
            .action(ArgAction::Append)
            .help("turn on, e.g. http")
            .long_help("Turn on a scanner, or all; -H lists them. May be repeated.")
    }
}

/// `-E NAME`
pub(crate) struct Only;

impl Flag for Only {
    fn arg(&self) -> Arg {
        value('E', ONLY, "NAME", ValueParser::new(scanner))
            .action(ArgAction::Append)
            .help("turn on only this one")
            .long_help("Turn on this scanner and turn off all others that run on finished flows.")
    }
}

/// `-x NAME`
pub(crate) struct Disable;

impl Flag for Disable {
    fn arg(&self) -> Arg {
        value('x', DISABLE, "NAME", ValueParser::new(scanner))
            .action(ArgAction::Append)
            .help("turn off")
            .long_help("Turn off a scanner, or all. -x tcpdemux writes no flow files. May be repeated.")
    }
}

/// The scanners that are on after `-FM`, then `-a`, `-e`, `-E` and `-x` in the order given.
pub(crate) fn scanners(line: &Line<'_>) -> Choice {
    type Change = fn(&mut Choice, &[ScannerName]);
    let mut changes: Vec<(usize, Change, &[ScannerName])> = Vec::new();
    let options: [(&str, Change); 3] =
        [(ENABLE, Choice::enable), (ONLY, Choice::only), (DISABLE, Choice::disable)];
    for (id, change) in options {
        let named = line.placed::<Vec<ScannerName>>(id);
        changes.extend(named.map(|(place, names)| (place, change, names.as_slice())));
    }
    if line.has(ALL) {
        changes.push((line.place(ALL).unwrap_or(0), Choice::enable, &SCANNERS));
    }
    changes.sort_by_key(|(place, ..)| *place);
    let mut choice = Choice::default();
    if names::md5(line) {
        choice.enable(&[ScannerName::Md5]);
    }
    for (_, change, names) in changes {
        change(&mut choice, names);
    }
    choice
}

/// The argument of `-e`, `-E`, `-x`.
fn scanner(text: &str) -> Result<Vec<ScannerName>, String> {
    ScannerName::named(text).ok_or_else(|| {
        let names = SCANNERS.map(ScannerName::as_str).join(", ");
        format!("there is no such scanner; the scanners are {names}; all is all of them")
    })
}

/// `-H`
pub(crate) struct ListScanners;

impl Flag for ListScanners {
    fn arg(&self) -> Arg {
        switch('H', LIST).help("list scanners").long_help("List scanners and settings.")
    }

    fn action(&self, line: &Line<'_>, _command: &Command) -> Option<Action> {
        line.has(LIST).then(|| Action::Print(list()))
    }
}

/// The page of `-H`: scanners and settings.
fn list() -> String {
    let mut page =
        "Scanners run on finished flows. -e NAME enables, -x NAME disables, -a enables all.\n\n".to_owned();
    for scanner in SCANNERS {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "  {scanner:10}{}", scanner.about());
    }
    page.push_str(settings::LIST);
    page
}

#[cfg(test)]
mod tests {
    use crate::cli::testing::{printed, refused, run};
    use crate::scan::{SCANNERS, ScannerName};

    #[test]
    fn scanners_are_chosen_in_the_order_of_the_options() {
        let scanners = |line: &str| {
            let choice = run(line).scan.scanners;
            SCANNERS.into_iter().filter(|name| choice.has(*name)).map(ScannerName::as_str).collect::<Vec<_>>()
        };
        assert_eq!(scanners("-r a"), ["tcpdemux"]);
        assert_eq!(scanners("-r a -a"), ["http", "md5", "netviz", "tcpdemux", "tls", "wifiviz"]);
        assert_eq!(scanners("-r a -a -x md5 -x netviz"), ["http", "tcpdemux", "tls", "wifiviz"]);
        assert_eq!(
            scanners("-r a -x md5 -e wifiviz -a"),
            ["http", "md5", "netviz", "tcpdemux", "tls", "wifiviz"]
        );
        assert_eq!(scanners("-r a -a -E md5"), ["md5", "tcpdemux"]);
        assert_eq!(scanners("-r a -FM"), ["md5", "tcpdemux"]);
        assert_eq!(scanners("-r a -e all -x http"), ["md5", "netviz", "tcpdemux", "tls", "wifiviz"]);
        assert_eq!(scanners("-r a -a -x all"), [""; 0]);
        assert_eq!(scanners("-r a -x all -a"), scanners("-r a -E all"));
        assert!(refused("-r a -x all -e md5").contains("-x tcpdemux writes none"));
        assert!(refused("-r a -c -e http").contains("-e http needs flow files"));
        assert!(refused("-r a -c -e wifiviz").contains("wifiviz needs a report"));
        assert!(!run("-r a -x tcpdemux").files);
        let error = refused("-r a -e htpp");
        assert!(
            error.contains("'htpp'") && error.contains("http, md5, netviz, tcpdemux, tls, wifiviz"),
            "{error}"
        );
    }

    #[test]
    fn scanners_and_settings_are_listed() {
        let page = printed("-H");
        assert!(SCANNERS.iter().all(|name| page.contains(&format!("\n  {} ", name.as_str()))), "{page}");
        assert!(page.contains("\n  -S tdelta=0 "), "{page}");
    }
}
