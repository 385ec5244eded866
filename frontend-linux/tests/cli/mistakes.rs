//! The table of typical mistakes: each command gets the message that the page says.

use super::support::{Place, capture_bytes};

const PAGE: &str = include_str!("../../../docs/mistakes.md");

/// The cells of a line of the table, without the marks of code.
fn cells(line: &str) -> Option<[&str; 3]> {
    let row = line.strip_prefix("| `tapflow ")?.strip_suffix("` |")?;
    let (command, rest) = row.split_once("` | ")?;
    let (status, message) = rest.split_once(" | `")?;
    Some([command, status, message])
}

#[test]
fn each_typical_mistake_gets_its_message() {
    let rows: Vec<_> = PAGE.lines().filter_map(cells).collect();
    assert_eq!(
        rows.len(),
        PAGE.lines().filter(|line| line.starts_with("| `")).count(),
        "every row is tested"
    );
    assert!(rows.len() >= 20);
    let capture = capture_bytes("http-plain.pcap");
    for [command, status, message] in rows {
        let place = Place::new();
        place.put("a.pcap", &capture);
        place.put("notes.txt", "This is no capture, but a text.\n");
        place.put("empty.pcap", "");
        place.put("cut.pcap", &capture[..600]);
        std::fs::create_dir(place.path("folder")).unwrap();
        place.tapflow(&["-q", "-r", "a.pcap", "-o", "done"]).ends_with(0);
        let words: Vec<&str> = command.split(' ').collect();
        let run = place.tapflow(&words);
        assert_eq!(
            run.status.map(|status| status.to_string()).as_deref(),
            Some(status),
            "{command}: {}",
            run.err
        );
        assert!(run.err.contains(message), "{command}: {message:?} is not in:\n{}", run.err);
    }
}
