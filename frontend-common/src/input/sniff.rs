//! What a file that is not a capture looks like, for the message that says so.

/// Other formats by what stands at their beginning.
const BEGINNINGS: [(&[u8], &str); 34] = [
    (
        b"version https://git-lfs.github.com/",
        "a Git LFS pointer, not the file itself (`git lfs pull` fetches it)",
    ),
    (b"\xaa\xaa\xaa\xaa", "a 5View capture (editcap converts it)"),
    (b"+---------+---------------+----------+", "a K12 text capture (editcap converts it)"),
    (b"\x00\x00\x02\x00\x12\x05\x00\x10", "a K12 capture (editcap converts it)"),
    (b"iptrace ", "an iptrace capture (editcap converts it)"),
    (b"XCP\0", "a NetXRay capture (editcap converts it)"),
    (b"\x05VNF", "a Visual Networks capture (editcap converts it)"),
    (b"\x7fver", "a Savvius or OmniPeek capture (editcap converts it)"),
    (b"btsnoop\0", "a Bluetooth HCI log, which has no TCP"),
    (b"\x54\x52\x00\x64", "an HP-UX nettl capture (editcap converts it)"),
    (b"GMBU", "a Microsoft NetMon capture (editcap converts it)"),
    (b"RTSS", "a Microsoft NetMon capture (editcap converts it)"),
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
