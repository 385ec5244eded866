//! pcapng: sections, interfaces, clocks, every packet block, every fault.

use super::*;

/// A block with its padding and both of its lengths.
fn block(endian: Endian, kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
    let length = endian.u32((12 + body.len() + padding.len()) as u32);
    [&endian.u32(kind)[..], &length, body, &padding, &length].concat()
}

fn section(endian: Endian) -> Vec<u8> {
    let version = [endian.u16(1), endian.u16(0)].concat();
    block(endian, 0x0a0d_0d0a, &[&endian.u32(0x1a2b_3c4d)[..], &version, &[0xff; 8]].concat())
}

fn option(endian: Endian, code: u16, value: &[u8]) -> Vec<u8> {
    let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
    [&endian.u16(code)[..], &endian.u16(value.len() as u16), value, &padding].concat()
}

fn interface(endian: Endian, link: u16, snaplen: u32, options: &[Vec<u8>]) -> Vec<u8> {
    let link = [endian.u16(link), [0; 2]].concat();
    block(endian, 1, &[&link[..], &endian.u32(snaplen), &options.concat()].concat())
}

fn enhanced(endian: Endian, interface: u32, units: u64, wire_len: u32, bytes: &[u8]) -> Vec<u8> {
    let fields = [interface, (units >> 32) as u32, units as u32, bytes.len() as u32, wire_len];
    block(endian, 6, &[&endian.u32s(&fields), bytes].concat())
}

const LE: Endian = Endian::Little;

/// A section, an interface, an unknown block and a packet.
pub(super) fn small() -> Vec<u8> {
    [section(LE), interface(LE, 1, 0, &[]), block(LE, 77, &[0; 12]), enhanced(LE, 0, 1, 1, b"a")].concat()
}

#[test]
fn both_byte_orders_give_the_same_frames() {
    for endian in ENDIANS {
        let file = [
            section(endian),
            interface(endian, 1, 0, &[]),
            enhanced(endian, 0, 0x0006_0000_0000_0001, 3, b"abc"),
            enhanced(endian, 0, 2, 1514, b"de"),
        ];
        let read = read(&file.concat());
        let first = whole(0x0006_0000_0000_0001 * 1000, b"abc");
        assert_eq!(read.frames, [first, Got { wire_len: 1514, ..whole(2000, b"de") }]);
        assert_eq!(read.text(), "");
    }
}

#[test]
fn sections_have_byte_orders_and_interfaces_of_their_own() {
    let file = [
        section(Endian::Little),
        interface(Endian::Little, 1, 0, &[]),
        interface(Endian::Little, 101, 0, &[]),
        enhanced(Endian::Little, 1, 1, 1, b"a"),
        section(Endian::Big),
        interface(Endian::Big, 276, 0, &[]),
        enhanced(Endian::Big, 0, 2, 1, b"b"),
        section(Endian::Little),
        interface(Endian::Little, 0, 0, &[]),
        enhanced(Endian::Little, 0, 3, 1, b"c"),
    ];
    let got = |link, interface, time, bytes| Got { link, interface, ..whole(time, bytes) };
    assert_eq!(
        read(&file.concat()).frames,
        [got(101, 1, 1000, b"a"), got(276, 0, 2000, b"b"), got(0, 0, 3000, b"c")]
    );
}

#[test]
fn interfaces_may_be_described_between_packets() {
    let file = [
        section(LE),
        interface(LE, 1, 0, &[]),
        enhanced(LE, 0, 1, 1, b"a"),
        interface(LE, 113, 0, &[]),
        enhanced(LE, 1, 2, 1, b"b"),
        enhanced(LE, 0, 3, 1, b"c"),
    ];
    let links: Vec<u32> = read(&file.concat()).frames.iter().map(|frame| frame.link).collect();
    assert_eq!(links, [1, 113, 1]);
}

#[test]
fn clocks_have_decimal_and_binary_units_and_an_offset() {
    let second: u64 = 1_000_000_000;
    // Resolution, offset in seconds, units, nanoseconds.
    let cases: [(Option<u8>, i64, u64, u64); 16] = [
        (None, 0, 1_500_000, second + second / 2),
        (Some(0), 0, 3, 3 * second),
        (Some(3), 0, 1500, second + second / 2),
        (Some(9), 0, 1_000_000_001, second + 1),
        (Some(12), 0, 1_000_000_001_999, second + 1),
        (Some(19), 0, 10_000_000_000_000_000_000, second),
        (Some(127), 0, u64::MAX - 1, 0),
        (Some(0x80), 0, 3, 3 * second),
        (Some(0x8a), 0, 1024 + 512, second + second / 2),
        (Some(0xa0), 0, (5 << 32) + (1 << 31), 5 * second + second / 2),
        (Some(0xbf), 0, 1 << 63, second),
        (Some(0xff), 0, u64::MAX, 0),
        (Some(9), 1_700_000_000, 5, 1_700_000_000 * second + 5),
        (Some(9), -1, 1_500_000_000, second / 2),
        (Some(9), -2, 1_500_000_000, 0),
        (Some(0), i64::MAX, u64::MAX, u64::MAX),
    ];
    for endian in ENDIANS {
        for (resolution, offset, units, expected) in cases {
            let offset_bytes = if endian == LE { offset.to_le_bytes() } else { offset.to_be_bytes() };
            let mut options = vec![option(endian, 2, b"eth0")];
            options.extend(resolution.map(|resolution| option(endian, 9, &[resolution])));
            if offset != 0 {
                options.push(option(endian, 14, &offset_bytes));
            }
            options.push(option(endian, 0, b""));
            let file =
                [section(endian), interface(endian, 1, 0, &options), enhanced(endian, 0, units, 1, b"x")];
            assert_eq!(
                read(&file.concat()).frames,
                [whole(expected, b"x")],
                "{resolution:?} {offset} {units}"
            );
        }
    }
}

