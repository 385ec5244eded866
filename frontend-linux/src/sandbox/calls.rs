//! Which system calls a confined run may make: those that it needs are allowed, some of them with certain arguments
//! only; calls that would harm the system fail with EPERM; all others fail as on a kernel that does not have them
//! (ENOSYS).
//!
//! So a newer C library, which tries newer calls first, finds its way to the older ones as it does on an older kernel,
//! and a capture does not end because of a call that is on no list.

use libc::c_long;

use super::filter::{Answer, Check, Filter, Rule};

/// The processor's number for the kernel's audit (linux/audit.h).
#[cfg(target_arch = "x86_64")]
const THIS: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const THIS: u32 = 0xc000_00b7;
#[cfg(target_arch = "riscv64")]
const THIS: u32 = 0xc000_00f3;
#[cfg(target_arch = "arm")]
const THIS: u32 = 0x4000_0028;

const NO: Answer = Answer::Fail(libc::EPERM);

/// The filter for a run that has this process number and receives packets from the sockets `receive`.
pub(super) fn filter(process: u32, receive: &[i32]) -> Filter {
    let mut checked = sending(receive);
    checked.extend(limited(process, receive));
    let allowed = ALLOWED.iter().chain(PROCESSOR_ALLOWED).map(|call| (*call, Answer::Allow));
    let refused = REFUSED.iter().chain(PROCESSOR_REFUSED).map(|call| (*call, NO));
    let plain = allowed.chain(refused).collect();
    Filter { processor: THIS, checked, plain, other: Answer::Fail(libc::ENOSYS) }
}

fn rule(call: c_long, checks: Vec<Check>) -> Rule {
    Rule { call, checks, pass: Answer::Allow, fail: NO }
}

/// What could send: nothing is written to the sockets that packets come from, so that no frame gets on the wire.
///
/// The sockets are known by their numbers. They get no other ones (see [`limited`]), and their numbers are never free
/// for other files: closing one does nothing until the process ends.
fn sending(receive: &[i32]) -> Vec<Rule> {
    let receive: Vec<u32> = receive.iter().map(|socket| socket.unsigned_abs()).collect();
    let others = || if receive.is_empty() { Vec::new() } else { vec![Check::NoneOf(0, receive.clone())] };
    let close = Rule { call: libc::SYS_close, checks: others(), pass: Answer::Allow, fail: Answer::Ignore };
    vec![rule(libc::SYS_write, others()), rule(libc::SYS_writev, others()), close]
}

/// Calls that are needed with some arguments, and would do harm with others.
fn limited(process: u32, receive: &[i32]) -> Vec<Rule> {
    let process = || vec![process];
    let receive = receive.iter().map(|socket| socket.unsigned_abs()).collect();
    let no_code = || vec![Check::NoBits(2, bits(libc::PROT_EXEC))];
    let mut rules = vec![
        // Memory is never executable.
        rule(MAP, no_code()),
        rule(libc::SYS_mprotect, no_code()),
        // Threads, but neither processes nor name spaces: in those of their own, users are administrators.
        rule(
            libc::SYS_clone,
            vec![
                Check::AllBits(0, bits(libc::CLONE_VM | libc::CLONE_SIGHAND | libc::CLONE_THREAD)),
                Check::NoBits(0, NAME_SPACES),
            ],
        ),
        // Times of open files only, not of any path.
        rule(libc::SYS_utimensat, vec![Check::Null(1)]),
        // Signals for this process only.
        rule(libc::SYS_tgkill, vec![Check::OneOf(0, process())]),
        rule(libc::SYS_tkill, vec![Check::OneOf(0, process())]),
        // Limits are read, and only those of this process.
        rule(libc::SYS_prlimit64, vec![Check::OneOf(0, vec![0]), Check::Null(2)]),
        rule(libc::SYS_ioctl, vec![Check::OneOf(1, DEVICE_REQUESTS.to_vec())]),
        rule(libc::SYS_prctl, vec![Check::OneOf(0, PROCESS_SETTINGS.to_vec())]),
    ];
    let commands = FILE_COMMANDS.iter().copied().map(bits).collect();
    let commands = vec![Check::NoneOf(0, receive), Check::OneOf(1, commands)];
    rules.push(rule(libc::SYS_fcntl, commands.clone()));
    #[cfg(target_arch = "arm")]
    rules.extend([rule(libc::SYS_fcntl64, commands), rule(UTIMENSAT_TIME64, vec![Check::Null(1)])]);
    rules
}

