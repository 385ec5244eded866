//! Both directions of a connection as exchanges: the messages of each stream, put together from what [`Reader`]s find.
//!
//! A stream is handed out when both sides have ended it, or when there are too many; those that are open at the end of the
//! connection come last.
//!
//! [`Reader`]: super::Reader

use std::collections::{BTreeMap, VecDeque};

use super::reader::{Block, Event};
use super::runs::{Run, Runs};

/// Streams under way at once. Beyond them the one that was reset or opened first is handed out as it is.
pub const MAX_STREAMS: usize = 4096;
/// Memory that the fields of streams under way may take, in bytes.
const MAX_WEIGHT: usize = 32 << 20;
/// Runs of all streams under way.
const MAX_RUNS: usize = 1 << 16;
/// Interim responses of one stream; more are counted.
const MAX_INTERIM: usize = 16;

/// Which side of a connection sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The side that opened the connection.
    Client = 0,
    /// The other one.
    Server = 1,
}

/// One message of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Counts the messages of its direction, from 1.
    pub number: u64,
    /// Responses with status 1xx in front of it, each with its number.
    pub interim: Vec<(u64, Block)>,
    /// Interim responses beyond those, and heads behind the head.
    pub heads_omitted: u64,
    /// Its head.
    pub head: Option<Block>,
    /// The fields behind its body.
    pub trailers: Option<Block>,
    /// Where its body is.
    pub runs: Runs,
    /// It has its end (END_STREAM).
    pub ends: bool,
    /// Its sender ended the stream early, with this code where that is known.
    pub reset: Option<Option<u32>>,
    /// Frames of it may have been lost.
    pub is_holed: bool,
    epoch: u64,
}

impl Message {
    /// A message that has its end and nothing else.
    #[must_use]
    pub fn empty() -> Self {
        Self { ends: true, ..Self::default() }
    }

    /// Whether nothing of it was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_none() && self.interim.is_empty() && self.trailers.is_none() && self.runs.is_empty()
    }

    fn is_over(&self) -> bool {
        self.ends || self.reset.is_some()
    }
}

/// A request and what answers it; either may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The stream.
    pub stream: u32,
    /// The request; of a pushed response the one that the server promised.
    pub request: Message,
    /// The server sent the request.
    pub is_pushed: bool,
    /// The request is the one of HTTP/1 with which the connection was upgraded.
    pub is_upgraded: bool,
    /// The response.
    pub response: Message,
}

#[derive(Debug)]
struct Stream {
    /// Differs from that of an earlier stream with the same number.
    serial: u64,
    messages: [Message; 2],
    is_pushed: bool,
    is_upgraded: bool,
    weight: usize,
}

/// The streams of a connection.
#[derive(Debug, Default)]
pub struct Streams {
    open: BTreeMap<u32, Stream>,
    /// Numbers and serials in the order in which streams began, and in which they were reset; some are gone already.
    order: VecDeque<(u32, u64)>,
    reset: VecDeque<(u32, u64)>,
    serial: u64,
    /// Messages of each direction so far.
    numbers: [u64; 2],
    /// Losses in each direction so far.
    epochs: [u64; 2],
    weight: usize,
    runs: usize,
    /// Frames with data behind the end of their message.
    pub late_frames: u64,
}

impl Streams {
    /// Streams of a connection, behind `numbers` messages of HTTP/1 in each direction. If it `is_upgraded` from HTTP/1, the
    /// response to the last request is stream 1.
    #[must_use]
    pub fn new(numbers: [u64; 2], is_upgraded: bool) -> Self {
        let mut streams = Self { numbers, ..Self::default() };
        if is_upgraded {
            let (stream, _) = streams.stream(1);
            stream.is_upgraded = true;
            stream.messages[0].ends = true;
        }
        streams
    }

    /// Takes what was found in a direction. Streams that are over go to `out`.
    pub fn take(&mut self, side: Side, event: Event, out: &mut dyn FnMut(Exchange)) {
        let number = match event {
            Event::Headers(block) => {
                let number = block.stream;
                self.headers(side, block);
                number
            }
            Event::Data { stream, frame, payload, ends } => {
                let run = Run { frames: frame, payload, is_single: true, after_loss: false };
                self.data(side, stream, run, ends);
                stream
            }
            Event::Reset { stream, code } => return self.reset(side, stream, code),
            Event::Lost(_) => return self.epochs[side as usize] += 1,
            Event::Accepts(_) => return,
        };
        if let Some(stream) = self.open.get(&number)
            && stream.messages.iter().all(|message| message.ends)
        {
            let serial = stream.serial;
            self.end(number, serial, out);
        }
        self.make_room(out);
    }

