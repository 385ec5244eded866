//! Filters of system calls (seccomp(2)): rules, and the program that the kernel runs for each call.
//!
//! A program is classic BPF (linux/filter.h). It sees the call's number and its arguments, not what they point to.
//! Descriptors, commands, flags and process numbers have 32 bits: the kernel ignores the upper half of the register
//! that they come in, and so do the rules.

use std::io;

use libc::{c_long, sock_filter};

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const IF_ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

// Where `struct seccomp_data` (linux/seccomp.h) has what. All processors here are little-endian.
const NUMBER: u32 = 0;
const PROCESSOR: u32 = 4;
const ARGUMENTS: u32 = 16;
const ARGUMENT_SIZE: u32 = 8;
const UPPER_HALF: u32 = 4;

/// What the kernel does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Allow,
    /// Does nothing, and reports success.
    Ignore,
    /// Fails with this error.
    Fail(i32),
}

impl Answer {
    fn value(self) -> u32 {
        match self {
            Self::Allow => libc::SECCOMP_RET_ALLOW,
            Self::Ignore => libc::SECCOMP_RET_ERRNO,
            Self::Fail(error) => libc::SECCOMP_RET_ERRNO | (error.unsigned_abs() & libc::SECCOMP_RET_DATA),
        }
    }
}

/// A condition on one argument, counted from 0.
#[derive(Clone, Debug)]
pub(super) enum Check {
    OneOf(u32, Vec<u32>),
    NoneOf(u32, Vec<u32>),
    AllBits(u32, u32),
    NoBits(u32, u32),
    /// All of it is 0, as a pointer to nothing is.
    Null(u32),
}

/// What is done with one call: `pass` where all checks hold, else `fail`.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) call: c_long,
    pub(super) checks: Vec<Check>,
    pub(super) pass: Answer,
    pub(super) fail: Answer,
}

/// Rules by call. A call has one rule at most; the first one counts.
#[derive(Debug)]
pub(super) struct Filter {
    /// The processor's number for the kernel's audit (linux/audit.h): calls of another kind, such as 32-bit calls on
    /// a processor with 64 bits, have other numbers.
    pub(super) processor: u32,
    /// Rules that depend on arguments. The kernel runs the program for each of these calls, so they come first.
    pub(super) checked: Vec<Rule>,
    /// Answers that depend on the call alone. The kernel (from 5.11 on) keeps those that allow.
    pub(super) plain: Vec<(c_long, Answer)>,
    /// What is done with all other calls.
    pub(super) other: Answer,
}

impl Filter {
    /// The program.
    pub(super) fn program(&self) -> Vec<sock_filter> {
        let mut program =
            vec![load(PROCESSOR), jump(IF_EQUAL, self.processor, 1, 0), answer(self.other), load(NUMBER)];
        for rule in &self.checked {
            let body = rule.body();
            // A rule is far shorter than the longest jump; were it not, the call would have no rule.
            let Ok(length) = u8::try_from(body.len()) else { continue };
            program.push(jump(IF_EQUAL, number(rule.call), 0, length));
            program.extend(body);
        }
        for (call, with) in &self.plain {
            program.push(jump(IF_EQUAL, number(*call), 0, 1));
            program.push(answer(*with));
        }
        program.push(answer(self.other));
        program
    }

    /// Puts it in force for this thread and those that it starts, for good; false where the kernel has no filters.
    ///
    /// # Errors
    /// The kernel has filters and refuses this one.
    #[allow(unsafe_code)]
    pub(super) fn install(&self) -> io::Result<bool> {
        let mut program = self.program();
        let len = libc::c_ushort::try_from(program.len()).map_err(io::Error::other)?;
        let program = libc::sock_fprog { len, filter: program.as_mut_ptr() };
        // SAFETY: the kernel copies `len` instructions from where `filter` points to, which is alive, and checks them.
        let result = unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::c_ulong::from(libc::SECCOMP_MODE_FILTER),
                &raw const program,
            )
        };
        if result == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            // EINVAL: the kernel is built without filters. ENOSYS: an emulator is.
            Some(libc::EINVAL | libc::ENOSYS) => Ok(false),
            _ => Err(error),
        }
    }
}

impl Rule {
    /// The part of the program that is reached by this call only. It always ends in an answer.
    fn body(&self) -> Vec<sock_filter> {
        let mut body = Vec::new();
        let fail = answer(self.fail);
        for check in &self.checks {
            match check {
                Check::OneOf(argument, values) => {
                    body.push(load(lower(*argument)));
                    for (index, value) in values.iter().enumerate() {
                        // Over the comparisons that follow, and the answer after them.
                        let rest = u8::try_from(values.len() - index).unwrap_or(0);
                        body.push(jump(IF_EQUAL, *value, rest, 0));
                    }
                    body.push(fail);
                }
                Check::NoneOf(argument, values) => {
                    body.push(load(lower(*argument)));
                    for value in values {
                        body.extend([jump(IF_EQUAL, *value, 0, 1), fail]);
                    }
                }
                Check::AllBits(argument, bits) => {
                    let masked = sock_filter { code: AND, jt: 0, jf: 0, k: *bits };
                    body.extend([load(lower(*argument)), masked, jump(IF_EQUAL, *bits, 1, 0), fail]);
                }
                Check::NoBits(argument, bits) => {
                    body.extend([load(lower(*argument)), jump(IF_ANY_BIT, *bits, 0, 1), fail]);
                }
                Check::Null(argument) => {
                    let lower = lower(*argument);
                    for half in [lower, lower + UPPER_HALF] {
                        body.extend([load(half), jump(IF_EQUAL, 0, 1, 0), fail]);
                    }
                }
            }
        }
        body.push(answer(self.pass));
        body
    }
}

