//! The console: streams as text, bytes, hex lines or JSON on standard output, each piece coloured
//! and headed by the name of its flow.
//!
//! Pieces appear in the order of the calls. Output is collected in 64 KiB blocks; [`Console::flush`]
//! hands on what is there, as a live capture wants before it waits. Bytes that are printed as they are
//! go out from where they lie, if that is known ([`Console::set_source_block`]). An error of the kind
//! [`io::ErrorKind::BrokenPipe`] says that the reader has gone, which ends a run without a message.
//!
//! The forms are tcpflow's, byte for byte. A gap, of which tcpflow says nothing, stands in its place
//! in the stream as `[10 bytes missing]`: a reader who does not see it would take what follows for
//! a continuation. JSON has it as an object with an empty payload and `"missing"`. The binary form
//! holds nothing but the bytes of the stream and cannot show one.

use std::io::{self, IoSlice, Write};
use std::ops::Range;

use bytes::Bytes;

use crate::flow::FlowFacts;

/// How the bytes of a piece are shown. Where several are asked for, the later one here wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Printable ASCII, LF, and CR before it, as they are; every other byte as `.`.
    #[default]
    Printable,
    /// Every byte as it is.
    Binary,
    /// One object a piece: `{"src_host":…,"src_port":…,"dst_host":…,"dst_port":…,"payload": […]}`.
    Json,
    /// Lines of 32 bytes: offset in the piece, hexadecimal, printable ASCII.
    Hex,
}

/// What the command line asks of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsoleOptions {
    /// Heads each piece with `NAME: `; JSON has its own fields for that.
    pub headers: bool,
    /// How bytes are shown.
    pub form: Form,
    /// Blue for the client's bytes, red for the server's.
    pub colour: bool,
    /// Ends each piece with a newline.
    pub newline: bool,
}

impl Default for ConsoleOptions {
    fn default() -> Self {
        Self { headers: true, form: Form::default(), colour: false, newline: true }
    }
}

const BLOCK: usize = 64 * 1024;
const CHUNK: usize = 8 * 1024; // grows to 32 KiB at most, as JSON
const LINE: usize = 32;
const LENT: usize = 500; // pieces: with what stands between them as many as a system takes with one call
const SHORT: usize = 256; // bytes that are copied in less time than it takes to write them from elsewhere
const CLIENT: &[u8] = b"\x1b[0;34m";
const SERVER: &[u8] = b"\x1b[0;31m";
const RESET: &[u8] = b"\x1b[0m";

/// What several programs that print to one place take turns with.
pub trait ConsoleLock: std::fmt::Debug {
    /// Waits for the turn.
    ///
    /// # Errors
    /// What the system says.
    fn acquire(&self) -> io::Result<()>;

    /// Ends it.
    fn release(&self);
}

/// Prints streams.
#[derive(Debug)]
pub struct Console<W: Write> {
    out: W,
    options: ConsoleOptions,
    buffer: Vec<u8>,
    /// What the bytes of the next pieces are part of.
    block: Bytes,
    /// Parts of `block` that are to be written, each with how much of `buffer` comes before it.
    lent: Vec<(usize, Range<usize>)>,
    /// Held from the first byte of a piece that is written to the last one.
    lock: Option<Box<dyn ConsoleLock>>,
    held: bool,
}

impl<W: Write> Console<W> {
    /// A console that prints to `out`, which needs no buffer of its own.
    pub fn new(out: W, options: ConsoleOptions) -> Self {
        let (block, lent) = (Bytes::new(), Vec::with_capacity(LENT));
        Self { out, options, buffer: Vec::with_capacity(2 * BLOCK), block, lent, lock: None, held: false }
    }

    /// The same, with a lock to hold while pieces are written.
    #[must_use]
    pub fn with_lock(mut self, lock: Option<Box<dyn ConsoleLock>>) -> Self {
        self.lock = lock;
        self
    }

    /// Whether this is the block of the last [`set_source_block`](Self::set_source_block).
    #[inline]
    pub fn has_source_block(&self, block: &Bytes) -> bool {
        (block.as_ptr(), block.len()) == (self.block.as_ptr(), self.block.len())
    }