/// The bits of a flag.
const fn bits(flag: i32) -> u32 {
    flag.cast_unsigned()
}

/// The call behind mmap(2).
#[cfg(not(target_arch = "arm"))]
const MAP: c_long = libc::SYS_mmap;
#[cfg(target_arch = "arm")]
const MAP: c_long = libc::SYS_mmap2;

const NAME_SPACES: u32 = bits(
    libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET,
);

/// What may be asked of devices (ioctl(2)): whether something is a terminal, and how wide; what libpcap asks about the
/// interface of a capture. Also that a descriptor is closed in other programs.
const DEVICE_REQUESTS: [u32; 8] = [
    0x5401,      // TCGETS
    0x802c_542a, // TCGETS2
    0x5413,      // TIOCGWINSZ
    0x541b,      // FIONREAD
    0x5451,      // FIOCLEX
    0x8910,      // SIOCGIFNAME
    0x8913,      // SIOCGIFFLAGS
    0x8933,      // SIOCGIFINDEX
];

/// What may be done with a descriptor (fcntl(2)): duplicates, its own flags, locks. Not: signals to other processes
/// when something can be read, leases, notifications.
const FILE_COMMANDS: &[i32] = &[
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_GETLK,
    libc::F_SETLK,
    libc::F_SETLKW,
    libc::F_OFD_GETLK,
    libc::F_OFD_SETLK,
    libc::F_OFD_SETLKW,
    libc::F_GETPIPE_SZ,
    libc::F_SETPIPE_SZ,
    // F_GETLK64, F_SETLK64, F_SETLKW64.
    #[cfg(target_arch = "arm")]
    12,
    #[cfg(target_arch = "arm")]
    13,
    #[cfg(target_arch = "arm")]
    14,
];

/// What may be set for this process (prctl(2)): names of threads and of parts of memory.
const PROCESS_SETTINGS: [u32; 4] =
    [bits(libc::PR_SET_NAME), bits(libc::PR_GET_NAME), bits(libc::PR_SET_VMA), bits(libc::PR_CAPBSET_READ)];

/// What a run needs, or the C library, libpcap and the allocator may want for it.
#[rustfmt::skip]
const ALLOWED: &[c_long] = &[
    // Files that are open.
    libc::SYS_read, libc::SYS_readv, libc::SYS_pread64, libc::SYS_pwrite64, libc::SYS_preadv, libc::SYS_pwritev,
    libc::SYS_lseek, libc::SYS_fstat, libc::SYS_fstatfs, libc::SYS_getdents64, libc::SYS_ftruncate,
    libc::SYS_fallocate, libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_syncfs, libc::SYS_readahead,
    libc::SYS_copy_file_range, libc::SYS_flock,
    // Files by name: Landlock says which.
    libc::SYS_openat, libc::SYS_openat2, libc::SYS_statx, libc::SYS_statfs, libc::SYS_faccessat,
    libc::SYS_faccessat2, libc::SYS_readlinkat, libc::SYS_mkdirat, libc::SYS_unlinkat, libc::SYS_renameat2,
    libc::SYS_umask, libc::SYS_getcwd,
    // Memory.
    libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_msync, libc::SYS_brk, libc::SYS_mlock,
    libc::SYS_munlock, libc::SYS_membarrier,
    // Threads and signals.
    libc::SYS_futex, libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_set_tid_address, RSEQ,
    libc::SYS_exit, libc::SYS_exit_group, libc::SYS_restart_syscall, libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity, libc::SYS_sched_getparam, libc::SYS_sched_getscheduler, libc::SYS_getpriority,
    libc::SYS_getcpu, libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigpending, libc::SYS_rt_sigsuspend, libc::SYS_rt_sigtimedwait, libc::SYS_sigaltstack,
    libc::SYS_wait4, libc::SYS_waitid,
    // Waiting and time.
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_clock_gettime, libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep, libc::SYS_nanosleep, libc::SYS_gettimeofday, libc::SYS_times,
    // What the system says of the process and itself.
    libc::SYS_getpid, libc::SYS_gettid, libc::SYS_getppid, libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid,
    libc::SYS_getegid, libc::SYS_getgroups, libc::SYS_getresuid, libc::SYS_getresgid, libc::SYS_getrusage,
    libc::SYS_sysinfo, libc::SYS_uname, libc::SYS_getrandom, libc::SYS_capget,
    // The socket of a capture: packets are received, nothing is sent and nothing set.
    libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_getsockopt, libc::SYS_getsockname,
];

