//! What is written, and what options change about it.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;

use super::support::{Place, streams};

fn names(place: &Place, folder: &str) -> Vec<String> {
    place.files(folder).into_keys().collect()
}

#[cfg(unix)]
#[test]
fn times_keep_their_nanoseconds_in_files_and_indexes() {
    let place = Place::new();
    place.tapflow(&["-I", "-o", "o", "-r", "@file-le-nano.pcap"]).ends_with(0);
    for (name, seconds, nanoseconds, index) in [
        ("192.000.002.001.40000-198.051.100.002.00080", 1_704_067_200, 0, "0|1704067200.003000369|43\n"),
        (
            "198.051.100.002.00080-192.000.002.001.40000",
            1_704_067_200,
            1_000_123,
            "0|1704067200.005000615|51\n",
        ),
    ] {
        let path = place.path(&format!("o/{name}"));
        let facts = fs::metadata(&path).unwrap();
        assert_eq!((facts.mtime(), facts.mtime_nsec()), (seconds, nanoseconds));
        assert_eq!(fs::read_to_string(format!("{}.findx", path.display())).unwrap(), index);
    }
}

#[test]
fn times_of_microsecond_captures_have_six_decimals() {
    let place = Place::new();
    place.tapflow(&["-I", "-o", "o", "-r", "@tcp-holes.pcap"]).ends_with(0);
    let index =
        fs::read_to_string(place.path("o/192.000.002.001.40000-198.051.100.002.00080.findx")).unwrap();
    assert_eq!(index.lines().next(), Some("100|1704067200.003000|100"));
    assert_eq!(index.lines().count(), 5);
}

#[cfg(unix)]
#[test]
fn the_output_is_the_same_with_four_files_open_at_once() {
    for name in ["tcp-many-flows.pcap", "http-parallel.pcap", "wire-loss-reorder.pcap"] {
        let expected = streams(&[name]);
        let place = Place::new();
        let capture = format!("@{name}");
        for limit in ["1", "4"] {
            place.tapflow(&["-f", limit, "-o", limit, "-r", &capture]).ends_with(0);
            assert!(place.files(limit) == expected, "{name} with {limit} files");
        }
        // Standard streams, input, report, and four more.
        place.shell(&format!("ulimit -n 12; $tapflow -o u -r $data/{name}")).ends_with(0);
        assert!(place.files("u") == expected, "{name} with 12 descriptors");
    }
}

#[test]
fn b_keeps_the_first_bytes_of_each_flow() {
    let place = Place::new();
    for (limit, bytes) in [("10", 10), ("100", 100), ("0", 0)] {
        let run = place.tapflow(&["-b", limit, "-o", limit, "-r", "@tcp-out-of-order.pcap"]).ends_with(0);
        run.says(&["bytes beyond the limit of -b"]);
        let whole = streams(&["tcp-out-of-order.pcap"]);
        for (name, kept) in place.files(limit) {
            assert_eq!(kept, whole[&name][..bytes.min(whole[&name].len())], "{name} with -b {limit}");
        }
    }
}

#[test]
fn m_is_the_jump_that_ends_a_stream() {
    let place = Place::new();
    place.tapflow(&["-o", "usual", "-r", "@tcp-holes.pcap"]).ends_with(0);
    assert_eq!(names(&place, "usual").len(), 1);
    // Five pieces of 100 bytes with holes of 100 before the first four and 1100 before the last.
    place.tapflow(&["-m", "1000", "-o", "split", "-r", "@tcp-holes.pcap"]).ends_with(0);
    assert_eq!(
        names(&place, "split"),
        ["192.000.002.001.40000-198.051.100.002.00080", "192.000.002.001.40000-198.051.100.002.00080c1"]
    );
    let sizes: Vec<_> = place.files("split").values().map(Vec::len).collect();
    assert_eq!(sizes, [800, 100]);
}

#[cfg(unix)]
#[test]
fn names_follow_template_and_letters() {
    let place = Place::new();
    for (args, first) in [
        (&["-T", "%N-%A"][..], "000-192.000.002.001"),
        (&["-FtT"], "2024-01-01T00:00:00Z1704067200T192.000.002.001.40000-198.051.100.002.00080"),
        (&["-Fk"], "000/192.000.002.001.40000-198.051.100.002.00080"),
        (&["-T", "%T/%S/%a_%b%#"], "2024-01-01T00:00:00Z/00000000000000000000/00080_400000"),
    ] {
        let place_of = format!("o{}", args.concat().replace(['/', '%'], ""));
        place.tapflow(&[&["-o", &place_of, "-r", "@link-ipv4-228.pcap"], args].concat()).ends_with(0);
        assert_eq!(names(&place, &place_of).first().map(String::as_str), Some(first), "{args:?}");
    }
}

#[test]
fn earlier_files_are_never_touched() {
    let place = Place::new();
    for count in 1..=3 {
        place.tapflow(&["-o", "o", "-r", "@http-plain.pcap"]).ends_with(0);
        assert_eq!(place.files("o").len(), 2 * count);
    }
    let files: Vec<_> = place.files("o").into_values().collect();
    assert_eq!(files[..3].iter().collect::<std::collections::BTreeSet<_>>().len(), 1);
}

#[cfg(unix)]
#[test]
fn the_report_goes_where_it_is_wanted() {
    let place = Place::new();
    place.tapflow(&["-o", "a", "-X", "elsewhere.xml", "-r", "@http-plain.pcap"]).ends_with(0);
    assert!(place.report_file("elsewhere.xml").contains("<filename>a/192.000.002.001."));
    assert!(!place.path("a/report.xml").exists());

    place.tapflow(&["-o", "b", "-S", "enable_report=NO", "-r", "@http-plain.pcap"]).ends_with(0);
    assert!(!place.path("b/report.xml").exists());

    place.tapflow(&["-o", "c", "-c", "-r", "@http-plain.pcap"]).ends_with(0);
    assert!(!place.path("c").exists() && !place.path("report.xml").exists());

    let run = place.tapflow(&["-FX", "-o", "d", "-X", "/dev/stdout", "-r", "@http-plain.pcap"]).ends_with(0);
    let text = String::from_utf8(run.out).unwrap();
    assert!(roxmltree::Document::parse(&text).is_ok());
}

#[test]
fn big_x_of_f_writes_only_the_report() {
    let place = Place::new();
    place.tapflow(&["-FX", "-o", "o", "-r", "@http-plain.pcap"]).ends_with(0);
    assert!(place.files("o").is_empty());
    assert!(place.report("o").contains("total_flows>2<"));
}
