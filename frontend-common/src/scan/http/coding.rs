//! Content and transfer codings undone, one on the other, within limits.
//!
//! Bytes go in as they come, decoded bytes come out. Data that is not coded at all, whatever the head says,
//! comes out as it is; damaged data comes out as far as it goes. Memory is one buffer and the decoder's window
//! for each coding; the output of a body never grows beyond its [`Allowance`].

use std::borrow::Cow;
use std::cell::RefCell;

use flate2::Decompress;

use super::facts::{Anomalies, Anomaly};
use super::head::Head;
use crate::codec::{CUT_OFF, Codec, Inflate, Lzw, Step, Unbrotli, Unzstd, gunzip};
use crate::scan::buffer_pool;

/// Codings on each other that are undone.
pub const MAX_CODINGS: usize = 4;
/// Bytes that a decoder writes at once.
const BUFFER: usize = 64 << 10;
/// Coded bytes kept until a decoder gives its first byte, to hand them on if it never does.
const HELD: usize = 64 << 10;
/// The window of zstd: 32 MiB. RFC 9659 allows 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 25;

/// A content or transfer coding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coding {
    /// gzip, x-gzip
    Gzip,
    /// deflate: zlib, or without its header
    Deflate,
    /// br
    Brotli,
    /// zstd
    Zstd,
    /// compress, x-compress
    Compress,
    /// One that is not known, as it was sent.
    Other(String),
}

impl Coding {
    /// The coding of this name; `None` where it changes nothing.
    pub(super) fn named(name: &str) -> Option<Self> {
        let is = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
        if is(&["identity", "none", "chunked", "binary", "7bit", "8bit"]) {
            return None;
        }
        Some(match () {
            () if is(&["gzip", "x-gzip"]) => Self::Gzip,
            () if is(&["deflate", "x-deflate"]) => Self::Deflate,
            () if is(&["br"]) => Self::Brotli,
            () if is(&["zstd", "x-zstd"]) => Self::Zstd,
            () if is(&["compress", "x-compress"]) => Self::Compress,
            () => Self::Other(name.to_owned()),
        })
    }

    /// The name of the standard.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Compress => "compress",
            Self::Other(name) => name,
        }
    }
}

/// The codings of a message in the order in which they were applied.
pub(super) fn of_message(head: &Head) -> Vec<Coding> {
    let content = head.elements("content-encoding");
    content.chain(head.elements("transfer-encoding")).filter_map(Coding::named).collect()
}

/// How far coded bytes may grow: a number of bytes, and a ratio above that, for each body and, four times as
/// much, for all bodies of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Decoded bytes that any body may have.
    pub free: u64,
    /// Decoded bytes beyond them for each coded byte.
    pub ratio: u64,
    /// Decoded bytes that no body may pass.
    pub most: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { free: 32 << 20, ratio: 200, most: 4 << 30 }
    }
}

impl Allowance {
    fn of(&self, coded: u64, times: u64) -> u64 {
        let free = self.free.saturating_mul(times).saturating_add(coded.saturating_mul(self.ratio));
        free.min(self.most.saturating_mul(times))
    }
}

/// Coded and decoded bytes of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    coded: u64,
    decoded: u64,
}

/// Undoes the codings of one body.
pub(super) struct Decoder {
    /// The last coding applied first.
    stages: Vec<Stage>,
    allowance: Allowance,
    coded: u64,
    decoded: u64,
    effort: Effort,
    is_bomb: bool,
    /// The beginning of a block.
    block: Vec<u8>,
}

/// Bytes that decoders get at a time. How much of damaged data they give before the damage depends on that, and
/// must not depend on how a message was cut into chunks.
const BLOCK: usize = 4096;

/// Bytes that a trial of a coding writes at most.
const TRIAL: u64 = 4 << 20;

/// Bytes of a body, coded and decoded, that is decoded at once.
pub(super) const WHOLE: usize = 1 << 20;

/// Bytes that all stages wrote, and how many they may: codings on each other can cost time without output.
#[derive(Clone, Copy, Debug, Default)]
struct Effort {
    done: u64,
    most: u64,
}

