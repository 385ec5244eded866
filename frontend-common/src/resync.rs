//! Frames of a protocol found again where bytes are missing, or where a capture begins late.
//!
//! A reader that does not know where frames begin holds the last bytes until its protocol recognises a frame in them. Memory
//! is bounded by [`REACH`], whatever the bytes are.

/// Bytes from a place on that are looked at.
pub(crate) const REACH: usize = 64 << 10;
/// Bytes that a search takes at a time.
const SEARCHED: usize = 4 << 10;

/// What a look at the bytes of a search comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A frame begins here.
    Frame(usize),
    /// A frame may begin at `at`; the bytes before `until` decide.
    Wait { at: usize, until: usize },
    /// No frame begins.
    Nothing,
}

/// A search under way: the last bytes, in which no frame begins before `from`, and which do not decide with fewer than
/// `until`.
#[derive(Debug)]
pub(crate) struct Search {
    /// The stream offset from which on it is not known where frames begin.
    pub(crate) since: u64,
    bytes: Vec<u8>,
    from: usize,
    until: usize,
    /// The first byte may begin a packet, as frames mostly do.
    is_packet: bool,
    /// The shortest header of the protocol.
    header: usize,
}

impl Search {
    /// A search from the begin of a packet on, for what was lost at `since`, of headers with at least `header` bytes.
    pub(crate) fn new(since: u64, header: usize) -> Self {
        Self { since, bytes: Vec::new(), from: 0, until: header, is_packet: true, header }
    }

    /// A search behind the first byte of what was read already: no frame begins with it.
    pub(crate) fn behind(since: u64, bytes: Vec<u8>, header: usize) -> Self {
        Self { since, bytes, from: 1, until: 1 + header, is_packet: false, header }
    }

    /// A search in what was read already, which may begin a packet.
    pub(crate) fn within(since: u64, bytes: Vec<u8>, header: usize) -> Self {
        Self { bytes, ..Self::new(since, header) }
    }

    /// Bytes that are held.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Holds some of the next bytes: how many, and whether they may decide.
    pub(crate) fn hold(&mut self, bytes: &[u8]) -> (usize, bool) {
        let count = self.until.saturating_sub(self.bytes.len()).max(SEARCHED).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..count]);
        (count, self.bytes.len() >= self.until)
    }

    /// Looks for a frame with `find`, which takes the bytes, the first place, and whether place 0 may begin a packet. The
    /// bytes and the place of a frame that was found; the search is over then.
    pub(crate) fn look(
        &mut self,
        find: impl FnOnce(&[u8], usize, bool) -> Found,
    ) -> Option<(Vec<u8>, usize)> {
        match find(&self.bytes, self.from, self.is_packet) {
            Found::Frame(place) => return Some((std::mem::take(&mut self.bytes), place)),
            Found::Wait { at, until } => {
                (self.from, self.until) = (at, until);
                if at >= REACH {
                    // What was searched is not needed any more.
                    self.bytes.drain(..at);
                    (self.from, self.until, self.is_packet) = (0, until - at, false);
                }
            }
            Found::Nothing => {
                self.bytes.clear();
                (self.from, self.until, self.is_packet) = (0, self.header, false);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames begin with `!`.
    fn find(bytes: &[u8], from: usize, _: bool) -> Found {
        match bytes[from..].iter().position(|byte| *byte == b'!') {
            Some(place) => Found::Frame(from + place),
            None => Found::Wait { at: bytes.len(), until: bytes.len() + 1 },
        }
    }

    #[test]
    fn what_was_searched_is_not_held() {
        let mut search = Search::new(7, 1);
        let mut rest = &[b'.'; 5 * REACH][..];
        while !rest.is_empty() {
            let (count, decides) = search.hold(rest);
            rest = &rest[count..];
            assert!(decides && search.look(find).is_none());
            assert!(search.len() < 2 * REACH);
        }
        assert_eq!(search.hold(b"..!"), (3, true));
        let (bytes, place) = search.look(find).expect("a frame");
        assert_eq!((&bytes[place..], search.since), (&b"!"[..], 7));
    }

    #[test]
    fn the_first_byte_of_what_was_read_begins_no_frame() {
        let mut search = Search::behind(0, b"!.".to_vec(), 1);
        assert!(search.look(find).is_none());
        assert_eq!(search.hold(b"!"), (1, true));
        assert_eq!(search.look(find), Some((b"!.!".to_vec(), 2)));
    }
}