    /// The connection ends: all streams go to `out`, those that began first before the others.
    pub fn finish(&mut self, out: &mut dyn FnMut(Exchange)) {
        while let Some((number, serial)) = self.order.pop_front() {
            self.end(number, serial, out);
        }
    }

    /// The stream of this number, and the next number of a message for each side.
    fn stream(&mut self, number: u32) -> (&mut Stream, &mut [u64; 2]) {
        let Self { open, order, serial, numbers, epochs, .. } = self;
        let stream = open.entry(number).or_insert_with(|| {
            *serial += 1;
            order.push_back((number, *serial));
            // Frames that came before a loss are none of a stream that is seen behind it for the first time, unless the
            // stream began in front of it: its first header block tells.
            let messages = epochs.map(|epoch| Message { epoch, ..Message::default() });
            Stream { serial: *serial, messages, is_pushed: false, is_upgraded: false, weight: 0 }
        });
        (stream, numbers)
    }

    fn headers(&mut self, side: Side, block: Block) {
        let weight = weight(&block);
        self.weight += weight;
        if let Some(promised) = block.promised {
            let (stream, numbers) = self.stream(promised);
            numbers[side as usize] += 1;
            let number = numbers[side as usize];
            stream.weight += weight;
            if !stream.messages[0].is_empty() {
                return;
            }
            stream.is_pushed = true;
            stream.messages[0] = Message { number, head: Some(block), ends: true, ..Message::default() };
            return;
        }
        let epoch = self.epochs[side as usize];
        let (stream, numbers) = self.stream(block.stream);
        stream.weight += weight;
        let message = &mut stream.messages[side as usize];
        let is_after_loss = message.epoch != epoch;
        message.epoch = epoch;
        message.ends |= block.ends;
        let is_known = message.head.is_some();
        // Trailers have no status and no method; where those are not known, they stand behind a body.
        let is_trailers = !begins_message(&block)
            && (is_known || !message.runs.is_empty() || is_plain(&block) && block.ends);
        if is_trailers {
            message.is_holed |= is_after_loss;
            message.trailers = Some(block);
            if message.number == 0 {
                numbers[side as usize] += 1;
                message.number = numbers[side as usize];
                message.is_holed = true;
            }
            return;
        }
        if is_known || !message.runs.is_empty() {
            // A second head: the sender does not follow the protocol, or the stream's number is used again.
            message.heads_omitted += 1;
            return;
        }
        numbers[side as usize] += 1;
        let number = numbers[side as usize];
        if is_interim(&block) {
            match message.interim.len() < MAX_INTERIM {
                true => message.interim.push((number, block)),
                false => message.heads_omitted += 1,
            }
            return;
        }
        (message.number, message.head) = (number, Some(block));
    }

    /// Frames that the other side sent before it knew may follow: the stream stays.
    fn reset(&mut self, side: Side, number: u32, code: Option<u32>) {
        let Some(stream) = self.open.get_mut(&number) else { return };
        if stream.messages.iter().all(|message| message.reset.is_none()) {
            self.reset.push_back((number, stream.serial));
        }
        stream.messages[side as usize].reset = Some(code);
    }

    fn data(&mut self, side: Side, number: u32, mut run: Run, ends: bool) {
        let epoch = self.epochs[side as usize];
        let is_crowded = self.runs >= MAX_RUNS;
        let (stream, numbers) = self.stream(number);
        let message = &mut stream.messages[side as usize];
        if message.ends {
            self.late_frames += 1;
            return;
        }
        message.ends = ends;
        run.after_loss = message.epoch != epoch;
        message.epoch = epoch;
        if message.number == 0 {
            numbers[side as usize] += 1;
            message.number = numbers[side as usize];
            // Its head was lost, and frames behind that may have been.
            run.after_loss = true;
        }
        message.is_holed |= run.after_loss || run.payload.is_none();
        // An empty frame only ends the message.
        if run.payload.as_ref().is_some_and(|payload| payload.is_empty()) {
            return;
        }
        let before = message.runs.len();
        if is_crowded && before > 0 {
            message.runs.join();
        }
        // So many losses that no two runs can be one: what follows is missing.
        if is_crowded && before > 1 && message.runs.len() == before {
            message.is_holed = true;
        } else {
            message.runs.push(run);
        }
        let after = message.runs.len();
        self.runs = self.runs - before + after;
    }

