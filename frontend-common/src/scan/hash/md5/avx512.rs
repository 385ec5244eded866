//! The steps of MD5 with registers of sixteen words: the compiler finds no way to them from loops over lanes.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_rol_epi32, _mm512_set1_epi32, _mm512_shuffle_i32x4,
    _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};
use std::array::from_fn;

use zerocopy::transmute;

use super::{BLOCK, LANES, Lane, SINES, Words};

/// Takes so many blocks of each lane.
#[target_feature(enable = "avx512f")]
pub(super) fn advance(lanes: &mut [Lane<'_>; LANES], count: usize) {
    let mut state: [__m512i; 4] = from_fn(|word| {
        let words: Words = from_fn(|lane| lanes[lane].state[word]);
        transmute!(words)
    });
    for _ in 0..count {
        let blocks: [__m512i; LANES] = match whole(lanes) {
            Some(blocks) => from_fn(|lane| transmute!(*blocks[lane])),
            None => from_fn(|lane| transmute!(lanes[lane].next())),
        };
        block(&mut state, transposed(blocks));
    }
    let state: [Words; 4] = from_fn(|word| transmute!(state[word]));
    for (index, lane) in lanes.iter_mut().enumerate() {
        lane.state = from_fn(|word| state[word][index]);
    }
}

/// The next block of each lane, where none is at its end.
#[inline(always)]
fn whole<'m>(lanes: &mut [Lane<'m>; LANES]) -> Option<[&'m [u8; BLOCK]; LANES]> {
    if lanes.iter().any(|lane| lane.message.len() < BLOCK) {
        return None;
    }
    const NONE: &[u8; BLOCK] = &[0; BLOCK];
    Some(from_fn(|lane| lanes[lane].next_whole().unwrap_or(NONE)))
}

/// One block of each lane, by words: RFC 1321, 3.4.
#[target_feature(enable = "avx512f")]
#[inline]
fn block(state: &mut [__m512i; 4], words: [__m512i; 16]) {
    let [mut a, mut b, mut c, mut d] = *state;
    // `mix` is the table of the function of three bits that the round has.
    macro_rules! step {
        ($mix:literal, $a:ident $b:ident $c:ident $d:ident, $word:expr, $shift:literal, $step:expr) => {
            let sum =
                _mm512_add_epi32($a, _mm512_add_epi32(words[$word], _mm512_set1_epi32(SINES[$step] as i32)));
            let sum = _mm512_add_epi32(sum, _mm512_ternarylogic_epi32::<$mix>($b, $c, $d));
            $a = _mm512_add_epi32(_mm512_rol_epi32::<$shift>(sum), $b);
        };
    }
    macro_rules! round {
        ($first:literal, $mix:literal, $p:literal $q:literal $r:literal $s:literal, $word:expr) => {
            round!($first, $mix, $p $q $r $s, $word, 0 4 8 12);
        };
        ($first:literal, $mix:literal, $p:literal $q:literal $r:literal $s:literal, $word:expr, $($i:literal)*) => {$(
            step!($mix, a b c d, $word($i), $p, $first + $i);
            step!($mix, d a b c, $word($i + 1), $q, $first + $i + 1);
            step!($mix, c d a b, $word($i + 2), $r, $first + $i + 2);
            step!($mix, b c d a, $word($i + 3), $s, $first + $i + 3);
        )*};
    }
    round!(0, 0xca, 7 12 17 22, |i: usize| i);
    round!(16, 0xe4, 5 9 14 20, |i: usize| (5 * i + 1) % 16);
    round!(32, 0x96, 4 11 16 23, |i: usize| (3 * i + 5) % 16);
    round!(48, 0x39, 6 10 15 21, |i: usize| 7 * i % 16);
    for (word, added) in state.iter_mut().zip([a, b, c, d]) {
        *word = _mm512_add_epi32(*word, added);
    }
}

/// From the words of each lane to the lanes of each word.
#[target_feature(enable = "avx512f")]
#[inline]
fn transposed(rows: [__m512i; 16]) -> [__m512i; 16] {
    let mut pairs = rows;
    for at in (0..16).step_by(2) {
        pairs[at] = _mm512_unpacklo_epi32(rows[at], rows[at + 1]);
        pairs[at + 1] = _mm512_unpackhi_epi32(rows[at], rows[at + 1]);
    }
    // Quarter q of number 4 * g + k: word 4 * q + k of the lanes from 4 * g on.
    let mut fours = pairs;
    for at in (0..16).step_by(4) {
        fours[at] = _mm512_unpacklo_epi64(pairs[at], pairs[at + 2]);
        fours[at + 1] = _mm512_unpackhi_epi64(pairs[at], pairs[at + 2]);
        fours[at + 2] = _mm512_unpacklo_epi64(pairs[at + 1], pairs[at + 3]);
        fours[at + 3] = _mm512_unpackhi_epi64(pairs[at + 1], pairs[at + 3]);
    }
    let mut words = fours;
    for k in 0..4 {
        let low = _mm512_shuffle_i32x4::<0x44>(fours[k], fours[4 + k]);
        let high = _mm512_shuffle_i32x4::<0xee>(fours[k], fours[4 + k]);
        let later_low = _mm512_shuffle_i32x4::<0x44>(fours[8 + k], fours[12 + k]);
        let later_high = _mm512_shuffle_i32x4::<0xee>(fours[8 + k], fours[12 + k]);
        words[k] = _mm512_shuffle_i32x4::<0x88>(low, later_low);
        words[4 + k] = _mm512_shuffle_i32x4::<0xdd>(low, later_low);
        words[8 + k] = _mm512_shuffle_i32x4::<0x88>(high, later_high);
        words[12 + k] = _mm512_shuffle_i32x4::<0xdd>(high, later_high);
    }
    words
}
