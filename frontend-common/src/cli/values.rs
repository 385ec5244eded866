//! Values of options, from text. Every error says what would be right; the caller names the option.

use std::net::IpAddr;
use std::time::Duration;

use tapflow_core::decode::{Checksums, UdpTunnel};
use tapflow_core::{Check, FragmentPolicy, OverlapPolicy, Target, Urgent};

use super::live::MAX_SNAP_LENGTH;
use super::options::{ConsoleOrder, DiskFull, LongHole, MaxHole};
use crate::naming::NamePrefix;
use crate::scan::command::CommandLine;
use crate::scan::hash::Algorithm;
use crate::scan::{SCANNERS, ScannerName};

/// A size in bytes: digits, then optionally k, M, G or T (powers of 1024).
pub(super) fn size(text: &str) -> Result<u64, String> {
    const WANTED: &str = "expected a size in bytes, such as 4096, 64k, 10M, 2G or 1T";
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
        Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
        Some((at, 't' | 'T')) => (&text[..at], 1 << 40),
        _ => (text, 1u64),
    };
    let number: u64 = decimal(digits).ok_or(WANTED)?;
    number.checked_mul(unit).ok_or_else(|| WANTED.to_owned())
}

/// A size of at least one byte.
pub(super) fn positive_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        0 => Err("it must be at least 1".to_owned()),
        bytes => Ok(bytes),
    }
}

/// The argument of `--max-hole`: a size, then optionally what is done beyond it; or `none`.
pub(super) fn max_hole(text: &str) -> Result<MaxHole, String> {
    const WANTED: &str = "SIZE, SIZE,split, SIZE,shorten or none is wanted, such as 64M,shorten";
    if text == "none" {
        return Ok(MaxHole { bytes: u64::MAX, then: LongHole::Split });
    }
    let (bytes, then) = match text.split_once(',') {
        None => (text, LongHole::Split),
        Some((bytes, "split")) => (bytes, LongHole::Split),
        Some((bytes, "shorten")) => (bytes, LongHole::Shorten),
        Some(_) => return Err(WANTED.to_owned()),
    };
    Ok(MaxHole { bytes: size(bytes).map_err(|_| WANTED)?, then })
}

/// One `--rotate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RotateBy {
    Time(Duration),
    Size(u64),
}

/// The argument of `--rotate`: a time with its unit, or a size.
pub(super) fn rotate(text: &str) -> Result<RotateBy, String> {
    const WANTED: &str = "expected a time such as 90s, 15min, 1h or 1d, or a size such as 100M or 10G";
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let seconds = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "m" => return Err(format!("minutes or megabytes? write {digits}min or {digits}M")),
        "" => return Err(WANTED.to_owned()),
        _ => {
            let bytes = size(text).map_err(|_| WANTED)?;
            return if bytes > 0 { Ok(RotateBy::Size(bytes)) } else { Err(WANTED.to_owned()) };
        }
    };
    let time = decimal::<u64>(digits).and_then(|number| number.checked_mul(seconds));
    // No more than nanoseconds in 64 bits.
    time.filter(|seconds| (1..=u64::MAX / 1_000_000_000).contains(seconds))
        .map(|seconds| RotateBy::Time(Duration::from_secs(seconds)))
        .ok_or_else(|| WANTED.to_owned())
}

/// The argument of `--disk-full`.
pub(super) fn disk_full(text: &str) -> Result<DiskFull, String> {
    match text {
        "stop" => Ok(DiskFull::Stop),
        "delete" => Ok(DiskFull::Delete),
        _ => Err("expected stop or delete".to_owned()),
    }
}

/// A count of at least one.
pub(super) fn positive(text: &str) -> Result<usize, String> {
    decimal(text).filter(|n| *n > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}

/// A level of messages.
pub(super) fn level(text: &str) -> Result<u32, String> {
    decimal(text).ok_or_else(|| "expected a whole number: 0 silent, 1 usual, 10 verbose".to_owned())
}

/// Whole seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    decimal(text).ok_or_else(|| "expected whole seconds; 0 is never".to_owned())
}

