//! Streams as their receivers have them: overlaps, urgent data, what they would drop, and what never came.

use tapflow_tests::frames::{SYN, TcpFrame};

use super::support::Place;

const UP: &str = "010.000.000.001.40000-010.000.000.002.00080";

/// A capture of these segments, each with its second.
pub(crate) fn capture(segments: &[(u32, TcpFrame)]) -> Vec<u8> {
    let mut file =
        vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0];
    for (second, segment) in segments {
        let bytes = segment.bytes();
        let len = (bytes.len() as u32).to_le_bytes();
        for field in [second.to_le_bytes(), [0; 4], len, len] {
            file.extend(field);
        }
        file.extend(bytes);
    }
    file
}

fn up(second: u32, offset: u32, payload: &str) -> (u32, TcpFrame) {
    (second, TcpFrame::up(100 + offset, 0, payload.as_bytes()).acknowledging(200))
}

fn syn() -> (u32, TcpFrame) {
    (1, TcpFrame::up(99, SYN, b""))
}

#[test]
fn overlaps_are_those_of_the_receivers_system_and_what_lost_is_reported() {
    let place = Place::new();
    place.put("a.pcap", capture(&[syn(), up(1, 5, "world"), up(1, 5, "WORLD!"), up(1, 0, "hello")]));
    for (args, stream, said) in [
        (&[][..], "helloworld!", "1 piece with other content (5 bytes, first copy kept)"),
        (&["--overlap", "bsd"], "helloworld!", "first copy kept"),
        (&["--overlap", "linux"], "helloWORLD!", "1 piece with other content (5 bytes, later copy kept)"),
        (&["--overlap", "last", "--overlap", "10.0.0.0/8=first"], "helloworld!", "first copy kept"),
        (&["--overlap", "10.0.0.2=last", "--overlap", "10.0.0.0/8=first"], "helloWORLD!", "later copy kept"),
    ] {
        let folder = format!("o{}", args.join("-").replace('/', "_"));
        let all = [args, &["-I", "-o", &folder, "-r", "a.pcap"]].concat();
        place.tapflow(&all).ends_with(0).says(&[said]);
        assert_eq!(place.files(&folder)[UP], stream.as_bytes(), "{args:?}");
        let list = if said.contains("later") { "replaced" } else { "conflicts" };
        let report = place.report(&folder);
        let lines: Vec<&str> = report.lines().map(str::trim).collect();
        let listed =
            [format!("<tcpflow:{list} bytes=\"5\">"), "<tcpflow:range offset=\"5\" len=\"5\"/>".to_owned()];
        assert!(lines.windows(2).any(|pair| pair == listed), "{report}");
        let printed = place.tapflow(&[args, &["-CB0", "-r", "a.pcap"]].concat()).ends_with(0);
        assert_eq!(printed.out, stream.as_bytes(), "on the console too");
    }
}

#[test]
fn urgent_data_is_kept_or_left_out() {
    let place = Place::new();
    let urgent = up(1, 5, " wor!").1.urgent(5);
    place.put("a.pcap", capture(&[syn(), (1, urgent), up(1, 10, "ld"), up(1, 0, "hello")]));
    for (option, stream) in [("inline", "hello wor!ld"), ("drop", "hello world")] {
        let run = place.tapflow(&["--urgent", option, "-I", "-o", option, "-r", "a.pcap"]).ends_with(0);
        assert_eq!(place.files(option)[UP], stream.as_bytes());
        let printed = place.tapflow(&["--urgent", option, "-CB0", "-r", "a.pcap"]).ends_with(0);
        assert_eq!(printed.out, stream.as_bytes());
        if option == "drop" {
            run.says(&["1 byte of urgent data (--urgent)"]);
            assert!(place.report(option).contains("<tcpflow:urgent bytes=\"1\">"));
            assert!(place.report(option).contains("<byte_run file_offset=\"0\" len=\"11\"/>"));
            let index = &place.files(option)[&format!("{UP}.findx")];
            assert_eq!(index, b"5|1.000000|4\n9|1.000000|2\n0|1.000000|5\n");
        }
    }
}

#[test]
fn what_the_receiver_would_drop_is_kept_or_refused() {
    let place = Place::new();
    let clocked = |(second, frame): (u32, TcpFrame), clock| (second, frame.timestamp(clock));
    let down = |offset: u32, window| {
        let frame = TcpFrame::down(200, 0, b"").acknowledging(100 + offset);
        (1, TcpFrame { window, ..frame })
    };
    let answer = (1, TcpFrame::down(199, SYN, b"").acknowledging(100));
    place.put(
        "a.pcap",
        capture(&[
            clocked(syn(), 10),
            answer,
            clocked(up(1, 0, "one"), 20),
            down(3, 3),
            clocked(up(1, 3, "old"), 15),
            clocked(up(1, 3, "twothree"), 21),
        ]),
    );
    place
        .tapflow(&["-v", "-o", "count", "-r", "a.pcap"])
        .ends_with(0)
        .says(&["1 with outdated timestamps", "1 beyond the receiver's window"]);
    assert_eq!(place.files("count")[UP], b"oneoldthree");
    place
        .tapflow(&["--paws", "refuse", "--window", "refuse", "-o", "refuse", "-r", "a.pcap"])
        .ends_with(0)
        .says(&["8 bytes that the receiver would drop (--paws, --window)"]);
    assert_eq!(place.files("refuse")[UP], b"onetwo");
}

#[test]
fn the_console_waits_for_missing_bytes_only_so_long() {
    let place = Place::new();
    let segments = [syn(), up(1, 5, "world"), up(6, 10, "!"), up(11, 11, "?"), up(13, 0, "hello")];
    place.put("a.pcap", capture(&segments));
    let run = place.tapflow(&["-C", "-r", "a.pcap"]).ends_with(0).says(&[
        "1 hole skipped after waiting (--hole-timeout) (5 bytes)",
        "5 bytes printed late, out of order",
    ]);
    let text = String::from_utf8(run.out).unwrap();
    assert!(text.ends_with("world!\n?\nhello\n"), "{text}");
    let run = place.tapflow(&["-C", "--hole-timeout", "0", "-r", "a.pcap"]).ends_with(0);
    assert_eq!(run.out, b"hello\nworld!?\n");
    // The receiver has them: they are waited for a tenth of a second.
    let acknowledged = (2, TcpFrame::down(200, 0, b"").acknowledging(110));
    place.put("b.pcap", capture(&[syn(), up(1, 5, "world"), acknowledged, up(3, 10, "!")]));
    place
        .tapflow(&["-C", "-r", "b.pcap"])
        .ends_with(0)
        .says(&["1 hole skipped after an acknowledgement (5 bytes)"]);
}
