//! The sandbox seen from inside.

#![allow(unsafe_code)]
#![allow(clippy::cast_lossless, reason = "arguments of calls have 32 bits on some processors")]

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;

use rustix::thread::CapabilitySet;

use super::*;
use crate::privileges;

/// Runs `work` in a thread with the sandbox; `None` where the kernel has no part of it.
fn confined<T: Send + 'static>(needs: Needs, work: impl FnOnce(Enforced) -> T + Send + 'static) -> Option<T> {
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

/// Makes a system call as it is: what it returns, or the number of its error.
fn call(number: libc::c_long, arguments: [libc::c_long; 6]) -> Result<libc::c_long, i32> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the tests give calls that the filter refuses, or pointers to what outlives the call.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { Ok(result) }
}

/// The call behind mmap(2).
#[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
const MAP: libc::c_long = libc::SYS_mmap;
#[cfg(any(target_arch = "arm", target_arch = "x86"))]
const MAP: libc::c_long = libc::SYS_mmap2;

fn arguments<const N: usize>(given: [libc::c_long; N]) -> [libc::c_long; 6] {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&given);
    all
}

/// A call that the filter refuses.
#[track_caller]
fn refused<const N: usize>(number: libc::c_long, given: [libc::c_long; N]) {
    assert_eq!(call(number, arguments(given)), Err(libc::EPERM), "call {number} with {given:?}");
}

fn descriptor(of: &impl AsRawFd) -> libc::c_long {
    of.as_raw_fd().into()
}

/// Runs `work` with the filter of system calls; not at all where the kernel has none.
fn with_filter(needs: Needs, work: impl FnOnce() + Send + 'static) {
    confined(needs, |enforced| {
        if enforced.calls {
            work();
        }
    });
}

#[test]
fn devices_are_asked_but_not_set() {
    let terminal = nix::pty::openpty(None, None).expect("a terminal");
    let directory = tempfile::tempdir().expect("a directory");
    let folder = File::open(directory.path()).expect("open");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    with_filter(Needs::default(), move || {
        assert!(terminal.slave.is_terminal());
        let typed = b"x";
        let text = typed.as_ptr() as libc::c_long;
        for (descriptor, request) in [
            (descriptor(&terminal.slave), 0x5412_u32), // TIOCSTI: types into the shell
            (descriptor(&terminal.slave), 0x541c),     // TIOCLINUX: pastes into it
            (descriptor(&terminal.slave), 0x5402),     // TCSETS
            (descriptor(&terminal.slave), 0x540e),     // TIOCSCTTY
            (descriptor(&folder), 0xc004_5877),        // FIFREEZE
            (descriptor(&folder), 0x4008_6602),        // FS_IOC_SETFLAGS
            (descriptor(&socket), 0x8922),             // SIOCSIFMTU
            (descriptor(&socket), 0x8914),             // SIOCSIFFLAGS
            (descriptor(&socket), 0x8901),             // FIOSETOWN
            (descriptor(&socket), 0x5452),             // FIOASYNC
        ] {
            let request = request as libc::c_long;
            refused(libc::SYS_ioctl, [descriptor, request, text]);
            // The kernel does not look at more than 32 bits of the request.
            #[cfg(target_pointer_width = "64")]
            refused(libc::SYS_ioctl, [descriptor, request | 1 << 40, text]);
        }
    });
}

#[test]
fn other_processes_get_no_signals_and_no_limits() {
    with_filter(Needs::default(), || {
        let own = std::process::id() as libc::c_long;
        let other = std::os::unix::process::parent_id() as libc::c_long;
        // SAFETY: asks for a number.
        let thread = libc::c_long::from(unsafe { libc::gettid() });
        refused(libc::SYS_kill, [other, 0]);
        refused(libc::SYS_tkill, [other, 0]);
        refused(libc::SYS_tgkill, [other, other, 0]);
        assert_eq!(call(libc::SYS_tgkill, arguments([own, thread, 0])), Ok(0));
        assert_eq!(call(libc::SYS_tkill, arguments([own, 0])), Ok(0));

        let mut limits = [0u64; 2];
        let place = limits.as_mut_ptr() as libc::c_long;
        let files = libc::RLIMIT_NOFILE as libc::c_long;
        refused(libc::SYS_prlimit64, [other, files, 0, place]);
        refused(libc::SYS_prlimit64, [own, files, place, 0]);
        refused(libc::SYS_prlimit64, [0, files, place, 0]);
        assert_eq!(call(libc::SYS_prlimit64, arguments([0, files, 0, place])), Ok(0));
        assert!(limits[0] > 0);

        refused(libc::SYS_ptrace, [libc::PTRACE_ATTACH as libc::c_long, other, 0, 0]);
        refused(libc::SYS_process_vm_readv, [other, place, 1, place, 1, 0]);
        // A signal when something can be read, to any process.
        let pipe = std::io::stdin();
        refused(libc::SYS_fcntl, [descriptor(&pipe), libc::F_SETOWN.into(), other]);
        refused(libc::SYS_fcntl, [descriptor(&pipe), 10, libc::SIGKILL.into()]);
        refused(libc::SYS_fcntl, [descriptor(&pipe), libc::F_SETFL.into(), libc::O_ASYNC.into()]);
    });
}