impl Decoder {
    /// `None` where nothing is to be undone; why, where something would have to be.
    pub(super) fn new(codings: &[Coding], allowance: Allowance, anomalies: &mut Anomalies) -> Option<Self> {
        if codings.len() > MAX_CODINGS {
            anomalies.add(Anomaly::TooManyCodings);
            return None;
        }
        // Codings below one that is not known cannot be reached.
        let known = codings.iter().rev().take_while(|coding| !matches!(coding, Coding::Other(_)));
        let stages: Vec<_> = known.cloned().map(Stage::new).collect();
        if stages.len() < codings.len() {
            anomalies.add(Anomaly::UnknownCoding);
        }
        let effort = Effort::default();
        (!stages.is_empty()).then_some(Self {
            stages,
            allowance,
            coded: 0,
            decoded: 0,
            effort,
            is_bomb: false,
            block: Vec::new(),
        })
    }

    /// Decodes a whole body at once, if it is in memory, in gzip alone and without a fault, and far from every
    /// limit. If not, nothing has happened.
    pub(super) fn whole(&mut self, coded: &[u8], spent: &mut Spent) -> Option<Vec<u8>> {
        let is_gzip = matches!(self.stages.as_slice(), [Stage { coding: Coding::Gzip, .. }]);
        let is_new = self.coded == 0 && self.block.is_empty();
        if !is_gzip || !is_new || coded.len() > WHOLE {
            return None;
        }
        let body = self.allowance.of(0, 1);
        let all = self.allowance.of(spent.coded, 4).saturating_sub(spent.decoded);
        let most = usize::try_from(body.min(all)).unwrap_or(usize::MAX).min(WHOLE);
        let mut decoded = buffer_pool::take();
        if !gunzip(coded, most, &mut decoded) {
            buffer_pool::give(decoded);
            return None;
        }
        (self.coded, self.decoded) = (coded.len() as u64, decoded.len() as u64);
        spent.coded += self.coded;
        spent.decoded += self.decoded;
        self.stages.iter_mut().for_each(|stage| stage.state = State::Ended);
        Some(decoded)
    }

    /// Decodes `input`; every decoded piece goes to `out`.
    pub(super) fn push(&mut self, mut input: &[u8], spent: &mut Spent, out: &mut dyn FnMut(&[u8])) {
        while self.block.len() + input.len() >= BLOCK {
            let (head, rest) = input.split_at(BLOCK - self.block.len());
            input = rest;
            if self.block.is_empty() {
                self.decode(head, spent, out);
                continue;
            }
            self.block.extend_from_slice(head);
            self.decode_block(spent, out);
        }
        self.block.extend_from_slice(input);
    }

    /// Decodes what is there of a block.
    fn decode_block(&mut self, spent: &mut Spent, out: &mut dyn FnMut(&[u8])) {
        let mut block = std::mem::take(&mut self.block);
        self.decode(&block, spent, out);
        block.clear();
        self.block = block;
    }

    fn decode(&mut self, input: &[u8], spent: &mut Spent, out: &mut dyn FnMut(&[u8])) {
        if self.is_bomb {
            return;
        }
        self.coded += input.len() as u64;
        spent.coded += input.len() as u64;
        self.effort.most = self.allowance.of(self.coded, 2);
        let Self { stages, allowance, coded, decoded, effort, is_bomb, block: _ } = self;
        let mut limited = |bytes: &[u8]| {
            let body = allowance.of(*coded, 1).saturating_sub(*decoded);
            let all = allowance.of(spent.coded, 4).saturating_sub(spent.decoded);
            let room = usize::try_from(body.min(all)).unwrap_or(usize::MAX).min(bytes.len());
            *decoded += room as u64;
            spent.decoded += room as u64;
            if room > 0 {
                out(&bytes[..room]);
            }
            room == bytes.len()
        };
        *is_bomb = !feed(stages, input, effort, &mut limited);
    }

