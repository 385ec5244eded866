//! Filter expressions, compiled by libpcap.

use pcap::{Capture, Linktype};
use tapflow_core::LinkType;

use super::device::words;
use crate::input::bpf::{Instruction, Program};
use crate::input::{FilterCompiler, FrameFilter};

/// The compiler of libpcap.
#[derive(Clone, Copy, Debug, Default)]
pub struct Libpcap;

impl FilterCompiler for Libpcap {
    fn compile(&self, link: LinkType, expression: &str) -> Result<Box<dyn FrameFilter + Send>, String> {
        let program = Capture::dead(dlt(link)?)
            .and_then(|capture| capture.compile(expression, true))
            .map_err(|error| words(&error))?;
        let code: Option<Vec<Instruction>> =
            program.get_instructions().iter().map(|instruction| parse(&instruction.to_string())).collect();
        let code = code.ok_or("the program that libpcap made cannot be read")?;
        Ok(Box::new(Program::new(code, INET6)))
    }
}

/// `AF_INET6`, as libpcap was compiled with it.
const INET6: u32 = if cfg!(windows) { 23 } else { 10 };

/// The number by which libpcap knows a link type here; files number some differently, see
/// pcap-linktype(7).
fn dlt(link: LinkType) -> Result<Linktype, String> {
    let number = match link.0 {
        // Raw IP, with the numbers that files of several systems have.
        12 | 14 | 101 => 12,
        100 => 11,
        102 => 15,
        103 => 16,
        106 => 19,
        other => i32::try_from(other).map_err(|_| "unknown data link type".to_owned())?,
    };
    Ok(Linktype(number))
}

/// An instruction from its text, the one form in which the bindings give it away: code, jumps, operand.
fn parse(text: &str) -> Option<Instruction> {
    let mut fields = text.split(' ');
    let instruction = Instruction {
        code: fields.next()?.parse().ok()?,
        when_true: fields.next()?.parse().ok()?,
        when_false: fields.next()?.parse().ok()?,
        operand: fields.next()?.parse().ok()?,
    };
    fields.next().is_none().then_some(instruction)
}

#[cfg(test)]
mod tests {
    use tapflow_core::{Frame, Timestamp};

    use super::*;

    /// IPv4, TCP, 10.0.0.1:80 to 10.0.0.2:1024, without payload.
    const TCP4: [u8; 40] = [
        0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
        0, 80, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0, // TCP
    ];

    /// IPv6, TCP, ::1 port 80 to ::1 port 1024, without payload.
    fn tcp6() -> Vec<u8> {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 20, 6, 64];
        for _ in 0..2 {
            bytes.extend([0; 15]);
            bytes.push(1);
        }
        bytes.extend(&TCP4[20..]);
        bytes
    }

    fn accepts(link: u32, expression: &str, bytes: &[u8], wire_len: u32) -> bool {
        let mut filter = Libpcap.compile(LinkType(link), expression).expect("a valid expression");
        filter.accepts(&Frame { link: LinkType(link), time: Timestamp(0), wire_len, bytes })
    }

    #[test]
    fn expressions_hold_on_every_link_type_that_carries_ip() {
        let ethernet = [&[2; 12], &[8, 0][..]].concat();
        let sll = [&[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0][..], &[8, 0]].concat();
        let sll2 = [&[8, 0][..], &[0; 18]].concat();
        let links: [(u32, &[u8]); 14] = [
            (1, &ethernet),
            (12, &[]),
            (14, &[]),
            (101, &[]),
            (228, &[]),
            (0, &[2, 0, 0, 0]),
            (0, &[0, 0, 0, 2]),
            (108, &[0, 0, 0, 2]),
            (108, &[2, 0, 0, 0]),
            (113, &sll),
            (276, &sll2),
            (9, &[0xff, 3, 0, 0x21]),
            (50, &[0xff, 3, 0, 0x21]),
            (51, &[0x11, 0, 0, 1, 0, 42, 0, 0x21]),
        ];
        for (link, header) in links {
            let frame = [header, &TCP4].concat();
            let length = frame.len() as u32;
            let holds = |expression| accepts(link, expression, &frame, length);
            if link != 51 {
                assert!(holds("tcp port 80"), "link type {link}");
                assert!(!holds("tcp port 81"), "link type {link}");
                assert!(holds("src host 10.0.0.1 and not udp"), "link type {link}");
            }
            assert!(holds(""), "link type {link}");
        }
    }

    #[test]
    fn ipv6_on_loopback_is_found_whatever_system_wrote_the_file() {
        for family in [10_u32, 24, 28, 30] {
            for header in [family.to_le_bytes(), family.to_be_bytes()] {
                let frame = [&header[..], &tcp6()].concat();
                assert!(accepts(0, "ip6 and tcp port 80", &frame, 64), "NULL, {header:?}");
                assert!(accepts(108, "ip6 and tcp port 80", &frame, 64), "LOOP, {header:?}");
            }
        }
    }

    #[test]
    fn lengths_are_those_on_the_wire_where_the_capture_cut_the_frame() {
        assert!(accepts(101, "greater 1500", &TCP4, 1500));
        assert!(!accepts(101, "less 100", &TCP4, 1500));
        assert!(accepts(101, "len = 1500 and tcp", &TCP4, 1500));
    }

    #[test]
    fn a_frame_cut_before_what_is_asked_is_not_wanted() {
        for length in 0..TCP4.len() {
            assert_eq!(accepts(101, "tcp port 1024", &TCP4[..length], 40), length >= 24, "{length} bytes");
        }
    }

    #[test]
    fn loops_over_ipv6_headers_end() {
        assert!(accepts(229, "ip6 protochain 6", &tcp6(), 60));
        // A destination options header that is followed by another one, to the end of the frame.
        let mut endless = tcp6();
        endless[6] = 60;
        endless[40..].fill(60);
        assert!(!accepts(229, "ip6 protochain 6", &endless, 60));
    }

    #[test]
    fn an_invalid_expression_gives_the_compilers_words() {
        let error = |expression| Libpcap.compile(LinkType::ETHERNET, expression).err().expect("invalid");
        assert!(error("tcp prot 80").contains("syntax error"), "{}", error("tcp prot 80"));
        assert!(!error("host \0").is_empty());
        assert!(!error("ip proto 99999999999").is_empty());
    }

    #[test]
    fn no_link_type_stops_the_program() {
        for link in (0..400).chain([u32::MAX, i32::MAX as u32, 1 << 16]) {
            for expression in ["", "tcp port 80", "ether host 1:2:3:4:5:6", "greater 10", "vlan and tcp"] {
                if let Ok(mut filter) = Libpcap.compile(LinkType(link), expression) {
                    for length in 0..TCP4.len() {
                        let bytes = &TCP4[..length];
                        filter.accepts(&Frame {
                            link: LinkType(link),
                            time: Timestamp(0),
                            wire_len: 40,
                            bytes,
                        });
                    }
                }
            }
        }
    }
}
