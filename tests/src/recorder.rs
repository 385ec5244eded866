//! A sink that keeps everything it is told and panics where the core breaks its contract.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

use tapflow_core::{CloseReason, Flow, FlowKey, Opened, Repeat, Sink, Summary};

/// One flow as it was told.
#[derive(Clone, Debug)]
pub struct Record {
    /// What `opened` said.
    pub opened: Opened,
    /// The bytes placed by `data`.
    pub bytes: Vec<Option<u8>>,
    /// How many those are.
    pub data: u64,
    /// The ranges told by `gap`, as they were moved since.
    pub gaps: Vec<Range<u64>>,
    /// Bytes told by `repeated`.
    pub repeated: u64,
    /// Bytes told by `replaced`.
    pub replaced: u64,
    /// Pieces told by `conflict`, or by `replaced` with other bytes.
    pub conflicts: u64,
    /// Bytes told by `late`.
    pub late: u64,
    /// Where `data` and `gap` stand, if they come in ascending order.
    told: u64,
    /// The last `rebased` moved bytes that had been told by so many.
    moved: Option<u64>,
    /// What `closed` said.
    pub closed: Option<(CloseReason, Summary)>,
}

impl Record {
    /// Up to where `data` and `gap` have been told, if they come in ascending order.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.told
    }
}

/// Keeps flows by number.
#[derive(Debug, Default)]
pub struct Recorder {
    /// All flows.
    pub flows: BTreeMap<u64, Record>,
    /// The number of the flow that has each slot.
    slots: BTreeMap<u32, u64>,
    /// Frames rejected.
    pub rejected: u64,
    in_order: bool,
    adapted: bool,
}

impl Recorder {
    /// A recorder inside of an in-order adaptor, which answers some `repeated` itself. If `in_order`, it
    /// panics when `data` and `gap` do not come in ascending order (but for the gap that stands for bytes
    /// before those told already).
    #[must_use]
    pub fn adapted(in_order: bool) -> Self {
        Self { in_order, adapted: true, ..Self::default() }
    }

    /// The flows of `key`, in the order in which they opened.
    #[must_use]
    pub fn of(&self, key: &FlowKey) -> Vec<&Record> {
        self.flows.values().filter(|record| record.opened.key == *key).collect()
    }

    /// The stream of the only flow from port `source_port`, holes as zeros.
    #[must_use]
    pub fn stream_from(&self, source_port: u16) -> Vec<u8> {
        let mut flows = self.flows.values().filter(|record| record.opened.key.source_port == source_port);
        let record = flows.next().expect("a flow from this port");
        assert!(flows.next().is_none(), "one flow from port {source_port}");
        record.bytes.iter().map(|byte| byte.unwrap_or(0)).collect()
    }

    /// Whether every flow was told `closed`.
    #[must_use]
    pub fn all_closed(&self) -> bool {
        self.flows.values().all(|record| record.closed.is_some()) && self.slots.is_empty()
    }

    /// The slot of an open flow.
    #[must_use]
    pub fn slot_of(&self, number: u64) -> Option<u32> {
        self.slots.iter().find(|(_, of)| **of == number).map(|(slot, _)| *slot)
    }

    fn live(&mut self, flow: Flow) -> &mut Record {
        assert_eq!(self.slots.get(&flow.slot), Some(&flow.number), "the slot is this flow's");
        let record = self.flows.get_mut(&flow.number).expect("opened before");
        assert!(record.closed.is_none(), "nothing is told after closed");
        record
    }
}

