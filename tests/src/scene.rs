//! A stage for specifications: segments in, and what the core told in words, one line for each event.
//!
//! Lines begin with the flow's number: `0 opened session 0 client syn`, `0 data 5 hello`, `0 repeated 5 hello`,
//! `0 replaced 5 HELLO`, `0 urgent 5 !`, `0 conflict 5 HELLO`, `0 late 5 hello`, `0 rebased 10`, `0 gap 10..20`, `0 closed finished 20` (the span);
//! `rejected` and why; `dropped` and the datagram's id, why, and what of it had come.

use std::convert::Infallible;
use std::ops::Range;

use crate::KEY;
use tapflow_core::decode::Reject;
use tapflow_core::{
    CloseReason, Config, Counters, DroppedDatagram, Flow, FragmentStorage, Frame, Opened, Reassembler,
    Repeat, Sink, Storage, Summary, Timestamp,
};

use crate::fragments::Piece;
use crate::frames::{HEADERS, TcpFrame, frame};
use crate::recorder::Recorder;

/// Keeps events as lines, and has a [`Recorder`] look at every one of them.
#[derive(Debug, Default)]
pub struct Lines {
    /// One for each event.
    pub lines: Vec<String>,
    /// What the flows came to.
    pub recorder: Recorder,
}

impl Lines {
    fn add(&mut self, flow: Flow, event: impl AsRef<str>) {
        self.lines.push(format!("{} {}", flow.number, event.as_ref()));
    }

    fn add_bytes(&mut self, flow: Flow, event: &str, offset: u64, bytes: &[u8]) {
        self.add(flow, format!("{event} {offset} {}", bytes.escape_ascii()));
    }
}

