//! The pcapng file format (draft-ietf-opsawg-pcapng): blocks, in sections of a byte order each, with
//! packets of several interfaces.
//!
//! Packets come from enhanced, simple and obsolete packet blocks; interfaces bring link type, snapshot
//! length, clock resolution and clock offset; all other blocks are stepped over. A block carries its
//! length twice, so a block whose content contradicts itself is noted and left out while the rest of
//! the file is read; only a length that cannot be right ends the reading.

use tapflow_core::{LinkType, Timestamp};

use super::endian::Endian;
use super::error::{Fault, Faults, InputErrorKind};
use super::pcap::{self, begins_capture};
use super::window::Window;
use super::{RECORD_LIMIT, Record, Secrets, Step};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const SECRETS: u32 = 10;
/// Secrets of the format of `SSLKEYLOGFILE`.
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// Longer blocks of secrets are not used, in bytes.
const SECRETS_LIMIT: usize = 16 << 20;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Type and length before the body of a block.
const HEAD: usize = 8;
/// The length again, after it.
const TAIL: usize = 4;
/// Interfaces that one section may describe.
const INTERFACE_LIMIT: usize = 1 << 16;

/// Whether a file that begins so is a pcapng file.
pub(crate) fn recognise(magic: [u8; 4]) -> bool {
    magic == SECTION.to_be_bytes()
}

/// Whether a section header stands here, its byte order mark included.
pub(crate) fn begins_section(bytes: &[u8]) -> bool {
    let mark = Endian::Big.u32_at(bytes, 8);
    bytes.starts_with(&SECTION.to_be_bytes())
        && (mark == Some(BYTE_ORDER_MAGIC) || mark == Some(BYTE_ORDER_MAGIC.swap_bytes()))
}

/// How the units of an interface's clock become nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    /// Units of one nanosecond or more: times this.
    Times(u64),
    /// Smaller decimal units: divided by this.
    Divided(u64),
    /// 2^-n seconds.
    Binary(u8),
}

impl Clock {
    /// Section 4.2, `if_tsresol`: an exponent of ten, or of two where the top bit is set.
    fn new(resolution: u8) -> Self {
        let exponent = resolution & 0x7f;
        match (resolution & 0x80, exponent) {
            (0, 0..=9) => Self::Times(10_u64.pow(u32::from(9 - exponent))),
            (0, _) => Self::Divided(10_u64.saturating_pow(u32::from(exponent - 9))),
            _ => Self::Binary(exponent),
        }
    }

