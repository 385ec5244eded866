//! Writes large captures for benchmarks: always the same bytes for the same arguments.
//!
//! ```text
//! tapflow-bench-captures WHAT OUTPUT [--scale F] [--seed N] [--mib N]
//! ```
//!
//! `OUTPUT` is a pcap file of Ethernet frames with microseconds, `-` is standard output. Every
//! connection has its handshake, acknowledgements and FINs, every header a valid checksum (RFC 791,
//! RFC 9293). `--scale` multiplies the number of connections (for `bulk` and `loss`: the bytes).
//!
//! [`USAGE`] says what each is. Nothing but the standard library, and zlib for `post`: what is measured shares no
//! other code with what makes its input.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use flate2::Compression;
use flate2::write::GzEncoder;

const USAGE: &str = "\
usage: tapflow-bench-captures WHAT OUTPUT [--scale F] [--seed N] [--mib N]
  bulk   8 connections of --mib MiB each (default 64), interleaved
  loss   the same with 2 % of segments out of order and 1 % sent again with other boundaries
  web    25,000 HTTP connections, responses of 1.5 to 40 KB
  post   25,000 HTTP connections, pages of 4 to 40 KB, with gzip and in chunks
  small  100,000 connections of 100 bytes and 200 bytes
  open   300,000 connections, all open at once
  scan   1,000,000 SYNs to distinct ports, a third of them refused
";

const MSS: usize = 1448;
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;
/// 2024-01-01 00:00:00 UTC, in microseconds.
const START: u64 = 1_704_067_200_000_000;

/// xorshift64* (Vigna, 2016): fast, and the same everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }
}

/// Bytes that payloads are cut from: printable, the same again after `PERIOD` bytes.
struct Content {
    bytes: Vec<u8>,
}

impl Content {
    const PERIOD: usize = 1 << 20;
    /// What one call of `at` may span.
    const SPAN: usize = 1 << 16;

    fn new(random: &mut Random) -> Self {
        const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \n";
        let mut bytes = Vec::with_capacity(Self::PERIOD + Self::SPAN);
        while bytes.len() < Self::PERIOD {
            let mut word = random.next();
            for _ in 0..10 {
                bytes.push(LETTERS[(word & 63) as usize]);
                word >>= 6;
            }
        }
        bytes.truncate(Self::PERIOD);
        bytes.extend_from_within(..Self::SPAN);
        Content { bytes }
    }

    /// The `length` bytes (up to `SPAN`) at `offset` of an endless stream that begins at `start`.
    fn at(&self, start: u64, offset: u64, length: usize) -> &[u8] {
        let from = ((start + offset) % Self::PERIOD as u64) as usize;
        &self.bytes[from..from + length]
    }
}

/// The sum of 16-bit words that RFC 1071 complements, not yet folded.
fn sum(bytes: &[u8]) -> u64 {
    let mut chunks = bytes.chunks_exact(4);
    let mut total: u64 =
        chunks.by_ref().map(|c| u64::from(u32::from_be_bytes([c[0], c[1], c[2], c[3]]))).sum();
    let mut last = [0u8; 4];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    total += u64::from(u32::from_be_bytes(last));
    total
}

fn fold(mut total: u64) -> [u8; 2] {
    while total >> 16 != 0 {
        total = (total & 0xffff) + (total >> 16);
    }
    (!(total as u16)).to_be_bytes()
}

/// One side of a connection.
#[derive(Clone, Copy)]
struct End {
    address: [u8; 4],
    port: u16,
    /// Number of the next byte to send.
    next: u32,
}

/// A connection: side 0 is the client.
#[derive(Clone, Copy)]
struct Connection {
    ends: [End; 2],
}

impl Connection {
    /// The `index`th connection: addresses and ports differ for each of the first 2^32.
    fn new(index: u64, random: &mut Random) -> Self {
        let host = (index / 50_000) as u32;
        let client = [10, (host >> 16) as u8, (host >> 8) as u8, host as u8];
        let end = |address, port, random: &mut Random| End { address, port, next: random.next() as u32 };
        Connection {
            ends: [
                end(client, 10_000 + (index % 50_000) as u16, random),
                end([192, 0, 2, 1 + (index % 250) as u8], 80, random),
            ],
        }
    }
}

