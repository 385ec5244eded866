//! Any bytes as a script of fragments, and a naive model that says what has to become of them.
//!
//! The model keeps every byte of a datagram with the fragment it is from. When it is whole, a second core gets
//! it in one piece, and has to tell the same.

use std::collections::BTreeMap;

use crate::{KEY, with};
use tapflow_core::{
    Config, DropReason, FragmentPolicy, FragmentStorage, Frame, LinkType, Storage, Timestamp,
};

use super::{Material, Script};
use crate::fragments::{Piece, payload};
use crate::frames::{ACK, TcpFrame};
use crate::scene::Scene;

/// Blocks of 8 bytes in which fragments begin.
const BLOCKS: usize = 24;
/// Bytes that a fragment takes from the script.
const STEP: usize = 4;
/// The longest seed.
const SEED: usize = 40 * STEP;

/// The first byte chooses the policy and the version of IP. Then four bytes for each fragment: where it
/// begins; how long it is; whether more follow, which of two datagrams it is of, and how much of it a snap
/// length left; how its bytes differ from those of others.
pub fn run(bytes: &[u8]) {
    let mut script = Script(bytes);
    let chosen = script.byte();
    let ipv6 = chosen & 0x80 != 0;
    let policy = FragmentPolicy::ALL[usize::from(chosen) % FragmentPolicy::ALL.len()];
    let config = with(Config::new(KEY), |c| {
        c.fragment_policy = policy;
        c.use_incomplete_datagrams = false;
    });
    let mut core = scene(&config);
    let mut reference = scene(&config);
    let mut model = BTreeMap::<u32, Datagram>::new();
    let text = payload(&TcpFrame::up(100, ACK, &[b'.'; 400]));
    let (mut held, mut wholes) = (0, 0);
    while !script.0.is_empty() {
        let [at, len, flags, other] = [(); STEP].map(|()| script.byte());
        let offset = usize::from(at) % BLOCKS * 8;
        let len = usize::from(len) % 65;
        let part: Vec<u8> = text[offset..offset + len].iter().map(|byte| byte ^ other).collect();
        let captured = if flags & 4 == 0 { len } else { len * usize::from(flags >> 3) / 32 };
        let id = u32::from(flags & 2) + 7;
        let piece = Piece { ipv6, id, ..Piece::new(offset, flags & 1 == 0, &part) };
        let bytes = piece.bytes();
        let headers = bytes.len() - len;
        let whole_frame = piece.frame(&bytes, 1);
        if ipv6 && offset == 0 && !piece.more {
            // An atomic fragment, whatever else has its id.
            let cut = Frame { bytes: &bytes[..headers + captured], ..whole_frame };
            assert_eq!(core.push_frame(&cut), reference.push_frame(&cut));
            continue;
        }
        if !ipv6 && offset == 0 && !piece.more {
            // No fragment.
            let cut = Frame { bytes: &bytes[..headers + captured], ..whole_frame };
            assert_eq!(core.push_frame(&cut), reference.push_frame(&cut));
            continue;
        }
        let lines = core.push_frame(&Frame { bytes: &bytes[..headers + captured], ..whole_frame });
        let datagram = model.entry(id).or_default();
        match datagram.add(&piece, captured, policy) {
            Fate::Rejected => {
                assert!(lines.len() == 1 && lines[0].starts_with("rejected"), "{lines:?}");
                if datagram.bytes.is_empty() {
                    model.remove(&id);
                }
            }
            Fate::Held => {
                held += 1;
                assert!(lines.is_empty(), "{lines:?}");
            }
            Fate::Discarded => {
                assert_eq!(lines.len(), 2, "{lines:?}");
                assert!(lines[0].starts_with(&format!("dropped {id} overlap")), "{lines:?}");
                assert_eq!(core.counters().dropped_for(DropReason::Overlap), 1);
                return;
            }
            Fate::Whole => {
                held += 1;
                wholes += 1;
                let expected = model.remove(&id).map(|datagram| datagram.tell(ipv6, &mut reference));
                assert_eq!(Some(lines), expected);
            }
        }
        let counters = core.counters();
        assert_eq!((counters.fragments, counters.whole_datagrams), (held, wholes));
    }
    let left = core.finish().into_iter().filter(|line| line.starts_with("dropped")).count();
    assert_eq!(left, model.len());
    reference.finish();
}

fn scene(config: &Config) -> Scene {
    let fragments = FragmentStorage::heap(4).expect("memory");
    let storage = Storage::heap(8, 64).expect("memory").with_fragments(fragments);
    Scene::of(config.clone(), storage)
}

enum Fate {
    Rejected,
    Held,
    Discarded,
    Whole,
}

/// One byte of a datagram.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    /// The number of its fragment.
    fragment: usize,
    /// `None` where a snap length cut it off.
    value: Option<u8>,
}

