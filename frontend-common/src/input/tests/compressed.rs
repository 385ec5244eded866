//! Compressed captures: every format, repeated, nested, cut off and damaged.

use std::io::Write;

use flate2::write::GzEncoder;

use super::*;

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

pub(super) fn lzma(bytes: &[u8]) -> Vec<u8> {
    let options = liblzma::stream::LzmaOptions::new_preset(0).expect("a preset");
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).expect("memory");
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).expect("memory");
    encoder.include_checksum(true).expect("a parameter");
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max64KB);
    let info = info.block_checksums(true).content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

type Encoder = fn(&[u8]) -> Vec<u8>;

const ALL: [(&str, Encoder); 6] =
    [("gzip", gzip), ("bzip2", bzip2), ("xz", xz), ("lzma", lzma), ("zstd", zstd), ("lz4", lz4)];

#[test]
fn every_format_is_recognised_by_content() {
    let (frames, file) = small_pcap();
    for (name, encode) in ALL {
        let read = read(&encode(&file));
        assert_eq!((read.frames.as_slice(), read.text()), (frames.as_slice(), String::new()), "{name}");
    }
}

#[test]
fn every_format_may_repeat_anywhere_in_the_capture() {
    let (frames, file) = small_pcap();
    for (name, encode) in ALL.into_iter().filter(|(name, _)| *name != "lzma") {
        for cut in [0, 1, 10, 24, 30, 200, file.len()] {
            let read = read(&[encode(&file[..cut]), encode(&file[cut..])].concat());
            assert_eq!(
                (read.frames.as_slice(), read.text()),
                (frames.as_slice(), String::new()),
                "{name} {cut}"
            );
        }
    }
}

#[test]
fn compressions_within_each_other_are_undone() {
    let (frames, file) = small_pcap();
    for (outer, encode_outer) in ALL {
        for (inner, encode_inner) in ALL {
            let read = from_memory(&encode_outer(&encode_inner(&file)));
            assert_eq!(read.frames, frames, "{inner} in {outer}");
        }
    }
    assert_eq!(read(&gzip(&zstd(&xz(&lz4(&file))))).frames, frames);
}

#[test]
fn zeros_behind_gzip_data_fill_blocks() {
    let (frames, file) = small_pcap();
    for zeros in [1, 512, 100_000] {
        let packed = [gzip(&file), vec![0; zeros]].concat();
        assert_eq!(from_memory(&packed).frames, frames, "{zeros}");
        assert!(read(&packed).error.is_none());
    }
    assert!(read(&[gzip(&file), vec![0, 1]].concat()).text().contains("gzip"));
}

#[test]
fn compressions_without_end_are_told() {
    let (_, mut file) = small_pcap();
    for _ in 0..6 {
        file = gzip(&file);
    }
    let text = read(&file).text();
    assert!(text.contains("gzip data within many other compressions"), "{text}");
}

#[test]
fn frames_to_be_skipped_are() {
    let (frames, file) = small_pcap();
    let skip = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    for (name, encode) in [("zstd", zstd as Encoder), ("lz4", lz4)] {
        let read = read(&[encode(&file), skip.clone(), skip.clone()].concat());
        assert_eq!((read.frames.as_slice(), read.text()), (frames.as_slice(), String::new()), "{name}");
    }
    assert_eq!(read(&[skip, zstd(&file)].concat()).frames, frames);
}

#[test]
fn the_legacy_lz4_format_ends_with_its_input() {
    let (frames, file) = small_pcap();
    let block = lz4_flex::block::compress(&file);
    let legacy = [&0x184c_2102_u32.to_le_bytes()[..], &(block.len() as u32).to_le_bytes(), &block].concat();
    let read = read(&legacy);
    assert_eq!((read.frames.as_slice(), read.text()), (frames.as_slice(), String::new()));
}

#[test]
fn a_compressed_file_that_is_cut_off_or_damaged_gives_what_was_decoded_before() {
    let (frames, file) = small_pcap();
    for (name, encode) in ALL {
        let packed = encode(&file);
        damage(&packed, |left, read| match left {
            Some(length) => {
                assert!(frames.starts_with(&read.frames), "{name}, {length} bytes");
                assert!(read.error.is_some(), "{name}, {length} bytes");
            }
            None => assert!(read.frames.len() <= file.len() / 16, "{name}"),
        });
    }
}

#[test]
fn what_was_decoded_before_the_fault_is_delivered_in_full() {
    // Bytes that do not compress: the packed file is as long as the capture and a cut in its middle
    // leaves about half of the frames.
    let mut state = 1_u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let mut file = pcap::header(Endian::Little, pcap::MICROSECONDS, 1);
    for _ in 0..1000 {
        let bytes: Vec<u8> = std::iter::repeat_with(&mut noise).take(984).collect();
        file.extend(pcap::record(Endian::Little, [1, 0, 984, 984], &bytes));
    }
    // What a format decodes at a time may be lost, no more: of bzip2, a block of 100 kB.
    for (name, encode, unit) in [
        ("gzip", gzip as Encoder, 1),
        ("bzip2", bzip2, 101),
        ("xz", xz, 65),
        ("lzma", lzma, 1),
        ("zstd", zstd, 129),
        ("lz4", lz4, 66),
    ] {
        let packed = encode(&file);
        let middle = packed.len() / 2;
        let cut = from_memory(&packed[..middle]);
        assert!(cut.text().contains("it is cut off"), "{name}: {}", cut.text());
        assert!(cut.frames.len() > 485 - unit, "{name}: {} frames before a cut", cut.frames.len());
        let mut damaged = packed.clone();
        damaged[middle..middle + 2000].fill(0x55);
        let read = from_memory(&damaged);
        assert!(read.error.is_some(), "{name}");
        assert!(read.frames.len() > 485 - unit, "{name}: {} frames before damage", read.frames.len());
    }
}

#[test]
fn places_within_compressed_data_are_told_as_such() {
    let (_, file) = small_pcap();
    let text = read(&gzip(&file[..file.len() - 1])).text();
    assert!(text.starts_with("a: byte 282 after decompression: the last record is cut off"), "{text}");
    let packed = gzip(&file);
    let text = from_memory(&packed[..packed.len() - 1]).text();
    let expected =
        format!("a: byte {}: the gzip data cannot be decompressed: it is cut off", packed.len() - 1);
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn bombs_take_no_memory() {
    // 64 MiB of zeros behind a record that claims as much and less than all.
    let mut file = pcap::header(Endian::Little, pcap::MICROSECONDS, 1);
    file.extend(pcap::record(Endian::Little, [1, 0, 256 << 20, 1], &[]));
    file.resize(64 << 20, 0);
    let read = from_memory(&zstd(&file));
    assert!(read.text().contains("the last record is cut off"), "{}", read.text());
}
