//! Runs the filter programs that libpcap compiles (the BPF machine of McCanne and Jacobson, 1993).
//!
//! The library's own interpreter is reached through bindings that take the captured length for the length
//! on the wire; `len` and `greater` would be wrong for cut frames. This one takes both, has no unsafe
//! code and ends after a bounded number of steps whatever the program.

use tapflow_core::{Frame, LinkType};

use super::filter::FrameFilter;

/// Steps after which a program is given up and its frame not wanted. Only loops over IPv6 headers repeat
/// instructions.
const STEPS: usize = 1 << 16;
/// Words of scratch memory.
const MEMORY: usize = 16;

/// One instruction, its fields as libpcap has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation, operand size, mode and source.
    pub code: u16,
    /// Instructions to skip where a condition holds.
    pub when_true: u8,
    /// Instructions to skip where it does not.
    pub when_false: u8,
    /// The operand.
    pub operand: u32,
}

/// A filter program, and what it takes IPv6 on loopback links for.
#[derive(Clone, Debug)]
pub struct Program {
    code: Vec<Instruction>,
    inet6: u32,
    loopback: Vec<u8>,
}

impl Program {
    /// A program that was compiled on a system whose `AF_INET6` is `inet6`.
    #[must_use]
    pub fn new(code: Vec<Instruction>, inet6: u32) -> Self {
        Self { code, inet6, loopback: Vec::new() }
    }

    /// The frame with the address family in the byte order and with the numbers of this system, as the
    /// compiler expects them; other systems wrote other ones. The length on the wire stays the same.
    fn run_loopback(&mut self, family: [u8; 4], rest: &[u8], frame: &Frame<'_>) -> bool {
        let value = u32::from_le_bytes(family);
        // Families are small numbers: the other reading of one has its value in the upper half.
        let value = if value > 0xffff { value.swap_bytes() } else { value };
        let value = match value {
            10 | 23 | 24 | 28 | 30 => self.inet6,
            other => other,
        };
        let family = if frame.link == LinkType::LOOP { value.to_be_bytes() } else { value.to_ne_bytes() };
        self.loopback.clear();
        self.loopback.extend_from_slice(&family);
        self.loopback.extend_from_slice(rest);
        run(&self.code, &self.loopback, frame.wire_len) != 0
    }
}

impl FrameFilter for Program {
    #[inline]
    fn accepts(&mut self, frame: &Frame<'_>) -> bool {
        match (frame.link, frame.bytes) {
            (LinkType::NULL | LinkType::LOOP, [f0, f1, f2, f3, rest @ ..]) => {
                self.run_loopback([*f0, *f1, *f2, *f3], rest, frame)
            }
            _ => run(&self.code, frame.bytes, frame.wire_len) != 0,
        }
    }
}