#[test]
fn simple_packets_are_cut_by_the_snapshot_length_and_take_the_time_before() {
    let simple = |wire_len: u32, bytes: &[u8]| block(LE, 3, &[&LE.u32(wire_len)[..], bytes].concat());
    let file = [
        section(LE),
        interface(LE, 1, 6, &[]),
        simple(3, b"abc"),
        enhanced(LE, 0, 7, 1, b"x"),
        simple(100, b"abcdef"),
        section(LE),
        interface(LE, 1, 0, &[]),
        simple(5, b"abcde"),
        simple(9, b"abcd"),
    ];
    let read = read(&file.concat());
    let cut = Got { wire_len: 100, ..whole(7000, b"abcdef") };
    let short = Got { wire_len: 9, ..whole(7000, b"abcd") };
    assert_eq!(read.frames, [whole(0, b"abc"), whole(7000, b"x"), cut, whole(7000, b"abcde"), short]);
}

#[test]
fn obsolete_packets_have_an_interface_of_16_bits() {
    for endian in ENDIANS {
        let head = [endian.u16(1), endian.u16(0xffff)].concat();
        let body = [&head[..], &endian.u32s(&[0, 9, 3, 60]), b"abc"].concat();
        let interfaces = [interface(endian, 1, 0, &[]), interface(endian, 12, 0, &[])].concat();
        let file = [section(endian), interfaces, block(endian, 2, &body)];
        let expected = Got { link: 12, interface: 1, wire_len: 60, ..whole(9000, b"abc") };
        assert_eq!(read(&file.concat()).frames, [expected]);
    }
}

#[test]
fn other_blocks_are_stepped_over() {
    let mut file = [section(LE), interface(LE, 1, 0, &[])].concat();
    for kind in [4, 5, 7, 8, 9, 10, 0xbad, 0x4000_0bad, 0x8000_0001] {
        file.extend(block(LE, kind, &vec![0xaa; kind as usize % 40]));
    }
    file.extend(enhanced(LE, 0, 1, 1, b"a"));
    let read = read(&file);
    assert_eq!((read.frames.len(), read.text()), (1, String::new()));
}

#[test]
fn malformed_options_do_not_lose_the_frames() {
    let resolution = option(LE, 9, &[9]);
    let broken: [(Vec<Vec<u8>>, u64); 6] = [
        (vec![option(LE, 9, &[])], 5000),
        (vec![resolution.clone(), option(LE, 14, &[1, 2, 3])], 5),
        (vec![resolution.clone(), vec![2, 0, 0xff, 0xff, 1, 2, 3, 4]], 5),
        (vec![resolution.clone(), vec![2, 0]], 5),
        (vec![option(LE, 0, &[]), resolution.clone()], 5000),
        (vec![vec![0xff; 9]], 5000),
    ];
    for (options, time) in broken {
        let file = [section(LE), interface(LE, 1, 0, &options), enhanced(LE, 0, 5, 1, b"x")];
        let read = read(&file.concat());
        assert_eq!((read.frames.as_slice(), read.text()), (&[whole(time, b"x")][..], String::new()));
    }
    // Behind the packet.
    let fields = LE.u32s(&[0, 0, 5, 1, 1]);
    let body = [&fields[..], b"x\0\0\0", &[0xff; 8]].concat();
    let file = [section(LE), interface(LE, 1, 0, &[]), block(LE, 6, &body)];
    assert_eq!(read(&file.concat()).frames, [whole(5000, b"x")]);
}

