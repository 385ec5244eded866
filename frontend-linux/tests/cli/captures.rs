//! Capture files that tapflow writes: the packets of each flow (`-K`), and those of none (`-w`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tapflow_common::input::{self};
use tapflow_core::LinkType;
use tapflow_tests::cases;
use tapflow_tests::program::on_all_processors;

use super::support::{Place, Run, capture, capture_bytes};

/// A frame: link type, time in nanoseconds, length on the wire, bytes.
type Frame = (u32, u64, u32, Vec<u8>);

/// The frames of a capture file, in its order.
fn frames(path: &Path) -> Vec<Frame> {
    let mut source = input::open(path, Default::default()).unwrap();
    let mut frames = Vec::new();
    while let Ok(Some(packet)) = source.next() {
        let frame = packet.frame;
        frames.push((frame.link.0, frame.time.0, frame.wire_len, frame.bytes.to_vec()));
    }
    frames
}

/// Of each capture file below `o` by its name.
fn flows(place: &Place) -> BTreeMap<String, Vec<Frame>> {
    place
        .files("o")
        .into_keys()
        .map(|name| (name.clone(), frames(&place.path(&format!("o/{name}")))))
        .collect()
}

fn keep(place: &Place, capture: &str) -> Run {
    place.tapflow(&["-K", "-w", "rest.pcap", "-o", "o", "-r", capture])
}

/// Link type and magic of a pcap file.
fn kind(place: &Place, name: &str) -> (u32, u32) {
    let bytes = fs::read(place.path(name)).unwrap();
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(20), number(0))
}

const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// A link type for private use.
const UNDECODED: u32 = 147;

#[test]
fn every_packet_of_every_capture_is_in_one_file_as_it_was_captured_and_in_order() {
    let is_capture =
        |path: &PathBuf| path.extension().is_some_and(|ending| ending == "pcap" || ending == "pcapng");
    let entries = fs::read_dir(capture("")).unwrap();
    let mut captures: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(is_capture).collect();
    assert!(captures.len() > 50);
    captures.sort_unstable();
    // Every one, or, where property tests try fewer cases, every so many.
    let all = captures.len() as u32;
    let captures: Vec<_> = captures.iter().step_by(all.div_ceil(cases(all).max(1)) as usize).collect();
    on_all_processors(&captures, |path| {
        let place = Place::new();
        place.tapflow(&["-q", "-K", "-w", "rest.pcap", "-o", "o", "-r", path.to_str().unwrap()]);
        let mut expected = frames(path);
        let mut written = frames(&place.path("rest.pcap"));
        for (name, frames) in flows(&place) {
            assert!(name.ends_with(".pcap"), "{name}");
            // As they came: the order of the input.
            let mut rest = expected.iter();
            for frame in &frames {
                assert!(rest.any(|other| other == frame), "{}: order of {name}", path.display());
            }
            written.extend(frames);
        }
        expected.sort();
        written.sort();
        assert!(written == expected, "{}: {} of {}", path.display(), written.len(), expected.len());
    });
}

#[test]
fn a_flow_has_a_capture_file_and_no_other() {
    let place = Place::new();
    keep(&place, "@http-keepalive.pcap")
        .ends_with(0)
        .says(&["27 packets in 2 capture files, 0 packets of no flow"]);
    let flows = flows(&place);
    let counts: Vec<(&str, usize)> =
        flows.iter().map(|(name, frames)| (name.as_str(), frames.len())).collect();
    assert_eq!(
        counts,
        [
            ("192.000.002.001.41670-192.000.002.002.00080.pcap", 14),
            ("192.000.002.002.00080-192.000.002.001.41670.pcap", 13)
        ]
    );
    for name in flows.keys() {
        assert_eq!(kind(&place, &format!("o/{name}")), (1, NANOSECONDS));
    }
    // Without packets of its own the other file has the capture's link type.
    assert_eq!(kind(&place, "rest.pcap"), (1, NANOSECONDS));
}