/// Not known to every C library.
#[cfg(not(target_arch = "arm"))]
const RSEQ: c_long = libc::SYS_rseq;
#[cfg(target_arch = "arm")]
const RSEQ: c_long = 398;

/// Calls that only this kind of processor has: older names of the same, and 64-bit forms.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const PROCESSOR_ALLOWED: &[c_long] = &[
    libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_newfstatat, libc::SYS_access, libc::SYS_readlink,
    libc::SYS_mkdir, libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_rename, libc::SYS_renameat, libc::SYS_getdents,
    libc::SYS_poll, libc::SYS_select, libc::SYS_time, libc::SYS_getrlimit, libc::SYS_arch_prctl,
    libc::SYS_fadvise64, libc::SYS_sync_file_range,
];
#[cfg(target_arch = "aarch64")]
const PROCESSOR_ALLOWED: &[c_long] = &[
    libc::SYS_newfstatat,
    libc::SYS_renameat,
    libc::SYS_getrlimit,
    libc::SYS_fadvise64,
    libc::SYS_sync_file_range,
];
#[cfg(target_arch = "riscv64")]
const PROCESSOR_ALLOWED: &[c_long] = &[libc::SYS_newfstatat, libc::SYS_fadvise64, libc::SYS_sync_file_range];
#[cfg(target_arch = "arm")]
#[rustfmt::skip]
const PROCESSOR_ALLOWED: &[c_long] = &[
    libc::SYS_open, libc::SYS_stat64, libc::SYS_lstat64, libc::SYS_fstat64, libc::SYS_fstatat64, libc::SYS_access,
    libc::SYS_readlink, libc::SYS_mkdir, libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_rename, libc::SYS_renameat,
    libc::SYS_getdents, libc::SYS__llseek, libc::SYS_ftruncate64, libc::SYS_statfs64, libc::SYS_fstatfs64,
    libc::SYS_poll, libc::SYS__newselect, libc::SYS_recv, libc::SYS_ugetrlimit, libc::SYS_sigreturn,
    libc::SYS_getuid32, libc::SYS_geteuid32, libc::SYS_getgid32, libc::SYS_getegid32, libc::SYS_getgroups32,
    libc::SYS_getresuid32, libc::SYS_getresgid32,
    // arm_fadvise64_64 and arm_sync_file_range.
    270, 341,
    // With times of 64 bits: clock_gettime64, clock_getres_time64, clock_nanosleep_time64, pselect6_time64,
    // ppoll_time64, rt_sigtimedwait_time64, futex_time64.
    403, 406, 407, 413, 414, 421, 422,
    // The processor's own: cacheflush, set_tls.
    0x000f_0002, 0x000f_0005,
];

/// Sets times with 64 bits.
#[cfg(target_arch = "arm")]
const UTIMENSAT_TIME64: c_long = 412;

