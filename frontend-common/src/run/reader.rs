//! Reading: every input through the core into the sinks that the options ask for.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tapflow_core::decode::{self, Layer, Reject, RejectReason};
use tapflow_core::heapless::Vec as BoundedVec;
use tapflow_core::{
    Counters, Frame, InOrder, InOrderConfig, InOrderStorage, LinkType, Reassembler, Timestamp,
};

use super::whole::{Run, nanoseconds, random_key};
use crate::cli::{ConsoleOrder, Input, InputOrder, InputRole};
use crate::input::live::Live;
use crate::input::{Ended, Given, Merge, Packet, Packets, Secrets, Source, TOGETHER, Turn};
use crate::output::console::Console;
use crate::output::standard_output;
use crate::report::{Progress, RejectKind, Totals};
use crate::scan::ScannerName;
use crate::scan::wifiviz::Wireless;
use crate::stage::dispatch::{Dispatch, DispatchConfig};
use crate::stage::printer::Printer;
use crate::stage::tee::{RunSink, Tee};

/// Packets between two updates of the progress line.
const LOOK: u64 = 4096;
/// The same of a live capture.
const LIVE_LOOK: u64 = 64;
/// What was captured live is shown after this time at most.
const SHOWN: Duration = Duration::from_secs(1);
/// How long nothing comes from a pipe before everything read so far is shown.
const PATIENCE: Duration = Duration::from_millis(20);
/// How long nothing comes before requests and timeouts are handled, when all is shown.
const LONG_PATIENCE: Duration = Duration::from_millis(100);

/// The result of reading.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Without what was written, which the reporter counts.
    pub(super) totals: Totals,
    /// Bytes of inputs, for the progress line.
    bytes: u64,
    /// The reader of the console is gone: no summary.
    pub(super) console_closed: bool,
}

