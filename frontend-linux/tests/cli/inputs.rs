//! Where packets come from: files, pipes, compressed files, several of them.

use std::io::Write;

use flate2::{Compression, Crc};

use super::support::{Place, capture_bytes, record_offsets, streams};

const HTTP: &str = "http-plain.pcap";

/// The same bytes in every compression that is read, with the names that files have.
fn compressed(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).unwrap();
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(bytes).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(bytes).unwrap();
    let options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut lzma = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    lzma.write_all(bytes).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(bytes).unwrap();
    vec![
        ("a.pcap.gz", gzip.finish().unwrap()),
        ("a.pcap.bz2", bzip2.finish().unwrap()),
        ("a.pcap.xz", xz.finish().unwrap()),
        ("a.pcap.lzma", lzma.finish().unwrap()),
        ("a.pcap.zst", zstd::encode_all(bytes, 1).unwrap()),
        ("a.pcap.lz4", lz4.finish().unwrap()),
        ("a.pcap.zip", zip(bytes)),
        // Content decides, not the name; and no shell sees it.
        ("it's $(touch x).pcap", zstd::encode_all(&zip(bytes)[..], 1).unwrap()),
    ]
}

/// An archive with one member, deflated (APPNOTE.TXT 4.3).
fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(bytes).unwrap();
    let packed = deflate.finish().unwrap();
    let mut crc = Crc::new();
    crc.update(bytes);
    let sizes = [crc.sum(), packed.len() as u32, bytes.len() as u32].map(u32::to_le_bytes).concat();
    let name = b"a.pcap";
    // Version needed, flags, method, time, date, sums and sizes, length of name and of extra field.
    let facts = [&[20, 0, 0, 0, 8, 0, 0, 0, 0, 0], &sizes[..], &[name.len() as u8, 0, 0, 0]].concat();
    let local = [b"PK\x03\x04", &facts[..], name, &packed].concat();
    let central = [b"PK\x01\x02\x14\x00", &facts[..], &[0; 14], name].concat();
    let end = [
        b"PK\x05\x06\0\0\0\0\x01\0\x01\0",
        &(central.len() as u32).to_le_bytes()[..],
        &(local.len() as u32).to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    [local, central, end].concat()
}

#[test]
fn every_compression_is_read_from_a_file_and_from_a_pipe() {
    for capture in [HTTP, "ng-interfaces.pcapng"] {
        let expected = streams(&[capture]);
        for (name, bytes) in compressed(&capture_bytes(capture)) {
            let place = Place::new();
            place.put(name, &bytes);
            place.tapflow(&["-o", "o", "-r", name]).ends_with(0);
            assert_eq!(place.files("o"), expected, "{name}");
            assert!(!place.path("x").exists());

            place.tapflow_with(&["-o", "p", "-r", "-"], &bytes).ends_with(0);
            assert_eq!(place.files("p"), expected, "{name} by pipe");
        }
    }
}

#[test]
fn standard_input_gives_what_the_file_gives() {
    for name in [HTTP, "file-be-nano.pcap", "file-modified-le.pcap", "ng-sections.pcapng"] {
        let place = Place::new();
        place.tapflow_with(&["-o", "o", "-r", "-"], &capture_bytes(name)).ends_with(0);
        assert_eq!(place.files("o"), streams(&[name]), "{name}");
    }
}

#[test]
fn captures_of_every_format_are_read_in_one_run() {
    let names = ["link-sll2.pcap", "ng-sections.pcapng", "file-be-nano.pcap", "ftp.pcap"];
    let place = Place::new();
    place.put("a.xz", &compressed(&capture_bytes("ftp.pcap"))[2].1);
    let args = ["-o", "o", "-l", "@link-sll2.pcap", "@ng-sections.pcapng", "@file-be-nano.pcap", "a.xz"];
    place.tapflow(&args).ends_with(0);
    assert_eq!(place.files("o"), streams(&names));
}

/// Cut between records, as `tcpdump -G` does.
fn halves(place: &Place, name: &str, records: usize) {
    let bytes = capture_bytes(name);
    let half = record_offsets(&bytes)[records];
    place.put("1.pcap", &bytes[..half]);
    place.put("2.pcap", [&bytes[..24], &bytes[half..]].concat());
}

#[test]
fn connections_go_on_from_one_file_to_the_next() {
    let expected = streams(&[HTTP]);
    for args in [
        &["-r", "1.pcap", "-r", "2.pcap"][..],
        &["-l", "1.pcap", "2.pcap"],
        &["-r", "1.pcap", "-R", "2.pcap"],
        &["-R", "2.pcap", "-r", "1.pcap"],
    ] {
        let place = Place::new();
        halves(&place, HTTP, 30);
        place.tapflow(&[&["-o", "o"], args].concat()).ends_with(0);
        assert_eq!(place.files("o"), expected, "{args:?}");
    }
}

#[test]
fn a_file_of_big_r_begins_no_flow() {
    let place = Place::new();
    let run = place.tapflow(&["-o", "o", "-r", "@ftp.pcap", "-R", "@http-plain.pcap"]).ends_with(0);
    run.says(&[
        "TCP of no known connection",
        "TCP of connections that began in a file of -R",
        "40317 bytes of connections",
    ]);
    assert_eq!(place.files("o"), streams(&["ftp.pcap"]));
}

#[test]
fn a_filter_chooses_packets_on_every_link_type() {
    for name in ["tcp-port-reuse.pcap", "link-sll2.pcap", "link-ppp-hdlc.pcap", "ng-sections.pcapng"] {
        let all = streams(&[name]);
        let place = Place::new();
        let capture = format!("@{name}");
        place.tapflow(&["-o", "all", "-r", &capture, "tcp", "port", "80"]).ends_with(0);
        assert_eq!(place.files("all"), all, "{name}");
        let run = place.tapflow(&["-o", "none", "-r", &capture, "port 81"]).ends_with(0);
        run.says(&["0 connections", "not matched by the filter"]);
        assert!(place.files("none").is_empty());
        place.tapflow(&["-o", "one", "-r", &capture, "src port 80"]).ends_with(0);
        let from_server = |name: &String| name.contains(".00080-");
        assert_eq!(
            place.files("one").into_keys().collect::<Vec<_>>(),
            all.into_keys().filter(from_server).collect::<Vec<_>>()
        );
    }
}