/// Writes a pcap file; its clock moves by a few microseconds with each packet.
struct Writer<W: Write> {
    out: W,
    time: u64,
    ident: u16,
    packets: u64,
}

impl<W: Write> Writer<W> {
    fn new(mut out: W) -> io::Result<Self> {
        let mut header = Vec::with_capacity(24);
        header.extend_from_slice(&0xa1b2_c3d4u32.to_le_bytes());
        header.extend_from_slice(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        header.extend_from_slice(&262_144u32.to_le_bytes());
        header.extend_from_slice(&1u32.to_le_bytes());
        out.write_all(&header)?;
        Ok(Writer { out, time: START, ident: 0, packets: 0 })
    }

    /// Writes a segment from `side` with an explicit sequence number; changes no state of `connection`.
    fn segment(
        &mut self,
        connection: &Connection,
        side: usize,
        seq: u32,
        flags: u8,
        payload: &[u8],
    ) -> io::Result<()> {
        let (from, to) = (&connection.ends[side], &connection.ends[1 - side]);
        let ack = if flags & ACK != 0 { to.next } else { 0 };
        let options: &[u8] = if flags & SYN != 0 { &[2, 4, 0x05, 0xa8] } else { &[] };
        let tcp_length = 20 + options.len() + payload.len();
        let ip_length = 20 + tcp_length;
        let frame_length = (14 + ip_length) as u32;
        let mut head = [0u8; 16 + 14 + 20 + 24];
        head[0..4].copy_from_slice(&((self.time / 1_000_000) as u32).to_le_bytes());
        head[4..8].copy_from_slice(&((self.time % 1_000_000) as u32).to_le_bytes());
        head[8..12].copy_from_slice(&frame_length.to_le_bytes());
        head[12..16].copy_from_slice(&frame_length.to_le_bytes());

        let macs: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
        head[16..22].copy_from_slice(&macs[1 - side]);
        head[22..28].copy_from_slice(&macs[side]);
        head[28..30].copy_from_slice(&[0x08, 0x00]);

        head[30] = 0x45;
        head[32..34].copy_from_slice(&(ip_length as u16).to_be_bytes());
        head[34..36].copy_from_slice(&self.ident.to_be_bytes());
        head[36] = 0x40;
        head[38] = 64;
        head[39] = 6;
        head[42..46].copy_from_slice(&from.address);
        head[46..50].copy_from_slice(&to.address);
        let check = fold(sum(&head[30..50]));
        head[40..42].copy_from_slice(&check);

        head[50..52].copy_from_slice(&from.port.to_be_bytes());
        head[52..54].copy_from_slice(&to.port.to_be_bytes());
        head[54..58].copy_from_slice(&seq.to_be_bytes());
        head[58..62].copy_from_slice(&ack.to_be_bytes());
        head[62] = ((20 + options.len()) << 2) as u8;
        head[63] = flags;
        head[64..66].copy_from_slice(&64_240u16.to_be_bytes());
        head[70..70 + options.len()].copy_from_slice(options);
        let end = 70 + options.len();
        let pseudo = sum(&head[42..50]) + 6 + tcp_length as u64;
        let check = fold(pseudo + sum(&head[50..end]) + sum(payload));
        head[66..68].copy_from_slice(&check);

        self.out.write_all(&head[..end])?;
        self.out.write_all(payload)?;
        self.ident = self.ident.wrapping_add(1);
        self.packets += 1;
        self.time += 2 + u64::from(self.ident & 7);
        Ok(())
    }

    /// Writes the next segment of `side` and moves its number on.
    fn send(
        &mut self,
        connection: &mut Connection,
        side: usize,
        flags: u8,
        payload: &[u8],
    ) -> io::Result<()> {
        self.segment(connection, side, connection.ends[side].next, flags, payload)?;
        let moved = payload.len() as u32 + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        connection.ends[side].next = connection.ends[side].next.wrapping_add(moved);
        Ok(())
    }

    fn open(&mut self, connection: &mut Connection) -> io::Result<()> {
        self.send(connection, 0, SYN, &[])?;
        self.send(connection, 1, SYN | ACK, &[])?;
        self.send(connection, 0, ACK, &[])
    }

    fn close(&mut self, connection: &mut Connection) -> io::Result<()> {
        self.send(connection, 1, FIN | ACK, &[])?;
        self.send(connection, 0, FIN | ACK, &[])?;
        self.send(connection, 1, ACK, &[])
    }
}

struct Options {
    what: String,
    output: String,
    scale: f64,
    seed: u64,
    mib: u64,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options =
            Options { what: String::new(), output: String::new(), scale: 1.0, seed: 1, mib: 64 };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--scale" => options.scale = parse_number(argument, value()?)?,
                "--seed" => options.seed = parse_number(argument, value()?)?,
                "--mib" => options.mib = parse_number(argument, value()?)?,
                _ if argument.starts_with("--") => {
                    return Err(format!("unknown option {argument}"));
                }
                _ if options.what.is_empty() => options.what.clone_from(argument),
                _ if options.output.is_empty() => options.output.clone_from(argument),
                _ => return Err(format!("too many arguments: {argument}")),
            }
        }
        const KINDS: [&str; 7] = ["bulk", "loss", "web", "post", "small", "open", "scan"];
        if !options.what.is_empty() && !KINDS.contains(&options.what.as_str()) {
            return Err(format!("nothing is called {}", options.what));
        }
        if options.output.is_empty() {
            return Err("WHAT and OUTPUT are needed".into());
        }
        if !(options.scale > 0.0 && options.scale <= 1000.0) {
            return Err("--scale must be above 0 and at most 1000".into());
        }
        Ok(options)
    }

    fn count(&self, full: u64) -> u64 {
        ((full as f64 * self.scale) as u64).max(1)
    }
}