impl Run<'_> {
    /// Reads with the sinks that the options ask for.
    pub(super) fn read(&mut self, core: &mut Reassembler<'_>) -> Reading {
        let template = self.template.clone();
        let mut dispatch = Dispatch::new(DispatchConfig {
            template: template.clone(),
            senders: std::mem::take(&mut self.senders),
            processors: self.system.processors(),
            wants_data: self.options.files,
            max_bytes: self.options.max_bytes,
            max_hole: self.options.max_hole.shortens(),
            captures: self.options.captures,
            unprocessed: self.options.rest.is_some(),
            follows: self.options.page.is_some(),
            rotation: self.rotation.take(),
        });
        let wireless = self.options.scan.scanners.has(ScannerName::Wifiviz).then(Wireless::default);
        let mut read = Reading { totals: Totals { wireless, ..Totals::default() }, ..Reading::default() };
        match &self.options.console {
            None => {
                self.inputs(core, &mut dispatch, &mut read);
            }
            Some(console) => {
                let console = Console::new(standard_output(), *console).with_lock(self.lock.take());
                let prefix = console_prefix(&self.options.output_dir);
                let printer = Printer::new(console, &template, prefix, self.options.max_bytes);
                match (
                    self.options.console_order,
                    InOrderStorage::heap(self.budget.connections, self.budget.console),
                ) {
                    (ConsoleOrder::Stream, Some(storage)) => {
                        let timeout = self.options.hole_timeout.map(nanoseconds);
                        let mut config = InOrderConfig::new(random_key());
                        config.timeout = timeout;
                        config.max_per_connection = self.budget.console / 4;
                        let printer = InOrder::new(printer, storage, config);
                        let mut sink = Tee { files: &mut dispatch, printer };
                        self.inputs(core, &mut sink, &mut read);
                        read.totals.console = sink.printer.counters().clone();
                        self.end_printing(sink.printer.into_inner(), &mut read);
                    }
                    (ConsoleOrder::Stream, None) => {
                        self.errors
                            .add("there is not enough memory to put the console in stream order".to_owned());
                    }
                    (ConsoleOrder::Arrival, _) => {
                        let mut sink = Tee { files: &mut dispatch, printer };
                        self.inputs(core, &mut sink, &mut read);
                        self.end_printing(sink.printer, &mut read);
                    }
                }
            }
        }
        read.totals.rejects = std::mem::take(&mut dispatch.rejects);
        read.totals.gaps = dispatch.gaps;
        read.totals.max_open_flows = dispatch.max_open_flows;
        read.totals.asymmetric = self.asymmetric(&dispatch);
        read.totals.directories = dispatch.rotation().map_or(0, |rotation| rotation.made());
        read
    }

    fn end_printing<W: Write>(&mut self, mut printer: Printer<'_, W>, read: &mut Reading) {
        printer.flush();
        read.totals.console_beyond_limit += printer.beyond_limit;
        match printer.error() {
            // The reader has seen enough.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => read.console_closed = true,
            Some(error) => self.errors.add(format!("standard output: {error}")),
            None => {}
        }
    }

    /// Reports a step, if the user wants to know (`-v`).
    fn explain(&self, progress: &mut Progress, message: impl FnOnce() -> String) {
        if self.options.verbosity.is_verbose() {
            progress.clear();
            (self.say)(&message());
        }
    }

    /// Every input in turn; then everything that is open is closed.
    fn inputs<S: RunSink>(&mut self, core: &mut Reassembler<'_>, sink: &mut S, read: &mut Reading) {
        let inputs: Vec<&Input> = self.options.inputs.iter().collect();
        let total = total_size(&inputs).filter(|_| self.device.is_none());
        let mut progress = Progress::new(total, !self.options.verbosity.is_quiet());
        if let Some(device) = self.device.take() {
            match Live::start(device, self.stop.flag()) {
                Ok(mut source) => {
                    if !self.options.verbosity.is_quiet() {
                        (self.say)(&format!("listening on {}", source.name()));
                        if let Some(place) = self.options.destination() {
                            (self.say)(&format!("writing to {place}"));
                        }
                    }
                    let name = source.name().to_owned();
                    self.explain(&mut progress, || format!("reading {name}"));
                    let whole = self.source(&mut source, core, sink, read, &mut progress);
                    let (packets, links) = (read.totals.packets, source.link_types().to_vec());
                    let ended = Ended { name, packets, links, remarks: source.remarks() };
                    self.ended(&ended, unknown_link_types(core.counters()) > 0, &mut progress);
                    read.totals.ended_in = (!whole).then(|| source.name().to_owned());
                    read.totals.live = source.counts().map(|counts| (source.name().to_owned(), counts));
                }
                Err(error) => self.errors.add(format_args!("cannot start the capture thread: {error}")),
            }
        }
        let mut latest = None;
        for group in self.groups() {
            let Some(first) = group.first().and_then(|index| self.options.inputs.get(*index)) else {
                continue;
            };
            if self.stop.is_asked() || sink.is_over() {
                read.totals.ended_in = Some(first.path.display().to_string());
                break;
            }
            core.accept_new_connections(first.role == InputRole::Read);
            let mut source = self.merge(&group, latest);
            if let Some(keys) = &self.keys {
                let keys = Arc::clone(keys);
                source.keep_secrets(Secrets(Arc::new(move |text: &[u8]| keys.add(text))));
            }
            let whole = self.source(&mut source, core, sink, read, &mut progress);
            latest = latest.max(source.latest());
            if !whole || self.stop.is_asked() {
                read.totals.ended_in = Some(source.name().to_owned());
                source.leave();
                self.turns(&mut source, core, &mut progress, &mut Vec::new());
                break;
            }
        }
        progress.clear();
        // If a writer is gone, its error was reported; all that is open is closed all the same.
        sink.dispatch_mut().places.leave();
        let _ = core.finish(sink);
        let _ = sink.dispatch_mut().flush();
    }

    /// The inputs that are read as one, by number: ordinary files that follow each other, unless the order of the
    /// command line counts. A pipe is alone, and what only completes connections comes apart.
    fn groups(&self) -> Vec<Vec<usize>> {
        // What cannot be looked at is no pipe: reading it gives the error.
        let is_file = |index: usize, input: &Input| match self.files.get(index) {
            Some(Some(file)) => file.metadata().map_or(true, |facts| facts.is_file()),
            _ => !input.is_stdin() && input.path.metadata().map_or(true, |facts| facts.is_file()),
        };
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut last = None;
        for (index, input) in self.options.inputs.iter().enumerate() {
            if self.unreadable.contains(&index) {
                continue;
            }
            let orders = self.options.input_order == InputOrder::Time && is_file(index, input);
            let kind = orders.then_some(input.role);
            match groups.last_mut() {
                Some(group) if kind.is_some() && last == kind => group.push(index),
                _ => groups.push(vec![index]),
            }
            last = kind;
        }
        groups
    }

    /// The inputs of a group as one.
    fn merge(&mut self, group: &[usize], latest: Option<Timestamp>) -> Merge {
        let inputs = group.iter().filter_map(|index| Some((*index, self.options.inputs.get(*index)?)));
        let mut given: Vec<Given> = inputs
            .map(|(index, input)| Given {
                path: input.path.clone(),
                file: self.files.get_mut(index).and_then(Option::take),
            })
            .collect();
        let orders = self.options.input_order == InputOrder::Time;
        match given.pop() {
            Some(one) if given.is_empty() => Merge::one(one, latest.filter(|_| orders), self.stop.flag()),
            last => {
                given.extend(last);
                Merge::by_time(given, self.system.open_file_limit(), self.stop.flag())
            }
        }
    }

    /// What happened to the files of a source. `begun` has those that are being read, with the frames of unknown link
    /// types before them.
    fn turns(
        &mut self,
        source: &mut dyn Source,
        core: &Reassembler<'_>,
        progress: &mut Progress,
        begun: &mut Vec<(String, u64)>,
    ) -> bool {
        let mut any = false;
        while let Some(turn) = source.turn() {
            any = true;
            let unknown = unknown_link_types(core.counters());
            match turn {
                Turn::Begun(name) => {
                    self.explain(progress, || format!("reading {name}"));
                    begun.push((name, unknown));
                }
                Turn::Ended(ended) => {
                    let place = begun.iter().position(|(name, _)| *name == ended.name);
                    let before = place.map_or(0, |place| begun.swap_remove(place).1);
                    self.ended(&ended, unknown > before, progress);
                }
                Turn::Remark(name, remark) => {
                    if !self.options.verbosity.is_quiet() {
                        progress.clear();
                        (self.say)(&format!("{name}: {remark}"));
                    }
                }
            }
        }
        any
    }

    /// Says what there is to say of a file that was read. Whether frames of a number for private use are decoded
    /// depends on their header: `any` frame of an unknown link type was met.
    fn ended(&mut self, ended: &Ended, any: bool, progress: &mut Progress) {
        let name = &ended.name;
        self.explain(progress, || format!("{} packets read from {name}", ended.packets));
        for remark in &ended.remarks {
            if !self.options.verbosity.is_quiet() {
                progress.clear();
                (self.say)(&format!("{name}: {remark}"));
            }
        }
        let links = ended.links.iter().filter(|link| **link != LinkType::PKTAP_PRIVATE || any);
        for kind in links.filter_map(|link| undecoded(*link)) {
            progress.clear();
            self.errors.add(format_args!("{name}: packets {kind} cannot be decoded; all others were used"));
        }
    }

    /// One source. Returns whether it was read to its end.
    fn source<S: RunSink>(
        &mut self,
        source: &mut dyn Source,
        core: &mut Reassembler<'_>,
        sink: &mut S,
        read: &mut Reading,
        progress: &mut Progress,
    ) -> bool {
        let ended = self.input(source, core, sink, read, progress);
        ended.is_ok() && !sink.is_over()
    }

    fn input<S: RunSink>(
        &mut self,
        source: &mut dyn Source,
        core: &mut Reassembler<'_>,
        sink: &mut S,
        read: &mut Reading,
        progress: &mut Progress,
    ) -> Result<(), S::Error> {
        let before = read.bytes;
        let may_wait = source.progress().total.is_none();
        let is_live = source.counts().is_some();
        let rotates = self.options.rotate.is_some();
        let (mut rested, seconds) = (Instant::now(), self.options.time_shift);
        let mut begun = Vec::new();
        loop {
            if may_wait && source.waits(PATIENCE) {
                sink.on_idle()?;
                self.on_idle(source, core, sink, read, progress)?;
                progress.update(before + source.progress().done);
            }
            // One by one where a directory may end between any two.
            let mut before_it = None;
            let few = if !rotates {
                source.next_few()
            } else {
                source.next().map(|packet| {
                    let time = packet.as_ref().map(|packet| shifted(packet.frame.time, seconds));
                    let ends =
                        |time| sink.dispatch_mut().rotation().is_some_and(|rotation| rotation.is_due(time));
                    if rotates && time.is_some_and(ends) {
                        before_it = Some(self.snapshot(core.counters(), sink, &read.totals));
                    }
                    Packets::from(packet)
                })
            };
            let packets = match few {
                Ok(packets) => packets,
                Err(error) => {
                    progress.clear();
                    self.errors.add(error);
                    // Other files may follow.
                    continue;
                }
            };
            let read_before = read.totals.packets;
            let pushed = self.push(packets, before_it.is_some(), core, sink, read)?;
            if let Err(error) = pushed {
                progress.clear();
                self.errors.add(format_args!("{}: {error}", source.name()));
                break;
            }
            if read.totals.packets == read_before {
                if self.turns(source, core, progress, &mut begun) {
                    continue;
                }
                break;
            }
            if rotates {
                self.next_directory(before_it, core.counters(), source, sink, &read.totals)?;
            }
            // A live capture ends with the frames that came before the stop.
            if (self.stop.is_asked() && !is_live) || sink.is_over() {
                break;
            }
            let between = if is_live || self.disk.is_some() { LIVE_LOOK } else { LOOK };
            if read_before / between != read.totals.packets / between {
                // Also frames that come one by one without end are to be seen.
                if is_live && rested.elapsed() >= SHOWN {
                    sink.on_idle()?;
                    rested = Instant::now();
                }
                self.on_request(core.counters(), source, sink, &read.totals, progress)?;
                progress.update(before + source.progress().done);
            }
        }
        read.bytes = before + source.progress().done;
        Ok(())
    }

    /// Pushes packets that pass the filter into the core. The inner error is that of the filter; the packets before it
    /// were pushed. With `apart` a directory may end before the packets.
    fn push<S: RunSink>(
        &mut self,
        packets: Packets<'_>,
        apart: bool,
        core: &mut Reassembler<'_>,
        sink: &mut S,
        read: &mut Reading,
    ) -> Result<Result<(), String>, S::Error> {
        let mut frames = BoundedVec::<_, TOGETHER>::new();
        let mut source = None;
        let mut result = Ok(());
        let (mut first, mut accepted, mut input) = (0, 0_u32, None);
        for (place, packet) in packets.enumerate() {
            if place == 0 {
                (first, input) = (packet.number, packet.input);
            }
            match self.pass(packet, read) {
                Ok(Some(Packet { frame, block, number, .. })) => {
                    source = Some(block);
                    if let Some(wireless) = &mut read.totals.wireless {
                        wireless.look(&frame, &self.decode);
                    }
                    accepted |= u32::from(number > 0) << place;
                    let _ = frames.push(frame);
                }
                Ok(None) => {}
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        if let Some(block) = source {
            sink.set_source_block(block)?;
            let input = input.filter(|_| self.options.inputs.len() > 1);
            sink.dispatch_mut().places.announce(input, first, accepted);
        }
        core.push_batch(&frames, sink)?;
        if let Some(meter) = &mut self.meter {
            if apart && sink.dispatch_mut().rotation().is_some_and(|rotation| rotation.has_ended()) {
                self.ended_traffic = Some(meter.take());
            }
            frames.iter().for_each(|frame| meter.note(frame));
        }
        Ok(result)
    }

    /// A packet with its time shifted, if it passes the filter.
    #[inline]
    fn pass<'p>(&mut self, packet: Packet<'p>, read: &mut Reading) -> Result<Option<Packet<'p>>, String> {
        read.totals.packets += 1;
        let seconds = self.options.time_shift;
        let time = if seconds == 0 { packet.frame.time } else { shifted(packet.frame.time, seconds) };
        let packet = Packet { frame: Frame { time, ..packet.frame }, ..packet };
        let passes = self.filter.as_mut().map_or(Ok(true), |filter| filter.accepts(&packet.frame))?;
        read.totals.filtered += u64::from(!passes);
        Ok(passes.then_some(packet))
    }

    /// Nothing comes for a while: time passes all the same.
    fn on_idle<S: RunSink>(
        &mut self,
        source: &mut dyn Source,
        core: &mut Reassembler<'_>,
        sink: &mut S,
        read: &Reading,
        progress: &mut Progress,
    ) -> Result<(), S::Error> {
        while source.waits(LONG_PATIENCE) && !self.stop.is_asked() && !sink.is_over() {
            if let Some(now) = source.now() {
                sink.dispatch_mut().places.leave();
                core.advance(shifted(now, self.options.time_shift), sink)?;
                self.next_directory(None, core.counters(), source, sink, &read.totals)?;
                sink.dispatch_mut().flush()?;
            }
            self.on_request(core.counters(), source, sink, &read.totals, progress)?;
        }
        Ok(())
    }
}

