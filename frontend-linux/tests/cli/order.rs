//! Several inputs are one capture, whatever the order in which they are given.

use std::collections::BTreeMap;
use std::io::Write;

use super::support::{Place, capture_bytes, connection, header, pcap, record, record_offsets, streams};
use tapflow_tests::frames::TcpFrame;

type Frames = Vec<(u64, TcpFrame)>;

const START: u64 = 1_700_000_000;
/// As many as a rotating capture leaves in a night.
const PARTS: usize = 29;

/// Many short connections that lie beside each other: `seconds` of them, one beginning each second and lasting nine.
fn short_connections(seconds: u64) -> Frames {
    let mut frames = Frames::new();
    for number in 0..seconds {
        let text = |piece: u64| format!("piece {piece} of connection {number}\n").into_bytes();
        let pieces: Vec<_> = (0..10).map(|piece| (START + number + piece, text(piece))).collect();
        let pieces: Vec<_> = pieces.iter().map(|(time, text)| (*time, &text[..])).collect();
        frames.extend(connection(10_000 + number as u16, &pieces));
    }
    frames.sort_by_key(|(time, _)| *time);
    frames
}

/// The names that `tcpdump -C` gives: a shell puts `cap.pcap10` before `cap.pcap2`.
fn name(part: usize) -> String {
    if part == 0 { "cap.pcap".to_owned() } else { format!("cap.pcap{part}") }
}

/// Writes frames as a whole and in parts.
fn split(place: &Place, frames: &Frames) {
    place.put("whole", pcap(frames));
    for part in 0..PARTS {
        let range = frames.len() * part / PARTS..frames.len() * (part + 1) / PARTS;
        place.put(&name(part), pcap(&frames[range]));
    }
}

/// The files of a run with these words.
fn files_of(place: &Place, words: &[&str]) -> BTreeMap<String, Vec<u8>> {
    place.tapflow(&[&["-o", "o"], words].concat()).ends_with(0);
    let files = place.files("o");
    std::fs::remove_dir_all(place.path("o")).unwrap();
    files
}

#[test]
fn the_parts_of_a_rotating_capture_are_the_whole_in_any_order() {
    let place = Place::new();
    split(&place, &short_connections(120));
    let whole = files_of(&place, &["-r", "whole"]);
    assert_eq!(whole.len(), 240);
    let parts: Vec<String> = (0..PARTS).map(name).collect();
    let mut glob = parts.clone();
    glob.sort();
    let reversed = parts.iter().rev().cloned().collect();
    // 7 and 29 have no common divisor: each part once.
    let shuffled = (0..PARTS).map(|place| name(place * 7 % PARTS)).collect();
    for order in [glob.clone(), reversed, shuffled] {
        let words: Vec<&str> = order.iter().map(String::as_str).collect();
        assert!(files_of(&place, &[&["-l"], &words[..]].concat()) == whole, "{order:?}");
        // Some with -r, which come first, the others with -l.
        let mixed = [&["-r", words[0], "-r", words[1], "-l"], &words[2..]].concat();
        assert!(files_of(&place, &mixed) == whole, "{mixed:?}");
    }
    let run = place
        .tapflow(&["-v", "-o", "o", "--input-order", "given", "-l", "cap.pcap2", "cap.pcap1"])
        .ends_with(0);
    let of = |name: &str| run.err.find(&format!("reading {name}\n")).unwrap();
    assert!(of("cap.pcap2") < of("cap.pcap1"), "{}", run.err);
}