    /// Sets the block that contains the bytes of the next pieces, or most of them.
    ///
    /// # Errors
    /// As for [`Self::piece`].
    pub fn set_source_block(&mut self, block: &Bytes) -> io::Result<()> {
        // One call for many pieces is there on Unix only, and with calls for each a copy is cheaper.
        if self.has_source_block(block) || self.options.form != Form::Binary || !cfg!(unix) {
            return Ok(());
        }
        let mut written = Ok(());
        if !self.lent.is_empty() {
            written = self.write_block();
            self.release();
        }
        self.block = block.clone();
        written
    }

    /// Where bytes are in the block, if they are long enough to be written from there.
    fn place(&self, bytes: &[u8]) -> Option<Range<usize>> {
        let start = bytes.as_ptr().addr().wrapping_sub(self.block.as_ptr().addr());
        let part = start..start.wrapping_add(bytes.len());
        (bytes.len() > SHORT && self.block.get(part.clone()).is_some()).then_some(part)
    }

    /// Prints bytes of a flow; `name` is the flow's file name. Nothing for no bytes.
    ///
    /// # Errors
    /// What writing to the output says; nothing is written after an error but what comes in later.
    pub fn piece(&mut self, facts: &FlowFacts, name: &str, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.begin(facts, name);
        match self.options.form {
            Form::Printable => {
                for (number, chunk) in bytes.chunks(CHUNK).enumerate() {
                    let place = self.buffer.len();
                    self.buffer.extend(chunk.iter().map(|&byte| match byte {
                        b'\n' | b'\r' => byte,
                        _ => printable(byte),
                    }));
                    // Alone, a carriage return would let what follows cover what is there.
                    for at in memchr::memchr_iter(b'\r', chunk) {
                        let next = bytes.get(number * CHUNK + at + 1);
                        if next.map_or(!self.options.newline, |next| *next != b'\n') {
                            self.buffer[place + at] = b'.';
                        }
                    }
                    self.make_room()?;
                }
            }
            Form::Binary => match self.place(bytes) {
                Some(part) => {
                    self.lent.push((self.buffer.len(), part));
                    self.make_room()?;
                }
                None => {
                    for chunk in bytes.chunks(CHUNK) {
                        self.buffer.extend_from_slice(chunk);
                        self.make_room()?;
                    }
                }
            },
            Form::Json => {
                self.json_head(facts);
                for (index, chunk) in bytes.chunks(CHUNK).enumerate() {
                    if index > 0 {
                        self.buffer.push(b',');
                    }
                    json_numbers(&mut self.buffer, chunk);
                    self.make_room()?;
                }
                self.buffer.extend_from_slice(b"]}");
            }
            Form::Hex => {
                for (index, line) in bytes.chunks(LINE).enumerate() {
                    hex_line(&mut self.buffer, index * LINE, line);
                    self.make_room()?;
                }
            }
        }
        self.end()
    }

    /// Prints that the bytes at these stream offsets were never seen.
    ///
    /// # Errors
    /// As for [`Self::piece`].
    pub fn gap(&mut self, facts: &FlowFacts, name: &str, range: Range<u64>) -> io::Result<()> {
        let length = range.end.saturating_sub(range.start);
        if length == 0 || self.options.form == Form::Binary {
            return Ok(());
        }
        self.begin(facts, name);
        if self.options.form == Form::Json {
            self.json_head(facts);
            self.text(format_args!("],\"missing\":{length}}}"));
        } else {
            let plural = if length == 1 { "" } else { "s" };
            self.text(format_args!("[{length} byte{plural} missing]"));
        }
        if self.options.form == Form::Hex {
            self.buffer.push(b'\n');
        }
        self.end()
    }

    /// Writes everything printed so far.
    ///
    /// # Errors
    /// As for [`Self::piece`].
    pub fn flush(&mut self) -> io::Result<()> {
        let written = self.write_block();
        let flushed = written.and_then(|()| self.out.flush());
        self.release();
        flushed
    }

    fn release(&mut self) {
        if std::mem::take(&mut self.held)
            && let Some(lock) = &self.lock
        {
            lock.release();
        }
    }