/// Milliseconds.
pub(super) fn milliseconds(text: &str) -> Result<u64, String> {
    decimal(text).filter(|ms| *ms <= 60_000).ok_or_else(|| "expected milliseconds, at most 60000".to_owned())
}

/// The argument of `--snaplen`.
pub(super) fn snap_length(text: &str) -> Result<u32, String> {
    decimal(text)
        .filter(|bytes| (1..=MAX_SNAP_LENGTH).contains(bytes))
        .ok_or_else(|| format!("expected a number of bytes from 1 to {MAX_SNAP_LENGTH}"))
}

/// The argument of `--buffer-size`.
pub(super) fn buffer_size(text: &str) -> Result<u32, String> {
    let bytes = positive_size(text)?;
    let most = i32::MAX.unsigned_abs();
    u32::try_from(bytes).ok().filter(|bytes| *bytes <= most).ok_or_else(|| format!("the maximum is {most}"))
}

/// Digits only: no sign, no blanks.
fn decimal<N: std::str::FromStr>(text: &str) -> Option<N> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// One letter of `-F`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameLetter {
    Count,
    NoFiles,
    Md5,
    Prefix(NamePrefix),
}

/// The letters of one `-F`.
pub(super) fn name_letters(text: &str) -> Result<Vec<NameLetter>, String> {
    if text.is_empty() {
        return Err("expected letters".to_owned());
    }
    text.chars()
        .map(|letter| {
            Ok(match letter {
                'c' => NameLetter::Count,
                'X' => NameLetter::NoFiles,
                't' => NameLetter::Prefix(NamePrefix::Seconds),
                'T' => NameLetter::Prefix(NamePrefix::Iso),
                'k' => NameLetter::Prefix(NamePrefix::Thousand),
                'm' => NameLetter::Prefix(NamePrefix::Million),
                'g' => NameLetter::Prefix(NamePrefix::Billion),
                'M' => NameLetter::Md5,
                _ => {
                    return Err(format!(
                        "'{}' is not one of c (count), t (seconds), T (date and time), k, m, g (directories), M (MD5), X (no files)",
                        letter.escape_default()
                    ));
                }
            })
        })
        .collect()
}

/// The argument of `--order`.
pub(super) fn order(text: &str) -> Result<ConsoleOrder, String> {
    match text {
        "stream" => Ok(ConsoleOrder::Stream),
        "arrival" => Ok(ConsoleOrder::Arrival),
        _ => Err("expected stream or arrival".to_owned()),
    }
}

/// The argument of `--urgent`.
pub(super) fn urgent(text: &str) -> Result<Urgent, String> {
    match text {
        "inline" => Ok(Urgent::Inline),
        "drop" => Ok(Urgent::Apart),
        _ => Err("expected inline or drop".to_owned()),
    }
}

/// The argument of `--paws` and `--window`.
pub(super) fn check(text: &str) -> Result<Check, String> {
    match text {
        "count" => Ok(Check::Count),
        "refuse" => Ok(Check::Refuse),
        _ => Err("expected count or refuse".to_owned()),
    }
}

/// The argument of `--overlap`: a policy, for a network or for all.
pub(super) fn overlap(text: &str) -> Result<Overlap, String> {
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

/// One `--overlap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    All(OverlapPolicy),
    Network(Target),
}

/// The argument of `--checksums`.
pub(super) fn checksums(text: &str) -> Result<Checksums, String> {
    match text {
        "ignore" => Ok(Checksums::Ignore),
        "count" => Ok(Checksums::Count),
        "refuse" => Ok(Checksums::Refuse),
        _ => Err("expected ignore, count or refuse".to_owned()),
    }
}

