//! What the HTTP scanner finds, kept in memory, and connections made by hand.

use std::ops::Range;

use tapflow_common::scan::http::{BodyName, Direction, Limits, Message, Output, Scanned, Slot, Stored, scan};
use tapflow_core::Timestamp;

/// Everything that the scanner told.
#[derive(Debug, Default)]
pub struct Kept {
    /// Names (without the flow's) and bytes of bodies, in the order in which they ended; zeros in holes.
    pub bodies: Vec<(String, Vec<u8>)>,
    /// Messages as they were told.
    pub messages: Vec<Message>,
    /// Exchanges: numbers of request and response.
    pub exchanges: Vec<(Option<u64>, Option<u64>)>,
    /// When the first byte of each body was captured.
    pub times: Vec<Option<Timestamp>>,
    /// What the scan came to.
    pub scanned: Option<Scanned>,
    open: [Option<(BodyName, Vec<u8>)>; 2],
}

impl Kept {
    /// Scans two directions.
    #[must_use]
    pub fn scan(directions: [Direction<'_>; 2], limits: &Limits) -> Self {
        let mut kept = Self::default();
        kept.scanned = scan(directions, limits, &mut kept);
        assert!(kept.open.iter().all(Option::is_none), "every body is ended");
        kept
    }

    /// Scans a connection made by hand, everything captured, with the default limits.
    #[must_use]
    pub fn of(client: impl AsRef<[u8]>, server: impl AsRef<[u8]>) -> Self {
        Self::scan([whole(client.as_ref()), whole(server.as_ref())], &Limits::default())
    }

    /// The bodies as text: `-HTTPBODY-001.txt hello`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.bodies.iter().map(|(name, bytes)| format!("{name} {}", bytes.escape_ascii())).collect()
    }

    /// The bytes of the body of this name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn body(&self, name: &str) -> &[u8] {
        let found = self.bodies.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("{name} is not among {:?}", self.lines())).1
    }

    /// The message of the server, or of the client, with this number.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn response(&self, number: u64) -> &Message {
        let mut responses = self.messages.iter().filter(|message| message.head.status().is_some());
        responses.find(|message| message.number == number).expect("a response of this number")
    }

    /// The request with this number.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn request(&self, number: u64) -> &Message {
        let mut requests = self.messages.iter().filter(|message| message.head.status().is_none());
        requests.find(|message| message.number == number).expect("a request of this number")
    }

    /// The names of what was wrong anywhere.
    #[must_use]
    pub fn anomalies(&self) -> Vec<&'static str> {
        let mut all: Vec<_> = self.messages.iter().flat_map(|message| message.anomalies.iter()).collect();
        all.sort();
        all.dedup();
        all.into_iter().map(|anomaly| anomaly.name()).collect()
    }
}

impl Output for Kept {
    fn begin(&mut self, slot: Slot, name: &BodyName) {
        let open = &mut self.open[slot as usize];
        assert!(open.is_none(), "one body at a time in each slot");
        *open = Some((name.clone(), Vec::new()));
        self.times.push(name.time);
    }

    fn write(&mut self, slot: Slot, bytes: &[u8]) {
        assert!(!bytes.is_empty());
        self.open[slot as usize].as_mut().expect("a body has begun").1.extend_from_slice(bytes);
    }

    fn hole(&mut self, slot: Slot, length: u64) {
        let body = &mut self.open[slot as usize].as_mut().expect("a body has begun").1;
        body.resize(body.len() + usize::try_from(length).expect("it is in memory"), 0);
    }

    fn end(&mut self, slot: Slot) -> Option<Stored> {
        let (name, bytes) = self.open[slot as usize].take().expect("a body has begun");
        let stored = Stored { name: name.suffix(), size: bytes.len() as u64, ..Stored::default() };
        self.bodies.push((name.suffix(), bytes));
        Some(stored)
    }

    fn message(&mut self, message: &mut Message) {
        self.messages.push(message.clone());
    }

    fn exchange(&mut self, request: Option<&Message>, response: Option<&Message>) {
        self.exchanges.push((request.map(|message| message.number), response.map(|message| message.number)));
    }
}

/// A direction without gaps, from SYN to FIN.
#[must_use]
pub fn whole(bytes: &[u8]) -> Direction<'_> {
    Direction { bytes, ..Direction::EMPTY }
}

/// A direction with gaps, from SYN to FIN. The bytes in the gaps are zeros.
#[must_use]
pub fn with_gaps<'a>(bytes: &'a mut [u8], gaps: &'a [Range<u64>]) -> Direction<'a> {
    for gap in gaps {
        bytes[gap.start as usize..gap.end as usize].fill(0);
    }
    Direction { bytes, gaps, ..Direction::EMPTY }
}