fn parse_number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name}: {value} is not a number it takes"))
}

/// `bulk`, and `loss` when `trouble` is set: eight servers send, clients acknowledge every second segment.
fn bulk<W: Write>(
    options: &Options,
    writer: &mut Writer<W>,
    content: &Content,
    random: &mut Random,
    trouble: bool,
) -> io::Result<()> {
    let total = options.count(options.mib << 20);
    let mut connections: Vec<Connection> = (0..8).map(|index| Connection::new(index, random)).collect();
    for connection in &mut connections {
        writer.open(connection)?;
        writer.send(connection, 0, PSH | ACK, b"GET /bulk HTTP/1.0\r\n\r\n")?;
    }
    let first: Vec<u32> = connections.iter().map(|connection| connection.ends[1].next).collect();
    // A segment that was overtaken: offset and length; it is sent after two to four others.
    let mut held: Vec<Option<(u64, usize, u64)>> = vec![None; connections.len()];
    let mut sent = 0u64;
    let mut turn = 0u64;
    while sent < total {
        let length = MSS.min((total - sent) as usize);
        turn += 1;
        for (index, connection) in connections.iter_mut().enumerate() {
            let start = index as u64 * 100_003;
            let seq = |offset: u64| first[index].wrapping_add(offset as u32);
            if let Some((offset, length, due)) = held[index]
                && due <= turn
            {
                let late = content.at(start, offset, length);
                writer.segment(connection, 1, seq(offset), ACK, late)?;
                held[index] = None;
            }
            let dice = if trouble { random.below(1000) } else { 1000 };
            if dice < 20 && held[index].is_none() {
                held[index] = Some((sent, length, turn + 2 + dice % 3));
            } else {
                writer.segment(connection, 1, seq(sent), ACK, content.at(start, sent, length))?;
            }
            if (20..30).contains(&dice) {
                // Begins before this segment, ends inside it or at its end: other boundaries.
                let back = random.below(3000).min(sent);
                let again = (back as usize + length / 2).clamp(1, MSS);
                writer.segment(
                    connection,
                    1,
                    seq(sent - back),
                    ACK,
                    content.at(start, sent - back, again),
                )?;
            }
            connection.ends[1].next = seq(sent + length as u64);
            if turn.is_multiple_of(2) {
                let acknowledged = connection.ends[1].next;
                if let Some((offset, ..)) = held[index] {
                    connection.ends[1].next = seq(offset);
                }
                writer.send(connection, 0, ACK, &[])?;
                connection.ends[1].next = acknowledged;
            }
        }
        sent += length as u64;
    }
    for (index, connection) in connections.iter_mut().enumerate() {
        if let Some((offset, length, _)) = held[index] {
            let start = index as u64 * 100_003;
            let seq = first[index].wrapping_add(offset as u32);
            writer.segment(connection, 1, seq, ACK, content.at(start, offset, length))?;
        }
        writer.close(connection)?;
    }
    Ok(())
}

