//! A filter of system calls: those that no run needs fail with EPERM.
//!
//! A list of what is refused, not of what is allowed: the C library and libpcap may change what they call, and a
//! capture must not end for that.

/// Refuses them, for this thread and those that it starts. Answers whether the kernel does.
///
/// # Errors
/// The kernel has such filters and does not take this one.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
pub(super) fn refuse() -> Result<bool, seccompiler::Error> {
    use rustix::io::Errno;
    use seccompiler::{BpfProgram, Error, SeccompAction, SeccompFilter, TargetArch, apply_filter};

    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(Error::Backend)?;
    let rules = numbers().map(|number| (number, Vec::new())).collect();
    let refusal = SeccompAction::Errno(Errno::PERM.raw_os_error() as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refusal, arch).map_err(Error::Backend)?;
    let program = BpfProgram::try_from(filter).map_err(Error::Backend)?;
    match apply_filter(&program) {
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

/// The calls.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
#[rustfmt::skip]
const REFUSED: [libc::c_long; 61] = [
    // Programs.
    libc::SYS_execve, libc::SYS_execveat,
    // The network. What is open stays so.
    libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4,
    // Other processes.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Users and rights.
    libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid,
    libc::SYS_setresgid, libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_setgroups, libc::SYS_capset,
    libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key, libc::SYS_personality,
    // Name spaces and mounts.
    libc::SYS_unshare, libc::SYS_setns, libc::SYS_chroot, libc::SYS_pivot_root, libc::SYS_mount,
    libc::SYS_umount2, libc::SYS_open_tree, libc::SYS_move_mount, libc::SYS_fsopen, libc::SYS_fsconfig,
    libc::SYS_fsmount, libc::SYS_fspick, libc::SYS_open_by_handle_at, libc::SYS_mknodat,
    // The system.
    libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_init_module,
    libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_kexec_load, libc::SYS_reboot, libc::SYS_swapon,
    libc::SYS_swapoff, libc::SYS_acct, libc::SYS_quotactl, libc::SYS_settimeofday, libc::SYS_clock_settime,
    libc::SYS_adjtimex, libc::SYS_clock_adjtime, libc::SYS_sethostname, libc::SYS_setdomainname,
    // Would do any of these unseen.
    libc::SYS_io_uring_setup, libc::SYS_io_uring_enter,
];

/// Their numbers.
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
fn numbers() -> impl Iterator<Item = i64> {
    REFUSED.into_iter()
}

/// Their numbers; and those by which programs with short pointers call them, which this one could do too (x32).
#[cfg(target_arch = "x86_64")]
fn numbers() -> impl Iterator<Item = i64> {
    const X32: i64 = 0x4000_0000;
    // execve, ptrace, kexec_load, process_vm_readv, process_vm_writev, execveat have other numbers there.
    const OTHERS: [i64; 6] = [520, 521, 528, 539, 540, 545];
    let both = |number| [number, number | X32];
    let older = [libc::SYS_mknod, libc::SYS_uselib, libc::SYS_iopl, libc::SYS_ioperm];
    REFUSED.into_iter().chain(older).flat_map(both).chain(OTHERS.map(|number| number | X32))
}
