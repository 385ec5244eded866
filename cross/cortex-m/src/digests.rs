//! A sink between in-order delivery and a writer of records: passes everything on, and makes a digest of each flow.
//!
//! The digest is that of the file that tapflow writes for the flow: zeros stand for gaps, and nothing for a gap at
//! the end.

use core::net::IpAddr;
use core::ops::Range;

use embedded_io::Write;
use sha2::{Digest, Sha256};
use tapflow_core::{CloseReason, Flow, Opened, RecordError, RecordWriter, Repeat, Sink, Summary};

use crate::host::HostError;

/// One entry for each slot of a flow.
pub(crate) struct Flows<const FLOWS: usize>([Option<State>; FLOWS]);

struct State {
    digest: Sha256,
    /// Zeros that stand before the next data.
    zeros: u32,
    /// Pieces of data so far.
    pieces: u32,
    /// Times that something was told which a digest in ascending order cannot hold. (All numbers: no value of a field
    /// stands for `None`, which is zeros then, and needs no copy in flash.)
    disorder: u32,
}

impl<const FLOWS: usize> Flows<FLOWS> {
    /// No flow is open.
    pub(crate) const fn new() -> Self {
        Self([const { None }; FLOWS])
    }
}

/// The sink; `C` is where lines of text go.
pub(crate) struct Digests<'a, W, C> {
    records: RecordWriter<W>,
    console: &'a mut C,
    flows: &'a mut [Option<State>],
}

impl<'a, W: Write, C: Write> Digests<'a, W, C> {
    /// Records go to `records`.
    pub(crate) fn new<const FLOWS: usize>(
        records: RecordWriter<W>,
        console: &'a mut C,
        flows: &'a mut Flows<FLOWS>,
    ) -> Self {
        flows.0.fill_with(|| None);
        Self { records, console, flows: &mut flows.0 }
    }

    fn say(&mut self, text: core::fmt::Arguments<'_>) -> Result<(), HostError> {
        self.console.write_fmt(text).map_err(|_| HostError)
    }

    fn state(&mut self, flow: Flow) -> Option<&mut State> {
        self.flows.get_mut(flow.slot as usize)?.as_mut()
    }

    /// The host compares the records then, and says so.
    fn spoil(&mut self, flow: Flow) {
        if let Some(state) = self.state(flow) {
            state.disorder += 1;
        }
    }
}

fn failed<E>(_: RecordError<E>) -> HostError {
    HostError
}

impl<W: Write, C: Write> Sink for Digests<'_, W, C> {
    type Error = HostError;

    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), HostError> {
        let key = &opened.key;
        let (from, to) = (Address(key.source), Address(key.destination));
        let (source, destination, session) = (key.source_port, key.destination_port, opened.session);
        let number = flow.number;
        self.say(format_args!("flow {number} {from}.{source:05}-{to}.{destination:05}-{session:020}\n"))?;
        let state = State { digest: Sha256::new(), zeros: 0, pieces: 0, disorder: 0 };
        *self.flows.get_mut(flow.slot as usize).ok_or(HostError)? = Some(state);
        self.records.opened(flow, opened).map_err(failed)
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), HostError> {
        if let Some(state) = self.state(flow) {
            for _ in 0..core::mem::take(&mut state.zeros) {
                state.digest.update([0]);
            }
            state.digest.update(bytes);
            state.pieces += 1;
        }
        self.records.data(flow, offset, bytes).map_err(failed)
    }

    fn conflict(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), HostError> {
        self.records.conflict(flow, offset, bytes).map_err(failed)
    }

    fn replaced(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, HostError> {
        self.spoil(flow);
        self.records.replaced(flow, offset, bytes).map_err(failed)
    }

    fn late(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), HostError> {
        self.spoil(flow);
        self.records.late(flow, offset, bytes).map_err(failed)
    }

    fn rebased(&mut self, flow: Flow, by: u64) -> Result<(), HostError> {
        // As long as nothing was told, the beginning does not matter.
        if self.state(flow).is_some_and(|state| state.pieces > 0 || state.zeros > 0) {
            self.spoil(flow);
        }
        self.records.rebased(flow, by).map_err(failed)
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), HostError> {
        if let Some(state) = self.state(flow) {
            let zeros = u32::try_from(range.end.saturating_sub(range.start)).map_err(|_| HostError)?;
            state.zeros = state.zeros.saturating_add(zeros);
        }
        self.records.gap(flow, range).map_err(failed)
    }

    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> Result<(), HostError> {
        let state = self.flows.get_mut(flow.slot as usize).and_then(Option::take).ok_or(HostError)?;
        if state.disorder > 0 {
            self.say(format_args!("unordered {}\n", flow.number))?;
        } else if state.pieces > 0 {
            let digest = state.digest.finalize();
            self.say(format_args!("digest {} ", flow.number))?;
            for byte in digest {
                self.say(format_args!("{byte:02x}"))?;
            }
            self.say(format_args!("\n"))?;
        }
        self.records.closed(flow, reason, summary).map_err(failed)
    }
}

/// An address as in tapflow's names.
struct Address(IpAddr);

impl core::fmt::Display for Address {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                write!(f, "{a:03}.{b:03}.{c:03}.{d:03}")
            }
            IpAddr::V6(address) => address.fmt(f),
        }
    }
}
