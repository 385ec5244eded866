//! What holds for any bytes: an answer, and a payload inside the frame.

extern crate std;

use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::examples::{PAYLOAD, all, cut, is_hello, rejected, whole};
use super::{LINK_TYPES, Reject, RejectReason, Segment};
use crate::frame::LinkType;

/// Decodes and asserts what every answer has to fulfil.
#[track_caller]
fn checked(link: LinkType, bytes: &[u8], wire_len: usize) -> Result<Segment<'_>, Reject> {
    let result = cut(link, bytes, wire_len);
    match &result {
        Ok(segment) => {
            let (frame, payload) = (bytes.as_ptr_range(), segment.payload.as_ptr_range());
            assert!(segment.payload.is_empty() || frame.start <= payload.start && payload.end <= frame.end);
            assert!(segment.payload.len() <= segment.payload_len as usize);
        }
        Err(reject) => assert!(reject.offset <= bytes.len(), "{reject}"),
    }
    result
}

#[test]
fn every_example_carries_the_segment() {
    for (link, bytes) in all() {
        is_hello(whole(link, &bytes));
    }
}

#[test]
fn padding_is_never_payload() {
    for (link, mut bytes) in all() {
        bytes.extend_from_slice(&[0xee; 18]);
        is_hello(whole(link, &bytes));
    }
}

#[test]
fn a_cut_frame_gives_what_is_there_and_the_whole_length_or_is_truncated() {
    for (link, bytes) in all() {
        for captured in 0..bytes.len() {
            match checked(link, &bytes[..captured], bytes.len()) {
                Ok(segment) => {
                    assert!(PAYLOAD.starts_with(segment.payload));
                    assert_eq!(segment.payload_len, 5);
                }
                Err(reject) => {
                    assert_eq!(reject.reason, RejectReason::Truncated, "{link}, {captured} bytes");
                    assert!(reject.offset <= captured);
                }
            }
        }
    }
}

#[test]
fn any_byte_may_have_any_value() {
    for (link, bytes) in all() {
        let mut bytes = bytes;
        for at in 0..bytes.len() {
            let original = bytes[at];
            for value in 0..=u8::MAX {
                bytes[at] = value;
                let _ = checked(link, &bytes, bytes.len());
            }
            bytes[at] = original;
        }
    }
}

#[test]
fn an_unknown_link_type_is_named() {
    let reject = rejected(LinkType(147), &[0; 64]);
    assert_eq!(reject.reason, RejectReason::UnknownLinkType(147));
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(
        link in select(LINK_TYPES),
        bytes in vec(any::<u8>(), 0..300),
        wire_len in any::<u32>(),
    ) {
        let _ = checked(link, &bytes, wire_len as usize);
    }

    #[test]
    fn damaged_examples_give_an_answer(
        (link, bytes) in select(all()),
        damage in vec((any::<Index>(), any::<u8>()), 0..8),
        captured in any::<Index>(),
        wire_len in 0..400usize,
    ) {
        let mut bytes: Vec<u8> = bytes;
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(captured.index(bytes.len()) + 1);
        let _ = checked(link, &bytes, wire_len);
    }

    #[test]
    fn examples_of_one_link_type_read_as_another_give_an_answer(
        (_, bytes) in select(all()),
        link in select(LINK_TYPES),
    ) {
        let _ = checked(link, &bytes, bytes.len());
    }
}
