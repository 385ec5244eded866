//! The record layer: where records are in a direction that may have gaps. RFC 8446, section 5.1.

use std::borrow::Cow;
use std::ops::Range;

/// Bytes of a record's header.
pub(super) const HEADER: u64 = 5;
/// The longest body of a record: RFC 5246, section 6.2.3. That of TLS 1.3 is shorter.
const MAX_BODY: u16 = 16384 + 2048;
/// Bytes that are searched together.
const SPAN: u64 = 64 << 10;

/// Content types.
pub(super) mod kind {
    pub(in crate::tls) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(in crate::tls) const ALERT: u8 = 21;
    pub(in crate::tls) const HANDSHAKE: u8 = 22;
    pub(in crate::tls) const DATA: u8 = 23;
    pub(in crate::tls) const HEARTBEAT: u8 = 24;
}

/// The bytes of one direction, with its gaps.
pub trait Source {
    /// Bytes up to the end of the direction, gaps included.
    fn len(&self) -> u64;

    /// There are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first gap that ends behind `offset`, cut to the direction; an empty one at its end where there is none.
    fn next_gap(&self, offset: u64) -> Range<u64>;

    /// The bytes of a range without a gap, fewer where they cannot be read.
    fn read(&self, range: Range<u64>) -> Cow<'_, [u8]>;
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: u8,
    pub(super) version: u16,
    /// Bytes of the body.
    pub(super) length: u16,
}

impl Header {
    /// The header in these bytes. `None` where they cannot begin a record.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let [kind, major, minor, high, low] = *bytes.first_chunk()?;
        let is_version = (major == 3 && minor <= 4) || major == 0x7f;
        let header = Self {
            kind,
            version: u16::from_be_bytes([major, minor]),
            length: u16::from_be_bytes([high, low]),
        };
        let is_length = header.length <= MAX_BODY && (header.length > 0 || kind == kind::DATA);
        let is_kind = (kind::CHANGE_CIPHER_SPEC..=kind::HEARTBEAT).contains(&kind);
        (is_kind && is_version && is_length).then_some(header)
    }

    pub(super) fn bytes(&self) -> [u8; HEADER as usize] {
        let ([major, minor], [high, low]) = (self.version.to_be_bytes(), self.length.to_be_bytes());
        [self.kind, major, minor, high, low]
    }

    /// What a tag or MAC covers beside the text up to TLS 1.2: number, type, version and length of the text.
    pub(super) fn authenticated(&self, number: u64, length: usize) -> [u8; 13] {
        let mut data = [0; 13];
        let (start, rest) = data.split_at_mut(8);
        start.copy_from_slice(&number.to_be_bytes());
        rest.copy_from_slice(&Self { length: length as u16, ..*self }.bytes());
        data
    }
}

/// What is at a place where a record begins.
#[derive(Debug)]
pub(super) enum Step<'s> {
    /// A whole record.
    Record { header: Header, range: Range<u64>, body: Cow<'s, [u8]> },
    /// A record with a hole in its body.
    Torn { header: Header, range: Range<u64> },
    /// A hole or something else, in which the place of the next record is lost.
    Lost,
    /// The end, or a record that is cut off by it.
    End,
}

/// The end of the bytes that follow `offset` without a gap; `offset` itself inside of one.
pub(super) fn seen_until(source: &dyn Source, offset: u64) -> u64 {
    source.next_gap(offset).start.max(offset.min(source.len()))
}

/// The record at `at`.
pub(super) fn step(source: &dyn Source, at: u64) -> Step<'_> {
    let (length, seen) = (source.len(), seen_until(source, at));
    if at >= length {
        return Step::End;
    }
    if seen.saturating_sub(at) < HEADER {
        return if seen == length { Step::End } else { Step::Lost };
    }
    let Some(header) = Header::parse(&source.read(at..at + HEADER)) else { return Step::Lost };
    let end = at + HEADER + u64::from(header.length);
    if end > length {
        return Step::End;
    }
    if end > seen {
        return Step::Torn { header, range: at..end };
    }
    let body = source.read(at + HEADER..end);
    if body.len() != usize::from(header.length) {
        // It cannot be read.
        return Step::End;
    }
    Step::Record { header, range: at..end, body }
}