    /// Ends the output: the last [`Self::flush`], with its result.
    ///
    /// # Errors
    /// As for [`Self::piece`].
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()
    }

    fn begin(&mut self, facts: &FlowFacts, name: &str) {
        if self.options.colour {
            self.buffer.extend_from_slice(if facts.opened.client { CLIENT } else { SERVER });
        }
        if self.options.headers && self.options.form != Form::Json {
            self.buffer.extend_from_slice(name.as_bytes());
            self.buffer.extend_from_slice(b": ");
            if self.options.form == Form::Hex {
                self.buffer.push(b'\n');
            }
        }
    }

    fn end(&mut self) -> io::Result<()> {
        if self.options.colour {
            self.buffer.extend_from_slice(RESET);
        }
        if self.options.newline {
            self.buffer.push(b'\n');
        }
        if self.held {
            // The beginning of the piece is written already.
            let result = self.write_block();
            self.release();
            return result;
        }
        let result = self.make_room();
        self.release();
        result
    }

    /// Everything up to the payload's first number. Addresses hold nothing that JSON would escape.
    fn json_head(&mut self, facts: &FlowFacts) {
        let key = &facts.opened.key;
        self.text(format_args!(
            "{{\"src_host\":\"{}\",\"src_port\":{},\"dst_host\":\"{}\",\"dst_port\":{},\"payload\": [",
            key.source, key.source_port, key.destination, key.destination_port
        ));
    }

    fn text(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a `Vec` cannot fail.
        let _ = self.buffer.write_fmt(text);
    }

    fn make_room(&mut self) -> io::Result<()> {
        let has_room = self.buffer.len() < BLOCK && self.lent.len() < LENT;
        if has_room { Ok(()) } else { self.write_block() }
    }

    /// Writes what is in the buffer, and what is lent where it belongs.
    fn write_out(&mut self) -> io::Result<()> {
        if self.lent.is_empty() {
            return self.out.write_all(&self.buffer);
        }
        let (mut slices, mut count, mut told) = ([IoSlice::new(&[]); 2 * LENT + 1], 0, 0);
        let end = (self.buffer.len(), 0..0);
        for (before, part) in self.lent.iter().chain([&end]) {
            for slice in [self.buffer.get(told..*before), self.block.get(part.clone())] {
                if let Some(slice) = slice.filter(|slice| !slice.is_empty()) {
                    slices[count] = IoSlice::new(slice);
                    count += 1;
                }
            }
            told = *before;
        }
        let mut rest = &mut slices[..count];
        while !rest.is_empty() {
            match self.out.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Empties the buffer also where writing failed: how much had been written is not known then.
    fn write_block(&mut self) -> io::Result<()> {
        let is_empty = self.buffer.is_empty() && self.lent.is_empty();
        let mut result = Ok(());
        if let Some(lock) = self.lock.as_ref().filter(|_| !self.held && !is_empty) {
            result = lock.acquire();
            self.held = result.is_ok();
        }
        if result.is_ok() {
            result = self.write_out();
        }
        self.buffer.clear();
        self.lent.clear();
        result
    }
}

/// A console that is dropped without `finish`, after an error elsewhere, still prints what it has.
impl<W: Write> Drop for Console<W> {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

const fn printable(byte: u8) -> u8 {
    if matches!(byte, b' '..=b'~') { byte } else { b'.' }
}

/// The numbers of an array, with commas between them.
fn json_numbers(buffer: &mut Vec<u8>, bytes: &[u8]) {
    let mut end = buffer.len();
    buffer.resize(end + 4 * bytes.len(), 0);
    for &byte in bytes {
        // All four bytes are copied, which is one move; the next number covers what is too much.
        let (text, len) = &DECIMAL[usize::from(byte)];
        buffer[end..end + 4].copy_from_slice(text);
        end += usize::from(*len);
    }
    buffer.truncate(end - 1);
}

/// Every byte as a decimal number with a comma behind it, and the length of that.
static DECIMAL: [([u8; 4], u8); 256] = {
    let mut table = [([b','; 4], 0); 256];
    let mut byte = 0;
    while byte < 256 {
        let (text, len) = &mut table[byte];
        let mut divisor = if byte < 10 {
            1
        } else if byte < 100 {
            10
        } else {
            100
        };
        while divisor > 0 {
            text[*len as usize] = b'0' + (byte / divisor % 10) as u8;
            *len += 1;
            divisor /= 10;
        }
        *len += 1;
        byte += 1;
    }
    table
};

/// One line of a hex dump: `0000: 4745 5420 2f  GET /`. Where the first line is short, its text
/// follows at once; on later lines it stands below that of the first.
fn hex_line(buffer: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let _ = write!(buffer, "{offset:04x}: ");
    let mut columns = 0;
    for pair in bytes.chunks(2) {
        for &byte in pair {
            buffer.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        if pair.len() == 2 {
            buffer.push(b' ');
        }
        columns += 2 * pair.len() + pair.len() / 2;
    }
    let width = if offset == 0 { 0 } else { LINE * 5 / 2 };
    buffer.resize(buffer.len() + width.saturating_sub(columns), b' ');
    buffer.push(b' ');
    buffer.extend(bytes.iter().map(|&byte| printable(byte)));
    buffer.push(b'\n');
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use tapflow_core::{FlowKey, Timestamp};

    use super::*;
    use crate::flow::{Link, Opened};

    const TEXT: ConsoleOptions =
        ConsoleOptions { headers: true, form: Form::Printable, colour: false, newline: true };

    fn client() -> FlowFacts {
        FlowFacts {
            number: 0,
            slot: 0,
            directory: 0,
            frame: crate::flow::FramePlace::default(),
            opened: Opened {
                key: FlowKey {
                    source: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
                    destination: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)),
                    source_port: 40000,
                    destination_port: 80,
                },
                link: Link::default(),
                time: Timestamp::default(),
                session: 0,
                client: true,
                syn: true,
            },
        }
    }

    fn server() -> FlowFacts {
        let mut facts = client();
        facts.opened.key = facts.opened.key.reversed();
        facts.opened.client = false;
        facts
    }

    fn print(options: ConsoleOptions, calls: impl FnOnce(&mut Console<&mut Vec<u8>>)) -> String {
        let mut out = Vec::new();
        let mut console = Console::new(&mut out, options);
        calls(&mut console);
        console.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    fn two_pieces(options: ConsoleOptions) -> String {
        print(options, |console| {
            console.piece(&client(), "C", b"GET\t/\xff\r\n").unwrap();
            console.piece(&server(), "S", b"ok").unwrap();
        })
    }

    #[test]
    fn text_keeps_line_ends_and_shows_other_bytes_as_dots() {
        assert_eq!(two_pieces(TEXT), "C: GET./.\r\n\nS: ok\n");
    }

    #[test]
    fn a_carriage_return_that_ends_no_line_is_a_dot() {
        let long = [&vec![b'x'; CHUNK - 1][..], b"\r\n", &vec![b'y'; CHUNK - 2], b"\rz"].concat();
        let printed = |options, bytes: &[u8]| {
            print(options, |console| console.piece(&client(), "C", bytes).unwrap()).replace(['x', 'y'], "")
        };
        assert_eq!(printed(TEXT, b"real\rfake\r\r\nend\r"), "C: real.fake.\r\nend\r\n");
        assert_eq!(printed(TEXT, &long), "C: \r\n.z\n");
        assert_eq!(printed(ConsoleOptions { newline: false, ..TEXT }, b"end\r"), "C: end.");
    }

    #[test]
    fn without_headers_only_the_bytes() {
        assert_eq!(two_pieces(ConsoleOptions { headers: false, ..TEXT }), "GET./.\r\n\nok\n");
    }

    #[test]
    fn without_newlines_pieces_follow_at_once() {
        assert_eq!(two_pieces(ConsoleOptions { newline: false, ..TEXT }), "C: GET./.\r\nS: ok");
    }

    #[test]
    fn colour_wraps_header_and_bytes() {
        assert_eq!(
            two_pieces(ConsoleOptions { colour: true, ..TEXT }),
            "\x1b[0;34mC: GET./.\r\n\x1b[0m\n\x1b[0;31mS: ok\x1b[0m\n"
        );
    }

    #[test]
    fn json_is_an_object_for_each_piece_without_header() {
        assert_eq!(
            two_pieces(ConsoleOptions { form: Form::Json, ..TEXT }),
            concat!(
                r#"{"src_host":"10.0.0.1","src_port":40000,"dst_host":"10.0.0.2","dst_port":80,"#,
                r#""payload": [71,69,84,9,47,255,13,10]}"#,
                "\n",
                r#"{"src_host":"10.0.0.2","src_port":80,"dst_host":"10.0.0.1","dst_port":40000,"#,
                r#""payload": [111,107]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn json_has_ipv6_addresses_whole() {
        let mut facts = client();
        facts.opened.key.source = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
        facts.opened.key.destination = IpAddr::V6(Ipv6Addr::LOCALHOST);
        let printed = print(ConsoleOptions { form: Form::Json, ..TEXT }, |console| {
            console.piece(&facts, "", b"\0").unwrap();
        });
        assert_eq!(
            printed,
            concat!(
                r#"{"src_host":"2001:db8::1","src_port":40000,"dst_host":"::1","dst_port":80,"payload": [0]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn json_numbers_of_a_long_piece_are_all_there() {
        let bytes: Vec<u8> = (0..3 * CHUNK + 1).map(|n| n as u8).collect();
        let printed = print(ConsoleOptions { form: Form::Json, ..TEXT }, |console| {
            console.piece(&client(), "", &bytes).unwrap();
        });
        let (_, numbers) = printed.split_once('[').unwrap();
        let numbers: Vec<u8> =
            numbers.trim_end_matches("]}\n").split(',').map(|number| number.parse().unwrap()).collect();
        assert_eq!(numbers, bytes);
    }

    #[test]
    fn hex_lines_hold_32_bytes_and_the_text_of_later_lines_stands_below() {
        let printed = print(ConsoleOptions { form: Form::Hex, ..TEXT }, |console| {
            console.piece(&client(), "C", b"GET / HTTP/1.0\r\nHost: example\r\n\n~\x7f ").unwrap();
        });
        assert_eq!(
            printed,
            concat!(
                "C: \n",
                "0000: 4745 5420 2f20 4854 5450 2f31 2e30 0d0a 486f 7374 3a20 6578 616d 706c 650d 0a0a  ",
                "GET / HTTP/1.0..Host: example...\n",
                "0020: 7e7f 20                                                                          ",
                "~. \n",
                "\n"
            )
        );
    }

    #[test]
    fn hex_text_follows_a_short_first_line_at_once() {
        let printed = print(ConsoleOptions { headers: false, form: Form::Hex, ..TEXT }, |console| {
            console.piece(&client(), "C", b"odd").unwrap();
            console.piece(&client(), "C", b"even").unwrap();
        });
        assert_eq!(printed, "0000: 6f64 64 odd\n\n0000: 6576 656e  even\n\n");
    }

    #[test]
    fn binary_is_every_byte_as_it_is() {
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * BLOCK).collect();
        let mut out = Vec::new();
        let options = ConsoleOptions { headers: false, form: Form::Binary, newline: false, ..TEXT };
        let mut console = Console::new(&mut out, options);
        console.gap(&client(), "C", 0..10).unwrap();
        console.piece(&client(), "C", &bytes).unwrap();
        console.finish().unwrap();
        assert_eq!(out, bytes);
    }

    /// Takes few bytes with a call, wherever they end, as a pipe does that is nearly full.
    struct Slow(Vec<u8>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.write_vectored(&[IoSlice::new(bytes)])
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let all = slices.iter().flat_map(|slice| slice.iter()).copied();
            let before = self.0.len();
            self.0.extend(all.take(1000));
            Ok(self.0.len() - before)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn bytes_that_are_written_from_where_they_lie_stand_between_the_same_words() {
        let options = ConsoleOptions { form: Form::Binary, colour: true, ..TEXT };
        let blocks = [b'a', b'b'].map(|byte| Bytes::from(vec![byte; 4 * BLOCK]));
        let elsewhere = vec![b'c'; 2 * SHORT];
        let print = |set_source_block: bool| {
            let mut out = Slow(Vec::new());
            let mut console = Console::new(&mut out, options);
            for (block, other) in blocks.iter().zip(blocks.iter().rev()) {
                if set_source_block {
                    console.set_source_block(block).unwrap();
                }
                for length in [1, SHORT, SHORT + 1, 2 * BLOCK] {
                    console.piece(&client(), "C", &block[length..][..length]).unwrap();
                    console.piece(&server(), "S", &elsewhere).unwrap();
                    console.piece(&server(), "S", &other[..length]).unwrap();
                }
                for start in 0..2 * LENT {
                    console.piece(&client(), "C", &block[start..][..2 * SHORT]).unwrap();
                }
            }
            console.finish().unwrap();
            out.0
        };
        assert!(print(true) == print(false));
    }

    /// Whether somebody has the turn.
    #[derive(Clone, Debug, Default)]
    struct Turn(std::sync::Arc<std::sync::atomic::AtomicBool>);

    impl Turn {
        fn is_taken(&self) -> bool {
            self.0.load(std::sync::atomic::Ordering::SeqCst)
        }
    }

    impl ConsoleLock for Turn {
        fn acquire(&self) -> io::Result<()> {
            assert!(!self.0.swap(true, std::sync::atomic::Ordering::SeqCst));
            Ok(())
        }

        fn release(&self) {
            assert!(self.0.swap(false, std::sync::atomic::Ordering::SeqCst));
        }
    }

    #[test]
    fn the_turn_is_others_between_two_pieces_wherever_they_lie() {
        let turn = Turn::default();
        let mut out = Slow(Vec::new());
        let options = ConsoleOptions { headers: false, form: Form::Binary, newline: false, ..TEXT };
        let mut console = Console::new(&mut out, options).with_lock(Some(Box::new(turn.clone())));
        for byte in [b'a', b'b', b'c'] {
            let block = Bytes::from(vec![byte; 2 * BLOCK]);
            console.set_source_block(&block).unwrap();
            assert!(!turn.is_taken());
            for length in [10, BLOCK, 2 * SHORT] {
                console.piece(&client(), "C", &block[..length]).unwrap();
                assert!(!turn.is_taken());
            }
        }
        console.finish().unwrap();
        assert!(!turn.is_taken());
        assert_eq!(out.0.len(), 3 * (10 + BLOCK + 2 * SHORT));
        assert!(out.0.is_sorted());
    }

    #[test]
    fn a_gap_is_shown_where_it_is() {
        let gaps = |form| {
            print(ConsoleOptions { form, ..TEXT }, |console| {
                console.gap(&client(), "C", 5..15).unwrap();
                console.gap(&server(), "S", 0..1).unwrap();
            })
        };
        assert_eq!(gaps(Form::Printable), "C: [10 bytes missing]\nS: [1 byte missing]\n");
        assert_eq!(gaps(Form::Hex), "C: \n[10 bytes missing]\n\nS: \n[1 byte missing]\n\n");
        assert_eq!(
            gaps(Form::Json),
            concat!(
                r#"{"src_host":"10.0.0.1","src_port":40000,"dst_host":"10.0.0.2","dst_port":80,"#,
                r#""payload": [],"missing":10}"#,
                "\n",
                r#"{"src_host":"10.0.0.2","src_port":80,"dst_host":"10.0.0.1","dst_port":40000,"#,
                r#""payload": [],"missing":1}"#,
                "\n"
            )
        );
    }

    #[test]
    fn no_bytes_and_no_gap_print_nothing() {
        let printed = print(TEXT, |console| {
            console.piece(&client(), "C", b"").unwrap();
            console.gap(&client(), "C", 7..7).unwrap();
        });
        assert_eq!(printed, "");
    }

    #[test]
    fn flush_shows_what_was_printed_so_far() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut console = Console::new(writer, TEXT);
        console.piece(&client(), "C", b"now").unwrap();
        console.flush().unwrap();
        let mut seen = [0; 7];
        io::Read::read_exact(&mut reader, &mut seen).unwrap();
        assert_eq!(&seen, b"C: now\n");
    }

    #[test]
    fn a_reader_that_has_gone_is_a_broken_pipe() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut console = Console::new(writer, TEXT);
        console.piece(&client(), "C", b"held back").unwrap();
        assert_eq!(console.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let error = console.piece(&client(), "C", &vec![b'x'; 2 * BLOCK]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
