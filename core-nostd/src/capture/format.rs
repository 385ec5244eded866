//! The headers of a pcap file: pure functions over bytes.
//!
//! Known in both byte orders: microseconds (magic 0xa1b2c3d4), nanoseconds (0xa1b23c4d) and Kuznetzov's modified
//! format (0xa1b2cd34), whose frame headers name an interface; versions 2.0 to 2.4, and 543.0, which meant 2.1.
//! Variants with the usual magic number have longer frame headers: [`FileHeader::with_variant_of`] recognises them by the
//! frames.

use core::fmt;

use crate::frame::{LinkType, Timestamp};

pub(super) const MICROSECONDS: u32 = 0xa1b2_c3d4;
pub(super) const NANOSECONDS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

/// The longest frame that is believed, in captured bytes. A larger length is taken for damage.
pub const MAX_CAPTURED: u32 = 256 << 20;

/// What a pcap file says of all of its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHeader {
    /// The link type of every frame.
    pub link: LinkType,
    /// The most bytes of a frame that were captured, as the file says.
    pub snap_length: u32,
    big_endian: bool,
    lengths: Lengths,
    /// Bytes of a frame header behind those that every variant has.
    extra: u8,
    /// Nanoseconds in a unit of the second time field.
    unit: u16,
}

/// What a pcap file says of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// When it was captured.
    pub time: Timestamp,
    /// Bytes that follow. Above [`MAX_CAPTURED`] the file is damaged here.
    pub captured: u32,
    /// Length on the wire in bytes.
    pub wire_len: u32,
    /// The interface, in frame headers of 24 bytes; 0 elsewhere.
    pub interface: u32,
}

/// How the two lengths of a frame header are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// Captured, then wire (version 2.4).
    Captured,
    /// Wire, then captured (before version 2.3).
    Wire,
    /// Either: the smaller one is the captured length (version 2.3).
    Either,
}

/// Why bytes are not the header of a pcap file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileHeaderError {
    /// The file begins like something else.
    NotPcap,
    /// The version is not known.
    Version {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
}

impl fmt::Display for FileHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPcap => f.write_str("not a pcap file"),
            Self::Version { major, minor } => {
                write!(f, "version {major}.{minor} of the pcap format is not known")
            }
        }
    }
}

impl core::error::Error for FileHeaderError {}

impl FileHeader {
    /// Length of the header of a file, in bytes.
    pub const LEN: usize = 24;

    /// The header of a file with nanoseconds, little-endian, as every reader of today takes it: `None` for a link
    /// type that does not fit in 16 bits.
    #[must_use]
    pub fn encode(link: LinkType, snap_length: u32) -> Option<[u8; Self::LEN]> {
        u16::try_from(link.0).ok()?;
        let mut header = [0; Self::LEN];
        let fields = [NANOSECONDS, 2 | 4 << 16, 0, 0, snap_length, link.0];
        for (place, field) in header.chunks_exact_mut(4).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        Some(header)
    }

    /// Whether a file that begins so is a pcap file.
    #[must_use]
    pub fn recognise(magic: [u8; 4]) -> bool {
        variant(magic).is_some()
    }

    /// Takes the header of a file apart.
    ///
    /// # Errors
    /// [`FileHeaderError`].
    pub fn parse(bytes: &[u8; Self::LEN]) -> Result<Self, FileHeaderError> {
        let [m0, m1, m2, m3, major0, major1, minor0, minor1, .., s0, s1, s2, s3, l0, l1, l2, l3] = *bytes;
        let (big_endian, magic) = variant([m0, m1, m2, m3]).ok_or(FileHeaderError::NotPcap)?;
        let u16 = |bytes| if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
        let lengths = match (u16([major0, major1]), u16([minor0, minor1])) {
            (2, 0..=2) | (543, _) => Lengths::Wire,
            (2, 3) => Lengths::Either,
            (2, 4) => Lengths::Captured,
            (major, minor) => return Err(FileHeaderError::Version { major, minor }),
        };
        Ok(Self {
            // The upper half tells of a frame check sequence; it is not part of the link type.
            link: LinkType(number(big_endian, [l0, l1, l2, l3]) & 0xffff),
            snap_length: number(big_endian, [s0, s1, s2, s3]),
            big_endian,
            lengths,
            extra: if magic == MODIFIED { 8 } else { 0 },
            unit: if magic == NANOSECONDS { 1 } else { 1000 },
        })
    }