#[test]
fn parts_are_put_in_order_in_every_compression_and_with_every_way_to_read_them() {
    let place = Place::new();
    split(&place, &short_connections(40));
    let whole = files_of(&place, &["-r", "whole"]);
    let mut words = Vec::new();
    for part in (0..PARTS).rev() {
        let bytes = std::fs::read(place.path(&name(part))).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&bytes).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&bytes).unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(&bytes).unwrap();
        let bytes = match part % 5 {
            0 => gzip.finish().unwrap(),
            1 => xz.finish().unwrap(),
            2 => bzip2.finish().unwrap(),
            3 => zstd::encode_all(&bytes[..], 1).unwrap(),
            _ => bytes,
        };
        let name = format!("{part}.z");
        place.put(&name, bytes);
        words.push(name);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for more in [&[][..], &["tcp"], &["-S", "tdelta=3600"], &["--hash-inputs"]] {
        // A filter stands where files do.
        if more == ["tcp"] {
            let each: Vec<&str> = words.iter().flat_map(|word| ["-r", word]).collect();
            assert!(files_of(&place, &[&each[..], more].concat()) == whole, "{more:?}");
        } else {
            assert!(files_of(&place, &[more, &["-l"], &words[..]].concat()) == whole, "{more:?}");
        }
    }
}

#[test]
fn captures_of_two_taps_are_merged_packet_by_packet() {
    let frames = short_connections(60);
    let place = Place::new();
    place.put("whole", pcap(&frames));
    let whole = files_of(&place, &["-r", "whole"]);
    // One tap has what clients send, the other what servers do.
    let (up, down): (Frames, Frames) =
        frames.into_iter().partition(|(_, frame)| frame.bytes()[34..36] != [0, 80]);
    place.put("up", pcap(&up));
    place.put("down", pcap(&down));
    for words in [["-r", "up", "-r", "down"], ["-r", "down", "-r", "up"]] {
        let run = place.tapflow(&[&["-o", "o", "-v"], &words[..]].concat()).ends_with(0);
        run.says(&["reading up", "reading down", &format!("{} packets read from up", up.len())]);
        assert!(place.files("o") == whole, "{words:?}");
        std::fs::remove_dir_all(place.path("o")).unwrap();
    }
}

#[test]
fn files_that_cannot_be_read_do_not_stop_the_ordering_of_others() {
    let place = Place::new();
    split(&place, &short_connections(60));
    let whole = files_of(&place, &["-r", "whole"]);
    place.put("empty", b"");
    place.put("text", b"no capture at all");
    place.put("header", header());
    // The last record is cut off behind what the part itself has.
    let mut cut = std::fs::read(place.path("cap.pcap3")).unwrap();
    cut.extend([0; 7]);
    place.put("cap.pcap3", cut);
    let mut words = vec!["-o", "o", "-l", "missing", "empty"];
    let parts: Vec<String> = (0..PARTS).rev().map(name).collect();
    words.extend(parts[..9].iter().map(String::as_str));
    words.extend(["text", "header"]);
    words.extend(parts[9..].iter().map(String::as_str));
    let run = place.tapflow(&words).ends_with(1);
    run.says(&[
        "missing: no such file",
        "empty: the input is empty",
        "text: not a capture",
        "cap.pcap3: byte ",
    ]);
    assert!(place.files("o") == whole);
}

#[test]
fn a_pipe_whose_packets_are_older_than_those_before_it_is_said() {
    let place = Place::new();
    let frames = short_connections(20);
    let (early, late) = frames.split_at(frames.len() / 2);
    place.put("late", pcap(late));
    let run = place.tapflow_with(&["-o", "o", "-r", "late", "-r", "-"], &pcap(early)).ends_with(0);
    run.says(&["standard input: its packets begin ", "cannot be put in order"]);
    let place = Place::new();
    place.put("early", pcap(early));
    let run = place.tapflow_with(&["-o", "o", "-r", "early", "-r", "-"], &pcap(late)).ends_with(0);
    assert!(!run.err.contains("put in order"), "{}", run.err);
}

#[test]
fn a_file_that_is_not_in_order_within_itself_stays_as_it_is() {
    let place = Place::new();
    let mut frames = short_connections(20);
    // The clock is set back by an hour in between.
    let half = frames.len() / 2;
    frames[half..].iter_mut().for_each(|(time, _)| *time -= 3600);
    place.put("a", pcap(&frames));
    let alone = files_of(&place, &["-r", "a"]);
    place.put("b", pcap(&connection(9, &[(START + 5000, b"later")])));
    let mut both = files_of(&place, &["-r", "b", "-r", "a"]);
    assert_eq!(both.len(), alone.len() + 2);
    both.retain(|name, _| alone.contains_key(name));
    assert!(both == alone);
}

