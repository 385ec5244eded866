//! MD5 (RFC 1321) of several messages at a time: one step of it waits for the one before, so that a processor
//! does sixteen in little more time than one.

#[cfg(target_arch = "x86_64")]
mod avx512;

use std::array::from_fn;

use md5::{Digest, Md5};

/// Messages at a time: as many as words are in the widest registers.
const LANES: usize = 16;
/// Bytes of a block.
const BLOCK: usize = 64;
/// Longer messages go alone: the others would wait for them.
const LONG: usize = 256 << 10;
/// Fewer messages go one after the other.
const FEW: usize = 4;

/// An MD5 digest.
pub(super) type Value = [u8; 16];

/// The digests of `messages`, in their order.
pub(super) fn digests(messages: &[&[u8]]) -> Vec<Value> {
    let mut values = vec![Value::default(); messages.len()];
    let mut short: Vec<usize> = (0..messages.len()).filter(|&index| messages[index].len() <= LONG).collect();
    if short.len() < FEW {
        short.clear();
    }
    // The longest first: all lanes end at about the same time.
    short.sort_unstable_by_key(|&index| std::cmp::Reverse(messages[index].len()));
    let mut next = short.iter().copied();
    let mut lanes: [Lane<'_>; LANES] = from_fn(|_| Lane::default());
    loop {
        let mut count = usize::MAX;
        for lane in &mut lanes {
            if lane.left() == 0 {
                if let Some(index) = lane.index.take() {
                    values[index] = lane.value();
                }
                if let Some(index) = next.next() {
                    *lane = Lane::new(index, messages[index]);
                }
            }
            if lane.index.is_some() {
                count = count.min(lane.left());
            }
        }
        if count == usize::MAX {
            break;
        }
        advance(&mut lanes, count);
    }
    for (value, message) in values.iter_mut().zip(messages) {
        if short.is_empty() || message.len() > LONG {
            *value = Md5::digest(message).into();
        }
    }
    values
}

/// A message under way.
struct Lane<'m> {
    /// Which one it is.
    index: Option<usize>,
    /// What is left of its whole blocks.
    message: &'m [u8],
    /// Its last bytes, padded.
    end: [u8; 2 * BLOCK],
    /// What is left of them.
    end_left: usize,
    state: [u32; 4],
}

impl Default for Lane<'_> {
    fn default() -> Self {
        Self { index: None, message: &[], end: [0; 2 * BLOCK], end_left: 0, state: [0; 4] }
    }
}

impl<'m> Lane<'m> {
    fn new(index: usize, message: &'m [u8]) -> Self {
        let (whole, rest) = message.split_at(message.len() / BLOCK * BLOCK);
        let end_left = if rest.len() + 9 <= BLOCK { BLOCK } else { 2 * BLOCK };
        let mut end = [0; 2 * BLOCK];
        let start = 2 * BLOCK - end_left;
        end[start..start + rest.len()].copy_from_slice(rest);
        end[start + rest.len()] = 0x80;
        end[2 * BLOCK - 8..].copy_from_slice(&(message.len() as u64).wrapping_mul(8).to_le_bytes());
        let state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
        Self { index: Some(index), message: whole, end, end_left, state }
    }

    /// Blocks that are left.
    fn left(&self) -> usize {
        (self.message.len() + self.end_left) / BLOCK
    }

    /// The next block, if it is not one of the last.
    #[inline(always)]
    fn next_whole(&mut self) -> Option<&'m [u8; BLOCK]> {
        let (block, rest) = self.message.split_first_chunk()?;
        self.message = rest;
        Some(block)
    }

    /// The next block; zeros when there is none.
    #[inline(always)]
    fn next(&mut self) -> [u8; BLOCK] {
        if let Some(block) = self.next_whole() {
            return *block;
        }
        let start = 2 * BLOCK - self.end_left;
        self.end_left = self.end_left.saturating_sub(BLOCK);
        self.end.get(start..).and_then(|end| end.first_chunk()).copied().unwrap_or([0; BLOCK])
    }

    fn value(&self) -> Value {
        let mut value = Value::default();
        for (bytes, word) in value.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        value
    }
}

/// The same word of all lanes.
type Words = [u32; LANES];

/// Takes so many blocks of each lane.
#[allow(unsafe_code)]
fn advance(lanes: &mut [Lane<'_>; LANES], count: usize) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        // SAFETY: all that it asks for are these instructions, which the processor has.
        unsafe { avx512::advance(lanes, count) };
        return;
    }
    advance_portably(lanes, count);
}