/// What an intruder would try first fails with a clear error.
#[rustfmt::skip]
const REFUSED: &[c_long] = &[
    // Programs.
    libc::SYS_execve, libc::SYS_execveat,
    // The network. What is open stays so.
    libc::SYS_socket, libc::SYS_socketpair, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen,
    libc::SYS_accept, libc::SYS_accept4, libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_sendmmsg,
    libc::SYS_setsockopt,
    // Other numbers for the socket of a capture, and other ways to write to it. The C library and Rust's do without.
    libc::SYS_dup, libc::SYS_dup3, libc::SYS_pwritev2, libc::SYS_splice, libc::SYS_vmsplice, libc::SYS_tee,
    SENDFILE, libc::SYS_close_range,
    // Other processes.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal, libc::SYS_kcmp, libc::SYS_kill, libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo, libc::SYS_setpriority, libc::SYS_sched_setaffinity,
    libc::SYS_sched_setscheduler, libc::SYS_sched_setparam,
    // Executable memory by other ways.
    libc::SYS_pkey_mprotect, libc::SYS_shmat,
    // Users and rights.
    libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid,
    libc::SYS_setresgid, libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_setgroups, libc::SYS_capset,
    libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key, libc::SYS_personality,
    // Name spaces and mounts, links and devices.
    libc::SYS_unshare, libc::SYS_setns, libc::SYS_chroot, libc::SYS_pivot_root, libc::SYS_mount,
    libc::SYS_umount2, libc::SYS_open_tree, libc::SYS_move_mount, libc::SYS_fsopen, libc::SYS_fsconfig,
    libc::SYS_fsmount, libc::SYS_fspick, libc::SYS_open_by_handle_at, libc::SYS_mknodat, libc::SYS_linkat,
    libc::SYS_symlinkat,
    // Owners, modes and attributes of files, which are not Landlock's.
    libc::SYS_fchmod, libc::SYS_fchmodat, libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_setxattr,
    libc::SYS_lsetxattr, libc::SYS_fsetxattr, libc::SYS_removexattr, libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    // The system.
    libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_init_module,
    libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_kexec_load, libc::SYS_reboot, libc::SYS_swapon,
    libc::SYS_swapoff, libc::SYS_acct, libc::SYS_quotactl, libc::SYS_settimeofday, libc::SYS_clock_settime,
    libc::SYS_adjtimex, libc::SYS_clock_adjtime, libc::SYS_sethostname, libc::SYS_setdomainname,
    libc::SYS_syslog,
    // Would do any of these unseen.
    libc::SYS_io_uring_setup, libc::SYS_io_uring_enter,
];

#[cfg(not(target_arch = "arm"))]
const SENDFILE: c_long = libc::SYS_sendfile;
#[cfg(target_arch = "arm")]
const SENDFILE: c_long = libc::SYS_sendfile64;

#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const PROCESSOR_REFUSED: &[c_long] = &[
    libc::SYS_mknod, libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown, libc::SYS_link, libc::SYS_symlink,
    libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat, libc::SYS_dup2, libc::SYS_uselib, libc::SYS_iopl,
    libc::SYS_ioperm, libc::SYS_fork, libc::SYS_vfork, libc::SYS_setrlimit,
];
#[cfg(target_arch = "aarch64")]
const PROCESSOR_REFUSED: &[c_long] = &[libc::SYS_setrlimit];
#[cfg(target_arch = "riscv64")]
const PROCESSOR_REFUSED: &[c_long] = &[];
#[cfg(target_arch = "arm")]
#[rustfmt::skip]
const PROCESSOR_REFUSED: &[c_long] = &[
    libc::SYS_mknod, libc::SYS_chmod, libc::SYS_chown, libc::SYS_chown32, libc::SYS_lchown, libc::SYS_lchown32,
    libc::SYS_fchown32, libc::SYS_link, libc::SYS_symlink, libc::SYS_utimes, libc::SYS_futimesat, libc::SYS_dup2,
    libc::SYS_sendfile, libc::SYS_send, libc::SYS_uselib, libc::SYS_fork, libc::SYS_vfork, libc::SYS_setrlimit,
    libc::SYS_setuid32, libc::SYS_setgid32, libc::SYS_setreuid32, libc::SYS_setregid32, libc::SYS_setresuid32,
    libc::SYS_setresgid32, libc::SYS_setfsuid32, libc::SYS_setfsgid32, libc::SYS_setgroups32,
    // clock_settime64, clock_adjtime64.
    404, 405,
];

#[cfg(test)]
mod tests {
    use super::super::filter::run;
    use super::*;

    const PROCESS: u32 = 4711;
    const SOCKET: i32 = 5;

    /// What the filter, which the test computes itself, answers for a call on this processor.
    fn answer<const N: usize>(call: c_long, given: [u64; N]) -> Answer {
        let mut arguments = [0; 6];
        arguments[..N].copy_from_slice(&given);
        run(&filter(PROCESS, &[SOCKET]).program(), THIS, call, arguments)
    }

