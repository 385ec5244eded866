//! System calls in the name of a program that runs, as an attacker makes them: with all that it has given up,
//! and nothing else.
//!
//! Its first thread is stopped, makes each call in place of what it was about to do, and then goes on with that.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Child;

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// The instruction that makes a system call.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// Bytes of memory for what calls point to.
const ROOM: usize = 4096;

pub(crate) struct Inside {
    process: Pid,
    memory: File,
    registers: libc::user_regs_struct,
    code: [u8; 2],
    room: u64,
    used: usize,
}

impl Inside {
    /// Stops the program.
    pub(crate) fn enter(child: &Child) -> Self {
        let process = Pid::from_raw(i32::try_from(child.id()).unwrap());
        ptrace::attach(process).unwrap();
        assert!(matches!(wait(process), WaitStatus::Stopped(..)));
        let registers = ptrace::getregs(process).unwrap();
        let memory = File::options().read(true).write(true).open(format!("/proc/{process}/mem")).unwrap();
        let mut code = SYSCALL;
        memory.read_exact_at(&mut code, registers.rip).unwrap();
        memory.write_all_at(&SYSCALL, registers.rip).unwrap();
        let mut inside = Self { process, memory, registers, code, room: 0, used: 0 };
        let (rights, private) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let room = [0, ROOM as u64, rights as u64, private as u64, u64::MAX, 0];
        inside.room = u64::try_from(inside.call(libc::SYS_mmap, &room).unwrap()).unwrap();
        inside
    }

    /// Makes a system call: what it returns, or the number of its error.
    pub(crate) fn call(&mut self, number: libc::c_long, arguments: &[u64]) -> Result<i64, i32> {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        let [rdi, rsi, rdx, r10, r8, r9] = all;
        let rax = u64::try_from(number).unwrap();
        // What it was about to do is not tried again before it is back.
        let registers =
            libc::user_regs_struct { rax, rdi, rsi, rdx, r10, r8, r9, orig_rax: u64::MAX, ..self.registers };
        ptrace::setregs(self.process, registers).unwrap();
        ptrace::step(self.process, None).unwrap();
        assert_eq!(wait(self.process), WaitStatus::Stopped(self.process, Signal::SIGTRAP), "call {number}");
        let result = ptrace::getregs(self.process).unwrap().rax.cast_signed();
        if (-4095..0).contains(&result) { Err(i32::try_from(-result).unwrap()) } else { Ok(result) }
    }

    /// Puts bytes into the program's memory: where they are.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> u64 {
        let place = self.room + self.used as u64;
        self.used += bytes.len().next_multiple_of(16);
        assert!(self.used <= ROOM);
        self.memory.write_all_at(bytes, place).unwrap();
        place
    }

    /// Lets the program go on.
    pub(crate) fn leave(self) {
        self.memory.write_all_at(&self.code, self.registers.rip).unwrap();
        ptrace::setregs(self.process, self.registers).unwrap();
        ptrace::detach(self.process, None).unwrap();
    }
}

fn wait(process: Pid) -> WaitStatus {
    waitpid(process, Some(WaitPidFlag::__WALL)).unwrap()
}

/// The descriptors of a program that are sockets, but for those that tests have open for it.
pub(crate) fn sockets(process: u32) -> Vec<u64> {
    let open = |process: u32| -> Vec<(u64, String)> {
        let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().map(Result::unwrap);
        let named = descriptors.filter_map(|descriptor| {
            let leads_to = std::fs::read_link(descriptor.path()).ok()?.to_string_lossy().into_owned();
            Some((descriptor.file_name().to_string_lossy().parse().unwrap(), leads_to))
        });
        named.collect()
    };
    let inherited = open(std::process::id());
    let is_own = |leads_to: &str| inherited.iter().all(|(_, other)| other != leads_to);
    let own = open(process).into_iter().filter(|(_, to)| to.starts_with("socket:") && is_own(to));
    own.map(|(number, _)| number).collect()
}
