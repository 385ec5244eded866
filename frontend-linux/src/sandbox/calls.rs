//! A filter of system calls: what a run needs is allowed, a few calls that nobody should try fail with EPERM, and all
//! others fail as on a kernel that does not have them (ENOSYS).
//!
//! So a newer C library, which tries newer calls first, finds its way to the older ones as it does on an older kernel,
//! and a capture does not end for a call that nobody thought of.

/// Puts it in force, for this thread and those that it starts. Answers whether the kernel has such filters.
///
/// # Errors
/// The kernel has them and does not take this one.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
pub(super) fn refuse() -> Result<bool, seccompiler::Error> {
    use rustix::io::Errno;
    use seccompiler::{Error, apply_filter};

    match apply_filter(&program()) {
        Ok(()) => Ok(true),
        Err(Error::Prctl(error) | Error::Seccomp(error))
            if matches!(Errno::from_io_error(&error), Some(Errno::INVAL | Errno::NOSYS)) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// There is no filter for this processor.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
pub(super) fn refuse() -> Result<bool, std::convert::Infallible> {
    Ok(false)
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
mod filter {
    use libc::c_long;
    use rustix::io::Errno;
    use seccompiler::{BpfProgram, sock_filter};

    // Instructions (linux/bpf_common.h) and where `struct seccomp_data` has what (linux/seccomp.h).
    const LOAD_WORD: u16 = 0x20;
    const IF_EQUAL: u16 = 0x15;
    const IF_ANY_BIT: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const NUMBER: u32 = 0;
    const PROCESSOR: u32 = 4;
    const FIRST_ARGUMENT: u32 = 16;
    const ALLOW: u32 = 0x7fff_0000;
    const FAIL: u32 = 0x0005_0000;

    /// The processor's number for the kernel's audit (linux/audit.h): others, such as 32-bit calls, have other numbers
    /// for their calls.
    #[cfg(target_arch = "x86_64")]
    const THIS: u32 = 0xc000_003e;
    #[cfg(target_arch = "aarch64")]
    const THIS: u32 = 0xc000_00b7;
    #[cfg(target_arch = "riscv64")]
    const THIS: u32 = 0xc000_00f3;

    /// Flags of `clone` that make name spaces: with those of their own, users are administrators there.
    const NAME_SPACES: u32 = (libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET) as u32;

    fn instruction(code: u16, yes: u8, no: u8, value: u32) -> sock_filter {
        sock_filter { code, jt: yes, jf: no, k: value }
    }

    /// The whole filter. All but `clone` depends on the number alone, so the kernel (from 5.11 on) looks it up once.
    pub(super) fn program() -> BpfProgram {
        let fail = |error: Errno| FAIL | error.raw_os_error() as u32;
        let (no, unknown) = (fail(Errno::PERM), fail(Errno::NOSYS));
        let mut program = vec![
            instruction(LOAD_WORD, 0, 0, PROCESSOR),
            instruction(IF_EQUAL, 1, 0, THIS),
            instruction(RETURN, 0, 0, unknown),
            instruction(LOAD_WORD, 0, 0, NUMBER),
        ];
        let mut answer = |calls: &[c_long], with: u32| {
            for call in calls {
                program.push(instruction(IF_EQUAL, 0, 1, *call as u32));
                program.push(instruction(RETURN, 0, 0, with));
            }
        };
        answer(&ALLOWED, ALLOW);
        answer(OLDER_ALLOWED, ALLOW);
        answer(&REFUSED, no);
        answer(OLDER_REFUSED, no);
        program.extend([
            instruction(IF_EQUAL, 1, 0, libc::SYS_clone as u32),
            instruction(RETURN, 0, 0, unknown),
            instruction(LOAD_WORD, 0, 0, FIRST_ARGUMENT),
            instruction(IF_ANY_BIT, 0, 1, NAME_SPACES),
            instruction(RETURN, 0, 0, no),
            instruction(RETURN, 0, 0, ALLOW),
        ]);
        program
    }

    /// What a run needs, or the C library, libpcap and the allocator may want for it.
    #[rustfmt::skip]
    const ALLOWED: [c_long; 118] = [
        // Files that are open.
        libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64,
        libc::SYS_preadv, libc::SYS_pwritev, libc::SYS_preadv2, libc::SYS_pwritev2, libc::SYS_close,
        libc::SYS_close_range, libc::SYS_dup, libc::SYS_dup3, libc::SYS_fcntl, libc::SYS_ioctl, libc::SYS_lseek,
        libc::SYS_fstat, libc::SYS_fstatfs, libc::SYS_getdents64, libc::SYS_ftruncate, libc::SYS_fallocate,
        libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_syncfs, libc::SYS_sync_file_range, libc::SYS_fadvise64, libc::SYS_readahead,
        libc::SYS_copy_file_range, libc::SYS_sendfile, libc::SYS_splice, libc::SYS_flock, libc::SYS_pipe2,
        // Files by name: Landlock says which.
        libc::SYS_openat, libc::SYS_openat2, libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_statfs,
        libc::SYS_faccessat, libc::SYS_faccessat2, libc::SYS_readlinkat, libc::SYS_mkdirat, libc::SYS_unlinkat,
        libc::SYS_renameat2, libc::SYS_utimensat, libc::SYS_umask, libc::SYS_getcwd,
        // Memory.
        libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mprotect, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_msync,
        libc::SYS_brk, libc::SYS_mlock, libc::SYS_munlock, libc::SYS_mincore, libc::SYS_membarrier,
        // Threads and signals.
        libc::SYS_futex, libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_set_tid_address,
        libc::SYS_rseq, libc::SYS_exit, libc::SYS_exit_group, libc::SYS_restart_syscall, libc::SYS_prctl,
        libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_getparam, libc::SYS_sched_getscheduler,
        libc::SYS_getpriority, libc::SYS_getcpu, libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn, libc::SYS_rt_sigpending, libc::SYS_rt_sigsuspend, libc::SYS_rt_sigtimedwait,
        libc::SYS_sigaltstack, libc::SYS_tkill, libc::SYS_tgkill, libc::SYS_wait4, libc::SYS_waitid,
        // Waiting and time.
        libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait,
        libc::SYS_epoll_pwait2, libc::SYS_eventfd2, libc::SYS_clock_gettime, libc::SYS_clock_getres,
        libc::SYS_clock_nanosleep, libc::SYS_nanosleep, libc::SYS_gettimeofday, libc::SYS_times,
        // What the system tells.
        libc::SYS_getpid, libc::SYS_gettid, libc::SYS_getppid, libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid,
        libc::SYS_getegid, libc::SYS_getgroups, libc::SYS_getresuid, libc::SYS_getresgid, libc::SYS_getrusage,
        libc::SYS_prlimit64, libc::SYS_sysinfo, libc::SYS_uname, libc::SYS_getrandom, libc::SYS_capget,
        // The socket of a capture: it is read and asked, nothing is sent.
        libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_getsockopt, libc::SYS_setsockopt, libc::SYS_getsockname,
    ];

    /// What older names of the same have on this processor.
    #[cfg(target_arch = "x86_64")]
    #[rustfmt::skip]
    const OLDER_ALLOWED: &[c_long] = &[
        libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink, libc::SYS_mkdir,
        libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_rename, libc::SYS_renameat,         libc::SYS_getdents, libc::SYS_dup2, libc::SYS_pipe, libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create,
        libc::SYS_epoll_wait, libc::SYS_eventfd, libc::SYS_utimes, libc::SYS_time, libc::SYS_getrlimit,
        libc::SYS_arch_prctl,
    ];
    #[cfg(target_arch = "aarch64")]
    const OLDER_ALLOWED: &[c_long] = &[libc::SYS_renameat, libc::SYS_getrlimit];
    #[cfg(target_arch = "riscv64")]
    const OLDER_ALLOWED: &[c_long] = &[];

    /// What an intruder would try first: it is told that this is not permitted.
    #[rustfmt::skip]
    const REFUSED: [c_long; 73] = [
        // Programs.
        libc::SYS_execve, libc::SYS_execveat,
        // The network. What is open stays so.
        libc::SYS_socket, libc::SYS_socketpair, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen,
        libc::SYS_accept, libc::SYS_accept4, libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_sendmmsg,
        // Other processes.
        libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_pidfd_getfd,
        libc::SYS_kcmp, libc::SYS_kill,
        // Users and rights.
        libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid,
        libc::SYS_setresgid, libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_setgroups, libc::SYS_capset,
        libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key, libc::SYS_personality,
        // Name spaces and mounts, links and devices.
        libc::SYS_unshare, libc::SYS_setns, libc::SYS_chroot, libc::SYS_pivot_root, libc::SYS_mount,
        libc::SYS_umount2, libc::SYS_open_tree, libc::SYS_move_mount, libc::SYS_fsopen, libc::SYS_fsconfig,
        libc::SYS_fsmount, libc::SYS_fspick, libc::SYS_open_by_handle_at, libc::SYS_mknodat, libc::SYS_linkat,
        libc::SYS_symlinkat,
        // Owners and modes of files, which are not Landlock's.
        libc::SYS_fchmod, libc::SYS_fchmodat, libc::SYS_fchown, libc::SYS_fchownat,
        // The system.
        libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_init_module,
        libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_kexec_load, libc::SYS_reboot, libc::SYS_swapon,
        libc::SYS_swapoff, libc::SYS_acct, libc::SYS_quotactl, libc::SYS_settimeofday, libc::SYS_clock_settime,
        libc::SYS_adjtimex, libc::SYS_clock_adjtime, libc::SYS_sethostname, libc::SYS_setdomainname,
        libc::SYS_syslog,
        // Would do any of these unseen.
        libc::SYS_io_uring_setup, libc::SYS_io_uring_enter,
    ];

    #[cfg(target_arch = "x86_64")]
    const OLDER_REFUSED: &[c_long] = &[
        libc::SYS_mknod,
        libc::SYS_chmod,
        libc::SYS_chown,
        libc::SYS_lchown,
        libc::SYS_link,
        libc::SYS_symlink,
        libc::SYS_uselib,
        libc::SYS_iopl,
        libc::SYS_ioperm,
        libc::SYS_fork,
        libc::SYS_vfork,
    ];
    #[cfg(not(target_arch = "x86_64"))]
    const OLDER_REFUSED: &[c_long] = &[];
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
use filter::program;