#[test]
fn files_that_complete_connections_are_in_order_among_themselves_behind_all_others() {
    let place = Place::new();
    let frames = connection(7, &[(START, b"one "), (START + 10, b"two "), (START + 20, b"three")]);
    let mut late = Frames::new();
    let mut early = Frames::new();
    for (time, frame) in frames {
        if time < START + 10 { early.push((time, frame)) } else { late.push((time, frame)) }
    }
    let (second, third): (Frames, Frames) = late.into_iter().partition(|(time, _)| *time < START + 20);
    for (name, frames) in [("1", &early), ("2", &second), ("3", &third)] {
        place.put(name, pcap(frames));
    }
    let whole = files_of(&place, &["-l", "1", "2", "3"]);
    assert_eq!(files_of(&place, &["-R", "3", "-R", "2", "-r", "1"]), whole);
    assert!(files_of(&place, &["-r", "2", "-R", "1"]) != whole, "nothing begins in a file of -R");
}

#[test]
fn ties_are_in_the_order_of_the_numbers_in_names() {
    let place = Place::new();
    // A slow clock: all of it in one second.
    let pieces: Vec<String> = (0..12).map(|piece| format!("{piece} ")).collect();
    let times: Vec<(u64, &[u8])> = pieces.iter().map(|piece| (START, piece.as_bytes())).collect();
    let frames = connection(7, &times);
    let mut names = Vec::new();
    for (part, frame) in frames.iter().enumerate() {
        let mut bytes = header();
        record(&mut bytes, frame.0, &frame.1);
        place.put(&name(part), bytes);
        names.push(name(part));
    }
    place.put("whole", pcap(&frames));
    names.sort();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(files_of(&place, &[&["-l"], &names[..]].concat()), files_of(&place, &["-r", "whole"]));
}

#[cfg(unix)]
#[test]
fn many_files_are_ordered_with_few_descriptors() {
    let place = Place::new();
    let frames = short_connections(60);
    place.put("whole", pcap(&frames));
    let whole = files_of(&place, &["-r", "whole"]);
    let mut line = String::from("ulimit -n 64; $tapflow -q -o o -l");
    for (number, frame) in frames.iter().enumerate() {
        place.put(&format!("{number}.cap"), pcap(std::slice::from_ref(frame)));
    }
    (0..frames.len()).rev().for_each(|number| line.push_str(&format!(" {number}.cap")));
    assert!(frames.len() > 700);
    place.shell(&line).ends_with(0);
    assert!(place.files("o") == whole);
}

#[test]
fn more_overlapping_files_than_may_be_open_are_said() {
    let place = Place::new();
    let mut words = vec!["-o".to_owned(), "o".to_owned(), "-l".to_owned()];
    for number in 0..70u16 {
        let end = START + 1000;
        place.put(
            &format!("{number}"),
            pcap(&connection(number + 1, &[(START + u64::from(number), b"a"), (end, b"b")])),
        );
        words.push(number.to_string());
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let run = place.tapflow(&words).ends_with(0);
    let said = run.err.matches("captures overlap in time").count();
    assert_eq!(said, 1, "{}", run.err);
    assert_eq!(place.files("o").len(), 140);
}

#[test]
fn captures_of_other_formats_are_put_in_order_too() {
    let place = Place::new();
    let name = "http-plain.pcap";
    let bytes = capture_bytes(name);
    let half = record_offsets(&bytes)[30];
    place.put("b.pcap", &bytes[..half]);
    place.put("a.pcap", [&bytes[..24], &bytes[half..]].concat());
    assert_eq!(files_of(&place, &["-l", "a.pcap", "b.pcap"]), streams(&[name]));
}