    #[inline]
    fn nanoseconds(self, units: u64) -> u64 {
        match self {
            Self::Times(factor) => units.saturating_mul(factor),
            Self::Divided(divisor) => units / divisor,
            Self::Binary(shift) => {
                let scaled = (u128::from(units) * u128::from(Timestamp::SECOND)) >> shift;
                u64::try_from(scaled).unwrap_or(u64::MAX)
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    /// Bytes kept of a packet; 0 is no limit.
    snaplen: u32,
    clock: Clock,
    /// Nanoseconds added to every time.
    offset: i64,
}

impl Interface {
    /// From the body of an interface description block; `None` if it is too short.
    fn new(order: Endian, body: &[u8]) -> Option<Self> {
        let mut interface = Self {
            link: LinkType(u32::from(order.u16_at(body, 0)?)),
            snaplen: order.u32_at(body, 4)?,
            clock: Clock::new(6),
            offset: 0,
        };
        // An option that cannot be read ends the options; the packets do not depend on the rest.
        let mut options = body.get(8..).unwrap_or_default();
        while let (Some(code), Some(length)) = (order.u16_at(options, 0), order.u16_at(options, 2)) {
            let length = usize::from(length);
            let Some(value) = options.get(4..4 + length) else { break };
            match (code, value) {
                (0, _) => break,
                (9, [resolution, ..]) => interface.clock = Clock::new(*resolution),
                (14, [_, _, _, _, _, _, _, _]) => {
                    let seconds = order.u64_at(value, 0).unwrap_or_default().cast_signed();
                    interface.offset = seconds.saturating_mul(Timestamp::SECOND.cast_signed());
                }
                _ => {}
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(interface)
    }

    #[inline]
    fn time(&self, high: u32, low: u32) -> Timestamp {
        let units = u64::from(high) << 32 | u64::from(low);
        Timestamp(self.clock.nanoseconds(units).saturating_add_signed(self.offset))
    }
}

/// What the blocks so far say of those that follow.
#[derive(Debug)]
pub(crate) struct Reader {
    order: Endian,
    interfaces: Vec<Interface>,
    /// Of the last packet that had one, for simple packet blocks, which have none.
    time: Timestamp,
    /// Takes the contents of Decryption Secrets Blocks.
    secrets: Option<Secrets>,
}

impl Reader {
    /// Reads nothing yet: the section header is a block like any other.
    pub(crate) fn new() -> Self {
        Self { order: Endian::Little, interfaces: Vec::new(), time: Timestamp::default(), secrets: None }
    }

    /// Secrets of TLS go there.
    pub(crate) fn keep_secrets(&mut self, secrets: Option<Secrets>) {
        self.secrets = secrets;
    }

    /// Whether all of the next block is in `bytes`, as far as its header tells.
    pub(crate) fn holds_block(&self, bytes: &[u8]) -> bool {
        match bytes.first_chunk().copied().map(recognise) {
            // The byte order of a section is its own.
            Some(true) => true,
            _ => self.order.u32_at(bytes, 4).is_some_and(|length| bytes.len() as u64 >= u64::from(length)),
        }
    }

    /// The length of the block at the beginning of `bytes`, as far as its header is there and of the present section.
    #[inline]
    pub(crate) fn block_length(&self, bytes: &[u8]) -> Option<usize> {
        self.order.u32_at(bytes, 4).and_then(|length| usize::try_from(length).ok())
    }

    /// Puts the next packet into `record`. Blocks that contradict themselves go to `faults`.
    ///
    /// # Errors
    /// [`InputErrorKind::TruncatedRecord`] (or `TruncatedHeader` in the first block),
    /// [`InputErrorKind::AbsurdLength`], [`InputErrorKind::UnknownVersion`], and
    /// [`InputErrorKind::Malformed`] for lengths that disagree; nothing can be read after.
    pub(crate) fn next(
        &mut self,
        window: &mut Window,
        record: &mut Record,
        faults: &mut Faults,
    ) -> Result<Step, Fault> {
        loop {
            let begin = window.offset();
            let Some(head) = window.peek(HEAD).first_chunk::<HEAD>() else {
                return short(window, HEAD as u64);
            };
            let [k0, k1, k2, k3, length @ ..] = *head;
            // The type of a section header reads the same in both orders; its own order comes after it.
            if recognise([k0, k1, k2, k3]) {
                self.begin_section(window)?;
                if window.stopped() {
                    return Ok(Step::End);
                }
                continue;
            }
            if pcap::recognise([k0, k1, k2, k3]) && begins_capture(window) {
                return Ok(Step::Joined);
            }
            let kind = self.order.u32([k0, k1, k2, k3]);
            let length = self.order.u32(length);
            if length < (HEAD + TAIL) as u32 {
                return Err(malformed(begin, "a block is shorter than its own header"));
            }
            // Some writers leave the padding out of the length; the next block is aligned all the same.
            let whole = u64::from(length).next_multiple_of(4);
            if !matches!(kind, INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET) {
                if kind == SECRETS && self.secrets.is_some() {
                    self.secrets(begin, whole, window, faults);
                }
                self.step_over(window, whole, length)?;
                if window.stopped() {
                    return Ok(Step::End);
                }
                continue;
            }
            if length > RECORD_LIMIT {
                let (length, limit) = (length.into(), RECORD_LIMIT.into());
                return Err(Fault::at(begin, InputErrorKind::AbsurdLength { length, limit }));
            }
            if (window.peek(whole as usize).len() as u64) < whole {
                return short(window, whole);
            }
            if self.block(kind, length, window, record, faults)? {
                return Ok(Step::Record);
            }
        }
    }

    /// Adds the packets that follow, as long as all of one is at hand and no other block comes, up to so many.
    ///
    /// # Errors
    /// [`InputErrorKind::Malformed`] as for [`next`](Self::next).
    pub(crate) fn more(
        &mut self,
        window: &mut Window,
        records: &mut Vec<Record>,
        most: usize,
        faults: &mut Faults,
    ) -> Result<(), Fault> {
        let mut record = Record::NONE;
        while records.len() < most
            && let Some((kind, length)) = self.packet_at_hand(window.at_hand())
            && self.block(kind, length, window, &mut record, faults)?
        {
            records.push(record);
        }
        Ok(())
    }

    /// Type and length of the block at the beginning of `bytes`, if it is a packet and all there.
    #[inline]
    fn packet_at_hand(&self, bytes: &[u8]) -> Option<(u32, u32)> {
        let (kind, length) = (self.order.u32_at(bytes, 0)?, self.order.u32_at(bytes, 4)?);
        let is_packet = matches!(kind, OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET);
        let is_whole = bytes.len() as u64 >= u64::from(length).next_multiple_of(4);
        (is_packet && is_whole && ((HEAD + TAIL) as u32..=RECORD_LIMIT).contains(&length))
            .then_some((kind, length))
    }

    /// A packet or an interface, all of which is at hand. Answers whether `record` is a packet now; what contradicts
    /// itself goes to `faults`.
    #[inline]
    fn block(
        &mut self,
        kind: u32,
        length: u32,
        window: &mut Window,
        record: &mut Record,
        faults: &mut Faults,
    ) -> Result<bool, Fault> {
        let begin = window.offset();
        let whole = (length as usize).next_multiple_of(4);
        let block = window.at_hand().get(..whole).unwrap_or_default();
        if self.order.u32_at(block, whole - TAIL) != Some(length) {
            return Err(malformed(begin, "the two lengths of a block disagree"));
        }
        let body = block.get(HEAD..whole - TAIL).unwrap_or_default();
        let found = match kind {
            INTERFACE => self.describe(body).map(|()| false),
            ENHANCED_PACKET => self.enhanced(body, record).map(|()| true),
            SIMPLE_PACKET => self.simple(body, record).map(|()| true),
            _ => self.obsolete(body, record).map(|()| true),
        };
        let body_at = window.position() + HEAD;
        window.consume(whole);
        if let Err(reason) = found {
            faults.add(malformed(begin, reason));
        }
        let is_packet = found.unwrap_or_default();
        if is_packet {
            self.time = record.time;
            record.start += body_at;
        }
        Ok(is_packet)
    }

    /// Section header block: 4.1. The length of the section is not needed: sections end where others begin.
    fn begin_section(&mut self, window: &mut Window) -> Result<(), Fault> {
        let begin = window.offset();
        let Some(head) = window.peek(28).first_chunk::<28>() else {
            return short(window, 28).map(drop);
        };
        let order = match head {
            [_, _, _, _, _, _, _, _, 0x4d, 0x3c, 0x2b, 0x1a, ..] => Endian::Little,
            [_, _, _, _, _, _, _, _, 0x1a, 0x2b, 0x3c, 0x4d, ..] => Endian::Big,
            _ => return Err(malformed(begin, "a section header has no byte order mark")),
        };
        debug_assert_eq!(order.u32_at(head, HEAD), Some(BYTE_ORDER_MAGIC));
        let length = order.u32_at(head, 4).unwrap_or_default();
        let major = order.u16_at(head, 12).unwrap_or_default();
        let minor = order.u16_at(head, 14).unwrap_or_default();
        if major != 1 {
            return Err(Fault::at(begin, InputErrorKind::UnknownVersion { major, minor }));
        }
        if length < 28 {
            return Err(malformed(begin, "a section header is shorter than its own fields"));
        }
        self.order = order;
        self.interfaces.clear();
        self.step_over(window, u64::from(length).next_multiple_of(4), length)
    }

    /// Decryption Secrets Block, 4.7: type, length and secrets. The block is stepped over afterwards.
    fn secrets(&self, begin: u64, whole: u64, window: &mut Window, faults: &mut Faults) {
        let Some(keep) = &self.secrets else { return };
        let block = match usize::try_from(whole).ok().filter(|whole| *whole <= SECRETS_LIMIT) {
            Some(whole) => window.peek(whole).get(HEAD..whole - TAIL),
            None => {
                faults.add(malformed(begin, "decryption secrets are longer than 16 MiB, and not used"));
                return;
            }
        };
        // What is cut off is a fault when it is stepped over.
        let Some(body) = block else { return };
        let length = self.order.u32_at(body, 4).and_then(|length| usize::try_from(length).ok());
        if self.order.u32_at(body, 0) != Some(TLS_KEY_LOG) {
            return;
        }
        match length.and_then(|length| body.get(8..8 + length)) {
            Some(text) => (keep.0)(text),
            None => faults.add(malformed(begin, "decryption secrets are longer than their block")),
        }
    }

    /// Passes a block of `whole` bytes by without keeping it, and checks the length behind it.
    fn step_over(&self, window: &mut Window, whole: u64, length: u32) -> Result<(), Fault> {
        let begin = window.offset();
        let before_tail = whole - TAIL as u64;
        let skipped = window.skip(before_tail);
        let tail = window.peek(TAIL);
        match self.order.u32_at(tail, 0) {
            Some(again) if skipped == before_tail && again == length => {
                window.consume(TAIL);
                Ok(())
            }
            Some(_) if skipped == before_tail => Err(malformed(begin, "the two lengths of a block disagree")),
            _ => {
                let present = skipped + tail.len() as u64;
                window.consume(TAIL);
                // Nothing is left: what is told here is why, if there is more to tell than the end.
                window.shortage(whole)?;
                if window.stopped() {
                    return Ok(());
                }
                Err(Fault::at(begin, InputErrorKind::TruncatedRecord { needed: whole, present }))
            }
        }
    }

    fn describe(&mut self, body: &[u8]) -> Result<(), &'static str> {
        if self.interfaces.len() == INTERFACE_LIMIT {
            return Err("a section describes more than 65536 interfaces");
        }
        let interface =
            Interface::new(self.order, body).ok_or("an interface description is shorter than its fields")?;
        self.interfaces.push(interface);
        Ok(())
    }

    /// Enhanced packet block, 4.3: interface, time, captured and wire length, bytes.
    #[inline]
    fn enhanced(&self, body: &[u8], record: &mut Record) -> Result<(), &'static str> {
        let field = |at| self.order.u32_at(body, at).ok_or("a packet block is shorter than its fields");
        self.packet(body, field(0)?, [field(4)?, field(8)?, field(12)?, field(16)?], record)
    }

    /// Obsolete packet block, appendix A: as the enhanced one, with a drop count beside the interface.
    fn obsolete(&self, body: &[u8], record: &mut Record) -> Result<(), &'static str> {
        let field = |at| self.order.u32_at(body, at).ok_or("a packet block is shorter than its fields");
        let interface = u32::from(self.order.u16_at(body, 0).unwrap_or_default());
        self.packet(body, interface, [field(4)?, field(8)?, field(12)?, field(16)?], record)
    }

    #[inline]
    fn packet(
        &self,
        body: &[u8],
        interface: u32,
        [high, low, captured, wire_len]: [u32; 4],
        record: &mut Record,
    ) -> Result<(), &'static str> {
        let facts = self.interface(interface)?;
        let length = captured as usize;
        if body.len() - 20 < length {
            return Err("a packet is longer than its block");
        }
        let time = facts.time(high, low);
        *record = Record { start: 20, length, link: facts.link, time, wire_len, interface };
        Ok(())
    }

    /// Simple packet block, 4.4: wire length and bytes. It has no time; it gets that of the packet before.
    fn simple(&self, body: &[u8], record: &mut Record) -> Result<(), &'static str> {
        let wire_len = self.order.u32_at(body, 0).ok_or("a packet block is shorter than its fields")?;
        let facts = self.interface(0)?;
        let kept = if facts.snaplen == 0 { wire_len } else { wire_len.min(facts.snaplen) };
        let length = (kept as usize).min(body.len() - 4);
        *record = Record { start: 4, length, link: facts.link, time: self.time, wire_len, interface: 0 };
        Ok(())
    }

    #[inline]
    fn interface(&self, number: u32) -> Result<&Interface, &'static str> {
        self.interfaces.get(number as usize).ok_or("a packet names an interface that is not described")
    }
}

/// The end of the input within a block, or before one.
fn short(window: &mut Window, needed: u64) -> Result<Step, Fault> {
    let in_header = window.offset() == 0;
    let end = window.shortage(needed).map(|()| Step::End);
    if in_header { end.map_err(Fault::in_header) } else { end }
}

fn malformed(offset: u64, reason: &'static str) -> Fault {
    Fault::at(offset, InputErrorKind::Malformed { reason })
}