#[test]
fn neither_processes_nor_code_are_made() {
    with_filter(Needs::default(), || {
        refused(libc::SYS_clone, [libc::SIGCHLD.into(), 0, 0, 0, 0]);
        refused(libc::SYS_clone, [(libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD).into(), 0, 0, 0, 0]);
        #[cfg(target_arch = "x86_64")]
        refused(libc::SYS_fork, []);
        let page = 4096;
        let private = libc::c_long::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let (all, write) = (7, libc::c_long::from(libc::PROT_READ | libc::PROT_WRITE));
        let map = |rights| call(MAP, arguments([0, page, rights, private, -1, 0]));
        assert_eq!(map(all), Err(libc::EPERM));
        let memory = map(write).expect("memory");
        refused(libc::SYS_mprotect, [memory, page, all]);
        refused(libc::SYS_mprotect, [memory, page, libc::PROT_EXEC.into()]);
        let own = File::open(std::env::current_exe().expect("known")).expect("open");
        let file = libc::c_long::from(libc::MAP_PRIVATE);
        refused(MAP, [0, page, libc::PROT_EXEC.into(), file, descriptor(&own), 0]);
        refused(libc::SYS_prctl, [libc::PR_SET_DUMPABLE.into(), 1, 0, 0, 0]);
        // SAFETY: asks for a number.
        let exec = unsafe { libc::personality(0x0040_0000) };
        assert_eq!(exec, -1, "READ_IMPLIES_EXEC");
    });
}

#[test]
fn owners_modes_attributes_and_dates_of_files_cannot_be_set_by_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("file");
    let own = File::create(&path).expect("made");
    let needs = Needs { write: vec![directory.path().to_owned()], ..Needs::default() };
    with_filter(needs, move || {
        let name = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).expect("no zero");
        let name = name.as_ptr() as libc::c_long;
        let here = libc::c_long::from(libc::AT_FDCWD);
        refused(libc::SYS_utimensat, [here, name, 0, 0]);
        refused(libc::SYS_fchmodat, [here, name, 0o4777]);
        refused(libc::SYS_fchownat, [here, name, 1, 1, 0]);
        refused(libc::SYS_fchmod, [descriptor(&own), 0o4777]);
        refused(libc::SYS_fchown, [descriptor(&own), 1, 1]);
        refused(libc::SYS_setxattr, [name, name, 0, 0, 0]);
        refused(libc::SYS_linkat, [here, name, here, name, 0]);
        #[cfg(target_arch = "x86_64")]
        refused(libc::SYS_utimes, [name, 0]);
        let date = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
        own.set_modified(date).expect("by its descriptor");
        assert_eq!(own.metadata().and_then(|facts| facts.modified()).expect("a date"), date);
    });
}

#[test]
fn nothing_is_sent_to_the_socket_that_packets_come_from() {
    // One as of a capture where that is permitted, else one that is as easily written to.
    // SAFETY: makes a socket that nothing else has.
    let packets = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0x0300) };
    let (ours, theirs) = UnixDatagram::pair().expect("a pair");
    let receive = [Some(packets).filter(|socket| *socket >= 0), Some(ours.as_raw_fd())];
    let receive: Vec<i32> = receive.into_iter().flatten().collect();
    let needs = Needs { receive: receive.clone(), ..Needs::default() };
    let other = tempfile::tempfile().expect("a file");
    with_filter(needs, move || {
        for socket in receive.into_iter().map(libc::c_long::from) {
            let bytes = [0u8; 64];
            let text = bytes.as_ptr() as libc::c_long;
            let slice = libc::iovec { iov_base: text as *mut libc::c_void, iov_len: bytes.len() };
            let slice = (&raw const slice) as libc::c_long;
            refused(libc::SYS_write, [socket, text, 64]);
            #[cfg(target_pointer_width = "64")]
            refused(libc::SYS_write, [socket | 1 << 32, text, 64]);
            refused(libc::SYS_writev, [socket, slice, 1]);
            refused(libc::SYS_pwritev2, [socket, slice, 1, -1, -1, 0]);
            assert_eq!(call(libc::SYS_pwrite64, arguments([socket, text, 64, 0])), Err(libc::ESPIPE));
            assert_eq!(call(libc::SYS_pwritev, arguments([socket, slice, 1, 0])), Err(libc::ESPIPE));
            refused(libc::SYS_sendto, [socket, text, 64, 0, 0, 0]);
            refused(libc::SYS_sendmsg, [socket, text, 0]);
            refused(libc::SYS_sendmmsg, [socket, text, 1, 0]);
            refused(libc::SYS_sendfile, [socket, descriptor(&other), 0, 64]);
            refused(libc::SYS_splice, [descriptor(&other), 0, socket, 0, 64, 0]);
            refused(libc::SYS_setsockopt, [socket, libc::SOL_PACKET.into(), 13, text, 28]);
            // Other numbers for it.
            refused(libc::SYS_dup, [socket]);
            refused(libc::SYS_dup3, [socket, 500, 0]);
            #[cfg(target_arch = "x86_64")]
            refused(libc::SYS_dup2, [socket, 500]);
            refused(libc::SYS_fcntl, [socket, libc::F_DUPFD_CLOEXEC.into(), 500]);
            assert!(OpenOptions::new().write(true).open(format!("/proc/self/fd/{socket}")).is_err());
            // Its number is never that of another file, to which writing would fail.
            assert_eq!(call(libc::SYS_close, arguments([socket])), Ok(0));
            refused(libc::SYS_write, [socket, text, 64]);
        }
        let mut written = &other;
        written.write_all(b"x").expect("other files are written");
        let number = descriptor(&other);
        drop(other);
        assert_eq!(call(libc::SYS_write, arguments([number, 0, 0])), Err(libc::EBADF), "closed");
        drop((ours, theirs));
    });
}

