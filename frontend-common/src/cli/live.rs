//! What the options of live capture say.

use std::time::Duration;

use clap::ArgMatches;

use super::command::id;
use super::given;
use crate::input::live::LiveSettings;

/// Connections without packets for so many seconds are closed, unless `--idle-timeout` says otherwise: the
/// capture may go on for weeks. Systems probe idle connections after two hours, if at all; most programs that keep
/// a connection speak far more often.
pub(super) const IDLE_TIMEOUT: u64 = 3600;

/// Bytes of each frame, as libpcap has it at most.
pub(super) const MAX_SNAP_LENGTH: u32 = 262_144;
/// Bytes of the kernel's buffer. tcpflow's is 2 MiB, which lasts for 16 ms at 1 Gbit/s.
const KERNEL_BUFFER: u32 = 32 << 20;
/// Milliseconds for which the kernel may collect frames.
const READ_TIMEOUT: u64 = 10;

/// How to capture, with the read timeout that `-S` gives, if this command line means an interface: it names one, or no file.
pub(super) fn settings(
    matches: &ArgMatches,
    filter: Option<&String>,
    timeout: Option<u64>,
) -> Option<LiveSettings> {
    if reads_files(matches) {
        return None;
    }
    let number = |id| matches.get_one::<u32>(id).copied();
    Some(LiveSettings {
        interface: matches.get_one(id::INTERFACE).cloned(),
        promiscuous: !matches.get_flag(id::NO_PROMISCUOUS),
        snap_length: number(id::SNAPLEN).unwrap_or(MAX_SNAP_LENGTH),
        kernel_buffer: number(id::BUFFER_SIZE).unwrap_or(KERNEL_BUFFER),
        read_timeout: Duration::from_millis(
            matches.get_one(id::READ_TIMEOUT).copied().or(timeout).unwrap_or(READ_TIMEOUT),
        ),
        timestamp_type: matches.get_one(id::TIMESTAMP).cloned(),
        filter: filter.cloned(),
    })
}

/// Whether files are named: they win over an interface, as with tcpflow.
pub(super) fn reads_files(matches: &ArgMatches) -> bool {
    matches.get_flag(id::FILES) || given(matches, id::READ) || given(matches, id::COMPLETE)
}

/// Options of live capture that have no effect on files.
pub(super) fn notes(matches: &ArgMatches, notes: &mut Vec<String>) {
    const LIVE: [(&str, &str); 6] = [
        ("-i", id::INTERFACE),
        ("-p", id::NO_PROMISCUOUS),
        ("--snaplen", id::SNAPLEN),
        ("--buffer-size", id::BUFFER_SIZE),
        ("--read-timeout", id::READ_TIMEOUT),
        ("--timestamp-type", id::TIMESTAMP),
    ];
    if reads_files(matches) {
        for (name, _) in LIVE.iter().filter(|(_, id)| given(matches, id)) {
            notes.push(format!("{name} has no effect with -r, -R and -l"));
        }
    }
}