/// What is left to do for one of the connections that `interleave` has open.
struct Job {
    connection: Connection,
    step: u8,
    request: Vec<u8>,
    response: Vec<u8>,
    sent: usize,
}

/// Runs `count` connections, up to 64 at once, in random turns; `job` makes request and response.
fn interleave<W: Write>(
    writer: &mut Writer<W>,
    random: &mut Random,
    count: u64,
    mut job: impl FnMut(u64, &mut Random) -> (Vec<u8>, Vec<u8>),
) -> io::Result<()> {
    let mut open: Vec<Job> = Vec::with_capacity(64);
    let mut begun = 0;
    while begun < count || !open.is_empty() {
        if begun < count && open.len() < 64 {
            let connection = Connection::new(begun, random);
            let (request, response) = job(begun, random);
            open.push(Job { connection, step: 0, request, response, sent: 0 });
            begun += 1;
            continue;
        }
        let index = random.below(open.len() as u64) as usize;
        let Some(now) = open.get_mut(index) else {
            continue;
        };
        match now.step {
            0 => writer.open(&mut now.connection)?,
            1 => {
                writer.send(&mut now.connection, 0, PSH | ACK, &now.request)?;
                writer.send(&mut now.connection, 1, ACK, &[])?;
            }
            2 => {
                // Up to four segments in a row, then an acknowledgement.
                for _ in 0..4 {
                    let end = (now.sent + MSS).min(now.response.len());
                    let flags = if end == now.response.len() { PSH | ACK } else { ACK };
                    writer.send(&mut now.connection, 1, flags, &now.response[now.sent..end])?;
                    now.sent = end;
                    if end == now.response.len() {
                        break;
                    }
                }
                writer.send(&mut now.connection, 0, ACK, &[])?;
                if now.sent < now.response.len() {
                    continue;
                }
            }
            _ => {
                writer.close(&mut now.connection)?;
                open.swap_remove(index);
                continue;
            }
        }
        now.step += 1;
    }
    Ok(())
}

fn web<W: Write>(
    options: &Options,
    writer: &mut Writer<W>,
    content: &Content,
    random: &mut Random,
) -> io::Result<()> {
    interleave(writer, random, options.count(25_000), |index, random| {
        let request = format!(
            "GET /page/{index} HTTP/1.1\r\nHost: www.example\r\nUser-Agent: generate\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        let size = 1500 + random.below(38_501) as usize;
        let kind = ["text/html", "text/plain", "application/json", "image/png"][random.below(4) as usize];
        let mut response = format!(
            "HTTP/1.1 200 OK\r\nServer: generate\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
        )
        .into_bytes();
        response.extend_from_slice(content.at(index * 7919, 0, size));
        (request.into_bytes(), response)
    })
}

/// For post-processing: half of the pages with gzip in chunks, a quarter in chunks, a quarter with gzip.
fn post<W: Write>(options: &Options, writer: &mut Writer<W>, random: &mut Random) -> io::Result<()> {
    interleave(writer, random, options.count(25_000), |index, random| {
        let request = format!(
            "GET /page/{index} HTTP/1.1\r\nHost: www.example\r\nUser-Agent: generate\r\nAccept-Encoding: gzip\r\n\r\n"
        );
        let (gzip, chunked) =
            [(true, true), (true, true), (false, true), (true, false)][random.below(4) as usize];
        let mut body = page(random);
        if gzip {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            // Writing to memory cannot fail.
            let _ = encoder.write_all(&body);
            body = encoder.finish().unwrap_or_default();
        }
        let coding = if gzip { "Content-Encoding: gzip\r\n" } else { "" };
        let mut response =
            format!("HTTP/1.1 200 OK\r\nServer: generate\r\nContent-Type: text/html\r\n{coding}")
                .into_bytes();
        if chunked {
            response.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in body.chunks(8192) {
                response.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                response.extend_from_slice(chunk);
                response.extend_from_slice(b"\r\n");
            }
            response.extend_from_slice(b"0\r\n\r\n");
        } else {
            response.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            response.extend_from_slice(&body);
        }
        (request.into_bytes(), response)
    })
}

/// Text that compresses to about a quarter, as pages do.
fn page(random: &mut Random) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "<p class=\"line\">",
        "</p>\n",
        "<a href=\"/page/",
        "\">",
        "</a> ",
        "connection",
        "segment",
        "stream",
        "capture",
        "sequence",
        "number",
        "window",
        "retransmission",
        "between",
        "the",
        "of",
    ];
    let size = 4096 + random.below(36_865) as usize;
    let mut page = Vec::with_capacity(size + 64);
    while page.len() < size {
        page.extend_from_slice(WORDS[random.below(16) as usize].as_bytes());
        page.extend_from_slice(format!(" {} ", random.below(100)).as_bytes());
    }
    page.truncate(size);
    page
}

