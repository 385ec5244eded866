//! Keepalives in what is written about a run.

use super::support::{Place, pcap};
use tapflow_tests::frames::{ACK, FIN, SYN, TcpFrame};

#[test]
fn keepalives_are_no_conflicts_and_are_counted_everywhere() {
    let mut frames = vec![
        (1, TcpFrame::up(0, SYN, b"")),
        (1, TcpFrame::down(0, SYN, b"").acknowledging(1)),
        (1, TcpFrame::up(1, ACK, b"hello").acknowledging(1)),
        (1, TcpFrame::down(1, ACK, b"").acknowledging(6)),
    ];
    // Windows sends a byte of any value, Linux none.
    for (second, byte) in [(60, &b"\0"[..]), (120, b"X"), (180, b"")] {
        frames.push((second, TcpFrame::up(5, ACK, byte).acknowledging(1)));
        frames.push((second, TcpFrame::down(1, ACK, b"").acknowledging(6)));
    }
    frames.push((200, TcpFrame::down(1, ACK, b"bye").acknowledging(6)));
    frames.push((200, TcpFrame::down(4, FIN, b"").acknowledging(6)));
    frames.push((200, TcpFrame::up(6, FIN, b"").acknowledging(5)));
    let place = Place::new();
    place.put("in", pcap(&frames));
    let run = place.tapflow(&["-v", "-o", "o", "--jsonl", "lines", "-r", "in"]).ends_with(0);
    run.says(&["3 keepalive, 3 answer to a keepalive"]);
    let report = place.report("o");
    assert_eq!(report.matches(" keepalives=\"3\"").count(), 2, "{report}");
    assert!(report.contains("<tcpflow:counter name=\"keepalives\">3<"), "{report}");
    assert!(report.contains("<tcpflow:counter name=\"keepalive_answers\">3<"), "{report}");
    assert!(!report.contains("conflict"), "{report}");
    let lines = std::fs::read_to_string(place.path("lines")).unwrap();
    assert_eq!(lines.matches("\"keepalives\":3").count(), 2, "{lines}");
    assert!(place.files("o").into_values().any(|file| file == b"hello"));
}
