//! Zip archives (APPNOTE.TXT), read from front to back.
//!
//! The local headers are followed and not the directory behind them, so that pipes and archives that are
//! cut off can be read to where they end. Directories and the resource forks that macOS adds are left out.

use std::io::{self, BufRead, BufReader, Read};

use flate2::Crc;

use super::{CUT_OFF, Format, decoder};

/// A local file header, behind its signature.
const HEADER: usize = 26;
const ENCRYPTED: u16 = 1;
/// A mark ends the data (lzma only).
const END_MARK: u16 = 1 << 1;
/// Checksum and lengths follow the data.
const DESCRIPTOR: u16 = 1 << 3;

/// What the local header says of a member.
struct Member {
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    /// The lengths behind the data have 8 bytes.
    wide: bool,
    unpacked: u64,
}

impl Member {
    /// Section 4.3.7, behind the signature.
    fn read(input: &mut dyn BufRead) -> io::Result<Self> {
        let mut header = [0; HEADER];
        input.read_exact(&mut header)?;
        let u16_at = |at| u16_at(&header, at).unwrap_or_default();
        let u32_at = |at| number_at(&header, at).map(u32::from_le_bytes).unwrap_or_default();
        let mut name = vec![0; usize::from(u16_at(22))];
        input.read_exact(&mut name)?;
        let mut extra = vec![0; usize::from(u16_at(24))];
        input.read_exact(&mut extra)?;
        let mut member = Self {
            name: String::from_utf8_lossy(&name).replace(char::is_control, "\u{fffd}"),
            flags: u16_at(2),
            method: u16_at(4),
            crc: u32_at(10),
            packed: u32_at(14).into(),
            wide: false,
            unpacked: u32_at(18).into(),
        };
        member.widen(&extra);
        Ok(member)
    }

    /// Section 4.5.3: 64-bit lengths in place of those that are all ones.
    fn widen(&mut self, mut extra: &[u8]) {
        while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
            let length = usize::from(length);
            if id == 1 {
                let mut at = 4;
                for value in [&mut self.unpacked, &mut self.packed] {
                    if *value == u64::from(u32::MAX)
                        && let Some(wide) = number_at(extra, at).map(u64::from_le_bytes)
                    {
                        *value = wide;
                        at += 8;
                    }
                }
                self.wide = true;
            }
            extra = extra.get(4 + length..).unwrap_or_default();
        }
    }

    /// How the data is compressed; `None` where it is not.
    fn format(&self) -> Result<Option<Format>, Problem> {
        if self.flags & ENCRYPTED != 0 {
            return Err(Problem::Unsupported(
                "the member is encrypted; unpack it with its password first".into(),
            ));
        }
        match self.method {
            0 if self.flags & DESCRIPTOR != 0 && self.packed == 0 => Err(Problem::Unsupported(
                "the member has its length only after its data; unpack it first".into(),
            )),
            0 => Ok(None),
            8 => Ok(Some(Format::Deflate)),
            9 => Ok(Some(Format::Deflate64)),
            12 => Ok(Some(Format::Bzip2)),
            14 => Ok(Some(Format::Lzma)),
            93 => Ok(Some(Format::Zstd)),
            95 => Ok(Some(Format::Xz)),
            other => {
                let reason = format!("zip's method {other} is not supported; unpack the member first");
                Err(Problem::Unsupported(reason))
            }
        }
    }
}

/// The two bytes at `at` as a number, if they lie within.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    number_at(bytes, at).map(u16::from_le_bytes)
}

/// The bytes of the number at `at`, if they lie within.
fn number_at<const LENGTH: usize>(bytes: &[u8], at: usize) -> Option<[u8; LENGTH]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// What is wrong with an archive or a member of it.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The input or the decoder of a member failed.
    Read(io::Error),
    /// The archive is damaged.
    Damaged(&'static str),
    /// A member cannot be unpacked.
    Unsupported(String),
    /// A member has no bytes.
    Empty,
}

/// Takes the members of an archive.
pub(crate) trait Members {
    /// Why reading an archive ends early.
    type Halt: From<Problem>;

    /// A member begins: a file of this name.
    ///
    /// # Errors
    /// Nothing more is wanted.
    fn begin(&mut self, name: &str) -> Result<(), Self::Halt>;

    /// Takes the unpacked bytes of the member.
    ///
    /// # Errors
    /// Nothing more is wanted, or what the bytes hold cannot be used.
    fn contents(&mut self, bytes: &mut dyn BufRead) -> Result<(), Self::Halt>;

    /// Takes what ended the present member early; the next one follows.
    ///
    /// # Errors
    /// Nothing more is wanted.
    fn fault(&mut self, halt: Self::Halt) -> Result<(), Self::Halt>;
}