fn small<W: Write>(
    options: &Options,
    writer: &mut Writer<W>,
    content: &Content,
    random: &mut Random,
) -> io::Result<()> {
    interleave(writer, random, options.count(100_000), |index, _| {
        (content.at(index * 31, 0, 100).to_vec(), content.at(index * 37, 7, 200).to_vec())
    })
}

/// All connections are opened, then each says a line, and none is closed.
fn open<W: Write>(
    options: &Options,
    writer: &mut Writer<W>,
    content: &Content,
    random: &mut Random,
) -> io::Result<()> {
    let mut connections: Vec<Connection> =
        (0..options.count(300_000)).map(|index| Connection::new(index, random)).collect();
    for connection in &mut connections {
        writer.open(connection)?;
    }
    for (index, connection) in connections.iter_mut().enumerate() {
        writer.send(connection, 0, PSH | ACK, content.at(index as u64, 0, 40))?;
        writer.send(connection, 1, PSH | ACK, content.at(index as u64, 40, 60))?;
    }
    Ok(())
}

/// One host asks each port of several others; every third answers RST, the rest do not answer.
fn scan<W: Write>(options: &Options, writer: &mut Writer<W>, random: &mut Random) -> io::Result<()> {
    for index in 0..options.count(1_000_000) {
        let mut connection = Connection::new(index, random);
        let host = (index / 65_535) as u16;
        connection.ends[0].address = [10, 0, 0, 1];
        connection.ends[0].port = 40_000 + (index % 20_000) as u16;
        connection.ends[1].address = [198, 18, (host >> 8) as u8, host as u8];
        connection.ends[1].port = 1 + (index % 65_535) as u16;
        connection.ends[1].next = 0;
        writer.send(&mut connection, 0, SYN, &[])?;
        if index.is_multiple_of(3) {
            writer.send(&mut connection, 1, RST | ACK, &[])?;
        }
    }
    Ok(())
}

/// Writes the capture `options` ask for; gives the number of packets.
fn generate<W: Write>(options: &Options, out: W) -> io::Result<u64> {
    let mut random = Random::new(options.seed);
    let content = Content::new(&mut random);
    let mut writer = Writer::new(out)?;
    match options.what.as_str() {
        "bulk" => bulk(options, &mut writer, &content, &mut random, false)?,
        "loss" => bulk(options, &mut writer, &content, &mut random, true)?,
        "web" => web(options, &mut writer, &content, &mut random)?,
        "post" => post(options, &mut writer, &mut random)?,
        "small" => small(options, &mut writer, &content, &mut random)?,
        "open" => open(options, &mut writer, &content, &mut random)?,
        _ => scan(options, &mut writer, &mut random)?,
    }
    writer.out.flush()?;
    Ok(writer.packets)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "-h" || argument == "--help") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(&arguments) {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("tapflow-bench-captures: {reason}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let done = if options.output == "-" {
        generate(&options, BufWriter::with_capacity(1 << 20, io::stdout().lock()))
    } else {
        File::create(&options.output)
            .and_then(|file| generate(&options, BufWriter::with_capacity(1 << 20, file)))
    };
    match done {
        Ok(packets) => {
            eprintln!("{}: {packets} packets", options.output);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tapflow-bench-captures: {}: {error}", options.output);
            ExitCode::FAILURE
        }
    }
}