/// Where the lower half of an argument is.
fn lower(argument: u32) -> u32 {
    ARGUMENTS + argument * ARGUMENT_SIZE
}

/// The number of a call as the kernel gives it to the program.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers of calls are small")]
fn number(call: c_long) -> u32 {
    call as u32
}

fn load(place: u32) -> sock_filter {
    sock_filter { code: LOAD, jt: 0, jf: 0, k: place }
}

fn jump(code: u16, value: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter { code, jt: yes, jf: no, k: value }
}

fn answer(answer: Answer) -> sock_filter {
    sock_filter { code: RETURN, jt: 0, jf: 0, k: answer.value() }
}

/// What a program answers for a call, computed as the kernel does.
#[cfg(test)]
pub(super) fn run(program: &[sock_filter], processor: u32, call: c_long, arguments: [u64; 6]) -> Answer {
    let word = |place: u32| match place {
        NUMBER => number(call),
        PROCESSOR => processor,
        place => {
            let at = usize::try_from(place - ARGUMENTS).expect("small");
            let bytes: Vec<u8> = arguments.iter().flat_map(|argument| argument.to_le_bytes()).collect();
            u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
        }
    };
    let (mut at, mut register) = (0, 0);
    loop {
        let sock_filter { code, jt, jf, k } = program[at];
        at += 1;
        let is_so = match code {
            LOAD => {
                register = word(k);
                continue;
            }
            AND => {
                register &= k;
                continue;
            }
            RETURN if k == libc::SECCOMP_RET_ALLOW => return Answer::Allow,
            RETURN if k == libc::SECCOMP_RET_ERRNO => return Answer::Ignore,
            RETURN => {
                assert_eq!(k & libc::SECCOMP_RET_ACTION_FULL, libc::SECCOMP_RET_ERRNO);
                return Answer::Fail((k & libc::SECCOMP_RET_DATA).try_into().expect("an error"));
            }
            IF_EQUAL => register == k,
            IF_ANY_BIT => register & k != 0,
            other => panic!("no such instruction: {other:#x}"),
        };
        at += usize::from(if is_so { jt } else { jf });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIS: u32 = 0xc000_003e;
    const NO: Answer = Answer::Fail(1);

    fn filter(checks: Vec<Check>) -> Vec<sock_filter> {
        let rule = |call, checks| Rule { call, checks, pass: Answer::Allow, fail: NO };
        let checked = vec![rule(7, vec![Check::OneOf(5, vec![99])]), rule(8, checks)];
        let plain = vec![(9, Answer::Allow), (10, NO)];
        Filter { processor: THIS, checked, plain, other: Answer::Fail(38) }.program()
    }

    #[test]
    fn each_check_holds_where_it_should() {
        let high = 1 << 32;
        type Arguments = [u64; 6];
        let of_second = |value| [0, value, 0, 0, 0, 0];
        let cases: [(Check, &[u64], &[u64]); 5] = [
            (Check::OneOf(1, vec![3, 4, 5]), &[3, 4, 5, high | 3], &[0, 2, 6, high]),
            (Check::NoneOf(1, vec![3, 4]), &[0, 2, 5, high], &[3, 4, high | 4]),
            (Check::AllBits(1, 6), &[6, 7, high | 6], &[0, 2, 4, 1, high]),
            (Check::NoBits(1, 6), &[0, 1, 8, high], &[2, 4, 6, 7, high | 4]),
            (Check::Null(1), &[0], &[1, high, high | 1]),
        ];
        for (check, passing, failing) in cases {
            let program = filter(vec![check.clone()]);
            let answer = |arguments: Arguments| run(&program, THIS, 8, arguments);
            for value in passing {
                assert_eq!(answer(of_second(*value)), Answer::Allow, "{check:?} of {value}");
            }
            for value in failing {
                assert_eq!(answer(of_second(*value)), NO, "{check:?} of {value}");
            }
        }
    }

    #[test]
    fn all_checks_of_a_rule_have_to_hold() {
        let program = filter(vec![Check::OneOf(0, vec![1, 2]), Check::Null(2), Check::NoBits(1, 4)]);
        let answer = |arguments| run(&program, THIS, 8, arguments);
        assert_eq!(answer([2, 3, 0, 9, 9, 9]), Answer::Allow);
        for arguments in [[3, 3, 0, 0, 0, 0], [2, 4, 0, 0, 0, 0], [2, 3, 1, 0, 0, 0]] {
            assert_eq!(answer(arguments), NO);
        }
    }

    #[test]
    fn other_calls_and_calls_of_another_kind_are_unknown() {
        let program = filter(Vec::new());
        let unknown = Answer::Fail(38);
        for (processor, call, expected) in [
            (THIS, 8, Answer::Allow),
            (THIS, 9, Answer::Allow),
            (THIS, 10, NO),
            (THIS, 11, unknown),
            (THIS, -1, unknown),
            (0x4000_0003, 9, unknown),
        ] {
            assert_eq!(run(&program, processor, call, [0; 6]), expected, "{processor:x} {call}");
        }
        // The kernel refuses longer ones.
        assert!(program.len() < 4096);
    }
}