#[test]
fn a_side_that_only_refuses_has_a_file_too() {
    let place = Place::new();
    keep(&place, "@tcp-refused.pcap").ends_with(0);
    let counts: Vec<(String, usize)> =
        flows(&place).into_iter().map(|(name, frames)| (name, frames.len())).collect();
    assert_eq!(
        counts,
        [
            ("192.000.002.001.40000-198.051.100.002.00080.pcap".to_owned(), 1),
            ("192.000.002.001.40001-198.051.100.002.00080.pcap".to_owned(), 2),
            ("198.051.100.002.00080-192.000.002.001.40000.pcap".to_owned(), 1)
        ]
    );
}

#[test]
fn all_fragments_of_a_flow_are_in_its_file() {
    let place = Place::new();
    keep(&place, "@fragments-ipv4.pcap").ends_with(0).says(&["12 packets in 2 capture files"]);
    assert_eq!(flows(&place)["192.000.002.001.40000-198.051.100.002.00080.pcap"].len(), 9);
}

#[test]
fn fragments_without_the_rest_of_their_datagram_are_in_no_flow() {
    let bytes = capture_bytes("fragments-ipv4.pcap");
    let offsets = super::support::record_offsets(&bytes);
    let place = Place::new();
    // Fragments have an offset, or announce more.
    let is_fragment = |record: &[u8]| u16::from_be_bytes([record[16 + 20], record[16 + 21]]) & 0x3fff != 0;
    let records: Vec<&[u8]> = offsets.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
    let last = records.iter().rposition(|record| is_fragment(record)).unwrap();
    let fragments = records.iter().filter(|record| is_fragment(record)).count();
    let first = records.iter().position(|record| is_fragment(record)).unwrap();
    for (gone, rest) in [(last, 0), (first, fragments - 1)] {
        let kept = records.iter().enumerate().filter(|(at, _)| *at != gone);
        let cut: Vec<u8> = bytes[..24].iter().chain(kept.flat_map(|(_, record)| *record)).copied().collect();
        place.put("cut.pcap", cut);
        let _ = fs::remove_dir_all(place.path("o"));
        keep(&place, "cut.pcap").ends_with(0);
        // The beginning of a datagram is used, and is in the flow then.
        assert_eq!(frames(&place.path("rest.pcap")).len(), rest);
    }
}

#[cfg(unix)]
#[test]
fn times_of_capture_files_are_those_of_their_first_packet() {
    use std::os::unix::fs::MetadataExt;
    let place = Place::new();
    keep(&place, "@file-le-nano.pcap").ends_with(0);
    for (name, frames) in flows(&place) {
        let facts = fs::metadata(place.path(&format!("o/{name}"))).unwrap();
        let time = u64::try_from(facts.mtime() * 1_000_000_000 + facts.mtime_nsec()).unwrap();
        assert_eq!(time, frames[0].1);
        assert!(frames.iter().any(|frame| !frame.1.is_multiple_of(1000)));
    }
}

#[test]
fn one_descriptor_is_enough_for_many_flows() {
    let (few, many) = (Place::new(), Place::new());
    few.tapflow(&["-q", "-f", "1", "-K", "-o", "o", "-r", "@tcp-many-flows.pcap"]).ends_with(0);
    many.tapflow(&["-q", "-K", "-o", "o", "-r", "@tcp-many-flows.pcap"]).ends_with(0);
    assert_eq!(few.files("o"), many.files("o"));
    assert!(few.files("o").len() > 100);
}

