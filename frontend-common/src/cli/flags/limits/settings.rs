//! `-S`: settings with tcpflow's names.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction};

use crate::cli::CliError;
use crate::cli::flags::scan::needs_files;
use crate::cli::flags::{Flag, value, without_effect};
use crate::cli::line::Line;
use crate::cli::options::{NetvizOptions, Options};
use crate::cli::values::{milliseconds, seconds};
use crate::scan::ScannerName;
use crate::scan::command::CommandLine;

const SET: &str = "set";

/// `-S NAME=VALUE`
pub(crate) struct Set;

impl Flag for Set {
    fn arg(&self) -> Arg {
        value('S', SET, "NAME=VALUE", ValueParser::new(setting))
            .action(ArgAction::Append)
            .help("tcpflow's settings, see -H")
            .long_help(
                "Settings with tcpflow's names: enable_report=NO writes no report; tcp_timeout=SECONDS is \
                 --idle-timeout; tcp_cmd=PROGRAM runs a program for each flow file, with the file's name as \
                 its last argument, without a shell, at most ten at a time; tcp_alert_fd=N writes `open` or \
                 `close`, a tab and the name of each flow file to this descriptor; http_cmd and http_alert_fd \
                 do the same for files with HTTP bodies; check_fcs=NO accepts 802.11 frames with a wrong \
                 checksum too; packet-buffer-timeout=MS is --read-timeout; tdelta=SECONDS is added to all \
                 timestamps; netviz_histogram_size=N has -e netviz count N addresses exactly; \
                 netviz_histogram_dump=YES prints the bytes of all of them. May be repeated.",
            )
    }

    fn apply(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let settings = all(line);
        options.check_fcs = settings.check_fcs;
        options.time_shift = settings.time_shift;
        options.scan.tcp_command = settings.tcp_command;
        options.scan.tcp_alert = settings.tcp_alert;
        options.scan.http_command = settings.http_command;
        options.scan.http_alert = settings.http_alert;
        options.scan.netviz_options = settings.netviz;
        Ok(())
    }

    fn settle(&self, line: &Line<'_>, options: &mut Options) -> Result<(), CliError> {
        let scan = &options.scan;
        if scan.netviz().is_none() && scan.netviz_options != NetvizOptions::default() {
            let name = "-S netviz_histogram_size or netviz_histogram_dump";
            without_effect(line, options, format!("{name} is about report.pdf; add -e netviz"))?;
        }
        let scan = &options.scan;
        let (has_http, has_files) = (scan.scanners.has(ScannerName::Http), options.files);
        for (name, wanted) in
            [("-S http_cmd", scan.http_command.is_some()), ("-S http_alert_fd", scan.http_alert.is_some())]
        {
            if wanted && !has_http {
                without_effect(
                    line,
                    options,
                    format!("{name} is about files with HTTP bodies; add -e http"),
                )?;
            }
        }
        let scan = &options.scan;
        for (name, wanted) in
            [("-S tcp_cmd", scan.tcp_command.is_some()), ("-S tcp_alert_fd", scan.tcp_alert.is_some())]
        {
            needs_files(line, options, wanted && !has_files, name)?;
        }
        Ok(())
    }
}

/// The values of all settings; the last one of a name counts. Settings that are other names of options are effects of
/// those: `report` of `-X`, `tcp_timeout` of `--idle-timeout`, `read_timeout` of `--read-timeout`.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) report: bool,
    pub(crate) tcp_timeout: Option<u64>,
    check_fcs: bool,
    tcp_command: Option<CommandLine>,
    tcp_alert: Option<i32>,
    http_command: Option<CommandLine>,
    http_alert: Option<i32>,
    pub(crate) read_timeout: Option<u64>,
    time_shift: i64,
    netviz: NetvizOptions,
}

/// All settings of the command line.
pub(crate) fn all(line: &Line<'_>) -> Settings {
    let mut settings = Settings { report: true, check_fcs: true, ..Settings::default() };
    for setting in line.values(SET) {
        match setting {
            Setting::EnableReport(on) => settings.report = *on,
            Setting::CheckFcs(on) => settings.check_fcs = *on,
            Setting::TcpTimeout(seconds) => settings.tcp_timeout = Some(*seconds),
            Setting::TcpCommand(command) => settings.tcp_command = command.clone(),
            Setting::TcpAlert(descriptor) => settings.tcp_alert = *descriptor,
            Setting::HttpCommand(command) => settings.http_command = command.clone(),
            Setting::HttpAlert(descriptor) => settings.http_alert = *descriptor,
            Setting::PacketBufferTimeout(milliseconds) => settings.read_timeout = Some(*milliseconds),
            Setting::TimeShift(seconds) => settings.time_shift = *seconds,
            Setting::NetvizHosts(hosts) => settings.netviz.hosts = *hosts,
            Setting::NetvizDump(on) => settings.netviz.dump = *on,
        }
    }
    settings
}

/// A setting of `-S`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Setting {
    /// `enable_report`
    EnableReport(bool),
    /// `tcp_timeout`, in seconds
    TcpTimeout(u64),
    /// `check_fcs`
    CheckFcs(bool),
    /// `tcp_cmd`; none for an empty value
    TcpCommand(Option<CommandLine>),
    /// `tcp_alert_fd`; none for a negative value
    TcpAlert(Option<i32>),
    /// `http_cmd`; none for an empty value
    HttpCommand(Option<CommandLine>),
    /// `http_alert_fd`; none for a negative value
    HttpAlert(Option<i32>),
    /// `packet-buffer-timeout`, in milliseconds
    PacketBufferTimeout(u64),
    /// `tdelta`, in seconds
    TimeShift(i64),
    /// `netviz_histogram_size`
    NetvizHosts(usize),
    /// `netviz_histogram_dump`
    NetvizDump(bool),
}

