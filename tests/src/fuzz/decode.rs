//! A frame of any link type that is decoded.
//!
//! The first byte chooses the link type, the next two how much longer the frame was on the wire than what
//! follows, which was captured.

use std::collections::BTreeSet;

use crate::{KEY, with};
use tapflow_core::decode::{LINK_TYPES, RejectReason, Settings, decode, decode_with};
use tapflow_core::{Config, Frame, Reassembler, Storage, Timestamp};

use super::Material;
use crate::recorder::Recorder;
use crate::scene::check_accounts;

/// Bytes before the frame.
const HEAD: usize = 3;
/// Frames of a capture that become seeds, and the longest of them.
const SEEDS: usize = 24;
const SEED: usize = 1 << 11;
/// The longest payload there is; less counts where more was captured.
const MAX_PAYLOAD: usize = 1 << 30;

/// Payload and places lie in the frame, lengths and depths have bounds, and the same bytes give the same
/// answer, from decoding alone and from a core.
pub fn run(bytes: &[u8]) {
    let Some((&[link, high, low], captured)) = bytes.split_first_chunk::<HEAD>() else { return };
    let link = LINK_TYPES[usize::from(link) % LINK_TYPES.len()];
    let missing = usize::from(u16::from_be_bytes([high, low]));
    let frame = Frame {
        link,
        time: Timestamp::new(1, 0),
        wire_len: (captured.len() + missing) as u32,
        bytes: captured,
    };
    let answer = decode(&frame);
    match &answer {
        Ok(segment) => {
            let (outside, inside) = (captured.as_ptr_range(), segment.payload.as_ptr_range());
            assert!(segment.payload.is_empty() || outside.start <= inside.start && inside.end <= outside.end);
            let len = segment.payload_len as usize;
            assert!(segment.payload.len() <= len && len <= MAX_PAYLOAD.max(captured.len()));
            assert!(!segment.flags.syn || segment.window_scale.is_none_or(|shift| shift <= 14));
            let link = &segment.link;
            let apart = link.vlans.iter().any(|vlan| *vlan != 0) || !link.tunnels.is_empty();
            // Of more tags than are listed only the domain knows.
            assert!(apart || segment.domain == 0 || link.vlans.len() == link.vlans.capacity());
            assert!(link.outer.is_none() || !link.tunnels.is_empty());
        }
        Err(reject) => assert!(reject.offset <= captured.len(), "{reject}"),
    }
    assert_eq!(format!("{answer:?}"), format!("{:?}", decode(&frame)), "the same again");
    for max_tunnels in [0, 1] {
        let settings = with(Settings::default(), |c| c.max_tunnels = max_tunnels);
        match (&answer, decode_with(&frame, &settings)) {
            (_, Ok(segment)) => assert!(segment.link.tunnels.len() <= usize::from(max_tunnels)),
            // Only what is in more tunnels is lost.
            (Ok(segment), Err(reject)) => {
                assert_eq!(reject.reason, RejectReason::TooDeep);
                assert!(segment.link.tunnels.len() > usize::from(max_tunnels));
            }
            (Err(_), Err(_)) => {}
        }
    }
    in_a_core(&frame);
}

/// Twice, so that there is something that came again.
fn in_a_core(frame: &Frame<'_>) {
    let config = with(Config::new(KEY), |c| c.max_jump = 1 << 16);
    let mut core =
        Reassembler::new(config, Storage::heap(3, 3).expect("memory")).expect("a storage that fits");
    let mut sink = Recorder::default();
    // What the headers announce and was not captured would be a gap of its length for the recorder.
    let wire_len = frame.wire_len.min(frame.bytes.len() as u32 + 1000);
    for _ in 0..2 {
        let Ok(()) = core.push(&Frame { wire_len, ..*frame }, &mut sink);
    }
    let Ok(()) = core.finish(&mut sink);
    assert!(sink.all_closed());
    check_accounts(core.counters());
}

/// One frame of each kind that a capture begins with, by its length and its first bytes.
#[must_use]
pub fn seeds(material: &Material) -> Vec<Vec<u8>> {
    let mut kinds = BTreeSet::new();
    let frames = material.frames.iter().filter(|(_, _, bytes)| bytes.len() <= SEED);
    frames
        .filter_map(|(link, _, bytes)| {
            let index = LINK_TYPES.iter().position(|known| known == link)?;
            kinds.insert((*link, bytes.len() / 16)).then(|| seed(index, bytes))
        })
        .take(SEEDS)
        .collect()
}

fn seed(link: usize, bytes: &[u8]) -> Vec<u8> {
    [&[link as u8, 0, 0], bytes].concat()
}
