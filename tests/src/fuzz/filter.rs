//! Any program of the packet filter's machine over any frame.

use tapflow_common::input::FrameFilter;
use tapflow_common::input::bpf::{Instruction, Program};
use tapflow_core::{Frame, LinkType, Timestamp};

use super::{Material, Script};

/// Bytes that an instruction takes from the input.
const INSTRUCTION: usize = 8;

/// The program ends, and answers the same for the same frame.
pub fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let link = LinkType(u32::from(script.byte()));
    let (inet6, wire_len, count) = (u32::from(script.byte()), script.u32(), usize::from(script.byte()));
    let code = (0..count.min(bytes.len() / INSTRUCTION)).map(|_| Instruction {
        code: script.u16(),
        when_true: script.byte(),
        when_false: script.byte(),
        operand: script.u32(),
    });
    let mut program = Program::new(code.collect(), inet6);
    let frame = Frame { link, time: Timestamp(0), wire_len, bytes: script.0 };
    assert_eq!(program.accepts(&frame), program.accepts(&frame));
}

/// `tcp`, as it is compiled for Ethernet and IPv4, before frames.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    let program: [(u16, u8, u8, u32); 6] = [
        (0x28, 0, 0, 12),
        (0x15, 0, 3, 0x800),
        (0x30, 0, 0, 23),
        (0x15, 0, 1, 6),
        (0x06, 0, 0, 65535),
        (0x06, 0, 0, 0),
    ];
    let frames = material.frames.iter().take(1).map(|(link, _, frame)| {
        let mut seed = vec![link.0 as u8, 10];
        seed.extend((frame.len() as u32).to_be_bytes());
        seed.push(program.len() as u8);
        for (code, when_true, when_false, operand) in program {
            seed.extend(code.to_be_bytes());
            seed.extend([when_true, when_false]);
            seed.extend(operand.to_be_bytes());
        }
        seed.extend(frame.iter().take(200));
        seed
    });
    frames.collect()
}