impl Sink for Lines {
    type Error = Infallible;

    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), Infallible> {
        let client = if opened.client { " client" } else { "" };
        let syn = if opened.syn { " syn" } else { "" };
        self.add(flow, format!("opened session {}{client}{syn}", opened.session));
        self.recorder.opened(flow, opened)
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        self.add_bytes(flow, "data", offset, bytes);
        self.recorder.data(flow, offset, bytes)
    }

    fn urgent(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        self.add_bytes(flow, "urgent", offset, bytes);
        self.recorder.urgent(flow, offset, bytes)
    }

    fn repeated(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, Infallible> {
        self.add_bytes(flow, "repeated", offset, bytes);
        self.recorder.repeated(flow, offset, bytes)
    }

    fn replaced(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, Infallible> {
        self.add_bytes(flow, "replaced", offset, bytes);
        self.recorder.replaced(flow, offset, bytes)
    }

    fn conflict(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        self.add_bytes(flow, "conflict", offset, bytes);
        self.recorder.conflict(flow, offset, bytes)
    }

    fn late(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        self.add_bytes(flow, "late", offset, bytes);
        self.recorder.late(flow, offset, bytes)
    }

    fn rebased(&mut self, flow: Flow, by: u64) -> Result<(), Infallible> {
        self.add(flow, format!("rebased {by}"));
        self.recorder.rebased(flow, by)
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), Infallible> {
        self.add(flow, format!("gap {range:?}"));
        self.recorder.gap(flow, range)
    }

    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> Result<(), Infallible> {
        self.add(flow, format!("closed {} {}", reason.name(), summary.span));
        self.recorder.closed(flow, reason, summary)
    }

    fn dropped(&mut self, datagram: &DroppedDatagram) -> Result<(), Infallible> {
        let DroppedDatagram { id, fragments, bytes, reason, .. } = datagram;
        let used = if datagram.beginning_used { ", beginning used" } else { "" };
        let line = format!("dropped {id} {}: {fragments} fragments, {bytes} bytes{used}", reason.name());
        self.lines.push(line);
        Ok(())
    }

    fn rejected(&mut self, frame: &Frame<'_>, reject: &Reject) -> Result<(), Infallible> {
        self.lines.push(format!("rejected {reject}"));
        self.recorder.rejected(frame, reject)
    }
}

/// A reassembler with a clock and a sink.
pub struct Scene {
    core: Reassembler<'static>,
    sink: Lines,
    now: u64,
}

impl Default for Scene {
    fn default() -> Self {
        Self::new(Config::new(KEY))
    }
}

impl Scene {
    /// Room for plenty; the clock stands at 1 s.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self::with(config, 64, 64)
    }

    /// Room for so many connections and islands.
    ///
    /// # Panics
    /// Without memory for them.
    #[must_use]
    pub fn with(config: Config, connections: usize, islands: usize) -> Self {
        let fragments = FragmentStorage::heap(16).expect("memory");
        let storage = Storage::heap(connections, islands).expect("memory").with_fragments(fragments);
        Self::of(config, storage)
    }

    /// With this memory.
    ///
    /// # Panics
    /// When its sizes do not fit together.
    #[must_use]
    pub fn of(config: Config, storage: Storage<'static>) -> Self {
        Self { core: Reassembler::new(config, storage).expect("storage"), sink: Lines::default(), now: 1 }
    }

    /// Sets the clock of the frames that follow, in seconds. Time passes until then, and the next answer has
    /// what that led to.
    pub fn at(&mut self, second: u64) -> &mut Self {
        self.now = second;
        let Ok(()) = self.core.advance(Timestamp::new(second, 0), &mut self.sink);
        self
    }

    /// Captures a segment. Answers what was told.
    pub fn push(&mut self, segment: &TcpFrame) -> Vec<String> {
        self.push_cut(segment, segment.payload.len())
    }

    /// Captures a segment of which a snap length left so many payload bytes.
    pub fn push_cut(&mut self, segment: &TcpFrame, captured: usize) -> Vec<String> {
        let bytes = segment.bytes();
        let headers = bytes.len() - segment.payload.len();
        debug_assert!(headers >= HEADERS, "the headers are whole");
        let whole = frame(&bytes, self.now);
        self.push_frame(&Frame { bytes: &bytes[..headers + captured], ..whole })
    }

    /// Captures a fragment.
    pub fn piece(&mut self, piece: &Piece) -> Vec<String> {
        let bytes = piece.bytes();
        self.push_frame(&piece.frame(&bytes, self.now))
    }

    /// Captures a fragment of which a snap length left so many payload bytes.
    pub fn piece_cut(&mut self, piece: &Piece, captured: usize) -> Vec<String> {
        let bytes = piece.bytes();
        let headers = bytes.len() - piece.payload.len();
        let whole = piece.frame(&bytes, self.now);
        self.push_frame(&Frame { bytes: &bytes[..headers + captured], ..whole })
    }

    /// Captures any frame.
    pub fn push_frame(&mut self, frame: &Frame<'_>) -> Vec<String> {
        let Ok(()) = self.core.push(frame, &mut self.sink);
        std::mem::take(&mut self.sink.lines)
    }

    /// Time passes without frames.
    pub fn advance(&mut self, second: u64) -> Vec<String> {
        self.now = second;
        let Ok(()) = self.core.advance(Timestamp::new(second, 0), &mut self.sink);
        std::mem::take(&mut self.sink.lines)
    }

    /// The input ends.
    pub fn finish(&mut self) -> Vec<String> {
        let Ok(()) = self.core.finish(&mut self.sink);
        self.check();
        std::mem::take(&mut self.sink.lines)
    }

    /// The core.
    pub fn core(&mut self) -> &mut Reassembler<'static> {
        &mut self.core
    }

    /// The counts so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        self.core.counters()
    }

    /// What the flows came to.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.sink.recorder
    }

    /// Client's SYN 99, server's SYN 199, and the last acknowledgement: streams begin at 100 and 200.
    pub fn handshake(&mut self, client_port: u16) -> Vec<String> {
        use crate::frames::SYN;
        let mut lines = self.push(&TcpFrame::up(99, SYN, b"").client_port(client_port));
        lines.extend(self.push(&TcpFrame::down(199, SYN, b"").acknowledging(100).client_port(client_port)));
        lines.extend(self.push(&TcpFrame::up(100, 0, b"").acknowledging(200).client_port(client_port)));
        lines
    }

    /// Every payload byte is accounted for.
    ///
    /// # Panics
    /// Where one is not.
    pub fn check(&self) {
        check_accounts(self.core.counters());
        assert!(self.sink.recorder.all_closed(), "everything is closed");
    }
}

/// Every captured payload byte is in exactly one of the byte counts.
///
/// # Panics
/// Where one is not.
pub fn check_accounts(c: &Counters) {
    assert_eq!(
        c.payload_bytes,
        c.data_bytes
            + c.repeated_bytes
            + c.late_bytes
            + c.out_of_window_bytes
            + c.after_close_bytes
            + c.reset_bytes
            + c.unwanted_bytes
            + c.refused_bytes,
        "{c:?}"
    );
}