/// The capabilities of this thread.
fn capabilities() -> [CapabilitySet; 3] {
    let sets = rustix::thread::capabilities(None).expect("known");
    [sets.effective, sets.permitted, sets.inheritable]
}

/// Runs `work` in a thread of its own, where rights that it gives up stay.
fn apart(work: impl FnOnce() + Send + 'static) {
    std::thread::spawn(work).join().expect("no panic");
}

#[test]
fn root_keeps_the_capabilities_that_files_need_and_only_where_they_do() {
    let none = CapabilitySet::empty();
    apart(move || {
        let directory = tempfile::tempdir().expect("a directory");
        let needs = Needs { write: vec![directory.path().to_owned()], ..Needs::default() };
        privileges::keep_needed_capabilities(&needs).expect("given up");
        assert_eq!(capabilities(), [none; 3]);
        for capability in CapabilitySet::all().iter() {
            if rustix::thread::capability_is_in_bounding_set(capability).is_ok_and(|is_in| is_in) {
                // Only where it could not be removed: without CAP_SETPCAP there was nothing to give up.
                assert!(!nix::unistd::geteuid().is_root(), "{capability:?}");
            }
        }
    });
    if !nix::unistd::geteuid().is_root() {
        return tapflow_tests::not_tested("only root has capabilities");
    }
    apart(move || {
        let directory = tempfile::tempdir().expect("a directory");
        let (input, output) = (directory.path().join("input"), directory.path().join("output"));
        fs::write(&input, "secret").expect("written");
        fs::create_dir(&output).expect("made");
        for path in [&input, &output] {
            std::os::unix::fs::chown(path, Some(65534), Some(65534)).expect("given away");
            let mode = if path.is_dir() { 0o755 } else { 0o600 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
        }
        let reading = Needs { read: vec![input.clone(), "gone".into()], ..Needs::default() };
        let text = input.clone();
        apart(move || {
            privileges::keep_needed_capabilities(&reading).expect("given up");
            let kept = CapabilitySet::DAC_READ_SEARCH;
            assert_eq!(capabilities(), [kept, kept, none]);
            assert_eq!(fs::read_to_string(&text).expect("read"), "secret");
            assert!(denied(OpenOptions::new().write(true).open(&text)));
        });
        let writing = Needs { write: vec![output.clone()], ..Needs::default() };
        apart(move || {
            privileges::keep_needed_capabilities(&writing).expect("given up");
            let kept = CapabilitySet::DAC_OVERRIDE | CapabilitySet::FOWNER;
            assert_eq!(capabilities(), [kept, kept, none]);
            fs::write(output.join("new"), "x").expect("written");
        });
    });
}

#[test]
fn system_calls_of_the_administrator_fail() {
    confined(Needs::default(), |enforced| {
        if enforced.calls {
            let perm = Some(rustix::io::Errno::PERM);
            let sets = rustix::thread::capabilities(None).expect("known");
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
            let memory = nix::sys::memfd::memfd_create(name.as_c_str(), nix::sys::memfd::MFdFlags::empty());
            assert_eq!(memory.err(), Some(nix::errno::Errno::ENOSYS));
            let unshared = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER);
            assert_eq!(unshared.err(), Some(nix::errno::Errno::EPERM));
            // Threads begin all the same.
            std::thread::spawn(|| ()).join().expect("begun and ended");
        }
    });
}
