//! Pages of made-up traffic.

use tapflow_core::decode::Settings;
use tapflow_core::{Frame, LinkType, Timestamp};

use super::canvas::{Area, HEIGHT, WIDTH};
use super::{MAX_SIZE, page};
use crate::traffic::{DEFAULT_HOSTS, Meter, Traffic};

const SECOND: u64 = 1_000_000_000;
/// 2023-11-14 22:13:20.
const START: u64 = 1_700_000_000 * SECOND;

/// A datagram of TCP (6) or UDP (17) without payload; hosts are numbers behind the network's.
fn ip(version: u8, protocol: u8, hosts: [u32; 2], ports: [u16; 2]) -> Vec<u8> {
    let mut bytes = if version == 4 {
        let mut bytes = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0];
        hosts.iter().for_each(|host| bytes.extend((0x0a00_0000 | host).to_be_bytes()));
        bytes
    } else {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 20, protocol, 64];
        for host in hosts {
            bytes.extend([0x20, 0x01, 0x0d, 0xb8, 0x85, 0xa3, 0x12, 0x34, 0xfe, 0xdc, 0x8a, 0x2e]);
            bytes.extend((0xabcd_0000 | host).to_be_bytes());
        }
        bytes
    };
    ports.iter().for_each(|port| bytes.extend(port.to_be_bytes()));
    bytes.extend([0; 16]);
    bytes
}

struct Capture(Meter);

impl Capture {
    fn new() -> Self {
        Self(Meter::new(&Settings::default(), DEFAULT_HOSTS))
    }

    fn packet(&mut self, time: u64, wire_len: u32, bytes: &[u8]) {
        self.0.note(&Frame { link: LinkType::RAW, time: Timestamp(time), wire_len, bytes });
    }

    fn traffic(mut self) -> Traffic {
        self.0.take()
    }
}

fn empty() -> Traffic {
    Capture::new().traffic()
}

fn one_packet(time: u64) -> Traffic {
    let mut capture = Capture::new();
    capture.packet(time, 54, &ip(4, 6, [1, 2], [40_000, 443]));
    capture.traffic()
}

/// Hosts with the longest addresses, for a span of time.
fn ipv6(span: u64) -> Traffic {
    let mut capture = Capture::new();
    for step in 0..1_000_u32 {
        let time = START + span / 1_000 * u64::from(step);
        let ports = [
            40_000 + (step % 7) as u16,
            [80, 443, 22, 21, 51_820, 27_017, 5_432, 11_211, 6_881, 6_667][step as usize % 10],
        ];
        capture.packet(
            time,
            900 + step,
            &ip(6, if step % 3 == 0 { 17 } else { 6 }, [step % 23, 4_000 + step % 11], ports),
        );
    }
    capture.traffic()
}

/// Every port of a host, from many others.
fn scan() -> Traffic {
    let mut capture = Capture::new();
    for port in 1..=u16::MAX {
        let source = 0x10_0000 | (u32::from(port) * 13);
        capture.packet(START + u64::from(port) * 77_000, 60, &ip(4, 6, [source, 1], [55_555, port]));
    }
    capture.traffic()
}

fn no_ip() -> Traffic {
    let mut capture = Capture::new();
    for second in 0..100 {
        let time = Timestamp(START + second * SECOND);
        let mut arp = [0; 42];
        arp[12..14].copy_from_slice(&[8, 6]);
        capture.0.note(&Frame { link: LinkType::ETHERNET, time, wire_len: 60, bytes: &arp });
    }
    capture.traffic()
}

fn largest_numbers() -> Traffic {
    let mut capture = Capture::new();
    for step in 0..200_000_u64 {
        let time = START + step * (u64::MAX / 400_000);
        let host = (step % 3_000) as u32 * 4_097;
        let frame = ip(
            4,
            6,
            [0xff_ffff - host, 0xff_fff0 - host],
            [65_535 - (step % 9) as u16, 65_500 - (step % 50) as u16],
        );
        capture.packet(time, u32::MAX, &frame);
    }
    capture.traffic()
}

fn examples() -> Vec<(&'static str, Traffic)> {
    const DAY: u64 = 86_400 * SECOND;
    vec![
        ("empty", empty()),
        ("one packet", one_packet(START)),
        ("at the beginning of time", one_packet(0)),
        ("at the end of time", one_packet(u64::MAX)),
        ("a microsecond", ipv6(1_000)),
        ("some milliseconds", ipv6(7_000_000)),
        ("a minute", ipv6(60 * SECOND)),
        ("a week", ipv6(7 * DAY)),
        ("ten years", ipv6(3_652 * DAY)),
        ("scan", scan()),
        ("no IP", no_ip()),
        ("largest numbers", largest_numbers()),
    ]
}