/// The first place from `at` on at which a record may begin, and its header.
pub(super) fn search(
    source: &dyn Source,
    at: u64,
    is_wanted: &dyn Fn(&Header) -> bool,
) -> Option<(u64, Header)> {
    let mut at = at;
    while at < source.len() {
        let seen = seen_until(source, at);
        if seen <= at {
            at = source.next_gap(at).end.max(at + 1);
            continue;
        }
        let end = seen.min(at + SPAN);
        let bytes = source.read(at..end);
        if bytes.is_empty() {
            return None;
        }
        let mut places = (0u64..).zip(bytes.windows(HEADER as usize));
        // The first byte rules out most places.
        let found = places.find_map(|(place, window)| {
            let [first, ..] = *window else { return None };
            if !(kind::CHANGE_CIPHER_SPEC..=kind::HEARTBEAT).contains(&first) {
                return None;
            }
            Header::parse(window).filter(|header| is_wanted(header)).map(|header| (at + place, header))
        });
        if found.is_some() {
            return found;
        }
        // The start of a header may be at the end of what was searched.
        at = if end == seen { seen } else { end - HEADER + 1 };
    }
    None
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Bytes in memory.
    pub(in crate::tls) struct Memory {
        pub(in crate::tls) bytes: Vec<u8>,
        pub(in crate::tls) gaps: Vec<Range<u64>>,
    }

    impl Source for Memory {
        fn len(&self) -> u64 {
            self.bytes.len() as u64
        }

        fn next_gap(&self, offset: u64) -> Range<u64> {
            let end = self.len();
            self.gaps.iter().find(|gap| gap.end > offset).cloned().unwrap_or(end..end)
        }

        fn read(&self, range: Range<u64>) -> Cow<'_, [u8]> {
            Cow::Borrowed(&self.bytes[range.start as usize..range.end as usize])
        }
    }

    fn records() -> Memory {
        let mut bytes =
            [&[22, 3, 1, 0, 10][..], &[1; 10], &[23, 3, 3, 0, 20], &[2; 20], &[23, 3, 3, 0, 9]].concat();
        bytes.extend_from_slice(&[3; 4]);
        Memory { bytes, gaps: vec![] }
    }

    #[test]
    fn records_follow_each_other() {
        let memory = records();
        let Step::Record { header, range, body } = step(&memory, 0) else { panic!("a record") };
        assert_eq!((header.kind, header.version, range, &*body), (22, 0x301, 0..15, &[1; 10][..]));
        let Step::Record { range, .. } = step(&memory, 15) else { panic!("a record") };
        assert_eq!(range, 15..40);
        assert!(matches!(step(&memory, 40), Step::End));
        assert!(matches!(step(&memory, 1), Step::Lost));
    }

    #[test]
    fn a_hole_in_a_body_leaves_the_next_place_known() {
        let mut memory = records();
        memory.gaps = vec![Range { start: 21, end: 22 }];
        assert!(matches!(step(&memory, 15), Step::Torn { range: Range { start: 15, end: 40 }, .. }));
        memory.gaps = vec![Range { start: 17, end: 18 }];
        assert!(matches!(step(&memory, 15), Step::Lost));
        assert!(matches!(step(&memory, 17), Step::Lost));
        assert_eq!(search(&memory, 15, &|_| true).unwrap().0, 40);
    }

    #[test]
    fn a_search_finds_headers_across_the_parts_that_it_reads() {
        for shift in 0..8 {
            let mut bytes = vec![0x55; SPAN as usize - shift];
            bytes.extend_from_slice(&[23, 3, 3, 0, 9, 7, 7, 7]);
            let place = SPAN - shift as u64;
            let memory = Memory { bytes, gaps: vec![] };
            assert_eq!(search(&memory, 0, &|_| true).unwrap().0, place);
            assert!(search(&memory, place + 1, &|_| true).is_none());
            assert!(search(&memory, 0, &|header| header.version == 0x301).is_none());
        }
    }
}