    /// Hands out streams where there are too many.
    fn make_room(&mut self, out: &mut dyn FnMut(Exchange)) {
        while self.open.len() > MAX_STREAMS || self.weight > MAX_WEIGHT && self.open.len() > 1 {
            let Some((number, serial)) = self.reset.pop_front().or_else(|| self.order.pop_front()) else {
                return;
            };
            self.end(number, serial, out);
        }
        // Numbers of streams that are gone do not pile up.
        let Self { open, order, reset, .. } = self;
        for queue in [order, reset] {
            if queue.len() > 2 * MAX_STREAMS {
                queue.retain(|(number, serial)| {
                    open.get(number).is_some_and(|stream| stream.serial == *serial)
                });
            }
        }
    }

    fn end(&mut self, number: u32, serial: u64, out: &mut dyn FnMut(Exchange)) {
        if self.open.get(&number).is_none_or(|stream| stream.serial != serial) {
            return;
        }
        let Some(stream) = self.open.remove(&number) else { return };
        self.weight -= stream.weight;
        let [mut request, mut response] = stream.messages;
        self.runs -= request.runs.len() + response.runs.len();
        for (message, epoch) in [&mut request, &mut response].into_iter().zip(self.epochs) {
            message.is_holed |= !message.is_over() && message.epoch != epoch;
        }
        let Stream { is_pushed, is_upgraded, .. } = stream;
        if !is_upgraded || !response.is_empty() {
            out(Exchange { stream: number, request, is_pushed, is_upgraded, response });
        }
    }
}

/// What a block takes in memory, in bytes, each field as if its strings were its own.
fn weight(block: &Block) -> usize {
    let length = |text: &Option<std::sync::Arc<[u8]>>| text.as_ref().map_or(0, |text| text.len());
    let fields =
        block.fields.iter().map(|field| size_of_val(field) + length(&field.name) + length(&field.value));
    size_of::<Block>() + fields.sum::<usize>()
}

/// Whether a block has fields that only heads have: RFC 9113, 8.3.
fn begins_message(block: &Block) -> bool {
    block.fields.iter().any(|field| field.name.as_deref().is_some_and(|name| name.starts_with(b":")))
}

/// Whether every field of a block is known.
fn is_plain(block: &Block) -> bool {
    !block.is_broken && block.fields.iter().all(|field| field.name.is_some())
}