impl Sink for Recorder {
    type Error = Infallible;

    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), Infallible> {
        assert_eq!(flow.number, self.flows.len() as u64, "numbers count up");
        assert!(self.slots.insert(flow.slot, flow.number).is_none(), "the slot was free");
        let record = Record {
            opened: opened.clone(),
            bytes: Vec::new(),
            data: 0,
            gaps: Vec::new(),
            repeated: 0,
            replaced: 0,
            conflicts: 0,
            late: 0,
            told: 0,
            moved: None,
            closed: None,
        };
        self.flows.insert(flow.number, record);
        Ok(())
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        let in_order = self.in_order;
        let record = self.live(flow);
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        assert!(!bytes.is_empty(), "no empty data");
        if in_order {
            assert_eq!(offset, record.told, "data continues what was told");
            record.told += bytes.len() as u64;
        }
        record.data += bytes.len() as u64;
        record.bytes.resize(record.bytes.len().max(end), None);
        for (place, byte) in record.bytes[start..end].iter_mut().zip(bytes) {
            assert!(place.replace(*byte).is_none(), "data never overlaps data");
        }
        let gaps = &record.gaps;
        assert!(gaps.iter().all(|gap| gap.end <= offset || gap.start >= end as u64), "no data in a gap");
        Ok(())
    }

    fn repeated(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, Infallible> {
        let record = self.live(flow);
        assert!(!bytes.is_empty(), "nothing repeated is not told");
        record.repeated += bytes.len() as u64;
        let first = offset as usize..offset as usize + bytes.len();
        let first: Vec<_> = first.map(|at| record.bytes.get(at).copied().flatten()).collect();
        if record.late > 0 && first.contains(&None) {
            return Ok(Repeat::NotCompared);
        }
        assert!(first.iter().all(Option::is_some), "repeated bytes have a first copy");
        let same = first.iter().zip(bytes).all(|(first, byte)| *first == Some(*byte));
        Ok(if same { Repeat::Same } else { Repeat::Differs })
    }

    fn replaced(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, Infallible> {
        let record = self.live(flow);
        assert!(!bytes.is_empty(), "nothing replaced is not told");
        record.replaced += bytes.len() as u64;
        let hole = record.bytes[..offset as usize].iter().any(Option::is_none);
        let with_syn = record.opened.syn && offset < 1 << 16;
        assert!(hole || with_syn, "what is contiguous, and did not come with a SYN, is the application's");
        let mut same = true;
        for (place, byte) in record.bytes[offset as usize..].iter_mut().zip(bytes) {
            same &= place.replace(*byte).expect("replaced bytes have an earlier copy") == *byte;
        }
        record.conflicts += u64::from(!same);
        Ok(if same { Repeat::Same } else { Repeat::Differs })
    }

    fn conflict(&mut self, flow: Flow, _offset: u64, _bytes: &[u8]) -> Result<(), Infallible> {
        self.live(flow).conflicts += 1;
        Ok(())
    }

    fn late(&mut self, flow: Flow, _offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        assert!(!bytes.is_empty(), "nothing late is not told");
        self.live(flow).late += bytes.len() as u64;
        Ok(())
    }

    fn rebased(&mut self, flow: Flow, by: u64) -> Result<(), Infallible> {
        let record = self.live(flow);
        assert!(!record.opened.syn, "a SYN fixes the start");
        record.bytes.splice(..0, std::iter::repeat_n(None, by as usize));
        for gap in &mut record.gaps {
            *gap = gap.start + by..gap.end + by;
        }
        if record.told > 0 {
            record.told += by;
            record.moved = Some(by);
        }
        Ok(())
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), Infallible> {
        let in_order = self.in_order;
        let record = self.live(flow);
        if in_order && record.moved.take().is_none_or(|by| range != (0..by)) {
            assert_eq!(range.start, record.told, "a gap continues what was told");
            record.told = range.end;
        }
        assert!(!range.is_empty(), "no empty gap");
        let end = record.bytes.len().min(range.end as usize);
        let told = record.bytes.get(range.start as usize..end).unwrap_or_default();
        assert!(told.iter().all(Option::is_none), "a gap has no data");
        assert!(
            record.gaps.iter().all(|gap| gap.end <= range.start || range.end <= gap.start),
            "gaps are disjoint"
        );
        record.gaps.push(range);
        Ok(())
    }

    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> Result<(), Infallible> {
        let adapted = self.adapted;
        let record = self.live(flow);
        let data = record.bytes.iter().flatten().count() as u64;
        let gaps: u64 = record.gaps.iter().map(|gap| gap.end - gap.start).sum();
        assert_eq!(record.data, data, "every byte has a place of its own");
        assert_eq!(summary.data, data, "the summary counts the data");
        assert_eq!(summary.gaps, gaps, "the summary counts the gaps");
        assert_eq!(data + gaps, summary.span, "data and gaps fill the span");
        assert!(
            adapted || summary.repeated == record.repeated + record.replaced,
            "the summary counts the repeated bytes"
        );
        record.closed = Some((reason, summary.clone()));
        self.slots.remove(&flow.slot);
        Ok(())
    }

    fn rejected(
        &mut self,
        _frame: &tapflow_core::Frame<'_>,
        _reject: &tapflow_core::decode::Reject,
    ) -> Result<(), Infallible> {
        self.rejected += 1;
        Ok(())
    }
}