/// The same, with whatever registers the compiler has for it.
#[multiversion::multiversion(targets("x86_64+avx2"))]
fn advance_portably<'m>(lanes: &mut [Lane<'m>; LANES], count: usize) {
    let mut state: [Words; 4] = from_fn(|word| from_fn(|lane| lanes[lane].state[word]));
    for _ in 0..count {
        let mut words = [[0; LANES]; 16];
        for (index, lane) in lanes.iter_mut().enumerate() {
            let block = lane.next();
            for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
                word[index] = u32::from_le_bytes(*bytes);
            }
        }
        let before = state;
        // RFC 1321, 3.4.
        round(&mut state, &words, 0, [7, 12, 17, 22], |i| i, |b, c, d| d ^ (b & (c ^ d)));
        round(&mut state, &words, 16, [5, 9, 14, 20], |i| (5 * i + 1) % 16, |b, c, d| c ^ (d & (b ^ c)));
        round(&mut state, &words, 32, [4, 11, 16, 23], |i| (3 * i + 5) % 16, |b, c, d| b ^ c ^ d);
        round(&mut state, &words, 48, [6, 10, 15, 21], |i| 7 * i % 16, |b, c, d| c ^ (b | !d));
        for (word, before) in state.iter_mut().zip(before) {
            *word = from_fn(|lane| word[lane].wrapping_add(before[lane]));
        }
    }
    for (index, lane) in lanes.iter_mut().enumerate() {
        lane.state = from_fn(|word| state[word][index]);
    }
}

/// Sixteen steps.
#[inline(always)]
fn round(
    state: &mut [Words; 4],
    words: &[Words; 16],
    first: usize,
    shifts: [u32; 4],
    word: impl Fn(usize) -> usize,
    mix: impl Fn(u32, u32, u32) -> u32,
) {
    for i in 0..16 {
        let [a, b, c, d] = *state;
        let (words, constant) = (&words[word(i)], SINES[first + i]);
        let next = from_fn(|lane| {
            let sum = a[lane].wrapping_add(mix(b[lane], c[lane], d[lane]));
            let sum = sum.wrapping_add(words[lane]).wrapping_add(constant);
            sum.rotate_left(shifts[i % 4]).wrapping_add(b[lane])
        });
        *state = [d, next, b, c];
    }
}

/// The whole part of 2^32 * |sin(i + 1)|.
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What the messages have, one at a time.
    fn expected(messages: &[&[u8]]) -> Vec<Value> {
        messages.iter().map(|message| Md5::digest(message).into()).collect()
    }

    #[test]
    fn all_kinds_of_processors_take_the_same_steps() {
        let messages: Vec<Vec<u8>> =
            (0..LANES).map(|lane| (0..150 + 37 * lane).map(|at| (at * (lane + 3)) as u8).collect()).collect();
        let mut lanes: [Lane<'_>; LANES] = from_fn(|lane| Lane::new(lane, &messages[lane]));
        let mut others: [Lane<'_>; LANES] = from_fn(|lane| Lane::new(lane, &messages[lane]));
        for _ in 0..3 {
            advance(&mut lanes, 1);
            advance_portably(&mut others, 1);
            assert_eq!(lanes.each_ref().map(|lane| lane.state), others.each_ref().map(|lane| lane.state));
        }
    }

    #[test]
    fn every_length_around_the_blocks_in_any_company() {
        let bytes: Vec<u8> = (0..2 * LONG).map(|at| ((at * 7919) >> 5) as u8).collect();
        let mut lengths: Vec<usize> = (0..300).collect();
        lengths.extend([1000, 64 * 64, LONG - 1, LONG, LONG + 1, 2 * LONG, 0, 0]);
        let messages: Vec<_> =
            lengths.iter().map(|&length| &bytes[length % 7 * 3..][..length.min(LONG)]).collect();
        for count in [0, 1, 3, 4, 15, 16, 17, 40, messages.len()] {
            for messages in [&messages[..count], &messages[messages.len() - count..]] {
                assert_eq!(digests(messages), expected(messages), "{count}");
            }
        }
        let long = [&bytes[..], b"abc", b"", &bytes[1..], b"message digest", b"a"];
        assert_eq!(digests(&long), expected(&long));
    }
}
