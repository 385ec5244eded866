//! What a run does not need, the kernel does not let it do any more: other files (Landlock), network, programs
//! and whatever else changes the system (a filter of system calls).
//!
//! Both hold for the thread that asks and for those that it starts.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use tapflow_common::run::Needs;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64", target_arch = "arm"))]
mod calls;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64", target_arch = "arm"))]
mod filter;
#[cfg(test)]
mod tests;

/// What libpcap and the C library read whenever they like: names of ports and protocols for filters of link types that
/// come late; counters of the interface; the process itself.
const READ: [&str; 8] = [
    "/etc/services",
    "/etc/protocols",
    "/etc/hosts",
    "/proc/self",
    "/proc/sys/vm",
    "/sys/devices",
    "/sys/class/net",
    "/sys/fs/cgroup",
];

/// What is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Enforced {
    /// Landlock: other files cannot be opened.
    pub(crate) files: bool,
    /// The filter of system calls.
    pub(crate) calls: bool,
}

/// Takes away what is not among `needs`, as far as the kernel can, for good.
///
/// # Errors
/// The kernel can, but does not.
pub(crate) fn confine(needs: &Needs) -> Result<Enforced, String> {
    let failed =
        |what, error: &dyn std::fmt::Display| format!("{what}: {error}; --no-sandbox runs without it");
    // A kernel before 3.5 does not know it, and nothing of what follows.
    let _ = rustix::thread::set_no_new_privs(true);
    let files = files(needs).map_err(|error| failed("cannot restrict the use of files", &error))?;
    let calls =
        refuse_calls(&needs.receive).map_err(|error| failed("cannot restrict system calls", &error))?;
    Ok(Enforced { files, calls })
}

/// Puts the filter of system calls in force; false where the kernel has no such filters.
///
/// # Errors
/// The kernel has filters and refuses this one.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64", target_arch = "arm"))]
fn refuse_calls(receive: &[i32]) -> std::io::Result<bool> {
    calls::filter(std::process::id(), receive).install()
}

/// There is no filter for this processor.
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "arm"
)))]
fn refuse_calls(_: &[i32]) -> std::io::Result<bool> {
    Ok(false)
}

/// The newest interface to Landlock whose rights are known here. Kernels that know fewer enforce those.
const KNOWN: ABI = ABI::V10;

fn files(needs: &Needs) -> Result<bool, landlock::RulesetError> {
    let all = AccessFs::from_all(KNOWN);
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    // No devices, sockets, pipes or links, and nothing that could be run.
    let writing = reading
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    for path in READ.iter().map(Path::new).chain(needs.read.iter().map(|path| path.as_path())) {
        allow(&mut rules, path, reading)?;
    }
    for path in &needs.write {
        allow(&mut rules, path, writing)?;
    }
    for path in &needs.rename {
        allow(&mut rules, path, AccessFs::MakeReg | AccessFs::RemoveFile)?;
    }
    // Where the program failed is looked up in its own file.
    if let Ok(program) = std::env::current_exe() {
        allow(&mut rules, &program, reading)?;
    }
    let status = rules.restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Allows what is done with a path, and below. What is not there needs no rule; what is not in any file system, such
/// as a pipe, cannot have one.
fn allow(
    rules: &mut RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<(), landlock::RulesetError> {
    let Ok(file) = PathFd::new(path) else { return Ok(()) };
    let on_file = path.metadata().is_ok_and(|facts| !facts.is_dir());
    let access = if on_file { access & AccessFs::from_file(KNOWN) } else { access };
    match rules.add_rule(PathBeneath::new(&file, access)) {
        Ok(_) => Ok(()),
        Err(error) if is_outside(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The path leads out of all file systems (`EBADFD`): Landlock lets it be opened always.
fn is_outside(error: &landlock::RulesetError) -> bool {
    use landlock::{AddRuleError, AddRulesError, RulesetError};
    let RulesetError::AddRules(AddRulesError::Fs(AddRuleError::AddRuleCall { source, .. })) = error else {
        return false;
    };
    source.raw_os_error() == Some(rustix::io::Errno::BADFD.raw_os_error())
}