#[derive(Default)]
struct Datagram {
    bytes: Vec<Option<Place>>,
    fragments: usize,
    end: Option<usize>,
}

impl Datagram {
    fn add(&mut self, piece: &Piece, captured: usize, policy: FragmentPolicy) -> Fate {
        let mut len = piece.payload.len();
        if piece.more && !len.is_multiple_of(8) {
            if piece.ipv6 {
                return Fate::Rejected;
            }
            len -= len % 8;
        }
        if len == 0 {
            return Fate::Rejected;
        }
        let (start, end) = (piece.offset, piece.offset + len);
        let contradicts = match (self.end, piece.more) {
            (Some(known), true) => end > known,
            (Some(known), false) => end != known,
            (None, true) => false,
            (None, false) => end < self.bytes.len(),
        };
        if contradicts {
            return Fate::Rejected;
        }
        let value = |at: usize| Some(piece.payload[at - start]).filter(|_| at - start < captured);
        let runs = self.runs();
        let overlapped: Vec<_> = runs.iter().filter(|(from, to)| *from < end && start < *to).collect();
        let discards = piece.ipv6 || policy == FragmentPolicy::Discard;
        let mut is_longer = false;
        if discards && !overlapped.is_empty() {
            let same = overlapped == [&(start, end)]
                && (start..end).all(|at| match (self.bytes[at].and_then(|place| place.value), value(at)) {
                    // What was cut off in either copy cannot be compared.
                    (Some(old), Some(new)) => old == new,
                    (old, new) => {
                        is_longer |= old.is_none() && new.is_some();
                        true
                    }
                });
            if !same {
                return Fate::Discarded;
            }
        }
        let loses: Vec<bool> = (start..end)
            .map(|at| {
                let run = overlapped.iter().find(|(from, to)| (*from..*to).contains(&at));
                let wins = |run| if discards { is_longer } else { new_wins(policy, (start, end), run) };
                run.is_some_and(|run| !wins(**run))
            })
            .collect();
        if self.bytes.len() < end {
            self.bytes.resize(end, None);
        }
        self.fragments += 1;
        for (at, loses) in (start..end).zip(loses) {
            if !loses {
                self.bytes[at] = Some(Place { fragment: self.fragments, value: value(at) });
            }
        }
        if !piece.more {
            self.end = Some(end);
        }
        let whole = self.end == Some(self.bytes.len()) && self.bytes.iter().all(Option::is_some);
        if whole { Fate::Whole } else { Fate::Held }
    }

    /// What is left of each fragment, as start and end.
    fn runs(&self) -> Vec<(usize, usize)> {
        let mut runs = Vec::<(usize, usize)>::new();
        let mut before = None;
        for (at, place) in self.bytes.iter().enumerate() {
            let fragment = place.map(|place| place.fragment);
            match runs.last_mut() {
                Some(run) if fragment.is_some() && fragment == before => run.1 = at + 1,
                _ if fragment.is_some() => runs.push((at, at + 1)),
                _ => {}
            }
            before = fragment;
        }
        runs
    }

    /// What a core tells that gets the datagram in one piece, as far as it was captured.
    fn tell(&self, ipv6: bool, reference: &mut Scene) -> Vec<String> {
        let values = self.bytes.iter().map_while(|place| place.and_then(|place| place.value));
        let captured: Vec<u8> = values.collect();
        let mut bytes = Piece { ipv6, ..Piece::new(0, false, &vec![0; self.bytes.len()]) }.bytes();
        let wire_len = bytes.len() as u32;
        bytes.truncate(bytes.len() - self.bytes.len());
        bytes.extend(captured);
        reference.push_frame(&Frame {
            link: LinkType::RAW,
            time: Timestamp::new(1, 0),
            wire_len,
            bytes: &bytes,
        })
    }
}

/// The policies in the words of those who found them.
fn new_wins(
    policy: FragmentPolicy,
    (start, end): (usize, usize),
    (old_start, old_end): (usize, usize),
) -> bool {
    let original = match policy {
        FragmentPolicy::First | FragmentPolicy::Discard => true,
        FragmentPolicy::Last => false,
        FragmentPolicy::Bsd => old_start <= start,
        FragmentPolicy::BsdRight => old_start > start,
        FragmentPolicy::Linux => old_start < start,
        FragmentPolicy::Windows => !(start < old_start && old_end < end),
        FragmentPolicy::Solaris => !(start < old_start && old_end <= end),
        other => unreachable!("{other:?} has no words here"),
    };
    !original
}

/// Frames as scripts, with every policy.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    let frames = material.frames.iter().map(|(.., bytes)| bytes).filter(|bytes| bytes.len() > 60);
    frames
        .take(16)
        .enumerate()
        .map(|(number, bytes)| {
            let mut seed = vec![number as u8 | (number as u8 & 8) << 4];
            seed.extend(bytes.iter().take(SEED));
            seed
        })
        .collect()
}