fn sources() -> Vec<String> {
    vec!["/a/long/path/".repeat(30) + "capture.pcap", "b.pcap".to_owned()]
}

fn overlap(a: &Area, b: &Area) -> bool {
    a.left < b.right() && b.left < a.right() && a.top < b.bottom() && b.top < a.bottom()
}

#[test]
fn no_text_touches_another_or_leaves_the_page() {
    for (name, traffic) in examples() {
        let canvas = page::draw(&traffic, &sources());
        assert!(canvas.texts.len() > 20, "{name}");
        for (place, (area, text)) in canvas.texts.iter().enumerate() {
            assert!(
                area.left >= 1_000 && area.right() <= WIDTH - 1_000 && area.top > 0 && area.bottom() < HEIGHT,
                "{name}: {text} at {area:?}"
            );
            for (other, other_text) in &canvas.texts[..place] {
                assert!(
                    !overlap(area, other),
                    "{name}: {text:?} at {area:?} and {other_text:?} at {other:?}"
                );
            }
        }
    }
}

/// The texts of a document, as a reader finds them: strings that are shown, plain or in hexadecimal.
fn shown(document: &[u8]) -> Vec<String> {
    let text: String = document.iter().map(|byte| char::from(*byte)).collect();
    let string = |line: &str| {
        if let Some(plain) = line.strip_prefix('(') {
            let plain = plain.strip_suffix(')').expect("the end of a string");
            return plain.replace("\\(", "(").replace("\\)", ")").replace("\\\\", "\\");
        }
        let digits = line.strip_prefix('<').and_then(|line| line.strip_suffix('>')).expect("a string");
        let bytes = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("digits"));
        bytes.map(|pair| char::from(u8::from_str_radix(pair, 16).expect("a byte"))).collect()
    };
    text.lines().filter_map(|line| line.strip_suffix(" Tj")).map(string).collect()
}

#[test]
fn the_numbers_are_on_the_page_as_text() {
    let mut capture = Capture::new();
    for step in 0..10 {
        capture.packet(START + step * SECOND, 1_000, &ip(4, 6, [1, 2], [80, 40_000]));
        capture.packet(START + step * SECOND, 100, &ip(4, 6, [2, 1], [40_000, 80]));
    }
    capture.packet(START + 9 * SECOND, 70, &ip(6, 17, [1, 2], [53, 5_000]));
    let document = page::document(&capture.traffic(), &["a(1).pcap".to_owned()]);
    let texts = shown(&document);
    for expected in [
        "a(1).pcap",
        "2023-11-14 22:13:20",
        "2023-11-14 22:13:29",
        "9 seconds",
        "21 packets, 11.1 KB (11,070 bytes)",
        "IPv4",
        "11.0 KB",
        "99.4%",
        "Bytes over time; a bar is 100 ms",
        "HTTP 99.4%",
        "53/udp DNS 0.6%",
        "10.0.0.1",
        "2001:db8:85a3:1234:fedc:8a2e:abcd:1",
        "10.0 KB",
        "90.3%",
        "80 HTTP",
        "40000",
        "22:13:24",
    ] {
        assert!(texts.iter().any(|text| text == expected), "{expected:?} is not in {texts:?}");
    }
}

#[test]
fn documents_are_bounded_and_name_nothing_of_the_machine() {
    for (name, traffic) in examples() {
        let document = page::document(&traffic, &sources());
        assert!((document.len() as u64) < MAX_SIZE, "{name}: {}", document.len());
        assert!(document.starts_with(b"%PDF-1.4"));
        assert!(!document.windows(13).any(|part| part == b"/CreationDate"));
        assert_eq!(document, page::document(&traffic, &sources()), "{name}");
    }
}

#[test]
fn names_of_inputs_are_shown_by_their_end() {
    let texts = shown(&page::document(&empty(), &sources()));
    assert!(
        texts.iter().any(|text| text.starts_with('\u{85}') && text.ends_with("/capture.pcap and 1 more")),
        "{texts:?}"
    );
    let hostile = ["\u{4e2d})Tj\n\u{202e}(".to_owned()];
    let texts = shown(&page::document(&empty(), &hostile));
    assert!(texts.iter().any(|text| text == "\\u{4e2d})Tj\\u{a}\\u{202e}("), "{texts:?}");
}