/// Reads every member of an archive behind another, as far as the next one can be found.
///
/// # Errors
/// What `out` says; a fault behind which nothing can be found.
pub(crate) fn members<M: Members>(input: &mut dyn BufRead, out: &mut M) -> Result<(), M::Halt> {
    loop {
        let mut signature = [0; 4];
        input.read_exact(&mut signature).map_err(cut_off)?;
        match &signature {
            b"PK\x03\x04" => member(input, out)?,
            // Of an archive in pieces that came to be one.
            b"PK\x07\x08" => {}
            // The directory, or the end of an archive without members: what was read is all there is.
            b"PK\x01\x02" | b"PK\x05\x06" | b"PK\x06\x06" | b"PK\x06\x08" => {
                return drain(input).map_err(|error| Problem::Read(error).into());
            }
            _ => return Err(Problem::Damaged("no member begins where one should").into()),
        }
    }
}

/// One member, and what describes it behind its data.
fn member<M: Members>(input: &mut dyn BufRead, out: &mut M) -> Result<(), M::Halt> {
    let member = Member::read(input).map_err(cut_off)?;
    let wanted = !member.name.ends_with('/') && !member.name.starts_with("__MACOSX/");
    if wanted {
        out.begin(&member.name)?;
    }
    let described = member.flags & DESCRIPTOR != 0;
    let known = !described || member.packed != 0;
    let mut data = Limited { input, left: if known { member.packed } else { u64::MAX }, taken: 0 };
    let mut sum = Crc::new();
    let mut whole = false;
    if wanted || !known {
        match read(&member, &mut data, &mut sum, wanted.then_some(&mut *out)) {
            Ok(()) => whole = true,
            Err(halt) if known => out.fault(halt)?,
            Err(halt) => return Err(halt),
        }
    }
    if known {
        drain(&mut data).map_err(Problem::Read)?;
        if data.left > 0 {
            return Err(Problem::Damaged(CUT_OFF).into());
        }
    }
    let wide = member.wide || data.taken > u32::MAX.into();
    let crc = if described { descriptor(input, wide).map_err(cut_off)? } else { member.crc };
    if !whole || !wanted {
        return Ok(());
    }
    if crc != sum.sum() {
        return out.fault(Problem::Damaged("the checksum of a member is wrong").into());
    }
    if sum.amount() == 0 {
        return out.fault(Problem::Empty.into());
    }
    Ok(())
}

/// Unpacks one member for `out`, where there is one, and sums it up.
fn read<M: Members>(
    member: &Member,
    data: &mut Limited<'_>,
    sum: &mut Crc,
    out: Option<&mut M>,
) -> Result<(), M::Halt> {
    let format = member.format()?;
    let mut prefix = [0; 13];
    let mut with_prefix;
    let packed: &mut dyn BufRead = if format == Some(Format::Lzma) {
        // Section 5.8.8: a version, the length of the properties (5) and those; an .lzma file has the
        // length of the data behind them instead, all ones where a mark ends the data.
        data.read_exact(&mut [0; 4]).map_err(cut_off)?;
        let (properties, length) = prefix.split_at_mut(5);
        data.read_exact(properties).map_err(cut_off)?;
        let unpacked = if member.flags & END_MARK != 0 { u64::MAX } else { member.unpacked };
        length.copy_from_slice(&unpacked.to_le_bytes());
        with_prefix = prefix.as_slice().chain(data);
        &mut with_prefix
    } else {
        data
    };
    let bytes: Box<dyn Read + '_> = match format {
        None => Box::new(packed),
        Some(format) => decoder(format, packed, false).map_err(Problem::Read)?,
    };
    let mut summed = BufReader::with_capacity(1 << 16, Summed { bytes, sum });
    if let Some(out) = out {
        out.contents(&mut summed)?;
    }
    // The member may be longer than what lies in it.
    drain(&mut summed).map_err(|error| Problem::Read(error).into())
}

/// Section 4.3.9: the checksum that follows the data, and the lengths behind it, which are known by now.
fn descriptor(input: &mut dyn BufRead, wide: bool) -> io::Result<u32> {
    let mut crc = [0; 4];
    input.read_exact(&mut crc)?;
    if &crc == b"PK\x07\x08" {
        input.read_exact(&mut crc)?;
    }
    let mut lengths = [0; 16];
    let (narrow, rest) = lengths.split_at_mut(8);
    input.read_exact(narrow)?;
    if wide {
        input.read_exact(rest)?;
    }
    Ok(u32::from_le_bytes(crc))
}

/// Steps over all that is left of `input`.
fn drain(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        match input.fill_buf() {
            Ok([]) => return Ok(()),
            Ok(bytes) => {
                let count = bytes.len();
                input.consume(count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The end of the input within a header is a fault of the archive; other errors are what they are.
fn cut_off(error: io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Problem::Damaged(CUT_OFF),
        _ => Problem::Read(error),
    }
}

/// At most `left` bytes of an input that goes on behind them.
struct Limited<'a> {
    input: &'a mut dyn BufRead,
    left: u64,
    taken: u64,
}

impl Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Limited<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let bytes = self.input.fill_buf()?;
        let limit = usize::try_from(self.left).unwrap_or(usize::MAX);
        Ok(bytes.get(..limit).unwrap_or(bytes))
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count as u64);
        self.taken += count as u64;
        self.input.consume(count);
    }
}

/// Bytes that are summed up as they are read.
struct Summed<'a> {
    bytes: Box<dyn Read + 'a>,
    sum: &'a mut Crc,
}

impl Read for Summed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        self.sum.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}