/// Whether a block is a response with status 1xx.
fn is_interim(block: &Block) -> bool {
    let status = block.fields.iter().find(|field| field.is(":status"));
    !block.ends
        && status
            .and_then(|field| field.value.as_deref())
            .is_some_and(|value| value.len() == 3 && value[0] == b'1')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http2::Field;

    fn block(stream: u32, fields: &[(&str, &str)], ends: bool) -> Event {
        let shared = |text: &str| Some(text.as_bytes().into());
        let fields =
            fields.iter().map(|(name, value)| Field { name: shared(name), value: shared(value) }).collect();
        let (promised, error) = (None, None);
        Event::Headers(Block {
            stream,
            range: 0..20,
            ends,
            promised,
            fields,
            left_out: 0,
            is_broken: false,
            error,
        })
    }

    fn data(stream: u32, at: u64, length: u64, ends: bool) -> Event {
        let end = at + 9 + length;
        Event::Data { stream, frame: at..end, payload: Some(at + 9..end), ends }
    }

    const GET: &[(&str, &str)] = &[(":method", "GET"), (":path", "/")];
    const OK: &[(&str, &str)] = &[(":status", "200")];

    struct Test {
        streams: Streams,
        over: Vec<Exchange>,
    }

    impl Test {
        fn new() -> Self {
            Self { streams: Streams::default(), over: Vec::new() }
        }

        fn client(&mut self, event: Event) {
            self.streams.take(Side::Client, event, &mut |exchange| self.over.push(exchange));
        }

        fn server(&mut self, event: Event) {
            self.streams.take(Side::Server, event, &mut |exchange| self.over.push(exchange));
        }

        fn finish(mut self) -> Vec<Exchange> {
            self.streams.finish(&mut |exchange| self.over.push(exchange));
            self.over
        }
    }

    #[test]
    fn messages_find_their_stream_whatever_comes_between() {
        let mut test = Test::new();
        test.client(block(1, GET, true));
        test.client(block(3, GET, false));
        test.server(block(3, &[(":status", "103")], false));
        test.server(block(1, OK, false));
        test.server(data(1, 100, 10, false));
        test.client(data(3, 50, 5, true));
        test.server(block(3, OK, true));
        assert_eq!(test.over.len(), 1);
        test.server(block(1, &[("x-sum", "1")], true));
        let over = test.finish();
        let numbers: Vec<_> =
            over.iter().map(|over| (over.stream, over.request.number, over.response.number)).collect();
        assert_eq!(numbers, [(3, 2, 3), (1, 1, 2)]);
        assert_eq!(over[0].response.interim[0].0, 1);
        assert_eq!(
            over[0].request.runs.iter().map(|run| run.payload.clone()).collect::<Vec<_>>(),
            [Some(59..64)]
        );
        assert!(over[1].response.trailers.is_some() && !over[1].response.is_holed);
    }

    #[test]
    fn behind_a_loss_a_body_is_known_to_have_a_hole() {
        let mut test = Test::new();
        for stream in [1, 3, 5] {
            test.client(block(stream, GET, true));
            test.server(block(stream, OK, false));
            test.server(data(stream, 100, 10, stream == 1));
        }
        test.server(Event::Lost(300..400));
        test.server(data(3, 400, 10, true));
        test.server(data(7, 500, 10, true));
        let over = test.finish();
        let found: Vec<_> = over
            .iter()
            .map(|over| {
                (
                    over.stream,
                    over.response.is_holed,
                    over.response.runs.iter().map(|run| run.after_loss).collect(),
                )
            })
            .collect::<Vec<(_, _, Vec<_>)>>();
        let expected = [
            (1, false, vec![false]),
            (3, true, vec![false, true]),
            (5, true, vec![false]),
            (7, true, vec![true]),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_promise_is_the_request_of_its_stream() {
        let mut test = Test::new();
        test.client(block(1, GET, true));
        let Event::Headers(promise) = block(1, GET, false) else { panic!() };
        test.server(Event::Headers(Block { promised: Some(2), ..promise }));
        test.server(block(2, OK, true));
        assert!(test.over[0].is_pushed && test.over[0].stream == 2);
        assert_eq!((test.over[0].request.number, test.over[0].response.number), (1, 2));
    }

    #[test]
    fn a_reset_stream_waits_for_what_the_other_side_sent_before() {
        let mut test = Test::new();
        test.client(block(1, GET, true));
        test.client(Event::Reset { stream: 1, code: Some(8) });
        test.server(block(1, OK, false));
        let over = test.finish();
        assert_eq!((over.len(), over[0].request.reset), (1, Some(Some(8))));
        assert!(over[0].response.head.is_some() && !over[0].response.ends);
    }

    #[test]
    fn rapid_reset_costs_no_more_than_the_streams_that_may_be_open() {
        let mut test = Test::new();
        test.client(block(1, GET, false));
        for number in 1..20_000 {
            test.client(block(2 * number + 1, GET, true));
            test.client(Event::Reset { stream: 2 * number + 1, code: Some(8) });
        }
        let Streams { open, order, reset, .. } = &test.streams;
        assert!(
            open.len() == MAX_STREAMS && order.len() <= 2 * MAX_STREAMS && reset.len() <= 2 * MAX_STREAMS
        );
        assert!(open.contains_key(&1), "the one that goes on stays");
        assert_eq!(test.finish().len(), 20_000);
    }

    #[test]
    fn runs_are_bounded_and_stand_for_all_frames() {
        let mut test = Test::new();
        let count = 3 * MAX_RUNS as u64;
        for number in 0..count {
            test.client(data(1, number * 10, 1, false));
        }
        assert!(test.streams.runs <= MAX_RUNS + 1);
        let over = test.finish();
        let runs: Vec<_> = over[0].request.runs.iter().collect();
        assert_eq!((runs[0].frames.start, runs[runs.len() - 1].frames.end), (0, count * 10));
        assert!(runs.windows(2).all(|pair| pair[0].frames.end == pair[1].frames.start));
    }

    #[test]
    fn large_heads_of_many_streams_are_bounded() {
        let mut test = Test::new();
        let value = "x".repeat(100_000);
        for number in 0..1000 {
            test.client(block(2 * number + 1, &[(":method", &value)], false));
        }
        assert!(test.streams.weight <= MAX_WEIGHT);
        assert_eq!(test.finish().len(), 1000);
    }

    #[test]
    fn the_answer_to_an_upgrade_is_stream_1() {
        let mut test = Test { streams: Streams::new([1, 1], true), over: Vec::new() };
        test.server(block(1, OK, true));
        assert!(test.over[0].is_upgraded && test.over[0].response.number == 2);
        assert!(Test { streams: Streams::new([1, 1], true), over: Vec::new() }.finish().is_empty());
    }
}