    /// Ends the body: what went wrong with it. `whole` says that no coded byte is missing; a decoder that
    /// waits for more is at fault then.
    pub(super) fn finish(
        &mut self,
        whole: bool,
        anomalies: &mut Anomalies,
        spent: &mut Spent,
        out: &mut dyn FnMut(&[u8]),
    ) -> Option<String> {
        self.decode_block(spent, out);
        if self.is_bomb {
            anomalies.add(Anomaly::Bomb);
            return Some(format!("{} bytes decode to more than {}", self.coded, self.decoded));
        }
        // What waits for bytes that do not come is handed on as it is.
        let mut stages = self.stages.as_mut_slice();
        while let Some((stage, rest)) = stages.split_first_mut() {
            if let Some(held) = stage.give_up() {
                let decoded = &mut self.decoded;
                let mut keep = |bytes: &[u8]| {
                    *decoded += bytes.len() as u64;
                    out(bytes);
                    true
                };
                feed(rest, &held, &mut self.effort, &mut keep);
            }
            stages = rest;
        }
        let mut error = None;
        for stage in &self.stages {
            if stage.is_misnamed && stage.produced {
                anomalies.add(Anomaly::OtherCoding);
            }
            let reason = match &stage.state {
                State::Passing(None) => {
                    anomalies.add(Anomaly::NotCoded);
                    continue;
                }
                State::Passing(Some(reason)) | State::Failed(reason) => reason,
                // The format of compress has no mark at its end.
                State::Decoding(_) if whole && self.coded > 0 && stage.coding != Coding::Compress => CUT_OFF,
                State::Sniffing | State::Decoding(_) | State::Between(_) | State::Ended => continue,
            };
            anomalies.add(Anomaly::Damaged);
            error.get_or_insert_with(|| format!("{}: {reason}", stage.coding.name()));
        }
        error
    }

    /// Whether bytes wait for more of their block.
    pub(super) fn holds_bytes(&self) -> bool {
        !self.block.is_empty()
    }

    /// Decoded bytes so far.
    pub(super) fn decoded(&self) -> u64 {
        self.decoded
    }
}

/// One coding.
struct Stage {
    coding: Coding,
    state: State,
    /// Input since the beginning, as long as nothing came out.
    held: Vec<u8>,
    produced: bool,
    /// Deflate without the header of zlib was tried.
    tried_raw: bool,
    /// The data is in `coding`, but the head names another one.
    is_misnamed: bool,
    buffer: Vec<u8>,
}

thread_local! {
    /// Buffers of stages that are done: to clear one for each body would cost as much as decoding it.
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl Drop for Stage {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // A thread that ends has no use for it.
        let _ = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && !buffer.is_empty()
                && spare.len() < MAX_CODINGS
            {
                spare.push(buffer);
            }
        });
    }
}

enum State {
    /// Too few bytes to know the format.
    Sniffing,
    Decoding(Box<dyn Codec>),
    /// The data ended; another member or frame may follow.
    Between(Box<dyn Codec>),
    /// It is handed on as it is: not coded, or nothing of it can be decoded, and why.
    Passing(Option<String>),
    Ended,
    Failed(String),
}

impl Stage {
    fn new(coding: Coding) -> Self {
        let (state, held, buffer) = (State::Sniffing, Vec::new(), Vec::new());
        Self { coding, state, held, produced: false, tried_raw: false, is_misnamed: false, buffer }
    }

    /// Bytes that tell whether data is in this coding.
    fn sniff(&self) -> usize {
        match self.coding {
            Coding::Gzip => 3,
            Coding::Deflate | Coding::Compress => 2,
            Coding::Zstd => 4,
            Coding::Brotli | Coding::Other(_) => 1,
        }
    }

    /// The state for data that begins so.
    fn begin(&mut self, start: &[u8]) -> State {
        if let Some(actual) = actual(&self.coding, start) {
            (self.coding, self.is_misnamed) = (actual, true);
        }
        self.decoder(start)
    }