#[test]
fn packets_of_several_link_types_make_the_rest_a_pcapng_file_and_more_files_of_a_flow() {
    let place = Place::new();
    let args =
        ["-K", "-w", "rest.pcap", "-o", "o", "-r", "@other-protocols.pcap", "-r", "@link-sll.pcap", "-r"];
    let run = place.tapflow(&[&args[..], &["@link-raw-101.pcap", "--input-order", "given"]].concat());
    run.ends_with(0);
    // Ethernet, cooked and raw: the three captures hold the same connections.
    let links = |name: &str| -> Vec<u32> {
        flows(&place)
            .iter()
            .filter(|(flow, _)| flow.starts_with(name))
            .map(|(_, frames)| frames[0].0)
            .collect()
    };
    assert_eq!(
        links("192.000.002.001.40000"),
        [LinkType::ETHERNET.0, LinkType::LINUX_SLL.0, LinkType::RAW.0]
    );
    // All that was not TCP was on Ethernet.
    assert_eq!(kind(&place, "rest.pcap").1, NANOSECONDS);

    // Two link types in one file: it is not pcap any more.
    let ethernet = frames(&place.path("rest.pcap"));
    place.put("private.pcap", rewrapped(&capture_bytes("other-protocols.pcap")));
    place
        .tapflow(&[
            "-w",
            "both.pcap",
            "-o",
            "p",
            "-r",
            "@other-protocols.pcap",
            "-r",
            "private.pcap",
            "--input-order",
            "given",
        ])
        .ends_with(1)
        .says(&["private.pcap: packets of link type 147", "40 packets of no flow in both.pcap"]);
    let both = frames(&place.path("both.pcap"));
    assert_eq!(fs::read(place.path("both.pcap")).unwrap()[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    assert_eq!(both[..ethernet.len()], ethernet);
    assert!(both[ethernet.len()..].iter().all(|frame| frame.0 == UNDECODED));
    assert_eq!(both.len(), ethernet.len() + frames(&capture("other-protocols.pcap")).len());
    assert!(!place.path("both.pcap.new").exists());
}

/// The capture with a link type that nobody decodes.
fn rewrapped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[20..24].copy_from_slice(&UNDECODED.to_le_bytes());
    bytes
}

#[test]
fn a_name_or_a_pipe_asks_for_pcapng() {
    let place = Place::new();
    place.tapflow(&["-w", "rest.pcapng", "-o", "o", "-r", "@other-protocols.pcap"]).ends_with(0);
    let named = fs::read(place.path("rest.pcapng")).unwrap();
    let piped = place.tapflow(&["-w", "-", "-o", "p", "-r", "@other-protocols.pcap"]).ends_with(0);
    assert_eq!(piped.out, named);
    assert_eq!(frames(&place.path("rest.pcapng")).len(), 15);
}

#[test]
fn packets_that_the_filter_passes_over_are_in_no_file() {
    let place = Place::new();
    place.tapflow(&["-K", "-w", "rest.pcap", "-o", "o", "-r", "@other-protocols.pcap", "udp"]).ends_with(0);
    assert_eq!(frames(&place.path("rest.pcap")).len(), 1);
    assert_eq!(place.files("o").len(), 0);
}

#[test]
fn packets_of_unwanted_connections_are_in_no_flow() {
    let place = Place::new();
    place
        .tapflow(&["-K", "-w", "rest.pcap", "-o", "o", "-r", "@tcp-refused.pcap", "-R", "@http-plain.pcap"])
        .ends_with(0);
    assert_eq!(frames(&place.path("rest.pcap")), frames(&capture("http-plain.pcap")));
}

#[test]
fn the_other_file_can_be_had_with_flow_files_and_with_the_console() {
    let place = Place::new();
    place.tapflow(&["-w", "rest.pcap", "-o", "o", "-r", "@other-protocols.pcap"]).ends_with(0);
    assert_eq!(place.files("o").len(), 2);
    let printed = place.tapflow(&["-C", "-w", "again.pcap", "-r", "@other-protocols.pcap"]).ends_with(0);
    assert!(!printed.out.is_empty());
    assert_eq!(fs::read(place.path("rest.pcap")).unwrap(), fs::read(place.path("again.pcap")).unwrap());
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let place = Place::new();
    place
        .tapflow(&["-w", "none/rest.pcap", "-o", "o", "-r", "@http-plain.pcap"])
        .ends_with(1)
        .says(&["cannot create none/rest.pcap"]);
    place
        .tapflow(&["-K", "-w", "/dev/full", "-o", "o", "-r", "@other-protocols.pcap"])
        .ends_with(1)
        .says(&["/dev/full"]);
    place.put("own.pcap", capture_bytes("http-plain.pcap"));
    place.tapflow(&["-w", "own.pcap", "-r", "own.pcap"]).ends_with(1).says(&["own.pcap: it is an input"]);
    assert_eq!(fs::read(place.path("own.pcap")).unwrap(), capture_bytes("http-plain.pcap"));
    place.tapflow(&["-c", "-w", "-", "-r", "own.pcap"]).ends_with(2).says(&["would mix"]);
}