    /// The header of the variant that the first frames are in. Old versions of libpcap by Red Hat and SuSE (24 bytes for
    /// each frame header) and by Nokia (20) wrote the usual magic number. `frames` are the bytes behind the file's
    /// header, as far as they are known; with less than two frames the header stays as it is.
    #[must_use]
    pub fn with_variant_of(self, frames: &[u8]) -> Self {
        if self.extra > 0 || self.plausible_frames(frames).is_some() {
            return self;
        }
        let variants = [8, 4].map(|extra| Self { extra, ..self });
        let fits = |variant: &Self| variant.plausible_frames(frames).is_some_and(|count| count > 1);
        variants.into_iter().find(fits).unwrap_or(self)
    }

    /// How many of the first frames there are, up to four; `None` if the header of one of them cannot be one.
    fn plausible_frames(&self, frames: &[u8]) -> Option<usize> {
        const FRAMES: usize = 4;
        const LONGEST: u32 = 1 << 18;
        let mut rest = frames;
        for count in 0..FRAMES {
            let Some(frame) = self.frame(rest) else { return Some(count) };
            let fraction = number(self.big_endian, [rest[4], rest[5], rest[6], rest[7]]);
            let is_fraction = u64::from(fraction) * u64::from(self.unit) < Timestamp::SECOND;
            if !is_fraction || frame.captured == 0 || frame.captured > LONGEST.min(frame.wire_len) {
                return None;
            }
            let length = self.frame_header_len() + frame.captured as usize;
            match rest.get(length..) {
                Some(behind) => rest = behind,
                None => return Some(count),
            }
        }
        Some(FRAMES)
    }

    /// Length of the header of each frame: 16 bytes, or 20 or 24 in the variants.
    #[must_use]
    #[inline]
    pub const fn frame_header_len(&self) -> usize {
        16 + self.extra as usize
    }

    /// Takes the header of a frame apart; `None` if there is less of it than
    /// [`frame_header_len`](Self::frame_header_len).
    #[must_use]
    #[inline]
    pub fn frame(&self, bytes: &[u8]) -> Option<FrameHeader> {
        let fields = bytes.first_chunk::<16>()?;
        let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, w0, w1, w2, w3] = *fields;
        let number = |bytes| number(self.big_endian, bytes);
        let (seconds, fraction) = (number([s0, s1, s2, s3]), number([f0, f1, f2, f3]));
        // Fractions above a second are added to it, as other readers do. 2^32 s and 2^32 µs fit.
        let time = u64::from(seconds) * Timestamp::SECOND + u64::from(fraction) * u64::from(self.unit);
        let (mut captured, mut wire_len) = (number([c0, c1, c2, c3]), number([w0, w1, w2, w3]));
        let swapped = match self.lengths {
            Lengths::Captured => false,
            Lengths::Wire => true,
            Lengths::Either => captured > wire_len,
        };
        if swapped {
            (captured, wire_len) = (wire_len, captured);
        }
        let interface = match self.extra {
            8 => number(*bytes.get(16..24)?.first_chunk()?),
            0 => 0,
            extra => bytes.get(16..16 + usize::from(extra)).map(|_| 0)?,
        };
        Some(FrameHeader { time: Timestamp(time), captured, wire_len, interface })
    }
}

impl FrameHeader {
    /// The header of a frame in a file that begins as [`FileHeader::encode`] says: `None` from the year 2106 on.
    #[must_use]
    pub fn encode(&self) -> Option<[u8; 16]> {
        let seconds = u32::try_from(self.time.seconds()).ok()?;
        let mut header = [0; 16];
        let fields = [seconds, self.time.subsec_nanos(), self.captured, self.wire_len];
        for (place, field) in header.chunks_exact_mut(4).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        Some(header)
    }
}

/// The byte order and the magic number of a file that begins so.
fn variant(magic: [u8; 4]) -> Option<(bool, u32)> {
    [false, true]
        .map(|big_endian| (big_endian, number(big_endian, magic)))
        .into_iter()
        .find(|(_, value)| matches!(*value, MICROSECONDS | NANOSECONDS | MODIFIED))
}

#[inline]
fn number(big_endian: bool, bytes: [u8; 4]) -> u32 {
    if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}