    /// A decoder of the stage's coding, where the data can be in it.
    fn decoder(&mut self, start: &[u8]) -> State {
        let codec: Box<dyn Codec> = match (&self.coding, start) {
            (Coding::Gzip, [0x1f, 0x8b, 8, ..]) => Box::new(Inflate(Decompress::new_gzip(15))),
            (Coding::Deflate, [first, second, ..]) => {
                // RFC 1950, 2.2: deflate with a window that exists, and a check value.
                let check = u16::from_be_bytes([*first, *second]).is_multiple_of(31);
                let zlib = first & 0x0f == 8 && first >> 4 <= 7 && check;
                self.tried_raw = !zlib;
                Box::new(Inflate(Decompress::new(zlib)))
            }
            (Coding::Brotli, _) => Box::new(Unbrotli::new()),
            (Coding::Zstd, _) if is_zstd(start) => {
                match Unzstd::new().and_then(|decoder| decoder.with_window(ZSTD_WINDOW_LOG)) {
                    Ok(decoder) => Box::new(decoder),
                    Err(error) => return State::Passing(Some(error.to_string())),
                }
            }
            (Coding::Compress, [0x1f, 0x9d, ..]) => Box::new(Lzw::new()),
            _ => return State::Passing(None),
        };
        State::Decoding(codec)
    }

    /// Nothing came out: the held bytes, which are handed on instead.
    fn give_up(&mut self) -> Option<Vec<u8>> {
        if self.produced || self.held.is_empty() {
            return None;
        }
        self.state = match self.state {
            State::Sniffing => State::Passing(None),
            State::Decoding(_) => State::Passing(Some(CUT_OFF.into())),
            _ => return None,
        };
        Some(std::mem::take(&mut self.held))
    }

    /// The data ended before `left`: goes on with another member or frame, as soon as it is known to be one.
    fn between(&mut self, left: &[u8]) {
        let (State::Decoding(mut codec) | State::Between(mut codec)) =
            std::mem::replace(&mut self.state, State::Ended)
        else {
            return;
        };
        if left.len() < self.sniff() {
            self.held = left.to_vec();
            self.state = State::Between(codec);
        } else if repeats(&self.coding, left) {
            codec.restart();
            self.state = State::Decoding(codec);
        }
    }

    /// Everything from the beginning, as long as nothing came out.
    fn with_held<'b>(&mut self, input: Cow<'b, [u8]>) -> Cow<'b, [u8]> {
        if self.held.is_empty() {
            return input;
        }
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(&input);
        Cow::Owned(all)
    }

    /// A codec failed before it gave a byte: what to do with all the bytes instead.
    fn second_try(&mut self, reason: String) {
        self.state = match self.coding {
            Coding::Deflate if !self.tried_raw => {
                self.tried_raw = true;
                State::Decoding(Box::new(Inflate(Decompress::new(false))))
            }
            // Nothing marks these: it is more likely that they are not what they are called.
            Coding::Deflate | Coding::Brotli => State::Passing(None),
            _ => State::Passing(Some(reason)),
        };
    }

    /// Decodes with the codec; [`Outcome::Nothing`] leaves the input to a second try.
    fn decode(
        &mut self,
        input: &[u8],
        rest: &mut [Stage],
        effort: &mut Effort,
        out: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Outcome {
        if self.buffer.is_empty() {
            self.buffer = SPARE.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; BUFFER]);
        }
        let mut left = input;
        loop {
            let State::Decoding(codec) = &mut self.state else { return Outcome::More };
            let Step { read, written, end } = codec.step(left, &mut self.buffer);
            left = left.get(read..).unwrap_or_default();
            effort.done += written as u64;
            if effort.done > effort.most {
                return Outcome::Enough;
            }
            if written > 0 {
                self.produced = true;
                self.held = Vec::new();
                if !feed(rest, &self.buffer[..written], effort, out) {
                    return Outcome::Enough;
                }
            }
            match end {
                Ok(true) => {
                    self.between(left);
                    if !matches!(self.state, State::Decoding(_)) {
                        return Outcome::More;
                    }
                }
                Ok(false) if left.is_empty() && written < self.buffer.len() => return Outcome::More,
                Ok(false) if read > 0 || written > 0 => {}
                Ok(false) => self.state = State::Failed("it makes no progress".into()),
                Err(reason) if !self.produced => return Outcome::Nothing(reason),
                Err(reason) => self.state = State::Failed(reason),
            }
        }
    }
}

enum Outcome {
    More,
    /// A limit was met.
    Enough,
    /// It failed before it gave a byte.
    Nothing(String),
}