/// How many bytes of the packet the program wants; 0 where it reads beyond the packet, divides by zero or
/// is no valid program.
fn run(code: &[Instruction], packet: &[u8], wire_len: u32) -> u32 {
    let (mut a, mut x) = (0_u32, 0_u32);
    let mut memory = [0_u32; MEMORY];
    let mut next = 0_usize;
    for _ in 0..STEPS {
        let Some(&Instruction { code, when_true, when_false, operand: k }) = code.get(next) else { return 0 };
        next += 1;
        let value = if code & 0x08 == 0 { k } else { x };
        match code {
            // Loads: 0x00 into A, 0x01 into X; sizes 0x00 word, 0x08 half, 0x10 byte.
            0x20 | 0x28 | 0x30 | 0x40 | 0x48 | 0x50 => {
                let at = if code & 0xe0 == 0x40 { x.checked_add(k) } else { Some(k) };
                let Some(bytes) = at.and_then(|at| packet.get(at as usize..)) else { return 0 };
                let loaded = match code & 0x18 {
                    0x00 => bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)),
                    0x08 => bytes.first_chunk().map(|bytes| u16::from_be_bytes(*bytes).into()),
                    _ => bytes.first().map(|byte| u32::from(*byte)),
                };
                let Some(loaded) = loaded else { return 0 };
                a = loaded;
            }
            0x00 => a = k,
            0x01 => x = k,
            0x80 => a = wire_len,
            0x81 => x = wire_len,
            0x60 | 0x61 => {
                let Some(word) = memory.get(k as usize) else { return 0 };
                *(if code == 0x60 { &mut a } else { &mut x }) = *word;
            }
            // Four times the low half of a byte: the length of an IPv4 header.
            0xb1 => {
                let Some(byte) = packet.get(k as usize) else { return 0 };
                x = u32::from(byte & 0x0f) << 2;
            }
            0x02 | 0x03 => {
                let Some(word) = memory.get_mut(k as usize) else { return 0 };
                *word = if code == 0x02 { a } else { x };
            }
            0x04 | 0x0c => a = a.wrapping_add(value),
            0x14 | 0x1c => a = a.wrapping_sub(value),
            0x24 | 0x2c => a = a.wrapping_mul(value),
            0x34 | 0x3c | 0x94 | 0x9c => {
                let result = if code & 0xf0 == 0x30 { a.checked_div(value) } else { a.checked_rem(value) };
                let Some(result) = result else { return 0 };
                a = result;
            }
            0x44 | 0x4c => a |= value,
            0x54 | 0x5c => a &= value,
            0x64 | 0x6c => a = a.checked_shl(value).unwrap_or(0),
            0x74 | 0x7c => a = a.checked_shr(value).unwrap_or(0),
            0x84 => a = a.wrapping_neg(),
            0xa4 | 0xac => a ^= value,
            // The compiler jumps back for header chains: the operand is signed.
            0x05 => match next.checked_add_signed(k.cast_signed() as isize) {
                Some(target) => next = target,
                None => return 0,
            },
            0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d | 0x45 | 0x4d => {
                let holds = match code & 0xf0 {
                    0x10 => a == value,
                    0x20 => a > value,
                    0x30 => a >= value,
                    _ => a & value != 0,
                };
                next += usize::from(if holds { when_true } else { when_false });
            }
            0x07 => x = a,
            0x87 => a = x,
            0x06 => return k,
            0x16 => return a,
            _ => return 0,
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    type Code = [(u16, u8, u8, u32)];

    fn program(code: &Code) -> Vec<Instruction> {
        let instruction =
            |&(code, when_true, when_false, operand)| Instruction { code, when_true, when_false, operand };
        code.iter().map(instruction).collect()
    }

    #[test]
    fn each_operation_gives_what_the_machine_gives() {
        let packet = [0x45, 1, 2, 3, 4, 5, 0xff, 0xfe];
        let cases: &[(&str, &Code, u32)] = &[
            ("ret #7", &[(0x06, 0, 0, 7)], 7),
            ("ld [1]", &[(0x20, 0, 0, 1), (0x16, 0, 0, 0)], 0x0102_0304),
            ("ldh [6]", &[(0x28, 0, 0, 6), (0x16, 0, 0, 0)], 0xfffe),
            ("ldb [7]", &[(0x30, 0, 0, 7), (0x16, 0, 0, 0)], 0xfe),
            ("ldh [7], beyond the end", &[(0x28, 0, 0, 7), (0x06, 0, 0, 1)], 0),
            ("ldb [x + 3]", &[(0x01, 0, 0, 2), (0x50, 0, 0, 3), (0x16, 0, 0, 0)], 5),
            ("ldb [x + 1], x too great", &[(0x01, 0, 0, u32::MAX), (0x50, 0, 0, 1), (0x06, 0, 0, 1)], 0),
            ("ld #len", &[(0x80, 0, 0, 0), (0x16, 0, 0, 0)], 1500),
            ("ldx 4*([0]&0xf)", &[(0xb1, 0, 0, 0), (0x87, 0, 0, 0), (0x16, 0, 0, 0)], 20),
            (
                "st and ld",
                &[(0x00, 0, 0, 9), (0x02, 0, 0, 15), (0x00, 0, 0, 1), (0x60, 0, 0, 15), (0x16, 0, 0, 0)],
                9,
            ),
            ("st beyond the memory", &[(0x02, 0, 0, 16), (0x06, 0, 0, 1)], 0),
            ("add wraps", &[(0x00, 0, 0, u32::MAX), (0x04, 0, 0, 3), (0x16, 0, 0, 0)], 2),
            ("sub wraps", &[(0x00, 0, 0, 1), (0x14, 0, 0, 2), (0x16, 0, 0, 0)], u32::MAX),
            ("div by x = 0", &[(0x00, 0, 0, 1), (0x3c, 0, 0, 0), (0x06, 0, 0, 1)], 0),
            ("mod", &[(0x00, 0, 0, 17), (0x94, 0, 0, 5), (0x16, 0, 0, 0)], 2),
            ("lsh by 32", &[(0x00, 0, 0, 1), (0x64, 0, 0, 32), (0x16, 0, 0, 0)], 0),
            ("neg", &[(0x00, 0, 0, 1), (0x84, 0, 0, 0), (0x16, 0, 0, 0)], u32::MAX),
            ("jeq taken", &[(0x00, 0, 0, 5), (0x15, 1, 0, 5), (0x06, 0, 0, 1), (0x06, 0, 0, 2)], 2),
            ("jgt not taken", &[(0x00, 0, 0, 5), (0x25, 1, 0, 5), (0x06, 0, 0, 1), (0x06, 0, 0, 2)], 1),
            ("jset", &[(0x00, 0, 0, 6), (0x45, 0, 1, 2), (0x06, 0, 0, 1), (0x06, 0, 0, 2)], 1),
            ("an unknown code", &[(0xffff, 0, 0, 0), (0x06, 0, 0, 1)], 0),
            ("no return", &[(0x00, 0, 0, 1)], 0),
            ("a loop without end", &[(0x05, 0, 0, u32::MAX)], 0),
            ("a jump before the start", &[(0x05, 0, 0, 0x8000_0000)], 0),
        ];
        for (name, code, expected) in cases {
            assert_eq!(run(&program(code), &packet, 1500), *expected, "{name}");
        }
    }

    #[test]
    fn address_families_of_other_systems_are_made_this_ones() {
        // ld [0]; ret a == 10 in this system's byte order.
        let native = 10_u32.to_ne_bytes();
        let code =
            [(0x20, 0, 0, 0), (0x15, 0, 1, u32::from_be_bytes(native)), (0x06, 0, 0, 1), (0x06, 0, 0, 0)];
        let mut filter = Program::new(program(&code), 10);
        let families =
            [24_u32, 28, 30, 10].into_iter().flat_map(|family| [family.to_le_bytes(), family.to_be_bytes()]);
        for bytes in families {
            let frame = Frame { link: LinkType::NULL, time: Default::default(), wire_len: 4, bytes: &bytes };
            assert!(filter.accepts(&frame), "{bytes:?}");
        }
        let ipv4 =
            Frame { link: LinkType::NULL, time: Default::default(), wire_len: 4, bytes: &[2, 0, 0, 0] };
        assert!(!filter.accepts(&ipv4));
    }
}