/// The settings there are.
const SETTINGS: &str = "check_fcs, enable_report, http_alert_fd, http_cmd, netviz_histogram_dump, netviz_histogram_size, packet-buffer-timeout, tcp_alert_fd, tcp_cmd, tcp_timeout, tdelta";

/// The settings with their defaults, for `-H`.
pub(crate) const LIST: &str = "
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
  -S netviz_histogram_size=14336
                               addresses that netviz counts exactly; of more, the largest
  -S netviz_histogram_dump=NO  bytes of every address to standard output
";

/// The `name=value` of one `-S`.
fn setting(text: &str) -> Result<Setting, String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    match name {
        "enable_report" => yes_or_no(value).map(Setting::EnableReport),
        "check_fcs" => yes_or_no(value).map(Setting::CheckFcs),
        "tcp_timeout" => seconds(value).map(Setting::TcpTimeout),
        "tcp_cmd" => command_line(value).map(Setting::TcpCommand),
        "tcp_alert_fd" => descriptor(value).map(Setting::TcpAlert),
        "http_cmd" => command_line(value).map(Setting::HttpCommand),
        "http_alert_fd" => descriptor(value).map(Setting::HttpAlert),
        "netviz_histogram_size" => hosts(value).map(Setting::NetvizHosts),
        "netviz_histogram_dump" => yes_or_no(value).map(Setting::NetvizDump),
        "packet-buffer-timeout" => milliseconds(value).map(Setting::PacketBufferTimeout),
        "tdelta" => value
            .parse()
            .map(Setting::TimeShift)
            .map_err(|_| "expected whole seconds, also negative ones".to_owned()),
        _ => Err(format!("there is no such setting; the settings are {SETTINGS}")),
    }
}

/// A number of hosts, for which there is memory: 100 bytes each.
fn hosts(value: &str) -> Result<usize, String> {
    let number = value.parse().ok().filter(|number| (10..=1 << 24).contains(number));
    number.ok_or_else(|| "expected a number of addresses from 10 to 16777216".to_owned())
}

fn yes_or_no(value: &str) -> Result<bool, String> {
    match value.to_ascii_uppercase().as_str() {
        "YES" | "TRUE" | "1" => Ok(true),
        "NO" | "FALSE" | "0" => Ok(false),
        _ => Err("expected YES or NO".to_owned()),
    }
}

fn command_line(value: &str) -> Result<Option<CommandLine>, String> {
    if value.is_empty() { Ok(None) } else { CommandLine::parse(value).map(Some) }
}

fn descriptor(value: &str) -> Result<Option<i32>, String> {
    let number: i32 = value.parse().map_err(|_| "expected the number of an open descriptor, such as 3")?;
    Ok(Some(number).filter(|number| *number >= 0))
}

#[cfg(test)]
mod tests {
    use crate::cli::NetvizOptions;
    use crate::cli::testing::{refused, run};
    use crate::scan::command::CommandLine;

    #[test]
    fn programs_and_descriptors_for_flow_files() {
        let scan = run("-r a -S tcp_cmd=gzip -S tcp_alert_fd=3").scan;
        assert_eq!((scan.tcp_command, scan.tcp_alert), (Some(CommandLine::parse("gzip").unwrap()), Some(3)));
        let scan = run("-r a -S tcp_cmd=gzip -S tcp_cmd= -S tcp_alert_fd=-1").scan;
        assert_eq!((scan.tcp_command, scan.tcp_alert), (None, None));
        assert!(refused("-r a -S tcp_cmd='").contains("quote"));
        assert!(refused("-r a -S tcp_alert_fd=x").contains("descriptor"));
        let pictures = run("-r a -a -S netviz_histogram_size=50 -S netviz_histogram_dump=1");
        assert_eq!(pictures.scan.netviz(), Some(NetvizOptions { hosts: 50, dump: true }));
        assert!(pictures.notes.is_empty(), "{:?}", pictures.notes);
        assert!(refused("-r a -S netviz_histogram_size=50").contains("add -e netviz"));
        assert!(refused("-r a -S netviz_histogram_size=0").contains("from 10 to"));
        assert!(refused("-r a -FXM").contains("-FX writes none"));
        assert!(refused("-r a -c -S tcp_cmd=gzip").contains("-S tcp_cmd needs flow files"));
        assert!(refused("-r a -S http_cmd=gzip").contains("add -e http"));
    }

    #[test]
    fn tcpflows_settings_of_time_have_their_meaning() {
        assert_eq!(run("-r a -S tdelta=-3600").time_shift, -3600);
        assert!(refused("-r a -S tdelta=x").contains("expected whole seconds"));
        let timeout = |line| run(line).live.expect("an interface").read_timeout.as_millis();
        assert_eq!(timeout("-S packet-buffer-timeout=25"), 25);
        assert_eq!(timeout("-S packet-buffer-timeout=25 --read-timeout 5"), 5);
        assert!(refused("-S packet-buffer=7").contains("the settings are check_fcs, "));
    }
}