/// Hands bytes to the first stage, and what comes out of it to the next; false when a limit was met.
fn feed(stages: &mut [Stage], input: &[u8], effort: &mut Effort, out: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let Some((stage, rest)) = stages.split_first_mut() else { return input.is_empty() || out(input) };
    let mut input = Cow::Borrowed(input);
    if matches!(stage.state, State::Sniffing | State::Between(_)) {
        if stage.held.len() + input.len() < stage.sniff() {
            stage.held.extend_from_slice(&input);
            return true;
        }
        input = stage.with_held(input);
        match stage.state {
            State::Between(_) => stage.between(&input),
            _ => stage.state = stage.begin(&input),
        }
    }
    loop {
        match stage.state {
            State::Passing(_) => return feed(rest, &input, effort, out),
            State::Decoding(_) => {}
            State::Sniffing | State::Between(_) | State::Ended | State::Failed(_) => return true,
        }
        match stage.decode(&input, rest, effort, out) {
            Outcome::Enough => return false,
            Outcome::More => {
                let waits = matches!(stage.state, State::Decoding(_)) && !stage.produced;
                if waits && stage.held.len() + input.len() <= HELD {
                    stage.held.extend_from_slice(&input);
                }
                return true;
            }
            Outcome::Nothing(reason) => {
                input = stage.with_held(input);
                stage.second_try(reason);
            }
        }
    }
}

/// The coding of data that begins so, where it is not the one that the head names. Servers confuse gzip, zlib and bare
/// deflate with each other, and proxies keep the name of a coding that they replaced.
fn actual(named: &Coding, start: &[u8]) -> Option<Coding> {
    let marked = match start {
        [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 => Some(Coding::Gzip),
        [0x1f, 0x9d, ..] => Some(Coding::Compress),
        _ if is_zstd(start) => Some(Coding::Zstd),
        _ => None,
    };
    match (named, marked) {
        (named, Some(marked)) if *named == marked => None,
        // No mark begins Brotli data or deflate: these bytes may be either.
        (Coding::Brotli | Coding::Deflate, Some(marked)) => {
            (trial(&marked, start) && !trial(named, start)).then_some(marked)
        }
        (_, Some(marked)) => Some(marked),
        (Coding::Gzip | Coding::Zstd | Coding::Compress, None) => {
            let is_named = matches!((named, start), (Coding::Gzip, [0x1f, 0x8b, 8, ..]));
            (!is_named && trial(&Coding::Deflate, start)).then_some(Coding::Deflate)
        }
        _ => None,
    }
}

/// Whether the beginning of a body decodes in this coding: to its end, or as far as a whole block of it goes. Text is in
/// none.
fn trial(coding: &Coding, start: &[u8]) -> bool {
    let start = &start[..start.len().min(BLOCK)];
    let is_text = |bytes: &[u8]| {
        std::str::from_utf8(bytes)
            .is_ok_and(|text| !text.contains(|c: char| c.is_control() && !c.is_whitespace()))
    };
    if is_text(start) {
        return false;
    }
    let mut stage = Stage::new(coding.clone());
    stage.state = stage.decoder(start);
    let mut effort = Effort { done: 0, most: TRIAL };
    loop {
        let outcome = stage.decode(start, &mut [], &mut effort, &mut |_| true);
        return match outcome {
            Outcome::Nothing(_) if *coding == Coding::Deflate && !stage.tried_raw => {
                stage.second_try(String::new());
                continue;
            }
            Outcome::Nothing(_) => false,
            // More than this of 4096 bytes is no accident.
            Outcome::Enough => true,
            Outcome::More => match stage.state {
                State::Ended | State::Between(_) => true,
                // A block of zstd may be longer than this, and gives nothing before its end.
                State::Decoding(_) => start.len() == BLOCK && (stage.produced || *coding == Coding::Zstd),
                _ => false,
            },
        };
    }
}

/// Whether the data goes on behind its end.
fn repeats(coding: &Coding, rest: &[u8]) -> bool {
    match coding {
        Coding::Gzip => rest.starts_with(&[0x1f, 0x8b, 8]),
        Coding::Zstd => is_zstd(rest),
        _ => false,
    }
}

/// Frames of zstd, and frames to be skipped: RFC 8878, 3.1.2.
fn is_zstd(start: &[u8]) -> bool {
    matches!(start, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}
