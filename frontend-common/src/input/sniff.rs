//! What a file that is not a capture looks like, for the message that says so.

/// Other formats by what stands at their beginning.
const BEGINNINGS: [(&[u8], &str); 25] = [
    (b"snoop\0", "a snoop capture (editcap converts it)"),
    (b"GMBU", "a Network Monitor capture (editcap converts it)"),
    (b"RTSS", "a Network Monitor capture (editcap converts it)"),
    (b"TRSNIFF data", "a Sniffer capture (editcap converts it)"),
    (b"\x1c\x00\x01\xac", "an IXIA capture (editcap converts it)"),
    (b"\x1c\x00\x01\xab", "an IXIA capture (editcap converts it)"),
    (b"\xac\x01\x00\x1c", "an IXIA capture (editcap converts it)"),
    (b"\xab\x01\x00\x1c", "an IXIA capture (editcap converts it)"),
    (b"\x1f\x9d", "compress data (uncompress it first)"),
    (b"LZIP", "lzip data (decompress it first)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive (unpack it first)"),
    (b"Rar!", "a RAR archive (unpack it first)"),
    (b"\x1f\x8b", "gzip data within many other compressions (decompress it first)"),
    (b"BZh", "bzip2 data within many other compressions (decompress it first)"),
    (b"\xfd7zXZ", "xz data within many other compressions (decompress it first)"),
    (b"\x28\xb5\x2f\xfd", "zstd data within many other compressions (decompress it first)"),
    (b"PK", "a zip archive within many other compressions (unpack it first)"),
    (b"<?xml", "XML"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x89PNG", "a picture"),
    (b"#!", "a script"),
];

/// Names what begins with `bytes`, which are the first ones of the input.
pub(crate) fn looks_like(bytes: &[u8]) -> &'static str {
    if let Some((_, name)) = BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning)) {
        return name;
    }
    let bytes = bytes.get(..512).unwrap_or(bytes);
    if bytes.get(257..262) == Some(b"ustar") {
        return "a tar archive (unpack it first)";
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return "zeros, as a file has that was never written";
    }
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..);
    if bytes.iter().all(is_text) && bytes.iter().any(|byte| byte.is_ascii()) {
        "text"
    } else {
        "unknown data"
    }
}
