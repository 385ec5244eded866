//! The state of one connection at one of its ends (RFC 9293, 3.3.1), and the bytes on both sides of it.

use super::plan::Step;
use super::segment::{Origin, Segment, Way, offset};

/// The window that every receiver announces, in bytes.
pub const WINDOW: u32 = 0xffff;

/// The states of RFC 9293, 3.3.2. A host without a socket is CLOSED or LISTEN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum State {
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Number of the connection in the plan.
    pub connection: usize,
    /// The direction in which it sends.
    pub way: Way,
    /// Where it stands.
    pub state: State,
    /// Its initial sequence number.
    pub iss: u32,
    /// That of the other side.
    pub irs: u32,
    /// Whether it came from LISTEN.
    pub passive: bool,
    /// The lowest number that is not acknowledged, and the first that was never sent.
    pub unacknowledged: u32,
    /// The first number that was never sent.
    pub next: u32,
    /// The number that it expects.
    pub expected: u32,
    /// What the application wrote.
    pub written: Vec<u8>,
    /// How many of its bytes the SYN carries.
    pub in_syn: usize,
    /// The application has ended the stream, and whether the FIN was sent.
    pub closed: bool,
    /// The FIN was sent at least once.
    pub fin_sent: bool,
    /// A place for every byte that came, also beyond holes.
    pub arrived: Vec<Option<u8>>,
    /// What the application has read.
    pub read: Vec<u8>,
    /// Where the other side's FIN is in its stream, once one came.
    pub fin_at: Option<i64>,
    /// The application has read the end.
    pub ended: bool,
    /// When segments are sent again, in which try.
    pub retransmit_at: Option<u64>,
    /// Tries since the last acknowledgement.
    pub tries: u32,
    /// When it asks whether the other side is still there.
    pub ask_at: Option<u64>,
    /// When TIME-WAIT ends.
    pub forget_at: Option<u64>,
    /// What the application does next, the first last.
    pub steps: Vec<Step>,
    /// When it does it, if it waits for nothing but time.
    pub step_at: Option<u64>,
}

impl Socket {
    /// A socket in `state`.
    #[must_use]
    pub fn new(connection: usize, way: Way, state: State, iss: u32, steps: &[Step]) -> Self {
        Self {
            connection,
            way,
            state,
            iss,
            irs: 0,
            passive: false,
            unacknowledged: iss,
            next: iss,
            expected: 0,
            written: Vec::new(),
            in_syn: 0,
            closed: false,
            fin_sent: false,
            arrived: Vec::new(),
            read: Vec::new(),
            fin_at: None,
            ended: false,
            retransmit_at: None,
            tries: 0,
            ask_at: None,
            forget_at: None,
            steps: steps.iter().rev().cloned().collect(),
            step_at: None,
        }
    }

    /// Takes the other side's initial number.
    pub fn synchronize(&mut self, irs: u32) {
        self.irs = irs;
        self.expected = irs.wrapping_add(1);
    }

    /// A segment without SYN, FIN, RST and bytes.
    #[must_use]
    pub fn bare(&self) -> Segment {
        Segment {
            way: self.way,
            sequence: self.next,
            acknowledgement: Some(self.expected),
            syn: false,
            fin: false,
            rst: false,
            payload: Vec::new(),
            origin: Origin { connection: self.connection, isn: self.iss, forged: false, genuine: true },
        }
    }

    /// Its SYN, which answers the other one once that came.
    #[must_use]
    pub fn syn(&self) -> Segment {
        let acknowledgement = (self.state != State::SynSent).then_some(self.expected);
        let payload = self.written[..self.in_syn].to_vec();
        Segment { syn: true, sequence: self.iss, acknowledgement, payload, ..self.bare() }
    }

    /// What it sends from `sequence` on: no more than `mss` bytes, and the FIN if nothing else is left.
    #[must_use]
    pub fn piece(&self, sequence: u32, mss: usize) -> Segment {
        let start = (offset(self.iss, sequence).max(0) as usize).min(self.written.len());
        let end = self.written.len().min(start + mss);
        let fin = self.closed && end == self.written.len();
        Segment { sequence, fin, payload: self.written[start..end].to_vec(), ..self.bare() }
    }

    /// The number after everything that the application has written, and its end.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.iss.wrapping_add(1 + self.written.len() as u32 + u32::from(self.closed))
    }

    /// Whether it may send bytes.
    #[must_use]
    pub fn can_send(&self) -> bool {
        !matches!(self.state, State::SynSent | State::SynReceived | State::TimeWait)
    }

    /// Whether `segment` has something in the receive window (RFC 9293, 3.10.7.4, first check).
    #[must_use]
    pub fn accepts(&self, segment: &Segment) -> bool {
        let in_window = |number: u32| number.wrapping_sub(self.expected) < WINDOW;
        in_window(segment.sequence)
            || segment.length() > 0
                && (in_window(segment.end().wrapping_sub(1))
                    || before(segment.sequence, self.expected) && before(self.expected, segment.end()))
    }

    /// Takes in bytes and FIN of an acceptable segment: what came first counts. The application reads what is in
    /// order.
    pub fn take(&mut self, segment: &Segment) {
        let first = segment.sequence.wrapping_add(u32::from(segment.syn));
        let start = offset(self.irs, first);
        let limit = self.read.len() as i64 + i64::from(WINDOW);
        for (at, byte) in (start..).zip(&segment.payload) {
            if at < self.read.len() as i64 || at >= limit || self.fin_at.is_some_and(|fin| at >= fin) {
                continue;
            }
            let at = at as usize;
            if self.arrived.len() <= at {
                self.arrived.resize(at + 1, None);
            }
            self.arrived[at].get_or_insert(*byte);
        }
        let end = start + segment.payload.len() as i64;
        if segment.fin && self.fin_at.is_none() && end >= self.read.len() as i64 && end < limit {
            self.fin_at = Some(end);
            self.arrived.truncate(end as usize);
        }
        while let Some(Some(byte)) = self.arrived.get(self.read.len()) {
            self.read.push(*byte);
        }
        self.ended = self.fin_at == Some(self.read.len() as i64);
        self.expected = self.irs.wrapping_add(1 + self.read.len() as u32 + u32::from(self.ended));
    }
}

/// Whether `one` comes before `other` (RFC 9293, 3.4).
#[must_use]
pub fn before(one: u32, other: u32) -> bool {
    (one.wrapping_sub(other) as i32) < 0
}
