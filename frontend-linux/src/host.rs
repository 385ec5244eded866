//! What Linux tells of itself for the report: the machine, the user, the resources used.

use std::ffi::{OsStr, c_long};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::sys::utsname::uname;
use nix::unistd::{User, getuid};
use tapflow_common::report::{Host, Usage};
use tapflow_common::run::Owner;

/// The machine and the user, who is `owner` if the program became somebody; what the system does not tell stays empty.
pub(crate) fn host(owner: Option<&Owner>) -> Host {
    let mut host = Host::portable();
    if let Ok(names) = uname() {
        let text = |name: &OsStr| name.to_string_lossy().into_owned();
        host.sysname = text(names.sysname());
        host.release = text(names.release());
        host.version = text(names.version());
        host.name = text(names.nodename());
        host.arch = text(names.machine());
    }
    host.uid = getuid().to_string();
    host.username = match owner {
        Some(owner) => owner.name.clone(),
        None => User::from_uid(getuid()).ok().flatten().map(|user| user.name).unwrap_or_default(),
    };
    host
}

/// What the process used so far.
pub(crate) fn usage() -> Option<Usage> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let time = |time: TimeVal| {
        let micros = u32::try_from(time.tv_usec()).unwrap_or(0).min(999_999);
        Duration::new(u64::try_from(time.tv_sec()).unwrap_or(0), micros * 1000)
    };
    let count = |number: c_long| u64::try_from(number).unwrap_or(0);
    Some(Usage {
        user: time(usage.user_time()),
        system: time(usage.system_time()),
        max_resident: count(usage.max_rss()),
        minor_faults: count(usage.minor_page_faults()),
        major_faults: count(usage.major_page_faults()),
        swaps: count(usage.full_swaps()),
        blocks_in: count(usage.block_reads()),
        blocks_out: count(usage.block_writes()),
    })
}
