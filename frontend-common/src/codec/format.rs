//! Which compression or archive format bytes are in.

/// Bytes of the input that decide on its format.
pub(crate) const PREFIX: usize = 16;

/// A compression or archive format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Gzip,
    Bzip2,
    Xz,
    Lzma,
    Zstd,
    Lz4,
    Zip,
    /// Within zip only.
    Deflate,
    /// Within zip only.
    Deflate64,
}

impl Format {
    /// The format of an input that begins so: 16 bytes, fewer where the input has no more.
    pub(crate) fn recognise(prefix: &[u8]) -> Option<Self> {
        match prefix {
            // Deflate is the only method that gzip has.
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            // Frames, and frames to be skipped, with which both formats may begin: RFC 8878, 3.1.2.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some(Self::Lz4),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..] => Some(Self::Zip),
            _ if is_lzma(prefix) => Some(Self::Lzma),
            _ => None,
        }
    }

    /// The name that users know.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Zip => "zip",
            Self::Deflate => "deflate",
            Self::Deflate64 => "deflate64",
        }
    }
}

/// The .lzma format has no magic number: properties, a dictionary size as encoders write it, and a
/// length that is unknown or below 256 GiB.
fn is_lzma(prefix: &[u8]) -> bool {
    let [properties, d0, d1, d2, d3, length @ ..] = prefix else { return false };
    let dictionary = u32::from_le_bytes([*d0, *d1, *d2, *d3]);
    let usual = dictionary >= 4096
        && (dictionary.is_power_of_two()
            || (dictionary / 3 * 3 == dictionary && (dictionary / 3).is_power_of_two()));
    let believable = length
        .first_chunk::<8>()
        .map(|length| u64::from_le_bytes(*length))
        .is_some_and(|length| length == u64::MAX || length < 1 << 38);
    *properties < 225 && usual && believable
}
