//! What a run does not need, the kernel does not let it do any more: other files (Landlock), network, programs
//! and whatever else changes the system (a filter of system calls).
//!
//! Both hold for the thread that asks and for those that it starts.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use tapflow_common::pipeline::Needs;

mod calls;

/// What libpcap and the C library read whenever they like, and what shows where the program failed.
const READ: [&str; 13] = [
    "/usr",
    "/lib",
    "/lib64",
    "/etc/services",
    "/etc/protocols",
    "/etc/hosts",
    "/etc/localtime",
    "/proc/self",
    "/proc/sys/vm",
    "/sys/devices",
    "/sys/class/net",
    "/sys/fs/cgroup",
    "/dev/urandom",
];

/// What is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    let calls = calls::refuse().map_err(|error| failed("cannot restrict system calls", &error))?;
    Ok(Enforced { files, calls })
}

/// The newest interface to Landlock whose rights are known here. Kernels that know fewer enforce those.
const KNOWN: ABI = ABI::V6;

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
    allow(&mut rules, Path::new("/dev/null"), AccessFs::ReadFile | AccessFs::WriteFile)?;
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

#[cfg(test)]
mod tests {
    use std::fs::{self, File, OpenOptions};
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::UnixStream;
    use std::process::Command;

    use super::*;

    /// Runs `work` in a thread with the sandbox; `None` where the kernel has no part of it.
    fn confined<T: Send + 'static>(
        needs: Needs,
        work: impl FnOnce(Enforced) -> T + Send + 'static,
    ) -> Option<T> {
        let thread = std::thread::spawn(move || {
            let enforced = confine(&needs).expect("the kernel can or cannot");
            (enforced.files || enforced.calls).then(|| work(enforced))
        });
        let result = thread.join().expect("no panic");
        if result.is_none() {
            tapflow_tests::not_tested("this kernel has neither Landlock nor filters of system calls");
        }
        result
    }

    fn denied<T>(result: std::io::Result<T>) -> bool {
        result.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    }

    #[test]
    fn other_files_cannot_be_opened_made_or_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        for folder in ["in", "out", "other"] {
            fs::create_dir(at(folder)).expect("made");
            fs::write(at(folder).join("file"), folder).expect("written");
        }
        let needs = Needs { read: vec![at("in").join("file")], write: vec![at("out")], ..Needs::default() };
        let root = directory.path().to_owned();
        confined(needs, move |enforced| {
            if !enforced.files {
                return;
            }
            let at = |name: &str| root.join(name);
            assert!(denied(File::open(at("other/file"))));
            assert!(denied(File::open("/etc/passwd")));
            assert!(denied(File::create(at("other/new"))));
            assert!(denied(OpenOptions::new().write(true).open(at("other/file"))));
            assert!(denied(fs::remove_file(at("other/file"))));
            assert!(denied(fs::create_dir(at("other/folder"))));
            assert!(denied(OpenOptions::new().write(true).open(at("in/file"))));
            assert!(denied(std::os::unix::fs::symlink("/etc/passwd", at("out/link"))));

            // What is needed is still there.
            let mut text = String::new();
            File::open(at("in/file")).and_then(|mut file| file.read_to_string(&mut text)).expect("read");
            assert_eq!(text, "in");
            fs::create_dir(at("out/folder")).expect("made");
            File::create(at("out/folder/new")).and_then(|mut file| file.write_all(b"x")).expect("written");
            fs::remove_file(at("out/file")).expect("removed");
            File::open("/dev/null").expect("opened");
        });
    }

    #[test]
    fn nothing_is_connected_and_nothing_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let address = listener.local_addr().expect("an address");
        confined(Needs::default(), move |_| {
            assert!(denied(TcpStream::connect(address)));
            assert!(denied(TcpListener::bind("127.0.0.1:0")));
        });
        confined(Needs::default(), |enforced| {
            if enforced.calls {
                assert!(denied(UdpSocket::bind("127.0.0.1:0")));
                assert!(denied(UnixStream::connect("/run/any")));
            }
        });
    }

    #[test]
    fn no_program_is_run() {
        confined(Needs::default(), |_| {
            assert!(denied(Command::new("/bin/true").status()));
        });
    }

    #[test]
    fn system_calls_of_the_administrator_fail() {
        confined(Needs::default(), |enforced| {
            if enforced.calls {
                let perm = Some(rustix::io::Errno::PERM);
                let sets = rustix::thread::capabilities(None).expect("told");
                assert_eq!(rustix::thread::set_capabilities(None, sets).err(), perm);
                assert_eq!(rustix::process::chroot("/").err(), perm);
            }
        });
    }

    #[test]
    fn unknown_system_calls_are_as_on_a_kernel_without_them_and_users_get_no_name_space() {
        confined(Needs::default(), |enforced| {
            if enforced.calls {
                let name = std::ffi::CString::new("memory").expect("no zero");
                let memory =
                    nix::sys::memfd::memfd_create(name.as_c_str(), nix::sys::memfd::MFdFlags::empty());
                assert_eq!(memory.err(), Some(nix::errno::Errno::ENOSYS));
                let unshared = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER);
                assert_eq!(unshared.err(), Some(nix::errno::Errno::EPERM));
                // Threads begin all the same.
                std::thread::spawn(|| ()).join().expect("begun and ended");
            }
        });
    }
}