/// The time `seconds` later.
fn shifted(time: Timestamp, seconds: i64) -> Timestamp {
    let shift = seconds.unsigned_abs().saturating_mul(Timestamp::SECOND);
    Timestamp(if seconds < 0 { time.0.saturating_sub(shift) } else { time.0.saturating_add(shift) })
}

/// Frames whose link type is not decoded.
fn unknown_link_types(counters: &Counters) -> u64 {
    let reason = RejectReason::UnknownLinkType(0);
    Layer::ALL.iter().map(|layer| counters.rejected_for(*layer, reason)).sum()
}

/// The name of frames of a link type that is not decoded.
fn undecoded(link: LinkType) -> Option<RejectKind> {
    let frame = Frame { link, time: Timestamp::default(), wire_len: 0, bytes: &[] };
    match decode::decode(&frame) {
        Err(Reject { layer, reason: reason @ RejectReason::UnknownLinkType(_), .. }) => {
            Some(RejectKind { layer, reason })
        }
        _ => None,
    }
}

/// The prefix of names on the console: the output directory, unless it is the current one.
fn console_prefix(directory: &Path) -> String {
    if directory == Path::new(".") { String::new() } else { format!("{}/", directory.display()) }
}

/// Bytes of all inputs, if each has a size.
fn total_size(inputs: &[&Input]) -> Option<u64> {
    let size = |input: &&Input| {
        let facts = std::fs::metadata(&input.path).ok()?;
        (facts.is_file() && !input.is_stdin()).then_some(facts.len())
    };
    inputs.iter().map(size).sum()
}