/// The argument of `--fragment-policy`.
pub(super) fn fragment_policy(text: &str) -> Result<FragmentPolicy, String> {
    FragmentPolicy::from_name(text).ok_or_else(|| {
        format!("expected one of {}", FragmentPolicy::ALL.map(FragmentPolicy::name).join(", "))
    })
}

/// The argument of `--tunnel-port`: a tunnel and the UDP port where it is looked for.
pub(super) fn tunnel_port(text: &str) -> Result<(UdpTunnel, u16), String> {
    const WANTED: &str = "expected PROTOCOL=PORT, such as vxlan=4789";
    let (name, port) = text.split_once('=').ok_or(WANTED)?;
    let tunnel = UdpTunnel::ALL.into_iter().find(|tunnel| tunnel.name() == name).ok_or_else(|| {
        let names = UdpTunnel::ALL.map(UdpTunnel::name).join(", ");
        format!("'{}' is not a tunnel in UDP; the tunnels are {names}", name.escape_default())
    })?;
    let port = decimal(port).filter(|port| *port > 0).ok_or(WANTED)?;
    Ok((tunnel, port))
}

/// The argument of `-e`, `-E`, `-x`.
pub(super) fn scanner(text: &str) -> Result<Vec<ScannerName>, String> {
    ScannerName::named(text).ok_or_else(|| {
        let names = SCANNERS.map(ScannerName::as_str).join(", ");
        format!("there is no such scanner; the scanners are {names}; all is all of them")
    })
}

/// The argument of `--hash`: algorithms, with commas between them.
pub(super) fn algorithms(text: &str) -> Result<Vec<Algorithm>, String> {
    let algorithm = |name: &str| {
        Algorithm::named(&name.to_ascii_lowercase()).ok_or_else(|| {
            let names = Algorithm::ALL.map(Algorithm::name).join(", ");
            format!("'{}' is not a digest; the digests are {names}", name.escape_default())
        })
    };
    text.split(',').map(algorithm).collect()
}

/// A setting of `-S`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Setting {
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
    /// `netviz_histogram_size`, `netviz_histogram_dump`: for a scanner that is not built
    Netviz(&'static str),
}

/// The settings there are.
const SETTINGS: &str = "check_fcs, enable_report, http_alert_fd, http_cmd, netviz_histogram_dump, netviz_histogram_size, packet-buffer-timeout, tcp_alert_fd, tcp_cmd, tcp_timeout, tdelta";

/// The `name=value` of one `-S`.
pub(super) fn setting(text: &str) -> Result<Setting, String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    match name {
        "enable_report" => yes_or_no(value).map(Setting::EnableReport),
        "check_fcs" => yes_or_no(value).map(Setting::CheckFcs),
        "tcp_timeout" => seconds(value).map(Setting::TcpTimeout),
        "tcp_cmd" => command_line(value).map(Setting::TcpCommand),
        "tcp_alert_fd" => descriptor(value).map(Setting::TcpAlert),
        "http_cmd" => command_line(value).map(Setting::HttpCommand),
        "http_alert_fd" => descriptor(value).map(Setting::HttpAlert),
        "netviz_histogram_size" => Ok(Setting::Netviz("netviz_histogram_size")),
        "netviz_histogram_dump" => Ok(Setting::Netviz("netviz_histogram_dump")),
        "packet-buffer-timeout" => milliseconds(value).map(Setting::PacketBufferTimeout),
        "tdelta" => value
            .parse()
            .map(Setting::TimeShift)
            .map_err(|_| "expected whole seconds, also negative ones".to_owned()),
        _ => Err(format!("there is no such setting; the settings are {SETTINGS}")),
    }
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

/// Permissions as `umask` takes them: an octal number.
pub(super) fn permissions(text: &str) -> Result<u32, String> {
    let is_octal = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
    mode.ok_or_else(|| "an octal number up to 777 is wanted, such as 077".to_owned())
}