    #[test]
    fn each_call_has_one_rule() {
        let filter = filter(PROCESS, &[SOCKET]);
        let checked = filter.checked.iter().map(|rule| rule.call);
        let mut calls: Vec<c_long> = checked.chain(filter.plain.iter().map(|(call, _)| *call)).collect();
        let all = calls.len();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), all);
    }

    #[test]
    fn what_a_run_does_is_allowed() {
        let threads = 0x003d_0f00;
        for (call, given) in [
            (libc::SYS_read, [3, 0, 0, 0]),
            (libc::SYS_write, [4, 0, 0, 0]),
            (libc::SYS_writev, [1, 0, 0, 0]),
            (libc::SYS_pwritev, [4, 0, 0, 0]),
            (libc::SYS_close, [4, 0, 0, 0]),
            (libc::SYS_openat, [0, 0, 0, 0]),
            (MAP, [0, 4096, 3, 2]),
            (libc::SYS_mprotect, [4096, 4096, 3, 0]),
            (libc::SYS_clone, [threads, 0, 0, 0]),
            (libc::SYS_utimensat, [4, 0, 4096, 0]),
            (libc::SYS_tgkill, [4711, 4712, 6, 0]),
            (libc::SYS_tkill, [4711, 6, 0, 0]),
            (libc::SYS_prlimit64, [0, 7, 0, 4096]),
            (libc::SYS_ioctl, [1, 0x5401, 0, 0]),
            (libc::SYS_fcntl, [4, 1030, 3, 0]),
            (libc::SYS_prctl, [15, 4096, 0, 0]),
            (libc::SYS_recvfrom, [5, 0, 0, 0]),
            (libc::SYS_getsockopt, [5, 263, 6, 0]),
            (libc::SYS_exit_group, [0, 0, 0, 0]),
        ] {
            assert_eq!(answer(call, given), Answer::Allow, "{call} {given:?}");
        }
        assert_eq!(answer(libc::SYS_close, [5]), Answer::Ignore);
        for call in PROCESSOR_ALLOWED {
            assert_eq!(answer(*call, [0]), Answer::Allow, "{call}");
        }
    }

    #[test]
    fn what_would_do_harm_is_refused() {
        for (call, given) in [
            (libc::SYS_execve, [0, 0, 0, 0]),
            (libc::SYS_write, [5, 0, 0, 0]),
            (libc::SYS_writev, [5, 0, 0, 0]),
            (libc::SYS_sendto, [5, 0, 0, 0]),
            (libc::SYS_dup, [5, 0, 0, 0]),
            (libc::SYS_fcntl, [5, 1030, 9, 0]),
            (libc::SYS_fcntl, [4, 8, 1, 0]),
            (libc::SYS_setsockopt, [5, 263, 13, 0]),
            (MAP, [0, 4096, 7, 2]),
            (libc::SYS_mprotect, [4096, 4096, 5, 0]),
            (libc::SYS_clone, [17, 0, 0, 0]),
            (libc::SYS_clone, [0x1000_0000 | 0x003d_0f00, 0, 0, 0]),
            (libc::SYS_utimensat, [4, 4096, 0, 0]),
            (libc::SYS_tgkill, [1, 1, 9, 0]),
            (libc::SYS_tkill, [4712, 9, 0, 0]),
            (libc::SYS_prlimit64, [1, 7, 0, 4096]),
            (libc::SYS_prlimit64, [0, 7, 4096, 0]),
            (libc::SYS_ioctl, [0, 0x5412, 4096, 0]),
            (libc::SYS_ioctl, [4, 0xc004_5877, 0, 0]),
            (libc::SYS_ioctl, [5, 0x8922, 4096, 0]),
            (libc::SYS_prctl, [4, 1, 0, 0]),
            (libc::SYS_capset, [0, 0, 0, 0]),
        ] {
            assert_eq!(answer(call, given), NO, "{call} {given:?}");
        }
        for call in REFUSED.iter().chain(PROCESSOR_REFUSED) {
            assert_eq!(answer(*call, [0]), NO, "{call}");
        }
        #[cfg(target_arch = "arm")]
        for (call, given) in [(libc::SYS_fcntl64, [5, 1030, 9]), (UTIMENSAT_TIME64, [4, 4096, 0])] {
            assert_eq!(answer(call, given), NO, "{call} {given:?}");
        }
    }

    #[test]
    fn other_calls_are_unknown() {
        for call in [libc::SYS_memfd_create, libc::SYS_inotify_init1, libc::SYS_timerfd_create, 435, 100_000]
        {
            assert_eq!(answer(call, [0]), Answer::Fail(libc::ENOSYS), "{call}");
        }
    }
}