#[test]
fn a_block_that_contradicts_itself_is_left_out_and_told_at_the_end() {
    let begin = [section(LE), interface(LE, 1, 0, &[]), enhanced(LE, 0, 1, 1, b"a")].concat();
    let place = begin.len();
    let cases = [
        (enhanced(LE, 7, 1, 1, b"x"), "a packet names an interface that is not described"),
        (block(LE, 6, &LE.u32s(&[0, 0, 1, 5, 5, 1])), "a packet is longer than its block"),
        (block(LE, 6, &LE.u32s(&[0, 0, 1])), "a packet block is shorter than its fields"),
        (block(LE, 3, b""), "a packet block is shorter than its fields"),
        (block(LE, 2, b"abcd"), "a packet block is shorter than its fields"),
        (block(LE, 1, b"abcd"), "an interface description is shorter than its fields"),
    ];
    for (bad, reason) in cases {
        let file = [begin.clone(), bad, enhanced(LE, 0, 2, 1, b"b"), enhanced(LE, 9, 2, 1, b"c")].concat();
        let read = read(&file);
        assert_eq!(read.frames, [whole(1000, b"a"), whole(2000, b"b")], "{reason}");
        let text = read.text();
        assert!(text.starts_with(&format!("a: byte {place}: {reason}")), "{text}");
        assert!(text.ends_with("(1 more such places in this input)"), "{text}");
    }
}

#[test]
fn a_length_that_cannot_be_right_ends_the_file() {
    let begin = [section(LE), interface(LE, 1, 0, &[]), enhanced(LE, 0, 1, 1, b"a")].concat();
    let place = begin.len();
    let mut disagree = enhanced(LE, 0, 1, 1, b"x");
    *disagree.last_mut().expect("a block") ^= 1;
    let mut disagree_unknown = block(LE, 77, b"abcd");
    *disagree_unknown.last_mut().expect("a block") ^= 1;
    let mut absurd = enhanced(LE, 0, 1, 1, b"x");
    absurd[4..8].copy_from_slice(&LE.u32((256 << 20) + 4));
    let mut short = enhanced(LE, 0, 1, 1, b"x");
    short[4..8].copy_from_slice(&LE.u32(8));
    let mut unmarked = section(LE);
    unmarked[8] ^= 1;
    let mut small = section(LE);
    small[4..8].copy_from_slice(&LE.u32(16));
    let mut version = section(LE);
    version[12] = 2;
    let cases = [
        (disagree, "the two lengths of a block disagree"),
        (disagree_unknown, "the two lengths of a block disagree"),
        (absurd, "a record claims 268435460 bytes"),
        (short, "a block is shorter than its own header"),
        (unmarked, "a section header has no byte order mark"),
        (small, "a section header is shorter than its own fields"),
        (version, "version 2.0 of the file format is not known"),
    ];
    for (bad, reason) in cases {
        let file = [begin.clone(), bad, enhanced(LE, 0, 2, 1, b"b")].concat();
        let read = read(&file);
        assert_eq!(read.frames, [whole(1000, b"a")], "{reason}");
        let text = read.text();
        assert!(text.starts_with(&format!("a: byte {place}: {reason}")), "{text}");
    }
}

#[test]
fn lengths_without_the_padding_are_understood() {
    let mut packet = enhanced(LE, 0, 1, 1, b"a");
    let end = packet.len();
    for at in [4, end - 4] {
        packet[at..at + 4].copy_from_slice(&LE.u32(end as u32 - 3));
    }
    let file = [section(LE), interface(LE, 1, 0, &[]), packet, enhanced(LE, 0, 2, 1, b"b")];
    assert_eq!(read(&file.concat()).frames, [whole(1000, b"a"), whole(2000, b"b")]);
}

#[test]
fn more_interfaces_than_any_section_has_are_told() {
    let interfaces = interface(LE, 1, 0, &[]).repeat(65537);
    let file = [section(LE), interfaces, enhanced(LE, 65535, 1, 1, b"a"), enhanced(LE, 65536, 1, 1, b"b")];
    let read = from_memory(&file.concat());
    assert_eq!(read.frames.len(), 1);
    assert!(read.text().contains("more than 65536 interfaces"), "{}", read.text());
}

#[test]
fn a_cut_is_told_after_every_block_before_it() {
    let blocks = [
        section(LE),
        interface(LE, 1, 0, &[option(LE, 9, &[9]), option(LE, 0, b"")]),
        enhanced(LE, 0, 1, 5, b"abcde"),
        block(LE, 77, &[1; 20]),
        enhanced(LE, 0, 2, 60, b"abcdef"),
        section(Endian::Big),
        interface(Endian::Big, 1, 0, &[]),
        enhanced(Endian::Big, 0, 3, 1, b"a"),
    ];
    let file = blocks.concat();
    let all = read(&file).frames;
    let ends: Vec<usize> = blocks
        .iter()
        .scan(0, |end, block| {
            *end += block.len();
            Some(*end)
        })
        .collect();
    let packets = [ends[2], ends[4], ends[7]];
    damage(&file, |left, read| {
        let Some(length) = left else {
            assert!(read.frames.len() <= 3);
            return;
        };
        let count = packets.iter().filter(|end| **end <= length).count();
        assert_eq!(read.frames, all[..count], "{length} bytes");
        assert_eq!(read.error.is_none(), ends.contains(&length), "{length} bytes: {}", read.text());
        if length >= 4 && length < ends[0] {
            let expected = matches!(read.kind(), Some(InputErrorKind::TruncatedHeader { present, .. }) if present == length as u64);
            assert!(expected, "{length} bytes");
        }
    });
}
